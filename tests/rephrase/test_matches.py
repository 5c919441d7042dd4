"""Verdicts of a whole run: what is improbable goes, other numbers never fail it, a stricter rate calls fewer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from auditor.config import ScanConfig
from auditor.index import BenchmarkIndex
from auditor.rephrase import matches as verdicts
from auditor.rephrase.calibration import RephraseTally
from auditor.rephrase.detector import Rephrase
from auditor.rephrase.matches import Judgement, matches_of
from auditor.rephrase.scoring import log_odds
from auditor.rephrase.signals import Rarity, measure
from auditor.sources import TextField
from auditor.types import Match, Verdict
from rephrase.problems import PARAPHRASES, PROBLEMS, VARIANTS, benchmark

if TYPE_CHECKING:
    from collections.abc import Iterable

CONFIG = ScanConfig(detectors=("rephrase",))
INDEX = BenchmarkIndex.build([benchmark()], CONFIG)
RARITY = Rarity(36, {})


def made(number: int, text: str, similarity: float = 0.9, gap: float = 0.4, row: int = 0) -> Match:
    """The match of a text and a problem, with a cosine as a model may give it."""
    question = PROBLEMS[number]
    item = next(n for n in range(len(INDEX.arrays["benchmark_of"])) if INDEX.item(n).question == question)
    signals = replace(
        measure(question, question, text, similarity, gap, RARITY), covered=similarity, warranted=similarity
    )
    found = Rephrase(0, 0, (0, len(text)), text, (item,), question, signals, log_odds(signals), -30.0)
    (match,) = matches_of(
        found, [TextField("text", "", text + f" It is {1000 + number}.")], "t.jsonl", row, INDEX, CONFIG
    )
    return match


def tally(matches: Iterable[Match], clean: int = 500) -> RephraseTally:
    counted = RephraseTally(views=clean, texts=clean, encoded=clean)
    for odds in np.random.default_rng(2).normal(-9, 2, clean).tolist():
        counted.count("problems", odds, is_nearest=True, is_foreign=False)
    for match in matches:
        if match.signals["kind"] == "rephrase":
            odds, is_foreign = float(match.signals["log_odds"]), match.signals["foreign"] > 0
            counted.count("problems", odds, is_nearest=True, is_foreign=is_foreign)
    return counted


def rephrases() -> list[Match]:
    return [made(n, text, 1.0, 0.8, row) for row, (n, text) in enumerate(PARAPHRASES.items())]


def settle(matches: list[Match], counted: RephraseTally, config: ScanConfig) -> tuple[list[Match], dict[str, Any]]:
    settled, facts = verdicts.settle(lambda: iter(matches), counted, config)
    return list(settled), facts


def judge(matches: list[Match], config: ScanConfig) -> tuple[list[Match], dict[str, Any]]:
    judgement = Judgement.of(iter(matches), config)
    judged = [again for match in matches if (again := judgement.verdict(match)) is not None]
    assert judgement.contaminated == sum(m.verdict is Verdict.CONTAMINATED for m in judged)
    assert judgement.review == sum(m.verdict is Verdict.REVIEW for m in judged)
    return judged, judgement.facts()


def test_what_a_match_says() -> None:
    match = made(3, PARAPHRASES[3], row=7)
    assert (match.source, match.row, match.field, match.benchmark, match.item_id) == (
        "t.jsonl",
        7,
        "text",
        "problems",
        "p3",
    )
    assert match.answer_present
    assert match.item_span == (0, len(PROBLEMS[3]))
    assert match.train_excerpt == PARAPHRASES[3]
    assert match.signals["kind"] == "rephrase"
    assert not replace(match, answer_present=False).reason


def test_rephrases_are_called_and_give_reasons() -> None:
    matches = rephrases()
    judged, facts = settle(matches, tally(matches), CONFIG)
    called = [m for m in judged if m.verdict is Verdict.CONTAMINATED]
    assert len(called) == facts["contaminated"] >= 3
    assert facts["estimated_false_discovery_rate"] <= 0.01
    for match in called:
        assert match.score >= facts["threshold"]
        assert match.reason.startswith(f"asks the same in other words (probability {match.score:.3f})")
        assert "its answer stands in the record" in match.reason


def test_another_language_is_judged_by_its_own_near_misses() -> None:
    matches = rephrases()
    foreign = [replace(match, signals={**match.signals, "foreign": 1.0}) for match in matches]
    as_one = [match.score for match in settle(matches, tally(matches), CONFIG)[0]]
    assert [match.score for match in settle(foreign, tally(matches), CONFIG)[0]] == as_one, (
        "where all are counted as one"
    )

    few, many = tally(matches), tally(matches)
    for counted, near_misses in ((few, 0), (many, 5000)):
        counted.foreign_texts = 500
        for odds in [*(float(match.signals["log_odds"]) for match in foreign), *[0.0] * near_misses]:
            counted.count("problems", odds, is_nearest=True, is_foreign=True)
    alone, facts = settle(foreign, few, CONFIG)
    crowded, crowded_facts = settle(foreign, many, CONFIG)
    assert facts["foreign_texts"] == 500
    assert facts["foreign_crowding"]["problems"] == 1 < crowded_facts["foreign_crowding"]["problems"]
    assert facts["crowding"] == crowded_facts["crowding"]
    scores = {match.row: match.score for match in alone}
    assert all(match.score < scores[match.row] for match in crowded)
    assert [match.score for match in settle(matches, many, CONFIG)[0]] == as_one


@pytest.mark.parametrize("number", VARIANTS)
def test_a_variant_is_never_contaminated(number: int) -> None:
    variant = made(number, VARIANTS[number], 1.0, 1.0, row=50)
    assert variant.signals["kind"] == "variant"
    matches = [*rephrases(), variant]
    for rate in (0.0, 0.01, 1.0):
        judged, _ = settle(matches, tally(matches), ScanConfig(detectors=("rephrase",), fdr=rate))
        (found,) = [m for m in judged if m.row == 50]
        assert (found.verdict, found.reason) == (Verdict.REVIEW, "the same problem in like words, with other numbers")


def test_what_is_improbable_is_dropped_and_what_others_found_stays() -> None:
    weak = made(0, "A volcano lies close to several poets of the coast.", 0.1, 0.0, row=60)
    other = replace(made(1, PARAPHRASES[3]), detector="ngram", reason="as it was")
    matches = [*rephrases(), weak, other]
    judged, _ = settle(matches, tally(matches), CONFIG)
    assert not [m for m in judged if m.row == 60]
    assert other in judged


def test_a_benchmark_that_was_not_counted_has_no_rephrases() -> None:
    judged, facts = settle(rephrases(), RephraseTally(), CONFIG)
    assert judged == []
    assert (facts["contaminated"], facts["review"], facts["estimated_false_discovery_rate"]) == (0, 0, 0)


def test_a_stricter_rate_calls_fewer() -> None:
    matches = rephrases()
    judged, _ = settle(matches, tally(matches), CONFIG)
    before = len(judged)
    counts = []
    for rate in (0.0, 1e-6, 1e-3, 0.01, 0.5, 1.0):
        again, facts = judge(judged, ScanConfig(detectors=("rephrase",), fdr=rate))
        assert len(again) == before
        assert facts["estimated_false_discovery_rate"] <= rate
        counts.append(facts["contaminated"])
    assert counts == sorted(counts)
    assert counts[0] < counts[-1] == sum(m.score >= 0.5 for m in judged)


def test_other_scripts_and_programs_say_so() -> None:
    matches = rephrases()
    base = replace(matches[0], score=0.9)
    foreign = replace(base, signals={**base.signals, "foreign": 1.0})
    program = replace(base, signals={**base.signals, "is_program": True, "values": 1.0, "negation": 1.0})
    told = replace(base, answer_present=False, signals={**base.signals, "answered": 0.5})
    other = replace(base, signals={**base.signals, "is_program": True, "answered": -1.0, "parameters": 1.0})
    (one, two, three, four), _ = judge([foreign, program, told, other], CONFIG)
    assert one.reason.startswith(
        "asks the same in another language (probability 0.900); 2 of the item's 2 numbers are there"
    )
    assert "does the same as the item's program" in two.reason
    assert "values of its examples are there" in two.reason
    assert "but one of the two denies something" in two.reason
    assert three.reason.endswith("its answer is given in reply")
    assert "but the reply is not its answer; but its functions take another number of parameters" in four.reason
