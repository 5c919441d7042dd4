"""The shapes of examples: the same where somebody wrote a program again with other values, in another language too."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.rephrase.code import program_in
from auditor.rephrase.examples import MAX_LITERAL, MOST_EXAMPLES, NO_EXAMPLES, Examples, examples_in, shape_nats
from rephrase.programs import ONE_WAY

MONOTONIC = '''def monotonic(l: list):
    """Return True is list elements are monotonically increasing or decreasing.
    >>> monotonic([1, 2, 4, 20])
    True
    >>> monotonic([1, 20, 4, 10])
    False
    >>> monotonic([4, 1, 0, -10])
    True
    """
'''
SCRIPT = """// Tells whether the numbers only rise, or only fall.
function oneWay(numbers) {
  return true;
}
console.log(oneWay([7, 8, 11, 40]));  // Output: true
console.log(oneWay([7, 80, 11, 14]));  // Output: false
console.log(oneWay([40, 11, 8, -7]));  // Output: true
"""
CLASSIC = """#include <stdbool.h>
/* Tells whether the numbers only rise, or only fall. */
bool one_way(int numbers[], int size) {
    return true;
}
int main() {
    int rising[] = {7, 8, 11, 40};
    printf("%d\\n", one_way(rising, 4)); // prints 1
    int mixed[] = {7, 80, 11, 14};
    int count = 4;
    printf("%d\\n", one_way(mixed, count)); // prints 0
    int falling[] = {40, 11, 8, -7};
    printf("%d\\n", one_way(falling, sizeof(falling) / sizeof(falling[0]))); // prints 1
    return 0;
}
"""


def shapes(code: str, *names: str) -> set[str]:
    return {shape for shape, _ in examples_in(code, names or ("f",)).shapes}


def of_program(code: str) -> Examples:
    found = program_in(code)
    assert found is not None
    return found.examples


@pytest.mark.parametrize("code", [ONE_WAY, SCRIPT, CLASSIC], ids=["Python", "JavaScript", "C"])
def test_other_values_have_the_same_shape(code: str) -> None:
    found = of_program(code)
    assert found == of_program(MONOTONIC)
    assert dict(found.shapes) == {
        "[4n] > F": 1, "[4n] > T": 2, "all [4n]": 3, "examples 3": 1, "in [4n]": 3, "kinds [n]": 3, "out F": 1,
        "out T": 2,
    }  # fmt: skip
    assert found.have_results


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("f(1, -2.5) == 'ab'", "n; f > s"),
        ("f([], '') == []", "[0]; s0 > [0]"),
        ("f({'a': 1, 'b': 2}) ➞ None", "{2ns] > N"),
        ("f([[1, 2], [3]], true) => null", "[2[1n][2n]]; T > N"),
        ("f((1, 2), key=False) -> 1e5", "[2n]; F > f"),
        ("f(new int[]{1, 2}, Arrays.asList(3)) // returns undefined", "[2n]; [1n] > N"),
        ("f(vec![1, 2], std::vector<int>{}) should return .5", "[2n]; [0] > f"),
        ("f([1, 2, ...]);\n  // Output: TRUE", "[2n] > T"),
        ("f(\n  [1,\n   2],\n  3\n)\n7", "[2n]; n > n"),
    ],
)
def test_what_goes_in_and_what_comes_out(call: str, expected: str) -> None:
    assert expected in shapes(call)
    assert examples_in(call, ("f",)).have_results


@pytest.mark.parametrize(
    "call",
    ["f(x)", "f(1 + 2)", "f(g(1))", "f()", "f(1", "f([1, 2", "f([[[[[1]]]]])", f"f([{'1, ' * MAX_LITERAL}1])", "g(1)",
     "f(n-1) + f(n-2)", "self.off(1)"],
)  # fmt: skip
def test_what_is_no_example(call: str) -> None:
    assert examples_in(call, ("f",)) is NO_EXAMPLES


def test_what_stands_under_a_name_counts_where_no_value_stands_in_a_call() -> None:
    assert "all [2n]; s" in shapes("a = [1, 2]\nb: str = 'x'\nprint(f(a, b, unknown))")
    assert "all [3n]" in shapes("a = [1, 2]\nf(a)\na = [1, 2, 3]\nf(a)")
    assert shapes("a = [1, 2]\nf(a)\nf([7])") == shapes("f([7])")
    # where a result goes in C is none of what goes in
    assert "all [2n]" in shapes("int a[] = {1, 2};\nint n = 0;\nf(a, &n);")


def test_only_in_a_language_with_types_a_size_is_left_out() -> None:
    assert "all [2n]" in shapes("int f(int a[], int n);\nf({5, 6}, 2)")
    assert "all [2n]; n" in shapes("f([5, 6], 2)")
    assert "all [2n]; n" in shapes("int f(int a[], int n);\nf({5, 6}, 3)")


def test_an_example_that_is_said_twice_counts_once() -> None:
    once = examples_in("f([1, 2]) == 3", ("f",))
    assert examples_in("f([1, 2])\nprint(f([1, 2]))\nf([1, 2]) == 3\nf([1, 2])", ("f",)) == once
    assert not examples_in("f(1)\nreturn 2", ("f",)).have_results


def test_how_many_examples_are_read() -> None:
    found = examples_in("\n".join(f"f({n})" for n in range(10 * MOST_EXAMPLES)), ("f",))
    assert dict(found.shapes)[f"examples {MOST_EXAMPLES}"] == 1


def test_what_is_shared_is_weighed_by_what_few_programs_have() -> None:
    usual, rare = examples_in("f(1) == 2", ("f",)), examples_in("f([[1], [2]], 'a') == None", ("f",))
    counts: Counter[str] = Counter()
    for program in [usual] * 9 + [rare]:
        counts.update(shape for shape, _ in program.shapes)
    nats = shape_nats(10, counts)
    some, share = nats.shared(usual, usual)
    more, all_of_it = nats.shared(rare, rare)
    assert share == pytest.approx(1)
    assert all_of_it == pytest.approx(1)
    assert more > 5 * some > 0
    assert nats.shared(usual, rare)[1] < 0.3
    assert nats.shared(usual, NO_EXAMPLES) == nats.shared(NO_EXAMPLES, usual) == (0.0, 0.0)


def test_what_comes_out_is_left_aside_where_one_side_does_not_say_it() -> None:
    nats = shape_nats(1, Counter(["in n"]))
    said, unsaid, other = (examples_in(f"f(1){more}", ("f",)) for more in (" == 2", "", " == 'a'"))
    assert nats.shared(said, unsaid)[1] == pytest.approx(1)
    assert nats.shared(said, other)[1] < 0.9


PIECES = st.lists(
    st.sampled_from(
        ["f(", "[", "]", "{", "}", "(", ")", ",", "1", "-", ".5", "'a", "'", '"', "...", ":", "=", "==", " ", "\n", "T",
         "True", "a = ", "f", "&", "new int[]", "vec!", "List.of", "sizeof(a)", "int a(", "bool f(", "// returns ", "\\"]
    ),
    max_size=60,
).map("".join)  # fmt: skip


@given(st.one_of(PIECES, st.text()))
def test_any_text_can_be_read(text: str) -> None:
    found = examples_in(text, ("f", "a"))
    assert bool(found) == bool(found.shapes)
    assert all(n >= 1 for _, n in found.shapes)
    nats = shape_nats(3, Counter(shape for shape, _ in found.shapes))
    shared, share = nats.shared(found, found)
    assert shared >= 0
    assert not found or math.isclose(share, 1)


@pytest.mark.parametrize(
    "unit",
    ["f(", "f([", "f('", "a=[", "a = ", "f(a,", "f(1)", "f(1) == ", "f(1)) ; ", "int a[", "f(sizeof", "bool f(", "[1,",
     "f(List.of(", "f(vec![", "f(1) return ", "f(\n", "f(-", "\\'", "a:b=", "f(0.", "f(1e"],
)  # fmt: skip
def test_hostile_texts_come_to_an_end(unit: str) -> None:
    """Patterns that try again from every place of a run would take minutes with all of these."""
    assert len(examples_in(unit * (20_000 // len(unit)), ("f", "a")).shapes) <= 8 * MOST_EXAMPLES
