"""A scanner of Arrow batches that travels to other processes: what the adapters have in common."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from auditor.config import ScanConfig
from auditor.engines.shared import Shared
from auditor.index import BenchmarkIndex, weigh
from auditor.index_cache import index_of
from auditor.learn import learn
from auditor.sources import ReadOptions, discover, no_text_field
from auditor.sources.blocks import Block, Columns
from auditor.types import Skip, Verdict

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

    from auditor.scanner import BlockResult, Scanner
    from auditor.types import Benchmark, Match

PLACES = ("source", "row")
"""Columns of a match that mean nothing in a stream of batches: the record itself says where it is from."""


class BatchScanner:
    """Scans record batches. It is pickled with its index, and makes its scanner where it is first called.

    Args:
        benchmarks: as `auditor.scan` takes them.
        config: thresholds.
        reading: which columns are text: `text_fields` or `schema`; by default the known shapes.
        learn_from: paths or URLs of the training set, or of a fair sample of it, from which it is learnt which n-grams
            are boilerplate. With the whole training set, what is found is what `auditor scan` finds in it; with
            nothing, phrases that are everywhere in it count as rare.

    Raises what `auditor.scan` raises for benchmarks and paths.
    """

    def __init__(
        self,
        benchmarks: Sequence[str | os.PathLike[str] | Benchmark] | str | Benchmark | BenchmarkIndex,
        *,
        config: ScanConfig | None = None,
        reading: ReadOptions | None = None,
        learn_from: Sequence[str | os.PathLike[str]] = (),
    ) -> None:
        config, reading = config or ScanConfig(), reading or ReadOptions()
        index = benchmarks if isinstance(benchmarks, BenchmarkIndex) else index_of(benchmarks, config)
        learnt = learn(index, discover(learn_from, reading)[0], reading, config) if learn_from else None
        self._shared = Shared.of(index, weigh(index, learnt, config), config, reading)

    def __getstate__(self) -> dict[str, Any]:
        return {"_shared": self._shared}

    @cached_property
    def _scanner(self) -> Scanner:
        return self._shared.scanner()

    def __call__(self, batch: pa.RecordBatch, source: str = "batch", first_row: int = 0) -> BlockResult:
        """Scan a batch whose first record is number `first_row` of `source`.

        Raises SourceError where no column holds text.
        """
        import pyarrow as pa

        from auditor.sources.columns import text_columns
        from auditor.sources.tables import sound

        names = text_columns(batch.schema, self._shared.options)
        if not names:
            raise no_text_field(source, batch.schema.names)
        batch, broken = sound(pa.RecordBatch.from_arrays([batch.column(name) for name in names], names))
        skips = tuple(Skip(source, "invalid_utf8", first_row + row) for row in broken)
        return self._scanner(Block(source, 0, first_row, batch.num_rows, Columns(batch), skips))

    def found(self, batch: pa.RecordBatch) -> dict[int, list[Match]]:
        """The matches of a batch by the row in it that they are in; rows without any are left out."""
        rows: dict[int, list[Match]] = defaultdict(list)
        for match in self(batch).matches:
            rows[match.row].append(match)
        return dict(rows)


def verdict_of(matches: Iterable[Match]) -> str:
    """The worst verdict of a record's matches; empty where there are none."""
    verdicts = {match.verdict for match in matches}
    return next((v.value for v in (Verdict.CONTAMINATED, Verdict.REVIEW) if v in verdicts), "")


def as_rows(matches: Iterable[Match]) -> list[dict[str, Any]]:
    """Matches as JSON objects: the columns of `matches.jsonl` without source and row."""
    rows = (match.to_json() for match in matches)
    return [{name: value for name, value in row.items() if name not in PLACES} for row in rows]


def as_json(matches: Iterable[Match]) -> str:
    """Matches as a JSON array of those objects."""
    return orjson.dumps(as_rows(matches), option=orjson.OPT_SERIALIZE_NUMPY).decode()
