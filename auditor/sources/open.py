"""Open a source: find out what its bytes are, and hand them to the reader of that format.

What the first bytes say goes before what the name says: a Parquet file called .csv is read as Parquet, and a gzip file
needs no .gz.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import AuditorError, SourceError
from auditor.sources import remote
from auditor.sources.compression import Decompressed, codec_of
from auditor.sources.discover import known_extensions
from auditor.sources.json_elements import LINES, ElementLines, json_layout
from auditor.sources.lines import read_lines
from auditor.sources.plain_text import Transcoded, read_text
from auditor.sources.raw import Peekable, ReadFailedError, StoredBytes, cannot_read, describe, open_local
from auditor.sources.stream import SourceStream
from auditor.types import Skip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources import tables
    from auditor.sources.blocks import BlockStream, Draft
    from auditor.sources.discover import Source
    from auditor.sources.options import ReadOptions
    from auditor.sources.parquet import ParquetRows
    from auditor.sources.raw import ByteStream

HEAD_BYTES = 64 << 10
"""Bytes that are looked at to tell a format."""
TABLES = ("parquet", "arrow")
PARQUET_MAGIC = b"PAR1"
TABLE_MAGIC = (PARQUET_MAGIC, b"ARROW1")
HEAD_OF_TABLE = 8
UTF8_BOM = b"\xef\xbb\xbf"
WIDE_BOMS = {b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
REFUSED = {
    b"BZh": "bzip2: decompress it first (bunzip2)",
    b"\xfd7zXZ\0": "xz: decompress it first (unxz)",
    b"PK\x03\x04": "a zip archive: unpack it first (unzip)",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it first",
    b"version https://git-lfs": "a Git LFS pointer and not the file: run git lfs pull",
    b"FEA1": "Feather version 1: write it again as Feather 2 or Parquet",
    b"\x89HDF\r\n": "HDF5: convert it to Parquet or JSONL",
    b"SQLite format 3\0": "an SQLite database: export its table as CSV",
    b"%PDF-": "a PDF: extract its text first",
    b"\x89AUDSKT": "a sketch of a training set and not one: scan sketches by themselves",
}
"""First bytes of what is not read, and what to do about it."""
BINARY_SHARE = 0.1
"""Share of control characters and broken UTF-8 in the head above which it is no text. Random bytes have over 0.5; one
bad byte in a line of text stays far below."""
TEXT_CONTROLS = "\t\n\r\f\v\b\x1b"


def open_source(source: Source, options: ReadOptions) -> BlockStream:
    """The blocks of a source.

    Raises:
        SourceError: it cannot be opened, is in no format that is read, or its columns hold no text. That a file of JSON
            lines holds none shows only when its records are looked at: see `auditor.sources.describe`.
        MissingExtraError: a URL whose file system is not installed.
    """
    if source.is_remote and source.format in TABLES:
        # not by its first bytes as other files: to read ahead costs megabytes that are not asked for
        table, head = _look_at_table(source)
        if head.startswith(TABLE_MAGIC):
            return _read_table(source, table, head, options)
        table.close()
    stored = open_stored(source)
    try:
        return _open(source, stored, options)
    except BaseException:
        stored.close()
        raise


def _open(source: Source, stored: StoredBytes, options: ReadOptions) -> BlockStream:
    top = Peekable(stored)
    head = top.peek(HEAD_BYTES)
    if not head:
        if stored.failure is not None:
            raise cannot_read(source.name, stored.failure.reason, stored.failure.detail)
        return SourceStream(source.name, stored, iter(()), top)
    for magic, what in REFUSED.items():
        if head.startswith(magic):
            raise SourceError(f"{source.name} is {what}")
    if head.startswith(TABLE_MAGIC):
        return _open_table(source, stored, head, options)
    if head.startswith(b"\xff\xff\xff\xff"):
        from auditor.sources.tables import read_arrow_stream

        return SourceStream(source.name, stored, read_arrow_stream(top, options, source.name), top)
    codec = codec_of(head)
    text = top if codec is None else Peekable(Decompressed(top, codec, options.max_expansion))
    inside = text.peek(HEAD_BYTES)
    if codec is not None and (inside.startswith((*TABLE_MAGIC, *REFUSED)) or codec_of(inside)):
        raise SourceError(f"{source.name} is no text inside its {codec.name}: decompress it first")
    drafts, ending = _text_drafts(source, text, options)
    return SourceStream(source.name, stored, drafts, ending)


def skip_of(source: str, error: AuditorError) -> Skip:
    """The skip that an error is when the other sources are read on."""
    return Skip(source, getattr(error, "reason", "unreadable"), detail=str(error))


def open_stored(source: Source) -> StoredBytes:
    """The bytes of a source as they are stored. Raises SourceError, MissingExtraError."""
    if source.is_remote:
        remote_file = remote.open_url(source.location, source.version)
        return StoredBytes(remote_file, remote_file.size, changed=remote_file.changed)
    try:
        return open_local(source.location)
    except OSError as error:
        raise _cannot_open(source, error) from None


def _cannot_open(source: Source, error: OSError) -> SourceError:
    if isinstance(error, PermissionError):
        return SourceError(f"no permission to read {source.name}; change its permissions or leave it out")
    if isinstance(error, FileNotFoundError):
        return SourceError(f"no such file: {source.name}; it was there when the sources were listed")
    return SourceError(f"cannot open {source.name}: {describe(error)}")


def _open_table(source: Source, stored: StoredBytes, head: bytes, options: ReadOptions) -> BlockStream:
    """A file that is read at random places: it is opened again, and so is a pipe refused."""
    if source.size is None and not source.is_remote:
        raise SourceError(f"{source.name} is Parquet or Arrow through a pipe; name the file itself")
    stored.close()
    return _read_table(source, open_table_file(source), head, options)


def _read_table(source: Source, table: tables.TableFile, head: bytes, options: ReadOptions) -> BlockStream:
    from auditor.sources.parquet import read_parquet
    from auditor.sources.tables import read_arrow_file

    read = read_parquet if head.startswith(PARQUET_MAGIC) else read_arrow_file
    try:
        return SourceStream(source.name, table, read(table, options, source.name), None)
    except BaseException:
        table.close()
        raise


def _look_at_table(source: Source) -> tuple[tables.TableFile, bytes]:
    """A file that may be a table, and its first bytes. Raises SourceError, MissingExtraError."""
    table = open_table_file(source)
    try:
        return table, table.head(HEAD_OF_TABLE)
    except ReadFailedError as error:
        table.close()
        raise cannot_read(source.name, error.reason, describe(error)) from None
    except OSError as error:
        table.close()
        raise cannot_read(source.name, "read_error", describe(error)) from None


def open_parquet(source: Source, options: ReadOptions) -> tuple[tables.TableFile, ParquetRows] | None:
    """A Parquet file of which parts may be read, as `open_source` opens it; None for any other file, and for one behind
    a URL whose name does not tell.

    Raises SourceError, MissingExtraError.
    """
    if source.is_remote and source.format not in TABLES:
        return None
    table, head = _look_at_table(source)
    try:
        if head.startswith(PARQUET_MAGIC):
            from auditor.sources.parquet import ParquetRows

            return table, ParquetRows(table, options, source.name)
    except BaseException:
        table.close()
        raise
    table.close()
    return None


def open_table_file(source: Source) -> tables.TableFile:
    """A Parquet or Arrow file, to be read at random places. Raises SourceError, MissingExtraError."""
    from auditor.sources.tables import TableFile

    def again() -> StoredBytes:
        return open_stored(source)

    if source.is_remote:
        file = remote.open_url(source.location, source.version, at_random=True)
        return TableFile(file, again, source.size, file.changed, f"{file.size} bytes, {file.version}")
    try:
        return TableFile(open(source.location, "rb", buffering=0), again, source.size)  # noqa: PTH123 - it closes it
    except OSError as error:
        raise _cannot_open(source, error) from None


def _text_drafts(source: Source, stream: Peekable, options: ReadOptions) -> tuple[Iterator[Draft], ByteStream]:
    """The blocks of a text format, and the stream whose failure ends them."""
    stream = _as_utf8(source, stream, options)
    head = stream.peek(HEAD_BYTES)
    if not head:
        return iter(()), stream
    name, layout = text_format(source, head, options)
    if name in ("csv", "tsv"):
        from auditor.sources.delimited import read_delimited

        return read_delimited(stream, delimiter_of(name), options, source.name), stream
    if name == "txt":
        return read_text(stream, options, source.name), stream
    lines: ByteStream = stream if layout == LINES else ElementLines(stream, layout)
    return read_lines(lines, options, source.name), lines


def text_format(source: Source, head: bytes, options: ReadOptions) -> tuple[str, int]:
    """The format of text that begins with `head` (in UTF-8, no mark before it), and for JSON its layout: `LINES`, or a
    mode of `auditor.kernels.json_array`. Raises SourceError for what is no text, or none that is read."""
    name = options.format or source.format
    if name in ("parquet", "arrow"):
        raise SourceError(f"{source.name} is no {name} file: its first bytes are {head[:8]!r}; is it whole?")
    if _is_binary(head):
        raise SourceError(
            f"{source.name} is binary, or text that is not UTF-8; name the encoding (--encoding) or leave the file out"
        )
    if name is None:
        if head.lstrip()[:1] not in (b"{", b"["):
            raise SourceError(f"cannot tell the format of {source.name}; give it an extension: {known_extensions()}")
        name = "json"
    return name, LINES if options.format == "jsonl" or name in ("csv", "tsv", "txt") else json_layout(head)


def delimiter_of(name: str) -> str:
    """The delimiter that a format's name tells; the header may tell another."""
    return "," if name == "csv" else "\t"


def _as_utf8(source: Source, stream: Peekable, options: ReadOptions) -> Peekable:
    """The text as UTF-8 without a byte order mark. Raises SourceError for UTF-16 that nobody announced."""
    head = stream.peek(HEAD_BYTES)
    if options.encoding.lower().replace("_", "-") not in ("utf-8", "utf8"):
        stream = Peekable(Transcoded(stream, options.encoding))
        head = stream.peek(HEAD_BYTES)
    else:
        wide = next((name for mark, name in WIDE_BOMS.items() if head.startswith(mark)), None) or _wide_without_mark(
            head
        )
        if wide:
            raise SourceError(
                f"{source.name} is {wide.upper()}; read it with --encoding {wide}, "
                f"or convert it: iconv -f {wide} -t utf-8"
            )
    if head.startswith(UTF8_BOM):
        stream.skip(len(UTF8_BOM))
    return stream


def _wide_without_mark(head: bytes) -> str | None:
    """UTF-16 without a mark: of ASCII text, every other byte is zero."""
    sample = head[:1024]
    for offset, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros, others = sample[offset::2], sample[1 - offset :: 2]
        if len(sample) >= 8 and zeros.count(0) > 0.9 * len(zeros) and not others.count(0):
            return name
    return None


def _is_binary(head: bytes) -> bool:
    text = head.decode("utf-8", "replace")
    odd = sum(1 for char in text if char == "\ufffd" or (char < " " and char not in TEXT_CONTROLS))
    return odd > BINARY_SHARE * len(text)
