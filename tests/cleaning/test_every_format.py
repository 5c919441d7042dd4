"""A cleaned training set, scanned again, holds nothing: in every format, in every record shape, in every way to clean."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
import zstandard

from auditor.cleaning.tables import body_compression
from tests.cleaning.corpus import FLAT, FORMS, PLANTED, ROWS, SHAPES, contaminated, records, run, scan, summary, write

if TYPE_CHECKING:
    from pathlib import Path

ACTIONS = ("--drop", "--mask", "--drop-turn")


def check(path: Path, train: Path, action: str) -> dict[str, object]:
    """Scan, clean, scan again; the summary of the cleaning."""
    before = scan(path, train)
    assert contaminated(before) == 2
    run("clean", train, "--matches", before / "matches.jsonl", "-o", path / "out", action, "--quiet")
    # the directory, as a person would: our own log in it is passed over
    after = scan(path, path / "out", "again", "--fail-on", "review")
    assert contaminated(after) == 0
    said = summary(path / "out")
    touched = int(said["dropped"]) + int(said["masked"]) + int(said["turns_dropped"])
    assert said["records"] == summary(before)["records_read"]
    assert said["kept"] + touched == said["records"]
    log = [json.loads(line) for line in (path / "out" / "removed.jsonl").read_bytes().splitlines()]
    assert len(log) == touched
    assert summary(after)["records_read"] == said["records"] - said["dropped"]
    return said


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("action", ACTIONS[:2])
def test_every_format(tmp_path: Path, form: str, action: str) -> None:
    said = check(tmp_path, write(tmp_path, records(), form), action)
    if not form.startswith("txt"):
        assert said["records"] == ROWS
        assert said["dropped" if action == "--drop" else "masked"] == len(PLANTED)


@pytest.mark.parametrize("form", ["jsonl", "json", "parquet"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("action", ACTIONS)
def test_every_shape(tmp_path: Path, shape: str, form: str, action: str) -> None:
    said = check(tmp_path, write(tmp_path, records(shape), form), action)
    turns = action == "--drop-turn" and shape not in FLAT
    kind = "turns_dropped" if turns else "masked" if action == "--mask" else "dropped"
    assert said[kind] == len(PLANTED)


def test_turns_go_with_their_answers_and_the_rest_stays(tmp_path: Path) -> None:
    check(tmp_path, write(tmp_path, records("messages"), "jsonl"), "--drop-turn")
    new = (tmp_path / "out/train.jsonl").read_text().splitlines()
    for row, (line, old) in enumerate(zip(new, records("messages"), strict=True)):
        kept = old["messages"][:2] + old["messages"][4:] if row in PLANTED else old["messages"]
        assert json.loads(line) == {**old, "messages": kept}


def test_what_stays_of_a_text_file_stays_byte_for_byte(tmp_path: Path) -> None:
    for form in ("crlf.jsonl", "blank.jsonl", "crlf.csv", "semicolon.csv"):
        folder = tmp_path / form
        folder.mkdir()
        train = write(folder, records(), form)
        check(folder, train, "--drop")
        rows = train.read_bytes().splitlines(keepends=True)
        first = 1 if form.endswith("csv") else 0
        blank = [n for n, row in enumerate(rows) if not row.strip()]
        numbered = [n for n in range(first, len(rows)) if n not in blank]
        gone = {numbered[row] for row in PLANTED}
        mark = b"\xef\xbb\xbf" if form == "crlf.jsonl" else b""  # before the first row, which goes
        expected = mark + b"".join(row for n, row in enumerate(rows) if n not in gone)
        assert (folder / "out" / train.name).read_bytes() == expected


def test_an_array_keeps_its_layout(tmp_path: Path) -> None:
    check(tmp_path, write(tmp_path, records(), "json"), "--drop")
    kept = [row for number, row in enumerate(records()) if number not in PLANTED]
    assert (tmp_path / "out/train.json").read_text() == json.dumps(kept, indent=2) + "\n"


def test_a_masked_record_is_written_in_the_manner_of_its_file(tmp_path: Path) -> None:
    check(tmp_path, write(tmp_path, records("prompt"), "json"), "--mask")
    new = json.loads((tmp_path / "out/train.json").read_text())
    assert (tmp_path / "out/train.json").read_bytes() == json.dumps(new, indent=2).encode() + b"\n"
    for row, (is_now, was) in enumerate(zip(new, records("prompt"), strict=True)):
        if row in PLANTED:
            assert is_now["prompt"].startswith("[benchmark item removed]")
            assert is_now["score"] == was["score"]
        else:
            assert is_now == was


def test_compressed_files_stay_compressed(tmp_path: Path) -> None:
    kept = [n for n in range(ROWS) if n not in PLANTED]
    for form, opened in (("jsonl.gz", gzip.decompress), ("jsonl.zst", zstandard.ZstdDecompressor().decompressobj)):
        folder = tmp_path / form
        folder.mkdir()
        train = write(folder, records(), form)
        check(folder, train, "--drop")
        data = (folder / "out" / train.name).read_bytes()
        text = opened(data) if form.endswith("gz") else opened().decompress(data)
        assert [json.loads(line)["id"] for line in text.splitlines()] == kept
        if form.endswith("gz"):
            assert data[4:9] == bytes([0, 0, 0, 0, 2]), "no time in the header; the source's level"


@pytest.mark.parametrize("form", ["parquet", "gzip.parquet"])
@pytest.mark.parametrize("action", ACTIONS[:2])
def test_parquet_keeps_its_schema_and_layout(tmp_path: Path, form: str, action: str) -> None:
    train = write(tmp_path, records(), form)
    check(tmp_path, train, action)
    before, after = pq.ParquetFile(train), pq.ParquetFile(tmp_path / "out" / train.name)
    assert after.schema_arrow.equals(before.schema_arrow, check_metadata=True)
    assert after.schema.equals(before.schema)
    assert after.metadata.format_version == before.metadata.format_version
    sizes = [4, 3, 1] if action == "--drop" else [5, 5, 2]
    assert [after.metadata.row_group(n).num_rows for n in range(after.metadata.num_row_groups)] == sizes
    for one, other in zip(columns(before), columns(after), strict=True):
        assert (one.compression, one.encodings) == (other.compression, other.encodings)


def columns(file: pq.ParquetFile) -> list[object]:
    group = file.metadata.row_group(0)
    return [group.column(number) for number in range(group.num_columns)]


@pytest.mark.parametrize(("form", "codec", "behind"), [("arrow", None, 8), ("lz4.arrow", "lz4", 8),
                                                       ("stream.arrow", "zstd", 0)])  # fmt: skip
def test_arrow_keeps_its_schema_and_codec(tmp_path: Path, form: str, codec: str | None, behind: int) -> None:
    import pyarrow as pa

    train = write(tmp_path, records("messages"), form)
    check(tmp_path, train, "--drop-turn")
    made = tmp_path / "out" / train.name
    read = pa.ipc.open_stream if "stream" in form else pa.ipc.open_file
    with train.open("rb") as one, made.open("rb") as other:
        assert body_compression(other, behind) == codec
        one.seek(0)
        other.seek(0)
        before, after = read(one), read(other)
        assert after.schema.equals(before.schema, check_metadata=True)
        old, new = before.read_all().to_pylist(), after.read_all().to_pylist()
    for row, (is_now, was) in enumerate(zip(new, old, strict=True)):
        kept = was["messages"][:2] + was["messages"][4:] if row in PLANTED else was["messages"]
        assert is_now == {**was, "messages": kept}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252", "utf-8-sig"])
@pytest.mark.parametrize("action", ACTIONS[:2])
def test_other_encodings(tmp_path: Path, encoding: str, action: str) -> None:
    rows = [{"question": str(r["question"]).replace("東京", "x"), "answer": str(r["answer"]).replace("東京", "x")}
            for r in records()]  # fmt: skip
    text = "question\tanswer\r\n" + "".join(f"{r['question']}\t{r['answer']}\r\n" for r in rows).replace('"', "'")
    train = tmp_path / "train.tsv"
    train.write_bytes(text.encode(encoding))
    before = scan(tmp_path, train, "run", "--encoding", encoding)
    run("clean", train, "--matches", before, "-o", tmp_path / "out", action, "--quiet")
    again = scan(tmp_path, tmp_path / "out", "again", "--encoding", encoding, "--fail-on", "review")
    assert contaminated(again) == 0
    new = (tmp_path / "out/train.tsv").read_bytes().decode(encoding).split("\r\n")
    old = text.split("\r\n")
    if action == "--drop":
        assert new == [line for number, line in enumerate(old) if number - 1 not in PLANTED]
    else:
        assert [a == b for a, b in zip(old, new, strict=True)] == [n - 1 not in PLANTED for n in range(len(old))]
