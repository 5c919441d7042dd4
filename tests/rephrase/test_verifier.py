"""The last sentence of a problem is another problem where what stands before it has other numbers."""

from __future__ import annotations

import pytest

from auditor.rephrase.code import Program
from auditor.rephrase.signals import Rarity, RephraseSignals, measure
from auditor.rephrase.verifier import body_of, shared_signs, with_passage
from auditor.rephrase.views import RecordView, last_part

PASSAGE = (
    "A teacher uses a 10-centimeter piece of chalk to write equations on a chalkboard for his students. He likes to save "
    "chalk, so he tries to use only 20% of it each day. Since he cannot write with a very small piece, he recycles the "
    "chalk when it is smaller than 2 centimeters. On Monday he used a new piece, and 45% of it was gone by the evening. "
)
ASK = "How many days does he have before he has to recycle this piece?"
RARITY = Rarity(100, {})


def compared(record: str) -> RephraseSignals:
    question = PASSAGE + ASK
    assert last_part(question) == ASK
    begin = record.index(ASK)
    view = RecordView(0, begin, begin + len(ASK), ASK, record)
    signals = measure(ASK, question, ASK, 1.0, 1.0, RARITY)
    assert not signals.changed
    return with_passage(signals, question, view, RARITY)


def test_with_the_same_passage_it_is_the_same() -> None:
    assert not compared(PASSAGE + ASK).changed
    assert not compared(PASSAGE.replace("Monday", "Tuesday") + ASK).changed


def test_with_other_numbers_before_it_it_is_a_variant() -> None:
    found = compared(
        PASSAGE.replace("10-centimeter", "12-centimeter").replace("smaller than 2", "smaller than 5") + ASK
    )
    assert found.changed
    assert found.missing == pytest.approx(2 / 4)
    assert found.added == 1


def test_alone_or_in_another_text_its_numbers_are_not_expected() -> None:
    assert not compared(ASK).changed
    assert not compared(f"Seven geese crossed 3 rivers on 14 May. {ASK} Nobody knew.").changed


def test_a_program_without_lines_has_something_to_compare() -> None:
    assert body_of(Program("does nothing", " \n", frozenset(), "")) == "-"


def test_what_two_programs_do_alike() -> None:
    one, other, third = (
        Program("", "", frozenset(), "", signs) for signs in
        ((("+", 2), ("for", 1)), (("+", 1), ("while", 1)), (("md5", 1),))
    )  # fmt: skip
    nats = {"+": 1.0, "for": 0.5, "while": 2.0}
    assert shared_signs(one, one, nats) == pytest.approx(1.0)
    assert shared_signs(one, other, nats) == pytest.approx(1.0 / (2.5 * 3.0) ** 0.5)
    assert shared_signs(one, other, nats) == shared_signs(other, one, nats)
    assert shared_signs(one, third, nats) == 0.0
    assert shared_signs(third, third, nats) == 0.0, "signs of no item say nothing"
