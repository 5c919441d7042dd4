"""What a source is read into: blocks of records, in order, each small enough to hold in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import pyarrow as pa

    from auditor.types import Skip


@dataclass(frozen=True, slots=True)
class JsonLines:
    """Whole lines of JSONL as raw bytes, neither parsed nor validated."""

    data: np.ndarray[Any, np.dtype[np.uint8]]
    """Shape (bytes,). Every line ends with a line feed; one is added where the last line of a file has none."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows of a table. A row that a skip of the same block names is null in every column: row numbers stay right."""

    batch: pa.RecordBatch


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the text of one field, with its place in it."""

    row: int
    """0-based number of the record; in plain text, of the line that the piece begins in."""
    field: str
    """Name of the text field, with list positions: `messages[1].content`."""
    role: str
    """Role of the message that the text is in, normalised; empty where there is none."""
    char_start: int
    """Offset in characters of this piece in the field's text; in plain text, in the line `row`."""
    text: str


@dataclass(frozen=True, slots=True)
class TextPieces:
    """Overlapping pieces of text too long for one block, or of plain text files."""

    pieces: tuple[Piece, ...]
    by_line: bool = False
    """Whether a record is a line of the text (plain text files), and not the whole text."""


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive records of one source. It owns its memory; nobody writes to it after it was handed out."""

    source: str
    """The source as the user named it, without credentials: what matches report."""
    index: int
    """0-based position in the source; in Parquet, parts of which are read by themselves, the number of the first
    record."""
    first_row: int
    """0-based number of the first record in it."""
    rows: int
    """Records it holds, blank lines included; the later pieces of a long record hold 0."""
    payload: JsonLines | Columns | TextPieces
    skips: tuple[Skip, ...] = ()
    """What was lost while this block was made."""
    bytes_read: int = 0
    """Bytes of the file as stored that were consumed for this block."""
    cut: bool = False
    """Whether the source had failed when this was made: on another day, more may be in it."""

    @property
    def says_why_it_ended(self) -> bool:
        """Whether it holds what was lost of the source itself: of this reading of it, whatever an earlier one found."""
        return any(skip.row is None for skip in self.skips)


@dataclass(frozen=True, slots=True)
class Draft:
    """A block as a format's reader makes it; `auditor.sources.stream` adds what is the same for all formats."""

    payload: JsonLines | Columns | TextPieces
    first_row: int
    rows: int
    skips: tuple[Skip, ...] = ()
    index: int | None = None
    """Where it is not the position (see `Block.index`)."""


class BlockStream(Protocol):
    """The blocks of one source, once, in order. Their boundaries depend on the bytes and the options alone."""

    def __iter__(self) -> Iterator[Block]: ...

    def __next__(self) -> Block: ...

    def close(self) -> None:
        """Close the file; may be called more than once."""
        ...

    def digest(self) -> str:
        """Hexadecimal xxh3_128 of the source's bytes as stored, to be asked for after the last block."""
        ...
