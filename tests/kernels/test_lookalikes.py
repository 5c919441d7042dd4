"""The kernel that finds items through the words near a text's, held to the definition in plain Python."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kernels.lookalikes import bags, best_leads, largest

FINDS = 0.4
"""Likeness from which on a word finds the other."""
WORDS = 10
NOTHING = -1000.0
WORD_SETS = st.lists(st.frozensets(st.integers(0, WORDS - 1)), min_size=1, max_size=6)
WEIGHTS = np.array([4.0, 3.0, 2.0, 1.0, 0.05, 0.5])


def packed(sets: list[frozenset[int]]) -> tuple[np.ndarray, np.ndarray]:
    start = np.concatenate([[0], np.cumsum([len(s) for s in sets])]).astype(np.int64)
    return start, np.array([word for s in sets for word in sorted(s)], np.int32)


def lists(likeness: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(start, ids, likeness) of the words like each word."""
    near = [np.flatnonzero(row) for row in likeness]
    start = np.concatenate([[0], np.cumsum([len(n) for n in near])]).astype(np.int64)
    like = np.concatenate([row[n] for row, n in zip(likeness, near, strict=True)])
    return start, np.concatenate(near).astype(np.int32), like


class Corpus:
    """Views of two benchmarks, and words of which some are like others."""

    def __init__(self, items: list[frozenset[int]], seed: int) -> None:
        random = np.random.default_rng(seed)
        self.items = items
        self.split = (len(items) + 1) // 2
        self.likeness = np.where(random.random((WORDS, WORDS)) < 0.3, random.uniform(0.1, 0.9, (WORDS, WORDS)), 0.0)
        np.fill_diagonal(self.likeness, 1.0)
        self.likeness = self.likeness.astype(np.float32)
        self.nats = random.uniform(0.5, 6.0, (2, WORDS)).astype(np.float32)
        self.finds = random.random(WORDS) < 0.8
        self.coarse = random.normal(size=(len(items), 4)).astype(np.float32)
        self.ordinary = np.array([0.2, 0.4], np.float32)
        self.bars = np.array([0.5, -1.0])

    def benchmark(self, view: int) -> int:
        return int(view >= self.split)

    def leads(
        self, texts: list[frozenset[int]], vectors: np.ndarray, looked_at: int, chosen: int = 3
    ) -> tuple[np.ndarray, np.ndarray]:
        """(views, leads), [texts, chosen]."""
        posts = [[v for v, item in enumerate(self.items) if w in item and self.finds[w]] for w in range(WORDS)]
        post_start = np.concatenate([[0], np.cumsum([len(p) for p in posts])]).astype(np.int64)
        post_views = np.array([v for post in posts for v in post], np.int32)
        post_nats = np.array(
            [self.nats[self.benchmark(v), w] for w, post in enumerate(posts) for v in post], np.float32
        )
        totals = np.array([self.total(v) for v in range(len(self.items))], np.float32)
        views = np.full((len(texts), chosen), -1, np.int64)
        leads = np.full(views.shape, NOTHING, np.float32)
        of = np.array([self.benchmark(view) for view in range(len(self.items))], np.int32)
        best_leads(
            *packed(texts), vectors, *lists(np.where(self.likeness >= FINDS, self.likeness, 0)), *lists(self.likeness),
            post_start, post_views, post_nats, totals, *packed(self.items), self.coarse, of,
            self.nats, self.ordinary, self.bars, WEIGHTS, looked_at, views, leads,
        )  # fmt: skip
        return views, leads

    def total(self, view: int) -> float:
        return math.fsum(float(self.nats[self.benchmark(view), w]) for w in self.items[view])

    def said(self, text: frozenset[int], view: int) -> float:
        """What of a view the text says in words that find it."""
        return math.fsum(
            float(self.nats[self.benchmark(view), w])
            * max((float(self.likeness[t, w]) for t in text if self.likeness[t, w] >= FINDS), default=0.0)
            for w in self.items[view] if self.finds[w]
        )  # fmt: skip

    def odds(self, text: frozenset[int], vector: np.ndarray, view: int) -> float:
        b = self.benchmark(view)
        nats = self.nats[b].astype(float)
        item = self.items[view]
        covered = math.fsum(nats[w] * max(float(self.likeness[t, w]) for t in text) for w in item)
        warranted = math.fsum(nats[t] * max(float(self.likeness[t, w]) for w in item) for t in text)
        cosine = (float(vector @ self.coarse[view]) - float(self.ordinary[b])) / (1 - float(self.ordinary[b]))
        own = math.fsum(nats[t] for t in text)
        return float(
            WEIGHTS[0] * cosine + WEIGHTS[1] * math.log(covered / self.total(view) + 0.05)
            + WEIGHTS[2] * math.log(warranted / own + 0.05) + WEIGHTS[3] * math.log(max(covered, 1.0)) + WEIGHTS[5]
        )  # fmt: skip


@given(texts=WORD_SETS, items=WORD_SETS, seed=st.integers(0, 99), chosen=st.integers(1, 4))
def test_the_leads_are_those_of_the_likeliest_views(
    texts: list[frozenset[int]], items: list[frozenset[int]], seed: int, chosen: int
) -> None:
    corpus = Corpus(items, seed)
    vectors = np.random.default_rng(seed + 1).normal(size=(len(texts), 4)).astype(np.float32)
    for text, vector, views, leads in zip(texts, vectors, *corpus.leads(texts, vectors, 6, chosen), strict=True):
        every = {
            v: corpus.odds(text, vector, v) - corpus.bars[corpus.benchmark(v)]
            for v in range(len(items)) if corpus.said(text, v) > 0
        }  # fmt: skip
        expected = sorted(every.values(), reverse=True)[:chosen]
        assert leads[: len(expected)] == pytest.approx(expected, abs=1e-3)
        found = views[: len(expected)].tolist()
        assert len(set(found)) == len(found)
        assert [every[view] for view in found] == pytest.approx(expected, abs=1e-3)
        assert (views[len(expected) :] == -1).all()
        assert (leads[len(expected) :] == NOTHING).all()


@given(items=WORD_SETS, text=st.frozensets(st.integers(0, WORDS - 1), min_size=1), seed=st.integers(0, 99))
def test_only_the_views_of_which_most_is_said_are_compared(
    items: list[frozenset[int]], text: frozenset[int], seed: int
) -> None:
    corpus = Corpus(items, seed)
    vector = np.random.default_rng(seed).normal(size=(1, 4)).astype(np.float32)
    leads = []
    for b in (0, 1):
        shares = [
            (-(corpus.said(text, v) ** 2) / corpus.total(v), v)
            for v in range(len(items)) if corpus.benchmark(v) == b and corpus.said(text, v) > 0
        ]  # fmt: skip
        ordered = sorted(shares)
        if len(ordered) > 1 and ordered[1][0] - ordered[0][0] < 1e-3:
            return  # two views of which as much is said
        leads += [corpus.odds(text, vector[0], v) - corpus.bars[b] for _, v in ordered[:1]]
    _, found = corpus.leads([text], vector, looked_at=1)
    assert found[0, 0] == pytest.approx(max([NOTHING, *leads]), abs=1e-3)


def test_one_text_leaves_nothing_to_the_next() -> None:
    items = [frozenset({0, 1, 2}), frozenset({3, 4}), frozenset({5, 6, 7})]
    corpus = Corpus(items, 7)
    texts = [frozenset({0, 1, 3}), frozenset[int](), frozenset({5, 9}), frozenset({0, 1, 3})]
    vectors = np.ones((4, 4), np.float32)
    _, together = corpus.leads(texts, vectors, looked_at=2)
    assert together[0].tolist() == together[3].tolist()
    assert [corpus.leads([t], vectors[:1], looked_at=2)[1][0].tolist() for t in texts] == together.tolist()


WORDS_OF_A_TEXT = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4), st.integers(0, 2)), max_size=12)


@given(st.lists(WORDS_OF_A_TEXT, min_size=1, max_size=4), st.data())
def test_bags_hold_the_words_inside_each_part(texts: list[list[tuple[int, int, int]]], data: st.DataObject) -> None:
    known: list[tuple[int, int, int]] = []
    first = [0]
    ends = []
    for words in texts:
        place = 0
        for number, length, gap in words:
            known.append((number, place, place + length))
            place += gap  # with 0, as of a script without blanks, words begin at the same place
        first.append(len(known))
        ends.append(place + 5)
    count = data.draw(st.integers(0, 5))
    parts = []
    for _ in range(count):
        own = data.draw(st.integers(0, len(texts) - 1))
        begin = data.draw(st.integers(0, ends[own]))
        parts.append((own, begin, data.draw(st.integers(begin, ends[own]))))
    start, words, counts = bags(
        np.array(known, np.int64).reshape(-1, 3), np.array(first, np.int64), np.array(parts, np.int64).reshape(-1, 3)
    )
    assert len(start) == len(parts) + 1
    assert start[0] == 0
    assert start[-1] == len(words) == len(counts)
    for p, (own, begin, end) in enumerate(parts):
        inside = Counter(n for n, a, b in known[first[own] : first[own + 1]] if begin <= a and b <= end and a < end)
        assert dict(zip(words[start[p] : start[p + 1]], counts[start[p] : start[p + 1]], strict=True)) == inside
        assert words[start[p] : start[p + 1]].tolist() == sorted(inside)


@given(st.lists(st.sampled_from([-1.5, 0.0, 0.25, 0.5, 3.0]), max_size=30), st.integers(1, 8))
def test_the_largest_come_first_and_the_earlier_of_equals(values: list[float], k: int) -> None:
    places = np.zeros(k, np.int64)
    count = largest(np.array(values, np.float32), places)
    assert count == min(k, len(values))
    assert places[:count].tolist() == sorted(range(len(values)), key=lambda i: (-values[i], i))[:k]
