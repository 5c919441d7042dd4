"""What a file is, told from its bytes before its name; and clear errors for what cannot be read."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from auditor.errors import SourceError
from auditor.sources import ReadOptions, describe_fields, discover, no_text_field, open_source

from .reading import SMALL, read

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = [{"text": f'row {n} [x] \\ " }}'} for n in range(200)]
ALL = ReadOptions()


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "no_extension"])
@pytest.mark.parametrize(
    "layout",
    ["array", "array-indented", "array-one-per-line", "lines", "objects-indented", "bom-array"],
)
def test_json_layouts(tmp_path: Path, name: str, layout: str) -> None:
    content = {
        "array": json.dumps(RECORDS),
        "array-indented": json.dumps(RECORDS, indent=2) + "\n",
        "array-one-per-line": "[\n" + ",\n".join(map(json.dumps, RECORDS)) + "\n]\n",
        "lines": "\n".join(map(json.dumps, RECORDS)),
        "objects-indented": "\n".join(json.dumps(record, indent=2) for record in RECORDS),
        "bom-array": "\ufeff" + json.dumps(RECORDS),
    }[layout]
    (tmp_path / name).write_text(content)
    reading = read(tmp_path / name, SMALL)
    assert reading.records == RECORDS
    assert list(reading.lines) == list(range(len(RECORDS)))
    assert reading.skips == []


def test_a_broken_first_line_is_no_object_over_lines(tmp_path: Path) -> None:
    for first in ('{"text": "cut', '{"text": [1,'):
        (tmp_path / "a.jsonl").write_text(first + '\n{"text": "b"}\n')
        assert list(read(tmp_path / "a.jsonl").lines.values()) == [first.encode(), b'{"text": "b"}']
    (tmp_path / "a.jsonl").write_text('[1]\n{"text": "b"}\n')
    assert list(read(tmp_path / "a.jsonl").lines.values()) == [b"[1]", b'{"text": "b"}']
    (tmp_path / "a.jsonl").write_text('[\n{"text": "b"}]')
    assert list(read(tmp_path / "a.jsonl", ReadOptions(format="jsonl")).lines.values()) == [b"[", b'{"text": "b"}]']


@pytest.mark.parametrize(
    ("content", "records", "reason"),
    [
        ('[{"text": "a"}, {"text": "b"}', 2, "unterminated_json_array"),
        ('[{"text": "a"}, {"te', 2, "unterminated_json_array"),
        ('[{"text": "a"}] trailing', 1, "garbage_after_json_array"),
        ('{\n "text": "a"\n}\n{\n "te', 2, "unterminated_json_value"),
    ],
)
def test_broken_json_keeps_what_was_readable(tmp_path: Path, content: str, records: int, reason: str) -> None:
    (tmp_path / "a.json").write_text(content)
    reading = read(tmp_path / "a.json")
    assert len(reading.lines) == records
    assert json.loads(reading.lines[0]) == {"text": "a"}
    assert reading.reasons == [(reason, None)]


def test_a_long_element_of_an_array(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"text": "x" * 5000}, {"text": "b"}], indent=1))
    reading = read(tmp_path / "a.json", SMALL)
    assert reading.texts() == {(0, "text"): "x" * 5000}
    assert json.loads(reading.lines[1]) == {"text": "b"}


@pytest.mark.parametrize("content", ["[]", " [ ]\n", "", "\n"])
def test_no_records(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    assert read(tmp_path / "a.json").records == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", os.urandom(5000), "is binary, or text that is not UTF-8"),
        ("a.csv", bytes(range(256)) * 10, "is binary"),
        ("a.txt", "text".encode("utf-16"), "is UTF-16; read it with --encoding utf-16"),
        ("a.jsonl", '{"text": "abc"}'.encode("utf-16-le"), "is UTF-16-LE"),
        ("a.jsonl", '{"text": "abc"}'.encode("utf-16-be"), "is UTF-16-BE"),
        ("a.jsonl", "text".encode("utf-32"), "is UTF-32"),
        ("a.jsonl", b"BZh91AY", "bunzip2"),
        ("a.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "run git lfs pull"),
        ("a.zip", b"PK\x03\x04 and so on", "unpack it first"),
        ("a.md", b"# A title\n", "cannot tell the format of .*a.md; give it an extension: read are .json"),
        ("notes", b"some words", "cannot tell the format"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    (source,), _ = discover([tmp_path / name], ALL)
    with pytest.raises(SourceError, match=message):
        open_source(source, ALL)


def test_a_named_format_overrides_the_name(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A title\n")
    assert read(tmp_path / "a.md", ReadOptions(format="txt")).pieces[0].text == "# A title\n"


def test_a_file_that_went_away(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{}")
    (source,), _ = discover([tmp_path / "a.jsonl"], ALL)
    (tmp_path / "a.jsonl").unlink()
    with pytest.raises(SourceError, match=r"no such file: .*a.jsonl; it was there"):
        open_source(source, ALL)
    (tmp_path / "a.jsonl").mkdir()
    with pytest.raises(SourceError, match=r"cannot open .*a.jsonl"):
        open_source(source, ALL)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{}")
    (tmp_path / "a.jsonl").chmod(0)
    (source,), _ = discover([tmp_path / "a.jsonl"], ALL)
    with pytest.raises(SourceError, match=r"no permission to read .*a.jsonl"):
        open_source(source, ALL)


def test_fields_that_are_there(tmp_path: Path) -> None:
    lines = ['{"id": 1, "meta": {"title": "t", "n": 1}}', "broken", "[]", '{"url": null}']
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    assert describe_fields(read(tmp_path / "a.jsonl").blocks[0]) == ["id", "meta", "meta.title", "url"]
    (tmp_path / "a.csv").write_text("text\na\n")
    assert describe_fields(read(tmp_path / "a.csv").blocks[0]) == ["text"]
    (tmp_path / "a.txt").write_text("a\n")
    assert describe_fields(read(tmp_path / "a.txt").blocks[0]) == ["text"]
    many = str(no_text_field("s", [f"field_{n}" for n in range(50)] + ["x" * 100]))
    assert many.endswith("field_39 and 11 more; use --text-field")
    assert "none" in str(no_text_field("s", []))
