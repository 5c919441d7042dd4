"""From what was measured of a record and an item to a verdict: pure functions, so that results can be judged again.

`Signals` is all that a verdict rests on. It travels in every match, so that other thresholds can be tried on a
finished scan without reading the training set again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.types import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.config import ScanConfig

FULL, PARTIAL, VARIANT, BOILERPLATE, PASSAGE = "full", "partial", "variant", "boilerplate", "passage"
"""What kind of match it is, whatever its verdict."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What the verifier measured. Weights are in nats, shares in [0, 1]."""

    containment: float
    """Weighted share of the question that stands in the region."""
    weight: float
    """Weight of what stands there."""
    ask: float
    """Weighted share of the question's last sentence that stands in the region."""
    item_tokens: int
    """Tokens of the question."""
    covered_tokens: int
    """Those that stand in the region."""
    region_tokens: int
    """Tokens of the region."""
    longest_run: int
    """Longest run of tokens that stands in both as it is."""
    rare_grams: int
    """n-grams of what is covered that hardly any other text of the corpus has."""
    anchored: bool
    """Whether it begins where the question begins, at a place where something new begins in the record."""
    numbers_changed: int
    """Numbers of the item in whose place another number stands."""
    answer: str
    """"none", "short" (an answer of one or two words, which chance can put there) or "full"."""
    answer_weight: float
    """Weight of the answer that was found."""
    answer_share: float
    """Share of the answer's tokens that stand beside the question; of several forms of the answer, the best."""
    choices_found: int
    """Options that stand around the question."""
    choices: int
    """Options that the item has."""
    passage: float
    """Share of the passage's tokens that stand in one place of the record; 0 where the item has none."""

    def to_json(self) -> dict[str, Any]:
        """The signals as JSON values, weights and shares to four decimals."""
        values = ((name, getattr(self, name)) for name in self.__slots__)
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in values}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Signals:
        """The inverse of `to_json`; other keys are ignored. Raises KeyError where one is missing."""
        return cls(**{name: row[name] for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict (None: not worth showing), the kind of match, and why."""

    verdict: Verdict | None
    kind: str
    reason: str


def decide(s: Signals, config: ScanConfig) -> Decision:
    """The verdict on one record and item.

    The question has to be there in one place, with what it asks, and carry enough information to be told from any other
    text; where it is short or boilerplate the answer or the options have to stand beside it.
    """
    share = f"{s.containment:.0%} of the question (by weight) stands in the record"
    beside = _beside(s)
    supported = s.answer == "full" or s.choices_found >= 2
    if s.numbers_changed and s.containment >= config.supported_containment:
        if s.weight >= config.review_weight:
            word = "number" if s.numbers_changed == 1 else "numbers"
            return Decision(Verdict.REVIEW, VARIANT, f"{share}, with {s.numbers_changed} {word} changed")
        return Decision(None, VARIANT, "")
    if s.ask < config.ask_containment and s.containment >= config.supported_containment:
        if s.weight >= config.review_weight:
            return Decision(Verdict.REVIEW, PASSAGE, f"{share}, but not what it asks{beside}")
        return Decision(None, PASSAGE, "")
    total = s.weight + s.answer_weight
    if s.containment >= config.contaminated_containment:
        if s.weight >= config.contaminated_weight:
            return Decision(Verdict.CONTAMINATED, FULL, share + beside)
        word_for_word = s.covered_tokens >= config.short_coverage * s.item_tokens
        # two names of four options may stand in any text on the subject
        certain = s.answer != "none" or s.choices_found >= max(3, s.choices - 1)
        if word_for_word and certain and total >= config.supported_weight:
            return Decision(Verdict.CONTAMINATED, FULL, share + beside + "; it is short, and they stand together")
        if s.weight >= config.review_weight:
            return Decision(
                Verdict.REVIEW,
                BOILERPLATE,
                f"{share}, but it is short or common{beside or ', and its answer is not there'}",
            )
        return Decision(None, BOILERPLATE, "")
    enough = s.weight >= config.review_weight and total >= config.contaminated_weight
    if s.containment >= config.supported_containment and supported and enough:
        return Decision(Verdict.CONTAMINATED, FULL, share + beside)
    if _is_cut_copy(s, config) or _is_reworded_copy(s, config) or _is_large_part(s, config):
        return Decision(Verdict.REVIEW, PARTIAL, share + beside)
    return Decision(None, PARTIAL, "")


def _is_cut_copy(s: Signals, config: ScanConfig) -> bool:
    """Whether a part stands there in one piece, from where the question begins."""
    return (
        s.anchored
        and s.rare_grams >= config.rare_grams
        and s.longest_run >= max(config.review_run, config.review_containment * s.item_tokens)
        and s.containment >= config.cut_containment
        and s.weight >= config.cut_weight
    )


def _is_reworded_copy(s: Signals, config: ScanConfig) -> bool:
    """Whether most of the question stands there in its own order and length, with words replaced all over it."""
    return (
        s.containment >= config.reworded_containment
        and s.weight >= config.reworded_weight
        and s.covered_tokens >= config.reworded_density * max(s.region_tokens, s.item_tokens)
    )


def _is_large_part(s: Signals, config: ScanConfig) -> bool:
    """Whether so much of the question stands there that phrases of its field do not explain it; where numbers differ
    too, it is another problem of the same kind."""
    return (
        not s.numbers_changed
        and s.containment >= config.scattered_containment
        and s.weight >= config.scattered_weight
        and s.rare_grams >= config.rare_grams
    )


def _beside(s: Signals) -> str:
    parts = []
    if s.answer != "none":
        parts.append("its answer")
    if s.choices_found:
        parts.append(f"{s.choices_found} of its {s.choices} options")
    return f", with {' and '.join(parts)} beside it" if parts else ""
