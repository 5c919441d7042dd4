"""What a reply says of an item's answer, and what a record replies to a part of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.rephrase.answers import GIVEN, HARDLY, IN_WORDS, UNKNOWN, answered, answers_of
from auditor.rephrase.signals import Rarity, stem
from auditor.rephrase.views import MAX_REPLY, record_views
from auditor.sources import TextField
from auditor.types import Item

RARITY = Rarity(1000, {"question": 20, "lead": 3})
NEAR = {stem("suggestive"): {"lead": 0.7}, stem("queries"): {"question": 0.6}}


def near(words: frozenset[str]) -> dict[str, float]:
    return {other: like for word in words for other, like in NEAR.get(word, {}).items()}


def said(answers: tuple[str, ...], reply: str, *, has_options: bool = False) -> float:
    return answered(answers, reply, RARITY, near, has_options=has_options)


@pytest.mark.parametrize(
    ("answers", "reply", "expected"),
    [
        (("70000",), "He made $70,000.", GIVEN),
        (("70000",), "#### 7000", HARDLY),
        (("70000",), "她赚了70,000美元。", GIVEN),
        (("70000",), "Sie verdiente 70.000 Dollar.", GIVEN),
        (("24",), "二十四", UNKNOWN),
        (("24",), "二十五", HARDLY),
        (("0.25",), "a quarter of it", GIVEN),
        (("1, 4",), "4 and then 1", GIVEN),
        (("1, 4",), "only 4", HARDLY),
        (("3", "5"), "there are 5", GIVEN),
        (("leading questions",), "Leading questions, of course.", IN_WORDS),
        (("leading questions",), "suggestive queries", IN_WORDS),
        (("leading questions",), "1. Solar energy\n2. Wind energy", HARDLY),
        (("leading questions",), "", UNKNOWN),
        (("leading questions",), "...", UNKNOWN),
        ((), "whatever", UNKNOWN),
    ],
)
def test_what_a_reply_says(answers: tuple[str, ...], reply: str, expected: float) -> None:
    assert said(answers, reply) == expected


@pytest.mark.parametrize(
    "reply",
    [
        "B",
        "(C) because of that",
        "The answer is D.",
        "Answer: A",
        "b) or (B)",
        "Option C",
        "答案是B",
        "选A。",
        "答案：C",
    ],
)
def test_a_letter_may_stand_for_an_answer(reply: str) -> None:
    assert said(("leading questions",), reply, has_options=True) == UNKNOWN
    assert said(("leading questions",), reply) == HARDLY


@pytest.mark.parametrize(
    "reply", ["A survey of the wind", "I'd say solar energy", "The answer is a survey of the wind"]
)
def test_an_article_is_no_letter(reply: str) -> None:
    assert said(("leading questions",), reply, has_options=True) == HARDLY


def test_a_word_that_all_items_have_tells_nothing() -> None:
    assert answered(("question",), "rivers", Rarity(20, {"question": 20}), near, has_options=False) == UNKNOWN


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("He sells 3 and then 15, so 18.\n#### 18", "18"), ("18",)),
        (("True, False",), ()),
        (("None of the above",), ()),
        (("Both A and D are correct.",), ()),
        (("leading questions", "yes"), ("leading questions",)),
        (("$5", "five dollars and a hat"), ("$5",)),
    ],
)
def test_answers_by_which_an_item_is_known(given: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert answers_of(Item("1", "What?", answers=given)) == expected


@given(st.text(max_size=60), st.text(max_size=200), st.booleans())
def test_any_text_is_read(answer: str, reply: str, has_options: bool) -> None:
    assert said(answers_of(Item("1", "What?", answers=(answer,))), reply, has_options=has_options) in {
        GIVEN, IN_WORDS, UNKNOWN, HARDLY,
    }  # fmt: skip


ASKED = "How many eggs does she sell at the market in a week?"


def replies(*fields: tuple[str, str]) -> dict[str, str]:
    """What the record replies to each of its parts."""
    made = [TextField(f"messages[{n}]", role, text) for n, (role, text) in enumerate(fields)]
    return {view.text: view.reply() for view in record_views(made)}


def test_the_next_turn_of_the_assistant_replies() -> None:
    found = replies(("system", "You are a kind helper."), ("user", ASKED), ("assistant", "She sells 18 eggs a day."))
    assert found[ASKED] == "She sells 18 eggs a day."
    assert found["She sells 18 eggs a day."] == ""
    assert replies(("user", ASKED))[ASKED] == ""


def test_what_a_label_sets_off_replies() -> None:
    found = replies(
        ("", f"Question: {ASKED}\nAnswer: She sells them all\n#### 18\n\nQuestion: {ASKED} Or less?\nAnswer: 7")
    )
    assert found[ASKED] == "She sells them all\n#### 18"
    assert found[f"{ASKED} Or less?"] == "7"
    assert found["She sells them all"] == "", "a reply has none"


def test_of_a_long_reply_the_beginning_is_read() -> None:
    long = "It is so. " * MAX_REPLY
    assert replies(("user", ASKED), ("assistant", long))[ASKED] == long[:MAX_REPLY]
    assert replies(("", f"Question: {ASKED}\nAnswer: {long}"))[ASKED] == long[: MAX_REPLY - 1].strip()


def test_prose_does_not_reply() -> None:
    text = f"{ASKED} Nobody knew. Then the rain came, and the market was closed for the rest of the long year."
    assert set(replies(("", text)).values()) == {""}


def test_an_instruction_and_its_input_have_one_reply() -> None:
    made = [TextField("instruction", "user", "Answer the question."), TextField("input", "user", ASKED),
            TextField("output", "assistant", "18 eggs")]  # fmt: skip
    assert {view.reply() for view in record_views(made) if view.text != "18 eggs"} == {"18 eggs"}
