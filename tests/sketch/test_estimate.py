"""Intervals that cover, and a rate that is the one that was put in."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.sketch.estimate import (
    SUPPORT,
    contained_probability,
    containment_interval,
    contaminated_rate,
    detection_probability,
    mixture,
)
from auditor.sketch.making import NGRAM_SIZE


def one(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


@given(st.integers(0, 60), st.data())
def test_an_interval_holds_what_was_seen_and_is_possible(m: int, data: st.DataObject) -> None:
    s = data.draw(st.integers(0, m))
    x = data.draw(st.integers(0, s))
    low, high = containment_interval(one(m), one(s), one(x))
    assert 0 <= low[0] <= high[0] <= 1
    if s:
        assert low[0] - 1e-9 <= x / s <= high[0] + 1e-9
    else:
        assert (low[0], high[0]) == (0, 1)
    if m and s == m:
        assert low[0] == pytest.approx(x / m)
        assert high[0] == pytest.approx(x / m)


def test_the_interval_of_a_containment_covers() -> None:
    rng = np.random.default_rng(3)
    for m, there in ((40, 36), (40, 20), (200, 3)):
        s = rng.binomial(m, 0.1, 4000)
        x = np.array([rng.hypergeometric(there, m - there, n) if n else 0 for n in s])
        low, high = containment_interval(np.full(4000, m), s, x)
        covered = (low <= there / m) & (there / m <= high)
        assert covered.mean() >= 0.95


def test_clopper_and_pearson_of_a_textbook() -> None:
    # 8 of 10: 44.39 % to 97.48 %; the population is so large that nothing narrows it
    low, high = containment_interval(one(10**6), one(10), one(8))
    assert low[0] == pytest.approx(0.4439, abs=1e-4)
    assert high[0] == pytest.approx(0.9748, abs=1e-4)


def test_a_mixture_finds_its_weights() -> None:
    rng = np.random.default_rng(1)
    s = np.full(20_000, 12)
    x = rng.binomial(12, np.where(rng.random(20_000) < 0.3, SUPPORT[-1], SUPPORT[0]))
    share = mixture(s, x, np.ones(20_000))
    assert share.sum() == pytest.approx(1)
    assert share[-1] == pytest.approx(0.3, abs=0.01)
    assert share[0] == pytest.approx(0.7, abs=0.01)


@pytest.mark.parametrize("fraction", [0.02, 0.1])
@pytest.mark.parametrize("rate", [0.0, 0.05, 0.4, 1.0])
def test_the_rate_of_a_benchmark_is_covered(fraction: float, rate: float) -> None:
    rng = np.random.default_rng(int(100 * rate) + int(1000 * fraction))
    covered = 0
    for _ in range(8):
        m = rng.integers(1, 120, 900)
        there = rng.random(900) < rate
        s = rng.binomial(m, fraction)
        x = rng.binomial(s, np.where(there, 0.99, 0.004))
        found = contaminated_rate(m, s, x, np.ones(900, np.int64), fraction)
        assert found is not None
        assert found.low <= found.estimate <= found.high
        covered += found.low <= there.mean() <= found.high
    assert covered >= 7


def test_longer_items_are_not_counted_more_for_being_seen_more() -> None:
    rng = np.random.default_rng(9)
    m = np.repeat([10, 150], 4000)
    there = np.concatenate([rng.random(4000) < 0.1, rng.random(4000) < 0.6])
    s = rng.binomial(m, 0.02)
    x = np.where(there, s, 0)
    found = contaminated_rate(m, s, x, np.ones(8000, np.int64), 0.02)
    assert found is not None
    assert found.estimate == pytest.approx(there.mean(), abs=0.03)
    # of the items that are seen, by far more are there
    assert there[s > 0].mean() > 0.45


def test_nothing_sampled_says_nothing() -> None:
    assert contaminated_rate(one(3, 4), one(0, 0), one(0, 0), one(1, 1), 0.02) is None
    share = np.full(6, 1 / 6)
    assert contained_probability(one(0), one(0), share, 0).tolist() == [0]


def test_an_item_is_judged_by_its_sample_and_by_the_others() -> None:
    clean = np.array([0.999, 0, 0, 0, 0, 0.001])
    half = np.array([0.5, 0, 0, 0, 0, 0.5])
    rare, often = (contained_probability(one(1), one(1), share, 1000)[0] for share in (clean, half))
    assert rare < 0.5
    assert often > 0.9
    assert contained_probability(one(3), one(3), clean, 1000)[0] > 0.9
    # one hit in a benchmark of one item is no certainty
    assert contained_probability(one(1), one(1), np.array([0, 0, 0, 0, 0, 1.0]), 1)[0] < 1


def test_the_chance_to_see_an_item() -> None:
    assert detection_probability(35, 0.1) == pytest.approx(1 - 0.9**35)
    assert detection_probability(-2, 0.1) == 0
    assert detection_probability(1, 1.0) == 1


def test_the_table_in_the_documentation_is_the_formula() -> None:
    text = (Path(__file__).parents[2] / "docs" / "sketch.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (\d+) \| (\d+) \| (\d+) % \| (\d+) % \| (\d+) % \| (\d+) % \|$", text, flags=re.MULTILINE)
    assert len(table) == 9
    for words, grams, *shares in table:
        assert int(grams) == int(words) - NGRAM_SIZE + 1
        for fraction, share in zip((0.1, 0.05, 0.02, 0.01), shares, strict=True):
            assert abs(100 * detection_probability(int(grams), fraction) - int(share)) <= 0.5
