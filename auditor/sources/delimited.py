"""CSV and TSV: rows are found first, so that blocks, row numbers and broken rows are ours; Arrow parses them."""

from __future__ import annotations

import codecs
import csv
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
from pyarrow import compute

from auditor.kernels import csv_rows
from auditor.sources import shapes
from auditor.sources.blocks import Columns, Draft, Piece, TextPieces
from auditor.sources.describe import no_text_field
from auditor.sources.long_record import PieceCutter
from auditor.sources.raw import read_full
from auditor.types import Skip

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from auditor.sources.options import ReadOptions
    from auditor.sources.raw import ByteStream, Peekable

HEADER_BYTES = 1 << 20
"""A header is in the first MiB, or the file is no table."""
LONG_CHUNK = 1 << 20
BAD_BYTE = "\ufdd0\ufdd1"
"""Stands for a byte that is no UTF-8: two code points that Unicode keeps out of texts."""
_ESCAPED = re.compile("[\udc80-\udcff]")
DELIMITERS = (",", "\t", ";", "|")
"""Tried in this order where the header does not hold the delimiter that the file's name tells."""


def read_delimited(stream: Peekable, delimiter: str, options: ReadOptions, source: str) -> Iterator[Draft]:
    """Blocks of rows of the columns that may hold text; see `Columns` for rows that are skips.

    Raises SourceError at once, before the first block is asked for, where no column holds text.
    """
    header, delimiter, size = read_header(stream, delimiter)
    if not shapes.has_text(frozenset(header), options):
        raise no_text_field(source, header)
    stream.skip(size)
    return _Reader(stream, header, delimiter, options, source).drafts()


def read_header(stream: Peekable, delimiter: str) -> tuple[list[str], str, int]:
    """Names of the columns, each once; the delimiter; and the bytes that the header takes."""
    head = stream.peek(HEADER_BYTES)
    state = csv_rows.new_state()
    csv_rows.find_rows(np.frombuffer(head, np.uint8), 0, ord(delimiter), 1, state)
    size = int(state[csv_rows.END]) if state[csv_rows.ROWS] else len(head)
    text = head[:size].decode("utf-8", "replace").strip("\r\n")
    if delimiter not in text:
        delimiter = next((other for other in DELIMITERS if other in text), delimiter)
    cells = next(csv.reader([text], delimiter=delimiter), [])
    names: list[str] = []
    for position, cell in enumerate(cells):
        name = cell.strip() or f"column_{position}"
        names.append(name if name not in names else f"{name}_{position}")
    return names, delimiter, size


class _Reader:
    """Reads one table."""

    def __init__(
        self, stream: ByteStream, header: list[str], delimiter: str, options: ReadOptions, source: str
    ) -> None:
        self._stream = stream
        self._header = header
        self._delimiter = delimiter
        self._options = options
        self._source = source
        self._wanted = [name for name in header if shapes.is_text_path((name,), options, prefix=True)]
        self._row = 0

    def drafts(self) -> Iterator[Draft]:
        limit = self._options.max_record_bytes
        step = min(self._options.block_bytes, limit)
        tail = b""
        ended = False
        while not ended:
            buffer = bytearray(max(step, len(tail)))
            buffer[: len(tail)] = tail
            filled, lexed = len(tail), 0
            state = csv_rows.new_state()
            while True:
                wanted = len(buffer) - filled
                count = read_full(self._stream, memoryview(buffer)[filled:])
                ended = count < wanted
                filled += count
                data = np.frombuffer(buffer, np.uint8, count=filled)
                csv_rows.find_rows(data, lexed, ord(self._delimiter), 0, state)
                del data  # a bytearray with a view on it cannot grow
                lexed = filled
                if state[csv_rows.END] or ended or filled >= limit:
                    break
                buffer.extend(bytes(min(len(buffer), limit - len(buffer))))
            cut = int(state[csv_rows.END])
            if not cut and filled >= limit:
                rest = yield from self._long_row(bytes(memoryview(buffer)[:filled]))
                ended = rest is None
                tail = rest or b""
                continue
            rows = int(state[csv_rows.ROWS])
            skips: list[Skip] = []
            if ended and state[csv_rows.HAS_CONTENT]:
                cut, rows = filled, rows + 1
                if state[csv_rows.LEXER] == csv_rows.QUOTED:
                    detail = "a quote that is never closed: the rest of the file was read as one cell"
                    skips.append(Skip(self._source, "unterminated_quote", self._row + rows - 1, detail))
            if rows:
                yield self._parse(buffer, cut, skips)
            tail = b"" if ended else bytes(memoryview(buffer)[cut:filled])

    def _parse(self, buffer: bytearray, size: int, skips: list[Skip]) -> Draft:
        """The rows in the front of a buffer; broken ones become nulls and skips."""
        data = pa.py_buffer(buffer).slice(0, size)
        if not _is_utf8(data):
            # marked before Arrow reads them: it cannot hand over a malformed row that is no UTF-8 either
            text = bytes(data).decode("utf-8", "surrogateescape")
            data = pa.py_buffer(_ESCAPED.sub(BAD_BYTE, text).encode())
        table, malformed = self._read_csv(data)
        broken = list(malformed)
        skips += [Skip(self._source, "malformed_row", self._row + row, text) for row, text in malformed.items()]
        rows = table.num_rows + len(broken)
        places: np.ndarray[Any, np.dtype[np.int64]] = np.setdiff1d(np.arange(rows), broken, assume_unique=True)
        bad = set(broken)
        columns = [table.column(name).combine_chunks().cast(pa.string()) for name in self._wanted]
        for column in columns:
            marked = compute.match_substring(column, BAD_BYTE).to_numpy(zero_copy_only=False)
            bad.update(places[marked].tolist())
        skips += [Skip(self._source, "invalid_utf8", self._row + row) for row in sorted(bad.difference(broken))]
        batch = pa.RecordBatch.from_arrays(columns, names=self._wanted)
        if bad:
            batch = _with_nulls(batch, places, bad, rows)
        draft = Draft(Columns(batch), self._row, rows, tuple(skips))
        self._row += rows
        return draft

    def _read_csv(self, data: pa.Buffer) -> tuple[pa.Table, dict[int, str]]:
        """The wanted columns as binary, without the rows that are malformed; and those, with what is wrong."""
        malformed: dict[int, str] = {}

        def note(row: pc.InvalidRow) -> str:
            malformed[row.number - 1] = f"{row.actual_columns} cells under a header of {row.expected_columns}"
            return "skip"

        table = pc.read_csv(
            pa.BufferReader(data),
            read_options=pc.ReadOptions(use_threads=False, column_names=self._header, block_size=data.size + 1),
            parse_options=pc.ParseOptions(delimiter=self._delimiter, newlines_in_values=True, invalid_row_handler=note),
            convert_options=pc.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(self._header, pa.binary()),
                include_columns=self._wanted,
                strings_can_be_null=False,
            ),
        )
        return table, malformed

    def _long_row(self, start: bytes) -> Generator[Draft, None, bytes | None]:
        """Read a row that is too long to hold; what follows it in the bytes read so far, None at the end."""
        reader = _LongRow(self._row, self._header, self._delimiter, self._options, self._source)
        size = min(LONG_CHUNK, self._options.max_record_bytes)
        chunk, ended = start, False
        while True:
            end = reader.feed(chunk)
            if end >= 0 or ended:
                break
            yield from reader.blocks(last=False)
            buffer = bytearray(size)
            count = read_full(self._stream, memoryview(buffer))
            ended = count < size
            chunk = bytes(memoryview(buffer)[:count])
        reader.finish()
        yield from reader.blocks(last=True)
        self._row += 1
        return chunk[end:] if end >= 0 else None


def _is_utf8(data: pa.Buffer) -> bool:
    """Whether bytes are UTF-8: as one string of Arrow's, which checks at memory speed."""
    offsets = pa.py_buffer(np.array([0, data.size], np.int64))
    try:
        pa.LargeStringArray.from_buffers(1, offsets, data).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _with_nulls(batch: pa.RecordBatch, places: Any, bad: set[int], rows: int) -> pa.RecordBatch:
    """The batch at its rows' own numbers, null at the rows that are skips."""
    indices = np.zeros(rows, np.int64)
    indices[places] = np.arange(len(places))
    mask = np.zeros(rows, bool)
    mask[list(bad)] = True
    return batch.take(pa.array(indices, mask=mask))


class _LongRow:
    """Walks a row that is too long to hold, cell by cell, in chunks."""

    def __init__(self, row: int, header: list[str], delimiter: str, options: ReadOptions, source: str) -> None:
        self._row = row
        self._header = header
        self._options = options
        self._source = source
        self._delimiter = delimiter.encode()
        self._unquoted = re.compile(b"[^\r\n" + re.escape(self._delimiter) + b"]*+")
        self._lexer = csv_rows.CELL_START
        self._cell = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._cutter: PieceCutter | None = None
        self._pieces: list[Piece] = []
        self._skips: list[Skip] = []
        self._replaced = False
        self._rows = 1
        self._begin_cell()

    def feed(self, data: bytes) -> int:
        """Walk the next bytes; the position behind the row's end, -1 where it goes on."""
        position = 0
        while position < len(data):
            mark = data[position : position + 1]
            if self._lexer == csv_rows.QUOTED:
                end = data.find(b'"', position)
                self._add(data[position : end if end >= 0 else len(data)])
                position = end + 1 if end >= 0 else len(data)
                self._lexer = csv_rows.QUOTE_SEEN if end >= 0 else csv_rows.QUOTED
            elif mark == b'"' and self._lexer in (csv_rows.CELL_START, csv_rows.QUOTE_SEEN):
                if self._lexer == csv_rows.QUOTE_SEEN:
                    self._add(b'"')
                self._lexer = csv_rows.QUOTED
                position += 1
            elif mark in b"\r\n":
                return position + 1
            elif mark == self._delimiter:
                self._end_cell()
                self._cell += 1
                self._begin_cell()
                position += 1
            else:
                end = self._unquoted.match(data, position).end()  # type: ignore[union-attr]  # it matches nothing, too
                self._add(data[position:end])
                self._lexer = csv_rows.UNQUOTED
                position = end
        return -1

    def finish(self) -> None:
        """End the last cell, and note what is wrong with the row."""
        self._end_cell()
        if self._lexer == csv_rows.QUOTED:
            detail = "a quote that is never closed: the rest of the file was read as one cell"
            self._skips.append(Skip(self._source, "unterminated_quote", self._row, detail))
        elif self._cell + 1 != len(self._header):
            detail = f"{self._cell + 1} cells under a header of {len(self._header)}"
            self._skips.append(Skip(self._source, "malformed_row", self._row, detail))
        elif self._replaced:
            detail = "scanned with U+FFFD in the place of bad bytes"
            self._skips.append(Skip(self._source, "invalid_utf8", self._row, detail))

    def blocks(self, *, last: bool) -> Iterator[Draft]:
        """The pieces so far."""
        if self._pieces or last:
            skips = tuple(self._skips) if last else ()
            yield Draft(TextPieces(tuple(self._pieces)), self._row + 1 - self._rows, self._rows, skips)
            self._pieces, self._rows = [], 0

    def _begin_cell(self) -> None:
        self._lexer = csv_rows.CELL_START
        self._decoder.reset()
        name = self._header[self._cell] if self._cell < len(self._header) else ""
        if name and shapes.is_text_path((name,), self._options, prefix=True):
            self._cutter = PieceCutter(self._row, name, shapes.implied_role((name,)), self._options)

    def _add(self, raw: bytes, final: bool = False) -> None:
        if self._cutter is not None:
            text = self._decoder.decode(raw, final)
            self._replaced = self._replaced or "\ufffd" in text
            self._pieces += self._cutter.add(text)

    def _end_cell(self) -> None:
        if self._cutter is not None:
            self._add(b"", final=True)
            self._pieces += self._cutter.end()
            self._cutter = None
