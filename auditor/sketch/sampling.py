"""A block of records in; the sampled n-grams with their document frequencies, and the block's commitment, out."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditor.detectors.candidates import CandidatePass, Workspace
from auditor.kernels import grams, seeds
from auditor.kernels.arrays import frozen
from auditor.kernels.build import open_addressing
from auditor.scanner import BlockResult, first_of_each, key_names, known_keys, leaf_bytes
from auditor.sketch.commitment import BlockNode, leaf, merkle_root
from auditor.sources import has_text
from auditor.sources.blocks import Columns, JsonLines
from auditor.types import Skip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from auditor.detectors.candidates import Proposals
    from auditor.sketch.keys import SketchKey
    from auditor.sources import ReadOptions
    from auditor.sources.blocks import Block

LINE, FIELDS, PIECE = "line", "fields", "piece"
"""What the bytes of a record are: a line of JSON; a table row's texts, each behind its length; a text's piece."""


@dataclass(frozen=True, slots=True)
class SampledBlock:
    """What a sketch takes from one block."""

    result: BlockResult
    """What was read and skipped."""
    hashes: NDArray[np.uint64]
    """Ascending, distinct."""
    counts: NDArray[np.uint64]
    """Records of the block that each stands in."""
    node: BlockNode | None
    """None where the block holds no record."""


def kind_of(block: Block) -> str:
    """What the bytes of this block's records are."""
    payload = block.payload
    return LINE if isinstance(payload, JsonLines) else FIELDS if isinstance(payload, Columns) else PIECE


def contents(block: Block, options: ReadOptions) -> Iterator[bytes]:
    """The bytes of each record that the commitment is to, in order; those of a line without its line feed."""
    payload = block.payload
    if isinstance(payload, JsonLines):
        yield from payload.data.tobytes().split(b"\n")[:-1]
    elif isinstance(payload, Columns):
        data, starts, ends, rows = leaf_bytes(payload, options)
        first = np.searchsorted(rows, np.arange(block.rows + 1)).tolist()
        raw, begins, stops = data.tobytes(), starts.tolist(), ends.tolist()
        for row in range(block.rows):
            texts = [raw[begins[t] : stops[t]] for t in range(first[row], first[row + 1])]
            yield b"".join(len(text).to_bytes(8, "little") + text for text in texts)
    else:
        for piece in payload.pieces:
            yield piece.text.encode("utf-8", "replace")


class Sampler:
    """Samples blocks. Immutable; safe to call from any number of threads."""

    def __init__(self, size: int, bound: int, key: SketchKey, options: ReadOptions) -> None:
        self._size, self._bound = size, bound
        self._words = key.words
        self._commitment = key.commitment
        self._options = options
        self._pass = CandidatePass(known_keys(options))
        self._table = _no_table(size)
        self._local = threading.local()

    def __call__(self, block: Block) -> SampledBlock:
        """Sample one block."""
        skipped: Counter[str] = Counter(skip.reason for skip in block.skips)
        skips = list(block.skips)
        payload = block.payload
        blank = 0
        if isinstance(payload, JsonLines):
            hashes, rows, proposals = self._lines(payload.data)
            blank = proposals.blank
            for keys, (count, row) in sorted(proposals.keys.items()):
                if not has_text(key_names(keys, self._options), self._options):
                    skipped["no_text_field"] += count
                    skips.append(Skip(block.source, "no_text_field", block.first_row + row))
        else:
            texts = self._texts(block)
            hashes, rows, proposals = self._pieces(*texts)
            if isinstance(payload, Columns):
                lost = {skip.row for skip in block.skips}
                silent = np.setdiff1d(np.arange(block.rows), texts[3]) + block.first_row
                empty = [int(row) for row in silent if int(row) not in lost]
                skipped["no_text_field"] += len(empty)
                skips += [Skip(block.source, "no_text_field", row) for row in empty[:20]]
        for row, reason in proposals.broken:
            skipped[reason] += 1
            skips.append(Skip(block.source, reason, block.first_row + row))
        if proposals.broken:
            kept = ~np.isin(rows, [row for row, _ in proposals.broken])
            hashes, rows = hashes[kept], rows[kept]
        lost_rows = sum(skipped.values()) - sum(skip.row is None for skip in block.skips)
        result = BlockResult(
            source=block.source, index=block.index, records_read=block.rows - blank - lost_rows,
            records_skipped={r: n for r, n in sorted(skipped.items()) if n}, blank_lines=blank,
            bytes_read=block.bytes_read, matches=(), skips=first_of_each(skips), decoys_found={},
        )  # fmt: skip
        return SampledBlock(result, *document_frequencies(hashes, rows), self._node(block))

    def hashes_of(self, block: Block) -> NDArray[np.uint64]:
        """The sampled n-grams of a block, ascending and distinct."""
        return self(block).hashes

    def _node(self, block: Block) -> BlockNode | None:
        leaves = [leaf(self._commitment, content) for content in contents(block, self._options)]
        return BlockNode(block.index, len(leaves), merkle_root(self._commitment, leaves)) if leaves else None

    def _workspace(self) -> Workspace:
        if not hasattr(self._local, "workspace"):
            self._local.workspace = Workspace(self._table)
        workspace: Workspace = self._local.workspace
        return workspace

    def _frequencies(self, room: int) -> seeds.Frequencies:
        # memory that is not written to is not taken: the arrays are as long as there are bytes, and nearly empty
        sample = grams.Sample(
            self._size, self._bound, self._words, np.empty(room, np.uint64), np.empty(room, np.int64),
            np.zeros(1, np.int64),
        )  # fmt: skip
        slots = open_addressing(np.zeros(0, np.uint64), 1)
        none = np.zeros(0, np.int64)
        return seeds.Frequencies(frozen(slots[0]), frozen(slots[1]), slots[2], none, none, none, sample)

    def _lines(self, data: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.int64], Proposals]:
        workspace = self._workspace()
        frequencies = self._frequencies(len(data) + 1)
        before = int(workspace.state.serial[0])
        proposals = self._pass.lines(data, workspace, frequencies, mode=seeds.SAMPLE)
        sample = frequencies.sample
        used = int(sample.used[0])
        return sample.hashes[:used], sample.records[:used] - before - 1, proposals

    def _texts(self, block: Block) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        if isinstance(block.payload, Columns):
            return leaf_bytes(block.payload, self._options)
        texts = list(contents(block, self._options))
        bounds = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64)
        order = np.arange(len(texts), dtype=np.int64)
        return np.frombuffer(b"".join(texts), np.uint8), bounds[:-1], bounds[1:], order

    def _pieces(
        self, data: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint64], NDArray[np.int64], Proposals]:
        workspace = self._workspace()
        frequencies = self._frequencies(int((ends - starts).sum()) + len(starts) + 1)
        before = int(workspace.state.serial[0])
        proposals = self._pass.texts(data, starts, ends, rows, workspace, frequencies, mode=seeds.SAMPLE)
        sample = frequencies.sample
        used = int(sample.used[0])
        # the pass numbers the records that have text one after another
        numbers = np.unique(rows)
        return sample.hashes[:used], numbers[sample.records[:used] - before - 1], proposals


def document_frequencies(
    hashes: NDArray[np.uint64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """(distinct hashes, ascending; how many of the rows each stands in), from hashes and the row of each."""
    order = np.lexsort((rows, hashes))
    hashes, rows = hashes[order], rows[order]
    new_hash = np.ones(len(hashes), bool)
    new_hash[1:] = hashes[1:] != hashes[:-1]
    new = new_hash.copy()
    new[1:] |= rows[1:] != rows[:-1]
    if not len(hashes):
        return np.zeros(0, np.uint64), np.zeros(0, np.uint64)
    return hashes[new_hash], np.add.reduceat(new.astype(np.uint64), np.flatnonzero(new_hash))


def _no_table(size: int) -> seeds.SeedTable:
    """The table of an index without items: the pass asks for one."""
    keys, grams, key_shift, bits, filter_shift = open_addressing(np.zeros(0, np.uint64), 1)
    return seeds.SeedTable(
        size=size, filter_bits=frozen(bits), filter_shift=filter_shift, keys=frozen(keys), grams=frozen(grams),
        key_shift=key_shift, posting_start=frozen(np.zeros(1, np.int64)), posting_item=frozen(np.zeros(0, np.int32)),
        weight=np.zeros(0, np.float32), threshold=np.zeros(0, np.float32),
    )  # fmt: skip
