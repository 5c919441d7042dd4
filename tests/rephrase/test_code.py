"""Programs in texts: what they are for, in any of the common languages, and none where there is none."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.rephrase.code import MAX_CODE, Program, functions_in, program_in, prose_around, split_name

PYTHON = '''
from typing import List

def has_close_elements(numbers: List[float], threshold: float) -> bool:
    """ Check if in given list of numbers, are any two numbers closer to each other than
    given threshold.
    >>> has_close_elements([1.0, 2.0, 3.0], 0.5)
    False
    """
    return any(abs(a - b) < threshold for a in numbers for b in numbers)
'''
JAVASCRIPT = """
// Check if in given list of numbers, are any two numbers closer than given threshold.
const hasCloseElements = (numbers, threshold) => {
  for (let i = 0; i < numbers.length; i++) { if (numbers[i] < 10.25) return true; }
  return false;
}
"""
CLASSIC = """
/* Check if any two of the given numbers are closer than the threshold. */
export async function hasCloseElements(numbers, threshold) {
    return numbers.some(n => n < threshold);
}
"""
C = """
#include <stdio.h>
/* Check if any two of the given
 * numbers are closer than the threshold. */
int has_close_elements(float *numbers, int size, float threshold) {
    return size > 12;
}
"""
JAVA = """
public class Solution {
    /**
     * Check if any two of the given numbers are closer than the threshold.
     * @param numbers the numbers
     */
    public boolean hasCloseElements(List<Double> numbers, double threshold) {
        return false;
    }
}
"""
GO = """
package main

// Check if any two of the given numbers are closer than the threshold.
func hasCloseElements(numbers []float64, threshold float64) bool {
    return false
}
"""
LANGUAGES = {"Python": PYTHON, "JavaScript": JAVASCRIPT, "classic": CLASSIC, "C": C, "Java": JAVA, "Go": GO}


def program(text: str) -> Program:
    found = program_in(text)
    assert found is not None
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_program_is_for_in_every_language(language: str) -> None:
    found = program(LANGUAGES[language])
    assert found.name == "has close elements"
    assert found.purpose.startswith("has close elements. Check if")
    assert "threshold" in found.purpose
    assert not any(mark in found.purpose for mark in ("@param", ">>>", "*/", "//", "return", "{"))
    assert "Check if" not in found.body
    assert "return" in found.body


def test_a_fenced_program_is_found_and_the_prose_around_it_says_what_it_is_for_where_nothing_else_does() -> None:
    text = "Write a function that adds two numbers.\n```python\ndef add(a, b):\n    return a + b\n```\nGood luck."
    found = program(text)
    assert found == Program(
        "add. Write a function that adds two numbers. Good luck.",
        "def add(a, b):\n    return a + b\n",
        frozenset(),
        "add",
        (("+", 1), ("itself", 1), ("return", 1)),
        frozenset({2}),
    )
    with_words = text.replace("    return", '    """Return the sum of both numbers."""\n    return')
    assert program(with_words).purpose == "add. Return the sum of both numbers"


def test_an_unfinished_fence_is_a_program_too() -> None:
    assert program("See:\n```js\nfunction add(a, b) {\n  return a + b").name == "add"


def test_the_values_are_literals_of_two_characters_and_more() -> None:
    code = "def f(x):\n    # some words on what it does\n    return {'abc': 10.25, \"de\": -3, 'far': 7}"
    assert program(code).values == {"abc", "10.25", "de", "-3", "far"}


def test_examples_tags_and_literals_are_no_purpose() -> None:
    code = '''def add(a, b):
    """
    Add the two numbers that are given.
    Args:
    :param a: one
    add(1, 2) == 3
    add(1, 2) ➞ 3
    [1, 2, 3]
    True
    For example, this:
    >>> add(1, 2)
    """
    return a + b
'''
    assert program(code).purpose == "add. Add the two numbers that are given"


def test_comments_with_hashes_count_and_directives_do_not() -> None:
    code = "#define SIZE 10 of the things that are here\nint grow(int a) {\n  # makes it grow by a bit\n  return a; }"
    assert program(code).purpose == "grow. makes it grow by a bit"


def test_a_block_is_no_name() -> None:
    code = "static int x(int a) {\n}\n"
    assert program("do while (a) {\n}\nint main(int a) {\n}\nint twice_it(int a) {\n}").name == "twice it"
    assert program(code).name == "x"
    assert program("private (x) {").name == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "How many eggs (in total) does she define: 16, or more?",
        "The function f(x) = 2x + 3 is defined for x > 0. What is f(3)?",
        "def is a word, and so is let",
        "Let x = 3 and y => 4",
        "```\nno program here\n```",
        "for (int i = 0; i < 3; i++) x += 1;",
        "public opinion; (as it were) was divided",
    ],
)
def test_prose_is_no_program(text: str) -> None:
    assert program_in(text) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hasCloseElements", "has close elements"),
        ("has_close_elements", "has close elements"),
        ("HTTPServer", "http server"),
        ("sum2", "sum 2"),
        ("_", ""),
    ],
)
def test_the_words_of_a_name(name: str, words: str) -> None:
    assert split_name(name) == words


def test_only_the_beginning_of_a_long_text_is_looked_at() -> None:
    assert program_in(" " * MAX_CODE + PYTHON) is None
    assert program_in(PYTHON + "x = 1\n" * MAX_CODE) == program_in((PYTHON + "x = 1\n" * MAX_CODE)[:MAX_CODE])


@given(st.one_of(st.text(), st.text("def f(x){}[]:=>/*#\"'`\n int;const"), st.sampled_from(list(LANGUAGES.values()))))
def test_any_text_can_be_asked(text: str) -> None:
    for asked in (text, "def f(a):\n" + text, f"```{text}\n```", "static a(" + text):
        found = program_in(asked)
        if found is not None:
            assert all(len(value) > 1 for value in found.values)
            assert found.name == found.name.lower()
            assert found.purpose.startswith(found.name)


@pytest.mark.parametrize("before", ["", "def f():\n", "static f", "function", "const a = ", "def f("])
@pytest.mark.parametrize(
    "unit",
    [
        "\n", " \n", " ", "(", ")", "()", ")->", "static (a)", "int a()\n", "int a(\n", "const a=(\n", "function f(a)\n",
        "```\n", "/*", '"""a', "#\n", "a * ", "f(x) = ", "a b c(\n", "'", "def f() ->\n", "public (\n",
    ],
)  # fmt: skip
def test_hostile_texts_come_to_an_end(before: str, unit: str) -> None:
    """Patterns that try again from every place of a run would take minutes with all of these."""
    found = program_in(before + unit * (MAX_CODE // len(unit)))
    assert found is None or len(found.purpose) <= 2 * MAX_CODE


def test_the_signs_of_a_program_are_the_same_in_several_languages() -> None:
    python = program_in("def total(a):\n    if not a: return None\n    return len(a) + sum(sorted(a))\n")
    script = program_in(
        "function total(a) {\n  if (a === null) { return null; }\n  return a.length + a.sort() && 1; }\n"
    )
    assert python is not None
    assert script is not None
    assert dict(python.signs) == {
        "if": 1, "not": 1, "return": 2, "None": 1, "len": 1, "+": 1, "sum": 1, "sort": 1, "itself": 1,
    }  # fmt: skip
    shared = dict(python.signs).keys() & dict(script.signs).keys()
    assert shared == {"if", "return", "None", "len", "+", "sort", "itself"}


def test_a_sign_counts_three_times_at_the_most_and_strings_lose_their_quotes() -> None:
    program = program_in("def f(x):\n    return x + x + x + x + x + 'ab' + \"ab\" + '" + "long" * 9 + "'\n")
    assert program is not None
    assert dict(program.signs) == {"itself": 1, "return": 1, "+": 3, "ab": 2}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def f(a, b: List[int] = [1, 2], *, c: Callable[[int], int] = g) -> int:\n    return 1", {3}),
        ("const f = x => x + 1;\nfunction g(a, {b, c}) {\n  return 1;\n}", {1, 2}),
        ("function f(each: (a: number) => number, n) {\n  return 1;\n}", {2}),
        ("class A:\n    def f(self, x):\n        pass\n\ndef g():\n    pass", {0, 1}),
        ("int add(int a, int b) {\n  return a + b;\n}", {2}),
        ("int* f(int arr[], int size, int* returnSize) {\n  return 0;\n}", {1, 3}),
        ("char** f(char** strings, int count, char prefix, int* out_count) {\n  return 0;\n}", {2, 4}),
        ("int main(void) {\n  return 0;\n}\nint three(void) {\n  return 3;\n}", {0}),
    ],
)
def test_how_many_parameters_functions_take(code: str, expected: set[int]) -> None:
    program = program_in(code)
    assert program is not None
    assert program.parameters == expected


@given(st.text(alphabet="def f(a,[]{}<>=:)*\n", max_size=300))
def test_any_list_of_parameters_is_read(text: str) -> None:
    program = program_in(f"def f({text}):\n    return 1\n")
    assert program is None or all(count >= 0 for count in program.parameters)


# Several functions


MANY = """import math

# Adds.
# Really.
def add(a, b):
    def inner():
        return a
    return inner() + b


class Solution:
    # Subtracts.
    def sub(self, a, b):
        return a - b

    @staticmethod
    def mul(a, b):
        return a * b

async def last(x):
    return x
"""
BRACES = """// Adds.
int add(int a, int b) {
    if (a > b) { return a; }
    return a + b;
}
class Calculator {
    /* Subtracts. */
    int sub(int a, int b) {
        return a - b;
    }
};
int main() { return add(1, 2); }
"""


@pytest.mark.parametrize(
    ("text", "begin"),
    [
        (MANY, ["# Adds.", "    # Subtracts.", "    @staticmethod", "async def last"]),
        (BRACES, ["// Adds.", "    /* Subtracts. */"]),
        ("x = 1\n", []),
        ("", []),
    ],
)
def test_each_function_is_cut_out_with_the_comments_above_it(text: str, begin: list[str]) -> None:
    found = functions_in(text)
    assert [text[a : a + len(b)] for (a, _), b in zip(found, begin, strict=True)] == begin
    assert [end for _, end in found[:-1]] == [a for a, _ in found[1:]]
    assert not found or found[-1][1] == len(text)


def test_a_function_ends_with_its_fence() -> None:
    text = f"Here:\n```python\n{MANY}```\nAnd that is `all` of it.\n"
    last = functions_in(text)[-1]
    assert text[slice(*last)] == "async def last(x):\n    return x\n"


def test_examples_may_stand_after_a_program() -> None:
    alone, followed = (
        program_in("def f(a):\n    return a\n"),
        program_in("def f(a):\n    return a\n", "assert f(1) == 2"),
    )
    assert alone is not None
    assert followed is not None
    assert not alone.examples
    assert "n > n" in dict(followed.examples.shapes)
    assert followed.body == alone.body


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("How many eggs are in 3 boxes?\n\nimport math\nx = 3\n# c\ndef f(a):\n    return 1\n", ["How many eggs are in 3 boxes?\n"]),
        ("import math\n\n// adds\nint add(int a) {\n return 1; }\n", []),
        ("Before.\n```python\ndef f(a): return 1\n```\nBetween.\n```\nx\n```", ["Before.\n", "\nBetween.\n"]),
        ("```\nnever closed", []),
        ("def f(a):\n    return 1\nSaid after it.", []),
    ],
)  # fmt: skip
def test_what_is_said_around_a_program(text: str, said: list[str]) -> None:
    assert [text[a:b] for a, b in prose_around(text)] == said


@given(st.one_of(st.text(), st.text("def f(x){}[]:=>/*#\"'`\n int;const class"), st.sampled_from([MANY, BRACES])))
def test_any_text_can_be_cut(text: str) -> None:
    for found in (functions_in(text), prose_around(text)):
        assert all(0 <= begin < end <= len(text) for begin, end in found)
        assert all(one[1] <= other[0] for one, other in pairwise(found))


@pytest.mark.parametrize(
    "unit", ["# a\n", "def f():\n", " def f():\n", "class A:\n", "import a\n", "a = 1\n", "; ", "```\n", "\n", "@a\n", "static "]
)  # fmt: skip
def test_cutting_hostile_texts_comes_to_an_end(unit: str) -> None:
    text = unit * (200_000 // len(unit)) + "\ndef f():\n    pass\n"
    assert len(functions_in(text)) <= len(text)
    assert all(begin < end for begin, end in prose_around(text))
