"""What the examples of a program look like: who writes a function again changes the values of its examples, and their
number, the sizes of their lists and what comes out stay.

`monotonic([1, 2, 4, 20])` is True, `([1, 20, 4, 10])` False, `([4, 1, 0, -10])` True: of 164 programs of HumanEval no
other has three lists of four numbers with these results. So each example is reduced to its shape, "[4n] > T" here, and
what a shape says is how few programs of the benchmark have it. Nothing is run or evaluated.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

MOST_EXAMPLES: Final = 30
"""Examples of a program that are read."""
MOST_CALLS: Final = 300
"""Places that are tried, and lists that are remembered by their names."""
MAX_LITERAL: Final = 400
"""Characters of a value that is read."""
MAX_DEPTH: Final = 4
"""Lists in lists that are read."""
MOST_OF_A_SHAPE: Final = 3
"""Times that a shape is counted at the most."""
# A text is hostile: each of these patterns is bounded, or matches at one place only.
_CALL: Final = re.compile(r"\b([A-Za-z_]\w{0,80}) ?\(")
_ASSIGNED: Final = re.compile(
    r"\b([A-Za-z_]\w{0,80})[ \t]{0,9}(?:\[[^\]\n]{0,20}\]){0,2}[ \t]{0,9}(?::[^=\n]{1,40})?=[ \t]{0,9}(?![=>])"
)
_BETWEEN: Final = re.compile(
    r"(?:[ \t]{0,20}(?:[;):]|==+>?|=+>|➞|-+>|→|=|//|\#|/\*|\n[ \t]{0,20}(?://|\#|\*|/\*)?"
    r"|(?:will|should|must|would|is|be|to|the|it|which|expected|sample|returned|returns|(?<=d )return|(?<=ll )return"
    r"|equals?|outputs?|gives?|yields?|produces?|prints?|results?|evaluates)\b)){0,8}",
    re.IGNORECASE,
)
"""What may stand between a call and what comes out."""
_KEYWORD: Final = re.compile(r"[A-Za-z_]\w{0,80}[ \t]{0,9}=[ \t]{0,9}(?!=)")
_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_BLANKS: Final = re.compile(r"[ \t]*")
_WHITE: Final = re.compile(r"[ \t\n]*")
_SEPARATORS: Final = re.compile(r"[ \t\n,]*")
_ATOM: Final = re.compile(
    r"(?P<s0>\"\"|'')|(?P<s>\"(?:[^\"\\\n]|\\.){1,400}\"|'(?:[^'\\\n]|\\.){1,400}')"
    r"|(?P<T>[Tt]rue\b|TRUE\b)|(?P<F>[Ff]alse\b|FALSE\b)|(?P<N>(?:None|null|NULL|undefined|nil)\b)"
    r"|(?P<f>[-+]?(?:\d{1,40}\.\d{0,40}|\.\d{1,40}|\d{1,40}[eE][-+]?\d)[\deE+-]{0,9}f?)|(?P<n>[-+]?\d{1,40})"
)
_TYPE: Final = re.compile(
    r"(?:new )?(?:vec!|\(?(?:const )?(?:std::)?(?:vector|int|float|double|char|string|String|bool|boolean|long)"
    r"(?:<[^>\n]{1,30}>)?[ *]{0,3}(?:\[\d{0,5}\]){0,2}\)?|\[\][\w\[\]]{1,20})(?= ?[\[{])"
    r"|(?:Arrays\.asList|List\.of|Set\.of|Map\.of)(?=\()"
)
"""What stands before the values of a list in languages that name their type."""
_HAS_TYPES: Final = re.compile(r"\b(?:int|char|float|double|bool|size_t|void)[ *]{1,5}\w+ ?[(\[;=]")
"""What C looks like, where a list is given with its size."""
_GIVES_TRUTH: Final = re.compile(r"\bbool ([A-Za-z_]\w{0,80}) ?\(")
_SIZE: Final = re.compile(r"sizeof\b[^,;\n]{1,80}?(?=,|\) ?[;)])")
_CLOSING: Final = {"[": "]", "(": ")", "{": "}"}
_LISTS: Final = re.compile(r"\[\d+")


@dataclass(frozen=True, slots=True)
class Examples:
    """The shapes of a program's examples."""

    shapes: tuple[tuple[str, int], ...] = ()
    """Of each value that goes in, of what comes out, and of both together, each with how often it stands there; and
    how many examples there are."""
    have_results: bool = False
    """Whether it is known what comes out of any."""

    def __bool__(self) -> bool:
        return bool(self.shapes)


NO_EXAMPLES: Final = Examples()


def examples_in(code: str, names: Collection[str]) -> Examples:
    """The examples in a piece of code and its comments: what is called with values.

    Args:
        code: of bounded length: the time is linear in it.
        names: of the functions that it defines.
    """
    by_values: dict[tuple[str, str], _Call] = {}
    by_names: dict[tuple[str, str], _Call] = {}
    for call in islice(_calls(code, names), MOST_CALLS):
        of = by_values if call.has_value else by_names
        # said twice it is one example: where a result is known, with that
        key = call.text, call.given
        if key not in of or not of[key].result:
            of[key] = call
    found = list(islice((by_values or by_names).values(), MOST_EXAMPLES))
    if not found:
        return NO_EXAMPLES
    counts: Counter[str] = Counter()
    for call in found:
        counts.update(f"in {value}" for value in call.given.split("; "))
        counts.update([f"all {call.given}", f"kinds {_LISTS.sub('[', call.given)}"])
        if call.result:
            counts.update([f"out {call.result}", f"{call.given} > {call.result}"])
    kept = {shape: min(n, MOST_OF_A_SHAPE) for shape, n in counts.items()} | {f"examples {len(found)}": 1}
    return Examples(tuple(sorted(kept.items())), any(call.result for call in found))


@dataclass(frozen=True, slots=True)
class _Value:
    """A value in a text."""

    shape: str
    text: str
    """As it stands there."""
    end: int
    stands_there: bool = True
    """False of one that a name stands for."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A call that may be an example."""

    text: str
    """What stands between the brackets."""
    given: str
    """Shape of what goes in."""
    result: str
    """Shape of what comes out; "" where that is not known."""
    has_value: bool
    """Whether a value stands in the call itself."""


def _calls(code: str, names: Collection[str]) -> Iterator[_Call]:
    """The calls of one of `names` with values; what is called with the name of a value has the shape of that."""
    has_sizes = _HAS_TYPES.search(code) is not None
    truths = set(_GIVES_TRUTH.findall(code)) if has_sizes else set()
    assigned = _assigned(code)
    known: dict[str, _Value] = {}
    nearest = next(assigned, None)
    for call in _CALL.finditer(code):
        if call[1] not in names:
            continue
        while nearest is not None and nearest[0] < call.start():
            known[nearest[1]] = nearest[2]
            nearest = next(assigned, None)
        values, end = _given(code, call.end(), known)
        if has_sizes:
            values = [value for i, value in enumerate(values) if i == 0 or value.text != _size_of(values[i - 1])]
        if not values:
            continue
        place = _end(_BETWEEN, code, end)
        result = _value(code, place) if place > end else None
        shape = result.shape if result is not None else ""
        if result is not None and call[1] in truths:
            shape = {"0": "F", "1": "T"}.get(result.text, shape)
        has_value = any(value.stands_there for value in values)
        yield _Call(code[call.end() : end], "; ".join(value.shape for value in values), shape, has_value)


def _size_of(value: _Value) -> str:
    """How many values a list has, as a number is written."""
    found = _LISTS.match(value.shape)
    return found[0][1:] if found is not None else ""


def _assigned(code: str) -> Iterator[tuple[int, str, _Value]]:
    """(place, name, value) of what is given one."""
    for found in islice(_ASSIGNED.finditer(code), MOST_CALLS):
        if (value := _value(code, found.end())) is not None:
            yield found.start(), found[1], value


def _given(code: str, place: int, known: Mapping[str, _Value]) -> tuple[list[_Value], int]:
    """(values, where the call ends) of what a function is called with; no values where it is no example: calls and sums
    are none. Names that are not known, and where results go in C, are left out."""
    values: list[_Value] = []
    last = min(place + 2 * MAX_LITERAL, len(code))
    while place < last:
        place = _end(_SEPARATORS, code, place)
        if code.startswith(")", place):
            return values, place + 1
        is_out = code.startswith("&", place)
        place = _end(_KEYWORD, code, place + is_out)
        if (value := _value(code, place)) is not None:
            values.append(value)
            place = value.end
        elif (name := _SIZE.match(code, place) or _NAME.match(code, place)) is not None:
            if name[0] in known and not is_out:
                values.append(replace(known[name[0]], stands_there=False))
            place = name.end()
        else:
            break
        if not _is_next(code, place):
            break
    return [], place


def _is_next(code: str, place: int) -> bool:
    """Whether an argument ends here."""
    place = _end(_WHITE, code, place)
    return code[place : place + 1] in {",", ")"}


def _end(pattern: re.Pattern[str], code: str, place: int) -> int:
    found = pattern.match(code, place)
    return found.end() if found is not None else place


def _value(code: str, place: int, depth: int = 0) -> _Value | None:
    """The value at a place; None where none stands there.

    A string is "s", an empty one "s0", a whole number "n", another "f", the constants "T", "F" and "N"; a list has how
    many and which: "[3n]", "[2[2n][3n]]", and a table, of keys and values, "{2ns]".
    """
    begin = place = _end(_BLANKS, code, _end(_TYPE, code, _end(_BLANKS, code, place)))
    closing = _CLOSING.get(code[place : place + 1])
    if closing is None:
        atom = _ATOM.match(code, place)
        return None if atom is None or atom.lastgroup is None else _Value(atom.lastgroup, atom[0], atom.end())
    if depth == MAX_DEPTH:
        return None
    count, kinds, is_table = 0, set[str](), False
    place += 1
    while place - begin <= MAX_LITERAL:
        place = _end(_SEPARATORS, code, place)
        if code.startswith(closing, place):
            shape = f"{'{' if is_table else '['}{count}{''.join(sorted(kinds))}]"
            return _Value(shape, code[begin : place + 1], place + 1)
        if code.startswith("...", place):
            place += 3
            continue
        if (value := _value(code, place, depth + 1)) is None:
            break
        kinds.add(value.shape)
        place = value.end
        if code.startswith(":", after := _end(_BLANKS, code, place)):
            if (value := _value(code, after + 1, depth + 1)) is None:
                break
            kinds.add(value.shape)
            place, is_table = value.end, True
        count += 1
    return None


def shape_nats(programs: int, counts: Mapping[str, int]) -> ShapeNats:
    """How much each shape says, from how many of a benchmark's programs with examples have it."""
    return ShapeNats({s: math.log((programs + 1) / (n + 0.5)) for s, n in counts.items()}, math.log(2 * programs + 2))


@dataclass(frozen=True, slots=True)
class ShapeNats:
    """How much the shapes of examples say among the programs of a benchmark."""

    of: Mapping[str, float]
    unknown: float
    """Of a shape that no program has."""

    def shared(self, one: Examples, other: Examples) -> tuple[float, float]:
        """(nats of the shapes that both have, their share in [0, 1] of the geometric mean of each side's nats); 0 and 0
        where one has no examples. What comes out is left aside where it is not known of both."""
        if not one or not other:
            return 0.0, 0.0
        results = one.have_results and other.have_results
        own, others = (
            {s: n for s, n in side.shapes if results or not (s.startswith("out ") or " > " in s)}
            for side in (one, other)
        )
        shared = sum(self._nats(s) * min(n, others[s]) for s, n in own.items() if s in others)
        totals = [sum(self._nats(s) * n for s, n in side.items()) for side in (own, others)]
        return shared, shared / math.sqrt(totals[0] * totals[1])

    def _nats(self, shape: str) -> float:
        return self.of.get(shape, self.unknown)
