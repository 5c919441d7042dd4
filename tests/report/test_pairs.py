"""What two texts share is marked, differing numbers stand out, and no more of an item is shown than its excerpt."""

from __future__ import annotations

import re
import time

from hypothesis import given
from hypothesis import strategies as st

from auditor.report.pairs import LONGEST_EXCERPT, Part, Stretch, align, side_html

ITEM = "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May."


def parts(stretches: tuple[Stretch, ...], part: Part) -> list[str]:
    return [stretch.text for stretch in stretches if stretch.part is part]


def test_a_copy_in_a_document_is_marked_and_its_surroundings_are_not() -> None:
    pair = align(f"Some notes. {ITEM.upper()} More of the notes.", ITEM)
    assert parts(pair.train, Part.SAME) == [ITEM.upper()[:-1]]
    assert parts(pair.train, Part.OTHER) == ["Some notes. ", ". More of the notes."]
    assert parts(pair.item, Part.SAME) == [ITEM[:-1]]
    assert pair.numbers == ()


def test_a_stray_word_before_the_copy_takes_none_of_its_marks() -> None:
    item = "A tub of ice cream costing 13 dollars is now sold at 11."
    assert parts(align(f"Here is a word problem. {item}", item).train, Part.SAME) == [item[:-1]]
    assert parts(align(f"{item} It is sold at 11 or at 12.", item).train, Part.SAME) == [item[:-1]]
    pair = align(f"From my notes, a word problem. A {item[2:]} Answer: a lot at 11.", f"{item} A packet was a lot.")
    assert parts(pair.train, Part.SAME)[0] == item[:-1]


def test_other_numbers_stand_out() -> None:
    pair = align(ITEM.replace("48", "1,250").replace("half", "3 times"), ITEM)
    assert parts(pair.train, Part.NUMBER) == ["1,250", "3"]
    assert parts(pair.item, Part.NUMBER) == ["48"]
    assert pair.numbers == (("1,250", "48"),)


def test_common_words_alone_are_no_evidence() -> None:
    pair = align(
        "The cat and the dog are in the house of my aunt.", "In the beginning there was the word and the light."
    )
    assert parts(pair.train, Part.SAME) == []
    assert side_html(pair.train, 400) == "The cat and the dog are in the house of my aunt."


def test_chinese_is_aligned_by_character() -> None:
    pair = align("小明今天有五个苹果。", "问题：小明有五个苹果，还剩几个？")
    assert "有五个苹果" in parts(pair.train, Part.SAME)


def test_another_operator_is_not_shared() -> None:
    assert parts(align("what is 12 + 5 now", "what is 12 * 5 now").train, Part.SAME) == ["what is 12", "5 now"]


def test_a_short_item_is_marked_whole() -> None:
    assert parts(align("so what is 2+2 then", "2+2").train, Part.SAME) == ["2+2"]


def test_only_half_of_an_item_is_shown_on_either_side() -> None:
    pair = align(f"Before it. {ITEM} The answer is 72.", ITEM)
    item = side_html(pair.item, pair.visible_item)
    train = side_html(pair.train, pair.visible_train)
    assert "48 of her friends" in item
    assert "48 of her friends" in train
    for side in (item, train):
        assert "half as many" not in side
        assert "…" in side
        assert "72" not in side


def test_code_keeps_its_lines() -> None:
    code = 'def f(x):\n    """Say $x$ & <y>."""\n\n    return x\n'
    html = side_html(align(code, code).train, 400)
    assert html == (
        "<samp><mark>def f(x):<br>&nbsp;&nbsp;&nbsp;&nbsp;&quot;&quot;&quot;Say <span>$</span>x<span>$</span> &amp; "
        "&lt;y&gt;.&quot;&quot;&quot;<br><br>&nbsp;&nbsp;&nbsp;&nbsp;return x</mark><br></samp>"
    )


words = st.lists(
    st.sampled_from(
        ["the", "The", "48", "3.5", "cat", "<b>", "@me", "\n", "苹", "果", ",", "_", " ", "$", "\ud800", "e\u0301"]
    ),
    max_size=30,
).map(" ".join)


@given(words, words)
def test_the_stretches_join_to_the_texts(train: str, item: str) -> None:
    pair = align(train, item)
    assert "".join(stretch.text for stretch in pair.train) == train
    assert "".join(stretch.text for stretch in pair.item) == item
    tags = set(re.findall(r"</?(\w+)", side_html(pair.train, 1000)))
    assert tags <= {"mark", "b", "ins", "br", "samp", "span"}


@given(words, st.integers(1, 40))
def test_a_side_is_as_long_as_allowed(text: str, limit: int) -> None:
    shown = side_html(align(text, text).train, limit)
    plain = re.sub(r"<[^>]+>", " ", shown)
    plain = re.sub(r"&#8203;", "", plain)
    plain = re.sub(r"⟨U\+[0-9A-F]+⟩|&\w+;|&#\d+;", "x", plain)
    assert len(plain) <= limit + 1 + shown.count("<")


def test_a_hostile_text_takes_no_time() -> None:
    start = time.perf_counter()
    pair = align("a b " * 20_000, "a a b " * 20_000)
    assert time.perf_counter() - start < 10
    assert pair.visible_train <= LONGEST_EXCERPT
