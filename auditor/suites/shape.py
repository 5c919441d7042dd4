"""What a row shape is: the fields that tell it, and how its rows are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from auditor.suites.fields import FieldMap, NumberedRow, Outcome, read_mapped
from auditor.suites.values import MISSING, Row, lookup

Reader = Callable[[Sequence[NumberedRow]], Iterator[tuple[int, Outcome]]]
"""Takes all rows of one file; gives the number and outcome of each row, or of each group that makes one item."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One way to write a benchmark's rows; it is read by its field map, or by a reader of its own."""

    name: str
    description: str
    """Its fields, for error messages and documentation."""
    needs: tuple[str, ...]
    """Paths that a row of this shape has, whatever their values."""
    mapping: FieldMap | None = None
    read: Reader | None = None
    also: Callable[[Row], bool] | None = None
    """A further condition, where the names alone do not tell."""
    one_file: bool = False
    """Whether each file must be read apart from others of the shape: its rows' numbers mean something only in it."""

    def fits(self, row: Row) -> bool:
        """Whether a row has this shape."""
        return all(lookup(row, path) is not MISSING for path in self.needs) and (self.also is None or self.also(row))

    def outcomes(self, rows: Sequence[NumberedRow]) -> Iterator[tuple[int, Outcome]]:
        """The number and outcome of each row or group of rows, in order."""
        if self.read is not None:
            return self.read(rows)
        assert self.mapping is not None  # noqa: S101
        return read_mapped(rows, self.mapping)
