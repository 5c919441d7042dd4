"""The zero of cosines across languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.embedding import load_embedder
from auditor.embedding.probes import SENTENCES, unlike

if TYPE_CHECKING:
    from auditor.embedding import Embedder


def test_a_translation_is_far_above_the_zero() -> None:
    model = load_embedder("multilingual", device="cpu")
    zero = unlike(model)
    rows = [model.look_at(row) for row in SENTENCES]
    translated = [float(english.whole @ other.whole) for english, *others in rows for other in others]
    assert 0.6 < zero.cosine < 0.8
    assert np.median(translated) - zero.cosine > 0.4 * (1 - zero.cosine)
    assert 0 < zero.covered < 1
    assert unlike(model) == zero


def test_a_model_that_knows_no_other_language_has_one_too(embedder: Embedder) -> None:
    zero = unlike(embedder)
    assert -1 <= zero.cosine <= 1
    assert -1 <= zero.covered <= 1


def test_each_sentence_stands_in_each_language_once() -> None:
    assert {len(row) for row in SENTENCES} == {4}
    texts = [text for row in SENTENCES for text in row]
    assert len(set(texts)) == len(texts)
    assert all(any(sign > "\u3400" for sign in chinese) for _, chinese, *_ in SENTENCES)
