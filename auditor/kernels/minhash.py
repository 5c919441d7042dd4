"""MinHash over windows of a text, as datasketch's "affine32" scheme computes it, and the look-up of items by it.

A text is cut into blocks of `BLOCK` tokens; the signature of a window is the minimum over its blocks, so every token
is hashed once whatever the windows. Shingles are words that the items have and other texts rarely do (pairs of
characters in scripts without spaces): what is left when every long n-gram is broken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditor.kernels.arrays import frozen
from auditor.kernels.jit import inlined, kernel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

BLOCK = 8
"""Tokens of a block: windows begin at blocks, so an item is missed by four tokens on average."""
LEVELS = 6
"""Window sizes: BLOCK * 2, * 4, … BLOCK * 2**LEVELS tokens."""
CHUNK = 512
"""Blocks whose signatures are held at once: a few hundred kilobytes, which stay in the cache."""
REACH = 1 << LEVELS
"""Blocks of the largest window."""
ESTIMATE_SLACK = 0.8
"""Share of what is asked for that a sketch's estimate must reach: it is off by a tenth or two, and what it lets
through is counted."""
MAX_HASH = 0xFFFFFFFF
MINHASH_BIT = 2
"""The bit of this detector in a pass's mode and in what it finds."""

_EMPTY = np.int32(-1)
_MAX = np.uint32(MAX_HASH)
_LOW = np.uint64(MAX_HASH)
_ONE = np.uint64(1)
_SIX = np.uint64(6)
_U63 = np.uint64(63)
_M1 = np.uint64(0x9FB21C651E98DF25)
_M2 = np.uint64(0xD6E8FEB86659FD93)
_M3 = np.uint64(0xFF51AFD7ED558CCD)


class SketchTable(NamedTuple):
    """The items' shingles, signatures and bands."""

    word_bits: NDArray[np.uint64]
    """Filter of the shingles' keys, at their highest bits."""
    word_bits_shift: int
    word_keys: NDArray[np.uint64]
    word_slots: NDArray[np.int32]
    word_shift: int
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
    signatures: NDArray[np.uint32]
    """Shape (items, permutations)."""
    sizes: NDArray[np.int32]
    """Shingles of each item; 0 for those that are not looked for."""
    shingle_start: NDArray[np.int64]
    """Where the shingles of each item begin in `shingles`."""
    shingles: NDArray[np.uint64]
    shingle_weight: NDArray[np.float32]
    share: float
    """Share of an item's shingles that a window must seem to hold."""
    shared: float
    """Shingles that it must seem to hold at the least."""


class SketchState(NamedTuple):
    """What a worker keeps while it looks for items by their sketches."""

    signatures: NDArray[np.uint32]
    """Shape (CHUNK + REACH, permutations)."""
    counts: NDArray[np.int32]
    """Shingles of each window, shape (CHUNK + REACH,)."""
    window: NDArray[np.int64]
    """Shape (1,): number of the last window."""
    tested: NDArray[np.int64]
    """Window in which each item was last compared."""
    seen: NDArray[np.int64]
    """Record in which each item was last proposed."""


def new_sketch_state(table: SketchTable) -> SketchState:
    """A worker's state."""
    return SketchState(
        signatures=np.empty((CHUNK + REACH, len(table.a)), np.uint32),
        counts=np.empty(CHUNK + REACH, np.int32),
        window=np.zeros(1, np.int64),
        tested=np.zeros(len(table.sizes), np.int64),
        seen=np.zeros(len(table.sizes), np.int64),
    )


def no_sketches() -> SketchTable:
    """A table in which nothing is found, for passes that do not look for sketches."""
    nothing, one = np.zeros(1, np.uint64), np.full(1, _EMPTY, np.int32)
    a, b = permutations(3, 1)
    return SketchTable(
        word_bits=frozen(nothing), word_bits_shift=58, word_keys=frozen(nothing), word_slots=frozen(one), word_shift=63,
        a=frozen(a), b=frozen(b), rows=3, band_bits=frozen(nothing), band_bits_shift=58, band_keys=frozen(nothing),
        band_slots=frozen(one), band_shift=63, band_start=frozen(np.zeros(1, np.int64)),
        band_item=frozen(np.zeros(0, np.int32)), signatures=frozen(np.zeros((0, 3), np.uint32)),
        sizes=frozen(np.zeros(0, np.int32)), shingle_start=frozen(np.zeros(1, np.int64)), shingles=frozen(nothing[:0]),
        shingle_weight=frozen(np.zeros(0, np.float32)), share=1.0, shared=1.0,
    )  # fmt: skip


def permutations(count: int, seed: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Multipliers and addends of datasketch's "affine32" permutations, h -> a * h + b mod 2**32."""
    generator = np.random.RandomState(seed)
    a = generator.randint(0, 1 << 31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    b = generator.randint(0, 1 << 32, count, dtype=np.uint32)
    return a, b


@inlined
def mix32(h):
    """MurmurHash3's finaliser of the low 32 bits, as datasketch mixes hash values before it permutes them."""
    h = np.uint32(h & _LOW)
    h ^= h >> np.uint32(16)
    h = np.uint32(h * np.uint32(0x85EBCA6B))
    h ^= h >> np.uint32(13)
    h = np.uint32(h * np.uint32(0xC2B2AE35))
    return h ^ (h >> np.uint32(16))


@inlined
def pair_key(first, second):
    """Key of two tokens in a row, as a shingle of a script without spaces."""
    h = first * _M1 ^ ((second << np.uint64(17)) | (second >> np.uint64(47)))
    h *= _M2
    return h ^ (h >> np.uint64(29))


@inlined
def band_key(s0, s1, s2, band):
    """Key of a band of three hash values; `band` tells bands and window sizes apart."""
    h = (np.uint64(s0) | (np.uint64(s1) << np.uint64(32))) * _M1
    h ^= (np.uint64(s2) | (np.uint64(band) << np.uint64(32))) * _M2
    h ^= h >> np.uint64(32)
    return h * _M3


@kernel
def add_shingle(h, a, b, signature):
    """Take a shingle into a signature: the minimum of every permutation of its hash value."""
    mixed = mix32(h)
    for p in range(len(a)):
        value = np.uint32(a[p] * mixed + b[p])
        signature[p] = min(signature[p], value)


@kernel
def signature_of(shingles, a, b, signature):
    """Fill `signature` with the MinHash of the shingles' low 32 bits."""
    signature[:] = _MAX
    for j in range(len(shingles)):
        add_shingle(shingles[j], a, b, signature)


@kernel
def signatures_of(shingles, starts, a, b, signatures):
    """Fill `signatures`, shape (sets, permutations), with the MinHash of each set shingles[starts[s]:starts[s + 1]]."""
    for s in range(len(starts) - 1):
        signature_of(shingles[starts[s] : starts[s + 1]], a, b, signatures[s])


@kernel
def pair_keys(tokens, positions, keys):
    """Fill `keys` with the key of the pair of tokens that begins at each position."""
    for k in range(len(positions)):
        keys[k] = pair_key(tokens[positions[k]], tokens[positions[k] + 1])


@kernel
def band_keys_of(signatures, levels, rows, keys):
    """Band keys of every item's signature: fills `keys`, shape (items, permutations // rows); rows must be 3."""
    for item in range(len(signatures)):
        s = signatures[item]
        for band in range(keys.shape[1]):
            p = band * rows
            keys[item, band] = band_key(s[p], s[p + 1], s[p + 2], (levels[item] << 8) | band)


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
def fill_blocks(hashes, k, first, blocks, table, signatures, counts):
    """Signatures and shingle counts of `blocks` blocks of the text from block `first` on."""
    bits, shift = table.word_bits, table.word_bits_shift
    keys, slots, key_shift = table.word_keys, table.word_slots, table.word_shift
    a, b = table.a, table.b
    width = len(a)
    for block in range(blocks):
        for p in range(width):
            signatures[block, p] = _MAX
        count = 0
        start = (first + block) * BLOCK
        for j in range(start, min(start + BLOCK, k)):
            shingle = hashes[j]
            for kind in range(2):
                if kind == 1:
                    if j + 1 >= k:
                        break
                    shingle = pair_key(shingle, hashes[j + 1])
                if passes(shingle, bits, shift) and slot_of(shingle, keys, slots, key_shift) >= 0:
                    count += 1
                    mixed = mix32(shingle)
                    for p in range(width):
                        signatures[block, p] = min(signatures[block, p], np.uint32(a[p] * mixed + b[p]))
        counts[block] = count


@inlined
def holds_enough(hashes, begin, end, start, stop, shingles, shingle_weight, shared, share):
    """Whether the tokens [begin, end) really hold enough of the shingles [start, stop), by number and by weight."""
    count = 0
    weight = 0.0
    total = 0.0
    for s in range(start, stop):
        shingle = shingles[s]
        total += shingle_weight[s]
        for j in range(begin, end):
            if hashes[j] == shingle or (j + 1 < end and pair_key(hashes[j], hashes[j + 1]) == shingle):
                count += 1
                weight += shingle_weight[s]
                break
    return count >= max(shared, share * (stop - start)) and weight >= share * total


@kernel
def look_up_sketches(hashes, k, table, state, record, line, begin, end, found, used):
    """Propose the items whose sketches resemble that of a window of the `k` tokens; returns the candidates so far."""
    total = (k + BLOCK - 1) // BLOCK
    first = 0
    signatures, counts = state.signatures, state.counts
    tested, seen = state.tested, state.seen
    band_bits, band_bits_shift = table.band_bits, table.band_bits_shift
    band_keys, band_slots, band_shift = table.band_keys, table.band_slots, table.band_shift
    band_start, band_item = table.band_start, table.band_item
    own_signatures, sizes = table.signatures, table.sizes
    rows, shared, share = table.rows, table.shared, table.share
    width = len(table.a)
    bands = width // rows
    window = state.window[0]
    least = np.int64(shared)
    while first < total:
        blocks = min(CHUNK + REACH, total - first)
        own = min(CHUNK, total - first)
        fill_blocks(hashes, k, first, blocks, table, signatures, counts)
        for level in range(1, LEVELS + 1):
            step = 1 << (level - 1)
            for i in range(blocks - step):
                # what stands at i + step is still of the level before
                for p in range(width):
                    signatures[i, p] = min(signatures[i, p], signatures[i + step, p])
                counts[i] += counts[i + step]
            for i in range(0, own, max(1, step // 2)):
                if counts[i] < least:
                    continue
                window += 1
                for band in range(bands):
                    p = band * rows
                    key = band_key(signatures[i, p], signatures[i, p + 1], signatures[i, p + 2], (level << 8) | band)
                    if not passes(key, band_bits, band_bits_shift):
                        continue
                    slot = slot_of(key, band_keys, band_slots, band_shift)
                    if slot < 0:
                        continue
                    for q in range(band_start[slot], band_start[slot + 1]):
                        item = band_item[q]
                        if seen[item] == record or tested[item] == window:
                            continue
                        tested[item] = window
                        equal = np.uint32(0)
                        for r in range(width):
                            equal += np.uint32(own_signatures[item, r] == signatures[i, r])
                        jaccard = equal / width
                        # |A and B| from the Jaccard index and both sizes
                        estimate = jaccard * (sizes[item] + counts[i]) / (1.0 + jaccard)
                        if estimate < max(shared, ESTIMATE_SLACK * share * sizes[item]) or used >= len(found.line):
                            continue
                        # what the sketch estimates is counted before anyone reads the record
                        start = (first + i) * BLOCK
                        if holds_enough(
                            hashes, start, min(k, start + (BLOCK << level)), table.shingle_start[item],
                            table.shingle_start[item + 1], table.shingles, table.shingle_weight, shared, share,
                        ):  # fmt: skip
                            seen[item] = record
                            found.line[used] = line
                            found.begin[used] = begin
                            found.end[used] = end
                            found.item[used] = item
                            found.detector[used] = MINHASH_BIT
                            used += 1
            if (1 << level) > blocks:
                break
        first += own
    state.window[0] = window
    return used


def signature_plainly(shingles: Iterable[int], a: NDArray[np.uint32], b: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The twin of `signature_of`, in plain Python integers."""
    result = [MAX_HASH] * len(a)
    for shingle in shingles:
        h = shingle & MAX_HASH
        h ^= h >> 16
        h = h * 0x85EBCA6B & MAX_HASH
        h ^= h >> 13
        h = h * 0xC2B2AE35 & MAX_HASH
        h ^= h >> 16
        for p in range(len(a)):
            result[p] = min(result[p], (int(a[p]) * h + int(b[p])) & MAX_HASH)
    return np.array(result, np.uint32)
