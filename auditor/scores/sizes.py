"""Parameter counts as people write them: 7B, 8x7B, 350M, 1.1e9, 57B-A14B."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_PLAIN = re.compile(r"^[~≈]?\s*([+-]?\d+(?:[.,]\d+)*(?:e[+-]?\d+)?)\s*([kmbtg])?\.?\s*(?:params?|parameters)?$", re.I)
_MIXTURE = re.compile(r"^(\d+)\s*[x×]\s*(\d+(?:\.\d+)?)\s*([mb])(?:[-\s]?a(\d+(?:\.\d+)?)\s*([mb]))?$", re.I)
_ACTIVE = re.compile(r"^(\d+(?:\.\d+)?)\s*([mb])[-\s/(]*a(?:ctive)?[-\s:]*(\d+(?:\.\d+)?)\s*([mb])\)?$", re.I)
_UNIT = {"k": 1e-6, "m": 1e-3, "b": 1.0, "g": 1.0, "t": 1e3}
_IN_NAME = re.compile(r"(?<![a-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)(b|m)(?:[-_]?a(\d+(?:\.\d+)?)b)?(?![a-z0-9])", re.I)

KNOWN_MIXTURES = {(8, 7.0): (46.7, 12.9), (8, 22.0): (140.6, 39.1)}
"""Mixtral 8x7B and 8x22B: experts share attention, so the total is less than the product; (total, active), from their
model cards."""
LARGEST_B = 1e5
"""Above a hundred trillion parameters a number is something else."""


@dataclass(frozen=True, slots=True)
class Size:
    """A parameter count."""

    total_b: float
    """All parameters, in billions."""
    active_b: float = math.nan
    """Parameters that work on one token, in billions; NaN where not told."""
    note: str = ""
    """What a reader should know of how it was read."""


def _number(text: str) -> float:
    # 7,000,000,000 has thousands separators; 6,7 is a decimal comma
    if re.fullmatch(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", text):
        return float(text.replace(",", ""))
    return float(text.replace(",", "."))


def _mixture(experts: int, each: float, active: float) -> Size | None:
    if experts < 1 or each <= 0:
        return None
    if (experts, each) in KNOWN_MIXTURES and math.isnan(active):
        total, active = KNOWN_MIXTURES[experts, each]
        return Size(total, active, f"{experts}x{each:g}B read as Mixtral's {total:g}B, {active:g}B active")
    return Size(experts * each, active, f"{experts}x{each:g}B read as the product; shared layers make it less")


def parse_size(value: object, *, plain_unit: float | None = None) -> Size | None:
    """Parameter count of a cell, or None where it holds none (empty, text, zero, negative, not finite).

    Args:
        value: number or text.
        plain_unit: billions for each unit of a bare number, when the column's header says it; without it a bare
            number above 10,000 is a count of parameters and any other is billions.
    """
    text = str(value).strip() if value is not None else ""
    if match := _MIXTURE.match(text):
        active = float(match[4]) * _UNIT[match[5].lower()] if match[4] else math.nan
        return _mixture(int(match[1]), float(match[2]) * _UNIT[match[3].lower()], active)
    if match := _ACTIVE.match(text):
        return Size(float(match[1]) * _UNIT[match[2].lower()], float(match[3]) * _UNIT[match[4].lower()])
    match = _PLAIN.match(text)
    if not match:
        return None
    try:
        number = _number(match[1])
    except ValueError:
        return None
    if match[2]:
        number *= _UNIT[match[2].lower()]
    elif abs(number) > 1e4:
        number /= 1e9
    elif plain_unit is not None:
        number *= plain_unit
    if not math.isfinite(number) or not 0 < number < LARGEST_B:
        return None
    return Size(number)


def size_in_name(model: str) -> Size | None:
    """Parameter count that a model's name states, or None; for use only where the reader is told so.

    >>> size_in_name("org/thing-1.5b-chat").total_b
    1.5
    """
    found = list(_IN_NAME.finditer(model.rsplit("/", 1)[-1].replace("_", "-")))
    if not found:
        return None
    experts, number, unit, active = found[0].groups()
    each = float(number) * _UNIT[unit.lower()]
    if experts:
        return _mixture(int(experts), each, float(active) if active else math.nan)
    return Size(each, float(active) if active else math.nan) if 0 < each < LARGEST_B else None


def looks_floored(sizes_b: list[float]) -> bool:
    """Whether a column of billions was cut to whole numbers: many values, all whole, and some of them 0."""
    known = [s for s in sizes_b if math.isfinite(s)]
    return len(known) >= 30 and all(s == int(s) for s in known) and any(s == 0 for s in known)
