"""Indexes are found again by what they are made of, and made again when they are damaged."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from made import make_benchmark, make_items, write_benchmark

from auditor.config import ScanConfig
from auditor.errors import InputError
from auditor.index import BenchmarkIndex
from auditor.index_cache import index_of

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.types import Benchmark

ITEMS = make_items()
CONFIG = ScanConfig()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where indexes are cached; nothing is in it."""
    monkeypatch.setenv("AUDITOR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "index"


def names(root: Path) -> set[str]:
    return {entry.name for entry in root.iterdir() if entry.name != "by-file"}


def test_the_same_items_are_indexed_once(root: Path) -> None:
    first = index_of(make_benchmark(ITEMS), CONFIG)
    (name,) = names(root)
    before = (root / name / "index.json").stat().st_mtime_ns
    again = index_of([make_benchmark(ITEMS)], CONFIG)
    assert again.benchmarks == first.benchmarks
    assert (root / name / "index.json").stat().st_mtime_ns == before
    index_of(make_benchmark(ITEMS), replace(CONFIG, contaminated_weight=1.0))
    assert names(root) == {name}


def test_other_items_another_name_and_other_ngrams_are_another_index(root: Path) -> None:
    benchmark: Benchmark = make_benchmark(ITEMS)
    for count, (what, config) in enumerate(
        [
            (benchmark, CONFIG),
            (replace(benchmark, name="other"), CONFIG),
            (replace(benchmark, items=benchmark.items[1:]), CONFIG),
            (replace(benchmark, licence="MIT"), CONFIG),
            (benchmark, replace(CONFIG, ngram_size=4)),
            (benchmark, replace(CONFIG, max_document_frequency=3)),
        ],
        1,
    ):
        assert index_of(what, config).benchmarks[0].name == what.name
        assert len(names(root)) == count


def test_a_file_that_did_not_change_is_not_read_again(root: Path, tmp_path: Path) -> None:
    path = write_benchmark(tmp_path / "bench.jsonl", ITEMS)
    first = index_of(str(path), CONFIG)
    (note,) = (root / "by-file").iterdir()
    assert note.read_text() in names(root)
    assert index_of([path], CONFIG).benchmarks == first.benchmarks
    write_benchmark(path, ITEMS[1:])
    assert index_of(path, CONFIG).benchmarks[0].items == len(ITEMS) - 1
    note.write_text("../../etc")
    write_benchmark(path, ITEMS)
    assert index_of(path, CONFIG).benchmarks == first.benchmarks


def test_a_damaged_index_is_made_again(root: Path) -> None:
    index_of(make_benchmark(ITEMS), CONFIG)
    (name,) = names(root)
    (root / name / "tokens.npy").write_bytes(b"junk")
    assert index_of(make_benchmark(ITEMS), CONFIG).item_count > len(ITEMS)
    assert names(root) == {name}
    BenchmarkIndex.load(root / name)


def test_a_saved_index_is_taken_as_it_is(root: Path, tmp_path: Path) -> None:
    BenchmarkIndex.build([make_benchmark(ITEMS)], CONFIG).save(tmp_path / "saved")
    assert index_of(tmp_path / "saved", CONFIG).item(3) == ITEMS[3]
    assert not root.exists()
    (tmp_path / "saved" / "tokens.npy").unlink()
    with pytest.raises(InputError, match="is missing"):
        index_of(str(tmp_path / "saved"), CONFIG)


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AUDITOR_CACHE", os.fspath(tmp_path / "file"))
    path = write_benchmark(tmp_path / "bench.jsonl", ITEMS)
    assert index_of(path, CONFIG).benchmarks[0].items == len(ITEMS)
