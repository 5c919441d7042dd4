"""Spark: what `DataFrame.mapInArrow` needs to scan a column of text.

from auditor.adapters import BatchScanner
from auditor.adapters.spark import mark, marked_schema

scanner = BatchScanner("gsm8k", learn_from=["data/*.parquet"])
marked = frame.mapInArrow(mark(scanner), marked_schema(frame.schema))
clean = marked.where("auditor_verdict != 'contaminated'")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from auditor.adapters.batches import as_json, verdict_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from auditor.adapters.batches import BatchScanner

VERDICT, MATCHES = "auditor_verdict", "auditor_matches"
"""Columns that are added: the worst verdict, empty where nothing was found; and the matches as a JSON array."""


def mark(scanner: BatchScanner) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """A function for `mapInArrow` that adds the columns `VERDICT` and `MATCHES` to every batch."""

    def marked(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            found = scanner.found(batch)
            each = [found.get(row, []) for row in range(batch.num_rows)]
            added = [pa.array(map(function, each), pa.string()) for function in (verdict_of, as_json)]
            yield pa.RecordBatch.from_arrays([*batch.columns, *added], [*batch.schema.names, VERDICT, MATCHES])

    return marked


def marked_schema(schema: Any) -> Any:
    """A `StructType` with the two columns added."""
    from pyspark.sql.types import StringType, StructField, StructType

    added = [StructField(name, StringType(), nullable=False) for name in (VERDICT, MATCHES)]
    return StructType([*schema.fields, *added])
