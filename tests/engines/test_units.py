"""Units of work: however a training set is divided, its blocks give what they give the local engine."""

from __future__ import annotations

import contextlib
import random
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import orjson
import pytest
from made import documents, make_benchmark
from sources.web import serving

from auditor.config import ScanConfig
from auditor.engines.local import LocalEngine
from auditor.engines.planning import plan, read_stretch
from auditor.engines.ray import Ledger
from auditor.engines.ray_worker import CHUNK, UNIT, chunks, pack, unpack
from auditor.engines.unit_scan import scan_unit
from auditor.engines.units import LARGEST_UNIT, MOST_SOURCES, Chunk, Ending, Large, Stretch, Whole, divide
from auditor.errors import IncompleteAuditError, InputError
from auditor.index import BenchmarkIndex, weigh
from auditor.scanner import BlockResult, Scanner
from auditor.sources import ReadOptions, Source, discover

from .corpus import ITEMS, READING, make_corpus

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from auditor.types import Skip

Key = tuple[str, int]
INDEX = BenchmarkIndex.build([make_benchmark(ITEMS)], ScanConfig())
SCANNER = Scanner(INDEX, weigh(INDEX, None, ScanConfig()), ScanConfig(), READING)


class Gathered:
    """All that an engine gave."""

    def __init__(self) -> None:
        self.results: dict[Key, BlockResult] = {}
        self.ends: dict[str, tuple[str, Skip | None]] = {}

    def on_block(self, result: BlockResult) -> None:
        assert (result.source, result.index) not in self.results
        assert result.source not in self.ends
        self.results[result.source, result.index] = result

    def on_source(self, source: Source, digest: str, skip: Skip | None) -> None:
        assert source.name not in self.ends
        self.ends[source.name] = (digest, skip)


def locally(sources: list[Source], options: ReadOptions = READING, done: frozenset[Key] = frozenset()) -> Gathered:
    found = Gathered()
    LocalEngine(
        sources, SCANNER, options, workers=1, is_done=lambda *key: key in done, on_block=found.on_block,
        on_source=found.on_source,
    ).run(lambda: None)  # fmt: skip
    return found


def chunks_of(units: list[Whole | Large], options: ReadOptions = READING) -> list[Chunk]:
    """What the workers send; all that travels goes through a table, as it does there."""
    sent = []
    for unit in units:
        for part in plan(unit, options) if isinstance(unit, Large) else [unit]:
            for arrived in unpack(pack(UNIT, part)):
                for chunk in scan_unit(arrived, SCANNER, options, node="here"):
                    sent += chunks(pack(CHUNK, chunk))
    return sent


def by_units(
    sources: list[Source], workers: int, options: ReadOptions = READING, done: frozenset[Key] = frozenset(),
    order: Callable[[list[Chunk]], list[Chunk]] = list,
) -> Gathered:  # fmt: skip
    found = Gathered()
    ledger = Ledger(found.on_block, found.on_source)
    units = divide(sources, done, workers, options)
    ledger.expect(units)
    for chunk in order(chunks_of(units, options)):
        ledger.add(chunk)
    ledger.check()
    return found


def same(one: Gathered, other: Gathered) -> None:
    assert one.results == other.results
    assert one.ends == other.ends


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("units") / "train")


@pytest.fixture
def sources(train: Path) -> list[Source]:
    return discover([train], READING)[0]


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_any_division_gives_the_same_results(sources: list[Source], workers: int) -> None:
    units = divide(sources, frozenset(), workers, READING)
    large = [unit for unit in units if isinstance(unit, Large)]
    names = [unit.source.name.rsplit("/", 1)[-1] for unit in large]
    assert names == ([] if workers == 1 else ["large.jsonl", "groups.parquet"])
    found = by_units(sources, workers)
    same(found, locally(sources))
    assert sum(len(result.matches) for result in found.results.values()) > 60


def test_chunks_in_any_order_and_more_than_once(sources: list[Source]) -> None:
    rng = random.Random(5)

    def disturbed(sent: list[Chunk]) -> list[Chunk]:
        # those of one unit come in their order; whole units come in any, and some again
        units: dict[object, list[Chunk]] = {}
        for chunk in sent:
            units.setdefault(chunk.unit, []).append(chunk)
        lists = list(units.values())
        rng.shuffle(lists)
        return [chunk for unit in lists for chunk in [*unit[:1], *unit]]

    expected = locally(sources)
    for _ in range(5):
        same(by_units(sources, 3, order=disturbed), expected)


def test_a_large_file_is_cut_in_many_parts_that_meet(train: Path) -> None:
    path = train / "large.jsonl"
    source = Source(str(path), str(path), path.stat().st_size, "jsonl")
    *parts, ending = plan(Large(0, source, 50_000), READING)
    stretches = [part for part in parts if isinstance(part, Stretch)]
    assert len(parts) == len(stretches) > 10
    assert isinstance(ending, Ending)
    assert (ending.parts, len(ending.digest)) == (len(parts), 32)
    assert stretches[0].start == 3  # behind the mark
    assert stretches[-1].end == path.stat().st_size
    assert [s.start for s in stretches[1:]] == [s.end for s in stretches[:-1]]
    assert [s.first_row for s in stretches[1:]] == [s.first_row + s.rows for s in stretches[:-1]]
    assert sum(sum(s.bytes_read) for s in stretches) == path.stat().st_size


@pytest.mark.parametrize(
    "options",
    [
        READING,
        replace(READING, block_bytes=1500),
        replace(READING, block_bytes=70_000),
        ReadOptions(block_bytes=30_000),
    ],
    ids=["blocks", "small blocks", "large blocks", "no long records"],
)
@pytest.mark.parametrize("seed", range(2))
def test_files_of_lines_of_all_lengths(tmp_path: Path, options: ReadOptions, seed: int) -> None:
    rng = random.Random(seed)
    texts = documents(30)
    lines = []
    for _ in range(400):
        size = rng.choice([0, 1, 5, 30, 1000, 1500, 4000, 4001, 19_990, 20_010, 70_000])
        body = (" ".join(rng.choice(texts) for _ in range(size // 800 + 1)))[:size]
        lines.append(b"" if not size else orjson.dumps({"text": body}) + rng.choice([b"", b"", b"\r", b"  "]))
    path = tmp_path / "made.jsonl"
    path.write_bytes(b"\n".join(lines) + rng.choice([b"", b"\n", b"\n   ", b"\n\n\n"]))
    source = Source(str(path), str(path), path.stat().st_size, "jsonl")
    expected = locally([source], options)
    for size in (1, 40_000, 400_000):
        found = Gathered()
        ledger = Ledger(found.on_block, found.on_source)
        units: list[Whole | Large] = [Large(0, source, size)]
        ledger.expect(units)
        for chunk in chunks_of(units, options):
            ledger.add(chunk)
        ledger.check()
        same(found, expected)


@pytest.mark.parametrize(
    "name",
    ["small-a.jsonl.gz", "cut.jsonl.gz", "table.csv", "array.json", "junk.jsonl", "empty.jsonl"],
)
def test_what_cannot_be_cut_is_read_whole(train: Path, name: str) -> None:
    path = train / name
    source = Source(str(path), str(path), path.stat().st_size, None)
    (part,) = plan(Large(7, source, 1), READING)
    assert part == Whole(7, (source,))


def test_another_encoding_is_read_whole(train: Path) -> None:
    path = train / "large.jsonl"
    source = Source(str(path), str(path), path.stat().st_size, "jsonl")
    options = replace(READING, encoding="latin-1")
    assert list(plan(Large(0, source, 1), options)) == [Whole(0, (source,))]


def test_what_is_done_is_not_scanned_again(sources: list[Source]) -> None:
    expected = locally(sources)
    rng = random.Random(3)
    kept = [key for key, result in expected.results.items() if not result.cut]  # as a journal keeps them
    done = frozenset(key for key in kept if rng.random() < 0.6)
    found = by_units(sources, 2, done=done)
    assert found.results == {key: result for key, result in expected.results.items() if key not in done}
    assert found.ends == expected.ends
    everything = by_units(sources, 2, done=frozenset(kept))
    assert everything.results == {key: result for key, result in expected.results.items() if result.cut}
    assert everything.ends == expected.ends


def cut_up(path: Path, size: int = 50_000) -> tuple[list[Stretch], Ending]:
    source = Source(str(path), str(path), path.stat().st_size, "jsonl")
    *parts, ending = plan(Large(0, source, size), READING)
    assert isinstance(ending, Ending)
    return [part for part in parts if isinstance(part, Stretch)], ending


def losses(stretch: Stretch) -> list[tuple[str, int | None]]:
    (chunk,) = scan_unit(stretch, SCANNER, READING, node="here")
    skips = [skip for result in chunk.results for skip in result.skips]
    skips += [end.skip for end in chunk.ends if end.skip]
    return [(skip.reason, skip.row) for skip in skips if skip.row is None]


def test_a_file_that_changes_after_it_was_planned(train: Path, tmp_path: Path) -> None:
    path = tmp_path / "changing.jsonl"
    data = (train / "large.jsonl").read_bytes()
    path.write_bytes(data)
    stretches, _ = cut_up(path)
    assert losses(stretches[3]) == []
    where = stretches[3].start + 2000
    path.write_bytes(data[:where] + b"#" + data[where + 1 :])
    assert losses(stretches[3]) == [("changed_while_reading", None)]
    assert losses(stretches[4]) == []
    # all of it is to be read again on another day, and what an interrupted run found hides nothing
    (chunk,) = scan_unit(stretches[3], SCANNER, READING, node="here")
    assert all(result.cut for result in chunk.results)
    known = frozenset((str(path), stretches[3].first_index + n) for n in range(1, len(stretches[3].bytes_read) + 3))
    assert losses(replace(stretches[3], done=known)) == [("changed_while_reading", None)]
    path.write_bytes(data[:where])
    assert losses(stretches[3]) == [("changed_while_reading", None)]
    assert losses(stretches[5]) == [("changed_while_reading", None)]
    path.unlink()
    assert losses(stretches[4]) == [("unreadable", None)]
    (chunk,) = scan_unit(stretches[4], SCANNER, READING, node="node-7")
    assert chunk.ends[0].missing_on == "node-7"


def test_a_file_that_grows_while_it_is_planned(train: Path, tmp_path: Path) -> None:
    path = tmp_path / "growing.jsonl"
    path.write_bytes((train / "large.jsonl").read_bytes() + b"\n")
    source = Source(str(path), str(path), path.stat().st_size, "jsonl")
    parts = []
    for part in plan(Large(0, source, 50_000), READING):
        parts.append(part)
        with path.open("ab") as file:
            file.write(b'{"text": "more"}\n')
    *stretches, ending = parts
    assert isinstance(ending, Ending)
    assert isinstance(stretches[-1], Stretch)
    assert stretches[-1].closing is not None
    assert [losses(s) for s in stretches if isinstance(s, Stretch)][-1] == [("changed_while_reading", None)]


def test_what_was_planned_when_the_file_had_failed_is_cut(train: Path, tmp_path: Path) -> None:
    """Read again, its last line looks whole: that it may not be is only known from the first reading."""
    path = tmp_path / "growing.jsonl"
    path.write_bytes((train / "large.jsonl").read_bytes())
    source = Source(str(path), str(path), path.stat().st_size, "jsonl")
    parts = plan(Large(0, source, 50_000), READING)
    first = next(parts)
    with path.open("ab") as file:
        file.write(b'\n{"text": "more"}\n')
    chunks = [
        scan_unit(part, SCANNER, READING, node="here") for part in (first, *parts) if not isinstance(part, Ending)
    ]
    cut = [[result.cut for result in chunk.results] for (chunk,) in chunks]
    assert len(cut) > 10
    assert not any(any(part) for part in cut[:-1])
    assert all(cut[-1])


def test_a_connection_that_is_lost_in_a_stretch(train: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDITOR_RETRIES", "0")
    data = (train / "large.jsonl").read_bytes()
    with serving() as web:
        web.files["/large.jsonl"] = data
        url = f"{web.address}/large.jsonl"
        source = Source(url, url, len(data), "jsonl")
        parts = [part for part in plan(Large(0, source, 50_000), READING) if isinstance(part, Stretch)]
        assert len(parts) > 10
        same(by_units([source], 2), locally([source]))
        web.statuses = [503]
        assert losses(parts[3]) == [("connection_lost", None)]
        web.denied_after = web.gets
        assert losses(parts[4]) == [("access_denied", None)]
        web.denied_after = None
        web.etags["/large.jsonl"] = "two"
        replaced = replace(parts[5], source=replace(source, version="etag one"))
        assert losses(replaced) == [("changed_while_reading", None)]


def test_a_large_file_that_is_gone(tmp_path: Path) -> None:
    source = Source("gone.jsonl", str(tmp_path / "gone.jsonl"), 10**9, "jsonl")
    found = by_units([source], 2)
    assert not found.results
    assert found.ends["gone.jsonl"][1].reason == "unreadable"  # type: ignore[union-attr]


def test_a_file_that_one_node_does_not_have(tmp_path: Path) -> None:
    here = tmp_path / "here.jsonl"
    here.write_text('{"text": "x"}\n')
    elsewhere = Source("here.jsonl", str(tmp_path / "elsewhere.jsonl"), 14, "jsonl")
    (chunk,) = scan_unit(Whole(0, (elsewhere,)), SCANNER, READING, node="node-7")
    ledger = Ledger(lambda _: None, lambda *_: None)
    ledger.expect([Whole(0, (elsewhere,))])
    (end,) = chunk.ends
    with pytest.raises(InputError, match=r"the node node-7 has no here.jsonl: .* Put the training set on storage"):
        ledger.add(replace(chunk, ends=(replace(end, source=replace(elsewhere, location=str(here))),)))


def test_a_unit_that_never_comes_back_is_no_clean_scan(sources: list[Source]) -> None:
    for lost in (0, 3, -1):
        with pytest.raises(IncompleteAuditError, match="units of work never came back"):
            by_units(sources, 2, order=lambda sent, lost=lost: [c for c in sent if c is not sent[lost]])  # type: ignore[misc]


def test_sizes_of_units() -> None:
    def source(number: int, size: int | None) -> Source:
        return Source(f"{number:05d}", f"s3://bucket/{number:05d}", size, "jsonl")

    options = ReadOptions()
    many = divide([source(n, 1000) for n in range(2500)], frozenset(), 4, options)
    assert [len(unit.sources) for unit in many if isinstance(unit, Whole)] == [MOST_SOURCES, MOST_SOURCES, 500]
    shards = divide([source(n, 1 << 30) for n in range(1000)], frozenset(), 16, options)
    assert len(shards) == 1000
    assert all(isinstance(unit, Whole) for unit in shards)  # each is read once: there are enough for everybody
    (one,) = divide([source(0, 1 << 40)], frozenset(), 16, options)
    assert isinstance(one, Large)
    assert one.stretch_bytes == LARGEST_UNIT
    unknown = divide([source(n, None) for n in range(3)], frozenset(), 4, options)
    assert [len(unit.sources) for unit in unknown if isinstance(unit, Whole)] == [1, 1, 1]
    assert divide([], frozenset(), 4, options) == []


def test_a_stretch_behind_a_url_is_read_there(train: Path, tmp_path: Path) -> None:
    path = tmp_path / "large.jsonl"
    data = (train / "large.jsonl").read_bytes()
    path.write_bytes(data)
    url = f"local://{path}"  # fsspec's own name for the local disk: read as all other stores are
    source = Source(url, url, len(data), "jsonl")
    assert source.is_remote
    same(by_units([source], 2), locally([source]))
    parts = [part for part in plan(Large(0, source, 50_000), READING) if isinstance(part, Stretch)]
    path.write_bytes(data[: parts[2].start + 10])
    assert losses(parts[2]) == [("changed_while_reading", None)]
    path.unlink()
    assert losses(parts[1]) == [("unreadable", None)]


def test_a_server_without_ranges_is_asked_for_whole_files(train: Path) -> None:
    data = (train / "large.jsonl").read_bytes()

    class _OnlyWhole(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), _OnlyWhole)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}/large.jsonl"
        source = Source(url, url, len(data), "jsonl")
        assert list(plan(Large(0, source, 50_000), READING)) == [Whole(0, (source,))]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_reading_begins_where_it_is_told(train: Path) -> None:
    (first, *_), _ = cut_up(train / "large.jsonl")
    blocks = list(read_stretch(first, READING))
    assert [block.index for block in blocks] == list(range(len(first.bytes_read)))
    assert blocks[0].first_row == 0
    assert sum(block.rows for block in blocks) == first.rows
