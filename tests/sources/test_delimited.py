"""CSV and TSV: rows keep their numbers whatever is wrong with others."""

from __future__ import annotations

import csv
import io
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import SourceError
from auditor.sources import ReadOptions, discover, open_source
from auditor.sources.delimited import read_delimited
from auditor.sources.raw import Peekable

from .reading import SMALL, read
from .test_lines import Trickle

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_rows_over_many_blocks(tmp_path: Path) -> None:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(["id", "text", "label", "answer"])
    rows = [[str(n), f'line, "one"\nline {n}' + "x" * (n % 90), "l", str(n * 2)] for n in range(300)]
    writer.writerows(rows)
    reading = read(write(tmp_path / "a.csv", written.getvalue()), SMALL)
    assert list(reading.rows.values()) == [{"text": row[1], "answer": row[3]} for row in rows]
    assert reading.skips == []
    assert len(reading.blocks) > 50


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("a.csv", "text\na\n\nb\n", ["a", "b"]),
        ("a.csv", "\ufefftext,n\r\na,1\r\nb,2", ["a", "b"]),
        ("a.csv", "text;n\na,b;1\n", ["a,b"]),
        ("a.csv", "n,text,text\n1,a,b\n", ["a"]),
        ("a.csv", ' text ,\n"{""k"": 1}",2\n', ['{"k": 1}']),
        ("a.tsv", "text\tn\na,b\t1\n", ["a,b"]),
        ("a.tab", "text\na\n", ["a"]),
        ("a.csv", 'text,n\n"",1\n,2\n', ["", ""]),
    ],
    ids=["blank-line", "bom-crlf", "semicolon", "same-name-twice", "spaced-name", "tsv", "one-column", "empty-cells"],
)
def test_dialects(tmp_path: Path, name: str, content: str, texts: list[str]) -> None:
    reading = read(write(tmp_path / name, content))
    assert [row["text"] for row in reading.rows.values()] == texts
    assert reading.skips == []


def test_broken_rows_are_null_and_counted(tmp_path: Path) -> None:
    content = b'text,n\ngood 0,0\nshort\n"good 2",2\nlong,3,3,3\nbad \xff\xfe,4\ngood 5,5\n'
    reading = read(write(tmp_path / "a.csv", content))
    assert {row: record["text"] for row, record in reading.rows.items()} == {
        0: "good 0",
        1: None,
        2: "good 2",
        3: None,
        4: None,
        5: "good 5",
    }
    assert reading.reasons == [("malformed_row", 1), ("malformed_row", 3), ("invalid_utf8", 4)]
    assert reading.skips[0].detail == "1 cells under a header of 2"
    both = read(write(tmp_path / "c.csv", b"text,n\ngood,0\nbad \xff\nbad \xfe,2\ngood,3\n"))
    assert both.reasons == [("malformed_row", 1), ("invalid_utf8", 2)]
    assert [record["text"] for record in both.rows.values()] == ["good", None, None, "good"]
    only_broken = read(write(tmp_path / "b.csv", "text,n\na\nb\n"))
    assert only_broken.reasons == [("malformed_row", 0), ("malformed_row", 1)]
    assert only_broken.rows == {0: {"text": None}, 1: {"text": None}}


def test_numbers_go_on_behind_broken_rows(tmp_path: Path) -> None:
    draw = random.Random(1)
    rows = [f"row {n},{n}" if draw.random() < 0.8 else f"row {n}" for n in range(500)]
    reading = read(write(tmp_path / "a.csv", "text,n\n" + "\n".join(rows) + "\n"), SMALL)
    good = {n: row.split(",")[0] for n, row in enumerate(rows) if "," in row}
    assert {n: record["text"] for n, record in reading.rows.items() if record["text"] is not None} == good
    assert [row for _, row in reading.reasons] == [n for n in range(500) if n not in good]


def test_a_quote_that_is_never_closed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'n,text\n1,ok\n2,"never closed\n3,lost\n')
    reading = read(path)
    assert reading.reasons == [("unterminated_quote", 1)]
    assert reading.rows[0] == {"text": "ok"}
    assert "3,lost" in reading.rows[1]["text"]
    path.write_bytes(path.read_bytes() + b"more\n" * 1000)
    reading = read(path, SMALL)
    assert reading.reasons == [("unterminated_quote", 1)]
    assert reading.texts()[1, "text"].endswith("more\n" * 1000)


def test_long_rows_come_in_pieces(tmp_path: Path) -> None:
    written = io.StringIO()
    writer = csv.writer(written)
    long = "".join(f'word {n}, "quoted" é\n' for n in range(400))
    writer.writerow(["id", "prompt", "completion"])
    writer.writerows([["1", "short", "also"], ["2", long, "tail"], ["3", "after", "it"], ["4", "x", long + "end"]])
    content = written.getvalue().encode()
    reading = read(write(tmp_path / "a.csv", content), SMALL)
    assert reading.texts() == {
        (1, "prompt"): long,
        (1, "completion"): "tail",
        (3, "prompt"): "x",
        (3, "completion"): long + "end",
    }
    assert {piece.role for piece in reading.pieces if piece.field == "completion"} == {"assistant"}
    assert {row: record["prompt"] for row, record in reading.rows.items()} == {0: "short", 2: "after"}
    assert reading.skips == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b'1,"' + b"x" * 3000 + b'",extra', "malformed_row"),
        (b"1," + b"x" * 3000 + b"\xff", "invalid_utf8"),
        (b"x" * 3000, "malformed_row"),
    ],
)
def test_broken_long_rows(tmp_path: Path, row: bytes, reason: str) -> None:
    reading = read(write(tmp_path / "a.csv", b"n,text\n" + row + b"\n2,after\n"), SMALL)
    assert reading.reasons == [(reason, 0)]
    assert reading.rows == {1: {"text": "after"}}


def test_no_text_column_names_those_that_are_there(tmp_path: Path) -> None:
    (source,), _ = discover([write(tmp_path / "a.csv", "id,url,\x1b[31mred\n1,2,3\n")], SMALL)
    with pytest.raises(
        SourceError, match=r"no text field in .*a.csv; fields that are there: id, url, \ufffd\[31mred; use"
    ):
        open_source(source, SMALL)
    reading = read(tmp_path / "a.csv", ReadOptions(text_fields=("url",)))
    assert reading.rows == {0: {"url": "2"}}


def test_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    for content in ("text,n", "text,n\n", "text,n\r\n\r\n"):
        reading = read(write(tmp_path / "a.csv", content))
        assert (reading.rows, reading.skips) == ({}, [])


cells = st.text(st.sampled_from('a",\n\r é'), max_size=12)


@settings(max_examples=60)
@given(st.lists(st.tuples(cells, cells), max_size=12), st.integers(1, 60), st.lists(st.integers(1, 30), min_size=1))
def test_what_was_written_is_read_whatever_the_cuts(rows: list[tuple[str, str]], block: int, cuts: list[int]) -> None:
    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_ALL)
    writer.writerow(["text", "code"])
    writer.writerows(rows)
    stream = Peekable(Trickle(written.getvalue().encode(), cuts))
    options = ReadOptions(block_bytes=block, max_record_bytes=10_000)
    found = [
        record for draft in read_delimited(stream, ",", options, "s") for record in draft.payload.batch.to_pylist()
    ]
    assert [(record["text"], record["code"]) for record in found] == rows
