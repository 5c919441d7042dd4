"""Word vectors distilled from a sentence model: a text's embedding at the price of a look-up for each word.

Every word goes through the model once, by itself; a text is the mean of its words' vectors, weighted by how rare they
are among the items, after the mean vector is taken away and the space is cut to its main directions. It is a coarse
likeness of what the model would say (after model2vec, github.com/MinishLab/model2vec, and SIF, Arora et al. 2017),
good enough to say which texts the model itself has to look at. The likeness is made closer by one linear map, fitted by
ridge regression so that the items' word vectors come near what the model says of the same items.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditor.cache import cache_directory
from auditor.kernels.lookalikes import bags

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from auditor.embedding.models import Embedder

DIMENSION: Final = 256
"""Directions that are kept; 128 lose a point of recall."""
VOCABULARY: Final = 40_000
"""Words of the model's own vocabulary that get a vector, the most frequent ones: a paraphrase has words that no item
has."""
RIDGE: Final = 30.0
"""Items' worth of doubt in the linear map."""
_WORDS: Final = re.compile(r"[^\W\d_]+|\d+")
_HAN: Final = re.compile(r"([\u3400-\u9fff\u3040-\u30ff\uac00-\ud7af]+)")
_PIECE_MARKS: Final = "▁Ġ"


def words_of(text: str) -> list[str]:
    """Lower-case words and numbers of a text; of scripts without spaces, characters, pairs and triples of them."""
    return [word for word, _ in _words_with_places(text.lower())]


def _words_with_places(lower: str) -> Iterator[tuple[str, int]]:
    """The words of a text in lower case, and where each begins."""
    plain = lower.isascii()
    for found in _WORDS.finditer(lower):
        word, begin = found.group(), found.start()
        if plain or not _HAN.search(word):
            yield word, begin
            continue
        for size in (1, 2, 3):
            for i in range(len(word) - size + 1):
                yield word[i : i + size], begin + i


@dataclass(frozen=True)
class Bags:
    """Texts as bags of words."""

    start: NDArray[np.int64]
    """[texts + 1]"""
    words: NDArray[np.int32]
    """Numbers of the words of text t, ascending: words[start[t]:start[t + 1]]."""
    counts: NDArray[np.float32]
    """How often each stands there."""


@dataclass(frozen=True)
class WordVectors:
    """Vectors of words, and how much each counts."""

    words: tuple[str, ...]
    vectors: NDArray[np.float32]
    """[words, DIMENSION]"""
    weights: NDArray[np.float32]
    """[words], in nats: -log of the share of items that have the word."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_number", {word: i for i, word in enumerate(self.words)})

    @classmethod
    def distil(cls, embedder: Embedder, texts: Sequence[str]) -> WordVectors:
        """Distil the words of `texts` (one for each item) and of the model's vocabulary."""
        seen: Counter[str] = Counter()
        for text in texts:
            seen.update(set(words_of(text)))
        known = _vocabulary_vectors(embedder)
        words = tuple(sorted(seen.keys() | known.keys()))
        others = [word for word in words if word not in known]
        known |= dict(zip(others, embedder.encode(others), strict=True))
        raw = np.stack([known[word] for word in words])
        centred = raw - raw.mean(axis=0)
        size = min(DIMENSION, centred.shape[1])
        # the directions from every fourth word: the same to three decimals, in a sixteenth of the time
        _, _, directions = np.linalg.svd(centred[:: max(1, len(words) // 10_000)], full_matrices=False)
        vectors = np.ascontiguousarray(centred @ directions[:size].T, np.float32)
        weights = np.array([math.log((len(texts) + 1) / (seen[w] + 0.5)) for w in words], np.float32)
        return cls(words, vectors, np.maximum(weights, 0.0))

    def fitted(self, texts: Sequence[str], targets: NDArray[np.float32]) -> WordVectors:
        """The same words with vectors from which `texts` come nearer to `targets`, the model's own vectors of them."""
        rows = self.embed(texts)
        aims = targets - targets.mean(axis=0)
        square = rows.T @ rows + RIDGE * np.eye(rows.shape[1], dtype=np.float32)
        linear = np.linalg.solve(square, rows.T @ aims)
        # back to as many directions as before: the map has them as its own
        _, _, directions = np.linalg.svd(linear, full_matrices=False)
        return WordVectors(self.words, np.ascontiguousarray(self.vectors @ (linear @ directions.T)), self.weights)

    def bags(self, texts: Iterable[str]) -> Bags:
        """The known words of texts."""
        return self.bags_of_parts([(text, 0, len(text)) for text in texts])

    def bags_of_parts(self, parts: Sequence[tuple[str, int, int]]) -> Bags:
        """The known words of parts of texts, each (text, begin, end). A text is read once for consecutive parts of it;
        what a part cuts in two is in neither."""
        known = [np.zeros((0, 3), np.int64)]
        source, own = "", 0
        places = np.zeros((len(parts), 3), np.int64)
        for i, (text, begin, end) in enumerate(parts):
            if text is not source:
                source, own = text, len(known)
                known.append(self._known_in(text))
            places[i] = own, begin, end
        first = np.cumsum([0, *(len(words) for words in known)])
        return Bags(*bags(np.concatenate(known), first, places))

    def _known_in(self, text: str) -> NDArray[np.int64]:
        """[words, 3]: the numbers of the known words of a text, and where they begin and end, by where they begin."""
        number: dict[str, int] = self._number  # type: ignore[attr-defined]
        lower = text.lower()
        if len(lower) != len(text):
            lower = "".join(sign.lower() if len(sign.lower()) == 1 else sign for sign in text)
        # numbers, not objects: a record may have millions of words
        found = (
            value
            for word, begin in _words_with_places(lower)
            if (n := number.get(word)) is not None
            for value in (n, begin, begin + len(word))
        )
        rows = np.fromiter(found, np.int64).reshape(-1, 3)
        return rows if lower.isascii() else rows[np.argsort(rows[:, 1], kind="stable")]

    def embed_bags(self, bags: Bags) -> NDArray[np.float32]:
        """Unit vectors, float32 [texts, DIMENSION]; zeros for a text without a known word."""
        from scipy.sparse import csr_matrix

        data = (1.0 + np.log(bags.counts)) * self.weights[bags.words]
        matrix: Any = csr_matrix((data, bags.words, bags.start), shape=(len(bags.start) - 1, len(self.words)))
        found = np.asarray(matrix @ self.vectors, np.float32)
        norms = np.linalg.norm(found, axis=1, keepdims=True)
        return np.asarray(found / np.maximum(norms, 1e-9), np.float32)

    def embed(self, texts: Iterable[str]) -> NDArray[np.float32]:
        """`embed_bags` of texts."""
        return self.embed_bags(self.bags(texts))


def _vocabulary_vectors(embedder: Embedder) -> dict[str, NDArray[np.float32]]:
    """Vectors of the words of the model's own vocabulary: made once for a model, and kept in the user's cache."""
    words = _vocabulary(embedder)
    key = f"{embedder.digest}{embedder.prompt}{embedder.half}{DIMENSION}{VOCABULARY}"
    path = cache_directory() / "rephrase" / f"words-{hashlib.sha256(key.encode()).hexdigest()[:32]}.npy"
    try:
        vectors = np.load(path).astype(np.float32)
    except (OSError, ValueError, EOFError):
        vectors = np.zeros((0, 0), np.float32)
    if vectors.shape != (len(words), embedder.dimension):
        # through half precision either way, so that a kept vector is the one that was made
        vectors = embedder.encode(words).astype(np.float16).astype(np.float32)
        with contextlib.suppress(OSError):  # a cache that cannot be written only costs time
            path.parent.mkdir(parents=True, exist_ok=True)
            staging = path.with_name(f"{path.stem}.{os.getpid()}.npy")
            np.save(staging, vectors.astype(np.float16))
            staging.replace(path)
    return dict(zip(words, vectors, strict=True))


def _vocabulary(embedder: Embedder) -> list[str]:
    """Whole words of the model's tokenizer, the first ones, which are the most frequent."""
    pieces = [piece for piece, _ in sorted(embedder.vocabulary().items(), key=lambda entry: entry[1]) if piece]
    marked = any(piece[0] in _PIECE_MARKS for piece in pieces[:2000])
    found: dict[str, None] = {}
    for piece in pieces:
        word = piece.lstrip(_PIECE_MARKS).lower()
        is_han = bool(_HAN.match(word))
        begins_word = piece[0] in _PIECE_MARKS if marked else not piece.startswith("##")
        if word.isalpha() and (is_han or (begins_word and len(word) > 1)):
            found[word] = None
            if len(found) == VOCABULARY:
                break
    return list(found)
