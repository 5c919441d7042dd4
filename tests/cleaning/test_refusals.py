"""Cleaning refuses what it cannot do right, and what it does not finish is not there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from auditor.cleaning import Action, CleanOptions, clean
from auditor.errors import AuditorError, InputError, OutputError
from tests.cleaning.corpus import benchmark, contaminated, lines, parquet, records, run, scan, shape, summary, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def scanned(tmp_path: Path) -> tuple[Path, Path]:
    """A training file and the directory of its scan."""
    train = write(tmp_path, records(), "jsonl")
    return train, scan(tmp_path, train)


def refused(train: object, matches: Path, out: Path, words: str, *more: object, kind: type = InputError) -> None:
    """Cleaning says the words, and writes nothing."""
    before = sorted(out.parent.iterdir()) if out.parent.is_dir() else []
    with pytest.raises(kind, match=words):
        run("clean", train, "--matches", matches, "-o", out, *more)
    assert (sorted(out.parent.iterdir()) if out.parent.is_dir() else []) == before, "nothing was left behind"


def test_a_training_set_that_changed(scanned: tuple[Path, Path], tmp_path: Path) -> None:
    train, before = scanned
    original = train.read_bytes()
    train.write_bytes(original + lines([shape("question", 3)]))
    refused(train, before, tmp_path / "out", "changed since the scan")
    train.write_bytes(original.replace(b"river", b"rivex", 1))
    refused(train, before, tmp_path / "out", "changed since the scan")
    train.write_bytes(original)
    run("clean", train, "--matches", before, "-o", tmp_path / "out")


def test_a_training_set_that_has_grown_or_shrunk_by_a_file(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write(data, records(), "jsonl")
    write(data, records("text"), "json")
    before = scan(tmp_path, data)
    (data / "new.jsonl").write_bytes(lines([shape("text", 3)]))
    refused(data, before, tmp_path / "out", r"new\.jsonl is not what was scanned: the training set has grown")
    (data / "new.jsonl").unlink()
    (data / "train.json").unlink()
    refused(data, before, tmp_path / "out", r"the scan also read .*train\.json")


def test_a_training_set_that_was_moved(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "deep").mkdir(parents=True)
    write(data, records(), "jsonl")
    write(data / "deep", records("text"), "jsonl")
    before = scan(tmp_path, data)
    data.rename(tmp_path / "moved")
    run("clean", tmp_path / "moved", "--matches", before, "-o", tmp_path / "out", "--quiet")
    assert contaminated(scan(tmp_path, tmp_path / "out", "again")) == 0
    assert sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.jsonl")) == [
        "deep/train.jsonl", "removed.jsonl", "train.jsonl",
    ]  # fmt: skip


def test_matches_that_are_not_of_this_run(scanned: tuple[Path, Path], tmp_path: Path) -> None:
    train, before = scanned
    rows = [json.loads(line) for line in (before / "matches.jsonl").read_bytes().splitlines()]
    other = tmp_path / "other"
    for edit, words in (
        ({"source": "elsewhere.jsonl"}, "names elsewhere.jsonl"),
        ({"benchmark": "unheard"}, "names the benchmark unheard"),
        ({"row": 3}, "lists 4 contaminated records|does not hold"),
        ({"row": 99}, "names row 99 of .* which has 12"),
        ({"item_id": "unseen"}, "lists 3 contaminated items of sums, and summary.json says 2"),
    ):
        shutil.rmtree(other, ignore_errors=True)
        shutil.copytree(before, other)
        (other / "matches.jsonl").write_bytes(lines([{**rows[0], **edit}, *rows[1:]]))
        if edit == {"row": 3}:
            refused(train, other, tmp_path / "out", "does not hold what matches.jsonl says", "--mask")
        else:
            refused(train, other, tmp_path / "out", words)
    (other / "matches.jsonl").write_bytes(lines(rows[1:]))
    refused(train, other, tmp_path / "out", "lists 3 contaminated records of sums, and summary.json says 4")
    (other / "matches.jsonl").write_bytes(b"{}\n")
    refused(train, other, tmp_path / "out", "line 1 is not a match")
    (other / "summary.json").unlink()
    refused(train, other, tmp_path / "out", "has no summary.json beside it")
    refused(train, tmp_path / "nothing.jsonl", tmp_path / "out", "no such file")
    refused(train, tmp_path, tmp_path / "out", "no such file")


def test_scans_that_are_not_whole(scanned: tuple[Path, Path], tmp_path: Path) -> None:
    train, before = scanned
    said = summary(before)
    for edit, words in (
        ({"interrupted": True}, "interrupted"),
        ({"sources": [{**said["sources"][0], "complete": False}]}, "was not read to its end"),
        ({"sources": [{"source": "x"}]}, "is not the summary of a scan"),
        ({"reading": {"unheard": 1}}, "is not the summary of a scan"),
        ({"schema_version": 99}, "schema version"),
    ):
        (before / "summary.json").write_text(json.dumps({**said, **edit}))
        refused(train, before, tmp_path / "out", words)


def test_spans_that_cannot_be_masked(scanned: tuple[Path, Path], tmp_path: Path) -> None:
    train, before = scanned
    text = (before / "matches.jsonl").read_text().replace('"detector":"ngram"', '"detector":"rephrase"')
    (before / "matches.jsonl").write_text(text)
    refused(train, before, tmp_path / "out", "minhash and ngram only, and some are of rephrase", "--mask")
    run("clean", train, "--matches", before, "-o", tmp_path / "out")
    with pytest.raises(InputError, match="one line that is not blank"):
        CleanOptions(Action.MASK, mask=" ")
    with pytest.raises(InputError, match="not valid Unicode"):
        CleanOptions(Action.MASK, mask="\ud800")


def test_it_never_writes_over_anything(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    train = write(data, records(), "jsonl")
    before = scan(tmp_path, data)
    old = train.read_bytes()
    link = tmp_path / "link"
    link.symlink_to(data)
    refused(data, before, data, "lies in the training set")
    refused(data, before, data / "out", "lies in the training set")
    refused(data, before, link, "lies in the training set")
    refused(data, before, link / "deep" / "out", "lies in the training set")
    refused(link, before, data / "out", "lies in the training set")
    refused(train, scan(tmp_path, train, "one"), data, "lies in the output")
    refused(data, before, train, "is a file", kind=Exception)
    refused(data, before, before, "is not empty", kind=OutputError)
    hard = tmp_path / "hard"
    hard.mkdir()
    os.link(train, hard / "train.jsonl")
    refused(data, before, hard, "is not empty", kind=OutputError)
    assert train.read_bytes() == old
    (tmp_path / "empty").mkdir()
    (tmp_path / "to-empty").symlink_to(tmp_path / "empty")
    run("clean", data, "--matches", before, "-o", tmp_path / "to-empty")
    assert (tmp_path / "empty" / "train.jsonl").is_file()


def test_the_two_outputs_are_apart(scanned: tuple[Path, Path], tmp_path: Path) -> None:
    train, before = scanned
    more = ("-b", benchmark(tmp_path), "--benchmark-out")
    for other in ("out", "out/sub", "."):
        refused(train, before, tmp_path / "out", "lie in one another|lies in the output", *more, tmp_path / other)
    refused(train, before, tmp_path / "out", "needs the benchmarks", "--benchmark-out", tmp_path / "sub")
    refused(train, before, tmp_path / "out", "give that, too", "-b", benchmark(tmp_path), kind=Exception)
    refused(train, before, tmp_path / "out", "give that, too", "--mask-text", "x", kind=Exception)


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.argv = ["auditor", *sys.argv[2:]]
from auditor.cli import main
main()
"""


@pytest.mark.parametrize("form", ["jsonl", "json", "txt.zst", "parquet", "arrow"])
def test_a_disk_that_fills_half_way(tmp_path: Path, form: str) -> None:
    """A limit on the size of files stands for the disk: the write fails in the middle of one."""
    data = tmp_path / "data"
    data.mkdir()
    write(data, records(), form)
    write(data, [shape("text", 3)], "jsonl.gz")
    before = scan(tmp_path, data)
    there = sorted(tmp_path.iterdir())
    words = ["clean", str(data), "--matches", str(before), "-o", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", LIMITED, "1500", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "cannot write" in done.stderr
    assert "a file may not grow that large here" in done.stderr
    assert sorted(tmp_path.iterdir()) == there


def test_an_output_that_cannot_be_made(scanned: tuple[Path, Path], tmp_path: Path) -> None:
    train, before = scanned
    (tmp_path / "file").write_text("")
    refused(train, before, tmp_path / "file" / "out", "a file of that name is in the way", kind=OutputError)


def test_names_that_would_meet(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "summary.json").write_bytes(lines(records()))
    before = scan(tmp_path, data)
    refused(data, before, tmp_path / "out", "has the name of a file that cleaning writes itself")
    (data / "summary.json").rename(data / "a.jsonl")
    (data / "A.jsonl").write_bytes(lines([shape("text", 3)]))
    if len(list(data.iterdir())) == 2:  # a file system that tells the two apart
        refused(data, scan(tmp_path, data, "both"), tmp_path / "out", "would both become")


def test_a_pipe_cannot_be_read_twice(scanned: tuple[Path, Path], tmp_path: Path) -> None:
    _, before = scanned
    os.mkfifo(tmp_path / "pipe.jsonl")
    refused(tmp_path / "pipe.jsonl", before, tmp_path / "out", "is a pipe")


def test_an_encoding_that_is_not_written_back(tmp_path: Path) -> None:
    """In UTF-7, one text has several spellings."""
    rows = records()
    text = "question\n" + "".join(str(row["question"]).replace('"', "") + "\n" for row in rows)
    train = tmp_path / "train.tsv"
    train.write_bytes(text.encode("utf-7").replace(b"Natalia", b"+AE4-atalia"))
    before = scan(tmp_path, train, "run", "--encoding", "utf-7")
    refused(train, before, tmp_path / "out", "several ways to write its text")


def test_a_mask_that_the_encoding_cannot_write(tmp_path: Path) -> None:
    train = tmp_path / "train.tsv"
    train.write_bytes(
        b"question\n" + "".join(str(row["question"]) + "\n" for row in records()).encode("cp1252", "ignore")
    )
    before = scan(tmp_path, train, "run", "--encoding", "cp1252")
    refused(train, before, tmp_path / "out", "cannot be written in cp1252", "--mask", "--mask-text", "→")


def test_damaged_files_are_not_written_back(tmp_path: Path) -> None:
    data = write(tmp_path, records(), "jsonl.gz")
    data.write_bytes(data.read_bytes()[:-20])
    before = scan(tmp_path, data)
    refused(data, before, tmp_path / "out", "was not read to its end")
    table = tmp_path / "t.parquet"
    table.write_bytes(parquet(records()))
    before = scan(tmp_path, table, "table")
    broken = bytearray(table.read_bytes())
    broken[300:340] = bytes(40)
    table.write_bytes(broken)
    said = summary(before)
    import xxhash

    said["sources"][0]["xxh3_128"] = xxhash.xxh3_128(bytes(broken)).hexdigest()
    (before / "summary.json").write_text(json.dumps(said))
    refused(table, before, tmp_path / "out", "could not be read to its end|codec|changed", kind=AuditorError)


def test_records_that_the_scan_could_not_read_stay(tmp_path: Path) -> None:
    train = tmp_path / "train.jsonl"
    bad = b'{"text": broken\n{"no": "text"}\n\xff\xfe\n'
    train.write_bytes(lines(records()[:4]) + bad + lines(records()[4:]))
    before = scan(tmp_path, train, "run", "--max-skipped", "1")
    result = clean(train, before, tmp_path / "out")
    assert (tmp_path / "out/train.jsonl").read_bytes() == lines(
        [row for n, row in enumerate(records()[:4]) if n != 0]
    ) + bad + lines([row for n, row in enumerate(records()) if n >= 4 and n not in (5, 6, 11)])
    assert result.summary["not_judged"] == 3
    assert result.summary["records"] == 15
    assert result.summary["kept"] == 11
