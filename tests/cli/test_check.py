"""`auditor check`: what it prints, writes and ends with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command import argv, auditor, environment, summary_of

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "leaderboard"
BOARD = ROOT.parent / "shared" / "data" / "leaderboards"
OPTIONS = ("--board", "board.csv", "--policy", "policy.toml")


def check(*arguments: object, cwd: Path = EXAMPLE, out: Path) -> subprocess.CompletedProcess[str]:
    return auditor("check", *arguments, "-o", out, cwd=cwd)


@pytest.mark.parametrize(
    ("entry", "fail_on", "code"),
    [
        ("clean", "review", 0), ("outlier", "block", 0), ("outlier", "review", 1),
        ("contaminated", "block", 1), ("contaminated", "never", 0),
    ],
)  # fmt: skip
def test_exit_codes_of_the_example(tmp_path: Path, entry: str, fail_on: str, code: int) -> None:
    done = check(f"entries/{entry}.yaml", *OPTIONS, "--fail-on", fail_on, out=tmp_path)
    assert done.returncode == code, done.stderr
    verdict = {"clean": "pass", "outlier": "review", "contaminated": "block"}[entry]
    assert done.stdout.splitlines()[0].startswith(f"{verdict}: entries/{entry}.yaml (made-up-")
    assert done.stdout.splitlines()[-1] == f"Report: {tmp_path / 'report.md'}"
    assert summary_of(tmp_path)["verdict"] == verdict


def test_what_could_not_be_checked_ends_with_three_and_never_with_zero(tmp_path: Path) -> None:
    (tmp_path / "e.yaml").write_text("model: a/b\nparams_b: 7\ntraining_sets: [../secret.jsonl]\n")
    arguments = ("e.yaml", "-b", EXAMPLE / "orchard.jsonl")
    for fail_on in ("block", "never"):
        done = check(*arguments, "--fail-on", fail_on, cwd=tmp_path, out=tmp_path / "out")
        assert done.returncode == 3, done.stdout
        assert "not checked: ../secret.jsonl: it lies outside of the root" in done.stderr
    assert check(*arguments, "--fail-on", "review", cwd=tmp_path, out=tmp_path / "out").returncode == 1
    assert summary_of(tmp_path / "out")["complete"] is False


def test_blocked_and_incomplete_ends_with_one(tmp_path: Path) -> None:
    text = (EXAMPLE / "entries" / "contaminated.yaml").read_text()
    (tmp_path / "entries").mkdir()
    (tmp_path / "entries" / "e.yaml").write_text(text + "  - path: ../data/gone.jsonl\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "contaminated.jsonl").write_bytes((EXAMPLE / "data" / "contaminated.jsonl").read_bytes())
    done = check("entries/e.yaml", "--policy", EXAMPLE / "policy.toml", cwd=tmp_path, out=tmp_path / "out")
    assert done.returncode == 1
    assert summary_of(tmp_path / "out")["complete"] is False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name at least one entry"),
        (("gone.yaml",), "gone.yaml: no such entry"),
        (("entries/clean.yaml", "--board", "gone.csv"), "gone.csv: no such file"),
        (("entries/clean.yaml", "--policy", "gone.toml"), "cannot read the policy gone.toml"),
        (("entries/clean.yaml", "--flagged", "gone.txt"), "gone.txt"),
        (("entries/clean.yaml", "--baseline", "gone.toml"), "cannot read the baseline gone.toml"),
        (("entries/clean.yaml", "-b", "nothing-like-it"), "unknown benchmark 'nothing-like-it'"),
        (("entries/clean.yaml", "--map", "x"), "--map 'x' is not NAME=COLUMN"),
        (("entries/clean.yaml", "--root", "gone"), "the root gone is not a directory"),
        (("README.md",), "a model card without YAML front matter"),
    ],
)
def test_mistakes_end_with_two_and_say_what_to_do(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = check(*arguments, out=tmp_path / "out")
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


def test_options_reach_the_check(tmp_path: Path) -> None:
    board = (EXAMPLE / "board.csv").read_text().replace("params_b", "weight", 1)
    (tmp_path / "board.csv").write_text(board)
    (tmp_path / "flagged.txt").write_text("made-up-spruce/Curlew-base\n")
    done = check(
        "entries/clean.yaml", "--board", tmp_path / "board.csv", "--map", "params_b=weight", "--flagged",
        tmp_path / "flagged.txt", "-b", f"Orchard={EXAMPLE / 'orchard.jsonl'}", "--quiet", out=tmp_path / "out",
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    summary = summary_of(tmp_path / "out")
    evidence = summary["entries"][0]["evidence"]
    assert evidence["scores"]["says"].startswith("3 of 3 scores were judged")
    assert evidence["data"]["scanned"] == 1
    assert summary["entries"][0]["reviewed_for"] == {"lineage/flagged-ancestor": 1}


def test_a_baseline_hides_and_tells_what_is_stale(tmp_path: Path) -> None:
    check("entries/outlier.yaml", *OPTIONS, out=tmp_path / "out")
    findings = json.loads((tmp_path / "out" / "findings.json").read_text())["findings"]
    lines = ["version = 1"]
    for fingerprint in [*(f["fingerprint"] for f in findings), "f" * 32]:
        lines += ["[[accepted]]", f'fingerprint = "{fingerprint}"', 'reason = "we ran it again"']
    (tmp_path / "baseline.toml").write_text("\n".join(lines))
    done = check(
        "entries/outlier.yaml",
        *OPTIONS,
        "--baseline",
        tmp_path / "baseline.toml",
        "--fail-on",
        "review",
        out=tmp_path / "two",
    )
    assert done.returncode == 0
    assert done.stdout.startswith("pass: entries/outlier.yaml")
    assert f"baseline: {len(findings)} findings are accepted, 1 entries are stale" in done.stdout
    assert f"stale: {'f' * 32} (we ran it again): no such finding in this run" in done.stderr


def test_hostile_names_print_no_workflow_command(tmp_path: Path) -> None:
    path = tmp_path / "x\n::error::boo.yaml"
    path.write_text(
        'model: "a\\n::error::model"\nscores: {"b\\n::warning::c": 1000}\ntraining_sets: ["\\n::error::d.jsonl"]\n'
    )
    done = check(path.name, "-b", EXAMPLE / "orchard.jsonl", cwd=tmp_path, out=tmp_path / "out")
    assert done.returncode == 3
    for line in (done.stdout + done.stderr).splitlines():
        assert not line.strip().startswith("::")


def test_the_default_policy_is_printed_and_can_be_used(tmp_path: Path) -> None:
    done = auditor("check", "--print-policy")
    assert done.returncode == 0
    (tmp_path / "policy.toml").write_text(done.stdout)
    used = check(
        "entries/clean.yaml", "--board", "board.csv", "--policy", tmp_path / "policy.toml", out=tmp_path / "out"
    )
    assert used.returncode == 0, used.stderr


def test_a_reader_that_goes_away_takes_nothing_from_the_exit_code(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = argv("check", "entries/contaminated.yaml", *OPTIONS, "-o", tmp_path)
    done = subprocess.run(
        command, stdout=write, stderr=subprocess.PIPE, text=True, cwd=EXAMPLE, env=environment(), check=False
    )
    os.close(write)
    assert done.returncode == 1, done.stderr
    assert (tmp_path / "summary.json").is_file()


def test_a_score_only_entry_loads_nothing_that_a_scan_needs(tmp_path: Path) -> None:
    (tmp_path / "e.yaml").write_text("model: a/b-7b\nparams_b: 7\nscores: {Orchard: 55, Lantern: 62, Harbour: 70}\n")
    code = (
        "import sys\nfrom auditor.cli import cli\n"
        f"cli(['check', 'e.yaml', '--board', {str(EXAMPLE / 'board.csv')!r}, '-o', 'out'], standalone_mode=False)\n"
        "print([m for m in ('numba', 'torch', 'matplotlib', 'datasketch', 'ray') if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment(), check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.skipif(not BOARD.is_dir(), reason="the shared leaderboards are not beside this checkout")
def test_real_entries_against_a_real_board(tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text(
        "model: made-up/thing-7b\nparams_b: 7.2\ntraining_sets: [x]\n"
        "scores: {ARC: 60, HellaSwag: 82, MMLU: 95, TruthfulQA: 50, Winogrande: 76, GSM8K: 45}\n"
    )
    done = check(
        "odd.yaml", "--board", BOARD / "open_llm_leaderboard_v1.csv", "--flagged", BOARD / "flagged_models.csv",
        "--fail-on", "review", cwd=tmp_path, out=tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    rows = {r["benchmark"]: r for r in summary_of(tmp_path / "out")["entries"][0]["evidence"]["scores"]["judged"]}
    assert len(rows) == 6
    assert rows["MMLU"]["verdict"] in ("strong", "review")
    assert rows["HellaSwag"]["verdict"] == "none"
