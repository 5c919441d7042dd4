"""Parquet and Arrow: columns of any string type and nesting, large row groups, broken files."""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import SourceError
from auditor.sources import Columns, ReadOptions, discover, open_source, text_fields
from auditor.sources.columns import column_fields, record_at, text_columns
from auditor.sources.tables import same_layout

from .reading import SMALL, gather, read

if TYPE_CHECKING:
    from pathlib import Path

ALL = ReadOptions()
MESSAGES = [
    {
        "messages": [{"role": "user", "content": f"question {n}"}, {"role": "assistant", "content": "x" * (n % 50)}],
        "id": n,
    }
    for n in range(400)
]


def write_arrow(table: pa.Table, path: Path, *, stream: bool) -> None:
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=100)


def write(table: pa.Table, path: Path, kind: str) -> Path:
    if kind == "parquet":
        pq.write_table(table, path)
    elif kind == "feather":
        pyarrow.feather.write_feather(table, str(path))
    else:
        write_arrow(table, path, stream=kind == "stream")
    return path


kinds = pytest.mark.parametrize("kind", ["parquet", "feather", "file", "stream"])


@kinds
@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "called.csv", "no_extension"])
def test_rows_in_bounded_blocks_whatever_the_name(tmp_path: Path, kind: str, name: str) -> None:
    path = write(pa.Table.from_pylist(MESSAGES), tmp_path / name, kind)
    reading = read(path, ReadOptions(block_bytes=2000))
    assert [row["messages"] for row in reading.rows.values()] == [row["messages"] for row in MESSAGES]
    assert reading.skips == []
    assert len(reading.blocks) > 5
    assert reading.digest == xxhash.xxh3_128(path.read_bytes()).hexdigest()


@kinds
def test_only_text_columns_are_read(tmp_path: Path, kind: str) -> None:
    table = pa.table({"id": [1, 2], "text": ["a", "b"], "image": [b"\0" * 100, b"\1"]})
    reading = read(write(table, tmp_path / "a.arrow", kind))
    assert reading.rows == {0: {"text": "a"}, 1: {"text": "b"}}


@kinds
def test_no_text_column(tmp_path: Path, kind: str) -> None:
    path = write(pa.table({"id": [1], "url": ["u"]}), tmp_path / "a.parquet", kind)
    (source,), _ = discover([path], ALL)
    with pytest.raises(SourceError, match="fields that are there: id, url; use --text-field"):
        open_source(source, ALL)


@kinds
def test_a_table_without_rows(tmp_path: Path, kind: str) -> None:
    path = write(pa.table({"text": pa.array([], pa.string())}), tmp_path / "a.parquet", kind)
    assert read(path).rows == {}


@pytest.mark.parametrize("kind", ["parquet", "file", "stream"])
def test_a_cut_file(tmp_path: Path, kind: str) -> None:
    table = pa.Table.from_pylist(MESSAGES * 30)
    path = write(table, tmp_path / "a.parquet", kind)
    os.truncate(path, path.stat().st_size // 2)
    if kind == "stream":
        reading = read(path)
        assert [skip.reason for skip in reading.skips] == ["corrupt_arrow"]
        assert len(reading.rows) > 1000
        assert "read up to record" in reading.skips[0].detail
        return
    (source,), _ = discover([path], ALL)
    with pytest.raises(SourceError, match="is it whole"):
        open_source(source, ALL)


def test_an_arrow_file_that_is_broken_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    write_arrow(pa.table({"text": [os.urandom(40).hex() for _ in range(20_000)]}), path, stream=False)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 30_000] = b"\xff" * 30_000
    path.write_bytes(content)
    reading = read(path, ReadOptions(block_bytes=50_000))
    assert reading.skips[-1].reason == "corrupt_arrow"
    assert {skip.reason for skip in reading.skips[:-1]} <= {"invalid_utf8"}
    assert len(reading.rows) > 5000


def test_a_parquet_file_that_changes(tmp_path: Path) -> None:
    path = write(pa.Table.from_pylist(MESSAGES), tmp_path / "a.parquet", "parquet")
    (source,), _ = discover([path], ALL)
    for change in (lambda: os.utime(path, ns=(1, 1)), lambda: path.write_bytes(path.read_bytes() + b"x")):
        stream = open_source(source, ReadOptions(block_bytes=2000))
        blocks = [next(stream)]
        change()
        blocks += stream
        stream.close()
        assert gather(blocks).reasons == [("changed_while_reading", None)]


def test_a_large_row_group_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    rows = 60_000
    draw = np.random.default_rng(0)
    table = pa.table({"text": [draw.bytes(500).hex() for _ in range(rows)], "id": range(rows)})
    pq.write_table(table, path, row_group_size=rows, use_dictionary=False, compression="none")
    del table
    (source,), _ = discover([path], ALL)
    stream = open_source(source, ALL)
    pool = pa.default_memory_pool()
    before = pool.bytes_allocated()
    count = most = 0
    for block in stream:
        count += block.rows
        most = max(most, pool.bytes_allocated() - before)
        assert isinstance(block.payload, Columns)
        assert block.payload.batch.nbytes <= 8 << 20
    stream.close()
    assert count == rows
    assert most < 32 << 20


def test_pipes_cannot_be_parquet(tmp_path: Path) -> None:
    from threading import Thread

    os.mkfifo(tmp_path / "pipe")
    content = write(pa.table({"text": ["a"]}), tmp_path / "a.parquet", "parquet").read_bytes()
    writer = Thread(target=(tmp_path / "pipe").write_bytes, args=(content,))
    writer.start()
    (source,), _ = discover([tmp_path / "pipe"], ALL)
    with pytest.raises(SourceError, match="through a pipe"):
        open_source(source, ALL)
    writer.join()


def test_what_is_no_table_under_a_tables_name(tmp_path: Path) -> None:
    for name, content in (("a.parquet", b"hello world, this is text"), ("b.arrow", gzip.compress(b"text"))):
        (tmp_path / name).write_bytes(content)
        (source,), _ = discover([tmp_path / name], ALL)
        with pytest.raises(SourceError, match="is it whole"):
            open_source(source, ALL)


string_types = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]


@pytest.mark.parametrize("kind", string_types, ids=str)
def test_string_types(kind: pa.DataType) -> None:
    text = pa.array(["a", None, "c", "a"]).cast(kind)
    batch = pa.RecordBatch.from_arrays([text, pa.array([1, 2, 3, 4])], names=["text", "n"])
    (leaf,) = column_fields(batch.slice(1), ALL)
    assert (leaf.path, leaf.data.to_pylist(), leaf.row.tolist()) == ("text", ["c", "a"], [1, 2])
    assert record_at(batch, 2) == {"text": "c", "n": 3}


messages = st.lists(
    st.none()
    | st.fixed_dictionaries(
        {"role": st.sampled_from(["user", None]), "content": st.none() | st.text("ab", max_size=3)}
    ),
    max_size=3,
)
records = st.fixed_dictionaries(
    {
        "text": st.none() | st.text("xyz", max_size=4),
        "messages": st.none() | messages,
        "history": st.none() | st.lists(st.lists(st.text("h", max_size=2), max_size=2), max_size=2),
        "metadata": st.none() | st.text("m", max_size=2),
    }
)
SCHEMA = pa.schema(
    {
        "text": pa.string(),
        "messages": pa.list_(pa.struct({"role": pa.string(), "content": pa.large_string()})),
        "history": pa.large_list(pa.list_(pa.string())),
        "metadata": pa.string(),
    }
)


@settings(max_examples=100)
@given(st.lists(records, max_size=6), st.integers(0, 3))
def test_leaves_are_the_text_fields_of_the_rows(rows: list[dict[str, Any]], start: int) -> None:
    batch = pa.RecordBatch.from_pylist(rows, schema=SCHEMA).slice(start)
    found = sorted(
        (int(row), leaf.path, text.as_py())
        for leaf in column_fields(batch, ALL)
        for row, text in zip(leaf.row, leaf.data, strict=True)
    )
    expected = sorted(
        (row, "".join("[]" if part[0].isdigit() else part for part in _parts(field.name)), field.text)
        for row in range(batch.num_rows)
        for field in text_fields(record_at(batch, row), ALL)
    )
    assert found == expected


def _parts(name: str) -> list[str]:
    return [part for piece in name.split("[") for part in piece.split("]") if part]


def test_odd_columns_are_passed_over() -> None:
    batch = pa.RecordBatch.from_pylist(
        [{"text": [1, 2], "code": {"other": "x"}, "content": b"raw", "messages": {"content": ["deep"]}}]
    )
    assert [(leaf.path, leaf.data.to_pylist()) for leaf in column_fields(batch, ALL)] == [
        ("messages.content[]", ["deep"])
    ]
    assert column_fields(pa.RecordBatch.from_pylist([{"id": "x"}]), ALL) == []
    assert text_columns(pa.schema({"id": pa.string()}), ALL) == []
    views = pa.RecordBatch.from_arrays(
        [pa.array([["a", "b"], None], pa.list_view(pa.string())), pa.array([["c"], ["d"]], pa.list_(pa.string(), 1))],
        names=["text", "code"],
    )
    assert [(leaf.path, leaf.row.tolist()) for leaf in column_fields(views, ALL)] == [
        ("text[]", [0, 0]),
        ("code[]", [0, 1]),
    ]


def test_views_inside_lists_and_structs() -> None:
    kind = pa.list_(pa.struct({"role": pa.string_view(), "content": pa.string_view()}))
    rows = [{"messages": [{"role": "user", "content": "a"}, {"role": None, "content": None}]}, {"messages": None}]
    batch = pa.RecordBatch.from_pylist(rows, schema=pa.schema({"messages": kind}))
    (leaf,) = column_fields(batch, ALL)
    assert (leaf.path, leaf.data.to_pylist(), leaf.row.tolist()) == ("messages[].content", ["a"], [0])


def test_strings_that_are_no_utf8_are_shown_leniently() -> None:
    offsets, data = pa.py_buffer(np.array([0, 2, 4], np.int32)), pa.py_buffer(b"ok\xff\xfe")
    batch = pa.RecordBatch.from_arrays([pa.StringArray.from_buffers(2, offsets, data)], names=["text"])
    assert record_at(batch, 1) == {"text": "\ufffd\ufffd"}
    coded = pa.DictionaryArray.from_arrays(pa.array([1, 0], pa.int32()), batch.column(0))
    assert record_at(pa.RecordBatch.from_arrays([coded], names=["text"]), 0) == {"text": "\ufffd\ufffd"}
    struct = pa.StructArray.from_arrays([batch.column(0), pa.array([1, 2])], names=["content", "n"])
    assert record_at(pa.RecordBatch.from_arrays([struct], names=["text"]), 1) == {
        "text": {"content": "\ufffd\ufffd", "n": 2}
    }
    nested = pa.ListArray.from_arrays(pa.array([0, 2], pa.int32()), batch.column(0))
    assert record_at(pa.RecordBatch.from_arrays([nested], names=["text"]), 0) == {"text": ["ok", "\ufffd\ufffd"]}


def test_small_options_hold(tmp_path: Path) -> None:
    path = write(pa.table({"text": ["x" * 5000, "y"]}), tmp_path / "a.parquet", "parquet")
    assert [block.rows for block in read(path, SMALL).blocks] == [1, 1]


UTF8_BREAKERS = {
    "string": pa.string(),
    "large": pa.large_string(),
    "view": pa.string_view(),
    "list": pa.list_(pa.string()),
    "large_list": pa.large_list(pa.struct({"content": pa.string(), "n": pa.int64()})),
}


@pytest.mark.parametrize("name", UTF8_BREAKERS)
@pytest.mark.parametrize("stored", ["parquet", "file", "stream"])
def test_strings_that_are_no_utf8_cost_their_row(tmp_path: Path, name: str, stored: str) -> None:
    kind = UTF8_BREAKERS[name]
    rows: list[Any] = [b"ok 0", b"\xff\xfe", b"ok 2", b"ok 3", b"\xc3"]
    if name == "list":
        rows = [[b"a", row] for row in rows]
    elif name == "large_list":
        rows = [[{"content": row, "n": 1}] for row in rows]
    column = pa.array(rows, same_layout(kind)).view(kind)
    path = write(pa.table({"text": column}), tmp_path / "a.parquet", stored)
    reading = read(path, ReadOptions(block_bytes=20))
    assert reading.reasons == [("invalid_utf8", 1), ("invalid_utf8", 4)]
    assert [row for row, record in reading.rows.items() if record["text"] is not None] == [0, 2, 3]
