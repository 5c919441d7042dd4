"""Numbers by value, however they are written; any text can be read."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.rephrase.quantities import Comparison, compare_quantities, quantities

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
    "unit", ["1", "1,", "1/", "1 / ", "1.", "an ", "an  ", "an\n", "half ", "hundred ", "twenty ", "a", " ", "%", "٣"]
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
