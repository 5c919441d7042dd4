"""Units of work for engines whose workers read for themselves: whole sources, and parts of one large file.

A worker is told what to read, and sends back what it found: no record travels. What it makes of a unit is what the
`local` engine makes of the same blocks, with the same numbers, wherever the unit was cut:

- small sources are put together, and read from end to end;
- a large file of uncompressed JSON lines is planned first, in one pass over its bytes (`auditor.engines.planning`). Its
  hash needs that pass anyway; the same pass says where each block begins, in bytes and in rows. The stretches between
  are read by others;
- a large Parquet file is cut by its row groups, whose places its footer tells (`auditor.engines.row_groups`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.scanner import BlockResult
    from auditor.sources import ReadOptions, Source
    from auditor.sources.blocks import Block
    from auditor.types import Skip

FEWEST_BLOCKS = 4
"""Blocks' worth of bytes in a unit at the least: with less than some tenths of a second of work, handing it out costs
more than it brings."""
LARGEST_UNIT = 256 << 20
"""Bytes of a unit at the most: some three seconds of work, which is what a lost worker loses."""
UNITS_A_WORKER = 8
"""Units that each worker gets at the least where there is enough to do: the last ones end close together."""
MOST_SOURCES = 1000
"""Sources of a unit, however small they are."""


@dataclass(frozen=True, slots=True)
class Whole:
    """Sources that one worker reads from end to end, one after another."""

    number: int
    sources: tuple[Source, ...]
    done: frozenset[tuple[str, int]] = frozenset()
    """(source, block) whose results are known from an interrupted run."""


@dataclass(frozen=True, slots=True)
class Large:
    """One source that is worth cutting, if it can be: `plan` says."""

    number: int
    source: Source
    stretch_bytes: int
    done: frozenset[tuple[str, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive blocks of a file of JSON lines."""

    number: int
    part: int
    source: Source
    start: int
    """First byte; `end` is the one behind the last."""
    end: int
    first_index: int
    first_row: int
    bytes_read: tuple[int, ...]
    """Of each block, as the whole file's reader counts them."""
    rows: int
    fingerprint: str
    """xxh3_64 of the records, to know that they are still the same when they are read again."""
    done: frozenset[tuple[str, int]] = frozenset()
    closing: Block | None = None
    """What was said at the end of the file, without records."""
    intact: int = 0
    """Blocks, the first ones, that were made before the file failed: the others are cut (see `Block.cut`)."""


@dataclass(frozen=True, slots=True)
class RowGroups:
    """Consecutive runs of row groups of a Parquet file (`auditor.sources.parquet.Run`), [first_run, last_run)."""

    number: int
    part: int
    source: Source
    first_run: int
    last_run: int
    first_row: int
    fingerprint: str
    """What shows that the file is still the same (`auditor.sources.parquet.ParquetRows.fingerprint`)."""
    done: frozenset[tuple[str, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Ending:
    """A planned file came to its end."""

    number: int
    source: Source
    digest: str
    parts: int
    skip: Skip | None = None


@dataclass(frozen=True, slots=True)
class SourceEnd:
    """A source came to its end, or could not be read."""

    source: Source
    digest: str
    skip: Skip | None
    missing_on: str = ""
    """The machine that has no such local file."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What a worker sends back."""

    unit: tuple[int, int]
    """Number of the unit, and the part of it; -1 where it has no parts."""
    position: int
    """0-based place among the chunks of its unit."""
    results: tuple[BlockResult, ...] = ()
    ends: tuple[SourceEnd, ...] = ()
    """Sources whose blocks are all in this chunk or in those before it."""
    is_last: bool = False
    parts: int | None = None
    """Of the unit, said once, when the end of a planned file is reached."""


def divide(
    sources: Sequence[Source], done: frozenset[tuple[str, int]], workers: int, options: ReadOptions
) -> list[Whole | Large]:
    """Units for some `workers`, the largest sources first: what they are has no part in what is found."""
    total = sum(source.size or 0 for source in sources)
    target = min(max(total // (workers * UNITS_A_WORKER), FEWEST_BLOCKS * options.block_bytes), LARGEST_UNIT)
    # a file is cut only where one worker with it would keep the others waiting: planning it reads it twice
    large = max(2 * target, total // (2 * workers))
    units: list[Whole | Large] = []
    group: list[Source] = []
    size = 0

    def close() -> None:
        nonlocal group, size
        if group:
            units.append(Whole(len(units), tuple(group), _of(done, group)))
        group, size = [], 0

    for source in sorted(sources, key=lambda s: (-(s.size or 0), s.name)):
        if workers > 1 and (source.size or 0) > large:
            units.append(Large(len(units), source, target, _of(done, [source])))
            continue
        # of what is behind a URL the size may not be known: it counts as a unit of its own
        if group and (size + (source.size or target) > target or len(group) >= MOST_SOURCES):
            close()
        group.append(source)
        size += source.size or target
    close()
    return units


def _of(done: frozenset[tuple[str, int]], sources: Sequence[Source]) -> frozenset[tuple[str, int]]:
    if not done:
        return done
    names = {source.name for source in sources}
    return frozenset(key for key in done if key[0] in names)
