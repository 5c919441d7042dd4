"""What ties a sketch to its data: Merkle trees over records and blocks, challenges, and proofs of single records.

A leaf is the keyed hash of a record; the leaves of a block make its root, and the roots of all blocks, with the names
and digests of their sources, make the root of the sketch. All block roots are in the sketch, so a proof of one record
shows that record and a few hashes, and nothing else. Leaves and inner nodes are hashed apart, as in RFC 6962.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DIGEST = 32
_LEAF, _NODE, _BLOCK, _SOURCE = b"\0", b"\1", b"\2", b"\3"


def _hash(key: bytes, *parts: bytes) -> bytes:
    return hashlib.blake2b(b"".join(parts), key=key, digest_size=DIGEST).digest()


def leaf(key: bytes, content: bytes) -> bytes:
    """Hash of a record (see `auditor.sketch.sampling.contents` for what its bytes are)."""
    return _hash(key, _LEAF, content)


def merkle_root(key: bytes, leaves: Sequence[bytes]) -> bytes:
    """Root of a tree; a node without a sibling moves up as it is. The root of nothing is the hash of nothing."""
    if not leaves:
        return _hash(key, _NODE)
    level = list(leaves)
    while len(level) > 1:
        paired = [_hash(key, _NODE, level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = paired + level[len(level) - len(level) % 2 :]
    return level[0]


def merkle_path(key: bytes, leaves: Sequence[bytes], position: int) -> list[bytes]:
    """The siblings on the way from a leaf to the root."""
    path = []
    level = list(leaves)
    while len(level) > 1:
        sibling = position ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        paired = [_hash(key, _NODE, level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = paired + level[len(level) - len(level) % 2 :]
        position //= 2
    return path


def follow(key: bytes, node: bytes, position: int, leaves: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf at a position of so many leads to with a path; None where the path has another length.

    The sides follow from the position, so a proof cannot claim another place than its own.
    """
    siblings = iter(path)
    while leaves > 1:
        if position ^ 1 < leaves:
            sibling = next(siblings, None)
            if sibling is None:
                return None
            node = _hash(key, _NODE, sibling, node) if position & 1 else _hash(key, _NODE, node, sibling)
        position //= 2
        leaves = (leaves + 1) // 2
    return node if next(siblings, None) is None else None


@dataclass(frozen=True, slots=True)
class BlockNode:
    """The commitment to one block of a source."""

    index: int
    """Its place in the source."""
    leaves: int
    """Records, blank and broken lines too; pieces, where a record is longer than a block."""
    root: bytes


@dataclass(frozen=True, slots=True)
class SourceNode:
    """The commitment to one source."""

    name: str
    """Relative to what all sources of the training set have in common."""
    records: int
    bytes: int
    digest: str
    """xxh3_128 of the bytes as stored."""
    blocks: tuple[BlockNode, ...]

    @property
    def leaves(self) -> int:
        """Leaves of all its blocks."""
        return sum(block.leaves for block in self.blocks)

    @property
    def order(self) -> tuple[str, str]:
        """Sort key: sketches list their sources in this order."""
        return (self.name, self.digest)


def root_of(sources: Iterable[SourceNode]) -> bytes:
    """Root over all blocks of all sources, in the order of their names.

    It has no key, so that everyone can check it: all that it is made of stands in the sketch.
    """
    key = b""
    nodes = []
    for source in sorted(sources, key=lambda s: s.order):
        blocks = [
            _hash(key, _BLOCK, b.index.to_bytes(8, "little"), b.leaves.to_bytes(8, "little"), b.root)
            for b in source.blocks
        ]
        head = f"{source.name}\0{source.digest}\0{source.records}\0{source.bytes}".encode("utf-8", "surrogateescape")
        nodes.append(_hash(key, _SOURCE, len(head).to_bytes(8, "little"), head, merkle_root(key, blocks)))
    return merkle_root(key, nodes)


def place_of(sources: Sequence[SourceNode], number: int) -> tuple[SourceNode, BlockNode, int]:
    """Source, block and position in it of a leaf, numbered through all sources. Raises IndexError beyond the last."""
    for source in sources:
        if number >= source.leaves:
            number -= source.leaves
            continue
        for block in source.blocks:
            if number < block.leaves:
                return source, block, number
            number -= block.leaves
    raise IndexError(number)


def challenge(seal: bytes, nonce: str, leaves: int, count: int) -> list[int]:
    """The leaves to prove, ascending and distinct: drawn from the sketch as it is and a word of the moderator's.

    Neither side can choose them: the author knows the word only once the sketch is fixed.
    """
    seed = hashlib.blake2b(nonce.encode("utf-8", "surrogateescape"), key=seal, digest_size=32).digest()
    chosen: set[int] = set()
    step = 0
    while len(chosen) < min(count, leaves):
        drawn = hashlib.blake2b(step.to_bytes(8, "little"), key=seed, digest_size=16).digest()
        # 128 bits over fewer than 2**48 leaves: what the remainder favours is below 2**-80
        chosen.add(int.from_bytes(drawn, "little") % leaves)
        step += 1
    return sorted(chosen)
