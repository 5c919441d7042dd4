"""Cut a large Parquet file by its row groups, and read parts of it: only its footer is looked at to know them.

What each part gives does not depend on the others (see `auditor.sources.parquet`), so nothing has to be read twice but
the footer, and the file once more for its hash, as by whoever reads it whole.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from auditor.engines.units import Ending, RowGroups
from auditor.errors import AuditorError, SourceError
from auditor.sources import open_source, skip_of
from auditor.sources.blocks import Block
from auditor.sources.open import open_parquet
from auditor.sources.raw import cannot_read
from auditor.sources.stream import SourceStream, no_lines
from auditor.types import Skip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.engines.units import Large
    from auditor.sources import BlockStream, ReadOptions, Source
    from auditor.sources.parquet import ParquetRows
    from auditor.sources.tables import TableFile

LEAST_BLOCKS = 4
"""Blocks' worth of bytes below which a file is not read side by side: one reader keeps three scanners busy."""
CHANGED = "changed_while_reading"
"""Reason of the skip of a file that is not the one that was planned."""


def plan_row_groups(unit: Large, file: TableFile, rows: ParquetRows) -> Iterator[RowGroups | Ending]:
    """The parts of a Parquet file, all at once, and its end when it is hashed; closes the file."""
    parts = 0
    try:
        fingerprint = rows.fingerprint()
        for first, last in _ranges(rows, unit.stretch_bytes):
            start, end = rows.runs[first].first_row, rows.runs[last - 1].end
            done = frozenset(key for key in unit.done if start <= key[1] < end)
            yield RowGroups(unit.number, parts, unit.source, first, last, start, fingerprint, done)
            parts += 1
        yield Ending(unit.number, unit.source, file.digest(), parts)
    except AuditorError as error:
        yield Ending(unit.number, unit.source, "", parts, skip_of(unit.source.name, error))
    finally:
        file.close()


def _ranges(rows: ParquetRows, size: int) -> Iterator[tuple[int, int]]:
    """All runs in ranges, [first, last), of so many bytes at the least, but for the last one."""
    first = gathered = 0
    for last, run in enumerate(rows.runs, start=1):
        gathered += run.size
        if gathered >= size or last == len(rows.runs):
            yield first, last
            first, gathered = last, 0


def open_parts(source: Source, options: ReadOptions, most: int) -> list[BlockStream]:
    """A source as streams that may be read side by side, at most so many: one, but for a large Parquet file.

    Raises SourceError, MissingExtraError as `open_source`.
    """
    if most < 2 or source.format != "parquet" or (source.size or 0) < LEAST_BLOCKS * options.block_bytes:
        return [open_source(source, options)]
    opened = open_parquet(source, options)
    if opened is None:
        return [open_source(source, options)]
    size = max(sum(run.size for run in opened[1].runs) // most + 1, LEAST_BLOCKS * options.block_bytes)
    ranges = list(_ranges(opened[1], size)) or [(0, 0)]
    streams: list[BlockStream] = []
    try:
        streams.append(_stream(source, *opened, *ranges[0]))
        for first, last in ranges[1:]:
            again = open_parquet(source, options)
            if again is None or again[1].fingerprint() != opened[1].fingerprint():
                raise cannot_read(source.name, CHANGED, "it was replaced by another file")
            streams.append(_stream(source, *again, first, last))
    except BaseException:
        for stream in streams:
            stream.close()
        raise
    return streams


def _stream(source: Source, file: TableFile, rows: ParquetRows, first: int, last: int) -> SourceStream:
    """The blocks of a range of runs; the footer was read for the first of them."""
    return SourceStream(source.name, file, rows.drafts(first, last), None, counted=file.consumed if first else 0)


def read_row_groups(unit: RowGroups, options: ReadOptions) -> Iterator[Block]:
    """The blocks of a part, numbered and counted as in the whole file; instead of them one that says so where the file
    is not the one that was planned.

    Raises SourceError, MissingExtraError where the source cannot be opened.
    """
    opened = None
    try:
        opened = open_parquet(unit.source, options)
    except SourceError as error:
        # it was a Parquet file when it was planned
        if error.reason != "unreadable" or not _is_there(unit):
            raise
    if opened is None:
        yield _changed(unit)
        return
    file, rows = opened
    try:
        if rows.fingerprint() != unit.fingerprint:
            yield _changed(unit)
            return
        yield from _stream(unit.source, file, rows, unit.first_run, unit.last_run)
    finally:
        file.close()


def _is_there(unit: RowGroups) -> bool:
    return unit.source.is_remote or os.access(unit.source.location, os.R_OK)


def _changed(unit: RowGroups) -> Block:
    detail = (
        f"from record {unit.first_row} on it was another file when it was read: its footer, its size or the time of "
        "its last change is not what it was when the file was planned"
    )
    skip = Skip(unit.source.name, CHANGED, detail=detail)
    return Block(unit.source.name, unit.first_row, unit.first_row, 0, no_lines(), (skip,), cut=True)
