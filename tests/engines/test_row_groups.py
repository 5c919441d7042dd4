"""A large Parquet file in parts: what each of them gives is what the whole gives, also where something is wrong."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made import whole
from sources.web import serving

from auditor.engines.local import LocalEngine
from auditor.engines.planning import plan
from auditor.engines.ray import Ledger
from auditor.engines.row_groups import open_parts, read_row_groups
from auditor.engines.unit_scan import scan_unit
from auditor.engines.units import Ending, Large, RowGroups, Whole
from auditor.errors import SourceError
from auditor.sources import Source

from .corpus import ITEMS, READING, make_corpus, write_row_groups
from .test_units import SCANNER, Gathered, by_units, chunks_of, locally, losses, same

if TYPE_CHECKING:
    from auditor.scanner import BlockResult
    from auditor.sources import Block, BlockStream


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file of many row groups, of which one is broken."""
    return (make_corpus(tmp_path_factory.mktemp("groups") / "train") / "groups.parquet").read_bytes()


def source_of(path: Path) -> Source:
    return Source(str(path), str(path), path.stat().st_size, "parquet")


def cut_up(source: Source, size: int = 60_000) -> tuple[list[RowGroups], Ending]:
    *parts, ending = plan(Large(0, source, size), READING)
    assert isinstance(ending, Ending)
    return [part for part in parts if isinstance(part, RowGroups)], ending


def in_parts(source: Source, size: int) -> Gathered:
    found = Gathered()
    ledger = Ledger(found.on_block, found.on_source)
    units: list[Whole | Large] = [Large(0, source, size)]
    ledger.expect(units)
    for chunk in reversed(chunks_of(units)):
        ledger.add(chunk)
    ledger.check()
    return found


def results_of(part: RowGroups) -> tuple[BlockResult, ...]:
    (chunk,) = scan_unit(part, SCANNER, READING, node="here")
    return chunk.results


def test_parts_of_any_size_give_what_the_whole_gives(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "groups.parquet"
    path.write_bytes(content)
    expected = locally([source_of(path)])
    assert sum(len(result.matches) for result in expected.results.values()) > 20
    reasons = [skip.reason for result in expected.results.values() for skip in result.skips]
    assert reasons.count("corrupt_parquet") == 1
    assert "invalid_utf8" in reasons
    for size, least in ((1, 15), (60_000, 10), (10**9, 1)):
        parts, ending = cut_up(source_of(path), size)
        assert len(parts) == ending.parts >= least
        assert [part.first_run for part in parts] == [0, *(part.last_run for part in parts[:-1])]
        same(in_parts(source_of(path), size), expected)


def test_what_is_done_is_not_scanned_again_nor_told_to_other_parts(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "groups.parquet"
    path.write_bytes(content)
    source = source_of(path)
    done = frozenset(key for key, result in locally([source]).results.items() if not result.cut)
    parts = [part for part in plan(Large(0, source, 60_000, done), READING) if isinstance(part, RowGroups)]
    assert sum(len(part.done) for part in parts) == len(done)
    left = [result for part in parts for result in results_of(part)]
    assert [[skip.reason for skip in result.skips] for result in left] == [["corrupt_parquet"]]


@pytest.mark.parametrize("sizes", [[], [0, 0, 0]], ids=["no row groups", "empty ones"])
def test_a_file_without_rows(tmp_path: Path, sizes: list[int]) -> None:
    path = tmp_path / "none.parquet"
    schema = pa.schema({"text": pa.string()})
    with pq.ParquetWriter(path, schema) as writer:
        for _ in sizes:
            writer.write_table(schema.empty_table())
    parts, ending = cut_up(source_of(path))
    assert (parts, ending.parts, ending.skip) == ([], 0, None)
    same(in_parts(source_of(path), 1), locally([source_of(path)]))


def test_a_file_that_cannot_be_read(content: bytes, tmp_path: Path) -> None:
    """Truncated, without text, or not there: one skip, as from the local engine."""
    path = tmp_path / "groups.parquet"
    path.write_bytes(content[: len(content) // 2])
    same(in_parts(source_of(path), 1), locally([source_of(path)]))
    assert "is it whole" in locally([source_of(path)]).ends[str(path)][1].detail  # type: ignore[union-attr]
    pq.write_table(pa.table({"id": [1, 2]}), path)
    same(in_parts(source_of(path), 1), locally([source_of(path)]))
    gone = Source("gone.parquet", str(tmp_path / "gone.parquet"), 10**9, "parquet")
    same(by_units([gone], 2), locally([gone]))


def test_a_file_that_is_replaced_after_it_was_planned(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "groups.parquet"
    path.write_bytes(content)
    os.utime(path, ns=(7, 7))
    parts, _ = cut_up(source_of(path))
    assert losses(parts[1]) == []
    # of the same size and with the same footer
    path.write_bytes(content[:5000].swapcase() + content[5000:])
    assert [losses(part) for part in parts] == [[("changed_while_reading", None)]] * len(parts)
    assert all(result.cut for part in parts for result in results_of(part))
    # what an interrupted run found hides nothing
    known = frozenset((str(path), row) for row in range(800))
    assert losses(replace(parts[2], done=known)) == [("changed_while_reading", None)]
    for other in (content[:-2000], b"no table at all", content + content, b""):
        path.write_bytes(other)
        assert losses(parts[2]) == [("changed_while_reading", None)]
    path.write_bytes(content)
    os.utime(path, ns=(7, 7))
    assert losses(parts[1]) == []
    path.unlink()
    assert losses(parts[2]) == [("unreadable", None)]
    (chunk,) = scan_unit(parts[2], SCANNER, READING, node="node-7")
    assert chunk.ends[0].missing_on == "node-7"


def test_a_file_that_is_written_to_while_a_part_is_read(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "groups.parquet"
    path.write_bytes(content)
    parts, _ = cut_up(source_of(path), 200_000)
    blocks = read_row_groups(parts[0], READING)
    begun = [next(blocks)]
    os.utime(path, ns=(1, 1))
    begun += blocks
    assert [skip.reason for block in begun for skip in block.skips if skip.row is None] == ["changed_while_reading"]
    assert begun[-1].cut


def test_a_file_that_changes_before_it_is_hashed(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "groups.parquet"
    path.write_bytes(content)
    units = plan(Large(0, source_of(path), 100_000), READING)
    next(units)
    path.write_bytes(content + b"x")
    *_, ending = units
    assert isinstance(ending, Ending)
    assert ending.skip is not None
    assert (ending.skip.reason, ending.digest) == ("changed_while_reading", "")


def test_a_plan_that_is_given_up_closes_its_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "groups.parquet"
    path.write_bytes(content)
    units = plan(Large(0, source_of(path), 1), READING)
    next(units)
    units.close()  # type: ignore[attr-defined]
    assert str(path) not in [os.path.realpath(fd) for fd in Path("/proc/self/fd").iterdir()]


def test_behind_a_url_only_the_footer_is_read_to_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDITOR_RETRIES", "0")
    path = tmp_path / "groups.parquet"
    write_row_groups(path, [whole(ITEMS[n % 40]) + " more" * n for n in range(180)])
    content = path.read_bytes()
    with serving() as web:
        web.files["/groups.parquet"] = content
        url = f"{web.address}/groups.parquet"
        source = Source(url, url, len(content), "parquet")
        units = plan(Large(0, source, 3000), READING)
        parts = [part for _, part in zip(range(4), units, strict=False) if isinstance(part, RowGroups)]
        asked = [tuple(map(int, text.removeprefix("bytes=").split("-"))) for text in web.ranges_asked]
        assert len(parts) == 4
        assert all(first < 8 or first >= len(content) - (64 << 10) for first, _ in asked)
        same(in_parts(source, 3000), locally([source]))
        web.statuses = [503]
        assert losses(parts[2]) == [("connection_lost", None)]
        web.etags["/groups.parquet"] = "two"
        assert losses(parts[3]) == [("changed_while_reading", None)]
        replaced = replace(parts[3], source=replace(source, version="etag one"))
        assert losses(replaced) == [("changed_while_reading", None)]
        # a name that tells nothing: its first bytes would cost more than they say
        web.files["/table"] = content
        nameless = Source(f"{web.address}/table", f"{web.address}/table", len(content), None)
        assert list(plan(Large(0, nameless, 1), READING)) == [Whole(0, (nameless,))]


def blocks_of(streams: list[BlockStream]) -> list[Block]:
    return [block for stream in streams for block in stream]


def test_a_large_file_is_read_side_by_side(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "groups.parquet"
    path.write_bytes(content)
    (whole,) = open_parts(source_of(path), READING, 1)
    blocks = list(whole)
    for most in (2, 3, 8):
        streams = open_parts(source_of(path), READING, most)
        assert 1 < len(streams) <= most
        assert blocks_of(streams) == blocks
        assert {stream.digest() for stream in streams} == {whole.digest()}
        for stream in streams:
            stream.close()
    whole.close()
    # not worth it, and no Parquet at all
    (one,) = open_parts(source_of(path), replace(READING, block_bytes=1 << 20), 8)
    assert sum(block.rows for block in one) > 700
    path.write_bytes(b'{"text": "x"}\n' * 2000)
    with pytest.raises(SourceError, match="is no parquet file"):
        open_parts(source_of(path), READING, 8)


@pytest.mark.parametrize("workers", [2, 5])
def test_the_local_engine_gives_the_same_with_any_number_of_readers(
    content: bytes, tmp_path: Path, workers: int
) -> None:
    for name, data in (("a", content), ("b", content), ("cut", content[:-9])):
        (tmp_path / f"{name}.parquet").write_bytes(data)
    sources = [source_of(path) for path in sorted(tmp_path.iterdir())]
    found = Gathered()
    LocalEngine(
        sources, SCANNER, READING, workers=workers, is_done=lambda *_: False, on_block=found.on_block,
        on_source=found.on_source,
    ).run(lambda: None)  # fmt: skip
    same(found, locally(sources))


def test_a_file_without_rows_has_one_reader(tmp_path: Path) -> None:
    path = tmp_path / "none.parquet"
    schema = pa.schema({"text": pa.string(), "notes": pa.string()})
    pq.write_table(schema.empty_table().replace_schema_metadata({"why": "long " * 5000}), path)
    assert path.stat().st_size > 4 * READING.block_bytes
    (stream,) = open_parts(source_of(path), READING, 4)
    assert list(stream) == []
    stream.close()


def test_a_file_that_is_replaced_between_two_readers(content: bytes) -> None:
    with serving() as web:
        web.files["/groups.parquet"] = content
        source = Source("groups", f"{web.address}/groups.parquet", len(content), "parquet")
        for stream in open_parts(source, READING, 2):
            stream.close()
        # in the middle of the second reader's
        web.on_get[web.gets + web.gets // 2] = lambda: web.etags.update({"/groups.parquet": "two"})
        with pytest.raises(
            SourceError, match=r"cannot read groups: it was replaced by another file; scan again"
        ) as caught:
            open_parts(source, READING, 2)
        assert caught.value.reason == "changed_while_reading"
