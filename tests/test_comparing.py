"""Two runs are compared finding by finding, and what is new decides the exit code."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from auditor.comparing import compare, render_comparison
from auditor.errors import InputError, OutputError
from auditor.report.files import Run, make_directory, read_run, write_findings, write_summary
from auditor.types import Finding
from tests.cleaning.corpus import lines, records, run, scan, shape, write

if TYPE_CHECKING:
    from pathlib import Path


def finding(number: int, verdict: str = "contaminated", **evidence: Any) -> Finding:
    said = {"benchmark": "gsm8k", "split": "test", "item_id": str(number), "source": "a.jsonl", "row": number,
            "score": 0.9, "detectors": ["ngram"], **evidence}  # fmt: skip
    severity = "error" if verdict == "contaminated" else "warning"
    return Finding(
        "data/question", severity, verdict, "a.jsonl", f"item {number}", "m", said, fingerprint=f"{number:032x}"
    )


def runs(tmp_path: Path, before: list[Finding], after: list[Finding], **summary: Any) -> tuple[Path, Path]:
    for name, findings, said in (("a", before, {"config": {"min_run": 3}}), ("b", after, {"config": {"min_run": 4}})):
        out = make_directory(tmp_path / name)
        write_findings(out / "findings.json", findings, command="scan")
        write_summary(out / "summary.json", {**said, **summary, "benchmarks": {"gsm8k": {"sha256": name}}})
    return tmp_path / "a", tmp_path / "b"


def test_before_and_after_cleaning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = write(tmp_path, records(), "jsonl")
    before = scan(tmp_path, train)
    run("clean", train, "--matches", before, "-o", tmp_path / "out")
    after = scan(tmp_path, tmp_path / "out", "after")
    assert run("compare", before, after, "-o", tmp_path / "cmp") == 0
    assert run("compare", after, before, "--quiet") == 1
    assert run("compare", after, before, "--quiet", "--fail-on", "never") == 0
    assert run("compare", before, before) == 0
    said = json.loads((tmp_path / "cmp/compare.json").read_bytes())
    assert said["counts"] == {"new": 0, "gone": 4, "changed": 0, "same": 0}
    assert said["benchmarks"] == {"sums": {"new": 0, "gone": 4, "changed": 0, "same": 0}}
    assert {"key": "records_read", "before": "12", "after": "8"} in said["differences"]
    assert "| sums | 0 | 4 | 0 | 0 | 100 % |" in (tmp_path / "cmp/compare.md").read_text()


def test_rows_that_shift_are_no_change(tmp_path: Path) -> None:
    train = write(tmp_path, records(), "jsonl")
    before = scan(tmp_path, train)
    train.write_bytes(lines([shape("question", 3), shape("question", 4), *records()]))
    after = scan(tmp_path, train, "after")
    found = compare(read_run(before), read_run(after))
    assert (len(found.new), len(found.gone), len(found.same) + len(found.changed)) == (0, 0, 4)


def test_new_gone_changed_and_the_same(tmp_path: Path) -> None:
    before = [finding(1), finding(2), finding(3, "review"), finding(4), finding(5)]
    after = [finding(1, row=80, score=0.902), finding(3), finding(4, score=0.95), finding(5, detectors=["minhash", "ngram"]),
             finding(6, "review", benchmark="mmlu")]  # fmt: skip
    a, b = runs(tmp_path, before, after)
    found = compare(read_run(a), read_run(b))
    assert [f.fingerprint for f in found.same] == [finding(1).fingerprint]
    assert [f.fingerprint for f in found.gone] == [finding(2).fingerprint]
    assert [(c.after.evidence["item_id"], c.what) for c in found.changed] == [
        ("4", ("score",)), ("3", ("verdict",)), ("5", ("detectors",)),
    ]  # fmt: skip
    assert [f.evidence["item_id"] for f in found.worse("contaminated")] == ["3"], "a verdict that rose"
    assert [f.evidence["item_id"] for f in found.worse("review")] == ["6"]
    assert found.worse("never") == []
    assert {name: dict(counts) for name, counts in found.by_benchmark().items()} == {
        "gsm8k": {"gone": 1, "changed": 3, "same": 1},
        "mmlu": {"new": 1},
    }
    assert [(d.key, d.before, d.after) for d in found.differences] == [
        ("benchmark gsm8k", "a", "b"), ("config.min_run", "3", "4"),
    ]  # fmt: skip
    text = render_comparison(found, "a", "b")
    assert "**1 new, 1 gone, 3 changed** and 1 the same" in text
    assert "| gsm8k test 3 | a.jsonl, row 3 | review 0.90 | contaminated 0.90 | verdict |" in text
    assert run("compare", a, b, "--quiet") == 1


def test_what_a_baseline_accepts_is_not_new(tmp_path: Path) -> None:
    accepted = replace(finding(1), baseline={"reason": "quoted"})
    a, b = runs(tmp_path, [], [accepted])
    assert run("compare", a, b) == 0
    a, b = runs(tmp_path, [accepted], [finding(1)])
    assert run("compare", a, b) == 1, "it was accepted, and is not any more"


def test_hostile_names_are_shown_and_do_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = finding(1, benchmark="x|<script>@me\x1b[31m", source="a\u202eb.jsonl")
    a, b = runs(tmp_path, [], [replace(bad, subject="a\u202eb|.jsonl", title="t")])
    found = compare(read_run(a), read_run(b))
    text = render_comparison(found, "a", "b")
    for raw in ("<script>", "\x1b", "\u202e", "@me"):
        assert raw not in text
    from click.testing import CliRunner

    from auditor.cli import cli

    shown = CliRunner().invoke(cli, ["compare", str(a), str(b)], standalone_mode=False).output
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_wrong_input(tmp_path: Path) -> None:
    a, b = runs(tmp_path, [], [])
    with pytest.raises(InputError, match="does not exist"):
        run("compare", a, tmp_path / "nothing")
    write_findings(b / "findings.json", [], command="scores")
    with pytest.raises(InputError, match="give two runs of one command"):
        run("compare", a, b)


def test_what_is_new_becomes_a_baseline(tmp_path: Path) -> None:
    a, b = runs(tmp_path, [finding(1)], [finding(1), finding(2)])
    path = tmp_path / "new.toml"
    run("compare", a, b, "--write-baseline", path)
    assert path.read_text().count("[[accepted]]") == 1
    assert finding(2).fingerprint in path.read_text()
    with pytest.raises(OutputError, match="is there already"):
        run("compare", a, b, "--write-baseline", path)


def test_findings_that_are_of_no_benchmark_and_many_of_them() -> None:
    from pathlib import Path

    odd = [
        Finding("score/outlier", "error", "strong", f"model {n}", f"m{n}", "m", fingerprint=str(n)) for n in range(30)
    ]
    one, other = (Run(Path("x"), {}, tuple(f), "scores", None) for f in ([], odd))
    found = compare(one, other)
    assert len(found.worse("contaminated")) == 30
    assert "| – | 30 | 0 | 0 | 0 | – |" in render_comparison(found, "a", "b")
    assert "Neither run has a finding" in render_comparison(compare(one, one), "a", "b")
