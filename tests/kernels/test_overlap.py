"""The overlap kernel: value for value what sets and sums say."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from auditor.kernels.overlap import best_overlaps

WORDS = 12
WORD_SETS = st.lists(st.frozensets(st.integers(0, WORDS - 1)), min_size=1, max_size=6)


def packed(sets: list[frozenset[int]]) -> tuple[np.ndarray, np.ndarray]:
    start = np.concatenate([[0], np.cumsum([len(s) for s in sets])]).astype(np.int64)
    return start, np.array([word for s in sets for word in sorted(s)], np.int32)


def plain(text: frozenset[int], item: frozenset[int], nats: np.ndarray) -> float:
    shared = math.fsum(float(nats[word]) for word in text & item)
    if not shared:
        return 0.0
    return shared / math.sqrt(math.fsum(float(nats[w]) for w in text) * math.fsum(float(nats[w]) for w in item))


@given(texts=WORD_SETS, items=WORD_SETS, seed=st.integers(0, 99), count=st.floats(0, 2))
def test_the_best_is_the_best_of_likeness_and_overlap(
    texts: list[frozenset[int]], items: list[frozenset[int]], seed: int, count: float
) -> None:
    random = np.random.default_rng(seed)
    nats = random.uniform(0.1, 9.0, WORDS).astype(np.float32)
    near = random.integers(0, len(items), (len(texts), 3)).astype(np.int64)
    likeness = random.uniform(-1, 1, near.shape).astype(np.float32)
    best = np.zeros(len(texts), np.float32)
    best_overlaps(*packed(texts), near, likeness, *packed(items), nats, count, best)
    for t, text in enumerate(texts):
        expected = max(float(likeness[t, k]) + count * plain(text, items[near[t, k]], nats) for k in range(3))
        assert math.isclose(best[t], expected, rel_tol=1e-5, abs_tol=1e-5)


def test_texts_without_words_have_their_likeness_alone() -> None:
    best = np.zeros(1, np.float32)
    nothing = packed([frozenset()])
    best_overlaps(
        *nothing,
        np.zeros((1, 1), np.int64),
        np.full((1, 1), 0.5, np.float32),
        *nothing,
        np.ones(1, np.float32),
        0.6,
        best,
    )
    assert best.tolist() == [0.5]
