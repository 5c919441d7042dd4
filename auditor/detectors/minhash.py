"""The `minhash` detector's table: the items' shingles, and what windows are looked up by that may hold enough of them.

The scheme is datasketch's (`MinHash(scheme="affine32")`, banded as `MinHashLSH` does), over sets of shingles: the
words of the items that few texts have, and pairs of characters in scripts without spaces. A window's set holds only
shingles of some item, and how much of the *item* it holds is estimated from the Jaccard index and both sizes
(containment, as in LSH Ensemble, Zhu et al. 2016), because windows are longer than what they hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.kernels.arrays import distinct, frozen
from auditor.kernels.build import open_addressing
from auditor.kernels.minhash import MAX_HASH, band_keys_of, pair_keys, permutations, signature_of, signatures_of
from auditor.kernels.sketch_pairs import ENTRY_BITS, fill_buckets, fill_item_bits, make_pairs
from auditor.kernels.sketch_table import BLOCK, BLOOM_WORDS, LEVELS, PAIR_LEVELS, SketchTable

if TYPE_CHECKING:
    from datasketch import MinHash
    from numpy.typing import NDArray

    from auditor.config import ScanConfig
    from auditor.index import BenchmarkIndex, Weights

BITS_PER_KEY = 16
RARE_SHARE = 0.6
"""Share of the weight of a word seen nowhere from which a word is a shingle in any case."""


def sketch_table(index: BenchmarkIndex, weights: Weights, config: ScanConfig) -> SketchTable:
    """What is looked up of every group of items whose questions have enough shingles to be found by them."""
    words, nats, starts, shingles = _shingles(index, weights, config)
    sizes = np.diff(starts)
    least = np.ceil(np.maximum(config.sketch_shared, config.sketch_share * sizes)).astype(np.int32)
    length = np.maximum(np.diff(index.arrays["token_start"]), 1)
    levels = np.clip(np.rint(np.log2(length / BLOCK)), 1, LEVELS).astype(np.int8)
    levels[sizes < config.sketch_shared] = 0
    searched = np.isin(np.arange(LEVELS + 1), levels)
    searched[0] = False
    a, b = permutations(config.sketch_permutations, config.sketch_seed)
    word_keys, word_slots, word_shift, word_bits, word_bits_shift = open_addressing(words, BITS_PER_KEY)
    return SketchTable(
        word_bits=frozen(word_bits), word_bits_shift=word_bits_shift, word_keys=frozen(word_keys),
        word_slots=frozen(word_slots), word_shift=word_shift, words=frozen(words), nats=frozen(nats),
        shingle_start=frozen(starts), shingles=frozen(shingles), spare=frozen((sizes - least).astype(np.int32)),
        searched=frozen(searched),
        **_pairs(words, nats, starts, shingles, least, levels, config.sketch_share),
        a=frozen(a), b=frozen(b), rows=config.sketch_rows,
        **_bands(words, starts, shingles, levels, a, b, config.sketch_rows),
        share=config.sketch_share, shared=config.sketch_shared,
    )  # fmt: skip


def item_shingles(table: SketchTable, item: int) -> NDArray[np.uint64]:
    """Keys of the shingles of a group of items, ascending."""
    start, stop = (int(n) for n in table.shingle_start[item : item + 2])
    keys: NDArray[np.uint64] = table.words[table.shingles[start:stop]]
    return keys


def as_datasketch(table: SketchTable, item: int, config: ScanConfig) -> MinHash:
    """The sketch of a group of items as a datasketch MinHash, to be compared with sketches that others made of the same
    shingles: the low 32 bits of `auditor.text.token_hash`, scheme "affine32", the config's seed."""
    from datasketch import MinHash

    signature = np.empty(len(table.a), np.uint32)
    signature_of(frozen(item_shingles(table, item)), table.a, table.b, signature)
    return MinHash(
        num_perm=config.sketch_permutations,
        seed=config.sketch_seed,
        scheme="affine32",
        hashfunc=lambda token_hash: int(token_hash) & MAX_HASH,
        hashvalues=signature,
    )


def _pairs(
    words: NDArray[np.uint64], nats: NDArray[np.float32], starts: NDArray[np.int64], shingles: NDArray[np.int32],
    least: NDArray[np.int32], levels: NDArray[np.int8], share: float,
) -> dict[str, Any]:  # fmt: skip
    """The table of pairs, for the items of the levels up to PAIR_LEVELS."""
    words, starts, shingles = frozen(words), frozen(starts), frozen(shingles)
    least, levels = frozen(least), frozen(levels)
    # by item, the rarest first: one number for both sorts in a third of the time
    rank = np.empty(len(words), np.int64)
    rank[np.argsort(-nats, kind="stable")] = np.arange(len(words))
    owner = np.repeat(np.arange(len(levels)), np.diff(starts))
    order = np.argsort(owner * len(words) + rank[shingles], kind="stable")
    pair_levels = np.zeros(len(words), np.uint8)
    given = shingles, starts, least, share, levels, PAIR_LEVELS, words, frozen(nats), frozen(order)
    count = make_pairs(*given, np.empty(0, np.uint64), np.empty(0, np.int32), pair_levels)
    keys, owners = np.empty(count, np.uint64), np.empty(count, np.int32)
    make_pairs(*given, keys, owners, pair_levels)
    item_bits = np.zeros((len(levels), BLOOM_WORDS), np.uint64)
    fill_item_bits(shingles, starts, words, item_bits)
    bucket_log2 = max(4, count.bit_length() - 1)
    filter_log2 = max(10, (ENTRY_BITS * max(1, count) - 1).bit_length())
    bucket_starts = np.zeros((1 << bucket_log2) + 2, np.uint32)
    entries = np.empty(count, np.uint64)
    bits = np.zeros((1 << filter_log2) // 64, np.uint64)
    fill_buckets(frozen(keys), frozen(owners), 64 - bucket_log2, bucket_starts, entries, bits, 64 - filter_log2)
    return {
        "item_bits": frozen(item_bits),
        "pair_levels": frozen(pair_levels), "pair_bits": frozen(bits), "pair_bits_shift": 64 - filter_log2,
        "pair_start": frozen(bucket_starts), "pair_shift": 64 - bucket_log2, "pair_entry": frozen(entries),
    }  # fmt: skip


def _bands(
    words: NDArray[np.uint64], starts: NDArray[np.int64], shingles: NDArray[np.int32], levels: NDArray[np.int8],
    a: NDArray[np.uint32], b: NDArray[np.uint32], rows: int,
) -> dict[str, Any]:  # fmt: skip
    """The table of bands, for the items of the levels above PAIR_LEVELS."""
    chosen = np.flatnonzero(levels > PAIR_LEVELS)
    of_chosen = np.repeat(levels > PAIR_LEVELS, np.diff(starts))
    own_starts = np.concatenate([[0], np.cumsum(np.diff(starts)[chosen])]).astype(np.int64)
    signatures = np.empty((len(chosen), len(a)), np.uint32)
    signatures_of(frozen(words[shingles[of_chosen]]), frozen(own_starts), frozen(a), frozen(b), signatures)
    bands = np.empty((len(chosen), len(a) // rows), np.uint64)
    band_keys_of(signatures, levels[chosen].astype(np.int64), rows, bands)
    flat = bands.reshape(-1)
    owners = np.repeat(chosen, bands.shape[1])
    order = np.lexsort((owners, flat))
    unique, counts = np.unique(flat, return_counts=True)
    keys, slots, shift, bits, bits_shift = open_addressing(unique, BITS_PER_KEY)
    return {
        "band_bits": frozen(bits), "band_bits_shift": bits_shift, "band_keys": frozen(keys),
        "band_slots": frozen(slots), "band_shift": shift,
        "band_start": frozen(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)),
        "band_item": frozen(owners[order].astype(np.int32)),
    }  # fmt: skip


def _shingles(
    index: BenchmarkIndex, weights: Weights, config: ScanConfig
) -> tuple[NDArray[np.uint64], NDArray[np.float32], NDArray[np.int64], NDArray[np.int32]]:
    """The distinct shingles of each group: (keys, ascending; nats of each; where each group's begin in the last; their
    numbers, ascending in each group)."""
    arrays = index.arrays
    tokens, start, token_word = arrays["tokens"], arrays["token_start"], arrays["token_word"]
    alone = arrays["token_alone"]
    owner = np.repeat(np.arange(index.group_count), np.diff(start))
    word_keys = np.zeros(len(weights.word), np.uint64)
    word_keys[token_word] = tokens
    # of a few hundred texts none can tell that a word is rarer than one in a few hundred
    least = min(config.sketch_word_weight, RARE_SHARE * weights.unknown_word)
    rare = (weights.word >= least)[token_word] & ~alone
    joined = (
        np.flatnonzero(alone[:-1] & alone[1:] & (owner[:-1] == owner[1:])) if len(tokens) else np.zeros(0, np.int64)
    )
    pairs = np.empty(len(joined), np.uint64)
    pair_keys(tokens, joined, pairs)
    used = np.zeros(len(word_keys), np.bool_)
    used[token_word[rare]] = True
    keys = distinct(np.concatenate([word_keys[used], pairs]))
    number_of_word = np.searchsorted(keys, word_keys)
    number_of_pair = np.searchsorted(keys, pairs)
    nats = np.zeros(len(keys), np.float32)
    # a pair of characters weighs about what a word does
    nats[number_of_pair] = weights.word[token_word[joined]] + weights.word[token_word[joined + 1]]
    nats[number_of_word[used]] = weights.word[used]
    numbers = np.concatenate([number_of_word[token_word[rare]], number_of_pair])
    # one number for each (group, shingle): to sort pairs takes many times as long
    each = distinct(np.concatenate([owner[rare], owner[joined]]) * max(1, len(keys)) + numbers)
    groups, numbers = np.divmod(each, max(1, len(keys)))
    starts = np.searchsorted(groups, np.arange(index.group_count + 1)).astype(np.int64)
    return keys, nats, starts, numbers.astype(np.int32)
