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

import numpy as np

from auditor.kernels.jit import inlined, kernel
from auditor.kernels.minhash import MAX_HASH, add_shingle, band_key, pair_key
from auditor.kernels.sketch_table import (
    BLOCK,
    BLOOM_WORDS,
    CHUNK,
    ESTIMATE_SLACK,
    LEVELS,
    MINHASH_BIT,
    PAIR_LEVELS,
    REACH,
    shared_pair,
)  # fmt: skip

_EMPTY = np.int32(-1)
_MAX = np.uint32(MAX_HASH)
_LOW = np.uint64(MAX_HASH)
_ONE = np.uint64(1)
_SIX = np.uint64(6)
_TWO, _FOUR = np.uint64(2), np.uint64(4)
_U32 = np.uint64(32)
_U56 = np.uint64(56)
_U63 = np.uint64(63)
_BLOOM_WORDS = np.uint64(BLOOM_WORDS)
_ODD, _TWOS = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
_FOURS, _BYTES = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101)


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
    kept_positions, kept_keys, pair_keys, bloom = state.kept_positions, state.kept_keys, state.pair_keys, state.bloom
    bits, bits_shift = table.pair_bits, table.pair_bits_shift
    width = BLOCK << level
    kept = keep_paired(level, count, table, state)
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
        found = 0
        while x < kept and kept_positions[x] < stop:
            y = x - 1
            while y >= 0 and kept_positions[y] > kept_positions[x] - width:
                key = shared_pair(kept_keys[x], kept_keys[y], level)
                pair_keys[found] = key
                found += np.int64(passes(key, bits, bits_shift))
                y -= 1
            x += 1
        if not found:
            continue
        for word in range(BLOOM_WORDS):
            state.around[word] = bloom[bucket, word] | bloom[bucket + 1, word] | bloom[bucket + 2, word]
        pending = collect(found, base + bucket, table, state)
        if pending:
            pending = enough_nearby(base + bucket - 1, pending, table, state, record)
        if pending:
            window = 1 << level
            for i in range(max(0, bucket - 1) * window, min(own, (bucket + 1) * window), stride(level)):
                used = judge(level, i, blocks, tokens, pending, table, state, record, items, used)
    return used


@kernel
def keep_paired(level, count, table, state):
    """Keep the shingles that are in a pair of the level, and fill `state.bloom`; returns how many there are."""
    positions, shingles, bloom = state.positions, state.shingles, state.bloom
    width = BLOCK << level
    kept = 0
    bloom[: (CHUNK + REACH) * BLOCK // width + 3] = np.uint64(0)
    for o in range(count):
        key = table.words[shingles[o]]
        # bucket 0 stands at 1, so that each has one before it
        bloom[positions[o] // width + 1, (key >> _SIX) % _BLOOM_WORDS] |= _ONE << (key & _U63)
        if table.pair_levels[shingles[o]] & (1 << level):
            state.kept_positions[kept] = positions[o]
            state.kept_keys[kept] = key
            kept += 1
    return kept


@inlined
def ones(bits):
    """Number of bits that are set, as LLVM knows it for an instruction of the processor."""
    bits -= (bits >> _ONE) & _ODD
    bits = (bits & _TWOS) + ((bits >> _TWO) & _TWOS)
    bits = (bits + (bits >> _FOUR)) & _FOURS
    return np.int64((bits * _BYTES) >> _U56)


@kernel
def collect(found, bucket, table, state):
    """Gather the items of the pairs that were found, but for those that have too little in `state.around`; returns how
    many there are.

    What a million items take is far from the processor: a loop that only reads one kind of it, and branches as little
    as can be, waits for many reads at once.
    """
    lowest, highest, met = state.lowest, state.highest, state.met
    for f in range(found):
        place = state.pair_keys[f] >> np.uint64(table.pair_shift)
        lowest[f] = table.pair_start[place]
        highest[f] = table.pair_start[place + _ONE]
    pending = 0
    count = 0
    for f in range(found):
        low = state.pair_keys[f] & _LOW
        if count + highest[f] - lowest[f] > len(met):
            pending = with_enough_bits(count, pending, bucket, table, state)
            count = 0
        for q in range(lowest[f], highest[f]):
            entry = table.pair_entry[q]
            met[count] = entry & _LOW
            count += np.int64(entry >> _U32 == low)
    return with_enough_bits(count, pending, bucket, table, state)


@kernel
def with_enough_bits(count, pending, bucket, table, state):
    """Add those of the items `state.met` to the pending ones that have enough of their bits in `state.around`."""
    around, item_bits = state.around, table.item_bits
    a0, a1, a2, a3 = ~around[0], ~around[1], ~around[2], ~around[3]
    kept = 0
    for m in range(count):
        item = state.met[m]
        lost = ones(item_bits[item, 0] & a0) + ones(item_bits[item, 1] & a1)
        lost += ones(item_bits[item, 2] & a2) + ones(item_bits[item, 3] & a3)
        state.met[kept] = item
        kept += np.int64(lost <= table.spare[item])
    for m in range(kept):
        item = state.met[m]
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
        spare = table.spare[item]
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
        if count < stop - start - table.spare[item] or weight < table.share * total:
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
