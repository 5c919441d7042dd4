"""Robust regression of logit scores, every family judged by a fit from which it was left out.

The model of one benchmark, for model i of family f:

    y_i = x_i' beta + u_f + e_i,   u_f ~ N(0, tau^2),   e_i ~ N(0, sigma^2 + s_i^2)

with a ridge prior on beta (`basis.design`), Tukey's biweight on e, and s_i^2 the sampling variance of a score on a
finite number of items. Fine-tunes of one base share u_f, so a family of 2,000 counts about as one witness, not as
2,000.

Leaving a family out needs no refit: with the weights held, the residuals of a left-out block follow from the block of
the hat matrix, r_(-f) = (I - G W)^-1 e with G = X_f A^-1 X_f' and W the block's inverse covariance (Cook and Weisberg
1982, section 2.2, for a block and a generalised least squares fit).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditor.scores.pooled.basis import design, landmarks, standardise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

BIWEIGHT_CUTOFF = 5.5
"""Of Tukey's biweight, in SDs. 4.685 is the textbook's 95 % efficiency; leaving the family out already protects the one
who is judged, so that honest residuals of 5 SD may still teach a little."""
ROUNDS = 5
BIG_FAMILY = 48
"""Above this a family is left out by solving for the coefficients, below by solving for its residuals."""
BATCH_ELEMENTS = 4_000_000
MIN_SCALE = 0.02
"""Floor of the residual SD in logits: half a point at 50 %. A board of copies would make every rounding an outlier."""


MAX_WHOLE_ROWS = 20_000
"""Boards up to here are fitted whole."""
MAX_FIT_ROWS = 6_000
"""Rows that a fit of thirty coefficients learns from. On larger boards whole families are drawn; the others are judged
by a fit that has never seen them, which is what leaving a family out is for."""
WITHIN_PRIOR_SHARE = 0.4
WITHIN_PRIOR_FREEDOM = 60.0
"""The spread within families is shrunk towards two fifths of the whole variance, as if 60 degrees of freedom had said
so (Smyth 2004's moderated variance): a few tight families would else make every odd sibling an outlier."""


@dataclass(frozen=True, slots=True)
class PooledFit:
    """What the fit says of each row; arrays of length n, NaN where a row has no prediction."""

    expected: Floats
    """Expected logit, from the board without the row's family."""
    leverage: Floats
    """h: variance of the expectation, in squared logits."""
    sd: Floats
    """SD of a new score of a new family around `expected`: sqrt(sigma^2 + tau^2 + h + s^2)."""
    z: Floats
    """(y - expected) / sd."""
    family_expected: Floats
    """Expected logit once the residuals of the row's siblings are known too (shrunken family mean)."""
    family_z: Floats
    """Residual from `family_expected` over its SD."""
    family_sd: Floats
    """SD of a new score around `family_expected`."""
    siblings: Floats
    """Sum of the robust weights of the siblings that `family_expected` rests on."""
    weight: Floats
    """Biweight in [0, 1] of each row in the fit; 0 where it was not fitted."""
    sigma: float
    """SD of a model within its family, logits."""
    tau: float
    """SD of family effects, logits."""
    families: int
    """Number of families fitted."""
    columns: int
    """Effective number of coefficients (trace of the smoother)."""


def tukey(u: Floats) -> Floats:
    """Biweight of residuals in units of the scale."""
    ratio = u / BIWEIGHT_CUTOFF
    return np.asarray(np.where(np.abs(ratio) < 1.0, (1.0 - ratio**2) ** 2, 0.0))


def weighted_median(values: Floats, weights: Floats) -> float:
    """Smallest value at which half of the weight is reached; NaN where there is none."""
    keep = np.isfinite(values) & (weights > 0)
    if not keep.any():
        return float("nan")
    order = np.argsort(values[keep], kind="stable")
    cumulative = np.cumsum(weights[keep][order])
    return float(values[keep][order][np.searchsorted(cumulative, 0.5 * cumulative[-1])])


def _mad_scale(residual: Floats, weights: Floats) -> float:
    return 1.4826 * weighted_median(np.abs(residual), weights)


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Rows sorted by family, and the families grouped by size, so that whole groups are solved at once."""

    order: Ints
    """Row numbers, family by family."""
    starts: Ints
    """Where each family begins in `order`."""
    sizes: Ints

    @classmethod
    def of(cls, family: Ints) -> _Blocks:
        order = np.argsort(family, kind="stable")
        _, starts, sizes = np.unique(family[order], return_index=True, return_counts=True)
        return cls(order, starts, sizes)

    def batches(self, limit: int) -> list[Ints]:
        """Row numbers as (families, size) arrays, one for each size up to `limit`, cut to a bounded memory."""
        found: list[Ints] = []
        for size in np.unique(self.sizes[self.sizes <= limit]):
            starts = self.starts[self.sizes == size]
            step = max(1, BATCH_ELEMENTS // int(size * max(size, 32)))
            found.extend(
                self.order[starts[at : at + step, None] + np.arange(size)[None, :]]
                for at in range(0, len(starts), step)
            )
        return found

    def large(self, limit: int) -> list[Ints]:
        """Row numbers of each family above `limit`."""
        return [
            self.order[start : start + size]
            for start, size in zip(self.starts, self.sizes, strict=True)
            if size > limit
        ]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A fit, and each row's residual from the fit without its family."""

    residual: Floats
    leverage: Floats
    """h, squared logits."""
    trace: float
    """Of the smoother: the effective number of coefficients."""
    coefficients: Floats
    """Of the fit with every family."""
    covariance: Floats
    """Of the coefficients."""


def leave_family_out(x: Floats, y: Floats, precision: Floats, family: Ints, prior: Floats, tau2: float) -> LeftOut:
    """Residual and leverage of each row from the fit without its family.

    Args:
        x: (n, m) design.
        y: (n,) logits.
        precision: (n,) weight over noise variance; 0 keeps a row out of the fit and still predicts it.
        family: (n,) codes from 0.
        prior: (m,) prior variance of each coefficient.
        tau2: variance of family effects.
    """
    count = int(family.max()) + 1 if len(family) else 0
    total = np.bincount(family, weights=precision, minlength=count)
    shrink = tau2 / (1.0 + tau2 * total)
    weighted = x * precision[:, None]
    order = np.argsort(family, kind="stable")
    sums = np.zeros((count, x.shape[1]))
    present, first = np.unique(family[order], return_index=True)
    if len(order):
        sums[present] = np.add.reduceat(weighted[order], first, axis=0)
    sum_y = np.bincount(family, weights=precision * y, minlength=count)
    data = weighted.T @ x - (sums * shrink[:, None]).T @ sums
    gram = data + np.diag(1.0 / prior)
    right = weighted.T @ y - (sums * shrink[:, None]).T @ sum_y
    inverse = np.linalg.inv(gram)
    inverse = 0.5 * (inverse + inverse.T)
    beta = inverse @ right
    error = y - x @ beta
    residual, leverage = np.empty(len(y)), np.empty(len(y))
    blocks = _Blocks(order, first, np.diff(np.append(first, len(order))))
    for rows in blocks.batches(BIG_FAMILY):
        block = x[rows]
        hat = block @ inverse @ block.transpose(0, 2, 1)
        p = precision[rows]
        k = shrink[family[rows[:, 0]]]
        hat_weight = hat * p[:, None, :] - (hat @ p[:, :, None]) * (k[:, None] * p)[:, None, :]
        left = np.eye(rows.shape[1])[None] - hat_weight
        solved = np.linalg.solve(left, np.concatenate([error[rows][:, :, None], hat], axis=2))
        residual[rows] = solved[:, :, 0]
        leverage[rows] = np.diagonal(solved[:, :, 1:], axis1=1, axis2=2)
    for rows in blocks.large(BIG_FAMILY):
        block, p = x[rows], precision[rows]
        code = family[rows[0]]
        own = (block * p[:, None]).T @ block - shrink[code] * np.outer(sums[code], sums[code])
        own_y = block.T @ (p * y[rows]) - shrink[code] * sums[code] * sum_y[code]
        without = np.linalg.inv(gram - own)
        residual[rows] = y[rows] - block @ (without @ (right - own_y))
        leverage[rows] = np.einsum("ij,jk,ik->i", block, without, block)
    return LeftOut(residual, np.maximum(leverage, 0.0), float(np.trace(inverse @ data)), beta, inverse)


def family_mean(
    residual: Floats, precision: Floats, family: Ints, prior_variance: Floats
) -> tuple[Floats, Floats, Floats]:
    """Mean and variance of the family's effect for each row, from its siblings only (best linear prediction).

    `prior_variance` (n,) is what is not known of the family's place beforehand: tau^2 and the leverage.
    Returns mean (n,), variance (n,) and the siblings' summed precision (n,).
    """
    count = int(family.max()) + 1 if len(family) else 0
    total = np.bincount(family, weights=precision, minlength=count)[family] - precision
    weighted = np.bincount(family, weights=precision * residual, minlength=count)[family] - precision * residual
    # a sum less one of its own terms leaves round-off, which must not pass for a sibling
    total = np.where(total > 1e-9 * (precision + 1e-12), total, 0.0)
    weighted = np.where(total > 0, weighted, 0.0)
    variance = prior_variance / (1.0 + prior_variance * total)
    return variance * weighted, variance, total


def _variance_parts(residual: Floats, weight: Floats, family: Ints, sampling: Floats) -> tuple[float, float]:
    """(sigma, tau) from left-out residuals: spread of siblings round each other, and what the whole spread has more."""
    count = int(family.max()) + 1
    sizes = np.bincount(family, weights=(weight > 0).astype(float), minlength=count)
    share = np.where(weight > 0, 1.0 / np.maximum(sizes[family], 1.0), 0.0)
    whole = _mad_scale(residual - weighted_median(residual, share), share)
    paired = (sizes[family] >= 2) & (weight > 0)
    whole2 = max(whole**2, MIN_SCALE**2)
    noise = weighted_median(sampling, share)
    if paired.sum() >= 8:
        # the difference to the family's median loses a degree of freedom to it, as a mean would
        order = np.lexsort((residual, family))
        order = order[paired[order]]
        codes = family[order]
        _, start, length = np.unique(codes, return_index=True, return_counts=True)
        middle = 0.5 * (residual[order][start + (length - 1) // 2] + residual[order][start + length // 2])
        deviation = residual[order] - np.repeat(middle, length)
        correction = np.repeat(np.sqrt(length / (length - 1.0)), length)
        within = 1.4826 * weighted_median(np.abs(deviation * correction), share[order])
        # in pairs both deviations are the same number: the median of |d| is then that of one half-normal, as wanted
        freedom = float((length - 1).sum())
        found = min(max(within**2 - noise, 0.0), whole2)
    else:
        freedom = found = 0.0
    sigma2 = (WITHIN_PRIOR_FREEDOM * WITHIN_PRIOR_SHARE * whole2 + freedom * found) / (WITHIN_PRIOR_FREEDOM + freedom)
    sigma2 = max(sigma2, 0.25 * MIN_SCALE**2)
    return float(np.sqrt(sigma2)), float(np.sqrt(max(whole2 - sigma2 - noise, 0.05 * whole2)))


def _whole_families(codes: Ints, fitted: Bools) -> Ints:
    """Rows that the fit learns from: all, or on large boards those of families drawn with a fixed seed."""
    if len(codes) <= MAX_WHOLE_ROWS:
        return np.arange(len(codes))
    sizes = np.bincount(codes)
    order = np.random.default_rng(2011).permutation(len(sizes))
    # a family that alone is half the board would leave no room for others
    drawn = order[np.cumsum(np.minimum(sizes[order], MAX_FIT_ROWS // 10)) <= MAX_FIT_ROWS]
    member = np.zeros(len(sizes), dtype=bool)
    member[drawn] = True
    rows = np.flatnonzero(member[codes])
    return rows if fitted[rows].sum() >= MAX_FIT_ROWS // 4 else np.arange(len(codes))


def _for_everyone(
    solved: LeftOut, weight: Floats, sample: Ints, x: Floats, y: Floats, noise: Floats, fitted: Bools, variance: float
) -> tuple[Floats, Floats, Floats]:
    """Residual, leverage and weight of all rows: families outside the sample are left out of the fit as it is."""
    if len(sample) == len(y):
        return solved.residual, solved.leverage, weight
    residual = y - x @ solved.coefficients
    leverage = np.maximum(((x @ solved.covariance) * x).sum(axis=1), 0.0)
    weights = np.where(fitted, tukey(residual / np.sqrt(variance + leverage + noise)), 0.0)
    residual[sample], leverage[sample], weights[sample] = solved.residual, solved.leverage, weight
    return residual, leverage, weights


def fit_pooled(
    covariates: Floats, y: Floats, sampling_variance: Floats, family: Ints, use: Bools, predict: Bools
) -> PooledFit:
    """Fit the board and judge each family by the fit without it.

    Args:
        covariates: (n, k) with no NaN in rows of `predict`.
        y: (n,) logits.
        sampling_variance: (n,) s^2, squared logits.
        family: (n,) integer codes.
        use: rows that may be fitted (not at chance, not known to be flagged).
        predict: rows that are to be judged; `use` must be a part of it.
    Returns:
        a PooledFit with NaN outside `predict`.
    """
    rows = np.flatnonzero(predict)
    _, codes = np.unique(family[rows], return_inverse=True)
    fitted = use[rows]
    standard = standardise(covariates[rows], fitted)
    noise, target = sampling_variance[rows], y[rows]
    centre = float(np.median(target[fitted]))
    spread = max(1.4826 * float(np.median(np.abs(target[fitted] - centre))), MIN_SCALE)
    whole = max(float(np.var(np.clip(target[fitted] - centre, -3.0 * spread, 3.0 * spread))), MIN_SCALE**2)
    x, prior = design(standard.columns, landmarks(standard.columns, fitted), whole)
    sample = _whole_families(codes, fitted)
    taught, kin = fitted[sample], codes[sample]
    sigma = tau = spread / 2.0
    weight = taught.astype(float)
    solved = LeftOut(np.zeros(0), np.zeros(0), 0.0, np.zeros(0), np.zeros((0, 0)))
    for _ in range(ROUNDS):
        precision = weight / (sigma**2 + noise[sample])
        solved = leave_family_out(x[sample], target[sample] - centre, precision, kin, prior, tau**2)
        mean, variance, _ = family_mean(solved.residual, precision, kin, tau**2 + solved.leverage)
        sigma, tau = _variance_parts(solved.residual, weight, kin, noise[sample])
        outer = solved.residual / np.sqrt(sigma**2 + tau**2 + solved.leverage + noise[sample])
        inner = (solved.residual - mean) / np.sqrt(sigma**2 + variance + noise[sample])
        weight = np.where(taught, np.minimum(tukey(outer), tukey(inner)), 0.0)
    residual, leverage, weight = _for_everyone(
        solved, weight, sample, x, target - centre, noise, fitted, sigma**2 + tau**2
    )
    mean, variance, total = family_mean(residual, weight / (sigma**2 + noise), codes, tau**2 + leverage)

    def spread_out(values: Floats) -> Floats:
        full = np.full(len(y), np.nan)
        full[rows] = values
        return full

    sd = np.sqrt(sigma**2 + tau**2 + leverage + noise)
    family_sd = np.sqrt(sigma**2 + variance + noise)
    return PooledFit(
        expected=spread_out(target - residual),
        leverage=spread_out(leverage),
        sd=spread_out(sd),
        z=spread_out(residual / sd),
        family_expected=spread_out(target - residual + mean),
        family_z=spread_out((residual - mean) / family_sd),
        family_sd=spread_out(family_sd),
        siblings=spread_out(total * (sigma**2 + noise)),
        weight=spread_out(weight),
        sigma=sigma,
        tau=tau,
        families=len(np.unique(codes[fitted])),
        columns=round(solved.trace),
    )
