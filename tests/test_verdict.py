"""Every rule of the verdict, on both sides of its threshold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.config import ScanConfig
from auditor.types import Verdict
from auditor.verdict import BOILERPLATE, FULL, PARTIAL, PASSAGE, VARIANT, Signals, decide

CONFIG = ScanConfig()
BELOW = 1e-6
WHOLE = Signals(
    containment=1.0, weight=100.0, ask=1.0, item_tokens=20, covered_tokens=20, region_tokens=20, longest_run=20,
    anchored=True, numbers_changed=0, answer="none", answer_weight=0.0, choices_found=0, choices=0,
    rare_grams=CONFIG.rare_grams, answer_share=0.0, passage=0.0,
)  # fmt: skip
SHORT = replace(
    WHOLE, weight=CONFIG.supported_weight - 5, item_tokens=10, covered_tokens=10, answer="full", answer_weight=5.0
)
HALF = replace(WHOLE, containment=0.4, weight=40.0, ask=0.0, covered_tokens=9, longest_run=9)


def judged(signals: Signals, **changes: object) -> tuple[Verdict | None, str]:
    decision = decide(replace(signals, **changes), CONFIG)  # type: ignore[arg-type]
    assert bool(decision.reason) == (decision.verdict is not None)
    return decision.verdict, decision.kind


def test_the_whole_question_that_carries_enough() -> None:
    least = {"containment": CONFIG.contaminated_containment, "weight": CONFIG.contaminated_weight}
    assert judged(WHOLE, **least) == (Verdict.CONTAMINATED, FULL)
    assert judged(WHOLE, **{**least, "weight": CONFIG.contaminated_weight - BELOW}) == (Verdict.REVIEW, BOILERPLATE)
    assert judged(WHOLE, **{**least, "containment": CONFIG.contaminated_containment - BELOW})[0] != Verdict.CONTAMINATED


def test_a_question_with_other_numbers_is_a_variant() -> None:
    assert judged(WHOLE, numbers_changed=1) == (Verdict.REVIEW, VARIANT)
    assert judged(WHOLE, numbers_changed=1, answer="full", answer_weight=50.0) == (Verdict.REVIEW, VARIANT)
    assert judged(WHOLE, numbers_changed=1, weight=CONFIG.review_weight) == (Verdict.REVIEW, VARIANT)
    assert judged(WHOLE, numbers_changed=1, weight=CONFIG.review_weight - BELOW) == (None, VARIANT)
    assert "1 number changed" in decide(replace(WHOLE, numbers_changed=1), CONFIG).reason
    assert "2 numbers changed" in decide(replace(WHOLE, numbers_changed=2), CONFIG).reason
    part = {"numbers_changed": 1, "containment": CONFIG.supported_containment - BELOW}
    assert judged(WHOLE, **part)[1] != VARIANT


def test_a_passage_without_what_is_asked() -> None:
    least = CONFIG.ask_containment
    assert judged(WHOLE, ask=least - BELOW) == (Verdict.REVIEW, PASSAGE)
    assert judged(WHOLE, ask=least) == (Verdict.CONTAMINATED, FULL)
    assert judged(WHOLE, ask=0.0, weight=CONFIG.review_weight) == (Verdict.REVIEW, PASSAGE)
    assert judged(WHOLE, ask=0.0, weight=CONFIG.review_weight - BELOW) == (None, PASSAGE)
    assert judged(WHOLE, ask=0.0, containment=CONFIG.supported_containment - BELOW)[1] != PASSAGE


def test_a_short_question_needs_its_answer_or_options() -> None:
    assert judged(SHORT) == (Verdict.CONTAMINATED, FULL)
    assert judged(SHORT, answer="short") == (Verdict.CONTAMINATED, FULL)
    assert judged(SHORT, answer="none", answer_weight=0.0) == (None, BOILERPLATE)
    assert judged(SHORT, answer_weight=5.0 - BELOW) == (None, BOILERPLATE)
    words = CONFIG.short_coverage * 10
    assert judged(SHORT, covered_tokens=int(words)) == (Verdict.CONTAMINATED, FULL)
    assert judged(SHORT, covered_tokens=int(words) - 1) == (None, BOILERPLATE)
    options = {"answer": "none", "answer_weight": 0.0, "weight": CONFIG.supported_weight, "choices": 4}
    assert judged(SHORT, **options, choices_found=3) == (Verdict.CONTAMINATED, FULL)
    assert judged(SHORT, **options, choices_found=2) == (None, BOILERPLATE)


def test_a_short_question_alone_is_shown_when_it_is_not_too_common() -> None:
    alone = {"answer": "none", "answer_weight": 0.0}
    assert judged(SHORT, **alone, weight=CONFIG.review_weight) == (Verdict.REVIEW, BOILERPLATE)
    assert judged(SHORT, **alone, weight=CONFIG.review_weight - BELOW) == (None, BOILERPLATE)
    reason = decide(replace(SHORT, answer="none", answer_weight=0.0, weight=CONFIG.review_weight), CONFIG).reason
    assert "its answer is not there" in reason


def test_an_edited_question_with_its_answer_or_options() -> None:
    edited = replace(WHOLE, containment=CONFIG.supported_containment, weight=60.0, answer="full", answer_weight=9.0)
    assert judged(edited) == (Verdict.CONTAMINATED, FULL)
    assert judged(edited, containment=CONFIG.supported_containment - BELOW)[0] != Verdict.CONTAMINATED
    assert judged(edited, answer="short")[0] != Verdict.CONTAMINATED
    assert judged(edited, answer="none", answer_weight=0.0, choices=4, choices_found=2) == (Verdict.CONTAMINATED, FULL)
    assert judged(edited, answer="none", answer_weight=0.0, choices=4, choices_found=1)[0] != Verdict.CONTAMINATED
    light = {"weight": CONFIG.contaminated_weight - 9.0}
    if light["weight"] >= CONFIG.review_weight:
        assert judged(edited, **light) == (Verdict.CONTAMINATED, FULL)
    assert judged(edited, weight=CONFIG.review_weight - BELOW, anchored=False)[0] != Verdict.CONTAMINATED


def test_a_cut_copy_is_one_run_from_the_beginning() -> None:
    run = int(max(CONFIG.review_run, CONFIG.review_containment * HALF.item_tokens))
    assert judged(HALF) == (Verdict.REVIEW, PARTIAL)
    assert judged(HALF, longest_run=run) == (Verdict.REVIEW, PARTIAL)
    light: dict[str, float] = {"weight": CONFIG.cut_weight, "containment": CONFIG.cut_containment}
    assert judged(HALF, **light) == (Verdict.REVIEW, PARTIAL)
    for change in (
        {"longest_run": run - 1},
        {"anchored": False},
        {"rare_grams": CONFIG.rare_grams - 1},
        {"weight": CONFIG.cut_weight - BELOW},
        {"containment": CONFIG.cut_containment - BELOW},
    ):
        assert judged(HALF, **{**light, **change}) == (None, PARTIAL)


def test_scattered_parts_have_to_carry_more() -> None:
    scattered = replace(
        HALF, anchored=False, containment=CONFIG.scattered_containment, weight=CONFIG.scattered_weight, longest_run=3
    )
    assert judged(scattered) == (Verdict.REVIEW, PARTIAL)
    assert judged(scattered, weight=CONFIG.scattered_weight - BELOW) == (None, PARTIAL)
    assert judged(scattered, rare_grams=CONFIG.rare_grams - 1) == (None, PARTIAL)
    assert judged(scattered, containment=CONFIG.scattered_containment - BELOW) == (None, PARTIAL)


def test_a_reworded_copy_is_as_long_as_the_question() -> None:
    tokens = int(CONFIG.reworded_density * 20)
    reworded = replace(
        HALF, anchored=False, longest_run=3, containment=CONFIG.reworded_containment, weight=CONFIG.reworded_weight,
        covered_tokens=tokens, region_tokens=20,
    )  # fmt: skip
    assert judged(reworded) == (Verdict.REVIEW, PARTIAL)
    for change in (
        {"containment": CONFIG.reworded_containment - BELOW},
        {"weight": CONFIG.reworded_weight - BELOW},
        {"covered_tokens": tokens - 1},
        {"region_tokens": 21},
    ):
        assert judged(reworded, **change)[0] is None


def test_the_reason_names_what_stands_beside() -> None:
    found = replace(WHOLE, answer="full", choices=4, choices_found=3)
    assert decide(found, CONFIG).reason == (
        "100% of the question (by weight) stands in the record, with its answer and 3 of its 4 options beside it"
    )


def test_signals_survive_json() -> None:
    signals = replace(WHOLE, containment=0.123456, answer="short")
    row = signals.to_json()
    assert row["containment"] == 0.1235
    assert Signals.from_json({**row, "kind": "full"}) == replace(signals, containment=0.1235)
    with pytest.raises(KeyError):
        Signals.from_json({})
