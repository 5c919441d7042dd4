"""Looks for items in windows of a text by their shingles and the MinHash sketches of those.

A window holds an item if it has enough of the item's shingles, by number and by weight, and if their sketches resemble
each other and agree in a band. All of it is asked, but the cheapest question first, for there may be a million items:

- Of an item of up to a few dozen words, pairs of shingles are looked up, chosen so that no window can hold enough of
  the item without one of them (`auditor.kernels.sketch_pairs`): a chance pair is ten times rarer than a chance band.
- Of a longer item, bands are: its windows are few, and hold too many pairs.

What is looked up has no part in what is found but for this: a long item without a common band is never compared.
A text is cut into blocks of `BLOCK` tokens, at which windows begin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditor.kernels.arrays import frozen
from auditor.kernels.jit import inlined, kernel
from auditor.kernels.minhash import MAX_HASH, add_shingle, band_key, pair_key, permutations

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 8
"""Tokens of a block: windows begin at blocks, so an item is missed by four tokens on average."""
LEVELS = 6
"""Window sizes: BLOCK * 2, * 4, … BLOCK * 2**LEVELS tokens."""
PAIR_LEVELS = 3
"""Levels of windows whose items are looked up by pairs: 13 shingles a window of 32 tokens, so 13 pairs with each more."""
CHUNK = 512
"""Blocks whose windows are looked at together: what is known of their tokens stays in the cache."""
REACH = 1 << LEVELS
"""Blocks of the largest window."""
ESTIMATE_SLACK = 0.8
"""Share of what is asked for that a sketch's estimate must reach: it is off by a tenth or two, and what it lets
through is counted."""
MINHASH_BIT = 2
"""The bit of this detector in a pass's mode and in what it finds."""

_EMPTY = np.int32(-1)
_MAX = np.uint32(MAX_HASH)
_LOW = np.uint64(MAX_HASH)
_ONE = np.uint64(1)
_SIX = np.uint64(6)
_U32 = np.uint64(32)
_U63 = np.uint64(63)
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
    least: NDArray[np.int32]
    """Shingles of each item that a window must hold."""
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
    items, shingles, room = len(table.least), len(table.words), 2 * (CHUNK + REACH) * BLOCK
    return SketchState(
        positions=np.empty(room, np.int32),
        shingles=np.empty(room, np.int32),
        pairs=np.empty(room, np.bool_),
        block_at=np.empty(CHUNK + REACH + 1, np.int64),
        kept_positions=np.empty(room, np.int32),
        kept_keys=np.empty(room, np.uint64),
        serial=np.full(1, LEVELS, np.int64),
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
    nothing, one = frozen(np.zeros(1, np.uint64)), frozen(np.full(1, _EMPTY, np.int32))
    a, b = permutations(3, 1)
    return SketchTable(
        word_bits=nothing, word_bits_shift=58, word_keys=nothing, word_slots=one, word_shift=63, words=nothing[:0],
        nats=frozen(np.zeros(0, np.float32)), pair_levels=frozen(np.zeros(0, np.uint8)),
        shingle_start=frozen(np.zeros(1, np.int64)), shingles=one[:0], least=one[:0],
        searched=frozen(np.zeros(LEVELS + 1, np.bool_)), pair_bits=nothing, pair_bits_shift=58,
        pair_start=frozen(np.zeros(2, np.uint32)), pair_shift=63, pair_entry=nothing[:0], a=frozen(a), b=frozen(b),
        rows=3, band_bits=nothing, band_bits_shift=58, band_keys=nothing, band_slots=one, band_shift=63,
        band_start=frozen(np.zeros(1, np.int64)), band_item=one[:0], share=1.0, shared=1.0,
    )  # fmt: skip


@inlined
def slot_of(key, keys, slots, shift):
    last = len(keys) - 1
    slot = np.int64(key >> np.uint64(shift))
    while slots[slot] != _EMPTY:
        if keys[slot] == key:
            return np.int64(slots[slot])
        slot = (slot + 1) & last
    return np.int64(-1)


@inlined
def passes(key, bits, shift):
    position = key >> np.uint64(shift)
    return bits[position >> _SIX] & (_ONE << (position & _U63)) != np.uint64(0)


@inlined
def shared_pair(first, second, level):
    """Key of two shingles' keys, whichever comes first, at a level."""
    return (first + second + np.uint64(level) * _LEVEL_MULTIPLIER) * _PAIR_MULTIPLIER


@inlined
def stride(level):
    """Blocks from one window of a level to the next: a quarter of a window where that is a block and more."""
    return max(1, (1 << level) >> 2)


@kernel
def gather(hashes, k, first, blocks, table, state):
    """Find the shingles in `blocks` blocks of the text from block `first` on; returns how many there are."""
    bits, shift = table.word_bits, table.word_bits_shift
    keys, slots, key_shift = table.word_keys, table.word_slots, table.word_shift
    positions, shingles, pairs, block_at = state.positions, state.shingles, state.pairs, state.block_at
    count = 0
    base = first * BLOCK
    for block in range(blocks):
        block_at[block] = count
        start = base + block * BLOCK
        for j in range(start, min(start + BLOCK, k)):
            shingle = hashes[j]
            for kind in range(2):
                if kind == 1:
                    if j + 1 >= k:
                        break
                    shingle = pair_key(shingle, hashes[j + 1])
                if passes(shingle, bits, shift):
                    number = slot_of(shingle, keys, slots, key_shift)
                    if number >= 0:
                        positions[count] = j - base
                        shingles[count] = number
                        pairs[count] = kind == 1
                        count += 1
    block_at[blocks] = count
    return count


@kernel
def look_up_sketches(hashes, k, table, state, record, line, begin, end, found, used):
    """Propose the items that a window of the `k` tokens seems to hold; returns the candidates so far."""
    total = (k + BLOCK - 1) // BLOCK
    first = 0
    before = used
    while first < total:
        blocks = min(CHUNK + REACH, total - first)
        own = min(CHUNK, total - first)
        count = gather(hashes, k, first, blocks, table, state)
        if count >= table.shared:
            tokens = min(k - first * BLOCK, blocks * BLOCK)
            for level in range(1, PAIR_LEVELS + 1):
                # windows of which a text fills less than half have no items
                if table.searched[level] and (1 << level) <= 2 * blocks:
                    used = look_up_pairs(level, count, own, blocks, tokens, table, state, record, found.item, used)
            if len(table.band_item):
                used = look_up_bands(own, blocks, tokens, table, state, record, found.item, used)
        first += own
    for p in range(before, used):
        found.line[p] = line
        found.begin[p] = begin
        found.end[p] = end
        found.detector[p] = MINHASH_BIT
    return used


@kernel
def look_up_pairs(level, count, own, blocks, tokens, table, state, record, items, used):
    """Look for the items of a level by pairs of shingles that stand less than a window apart.

    The text is cut into buckets as long as a window: a window with a pair begins in the bucket of the pair's second
    shingle, or in the one before. Items of the pairs of a bucket are first held to all that is in that bucket and its
    neighbours, and only those that may have enough there to each window.
    """
    positions, shingles, stamp = state.positions, state.shingles, state.stamp
    kept_positions, kept_keys = state.kept_positions, state.kept_keys
    bits, bits_shift = table.pair_bits, table.pair_bits_shift
    width = BLOCK << level
    kept = 0
    for o in range(count):
        if table.pair_levels[shingles[o]] & (1 << level):
            kept_positions[kept] = positions[o]
            kept_keys[kept] = table.words[shingles[o]]
            kept += 1
    if kept < 2:
        return used
    base = state.serial[0] + 3
    buckets = (min(own * BLOCK + width, tokens) + width - 1) // width
    state.serial[0] = base + buckets + 1
    stamped = 0
    x = 0
    for bucket in range(buckets):
        stop = (bucket + 1) * width
        while stamped < count and positions[stamped] < stop + width:
            stamp[shingles[stamped]] = base + positions[stamped] // width
            stamped += 1
        pending = 0
        while x < kept and kept_positions[x] < stop:
            y = x - 1
            while y >= 0 and kept_positions[y] > kept_positions[x] - width:
                key = shared_pair(kept_keys[x], kept_keys[y], level)
                if passes(key, bits, bits_shift):
                    pending = collect(key, base + bucket, table, state, pending)
                y -= 1
            x += 1
        if pending:
            pending = enough_nearby(base + bucket - 1, pending, table, state, record)
        if pending:
            window = 1 << level
            for i in range(max(0, bucket - 1) * window, min(own, (bucket + 1) * window), stride(level)):
                used = judge(level, i, blocks, tokens, pending, table, state, record, items, used)
    return used


@kernel
def collect(key, bucket, table, state, pending):
    """Add the items of a pair to those that are pending; returns how many there are."""
    place = key >> np.uint64(table.pair_shift)
    for q in range(table.pair_start[place], table.pair_start[place + _ONE]):
        entry = table.pair_entry[q]
        if entry >> _U32 == key & _LOW:
            item = np.int64(entry & _LOW)
            if state.tested[item] != bucket:
                state.tested[item] = bucket
                state.pending[pending] = item
                pending += 1
    return pending


@kernel
def enough_nearby(oldest, pending, table, state, record):
    """Keep those of the pending items of which enough shingles were stamped with bucket `oldest` or a later one."""
    kept = 0
    for p in range(pending):
        item = state.pending[p]
        if state.seen[item] == record:
            continue
        start, stop = table.shingle_start[item], table.shingle_start[item + 1]
        spare = stop - start - table.least[item]
        for s in range(start, stop):
            if state.stamp[table.shingles[s]] < oldest:
                spare -= 1
                if spare < 0:
                    break
        if spare >= 0:
            state.pending[kept] = item
            kept += 1
    return kept


@kernel
def judge(level, i, blocks, tokens, pending, table, state, record, items, used):
    """Propose those of the pending items that the window at block `i` really holds enough of, by number, by weight and
    by their sketches."""
    lowest, highest = state.block_at[i], state.block_at[min(i + (1 << level), blocks)]
    last = min((i << 3) + (BLOCK << level), tokens) - 1
    mark = state.mark
    serial = state.serial[0] + 1
    state.serial[0] = serial
    for o in range(lowest, highest):
        # of a pair of tokens at the end, the second is outside
        if not (state.pairs[o] and state.positions[o] == last):
            mark[state.shingles[o]] = serial
    is_signed = False
    for p in range(pending):
        item = state.pending[p]
        if state.seen[item] == record:
            continue
        start, stop = table.shingle_start[item], table.shingle_start[item + 1]
        count = 0
        weight = 0.0
        total = 0.0
        for s in range(start, stop):
            shingle = table.shingles[s]
            total += table.nats[shingle]
            if mark[shingle] == serial:
                count += 1
                weight += table.nats[shingle]
        if count < table.least[item] or weight < table.share * total:
            continue
        if not is_signed:
            sign(state.shingles, lowest, highest, table, state.window[0])
            is_signed = True
        sign(table.shingles, start, stop, table, state.window[1])
        if resembles(state.window, highest - lowest, stop - start, table) and used < len(items):
            state.seen[item] = record
            items[used] = item
            used += 1
    return used


@kernel
def sign(shingles, start, stop, table, signature):
    """Fill `signature` with the MinHash of the shingles with the numbers shingles[start:stop]."""
    signature[:] = _MAX
    for s in range(start, stop):
        add_shingle(table.words[shingles[s]], table.a, table.b, signature)


@kernel
def resembles(signatures, in_window, in_item, table):
    """Whether the signatures of a window and of an item agree in a band, and in enough values for both sizes."""
    window, item = signatures[0], signatures[1]
    equal = np.uint32(0)
    for p in range(len(window)):
        equal += np.uint32(window[p] == item[p])
    jaccard = equal / len(window)
    # |A and B| from the Jaccard index and both sizes
    estimate = jaccard * (in_item + in_window) / (1.0 + jaccard)
    if estimate < max(table.shared, ESTIMATE_SLACK * table.share * in_item):
        return False
    for p in range(0, len(window) // table.rows * table.rows, table.rows):
        if window[p] == item[p] and window[p + 1] == item[p + 1] and window[p + 2] == item[p + 2]:
            return True
    return False


@kernel
def look_up_bands(own, blocks, tokens, table, state, record, items, used):
    """Look for the items of the levels above PAIR_LEVELS by the bands of windows' signatures."""
    signatures = state.signatures
    band_bits, band_bits_shift = table.band_bits, table.band_bits_shift
    band_keys, band_slots, band_shift = table.band_keys, table.band_slots, table.band_shift
    rows = table.rows
    width = len(table.a)
    for block in range(blocks):
        sign(state.shingles, state.block_at[block], state.block_at[block + 1], table, signatures[block])
    for level in range(1, LEVELS + 1):
        step = 1 << (level - 1)
        if step > blocks:
            break
        for i in range(blocks - step):
            # what stands at i + step is still of the level before
            for p in range(width):
                signatures[i, p] = min(signatures[i, p], signatures[i + step, p])
        if level <= PAIR_LEVELS or not table.searched[level]:
            continue
        for i in range(0, own, stride(level)):
            if state.block_at[min(i + (1 << level), blocks)] - state.block_at[i] < table.shared:
                continue
            serial = state.serial[0] + 1
            state.serial[0] = serial
            pending = 0
            for band in range(width // rows):
                p = band * rows
                key = band_key(signatures[i, p], signatures[i, p + 1], signatures[i, p + 2], (level << 8) | band)
                if not passes(key, band_bits, band_bits_shift):
                    continue
                slot = slot_of(key, band_keys, band_slots, band_shift)
                if slot < 0:
                    continue
                for q in range(table.band_start[slot], table.band_start[slot + 1]):
                    item = table.band_item[q]
                    if state.tested[item] != serial:
                        state.tested[item] = serial
                        state.pending[pending] = item
                        pending += 1
            if pending:
                used = judge(level, i, blocks, tokens, pending, table, state, record, items, used)
    return used
