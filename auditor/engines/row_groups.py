"""Cut a large Parquet file by its row groups, and read a part of it: only its footer is looked at to know them.

What each part gives does not depend on the others (see `auditor.sources.parquet`), so nothing has to be read twice but
the footer, and the file once more for its hash, as by whoever reads it whole.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from auditor.engines.units import Ending, RowGroups
from auditor.errors import AuditorError, SourceError
from auditor.sources import skip_of
from auditor.sources.blocks import Block
from auditor.sources.open import open_parquet
from auditor.sources.stream import SourceStream, no_lines
from auditor.types import Skip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.engines.units import Large
    from auditor.sources import ReadOptions
    from auditor.sources.parquet import ParquetRows
    from auditor.sources.tables import TableFile


def plan_row_groups(unit: Large, file: TableFile, rows: ParquetRows) -> Iterator[RowGroups | Ending]:
    """The parts of a Parquet file, all at once, and its end when it is hashed; closes the file."""
    parts = first = size = 0
    try:
        fingerprint = rows.fingerprint()
        for last, run in enumerate(rows.runs, start=1):
            size += run.size
            if size >= unit.stretch_bytes or last == len(rows.runs):
                start = rows.runs[first].first_row
                done = frozenset(key for key in unit.done if start <= key[1] < run.end)
                yield RowGroups(unit.number, parts, unit.source, first, last, start, fingerprint, done)
                parts, first, size = parts + 1, last, 0
        yield Ending(unit.number, unit.source, file.digest(), parts)
    except AuditorError as error:
        yield Ending(unit.number, unit.source, "", parts, skip_of(unit.source.name, error))
    finally:
        file.close()


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
        # the footer was read for the first block of the file
        counted = file.consumed if unit.first_run else 0
        drafts = rows.drafts(unit.first_run, unit.last_run)
        yield from SourceStream(unit.source.name, file, drafts, None, counted=counted)
    finally:
        file.close()


def _is_there(unit: RowGroups) -> bool:
    return unit.source.is_remote or os.access(unit.source.location, os.R_OK)


def _changed(unit: RowGroups) -> Block:
    detail = (
        f"from record {unit.first_row} on it was another file when it was read: its footer, its size or the time of "
        "its last change is not what it was when the file was planned"
    )
    skip = Skip(unit.source.name, "changed_while_reading", detail=detail)
    return Block(unit.source.name, unit.first_row, unit.first_row, 0, no_lines(), (skip,), cut=True)
