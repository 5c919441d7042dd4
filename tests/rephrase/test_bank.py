"""What cosine is ordinary among the items of a benchmark."""

from __future__ import annotations

import numpy as np
import pytest

from auditor.embedding.models import unit_rows
from auditor.rephrase.bank import FEW, SAME_QUESTION, USUAL, _ordinary


def ordinary(*vectors: np.ndarray) -> list[float]:
    of = np.repeat(np.arange(len(vectors)), [len(one) for one in vectors]).astype(np.int32)
    rows = unit_rows(np.concatenate(vectors).astype(np.float32))
    return [float(value) for value in _ordinary(rows, np.ones(len(rows), bool), of, len(vectors))]


def test_items_that_all_ask_the_same_say_nothing_of_it() -> None:
    apart = np.random.default_rng(4).normal(1.0, 1.0, (2 * FEW, 30))
    same = np.ones((2 * FEW, 30)) + np.random.default_rng(5).normal(0, 0.01, (2 * FEW, 30))
    (known,) = ordinary(apart)
    assert 0.3 < known < SAME_QUESTION
    assert ordinary(apart, same) == [pytest.approx(known)] * 2, "the other benchmarks' stands for it"
    assert ordinary(same) == [pytest.approx(USUAL)]


def test_twins_are_no_siblings() -> None:
    apart = np.random.default_rng(4).normal(1.0, 1.0, (2 * FEW, 30))
    assert ordinary(np.concatenate([apart, apart])) == [pytest.approx(ordinary(apart)[0], abs=1e-6)]
