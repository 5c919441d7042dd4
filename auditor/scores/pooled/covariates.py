"""What a score is expected from: size, compute, date, how it was got, and the other benchmarks, guarded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditor.scores.pooled.regression import tukey

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditor.scores.table import ScoreTable

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

COVARIATE_SHARE = 0.005
"""Added to both sides of a covariate's odds. Below half a point a score says nothing more (GSM8K at 0 or at .2 %), and
its logit would be the longest lever on the board."""
GUARD_HIGH = 2.0
"""SDs above what a model's remaining benchmarks say, at which a covariate is cut. A benchmark that leaked too must not
raise what is expected of the next: cutting costs .002 of AUROC where one leaks and wins .10 where two do."""
GUARD_LOW = 4.0
"""The same below: a broken prompt on one benchmark must not make all others look too good. Wider, because honest models
are uneven downwards (code models, languages)."""
MAX_LINE_ROWS = 10_000
"""Rows that a line through a covariate is fitted to; of more, every k-th."""
KNOWN_SHARE = 0.5
"""Share of the rows that must know a covariate for it to be used; the rest is filled by regression."""


def logit(p: Floats, items: int) -> Floats:
    """log((k + 1/2) / (n - k + 1/2)) for k = p n right of n items."""
    return np.asarray(np.log((p * items + 0.5) / ((1.0 - p) * items + 0.5)))


def expit(y: Floats) -> Floats:
    """Inverse of the logit, without overflow."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(y, -50, 50))))


def sampling_variance(p: Floats, items: int) -> Floats:
    """s^2 = 1 / (n p (1 - p)) of a logit, with p kept half an item from 0 and 1."""
    inner = np.clip(p, 0.5 / items, 1.0 - 0.5 / items)
    return np.asarray(1.0 / (items * inner * (1.0 - inner)))


@dataclass(frozen=True, slots=True)
class Covariates:
    """Columns for the three fits of one benchmark."""

    size: Floats
    """log10 parameters and its square, and terms for how the score was got."""
    context: Floats
    """The same with compute, training tokens and date, where the board knows them."""
    others: Floats | None
    """Context with the other benchmarks; None where there are none."""
    has_others: Bools
    """Rows with at least half of the other benchmarks."""
    context_names: tuple[str, ...]
    other_names: tuple[str, ...]
    mean_terms: int
    """Number of columns at the end of `size` that say how the score was got."""


def robust_line(x: Floats, y: Floats, use: Bools, rounds: int = 8) -> tuple[Floats, float]:
    """Prediction of y for every row by Tukey's biweight on the rows in `use`, and the scale of its residuals.

    The scale is the larger of the MAD and the 90th percentile's, since covariates have heavy tails that are honest.
    """
    rows = np.flatnonzero(use)
    rows = rows[:: max(1, len(rows) // MAX_LINE_ROWS)]
    centre, spread = x[rows].mean(axis=0), x[rows].std(axis=0)
    spread = np.where(spread > 1e-9, spread, np.inf)
    columns = np.column_stack([np.ones(len(rows)), (x[rows] - centre) / spread])
    weight = np.ones(len(rows))
    residual, scale, beta = y[rows], 1.0, np.zeros(columns.shape[1])
    for _ in range(rounds):
        weighted = columns * weight[:, None]
        beta = np.linalg.solve(weighted.T @ columns + np.eye(columns.shape[1]), weighted.T @ y[rows])
        residual = y[rows] - columns @ beta
        scale = max(1.4826 * float(np.median(np.abs(residual))), 1e-3)
        weight = tukey(residual / scale)
    prediction = beta[0] + ((x - centre) / spread) @ beta[1:]
    return prediction, max(scale, float(np.quantile(np.abs(residual), 0.9)) / 1.645)


def _fill(values: Floats, base: Floats, fitted: Bools) -> Floats:
    """Missing values by regression on `base`."""
    known = np.isfinite(values)
    if known.all():
        return values
    use = known & fitted
    if use.sum() < base.shape[1] + 5:
        return np.where(known, values, np.nanmedian(values))
    prediction, _ = robust_line(base, np.where(known, values, 0.0), use)
    return np.where(known, values, prediction)


def _mean_terms(codes: NDArray[np.int64], rows: Bools) -> tuple[Floats, Bools]:
    """Indicator columns of how scores were got (all but the commonest way), and the rows whose way is too rare."""
    labels, counts = np.unique(codes[rows], return_counts=True)
    commonest = labels[np.argmax(counts)] if len(labels) else -1
    kept = [label for label, count in zip(labels, counts, strict=True) if label != commonest and count >= 5]
    rare = rows & ~np.isin(codes, [commonest, *kept])
    columns = [(codes == label).astype(float) for label in kept]
    return (np.column_stack(columns) if columns else np.zeros((len(codes), 0))), rare


def compute_and_date(table: ScoreTable, rows: Bools, log_size: Floats) -> tuple[list[Floats], list[str]]:
    """log10 compute, log10 tokens and years, those that enough of the rows know."""
    with np.errstate(invalid="ignore", divide="ignore"):
        # 6 N D, in units of 1e21: N in billions, D in trillions of tokens
        derived = 6.0 * table.params_b * table.tokens_t
        compute = np.log10(np.where(np.isfinite(table.flops), table.flops, derived))
        tokens = np.log10(table.tokens_t)
    columns: list[Floats] = []
    names: list[str] = []
    for name, values in (("compute", compute), ("training tokens", tokens), ("date", table.dates / 365.25)):
        known = np.isfinite(values) & rows
        if known.sum() >= max(KNOWN_SHARE * rows.sum(), 10) and np.ptp(values[known]) > 1e-6:
            columns.append(_fill(np.where(np.isfinite(values), values, np.nan), log_size[:, None], rows))
            names.append(name)
    return columns, names


def guarded_others(table: ScoreTable, j: int, rows: Bools, base: Floats) -> tuple[Floats, Bools, tuple[str, ...]]:
    """Logits of the benchmarks other than `j`, each cut to what the remaining ones (never `j`) make believable."""
    b = table.scores.shape[1]
    known = np.isfinite(table.scores)
    picked = [
        k
        for k in range(b)
        if k != j and known[rows, k].mean() >= KNOWN_SHARE and np.ptp(table.scores[rows & known[:, k], k]) > 0
    ]
    if not picked:
        return np.zeros((len(table), 0)), np.zeros(len(table), dtype=bool), ()
    enough = known[:, picked].mean(axis=1) >= 0.5
    with np.errstate(invalid="ignore"):
        plain = np.log((table.scores[:, picked] + COVARIATE_SHARE) / (1.0 - table.scores[:, picked] + COVARIATE_SHARE))
    usable = rows & enough
    average = np.nanmean(np.where(enough[:, None], (plain - np.nanmean(plain[usable], axis=0)), 0.0), axis=1)
    filled = np.column_stack([_fill(plain[:, i], np.column_stack([base, average]), usable) for i in range(len(picked))])
    cut = filled.copy()
    if len(picked) > 1:
        for i in range(len(picked)):
            rest = [m for m in range(len(picked)) if m != i]
            prediction, scale = robust_line(np.column_stack([base, filled[:, rest]]), filled[:, i], usable)
            cut[:, i] = prediction + np.clip(filled[:, i] - prediction, -GUARD_LOW * scale, GUARD_HIGH * scale)
    return cut, enough, tuple(table.benchmarks[k].name for k in picked)


def build_covariates(table: ScoreTable, j: int, rows: Bools) -> tuple[Covariates, Bools]:
    """Covariates of benchmark `j` for the rows that can be judged, and the rows whose way of scoring is too rare.

    Args:
        table: the board.
        j: column of the benchmark.
        rows: rows with a score and a size.
    """
    log_size = np.log10(np.where(rows, np.maximum(table.effective_b, 1e-6), 1.0))
    terms, rare = _mean_terms(table.means[:, j], rows)
    rows = rows & ~rare
    size = np.column_stack([log_size, log_size**2, terms])
    extra, names = compute_and_date(table, rows, log_size)
    # the square of the size is left to the smooth of the fits that have more to go by: with compute it is collinear
    context = np.column_stack([log_size, log_size**2, *extra, terms])
    base = np.column_stack([log_size, log_size**2, *extra])
    others, enough, other_names = guarded_others(table, j, rows, base)
    full = np.column_stack([log_size, *extra, others, terms]) if other_names else None
    return Covariates(size, context, full, enough & rows, tuple(names), other_names, terms.shape[1]), rare
