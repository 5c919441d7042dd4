"""The MinHash kernels, held to datasketch's own signatures and to plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import given
from hypothesis import strategies as st

from auditor.kernels import minhash as kernel
from auditor.kernels.arrays import frozen

SHINGLES = st.lists(st.integers(0, 2**64 - 1), max_size=40)


@given(shingles=SHINGLES, count=st.sampled_from([3, 64, 126, 128]), seed=st.integers(0, 2**32 - 1))
def test_signatures_are_datasketchs_value_for_value(shingles: list[int], count: int, seed: int) -> None:
    theirs = MinHash(num_perm=count, seed=seed, scheme="affine32", hashfunc=lambda h: h & 0xFFFFFFFF)
    theirs.update_batch(shingles)
    a, b = kernel.permutations(count, seed)
    ours = np.empty(count, np.uint32)
    kernel.signature_of(frozen(np.array(shingles, np.uint64)), frozen(a), frozen(b), ours)
    assert ours.tolist() == theirs.hashvalues.tolist()
    assert kernel.signature_plainly(shingles, a, b).tolist() == ours.tolist()


@given(sets=st.lists(SHINGLES, min_size=1, max_size=5))
def test_signatures_of_many_sets_are_those_of_each(sets: list[list[int]]) -> None:
    a, b = (frozen(x) for x in kernel.permutations(12, 1))
    starts = np.concatenate([[0], np.cumsum([len(s) for s in sets])]).astype(np.int64)
    flat = frozen(np.array([x for s in sets for x in s], np.uint64))
    out = np.empty((len(sets), 12), np.uint32)
    kernel.signatures_of(flat, frozen(starts), a, b, out)
    for row, shingles in zip(out, sets, strict=True):
        assert row.tolist() == kernel.signature_plainly(shingles, a, b).tolist()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_share_of_equal_values_estimates_the_jaccard_index(seed: int) -> None:
    generator = np.random.default_rng(seed)
    shared, only_a, only_b = (generator.integers(0, 2**63, n, dtype=np.uint64) for n in (60, 20, 20))
    a, b = (frozen(x) for x in kernel.permutations(1024, seed))
    first, second = np.empty(1024, np.uint32), np.empty(1024, np.uint32)
    kernel.signature_of(frozen(np.concatenate([shared, only_a])), a, b, first)
    kernel.signature_of(frozen(np.concatenate([only_b, shared])), a, b, second)
    # 60 of 100; five standard errors of the estimate
    assert (first == second).mean() == pytest.approx(0.6, abs=5 * (0.24 / 1024) ** 0.5)
