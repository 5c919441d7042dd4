"""Many models, few independent ones: one p for each family, then the false discovery rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjusted p-values (q) of Benjamini and Hochberg 1995; NaN stays NaN and counts for nothing."""
    q = np.full(len(p), np.nan)
    rows = np.flatnonzero(np.isfinite(p))
    order = rows[np.argsort(p[rows], kind="stable")]
    m = len(order)
    if m:
        adjusted = p[order] * m / np.arange(1, m + 1)
        q[order] = np.minimum(np.minimum.accumulate(adjusted[::-1])[::-1], 1.0)
    return q


def benjamini_yekutieli(p: Floats) -> Floats:
    """q under any dependence (Benjamini and Yekutieli 2001): the BH one times the harmonic number."""
    m = int(np.isfinite(p).sum())
    harmonic = float((1.0 / np.arange(1, m + 1)).sum()) if m else 1.0
    return np.asarray(np.minimum(benjamini_hochberg(p) * harmonic, 1.0))


def within_family(p: Floats, family: NDArray[np.int64]) -> Floats:
    """p of each model adjusted for its family's size by BH within the family.

    The smallest of a family is its Simes p (Simes 1986), valid for positively dependent members, whichever of them one
    looks at: so the representative may be the most conspicuous member.
    """
    adjusted = np.full(len(p), np.nan)
    rows = np.flatnonzero(np.isfinite(p))
    if len(rows) == 0:
        return adjusted
    order = rows[np.lexsort((p[rows], family[rows]))]
    codes = family[order]
    _, start, size = np.unique(codes, return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(start, size) + 1
    values = p[order] * np.repeat(size, size) / rank
    # running minimum from the end of each family: families are shifted apart so that one accumulate serves all
    shift = np.repeat(np.arange(len(size)), size) * -10.0 * max(float(values.max()), 1.0)
    adjusted[order] = np.minimum.accumulate((values - shift)[::-1])[::-1] + shift
    return np.asarray(np.clip(adjusted, 0.0, 1.0))


def family_q(p: Floats, family: NDArray[np.int64]) -> tuple[Floats, int]:
    """q of each model by BH over families, and the number of families.

    A family enters with its Simes p; a member's q is the smallest level at which its family is found and the member's
    own adjusted p lies within what that level lets through.
    """
    adjusted = within_family(p, family)
    q = np.full(len(p), np.nan)
    rows = np.flatnonzero(np.isfinite(adjusted))
    if len(rows) == 0:
        return q, 0
    codes, inverse = np.unique(family[rows], return_inverse=True)
    smallest = np.full(len(codes), np.inf)
    np.minimum.at(smallest, inverse, adjusted[rows])
    ordered = np.sort(smallest)
    m = len(ordered)
    rank = np.maximum(np.searchsorted(ordered, adjusted[rows], side="right"), 1)
    steps = np.minimum.accumulate((ordered * m / np.arange(1, m + 1))[::-1])[::-1]
    following = np.append(steps, 1.0)[np.searchsorted(ordered, adjusted[rows], side="left")]
    q[rows] = np.minimum(np.minimum(adjusted[rows] * m / rank, following), 1.0)
    return q, m
