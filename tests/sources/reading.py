"""Reads a source to its end and shows what came out in a form that tests compare whole."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.sources import Columns, JsonLines, ReadOptions, TextPieces, discover, open_source
from auditor.sources.columns import record_at

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from auditor.sources import Block, Piece
    from auditor.types import Skip

SMALL = ReadOptions(block_bytes=256, max_record_bytes=1024, piece_chars=64, piece_overlap=16)
"""Options under which a test's small file is many blocks."""


@dataclass
class Reading:
    """All that a source gave."""

    blocks: list[Block]
    digest: str
    lines: dict[int, bytes] = field(default_factory=dict)
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    pieces: list[Piece] = field(default_factory=list)

    @property
    def skips(self) -> list[Skip]:
        return [skip for block in self.blocks for skip in block.skips]

    @property
    def reasons(self) -> list[tuple[str, int | None]]:
        return [(skip.reason, skip.row) for skip in self.skips]

    @property
    def records(self) -> list[Any]:
        return [json.loads(line) for line in self.lines.values() if line.strip()]

    def texts(self) -> dict[tuple[int, str], str]:
        """Pieces put together again, by row and field; checks that they overlap as they say."""
        texts: dict[tuple[int, str], str] = {}
        for piece in self.pieces:
            before = texts.get((piece.row, piece.field), "")
            assert piece.char_start <= len(before)
            overlap = before[piece.char_start :]
            assert piece.text.startswith(overlap)
            texts[piece.row, piece.field] = before[: piece.char_start] + piece.text
        return texts


def read(path: Path | str, options: ReadOptions | None = None) -> Reading:
    """Read the only source that a path stands for."""
    options = options or ReadOptions()
    (source,), skips = discover([path], options)
    assert skips == []
    stream = open_source(source, options)
    blocks = list(stream)
    digest = stream.digest()
    stream.close()
    return gather(blocks, digest)


def gather(blocks: Iterable[Block], digest: str = "") -> Reading:
    """Put blocks in order, and check what holds for all of them: numbers go on from block to block."""
    reading = Reading(list(blocks), digest)
    row, lost = 0, False
    by_row = any(block.index != number for number, block in enumerate(reading.blocks))
    for number, block in enumerate(reading.blocks):
        assert block.index == (block.first_row if by_row else number)
        if block.rows:
            # a broken row group is lost with its records, and those after it keep their numbers
            assert block.first_row == row or (block.first_row > row and lost)
            row = block.first_row
        row += block.rows
        lost = any(skip.reason == "corrupt_parquet" for skip in block.skips)
        match block.payload:
            case JsonLines(data):
                content = bytes(data)
                assert content.endswith(b"\n") or not content
                lines = content.split(b"\n")[:-1]
                assert len(lines) == block.rows
                reading.lines.update(enumerate(lines, block.first_row))
            case Columns(batch):
                assert batch.num_rows == block.rows
                reading.rows.update({block.first_row + n: record_at(batch, n) for n in range(batch.num_rows)})
            case TextPieces(pieces):
                reading.pieces += pieces
    return reading
