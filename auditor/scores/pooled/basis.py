"""Columns of the pooled regression: standardised linear terms, and smooth bumps for what is not linear in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LINEAR_PRIOR_VARIANCE = 0.16
"""Prior variance of the linear part on standardised columns, shared over the columns, in units of the scores' own
variance. It decides how far the fit is trusted beyond the crowd; chosen on injections (`benchmarks/scores.md`)."""
SMOOTH_PRIOR_VARIANCE = 0.16
"""Prior variance of the smooth departure from the linear fit, in the same units."""
SMOOTH_LENGTH = 3.0
"""Length scale of the smooth, in units of root-mean-square standardised distance: bends over a whole board, not within
a cluster, or the smooth would follow the very models it is to judge."""
INTERCEPT_PRIOR_VARIANCE = 6.5
MAX_LANDMARKS = 24
"""Bumps of the smooth. More changed no result on boards of 120 to 7,000 models, and cost is quadratic in it."""


class Standardised(NamedTuple):
    """Columns brought to median 0 and SD 1, so that one prior fits all."""

    columns: Floats
    """(n, k)."""
    centre: Floats
    scale: Floats


def standardise(columns: Floats, use: NDArray[np.bool_]) -> Standardised:
    """Centre on the median and divide by the SD of the rows in `use`; a constant column becomes 0."""
    if not use.any() or columns.shape[1] == 0:
        k = columns.shape[1]
        return Standardised(np.zeros_like(columns), np.zeros(k), np.ones(k))
    centre = np.median(columns[use], axis=0)
    spread = columns[use].std(axis=0)
    scale = np.where(spread > 1e-9, spread, np.inf)
    # beyond six SD nothing more is learned from how far out a covariate lies, and one typing error would rule the fit
    return Standardised(np.clip((columns - centre) / scale, -6.0, 6.0), centre, scale)


def landmarks(columns: Floats, use: NDArray[np.bool_], how_many: int | None = None) -> Floats:
    """Points of the board spread evenly by farthest-point choice: deterministic, and covers its edges.

    Args:
        columns: (n, k) standardised.
        use: which rows may be chosen.
        how_many: where None six for each column, 24 at most.
    Returns:
        (m, k) with m <= how_many distinct points.
    """
    how_many = min(MAX_LANDMARKS, 6 * columns.shape[1]) if how_many is None else how_many
    points = columns[use]
    if len(points) > 4000:
        points = points[np.linspace(0, len(points) - 1, 4000).astype(int)]
    if len(points) == 0 or how_many == 0:
        return np.empty((0, columns.shape[1]))
    chosen = [int(np.argmin((points**2).sum(axis=1)))]
    distance = ((points - points[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < min(how_many, len(points)) and distance.max() > 1e-6:
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return np.asarray(points[chosen])


def _bumps(a: Floats, b: Floats) -> Floats:
    k = max(a.shape[1], 1)
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2.0 * a @ b.T
    return np.asarray(np.exp(-np.maximum(squared, 0.0) / k / (2.0 * SMOOTH_LENGTH**2)))


def design(columns: Floats, centres: Floats, variance: float) -> tuple[Floats, Floats]:
    """The regression's columns with unit prior variance each folded into them.

    A Gaussian process with a linear and a squared-exponential kernel, projected on `centres` (Nyström): its draws are
    `design @ coefficients` with independent coefficients, so the fit is a ridge regression whatever the board's size.

    Args:
        columns: (n, k) standardised.
        centres: (m, k), from `landmarks`.
        variance: of the scores, squared logits: the unit of the prior.
    Returns:
        (n, 1 + k + r) columns, and the prior variance of each.
    """
    n, k = columns.shape
    parts = [np.ones((n, 1)), columns]
    prior = [np.full(1, INTERCEPT_PRIOR_VARIANCE), np.full(k, LINEAR_PRIOR_VARIANCE / max(k, 1))]
    if len(centres) > 1:
        values, vectors = np.linalg.eigh(_bumps(centres, centres))
        # directions that carry less than a thousandth of the smooth are round-off and cost
        keep = values > 1e-4 * values.max()
        parts.append(_bumps(columns, centres) @ (vectors[:, keep] / np.sqrt(values[keep])))
        prior.append(np.full(int(keep.sum()), SMOOTH_PRIOR_VARIANCE))
    return np.hstack(parts), np.concatenate(prior) * variance
