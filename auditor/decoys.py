"""Decoys: questions that nobody asked, looked for beside the real ones, to estimate how many findings are false.

A decoy is the first half of one item joined to the second half of another of the same benchmark, with the other's
answer. It has the words, phrases and boilerplate of the benchmark, but no training set was contaminated with it: a
scan that finds decoys "contaminated" would find about as many real items by chance. This is the target-decoy estimate
of proteomics (Elias and Gygi 2007, Nature Methods 4:207).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.types import Item

MOST_DECOYS = 500
"""Decoys for each benchmark: one false finding in five hundred items is seen, and the index grows little."""

CONFIDENCE = 0.95


def decoys_of(items: Sequence[Item], lengths: Sequence[int]) -> Iterator[Item]:
    """At most `MOST_DECOYS` decoys of a benchmark's items, whose questions have `lengths` tokens, the same ones every
    time.

    Items of about one length are joined, so that no half is nearly the whole decoy.
    """
    by_length = sorted(range(len(items)), key=lambda i: (lengths[i], i))
    step = max(1, math.ceil(len(items) / MOST_DECOYS))
    for position in range(0, len(items) - 1, step):
        first, second = by_length[position], by_length[position + 1]
        head, tail = items[first], items[second]
        question = f"{_half(head.question, 0)} {_half(tail.question, 1)}"
        yield replace(tail, item_id=f"decoy-{first}", question=question)


def _half(text: str, which: int) -> str:
    from auditor.index import tokens_of

    tokens = tokens_of(text)
    middle = len(tokens) // 2
    cut = tokens.char_span(middle, len(tokens))[0] if len(tokens) > middle else len(text)
    return text[cut:].strip() if which else text[:cut].strip()


@dataclass(frozen=True, slots=True)
class FalseDiscovery:
    """An estimate of the share of `contaminated` matches that are there by chance."""

    estimate: float | None
    """Decoys found for each item found, at the same number of both; None where no item was found."""
    upper: float | None
    """What the share is below with 95 % confidence, counting decoys as Poisson."""
    decoys: int
    """Decoys that were looked for."""
    decoys_found: int
    """Records and decoys that were called contaminated."""
    found: int
    """Records and items that were."""


def estimate(items: int, decoys: int, decoys_found: int, found: int) -> FalseDiscovery:
    """The false discovery rate that follows from `decoys_found` matches of `decoys`, for `found` matches of `items`."""
    if not found or not decoys:
        return FalseDiscovery(None, None, decoys, decoys_found, found)
    scale = items / decoys / found
    return FalseDiscovery(
        estimate=min(1.0, decoys_found * scale),
        upper=min(1.0, poisson_upper(decoys_found) * scale),
        decoys=decoys,
        decoys_found=decoys_found,
        found=found,
    )


def poisson_upper(count: int) -> float:
    """The mean of a Poisson distribution that gives more than `count` with probability `CONFIDENCE` (Garwood 1936)."""

    def at_most(mean: float) -> float:
        return sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count + 1))

    low, high = count + 1e-9, count + 4.0 + 4.0 * math.sqrt(count + 1)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(middle) > 1 - CONFIDENCE else (low, middle)
    return high
