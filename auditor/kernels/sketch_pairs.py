"""Pairs of shingles without which no window can hold enough of an item, and the table that they are looked up in.

Of n shingles a window must hold c. Leave the c - t most common ones away: it holds t of the rest, whichever it holds.
Put the rest into t - 1 groups: by the pigeonhole principle two of the t stand in one group. So the pairs within the
groups are enough, about n of them; they are made of the rare shingles, with the common ones in different groups.
"""

from __future__ import annotations

import numpy as np

from auditor.kernels.jit import inlined, kernel
from auditor.kernels.sketches import shared_pair

LEAST_HELD = 4
"""Shingles t that a window must hold of those that are paired: with three groups, an item of twelve shingles has eleven
pairs; fewer groups have more of them, and more groups have common shingles."""
ENTRY_BITS = 16
"""Bits of the filter for each pair."""

_ONE = np.uint64(1)
_SIX = np.uint64(6)
_U32 = np.uint64(32)
_U63 = np.uint64(63)
_LOW = np.uint64(0xFFFFFFFF)


@inlined
def groups_of(least):
    """Number of groups: t - 1."""
    return max(1, min(least, max(LEAST_HELD, least // 2)) - 1)


@kernel
def count_pairs(starts, least, levels, highest):
    """How many pairs the items of levels 1 to `highest` have; level 0 is that of items that are not looked for."""
    count = 0
    for item in range(len(levels)):
        if 1 <= levels[item] <= highest:
            size = starts[item + 1] - starts[item]
            groups = groups_of(least[item])
            rest = size - least[item] + groups + 1
            for group in range(groups):
                members = (rest - group + groups - 1) // groups
                count += members * (members - 1) // 2
    return count


@kernel
def fill_pairs(shingles, starts, least, levels, highest, words, order, keys, owners, word_levels):
    """Fill `keys` and `owners`, as long as `count_pairs` says, with the key and the item of each pair, and
    `word_levels` with the levels, as bits, at which each shingle is in one.

    `order` holds the places of each item's shingles in `shingles`, the rarest first.
    """
    count = 0
    for item in range(len(levels)):
        level = levels[item]
        if level < 1 or level > highest:
            continue
        groups = groups_of(least[item])
        start = starts[item]
        rest = starts[item + 1] - start - least[item] + groups + 1
        for i in range(rest):
            first = shingles[order[start + i]]
            for j in range(i + groups, rest, groups):
                second = shingles[order[start + j]]
                keys[count] = shared_pair(words[first], words[second], level)
                owners[count] = item
                count += 1
                word_levels[first] |= np.uint8(1 << level)
                word_levels[second] |= np.uint8(1 << level)


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
