"""`auditor scan` as a person runs it: exit codes, help, and what it says of bad input."""

from __future__ import annotations

import gzip
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from click.testing import CliRunner
from command import argv, auditor, environment, outputs, summary_of
from made import documents, inside, make_items, read_lines, whole, write_benchmark, write_lines

from auditor.cli import COMMANDS, cli
from auditor.index import BenchmarkIndex

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = make_items()
FOUND = json.dumps({"text": whole(ITEMS[5])}).encode() + b"\n"
CLEAN = b"".join(json.dumps({"text": text}).encode() + b"\n" for text in documents(20))


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    return write_benchmark(tmp_path / "bench.jsonl", ITEMS)


def scan(train: object, bench: Path, *more: object) -> subprocess.CompletedProcess[str]:
    return auditor("scan", train, "-b", bench, "-o", bench.parent / "out", *more)


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def found_rows(bench: Path) -> list[tuple[int, str, str]]:
    return [
        (m["row"], m["item_id"], m["verdict"])
        for m in read_lines(bench.parent / "out" / "matches.jsonl")
        if m["detector"] == "ngram"
    ]


# Exit codes and options


def test_findings_are_1(tmp_path: Path, bench: Path) -> None:
    done = scan(write(tmp_path / "t.jsonl", CLEAN + FOUND), bench)
    assert done.returncode == 1
    assert "bench: 1 of 40 items contaminated, 0 to review" in done.stdout
    assert f"Report: {tmp_path / 'out' / 'report.md'}" in done.stdout
    assert found_rows(bench) == [(20, "item-5", "contaminated")]
    assert done.stderr == ""


def test_nothing_found_is_0(tmp_path: Path, bench: Path) -> None:
    done = scan(write(tmp_path / "t.jsonl", CLEAN), bench, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert summary_of(tmp_path / "out")["complete"]


def test_the_verdict_from_which_on_it_fails(tmp_path: Path, bench: Path) -> None:
    half = inside(" ".join(ITEMS[7].question.split()[:13]), documents(1, seed=4)[0])
    train = write_lines(tmp_path / "t.jsonl", [{"text": half}])
    assert scan(train, bench).returncode == 0
    assert scan(train, bench, "--fail-on", "review").returncode == 1
    train = write(tmp_path / "f.jsonl", FOUND)
    assert scan(train, bench, "--fail-on", "never").returncode == 0


def test_the_share_that_may_be_lost(tmp_path: Path, bench: Path) -> None:
    train = write(tmp_path / "t.jsonl", CLEAN + b"{broken\n")
    done = scan(train, bench)
    assert done.returncode == 3
    assert "skipped: 1 × invalid_json" in done.stderr
    assert scan(train, bench, "--max-skipped", "0.05").returncode == 0
    assert scan(train, bench, "--max-skipped", "0.04").returncode == 3
    # a finding is certain, whatever could not be read
    assert scan(write(tmp_path / "t.jsonl", FOUND + b"{broken\n"), bench).returncode == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name at least one file, directory, glob or URL to scan"),
        (("t.jsonl",), "name at least one benchmark to look for"),
        (("t.jsonl", "-b", "b.jsonl", "--set", "min_run"), "give NAME=VALUE"),
        (("t.jsonl", "-b", "b.jsonl", "--set", "nothing=1"), "auditor scan --thresholds"),
        (("t.jsonl", "-b", "b.jsonl", "--set", "min_run=x"), "'x' is not a number such as 3"),
        (("t.jsonl", "-b", "b.jsonl", "--set", "contaminated_weight=nan"), "must be a number of at least 0"),
        (("t.jsonl", "-b", "b.jsonl", "--set", "ngram_size=99"), "ngram_size must be from 2 to 32"),
        (("t.jsonl", "-b", "b.jsonl", "-d", "magic"), "unknown detector: magic; there are: "),
        (("t.jsonl", "-b", "b.jsonl", "--workers", "0"), "--workers"),
        (("t.jsonl", "-b", "b.jsonl", "--max-skipped", "2"), "--max-skipped"),
        (("t.jsonl", "-b", "b.jsonl", "--schema", "nothing"), "unknown schema 'nothing'; it is one of: text"),
        (("t.jsonl", "-b", "b.jsonl", "--format", "doc"), "unknown format 'doc'; it is one of: json"),
        (("t.jsonl", "-b", "b.jsonl", "--encoding", "utf-99"), "unknown encoding 'utf-99'"),
        (("t.jsonl", "-b", "b.jsonl", "--text-field", "a..b"), "a text field is a dotted path"),
        (("no.jsonl", "-b", "b.jsonl"), "no such file: no.jsonl"),
        (("*.nothing", "-b", "b.jsonl"), "the glob *.nothing matches no file"),
        (("t.jsonl", "-b", "gsm8"), "Did you mean gsm8k"),
        (("t.jsonl", "-b", "b.jsonl", "-b", "b=b.jsonl"), "two benchmarks are called 'b'"),
        (("t.jsonl", "-b", "b.jsonl", "--address", "head:6379"), "the engine is 'local': add --engine ray"),
        (("t.jsonl", "-b", "b.jsonl", "-o", "t.jsonl"), "t.jsonl"),
        (("t.jsonl", "-b", "b.jsonl", "-o", "t.jsonl/out"), "cannot write t.jsonl/out"),
    ],
)
def test_a_wrong_call_is_2(tmp_path: Path, bench: Path, arguments: tuple[str, ...], message: str) -> None:
    bench.rename(tmp_path / "b.jsonl")
    write(tmp_path / "t.jsonl", CLEAN)
    done = auditor("scan", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stdout
    assert message in done.stderr
    assert done.stdout == ""


def test_thresholds_are_listed_and_set(tmp_path: Path, bench: Path) -> None:
    done = auditor("scan", "--thresholds")
    assert done.returncode == 0
    assert "contaminated_containment = 0.75" in done.stdout
    train = write(tmp_path / "t.jsonl", FOUND)
    assert scan(train, bench, "--set", "contaminated_weight=9999", "--set", "supported_weight=9999").returncode == 0
    config = summary_of(tmp_path / "out")["config"]
    assert (config["contaminated_weight"], config["supported_weight"]) == (9999.0, 9999.0)


def test_every_command_has_help_with_an_example() -> None:
    for name in [*COMMANDS, "suites list", "suites fetch", "suites show"]:
        result = CliRunner().invoke(cli, [*name.split(), "--help"])
        assert result.exit_code == 0
        assert "Example" in result.output or name == "suites", name


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys; sys.argv = ['auditor', '--help']\nfrom auditor.cli import main\n"
        "try:\n    main()\nexcept SystemExit as error:\n    assert error.code == 0\n"
        "print(sorted({'numba', 'pyarrow', 'torch', 'matplotlib', 'ray', 'numpy', 'scipy'} & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run([*argv()[:2], program], capture_output=True, text=True, check=True, env=environment())
    assert done.stderr == "[]\n"
    assert "Look for benchmark items" in done.stdout


def test_the_index_that_was_saved(tmp_path: Path, bench: Path) -> None:
    from auditor import ScanConfig, load_benchmark

    BenchmarkIndex.build([load_benchmark(str(bench))], ScanConfig()).save(tmp_path / "index")
    train = write(tmp_path / "t.jsonl", FOUND)
    assert auditor("scan", train, "-b", tmp_path / "index", "-o", tmp_path / "out").returncode == 1
    header = tmp_path / "index" / "index.json"
    header.write_text(header.read_text().replace('"index_version": ', '"index_version": 9'))
    done = auditor("scan", train, "-b", tmp_path / "index", "-o", tmp_path / "out")
    assert done.returncode == 2
    assert "was made by auditor" in done.stderr
    assert "build it anew" in done.stderr


# Bad input: errors

REFUSED = {
    "empty file": (b"", "empty_file"),
    "blank lines": (b"\n\n  \n", "An audit of nothing is not a clean audit"),
    "binary junk": (random.Random(1).randbytes(5000), "is binary, or text that is not UTF-8; name the encoding"),
    "all broken": (b'{"a": broken}\n' * 3, "3 × invalid_json"),
    "missing text field": (b'{"body":"x","title":"y"}\n' * 3, "fields that are there: body, title; use --text-field"),
    "UTF-16": ('{"text":"x"}\n' * 20).encode("utf-16"),
    "zip": (b"PK\x03\x04rest", "a zip archive: unpack it first"),
}  # fmt: skip
REFUSED["UTF-16"] = (('{"text":"x"}\n' * 20).encode("utf-16"), "read it with --encoding utf-16")


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_at_all_is_2(tmp_path: Path, bench: Path, kind: str) -> None:
    content, message = REFUSED[kind]  # type: ignore[misc]
    done = scan(write(tmp_path / "t.jsonl", content), bench)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert not (tmp_path / "out" / "summary.json").exists()


def test_a_directory_of_nothing(tmp_path: Path, bench: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = scan(tmp_path / "empty", bench)
    assert done.returncode == 2
    assert "holds no data file" in done.stderr
    assert "read are .json" in done.stderr


def test_no_permission(tmp_path: Path, bench: Path) -> None:
    closed = write(tmp_path / "train" / "closed.jsonl", FOUND)
    write(tmp_path / "train" / "open.jsonl", CLEAN)
    closed.chmod(0)
    if os.access(closed, os.R_OK):
        pytest.skip("root may read everything")
    assert scan(closed, bench).returncode == 2
    assert scan(tmp_path / "train", bench).returncode == 3


def test_a_full_disk(tmp_path: Path, bench: Path) -> None:
    rows = [{"text": whole(ITEMS[n % 40])} for n in range(2000)]
    train = write_lines(tmp_path / "t.jsonl", rows)
    assert scan(train, bench).returncode == 1
    shutil.rmtree(tmp_path / "out")

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = auditor("scan", train, "-b", bench, "-o", tmp_path / "out", preexec_fn=little_room)
    assert done.returncode == 2
    assert "cannot write" in done.stderr
    assert "--resume" in done.stderr
    assert not (tmp_path / "out" / "summary.json").exists()
    again = scan(train, bench, "--resume")
    assert again.returncode == 1
    assert len(found_rows(bench)) == 2000


# Bad input: counted skips

LINE = FOUND[9:]
COUNTED = {
    "truncated gzip": ("t.jsonl.gz", gzip.compress(FOUND + CLEAN * 50)[:-300], {"truncated_gzip": 1, "invalid_json": 1}),
    "truncated zstd": ("t.jsonl.zst", zstandard.compress(FOUND + CLEAN * 50)[:-50], None),
    "invalid UTF-8": ("t.jsonl", CLEAN + b'{"text":"\xff"}\n' + FOUND, {"invalid_utf8": 1}),
    "deep nesting": ("t.jsonl", b'{"a":' + b"[" * 600 + b"]" * 600 + b"}\n" + FOUND, {"too_deeply_nested": 1}),
    "endless nesting": ("t.jsonl", b'{"a":' + b"[" * 100_000 + b"\n" + FOUND, {"too_deeply_nested": 1}),
    "one broken line": ("t.jsonl", CLEAN * 300 + b'{"text": "a\n' + FOUND, {"invalid_json": 1}),
    "mixed schemas": ("t.jsonl", b'{"body":"x"}\n{"prompt":"x","completion":"y"}\n' + FOUND, {"no_text_field": 1}),
    "not objects": ("t.jsonl", b'[1]\n"x"\n3\n' + FOUND, {"not_an_object": 3}),
    "NaN": ("t.jsonl", b'{"score": NaN, "rank": -Infinity, "text":' + LINE, {}),
    "lone surrogates": ("t.jsonl", b'{"x": "\\ud800", "text":' + LINE.replace(b". ", b" \\udfff. ", 1), {}),
    "a number without end": ("t.jsonl", b'{"n": ' + b"9" * 9000 + b', "text":' + LINE, {}),
    "byte order mark": ("t.jsonl", b"\xef\xbb\xbf" + FOUND, {}),
    "no last line feed": ("t.jsonl", CLEAN + FOUND[:-1], {}),
    "carriage returns": ("t.jsonl", (CLEAN + FOUND).replace(b"\n", b"\r\n"), {}),
    "bytes after gzip": ("t.jsonl.gz", gzip.compress(FOUND) + b"junk", None),
    "array cut short": ("t.json", b"[" + FOUND.strip() + b',\n{"text": "x', {"unterminated_json_array": 1, "invalid_json": 1}),
}  # fmt: skip


@pytest.mark.parametrize("kind", COUNTED)
def test_what_cannot_be_read_is_counted(tmp_path: Path, bench: Path, kind: str) -> None:
    name, content, skipped = COUNTED[kind]
    done = scan(write(tmp_path / name, content), bench)
    summary = summary_of(tmp_path / "out")
    if skipped is None:
        assert summary["records_skipped"]
    else:
        assert summary["records_skipped"] == skipped
    for reason, count in summary["records_skipped"].items():
        assert f"skipped: {count} × {reason}" in done.stderr
    assert summary["complete"] == (not summary["records_skipped"])
    if "zst" in name:
        # zstd decodes block by block, and here the one block is cut
        assert done.returncode in {1, 2, 3}
        return
    assert done.returncode == 1
    assert [row[1:] for row in found_rows(bench)] == [("item-5", "contaminated")]


def test_a_decompression_bomb(tmp_path: Path, bench: Path) -> None:
    train = write(tmp_path / "t.jsonl.gz", gzip.compress(FOUND + b" " * (70 << 20) + b"\n"))
    done = scan(train, bench, "--max-record-bytes", 1 << 20)
    assert done.returncode == 1
    skipped = summary_of(tmp_path / "out")
    assert skipped["records_skipped"]["decompression_bomb"] == 1
    assert "raise max_expansion" in json.dumps(skipped["skip_examples"])
    assert not skipped["complete"]


def test_a_line_longer_than_the_limit(tmp_path: Path, bench: Path) -> None:
    text = " ".join(documents(100)) + "\n" + whole(ITEMS[5]) + "\n" + " ".join(documents(100, seed=3))
    done = scan(write_lines(tmp_path / "t.jsonl", [{"text": "x"}, {"text": text}]), bench, "--max-record-bytes", 4096)
    assert done.returncode == 1
    assert found_rows(bench) == [(1, "item-5", "contaminated")]
    summary = summary_of(tmp_path / "out")
    assert (summary["records_read"], summary["complete"]) == (2, True)


def test_a_file_that_changes_while_it_is_read(tmp_path: Path, bench: Path) -> None:
    train = write(tmp_path / "t.jsonl", CLEAN * 6000)
    process = subprocess.Popen(
        argv("scan", train, "-b", bench, "-o", tmp_path / "out", "--workers", 1), env=environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    stop = threading.Event()

    def grow() -> None:
        with train.open("ab") as file:
            while not stop.is_set():
                file.write(CLEAN)
                file.flush()
                time.sleep(0.01)

    thread = threading.Thread(target=grow)
    thread.start()
    _, errors = process.communicate(timeout=120)
    stop.set()
    thread.join()
    assert process.returncode == 3, errors
    assert "skipped: 1 × changed_while_reading" in errors


def test_a_directory_with_a_bit_of_everything(tmp_path: Path, bench: Path) -> None:
    folder = tmp_path / "train"
    write(folder / "good.jsonl", CLEAN + FOUND)
    write(folder / "sub" / "rows.jsonl.gz", gzip.compress(FOUND))
    pq.write_table(pa.table({"text": [whole(ITEMS[1])]}), folder / "t.parquet")
    write(folder / "cut.parquet", (folder / "t.parquet").read_bytes()[:-20])
    write(folder / "empty.jsonl", b"")
    write(folder / "junk.jsonl", random.Random(1).randbytes(500))
    write(folder / "README.md", b"# read me")
    write(folder / "picture.png", b"\x89PNG")
    (folder / "link.jsonl").symlink_to(tmp_path / "nowhere.jsonl")
    done = scan(folder, bench)
    assert done.returncode == 1
    summary = summary_of(tmp_path / "out")
    assert summary["records_read"] == 23
    assert summary["records_skipped"]["unknown_format"] == 1
    assert summary["records_skipped"]["ignored_file"] == 1
    assert summary["records_skipped"]["empty_file"] == 1
    assert sum(summary["records_skipped"].values()) == 6
    assert len(found_rows(bench)) == 3


def test_a_name_that_is_no_utf8(tmp_path: Path, bench: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.jsonl"
    try:
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(FOUND)
    except OSError:
        pytest.skip("the file system takes no such name")
    for train in (tmp_path / "*.jsonl", os.fsdecode(path)):
        done = scan(train, bench)
        assert done.returncode == 1
        assert any(m["source"].endswith("\\xff.jsonl") for m in read_lines(tmp_path / "out" / "matches.jsonl"))


def test_a_pipe(tmp_path: Path, bench: Path) -> None:
    """What comes through a pipe is there once: nothing of it may go to learning what is common."""
    os.mkfifo(tmp_path / "pipe.jsonl")

    def feed() -> None:
        with (tmp_path / "pipe.jsonl").open("wb") as file:
            file.write(FOUND + CLEAN * 10 + FOUND)

    thread = threading.Thread(target=feed)
    thread.start()
    done = scan(tmp_path / "pipe.jsonl", bench)
    thread.join(10)
    assert done.returncode == 1, done.stderr
    assert found_rows(bench) == [(0, "item-5", "contaminated"), (201, "item-5", "contaminated")]
    assert summary_of(tmp_path / "out")["records_read"] == 202


def test_hostile_text_does_nothing_in_the_report(tmp_path: Path, bench: Path) -> None:
    nasty = whole(ITEMS[5]).replace(". ", ". <script>alert(1)</script> ::error::x @everyone [a](http://x) ", 1)
    done = scan(write_lines(tmp_path / "t.jsonl", [{"text": nasty}]), bench)
    assert done.returncode == 1
    assert "::error::" not in done.stdout
    assert "<script>" not in (tmp_path / "out" / "report.md").read_text()


def test_an_earlier_result_is_replaced(tmp_path: Path, bench: Path) -> None:
    scan(write(tmp_path / "t.jsonl", FOUND), bench)
    first = outputs(tmp_path / "out")
    scan(write(tmp_path / "u.jsonl", CLEAN), bench)
    assert found_rows(bench) == []
    scan(write(tmp_path / "t.jsonl", FOUND), bench)
    assert outputs(tmp_path / "out") == first


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    process = subprocess.Popen(
        argv("scan", "--thresholds"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate(timeout=60)
    assert process.returncode in {0, -signal.SIGPIPE}
    assert b"Traceback" not in errors


def test_the_exit_code_stays_when_nobody_reads_the_output(tmp_path: Path, bench: Path) -> None:
    train = write(tmp_path / "t.jsonl", FOUND)
    process = subprocess.Popen(
        argv("scan", train, "-b", bench, "-o", tmp_path / "out"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (1, b"")
