"""The kernels that build the n-gram table against their plain twins."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from auditor.kernels import build, plain
from auditor.kernels.seeds import gram_number

hashes = st.integers(0, (1 << 64) - 1)


@given(st.lists(st.lists(hashes, max_size=12), max_size=6), st.integers(1, 32))
def test_keys_of_ngrams(texts: list[list[int]], size: int) -> None:
    tokens = np.array([token for text in texts for token in text], np.uint64)
    starts = np.cumsum([0, *map(len, texts)]).astype(np.int64)
    keys, owners = np.empty(len(tokens), np.uint64), np.empty(len(tokens), np.int64)
    count = build.gram_keys(tokens, starts, size, keys, owners)
    found = list(zip(keys[:count].tolist(), owners[:count].tolist(), strict=True))
    assert found == plain.gram_keys(tokens.tolist(), starts.tolist(), size)


# keys that fall into the same slot, at the table's end too, where probing goes on at its beginning
crowded = st.integers(0, 7).map(lambda low: (0xFFFFFFFF << 32) | low) | st.integers(0, 7)


@given(
    st.lists(hashes | crowded, unique=True, max_size=60), st.lists(hashes | crowded, max_size=10), st.integers(1, 16)
)
def test_every_key_is_found_and_no_other(unique: list[int], others: list[int], bits_per_key: int) -> None:
    keys, numbers, key_shift, bits, bit_shift = build.open_addressing(np.array(unique, np.uint64), bits_per_key)
    expected = plain.numbers_by_key(unique)
    for key in [*unique, *others]:
        assert gram_number(np.uint64(key), keys, numbers, key_shift) == expected.get(key, -1)
    for key in unique:
        position = key >> bit_shift
        assert int(bits[position >> 6]) >> (position & 63) & 1


few = st.integers(1, 3).map(lambda n: n * 0x9E3779B97F4A7C15 % (1 << 64))


@given(st.lists(few, max_size=20), st.lists(few, max_size=20), st.integers(2, 4))
def test_numbers_of_the_ngrams_of_a_text(known: list[int], text: list[int], size: int) -> None:
    grams = sorted({tuple(known[n : n + size]) for n in range(len(known) - size + 1)})
    unique = [plain.gram_keys(gram, [0, size], size)[0][0] for gram in grams]
    keys, slots, key_shift, _, _ = build.open_addressing(np.array(unique, np.uint64), 4)
    numbers = np.zeros(max(0, len(text) - size + 1), np.int64)
    build.gram_numbers(np.array(text, np.uint64), size, keys, slots, key_shift, numbers)
    assert numbers.tolist() == plain.gram_numbers(text, size, {gram: n for n, gram in enumerate(grams)})
