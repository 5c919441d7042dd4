"""How far a z must lie to be rare: a tail fitted to the board's own families, the extremes left out of the fit.

The residuals of leaderboards have heavier tails than a Gaussian. A t distribution is fitted to one member of each
family; the highest families are only counted, not located (censored), so that what is to be found does not widen the
scale it is found by (Efron 2004's empirical null, one-sided). Degrees of freedom and scale are averaged over their
likelihood, not chosen: with forty families nobody knows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_FREEDOMS = (3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 30.0, 200.0)
_SCALES = tuple(np.geomspace(1.0, 6.0, 30))
"""From 1: a board of near-copies may look tighter than its own standard errors, and is not believed."""
FREEDOM_PRIOR = 12.0
"""Log prior of the degrees of freedom is -12 / df: without evidence, tails like a t of a dozen."""
LARGE_BOARD = 200
"""Families from which the upper half alone says what is rare upwards. Low scores have other causes (a broken prompt),
and on large boards they would hide what is high; on small ones both halves are needed to say anything."""


@dataclass(frozen=True)
class Tail:
    """Upper tail of z under "nothing is odd here"."""

    centre: float
    scales: tuple[float, ...]
    freedoms: tuple[float, ...]
    weights: tuple[float, ...]
    families: int
    """J: how many families the tail rests on."""
    sorted_z: Floats
    """Largest z of each family, ascending, for the empirical p."""

    def p_value(self, z: Floats) -> Floats:
        """One-sided p of each z; NaN stays NaN."""
        total = np.zeros(np.shape(z))
        for scale, freedom, weight in zip(self.scales, self.freedoms, self.weights, strict=True):
            total += weight * special.stdtr(freedom, (self.centre - np.asarray(z)) / scale)
        return total

    @cached_property
    def _table(self) -> tuple[Floats, Floats]:
        grid = np.concatenate([np.linspace(-12, 12, 481), np.geomspace(12.1, 1e4, 120)])
        return grid, np.maximum(self.p_value(grid), SMALLEST_P)

    def fast_p_value(self, z: Floats) -> Floats:
        """`p_value` by interpolation of log p, within 1 %: for boards of 100,000 models."""
        grid, p = self._table
        return np.asarray(np.exp(np.interp(z, grid, np.log(p))))

    def quantile(self, p: float) -> float:
        """z whose one-sided p is `p`."""
        grid, values = self._table
        return float(np.interp(-np.log(p), -np.log(values), grid))

    def empirical_p(self, z: Floats) -> Floats:
        """(1 + families with a z at least as high) / (1 + J); never below 1 / (1 + J)."""
        above = len(self.sorted_z) - np.searchsorted(self.sorted_z, z, side="left")
        return np.where(np.isfinite(z), (1.0 + above) / (1.0 + len(self.sorted_z)), np.nan)


SMALLEST_P = 1e-12
"""No board knows its own tail further than this."""
MAX_VALUES = 5_000
"""Families that a tail is fitted to; of more, evenly spaced order statistics say the same."""


def one_of_each(family: NDArray[np.int64], use: NDArray[np.bool_]) -> NDArray[np.int64]:
    """One row of each family among those in `use`, drawn with a fixed seed: by rank or by score would be a
    selection."""
    rows = np.flatnonzero(use)
    rows = rows[np.random.default_rng(20_240_613).permutation(len(rows))]
    _, first = np.unique(family[rows], return_index=True)
    return np.asarray(rows[first])


def family_maximum(z: Floats, family: NDArray[np.int64]) -> Floats:
    """Highest z of each family, ascending; NaN left out."""
    rows = np.flatnonzero(np.isfinite(z))
    if len(rows) == 0:
        return np.empty(0)
    order = rows[np.lexsort((z[rows], family[rows]))]
    last = np.flatnonzero(np.append(family[order][1:] != family[order][:-1], True))
    return np.sort(z[order[last]])


def _log_density(t: Floats, freedom: Floats) -> Floats:
    constant = special.gammaln((freedom + 1) / 2) - special.gammaln(freedom / 2) - 0.5 * np.log(freedom * np.pi)
    return np.asarray(constant - (freedom + 1) / 2 * np.log1p(t * t / freedom))


def fit_tail(z: Floats, family: NDArray[np.int64], use: NDArray[np.bool_]) -> Tail:
    """Fit the upper tail of z.

    Args:
        z: (n,) standardised residuals, NaN where not judged.
        family: (n,) codes.
        use: rows that may say what is ordinary (fitted ones).
    """
    chosen = one_of_each(family, use & np.isfinite(z))
    values = np.sort(z[chosen])
    if len(values) > MAX_VALUES:
        values = values[np.linspace(0, len(values) - 1, MAX_VALUES).round().astype(np.int64)]
    count = len(values)
    if count < 5:
        return Tail(0.0, (1.0,), (3.0,), (1.0,), count, family_maximum(z, family))
    centre = float(np.median(values))
    # one family in forty is allowed to be what is looked for, and six families on a small board
    high = float(np.quantile(values, 1.0 - min(max(0.025, 6.0 / count), 0.25))) - centre
    low = float(np.quantile(values, 0.75)) - centre if count >= LARGE_BOARD else -np.inf
    inside = values[(values - centre > low) & (values - centre <= high)] - centre
    below, above = int((values - centre <= low).sum()), int((values - centre > high).sum())
    scale, freedom = (a.ravel() for a in np.meshgrid(_SCALES, _FREEDOMS))
    likelihood = _log_density(inside[:, None] / scale, freedom).sum(axis=0) - len(inside) * np.log(scale)
    likelihood += above * np.log(special.stdtr(freedom, -high / scale))
    if below:
        likelihood += below * np.log(special.stdtr(freedom, low / scale))
    likelihood -= FREEDOM_PRIOR / freedom
    weight = np.exp(likelihood - likelihood.max())
    weight /= weight.sum()
    keep = weight > 1e-2
    weight = weight[keep] / weight[keep].sum()
    return Tail(
        centre, tuple(scale[keep]), tuple(freedom[keep]), tuple(weight), count, family_maximum(z, family)
    )  # fmt: skip
