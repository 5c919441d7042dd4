"""Merkle trees, paths and challenges."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.sketch.commitment import (
    BlockNode,
    SourceNode,
    challenge,
    follow,
    leaf,
    merkle_path,
    merkle_root,
    place_of,
    root_of,
)

KEY = bytes(32)


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=40), st.data())
def test_every_leaf_has_a_path_that_only_fits_its_place(records: list[bytes], data: st.DataObject) -> None:
    leaves = [leaf(KEY, record) for record in records]
    root = merkle_root(KEY, leaves)
    position = data.draw(st.integers(0, len(leaves) - 1))
    path = merkle_path(KEY, leaves, position)
    assert follow(KEY, leaves[position], position, len(leaves), path) == root
    assert follow(KEY, leaf(KEY, b"other text"), position, len(leaves), path) != root
    assert follow(KEY, leaves[position], position, len(leaves), [*path, root]) is None
    if path:
        assert follow(KEY, leaves[position], position, len(leaves), path[:-1]) is None
    other = data.draw(st.integers(0, len(leaves) - 1))
    if leaves[other] != leaves[position]:
        assert follow(KEY, leaves[position], other, len(leaves), path) != root


def test_two_leaves_by_hand() -> None:
    def h(data: bytes) -> bytes:
        return hashlib.blake2b(data, key=KEY, digest_size=32).digest()

    assert merkle_root(KEY, [leaf(KEY, b"a"), leaf(KEY, b"b")]) == h(b"\1" + h(b"\0a") + h(b"\0b"))
    assert leaf(KEY, b"a") != leaf(b"k", b"a")


def test_the_root_is_of_all_that_the_sources_say() -> None:
    block = BlockNode(0, 3, bytes(32))
    a, b = SourceNode("a", 3, 10, "d1", (block,)), SourceNode("b", 3, 10, "d2", (block,))
    assert root_of([a, b]) == root_of([b, a])
    others = [SourceNode("a", 2, 10, "d1", (block,)), SourceNode("a", 3, 10, "d1", (BlockNode(1, 3, bytes(32)),))]
    assert len({root_of([x, b]) for x in [a, *others]}) == 3


def test_places_are_counted_through_all_sources() -> None:
    a = SourceNode("a", 5, 1, "d", (BlockNode(0, 3, b""), BlockNode(1, 2, b"")))
    b = SourceNode("b", 1, 1, "d", (BlockNode(0, 1, b""),))
    places = [(s.name, block.index, position) for s, block, position in (place_of([a, b], n) for n in range(6))]
    assert places == [("a", 0, 0), ("a", 0, 1), ("a", 0, 2), ("a", 1, 0), ("a", 1, 1), ("b", 0, 0)]
    with pytest.raises(IndexError):
        place_of([a, b], 6)


def test_a_challenge_depends_on_the_sketch_and_the_word() -> None:
    drawn = challenge(b"seal", "word", 1000, 30)
    assert drawn == sorted(set(drawn)) == challenge(b"seal", "word", 1000, 30)
    assert len(drawn) == 30
    assert drawn != challenge(b"other", "word", 1000, 30) != challenge(b"seal", "other", 1000, 30)
    assert challenge(b"seal", "word", 5, 30) == [0, 1, 2, 3, 4]
