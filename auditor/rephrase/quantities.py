"""Numbers and their units in a text, and whether two texts state the same ones.

An embedding hardly sees that 16 eggs became 18: the same words with other numbers are another problem, and only this
tells them apart. Numbers are compared by value, however they are written ("a quarter", 1/4, 0.25, 25 %; "an hour",
60 minutes; "a decade", 10 years).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from auditor.rephrase.formulas import narrow

if TYPE_CHECKING:
    from collections.abc import Sequence

Form = tuple[str, Fraction]
"""A value in a base unit, such as ("s", 3600) for an hour; the unit of a bare number is ""."""

CENTURIES: Final = 1000
"""Years from which on the 1800s are a century, the 19th, and no decade."""
MAX_DIGITS: Final = 24
"""Longer runs of digits are identifiers; they are compared by their first digits."""

_CARDINALS: Final = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
} | {word: 20 + 10 * n for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split())}
_ORDINALS: Final = {
    word: value
    for value, word in enumerate(
        "eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth "
        "twentieth".split(),
        11,
    )
}
"""Smaller ones are said in passing, or are parts."""
_MULTIPLES: Final = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_PARTS: Final = {
    word: Fraction(1, n)
    for n, words in {
        2: "half halves", 3: "third thirds", 4: "quarter quarters fourth fourths", 5: "fifth fifths",
        6: "sixth sixths", 7: "seventh sevenths", 8: "eighth eighths", 9: "ninth ninths", 10: "tenth tenths",
    }.items()
    for word in words.split()
}  # fmt: skip
_COUNTS: Final = {
    word: n
    for n, words in {
        1: "single", 2: "twice double doubled doubles both pair couple", 3: "thrice triple tripled triples",
        4: "quadruple", 12: "dozen dozens", 10: "decade decades",
    }.items()
    for word in words.split()
}  # fmt: skip
_UNITS: Final[dict[str, Form]] = {
    word: (base, Fraction(size))
    for base, size, words in (
        ("s", 1, "second seconds"), ("s", 60, "minute minutes"), ("s", 3600, "hour hours"),
        ("d", 1, "day days"), ("d", 7, "week weeks"),
        ("m", 1, "month months"), ("m", 3, "quarter quarters"), ("m", 12, "year years"), ("m", 120, "decade decades"),
        ("%", Fraction(1, 100), "% percent"),
        ("cent", 1, "cent cents"), ("cent", 100, "dollar dollars"),
        ("in", 1, "inch inches"), ("in", 12, "foot feet"),
    )
    for word in words.split()
}  # fmt: skip
_HAN_DIGITS: Final = {
    sign: n for n, signs in enumerate("零〇 一 二两兩 三 四 五 六 七 八 九".split()) for sign in signs
}
_HAN_POWERS: Final = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_HAN_NUMBER: Final = re.compile("[" + "".join((*_HAN_DIGITS, *_HAN_POWERS)) + "]+")
_THOUSANDS: Final = re.compile(r"(?<=\d)[.,](?=\d{3}(?!\d))")
_DECIMALS: Final = re.compile(r"(?<=\d),(?=\d{1,2}(?!\d))")
_DECADE: Final = re.compile(r"(?:(\d{1,2})世[纪紀])?(\d{1,3}0)(?:年代|er\b)")
"""20世纪70年代, 1970年代, die 70er."""
_HAN_POWER: Final = "(?:[十万萬亿億]|百(?!帕)|千(?![克米瓦卡赫帕焦伏升]|字节)){1,4}+(?!分)"
"""千克 is a kilogram, 百分 per cent."""
_WORD_POWER: Final = (
    r"(?ai:mil\s+millones|mil|mille|tausend|milliarden?|milliards?|millionen|millions?|mill[oóÓ]n|millones)\b"
)
_TIMES: Final = re.compile(
    rf"(?<!\d)(?<!\d[.,])\d[\d.,]*+\s*+(?:(?P<han>{_HAN_POWER}(?:\d[\d.,]*+(?:{_HAN_POWER})?)*+)|(?P<word>{_WORD_POWER}))"
)
"""100万, 3亿5000万, 3,5 Millionen, 20 mil."""
_TERM: Final = re.compile(rf"(\d[\d.,]*+)\s*+({_HAN_POWER}|)")
_TIMES_OF: Final = {
    "mil mill": 10**9, "tausend": 10**3, "milliard": 10**9, "mille": 10**3, "mill": 10**6, "mil": 10**3,
}  # fmt: skip
"""By how these words begin; the first that fits."""
_WITH_POINTS: Final = ("million", "millions")
"""Of these the number may be English, in which a point is never among thousands, or French."""
_COMMAS: Final = re.compile(r",(?=\d{3}(?!\d))")
"""Among thousands."""
_CENTURY: Final = re.compile(r"(\d{1,2})世[纪紀]")
_ALWAYS_PARTS: Final = frozenset({"half", "halves", "quarter", "quarters"})
_BETWEEN: Final = frozenset({"of", "a", "an", "more"})
_WORDS: Final = re.compile(
    r"(?:(?:\d{1,3}(?:,\d{3}){1,8}|\d{1,2}(?:,\d{2}){1,6},\d{3}|\d+)(?!\d)(?:\.\d+)?|(?<![\w.])\.\d+)"
    r"(?:\s?/\s?[1-9]\d*)?|%|[a-z]+"
)
"""Commas stand before three digits, or as in 1,00,000: (1,2) is two numbers."""
_ONE_UNIT: Final = re.compile(
    r"\b(?:an?|one|per|every|each)\s+(" + "|".join(unit for unit in _UNITS if unit.isalpha()) + r")\b"
)
_WEAK: Final = frozenset({Fraction(0), Fraction(1), Fraction(2), Fraction(1, 2)})
"""Values that words state in passing ("one of them", "both", "half the time"): in words they count for nothing."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of a text."""

    value: Fraction
    forms: frozenset[Form]
    """The value, and what it is in the base of the unit that follows; of the 1980s and the 80s, the decade; of the
    1800s and the 19th century, the century."""
    in_digits: bool

    @property
    def weak(self) -> bool:
        """Whether another text may leave it out and still say the same."""
        return not self.in_digits and self.value in _WEAK


@lru_cache(maxsize=4096)
def quantities(text: str) -> tuple[Quantity, ...]:
    """The numbers of `text` in order: digits, English number words and fractions, with the unit after each."""
    words = _WORDS.findall(text.lower())
    found: list[Quantity] = []
    place = 0
    while place < len(words):
        value, after = _value_at(words, place)
        if value is not None:
            found.append(Quantity(value, _forms(value, words, after), _is_digits(words[place])))
        place = after
    return tuple(found)


def _value_at(words: Sequence[str], place: int) -> tuple[Fraction | None, int]:
    """The number that begins at a word, and the place after it."""
    word = words[place]
    after = place + 1
    following = words[after] if after < len(words) else ""
    if _is_digits(word):
        value = _digits(word)
        return (value * _MULTIPLES[following], after + 1) if following in _MULTIPLES else (value, after)
    if word in _CARDINALS:
        value = Fraction(_CARDINALS[word])
        if value >= 20 and 0 < _CARDINALS.get(following, 0) < 10:
            value += _CARDINALS[following]
            after += 1
        while after < len(words) and words[after] in _MULTIPLES:
            value *= _MULTIPLES[words[after]]
            after += 1
        if after < len(words) and words[after] in _PARTS and words[after] != "half":
            value *= _PARTS[words[after]]
            after += 1
        return value, after
    if word in _ORDINALS:
        return Fraction(_ORDINALS[word]), after
    if word in _PARTS and (word in _ALWAYS_PARTS or (place > 0 and words[place - 1] == "a")):
        return _PARTS[word], after
    if word in _COUNTS:
        return Fraction(_COUNTS[word]), after
    return (Fraction(_MULTIPLES[word]), after) if word in _MULTIPLES else (None, after)


def _is_digits(word: str) -> bool:
    return word[0] == "." or word[0].isdigit()


def _digits(word: str) -> Fraction:
    number = word.replace(",", "").replace(" ", "")
    above, _, below = number.partition("/")
    value = Fraction(above[:MAX_DIGITS].rstrip("."))
    return value / int(below[:MAX_DIGITS]) if below else value


def _forms(value: Fraction, words: Sequence[str], after: int) -> frozenset[Form]:
    place = after
    while place < min(after + 3, len(words)) and words[place] in _BETWEEN:
        place += 1
    forms = {("", value)}
    following = words[after] if after < len(words) else ""
    if following == "s" and value >= CENTURIES and value % 100 == 0:
        forms.add(("century", value / 100 + 1))
    elif following == "s" and value % 10 == 0:
        forms.add(("decade", value % 100))
    if "century" in words[after : after + 2] and following in {"century", "st", "nd", "rd", "th"}:
        forms.add(("century", value))
    if place < len(words) and words[place] in _UNITS:
        base, size = _UNITS[words[place]]
        forms.add((base, value * size))
    return frozenset(forms)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the numbers of an item stand in another text."""

    stated: int
    """Different numbers of the item that matter."""
    missing: int
    """Those that the other text does not state."""
    added: int
    """Numbers of the other text that the item does not state."""


def compare_quantities(item: str, other: str, *, foreign: bool = False) -> Comparison:
    """Compare the numbers of two texts by value, as sets: what is said twice counts once.

    Args:
        foreign: the two are in different languages: only digits are compared, 80.000 may be 80,000, 1,5 may be 1.5,
            and 二十四 is 24.
    """
    if not foreign:
        return _compared(item, other, foreign=False)
    item, other = (
        _TIMES.sub(_product, _CENTURY.sub(r"\1th century ", _DECADE.sub(_decade, narrow(text))))
        for text in (item, other)
    )
    found = [_compared(item, other, foreign=True)]
    if item != (read := in_english_digits(item)):
        found.append(_compared(read, other, foreign=True))
    if other != (read := in_english_digits(other)):
        found.append(_compared(item, read, foreign=True))
    return min(found, key=lambda comparison: comparison.missing + comparison.added)


def _decade(found: re.Match[str]) -> str:
    """A decade as English says it."""
    century, years = found[1], found[2]
    return f"{100 * (int(century) - 1) + int(years)}s" if century and len(years) == 2 else f"{years}s"


def _product(found: re.Match[str]) -> str:
    """A number in digits with a power of ten after it, all in digits; as it stands where that is no whole number."""
    word = " ".join((found["word"] or "").lower().split())
    total = Fraction(0)
    for digits, power in _TERM.findall(found[0]):
        plain = digits.rstrip(".,")
        if word and word not in _WITH_POINTS:
            whole = _THOUSANDS.sub("", plain).replace(",", ".")
            times = next(n for begin, n in _TIMES_OF.items() if word.startswith(begin))
        else:
            whole = _COMMAS.sub("", plain).replace(",", ".")
            times = 10**6 if word else math.prod(_HAN_POWERS[sign] for sign in power)
        if whole.count(".") > 1:
            return found[0]
        total += Fraction(whole[:MAX_DIGITS]) * times
    return f"{total.numerator} " if total.denominator == 1 else found[0]


def _compared(item: str, other: str, *, foreign: bool) -> Comparison:
    of_item, of_other = quantities(item), quantities(other)
    in_item, in_other = _stated(item), _stated(other)
    if foreign:
        in_item, in_other = (
            stated | _readings(frozenset(("", value) for value in han_values(text)))
            for stated, text in ((in_item, item), (in_other, other))
        )
        # what is a word in one language may be digits in the other, but not the other way round
        of_item, of_other = (tuple(q for q in found if q.in_digits) for found in (of_item, of_other))
    missing = {q.value for q in of_item if not q.weak and not _readings(q.forms) & in_other}
    added = {q.value for q in of_other if not q.weak and not _readings(q.forms) & in_item}
    return Comparison(len({q.value for q in of_item if not q.weak}), len(missing), len(added))


def in_english_digits(text: str) -> str:
    """A text of another language with its digits as English has them: 80.000 is 80000, 1,5 is 1.5."""
    return _DECIMALS.sub(".", _THOUSANDS.sub("", text))


@lru_cache(maxsize=4096)
def han_values(text: str) -> frozenset[Fraction]:
    """The numbers that a text may state in Chinese: many words have such signs too."""
    return frozenset(Fraction(_han_value(signs)) for signs in _HAN_NUMBER.findall(text))


def _han_value(signs: str) -> int:
    """二十四 is 24, 一百二十 120, 三万五千 35000, 二〇二〇 2020."""
    if not any(sign in _HAN_POWERS for sign in signs):
        return int("".join(str(_HAN_DIGITS[sign]) for sign in signs)[:MAX_DIGITS])
    total = part = digit = 0
    for sign in signs:
        if sign in _HAN_DIGITS:
            digit = _HAN_DIGITS[sign]
        elif (power := _HAN_POWERS[sign]) < 10**4:
            part, digit = part + (digit or 1) * power, 0
        else:
            total, part, digit = total + (part + digit or 1) * power, 0, 0
    return total + part + digit


@lru_cache(maxsize=4096)
def _stated(text: str) -> frozenset[Form]:
    """All that a text states, "an hour" among it, which holds no number."""
    ones = {_UNITS[unit] for unit in _ONE_UNIT.findall(text.lower())}
    return _readings(frozenset(ones).union(*(q.forms for q in quantities(text))))


def _readings(forms: frozenset[Form]) -> frozenset[Form]:
    """The forms, and what else says the same: six times as old, a sixth as old; a quarter, 25 %."""
    more: set[Form] = set(forms)
    for base, value in forms:
        if base == "" and value > 1:
            more.add(("inverse", 1 / value))
        elif base == "" and 0 < value < 1:
            more |= {("inverse", value), ("%", value)}
    return frozenset(more)
