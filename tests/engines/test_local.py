"""The local engine: any number of workers gives the same bytes, and whatever goes wrong shows."""

from __future__ import annotations

import functools
import gzip
import os
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from command import outputs
from made import NGRAM, documents, inside, make_benchmark, make_items, whole, write_lines

import auditor
from auditor.config import ScanConfig
from auditor.engines.local import LocalEngine, default_workers
from auditor.index import BenchmarkIndex, weigh
from auditor.scanner import Scanner
from auditor.sources import ReadOptions, discover

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.scanner import BlockResult
    from auditor.sources import Source
    from auditor.sources.blocks import Block
    from auditor.types import Skip

ITEMS = make_items()
scan = functools.partial(auditor.scan, config=NGRAM)
INDEX = BenchmarkIndex.build([make_benchmark(ITEMS)], ScanConfig())


@pytest.fixture
def train(tmp_path: Path) -> Path:
    """A large file of many blocks, and forty small ones."""
    texts = documents(200)
    rows = [{"text": inside(whole(ITEMS[n % 40]), text) if n % 9 == 0 else text} for n, text in enumerate(texts)]
    rows[17] = {"other": "no text"}
    write_lines(tmp_path / "train" / "large.jsonl", rows)
    for number in range(40):
        write_lines(tmp_path / "train" / f"small-{number:02d}.jsonl", rows[number * 5 : number * 5 + 5])
    return tmp_path / "train"


def test_any_number_of_workers_gives_the_same_bytes(train: Path, tmp_path: Path) -> None:
    reading = ReadOptions(block_bytes=4000)
    written = []
    for workers in (1, 2, 7):
        result = scan(train, INDEX, reading=reading, workers=workers, out=tmp_path / str(workers))
        result.write(tmp_path / str(workers))
        written.append(outputs(tmp_path / str(workers)))
    assert written[0] == written[1] == written[2]
    assert result.summary["records_read"] == 398
    assert len(result.matches) == 2 * 23
    assert result.summary["records_skipped"] == {"no_text_field": 2}
    assert all(source["complete"] for source in result.summary["sources"])
    assert result.summary["bytes_read"] == sum(path.stat().st_size for path in train.iterdir())


@pytest.mark.parametrize("workers", [1, 3])
def test_an_unreadable_file_among_good_ones_is_a_counted_skip(train: Path, workers: int) -> None:
    (train / "small-07.jsonl").write_bytes(os.urandom(2000))
    (train / "small-08.jsonl").write_bytes(b"")
    result = scan(train, INDEX, workers=workers)
    assert result.summary["records_skipped"] == {"empty_file": 1, "no_text_field": 2, "unreadable": 1}
    assert not result.complete
    assert result.summary["records_read"] == 388
    (unreadable,) = [skip for skip in result.summary["skip_examples"] if skip["reason"] == "unreadable"]
    assert unreadable["source"].endswith("small-07.jsonl")
    assert "binary" in unreadable["detail"]
    incomplete = [s["source"] for s in result.summary["sources"] if not s["complete"]]
    assert [name.rsplit("-", 1)[-1] for name in incomplete] == ["07.jsonl", "08.jsonl"]


def test_an_end_that_comes_early_hides_behind_nothing_that_was_known(train: Path, tmp_path: Path) -> None:
    """Resumed, a source may end before the place that it was read to: the block that says so has a known number."""
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(gzip.compress((train / "large.jsonl").read_bytes())[:-5000])
    results: list[BlockResult] = []
    options = ReadOptions(block_bytes=4000)
    scanner = Scanner(INDEX, weigh(INDEX, None, ScanConfig()), ScanConfig(), options)
    LocalEngine(
        sources_of(path), scanner, options, workers=2, is_done=lambda _source, _block: True, on_block=results.append,
        on_source=lambda *_: None,
    ).run(lambda: None)  # fmt: skip
    (last,) = results
    assert (last.records_read, last.cut) == (0, True)
    assert last.records_skipped == {"truncated_gzip": 1}


def sources_of(train: Path) -> list[Source]:
    return discover([train], ReadOptions())[0]


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_an_error_in_a_worker_ends_the_run(train: Path, workers: int) -> None:
    def fails(block: Block) -> BlockResult:
        raise MemoryError(f"no room for {block.source}")

    results: list[BlockResult] = []
    engine = LocalEngine(
        sources_of(train), fails, ReadOptions(), workers=workers,  # type: ignore[arg-type]
        is_done=lambda source, block: False, on_block=results.append, on_source=lambda *_: None,
    )  # fmt: skip
    with pytest.raises(MemoryError, match="no room for"):
        engine.run(lambda: None)
    assert results == []


def test_an_interruption_stops_the_workers(train: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    ended: list[Skip | None] = []
    engine = LocalEngine(
        sources_of(train), lambda block: block, ReadOptions(block_bytes=500), workers=2,  # type: ignore[arg-type, return-value]
        is_done=lambda source, block: False, on_block=lambda _: None, on_source=lambda _, __, skip: ended.append(skip),
    )  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        engine.run(interrupt, interval=0.0)


def test_blocks_that_are_done_are_not_scanned_again(train: Path) -> None:
    seen: list[tuple[str, int]] = []
    names = [source.name for source in sources_of(train)]

    def note(block: Block) -> Block:
        seen.append((block.source, block.index))
        return block

    engine = LocalEngine(
        sources_of(train), note, ReadOptions(), workers=2,  # type: ignore[arg-type]
        is_done=lambda source, block: source != names[3], on_block=lambda _: None, on_source=lambda *_: None,
    )  # fmt: skip
    engine.run(lambda: None)
    assert seen == [(names[3], 0)]


def test_the_cores_of_this_process() -> None:
    assert 1 <= default_workers() <= (os.cpu_count() or 1)


def test_thousands_of_sources_that_cannot_be_opened(tmp_path: Path) -> None:
    for number in range(2000):
        (tmp_path / f"{number:04d}.jsonl").write_bytes(b"SQLite format 3\0")
    write_lines(tmp_path / "last.jsonl", [{"text": documents(1)[0]}])
    result = scan(tmp_path, INDEX, workers=1)
    assert result.summary["records_skipped"] == {"unreadable": 2000}
    assert result.summary["records_read"] == 1


def test_a_source_is_done_when_its_blocks_are(train: Path) -> None:
    """With several workers, the end of a file is read while others still scan its blocks."""
    sources, _ = discover([train], ReadOptions())
    events: list[tuple[str, int | None]] = []
    scanned = Counter[str]()

    def scanner(block: Block) -> Block:
        return block

    engine: LocalEngine[Block] = LocalEngine(
        sources, scanner, ReadOptions(block_bytes=4000), workers=5, is_done=lambda _source, block: block == 1,
        on_block=lambda block: events.append((block.source, block.index)),
        on_source=lambda source, _digest, _skip: events.append((source.name, None)),
    )  # fmt: skip
    engine.run(lambda: None)
    ended: set[str] = set()
    for source, block in events:
        assert source not in ended
        if block is None:
            ended.add(source)
        else:
            scanned[source] += 1
    assert ended == {source.name for source in sources}
    assert scanned[str(train / "large.jsonl")] > 10
