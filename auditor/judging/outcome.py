"""What a judge said, beside the result of a scan: in the signals of its matches and in its summary."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from auditor.judging.prompt import DIFFERENT, SAME, UNSURE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from auditor.judging.judge import Judge
    from auditor.results import ScanResult
    from auditor.types import Match

SIGNALS = ("judge_answer", "judge_probability", "judge_unsure_because", "judge_model", "judge_prompt_sha256")
"""The signals that a judge adds to a match, as far as they are given."""


@dataclass(frozen=True, slots=True)
class PairAnswer:
    """What came of asking about one pair."""

    answer: str
    """"same", "different" or "unsure"."""
    probability: float | None = None
    """That they are the same problem, in [0, 1], where the judge gave one."""
    unsure_because: str = ""
    """Why we do not take the judge's word: "invalid_reply" or "control_failed"; else empty."""


@dataclass(frozen=True, slots=True)
class JudgeOutcome:
    """The answers to a run's pairs, and what became of the others. A pair is a record and an item."""

    answers: tuple[PairAnswer | None, ...]
    """For each match that was given; None where it was not asked about, or not answered."""
    endpoint: str
    model: str
    prompt_sha256: str
    pairs: int = 0
    """Pairs to review. Those with an equal text on both sides count each, and are asked about once."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Pairs by answer."""
    unsure_because: Mapping[str, int] = field(default_factory=dict)
    asked: int = 0
    """Pairs answered with requests of this run."""
    cached: int = 0
    """Pairs answered without one."""
    failed: Mapping[str, int] = field(default_factory=dict)
    """Pairs without an answer in all attempts, by reason."""
    unasked_budget: int = 0
    """Pairs for which the budget had no requests left."""
    unasked_stopped: int = 0
    """Pairs left when asking was given up, or interrupted."""
    requests: int = 0
    """Sent in this run, retries and controls included."""
    budget: int | None = None
    not_kept: int = 0
    """Answers that the cache could not hold."""
    stopped: str = ""
    """Why asking was given up; empty where it was not."""
    interrupted: bool = False

    def summary(self) -> dict[str, Any]:
        """`summary["judge"]`: counts and hashes; no key and no text."""
        return {
            "endpoint": self.endpoint,
            "model": self.model,
            "prompt_sha256": self.prompt_sha256,
            "pairs": self.pairs,
            "answers": {answer: self.counts.get(answer, 0) for answer in (SAME, DIFFERENT, UNSURE)},
            "unsure_because": dict(sorted(self.unsure_because.items())),
            "failed": dict(sorted(self.failed.items())),
            "unasked_budget": self.unasked_budget,
            "unasked_stopped": self.unasked_stopped,
            "asked": self.asked,
            "cached": self.cached,
            "requests": self.requests,
            "budget": self.budget,
            "answers_not_kept": self.not_kept,
            "stopped": self.stopped,
            "interrupted": self.interrupted,
        }


def with_judge(
    result: ScanResult,
    judge: Judge,
    texts: Callable[[Match], tuple[str, str]] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ScanResult:
    """The same result with a judge's answers beside it. No verdict, score or count of items changes.

    Args:
        result: of a scan.
        judge: whom to ask.
        texts: longer texts of a match's pair than its excerpts: (training text, item's text).
        progress: called with the pairs done and all pairs.

    Returns:
        The result with `judge_*` signals in the matches that were answered for (see `SIGNALS`) and `summary["judge"]`.
        After KeyboardInterrupt it has the answers until then, and says so.
    """
    outcome = judge.ask(result.matches, texts, progress)
    matches = tuple(_marked(m, a, outcome) for m, a in zip(result.matches, outcome.answers, strict=True))
    return replace(result, matches=matches, summary={**result.summary, "judge": outcome.summary()})


def _marked(match: Match, answer: PairAnswer | None, outcome: JudgeOutcome) -> Match:
    signals = {name: value for name, value in match.signals.items() if name not in SIGNALS}
    if answer is not None:
        signals["judge_answer"] = answer.answer
        if answer.probability is not None:
            signals["judge_probability"] = answer.probability
        if answer.unsure_because:
            signals["judge_unsure_because"] = answer.unsure_because
        signals |= {"judge_model": outcome.model, "judge_prompt_sha256": outcome.prompt_sha256}
    return match if signals == match.signals else replace(match, signals=signals)


def tally(answers: list[PairAnswer]) -> tuple[Counter[str], Counter[str]]:
    """Pairs by answer, and the unsure ones that we made so, by why."""
    because = Counter(answer.unsure_because for answer in answers if answer.unsure_because)
    return Counter(answer.answer for answer in answers), because
