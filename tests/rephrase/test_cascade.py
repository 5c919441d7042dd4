"""The steps of the cascade: what each leaves out is what the next could not have called."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from auditor.config import ScanConfig
from auditor.embedding import load_embedder
from auditor.embedding.models import TOGETHER
from auditor.index import BenchmarkIndex
from auditor.rephrase.bank import bank_of
from auditor.rephrase.detector import WORTH_A_CLOSE_LOOK, Candidate, Rephraser, _may_be_variant, rival_odds
from auditor.rephrase.loading import sharing_cores
from auditor.rephrase.lookup import CHOSEN, FEWEST_WORDS, LETTERS, NONE, ORDINARY_WORDS, TELLS, UNSORTED, Lookup
from auditor.rephrase.scoring import ANSWERED, log_odds, rough_at_most, rough_log_odds
from auditor.rephrase.signals import Rarity, measure
from auditor.rephrase.verifier import products
from auditor.rephrase.views import RecordView, record_views
from auditor.sources import TextField
from rephrase.problems import PARAPHRASES, PROBLEMS, UNRELATED, VARIANTS, benchmark

CONFIG = ScanConfig(detectors=("rephrase",))
TEXTS = [*UNRELATED, *PARAPHRASES.values(), *VARIANTS.values()]


@pytest.fixture(scope="module")
def rephraser() -> Rephraser:
    index = BenchmarkIndex.build([benchmark()], CONFIG)
    embedder = load_embedder()
    return Rephraser(bank_of(index, embedder), embedder, ["problems"], CONFIG)


def views_of(text: str, reply: str = "") -> list[tuple[int, RecordView]]:
    fields = [TextField("prompt", "user", text), TextField("response", "assistant", reply)]
    return [(0, view) for view in record_views(fields) if view.field == 0]


@given(st.sampled_from(PROBLEMS), st.sampled_from(TEXTS), st.floats(-1, 1), st.floats(-1, 2))
def test_no_pair_has_better_rough_odds_than_it_may(item: str, text: str, similarity: float, gap: float) -> None:
    signals = measure(item, item, text, similarity, gap, Rarity(100, {}))
    most = rough_at_most(signals.similarity, signals.gap, signals.alignment, signals.information)
    assert signals.foreign or rough_log_odds(signals) <= most


def test_pairs_are_left_out_only_below_the_bar(rephraser: Rephraser) -> None:
    def described(found: list[Candidate]) -> list[tuple[str, int, float]]:
        return [(c.view.text, c.pair.unit, c.pair.odds) for c in found]

    views = [view for text in TEXTS for view in views_of(text)]
    every = list(rephraser.candidates(views, -math.inf))
    for bar in (WORTH_A_CLOSE_LOOK, 0.0):
        kept = [c for c in every if c.pair.odds >= bar or _may_be_variant(c.pair)]
        assert described(list(rephraser.candidates(views, bar))) == described(kept)
    assert len(every) > 2 * len([c for c in every if c.pair.odds >= WORTH_A_CLOSE_LOOK])


def test_a_long_text_must_lead_by_more(rephraser: Rephraser) -> None:
    words = ["egg " * n for n in (1, FEWEST_WORDS, ORDINARY_WORDS, 10 * ORDINARY_WORDS)]
    fewest, few, ordinary, many = rephraser._lookup.price(words)
    assert fewest == few < ordinary == 0 < many


@pytest.mark.parametrize("least", [-math.inf, -2.5, 0.0, 4.0])
def test_what_is_left_out_of_the_comparison_by_letters_changes_no_decision(rephraser: Rephraser, least: float) -> None:
    lookup, words = rephraser._lookup, rephraser._bank.words
    views, leads = lookup.likeliest(words.bags(TEXTS), TEXTS, np.full(len(TEXTS), -math.inf, np.float32))
    passed = 0
    for text, near, lead in zip(TEXTS, views, leads, strict=True):
        every = [
            LETTERS["intercept"] + sum(LETTERS[name] * value for name, value in lookup.letters(text, v, x).items())
            for v, x in zip(near.tolist(), lead.tolist(), strict=True) if v >= 0
        ]  # fmt: skip
        best = max(every, default=NONE)
        found = lookup._compared(text, near, lead, least)
        assert (found >= least) == (best >= least)
        assert found == pytest.approx(best) or found < least
        passed += best >= least
    assert passed == len(TEXTS) if least == -math.inf else 0 < passed < len(TEXTS)


def test_a_paraphrase_passes_by_its_letters_and_what_tells_something_else_does_not(rephraser: Rephraser) -> None:
    lookup, words = rephraser._lookup, rephraser._bank.words
    lead, passes = lookup.worth(words.bags(TEXTS), TEXTS)
    are_related = np.arange(len(TEXTS)) >= len(UNRELATED)
    assert passes[are_related].all()
    assert passes[~are_related].mean() < 0.2
    _, leads = lookup.likeliest(words.bags(TEXTS), TEXTS, np.full(len(TEXTS), -math.inf, np.float32))
    # of parts of a text, the one that leads by its words is taken: by letters it would be the one without what changed
    assert lead[passes] == pytest.approx(leads[passes].max(axis=1))
    everything = Lookup(rephraser._bank, [slice(0, len(rephraser._bank.views))], -100.0)
    assert everything.worth(words.bags(["", *TEXTS]), ["", *TEXTS])[1].all()


def test_where_words_cannot_be_sorted_letters_do_not_count(rephraser: Rephraser) -> None:
    views = np.zeros(CHOSEN, np.int64)
    leads = np.array([1.0, 0.5, -1.0, -3.0], np.float32)
    assert rephraser._lookup._compared("每个盒子里有12支蜡笔，老师给了30个孩子。", views, leads, -2.5) == pytest.approx(
        1.0 + UNSORTED
    )
    english = rephraser._lookup._compared(rephraser._bank.views[0].text, views, leads, -2.5)
    assert english > 1.0 > UNSORTED


def test_the_likeliest_views_come_first_and_a_text_that_only_tells_is_held_back(rephraser: Rephraser) -> None:
    lookup, words = rephraser._lookup, rephraser._bank.words
    asked = PROBLEMS[3]
    told = (
        asked.split("?")[0].replace("How many liters of milk does he collect in 5 days", "He collects it for 5 days")
        + "."
    )
    views, leads = lookup.likeliest(words.bags([asked, told]), [asked, told], np.full(2, -math.inf, np.float32))
    assert views.shape == leads.shape == (2, CHOSEN)
    assert rephraser._bank.views[views[0, 0]].text == rephraser._bank.views[views[1, 0]].text == asked
    assert (np.diff(leads, axis=1) <= 0).all()
    _, as_if_asked = lookup.likeliest(words.bags([told]), [told], np.full(1, math.inf, np.float32))
    assert leads[1] == pytest.approx(as_if_asked[0] + TELLS)


def test_products_of_a_row_do_not_depend_on_the_others() -> None:
    random = np.random.default_rng(0)
    matrix = random.normal(size=(301, 48)).astype(np.float32)
    rows = list(random.normal(size=(2 * TOGETHER + 3, 48)).astype(np.float32))
    together = products(rows, matrix)
    np.testing.assert_allclose(together, np.stack(rows) @ matrix.T, rtol=1e-4, atol=1e-5)
    assert np.array_equal(together, np.concatenate([products([row], matrix) for row in rows]))
    assert np.array_equal(together[::-1], products(rows[::-1], matrix))
    assert products([], matrix).shape == (0, 301)


def test_of_parts_that_overlap_the_likeliest_is_looked_at(rephraser: Rephraser) -> None:
    problem = PARAPHRASES[next(iter(PARAPHRASES))]
    views = views_of(f"{' '.join(UNRELATED[:6])}\n\n{problem}\n\n{' '.join(UNRELATED[6:12])}")
    chosen = [views[i][1] for i in rephraser.worth_encoding(views)]
    assert any(problem in view.text for view in chosen)
    assert sum(len(view.text) for view in chosen) < sum(len(view.text) for _, view in views) / 2


@pytest.mark.parametrize(
    ("reply", "expected"), [("1,000 of them are left.", 1.0), ("She has 12 left.", -1.0), ("", 0.0)]
)
def test_the_reply_counts(rephraser: Rephraser, reply: str, expected: float) -> None:
    views = views_of(PARAPHRASES[0], reply)
    (best,) = [c for c in rephraser.closely(list(rephraser.candidates(views, 0.0))) if c.pair.unit == 0]
    assert best.pair.signals.answered == expected
    untold = replace(best.pair.signals, answered=0.0)
    assert best.pair.odds == pytest.approx(log_odds(untold) + ANSWERED * expected)


def test_a_thread_of_a_scan_computes_on_one_core(rephraser: Rephraser) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with sharing_cores(rephraser):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        with sharing_cores(None):
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_encoding_does_not_depend_on_the_order(rephraser: Rephraser) -> None:
    there = rephraser._embedder.encode(TEXTS)
    back = rephraser._embedder.encode(TEXTS[::-1])[::-1]
    np.testing.assert_allclose(there, back, atol=0.005)
    np.testing.assert_allclose(there, np.stack([p.whole for p in rephraser._embedder.look_at(TEXTS)]), atol=0.01)


@given(
    st.floats(-20, 20), st.lists(st.floats(-20, 20), min_size=1, max_size=5), st.floats(1.0, 3.0)
)  # fmt: skip
def test_rivals_are_as_far_away_as_is_said(odds: float, rivals: list[float], sharper: float) -> None:
    assert rival_odds(odds, rivals, 1.0) == pytest.approx(float(np.logaddexp.reduce(rivals)), abs=1e-9)
    found = rival_odds(odds, rivals, sharper)
    assert found == pytest.approx(odds + math.log(sum(math.exp(sharper * (r - odds)) for r in rivals)), abs=1e-6)
    if max(rivals) < odds:
        assert found <= rival_odds(odds, rivals, 1.0) + 1e-9
