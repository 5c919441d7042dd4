"""Rephrases as matches: what is written of each, and the verdicts, which only the whole run can give."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from auditor.detectors import REPHRASE
from auditor.rephrase.calibration import CENTRES, Calibration, RephraseTally, calibrate, threshold
from auditor.rephrase.scoring import log_odds, variant_log_odds
from auditor.rephrase.signals import RephraseSignals
from auditor.types import Match, Verdict
from auditor.verdict import VARIANT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from auditor.config import ScanConfig
    from auditor.index import BenchmarkIndex
    from auditor.rephrase.detector import Rephrase
    from auditor.sources import TextField

REPHRASED: Final = "rephrase"
"""Kind of a match: the same in other words."""
SURE: Final = 0.5
"""Nothing less likely than not is called contaminated, whatever the rate that is asked for."""


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


def settle(matches: Iterable[Match], tally: RephraseTally, config: ScanConfig) -> tuple[list[Match], dict[str, Any]]:
    """Give the rephrases among `matches` their probabilities and verdicts; the others stay as they are.

    Returns:
        (matches, without those that are not worth showing; what `summary.json` says of the detector).
    """
    calibrations = {name: calibrate(tally.texts, histogram) for name, histogram in sorted(tally.nearest.items())}
    none = Calibration(0.0)
    others: list[Match] = []
    found: list[Match] = []
    for match in matches:
        if match.detector != REPHRASE:
            others.append(match)
            continue
        calibration = calibrations.get(match.benchmark, none)
        odds = float(match.signals["log_odds"])
        # a variant is no rephrase: how likely it is the same but for the numbers, with even odds to start from
        is_variant = match.signals["kind"] == VARIANT
        probability = Calibration(0.5).probability(odds - VARIANT_ODDS) if is_variant else (
            calibration.probability(odds, float(match.signals["rival_odds"]))
        )  # fmt: skip
        found.append(replace(match, score=round(probability, 4)))
    judged, facts = judge(found, config)
    return [*others, *judged], {
        **facts,
        "texts": tally.texts,
        "views": tally.views,
        "encoded": tally.encoded,
        "natural_negatives": {
            "pairs": sum(int(h.sum()) for h in tally.others.values()),
            "above_threshold": _above(tally, calibrations, facts["threshold"]),
        },
        "share": {name: round(c.share, 8) for name, c in calibrations.items()},
        "crowding": {name: round(c.crowding, 2) for name, c in calibrations.items()},
    }


def _above(tally: RephraseTally, calibrations: Mapping[str, Calibration], lowest: float) -> int:
    """How many items next to the best in its place reach the threshold: they cannot be right too."""
    return sum(
        int(count)
        for name, histogram in tally.others.items()
        for centre, count in zip(CENTRES, histogram, strict=True)
        if count and name in calibrations and calibrations[name].probability(float(centre)) >= max(lowest, SURE)
    )


VARIANT_ODDS: Final = 5.0
"""Log odds that the words of a variant must have to be as likely as not worth a look."""


def judge(matches: Sequence[Match], config: ScanConfig) -> tuple[list[Match], dict[str, Any]]:
    """Verdicts of rephrases that have their probabilities (`score`), and the rate that is stated for them."""
    certain = [m for m in matches if _may_be_certain(m, config)]
    lowest, stated = threshold([m.score for m in certain if m.score >= SURE], config.fdr)
    judged = []
    for match in matches:
        contaminated = _may_be_certain(match, config) and match.score >= max(lowest, SURE)
        if contaminated or match.score >= config.rephrase_review:
            verdict = Verdict.CONTAMINATED if contaminated else Verdict.REVIEW
            judged.append(replace(match, verdict=verdict, reason=_reason(match)))
    return judged, {
        "threshold": round(min(lowest, 1.0), 4),
        "contaminated": sum(m.verdict is Verdict.CONTAMINATED for m in judged),
        "review": sum(m.verdict is Verdict.REVIEW for m in judged),
        "estimated_false_discovery_rate": round(stated, 4),
        "fdr": config.fdr,
    }


def _may_be_certain(match: Match, config: ScanConfig) -> bool:
    """Whether a match may be called contaminated at all: no variant, and no question that many people ask unless its
    answer is there too. A program says more than the words of its purpose."""
    if match.signals["kind"] == VARIANT:
        return False
    if match.answer_present or match.signals["is_program"]:
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
    if s.negation:
        parts.append("but one of the two denies something")
    if match.answer_present:
        parts.append("its answer stands in the record")
    return f"{parts[0]} (probability {match.score:.3f})" + "".join(f"; {part}" for part in parts[1:])
