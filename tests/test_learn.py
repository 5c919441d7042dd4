"""What is learnt from the corpus before any of it is judged, whatever format it comes in."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditor.config import ScanConfig
from auditor.errors import SourceError
from auditor.index import BenchmarkIndex
from auditor.learn import SAMPLED_SOURCES, learn, spread
from auditor.sources import ReadOptions, Source, discover
from tests import made

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.index import Learnt

CONFIG = ScanConfig()


def learnt(*paths: Path, workers: int = 1, config: ScanConfig = CONFIG) -> Learnt:
    index = BenchmarkIndex.build([made.make_benchmark()], config)
    sources, _ = discover([str(path) for path in paths], ReadOptions())
    return learn(index, sources, ReadOptions(), config, workers=workers)


def texts() -> list[str]:
    return [made.inside(item.question, "") for item in made.make_benchmark().items[:15]] + made.documents(40)


def test_the_same_is_learnt_of_lines_and_of_a_table(tmp_path: Path) -> None:
    made.write_lines(tmp_path / "a.jsonl", [{"text": text} for text in texts()])
    pq.write_table(pa.table({"text": texts()}), tmp_path / "a.parquet")
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress((tmp_path / "a.jsonl").read_bytes()))
    lines = learnt(tmp_path / "a.jsonl")
    assert lines.records == 55
    assert lines.gram_df.sum() > 0
    assert lines.word_df.max() > 1
    for other in ("a.parquet", "a.jsonl.gz"):
        assert learnt(tmp_path / other, workers=2).digest() == lines.digest()


def test_plain_text_is_learnt_piece_by_piece(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n".join(texts()), encoding="utf-8")
    found = learnt(tmp_path / "a.txt")
    assert found.records >= 1
    assert found.gram_df.sum() > 0


def test_blank_and_broken_lines_are_no_records(tmp_path: Path) -> None:
    made.write_lines(tmp_path / "a.jsonl", [{"text": text} for text in texts()])
    with (tmp_path / "a.jsonl").open("ab") as file:
        file.write(b'\n\n{"text": \n')
    assert learnt(tmp_path / "a.jsonl").records == 55


def test_a_source_that_cannot_be_read_is_left_to_the_scan(tmp_path: Path) -> None:
    made.write_lines(tmp_path / "a.jsonl", [{"text": text} for text in texts()])
    made.write_lines(tmp_path / "b.jsonl", [{"text": text} for text in texts()])
    index = BenchmarkIndex.build([made.make_benchmark()], CONFIG)
    sources, _ = discover(str(tmp_path / "*.jsonl").split(), ReadOptions())
    (tmp_path / "b.jsonl").unlink()
    both = learn(index, sources, ReadOptions(), CONFIG)
    assert both.digest() == learnt(tmp_path / "a.jsonl").digest()


def test_no_more_is_read_than_is_asked_for(tmp_path: Path) -> None:
    made.write_lines(tmp_path / "a.jsonl", [{"text": text} for text in texts() * 200])
    index = BenchmarkIndex.build([made.make_benchmark()], CONFIG)
    reading = ReadOptions(block_bytes=1 << 14)
    sources, _ = discover([str(tmp_path / "a.jsonl")], reading)
    some = learn(index, sources, reading, ScanConfig(learn_bytes=1 << 15))
    assert 0 < some.records < 55 * 200 / 4


def test_a_server_that_nobody_reaches_ends_the_run() -> None:
    index = BenchmarkIndex.build([made.make_benchmark()], CONFIG)
    url = "http://127.0.0.1:9/a.jsonl"
    with pytest.raises(SourceError, match=r"127\.0\.0\.1"):
        learn(index, [Source(url, url, 10)], ReadOptions(), CONFIG)


def test_sources_are_spread_evenly(tmp_path: Path) -> None:
    sources = [Source(str(n), str(n), 1) for n in range(100)]
    chosen = spread(sources, SAMPLED_SOURCES)
    assert len(chosen) == SAMPLED_SOURCES
    assert (chosen[0], chosen[-1]) == (sources[0], sources[-1])
    assert spread(sources[:3], SAMPLED_SOURCES) == sources[:3]
