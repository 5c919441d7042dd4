"""Builds a benchmark index: its items gathered into flat arrays, and the table of their n-grams."""

from __future__ import annotations

import dataclasses
from array import array
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from auditor.decoys import decoys_of
from auditor.index import BenchmarkIndex, BenchmarkInfo, Tokens, index_parameters, item_line, tokens_of
from auditor.kernels.arrays import distinct, frozen
from auditor.kernels.build import gram_keys, numbers_of, open_addressing
from auditor.text import STANDALONE_FLAG, fold_code_point

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from auditor.config import ScanConfig
    from auditor.types import Benchmark, Item

FILTER_BITS_PER_GRAM = 16
"""One n-gram in sixteen that is in no item passes the filter and costs a look at the table."""

SHORT_QUESTION = 8
"""Tokens below which a question's n-grams are too few, and those that it makes with its answer or options are added."""


def _starts(lengths: Iterable[int]) -> NDArray[np.int64]:
    """Offsets at which stretches of these lengths begin, and the end of the last."""
    return np.concatenate([[0], np.cumsum(np.fromiter(lengths, np.int64))]).astype(np.int64)


def _seed_texts(item: Item) -> Iterator[str]:
    """What else of an item is looked for when its question is too short to be looked for by itself."""
    for answer in item.answers[:2]:
        yield f"{item.question} {answer}"
        yield f"{item.question} answer {answer}"
    if item.choices:
        yield " ".join((item.question, *item.choices))
        yield f"{item.question} A {item.choices[0]}"
        yield f"{item.question} 1 {item.choices[0]}"


def _stand_alone(tokens: Tokens) -> NDArray[np.bool_]:
    """Which tokens are single characters of a script without spaces."""
    if tokens.data.isascii():
        return np.zeros(len(tokens), np.bool_)
    forms = [tokens.form(position) for position in range(len(tokens))]
    return np.array([len(f) == 1 and bool(fold_code_point(ord(f)) & STANDALONE_FLAG) for f in forms], np.bool_)


class _Builder:
    """Gathers items, one after another, into the flat stretches that the arrays are made of.

    A million items are a million of each thing: as objects they would take several times the room of what is in them.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._groups: dict[bytes, int] = {}
        self.lines = bytearray()
        self.line_lengths = array("q")
        self.is_decoy = bytearray()
        self.benchmark_of = array("i")
        self.group_of = array("i")
        self.tokens = bytearray()
        self.token_lengths = array("q")
        self.alone = bytearray()
        self.seeds = bytearray()
        self.seed_lengths = array("q")
        self.seed_group = array("i")

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return len(self._groups)

    def has(self, tokens: Tokens) -> bool:
        """Whether an item asks just this."""
        return _identity(tokens) in self._groups

    def add(self, item: Item, tokens: Tokens, benchmark: int, *, is_decoy: bool = False) -> bool:
        """Add an item; returns whether it can be looked for."""
        group = self._groups.setdefault(_identity(tokens), self.groups)
        if group == len(self.token_lengths):
            self.tokens += tokens.hashes.tobytes()
            self.token_lengths.append(len(tokens))
            self.alone += _stand_alone(tokens).tobytes()
        line = item_line(item)
        self.lines += line
        self.line_lengths.append(len(line))
        self.is_decoy.append(is_decoy)
        self.benchmark_of.append(benchmark)
        self.group_of.append(group)
        seeds = [tokens.hashes] if len(tokens) >= self._size else []
        if len(tokens) < SHORT_QUESTION:
            seeds += [t for text in _seed_texts(item) if len(t := tokens_of(text).hashes) >= self._size]
        for seed in seeds:
            self.seeds += seed.tobytes()
            self.seed_lengths.append(len(seed))
            self.seed_group.append(group)
        return bool(seeds)


def _identity(tokens: Tokens) -> bytes:
    return xxhash.xxh3_128_digest(tokens.hashes.tobytes())


def build(benchmarks: Sequence[Benchmark], config: ScanConfig) -> BenchmarkIndex:
    """The index of benchmarks, each of another name."""
    builder = _Builder(config.ngram_size)
    infos: list[BenchmarkInfo] = []
    lengths: list[array[int]] = []
    for position, benchmark in enumerate(benchmarks):
        lost = 0
        lengths.append(array("q"))
        for item in benchmark.items:
            tokens = tokens_of(item.question)
            lost += not builder.add(item, tokens, position)
            lengths[-1].append(len(tokens))
        infos.append(
            BenchmarkInfo(
                name=benchmark.name,
                items=len(benchmark.items),
                source=benchmark.source,
                sha256=benchmark.sha256,
                revision=benchmark.revision,
                licence=benchmark.licence,
                skipped=dict(benchmark.skipped),
                warnings=benchmark.warnings,
                not_indexed={"too_short": lost} if lost else {},
                decoys=0,
                splits=dict(sorted(Counter(item.split for item in benchmark.items).items())),
            )
        )
    real_groups = builder.groups
    for position, benchmark in enumerate(benchmarks):
        count = 0
        for decoy in decoys_of(benchmark.items, lengths[position]):
            halves = tokens_of(decoy.question)
            # two halves of one template can make a question that is really asked
            if not builder.has(halves):
                count += builder.add(decoy, halves, position, is_decoy=True)
        infos[position] = dataclasses.replace(infos[position], decoys=count)
    lines = bytes(builder.lines)
    builder.lines.clear()
    return BenchmarkIndex(tuple(infos), index_parameters(config), _arrays(builder, real_groups, config), lines)


def _arrays(builder: _Builder, real_groups: int, config: ScanConfig) -> dict[str, Any]:
    seeds = np.frombuffer(builder.seeds, np.uint64)
    starts, groups = _starts(builder.seed_lengths), np.frombuffer(builder.seed_group, np.int32)
    grams = _gram_table(seeds, starts, groups, real_groups, config)
    del seeds, starts, groups
    builder.seeds = bytearray()
    tokens = np.frombuffer(builder.tokens, np.uint64)
    token_start = _starts(builder.token_lengths)
    words = distinct(tokens.copy())
    word_keys, word_slots, word_shift, _, _ = open_addressing(words, 1)
    token_word = np.empty(len(tokens), np.int32)
    numbers_of(frozen(tokens), frozen(word_keys), frozen(word_slots), word_shift, token_word)
    last = int(token_start[real_groups])
    owner = np.repeat(np.arange(real_groups), np.diff(token_start[: real_groups + 1]))
    # one number for each (word, group): to sort pairs takes twenty times as long
    pairs = distinct(token_word[:last].astype(np.int64) * max(1, real_groups) + owner)
    pairs //= max(1, real_groups)
    group_of = np.frombuffer(builder.group_of, np.int32)
    return {
        "item_start": _starts(builder.line_lengths),
        "is_decoy": np.frombuffer(builder.is_decoy, np.bool_),
        "benchmark_of": np.frombuffer(builder.benchmark_of, np.int32),
        "group_of": group_of,
        "group_start": _starts(np.bincount(group_of, minlength=builder.groups)),
        "group_items": np.argsort(group_of, kind="stable").astype(np.int32),
        "token_start": token_start,
        "tokens": tokens,
        "token_word": token_word,
        "token_alone": np.frombuffer(builder.alone, np.bool_),
        "word_keys": word_keys,
        "word_slots": word_slots,
        "word_df": np.bincount(pairs, minlength=len(words)).astype(np.int32),
        **grams,
    }


def _gram_table(
    tokens: NDArray[np.uint64], starts: NDArray[np.int64], groups: NDArray[np.int32], real_groups: int,
    config: ScanConfig,
) -> dict[str, Any]:  # fmt: skip
    """The n-grams of texts, each with the groups it is in; those in too many groups are left out.

    Decoys, the groups from `real_groups` on, are found by them but do not count for how frequent they are.
    """
    keys, owners = np.empty(len(tokens), np.uint64), np.empty(len(tokens), np.int64)
    count = gram_keys(tokens, starts, config.ngram_size, keys, owners)
    keys, owner_groups = keys[:count], groups[owners[:count]] if count else np.zeros(0, np.int32)
    del owners
    order = np.lexsort((owner_groups, keys))
    keys, owner_groups = keys[order], owner_groups[order]
    del order
    new = np.ones(len(keys), bool)
    new[1:] = (keys[1:] != keys[:-1]) | (owner_groups[1:] != owner_groups[:-1])
    keys, owner_groups = keys[new], owner_groups[new]
    new = np.ones(len(keys), bool)
    new[1:] = keys[1:] != keys[:-1]
    first = np.flatnonzero(new)
    unique_keys, frequency = keys[first], np.diff(np.append(first, len(keys)))
    del keys, new
    real = np.add.reduceat((owner_groups < real_groups).astype(np.int32), first) if len(first) else frequency
    kept = real <= config.max_document_frequency
    chosen = np.repeat(kept, frequency)
    unique_keys, frequency, real = unique_keys[kept], frequency[kept], real[kept]
    table_keys, table_slots, _, bits, _ = open_addressing(unique_keys, FILTER_BITS_PER_GRAM)
    return {
        "gram_table_keys": table_keys,
        "gram_table_slots": table_slots,
        "gram_filter": bits,
        "posting_start": _starts(frequency),
        "posting_item": owner_groups[chosen].astype(np.int32),
        "gram_df": real.astype(np.int32),
    }
