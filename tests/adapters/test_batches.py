"""Batches that come from somewhere else are scanned as files are."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from made import NGRAM, documents, inside, make_benchmark, make_items, whole, write_lines

import auditor
from auditor.adapters import BatchScanner
from auditor.adapters.batches import as_rows, verdict_of
from auditor.adapters.spark import MATCHES, VERDICT, mark
from auditor.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = make_items(50)
TEXTS = documents(60)


def texts() -> list[str]:
    """An item in each twentieth text, and half of one in the next."""
    rows = list(TEXTS)
    for n in range(0, 60, 20):
        rows[n] = inside(whole(ITEMS[n]), TEXTS[n])
        rows[n + 1] = inside(" ".join(ITEMS[n + 1].question.split()[:13]), TEXTS[n])
    return rows


def test_the_same_as_a_scan(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "train.jsonl", [{"text": text} for text in texts()])
    result = auditor.scan(path, make_benchmark(ITEMS), config=NGRAM)
    scanner = BatchScanner(make_benchmark(ITEMS), config=NGRAM, learn_from=[path])
    whole_batch = scanner(pa.record_batch({"id": list(range(60)), "text": texts()}), str(path))
    assert whole_batch.matches == result.matches
    assert whole_batch.records_read == 60
    parts = [scanner(pa.record_batch({"text": texts()[n : n + 7]}), str(path), n) for n in range(0, 60, 7)]
    assert tuple(match for part in parts for match in part.matches) == result.matches


def test_it_travels(tmp_path: Path) -> None:
    scanner = BatchScanner(make_benchmark(ITEMS), config=NGRAM)
    batch = pa.record_batch({"text": texts()})
    found = scanner.found(batch)
    assert pickle.loads(pickle.dumps(scanner)).found(batch) == found  # noqa: S301
    assert {row: verdict_of(matches) for row, matches in found.items()} == {
        0: "contaminated", 1: "review", 20: "contaminated", 21: "review", 40: "contaminated", 41: "review",
    }  # fmt: skip
    assert verdict_of([]) == ""
    (row,) = as_rows(found[20])
    assert row["item_id"] == "item-20"
    assert "source" not in row


def test_text_that_is_none() -> None:
    scanner = BatchScanner(make_benchmark(ITEMS), config=NGRAM)
    with pytest.raises(SourceError, match="no text field in batch; fields that are there: number"):
        scanner(pa.record_batch({"number": [1, 2]}))
    bad = pa.array([whole(ITEMS[0]).encode(), b"\xff\xfe", None]).view(pa.string())
    result = scanner(pa.RecordBatch.from_arrays([bad], ["text"]))
    assert [match.row for match in result.matches] == [0]
    assert result.records_skipped == {"invalid_utf8": 1, "no_text_field": 1}


def test_marks_in_arrow() -> None:
    scanner = BatchScanner(make_benchmark(ITEMS), config=NGRAM)
    batch = pa.record_batch({"id": list(range(60)), "text": texts()})
    (first, second) = mark(scanner)([batch.slice(0, 30), batch.slice(30)])
    marked = pa.Table.from_batches([first, second])
    assert marked.schema.names == ["id", "text", VERDICT, MATCHES]
    assert (
        marked.drop_columns([VERDICT, MATCHES]).to_batches()
        == pa.Table.from_batches([batch.slice(0, 30), batch.slice(30)]).to_batches()
    )
    verdicts = marked.column(VERDICT).to_pylist()
    assert [row for row, verdict in enumerate(verdicts) if verdict == "contaminated"] == [0, 20, 40]
    assert marked.column(MATCHES)[2].as_py() == "[]"
    assert '"item_id":"item-40"' in marked.column(MATCHES)[40].as_py()
