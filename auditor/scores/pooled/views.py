"""The adjusted view of one benchmark: size-only, context and other-benchmarks fits, joined into one p."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from auditor.scores.pooled.covariates import Covariates, build_covariates, expit, logit, sampling_variance
from auditor.scores.pooled.regression import PooledFit, fit_pooled
from auditor.scores.pooled.tails import Tail, fit_tail, one_of_each

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditor.scores.config import ScoresConfig
    from auditor.scores.table import ScoreTable

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

FAMILY_WEIGHT = 1.5
"""Weight of the residual from the siblings beside that from the board. Chosen on injections: the siblings know the
recipe, the board knows when the whole family is odd."""
SIZE_WEIGHT = 0.45
"""Weight of the size-only z beside the other-benchmarks z: a leaked score is high for its size too."""
OTHERS_SHARE = 0.8
"""Share of the error rate that goes to the other-benchmarks fit; the rest to the context fit (weighted Bonferroni). The
first finds one leaked benchmark, the second a model all of whose benchmarks leaked."""


@dataclass(frozen=True, slots=True)
class View:
    """One fit of one benchmark; arrays of length n, NaN where the fit does not judge a row."""

    name: str
    """"size", "context" or "others"."""
    covariates: tuple[str, ...]
    expected: Floats
    """Expected score in [0, 1], from a fit without the row's family."""
    sd: Floats
    """SD of a new score around it, logits."""
    low: Floats
    """95 % prediction interval, in [0, 1], widened by the board's own tail."""
    high: Floats
    z_board: Floats
    z_family: Floats
    """Residual from what the siblings show, in SDs; equals `z_board` for a model alone in its family."""
    z: Floats
    """Both joined, variance 1 under the model."""
    p: Floats
    """One-sided, from the board's own tail."""
    p_empirical: Floats
    tail: Tail
    fit: PooledFit


@dataclass(frozen=True, slots=True)
class AdjustedView:
    """The verdict's statistics for one benchmark."""

    size: View
    context: View
    others: View | None
    z: Floats
    """Of the fit that speaks loudest for each row."""
    p: Floats
    """Of the weighted minimum over the two fits that judge (`combined_p`)."""
    by_others: Bools
    """Whether the other-benchmarks fit is the one that p comes from."""
    covariates: Covariates
    rare_means: Bools
    z_without_terms: Floats | None
    """z of the context fit without terms for how scores were got; None where all were got alike."""

    @property
    def main(self) -> View:
        """The fit whose expectation is shown unless the context fit found something."""
        return self.others if self.others is not None else self.context


def _floor(expected: Floats, points: float) -> Floats:
    """A spread of so many points as logits at the expected score."""
    return np.asarray(points / 100.0 / np.maximum(expected * (1.0 - expected), 0.05))


def _make_view(
    name: str,
    covariates: tuple[str, ...],
    fit: PooledFit,
    y: Floats,
    family: Ints,
    use: Bools,
    floor_points: float,
    join_with: Floats | None = None,
) -> View:
    expected = expit(fit.expected)
    floor = _floor(expected, floor_points)
    with np.errstate(invalid="ignore", divide="ignore"):
        sd = np.maximum(fit.sd, floor)
        family_residual = y - fit.family_expected
        family_sd = np.maximum(fit.family_sd, floor)
        z_board = (y - fit.expected) / sd
        z_family = family_residual / family_sd
        # the family residual is what is left of the board residual, so their correlation is the ratio of the SDs
        correlation = np.clip(family_sd / sd, 0.0, 1.0)
        z = (z_board + FAMILY_WEIGHT * z_family) / np.sqrt(1.0 + FAMILY_WEIGHT**2 + 2.0 * FAMILY_WEIGHT * correlation)
        if join_with is not None:
            rows = one_of_each(family, use & np.isfinite(z) & np.isfinite(join_with))
            a, b = np.clip(z[rows], -3, 3), np.clip(join_with[rows], -3, 3)
            shared = float(np.clip((a * b).mean() / max((b * b).mean(), 1e-9), 0.0, 1.0)) if len(rows) else 0.0
            z = (z + SIZE_WEIGHT * join_with) / np.sqrt(1.0 + SIZE_WEIGHT**2 + 2.0 * SIZE_WEIGHT * shared)
    tail = fit_tail(z, family, use)
    half = tail.quantile(0.025) * sd
    return View(
        name=name,
        covariates=covariates,
        expected=expected,
        sd=sd,
        low=expit(fit.expected - half),
        high=expit(fit.expected + half),
        z_board=z_board,
        z_family=z_family,
        z=z,
        p=np.where(np.isfinite(z), tail.fast_p_value(np.nan_to_num(z)), np.nan),
        p_empirical=tail.empirical_p(z),
        tail=tail,
        fit=fit,
    )


def combined_p(smallest: Floats, first: Floats, second: Floats) -> Floats:
    """p of min(p1 / w, p2 / (1 - w)) for two dependent tests, w = `OTHERS_SHARE`.

    Bonferroni's bound less what both tests count: P(p1 <= w t) + P(p2 <= (1 - w) t) - P(both), the last by a Gaussian
    copula whose correlation is that of the two on the board.

    Args:
        smallest: (n,) the weighted minimum, which may exceed 1; NaN stays NaN.
        first, second: p-values of one model of each family, for the correlation.
    """
    if len(first) < 5:
        return np.asarray(np.minimum(smallest, 1.0))
    scores = np.clip(special.ndtri(np.column_stack([first, second])), -3.0, 3.0)
    spread = scores.std(axis=0)
    correlation = float(np.corrcoef(scores.T)[0, 1]) if spread.min() > 0 else 0.0
    correlation = min(max(correlation, 0.0), 0.995)
    t = np.geomspace(1e-13, 1.0, 250)
    low, high = special.ndtri(OTHERS_SHARE * t), special.ndtri((1.0 - OTHERS_SHARE) * t)
    # P(both) = integral over the second's own rejection region of the first's probability given it
    share = (np.arange(400) + 0.5) / 400
    inner = special.ndtri(share[None, :] * (1.0 - OTHERS_SHARE) * t[:, None])
    given = special.ndtr((low[:, None] - correlation * inner) / np.sqrt(1.0 - correlation**2))
    both = given.mean(axis=1) * special.ndtr(high)
    exact = np.maximum.accumulate(np.clip(t - both, 1e-300, 1.0))
    found = np.exp(np.interp(np.log(np.clip(smallest, t[0], 1.0)), np.log(t), np.log(exact)))
    return np.asarray(np.where(np.isfinite(smallest), found, np.nan))


def adjusted_view(
    table: ScoreTable, j: int, family: Ints, fitted: Bools, judged: Bools, config: ScoresConfig
) -> AdjustedView:
    """Fit benchmark `j` three ways and join what the fits say.

    Args:
        table: the board.
        j: column of the benchmark.
        family: (n,) family codes.
        fitted: rows that may teach: with score and size, not at chance, not known to be flagged, not held out.
        judged: rows to be judged; contains `fitted`.
        config: thresholds.
    """
    items = table.benchmarks[j].items
    score = np.where(judged, np.nan_to_num(table.scores[:, j]), 0.5)
    y, noise = logit(score, items), sampling_variance(score, items)
    covariates, rare = build_covariates(table, j, judged)
    judged, fitted = judged & ~rare, fitted & ~rare

    def view(name: str, names: tuple[str, ...], columns: Floats, rows: Bools, join: Floats | None = None) -> View:
        fit = fit_pooled(columns, y, noise, family, fitted & rows, judged & rows)
        return _make_view(name, names, fit, y, family, fitted & rows, config.floor_points, join)

    everyone = np.ones(len(table), dtype=bool)
    terms = ("how the score was got",) if covariates.mean_terms else ()
    size = view("size", ("size", *terms), covariates.size, everyone)
    context = (
        view("context", ("size", *covariates.context_names, *terms), covariates.context, everyone)
        if covariates.context_names
        else size
    )
    others = None
    enough = len(np.unique(family[fitted & covariates.has_others])) >= config.min_families
    if covariates.others is not None and enough:
        names = ("size", *covariates.context_names, *covariates.other_names, *terms)
        others = view("others", names, covariates.others, covariates.has_others, size.z)
    bare = None
    if covariates.mean_terms:
        bare = view("bare", ("size",), covariates.context[:, : -covariates.mean_terms], everyone).z
    if others is None:
        p, by_others, z = context.p, np.zeros(len(table), dtype=bool), context.z
    else:
        first, second = others.p / OTHERS_SHARE, context.p / (1.0 - OTHERS_SHARE)
        alone = ~np.isfinite(others.p)
        by_others = ~alone & (first <= second)
        rows = one_of_each(family, fitted & ~alone & np.isfinite(context.p))
        smaller = combined_p(np.fmin(first, second), others.p[rows], context.p[rows])
        p = np.where(alone, context.p, smaller)
        z = np.where(by_others, others.z, context.z)
    return AdjustedView(size, context, others, z, p, by_others, covariates, rare, bare)
