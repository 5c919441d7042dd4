"""The band of scores that models of a size are expected to have, along the sizes of a board, for figures of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.scores.findings import number

if TYPE_CHECKING:
    from auditor.scores.audit import BenchmarkAudit, ScoresAudit

STEP = 0.06
"""Width of a cell of sizes, in powers of ten: 7 B and 8 B fall into one, and a band of three decades has 50 cells."""


@dataclass(frozen=True, slots=True)
class Band:
    """Medians over the models of each cell of sizes, ascending; all four have the same length, scores in points."""

    params_b: tuple[float, ...]
    expected: tuple[float, ...]
    low: tuple[float, ...]
    """Lower end of the 95 % interval."""
    high: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """For `summary.json`."""
        return {
            "params_b": [number(value) for value in self.params_b],
            "expected": [number(value, 2) for value in self.expected],
            "low": [number(value, 2) for value in self.low],
            "high": [number(value, 2) for value in self.high],
        }


def size_band(audit: ScoresAudit, found: BenchmarkAudit) -> Band | None:
    """What the size-only fit leads to expect of a benchmark, each family left out; None where there is no fit."""
    if found.adjusted is None:
        return None
    view, size = found.adjusted.size, audit.table.params_b
    rows = np.flatnonzero(
        np.isfinite(view.expected) & np.isfinite(size) & np.isfinite(audit.table.scores[:, found.column])
    )
    cells = np.round(np.log10(size[rows]) / STEP)
    groups = [rows[cells == cell] for cell in np.unique(cells)]

    def medians(values: Any, scale: float) -> tuple[float, ...]:
        return tuple(scale * float(np.median(values[group])) for group in groups)

    return Band(medians(size, 1), medians(view.expected, 100), medians(view.low, 100), medians(view.high, 100))
