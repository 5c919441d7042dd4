"""What is missing and what is too much shows piece by piece."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from auditor.embedding.models import Pieces
from auditor.rephrase.pieces import LEAST, MOST, coverage, piece_nats

AXES = np.eye(6, dtype=np.float32)
NATS = np.array([0.0, 2.0, 3.0, 4.0, 5.0, 0.0], np.float32)


def text(*ids: int) -> Pieces:
    """A text of pieces that have nothing in common."""
    whole = AXES[list(ids)].sum(axis=0)
    return Pieces(whole / np.linalg.norm(whole), np.array(ids, np.int64), AXES[list(ids)])


def test_the_same_covers_all() -> None:
    assert coverage(text(1, 2, 3), text(3, 1, 2), NATS) == (1.0, 1.0)


def test_what_is_missing_and_what_is_added_count_by_what_they_say() -> None:
    covered, warranted = coverage(text(1, 2, 3), text(1, 2), NATS)
    assert covered == pytest.approx((2 + 3) / (2 + 3 + 4))
    assert warranted == 1.0
    covered, warranted = coverage(text(1, 2), text(1, 2, 4), NATS)
    assert covered == 1.0
    assert warranted == pytest.approx((2 + 3) / (2 + 3 + 5))


def test_pieces_that_say_nothing_do_not_count() -> None:
    assert coverage(text(1, 2, 0), text(1, 2, 5), NATS) == (1.0, 1.0)
    covered, warranted = coverage(text(0, 5), text(1, 2), NATS)
    assert covered == pytest.approx(0.0), "the whole texts stand for it"
    assert warranted == pytest.approx(0.0)


def test_a_model_without_pieces_has_the_cosine_for_both() -> None:
    bare = Pieces(AXES[1], np.zeros(0, np.int64), np.zeros((0, 6), np.float32))
    assert coverage(bare, text(1, 2), NATS) == pytest.approx((2**-0.5, 2**-0.5))


def test_rare_pieces_say_more_up_to_a_bound() -> None:
    nats = piece_nats(np.array([0, 1, 30, 500, 1000], np.int32), 1000)
    assert nats[0] == pytest.approx(np.log(1001 / 0.5))
    assert nats[0] > nats[1] > nats[2] > LEAST
    assert nats[3] == nats[4] == 0
    assert piece_nats(np.array([0], np.int32), 10**9)[0] == MOST


@given(
    arrays(np.float32, (5, 4), elements=st.floats(-1, 1, width=32)), st.integers(1, 4),
    arrays(np.float32, 5, elements=st.floats(0, 8, width=32)),
)  # fmt: skip
def test_both_are_cosines_and_change_sides_with_the_texts(vectors: np.ndarray, cut: int, nats: np.ndarray) -> None:
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    one = Pieces(unit[0], np.arange(cut), unit[:cut])
    other = Pieces(unit[4], np.arange(cut, 5), unit[cut:])
    covered, warranted = coverage(one, other, nats)
    assert -1.001 <= covered <= 1.001
    assert -1.001 <= warranted <= 1.001
    assert coverage(other, one, nats) == (warranted, covered)
