"""Cut a large file into parts that workers read for themselves; and read a part of JSON lines again.

Parquet is cut by its row groups (`auditor.engines.row_groups`), JSON lines into stretches of bytes. A stretch gives the
same blocks as the whole file's reader gives: it begins where a block begins, at a place where that reader had read no
further ahead than a reader that begins there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import xxhash

from auditor.engines.row_groups import plan_row_groups
from auditor.engines.units import Ending, Stretch, Whole
from auditor.errors import AuditorError, SourceError
from auditor.sources import open_source, remote, skip_of
from auditor.sources.blocks import Block, Columns, JsonLines
from auditor.sources.compression import codec_of
from auditor.sources.json_elements import LINES
from auditor.sources.lines import read_lines
from auditor.sources.open import HEAD_BYTES, REFUSED, UTF8_BOM, open_parquet, open_stored, text_format
from auditor.sources.raw import Failure, Peekable, ReadFailedError, describe
from auditor.sources.stream import SourceStream, no_lines
from auditor.types import Skip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.engines.units import Large, RowGroups
    from auditor.sources import ReadOptions, Source

SEARCH_BYTES = 1 << 20
"""Bytes that are held while the end of a long record is looked for."""
BINARY = (b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")
"""First bytes of tables."""


def plan(unit: Large, options: ReadOptions) -> Iterator[Whole | Stretch | RowGroups | Ending]:
    """Cut a large file; one that cannot be cut comes back whole. A part is given as soon as its end is known."""
    try:
        if (opened := open_parquet(unit.source, options)) is not None:
            yield from plan_row_groups(unit, *opened)
            return
        start = _first_line(unit.source, options)
        if start is None:
            yield Whole(unit.number, (unit.source,), unit.done)
            return
        stream = open_source(unit.source, options)
    except AuditorError as error:
        yield Ending(unit.number, unit.source, "", 0, skip_of(unit.source.name, error))
        return
    planner = _Planner(unit, start, options)
    try:
        for block in stream:
            yield from planner.add(block)
        yield from planner.close()
        yield Ending(unit.number, unit.source, stream.digest(), planner.parts)
    except AuditorError as error:
        yield Ending(unit.number, unit.source, "", planner.parts, skip_of(unit.source.name, error))
    finally:
        stream.close()


def _first_line(source: Source, options: ReadOptions) -> int | None:
    """Where the lines of a file begin; None if it is not uncompressed JSON lines in UTF-8. Raises SourceError."""
    if options.encoding.lower().replace("_", "-") not in ("utf-8", "utf8"):
        return None
    stored = open_stored(source)
    try:
        head = Peekable(stored).peek(HEAD_BYTES)
    finally:
        stored.close()
    start = len(UTF8_BOM) if head.startswith(UTF8_BOM) else 0
    if head.startswith((*REFUSED, *BINARY)) or codec_of(head) is not None or not head[start:]:
        return None
    try:
        name, layout = text_format(source, head[start:], options)
    except SourceError:
        return None  # whoever reads it whole says why
    if name not in ("json", "jsonl") or layout != LINES:
        return None
    return start if not source.is_remote or _has_ranges(source) else None


def _has_ranges(source: Source) -> bool:
    """Whether a server gives a file from the middle on: some only know whole ones."""
    stored = RangeBytes(source, (source.size or 0) // 2, None, at_random=True)
    try:
        return bool(stored.readinto(memoryview(bytearray(1))))
    finally:
        stored.close()


@dataclass(slots=True)
class _Planner:
    """Gathers the blocks of a file into stretches."""

    unit: Large
    offset: int
    """Where the block that comes next begins; while a record too long to hold is read, where that began."""
    options: ReadOptions
    parts: int = 0
    _start: int = -1
    _first: Block | None = None
    _rows: int = 0
    _bytes: list[int] = field(default_factory=list)
    _intact: int = 0
    _hash: Any = None
    _consumed: int = 0
    _in_long_record: bool = False

    def add(self, block: Block) -> Iterator[Stretch]:
        """Take the next block; the stretch that ends before it, where one does."""
        if not block.rows and block.says_why_it_ended:
            yield from self.close(block)
            return
        if isinstance(block.payload, JsonLines) or block.rows:
            self._end_long_record()
            # a reader that begins here sees what the file's one reader saw only if that had not read on further than
            # one reads at a time
            clean = self._consumed - self.offset <= min(self.options.block_bytes, self.options.max_record_bytes)
            if self._first is not None and clean and self.offset - self._start >= self.unit.stretch_bytes:
                yield self._stretch(self.offset, None)
        if self._first is None:
            self._first, self._start, self._hash = block, self.offset, xxhash.xxh3_64()
        self._rows += block.rows
        self._bytes.append(block.bytes_read)
        self._intact += not block.cut
        self._consumed += block.bytes_read
        update_fingerprint(self._hash, block)
        if isinstance(block.payload, JsonLines):
            self.offset += len(block.payload.data)
        else:
            self._in_long_record = True

    def close(self, closing: Block | None = None) -> Iterator[Stretch]:
        """The last stretch."""
        self._end_long_record()
        if self._first is None and closing is not None:
            self._first, self._start, self._hash = closing, self.offset, xxhash.xxh3_64()
        if self._first is not None:
            # the last line feed may be one that the file does not have
            yield self._stretch(min(self.offset, max(self._consumed, self._start)), closing)

    def _end_long_record(self) -> None:
        if self._in_long_record:
            self.offset = line_end(self.unit.source, self.offset)
            self._in_long_record = False

    def _stretch(self, end: int, closing: Block | None) -> Stretch:
        assert self._first is not None  # noqa: S101
        unit, first = self.unit, self._first
        stretch = Stretch(
            unit.number, self.parts, unit.source, self._start, end, first.index, first.first_row, tuple(self._bytes),
            self._rows, self._hash.hexdigest(), unit.done & {(unit.source.name, first.index + n) for n in
            range(len(self._bytes) + 1)}, closing, self._intact,
        )  # fmt: skip
        self.parts += 1
        self._first, self._rows, self._bytes, self._intact = None, 0, [], 0
        return stretch


def update_fingerprint(fingerprint: Any, block: Block) -> None:
    """Add the records of a block of JSON lines to an xxhash."""
    if isinstance(block.payload, JsonLines):
        fingerprint.update(block.payload.data)
    elif not isinstance(block.payload, Columns):
        for piece in block.payload.pieces:
            fingerprint.update(piece.text.encode("utf-8", "replace"))


def line_end(source: Source, start: int) -> int:
    """The byte behind the line that begins at `start`, in a file that may hold more than there is memory."""
    stored = RangeBytes(source, start, None)
    try:
        buffer = bytearray(SEARCH_BYTES)
        while count := stored.readinto(memoryview(buffer)):
            found = buffer.find(b"\n", 0, count)
            if found >= 0:
                return start + stored.consumed - count + found + 1
        return start + stored.consumed
    finally:
        stored.close()


class RangeBytes:
    """A part of a source as stored, [start, end): a `ByteStream`, and what `SourceStream` wants to know of a file.

    Raises SourceError, MissingExtraError where the source cannot be opened.
    """

    def __init__(self, source: Source, start: int, end: int | None, *, at_random: bool = False) -> None:
        if source.is_remote:
            # to be read at random, it is refused by a server that gives no ranges; in order, it would be read from its
            # first byte on
            self._file: Any = remote.open_url(source.location, source.version, at_random=at_random)
        else:
            try:
                self._file = open(source.location, "rb", buffering=0)  # noqa: SIM115, PTH123 - closed by `close`
            except OSError as error:
                raise SourceError(f"cannot open {source.name}: {describe(error)}") from None
        self._left = None if end is None else end - start
        self.consumed = 0
        self.failure: Failure | None = None
        try:
            self._file.seek(start)
        except ReadFailedError as error:
            self.failure = Failure(error.reason, describe(error))
        except OSError as error:
            self.failure = Failure("read_error", f"at byte {start}: {describe(error)}")

    def readinto(self, view: memoryview) -> int:
        """See `auditor.sources.raw.ByteStream`."""
        view = view if self._left is None else view[: self._left]
        if self.failure is not None or not len(view):
            return 0
        try:
            count = int(self._file.readinto(view) or 0)
        except ReadFailedError as error:
            self.failure = Failure(error.reason, describe(error))
            return 0
        except OSError as error:
            self.failure = Failure("read_error", f"after {self.consumed} bytes of a part: {describe(error)}")
            return 0
        if not count and self._left:
            self.failure = Failure("changed_while_reading", f"ended {self._left} bytes early when it was read again")
        self.consumed += count
        if self._left is not None:
            self._left -= count
        return count

    def digest(self) -> str:
        """Whoever planned the file knows its hash."""
        return ""

    def close(self) -> None:
        """Close the file; may be called more than once."""
        self._file.close()


def read_stretch(unit: Stretch, options: ReadOptions) -> Iterator[Block]:
    """The blocks of a stretch, numbered as in the whole file; one more says so if they are not what was planned.

    Raises SourceError, MissingExtraError where the source cannot be opened.
    """
    stored = RangeBytes(unit.source, unit.start, unit.end)
    stream = SourceStream(
        unit.source.name, stored, read_lines(stored, options, unit.source.name, unit.first_row), stored
    )
    fingerprint = xxhash.xxh3_64()
    count = rows = 0
    try:
        for block in stream:
            update_fingerprint(fingerprint, block)
            size = unit.bytes_read[count] if count < len(unit.bytes_read) else 0
            cut = block.cut or count >= unit.intact
            yield replace(block, index=unit.first_index + count, bytes_read=size, cut=cut)
            count, rows = count + 1, rows + block.rows
    finally:
        stream.close()
    same = (count, rows, fingerprint.hexdigest()) == (len(unit.bytes_read), unit.rows, unit.fingerprint)
    if not same and stored.failure is None:
        detail = f"bytes {unit.start} to {unit.end} were other ones when they were read again"
        skip = Skip(unit.source.name, "changed_while_reading", detail=detail)
        yield Block(unit.source.name, unit.first_index + count, unit.first_row, 0, no_lines(), (skip,), cut=True)
