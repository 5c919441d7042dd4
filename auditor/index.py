"""The benchmark index: items, their tokens and the n-gram table, built once, saved, memory-mapped.

Items that ask the same thing in the same tokens form one group, so that a question that a benchmark repeats is looked
for once and every item that asks it is named. Nothing in an index depends on the corpus that is scanned with it: what is learnt
from that is laid over it by `weigh`.
"""

from __future__ import annotations

import functools
import json
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import xxhash

from auditor import __version__
from auditor.errors import IndexVersionError, InputError, OutputError
from auditor.kernels import seeds
from auditor.kernels.build import gram_keys, open_addressing
from auditor.kernels.tokens import ByteClasses, byte_classes, tokenize
from auditor.text import TEXT_VERSION, tables
from auditor.types import Item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from auditor.config import ScanConfig
    from auditor.types import Benchmark

INDEX_VERSION = 1
"""Raised whenever an index of before could not be read, or would find other things."""

FILTER_BITS_PER_GRAM = 16
"""One n-gram in sixteen that is in no item passes the filter and costs a look at the table."""

SHORT_QUESTION = 8
"""Tokens below which a question's n-grams are too few, and those that it makes with its answer or options are added."""

_ARRAYS = (
    "item_start", "benchmark_of", "group_of", "group_start", "group_items", "token_start", "tokens", "token_word",
    "word_keys", "word_slots", "word_df", "gram_table_keys", "gram_table_slots", "gram_filter", "posting_start",
    "posting_item", "gram_df",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text: hashes and byte offsets in its UTF-8 form."""

    hashes: NDArray[np.uint64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    data: bytes

    def __len__(self) -> int:
        return len(self.hashes)

    def char_span(self, first: int, last: int) -> tuple[int, int]:
        """Character offsets of tokens [first, last); (0, 0) if there are none."""
        if last <= first:
            return 0, 0
        begin = len(self.data[: self.starts[first]].decode("utf-8"))
        return begin, begin + len(self.data[self.starts[first] : self.ends[last - 1]].decode("utf-8"))

    def form(self, position: int) -> str:
        """The text of one token as it is written."""
        return self.data[self.starts[position] : self.ends[position]].decode("utf-8")


@functools.cache
def text_classes() -> ByteClasses:
    """The byte classes of plain text."""
    return byte_classes(False)


def tokens_of(text: str) -> Tokens:
    """Tokens of a text by the compiled tokenizer. Lone surrogates count as one character that separates."""
    data = text.encode("utf-8", "replace")
    buffer = np.frombuffer(data, np.uint8)
    hashes = np.empty(len(data) + 1, np.uint64)
    starts, ends = np.empty(len(data) + 1, np.int64), np.empty(len(data) + 1, np.int64)
    _, count, _ = tokenize(buffer, 0, len(data), False, text_classes(), tables(), hashes, starts, ends, True)
    return Tokens(hashes[:count].copy(), starts[:count].copy(), ends[:count].copy(), data)


@dataclass(frozen=True, slots=True)
class BenchmarkInfo:
    """What an index knows of a benchmark besides its items."""

    name: str
    items: int
    source: str
    sha256: str
    revision: str
    licence: str
    skipped: dict[str, int]
    warnings: tuple[str, ...]
    not_indexed: dict[str, int]
    """Items that cannot be looked for, by reason."""


class BenchmarkIndex:
    """Items of one or more benchmarks, ready to be looked for. Immutable; may be shared by threads."""

    def __init__(self, benchmarks: tuple[BenchmarkInfo, ...], parameters: dict[str, Any], arrays: dict[str, Any],
                 items: bytes | mmap.mmap) -> None:  # fmt: skip
        self.benchmarks = benchmarks
        self.parameters = parameters
        self.arrays = arrays
        self._items = items
        self.group_count = len(arrays["group_start"]) - 1
        self.item_count = len(arrays["group_of"])

    @classmethod
    def build(cls, benchmarks: Sequence[Benchmark], config: ScanConfig) -> BenchmarkIndex:
        """Build the index of `benchmarks`.

        Raises:
            InputError: there are no benchmarks, or two of one name.
        """
        names = [b.name for b in benchmarks]
        if not benchmarks:
            raise InputError("no benchmark to look for: name at least one with -b")
        if len(set(names)) != len(names):
            twice = next(n for n in names if names.count(n) > 1)
            raise InputError(f"two benchmarks are called {twice!r}: give one another name with -b OTHER_NAME=PATH")
        return _build(benchmarks, config)

    def item(self, number: int) -> Item:
        """Item by its number in the index, benchmarks one after another."""
        start = self.arrays["item_start"]
        row = orjson.loads(self._items[start[number] : start[number + 1]])
        return Item(
            item_id=row["item_id"], question=row["question"], choices=tuple(row["choices"]),
            answers=tuple(row["answers"]), passage=row["passage"], split=row["split"], subset=row["subset"],
        )  # fmt: skip

    def benchmark_of(self, number: int) -> BenchmarkInfo:
        """The benchmark of an item."""
        return self.benchmarks[int(self.arrays["benchmark_of"][number])]

    def group(self, number: int) -> NDArray[np.int32]:
        """Numbers of the items of a group, ascending."""
        start = self.arrays["group_start"]
        items: NDArray[np.int32] = self.arrays["group_items"][start[number] : start[number + 1]]
        return items

    def group_tokens(self, number: int) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
        """(token hashes, word numbers) of the question that a group asks."""
        start = self.arrays["token_start"]
        part = slice(int(start[number]), int(start[number + 1]))
        return self.arrays["tokens"][part], self.arrays["token_word"][part]

    def save(self, directory: Path) -> None:
        """Write the index into a new directory. Raises OutputError where that cannot be done."""
        try:
            directory.mkdir(parents=True, exist_ok=True)
            for name in _ARRAYS:
                np.save(directory / f"{name}.npy", self.arrays[name])
            (directory / "items.jsonl").write_bytes(self._items[:])
            header = {
                "index_version": INDEX_VERSION, "text_version": TEXT_VERSION, "auditor": __version__,
                "parameters": self.parameters, "benchmarks": [_info_json(b) for b in self.benchmarks],
            }  # fmt: skip
            # last, so that a directory without it is known to be incomplete
            (directory / "index.json").write_text(json.dumps(header, indent=1), encoding="utf-8")
        except OSError as error:
            raise OutputError(f"cannot write the index to {directory}: {error.strerror or error}") from error

    @classmethod
    def load(cls, directory: Path) -> BenchmarkIndex:
        """Map a saved index into memory.

        Raises:
            IndexVersionError: another version of this package made it.
            InputError: it is no index, or it is damaged.
        """
        try:
            header = json.loads((directory / "index.json").read_bytes())
            versions = (header["index_version"], header["text_version"])
            if versions != (INDEX_VERSION, TEXT_VERSION):
                raise IndexVersionError(
                    f"the index {directory} was made by auditor {header.get('auditor', '?')} (index version "
                    f"{versions[0]}.{versions[1]}, this is {INDEX_VERSION}.{TEXT_VERSION}): delete it and build it again"
                )
            arrays = {name: np.load(directory / f"{name}.npy", mmap_mode="r") for name in _ARRAYS}
            with (directory / "items.jsonl").open("rb") as file:
                size = (directory / "items.jsonl").stat().st_size
                items: bytes | mmap.mmap = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
            benchmarks = tuple(BenchmarkInfo(**{**b, "warnings": tuple(b["warnings"])}) for b in header["benchmarks"])
            if int(arrays["item_start"][-1]) != size:
                raise ValueError("the items do not fit the arrays")
            return cls(benchmarks, header["parameters"], arrays, items)
        except FileNotFoundError as error:
            raise InputError(f"{directory} is not a benchmark index: {error.filename} is missing") from error
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise InputError(
                f"the benchmark index {directory} is damaged ({error}): delete it and build it again"
            ) from error


def index_key(benchmarks: Iterable[Benchmark], config: ScanConfig) -> str:
    """Name under which an index is cached: a hash of all that it is made of."""
    digest = xxhash.xxh3_128()
    digest.update(f"{INDEX_VERSION}.{TEXT_VERSION} {sorted(_parameters(config).items())}".encode())
    for benchmark in benchmarks:
        digest.update(orjson.dumps([benchmark.name, benchmark.source, benchmark.sha256, benchmark.revision,
                                    benchmark.licence, list(benchmark.warnings), dict(benchmark.skipped)]))  # fmt: skip
        for item in benchmark.items:
            digest.update(_item_line(item))
    return digest.hexdigest()


def _parameters(config: ScanConfig) -> dict[str, Any]:
    return {"ngram_size": config.ngram_size, "max_document_frequency": config.max_document_frequency}


def _info_json(info: BenchmarkInfo) -> dict[str, Any]:
    return {name: getattr(info, name) for name in BenchmarkInfo.__slots__}


def _item_line(item: Item) -> bytes:
    row = {name: getattr(item, name) for name in Item.__slots__}
    try:
        return orjson.dumps(row) + b"\n"
    except TypeError:  # lone surrogates
        clean = json.dumps(row, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8")
        return orjson.dumps(orjson.loads(clean)) + b"\n"


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


def _build(benchmarks: Sequence[Benchmark], config: ScanConfig) -> BenchmarkIndex:
    size = config.ngram_size
    lines: list[bytes] = []
    benchmark_of: list[int] = []
    group_of: list[int] = []
    groups: dict[bytes, int] = {}
    members: list[list[int]] = []
    group_tokens: list[NDArray[np.uint64]] = []
    seed_tokens: list[NDArray[np.uint64]] = []
    seed_group: list[int] = []
    infos: list[BenchmarkInfo] = []
    number = 0
    for position, benchmark in enumerate(benchmarks):
        not_indexed: dict[str, int] = {}
        for item in benchmark.items:
            lines.append(_item_line(item))
            benchmark_of.append(position)
            hashes = tokens_of(item.question).hashes
            seed_count = len(seed_tokens)
            if len(hashes) >= size:
                seed_tokens.append(hashes)
            if len(hashes) < SHORT_QUESTION:
                seed_tokens += [t for text in _seed_texts(item) if len(t := tokens_of(text).hashes) >= size]
            if len(seed_tokens) == seed_count:
                not_indexed["too_short"] = not_indexed.get("too_short", 0) + 1
            group = groups.setdefault(hashes.tobytes(), len(groups))
            if group == len(members):
                members.append([])
                group_tokens.append(hashes)
            members[group].append(number)
            group_of.append(group)
            seed_group += [group] * (len(seed_tokens) - seed_count)
            number += 1
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
                not_indexed=not_indexed,
            )  # fmt: skip
        )
    tokens = np.concatenate([np.zeros(0, np.uint64), *group_tokens])
    token_start = _starts(map(len, group_tokens))
    words, token_word = np.unique(tokens, return_inverse=True)
    owner = np.repeat(np.arange(len(group_tokens)), np.diff(token_start))
    pairs = np.unique(np.stack([token_word, owner]), axis=1) if len(tokens) else np.zeros((2, 0), np.int64)
    word_keys, word_slots, _, _, _ = open_addressing(words, 1)
    grams = _gram_table(seed_tokens, np.array(seed_group, np.int64), config)
    arrays = {
        "item_start": _starts(map(len, lines)),
        "benchmark_of": np.array(benchmark_of, np.int32),
        "group_of": np.array(group_of, np.int32),
        "group_start": _starts(map(len, members)),
        "group_items": np.array([i for group in members for i in group], np.int32),
        "token_start": token_start,
        "tokens": tokens,
        "token_word": token_word.astype(np.int32),
        "word_keys": word_keys,
        "word_slots": word_slots,
        "word_df": np.bincount(pairs[0], minlength=len(words)).astype(np.int32),
        **grams,
    }
    return BenchmarkIndex(tuple(infos), _parameters(config), arrays, b"".join(lines))


def _gram_table(texts: list[NDArray[np.uint64]], groups: NDArray[np.int64], config: ScanConfig) -> dict[str, Any]:
    """The n-grams of `texts`, each with the groups it is in; those in too many groups are left out."""
    tokens = np.concatenate([np.zeros(0, np.uint64), *texts])
    starts = _starts(map(len, texts))
    keys, owners = np.empty(len(tokens), np.uint64), np.empty(len(tokens), np.int64)
    count = gram_keys(tokens, starts, config.ngram_size, keys, owners)
    keys, owner_groups = keys[:count], groups[owners[:count]] if count else np.zeros(0, np.int64)
    order = np.lexsort((owner_groups, keys))
    keys, owner_groups = keys[order], owner_groups[order]
    distinct = np.ones(len(keys), bool)
    distinct[1:] = (keys[1:] != keys[:-1]) | (owner_groups[1:] != owner_groups[:-1])
    keys, owner_groups = keys[distinct], owner_groups[distinct]
    unique_keys, first, frequency = np.unique(keys, return_index=True, return_counts=True)
    kept = frequency <= config.max_document_frequency
    chosen = np.repeat(kept, frequency)
    unique_keys, frequency = unique_keys[kept], frequency[kept]
    table_keys, table_slots, _, bits, _ = open_addressing(unique_keys, FILTER_BITS_PER_GRAM)
    return {
        "gram_table_keys": table_keys,
        "gram_table_slots": table_slots,
        "gram_filter": bits,
        "posting_start": _starts(frequency),
        "posting_item": owner_groups[chosen].astype(np.int32),
        "gram_df": frequency.astype(np.int32),
    }


@dataclass(frozen=True, slots=True)
class Learnt:
    """What was learnt from a part of the corpus: in how many of its records each n-gram and each word stands."""

    records: int
    gram_df: NDArray[np.int64]
    word_df: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of an index for one corpus."""

    table: seeds.SeedTable
    word: NDArray[np.float32]
    """Nats of each word of the index."""
    unknown_word: float
    """Nats of a word that is in no question."""
    boilerplate_grams: int
    """n-grams that name no item, because they are everywhere."""
    groups_without_grams: NDArray[np.bool_]
    """Groups whose every n-gram is boilerplate."""


BOILERPLATE_SHARE = 0.3
"""An n-gram whose weight is below this share of the rarest one's is boilerplate: with 10,000 texts, one that stands in
more than 600 of them."""


def weigh(index: BenchmarkIndex, learnt: Learnt | None, config: ScanConfig) -> Weights:
    """Weigh n-grams and words by how rare they are in the items and in the corpus together.

    A text's weight is the self-information of its words, -log p with p = (df + 1/2)/(N + 1), as in inverse document
    frequency (Spärck Jones 1972), over N items and records.
    """
    a = index.arrays
    records = learnt.records if learnt else 0
    total = index.group_count + records
    gram_df = a["gram_df"] + (learnt.gram_df if learnt else 0)
    word_df = a["word_df"] + (learnt.word_df if learnt else 0)
    rarest = np.log((total + 1) / 1.5)
    weight = np.log((total + 1) / (gram_df + 0.5)) / max(rarest, 1e-9)
    weight = np.clip(weight, 0, 1)
    weight[weight < BOILERPLATE_SHARE] = 0
    weight = weight.astype(np.float32)
    per_posting = np.repeat(weight, np.diff(a["posting_start"]))
    mass = np.bincount(a["posting_item"], weights=per_posting, minlength=index.group_count)
    threshold = np.minimum(np.maximum(mass * config.candidate_share, 1.0), config.candidate_grams)
    # an item of one or two n-grams has to be found by them
    threshold = np.minimum(threshold, mass * 0.5)
    threshold[mass <= 0] = np.inf
    table = seeds.SeedTable(
        size=int(index.parameters["ngram_size"]),
        filter_bits=a["gram_filter"],
        filter_shift=64 - (len(a["gram_filter"]) * 64 - 1).bit_length(),
        keys=a["gram_table_keys"],
        grams=a["gram_table_slots"],
        key_shift=64 - (len(a["gram_table_keys"]) - 1).bit_length(),
        posting_start=a["posting_start"],
        posting_item=a["posting_item"],
        weight=weight,
        threshold=threshold.astype(np.float32),
    )
    return Weights(
        table=table,
        word=np.log((total + 1) / np.minimum(word_df + 0.5, total + 0.5)).astype(np.float32),
        unknown_word=float(np.log((total + 1) / 0.5)),
        boilerplate_grams=int((weight == 0).sum()),
        groups_without_grams=mass <= 0,
    )
