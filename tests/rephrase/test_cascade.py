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
from auditor.index import BenchmarkIndex
from auditor.rephrase.bank import bank_of
from auditor.rephrase.detector import WORTH_A_CLOSE_LOOK, Candidate, Rephraser, _may_be_variant
from auditor.rephrase.loading import sharing_cores
from auditor.rephrase.lookup import FEWEST_WORDS, ORDINARY_WORDS
from auditor.rephrase.scoring import ANSWERED, log_odds, rough_at_most, rough_log_odds
from auditor.rephrase.signals import Rarity, measure
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
