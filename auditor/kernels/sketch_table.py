"""What windows of a text are held to: the items' shingles, the tables that they are looked up in, a worker's state."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditor.kernels.arrays import frozen
from auditor.kernels.jit import inlined
from auditor.kernels.minhash import permutations

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 8
"""Tokens of a block: windows begin at blocks, so an item is missed by four tokens on average."""
LEVELS = 6
"""Window sizes: BLOCK * 2, * 4, … BLOCK * 2**LEVELS tokens."""
PAIR_LEVELS = 3
"""Levels of windows whose items are looked up by pairs: a window of 64 tokens has some 25 shingles, and so many pairs
with each one more."""
CHUNK = 512
"""Blocks whose windows are looked at together: what is known of their tokens stays in the cache."""
REACH = 1 << LEVELS
"""Blocks of the largest window."""
BLOOM_WORDS = 4
"""64-bit words of an item's Bloom filter: of 256 bits, a window and its neighbours set some forty."""
PAIRS_OF_BUCKET = (2 * BLOCK << PAIR_LEVELS) * (2 * (BLOCK << PAIR_LEVELS) + 2)
"""Each token may be a shingle and begin one, and stand with those of as many tokens before it as a bucket has."""
ESTIMATE_SLACK = 0.8
"""Share of what is asked for that a sketch's estimate must reach: it is off by a tenth or two, and what it lets
through is counted."""
MINHASH_BIT = 2
"""The bit of this detector in a pass's mode and in what it finds."""

_PAIR_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_LEVEL_MULTIPLIER = np.uint64(0xD6E8FEB86659FD93)


class SketchTable(NamedTuple):
    """The items' shingles, and what they are looked up by."""

    word_bits: NDArray[np.uint64]
    """Filter of the shingles' keys, at their highest bits."""
    word_bits_shift: int
    word_keys: NDArray[np.uint64]
    word_slots: NDArray[np.int32]
    word_shift: int
    words: NDArray[np.uint64]
    """Key of each shingle, ascending."""
    nats: NDArray[np.float32]
    """Weight of each shingle."""
    pair_levels: NDArray[np.uint8]
    """Levels at which each shingle is in a pair, as bits."""
    shingle_start: NDArray[np.int64]
    """Where the shingles of each item begin in `shingles`; one more entry than there are items."""
    shingles: NDArray[np.int32]
    """Numbers of the shingles of each item, ascending."""
    spare: NDArray[np.int32]
    """Shingles of each item that a window need not hold."""
    item_bits: NDArray[np.uint64]
    """Bloom filter of each item's shingles, one bit for each; shape (items, BLOOM_WORDS)."""
    searched: NDArray[np.bool_]
    """Whether there are items of each level that can be found, shape (LEVELS + 1,)."""
    pair_bits: NDArray[np.uint64]
    """Filter of the pairs."""
    pair_bits_shift: int
    pair_start: NDArray[np.uint32]
    """Where the pairs of each bucket, the highest bits of their keys, begin in `pair_entry`."""
    pair_shift: int
    pair_entry: NDArray[np.uint64]
    """The low half of a pair's key, above the item it is of."""
    a: NDArray[np.uint32]
    """Multipliers of the permutations, shape (permutations,)."""
    b: NDArray[np.uint32]
    rows: int
    """Hash values of a band."""
    band_bits: NDArray[np.uint64]
    band_bits_shift: int
    band_keys: NDArray[np.uint64]
    band_slots: NDArray[np.int32]
    band_shift: int
    band_start: NDArray[np.int64]
    """Where the items of each band key begin in `band_item`."""
    band_item: NDArray[np.int32]
    share: float
    """Share of an item's shingles that a window must hold."""
    shared: float
    """Shingles that it must hold at the least."""


class SketchState(NamedTuple):
    """What a worker keeps while it looks for items by their shingles."""

    positions: NDArray[np.int32]
    """Token, counted from the first of the chunk, of each shingle of the chunk's text; shape (shingles of a chunk,)."""
    shingles: NDArray[np.int32]
    """Number of each of those."""
    pairs: NDArray[np.bool_]
    """Whether it is a pair of tokens."""
    block_at: NDArray[np.int64]
    """Where the shingles of each block begin; one more entry than there are blocks."""
    kept_positions: NDArray[np.int32]
    """Of the shingles that are in a pair of a level."""
    kept_keys: NDArray[np.uint64]
    pair_keys: NDArray[np.uint64]
    """Of the pairs of a bucket that pass the filter."""
    lowest: NDArray[np.int64]
    """Of each of those, where its items begin in the table."""
    highest: NDArray[np.int64]
    met: NDArray[np.int32]
    """The items of those pairs."""
    bloom: NDArray[np.uint64]
    """Bloom filter of the shingles of each bucket, from row 1 on; shape (buckets + 2, BLOOM_WORDS)."""
    around: NDArray[np.uint64]
    """The same of a bucket and its neighbours; shape (BLOOM_WORDS,)."""
    serial: NDArray[np.int64]
    """Shape (1,): the last number that a bucket or window was given; they only grow."""
    stamp: NDArray[np.int64]
    """Bucket in which each shingle was last seen."""
    mark: NDArray[np.int64]
    """Window in which each shingle was last seen."""
    tested: NDArray[np.int64]
    """Bucket or window in which each item was last looked at."""
    seen: NDArray[np.int64]
    """Record in which each item was last proposed."""
    pending: NDArray[np.int32]
    """Items to look at."""
    signatures: NDArray[np.uint32]
    """Shape (CHUNK + REACH, permutations)."""
    window: NDArray[np.uint32]
    """Signature of a window, and of an item; shape (2, permutations)."""


def new_sketch_state(table: SketchTable) -> SketchState:
    """A worker's state."""
    items, shingles, room = len(table.spare), len(table.words), 2 * (CHUNK + REACH) * BLOCK
    return SketchState(
        positions=np.empty(room, np.int32),
        shingles=np.empty(room, np.int32),
        pairs=np.empty(room, np.bool_),
        block_at=np.empty(CHUNK + REACH + 1, np.int64),
        kept_positions=np.empty(room, np.int32),
        kept_keys=np.empty(room, np.uint64),
        pair_keys=np.empty(PAIRS_OF_BUCKET, np.uint64),
        lowest=np.empty(PAIRS_OF_BUCKET, np.int64),
        highest=np.empty(PAIRS_OF_BUCKET, np.int64),
        met=np.empty(items + int(np.diff(table.pair_start).max(initial=0)) + 1, np.int32),
        bloom=np.zeros(((CHUNK + REACH) // 2 + 3, BLOOM_WORDS), np.uint64),
        around=np.zeros(BLOOM_WORDS, np.uint64),
        serial=np.zeros(1, np.int64),
        stamp=np.zeros(shingles, np.int64),
        mark=np.zeros(shingles, np.int64),
        tested=np.zeros(items, np.int64),
        seen=np.zeros(items, np.int64),
        pending=np.empty(items, np.int32),
        signatures=np.empty((CHUNK + REACH, len(table.a)), np.uint32),
        window=np.empty((2, len(table.a)), np.uint32),
    )


def no_sketches() -> SketchTable:
    """A table in which nothing is found, for passes that do not look for sketches."""
    nothing, one = frozen(np.zeros(1, np.uint64)), frozen(np.full(1, -1, np.int32))
    a, b = permutations(3, 1)
    return SketchTable(
        word_bits=nothing, word_bits_shift=58, word_keys=nothing, word_slots=one, word_shift=63, words=nothing[:0],
        nats=frozen(np.zeros(0, np.float32)), pair_levels=frozen(np.zeros(0, np.uint8)),
        shingle_start=frozen(np.zeros(1, np.int64)), shingles=one[:0], spare=one[:0],
        item_bits=frozen(np.zeros((0, BLOOM_WORDS), np.uint64)),
        searched=frozen(np.zeros(LEVELS + 1, np.bool_)), pair_bits=nothing, pair_bits_shift=58,
        pair_start=frozen(np.zeros(2, np.uint32)), pair_shift=63, pair_entry=nothing[:0], a=frozen(a), b=frozen(b),
        rows=3, band_bits=nothing, band_bits_shift=58, band_keys=nothing, band_slots=one, band_shift=63,
        band_start=frozen(np.zeros(1, np.int64)), band_item=one[:0], share=1.0, shared=1.0,
    )  # fmt: skip


@inlined
def shared_pair(first, second, level):
    """Key of two shingles' keys, whichever comes first, at a level."""
    return (first + second + np.uint64(level) * _LEVEL_MULTIPLIER) * _PAIR_MULTIPLIER
