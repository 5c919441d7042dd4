"""Pairs of shingles without which no window can hold enough of an item, and the table that they are looked up in.

Of n shingles a window must hold c, with a share of their weight. Leave the most common ones away, as many as may be
for any such choice to hold t of the rest, and put the rest into t - 1 groups: by the pigeonhole principle two of the t
stand in one group. So the pairs within the groups are enough, one or two for each shingle; they are made of the rare
ones, with the common ones in different groups.
"""

from __future__ import annotations

import numpy as np

from auditor.kernels.jit import inlined, kernel
from auditor.kernels.sketch_table import BLOOM_WORDS, shared_pair

MOST_HELD = 12
"""Largest t that is tried."""
PAIRS_OF_SHINGLE = 2
"""Pairs of an item for each of its shingles, as long as there is a t that has no more."""
ENTRY_BITS = 8
"""Bits of the filter for each pair."""

_ONE = np.uint64(1)
_SIX = np.uint64(6)
_U32 = np.uint64(32)
_U63 = np.uint64(63)
_LOW = np.uint64(0xFFFFFFFF)
_ROUNDING = 1e-5
"""Of a sum of weights: what is left away must be too little whatever the order that they are added in."""


@inlined
def rest_of(weights, n, least, share, t):
    """Fewest of the `n` shingles, the rarest first, of which each window that holds enough must hold `t`.

    By number: a window lacks n - least at most. By weight: it lacks the share 1 - share at most, and t - 1 shingles
    weigh no more than the t - 1 rarest.
    """
    total = 0.0
    for i in range(n):
        total += weights[i]
    heaviest = 0.0
    for i in range(t - 1):
        heaviest += weights[i]
    rest = n - least + t
    left_away = total
    for i in range(rest):
        left_away -= weights[i]
    while rest > t and share * total - (left_away + weights[rest - 1]) > heaviest + _ROUNDING * total:
        rest -= 1
        left_away += weights[rest]
    return rest


@kernel
def choice(weights, n, least, share):
    """(number of groups, shingles in them) of an item whose `n` shingles have these weights, the highest first: the t
    whose pairs are met least often by chance, if words are as frequent as their weights say."""
    best = (1, n)
    lowest = np.inf
    fewest = n * n
    for t in range(2, min(least, MOST_HELD) + 1):
        groups = t - 1
        rest = rest_of(weights, n, least, share, t)
        pairs = 0
        chance = 0.0
        for group in range(groups):
            one = 0.0
            both = 0.0
            for i in range(group, rest, groups):
                share_of_texts = np.exp(-weights[i])
                both += one * share_of_texts
                one += share_of_texts
                pairs += i // groups
            chance += both
        few = pairs <= PAIRS_OF_SHINGLE * n
        if (few and (chance < lowest or fewest > PAIRS_OF_SHINGLE * n)) or (not few and pairs < fewest):
            best = (groups, rest)
            lowest = chance
            fewest = pairs
    return best


@kernel
def make_pairs(shingles, starts, least, share, levels, highest, words, nats, order, keys, owners, word_levels):
    """Fill `keys` and `owners` with the key and the item of each pair of the items of levels 1 to `highest`, and
    `word_levels` with the levels, as bits, at which each shingle is in one; returns how many there are.

    Level 0 is that of items that are not looked for. `order` holds the places of each item's shingles in `shingles`,
    the rarest first. Where `keys` is shorter than it must be, pairs are only counted.
    """
    count = 0
    weights = np.empty(1, np.float64)
    for item in range(len(levels)):
        level = levels[item]
        if level < 1 or level > highest:
            continue
        start = starts[item]
        n = starts[item + 1] - start
        if n > len(weights):
            weights = np.empty(2 * n, np.float64)
        for i in range(n):
            weights[i] = nats[shingles[order[start + i]]]
        groups, rest = choice(weights, n, least[item], share)
        for i in range(rest):
            first = shingles[order[start + i]]
            for j in range(i + groups, rest, groups):
                if count < len(keys):
                    second = shingles[order[start + j]]
                    keys[count] = shared_pair(words[first], words[second], level)
                    owners[count] = item
                    word_levels[first] |= np.uint8(1 << level)
                    word_levels[second] |= np.uint8(1 << level)
                count += 1
    return count


@kernel
def fill_item_bits(shingles, starts, words, bits):
    """Fill `bits`, zeros of shape (items, BLOOM_WORDS), with the Bloom filter of each item's shingles."""
    for item in range(len(starts) - 1):
        for s in range(starts[item], starts[item + 1]):
            key = words[shingles[s]]
            bits[item, (key >> _SIX) % np.uint64(BLOOM_WORDS)] |= _ONE << (key & _U63)


@kernel
def fill_buckets(keys, owners, shift, starts, entries, bits, bits_shift):
    """Sort pairs into the buckets that their highest bits name, and set their bits in the filter.

    Args:
        starts: uint32 [buckets + 2], zeros; afterwards bucket b is entries[starts[b]:starts[b + 1]].
        entries: uint64, as long as `keys`: see `SketchTable.pair_entry`.
    """
    for key in keys:
        starts[(key >> np.uint64(shift)) + np.uint64(2)] += np.uint32(1)
        position = key >> np.uint64(bits_shift)
        bits[position >> _SIX] |= _ONE << (position & _U63)
    for bucket in range(2, len(starts)):
        starts[bucket] += starts[bucket - 1]
    for p in range(len(keys)):
        bucket = (keys[p] >> np.uint64(shift)) + _ONE
        entries[starts[bucket]] = ((keys[p] & _LOW) << _U32) | np.uint64(owners[p])
        starts[bucket] += np.uint32(1)
