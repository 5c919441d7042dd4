"""The plot that leaderboard communities draw, made right: each score against models of its size.

Everything is in points of the score. A plain z is shown because people know it; what decides is the leave-one-out t,
which is exact for Gaussian scores at every n >= 4, and cannot be capped at (n - 1) / sqrt(n) as the z is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

MIN_SCALE = 0.03
"""Floor of the MAD's scale, in score units: where most models guess the MAD collapses and every real model is odd."""
MODIFIED_ALPHA = 0.005
"""False alarms a model at the modified z's cutoff, one-sided."""
_CUTOFFS = {
    5: 8.95, 6: 5.47, 7: 5.78, 8: 4.58, 9: 4.63, 10: 4.06, 12: 3.78, 15: 3.58, 20: 3.23, 25: 3.10, 30: 2.99, 40: 2.88,
    50: 2.82, 70: 2.75, 100: 2.69, 200: 2.64, 500: 2.59, 1000: 2.59,
}  # fmt: skip
"""n to the modified z that .5 % of Gaussian models exceed, from `simulate_cutoff`; the famous 3.5 is right for n = 16
only. Odd and even n differ, so small ones are not interpolated."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Models of like size, by their scores on one benchmark."""

    label: str
    low_b: float
    high_b: float
    n: int
    """Models that are not at chance; the statistics are theirs."""
    at_chance: int
    mean: float
    sd: float
    median: float
    mad: float
    """Score units, [0, 1]."""
    cutoff: float
    """Modified z that is high at this n."""


@dataclass(frozen=True, slots=True)
class BucketView:
    """Bucket statistics of one benchmark; arrays of length n, NaN where there is nothing to say."""

    buckets: tuple[Bucket, ...]
    index: NDArray[np.int64]
    """Bucket of each row, -1 where the size is unknown."""
    n: NDArray[np.int64]
    z: Floats
    modified_z: Floats
    t: Floats
    """Leave-one-out t."""
    p: Floats
    """One-sided, df n - 2."""
    high: Bools
    """p at or below the level, in a bucket large enough."""
    stable: Bools
    """Whether `high` stays what it is with the bucket widened by its lower and by its upper neighbour."""


def bucket_labels(edges: Sequence[float]) -> tuple[str, ...]:
    """Names of the len(edges) + 1 buckets.

    >>> bucket_labels([1.5, 3])
    ('<1.5B', '1.5-3B', '>=3B')
    """
    inner = [f"{a:g}-{b:g}B" for a, b in zip(edges, list(edges)[1:], strict=False)]
    return (f"<{edges[0]:g}B", *inner, f">={edges[-1]:g}B")


def leave_one_out_t(x: Floats, member: Bools, wanted: Bools | None = None) -> tuple[Floats, Floats]:
    """t of each value against the mean and SD of the other members, and its one-sided p.

    t_i = (x_i - mean_(-i)) / (s_(-i) sqrt(1 + 1/(n-1))) with n - 2 degrees of freedom, from sums alone. A value that is
    no member is compared with all members (n of them, df n - 1). NaN below four values, or where the others are equal;
    p is NaN outside `wanted`.
    """
    values = x[member]
    n = len(values)
    t, p = np.full(len(x), np.nan), np.full(len(x), np.nan)
    if n < 4:
        return t, p
    centre = values.mean()
    squares = float(((values - centre) ** 2).sum())
    distance = x - centre
    # without i: n - 1 values, mean shifted by d / (n - 1), squares less d^2 n / (n - 1)
    inside_mean = -distance / (n - 1)
    inside_sd = np.sqrt(np.maximum(squares - distance**2 * n / (n - 1), 0.0) / (n - 2))
    # round-off of a bucket of equal scores is no spread
    tiny = 1e-9 * max(abs(centre), 1e-3)
    with np.errstate(invalid="ignore", divide="ignore"):
        inside = np.where(inside_sd > tiny, (distance - inside_mean) / (inside_sd * np.sqrt(1 + 1 / (n - 1))), np.nan)
        sd = np.sqrt(squares / (n - 1))
        outside = distance / (sd * np.sqrt(1 + 1 / n)) if sd > tiny else np.full(len(x), np.nan)
    t = np.where(member, inside, outside)
    # the upper tail is the lower one of -t
    ask = np.ones(len(x), dtype=bool) if wanted is None else wanted
    p[ask] = special.stdtr(np.where(member[ask], n - 2, n - 1), -t[ask])
    return t, p


def cutoff_for(n: int) -> float:
    """Modified z that is high among n Gaussian scores, interpolated in log n; inf below 5."""
    if n < 5:
        return float("inf")
    sizes = np.array(sorted(_CUTOFFS))
    return float(np.interp(np.log(n), np.log(sizes), [_CUTOFFS[s] for s in sizes]))


def simulate_cutoff(n: int, simulations: int = 100_000, seed: int = 1993) -> float:
    """The quantile that `_CUTOFFS` holds: of .6745 (x - median) / MAD over n Gaussian scores."""
    rng = np.random.default_rng([seed, n])
    found = []
    step = max(1, 2_000_000 // n)
    for start in range(0, simulations, step):
        x = rng.standard_normal((min(step, simulations - start), n))
        x -= np.median(x, axis=1, keepdims=True)
        found.append((0.6745 * x / np.median(np.abs(x), axis=1, keepdims=True)).ravel())
    return float(np.quantile(np.concatenate(found), 1.0 - MODIFIED_ALPHA))


def _one_bucket(label: str, low: float, high: float, x: Floats, member: Bools, at_chance: int) -> Bucket:
    values = x[member]
    n = len(values)
    median = float(np.median(values)) if n else float("nan")
    return Bucket(
        label=label,
        low_b=low,
        high_b=high,
        n=n,
        at_chance=at_chance,
        mean=float(values.mean()) if n else float("nan"),
        sd=float(values.std(ddof=1)) if n > 1 else float("nan"),
        median=median,
        mad=float(np.median(np.abs(values - median))) if n else float("nan"),
        cutoff=cutoff_for(n),
    )


def bucket_view(
    score: Floats, params_b: Floats, at_chance: Bools, items: int, edges: Sequence[float], alpha: float, min_bucket: int
) -> BucketView:
    """Compare each score with the models of its size.

    Args:
        score: (n,) in [0, 1], NaN where missing.
        params_b: (n,) billions, NaN where unknown.
        at_chance: rows that guess: in no statistic, and never high.
        items: of the benchmark, for the standard error.
        edges: ascending sizes in billions.
        alpha: one-sided level of the leave-one-out t.
        min_bucket: smallest bucket that may call a score high.
    """
    rows = np.isfinite(score) & np.isfinite(params_b)
    index = np.where(rows, np.searchsorted(np.asarray(edges), np.nan_to_num(params_b), side="right"), -1)
    shape = len(score)
    n = np.zeros(shape, dtype=np.int64)
    z, modified, t, p = (np.full(shape, np.nan) for _ in range(4))
    high, stable = np.zeros(shape, dtype=bool), np.ones(shape, dtype=bool)
    bounds = (0.0, *edges, float("inf"))
    buckets = []
    for k, label in enumerate(bucket_labels(edges)):
        here = index == k
        member = here & ~at_chance
        bucket = _one_bucket(label, bounds[k], bounds[k + 1], score, member, int((here & at_chance).sum()))
        buckets.append(bucket)
        n[here] = bucket.n
        if not here.any() or bucket.n == 0:
            continue
        if bucket.n > 1 and bucket.sd > 1e-12:
            z[here] = (score[here] - bucket.mean) / bucket.sd
        error = np.sqrt(bucket.median * (1.0 - bucket.median) / items)
        modified[here] = (score[here] - bucket.median) / max(1.4826 * bucket.mad, MIN_SCALE, error)
        t[here], p[here] = leave_one_out_t(score[here], member[here])
        if bucket.n >= min_bucket:
            high[here] = ~at_chance[here] & (p[here] <= alpha)
        for widened in (here | (index == k - 1), here | (index == k + 1)):
            others = widened & ~at_chance
            if k >= 0 and others.sum() > bucket.n and others.sum() >= min_bucket:
                _, wide_p = leave_one_out_t(score[widened], others[widened], here[widened])
                stable[here] &= high[here] == (~at_chance[here] & (wide_p[here[widened]] <= alpha))
    return BucketView(tuple(buckets), index, n, z, modified, t, p, high, stable)
