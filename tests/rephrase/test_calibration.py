"""How many rephrases a corpus holds is found out from the corpus, and the stated rate holds."""

from __future__ import annotations

import json
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.rephrase.calibration import (
    BINS,
    CENTRES,
    HIGHEST,
    LOWEST,
    STEP,
    Calibration,
    RephraseTally,
    bin_of,
    calibrate,
    threshold,
)

SPREAD = 6.0
"""Two normal distributions SPREAD apart and with variance SPREAD have log odds that are exactly their own value."""


def histogram(odds: np.ndarray) -> np.ndarray:
    return np.bincount([bin_of(value) for value in odds], minlength=BINS)


def mixture(clean: int, rephrased: int, seed: int) -> np.ndarray:
    """Log odds of texts whose two kinds are normal, so that the odds are true ones."""
    rng = np.random.default_rng(seed)
    wide = np.sqrt(2 * SPREAD)
    return np.concatenate([rng.normal(-SPREAD, wide, clean), rng.normal(SPREAD, wide, rephrased)])


NOTHING = np.zeros(BINS, np.int64)


@given(st.floats(allow_nan=False, min_value=-1e6, max_value=1e6))
def test_every_score_has_a_bin(odds: float) -> None:
    place = bin_of(odds)
    assert 0 <= place < BINS
    if LOWEST < odds < HIGHEST:
        assert abs(CENTRES[place] - odds) <= STEP / 2 + 1e-9


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.5])
def test_the_share_of_a_mixture_is_estimated(share: float) -> None:
    views = 40_000
    found = calibrate(views, histogram(mixture(round(views * (1 - share)), round(views * share), 3)), clean_rate=1.0)
    assert found.share == pytest.approx(share, rel=0.25, abs=2e-4)


def test_parts_that_no_histogram_counts_are_clean() -> None:
    odds = histogram(mixture(2000, 200, 4))
    assert 0 < calibrate(100_000, odds, clean_rate=1.0).share < 1.2 * 200 / 100_000, "rather too few than too many"
    assert calibrate(2200, odds, clean_rate=1.0).share == pytest.approx(200 / 2200, rel=0.2)
    assert calibrate(0, odds, clean_rate=1.0).share == pytest.approx(200 / 2200, rel=0.2), "more than looked at"


@pytest.mark.parametrize("seed", range(4))
def test_in_a_clean_corpus_nothing_is_probable(seed: int) -> None:
    odds = mixture(20_000, 0, seed)
    found = calibrate(20_000, histogram(odds), clean_rate=1.0)
    assert found.share < 5e-4
    likely = [p for p in map(found.probability, odds.tolist()) if p >= 0.5]
    lowest, _ = threshold(likely, 0.01)
    assert sum(p >= lowest for p in likely) <= 1


@pytest.mark.parametrize("crowding", [1, 4])
def test_more_near_misses_than_were_learnt_from_count_against_all(crowding: int) -> None:
    rng = np.random.default_rng(11)
    texts, share, wide = 20_000, 0.03, np.sqrt(14)
    clean = rng.normal(-7, wide, texts * crowding)
    seen = np.concatenate([clean, rng.normal(7, wide, round(texts * share))])
    learnt = float((rng.normal(-7, wide, 10**6) >= -1.5).mean())
    found = calibrate(texts, histogram(seen[seen >= -1.5]), clean_rate=learnt)
    assert found.crowding == pytest.approx(crowding, rel=0.15)
    assert found.share == pytest.approx(share, rel=0.1)
    alone = Calibration(found.share)
    assert found.probability(4.0) <= alone.probability(4.0)
    assert found.probability(4.0) == pytest.approx(alone.probability(4.0 - np.log(found.crowding)))


@given(st.floats(-20, 20), st.floats(-20, 20), st.floats(0.001, 0.9))
def test_items_that_a_text_may_rephrase_share_its_probability(one: float, other: float, share: float) -> None:
    found = Calibration(share, 2.0)
    alone, beside = found.probability(one), found.probability(one, other)
    assert beside <= alone == pytest.approx(found.probability(one, -50.0))
    assert beside + found.probability(other, one) <= 1 + 1e-9
    assert found.probability(one, one) <= 0.5


@pytest.mark.parametrize("share", [0.002, 0.02, 0.2])
@pytest.mark.parametrize("rate", [0.01, 0.05])
def test_the_stated_rate_holds(share: float, rate: float) -> None:
    clean, rephrased = round(50_000 * (1 - share)), round(50_000 * share)
    odds = mixture(clean, rephrased, 7)
    found = calibrate(50_000, histogram(odds), clean_rate=1.0)
    probabilities = np.array([found.probability(value) for value in odds.tolist()])
    lowest, stated = threshold(probabilities.tolist(), rate)
    called = probabilities >= lowest
    assert called[clean:].mean() > (0.05 if share < 0.01 else 0.3), "the rarer, the more must speak for one"
    assert stated <= rate
    assert called[:clean].sum() / called.sum() <= 2 * rate + 2 / called.sum()


def test_no_rephrase_at_all_has_no_probability() -> None:
    assert Calibration(0.0).probability(30.0) == 0
    assert calibrate(0, NOTHING, clean_rate=1.0) == Calibration(pytest.approx(0, abs=1e-6))


def test_a_corpus_of_nothing_else_is_not_certain_beyond_doubt() -> None:
    only = NOTHING.copy()
    only[-1] = 1000
    found = calibrate(1000, only, clean_rate=1.0)
    assert found.share == 0.999
    assert 0.999 < found.probability(30.0) <= 1


def test_probability_grows_with_the_odds_and_with_the_share() -> None:
    found = [Calibration(0.01).probability(odds) for odds in (-1e9, -5.0, 0.0, 5.0, 1e9)]
    assert found == sorted(found)
    assert found[2] == pytest.approx(0.01)
    assert Calibration(0.1).probability(2.0) > Calibration(0.01).probability(2.0)


# Threshold


def test_the_threshold() -> None:
    assert threshold([], 0.01) == (1.01, 0.0)
    assert threshold([0.9], 0.01) == (1.01, 0.0)
    assert threshold([1.0, 1.0, 0.985, 0.5], 0.01) == (0.985, pytest.approx(0.005))
    assert threshold([0.5, 0.985, 1.0, 1.0], 0.01) == threshold([1.0, 1.0, 0.985, 0.5], 0.01)
    assert threshold([0.9, 0.8], 1.0)[0] == 0.8


@given(st.lists(st.floats(0, 1), max_size=60), st.floats(0, 1), st.floats(0, 1))
def test_the_mean_doubt_of_what_is_called_stays_within_the_rate(
    probabilities: list[float], one: float, two: float
) -> None:
    lowest, stated = threshold(probabilities, one)
    called = [p for p in probabilities if p >= lowest]
    # those that are as probable as the last one come with it
    beyond = sum(p == lowest for p in called)
    if called:
        assert stated <= one
        assert sum(1 - p for p in called) / len(called) <= max(one, 1 - lowest) + 1e-9
        assert len(called) - beyond <= len(probabilities)
    else:
        assert (lowest, stated) == (1.01, 0.0)
    strict, loose = sorted((one, two))
    assert threshold(probabilities, strict)[0] >= threshold(probabilities, loose)[0]


# Tallies


def tally(seed: int) -> RephraseTally:
    rng = np.random.default_rng(seed)
    made = RephraseTally(*rng.integers(1000, size=4).tolist())
    for is_nearest, is_foreign in product((True, False), repeat=2):
        for name in rng.choice(["a", "b", "c"], 20):
            made.count(str(name), float(rng.normal(0, 10)), is_nearest=is_nearest, is_foreign=is_foreign)
    return made


def test_tallies_add_up_in_any_order() -> None:
    parts = [tally(seed) for seed in range(4)]
    results = []
    for order in permutations(parts):
        total = RephraseTally()
        for part in order:
            total.add(part)
        results.append(json.dumps(total.to_json(), sort_keys=True))
    assert len(set(results)) == 1
    assert json.loads(results[0])["views"] == sum(part.views for part in parts)
    for name in ("nearest", "others", "foreign", "foreign_others"):
        assert sum(sum(h.values()) for h in json.loads(results[0])[name].values()) == 80


def test_a_tally_is_the_same_after_it_was_written() -> None:
    made = tally(5)
    row = json.loads(json.dumps(made.to_json()))
    again = RephraseTally.from_json(row)
    assert again.to_json() == made.to_json()
    for name, counts in made.nearest.items():
        np.testing.assert_array_equal(again.nearest[name], counts)
    assert calibrate(again.texts, again.nearest["a"]) == calibrate(made.texts, made.nearest["a"])


def test_adding_changes_only_the_one_that_is_added_to() -> None:
    one, two = tally(1), tally(2)
    before = (one.to_json(), two.to_json())
    total = one.copy()
    total.add(two)
    total.count("a", 0.0, is_nearest=True, is_foreign=False)
    assert (one.to_json(), two.to_json()) == before
    assert total.to_json() != before[0]
