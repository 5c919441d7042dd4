"""Sampling of n-grams against its plain twin, and the hash against its published vector."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from auditor.kernels import grams, plain
from auditor.kernels.grams import HASH_BITS
from auditor.sketch.keys import SketchKey
from auditor.sketch.sampling import Sampler
from auditor.sources import ReadOptions
from auditor.sources.blocks import Block, JsonLines, Piece, TextPieces

from .hostile import texts

OPTIONS = ReadOptions()


def test_siphash_is_the_published_one() -> None:
    """Aumasson and Bernstein, SipHash-2-4, vector of eight bytes."""
    key = np.frombuffer(bytes(range(16)), "<u8").astype(np.uint64)
    message = np.frombuffer(bytes(range(8)), "<u8")[0]
    assert int(grams.sip_hash(np.uint64(message), key)) == 0x93F5F5799A932462


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
@example(2**64 - 1, 2**64 - 1, 2**64 - 1)
def test_siphash_is_its_twin(message: int, low: int, high: int) -> None:
    key = np.array([low, high], np.uint64)
    assert int(grams.sip_hash(np.uint64(message), key)) == plain.sip_hash(message, (low, high))


def expected(records: list[list[str]], size: int, bound: int, key: SketchKey) -> dict[int, int]:
    words = (int(key.words[0]), int(key.words[1]))
    counts: dict[int, int] = {}
    for record in records:
        for h in set(plain.sample(record, size, bound, words)):
            counts[h] = counts.get(h, 0) + 1
    return counts


@given(
    st.lists(st.lists(texts(), max_size=3), max_size=5), st.integers(2, 8), st.sampled_from([1, 3, 10]),
    st.binary(min_size=32, max_size=32),
)  # fmt: skip
def test_lines_give_what_the_twin_gives(records: list[list[str]], size: int, share: int, material: bytes) -> None:
    key = SketchKey("secret", material)
    bound = (1 << HASH_BITS) // share
    lines = b"".join(json.dumps({"text": record}).encode() + b"\n" for record in records)
    block = Block("s", 0, 0, len(records), JsonLines(np.frombuffer(lines, np.uint8)))
    sampled = Sampler(size, bound, key, OPTIONS)(block)
    found = dict(zip(sampled.hashes.tolist(), sampled.counts.tolist(), strict=True))
    assert found == expected(records, size, bound, key)
    assert sampled.hashes.tolist() == sorted(found)


@given(st.lists(texts(), min_size=1, max_size=5), st.integers(2, 8))
def test_texts_give_what_the_twin_gives(pieces: list[str], size: int) -> None:
    key = SketchKey("secret", bytes(32))
    block = Block("s", 0, 0, 1, TextPieces(tuple(Piece(0, "text", "", 0, text) for text in pieces)))
    clean = [[text.encode("utf-8", "replace").decode("utf-8")] for text in pieces]
    sampled = Sampler(size, 1 << HASH_BITS, key, OPTIONS)(block)
    found = dict(zip(sampled.hashes.tolist(), sampled.counts.tolist(), strict=True))
    assert found == expected(clean, size, 1 << HASH_BITS, key)


def test_a_broken_line_leaves_nothing_behind() -> None:
    lines = b'{"text": "one two three four"}\n{"text": "five six seven eight nine"\n\n{"text": "one two three"}\n'
    block = Block("s", 0, 0, 4, JsonLines(np.frombuffer(lines, np.uint8)))
    key = SketchKey("secret", bytes(32))
    sampled = Sampler(3, 1 << HASH_BITS, key, OPTIONS)(block)
    found = dict(zip(sampled.hashes.tolist(), sampled.counts.tolist(), strict=True))
    assert found == expected([["one two three four"], ["one two three"]], 3, 1 << HASH_BITS, key)
    assert sampled.result.records_read == 2
    assert sampled.result.records_skipped == {"invalid_json": 1}
    assert sampled.result.blank_lines == 1
