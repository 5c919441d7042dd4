"""The benchmark index: items, their tokens and the n-gram table, built once, saved, memory-mapped.

Items that ask the same thing in the same tokens form one group, so that a question that a benchmark repeats is looked
for once and every item that asks it is named. Nothing in an index depends on the corpus that is scanned with it: what
is learnt from that is laid over it by `weigh`.
"""

from __future__ import annotations

import functools
import json
import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import xxhash

from auditor import __version__
from auditor.errors import IndexVersionError, InputError, OutputError
from auditor.kernels import seeds
from auditor.kernels.arrays import frozen
from auditor.kernels.tokens import ByteClasses, byte_classes, tokenize
from auditor.text import TEXT_VERSION, tables
from auditor.types import Item

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from auditor.config import ScanConfig
    from auditor.types import Benchmark

INDEX_VERSION = 3
"""Raised whenever an index of before could not be read, or would find other things."""

_ARRAYS = (
    "item_start", "is_decoy", "benchmark_of", "group_of", "group_start", "group_items", "token_start", "tokens",
    "token_word", "token_alone", "word_keys", "word_slots", "word_df", "gram_table_keys", "gram_table_slots",
    "gram_filter", "posting_start", "posting_item", "gram_df",
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
    _, count, _ = tokenize(buffer, 0, len(data), text_classes(), tables(), hashes, starts, ends)
    hashes, starts, ends = (frozen(array[:count].copy()) for array in (hashes, starts, ends))
    return Tokens(hashes, starts, ends, data)


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
    decoys: int
    """Decoys that are looked for beside its items."""
    splits: dict[str, int]
    """Items of each split; "" stands for none."""


class BenchmarkIndex:
    """Items of one or more benchmarks, ready to be looked for. Immutable; may be shared by threads."""

    def __init__(self, benchmarks: tuple[BenchmarkInfo, ...], parameters: dict[str, Any], arrays: dict[str, Any],
                 items: bytes | mmap.mmap | memoryview) -> None:  # fmt: skip
        self.benchmarks = benchmarks
        self.parameters = parameters
        # numba compiles a kernel once for arrays that may be written to and once for others: ours are all of one kind,
        # built just now or mapped from a file
        self.arrays = {name: frozen(array) for name, array in arrays.items()}
        self._items = items
        self.group_count = len(arrays["group_start"]) - 1
        self.item_count = len(arrays["group_of"])
        self._is_decoy = arrays["is_decoy"]

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
        from auditor.index_build import build

        return build(benchmarks, config)

    def item(self, number: int) -> Item:
        """Item by its number in the index, benchmarks one after another."""
        start = self.arrays["item_start"]
        row = orjson.loads(self._items[start[number] : start[number + 1]])
        return Item(
            item_id=row["item_id"], question=row["question"], choices=tuple(row["choices"]),
            answers=tuple(row["answers"]), passage=row["passage"], split=row["split"], subset=row["subset"],
        )  # fmt: skip

    def items_data(self) -> bytes | mmap.mmap | memoryview:
        """All items as lines of JSON, for another process to make the same index of."""
        return self._items

    def is_decoy(self, number: int) -> bool:
        """Whether an item is a decoy (see `auditor.decoys`)."""
        return bool(self._is_decoy[number])

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
                    f"{versions[0]}.{versions[1]}, this is {INDEX_VERSION}.{TEXT_VERSION}): delete it and build it anew"
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


def index_parameters(config: ScanConfig) -> dict[str, Any]:
    """The thresholds that an index depends on, by name."""
    return {"ngram_size": config.ngram_size, "max_document_frequency": config.max_document_frequency}


def _info_json(info: BenchmarkInfo) -> dict[str, Any]:
    return {name: getattr(info, name) for name in BenchmarkInfo.__slots__}


def item_line(item: Item) -> bytes:
    """An item as a line of JSON; lone surrogates become "?"."""
    row = {name: getattr(item, name) for name in Item.__slots__}
    try:
        return orjson.dumps(row) + b"\n"
    except TypeError:  # lone surrogates
        clean = json.dumps(row, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8")
        return orjson.dumps(orjson.loads(clean)) + b"\n"


@dataclass(frozen=True, slots=True)
class Learnt:
    """What was learnt from a part of the corpus: in how many of its records each n-gram and each word stands."""

    records: int
    gram_df: NDArray[np.int64]
    word_df: NDArray[np.int64]

    def digest(self) -> str:
        """Hexadecimal xxh3_128: two runs that learnt the same judge the same."""
        hashed = xxhash.xxh3_128(str(self.records).encode())
        hashed.update(self.gram_df.tobytes())
        hashed.update(self.word_df.tobytes())
        return hashed.hexdigest()


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
    gram_df: NDArray[np.int64]
    """Records of the corpus, of those that were learnt from, that each n-gram stands in."""
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
    total = sum(b.items for b in index.benchmarks) + records
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
        gram_df=learnt.gram_df if learnt else np.zeros(len(weight), np.int64),
        groups_without_grams=mass <= 0,
    )
