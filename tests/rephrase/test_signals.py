"""What is measured of a pair, and the log odds that come of it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.rephrase.scoring import log_odds, rough_log_odds, variant_log_odds
from auditor.rephrase.signals import (
    Rarity,
    RephraseSignals,
    asks,
    content_words,
    is_foreign,
    measure,
    numbers_changed,
    stem,
)

ITEM = "Natalia sold 48 clips to her friends in April. How many clips did she sell in April and May?"
SAME = "In April, Natalia's friends bought 48 clips from her. What is the number of clips sold in April and May?"
RARITY = Rarity(100, {"clip": 3, "sold": 10, "friend": 20})


def of(item: str, text: str, similarity: float = 0.8, gap: float = 0.3) -> RephraseSignals:
    return measure(item, item, text, similarity, gap, RARITY)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Clips", "clip"),
        ("running", "runn"),
        ("is", "is"),
        ("its", "its"),
        ("Natalia's", "natalia"),
        ("happiness", "happi"),
    ],
)
def test_a_word_without_its_ending(word: str, expected: str) -> None:
    assert stem(word) == expected


def test_words_that_carry_meaning() -> None:
    assert content_words("The clips of which she sold 48, don't they?") == {"clip", "sold", "don't"}


def test_a_rare_word_says_more() -> None:
    assert RARITY.of("unseen") > RARITY.of("clip") > RARITY.of("sold") > 0
    assert RARITY.of("clip") == pytest.approx(math.log(101 / 3.5))
    assert RARITY.total(["clip", "sold"]) == pytest.approx(RARITY.of("clip") + RARITY.of("sold"))


def test_the_same_text() -> None:
    found = of(ITEM, ITEM, 1.0)
    assert (found.missing, found.added, found.names_missing, found.names_added) == (0, 0, 0, 0)
    assert (found.negation, found.length, found.foreign, found.changed) == (0, 0, 0, False)
    assert (found.overlap, found.alignment) == (pytest.approx(1), 1)
    assert found.numbers == 1


def test_other_numbers_are_seen() -> None:
    found = of(ITEM, SAME.replace("48", "52"))
    assert (found.missing, found.added, found.changed) == (1, 1, True)
    assert not of(ITEM, SAME.replace("48", "forty-eight")).changed
    dropped = of(ITEM, SAME.replace("48", "some"))
    assert (dropped.missing, dropped.added, dropped.changed) == (1, 0, False), "told less is not told otherwise"


def test_a_number_that_stands_elsewhere_in_the_same_words() -> None:
    one = "A bag holds 3 red and 5 blue balls. How many balls are there in the bag?"
    swapped = "A bag holds 5 red and 3 blue balls. How many balls are there in the bag?"
    assert numbers_changed(one, swapped, 0, 0)
    assert not numbers_changed(one, one.replace("3", "three"), 0, 0)
    assert not numbers_changed(one, "Blue balls: 5. Red balls: 3. What is the sum of all that the bag holds?", 0, 0)


def test_names_and_negation() -> None:
    item = "Which river does Napoleon cross with his army?"
    assert of(item, "Which river does Caesar cross with his army?").names_missing == 1
    assert of(item, "Which river does Caesar cross with his army?").names_added == 1
    assert of(item, "Which river did Napoleon's army never cross?").negation == 1
    assert of(item + " Do not say.", "Which river did Napoleon's army never cross?").negation == 0
    assert of("Which is true?", "Which isn't true?").negation == 1


def test_other_scripts_are_not_compared_by_words() -> None:
    chinese = "娜塔莉亚在四月份卖了48个夹子给她的朋友。她在四月和五月一共卖了多少个夹子?"
    found = of(ITEM, chinese)
    assert found.foreign == 1
    assert (found.overlap, found.alignment, found.names_missing, found.length, found.negation) == (0, 0, 0, 0, 0)
    assert found.missing == 0, "48 is 48 in any language"
    assert of(chinese, chinese).foreign == 0
    assert of("Сколько клипов она продала?", "Сколько всего клипов она продала?").foreign == 0


def test_what_needs_no_translation_counts_across_scripts() -> None:
    item = "Find the order of the element (4, 2) of Z_12 x Z_8 by Lagrange's theorem."
    same = of(item, "用Lagrange定理求Z_12 x Z_8中的元素（4，2）的阶。")
    other = of(item, "求群中的元素的阶。")
    assert same.foreign == other.foreign == 1
    assert (same.missing, same.added, same.tells) == (0, 0, 0)
    assert same.untranslated > other.untranslated
    assert same.formulas > of(item, "用Lagrange定理求Z_3 x Z_8中的元素（1，2）的阶。").formulas
    assert log_odds(same) > log_odds(other)
    assert of(item, item).untranslated == 0, "in one language all words are compared"


def test_options_and_unknowns_are_of_no_script() -> None:
    english = "The inverse of -i in the multiplicative group, {1, -1, i , -i} is"
    assert is_foreign(english, "在乘法群{1, -1, i , -i}中，-i的倒数是\nA. 1\nB. -1\nC. i\nD. -i")


@given(st.text(max_size=200), st.text(max_size=200), st.floats(-1, 1), st.floats(-1, 1))
def test_any_two_texts_can_be_measured(item: str, text: str, similarity: float, gap: float) -> None:
    found = of(item, text, similarity, gap)
    for name in ("missing", "added", "names_missing", "names_added", "negation", "alignment", "foreign"):
        assert 0 <= getattr(found, name) <= 1, name
    assert 0 <= found.overlap <= 1.0000001
    assert math.isfinite(found.information)
    assert math.isfinite(found.length)
    assert math.isfinite(log_odds(found))
    assert RephraseSignals.from_json(found.to_json()).to_json() == found.to_json()


def test_signals_without_a_value_are_not_read() -> None:
    row = of(ITEM, SAME).to_json()
    del row["gap"]
    with pytest.raises(KeyError, match="gap"):
        RephraseSignals.from_json(row)


def test_what_an_older_version_did_not_measure_is_nothing() -> None:
    row = of(ITEM, SAME).to_json()
    del row["answered"], row["formulas"]
    assert RephraseSignals.from_json(row) == RephraseSignals.from_json(row | {"answered": 0.0, "formulas": 0.0})


# Log odds


def test_what_speaks_for_a_rephrase() -> None:
    base = of(ITEM, SAME)
    odds = log_odds(base)
    for changes in (
        {"similarity": base.similarity + 0.1}, {"gap": base.gap + 0.1}, {"alignment": min(1.0, base.alignment + 0.1)},
        {"information": base.information + 0.5}, {"covered": 0.1}, {"whole_alignment": 1.0},
    ):  # fmt: skip
        assert log_odds(replace(base, **changes)) > odds, changes
    for changes in (
        {"missing": 1.0},
        {"added": 1.0},
        {"names_added": 1.0},
        {"negation": 1.0},
        {"tells": 1.0},
        {"length": base.length + 1},
    ):
        assert log_odds(replace(base, **changes)) < odds, changes


def test_the_numbers_can_be_left_out() -> None:
    other = of(ITEM, SAME.replace("48", "52"))
    assert rough_log_odds(other) < variant_log_odds(other)
    told = replace(other, missing=0.0, added=0.0)
    assert variant_log_odds(other) == variant_log_odds(told) == pytest.approx(rough_log_odds(told))


def test_programs_and_other_scripts_have_odds_of_their_own() -> None:
    base = of(ITEM, SAME)
    program = replace(
        base, is_program=True, purpose=0.9, whole=0.8, body=0.5, values=1.0, values_share=0.5, name_share=1.0
    )
    assert log_odds(program) != log_odds(base)
    assert log_odds(replace(program, purpose=0.5)) < log_odds(program)
    foreign = replace(base, foreign=1.0, overlap=0.0, alignment=0.0)
    assert log_odds(foreign) == log_odds(replace(foreign, negation=1.0, names_added=1.0))
    changed: list[dict[str, float]] = [
        {"gap": -0.1}, {"covered": -0.1}, {"warranted": -0.1}, {"missing": 1.0}, {"shorter": 0.5}, {"longer": 0.5},
        {"tells": 1.0},
    ]  # fmt: skip
    for changes in changed:
        assert log_odds(replace(foreign, **changes)) < log_odds(foreign), changes
    assert rough_log_odds(replace(foreign, similarity=0.1)) < rough_log_odds(foreign)


def test_languages_are_told_apart_by_scripts_and_by_english() -> None:
    english = "Josh decides to flip a house and buys one for $80,000, then puts $50,000 into the repairs of it."
    german = "Josh beschließt, ein Haus zu verkaufen, kauft eines für 80.000 Dollar und steckt 50.000 in Reparaturen."
    assert is_foreign(english, german)
    assert is_foreign(english, "珍妮特的鸭子每天下 16 颗蛋。她每天早上早餐时吃 3 颗，每天用 4 颗蛋为自己的朋友做松饼。")
    assert not is_foreign(
        english, "For a house that he means to sell again, Josh pays $80,000 and spends $50,000 on it."
    )
    assert not is_foreign(german, german)
    assert not is_foreign(english, "Haus kaufen"), "two words say nothing of a language"


def test_code_and_lists_are_of_no_language() -> None:
    english = "Josh decides to flip a house and buys one for $80,000, then puts $50,000 into the repairs of it."
    assert not is_foreign(
        english, "for row in table: total += row.price; print(total, count, mean, median, mode, range)"
    )
    assert not is_foreign(english, "Apples, pears, plums, cherries, lemons, oranges, melons, grapes, figs, dates")


@pytest.mark.parametrize(
    ("text", "does"),
    [
        ("Why is the sky blue?", True),
        ("为什么天是蓝的？", True),
        ("The Macpherson Report highlighted the increasing problem of", True),
        ("Mass-society theory suggests that:", True),
        ("Find the characteristic of the ring Z x Z.", True),
        ("There are 12 eggs. Calculate how many are left.", True),
        ("The ____ is the powerhouse of the cell.", True),
        ("The sky is blue because air scatters blue light most.", False),
        ('He said: "It is finding the way."', False),
        ("Thank you!", False),
        ("天是蓝的。", False),
        ("请计算 3 加 4。", True),
        ("弗兰克（1967年）曾声称，这样的社会是：\nA. 富裕的\nB. 贫穷的。", True),
        ("空は青い。", True),
        ("Berechne, wie viele Eier die Hennen der Frau in einer Woche legen.", True),
        ("", True),
    ],
)
def test_what_asks(text: str, does: bool) -> None:
    assert asks(text) == does


def test_what_tells_the_answer_is_not_the_question() -> None:
    question = "What gives Earth its seasons?"
    told = of(question, "The tilt of its axis gives Earth its seasons.")
    asked = of(question, "What is it that gives Earth its seasons?")
    assert (told.tells, asked.tells) == (1.0, 0.0)
    assert of("The tilt gives Earth its seasons.", "The tilt of its axis gives it seasons.").tells == 0.0
    assert of(question, "地球的四季是由什么造成的。").tells == 0.0, "in another language nothing is said of it"
    assert log_odds(replace(told, tells=0.0)) - log_odds(told) > 2
