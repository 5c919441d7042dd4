"""Parquet and Arrow sources written again: schema with metadata, row groups or batches, and codecs as they were."""

from __future__ import annotations

import io
import struct
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from auditor.cleaning.edits import edit_record
from auditor.cleaning.options import Action, Done
from auditor.cleaning.text_files import Written
from auditor.errors import InputError
from auditor.sources.columns import record_at, text_columns
from auditor.sources.open import open_table_file
from auditor.sources.raw import describe
from auditor.sources.tables import BROKEN, sound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from auditor.cleaning.changes import Changes
    from auditor.cleaning.streams import OutputFile
    from auditor.sources import ReadOptions, Source
    from auditor.sources.tables import TableFile

LARGEST_GROUP = 1 << 30
"""Bytes of a row group, uncompressed, up to which it is written as one: a Parquet writer holds what it writes at once.
A larger one becomes several of a quarter of this, so that memory stays flat."""
_NATIVE_CODECS = {"UNCOMPRESSED": "NONE", "LZ4_RAW": "LZ4"}
_DICTIONARY = {"RLE_DICTIONARY", "PLAIN_DICTIONARY"}


class _Writable(io.RawIOBase):
    """An output file as Arrow wants it."""

    def __init__(self, file: OutputFile) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._file.write(view)
        return len(view)

    def tell(self) -> int:
        return self._file.size


def rewrite_table(source: Source, file: OutputFile, changes: Changes, reading: ReadOptions, head: bytes) -> Written:
    """Write a Parquet or Arrow source to `file` without the records that go; finished when this returns.

    Raises:
        InputError: the source cannot be read to its end, or not be written back with the types it has.
        OutputError: the file cannot be written.
    """
    write = _parquet if head.startswith(b"PAR1") else _arrow_file if head.startswith(b"ARROW1") else _arrow_stream
    table = open_table_file(source)
    try:
        rows = _Rows(changes, reading)
        name = write(table, _Writable(file), rows)
        if change := table.change():
            raise InputError(f"{source.name} changed while it was read ({change.detail}); scan it again")
        file.finish()
        return Written(rows.seen, rows.passed, table.digest(), name)
    except (*BROKEN, struct.error, IndexError) as error:
        raise InputError(
            f"{source.name} could not be read to its end, or not be written back as it is ({describe(error)}); nothing "
            "was written"
        ) from error
    finally:
        table.close()


class _Rows:
    """Takes the batches of one source in order, and gives them back without what goes."""

    def __init__(self, changes: Changes, reading: ReadOptions) -> None:
        self._changes = changes
        self._reading = reading
        self.seen = 0
        self.passed = 0

    def of(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """What stays of the next batch."""
        first, end = self.seen, self.seen + batch.num_rows
        self.seen = end
        parts: list[pa.RecordBatch] = []
        position = first
        touched = 0
        while (row := self._changes.next_row(position)) < end:
            parts.append(batch.slice(position - first, row - position))
            changed = self._change(batch, row - first, row)
            if changed is not None:
                parts.append(changed)
            touched += 1
            position = row + 1
        self.passed += batch.num_rows - touched
        if not touched:
            return batch
        parts.append(batch.slice(position - first))
        kept = [part for part in parts if part.num_rows]
        return pa.concat_batches(kept) if kept else batch.slice(0, 0)

    def _change(self, batch: pa.RecordBatch, place: int, row: int) -> pa.RecordBatch | None:
        """The row changed, as a batch of one; None where it goes."""
        changes, options = self._changes, self._changes.options
        matches = changes.matches_of(row)
        if options.action is Action.DROP:
            changes.note(row, Done.DROPPED, matches)
            return None
        one = batch.slice(place, 1)
        names = text_columns(batch.schema, self._reading)
        record = record_at(one.select(names), 0)
        edited = edit_record(record, matches, options.action, options.mask, self._reading)
        if edited.record is None:
            changes.note(row, edited.done, matches, edited.note)
            return None
        try:
            for name in names:
                if edited.record[name] != record[name]:
                    position = batch.schema.get_field_index(name)
                    column = pa.array([edited.record[name]], batch.schema.field(position).type)
                    one = one.set_column(position, batch.schema.field(position), column)
        except (pa.ArrowException, TypeError, ValueError, UnicodeError):
            changes.note(row, Done.DROPPED, matches, "its column has a type that cannot be written again, so it went")
            return None
        changes.note(row, edited.done, matches, edited.note)
        return one


def _parquet(table: TableFile, out: _Writable, rows: _Rows) -> str:
    parquet = pq.ParquetFile(table.handle)
    codecs: set[str] = set()
    with pq.ParquetWriter(out, parquet.schema_arrow, **_parquet_settings(parquet)) as writer:
        for number in range(parquet.num_row_groups):
            group = parquet.metadata.row_group(number)
            codecs.update(group.column(column).compression.lower() for column in range(group.num_columns))
            for part in group_parts(parquet, number):
                kept = pa.Table.from_batches([rows.of(batch) for batch in part.to_batches()], part.schema)
                if kept.num_rows or not part.num_rows:
                    writer.write_table(kept, row_group_size=max(1, kept.num_rows))
    return f"parquet ({', '.join(sorted(codecs))})" if codecs else "parquet"


def group_parts(parquet: pq.ParquetFile, number: int, largest: int = LARGEST_GROUP) -> Iterator[pa.Table]:
    """A row group as one table, or as several where it is very large."""
    group = parquet.metadata.row_group(number)
    if group.total_byte_size <= largest:
        yield parquet.read_row_group(number, use_threads=False)
        return
    rows = max(1, group.num_rows * (largest // 4) // group.total_byte_size)
    for batch in parquet.iter_batches(batch_size=rows, row_groups=[number], use_threads=False):
        yield pa.Table.from_batches([batch])


def _parquet_settings(parquet: pq.ParquetFile) -> dict[str, Any]:
    """What a writer has to be told to write as the source was written: as far as its footer says it."""
    metadata = parquet.metadata
    settings: dict[str, Any] = {
        "version": metadata.format_version if metadata.format_version in ("1.0", "2.4", "2.6") else "2.6",
        "store_schema": b"ARROW:schema" in (metadata.metadata or {}),
    }
    if not metadata.num_row_groups:
        return settings
    group = metadata.row_group(0)
    columns = [group.column(position) for position in range(group.num_columns)]
    paths = [column.path_in_schema for column in columns]
    settings["compression"] = {
        path: _NATIVE_CODECS.get(column.compression, column.compression)
        for path, column in zip(paths, columns, strict=True)
    }
    settings["use_dictionary"] = [
        path for path, column in zip(paths, columns, strict=True) if _DICTIONARY & set(column.encodings)
    ]
    settings["write_statistics"] = [path for path, column in zip(paths, columns, strict=True) if column.is_stats_set]
    settings["use_deprecated_int96_timestamps"] = any(column.physical_type == "INT96" for column in columns)
    settings["use_compliant_nested_type"] = not any(".list.item" in path for path in paths)
    settings["write_page_index"] = any(column.has_column_index for column in columns)
    if group.sorting_columns:
        settings["sorting_columns"] = group.sorting_columns
    return settings


def _arrow_file(table: TableFile, out: _Writable, rows: _Rows) -> str:
    compression = body_compression(table.handle, behind=8)
    table.handle.seek(0)
    reader = pa.ipc.open_file(table.handle)
    options = pa.ipc.IpcWriteOptions(compression=compression)
    # metadata of the file itself, beside its schema's: older versions of Arrow for Python neither read nor write it
    own = getattr(reader, "metadata", None)
    with pa.ipc.new_file(out, reader.schema, options=options, **({"metadata": own} if own else {})) as writer:
        for number in range(reader.num_record_batches):
            batch, custom = _with_metadata(partial(reader.get_batch_with_custom_metadata, number))
            _write(writer, rows, batch, custom)
    return f"arrow file ({compression})" if compression else "arrow file"


def _arrow_stream(table: TableFile, out: _Writable, rows: _Rows) -> str:
    compression = body_compression(table.handle, behind=0)
    table.handle.seek(0)
    reader = pa.ipc.open_stream(table.handle)
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(out, reader.schema, options=options) as writer:
        while True:
            try:
                batch, custom = _with_metadata(reader.read_next_batch_with_custom_metadata)
            except StopIteration:
                break
            _write(writer, rows, batch, custom)
    return f"arrow stream ({compression})" if compression else "arrow stream"


def _with_metadata(read: Callable[[], Any]) -> tuple[pa.RecordBatch, Any]:
    """A batch that is safe to read, and the metadata that belongs to it alone."""
    found = read()
    sound(found.batch)
    return found.batch, found.custom_metadata


def _write(writer: Any, rows: _Rows, batch: pa.RecordBatch, custom: Any) -> None:
    kept = rows.of(batch)
    if kept.num_rows or not batch.num_rows:
        writer.write_batch(kept, custom_metadata=custom)


def body_compression(handle: Any, behind: int) -> str | None:
    """The codec of an Arrow file's or stream's first batch ("lz4", "zstd"), None where it is not compressed.

    Arrow reads it and does not tell: it stands in the batch's header, a flatbuffer (Message.fbs of the Arrow format).

    Args:
        handle: the open file.
        behind: bytes before the first message.
    """
    handle.seek(behind)
    for message in pa.ipc.MessageReader.open_stream(handle):
        if message.type in ("record batch", "dictionary"):
            data = message.metadata.to_pybytes()
            header = _table_field(data, struct.unpack_from("<I", data)[0], 2)
            if message.type == "dictionary" and header is not None:
                header = _table_field(data, _follow(data, header), 1)
            if header is None:
                return None
            compression = _table_field(data, _follow(data, header), 3)
            if compression is None:
                return None
            codec = _table_field(data, _follow(data, compression), 0)
            return "lz4" if codec is None or data[codec] == 0 else "zstd"
    return None


def _table_field(data: bytes, table: int, number: int) -> int | None:
    """Where a field of a flatbuffer's table is; None where it has its default."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    size = struct.unpack_from("<H", data, vtable)[0]
    place = 4 + 2 * number
    offset = struct.unpack_from("<H", data, vtable + place)[0] if place < size else 0
    return table + offset if offset else None


def _follow(data: bytes, place: int) -> int:
    return place + int(struct.unpack_from("<I", data, place)[0])
