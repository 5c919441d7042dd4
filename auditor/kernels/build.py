"""Kernels that build the n-gram table of an index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.kernels.grams import gram_key, roll
from auditor.kernels.jit import kernel
from auditor.kernels.seeds import EMPTY_GRAM, gram_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ZERO = np.uint64(0)
_ONE = np.uint64(1)
_SIX = np.uint64(6)
_U63 = np.uint64(63)


@kernel
def gram_keys(tokens, starts, size, keys, owners):
    """Keys of all n-grams of `size` tokens of the texts tokens[starts[t]:starts[t + 1]], and the text of each.

    Fills `keys` and `owners`, which must hold as many entries as there are tokens, and returns how many it wrote.
    """
    count = 0
    turns = np.uint64(size)
    for text in range(len(starts) - 1):
        begin, end = starts[text], starts[text + 1]
        h = _ZERO
        for j in range(begin, end):
            leaving = tokens[j - size] if j - size >= begin else _ZERO
            h = roll(h, tokens[j], leaving, turns)
            if j - begin >= size - 1:
                keys[count] = gram_key(h)
                owners[count] = text
                count += 1
    return count


@kernel
def gram_numbers(tokens, size, keys, grams, key_shift, numbers):
    """Number of the n-gram that begins at each token, or -1 for one that is not in the table.

    Fills `numbers`, which must hold len(tokens) - size + 1 entries.
    """
    turns = np.uint64(size)
    h = _ZERO
    for j in range(len(tokens)):
        h = roll(h, tokens[j], tokens[j - size] if j >= size else _ZERO, turns)
        if j >= size - 1:
            numbers[j - size + 1] = gram_number(gram_key(h), keys, grams, key_shift)


@kernel
def numbers_of(values, keys, slots, key_shift, numbers):
    """Fill `numbers` with the number of each value in an open-addressing table that has it."""
    for j in range(len(values)):
        numbers[j] = gram_number(values[j], keys, slots, key_shift)


@kernel
def fill_table(unique_keys, keys, grams, key_shift, bits, bit_shift):
    """Insert n-gram number `g` under `unique_keys[g]` in the open-addressing table, and set its bit in the filter."""
    last = len(keys) - 1
    for g in range(len(unique_keys)):
        key = unique_keys[g]
        slot = np.int64(key >> np.uint64(key_shift))
        while grams[slot] != EMPTY_GRAM:
            slot = (slot + 1) & last
        keys[slot] = key
        grams[slot] = g
        position = key >> np.uint64(bit_shift)
        bits[position >> _SIX] |= _ONE << (position & _U63)


def open_addressing(
    unique_keys: NDArray[np.uint64], bits_per_key: int
) -> tuple[NDArray[np.uint64], NDArray[np.int32], int, NDArray[np.uint64], int]:
    """A table and a filter for distinct keys.

    Args:
        unique_keys: shape (g,), distinct, spread over all 64 bits.
        bits_per_key: bits of the filter for each key, before rounding up to a power of two.

    Returns:
        (keys, grams, key_shift, filter_bits, filter_shift), as in `auditor.kernels.seeds.SeedTable`.
    """
    slot_bits = max(4, int(2 * len(unique_keys)).bit_length())
    filter_log2 = max(10, (bits_per_key * max(1, len(unique_keys)) - 1).bit_length())
    keys = np.zeros(1 << slot_bits, np.uint64)
    grams = np.full(1 << slot_bits, EMPTY_GRAM, np.int32)
    bits = np.zeros((1 << filter_log2) // 64, np.uint64)
    fill_table(unique_keys, keys, grams, 64 - slot_bits, bits, 64 - filter_log2)
    return keys, grams, 64 - slot_bits, bits, 64 - filter_log2
