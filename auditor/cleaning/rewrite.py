"""Text records passed on from one byte stream to another, without those that go and with those that change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from auditor.cleaning.cutters import ElementCutter

if TYPE_CHECKING:
    from auditor.cleaning.changes import RecordChanges
    from auditor.cleaning.cutters import Cutter

SPACE = b" \t\r\n"
LONGEST_SPACE = 1 << 16
"""Bytes of white space around a JSON element that is taken out that are remembered for its neighbours' layout."""


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes | memoryview) -> None:
        """Take all of them. Raises OutputError."""
        ...


class Rewriter:
    """Feeds the bytes of a source's records, in chunks of any size, to a sink.

    Memory is bounded by the chunk and `limit`, however long a record is.

    Args:
        sink: where the records go.
        cutter: finds their ends.
        changes: says which of them are touched, and what stands in their place.
        limit: bytes of a record that are held for a change; a longer one goes whole.
    """

    def __init__(self, sink: Sink, cutter: Cutter, changes: RecordChanges, limit: int) -> None:
        self._sink = _ArrayLayout(sink) if isinstance(cutter, ElementCutter) else _LineLayout(sink)
        self._cutter = cutter
        self._changes = changes
        self._limit = limit
        self._held = bytearray()
        self._is_too_long = False
        self._is_open = False
        """Whether a touched record has begun and not ended."""
        self.rows = 0
        """Records that ended so far."""
        self.passed = 0
        """Those of them that were passed on as they are."""

    def feed(self, chunk: bytes | bytearray | memoryview) -> None:
        """Take the next bytes."""
        view = memoryview(chunk)
        ends = self._cutter.ends(np.frombuffer(view, np.uint8))
        position = taken = 0
        while True:
            untouched = self._changes.next_row(self.rows) - self.rows
            left = len(ends) - taken
            if untouched > left:
                self._sink.keep(view[position:])
                self.rows += left
                self.passed += left
                return
            if untouched:
                end = int(ends[taken + untouched - 1])
                self._sink.keep(view[position:end])
                position = end
                taken += untouched
                self.rows += untouched
                self.passed += untouched
            if taken == len(ends):
                self._hold(view[position:])
                return
            end = int(ends[taken])
            self._hold(view[position:end])
            self._change()
            position = end
            taken += 1

    def finish(self) -> None:
        """End the last record, where the file does not."""
        if self._cutter.open_record():
            if self._changes.next_row(self.rows) == self.rows:
                self._change()
            else:
                self.rows += 1
                self.passed += 1
        elif self._held:  # what follows the last record, held for one that is not there
            self._sink.keep(memoryview(bytes(self._held)))

    def _hold(self, part: memoryview) -> None:
        if len(self._held) + len(part) <= self._limit and not self._is_too_long:
            self._held += part
            return
        if not self._is_too_long:
            self._is_too_long = True
            self._skim(bytes(self._held))
            self._held.clear()
        self._skim(bytes(part))

    def _skim(self, part: bytes) -> None:
        self._sink.drop(part)
        self._changes.skim(part)

    def _change(self) -> None:
        """Put what stands in its place where the touched record was."""
        raw = None if self._is_too_long else bytes(self._held)
        body = None if raw is None else self._sink.body(raw)
        new = self._changes.change(self.rows, body if self._changes.reads_text else None)
        if raw is not None and body is not None:
            if new is None:
                self._sink.drop(raw)
            else:
                self._sink.keep(memoryview(raw[: len(raw) - len(body)] + new))
        self._held.clear()
        self._is_too_long = False
        self.rows += 1


class _LineLayout:
    """Records with nothing between them that would have to go, too."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def body(self, raw: bytes) -> bytes:
        """A record without what stands before it."""
        return raw

    def keep(self, part: memoryview) -> None:
        """Pass a part of a record on."""
        self._sink.write(part)

    def drop(self, part: bytes) -> None:
        """Leave out a part of a record."""


class _ArrayLayout:
    """Elements of a JSON array with the comma before each but the first of those that stay.

    The first that stays gets the white space that stood before the first one, and the array ends as it did.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._first_space: bytes | None = None
        """White space before the first element, where that goes; None before it was seen."""
        self._tail = b""
        """White space at the end of the element that went last."""
        self._has_kept = False
        self._in_dropped = False

    def body(self, raw: bytes) -> bytes:
        """An element without the comma before it."""
        return raw.removeprefix(b",")

    def keep(self, part: memoryview) -> None:
        """Pass on a part of the array."""
        if not len(part):
            return
        if part[0] in b"]}" and self._in_dropped:
            self._sink.write(self._tail)
        elif not self._has_kept and self._first_space is not None and part[0] == ord(","):
            self._sink.write(self._first_space)
            part = memoryview(bytes(part[1:]).lstrip(SPACE))
        self._in_dropped = False
        self._has_kept = True
        self._sink.write(part)

    def drop(self, part: bytes) -> None:
        """Leave out a part of an element."""
        if self._first_space is None and not self._has_kept:
            self._first_space = part[: len(part) - len(part.lstrip(SPACE))][:LONGEST_SPACE]
        tail = self._tail + part if self._in_dropped and not part.strip(SPACE) else part
        self._tail = tail[len(tail.rstrip(SPACE)) :][-LONGEST_SPACE:]
        self._in_dropped = True
