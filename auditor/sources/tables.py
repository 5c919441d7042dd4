"""Tables in files: batches of the columns that may hold text, of bounded size, and none that is unsafe to read.

Arrow files are read here, Parquet in `auditor.sources.parquet`.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from auditor.errors import SourceError
from auditor.sources.blocks import Columns, Draft
from auditor.sources.columns import has_text_columns, text_columns
from auditor.sources.describe import no_text_field
from auditor.sources.raw import Failure, ReadFailedError, StoredBytes, cannot_read, describe, read_full
from auditor.types import Skip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from auditor.sources.options import ReadOptions
    from auditor.sources.raw import ByteStream

PARQUET_MAGIC = b"PAR1"
ARROW_FILE_MAGIC = b"ARROW1"
ARROW_STREAM_MAGIC = b"\xff\xff\xff\xff"
FEATHER_V1_MAGIC = b"FEA1"

BROKEN = (pa.ArrowException, OSError, UnicodeDecodeError)
"""What Arrow raises for files that are broken."""
CHANGED = "changed_while_reading"
MAX_BATCH_ROWS = 65_536
BUFFER_BYTES = 1 << 20
"""Bytes of a column chunk that are read ahead: without it, Arrow holds a whole column of a row group."""


class TableFile:
    """A file that is read at random places: what `SourceStream` wants to know of it.

    Its hash takes a pass of its own over the file, at about the disk's speed, when it is asked for.
    """

    def __init__(
        self, file: Any, reopen: Callable[[], StoredBytes], size: int | None,
        changed: Callable[[], Failure | None] | None = None, version: str = "",
    ) -> None:  # fmt: skip
        self._changed = changed
        self._version = version
        self._file = _CountingFile(file, size)
        self._reopen = reopen
        self._status = self._fstat()

    @property
    def handle(self) -> Any:
        """What Arrow reads from."""
        return self._file

    @property
    def consumed(self) -> int:
        """Bytes read so far."""
        return self._file.count

    def head(self, size: int) -> bytes:
        """The first bytes, which do not count as read."""
        data = self._file.read(size)
        self._file.count -= len(data)
        return data

    def identity(self) -> str:
        """What tells the file that was opened from one that takes its place: its size, and when it was last written to
        or what its store calls this version of it."""
        return self._version if self._status is None else _written(self._status)

    def change(self) -> Failure | None:
        """What shows that the file was written to since it was opened; None where nothing does."""
        if self._changed is not None:
            return self._changed()
        now = self._fstat()
        if self._status is None or now is None:
            return None
        if now.st_size != self._status.st_size:
            return Failure(CHANGED, f"held {self._status.st_size} bytes when opened, and now {now.st_size}")
        if now.st_mtime_ns != self._status.st_mtime_ns:
            return Failure(CHANGED, "was written to while it was read")
        return None

    def _fstat(self) -> os.stat_result | None:
        try:
            return os.fstat(self._file.fileno())
        except (OSError, AttributeError):
            return None

    def digest(self) -> str:
        """Hexadecimal xxh3_128 of all bytes as stored."""
        stored = self._reopen()
        try:
            digest = stored.digest()
            if stored.failure is not None:
                raise SourceError(
                    f"could not be read once more, to hash it: {stored.failure.detail}", stored.failure.reason
                )
            if stored.status is not None and self._status is not None and _written(stored.status) != self.identity():
                raise SourceError("was replaced by another file while it was read; scan again", CHANGED)
            return digest
        finally:
            stored.close()

    def close(self) -> None:
        """Close the file; may be called more than once."""
        self._file.close()


def _written(status: os.stat_result) -> str:
    return f"{status.st_size} bytes, written at {status.st_mtime_ns}"


class _CountingFile(io.RawIOBase):
    """A file that counts what is read from it."""

    def __init__(self, file: Any, size: int | None) -> None:
        self._inner = file
        self._size = size
        self.count = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._inner.seek(offset, whence))

    def tell(self) -> int:
        return int(self._inner.tell())

    def fileno(self) -> int:
        return int(self._inner.fileno())

    def read(self, size: int = -1) -> bytes:
        # a broken file may ask for more than there is memory
        data: bytes = self._inner.read(size if self._size is None else min(size, self._size))
        self.count += len(data)
        return data

    def close(self) -> None:
        self._inner.close()
        super().close()


class SequentialFile(io.RawIOBase):
    """A byte stream as a file for Arrow."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes. They are asked for in parts: a broken file may ask for more than there is memory."""
        parts: list[bytes] = []
        while size > 0:
            buffer = bytearray(min(size, BUFFER_BYTES))
            count = read_full(self._stream, memoryview(buffer))
            parts.append(bytes(buffer[:count]))
            size -= count
            if count < len(buffer):
                break
        return b"".join(parts)


def read_arrow_file(file: TableFile, options: ReadOptions, source: str) -> Iterator[Draft]:
    """Blocks of an Arrow IPC file's rows (Feather 2, too). Raises SourceError at once where it is none or no column
    holds text."""
    try:
        reader = pa.ipc.open_file(file.handle)
        wanted = _wanted(reader.schema, options, source)
        if wanted != list(range(len(reader.schema))):
            reader = pa.ipc.open_file(file.handle, options=pa.ipc.IpcReadOptions(included_fields=wanted))
    except BROKEN as error:
        raise unreadable(source, "an Arrow file", error) from None
    batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
    return _drafts(batches, options, source, "corrupt_arrow", file.change)


def read_arrow_stream(stream: ByteStream, options: ReadOptions, source: str) -> Iterator[Draft]:
    """Blocks of an Arrow IPC stream's rows, as datasets caches are. Raises SourceError like `read_arrow_file`."""
    try:
        reader = pa.ipc.open_stream(SequentialFile(stream))
        _wanted(reader.schema, options, source)
    except BROKEN as error:
        raise unreadable(source, "an Arrow stream", error) from None
    batches = (batch.select(text_columns(batch.schema, options)) for batch in reader)
    return _drafts(batches, options, source, "corrupt_arrow", lambda: None)


def unreadable(source: str, what: str, error: Exception) -> SourceError:
    """The error for a file that Arrow cannot open."""
    if isinstance(error, ReadFailedError):
        return cannot_read(source, error.reason, describe(error))
    return SourceError(f"cannot read {source} as {what}: {describe(error)}; is it whole?")


def _wanted(schema: pa.Schema, options: ReadOptions, source: str) -> list[int]:
    if not has_text_columns(schema, options):
        raise no_text_field(source, schema.names)
    names = text_columns(schema, options)
    return [position for position, name in enumerate(schema.names) if name in names]


def _drafts(
    batches: Iterator[pa.RecordBatch],
    options: ReadOptions,
    source: str,
    corrupt: str,
    change: Callable[[], Failure | None],
) -> Iterator[Draft]:
    row = 0
    while True:
        skip = None
        bad_rows: list[int] = []
        try:
            batch = next(batches, None)
            if batch is not None:
                batch, bad_rows = sound(batch)
        except BROKEN as error:
            batch = None
            reason = error.reason if isinstance(error, ReadFailedError) else corrupt
            skip = Skip(source, reason, detail=f"{describe(error)}; read up to record {row}")
        if batch is None:
            break
        yield from drafts_of(batch, bad_rows, row, options, source)
        row += batch.num_rows
    # what looks like a broken file may be one that another took the place of
    if (skip is None or skip.reason == corrupt) and (failure := change()) is not None:
        skip = Skip(source, failure.reason, detail=f"{failure.detail}; read up to record {row}")
    if skip is not None:
        yield Draft(no_rows(), row, 0, (skip,))


def drafts_of(
    batch: pa.RecordBatch, bad_rows: Sequence[int], row: int, options: ReadOptions, source: str, *, by_row: bool = False
) -> Iterator[Draft]:
    """A batch as blocks of bounded size.

    Args:
        batch: of which `sound` found the rows `bad_rows` to be no UTF-8.
        row: of the source, which it begins with.
        by_row: whether blocks are numbered by the rows that they begin with (see `Block.index`).
    """
    for part in _bounded(batch, options.block_bytes):
        skips = tuple(Skip(source, "invalid_utf8", row + bad) for bad in bad_rows if 0 <= bad < part.num_rows)
        yield Draft(Columns(part), row, part.num_rows, skips, row if by_row else None)
        row += part.num_rows
        bad_rows = [bad - part.num_rows for bad in bad_rows]


def no_rows() -> Columns:
    """A payload without records."""
    return Columns(pa.RecordBatch.from_arrays([], names=[]))


def sound(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, list[int]]:
    """A batch that is safe to read, with nulls in the rows whose strings are no UTF-8; and those rows.

    Arrow takes offsets and strings from a file as they are: a reader that trusts them reads memory that is not its own.
    Raises ArrowInvalid where the batch is broken in another way.
    """
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        views = [column.view(same_layout(column.type)) for column in batch.columns]
        pa.RecordBatch.from_arrays(views, names=batch.schema.names).validate(full=True)
    else:
        return batch, []
    bad = [row for row in range(batch.num_rows) if not _decodes(batch.slice(row, 1))]
    starts, ends = [0, *(row + 1 for row in bad)], [*bad, batch.num_rows]
    columns = []
    for column in batch.columns:
        parts = [column.slice(start, end - start) for start, end in zip(starts, ends, strict=True)]
        nulls = pa.nulls(1, column.type)
        columns.append(pa.concat_arrays([part for good in parts for part in (good, nulls)][:-1]))
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names), bad


def _decodes(row: pa.RecordBatch) -> bool:
    try:
        row.to_pylist()
    except UnicodeDecodeError:
        return False
    return True


def same_layout(kind: pa.DataType) -> pa.DataType:
    """A type over the same buffers, with bytes in the place of strings. Raises ArrowInvalid where there is none."""
    types = pa.types
    if types.is_struct(kind):
        return pa.struct([field.with_type(same_layout(field.type)) for field in kind])
    if types.is_list(kind) or types.is_large_list(kind):
        new = pa.list_ if types.is_list(kind) else pa.large_list
        return new(kind.value_field.with_type(same_layout(kind.value_type)))
    if types.is_string(kind) or types.is_large_string(kind):
        return pa.binary() if types.is_string(kind) else pa.large_binary()
    if types.is_string_view(kind):
        return pa.binary_view()
    return kind


def _bounded(batch: pa.RecordBatch, block_bytes: int) -> Iterator[pa.RecordBatch]:
    """A batch in halves of halves, until each is a block or one row."""
    if not batch.num_rows:
        return
    if batch.num_rows == 1 or batch.nbytes <= block_bytes * 2:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _bounded(batch.slice(0, half), block_bytes)
    yield from _bounded(batch.slice(half), block_bytes)
