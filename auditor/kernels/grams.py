"""n-grams of tokens: their rolling hash, and a keyed sample of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditor.kernels.jit import inlined, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

HASH_BITS = 56
"""Bits of a sampled n-gram's hash. Of a corpus of 10^12 n-grams, one in 70,000 that it does not hold seems to be there;
every bit more is a bit more of each n-gram on the disk."""

_ONE = np.uint64(1)
_U63 = np.uint64(63)
_U64 = np.uint64(64)
_HASH_SHIFT = np.uint64(64 - HASH_BITS)
_U13, _U16, _U17, _U21, _U32 = np.uint64(13), np.uint64(16), np.uint64(17), np.uint64(21), np.uint64(32)
_U43, _U47, _U48, _U51 = np.uint64(43), np.uint64(47), np.uint64(48), np.uint64(51)
_SIP0, _SIP1 = np.uint64(0x736F6D6570736575), np.uint64(0x646F72616E646F6D)
_SIP2, _SIP3 = np.uint64(0x6C7967656E657261), np.uint64(0x7465646279746573)
_SIP_END = np.uint64(8 << 56)
_SIP_FINAL = np.uint64(0xFF)
GRAM_MULTIPLIER = np.uint64(0xFF51AFD7ED558CCD)


class Sample(NamedTuple):
    """The n-grams whose keyed hash is below a bound, in the order they stand in: see `auditor.sketch`."""

    size: int
    """Tokens in an n-gram."""
    bound: int
    """Hashes below it are taken, out of 2**HASH_BITS; 0 where nothing is sampled."""
    key: NDArray[np.uint64]
    """Shape (2,): key of SipHash."""
    hashes: NDArray[np.uint64]
    """Filled from the start; as long as the bytes that are looked at, so that it never runs over."""
    records: NDArray[np.int64]
    """`SeedState.serial` of the record of each hash."""
    used: NDArray[np.int64]
    """Shape (1,): how many there are."""


NO_SAMPLE = Sample(1, 0, np.zeros(2, np.uint64), np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(1, np.int64))


@kernel
def gram_key(h):
    return h * GRAM_MULTIPLIER


@kernel
def roll(h, token, leaving, size):
    """Hash of the n-gram one token further on; `leaving` is the token that falls out (0 while there is none)."""
    h = (h << _ONE) | (h >> _U63)
    return h ^ token ^ ((leaving << size) | (leaving >> (_U64 - size)))


@inlined
def sip_round(v0, v1, v2, v3):
    v0 += v1
    v1 = ((v1 << _U13) | (v1 >> _U51)) ^ v0
    v0 = (v0 << _U32) | (v0 >> _U32)
    v2 += v3
    v3 = ((v3 << _U16) | (v3 >> _U48)) ^ v2
    v0 += v3
    v3 = ((v3 << _U21) | (v3 >> _U43)) ^ v0
    v2 += v1
    v1 = ((v1 << _U17) | (v1 >> _U47)) ^ v2
    v2 = (v2 << _U32) | (v2 >> _U32)
    return v0, v1, v2, v3


@kernel
def sip_hash(message, key):
    """SipHash-2-4 (Aumasson and Bernstein 2012) of eight bytes, given and returned as little-endian integers."""
    v0 = key[0] ^ _SIP0
    v1 = key[1] ^ _SIP1
    v2 = key[0] ^ _SIP2
    v3 = key[1] ^ _SIP3 ^ message
    v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
    v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
    v0 ^= message
    v3 ^= _SIP_END
    v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
    v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
    v0 ^= _SIP_END
    v2 ^= _SIP_FINAL
    for _ in range(4):
        v0, v1, v2, v3 = sip_round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


@kernel
def take_sample(k, hashes, record, sample):
    """Add the n-grams of the `k` tokens in `hashes` whose keyed hash is below the bound to `sample`."""
    size = sample.size
    turns = np.uint64(size)
    bound = np.uint64(sample.bound)
    used = sample.used[0]
    h = np.uint64(0)
    for j in range(k):
        h = roll(h, hashes[j], hashes[j - size] if j >= size else np.uint64(0), turns)
        if j >= size - 1:
            keyed = sip_hash(gram_key(h), sample.key) >> _HASH_SHIFT
            if keyed < bound:
                sample.hashes[used] = keyed
                sample.records[used] = record
                used += 1
    sample.used[0] = used


@kernel
def keyed_hashes(keys, key, result):
    """The keyed hash of each n-gram key, into `result`."""
    for i in range(len(keys)):
        result[i] = sip_hash(keys[i], key) >> _HASH_SHIFT
