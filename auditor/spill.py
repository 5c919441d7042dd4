"""Sorts more than there is memory for: what does not fit is written to a file without a name, and read again in order.

Up to a limit everything stays in memory, and the result is a tuple. Beyond it, what was added is sorted and written in
runs, which are merged when the result is read; the result is a sequence that reads from its file what it is asked for.
"""

from __future__ import annotations

import heapq
import tempfile
import threading
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import orjson

from auditor.findings import finding_order
from auditor.report.files import json_bytes, match_order, output_error
from auditor.types import Finding, Match

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

IN_MEMORY = 10_000
"""Matches, or findings, that are held at once: some 100 MB."""
READ_BYTES = 1 << 18
"""Read at once of each run."""


class _Rows:
    """Byte strings, one after another, in a file that goes with this object. May be read by several threads."""

    def __init__(self, directory: str | os.PathLike[str] | None) -> None:
        self.directory = directory
        self._place = Path(directory) if directory is not None else Path(tempfile.gettempdir())
        try:
            self._file = tempfile.TemporaryFile(dir=self._place)  # noqa: SIM115 - closed with the last reference
        except OSError as error:
            raise output_error(self._place, error) from error
        self._lock = threading.Lock()
        self.starts = array("q", [0])

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()  # whoever reads it holds this

    def add(self, rows: Iterable[bytes]) -> None:
        """Append rows. Raises OutputError on a full disk."""
        try:
            for row in rows:
                self._file.write(row)
                self.starts.append(self.starts[-1] + len(row))
            self._file.flush()
        except OSError as error:
            raise output_error(self._place, error) from error

    def read(self, first: int, last: int) -> Iterator[bytes]:
        """The rows [first, last)."""
        starts = self.starts
        while first < last:
            then = first + 1
            while then < last and starts[then + 1] - starts[first] <= READ_BYTES:
                then += 1
            with self._lock:
                self._file.seek(starts[first])
                data = self._file.read(starts[then] - starts[first])
            for row in range(first, then):
                yield data[starts[row] - starts[first] : starts[row + 1] - starts[first]]
            first = then


class Spilled(Sequence[T]):
    """A sequence that lies in a file."""

    def __init__(self, rows: _Rows, decode: Callable[[bytes], T]) -> None:
        self._rows = rows
        self.directory = rows.directory
        self._decode = decode

    def __len__(self) -> int:
        return len(self._rows.starts) - 1

    def __iter__(self) -> Iterator[T]:
        return map(self._decode, self._rows.read(0, len(self)))

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            chosen = range(len(self))[index]
            if chosen.step == 1:
                return tuple(map(self._decode, self._rows.read(chosen.start, chosen.stop)))
            return tuple(self[i] for i in chosen)
        number = range(len(self))[index]
        return self._decode(next(self._rows.read(number, number + 1)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Spilled | tuple | list):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]


class Sorter(Generic[T]):
    """Takes things in any order and gives them back in that of `key`; those of one key in the order they came in.

    Args:
        key: what is sorted by.
        encode: makes a row of bytes of a thing, from which `decode` makes its equal.
        directory: where to spill; the system's directory for temporary files by default.
        in_memory: how many are held at once.
    """

    def __init__(
        self, key: Callable[[T], Any], encode: Callable[[T], bytes], decode: Callable[[bytes], T], *,
        directory: str | os.PathLike[str] | None = None, in_memory: int = IN_MEMORY,
    ) -> None:  # fmt: skip
        self.directory = directory
        self._key, self._encode, self._decode = key, encode, decode
        self._in_memory = in_memory
        self._held: list[T] = []
        self._rows: _Rows | None = None
        self._runs: list[int] = [0]

    def __len__(self) -> int:
        return self._runs[-1] + len(self._held)

    def add(self, things: Iterable[T]) -> None:
        """Add things. Raises OutputError where they cannot be spilled."""
        for thing in things:
            self._held.append(thing)
            if len(self._held) >= self._in_memory:
                self._spill()

    def _spill(self) -> None:
        if self._rows is None:
            self._rows = _Rows(self.directory)
        self._rows.add(map(self._encode, sorted(self._held, key=self._key)))
        self._runs.append(len(self))
        self._held = []

    def in_order(self) -> Iterator[T]:
        """All things in order; may be asked for again, and more may be added afterwards."""
        runs: list[Iterable[T]] = []
        if self._rows is not None:
            pairs = zip(self._runs, self._runs[1:], strict=False)
            runs = [map(self._decode, self._rows.read(first, last)) for first, last in pairs]
        return heapq.merge(*runs, sorted(self._held, key=self._key), key=self._key)

    def kept(self, things: Iterable[T]) -> Sequence[T]:
        """Things in the order they come in: a tuple, or a sequence in a file where there are more than a sorter holds.

        Raises OutputError where that cannot be written.
        """
        held: list[T] = []
        rows: _Rows | None = None
        for thing in things:
            held.append(thing)
            if len(held) > self._in_memory:
                rows = rows or _Rows(self.directory)
                rows.add(map(self._encode, held))
                held = []
        if rows is None:
            return tuple(held)
        rows.add(map(self._encode, held))
        return Spilled(rows, self._decode)


def match_sorter(directory: str | os.PathLike[str] | None = None) -> Sorter[Match]:
    """Sorts matches as `matches.jsonl` has them."""
    return Sorter(match_order, _match_row, _match_of, directory=directory)


def finding_sorter(directory: str | os.PathLike[str] | None = None) -> Sorter[Finding]:
    """Sorts findings about data as `findings.json` has them."""
    return Sorter(finding_order, _finding_row, _finding_of, directory=directory)


def kept_findings(findings: Iterable[Finding]) -> Sequence[Finding]:
    """Findings in the order they come in, in memory or in a file (see `Sorter.kept`)."""
    return finding_sorter().kept(findings)


def _match_row(match: Match) -> bytes:
    return json_bytes(match.to_json())


def _match_of(row: bytes) -> Match:
    return Match.from_json(orjson.loads(row))


def _finding_row(finding: Finding) -> bytes:
    return json_bytes(finding.to_json())


def _finding_of(row: bytes) -> Finding:
    return Finding.from_json(orjson.loads(row))
