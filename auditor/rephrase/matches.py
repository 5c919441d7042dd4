"""Rephrases as matches: what is written of each, and the verdicts, which only the whole run can give."""

from __future__ import annotations

import math
import re
from array import array
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from auditor.detectors import REPHRASE
from auditor.rephrase.calibration import CENTRES, FOREIGN_CLEAN_RATE, Calibration, RephraseTally, calibrate, threshold
from auditor.rephrase.scoring import log_odds, variant_log_odds
from auditor.rephrase.signals import RephraseSignals
from auditor.types import Match, Verdict
from auditor.verdict import VARIANT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from auditor.config import ScanConfig
    from auditor.index import BenchmarkIndex
    from auditor.rephrase.detector import Rephrase
    from auditor.sources import TextField

REPHRASED: Final = "rephrase"
"""Kind of a match: the same in other words."""
ALIKE: Final = 0.7
"""Share of what the shapes of two programs' examples say from which on they are said to be alike: three in four of
HumanEval's rephrases in three languages, one in nine of the items next to theirs and of clean programs near one."""
SURE: Final = 2 / 3
"""Nothing less likely than this is called contaminated, whatever the rate that is asked for: among many certain ones, a
rate of 0.01 leaves room for some that are hardly likelier than not."""


def matches_of(
    found: Rephrase, fields: Sequence[TextField], source: str, row: int, index: BenchmarkIndex, config: ScanConfig
) -> Iterator[Match]:
    """The matches of a rephrase, one for each of its items, before any verdict."""
    field = fields[found.field]
    rest = "\n".join(f.text for f in fields)
    signals = found.signals
    kind = VARIANT if signals.changed else REPHRASED
    odds = variant_log_odds(signals) if signals.changed else log_odds(signals)
    for number in found.items:
        item = index.item(number)
        begin = item.question.find(found.item_text[:80])
        span = (begin, min(len(item.question), begin + len(found.item_text))) if begin >= 0 else (0, len(item.question))
        yield Match(
            source=source, row=row, field=field.name, benchmark=index.benchmark_of(number).name,
            split=item.split, item_id=item.item_id, detector=REPHRASE, score=_rank(odds), verdict=Verdict.REVIEW,
            answer_present=any(_stands_in(answer, rest) for answer in item.answers), train_span=found.span,
            item_span=span, train_excerpt=found.text[: config.excerpt_chars],
            item_excerpt=item.question[span[0] : span[1]][: config.excerpt_chars], reason="", role=field.role,
            signals={
                "kind": kind, "log_odds": round(odds, 4), "rival_odds": round(found.rival_odds, 4), **signals.to_json(),
            },
        )  # fmt: skip


def _rank(odds: float) -> float:
    """A score for the time being, to tell which of several parts of a record is the best."""
    return round(min(max((odds + 30) / 60, 0.0), 1.0), 6)


def _stands_in(answer: str, text: str) -> bool:
    """Whether an answer stands in a text as words of their own."""
    said = " ".join(answer.split())
    if not said or len(said) > 200:
        return False
    return re.search(rf"(?<!\w){re.escape(said)}(?!\w)", text, re.IGNORECASE) is not None


def settle(
    matches: Callable[[], Iterable[Match]], tally: RephraseTally, config: ScanConfig
) -> tuple[Iterator[Match], dict[str, Any]]:
    """Give the rephrases among `matches` their probabilities and verdicts; the others stay as they are.

    They are gone through twice, as there may be more than there is memory for: `matches` gives them from the beginning.

    Returns:
        (matches in their order, without those that are not worth showing; what `summary.json` says of the detector).
    """
    calibrations = {(name, False): calibrate(tally.texts, seen) for name, seen in sorted(tally.nearest.items())} | {
        (name, True): calibrate(tally.foreign_texts, seen, FOREIGN_CLEAN_RATE)
        for name, seen in sorted(tally.foreign.items())
    }
    judgement = Judgement.of((_rated(m, calibrations) for m in matches() if m.detector == REPHRASE), config)

    def settled() -> Iterator[Match]:
        for match in matches():
            judged = judgement.verdict(_rated(match, calibrations)) if match.detector == REPHRASE else match
            if judged is not None:
                yield judged

    return settled(), {
        **judgement.facts(),
        "texts": tally.texts,
        "views": tally.views,
        "encoded": tally.encoded,
        "foreign_texts": tally.foreign_texts,
        "natural_negatives": {
            "pairs": sum(int(h.sum()) for others in _others(tally).values() for h in others.values()),
            "above_threshold": _above(tally, calibrations, judgement.facts()["threshold"]),
        },
        **_estimates(calibrations, "share", 8),
        **_estimates(calibrations, "crowding", 2),
    }


def _estimates(calibrations: Mapping[tuple[str, bool], Calibration], name: str, digits: int) -> dict[str, Any]:
    """What was estimated of each benchmark: `name`, and "foreign_..." of texts in another language."""
    found: dict[str, dict[str, float]] = {name: {}, f"foreign_{name}": {}}
    for (benchmark, is_foreign), calibration in calibrations.items():
        found[f"foreign_{name}" if is_foreign else name][benchmark] = round(getattr(calibration, name), digits)
    return found


def _others(tally: RephraseTally) -> dict[bool, dict[str, NDArray[np.int64]]]:
    """The histograms of natural negatives, by whether they are of two languages."""
    return {False: tally.others, True: tally.foreign_others}


def _rated(match: Match, calibrations: Mapping[tuple[str, bool], Calibration]) -> Match:
    """A rephrase with its probability as its score."""
    odds = float(match.signals["log_odds"])
    if match.signals["kind"] == VARIANT:
        # a variant is no rephrase: how likely it is the same but for the numbers, with even odds to start from
        probability = Calibration(0.5).probability(odds - VARIANT_ODDS)
    else:
        # where the model knows one language only, all are counted as one
        native = calibrations.get((match.benchmark, False), _NONE)
        is_foreign = float(match.signals.get("foreign", 0.0)) > 0
        calibration = calibrations.get((match.benchmark, is_foreign), native)
        probability = calibration.probability(odds, float(match.signals["rival_odds"]))
    return replace(match, score=round(probability, 4))


def _above(tally: RephraseTally, calibrations: Mapping[tuple[str, bool], Calibration], lowest: float) -> int:
    """How many items next to the best in its place reach the threshold: they cannot be right too."""
    return sum(
        int(count)
        for is_foreign, others in _others(tally).items()
        for name, histogram in others.items()
        for centre, count in zip(CENTRES, histogram, strict=True)
        if count and calibrations.get((name, is_foreign), _NONE).probability(float(centre)) >= max(lowest, SURE)
    )


VARIANT_ODDS: Final = 5.0
"""Log odds that the words of a variant must have to be as likely as not worth a look."""


_NONE: Final = Calibration(0.0)
"""Of a benchmark that has no rephrases."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdicts of rephrases that have their probabilities (`score`), which rest on all of them, and the rate that
    is stated for them."""

    lowest: float
    """Probability from which on one is called contaminated, if it may be."""
    stated: float
    """Estimated false discovery rate of what is."""
    contaminated: int
    review: int
    config: ScanConfig

    @classmethod
    def of(cls, matches: Iterable[Match], config: ScanConfig) -> Judgement:
        """Go through all of them once; only their probabilities are kept."""
        certain, others = array("d"), array("d")
        for match in matches:
            (certain if _may_be_certain(match, config) else others).append(match.score)
        lowest, stated = threshold([score for score in certain if score >= SURE], config.fdr)
        least = max(lowest, SURE)
        contaminated = sum(score >= least for score in certain)
        shown = sum(score >= least or score >= config.rephrase_review for score in certain)
        shown += sum(score >= config.rephrase_review for score in others)
        return cls(lowest, stated, contaminated, shown - contaminated, config)

    def verdict(self, match: Match) -> Match | None:
        """One of them with its verdict; None where it is not worth showing."""
        contaminated = _may_be_certain(match, self.config) and match.score >= max(self.lowest, SURE)
        if not contaminated and match.score < self.config.rephrase_review:
            return None
        verdict = Verdict.CONTAMINATED if contaminated else Verdict.REVIEW
        return replace(match, verdict=verdict, reason=_reason(match))

    def facts(self) -> dict[str, Any]:
        """What `summary.json` says of them."""
        return {
            "threshold": round(min(self.lowest, 1.0), 4),
            "contaminated": self.contaminated,
            "review": self.review,
            "estimated_false_discovery_rate": round(self.stated, 4),
            "fdr": self.config.fdr,
        }


def _may_be_certain(match: Match, config: ScanConfig) -> bool:
    """Whether a match may be called contaminated at all: no variant, and no question that many people ask unless its
    answer is there too. A program says more than the words of its purpose."""
    if match.signals["kind"] == VARIANT:
        return False
    if match.answer_present or float(match.signals.get("answered", 0.0)) > 0 or match.signals["is_program"]:
        return True
    return float(match.signals["information"]) >= math.log(5 + config.rephrase_information)


def _reason(match: Match) -> str:
    s = RephraseSignals.from_json(match.signals)
    if match.signals["kind"] == VARIANT:
        return "the same problem in like words, with other numbers"
    parts = ["does the same as the item's program" if s.is_program else "asks the same in other words"]
    if s.foreign:
        parts[0] = "asks the same in another language"
    if s.numbers and not s.is_program:
        stated = round(s.numbers * (1 - s.missing))
        parts.append(f"{stated} of the item's {s.numbers} numbers are there")
    if s.values:
        parts.append("values of its examples are there")
    if s.examples_share >= ALIKE:
        parts.append("its examples go in and come out in the same shape")
    if s.negation:
        parts.append("but one of the two denies something")
    if match.answer_present:
        parts.append("its answer stands in the record")
    elif s.answered > 0:
        parts.append("its answer is given in reply")
    if s.answered < 0:
        parts.append("but the reply is not its answer")
    if s.parameters:
        parts.append("but its functions take another number of parameters")
    return f"{parts[0]} (probability {match.score:.3f})" + "".join(f"; {part}" for part in parts[1:])
