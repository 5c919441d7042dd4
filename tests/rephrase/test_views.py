"""Views: what is cut out of items and records, and that it really stands there."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import document, sentence

from auditor.rephrase.code import MAX_CODE
from auditor.rephrase.views import (
    ANSWERED,
    ASK,
    BODY,
    MAX_VIEW,
    OPTIONS,
    PURPOSE,
    QUESTION,
    WHOLE,
    WINDOW_WORDS,
    item_views,
    last_part,
    program_of,
    record_views,
    word_count,
)
from auditor.sources import TextField
from auditor.types import Item

PASSAGE = " ".join(f"{sentence(random.Random(n), 12)}." for n in range(12))
ASKED = "Which of the two rivers named above is the longer one?"
PROGRAM = 'def add_two(a, b):\n    """Return the sum of the two numbers."""\n'
PARTS = st.lists(
    st.sampled_from(
        [
            "Question: ",
            "\n",
            "\n\n",
            "Answer:",
            "#### 7",
            "one two three four ",
            "Is it? ",
            "。",
            "汉字没有空格",
            " ",
            "x. ",
        ]
    ),
    max_size=120,
).map("".join)
TEXTS = st.one_of(st.text(), PARTS)


def kinds(item: Item) -> dict[int, str]:
    return {view.kind: view.text for view in item_views(item)}


def of(*texts: str) -> list[TextField]:
    return [TextField(f"f{n}", "user", text) for n, text in enumerate(texts)]


# Items


def test_a_short_question_is_one_view() -> None:
    assert kinds(Item("1", "  What is the capital of Peru?\n", answers=("Lima",))) == {
        QUESTION: "What is the capital of Peru?"
    }


@pytest.mark.parametrize("between", [" ", "\n", "\n\n"])
def test_a_question_is_also_looked_at_without_its_passage(between: str) -> None:
    question = f"{PASSAGE}{between}{ASKED}"
    found = kinds(Item("1", question, ("the first", "the second"), ("the second",)))
    assert found[QUESTION] == question[:MAX_VIEW].strip()
    assert found[ASK] == ASKED
    assert found[OPTIONS] == f"{ASKED}\nthe first\nthe second"
    assert found[ANSWERED] == f"{ASKED} the second"


def test_what_is_asked_is_not_cut_where_the_last_sentence_says_too_little() -> None:
    assert last_part(f"{PASSAGE} And why?") == f"{PASSAGE} And why?"
    assert last_part("One. Two. What is the third thing that is named here?") == (
        "One. Two. What is the third thing that is named here?"
    )


def test_a_program_is_looked_at_by_what_it_is_for() -> None:
    item = Item("1", PROGRAM, answers=("    return a + b\n",))
    found = kinds(item)
    assert set(found) == {PURPOSE, WHOLE, BODY}
    assert found[PURPOSE] == "add two. Return the sum of the two numbers"
    assert found[WHOLE] == PROGRAM.strip()
    assert "return a + b" in found[BODY]
    assert "Return the sum" not in found[BODY]
    assert program_of(item) is not None
    assert program_of(Item("1", "What is a program?")) is None


def test_an_item_of_nothing_has_no_view() -> None:
    assert item_views(Item("1", " \n ")) == ()


@given(TEXTS, st.lists(TEXTS, max_size=4), st.lists(TEXTS, max_size=2))
def test_views_of_any_item(question: str, choices: list[str], answers: list[str]) -> None:
    views = item_views(Item("1", question, tuple(choices), tuple(answers)))
    assert len({view.kind for view in views}) == len(views)
    for view in views:
        assert len(view.text) <= MAX_VIEW
        assert view.text == view.text.strip()
    if views and views[0].kind == QUESTION:
        assert views[0].text == question.strip()[:MAX_VIEW].strip()
    assert last_part(question) in question


@pytest.mark.parametrize(
    ("text", "words"), [("", 0), ("two words", 2), ("it's 3.5", 4), ("汉字没有空格", 4), ("__ --", 0)]
)
def test_the_words_of_a_text(text: str, words: int) -> None:
    assert word_count(text) == words


# Records


def checked(texts: list[str]) -> list[tuple[int, int, int, str]]:
    """The views as tuples, after what must hold of all of them."""
    fields = of(*texts)
    views = record_views(fields)
    for view in views:
        text = fields[view.field].text
        assert 0 <= view.begin < view.end <= len(text)
        assert len(view.text) <= MAX_VIEW
        part = text[view.begin : view.end]
        if view.text != part[:MAX_VIEW]:
            # an instruction with its input: it begins with the whole field
            assert (view.begin, view.end) == (0, len(text))
            assert view.text.startswith(text.strip()[:MAX_VIEW])
        else:
            assert part == part.strip()
            assert word_count(part) >= 3
    return [(v.field, v.begin, v.end, v.text) for v in views]


@given(st.lists(TEXTS, max_size=4))
def test_every_view_stands_in_the_record(texts: list[str]) -> None:
    checked(texts)


def test_a_short_text_is_one_view_without_its_margin() -> None:
    assert checked(["  What is the capital of Peru? \n"]) == [(0, 2, 30, "What is the capital of Peru?")]
    assert checked(["Too short"]) == []
    assert checked([""]) == []


def test_labels_set_parts_off() -> None:
    text = "Solve this one.\nQuestion: How many eggs are left?\nAnswer: There are nine eggs left.\n#### 9 of the eggs"
    assert [v[3] for v in checked([text])][1:] == [
        "Solve this one.", "How many eggs are left?", "There are nine eggs left.", "9 of the eggs",
    ]  # fmt: skip


def test_an_instruction_goes_with_its_input() -> None:
    texts = ["Sort these numbers now", "3, 1 and 2 please"]
    assert checked(texts)[-1] == (0, 0, 22, "Sort these numbers now\n3, 1 and 2 please")
    assert not any("\n" in v[3] for v in checked([PASSAGE, texts[1]]) if v[0] == 0), "a long one goes by itself"
    by_role = [TextField("a", "user", texts[0]), TextField("b", "assistant", texts[1])]
    assert [v.text for v in record_views(by_role)] == texts
    turns = [TextField("turns[0]", "user", texts[0]), TextField("turns[1]", "user", texts[1])]
    assert [v.text for v in record_views(turns)] == texts, "two turns are not one question"


@pytest.mark.parametrize("seed", range(3))
def test_no_sentence_of_a_long_record_is_left_out(seed: int) -> None:
    text = document(random.Random(seed), 120)
    windows = [v for v in checked([text]) if v[2] - v[1] < len(text)]
    assert len(windows) > 10
    for sentence_ in text.rstrip(".").split(". "):
        begin = text.index(sentence_)
        end = begin + len(sentence_)
        assert any(v[1] <= begin and end <= v[2] and sentence_ in v[3] for v in windows), sentence_
    assert all(word_count(v[3]) <= 2 * WINDOW_WORDS for v in windows)


def test_a_question_inside_a_long_record_stands_nearly_alone_in_a_window() -> None:
    rng = random.Random(5)
    text = f"{document(rng, 60)} {ASKED} {document(rng, 60)}"
    holding = [v for v in checked([text]) if ASKED in v[3]]
    assert min(word_count(v[3]) for v in holding) <= WINDOW_WORDS + 20


def test_an_endless_sentence_is_cut() -> None:
    text = " ".join(f"word{n:04}" for n in range(2000))
    windows = [v for v in checked([text]) if v[2] - v[1] < len(text)]
    covered = sorted((v[1], v[2]) for v in windows)
    assert covered[0][0] == 0
    assert covered[-1][1] == len(text)
    assert all(after[0] <= before[1] + 1 for before, after in pairwise(covered))
    assert all(word_count(v[3]) <= WINDOW_WORDS + 2 for v in windows)


def test_chinese_sentences_are_cut_at_their_own_stops() -> None:
    text = "".join(f"这是一个关于数字{'一二三四五六七八九十'[n % 10]}和苹果的句子{n}。" for n in range(60))
    windows = [v for v in checked([text]) if v[2] - v[1] < len(text)]
    assert len(windows) > 5
    assert all(v[3].endswith("。") for v in windows)


def test_a_program_is_one_view_and_not_cut() -> None:
    code = PROGRAM + "".join(f"    x{n} = a. b\n" for n in range(300))
    assert [(v[1], v[2]) for v in checked([code])] == [(0, len(code.rstrip()))]


@pytest.mark.parametrize("before", [" ", "\n", "-", "☃ ", "0\n"])
def test_a_question_after_a_long_ornament_is_still_seen(before: str) -> None:
    text = before * (12_000 // len(before)) + "\n\n" + ASKED
    assert any(v[3].endswith(ASKED) for v in checked([text]) if ASKED in v[3])
    assert any(v[3].endswith(ASKED) for v in checked([f"{before * (3000 // len(before))} {ASKED}"]))
    short = "-" * 500 + "\n" + ASKED
    assert checked([short])[0][3] == short


@pytest.mark.parametrize(
    "unit",
    [
        "Q:\n",
        "q: a b c\n",
        ".\n",
        "!",
        "? ",
        '."',
        "\n \n",
        "a\n",
        "a ",
        "汉",
        "。",
        "#### ",
        "def f(\n",
        "\u2028",
        "```\n",
    ],
)
def test_hostile_texts_come_to_an_end(unit: str) -> None:
    text = unit * (60_000 // len(unit))
    views = checked([text])
    assert len(views) <= 2 + len(text) // len(unit)


def test_a_paragraph_of_a_long_record_is_a_view_of_its_own() -> None:
    asked = "How many clips did she sell in the two months together?"
    around = "\n\n".join(
        f"The weather report of day {n} spoke of rain over the hills and of a wind from the sea." for n in range(12)
    )
    text = f"{around}\n\n{asked}\n\n{around}"
    found = [v for v in record_views([TextField("text", "", text)]) if v.text == asked]
    assert [(text[v.begin : v.end], v.field) for v in found] == [(asked, 0)]


@given(st.text(alphabet=st.characters(max_codepoint=0x17F), max_size=60))
def test_words_are_counted_the_same_in_any_alphabet(text: str) -> None:
    assert word_count(text) == len(re.findall(r"[^\W_]+", text))
    assert word_count(f"{text} é") == word_count(f"{text} e")


# Programs


def functions(count: int) -> list[str]:
    return [
        f'def task_{n}(value):\n    """{sentence(random.Random(n), 14)}"""\n    return value + {n}\n'
        for n in range(count)
    ]


def test_a_short_program_is_one_view_and_read_whole() -> None:
    (view,) = record_views(of(PROGRAM))
    assert view.is_program
    assert view.text == PROGRAM.strip()
    assert (view.begin, view.end) == (0, len(PROGRAM.strip()))


def test_each_function_of_a_long_program_is_a_view() -> None:
    several = functions(20)
    text = "import math\n\n" + "\n".join(several)
    whole, *parts = record_views(of(text))
    assert whole.text == text[:MAX_VIEW]
    assert [text[part.begin : part.end] for part in parts] == [each.strip() for each in several]
    assert all(part.is_program for part in (whole, *parts))
    names = [found.name for found in (part.program() for part in parts) if found is not None]
    assert names == [f"task {n}" for n in range(20)]


def test_more_of_a_program_is_read_than_the_model_sees() -> None:
    text = (
        functions(1)[0]
        + "".join(f"# {sentence(random.Random(n), 12)}\n" for n in range(40))
        + "assert task_0(1) == 1\n"
    )
    (view,) = record_views(of(text))
    program = view.program()
    assert len(view.text) == MAX_VIEW
    assert program is not None
    assert "n > n" in dict(program.examples.shapes)


def test_what_is_asked_beside_a_program_is_looked_at_by_itself() -> None:
    question = "A baker sells 12 loaves for 3 dollars each and gives 4 away. How many dollars does he have then?"
    code = "def solution():\n    loaves = 12\n    return loaves * 3\n"
    for text in (f"{question}\n\nimport math\n{code}", f"{question}\n```python\n{code}```\nThat is it."):
        whole, *others = record_views(of(text))
        assert whole.is_program
        assert [view.text for view in others] == [question]
        assert not others[0].is_program
        assert text[others[0].begin : others[0].end] == question


@given(
    st.lists(st.sampled_from([*functions(3), PROGRAM, "What is it?", "```\n", "class A:\n", "\n", "    "]), max_size=12)
)
def test_views_of_programs_stand_in_the_record(parts: list[str]) -> None:
    text = "".join(parts)
    for view in record_views(of(text)):
        assert text[view.begin : view.end][:MAX_VIEW] == view.text
        view.program()


def test_what_comes_after_the_part_of_a_program_that_is_read_is_looked_at() -> None:
    asked = "A baker sells 12 loaves for 3 dollars each and gives 4 away. How many dollars does he have then?"
    filler = "\n\n".join(f"{sentence(random.Random(n), 30)}." for n in range(200))
    text = f"{PROGRAM}\n{filler}\n\n{asked}\n\n{filler}"
    assert text.index(asked) > MAX_CODE
    assert asked in [view.text for view in record_views(of(text))]
