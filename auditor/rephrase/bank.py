"""The bank: all views of all items of an index as vectors, built once for a model and kept beside the index.

Nothing in it depends on the corpus that is scanned with it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import orjson

from auditor.cache import cache_directory
from auditor.embedding.words import WordVectors
from auditor.rephrase.code import Program, program_in
from auditor.rephrase.signals import Rarity
from auditor.rephrase.views import ANSWERED, ASK, OPTIONS, PURPOSE, QUESTION, ItemView, item_views

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from auditor.embedding import Embedder
    from auditor.index import BenchmarkIndex
    from auditor.types import Item

BANK_VERSION: Final = "1"
SAMPLE: Final = 2000
"""Items of a benchmark whose nearest siblings say what cosine is ordinary in it."""
FEW: Final = 30
"""A benchmark of fewer items takes the run's median instead."""
SAME_QUESTION: Final = 0.97
"""Cosine from which on two items of a benchmark ask the same: the second is no rival of the first."""
_STATIC_KINDS: Final = frozenset({QUESTION, ASK, OPTIONS, ANSWERED, PURPOSE})


@dataclass(frozen=True)
class Bank:
    """Views of items as vectors."""

    views: tuple[ItemView, ...]
    group_of: NDArray[np.int32]
    """[views]: the group of items (see BenchmarkIndex) that a view is of."""
    benchmark_of: NDArray[np.int32]
    """[views]"""
    vectors: NDArray[np.float32]
    """[views, dimension], unit length."""
    words: WordVectors
    coarse: NDArray[np.float32]
    """[views, words.DIMENSION]: the same views by word vectors; zeros for those that are not looked for so."""
    ordinary: NDArray[np.float32]
    """[benchmarks]: median cosine of an item and its nearest sibling."""
    coarse_ordinary: NDArray[np.float32]
    """[benchmarks]: the same by word vectors."""
    rarities: tuple[Rarity, ...]
    """One for each benchmark."""
    value_rarities: tuple[dict[str, float], ...]
    """Nats of the literals of each benchmark's programs."""

    programs: Mapping[int, Program]
    """The program of a group's item, where it is one."""


def bank_of(index: BenchmarkIndex, embedder: Embedder) -> Bank:
    """The bank of an index for a model: from the cache if it was built before, or built and cached."""
    items = _first_items(index)
    views, groups, benchmarks = [], [], []
    for group, number, item in items:
        for view in item_views(item):
            views.append(view)
            groups.append(group)
            benchmarks.append(int(index.arrays["benchmark_of"][number]))
    digest = hashlib.sha256(f"{BANK_VERSION} {embedder.digest} {embedder.prompt!r} {embedder.half}".encode())
    for view, benchmark in zip(views, benchmarks, strict=True):
        digest.update(orjson.dumps([benchmark, view.kind, view.text]))
    folder = cache_directory() / "rephrase" / digest.hexdigest()[:32]
    stored = _load(folder, len(views)) or _make(folder, embedder, views)
    vectors, words, coarse = stored
    return _assembled(
        index, items, tuple(views), np.array(groups, np.int32), np.array(benchmarks, np.int32), vectors, words, coarse
    )


def _first_items(index: BenchmarkIndex) -> list[tuple[int, int, Item]]:
    """(group, number, item) of the first item of each group; decoys of the string detectors left out."""
    found = []
    for group in range(index.group_count):
        number = int(index.group(group)[0])
        if not index.is_decoy(number):
            found.append((group, number, index.item(number)))
    return found


def _make(
    folder: Path, embedder: Embedder, views: list[ItemView]
) -> tuple[NDArray[np.float32], WordVectors, NDArray[np.float32]]:
    vectors = embedder.encode([view.text for view in views])
    words = WordVectors.distil(embedder, [view.text for view in views if view.kind in _STATIC_KINDS])
    coarse = words.embed(view.text if view.kind in _STATIC_KINDS else "" for view in views)
    staging = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        staging.mkdir(parents=True, exist_ok=True)
        np.save(staging / "vectors.npy", vectors)
        np.save(staging / "coarse.npy", coarse)
        np.save(staging / "word_vectors.npy", words.vectors)
        np.save(staging / "word_weights.npy", words.weights)
        (staging / "words.json").write_bytes(orjson.dumps(list(words.words)))
        os.replace(staging, folder)  # noqa: PTH105
    except OSError:
        # another process was faster, or the cache cannot be written, which only costs time
        shutil.rmtree(staging, ignore_errors=True)
    return vectors, words, coarse


def _load(folder: Path, views: int) -> tuple[NDArray[np.float32], WordVectors, NDArray[np.float32]] | None:
    if not (folder / "words.json").is_file():
        return None
    try:
        vectors = np.load(folder / "vectors.npy")
        coarse = np.load(folder / "coarse.npy")
        words = WordVectors(
            tuple(orjson.loads((folder / "words.json").read_bytes())),
            np.load(folder / "word_vectors.npy"), np.load(folder / "word_weights.npy"),
        )  # fmt: skip
    except (OSError, ValueError, EOFError):
        shutil.rmtree(folder, ignore_errors=True)
        return None
    return (vectors, words, coarse) if len(vectors) == len(coarse) == views else None


def _assembled(
    index: BenchmarkIndex, items: list[tuple[int, int, Item]], views: tuple[ItemView, ...],
    groups: NDArray[np.int32], benchmarks: NDArray[np.int32], vectors: NDArray[np.float32], words: WordVectors,
    coarse: NDArray[np.float32],
) -> Bank:  # fmt: skip
    count = len(index.benchmarks)
    first = np.array([view.kind in {QUESTION, PURPOSE} for view in views], bool)
    ordinary = _ordinary(vectors, first, benchmarks, count)
    coarse_ordinary = _ordinary(coarse, first, benchmarks, count)
    rarities = []
    values = []
    programs = {}
    for benchmark in range(count):
        of_it = [(g, i) for g, n, i in items if int(index.arrays["benchmark_of"][n]) == benchmark]
        found = {g: p for g, i in of_it if (p := program_in(i.question + "\n" + (i.answers[0] if i.answers else "")))}
        programs.update(found)
        rarities.append(Rarity(found[g].purpose if g in found else i.question for g, i in of_it))
        seen: dict[str, int] = {}
        for program in found.values():
            for value in program.values:
                seen[value] = seen.get(value, 0) + 1
        values.append({v: float(np.log((len(found) + 1) / (n + 0.5))) for v, n in seen.items()})
    return Bank(
        views, groups, benchmarks, vectors, words, coarse, ordinary, coarse_ordinary, tuple(rarities), tuple(values),
        programs,
    )  # fmt: skip


def _ordinary(
    vectors: NDArray[np.float32], first: NDArray[np.bool_], benchmarks: NDArray[np.int32], count: int
) -> NDArray[np.float32]:
    """Median cosine of items and their nearest siblings, for each benchmark; those that ask the same are no
    siblings."""
    medians = np.full(count, np.nan, np.float32)
    for benchmark in range(count):
        own = vectors[first & (benchmarks == benchmark)]
        if len(own) < FEW:
            continue
        sample = own[:: max(1, len(own) // SAMPLE)]
        likeness = sample @ own.T
        likeness[likeness > SAME_QUESTION] = -1.0
        medians[benchmark] = np.median(likeness.max(axis=1))
    known = medians[~np.isnan(medians)]
    fallback = float(np.median(known)) if len(known) else 0.6
    return np.where(np.isnan(medians), fallback, medians).astype(np.float32)
