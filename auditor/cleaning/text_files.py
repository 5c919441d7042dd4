"""A text source written again, in its own format, layout, compression and encoding, without what goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.cleaning.changes import JsonChanges, LineChanges, RowChanges
from auditor.cleaning.csv_row import RowFormat
from auditor.cleaning.cutters import ElementCutter, LineCutter, RowCutter, ValueCutter
from auditor.cleaning.rewrite import Rewriter
from auditor.cleaning.streams import CHUNK, Compressor, Decoded, Encoder, exact_encoding
from auditor.errors import InputError
from auditor.kernels import json_array
from auditor.sources.compression import Decompressed, codec_of
from auditor.sources.delimited import read_header
from auditor.sources.json_elements import LINES
from auditor.sources.open import HEAD_BYTES, UTF8_BOM, delimiter_of, open_stored, text_format
from auditor.sources.raw import Peekable, read_full

if TYPE_CHECKING:
    from auditor.cleaning.changes import Changes, RecordChanges
    from auditor.cleaning.cutters import Cutter
    from auditor.cleaning.streams import OutputFile
    from auditor.sources import ReadOptions, Source
    from auditor.sources.raw import ByteStream

TABLES = (b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")


@dataclass(frozen=True, slots=True)
class Written:
    """How a source was written."""

    rows: int
    """Records that were read, empty lines of JSONL included."""
    passed: int
    """Those that were written as they were read."""
    digest: str
    """xxh3_128 of the source's bytes that were read for it."""
    format: str


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the records of a text file stand in it."""

    name: str
    prefix: int
    """Bytes before the first record: a header, an array's bracket."""
    cutter: Cutter
    changes: RecordChanges


def rewrite_text(source: Source, file: OutputFile, changes: Changes, reading: ReadOptions) -> Written:
    """Write a source to `file` without the records that go; the file is finished when this returns.

    Raises:
        InputError: the source cannot be read to its end, or not be written back as it was.
        OutputError: the file cannot be written.
    """
    stored = open_stored(source)
    try:
        top = Peekable(stored)
        head = top.peek(HEAD_BYTES)
        codec = codec_of(head)
        stream = top if codec is None else Peekable(Decompressed(top, codec, reading.max_expansion))
        compressor = Compressor(file, codec.name if codec else None, head)
        sink: Compressor | Encoder = compressor
        decoded = None
        if reading.encoding.lower().replace("_", "-") not in ("utf-8", "utf8"):
            encoding = exact_encoding(reading.encoding, stream.peek(4))
            decoded = Decoded(stream, encoding, source.name)
            stream, sink = Peekable(decoded), Encoder(compressor, encoding)
        if stream.peek(len(UTF8_BOM)) == UTF8_BOM:
            _pass(stream, sink, len(UTF8_BOM))
        layout = _layout(source, stream, changes, reading)
        _pass(stream, sink, layout.prefix)
        rewriter = Rewriter(sink, layout.cutter, layout.changes, reading.max_record_bytes)
        buffer = bytearray(CHUNK)
        while count := read_full(stream, memoryview(buffer)):
            rewriter.feed(memoryview(buffer)[:count])
        rewriter.finish()
        _refuse_failure(source, stream)
        if decoded is not None:
            decoded.check()
        sink.finish()
        compression = f" in {codec.name}" if codec else ""
        return Written(rewriter.rows, rewriter.passed, stored.digest(), layout.name + compression)
    finally:
        stored.close()


def _pass(stream: Peekable, sink: Compressor | Encoder, count: int) -> None:
    sink.write(stream.peek(count)[:count])
    stream.skip(count)


def _refuse_failure(source: Source, stream: ByteStream) -> None:
    if stream.failure is not None:
        raise InputError(
            f"{source.name} could not be read to its end ({stream.failure.reason}: {stream.failure.detail}), so that "
            "nothing was written; make it whole and scan it again"
        )


def _layout(source: Source, stream: Peekable, changes: Changes, reading: ReadOptions) -> _Layout:
    head = stream.peek(HEAD_BYTES)
    name, layout = text_format(source, head, reading)
    if name in ("csv", "tsv"):
        header, delimiter, size = read_header(stream, delimiter_of(name))
        line_end = stream.peek(size + 1)[size - 1 : size + 1]
        size += line_end == b"\r\n"
        return _Layout(name, size, RowCutter(delimiter), RowChanges(changes, RowFormat(header, delimiter)))
    if name == "txt":
        return _Layout(name, 0, LineCutter(blank_counts=True), LineChanges(changes))
    if layout == LINES:
        return _Layout("jsonl", 0, LineCutter(blank_counts=False), JsonChanges(changes))
    if layout == json_array.ARRAY:
        return _Layout("json array", head.index(b"[") + 1, ElementCutter(), JsonChanges(changes))
    return _Layout("json values", 0, ValueCutter(), JsonChanges(changes))
