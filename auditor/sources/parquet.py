"""Parquet files: row groups in runs, each of which may be read by itself, and lost without the others.

What a run gives (its blocks, their numbers, the bytes that were read for them) does not depend on what was read before
it, so that a file may be read by several workers, and is one result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from auditor.sources.blocks import Draft
from auditor.sources.columns import has_text_columns, text_columns
from auditor.sources.describe import no_text_field
from auditor.sources.raw import ReadFailedError, describe
from auditor.sources.tables import BROKEN, BUFFER_BYTES, MAX_BATCH_ROWS, drafts_of, no_rows, sound, unreadable
from auditor.types import Skip

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from auditor.sources.options import ReadOptions
    from auditor.sources.tables import TableFile

CORRUPT = "corrupt_parquet"


@dataclass(frozen=True, slots=True)
class Run:
    """Row groups that are read together: as many as make a block, or one that makes more."""

    groups: tuple[int, ...]
    """Their numbers; those without rows are in no run."""
    first_row: int
    rows: int
    """As the footer has them."""
    size: int
    """Bytes of the columns that are read, decompressed, as the footer has them."""

    @property
    def end(self) -> int:
        """The row behind the last."""
        return self.first_row + self.rows


class ParquetRows:
    """A Parquet file whose footer was read, and some column of which holds text.

    Raises SourceError where it is none, or no column holds text.
    """

    def __init__(self, file: TableFile, options: ReadOptions, source: str) -> None:
        self._file, self._options, self._source = file, options, source
        try:
            self._parquet = pq.ParquetFile(file.handle, buffer_size=BUFFER_BYTES, pre_buffer=False)
            schema = self._parquet.schema_arrow
            if not has_text_columns(schema, options):
                raise no_text_field(source, schema.names)
            self._columns = text_columns(schema, options)
            self._groups = _groups(self._parquet.metadata, frozenset(self._columns))
            self.runs = _runs(self._groups, options.block_bytes)
        except BROKEN as error:
            raise unreadable(source, "Parquet", error) from None

    def fingerprint(self) -> str:
        """xxh3_64 of what shows that another process reads the same file: its footer, its size and its last change."""
        footer = pa.BufferOutputStream()
        self._parquet.metadata.write_metadata_file(footer)
        said = xxhash.xxh3_64(footer.getvalue())
        said.update(self._file.identity().encode())
        return said.hexdigest()

    def drafts(self, first: int = 0, last: int | None = None) -> Iterator[Draft]:
        """Blocks of the rows of the runs [first, last).

        A row group that is broken ends where it breaks, with a skip that says which records are lost with it; the next
        one is read as if nothing had been. What is wrong with the file itself ends it.
        """
        left = [*reversed(self.runs[first:last])]
        row = left[-1].first_row if left else 0
        while left:
            run = left.pop()
            broken, row = yield from self._run(run)
            if broken is None:
                continue
            # what looks like a broken file may be one that another took the place of
            if broken.reason == CORRUPT and self._file.change() is not None:
                break
            if broken.reason == CORRUPT and len(run.groups) > 1 and row == run.first_row:
                # which of them it is, shows when each is read by itself
                left += [group for group in reversed(self._groups) if group.groups[0] in run.groups]
                continue
            yield Draft(no_rows(), row, 0, (broken,), row)
            if broken.reason != CORRUPT:
                return
        if (failure := self._file.change()) is not None:
            skip = Skip(self._source, failure.reason, detail=f"{failure.detail}; read up to record {row}")
            yield Draft(no_rows(), row, 0, (skip,), row)

    def _run(self, run: Run) -> Generator[Draft, None, tuple[Skip | None, int]]:
        """The blocks of a run; returns the skip that says where it broke, if it did, and the row that it came to."""
        row = run.first_row
        batches = self._parquet.iter_batches(
            batch_size=_batch_rows(run, self._options), row_groups=list(run.groups), columns=self._columns,
            use_threads=False,
        )  # fmt: skip
        while True:
            try:
                batch = next(batches, None)
                if batch is None and row == run.end:
                    return None, row
                if batch is None or row + batch.num_rows > run.end:
                    raise pa.ArrowInvalid(f"its footer says {run.rows} records, and there are others")
                batch, bad_rows = sound(batch)
            except BROKEN as error:
                reason = error.reason if isinstance(error, ReadFailedError) else CORRUPT
                lost = f"read up to record {row}" if reason != CORRUPT else f"records {row} to {run.end - 1} are lost"
                return Skip(self._source, reason, detail=f"{describe(error)}; {lost}"), row
            yield from drafts_of(batch, bad_rows, row, self._options, self._source, by_row=True)
            row += batch.num_rows


def read_parquet(file: TableFile, options: ReadOptions, source: str) -> Iterator[Draft]:
    """Blocks of a Parquet file's rows. Raises SourceError at once where it is none or no column holds text."""
    return ParquetRows(file, options, source).drafts()


def _groups(metadata: pq.FileMetaData, names: frozenset[str]) -> tuple[Run, ...]:
    """The row groups that have rows, each by itself."""
    groups: list[Run] = []
    row = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        columns = (group.column(position) for position in range(group.num_columns))
        # a broken footer may say anything
        size = max(0, sum(c.total_uncompressed_size for c in columns if c.path_in_schema.split(".")[0] in names))
        rows = max(0, group.num_rows)
        if rows:
            groups.append(Run((number,), row, rows, size))
        row += rows
    return tuple(groups)


def _runs(groups: tuple[Run, ...], block_bytes: int) -> tuple[Run, ...]:
    """Row groups in runs of about a block, and of no more rows than are read at once."""
    runs: list[Run] = []
    for group in groups:
        before = runs[-1] if runs else group
        rows, size = before.rows + group.rows, before.size + group.size
        if runs and size <= block_bytes and rows <= MAX_BATCH_ROWS:
            runs[-1] = Run((*before.groups, *group.groups), before.first_row, rows, size)
        else:
            runs.append(group)
    return tuple(runs)


def _batch_rows(run: Run, options: ReadOptions) -> int:
    """Rows of a run that make about a block."""
    return max(1, min(MAX_BATCH_ROWS, int(options.block_bytes / max(1.0, run.size / run.rows))))
