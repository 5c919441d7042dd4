"""The scanner in Spark's `mapInArrow`, on a real session of this machine."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from made import NGRAM, make_benchmark

from auditor.adapters import BatchScanner
from auditor.adapters.spark import MATCHES, VERDICT, mark, marked_schema

from .test_batches import ITEMS, texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("pyspark", reason="Spark is not installed: pip install pyspark")
pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # Spark's own, of itself
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java, which is not on the path"),
]


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
    builder = builder.config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("spark")))
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


def test_a_frame_is_marked(spark: Any, tmp_path: Path) -> None:
    frame = spark.createDataFrame(list(enumerate(texts())), "id long, text string").repartition(3)
    scanner = BatchScanner(make_benchmark(ITEMS), config=NGRAM)
    marked = frame.mapInArrow(mark(scanner), marked_schema(frame.schema))
    assert marked.schema.names == ["id", "text", VERDICT, MATCHES]
    rows = {row["id"]: row for row in marked.collect()}
    assert len(rows) == 60
    assert sorted(n for n, row in rows.items() if row[VERDICT] == "contaminated") == [0, 20, 40]
    assert sorted(n for n, row in rows.items() if row[VERDICT] == "review") == [1, 21, 41]
    assert '"item_id":"item-20"' in rows[20][MATCHES]
    clean = marked.where(f"{VERDICT} != 'contaminated'").drop(VERDICT, MATCHES)
    assert clean.count() == 57
