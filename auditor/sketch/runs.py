"""Sort hashes and add up their counts in bounded memory: sorted runs on disk, merged by ranges of the hash."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import numpy as np

from auditor.errors import OutputError
from auditor.kernels.grams import HASH_BITS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

Counted = tuple["NDArray[np.uint64]", "NDArray[np.uint64]"]
"""Hashes, ascending and distinct, and the count of each."""

BUFFERED = 1 << 21
"""Hashes that are held before they are sorted and written: 32 MiB, and as much again twice while they are sorted."""
BUCKETS = 4096
"""Ranges of the hash that can be read by themselves. Hashes are spread evenly, so a range of a billion of them holds
some 250,000 of each run together."""
STEP = 1 << 20
"""Hashes that are merged at once: ranges are taken together up to so many."""


@dataclass(frozen=True, slots=True)
class _Run:
    offset: int
    """Where it begins in the file, in bytes."""
    bounds: NDArray[np.int64]
    """Shape (BUCKETS + 1,): where each range begins in it."""

    @property
    def length(self) -> int:
        return int(self.bounds[-1])


class Runs:
    """Gathers hashes and their counts in any order; gives them back in order, each once.

    Args:
        directory: where the runs lie, in a file without a name: it is gone when the process is.
        bound: all hashes are below it.
        buffered: hashes held in memory.
    """

    def __init__(self, directory: Path, bound: int, *, buffered: int = BUFFERED) -> None:
        self._directory = directory
        self._edges = np.array([bound * i // BUCKETS for i in range(BUCKETS)] + [1 << HASH_BITS], np.uint64)
        self._limit = buffered
        self._held: list[Counted] = []
        self._count = 0
        self._runs: list[_Run] = []
        self._file: IO[bytes] | None = None

    def add(self, hashes: NDArray[np.uint64], counts: NDArray[np.uint64]) -> None:
        """Add hashes with their counts. Raises OutputError where they cannot be kept."""
        self._held.append((hashes, counts))
        self._count += len(hashes)
        if self._count >= self._limit:
            self._flush()

    def merged(self) -> Iterator[Counted]:
        """All of them, ascending, in pieces. Raises OutputError where the runs cannot be read."""
        if not self._runs:
            yield self._take()
            return
        self._flush()
        sizes = sum((np.diff(run.bounds) for run in self._runs), np.zeros(BUCKETS, np.int64))
        first = 0
        while first < BUCKETS:
            last, size = first + 1, int(sizes[first])
            while last < BUCKETS and size + int(sizes[last]) <= STEP:
                size += int(sizes[last])
                last += 1
            yield added_up([self._read(run, first, last) for run in self._runs])
            first = last

    def close(self) -> None:
        """Forget everything."""
        self._held.clear()
        if self._file is not None:
            self._file.close()

    def _take(self) -> Counted:
        hashes, counts = added_up(self._held)
        self._held.clear()
        self._count = 0
        return hashes, counts

    def _flush(self) -> None:
        if not self._count:
            return
        hashes, counts = self._take()
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115 - closed by close()
            offset = self._file.seek(0, 2)
            hashes.tofile(self._file)
            counts.tofile(self._file)
        except OSError as error:
            raise OutputError(
                f"cannot keep what was sketched so far in {self._directory}: {error.strerror or error}; it needs some "
                "16 bytes for each sampled n-gram of a record: make room, or give another directory with -o"
            ) from error
        self._runs.append(_Run(offset, np.searchsorted(hashes, self._edges).astype(np.int64)))

    def _read(self, run: _Run, first: int, last: int) -> Counted:
        assert self._file is not None  # noqa: S101
        begin, end = int(run.bounds[first]), int(run.bounds[last])
        parts = []
        for column in (0, run.length):
            self._file.seek(run.offset + 8 * (column + begin))
            parts.append(np.fromfile(self._file, np.uint64, end - begin))
        return parts[0], parts[1]


def added_up(parts: list[Counted]) -> Counted:
    """Several lots as one, equal hashes added up."""
    nothing = np.zeros(0, np.uint64)
    hashes = np.concatenate([nothing, *(part[0] for part in parts)])
    counts = np.concatenate([nothing, *(part[1] for part in parts)])
    order = np.argsort(hashes, kind="stable")
    hashes, counts = hashes[order], counts[order]
    first = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]])) if len(hashes) else np.zeros(0, int)
    return hashes[first], np.add.reduceat(counts, first) if len(first) else nothing
