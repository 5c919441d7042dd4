"""Numbers by value, however they are written; any text can be read."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.rephrase.quantities import Comparison, compare_quantities, han_values, quantities

PIECES = st.sampled_from(
    "3 three 0.75 75% 1/2 a quarter of half an hour 60 minutes decade 10 years dozen twice 1,000 thousand million "
    "twenty five hundred two thirds third of per day $4 4.50 , . ; and eggs 1/ /2 ٣ ² x".split(" ")
)
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=20).map(" ".join))


def values(text: str) -> list[Fraction]:
    return [q.value for q in quantities(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("16 eggs and 3 more", [16, 3]),
        ("sixteen eggs and three more", [16, 3]),
        ("twenty-five", [25]),
        ("thirty-five hundred", [3500]),
        ("two million", [2_000_000]),
        ("in the nineteenth century, the 19th", [19, 19]),
        ("(1,2) and (3,45)", [1, 2, 3, 45]),
        ("1,00,000 or 12,34,567", [100_000, 1_234_567]),
        ("3 hundred", [300]),
        ("1,234.50", [Fraction("1234.5")]),
        ("2 / 3", [Fraction(2, 3)]),
        ("two thirds", [Fraction(2, 3)]),
        ("three quarters", [Fraction(3, 4)]),
        ("half of them", [Fraction(1, 2)]),
        ("a third of them", [Fraction(1, 3)]),
        ("the third of them", []),
        ("a dozen, both, twice", [12, 2, 2]),
        ("a thousand", [1000]),
        (".5 hours, $.20 off, and .75/3", [Fraction(1, 2), Fraction(1, 5), Fraction(1, 4)]),
        ("wait...5 more; v1.2.3", [5, Fraction(6, 5), 3]),
        ("no number at all", []),
        ("", []),
        ("٣ ３", [3, 3]),
        ("9" * 50, [int("9" * 24)]),
        ("1/0", [1, 0]),
    ],
)
def test_the_values_of_a_text(text: str, expected: list[Fraction]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3 eggs", "three eggs"),
        ("a quarter of it", "25 % of it"),
        ("a quarter", "0.25"),
        ("1/4", "25%"),
        ("three quarters", "75 percent"),
        ("for an hour", "for 60 minutes"),
        ("one hour", "3600 seconds"),
        ("a decade ago", "10 years ago"),
        ("a year", "12 months"),
        ("2 weeks", "fourteen days"),
        ("3 feet", "36 inches"),
        ("2 dollars", "200 cents"),
        ("1,000", "a thousand"),
        ("1.50", "1.5"),
        ("6 times as old", "a sixth as old"),
        ("every day he walks 4 miles", "he walks four miles per day"),
        ("12 eggs", "a dozen eggs"),
        ("he has 5 and 5", "he has 5"),
    ],
)
def test_the_same_number_written_otherwise(one: str, other: str) -> None:
    for a, b in ((one, other), (other, one)):
        found = compare_quantities(a, b)
        assert (found.missing, found.added) == (0, 0), (a, b)


@pytest.mark.parametrize(
    ("item", "other", "expected"),
    [
        ("16 eggs, 3 eaten", "18 eggs, 3 eaten", Comparison(2, 1, 1)),
        ("16 eggs, 3 eaten", "eggs that were eaten", Comparison(2, 2, 0)),
        ("eggs", "16 eggs", Comparison(0, 0, 1)),
        ("an hour", "90 minutes", Comparison(0, 0, 1)),
        ("60 minutes", "60 seconds", Comparison(1, 0, 0)),
        ("one of them", "the first of them", Comparison(0, 0, 0)),
        ("both of them", "all 2 of them", Comparison(0, 0, 0)),
        ("he has 2 of them", "he has some of them", Comparison(1, 1, 0)),
    ],
)
def test_what_is_missing_and_what_is_added(item: str, other: str, expected: Comparison) -> None:
    """A bare number that is the same is the same, whatever follows it: "60 minutes" and "60 seconds" stay a pair."""
    assert compare_quantities(item, other) == expected


@given(TEXTS)
def test_any_text_can_be_read(text: str) -> None:
    found = quantities(text)
    assert all(("", q.value) in q.forms and q.value >= 0 for q in found)
    assert quantities(text) == found


@given(TEXTS)
def test_a_text_states_its_own_numbers(text: str) -> None:
    found = compare_quantities(text, text)
    assert (found.missing, found.added) == (0, 0)
    assert found.stated == len({q.value for q in quantities(text) if not q.weak})


def test_a_decade_may_be_said_without_its_century() -> None:
    assert compare_quantities("in the 1980s and 1990s", "during the 80s and 90s") == Comparison(2, 0, 0)
    assert compare_quantities("in the 1980s", "during the 70s") == Comparison(1, 1, 1)
    assert compare_quantities("it weighs 80 pounds", "in the 1980s") == Comparison(1, 1, 1)


@given(TEXTS, TEXTS)
def test_what_one_lacks_the_other_adds(one: str, other: str) -> None:
    there, back = compare_quantities(one, other), compare_quantities(other, one)
    assert (there.missing, there.added) == (back.added, back.missing)
    assert there.missing <= there.stated
    assert there.added <= back.stated


@given(st.integers(3, 10**9), st.integers(2, 999))
def test_digits_with_and_without_commas_and_as_a_fraction(number: int, below: int) -> None:
    assert values(f"{number:,}") == values(str(number)) == [number]
    assert values(f"{number}/{below}") == values(f"{number} / {below}") == [Fraction(number, below)]
    assert compare_quantities(f"{number} eggs", f"{number + 1} eggs").missing == 1


def test_letter_case_says_nothing() -> None:
    text = "Three QUARTERS of an Hour, 5 Dozen"
    assert quantities(text) == quantities(text.lower()) == quantities(text.upper())


@pytest.mark.parametrize(
    "unit",
    [
        "1",
        "1,",
        "11,",
        "1,1",
        "111,",
        "1/",
        "1 / ",
        "1.",
        "an ",
        "an  ",
        "an\n",
        "half ",
        "hundred ",
        "twenty ",
        "a",
        " ",
        "%",
        "٣",
    ],
)
@pytest.mark.parametrize("before", ["", "one ", "an", "1 /"])
def test_a_long_hostile_text_is_read_to_its_end(before: str, unit: str) -> None:
    """What a view holds, many times over."""
    text = before + unit * (30_000 // len(unit))
    found = quantities(text)
    assert compare_quantities(text, text).missing == 0
    assert len(found) <= len(text)


def test_numbers_of_another_language() -> None:
    english = "A tree costs $90, its 7 lemons $1.5 each. A house of $80,000 has three floors."
    german = "Ein Baum kostet 90 Dollar, seine 7 Zitronen je 1,50. Ein Haus für 80.000 Dollar hat 3 Stockwerke."
    same = compare_quantities(english, german, foreign=True)
    assert (same.missing, same.added) == (0, 0)
    other = compare_quantities(english, german.replace("80.000", "90.000"), foreign=True)
    assert (other.missing, other.added) == (1, 1)
    assert compare_quantities("three cats", "tres gatos", foreign=True).missing == 0


@pytest.mark.parametrize(
    ("signs", "value"),
    [
        ("八", 8), ("十", 10), ("十五", 15), ("二十四", 24), ("一百零五", 105), ("一百二十", 120), ("两千", 2000),
        ("三万五千", 35_000), ("一亿二千万", 120_000_000), ("二〇二〇", 2020), ("萬", 10_000),
    ],
)  # fmt: skip
def test_numbers_in_chinese(signs: str, value: int) -> None:
    assert han_values(f"它是{signs}个") == {value}
    assert compare_quantities(f"There are {value:,} of them", f"它们有{signs}个", foreign=True).missing == 0
    assert compare_quantities(f"There are {value + 3} of them", f"它们有{signs}个", foreign=True).missing == 1


@pytest.mark.parametrize("said", ["在20世纪70年代", "1970年代", "in den 70er Jahren", "die 1970er Jahre"])
def test_decades_of_other_languages(said: str) -> None:
    assert compare_quantities("throughout the 1970s", said, foreign=True) == Comparison(1, 0, 0)
    assert compare_quantities("throughout the 1980s", said, foreign=True) == Comparison(1, 1, 1)


def test_a_century_may_be_in_words() -> None:
    assert compare_quantities("in the nineteenth century", "在19世纪", foreign=True).added == 0
    assert compare_quantities("in the eighteenth century", "在19世纪", foreign=True).added == 1


@pytest.mark.parametrize("said", ["in the 1800s", "in the nineteenth century"])
def test_a_century_may_be_in_its_years(said: str) -> None:
    there, back = compare_quantities(said, "19世纪", foreign=True), compare_quantities("19世纪", said, foreign=True)
    assert (there.missing, there.added, back.missing, back.added) == (0, 0, 0, 0)
    assert compare_quantities(said, "18世纪", foreign=True).added == 1


@pytest.mark.parametrize(
    ("english", "said"),
    [
        ("1 million people", "100万人"), ("1,500,000 people", "1.5百万人"), ("35,000 people", "3.5万人"),
        ("15,000,000 people", "1500万人"), ("2 billion people", "2 Milliarden Menschen"),
        ("3.5 million people", "3,5 Millionen Menschen"), ("20,000 people", "20 mil personas"),
        ("1,200,000 people", "1.200 mil personas"), ("6,000 people", "6 tausend Menschen"),
        ("350,000,000 people", "3亿5000万人"), ("12,000 people", "1万2千人"), ("12,500 people", "1万2500人"),
        ("10,000 people", "A.1万人"), ("123.4 million people", "1.234亿人"), ("31,250 people", "3.125万人"),
        ("3.5 million people", "3,5 millions de personnes"), ("31,250,000 people", "3,125万人"),
        ("2.345 million people", "2345000 человек"), ("2 billion people", "2 mil millones de personas"),
    ],
)  # fmt: skip
def test_digits_before_a_power_of_ten(english: str, said: str) -> None:
    assert compare_quantities(english, said, foreign=True) == Comparison(1, 0, 0)
    assert compare_quantities(english.replace("people", "people and 7 cats"), said, foreign=True).missing == 1
    assert compare_quantities("41 people", said, foreign=True) == Comparison(1, 1, 1)


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("about 20 percentage points", "大约20百分点"), ("5 kilograms of rice", "5千克大米"), ("10 kilometers", "10千米"),
        ("350 kilocalories", "350千卡"), ("30,000 kilowatts", "3万千瓦"), ("5,000 characters", "5千字"),
    ],
)  # fmt: skip
def test_units_with_a_power_in_their_name(english: str, chinese: str) -> None:
    assert compare_quantities(english, chinese, foreign=True) == Comparison(1, 0, 0)


@pytest.mark.parametrize(
    "text", ["5 MİL", "5 mıl", "6 tauſend", "7 MILLÓN", "1" + "亿" * 600, "1亿" * 300, "1.2.3 mil", "9" * 900 + "万"]
)
def test_what_looks_like_a_power_is_left_alone(text: str) -> None:
    assert compare_quantities("8 cats", text, foreign=True).missing == 1
    assert compare_quantities(text, "8只猫", foreign=True).added == 1


def test_the_1800s_are_a_century_and_nothing_else() -> None:
    for other in ("19 cats", "the 1900s", "the 18th century"):
        assert compare_quantities("in the 1800s", other) == Comparison(1, 1, 1)
    for same in ("the 1800s", "the 19th century", "the nineteenth century"):
        assert compare_quantities("in the 1800s", same) == Comparison(1, 0, 0)


def test_a_word_with_such_a_sign_adds_no_number() -> None:
    assert compare_quantities("They are 7.", "一般来说，它们是7个，十分好。", foreign=True) == Comparison(1, 0, 0)


def test_lists_of_numbers_are_no_decimals() -> None:
    english, chinese = "If A = {1, 2, 3} and S = {(1,2), (4, 5)}", "如果A = {1，2，3}，S = {(1,2)，(4，5)}"
    assert compare_quantities(english, chinese, foreign=True) == Comparison(5, 0, 0)
    assert compare_quantities(english, chinese.replace("5", "6"), foreign=True) == Comparison(5, 1, 1)


@given(TEXTS, st.text(alphabet="一二三百万亿分零两，。（）3,5.个٣ mil", max_size=40))
def test_any_text_of_another_language_can_be_read(one: str, other: str) -> None:
    there, back = compare_quantities(one, other, foreign=True), compare_quantities(other, one, foreign=True)
    assert there.missing <= there.stated
    assert back.missing <= back.stated
