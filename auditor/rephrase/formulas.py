"""The formulas of a text: x + y and x * y are one to an embedding, and a rephrase mostly leaves them as they are."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import Final

SHORTEST: Final = 3
"""Signs of a formula at the least."""
_SIGNS: Final = re.compile(r"[A-Za-z\u00c0-\u03ff]+|[^\W\d_A-Za-z\u00c0-\u03ff]+|\d+(?:[.,]\d+)*|[^\w\s]|_")
_NAMED: Final = frozenset("sqrt sin cos tan log ln exp det mod gcd lcm lim max min dim deg ker".split())
_PUNCTUATION: Final = frozenset(".?!;:\"“”'’…$。、")
_OPERATOR: Final = re.compile(r"[=+*/^_<>|()\[\]{}×÷√−-]")
_WIDE: Final = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {ord("，"): ", "}


def narrow(text: str) -> str:
    """A text with signs of full width, as Chinese has them, as ASCII has them."""
    return text if text.isascii() else text.translate(_WIDE)


@lru_cache(maxsize=4096)
def formulas(text: str) -> tuple[str, ...]:
    """Runs of numbers, single letters and operators, blanks left out: x^2 + 1, f: A -> B, Z_8[x]."""
    signs = []
    for sign in _SIGNS.findall(narrow(text)):
        is_word = sign.isalpha() and (len(sign) > 1 or sign > "\u03ff") and sign.lower() not in _NAMED
        signs.append(" " if is_word or sign in _PUNCTUATION else sign)
    runs = (run.strip(",") for run in "".join(signs).split())
    return tuple(run for run in runs if len(run) >= SHORTEST and _OPERATOR.search(run) and re.search(r"\w", run))


def same_formulas(one: str, other: str) -> float:
    """From -1, no formula is in both texts, to 1, all are; 0 where one of the two has none."""
    first, second = Counter(formulas(one)), Counter(formulas(other))
    if not first or not second:
        return 0.0
    return 4 * (first & second).total() / (first.total() + second.total()) - 1
