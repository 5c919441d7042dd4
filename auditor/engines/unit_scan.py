"""Scan one unit of work: what a worker of a cluster does between being told what to read and sending what it found."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from auditor.engines.planning import read_stretch
from auditor.engines.row_groups import CHANGED, read_row_groups
from auditor.engines.units import Chunk, Ending, RowGroups, SourceEnd, Stretch
from auditor.errors import AuditorError
from auditor.sources import open_source, skip_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.engines.units import Whole
    from auditor.scanner import BlockResult, Scanner
    from auditor.sources import ReadOptions, Source
    from auditor.sources.blocks import Block
    from auditor.types import Skip

CHUNK_BLOCKS = 64
"""Blocks after which a worker sends what it has."""


def scan_unit(
    unit: Whole | Stretch | RowGroups | Ending, scanner: Scanner, options: ReadOptions, *, node: str
) -> Iterator[Chunk]:
    """What is found in a unit, in chunks. `node` names this machine."""
    if isinstance(unit, Ending):
        end = _end(unit.source, unit.digest, unit.skip, node)
        yield Chunk((unit.number, -1), 0, (), (end,), is_last=True, parts=unit.parts)
    elif isinstance(unit, Stretch | RowGroups):
        yield _scan_part(unit, scanner, options, node)
    else:
        yield from _scan_whole(unit, scanner, options, node)


def _scan_whole(unit: Whole, scanner: Scanner, options: ReadOptions, node: str) -> Iterator[Chunk]:
    position = 0
    results: list[BlockResult] = []
    ends: list[SourceEnd] = []
    blocks = 0
    for source in unit.sources:
        try:
            stream = open_source(source, options)
        except AuditorError as error:
            ends.append(_end(source, "", skip_of(source.name, error), node))
            continue
        try:
            for block in stream:
                blocks += 1
                if not _is_known(block, unit):
                    results.append(scanner(block))
                if not blocks % CHUNK_BLOCKS:
                    yield Chunk((unit.number, -1), position, tuple(results), tuple(ends))
                    position, results, ends = position + 1, [], []
            ends.append(_digest(source, stream, node))
        finally:
            stream.close()
    yield Chunk((unit.number, -1), position, tuple(results), tuple(ends), is_last=True)


def _digest(source: Source, stream: Any, node: str) -> SourceEnd:
    try:
        return SourceEnd(source, stream.digest(), None)
    except AuditorError as error:
        return _end(source, "", skip_of(source.name, error), node)


def _scan_part(unit: Stretch | RowGroups, scanner: Scanner, options: ReadOptions, node: str) -> Chunk:
    key = (unit.number, unit.part)
    results: list[BlockResult] = []
    if isinstance(unit, RowGroups) or not _all_known(unit):
        try:
            blocks = read_row_groups(unit, options) if isinstance(unit, RowGroups) else read_stretch(unit, options)
            results = [scanner(block) for block in blocks if not _is_known(block, unit)]
            if results and _may_be_others(results[-1], unit):
                # on another day, all are read again
                results = [replace(result, cut=True) for result in results]
        except AuditorError as error:
            end = _end(unit.source, "", skip_of(unit.source.name, error), node)
            return Chunk(key, 0, tuple(results), (end,), is_last=True)
    if isinstance(unit, Stretch) and unit.closing is not None:
        results.append(scanner(unit.closing))
    return Chunk(key, 0, tuple(results), is_last=True)


def _all_known(unit: Stretch) -> bool:
    return all((unit.source.name, unit.first_index + n) in unit.done for n in range(len(unit.bytes_read)))


def _may_be_others(last: BlockResult, unit: Stretch | RowGroups) -> bool:
    """Whether the blocks up to this one may be of other bytes than were planned. Row groups before a broken one are
    not."""
    return last.cut and (isinstance(unit, Stretch) or any(skip.reason == CHANGED for skip in last.skips))


def _is_known(block: Block, unit: Whole | Stretch | RowGroups) -> bool:
    """Whether an interrupted run found what is in a block."""
    return (block.source, block.index) in unit.done and not block.says_why_it_ended


def _end(source: Source, digest: str, skip: Skip | None, node: str) -> SourceEnd:
    missing = skip is not None and not source.is_remote and not os.path.exists(source.location)  # noqa: PTH110
    return SourceEnd(source, digest, skip, node if missing else "")
