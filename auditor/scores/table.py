"""A leaderboard as columns: one row for each (model, revision, precision, means), scores in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from auditor.scores.known import BenchmarkFacts
    from auditor.types import Skip


@dataclass(frozen=True, slots=True)
class RawTable:
    """What a loader read, before anyone asked what its columns mean."""

    columns: Mapping[str, list[Any]]
    """Header to cells, all of one length."""
    source: str
    sha256: str
    form: str
    """Name of the shape it was read as, for the report."""
    skips: tuple[Skip, ...] = ()
    notes: tuple[str, ...] = ()
    means: Mapping[str, list[str]] = field(default_factory=dict)
    """For each benchmark column how each score was got (shots, metric, harness), where the shape tells it."""

    @property
    def rows(self) -> int:
        return len(next(iter(self.columns.values()), []))


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """A leaderboard, ready for statistics; every sequence has one element for each row."""

    models: tuple[str, ...]
    benchmarks: tuple[BenchmarkFacts, ...]
    scores: NDArray[np.float64]
    """(rows, benchmarks) in [0, 1]; NaN where missing or unusable."""
    params_b: NDArray[np.float64]
    """Total parameters in billions; NaN where unknown."""
    active_b: NDArray[np.float64]
    size_notes: tuple[str, ...]
    base_models: tuple[tuple[str, ...], ...]
    family_column: tuple[str, ...]
    precision: tuple[str, ...]
    revision: tuple[str, ...]
    weights_hash: tuple[str, ...]
    architecture: tuple[str, ...]
    means: NDArray[np.int64]
    """(rows, benchmarks) index into `mean_labels`: how the score was got."""
    mean_labels: tuple[str, ...]
    dates: NDArray[np.float64]
    """Days since 1970-01-01; NaN where unknown."""
    tokens_t: NDArray[np.float64]
    """Training tokens in trillions."""
    flops: NDArray[np.float64]
    """Training compute in units of 1e21 FLOPs."""
    flagged: NDArray[np.int8]
    """1 flagged by the board, 0 not, -1 the table does not say."""
    row_numbers: NDArray[np.int64]
    """0-based row of the source that each row came from."""
    sizes_floored: bool
    """Whether the size column was cut to whole billions: the statistics then take the middle of the interval."""
    source: str
    sha256: str
    form: str
    skips: Mapping[str, int]
    """What was not read, by reason."""
    skip_examples: tuple[Skip, ...]
    notes: tuple[str, ...]
    extra: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """Other numeric columns as they stand, by header: ratings to join on."""

    def __len__(self) -> int:
        return len(self.models)

    @property
    def benchmark_names(self) -> tuple[str, ...]:
        return tuple(b.name for b in self.benchmarks)

    @property
    def effective_b(self) -> NDArray[np.float64]:
        """Parameters for the statistics: a size floored to n billions lies between n and n + 1."""
        return self.params_b + 0.5 if self.sizes_floored else self.params_b

    def with_scores(self, scores: NDArray[np.float64]) -> ScoreTable:
        """The same board with other scores, for simulations."""
        return replace(self, scores=np.asarray(scores, dtype=np.float64))

    def take(self, rows: NDArray[np.int64]) -> ScoreTable:
        """The board with these rows only, in this order."""

        def pick(values: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(values[i] for i in rows)

        return replace(
            self,
            models=pick(self.models),
            scores=self.scores[rows],
            params_b=self.params_b[rows],
            active_b=self.active_b[rows],
            size_notes=pick(self.size_notes),
            base_models=pick(self.base_models),
            family_column=pick(self.family_column),
            precision=pick(self.precision),
            revision=pick(self.revision),
            weights_hash=pick(self.weights_hash),
            architecture=pick(self.architecture),
            means=self.means[rows],
            dates=self.dates[rows],
            tokens_t=self.tokens_t[rows],
            flops=self.flops[rows],
            flagged=self.flagged[rows],
            row_numbers=self.row_numbers[rows],
            extra={name: column[rows] for name, column in self.extra.items()},
        )
