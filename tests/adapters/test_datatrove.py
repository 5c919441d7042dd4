"""The scanner as a step of a datatrove pipeline, run by its executor."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from made import NGRAM, make_benchmark, write_lines

from auditor.adapters import BatchScanner

from .test_batches import ITEMS, texts

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("datatrove", reason="datatrove is not installed: pip install datatrove")
pytestmark = pytest.mark.filterwarnings("ignore")  # datatrove's own, of itself


def rows_in(folder: Path) -> list[dict[str, Any]]:
    found = []
    for path in sorted(folder.glob("*.jsonl.gz")):
        found += [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    return found


def pipeline(tmp_path: Path, drop: tuple[str, ...]) -> Any:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    from auditor.adapters.datatrove import Decontaminate

    write_lines(tmp_path / "in" / "train.jsonl", [{"text": text, "id": str(n)} for n, text in enumerate(texts())])
    scanner = BatchScanner(make_benchmark(ITEMS), config=NGRAM)
    step = Decontaminate(scanner, drop=drop, exclusion_writer=JsonlWriter(str(tmp_path / "removed")))
    steps = [JsonlReader(str(tmp_path / "in")), step, JsonlWriter(str(tmp_path / "clean"))]
    stats = LocalPipelineExecutor(steps, logging_dir=str(tmp_path / "logs")).run()
    return {name: value.total for name, value in stats.stats[1].stats.items()}


def test_contaminated_documents_are_dropped(tmp_path: Path) -> None:
    counts = pipeline(tmp_path, ("contaminated",))
    assert (counts["total"], counts["dropped"], counts["forwarded"]) == (60, 3, 57)
    assert (counts["contaminated"], counts["review"]) == (3, 3)
    assert [row["id"] for row in rows_in(tmp_path / "removed")] == ["0", "20", "40"]
    clean = rows_in(tmp_path / "clean")
    assert len(clean) == 57
    assert [row["id"] for row in clean if "auditor" in row.get("metadata", {})] == ["1", "21", "41"]
    (match,) = next(row for row in clean if row["id"] == "21")["metadata"]["auditor"]
    assert (match["item_id"], match["verdict"]) == ("item-21", "review")


def test_documents_are_only_tagged(tmp_path: Path) -> None:
    counts = pipeline(tmp_path, ())
    assert (counts["total"], counts["forwarded"], counts.get("dropped", 0)) == (60, 60, 0)
    assert [row["text"] for row in rows_in(tmp_path / "clean")] == texts()


def test_large_and_odd_documents() -> None:
    from datatrove.data import Document

    from auditor.adapters.datatrove import Decontaminate

    step = Decontaminate(BatchScanner(make_benchmark(ITEMS), config=NGRAM))
    given = [Document("x " * (3 << 20), "long"), Document("half \ud800 a pair é", "odd"), Document("", "empty")]
    assert [document.id for document in step.run(given)] == ["long", "odd", "empty"]
    assert list(step.run([])) == []
