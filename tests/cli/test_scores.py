"""`auditor scores` and `auditor report`: what they write, print, and end with."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from auditor.scores.simulate import null_board

RUN = [sys.executable, "-W", "error", "-c", "from auditor.cli import main; main()"]
SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "leaderboards"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*RUN, *map(str, arguments)], capture_output=True, text=True, check=False)


def board(path: Path, leak: float = 0.0) -> Path:
    """A board as a CSV in points, with one leaked MMLU score."""
    table = null_board(120, seed=0, alone=True)
    scores = table.scores.copy()
    scores[10, 0] += leak * (1 - scores[10, 0])
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["Model", "#Params (B)", *table.benchmark_names, "family"])
        for i, model in enumerate(table.models):
            writer.writerow([model, f"{table.params_b[i]:.3f}", *np.round(100 * scores[i], 2), table.family_column[i]])
    return path


def test_a_leak_ends_with_one_and_writes_everything(tmp_path: Path) -> None:
    done = run("scores", board(tmp_path / "b.csv", 0.6), "-o", tmp_path / "out", "--fail-on", "review")
    assert done.returncode == 1, done.stderr
    assert "MMLU: 0 strong, 1 review" in done.stdout
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "outliers.csv", "pareto.csv", "findings.json", "summary.json", "report.md", "report.html", "figures",
    }  # fmt: skip
    pages = run("report", tmp_path / "out", "-o", tmp_path / "reports")
    assert pages.returncode == 0, pages.stderr
    assert (tmp_path / "reports" / "README.md").is_file()
    assert (tmp_path / "reports" / "org10__line10-10.md").is_file()
    again = run("scores", tmp_path / "b.csv", "-o", tmp_path / "out2", "--fail-on", "never", "--figures", "none")
    assert again.returncode == 0
    assert (tmp_path / "out2" / "outliers.csv").read_bytes() == (tmp_path / "out" / "outliers.csv").read_bytes()


def test_a_clean_board_ends_with_zero(tmp_path: Path) -> None:
    done = run(
        "scores",
        board(tmp_path / "b.csv"),
        "-o",
        tmp_path / "out",
        "--fail-on",
        "review",
        "--figures",
        "none",
        "-b",
        "MMLU",
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_options_reach_the_audit(tmp_path: Path) -> None:
    path = board(tmp_path / "b.csv", 0.6)
    (tmp_path / "edges.txt").write_text("1\n8\n30\n", encoding="utf-8")
    (tmp_path / "flagged.txt").write_text("org10/line10-10\n", encoding="utf-8")
    done = run("scores", path, "-o", tmp_path / "o", "--buckets", tmp_path / "edges.txt", "--flagged", tmp_path / "flagged.txt",
               "--fail-on", "review", "--map", "params_b=#Params (B)", "--min-excess", "5", "--sizes-from-names", "--figures", "none")  # fmt: skip
    assert done.returncode == 1, done.stderr
    config = json.loads((tmp_path / "o" / "summary.json").read_text())["config"]
    assert config["bucket_edges_b"] == [1, 8, 30]
    assert (config["min_excess"], config["sizes_from_names"]) == (5, True)


def test_lost_rows_end_with_three(tmp_path: Path) -> None:
    path = board(tmp_path / "b.csv")
    path.write_text(path.read_text(encoding="utf-8") + "broken,row\n", encoding="utf-8")
    done = run("scores", path, "-o", tmp_path / "out", "--figures", "none", "--fail-on", "never")
    assert done.returncode == 3
    assert "wrong number of columns" in done.stderr


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("model,x\na,b\n", (), "no column that could be a benchmark"),
        ("model,MMLU,mmlu (5-shot)\na,60,61\n", (), "could be MMLU"),
        ("model,MMLU\na,60\n", ("-b", "GSM8K"), "has no benchmark 'GSM8K'"),
        ("model,MMLU\na,60\n", ("--map", "nonsense"), "NAME=COLUMN"),
        ("model,MMLU\na,60\n", ("--buckets", "9,3"), "ascending sizes"),
        ("", (), "empty"),
    ],
)
def test_wrong_input_ends_with_two_and_says_what_to_do(
    tmp_path: Path, content: str, options: tuple[str, ...], message: str
) -> None:
    path = tmp_path / "b.csv"
    path.write_text(content, encoding="utf-8")
    done = run("scores", path, "-o", tmp_path / "out", *options)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


def test_reports_of_what_is_no_run(tmp_path: Path) -> None:
    assert run("report", tmp_path / "none").returncode == 2
    assert run("report", tmp_path).returncode == 2
    for name, document in (("summary.json", {}), ("findings.json", {"command": "scan", "findings": []})):
        (tmp_path / name).write_text(json.dumps({"schema_version": 1, "tool": "auditor", **document}), encoding="utf-8")
    done = run("report", tmp_path, "-o", tmp_path / "r")
    assert done.returncode == 2
    assert "is not that of a finished `auditor scan`: it says nothing of records_read" in done.stderr
    assert not (tmp_path / "r").exists()


def test_help_shows_an_example_and_loads_nothing_heavy() -> None:
    for command in ("scores", "report"):
        done = run(command, "--help")
        assert done.returncode == 0
        assert f"auditor {command}" in done.stdout
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, auditor.cli.scores, auditor.cli.report; print(*sys.modules)"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert not {"numpy", "scipy", "pyarrow", "matplotlib", "numba"} & set(loaded)


@pytest.mark.skipif(not SHARED.exists(), reason="the leaderboards of ../shared are not here")
def test_the_open_llm_leaderboard_end_to_end(tmp_path: Path) -> None:
    done = run("scores", SHARED / "open_llm_leaderboard_v1.csv", "-o", tmp_path / "out", "-b", "MMLU",
               "--flagged", SHARED / "flagged_models.csv")  # fmt: skip
    assert done.returncode == 1
    assert "--flagged-inverted" in done.stderr
    with (tmp_path / "out" / "outliers.csv").open(encoding="utf-8") as file:
        rows = {r["model"]: r for r in csv.DictReader(file)}
    assert rows["Aspik101/trurl-2-13b-pl-instruct_unload"]["verdict"] == "strong"
    assert rows["Contamination/contaminated_proof_7b_v1.0"]["verdict"] == "strong"
