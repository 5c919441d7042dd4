"""MinHash signatures, as datasketch's "affine32" scheme computes them, and the keys of their bands.

Shingles are words that the items have and other texts rarely do, and pairs of characters in scripts without spaces:
what is left when every long n-gram is broken. `auditor.kernels.sketches` looks for items by them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.kernels.jit import inlined, kernel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

MAX_HASH = 0xFFFFFFFF

_MAX = np.uint32(MAX_HASH)
_LOW = np.uint64(MAX_HASH)
_M1 = np.uint64(0x9FB21C651E98DF25)
_M2 = np.uint64(0xD6E8FEB86659FD93)
_M3 = np.uint64(0xFF51AFD7ED558CCD)


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
