"""The `minhash` detector's table: the items' MinHash sketches, ready to be looked up by the bands of a window's.

The scheme is datasketch's (`MinHash(scheme="affine32")`, banded as `MinHashLSH` does), over sets of shingles: the
words of the items that few texts have, and pairs of characters in scripts without spaces. A window's set holds only
shingles of some item, and how much of the *item* it holds is estimated from the Jaccard index and both sizes
(containment, as in LSH Ensemble, Zhu et al. 2016), because windows are longer than what they hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.kernels.arrays import frozen
from auditor.kernels.build import open_addressing
from auditor.kernels.minhash import (
    BLOCK,
    LEVELS,
    MAX_HASH,
    SketchTable,
    band_keys_of,
    pair_keys,
    permutations,
    signatures_of,
)

if TYPE_CHECKING:
    from datasketch import MinHash
    from numpy.typing import NDArray

    from auditor.config import ScanConfig
    from auditor.index import BenchmarkIndex, Weights

BITS_PER_KEY = 16
RARE_SHARE = 0.6
"""Share of the weight of a word seen nowhere from which a word is a shingle in any case."""


def sketch_table(index: BenchmarkIndex, weights: Weights, config: ScanConfig) -> SketchTable:
    """Sketch every group of items whose questions have enough shingles to be found by them."""
    arrays = index.arrays
    keys, starts, key_weights = _shingles(index, weights, config)
    a, b = permutations(config.sketch_permutations, config.sketch_seed)
    signatures = np.empty((index.group_count, len(a)), np.uint32)
    signatures_of(keys, starts, a, b, signatures)
    sizes = np.diff(starts).astype(np.int32)
    sizes[sizes < config.sketch_shared] = 0
    length = np.maximum(np.diff(arrays["token_start"]), 1)
    levels = np.clip(np.rint(np.log2(length / BLOCK)), 1, LEVELS).astype(np.int64)
    bands = np.empty((index.group_count, len(a) // config.sketch_rows), np.uint64)
    band_keys_of(signatures, levels, config.sketch_rows, bands)
    searched = np.flatnonzero(sizes)
    flat = bands[searched].reshape(-1)
    owners = np.repeat(searched, bands.shape[1])
    order = np.lexsort((owners, flat))
    unique, counts = np.unique(flat, return_counts=True)
    band_keys, band_slots, band_shift, band_bits, band_bits_shift = open_addressing(unique, BITS_PER_KEY)
    words = np.unique(keys)
    word_keys, word_slots, word_shift, word_bits, word_bits_shift = open_addressing(words, BITS_PER_KEY)
    return SketchTable(
        word_bits=frozen(word_bits), word_bits_shift=word_bits_shift, word_keys=frozen(word_keys),
        word_slots=frozen(word_slots), word_shift=word_shift, a=frozen(a), b=frozen(b), rows=config.sketch_rows,
        band_bits=frozen(band_bits), band_bits_shift=band_bits_shift, band_keys=frozen(band_keys),
        band_slots=frozen(band_slots), band_shift=band_shift,
        band_start=frozen(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)),
        band_item=frozen(owners[order].astype(np.int32)), signatures=frozen(signatures), sizes=frozen(sizes),
        shingle_start=starts, shingles=keys, shingle_weight=key_weights,
        share=config.sketch_share, shared=config.sketch_shared,
    )  # fmt: skip


def as_datasketch(table: SketchTable, item: int, config: ScanConfig) -> MinHash:
    """The sketch of a group of items as a datasketch MinHash, to be compared with sketches that others made of the same
    shingles: the low 32 bits of `auditor.text.token_hash`, scheme "affine32", the config's seed."""
    from datasketch import MinHash

    return MinHash(
        num_perm=config.sketch_permutations,
        seed=config.sketch_seed,
        scheme="affine32",
        hashfunc=lambda token_hash: int(token_hash) & MAX_HASH,
        hashvalues=table.signatures[item],
    )


def _shingles(
    index: BenchmarkIndex, weights: Weights, config: ScanConfig
) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.float32]]:
    """The distinct shingles of each group: (keys, where each group's begin in them, nats of each)."""
    arrays = index.arrays
    tokens, start = arrays["tokens"], arrays["token_start"]
    alone = arrays["token_alone"]
    owner = np.repeat(np.arange(index.group_count), np.diff(start))
    # of a few hundred texts none can tell that a word is rarer than one in a few hundred
    least = min(config.sketch_word_weight, RARE_SHARE * weights.unknown_word)
    rare = (weights.word[arrays["token_word"]] >= least) & ~alone
    joined = (
        np.flatnonzero(alone[:-1] & alone[1:] & (owner[:-1] == owner[1:])) if len(tokens) else np.zeros(0, np.int64)
    )
    pairs = np.empty(len(joined), np.uint64)
    pair_keys(tokens, joined, pairs)
    words = weights.word[arrays["token_word"]]
    keys = np.concatenate([tokens[rare], pairs])
    # a pair of characters weighs about what a word does
    key_weights = np.concatenate([words[rare], words[joined] + words[joined + 1]])
    owners = np.concatenate([owner[rare], owner[joined]])
    order = np.lexsort((keys, owners))
    keys, owners, key_weights = keys[order], owners[order], key_weights[order]
    distinct = np.ones(len(keys), bool)
    distinct[1:] = (keys[1:] != keys[:-1]) | (owners[1:] != owners[:-1])
    keys, owners, key_weights = keys[distinct], owners[distinct], key_weights[distinct]
    starts = np.searchsorted(owners, np.arange(index.group_count + 1)).astype(np.int64)
    return frozen(keys), frozen(starts), frozen(key_weights.astype(np.float32))
