"""Files of a run: the contract's columns, whole or not at all, and clear errors when they are read back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor.errors import IndexVersionError, InputError, OutputError
from auditor.findings import merge_matches
from auditor.report.files import (
    make_directory,
    read_matches,
    read_run,
    write_findings,
    write_json,
    write_matches,
    write_summary,
    write_text,
)
from auditor.spill import IN_MEMORY, Spilled
from auditor.types import Match, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

CONTRACT = ["source", "row", "field", "benchmark", "split", "item_id", "detector", "score", "verdict", "answer_present"]
CONTRACT += ["train_span", "item_span", "train_excerpt", "item_excerpt", "reason"]
MATCH = Match(
    source="train.jsonl",
    row=3,
    field="text",
    benchmark="gsm8k",
    split="test",
    item_id="5",
    detector="ngram",
    score=1.0,
    verdict=Verdict.CONTAMINATED,
    answer_present=False,
    train_span=(0, 5),
    item_span=(0, 5),
    train_excerpt="héllo",
    item_excerpt="héllo",
    reason="the whole question",
    signals={"kind": "full"},
)


@pytest.fixture
def run_directory(tmp_path: Path) -> Path:
    directory = make_directory(tmp_path / "deep" / "out")
    write_matches(directory / "matches.jsonl", [MATCH])
    write_findings(directory / "findings.json", merge_matches([MATCH]), command="scan")
    write_summary(directory / "summary.json", {"records_read": 10, "complete": True})
    return directory


def test_matches_have_the_contract_s_columns_in_its_order_and_are_sorted(tmp_path: Path) -> None:
    path = tmp_path / "matches.jsonl"
    others = [replace(MATCH, row=10), replace(MATCH, source="a"), replace(MATCH, detector="minhash"), MATCH]
    assert write_matches(path, others) == 4
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert list(rows[0])[: len(CONTRACT)] == CONTRACT
    assert [(row["source"], row["row"], row["detector"]) for row in rows] == [
        ("a", 3, "ngram"),
        ("train.jsonl", 3, "minhash"),
        ("train.jsonl", 3, "ngram"),
        ("train.jsonl", 10, "ngram"),
    ]
    assert "héllo".encode() in path.read_bytes()


def test_what_was_written_comes_back(run_directory: Path) -> None:
    run = read_run(run_directory)
    assert run.findings == tuple(merge_matches([MATCH]))
    assert run.summary == {"schema_version": 1, "tool": "auditor", "records_read": 10, "complete": True}
    assert run.command == "scan"
    assert run.matches_path is not None
    assert list(read_matches(run.matches_path)) == [MATCH]


MANY = [replace(MATCH, row=row) for row in range(IN_MEMORY + 20)]


@pytest.fixture(scope="module")
def large_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of more findings than are held at once."""
    directory = tmp_path_factory.mktemp("large")
    write_findings(directory / "findings.json", merge_matches(MANY), command="scan")
    write_summary(directory / "summary.json", {"records_read": 10, "complete": True})
    return directory


def test_many_findings_come_back_without_being_held(large_directory: Path) -> None:
    run = read_run(large_directory)
    assert isinstance(run.findings, Spilled)
    assert run.findings == merge_matches(MANY)
    assert run.command == "scan"


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("layout", ["as written", "compact", "indented by four", "lines with returns", "other keys"])
def test_findings_come_back_however_they_are_laid_out(run_directory: Path, count: int, layout: str) -> None:
    findings = merge_matches(MANY[:count])
    path = run_directory / "findings.json"
    write_findings(path, findings, command="check")
    document = json.loads(path.read_bytes())
    if layout == "compact":
        path.write_text(json.dumps(document))
    elif layout == "indented by four":
        path.write_text(json.dumps(document, indent=4))
    elif layout == "lines with returns":
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    elif layout == "other keys":
        before = {"notes": [{"a": 1}], "lines": list(range(100))}
        path.write_text(json.dumps({**before, **document, "after": [{"findings": [{}]}]}, indent=2))
    run = read_run(run_directory)
    assert (run.findings, run.command) == (tuple(findings), "check")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("    },\n", "    }\n", 1),
        lambda text: text.replace("\n  ]", ",\n  ]"),
        lambda text: text + "{",
        lambda text: text.replace('      "rule_id"', "      rule_id", 1),
    ],
    ids=["cut", "a comma missing", "one too many", "something behind it", "no JSON in it"],
)
def test_findings_that_are_broken_are_named(run_directory: Path, spoil: Callable[[str], str]) -> None:
    path = run_directory / "findings.json"
    write_findings(path, merge_matches(MANY[:3]), command="scan")
    text = path.read_text()
    path.write_text(spoil(text))
    assert path.read_text() != text
    with pytest.raises(InputError, match="is not valid JSON"):
        read_run(run_directory)


def test_equal_runs_give_equal_bytes_and_no_time(run_directory: Path, tmp_path: Path) -> None:
    write_findings(tmp_path / "again.json", merge_matches([MATCH]), command="scan")
    assert (tmp_path / "again.json").read_bytes() == (run_directory / "findings.json").read_bytes()
    document = json.loads((tmp_path / "again.json").read_bytes())
    assert list(document) == ["schema_version", "tool", "version", "command", "findings"]


def test_lone_surrogates_are_replaced_one_for_one(tmp_path: Path) -> None:
    hostile = replace(MATCH, train_excerpt="a\ud800b\udfff", signals={"k\ud800": "v\udc00"})
    write_matches(tmp_path / "m.jsonl", [hostile])
    (back,) = read_matches(tmp_path / "m.jsonl")
    assert back.train_excerpt == "a\ufffdb\ufffd"
    assert back.signals == {"k\ufffd": "v\ufffd"}
    write_findings(tmp_path / "f.json", merge_matches([hostile]), command="scan")
    write_text(tmp_path / "t.md", "a\ud800b\n")
    assert (tmp_path / "t.md").read_bytes() == b"a?b\n"


def test_a_run_without_matches_is_a_run(run_directory: Path) -> None:
    (run_directory / "matches.jsonl").unlink()
    assert read_run(run_directory).matches_path is None


@pytest.mark.parametrize(
    ("spoil", "error", "said"),
    [
        (lambda d: (d / "summary.json").unlink(), InputError, "has no summary.json; give the directory"),
        (lambda d: (d / "findings.json").write_text("{"), InputError, "is not valid JSON"),
        (lambda d: (d / "findings.json").write_text("[]"), InputError, "was not written by auditor"),
        (lambda d: (d / "summary.json").write_text('{"a": 1}'), InputError, "was not written by auditor"),
        (lambda d: (d / "summary.json").write_text('{"schema_version": 2}'), IndexVersionError, "schema version 2"),
        (
            lambda d: (d / "findings.json").write_text('{"schema_version": 1, "findings": [{}]}'),
            InputError,
            "not a finding",
        ),
        (
            lambda d: (d / "findings.json").write_text('{"schema_version": 1, "findings": 3}'),
            InputError,
            "not a finding",
        ),
        (lambda d: (d / "findings.json").write_text('{"schema_version": 1}'), InputError, "no 'findings'"),
    ],
)
def test_a_broken_run_is_named(
    run_directory: Path, spoil: Callable[[Path], object], error: type[Exception], said: str
) -> None:
    spoil(run_directory)
    with pytest.raises(error, match=said):
        read_run(run_directory)


def test_what_is_no_run_is_said(tmp_path: Path, run_directory: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_run(tmp_path / "nothing")
    with pytest.raises(InputError, match="is a file"):
        read_run(run_directory / "summary.json")
    with pytest.raises(InputError, match=r"no summary\.json and no findings\.json"):
        read_run(tmp_path)
    with pytest.raises(InputError, match=r"cannot read .*matches\.jsonl"):
        list(read_matches(tmp_path / "matches.jsonl"))


@pytest.mark.parametrize("line", ["{", "[]", "3", '{"source": "a"}', '{"source": "a", "row": "x"}'])
def test_a_broken_line_is_named(run_directory: Path, line: str) -> None:
    path = run_directory / "matches.jsonl"
    path.write_text(path.read_text() + "\n" + line + "\n")
    with pytest.raises(InputError, match=r"matches\.jsonl, line 3 is not a match"):
        list(read_matches(path))


def test_directories_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="give another directory with -o"):
        make_directory(tmp_path / "file")
    with pytest.raises(OutputError, match="a part of the path is a file"):
        make_directory(tmp_path / "file" / "deeper")
    with pytest.raises(OutputError, match="a part of the path is a file"):
        write_json(tmp_path / "file" / "x.json", {})
    (tmp_path / "x.json").mkdir()
    with pytest.raises(OutputError, match="a directory of that name is in the way"):
        write_json(tmp_path / "x.json", {})
    with pytest.raises(OutputError, match="No such file"):
        write_json(tmp_path / "absent" / "x.json", {})
    with pytest.raises(OutputError, match="the name is too long"):
        write_json(tmp_path / ("x" * 300), {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "x.json"], "nothing temporary is left"


@pytest.mark.skipif(
    not Path("/proc/version").exists(), reason="a file system that refuses every new file is at hand only on Linux"
)
def test_a_file_system_that_refuses() -> None:
    with pytest.raises(OutputError, match="cannot write /proc/x"):
        write_json("/proc/x", {})


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk's end: the write fails half-way in the same place."""
    path = tmp_path / "report.md"
    path.write_text("old")

    program = (
        "import resource, signal, sys\n"
        "from auditor.report.files import write_text\nfrom auditor.errors import OutputError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try:\n    write_text(sys.argv[1], 'x' * 1_000_000)\nexcept OutputError as error:\n    print(error)\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True, cwd=root)
    assert "cannot write" in done.stdout
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.md"]


def test_an_interrupt_leaves_no_half_file(tmp_path: Path) -> None:
    def interrupted() -> object:
        yield MATCH
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_matches(tmp_path / "m.jsonl", interrupted())  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        write_json(tmp_path / "m.json", {"x": object()})
    assert list(tmp_path.iterdir()) == []


def test_files_get_the_usual_permissions(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {})
    (tmp_path / "y").write_text("")
    assert os.stat(tmp_path / "x.json").st_mode == os.stat(tmp_path / "y").st_mode  # noqa: PTH116
