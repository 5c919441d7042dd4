"""The statistics against plain references, and their false alarms where nothing is odd."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from auditor.scores.audit import audit_table
from auditor.scores.buckets import bucket_labels, bucket_view, cutoff_for, leave_one_out_t, simulate_cutoff
from auditor.scores.contemporaries import lead_over_contemporaries
from auditor.scores.multiplicity import benjamini_hochberg, benjamini_yekutieli, family_q, within_family
from auditor.scores.pareto import bytes_per_parameter, front_over_time, pareto_front
from auditor.scores.pooled import regression
from auditor.scores.pooled.covariates import expit, logit, robust_line
from auditor.scores.pooled.regression import family_mean, fit_pooled, leave_family_out, weighted_median
from auditor.scores.pooled.tails import fit_tail, one_of_each
from auditor.scores.pooled.views import OTHERS_SHARE, combined_p
from auditor.scores.simulate import board_of, null_board
from auditor.scores.verdicts import sibling_median


# --- buckets ---
@given(st.integers(4, 40), st.integers(0, 10_000))
@settings(max_examples=60)
def test_leave_one_out_t_is_the_t_of_the_others(n: int, seed: int) -> None:
    x = np.random.default_rng(seed).normal(0.5, 0.1, n)
    t, p = leave_one_out_t(x, np.ones(n, dtype=bool))
    for i in range(n):
        rest = np.delete(x, i)
        expected = (x[i] - rest.mean()) / (rest.std(ddof=1) * np.sqrt(1 + 1 / (n - 1)))
        assert t[i] == pytest.approx(expected, rel=1e-6)
        assert p[i] == pytest.approx(stats.t.sf(expected, n - 2), rel=1e-6)


def test_a_model_outside_is_compared_with_all_members() -> None:
    x = np.array([0.5, 0.52, 0.48, 0.51, 0.49, 0.9])
    member = np.array([True] * 5 + [False])
    t, p = leave_one_out_t(x, member)
    sd = x[:5].std(ddof=1)
    assert t[5] == pytest.approx((0.9 - 0.5) / (sd * np.sqrt(1 + 1 / 5)))
    assert p[5] == pytest.approx(stats.t.sf(t[5], 4))


@pytest.mark.parametrize("n", [4, 5, 10, 30, 100])
def test_leave_one_out_t_keeps_its_level(n: int) -> None:
    rng = np.random.default_rng(n)
    p = np.array([leave_one_out_t(row, np.ones(n, dtype=bool))[1][0] for row in rng.standard_normal((3000, n))])
    for level in (0.05, 0.01):
        assert stats.binomtest(int((p <= level).sum()), 3000, level).pvalue > 1e-3


def test_no_t_of_three_values_or_of_equal_ones() -> None:
    assert np.isnan(leave_one_out_t(np.array([0.1, 0.2, 0.3]), np.ones(3, dtype=bool))[0]).all()
    assert np.isnan(leave_one_out_t(np.full(8, 0.61), np.ones(8, dtype=bool))[0]).all()


def test_a_collapsed_mad_makes_nobody_an_outlier_by_itself() -> None:
    # most models guess; those that do not are real, and not 26 scales away
    score = np.array([0.25, 0.251, 0.249, 0.252, 0.248, 0.25, 0.3, 0.32])
    view = bucket_view(score, np.full(8, 7.0), score < 0.261, 14042, (5.0, 9.0), 0.01, 5)
    assert view.buckets[1].n == 2
    assert view.buckets[1].at_chance == 6
    assert np.nanmax(np.abs(view.modified_z)) < 4
    assert not view.high.any()


def test_buckets_hold_their_lower_edge_and_say_when_edges_matter() -> None:
    assert bucket_labels((1.5, 3.0)) == ("<1.5B", "1.5-3B", ">=3B")
    rng = np.random.default_rng(0)
    low, high = rng.normal(0.4, 0.01, 12), rng.normal(0.6, 0.01, 30)
    score = np.concatenate([low, [0.47], high])
    size = np.concatenate([np.full(13, 3.0), np.full(30, 9.0)])
    view = bucket_view(score, size, np.zeros(43, dtype=bool), 14042, (3.0, 9.0), 0.01, 5)
    assert view.index[0] == 1
    assert view.index[-1] == 2
    assert view.high[12]
    assert not view.stable[12]
    alone = bucket_view(score[:13], size[:13], np.zeros(13, dtype=bool), 14042, (3.0, 9.0), 0.01, 5)
    assert alone.high[12]
    assert alone.stable[12]


@pytest.mark.parametrize("n", [5, 10, 30])
def test_modified_z_cutoffs_come_from_their_simulation(n: int) -> None:
    assert simulate_cutoff(n, 40_000, seed=7) == pytest.approx(cutoff_for(n), rel=0.12)
    assert cutoff_for(4) == float("inf")


# --- multiplicity ---
def test_bh_by_hand() -> None:
    q = benjamini_hochberg(np.array([0.01, 0.04, 0.03, np.nan, 0.5]))
    assert q[[0, 1, 2, 4]] == pytest.approx([0.04, 0.04 * 4 / 3, 0.04 * 4 / 3, 0.5])
    assert np.isnan(q[3])
    assert benjamini_yekutieli(np.array([0.01, 0.02]))[0] == pytest.approx(0.02 * 1.5)
    assert np.isnan(benjamini_hochberg(np.array([np.nan]))).all()


@given(st.lists(st.floats(1e-9, 1), min_size=1, max_size=60))
def test_bh_is_scipys(values: list[float]) -> None:
    assert benjamini_hochberg(np.array(values)) == pytest.approx(stats.false_discovery_control(values), rel=1e-9)
    assert benjamini_yekutieli(np.array(values)) == pytest.approx(
        stats.false_discovery_control(values, method="by"), rel=1e-9
    )


@given(st.lists(st.tuples(st.floats(1e-9, 1), st.integers(0, 6)), min_size=1, max_size=60))
def test_family_q_is_bh_of_simes(rows: list[tuple[float, int]]) -> None:
    p, family = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    q, count = family_q(p, family)
    codes = np.unique(family)
    simes = []
    for code in codes:
        ordered = np.sort(p[family == code])
        simes.append((ordered * len(ordered) / np.arange(1, len(ordered) + 1)).min())
    assert count == len(codes)
    best = [q[family == code].min() for code in codes]
    assert best == pytest.approx(
        np.minimum(stats.false_discovery_control(np.minimum(simes, 1)), 1), rel=1e-6, abs=1e-12
    )
    assert (q <= 1).all()
    for code in codes:
        inner = within_family(p, family)[family == code]
        assert inner == pytest.approx(benjamini_hochberg(p[family == code]), rel=1e-6, abs=1e-9)


def test_a_family_of_copies_counts_once() -> None:
    p = np.array([1e-4] * 50 + [0.5] * 50)
    q, _ = family_q(p, np.array([0] * 50 + list(range(1, 51))))
    assert q[0] == pytest.approx(51e-4)


# --- pooled regression ---
def refit(
    x: np.ndarray, y: np.ndarray, precision: np.ndarray, family: np.ndarray, prior: np.ndarray, tau2: float, code: int
):
    """The generalised least squares fit without a family, written out."""
    rows = np.flatnonzero((family != code) & (precision > 0))
    v = np.diag(1 / precision[rows]) + tau2 * (family[rows][:, None] == family[rows][None, :])
    inverse = np.linalg.inv(v)
    covariance = np.linalg.inv(x[rows].T @ inverse @ x[rows] + np.diag(1 / prior))
    return covariance @ x[rows].T @ inverse @ y[rows], covariance


@given(st.integers(0, 1000), st.integers(3, 12))
@settings(max_examples=25, deadline=None)
def test_leaving_a_family_out_is_refitting_without_it(seed: int, families: int) -> None:
    rng = np.random.default_rng(seed)
    family = np.repeat(np.arange(families), rng.integers(1, 9, families))
    n = len(family)
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 3))])
    y, precision = rng.normal(size=n), rng.uniform(0.5, 5, n) * (rng.random(n) > 0.2)
    prior, tau2 = np.array([4.0, 1, 1, 0.5]), float(rng.uniform(0.01, 2))
    solved = leave_family_out(x, y, precision, family, prior, tau2)
    for code in range(families):
        beta, covariance = refit(x, y, precision, family, prior, tau2, code)
        rows = np.flatnonzero(family == code)
        assert solved.residual[rows] == pytest.approx(y[rows] - x[rows] @ beta, abs=1e-8)
        assert solved.leverage[rows] == pytest.approx(np.einsum("ij,jk,ik->i", x[rows], covariance, x[rows]), abs=1e-8)


def test_large_families_take_the_other_road_to_the_same_place(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    family = np.repeat(np.arange(6), [60, 3, 90, 1, 10, 55])
    x, y = np.column_stack([np.ones(len(family)), rng.normal(size=(len(family), 2))]), rng.normal(size=len(family))
    precision, prior = rng.uniform(1, 2, len(family)), np.ones(3)
    solved = leave_family_out(x, y, precision, family, prior, 0.3)
    monkeypatch.setattr(regression, "BIG_FAMILY", 1000)
    small = leave_family_out(x, y, precision, family, prior, 0.3)
    assert solved.residual == pytest.approx(small.residual, abs=1e-9)
    assert solved.leverage == pytest.approx(small.leverage, abs=1e-9)


def test_family_mean_is_the_shrunken_mean_of_the_siblings() -> None:
    residual, family = np.array([1.0, 2.0, 4.0, 7.0]), np.array([0, 0, 0, 1])
    mean, variance, total = family_mean(residual, np.array([1.0, 1.0, 2.0, 1.0]), family, np.full(4, 0.5))
    assert mean[0] == pytest.approx(0.5 / (1 + 0.5 * 3) * (2 + 8))
    assert variance[0] == pytest.approx(0.5 / 2.5)
    assert (mean[3], total[3]) == (0.0, 0.0)


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0.01, 3)), min_size=1, max_size=30))
def test_weighted_median_splits_the_weight(rows: list[tuple[float, float]]) -> None:
    values, weights = (np.array(c) for c in zip(*rows, strict=True))
    middle = weighted_median(values, weights)
    assert weights[values < middle].sum() <= weights.sum() / 2 * (1 + 1e-9)
    assert weights[values <= middle].sum() >= weights.sum() / 2 * (1 - 1e-9)
    assert np.isnan(weighted_median(np.array([np.nan]), np.ones(1)))


def test_gross_errors_do_not_move_the_fit() -> None:
    table = null_board(60, seed=3)
    x, family = np.log10(table.params_b)[:, None], np.unique(table.family_column, return_inverse=True)[1]
    y = logit(table.scores[:, 0], 14042)
    use = np.ones(len(y), dtype=bool)
    clean = fit_pooled(x, y, np.full(len(y), 1e-4), family, use, use)
    spoiled = y.copy()
    spoiled[family < 6] += 6.0
    robust = fit_pooled(x, spoiled, np.full(len(y), 1e-4), family, use, use)
    rows = family >= 6
    assert np.abs(robust.expected - clean.expected)[rows].mean() < 0.12
    assert (robust.weight[~rows] == 0).all()


def test_robust_line_and_logits() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 1))
    y = 2 * x[:, 0] + 0.1 * rng.normal(size=200)
    y[:20] += 50
    prediction, scale = robust_line(x, y, np.ones(200, dtype=bool))
    assert np.abs(prediction - 2 * x[:, 0]).max() < 0.15
    assert scale > 0.05
    p = np.array([0.1, 0.5, 0.9])
    assert expit(logit(p, 10**9)) == pytest.approx(p, abs=1e-6)


def test_boards_above_the_limit_are_judged_by_a_fit_on_some_families(monkeypatch: pytest.MonkeyPatch) -> None:
    table = null_board(300, seed=5)
    whole = audit_table(table, benchmarks=["MMLU"]).benchmark("MMLU").adjusted
    monkeypatch.setattr(regression, "MAX_WHOLE_ROWS", 500)
    monkeypatch.setattr(regression, "MAX_FIT_ROWS", 500)
    part = audit_table(table, benchmarks=["MMLU"]).benchmark("MMLU").adjusted
    assert whole is not None
    assert part is not None
    assert part.size.fit.families == 300
    assert np.corrcoef(whole.main.z, part.main.z)[0, 1] > 0.95


# --- tails, calibration ---
@pytest.mark.parametrize(("freedom", "families"), [(200, 60), (200, 1000), (4, 1000)])
def test_tails_find_the_level_of_what_made_them(freedom: int, families: int) -> None:
    rng = np.random.default_rng(families + freedom)
    shares = []
    for _ in range(30):
        z = rng.standard_t(freedom, families)
        tail = fit_tail(z, np.arange(families), np.ones(families, dtype=bool))
        shares.append([(tail.p_value(rng.standard_t(freedom, 4000)) <= level).mean() for level in (0.05, 0.01)])
    five, one = np.mean(shares, axis=0)
    assert 0.02 < five < 0.06
    assert 0.001 < one < 0.015


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.95])
def test_the_smaller_of_two_p_keeps_its_level_whatever_their_correlation(correlation: float) -> None:
    rng = np.random.default_rng(3)
    z = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], 60_000)
    first, second = stats.norm.sf(z).T
    smallest = np.minimum(first / OTHERS_SHARE, second / (1 - OTHERS_SHARE))
    p = combined_p(smallest, first[:2000], second[:2000])
    for level in (0.05, 0.01, 0.001):
        assert (p <= level).mean() == pytest.approx(level, abs=4.5 * np.sqrt(level / 60_000))
    assert (p <= np.minimum(smallest, 1) * (1 + 1e-6)).all()
    assert np.isnan(combined_p(np.array([np.nan]), first, second)).all()
    assert combined_p(np.array([0.2, 3.0]), first[:3], second[:3]).tolist() == [0.2, 1.0]


def test_tails_are_consistent_with_themselves() -> None:
    z = np.random.default_rng(0).normal(size=500)
    tail = fit_tail(z, np.arange(500) // 2, np.ones(500, dtype=bool))
    points = np.array([-3.0, 0.0, 2.0, 5.0, 30.0])
    assert tail.fast_p_value(points) == pytest.approx(tail.p_value(points), rel=0.02)
    assert tail.p_value(np.array([tail.quantile(0.01)]))[0] == pytest.approx(0.01, rel=0.02)
    assert tail.empirical_p(np.array([99.0, np.nan]))[0] == pytest.approx(1 / 251)
    assert np.isnan(tail.empirical_p(np.array([99.0, np.nan]))[1])
    tiny = fit_tail(z[:4], np.arange(4), np.ones(4, dtype=bool))
    assert tiny.freedoms == (3.0,)


@pytest.mark.parametrize("kind", ["plain", "heavy", "chance", "duplicates", "alone"])
@pytest.mark.parametrize("families", [20, 100])
def test_no_false_alarms_beyond_the_level_on_boards_without_leaks(kind: str, families: int) -> None:
    p, flagged, judged = [], 0, 0
    for seed in range(8):
        table = null_board(families, seed=seed, **({} if kind == "plain" else {kind: True}))
        audit = audit_table(table, benchmarks=["MMLU"])
        found = audit.benchmark("MMLU")
        p.append(found.judgement.p[one_of_each(audit.families.codes, np.isfinite(found.judgement.p))])
        flagged += found.count("strong") + found.count("review")
        judged += len(table) - found.count("not_judged")
    values = np.concatenate(p)
    for level in (0.05, 0.01):
        assert stats.binomtest(int((values <= level).sum()), len(values), level, alternative="greater").pvalue > 1e-3
    assert flagged <= 0.01 * judged


@pytest.mark.parametrize("n", [1, 2, 4, 7, 12, 14])
def test_small_boards_end_without_alarms(n: int) -> None:
    rng = np.random.default_rng(n)
    board = board_of(
        [f"o/m{k}" for k in range(n)],
        ("MMLU",),
        rng.uniform(0.4, 0.6, (n, 1)),
        np.full(n, 7.0),
        [f"f{k}" for k in range(n)],
    )
    found = audit_table(board).benchmark("MMLU")
    assert found.adjusted is None
    assert found.count("strong") + found.count("review") == 0
    assert found.count("not_judged") == (n if n < 10 else 0)


def test_all_scores_equal_flags_nobody() -> None:
    board = board_of(
        [f"o/m{k}" for k in range(40)],
        ("MMLU", "ARC"),
        np.full((40, 2), 0.6),
        np.full(40, 7.0),
        [f"f{k}" for k in range(40)],
    )
    audit = audit_table(board)
    assert audit.worst == "none"
    assert audit.findings == ()


# --- siblings, contemporaries, fronts ---
def test_sibling_median_steps_over_oneself_and_ones_copies() -> None:
    z, score = np.array([5.0, 5.0, 1.0, 2.0, 3.0, 9.0]), np.array([0.9, 0.9, 0.1, 0.2, 0.3, 0.5])
    found = sibling_median(z, score, np.array([0, 0, 0, 0, 0, 1]), 2)
    assert found[:5].tolist() == [2.0, 2.0, 3.0, 3.0, 2.0]
    assert np.isnan(found[5])


@given(st.integers(0, 500))
@settings(max_examples=40)
def test_sibling_median_is_the_plain_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    family, z, score = rng.integers(0, 4, 30), rng.normal(size=30), np.arange(30) / 100
    found = sibling_median(z, score, family, 2)
    for i in range(30):
        rest = z[(family == family[i]) & (np.arange(30) != i)]
        assert np.isnan(found[i]) if len(rest) < 2 else found[i] == pytest.approx(np.median(rest))


def test_contemporaries_look_back_only() -> None:
    days = np.arange(40.0)
    y = 0.02 * days + 0.05 * np.sin(days)
    y[20] += 1.0
    lead = lead_over_contemporaries(y, np.full(40, 7.0), days, np.arange(40))
    assert np.nanargmax(lead) == 20
    assert np.isnan(lead[:10]).all()
    later = y.copy()
    later[21:] += 5.0
    assert lead_over_contemporaries(later, np.full(40, 7.0), days, np.arange(40))[20] == lead[20]
    assert np.isnan(lead_over_contemporaries(y, np.full(40, 7.0), days, np.zeros(40, dtype=int))).all()
    assert np.isnan(lead_over_contemporaries(y[:5], np.full(5, 7.0), days[:5], np.arange(5))).all()


@given(st.lists(st.tuples(st.integers(1, 8), st.integers(0, 8)), min_size=1, max_size=25))
def test_front_is_what_nobody_dominates(points: list[tuple[int, int]]) -> None:
    size, error = np.array([float(p[0]) for p in points]), np.array([float(p[1]) for p in points])
    front = pareto_front(size, error, np.ones(len(points), dtype=bool))
    for i in range(len(points)):
        better = (size <= size[i]) & (error <= error[i]) & ((size < size[i]) | (error < error[i]))
        if i in front.rows:
            assert not better.any()
        else:
            k = front.dominated_by[i]
            assert size[k] <= size[i]
            assert error[k] <= error[i]
    steps = front_over_time(size, error, np.arange(len(points), dtype=float), np.ones(len(points), dtype=bool))
    standing: set[int] = set()
    for step in steps:
        standing = (standing | set(step.entered)) - set(step.left)
        assert len(standing) == step.size
    assert {(size[i], error[i]) for i in standing} == {(size[i], error[i]) for i in front.rows}


def test_bytes_of_a_parameter() -> None:
    assert [bytes_per_parameter(p) for p in ("torch.bfloat16", "float16", "4bit", "GPTQ", "8bit", "float32")] == [
        2,
        2,
        0.5,
        0.5,
        1,
        4,
    ]
    assert np.isnan(bytes_per_parameter("odd"))
