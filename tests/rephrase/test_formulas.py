"""The formulas of a text, and whether two texts have the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.rephrase.formulas import formulas, same_formulas


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Find the degree of Q(sqrt(2) + sqrt(3)) over Q.", ("Q(sqrt(2)+sqrt(3))",)),
        ("the ring Z_3 x 3Z?", ("Z_3x3Z",)),
        ("x^2 + 1, in Z_2", ("x^2+1", "Z_2")),
        ("functions f: A -> B", ("A->B",)),
        ("He is well-known, 24 years (and 3 months) old.", ()),
        ("在Z_3中找出所有的d，使得Z_3[y]/(y^3 + d)", ("Z_3", "Z_3[y]/(y^3+d)")),
        ("Z_12 x Z_8中的元素（4，2）。", ("Z_12xZ_8", "(4,2)")),
        ("", ()),
    ],
)
def test_formulas_of_a_text(text: str, expected: tuple[str, ...]) -> None:
    assert formulas(text) == expected


def test_how_much_two_texts_share() -> None:
    sum_, product = "the degree of Q(sqrt(2) + sqrt(3)) over Q", "of what degree is Q(sqrt(2)*sqrt(3)) over Q?"
    assert same_formulas(sum_, sum_.upper().replace("SQRT", "sqrt").replace("OF ", "")) == 1
    assert same_formulas(sum_, product) == -1
    assert same_formulas("x^4 + 4 in Z_5[x]", "in Z_5[x], what of x^4+4") == 1
    assert same_formulas("x^4 + 4 in Z_5[x]", "what of x^4+4") == pytest.approx(1 / 3)
    assert same_formulas(sum_, "no formula here") == same_formulas("none", sum_) == 0


@given(st.text(max_size=80), st.text(max_size=80))
def test_it_is_the_same_both_ways_and_within_bounds(one: str, other: str) -> None:
    assert same_formulas(one, other) == same_formulas(other, one)
    assert -1 <= same_formulas(one, other) <= 1
    assert same_formulas(one, one) in (0, 1)
