"""JSONL: whole lines in blocks of raw bytes; a line that is too long is handed to the long-record reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.sources.blocks import Draft, JsonLines
from auditor.sources.long_record import LongRecord
from auditor.sources.raw import read_full

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from auditor.sources.options import ReadOptions
    from auditor.sources.raw import ByteStream

LINE_FEED = 10
COUNT_STEP = 1 << 17
"""Bytes compared at once when lines are counted: the result of the comparison stays in the cache."""
SMALL_FILE = 128 << 10
"""Bytes that are read before a block's buffer is made: to touch that costs more than to scan a small file."""
LONG_CHUNK = 1 << 20
"""Bytes of a long record that are held at once."""


def read_lines(stream: ByteStream, options: ReadOptions, source: str, row: int = 0) -> Iterator[Draft]:
    """Blocks of whole lines, about `options.block_bytes` each; the first line is record `row`.

    A line, its line feed included, is given as `JsonLines` when it has at most `options.max_record_bytes` bytes, and as
    `TextPieces` when it is longer. White space after the last line feed is no line.
    """
    limit = options.max_record_bytes
    step = min(options.block_bytes, limit)
    start = bytearray(min(step, SMALL_FILE))
    count = read_full(stream, memoryview(start))
    tail = bytes(memoryview(start)[:count])
    small = count < len(start)
    ended = not count
    while not ended:
        # one more: room for a missing last line feed
        buffer = bytearray((len(tail) if small else max(step, len(tail))) + 1)
        buffer[: len(tail)] = tail
        filled = searched = len(tail)
        cut = buffer.rfind(b"\n", 0, filled) + 1
        while True:
            wanted = len(buffer) - 1 - filled
            count = read_full(stream, memoryview(buffer)[filled:-1])
            ended = small or count < wanted
            filled += count
            cut = (buffer.rfind(b"\n", searched, filled) + 1) or cut
            searched = filled
            if cut or ended or filled >= limit:
                break
            buffer.extend(bytes(min(len(buffer) - 1, limit + 1 - len(buffer))))
        if not cut and filled >= limit:
            rest = yield from _long_line(stream, memoryview(buffer)[:filled], row, options, source)
            row += 1
            ended = rest is None
            tail = rest or b""
            continue
        if ended and cut < filled:
            cut = _close_last_line(buffer, cut, filled)
            filled = max(filled, cut)
        tail = b"" if ended else bytes(memoryview(buffer)[cut:filled])
        if cut:
            data = np.frombuffer(buffer, np.uint8, count=cut)
            rows = count_lines(data)
            yield Draft(JsonLines(data), row, rows)
            row += rows


def _close_last_line(buffer: bytearray, cut: int, filled: int) -> int:
    """End the line that the file does not end; the new end of the whole lines."""
    if not bytes(memoryview(buffer)[cut:filled]).strip(b" \t\r\n"):
        return cut
    buffer[filled] = LINE_FEED
    return filled + 1


def count_lines(data: np.ndarray[Any, np.dtype[np.uint8]]) -> int:
    """Number of line feeds in bytes of shape (n,)."""
    return sum(
        int(np.count_nonzero(data[start : start + COUNT_STEP] == LINE_FEED))
        for start in range(0, len(data), COUNT_STEP)
    )


def _long_line(
    stream: ByteStream, start: memoryview, row: int, options: ReadOptions, source: str
) -> Generator[Draft, None, bytes | None]:
    """Read a line that is too long to hold; what follows it in the bytes read so far, None at the end of the stream."""
    reader = LongRecord(row, options, source)
    size = min(LONG_CHUNK, options.max_record_bytes)
    yield from reader.feed(start)
    while True:
        chunk = bytearray(size)
        count = read_full(stream, memoryview(chunk))
        end = chunk.find(b"\n", 0, count)
        yield from reader.feed(memoryview(chunk)[: end if end >= 0 else count])
        if end >= 0 or count < size:
            yield reader.finish()
            return bytes(memoryview(chunk)[end + 1 : count]) if end >= 0 else None
