"""The Action's steps as the runner runs them, on pull requests: what they write, say and end with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .checkout import EXAMPLE, INPUTS, board, entry, event
from .runner import Job, Runner

if TYPE_CHECKING:
    from .api import GitHub

ONE_SCREEN = 40


def run(tmp_path: Path, python: Path, payload: dict[str, Any], hub: GitHub | None = None, **inputs: str) -> Job:
    environment = {"GITHUB_API_URL": hub.url} if hub else {}
    runner = Runner(tmp_path / "ws", tmp_path / "temp", "pull_request", payload, python, environment)
    return runner.run(**{**INPUTS, "comment": "true" if hub else "false", **inputs})


def unfolded(markdown: str) -> list[str]:
    """The lines that are seen before anything is opened."""
    lines, depth = [], 0
    for line in markdown.splitlines():
        depth += line.startswith("<details")
        if not depth and line:
            lines.append(line)
        depth -= line.startswith("</details")
    return lines


def test_a_contaminated_entry_is_blocked(tmp_path: Path, python: Path, hub: GitHub) -> None:
    repository = board(tmp_path / "ws")
    shutil.copytree(EXAMPLE / "data", repository.path / "data")
    for name in ("clean", "contaminated", "outlier"):
        shutil.copy(EXAMPLE / "entries" / f"{name}.yaml", repository.path / "entries")
    job = run(tmp_path, python, repository.merge(), hub, sarif="true")
    assert job.exit_code == 1
    assert job.outcomes["conclude"] == "failure"
    assert {k: job.outputs[k] for k in ("verdict", "exit-code", "findings-count")} == {
        "verdict": "block", "exit-code": "1", "findings-count": "8",
    }  # fmt: skip
    seen = unfolded(job.summary)
    assert seen[0] == (
        "🔴 **No, do not merge this as it stands**: 1 of 3 entries is blocked, 1 is for review and nothing speaks "
        "against 1."
    )
    assert len(seen) < ONE_SCREEN
    # entries that the pull request does not touch are not checked
    assert "entries/old.yaml" not in job.summary
    report = Path(job.outputs["report-path"])
    assert {p.name for p in report.iterdir()} >= {"report.md", "report.html", "findings.json", "summary.json"}
    assert job.used["actions/upload-artifact"]["path"] == str(report)
    sarif = json.loads(Path(job.outputs["sarif-path"]).read_text())
    uris = {
        location["physicalLocation"]["artifactLocation"]["uri"]
        for result in sarif["runs"][0]["results"] for location in result["locations"]
    }  # fmt: skip
    assert {"entries/contaminated.yaml", "entries/outlier.yaml"} <= uris
    assert all((repository.path / uri).exists() for uri in uris)
    assert job.used["github/codeql-action/upload-sarif"]["sarif_file"] == job.outputs["sarif-path"]
    lines = (repository.path / "entries" / "contaminated.yaml").read_text().splitlines()
    errors = [a for a in job.annotations() if a["command"] == "error"]
    assert len(errors) == 6
    assert {a["file"] for a in errors} == {"entries/contaminated.yaml"}
    assert "Orchard, score: 84.4" in lines[int(errors[0]["line"]) - 1]
    assert "contaminated.jsonl" in lines[int(errors[1]["line"]) - 1]
    assert len(hub.comments) == 1
    assert hub.comments[0]["body"].splitlines()[1] == seen[0]
    assert "[The run](https://github.com/board/board/actions/runs/77)" in hub.comments[0]["body"]
    assert hub.tokens == {"Bearer ghs_secret"}
    assert "ghs_secret" not in job.log + job.summary


def test_a_clean_entry_passes_and_its_comment_is_kept_up_to_date(tmp_path: Path, python: Path, hub: GitHub) -> None:
    repository = board(tmp_path / "ws")
    hub.say("hello", {"login": "author", "type": "User"})
    repository.write("entries/new.yaml", entry().replace("license: apache-2.0\n", ""))
    payload = repository.merge()
    job = run(tmp_path, python, payload, hub)
    assert job.outputs["verdict"] == "review"
    assert job.summary.startswith("🟡 **Not without a person who looks at it**: 1 of 1 entry is for review.")
    assert job.exit_code == 0
    assert "review" in hub.comments[1]["body"]
    repository.git("checkout", "-q", "change")
    repository.write("entries/new.yaml", entry())
    payload = repository.merge()
    job = run(tmp_path, python, payload, hub)
    assert (job.exit_code, job.outputs["verdict"], job.outputs["findings-count"]) == (0, "pass", "0")
    assert job.summary.startswith(
        "🟢 **Yes, as far as this check can tell**: nothing speaks against the entry checked."
    )
    assert len(hub.comments) == 2
    assert hub.comments[1]["body"].splitlines()[1].startswith("🟢 **Yes")
    assert run(tmp_path, python, payload, hub, comment="false").exit_code == 0
    assert len([r for r in hub.requests if r[0] != "GET"]) == 2


def test_a_fork_has_a_token_that_cannot_comment(tmp_path: Path, python: Path, hub: GitHub) -> None:
    hub.read_only = True
    repository = board(tmp_path / "ws")
    repository.write("entries/new.yaml", entry())
    payload = repository.merge()
    payload["pull_request"]["head"]["repo"]["full_name"] = "stranger/board"
    job = run(tmp_path, python, payload, hub)
    assert job.exit_code == 0
    assert job.outputs["verdict"] == "pass"
    assert "No comment was written: the token may not (403)" in job.summary
    assert hub.comments == []


def test_nothing_is_installed_where_there_is_nothing_to_check(tmp_path: Path, python: Path) -> None:
    repository = board(tmp_path / "ws")
    repository.write("README.md", "x")
    repository.git("rm", "-q", "entries/old.yaml")
    job = run(tmp_path, python, repository.merge(), None)
    assert job.exit_code == 0
    assert job.outputs["verdict"] == "pass"
    assert job.outcomes["install"] == job.outcomes["check"] == job.outcomes["cache"] == "skipped"
    assert job.summary.startswith("🟢 **Nothing to check here**")
    assert "1 changed file fits no glob" in job.summary
    assert "Deleted, so that nothing was checked: entries/old.yaml" in job.summary


def test_fail_on_review(tmp_path: Path, python: Path) -> None:
    repository = board(tmp_path / "ws")
    repository.write("entries/new.yaml", entry().replace("license: apache-2.0\n", ""))
    job = run(tmp_path, python, repository.merge(), None, fail_on="review")
    assert (job.exit_code, job.outputs["exit-code"], job.outputs["verdict"]) == (1, "1", "review")
    warning = next(a for a in job.annotations() if a["command"] == "warning")
    assert warning["file"] == "entries/new.yaml"
    assert "disclosure/missing" in warning["title"]


def test_data_is_scanned(tmp_path: Path, python: Path) -> None:
    repository = board(tmp_path / "ws")
    shutil.copytree(EXAMPLE / "data", repository.path / "data")
    payload = repository.merge()
    job = run(tmp_path, python, payload, None, paths="data/*.jsonl", command="scan", board="", sarif="true")
    assert (job.exit_code, job.outputs["verdict"]) == (1, "block")
    assert "5 of 16 items in the data" in job.summary
    errors = [a for a in job.annotations() if a["command"] == "error"]
    rows = (repository.path / "data" / "contaminated.jsonl").read_text().splitlines()
    assert {a["file"] for a in errors} == {"data/contaminated.jsonl"}
    assert all("answer" in rows[int(a["line"]) - 1].lower() or rows[int(a["line"]) - 1] for a in errors)


def test_tables_are_judged(tmp_path: Path, python: Path) -> None:
    repository = board(tmp_path / "ws")
    text = (EXAMPLE / "board.csv").read_text()
    repository.write("boards/a.csv", text)
    repository.write("boards/b.csv", text)
    payload = repository.merge()
    job = run(
        tmp_path, python, payload, None, paths="boards/*.csv", command="scores", board="", policy="", sarif="true"
    )
    assert job.exit_code in (0, 1), job.log
    assert "| boards/a.csv |" in job.summary
    assert "| boards/b.csv |" in job.summary
    assert job.used["github/codeql-action/upload-sarif"]["sarif_file"] == job.outputs["report-path"]


def test_a_push_checks_everything(tmp_path: Path, python: Path) -> None:
    repository = board(tmp_path / "ws")
    repository.write("entries/new.yaml", entry())
    repository.commit()
    runner = Runner(repository.path, tmp_path / "temp", "push", {"ref": "refs/heads/main"}, python)
    job = runner.run(**INPUTS)
    assert (job.exit_code, job.outputs["verdict"]) == (0, "pass")
    assert "| entries/old.yaml |" in job.summary
    assert "| entries/new.yaml |" in job.summary
    assert "comment" not in job.summary
    job = runner.run(**{**INPUTS, "paths": "submissions/*.yaml"})
    assert (job.exit_code, job.outputs["verdict"], job.outputs["exit-code"]) == (1, "incomplete", "2")
    assert job.summary.startswith("⚪ **Not yet: this could not be checked**: no file of the checkout fits")


@pytest.mark.parametrize("name", ["pull_request_target", "merge_group"])
def test_other_events_of_a_change(tmp_path: Path, python: Path, name: str) -> None:
    repository = board(tmp_path / "ws")
    base = repository.git("rev-parse", "main")
    repository.write("entries/new.yaml", entry())
    head = repository.commit()
    payload = (
        event(base, head) if name == "pull_request_target" else {"merge_group": {"base_sha": base, "head_sha": head}}
    )
    environment = {"GITHUB_SHA": base if name == "pull_request_target" else head}
    job = Runner(repository.path, tmp_path / "temp", name, payload, python, environment).run(**INPUTS, comment="false")
    assert (job.exit_code, job.outputs["verdict"]) == (0, "pass"), job.log
    assert "entries/old.yaml" not in job.summary
