"""Parquet: what a part of a file gives does not depend on the rest of it, and what breaks costs itself."""

from __future__ import annotations

import os
import random
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import SourceError
from auditor.sources import ReadOptions, Source, open_source
from auditor.sources.open import open_parquet
from auditor.sources.stream import SourceStream

from .reading import gather, read
from .web import serving

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.sources import Block
    from auditor.sources.parquet import Run

OPTIONS = ReadOptions(block_bytes=3000)
WORDS = [f"word{n}" for n in range(300)]
LAYOUTS: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "plain": {"compression": "none", "use_dictionary": False},
    "second version": {"compression": "zstd", "data_page_version": "2.0"},
    "small pages": {"data_page_size": 200},
}


def rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    return [
        {
            "id": n,
            "text": None if n % 17 == 3 else " ".join(rng.choices(WORDS, k=rng.randrange(30))),
            "messages": [{"role": "user", "content": rng.choice(WORDS)} for _ in range(n % 4)],
        }
        for n in range(count)
    ]


def write_groups(path: Path, sizes: list[int], **layout: Any) -> list[dict[str, Any]]:
    """A file of row groups of these sizes; its records, as they are read."""
    made = rows(sum(sizes))
    schema = pa.Table.from_pylist(rows(20)).schema
    with pq.ParquetWriter(path, schema, **layout) as writer:
        begin = 0
        for size in sizes:
            writer.write_table(pa.Table.from_pylist(made[begin : begin + size], schema=schema))
            begin += size
    return [{"text": row["text"], "messages": row["messages"]} for row in made]


def source_of(path: Path) -> Source:
    return Source(str(path), str(path), path.stat().st_size, "parquet")


def runs_of(path: Path, options: ReadOptions = OPTIONS) -> tuple[Run, ...]:
    opened = open_parquet(source_of(path), options)
    assert opened is not None
    opened[0].close()
    return opened[1].runs


def part(path: Path, first: int, last: int | None, options: ReadOptions = OPTIONS) -> list[Block]:
    """Runs of a file, read by themselves."""
    opened = open_parquet(source_of(path), options)
    assert opened is not None
    file, parquet = opened
    stream = SourceStream(str(path), file, parquet.drafts(first, last), None, counted=file.consumed if first else 0)
    try:
        return list(stream)
    finally:
        stream.close()


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=5)
@given(sizes=st.lists(st.sampled_from([0, 1, 7, 60, 200]), min_size=1, max_size=9), cuts=st.sets(st.integers(1, 8)))
def test_parts_are_the_whole(
    tmp_path_factory: pytest.TempPathFactory, layout: str, sizes: list[int], cuts: set[int]
) -> None:
    path = tmp_path_factory.mktemp("parts") / "a.parquet"
    expected = write_groups(path, sizes, **LAYOUTS[layout])
    whole = read(path, OPTIONS)
    assert list(whole.rows.values()) == expected
    assert whole.skips == []
    runs = runs_of(path)
    ends = sorted({0, len(runs), *(cut for cut in cuts if cut < len(runs))})
    assert [block for first, last in pairwise(ends) for block in part(path, first, last)] == whole.blocks


def test_small_row_groups_are_read_together(tmp_path: Path) -> None:
    write_groups(tmp_path / "a.parquet", [5] * 20 + [0, 0] + [400] + [5, 5])
    runs = runs_of(tmp_path / "a.parquet")
    assert [row for run in runs for row in range(run.first_row, run.end)] == list(range(510))
    assert [n for run in runs for n in run.groups] == [*range(20), 22, 23, 24]
    assert 1 < len(runs) < 20
    assert all(run.size <= OPTIONS.block_bytes for run in runs if len(run.groups) > 1)
    assert (22,) in [run.groups for run in runs]
    reading = read(tmp_path / "a.parquet", OPTIONS)
    assert max(block.rows for block in reading.blocks) < 100


def test_no_rows_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    for sizes in ([], [0, 0]):
        write_groups(path, sizes)
        assert runs_of(path) == ()
        assert part(path, 0, None) == []


def broken(path: Path, groups: list[int]) -> None:
    """Write over the texts of row groups."""
    metadata = pq.read_metadata(path)
    column = next(n for n in range(metadata.num_columns) if metadata.schema.column(n).path == "text")
    content = bytearray(path.read_bytes())
    for group in groups:
        chunk = metadata.row_group(group).column(column)
        start, size = chunk.data_page_offset, chunk.total_compressed_size
        content[start : start + size] = b"\xff" * size
    path.write_bytes(content)


def test_a_broken_row_group_costs_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    expected = write_groups(path, [300] * 6, compression="none", use_dictionary=False)
    broken(path, [1, 4])
    reading = read(path, OPTIONS)
    lost = [*range(300, 600), *range(1200, 1500)]
    assert reading.rows == {n: row for n, row in enumerate(expected) if n not in lost}
    assert reading.reasons == [("corrupt_parquet", None)] * 2
    assert [skip.detail.split("; ")[-1] for skip in reading.skips] == [
        "records 300 to 599 are lost", "records 1200 to 1499 are lost",
    ]  # fmt: skip
    assert [block.first_row for block in reading.blocks if block.cut] == [300, 1200]
    count = len(runs_of(path))
    assert [block for n in range(count) for block in part(path, n, n + 1)] == reading.blocks


def test_a_small_row_group_that_is_broken_costs_itself_too(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    expected = write_groups(path, [40] * 12, compression="none", use_dictionary=False)
    broken(path, [1, 7, 8])
    options = ReadOptions(block_bytes=20_000)
    assert 1 < len(runs_of(path, options)) < 5
    reading = read(path, options)
    assert reading.rows == {n: row for n, row in enumerate(expected) if n // 40 not in (1, 7, 8)}
    assert [skip.detail.split("; ")[-1] for skip in reading.skips] == [
        f"records {n} to {n + 39} are lost" for n in (40, 280, 320)
    ]
    count = len(runs_of(path, options))
    assert [block for n in range(count) for block in part(path, n, n + 1, options)] == reading.blocks


def test_a_row_group_that_breaks_in_its_middle(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    expected = write_groups(path, [2000, 2000], compression="none", use_dictionary=False, data_page_size=500)
    chunk = next(
        column
        for n in range(pq.read_metadata(path).num_columns)
        if (column := pq.read_metadata(path).row_group(0).column(n)).path_in_schema == "text"
    )
    content = bytearray(path.read_bytes())
    middle = chunk.data_page_offset + chunk.total_compressed_size // 2
    content[middle : middle + 40_000] = b"\xff" * 40_000
    path.write_bytes(content)
    reading = read(path, OPTIONS)
    # up to where it breaks, and all of the next
    first_lost = next(n for n in range(4000) if n not in reading.rows)
    assert 100 < first_lost < 2000
    assert reading.rows == {n: expected[n] for n in [*range(first_lost), *range(2000, 4000)]}
    assert reading.reasons == [("corrupt_parquet", None)]
    assert reading.skips[0].detail.endswith(f"records {first_lost} to 1999 are lost")


@pytest.mark.parametrize(("said", "read_rows"), [(90, range(90)), (120, range(100))])
def test_a_footer_that_miscounts(tmp_path: Path, said: int, read_rows: range) -> None:
    """Numbers of records rest on the footer: a row group with fewer than it says is broken, and shifts none."""
    path = tmp_path / "a.parquet"
    expected = write_groups(path, [100, 50])
    path.write_bytes(_with_rows(path.read_bytes(), 100, said))
    assert [pq.read_metadata(path).row_group(n).num_rows for n in range(2)] == [said, 50]
    reading = read(path, OPTIONS)
    first = {n: expected[n] for n in read_rows}
    assert reading.rows == {**first, **{said + n: expected[100 + n] for n in range(50)}}
    assert [skip.detail for skip in reading.skips] == (
        ["its footer says 120 records, and there are others; records 100 to 119 are lost"] if said > 100 else []
    )
    assert [block for n in range(2) for block in part(path, n, n + 1)] == reading.blocks


def _with_rows(content: bytes, rows: int, said: int) -> bytes:
    """A Parquet file whose first row group says another number of rows, in as many bytes of Thrift (a zigzag varint)."""
    size = int.from_bytes(content[-8:-4], "little")
    start = len(content) - 8 - size
    footer = bytearray(content[start : start + size])

    def varint(number: int) -> bytes:
        return bytes([(2 * number & 0x7F) | 0x80, 2 * number >> 7])

    # the field after the list of columns and total_byte_size: its header is 0x16 (i64, one on)
    place = footer.rindex(b"\x16" + varint(rows), 0, footer.rindex(b"\x16" + bytes([100])))
    footer[place + 1 : place + 3] = varint(said)
    return content[:start] + bytes(footer) + content[start + size :]


def test_another_file_has_another_fingerprint(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"

    def fingerprint() -> str:
        opened = open_parquet(source_of(path), OPTIONS)
        assert opened is not None
        opened[0].close()
        return opened[1].fingerprint()

    write_groups(path, [50, 50], compression="none", use_dictionary=False)
    os.utime(path, ns=(5, 5))
    before = fingerprint()
    assert fingerprint() == before
    content = path.read_bytes()
    other = content.replace(b"word7", b"other", 1)
    size = int.from_bytes(content[-8:-4], "little")
    assert other[-size:] == content[-size:]  # the footer is the same, and so is the size
    path.write_bytes(other)
    assert fingerprint() != before
    path.write_bytes(content)
    os.utime(path, ns=(5, 5))
    assert fingerprint() == before
    write_groups(path, [60, 40], compression="none", use_dictionary=False)
    os.utime(path, ns=(5, 5))
    assert fingerprint() != before


def test_what_is_no_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b'{"text": "lines"}\n')
    assert open_parquet(source_of(path), OPTIONS) is None
    assert open_parquet(Source("u", "memory://a.jsonl", 10, "jsonl"), OPTIONS) is None
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(SourceError, match="is it whole"):
        open_parquet(source_of(path), OPTIONS)
    path.unlink()
    with pytest.raises(SourceError, match="no such file"):
        open_parquet(Source("gone", str(path), 10, "parquet"), OPTIONS)
    path.mkdir()
    with pytest.raises(SourceError, match=r"cannot (open|read) "):
        open_parquet(Source("folder", str(path), 10, "parquet"), OPTIONS)


def test_a_file_that_is_replaced_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    expected = write_groups(path, [200] * 3)
    opened = open_parquet(source_of(path), OPTIONS)
    assert opened is not None
    file, parquet = opened
    stream = SourceStream(str(path), file, parquet.drafts(), None)
    blocks = [next(stream)]
    write_groups(tmp_path / "b.parquet", [100] * 3)
    (tmp_path / "b.parquet").replace(path)
    blocks += stream
    # what was open is read to its end; its hash would be that of the other file
    assert list(gather(blocks).rows.values()) == expected
    with pytest.raises(SourceError, match="replaced by another file") as caught:
        stream.digest()
    assert caught.value.reason == "changed_while_reading"
    stream.close()


def test_what_breaks_because_somebody_writes_to_it(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_groups(path, [300] * 6, compression="none", use_dictionary=False)
    opened = open_parquet(source_of(path), OPTIONS)
    assert opened is not None
    file, parquet = opened
    stream = SourceStream(str(path), file, parquet.drafts(), None)
    blocks = [next(stream)]
    broken(path, [2, 3])
    blocks += stream
    stream.close()
    reading = gather(blocks)
    assert reading.reasons == [("changed_while_reading", None)]
    assert sorted(reading.rows) == list(range(600))
    assert blocks[-1].cut


def test_a_connection_that_is_lost_ends_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDITOR_RETRIES", "0")
    path = tmp_path / "a.parquet"
    write_groups(path, [300] * 6)
    with serving() as web:
        web.files["/a.parquet"] = path.read_bytes()
        source = Source("a.parquet", f"{web.address}/a.parquet", path.stat().st_size, "parquet")
        stream = open_source(source, OPTIONS)
        blocks = [next(stream)]
        web.statuses = [503] * 20
        blocks += stream
        stream.close()
    assert gather(blocks).reasons == [("connection_lost", None)]
    assert f"read up to record {blocks[-1].first_row}" in blocks[-1].skips[0].detail
    assert blocks[-1].cut
