"""The key of a sketch: public, derived from the items of benchmarks, or a secret in a file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from auditor.errors import InputError
from auditor.index import item_line

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from auditor.index import BenchmarkIndex

PUBLIC, BENCHMARK, SECRET = "public", "benchmark", "secret"
"""Kinds of keys."""
SHORTEST_SECRET = 16
"""Bytes: fewer can be tried out."""


@dataclass(frozen=True, slots=True)
class SketchKey:
    """What the hashes of a sketch are made with."""

    kind: str
    material: bytes = field(repr=False)
    """32 bytes. Nobody without them can tell whether a text is in the sketch."""

    @property
    def key_id(self) -> str:
        """What tells two keys apart without giving them away; empty for the public one."""
        return "" if self.kind == PUBLIC else self._derive(b"id").hex()[:16]

    @property
    def words(self) -> NDArray[np.uint64]:
        """Shape (2,): the key of the n-gram hashes."""
        return np.frombuffer(self._derive(b"n-grams")[:16], "<u8").astype(np.uint64)

    @property
    def commitment(self) -> bytes:
        """32 bytes: the key of the record hashes, so that without it no record can be tried out either."""
        return self._derive(b"records")

    def _derive(self, purpose: bytes) -> bytes:
        return hashlib.blake2b(purpose, key=self.material, person=b"auditor sketch", digest_size=32).digest()


def public_key() -> SketchKey:
    """The key that everyone has."""
    return SketchKey(PUBLIC, hashlib.blake2b(b"public", person=b"auditor sketch", digest_size=32).digest())


def benchmark_key(index: BenchmarkIndex) -> SketchKey:
    """The key that whoever holds the same benchmarks has: of the texts of all items, in no order."""
    lines = {
        hashlib.blake2b(item_line(index.item(n)), digest_size=32).digest()
        for n in range(index.item_count)
        if not index.is_decoy(n)
    }
    material = hashlib.blake2b(b"".join(sorted(lines)), person=b"benchmark key", digest_size=32).digest()
    return SketchKey(BENCHMARK, material)


def secret_key(path: str | os.PathLike[str]) -> SketchKey:
    """The key made of the bytes of a file. Raises InputError where it cannot be read or is too short to be a secret."""
    try:
        secret = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the key file {path}: {error.strerror}") from error
    if len(secret) < SHORTEST_SECRET:
        raise InputError(
            f"the key file {path} holds {len(secret)} bytes and needs at least {SHORTEST_SECRET}: "
            f"make one with: head -c 32 /dev/urandom > {path}"
        )
    return SketchKey(SECRET, hashlib.blake2b(secret, person=b"secret key", digest_size=32).digest())
