"""The bank: all views of all items of an index as vectors, built once for a model and kept beside the index.

Nothing in it depends on the corpus that is scanned with it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import orjson

from auditor.cache import cache_directory
from auditor.embedding.models import unit_rows
from auditor.embedding.words import Bags, WordVectors
from auditor.rephrase.answers import answers_of
from auditor.rephrase.examples import ShapeNats, shape_nats
from auditor.rephrase.pieces import coverage, piece_nats
from auditor.rephrase.signals import Rarity, content_words
from auditor.rephrase.views import ANSWERED, ASK, PURPOSE, QUESTION, ItemView, item_views, program_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from auditor.embedding import Embedder
    from auditor.index import BenchmarkIndex
    from auditor.rephrase.code import Program
    from auditor.types import Item

BANK_VERSION: Final = "6"
SAMPLE: Final = 2000
"""Items of a benchmark whose nearest siblings say what cosine is ordinary in it."""
CLOSE_SAMPLE: Final = 100
"""Items of a benchmark that are compared with their nearest siblings piece by piece."""
FEW: Final = 30
"""A benchmark of fewer items takes the run's median instead."""
SAME_QUESTION: Final = 0.97
"""Cosine from which on two items of a benchmark ask the same: the second is no sibling of the first."""
USUAL: Final = 0.6
"""That median where no benchmark of a run is large enough to tell: what it is for MiniLM and most benchmarks."""
LIKE: Final = 0.45
"""Cosine of two words from which on one stands for the other a little."""
NEIGHBOURS: Final = 16
"""Words that one stands for, at the most."""
_FIRST_KINDS: Final = frozenset({QUESTION, PURPOSE})
_STATIC_KINDS: Final = frozenset({QUESTION, ASK, ANSWERED, PURPOSE})


@dataclass(frozen=True)
class Arrays:
    """What takes time to make, and is kept in the cache."""

    vectors: NDArray[np.float32]
    """[views, dimension], unit length."""
    coarse: NDArray[np.float32]
    """[views, WordVectors.DIMENSION]: the same views by word vectors; zeros for those that are not looked for so."""
    ordinary: NDArray[np.float32]
    """[benchmarks]: median cosine of an item and its nearest sibling."""
    coarse_ordinary: NDArray[np.float32]
    """[benchmarks]: the same by word vectors."""
    stem_start: NDArray[np.int64]
    """[views + 1]"""
    stem_ids: NDArray[np.int32]
    """Stems of the content words of view v: stem_ids[stem_start[v]:stem_start[v + 1]]."""
    stem_of: NDArray[np.int32]
    """[words]: number of the stem of each known word; -1 for one that carries no meaning."""
    stem_counts: NDArray[np.int32]
    """[benchmarks, stems]: items that have the stem."""
    item_counts: NDArray[np.int64]
    """[benchmarks]"""
    piece_counts: NDArray[np.int32]
    """[benchmarks, pieces of the model's vocabulary]: items that have the piece."""
    ordinary_covered: NDArray[np.float32]
    """[benchmarks]: how much of an item its nearest sibling says too, piece by piece, in the median."""
    near_start: NDArray[np.int64]
    """[stems + 1]"""
    near_ids: NDArray[np.int32]
    """Stems of items that are like stem s, itself among them: near_ids[near_start[s]:near_start[s + 1]]."""
    near_likeness: NDArray[np.float32]
    """In (0, 1]: how like they are."""
    word_vectors: NDArray[np.float32]
    word_weights: NDArray[np.float32]


@dataclass(frozen=True)
class Bank:
    """Views of items as vectors."""

    views: tuple[ItemView, ...]
    units: tuple[tuple[int, ...], ...]
    """Items that ask the same with the same options, by their numbers in the index: they share their views."""
    unit_of: NDArray[np.int32]
    """[views], ascending: which of `units` a view is of."""
    benchmark_of: NDArray[np.int32]
    """[views], ascending"""
    arrays: Arrays
    words: WordVectors
    stems: Mapping[str, int]
    """Number of each stem."""
    stem_names: tuple[str, ...]
    rarities: tuple[Rarity, ...]
    """One for each benchmark."""
    value_rarities: tuple[dict[str, float], ...]
    """Nats of the literals of each benchmark's programs."""
    sign_rarities: tuple[dict[str, float], ...]
    """The same of their operators, keywords and calls."""
    shape_nats: tuple[ShapeNats, ...]
    """What the shapes of their examples say."""
    programs: Mapping[int, Program]
    """The program of a unit's item, where it is one."""
    answers: tuple[tuple[str, ...], ...]
    """[units] of the answers by which their items can be known."""

    @cached_property
    def first_of(self) -> NDArray[np.int64]:
        """[views]: the first view of the same items, which is what they ask."""
        return np.searchsorted(self.unit_of, self.unit_of)

    def near(self, stems: Iterable[str]) -> dict[str, float]:
        """The stems of items that are like any of `stems`, with how much, in (0, 1]."""
        arrays, found = self.arrays, dict[str, float]()
        for number in (self.stems[stem] for stem in stems if stem in self.stems):
            place = slice(arrays.near_start[number], arrays.near_start[number + 1])
            for other, like in zip(arrays.near_ids[place].tolist(), arrays.near_likeness[place].tolist(), strict=True):
                name = self.stem_names[other]
                found[name] = max(found.get(name, 0.0), like)
        return found

    def nats(self, benchmark: int) -> NDArray[np.float32]:
        """[stems]: how much each says among the items of a benchmark."""
        counts = self.arrays.stem_counts[benchmark]
        return np.asarray(np.log((self.arrays.item_counts[benchmark] + 1) / (counts + 0.5)), np.float32)

    def piece_nats(self, benchmark: int) -> NDArray[np.float32]:
        """[pieces]: how much each piece of the model's vocabulary says among the items of a benchmark."""
        return piece_nats(self.arrays.piece_counts[benchmark], int(self.arrays.item_counts[benchmark]))


def bank_of(index: BenchmarkIndex, embedder: Embedder) -> Bank:
    """The bank of an index for a model: from the cache if it was built before, or built and cached."""
    units = _units(index)
    items = [index.item(unit[0]) for unit in units]
    views: list[ItemView] = []
    unit_of: list[int] = []
    benchmarks: list[int] = []
    for number, (unit, item) in enumerate(zip(units, items, strict=True)):
        for view in item_views(item):
            views.append(view)
            unit_of.append(number)
            benchmarks.append(int(index.arrays["benchmark_of"][unit[0]]))
    digest = hashlib.sha256(f"{BANK_VERSION} {embedder.digest} {embedder.prompt!r} {embedder.half}".encode())
    for view, benchmark in zip(views, benchmarks, strict=True):
        digest.update(orjson.dumps([benchmark, view.kind, view.text]))
    folder = cache_directory() / "rephrase" / digest.hexdigest()[:32]
    count = len(index.benchmarks)
    arrays, words, stems = _load(folder, len(views)) or _make(folder, embedder, views, benchmarks, count)
    names = list(stems)
    rarities = tuple(
        Rarity(int(arrays.item_counts[b]), {names[i]: int(counts[i]) for i in np.flatnonzero(counts)})
        for b, counts in enumerate(arrays.stem_counts)
    )
    programs, values, signs, shapes = _programs(items, views, unit_of, benchmarks, count)
    return Bank(
        tuple(views), units, np.array(unit_of, np.int32), np.array(benchmarks, np.int32), arrays, words, stems,
        tuple(names), rarities, values, signs, shapes, programs, tuple(answers_of(item) for item in items),
    )  # fmt: skip


def _units(index: BenchmarkIndex) -> tuple[tuple[int, ...], ...]:
    """Numbers of the items that ask the same with the same options, in the order of the benchmarks and of their items;
    decoys of the string detectors left out."""
    found: dict[tuple[int, str, tuple[str, ...]], list[int]] = {}
    for number in range(len(index.arrays["benchmark_of"])):
        if not index.is_decoy(number):
            item = index.item(number)
            question, *options = (" ".join(text.split()) for text in (item.question, *item.choices))
            key = (int(index.arrays["benchmark_of"][number]), question, tuple(options))
            found.setdefault(key, []).append(number)
    return tuple(tuple(numbers) for _, numbers in sorted(found.items(), key=lambda unit: (unit[0][0], unit[1][0])))


def _programs(
    items: Sequence[Item], views: Sequence[ItemView], unit_of: Sequence[int], benchmarks: Sequence[int], count: int
) -> tuple[dict[int, Program], tuple[dict[str, float], ...], tuple[dict[str, float], ...], tuple[ShapeNats, ...]]:
    """The items that are programs, and how much each literal, each sign and each shape of an example says among those
    of each benchmark."""
    of_unit = {u: b for v, u, b in zip(views, unit_of, benchmarks, strict=True) if v.kind == PURPOSE}
    programs: dict[int, Program] = {}
    values: list[Counter[str]] = [Counter() for _ in range(count)]
    signs: list[Counter[str]] = [Counter() for _ in range(count)]
    shapes: list[Counter[str]] = [Counter() for _ in range(count)]
    with_examples = [0] * count
    for unit, item in enumerate(items):
        if unit in of_unit and (program := program_of(item)) is not None:
            programs[unit] = program
            values[of_unit[unit]].update(program.values)
            signs[of_unit[unit]].update(sign for sign, _ in program.signs)
            shapes[of_unit[unit]].update(shape for shape, _ in program.examples.shapes)
            with_examples[of_unit[unit]] += bool(program.examples)
    sizes = Counter(of_unit.values())
    nats_of_values, nats_of_signs = (
        tuple(
            {value: float(np.log((sizes[b] + 1) / (n + 0.5))) for value, n in counts.items()}
            for b, counts in enumerate(seen)
        )
        for seen in (values, signs)
    )
    nats_of_shapes = tuple(shape_nats(number, counts) for number, counts in zip(with_examples, shapes, strict=True))
    return programs, nats_of_values, nats_of_signs, nats_of_shapes


def _make(
    folder: Path, embedder: Embedder, views: Sequence[ItemView], benchmarks: Sequence[int], count: int
) -> tuple[Arrays, WordVectors, dict[str, int]]:
    vectors = embedder.encode([view.text for view in views])
    looked_for = np.array([view.kind in _STATIC_KINDS for view in views], bool)
    texts = [view.text for view in views if view.kind in _STATIC_KINDS]
    words = WordVectors.distil(embedder, texts).fitted(texts, vectors[looked_for])
    bags = words.bags(view.text if view.kind in _STATIC_KINDS else "" for view in views)
    coarse = words.embed_bags(bags)
    stem_of, stems = _stems(words.words)
    start, ids = stemmed(bags, stem_of)
    counts = np.zeros((count, len(stems)), np.int32)
    items = np.zeros(count, np.int64)
    for number, (view, benchmark) in enumerate(zip(views, benchmarks, strict=True)):
        if view.kind in _FIRST_KINDS:
            items[benchmark] += 1
            counts[benchmark, ids[start[number] : start[number + 1]]] += 1
    first = np.array([view.kind in _FIRST_KINDS for view in views], bool)
    of_benchmark = np.array(benchmarks, np.int32)
    pieces = _piece_counts(embedder, views, first, of_benchmark, count)
    covered = _ordinary_covered(embedder, views, vectors, first, of_benchmark, pieces)
    arrays = Arrays(
        vectors, coarse, _ordinary(vectors, first, of_benchmark, count), _ordinary(coarse, first, of_benchmark, count),
        start, ids, stem_of, counts, items, pieces, covered, *_neighbours(words.vectors, stem_of, len(stems), ids),
        words.vectors, words.weights,
    )  # fmt: skip
    staging = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        staging.mkdir(parents=True, exist_ok=True)
        for field in fields(Arrays):
            np.save(staging / f"{field.name}.npy", getattr(arrays, field.name))
        (staging / "stems.json").write_bytes(orjson.dumps(list(stems)))
        (staging / "words.json").write_bytes(orjson.dumps(list(words.words)))
        os.replace(staging, folder)  # noqa: PTH105
    except OSError:
        # another process was faster, or the cache cannot be written, which only costs time
        shutil.rmtree(staging, ignore_errors=True)
    return arrays, words, stems


def _piece_counts(
    embedder: Embedder, views: Sequence[ItemView], first: NDArray[np.bool_], benchmarks: NDArray[np.int32], count: int
) -> NDArray[np.int32]:
    """[benchmarks, pieces]: items that have each piece of the model's vocabulary."""
    numbers = np.flatnonzero(first)
    ids = embedder.piece_ids([views[int(i)].text for i in numbers])
    highest = max((max(found) for found in ids if found), default=0)
    size = max([highest, *embedder.vocabulary().values()]) + 1
    counts = np.zeros((count, size), np.int32)
    for number, found in zip(numbers, ids, strict=True):
        counts[benchmarks[number], sorted(set(found))] += 1
    return counts


def _ordinary_covered(
    embedder: Embedder, views: Sequence[ItemView], vectors: NDArray[np.float32], first: NDArray[np.bool_],
    benchmarks: NDArray[np.int32], pieces: NDArray[np.int32],
) -> NDArray[np.float32]:  # fmt: skip
    """Median of how much of an item its nearest sibling says too, for each benchmark."""
    medians = np.full(len(pieces), np.nan, np.float32)
    for benchmark, counts in enumerate(pieces):
        own = np.flatnonzero(first & (benchmarks == benchmark))
        if len(own) < FEW:
            continue
        sample = own[:: max(1, len(own) // CLOSE_SAMPLE)][:CLOSE_SAMPLE]
        likeness = vectors[sample] @ vectors[own].T
        likeness[likeness > SAME_QUESTION] = -1.0
        nats = piece_nats(counts, len(own))
        looked = embedder.look_at([views[int(i)].text for i in sample])
        nearest = embedder.look_at([views[int(own[j])].text for j in likeness.argmax(axis=1)])
        found = [coverage(one, other, nats)[0] for one, other in zip(looked, nearest, strict=True)]
        medians[benchmark] = np.median(found)
    return _filled(medians)


def _stems(words: Sequence[str]) -> tuple[NDArray[np.int32], dict[str, int]]:
    """(number of each word's stem, stems with their numbers)."""
    found = [next(iter(content_words(word)), "") for word in words]
    stems = {stem: i for i, stem in enumerate(sorted(set(found) - {""}))}
    return np.array([stems.get(stem, -1) for stem in found], np.int32), stems


def _neighbours(
    vectors: NDArray[np.float32], stem_of: NDArray[np.int32], stems: int, used: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """(start, ids, likeness) of the stems of items that are like each stem (see `Arrays.near_start`)."""
    means = np.zeros((stems, vectors.shape[1]), np.float32)
    known = stem_of >= 0
    np.add.at(means, stem_of[known], unit_rows(vectors[known]))
    means = unit_rows(means)
    aims = np.unique(used)
    ends, ids, likeness = [0], [], []
    for begin in range(0, stems, 1024):
        cosines = means[begin : begin + 1024] @ means[aims].T
        place = np.searchsorted(aims, np.arange(begin, begin + len(cosines)))
        for row, own in enumerate(place):
            if own < len(aims) and aims[own] == begin + row:
                cosines[row, own] = 1.0
            near = np.flatnonzero(cosines[row] >= LIKE)
            near = np.sort(near[np.argsort(-cosines[row, near], kind="stable")[:NEIGHBOURS]])
            ids.append(aims[near])
            likeness.append((cosines[row, near] - LIKE) / (1 - LIKE) + 1e-6)
            ends.append(ends[-1] + len(near))
    none = np.zeros(0, np.int32)
    return (
        np.array(ends, np.int64), np.concatenate([none, *ids]).astype(np.int32),
        np.concatenate([none.astype(np.float32), *likeness]).astype(np.float32),
    )  # fmt: skip


def stemmed(bags: Bags, stem_of: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Bags of words as sets of stems: (start, ids), the ids ascending in each text."""
    texts = np.repeat(np.arange(len(bags.start) - 1), np.diff(bags.start))
    ids = stem_of[bags.words]
    size = int(stem_of.max(initial=0)) + 1
    keys = np.unique(texts[ids >= 0] * size + ids[ids >= 0])
    return np.searchsorted(keys, np.arange(len(bags.start)) * size).astype(np.int64), (keys % size).astype(np.int32)


def _load(folder: Path, views: int) -> tuple[Arrays, WordVectors, dict[str, int]] | None:
    if not (folder / "words.json").is_file():
        return None
    try:
        arrays = Arrays(**{field.name: np.load(folder / f"{field.name}.npy") for field in fields(Arrays)})
        words = tuple(orjson.loads((folder / "words.json").read_bytes()))
        stems = {stem: i for i, stem in enumerate(orjson.loads((folder / "stems.json").read_bytes()))}
    except (OSError, ValueError, EOFError):
        # damaged: what is in a cache can be made again
        shutil.rmtree(folder, ignore_errors=True)
        return None
    if len(arrays.vectors) != views:
        return None
    return arrays, WordVectors(words, arrays.word_vectors, arrays.word_weights), stems


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
        likeness[likeness > SAME_QUESTION] = -np.inf
        nearest = likeness.max(axis=1)
        if np.isfinite(nearest).sum() >= FEW:
            medians[benchmark] = np.median(nearest[np.isfinite(nearest)])
    return _filled(medians)


def _filled(medians: NDArray[np.float32]) -> NDArray[np.float32]:
    """The median of those that are known where one is not."""
    known = medians[~np.isnan(medians)]
    fallback = float(np.median(known)) if len(known) else USUAL
    return np.where(np.isnan(medians), fallback, medians).astype(np.float32)
