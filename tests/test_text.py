"""The ways that people disguise text are one text; what says something else is another."""

from __future__ import annotations

import html
import random
import re

import numpy as np
import pytest

from auditor import text
from auditor.index import tokens_of

SENTENCE = "Natalia sold 1,000 clips to 48 of her friends in April; she didn't sell 3.5% of the \u201cbest\u201d ones \u2014 why?"


def forms(content: str) -> list[str]:
    return [token.form for token in text.tokenize(content)]


def test_tokens_are_runs_of_letters_and_digits_with_their_places() -> None:
    content = "Two  caf\u00e9s, 1,234.5!"
    found = list(text.tokenize(content))
    assert [token.form for token in found] == ["two", "cafes", "12345"]
    assert [content[token.start : token.end] for token in found] == ["Two", "caf\u00e9s", "1,234.5"]
    assert [token.hash for token in found] == [text.token_hash(token.form) for token in found]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HELLO World", "hello world"),
        ("don\u2019t", "don't"),
        ("don't", "dont"),
        ("na\u00efve", "nai\u0308ve"),
        ("na\u00efve", "naive"),
        ("\uff21\uff22\uff23 \uff11\uff12", "abc 12"),
        ("\U0001d400\U0001d401", "ab"),
        ("\ufb03 stra\u00dfe", "ffi strasse"),
        ("\u0430\u0440\u0440l\u0435", "apple"),
        ("zero\u200bwidth", "zerowidth"),
        ("soft\u00adhyphen", "softhyphen"),
        ("a&nbsp;b &amp; c", "a b c"),
        ("5 &lt; 6", "5 < 6"),
        ("a&amp;nbsp;b", "a b"),
        ("&#72;ello &#x57;orld", "hello world"),
        ("caf&eacute;", "cafe"),
        ("<b>bold</b> and <i>it</i>", "bold and it"),
        ("H<sub>2</sub>O", "h 2 o"),
        ("**bold** _it_ `code`", "bold it code"),
        ("# Title\n> quote\n- item", "title quote item"),
        ("x\\quad y\\,z", "x y z"),
        ("1,000,000 people", "1000000 people"),
        ("line\r\nbreak\u2028here", "line break here"),
        ("\u0663\u0664", "34"),
    ],
)
def test_the_same_text(one: str, other: str) -> None:
    assert forms(one) == forms(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3.5", "3 5"),
        ("[1,2]", "12"),
        ("<a href='x'>", ""),
        ("&bogus;", ""),
        ("12", "21"),
        ("a b", "ab"),
    ],
)
def test_another_text(one: str, other: str) -> None:
    assert forms(one) != forms(other)


def test_scripts_without_spaces_are_cut_into_characters() -> None:
    assert forms("\u4e2d\u6587abc\u3002\u3042") == ["\u4e2d", "\u6587", "abc", "\u3042"]
    assert forms("\ud55c\uad6d\uc5b4 \u0395\u03bb\u03bb\u03b7\u03bd") == [
        "\ud55c\uad6d\uc5b4",
        forms("\u0395\u03bb\u03bb\u03b7\u03bd")[0],
    ]


def restyled(content: str, rng: random.Random) -> str:
    """As the measure's `plant.py` restyles: quotes, upper case or no punctuation, wrapped after seven words."""
    content = content.replace("'", "\u2019").replace('"', "\u201d")
    content = content.upper() if rng.random() < 0.5 else re.sub(r"[,.;:!?]", "", content)
    words = content.split()
    return "\n".join(" ".join(words[i : i + 7]) for i in range(0, len(words), 7))


def escaped(content: str) -> str:
    """As the measure's `plant.py` escapes: HTML entities, Markdown marks, and a hard space."""
    words = html.escape(content).split(" ")
    for i in range(3, len(words), 9):
        words[i] = f"**{words[i]}**"
    return "&nbsp;".join([" ".join(words[:4]), " ".join(words[4:])]) if len(words) > 6 else " ".join(words)


QUESTIONS = (
    "James writes a 3-page letter to 2 different friends twice a week. How many pages does he write a year?",
    "Ken's \"big\" box weighs 5 < 6 pounds & Tom's weighs more; whose box isn't heavier?",
    "A robe takes 2 bolts of blue fiber and half that much white fiber. How many bolts in total does it take?",
    "It's 10:30 o'clock \u2014 what's the angle (in degrees) between a clock's hands?",
)


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("seed", range(4))
def test_restyled_and_escaped_copies_have_the_same_tokens(question: str, seed: int) -> None:
    assert forms(escaped(question)) == forms(question)
    # where punctuation is dropped a mark inside a number goes too: 10:30 is then one run of digits, as with the mark
    assert forms(restyled(question, random.Random(seed))) == forms(question)


def test_names_of_a_table_are_found_and_no_others() -> None:
    hashes, values = text.name_table({"text": 1, "messages": 2, "": 3})
    assert len(hashes) == len(values) == 32
    slots = {int(h): int(v) for h, v in zip(hashes, values, strict=True) if h}
    assert slots == {text.name_hash("text"): 1, text.name_hash("messages"): 2, text.name_hash(""): 3}


def test_every_code_point_has_a_fold() -> None:
    for code_point in [*range(0, 0x30000, 7), 0x3FFFF, 0x40000, 0x10FFFF]:
        folded = text.fold_code_point(code_point)
        assert 0 <= folded < 1 << 32
    assert text.fold_code_point(0x40000) == text.SEPARATOR
    assert text.fold_code_point(0x20000) == 0x20000 | text.STANDALONE_FLAG


def test_character_spans_of_tokens() -> None:
    content = "\u4e2d\u6587 &amp; na\u00efve \U0001f600 text"
    found = tokens_of(content)
    assert [found.form(n) for n in range(len(found))] == ["\u4e2d", "\u6587", "na\u00efve", "text"]
    begin, end = found.char_span(2, 4)
    assert content[begin:end] == "na\u00efve \U0001f600 text"
    assert found.char_span(2, 2) == (0, 0)
    with pytest.raises(ValueError, match="read-only"):
        found.hashes[0] = np.uint64(1)


def test_half_a_surrogate_pair_counts_as_one_character() -> None:
    content = "ab \ud800 cd"
    found = tokens_of(content)
    assert content[slice(*found.char_span(1, 2))] == "cd"
