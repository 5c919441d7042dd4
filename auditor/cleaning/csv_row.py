"""One row of CSV as cells with their places, so that one of them can be changed and the others kept byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell."""

    begin: int
    end: int
    """Places in the row's bytes."""
    is_quoted: bool
    value: bytes


@dataclass(frozen=True, slots=True)
class RowFormat:
    """How the rows of a file are written, and what their columns are called."""

    header: Sequence[str]
    delimiter: str

    def read(self, raw: bytes) -> dict[str, Any]:
        """The row as a record."""
        cells = cells_of(raw, self.delimiter.encode())
        return {name: cell.value.decode("utf-8", "replace") for name, cell in zip(self.header, cells, strict=False)}

    def write(self, raw: bytes, record: Mapping[str, Any]) -> bytes:
        """The row with the cells that differ from the record's written anew: quoted where they were, or have to be."""
        parts: list[bytes] = []
        position = 0
        for name, cell in zip(self.header, cells_of(raw, self.delimiter.encode()), strict=False):
            new = str(record[name])
            if new != cell.value.decode("utf-8", "replace"):
                parts += [raw[position : cell.begin], self._cell(new, cell.is_quoted)]
                position = cell.end
        return b"".join([*parts, raw[position:]])

    def _cell(self, text: str, is_quoted: bool) -> bytes:
        needs_quotes = text.startswith('"') or any(mark in text for mark in (self.delimiter, "\r", "\n"))
        if is_quoted or needs_quotes:
            text = '"' + text.replace('"', '""') + '"'
        return text.encode("utf-8")


def cells_of(raw: bytes, delimiter: bytes) -> list[Cell]:
    """The cells of a row, by the rules of `auditor.kernels.csv_rows`, without the line breaks around the row."""
    cells: list[Cell] = []
    position = len(raw) - len(raw.lstrip(b"\r\n"))
    while True:
        begin = position
        value = b""
        is_quoted = raw[position : position + 1] == b'"'
        if is_quoted:
            position += 1
            while True:
                close = raw.find(b'"', position)
                close = len(raw) if close < 0 else close
                value += raw[position:close]
                position = min(close + 1, len(raw))
                if raw[position : position + 1] != b'"':
                    break
                value += b'"'
                position += 1
        start = position
        while position < len(raw) and raw[position : position + 1] not in (delimiter, b"\r", b"\n"):
            position += 1
        value += raw[start:position]
        cells.append(Cell(begin, position, is_quoted, value))
        if raw[position : position + 1] != delimiter:
            return cells
        position += 1
