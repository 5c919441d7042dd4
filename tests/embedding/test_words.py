"""Word vectors distilled from a model: a coarse likeness that knows each word, kept and made again when damaged."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.cache import cache_directory
from auditor.embedding import Embedder, load_embedder
from auditor.embedding.words import WordVectors, words_of
from embedding.conftest import TEXTS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUDITOR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("How many EGGS, 12 or 1.5?", ["how", "many", "eggs", "12", "or", "1", "5"]),
        ("", []),
        ("snake_case x2", ["snake", "case", "x", "2"]),
        ("Größe ist 5", ["größe", "ist", "5"]),
        ("汉字 ab", ["汉", "字", "汉字", "ab"]),
        ("한국어", ["한", "국", "어", "한국", "국어", "한국어"]),
    ],
)
def test_the_words_of_a_text(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@given(st.text())
def test_words_of_any_text(text: str) -> None:
    found = words_of(text)
    assert all(found)
    assert not any(c.isspace() or c == "_" for word in found for c in word)


@given(st.lists(st.sampled_from(["egg ", "basket, ", "İstanbul ", "汉字 ", "12.", "Straße\n"]), max_size=12), st.data())
def test_parts_have_the_words_that_stand_in_them_whole(signs: list[str], data: st.DataObject) -> None:
    names = ("12", "basket", "egg", "straße", "字", "汉", "汉字")
    known = WordVectors(names, np.ones((7, 2), np.float32), np.ones(7, np.float32))
    text = "".join(signs)
    spans = data.draw(st.lists(st.tuples(st.integers(0, len(text)), st.integers(0, len(text))), max_size=4))
    parts = [(text, min(span), max(span)) for span in spans] + [("egg", 0, 3)]
    bags = known.bags_of_parts(parts)
    for i, (source, begin, end) in enumerate(parts):
        lower = "".join(sign.lower() if len(sign.lower()) == 1 else sign for sign in source)
        place = slice(bags.start[i], bags.start[i + 1])
        found = {names[w]: int(n) for w, n in zip(bags.words[place], bags.counts[place], strict=True)}
        expected = Counter(
            name for name in names
            for m in re.finditer(name if name in "汉字" else rf"(?<!\w){name}(?!\w)", lower)
            if begin <= m.start() and m.end() <= end
        )  # fmt: skip
        assert found == dict(expected)
        assert bags.words[place].tolist() == sorted(bags.words[place])


def test_likeness_by_words(embedder: Embedder, cache: Path) -> None:
    vectors = WordVectors.distil(embedder, TEXTS)
    found = vectors.embed([TEXTS[0], "In the basket: how many eggs?", TEXTS[1], "", "zzqx 77", TEXTS[0].upper()])
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), [1, 1, 1, 0, 0, 1], atol=1e-5)
    assert found[0] @ found[1] > found[0] @ found[2]
    np.testing.assert_allclose(found[0], found[5], atol=1e-6)
    assert set(vectors.words) >= {word for text in TEXTS for word in words_of(text)}
    assert vectors.embed([]).shape[0] == 0


def test_a_rare_word_counts_more_and_none_counts_against(embedder: Embedder, cache: Path) -> None:
    vectors = WordVectors.distil(embedder, TEXTS)
    weight = dict(zip(vectors.words, vectors.weights.tolist(), strict=True))
    assert weight["eggs"] > weight["the"] >= 0
    assert min(weight.values()) >= 0


def test_words_that_only_the_model_knows_have_vectors_too(tiny: Path, cache: Path) -> None:
    vectors = WordVectors.distil(load_embedder(str(tiny)), ["eggs and unheard of things"])
    assert {"fox", "unheard"} <= set(vectors.words)
    assert vectors.embed(["fox"]).any()


def test_the_vocabulary_is_kept_and_a_damaged_one_is_made_again(embedder: Embedder, cache: Path) -> None:
    first = WordVectors.distil(embedder, TEXTS)
    (kept,) = (cache_directory() / "rephrase").glob("words-*.npy")
    content = kept.read_bytes()
    written = kept.stat().st_mtime_ns
    again = WordVectors.distil(embedder, TEXTS)
    assert kept.stat().st_mtime_ns == written, "read, not made again"
    np.testing.assert_array_equal(first.vectors, again.vectors)
    wrong = content.replace(b"(", b"[", 1)
    for damage in (b"", content[: len(content) // 2], b"no array at all", wrong):
        kept.write_bytes(damage)
        np.testing.assert_array_equal(WordVectors.distil(embedder, TEXTS).vectors, first.vectors)
        assert kept.read_bytes() == content
    np.save(kept, np.zeros((3, 32), np.float16))
    np.testing.assert_array_equal(WordVectors.distil(embedder, TEXTS).vectors, first.vectors)


def test_a_cache_that_cannot_be_written_only_costs_time(embedder: Embedder, cache: Path) -> None:
    first = WordVectors.distil(embedder, TEXTS)
    shutil.rmtree(cache)
    cache.write_text("a file in the way")
    np.testing.assert_array_equal(WordVectors.distil(embedder, TEXTS).vectors, first.vectors)
