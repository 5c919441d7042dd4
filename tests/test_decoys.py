"""Decoys are the same every time and never a real question; the estimate agrees with scipy."""

from __future__ import annotations

import pytest
from made import make_benchmark, make_items
from scipy import stats

from auditor.config import ScanConfig
from auditor.decoys import MOST_DECOYS, decoys_of, estimate, poisson_upper
from auditor.index import BenchmarkIndex, tokens_of
from auditor.types import Item


def questions(items: list[Item]) -> list[Item]:
    return list(decoys_of(items, [len(tokens_of(item.question)) for item in items]))


def test_decoys_are_the_same_every_time_and_never_a_question() -> None:
    items = make_items(60)
    decoys = questions(items)
    assert decoys == questions(items)
    assert len(decoys) == 59
    real = {tokens_of(item.question).hashes.tobytes() for item in items}
    assert not any(tokens_of(decoy.question).hashes.tobytes() in real for decoy in decoys)
    assert len({decoy.item_id for decoy in decoys}) == len(decoys)


def test_a_decoy_is_two_halves() -> None:
    one, other = Item("1", "one two three four", answers=("x",)), Item("2", "five six seven eight nine", answers=("y",))
    (decoy,) = questions([one, other])
    assert decoy.question == "one two seven eight nine"
    assert decoy.answers == ("y",)


def test_a_large_benchmark_has_no_more_than_enough() -> None:
    items = [Item(str(n), f"word{n} of a question number {n}") for n in range(3 * MOST_DECOYS)]
    assert MOST_DECOYS / 2 <= len(questions(items)) <= MOST_DECOYS


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_items_have_none(count: int) -> None:
    assert questions(make_items(count)) == []


def test_halves_that_make_a_real_question_are_left_out() -> None:
    head, tail = "alpha beta gamma delta", "epsilon zeta eta theta"
    items = [Item("1", f"{head} {tail}"), Item("2", f"{head} {tail}"), Item("3", f"{head} {tail}")]
    index = BenchmarkIndex.build([make_benchmark(items)], ScanConfig())
    assert index.benchmarks[0].decoys == 0
    assert index.item_count == 3


@pytest.mark.parametrize("count", [0, 1, 2, 5, 20, 100, 1000])
def test_the_bound_is_garwoods(count: int) -> None:
    assert poisson_upper(count) == pytest.approx(stats.chi2.ppf(0.95, 2 * (count + 1)) / 2, rel=1e-9)
    assert stats.poisson.cdf(count, poisson_upper(count)) == pytest.approx(0.05, rel=1e-6)


def test_the_estimate_scales_decoys_to_items() -> None:
    found = estimate(items=1000, decoys=500, decoys_found=2, found=100)
    assert found.estimate == pytest.approx(0.04)
    assert found.upper == pytest.approx(stats.chi2.ppf(0.95, 6) / 2 * 2 / 100)
    assert estimate(1000, 500, 0, 100).estimate == 0.0
    assert estimate(1000, 500, 300, 10).estimate == 1.0
    assert estimate(1000, 500, 300, 10).upper == 1.0


@pytest.mark.parametrize(("decoys", "found"), [(0, 10), (500, 0)])
def test_nothing_to_estimate_from(decoys: int, found: int) -> None:
    assert estimate(1000, decoys, 0, found).estimate is None
    assert estimate(1000, decoys, 0, found).upper is None
