"""Where the records of a text format end, chunk by chunk: the row numbers are the readers' own."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from auditor.kernels import record_ends

Chunk = np.ndarray[Any, np.dtype[np.uint8]]
Ends = np.ndarray[Any, np.dtype[np.int64]]
LINE_FEED = 10


class Cutter(Protocol):
    """Finds the ends of records in consecutive chunks of a file."""

    def ends(self, chunk: Chunk) -> Ends:
        """Ascending positions in the chunk behind each record that ends in it."""
        ...

    def open_record(self) -> bool:
        """Whether, at the end of the file, what follows the last end is a record."""
        ...


class LineCutter:
    """Lines that end with a line feed.

    Args:
        blank_counts: whether white space behind the last line feed is a record: so in plain text, not in JSON lines.
    """

    def __init__(self, *, blank_counts: bool) -> None:
        self._blank_counts = blank_counts
        self._open = False

    def ends(self, chunk: Chunk) -> Ends:
        """See `Cutter`."""
        ends = np.flatnonzero(chunk == LINE_FEED) + 1
        tail = chunk[ends[-1] :] if len(ends) else chunk
        self._open = (self._open and not len(ends)) or self._is_content(tail)
        return ends

    def _is_content(self, tail: Chunk) -> bool:
        return len(tail) > 0 if self._blank_counts else bool(tail.tobytes().strip(b" \t\r\n"))

    def open_record(self) -> bool:
        """See `Cutter`."""
        return self._open


class RowCutter:
    """Rows of CSV, behind the header."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = ord(delimiter)
        self._state = record_ends.new_state()

    def ends(self, chunk: Chunk) -> Ends:
        """See `Cutter`."""
        ends = np.empty(len(chunk) + 1, np.int64)
        return ends[: record_ends.csv_ends(chunk, self._delimiter, ends, self._state)]

    def open_record(self) -> bool:
        """See `Cutter`."""
        return bool(self._state[record_ends.CSV_CONTENT] or self._state[record_ends.CSV_RETURN])


class ElementCutter:
    """Elements of a JSON array, behind its opening bracket."""

    def __init__(self) -> None:
        self._state = record_ends.new_state()

    def ends(self, chunk: Chunk) -> Ends:
        """See `Cutter`."""
        ends = np.empty(len(chunk), np.int64)
        return ends[: record_ends.array_ends(chunk, ends, self._state)]

    def open_record(self) -> bool:
        """See `Cutter`. What follows the last element is the rest of the array."""
        return not self._state[record_ends.CLOSED] and bool(self._state[record_ends.CONTENT])


class ValueCutter:
    """JSON values one after the other."""

    def __init__(self) -> None:
        self._state = record_ends.new_state()

    def ends(self, chunk: Chunk) -> Ends:
        """See `Cutter`."""
        ends = np.empty(len(chunk) + 1, np.int64)
        return ends[: record_ends.value_ends(chunk, ends, self._state)]

    def open_record(self) -> bool:
        """See `Cutter`."""
        return bool(self._state[record_ends.CONTENT] or self._state[record_ends.CLOSED])
