"""From statistics to `strong`, `review`, `none` or `not_judged`, each with its reason in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from auditor.scores.multiplicity import benjamini_yekutieli, family_q, within_family
from auditor.scores.pooled.covariates import expit
from auditor.scores.recipes import known_recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from auditor.scores.buckets import BucketView
    from auditor.scores.config import ScoresConfig
    from auditor.scores.families import Families
    from auditor.scores.pooled.views import AdjustedView
    from auditor.scores.table import ScoreTable

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]

VERDICTS = ("none", "review", "strong", "not_judged")
NONE, REVIEW, STRONG, NOT_JUDGED = range(4)
SUPPORT_Z = 0.5
"""z for its size that a score needs to be flagged at all: one that is ordinary for its size and high beside its other
benchmarks says that the others are low (a broken prompt, a tokenizer), not that this one is too good."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Verdicts of one benchmark; arrays of length n."""

    verdict: NDArray[np.int8]
    """Index into `VERDICTS`."""
    expected: Floats
    """[0, 1], of the fit that p comes from; NaN where no fit judges."""
    low: Floats
    high: Floats
    excess: Floats
    """Points above expectation."""
    z: Floats
    p: Floats
    q: Floats
    q_all: Floats
    """Benjamini-Yekutieli over all models."""
    detectable: Floats
    """Points of excess that would have been flagged with a probability of 80 %."""
    recipe: Bools
    """Whether its siblings share the excess, or its makers publish a recipe that explains it."""
    disagree: Bools
    """Whether one of the two fits finds the score high and the other does not."""
    unsupported: Bools
    """High beside its other benchmarks only; not flagged for it."""
    explained: Bools
    """Whether how the score was got explains the gap."""
    low_outlier: Bools
    basis: tuple[str, ...]
    """Fits that expectations come from; indexed by `basis_of`."""
    basis_of: NDArray[np.int8]
    families: int
    smallest_p: float
    """Smallest empirical p that the number of families allows."""


def sibling_median(z: Floats, score: Floats, family: Ints, minimum: int) -> Floats:
    """Median z of the other members of each row's family whose score is another; NaN below `minimum` of them.

    A copy of a model is no witness for it: of equal scores in a family one is counted.
    """
    found = np.full(len(z), np.nan)
    rows = np.flatnonzero(np.isfinite(z))
    if len(rows) == 0:
        return found
    order = rows[np.lexsort((np.round(score[rows], 5), family[rows]))]
    code, value = family[order], np.round(score[order], 5)
    first = np.append(True, (code[1:] != code[:-1]) | (value[1:] != value[:-1]))
    group = np.cumsum(first) - 1
    # one row of each distinct score, sorted by z within its family; a row's own group is then stepped over
    distinct = order[first]
    ranking = np.lexsort((z[distinct], family[distinct]))
    ordered, codes = z[distinct][ranking], family[distinct][ranking]
    place = np.empty(len(distinct), dtype=np.int64)
    place[ranking] = np.arange(len(distinct))
    _, start, size = np.unique(codes, return_index=True, return_counts=True)
    which = np.searchsorted(start, place, side="right") - 1
    begin, others, rank = start[which], size[which] - 1, place - start[which]

    def at(k: Ints) -> Floats:
        shifted = np.where(k >= rank, k + 1, k)
        return np.asarray(ordered[np.minimum(begin + shifted, len(ordered) - 1)])

    half = np.maximum(others - 1, 0)
    median = 0.5 * (at(half // 2) + at((half + 1) // 2))
    found[order] = np.where(others >= minimum, median, np.nan)[group]
    return found


def _detectable(view: AdjustedView, by_others: Bools, families: int, config: ScoresConfig) -> Floats:
    """(t_crit + t_.8) sigma in points: the level is that of the first family that BH lets through."""
    level = config.review_q / max(families, 1)
    result = np.full(len(by_others), np.nan)
    for chosen, part in ((view.main, by_others), (view.context, ~by_others)):
        z = chosen.tail.quantile(level) + max(chosen.tail.quantile(0.2) - chosen.tail.centre, 0.0)
        with np.errstate(invalid="ignore"):
            reached = expit(chosen.fit.expected + z * chosen.sd)
        result[part] = 100.0 * (reached - chosen.expected)[part]
    return result


def _published(models: Sequence[str], rows: Bools) -> Bools:
    """Which of the rows are an organisation's own models of a known recipe."""
    found = np.zeros(len(models), dtype=bool)
    for i in np.flatnonzero(rows):
        found[i] = bool(known_recipe(models[int(i)]))
    return found


def judge_adjusted(
    table: ScoreTable, j: int, view: AdjustedView, families_of: Families, evidence: Ints, config: ScoresConfig
) -> Judgement:
    """Verdicts from the pooled model.

    Args:
        table: the board.
        j: column of the benchmark.
        view: its adjusted view.
        families_of: families of the rows.
        evidence: (n,) number of independent lines of evidence that each row has beside this score.
        config: thresholds.
    """
    score = table.scores[:, j]
    q, families = family_q(view.p, families_of.codes)
    shown_by_others = view.by_others.copy()
    others = view.others
    if others is not None:
        # where nothing is found the better informed fit is shown
        quiet = ~(q <= config.review_q) & np.isfinite(others.p)
        shown_by_others |= quiet

    def pick(a: Floats, b: Floats) -> Floats:
        return np.asarray(np.where(shown_by_others, a, b))

    main, context = view.main, view.context
    expected = pick(main.expected, context.expected)
    z = pick(main.z, context.z)
    high = pick(main.high, context.high)
    excess = 100.0 * (score - expected)
    with np.errstate(invalid="ignore"):
        other_z = others.z if others is not None else np.full(len(score), np.nan)
        size_z = view.size.z
        # the better of the two views of size: compute may explain what size alone does not, and the reverse
        context_z = np.fmax(context.z, size_z)
        unsupported = view.by_others & ~(context_z >= SUPPORT_Z) & (q <= config.review_q)
        both_known = np.isfinite(other_z) & np.isfinite(context_z)
        agree = both_known & (other_z >= config.agree_z) & (context_z >= config.agree_z)
        disagree = both_known & ((other_z >= 3.0) ^ (context_z >= 3.0)) & (np.abs(other_z - context_z) >= 2.0)
        sibling = sibling_median(view.main.z, score, families_of.lines, config.recipe_members)
        published = _published(table.models, (q <= config.review_q) & (evidence == 0))
        recipe = (sibling >= config.recipe_z) | published
        explained = np.zeros(len(score), dtype=bool)
        if view.z_without_terms is not None:
            explained = (view.z_without_terms >= 3.0) & (context.z < 2.0) & ~(q <= config.review_q)
        # outside the interval that is shown beside it: siblings alone, however unlike, make no outlier
        review = (q <= config.review_q) & (excess >= config.min_excess) & (score > high) & ~unsupported
        loud = np.fmin(other_z, context_z) >= config.strong_z
        alone = ~np.isfinite(other_z)
        strong = review & ~recipe & (
            ((q <= config.strong_q) & (agree | alone | (evidence > 0)))
            | ((z >= config.strong_z) & ((evidence > 0) | loud))
        )  # fmt: skip
        low = z <= config.low_z
    verdict = np.where(strong, STRONG, np.where(review, REVIEW, NONE)).astype(np.int8)
    verdict[~np.isfinite(view.p)] = NOT_JUDGED
    return Judgement(
        verdict=verdict,
        expected=expected,
        low=pick(main.low, context.low),
        high=high,
        excess=excess,
        z=z,
        p=view.p,
        q=q,
        q_all=benjamini_yekutieli(view.p),
        detectable=_detectable(view, shown_by_others, families, config),
        recipe=recipe & (review | (z >= 3.0)),
        disagree=disagree,
        unsupported=unsupported,
        explained=explained,
        low_outlier=low & (verdict == NONE),
        basis=("size and context", "other benchmarks") if context is not view.size else ("size", "other benchmarks"),
        basis_of=shown_by_others.astype(np.int8),
        families=families,
        smallest_p=1.0 / (1.0 + families),
    )


def judge_buckets(table: ScoreTable, j: int, buckets: BucketView, family: Ints, config: ScoresConfig) -> Judgement:
    """Verdicts from the exact leave-one-out t alone, for boards with too few families for a regression."""
    score = table.scores[:, j]
    enough = buckets.n >= config.alone_bucket
    facts = table.benchmarks[j]
    with np.errstate(invalid="ignore"):
        p = np.where(enough & np.isfinite(buckets.p) & (score > facts.chance_ceiling), buckets.p, np.nan)
    q, families = family_q(p, family)
    expected, low, high = (np.full(len(score), np.nan) for _ in range(3))
    detectable = np.full(len(score), np.nan)
    for k, bucket in enumerate(buckets.buckets):
        here = (buckets.index == k) & np.isfinite(p)
        if not here.any():
            continue
        freedom = bucket.n - 2
        half = -float(special.stdtrit(freedom, 0.025)) * bucket.sd * np.sqrt(1 + 1 / bucket.n)
        reach = (
            -float(special.stdtrit(freedom, config.review_q / max(families, 1)) + special.stdtrit(freedom, 0.2))
            * bucket.sd
        )
        # the mean of the others
        expected[here] = (bucket.mean * bucket.n - score[here]) / (bucket.n - 1)
        low[here], high[here] = np.clip(expected[here] - half, 0, 1), np.clip(expected[here] + half, 0, 1)
        detectable[here] = 100.0 * reach
    excess = 100.0 * (score - expected)
    with np.errstate(invalid="ignore"):
        review = (q <= config.review_q) & (excess >= config.min_excess)
        strong = review & (q <= config.strong_q) & buckets.stable
        verdict = np.where(strong, STRONG, np.where(review, REVIEW, NONE)).astype(np.int8)
        verdict[~np.isfinite(p)] = NOT_JUDGED
        low_outlier = (verdict == NONE) & (buckets.t <= config.low_z)
    no = np.zeros(len(score), dtype=bool)
    return Judgement(
        verdict, expected, low, high, excess, buckets.t, p, q, benjamini_yekutieli(within_family(p, family)),
        detectable,
        no, no, no, no, low_outlier, ("size bucket",), np.zeros(len(score), dtype=np.int8), families,
        1.0 / (1.0 + families),
    )  # fmt: skip
