"""When the Action could not check it says so, and does not pass."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from auditor.action.install import ROOT, commands
from auditor.action.outcome import outcome_of
from auditor.action.plan import Plan, read_plan
from auditor.action.run import command_lines, environment
from auditor.action.steps import annotate, main, report
from auditor.action.summary import render_summary
from auditor.checking.check import check_entries
from auditor.errors import InputError
from auditor.scanning import scan
from auditor.scores.audit import audit_scores
from auditor.scores.outputs import write_outputs

from .checkout import EXAMPLE, INPUTS, board, entry
from .runner import Runner, read_outputs


def plan(**changes: Any) -> Plan:
    values: dict[str, Any] = {
        "command": "check", "fail_on": "block", "workspace": "/w", "entries": ("entries/clean.yaml",), "refused": (),
        "board": "", "policy": "", "flagged": "", "baseline": "", "benchmarks": (), "detectors": (), "extras": (),
        "timeout_minutes": 60.0, "number": None, "fork": False, "review": True, "guarded": False, "notes": (),
    }  # fmt: skip
    return Plan(**{**values, **changes})


def finished(work: Path, code: int | None = 0, *, rendered: bool = True, entries: tuple[str, ...] = ("clean",)) -> Path:
    """What the step `check` leaves."""
    out = work / "report"
    (work / "checkout").symlink_to(EXAMPLE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(work)
        paths = [f"checkout/entries/{name}.yaml" for name in entries]
        check_entries(paths, board=EXAMPLE / "board.csv", policy=EXAMPLE / "policy.toml", root="checkout").write(out)
    runs = [{"directory": str(out), "exit_code": code, "rendered": rendered}]
    (work / "result.json").write_text(json.dumps({"runs": runs, "log": ""}))
    return out


def test_what_a_finished_run_says(tmp_path: Path) -> None:
    finished(tmp_path)
    found = outcome_of(plan(), tmp_path)
    assert (found.verdict, found.exit_code, found.problems, found.row_count) == ("pass", 0, (), 1)
    assert found.rows[0].name == "entries/clean.yaml"


@pytest.mark.parametrize(
    ("code", "expected", "says"),
    [
        (None, 3, "longer than 60 minutes"),
        (2, 2, "input or the call is wrong"),
        (-9, 3, "unforeseen way (exit code -9)"),
        (137, 3, "exit code 137"),
        (1, 3, "but what it wrote says 0"),
        (3, 3, "Something could not be checked"),
    ],
)
def test_exit_codes_that_are_no_pass(tmp_path: Path, code: int | None, expected: int, says: str) -> None:
    finished(tmp_path, code)
    found = outcome_of(plan(), tmp_path)
    assert (found.verdict, found.exit_code) == ("incomplete", expected)
    assert says in found.problems[0]


def test_a_pass_that_its_own_files_deny(tmp_path: Path) -> None:
    finished(tmp_path, 0, entries=("contaminated",))
    found = outcome_of(plan(entries=("entries/contaminated.yaml",)), tmp_path)
    assert (found.verdict, found.exit_code) == ("incomplete", 3)
    assert found.problems == ("The check ended with exit code 0, but what it wrote says 1.",)


def test_fewer_entries_than_were_asked_for(tmp_path: Path) -> None:
    finished(tmp_path)
    found = outcome_of(plan(entries=("entries/clean.yaml", "entries/other.yaml")), tmp_path)
    assert (found.verdict, found.exit_code) == ("incomplete", 3)
    assert "its entries are not those" in found.problems[0]


@pytest.mark.parametrize("name", ["summary.json", "findings.json"])
@pytest.mark.parametrize(
    "text", [None, "", "[]", "{}", '{"findings": [{}], "command": "check"}', '{"command": "scan"}']
)
def test_files_that_are_missing_or_broken(tmp_path: Path, name: str, text: str | None) -> None:
    out = finished(tmp_path)
    (out / name).unlink()
    if text is not None:
        (out / name).write_text(text)
    found = outcome_of(plan(), tmp_path)
    assert (found.verdict, found.exit_code) == ("incomplete", 3)
    assert ("left no result: the log" if text is None else "no result that can be read") in found.problems[0]


@pytest.mark.parametrize("text", [None, "", "[]", '{"runs": []}', '{"runs": 3}'])
def test_no_result_at_all(tmp_path: Path, text: str | None) -> None:
    finished(tmp_path)
    (tmp_path / "result.json").unlink()
    if text is not None:
        (tmp_path / "result.json").write_text(text)
    found = outcome_of(plan(), tmp_path)
    assert (found.verdict, found.exit_code) == ("incomplete", 3)


def test_reports_that_could_not_be_written(tmp_path: Path) -> None:
    finished(tmp_path, rendered=False)
    assert outcome_of(plan(), tmp_path).exit_code == 3


def test_a_block_is_certain_whatever_was_not_read(tmp_path: Path) -> None:
    finished(tmp_path, 1, entries=("contaminated",))
    found = outcome_of(
        plan(entries=("entries/contaminated.yaml",), refused=(("entries/x.yaml", "it is a link"),)), tmp_path
    )
    assert (found.verdict, found.exit_code) == ("block", 1)
    assert found.problems == ("entries/x.yaml was not read: it is a link.",)
    assert len(annotate(found)) == 8
    only = outcome_of(plan(entries=(), refused=(("entries/x.yaml", "it is a link"),)), tmp_path)
    assert (only.verdict, only.exit_code) == ("incomplete", 3)


def test_scans_and_tables(tmp_path: Path) -> None:
    found = scan([EXAMPLE / "data" / "contaminated.jsonl"], [f"Orchard={EXAMPLE / 'orchard.jsonl'}"], workers=1)
    found.write(tmp_path / "scan")
    run = {"directory": str(tmp_path / "scan"), "exit_code": 1, "rendered": True}
    (tmp_path / "result.json").write_text(json.dumps({"runs": [run], "log": ""}))
    outcome = outcome_of(plan(command="scan", fail_on="contaminated", entries=("data/contaminated.jsonl",)), tmp_path)
    assert (outcome.verdict, outcome.exit_code, outcome.rows[0].about) == (
        "block",
        1,
        "5 of 16 items in the data, 0 to review",
    )
    assert (
        outcome_of(plan(command="scan", fail_on="never", entries=("data/contaminated.jsonl",)), tmp_path).exit_code == 3
    )
    write_outputs(audit_scores(EXAMPLE / "board.csv"), tmp_path / "scores", figures="none")
    run = {"directory": str(tmp_path / "scores"), "exit_code": 0, "rendered": True}
    (tmp_path / "result.json").write_text(json.dumps({"runs": [run], "log": ""}))
    outcome = outcome_of(plan(command="scores", fail_on="strong", entries=("boards/a.csv",)), tmp_path)
    assert (outcome.exit_code, outcome.rows[0].name) == (0, "boards/a.csv")
    # of two tables one was judged
    outcome = outcome_of(plan(command="scores", fail_on="strong", entries=("boards/a.csv", "b.csv")), tmp_path)
    assert (outcome.exit_code, outcome.verdict) == (3, "incomplete")


def test_the_reason_is_in_the_summary(tmp_path: Path) -> None:
    run = {"directory": str(tmp_path), "exit_code": 2, "rendered": False}
    log = "error: old\nReport: x\nerror: 2 entries cannot be read:\n- a.yaml: <b>empty</b>\n- b.yaml: @x\n"
    (tmp_path / "result.json").write_text(json.dumps({"runs": [run], "log": log}))
    found = outcome_of(plan(), tmp_path)
    assert found.problems == (
        "The input or the call is wrong: 2 entries cannot be read: - a.yaml: <b>empty</b> - b.yaml: @x",
    )
    assert "<b>" not in render_summary(found)


def test_a_change_of_what_judges_is_no_pass(tmp_path: Path) -> None:
    finished(tmp_path)
    found = outcome_of(plan(guarded=True), tmp_path)
    assert (found.verdict, found.exit_code) == ("review", 0)
    assert render_summary(found).startswith(
        "🟡 **Not without a person who looks at it**: nothing speaks against the entry checked, but the pull request changes "
        "what entries are judged by, or what runs here."
    )
    assert outcome_of(plan(guarded=True, fail_on="review"), tmp_path).exit_code == 1
    nothing = outcome_of(plan(guarded=True, entries=()), tmp_path)
    assert nothing.verdict == "review"
    assert render_summary(nothing).startswith(
        "🟡 **Not without a person who looks at it**: the pull request changes what"
    )


# steps


def test_installation_fails(tmp_path: Path) -> None:
    """The step as it is, in a job that reaches no index: what is built needs one."""
    repository = board(tmp_path / "ws")
    repository.write("entries/new.yaml", entry())
    payload = repository.merge()
    environment = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null"}
    job = Runner(repository.path, tmp_path / "temp", "pull_request", payload, None, environment).run(
        **INPUTS, comment="false"
    )
    assert job.outcomes["install"] == "failure"
    assert job.outcomes["check"] == "skipped"
    assert (job.exit_code, job.outputs["exit-code"], job.outputs["verdict"]) == (1, "3", "incomplete")
    assert job.summary.startswith("⚪ **Not yet: this could not be checked**: auditor could not be installed")
    assert any(a["command"] == "error" for a in job.annotations())


def test_what_is_installed(tmp_path: Path) -> None:
    venv, pip, version = commands(tmp_path, ("hub", "yaml"))
    assert venv[1:4] == ["-I", "-m", "venv"]
    assert pip[-1] == f"{ROOT}[hub,yaml]"
    assert (ROOT / "action.yml").is_file()
    assert pip[-3:-1] == ["--constraint", str(ROOT / "constraints.txt")]
    assert version[1:] == ["-I", "-m", "auditor", "--version"]
    assert commands(tmp_path, ())[1][-1] == str(ROOT)


def test_python_cannot_be_set_up(tmp_path: Path, python: Path) -> None:
    repository = board(tmp_path / "ws")
    repository.write("entries/new.yaml", entry())
    payload = repository.merge()
    runner = Runner(repository.path, tmp_path / "temp", "pull_request", payload, python, fail={"python"})
    job = runner.run(**INPUTS, comment="false")
    assert (job.exit_code, job.outputs["exit-code"], job.outputs["verdict"]) == (1, "3", "incomplete")
    assert job.outcomes["prepare"] == "skipped"


def test_what_is_kept_of_a_check_does_not_change_its_answer(tmp_path: Path, python: Path) -> None:
    repository = board(tmp_path / "ws")
    repository.write("entries/new.yaml", entry())
    payload = repository.merge()
    fail = {"cache", "artifact", "sarif"}
    job = Runner(repository.path, tmp_path / "temp", "pull_request", payload, python, fail=fail).run(
        **INPUTS, comment="false", sarif="true"
    )
    assert {job.outcomes[step] for step in fail} == {"failure"}
    assert (job.exit_code, job.outputs["verdict"]) == (0, "pass")


def test_the_check_cannot_be_started(tmp_path: Path) -> None:
    repository = board(tmp_path / "ws")
    repository.write("entries/new.yaml", entry())
    payload = repository.merge()
    job = Runner(repository.path, tmp_path / "temp", "pull_request", payload, Path("/bin/false")).run(
        **INPUTS, comment="false"
    )
    assert job.outcomes["check"] == "failure"
    assert (job.exit_code, job.outputs["exit-code"], job.outputs["verdict"]) == (1, "3", "incomplete")


def test_the_check_takes_too_long(tmp_path: Path, python: Path) -> None:
    repository = board(tmp_path / "ws")
    repository.write("entries/new.yaml", entry())
    payload = repository.merge()
    runner = Runner(repository.path, tmp_path / "temp", "pull_request", payload, python)
    job = runner.run(**INPUTS, comment="false", timeout_minutes="0.0001")
    assert (job.exit_code, job.outputs["exit-code"], job.outputs["verdict"]) == (1, "3", "incomplete")
    assert "longer than 0.0001 minutes" in job.summary


def test_a_wrong_input_is_named(tmp_path: Path, python: Path) -> None:
    repository = board(tmp_path / "ws")
    repository.write("entries/new.yaml", entry())
    payload = repository.merge()
    job = Runner(repository.path, tmp_path / "temp", "pull_request", payload, python).run(**INPUTS, fail_on="sometimes")
    assert (job.exit_code, job.outputs["exit-code"]) == (1, "2")
    assert "fail-on is 'sometimes'" in job.summary


def test_steps_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["no-such-step"]) == 2
    assert main([]) == 2
    assert "prepare|install" in capsys.readouterr().err
    monkeypatch.delenv("AUDITOR_WORK", raising=False)
    assert main(["conclude"]) == 3
    assert main(["check"]) == 2
    assert main(["relay"]) == 2
    out = capsys.readouterr().out
    assert "The outcome is not known" in out
    assert "::error title=auditor could not check::" in out
    with pytest.raises(InputError, match="left no plan"):
        read_plan(tmp_path)


def reported(tmp_path: Path, **env: str) -> tuple[dict[str, str], str]:
    output, summary = tmp_path / "output", tmp_path / "summary"
    environment = {
        "GITHUB_OUTPUT": str(output),
        "GITHUB_STEP_SUMMARY": str(summary),
        "RUNNER_TEMP": str(tmp_path),
        **env,
    }
    assert report(environment) == 0
    return read_outputs(output.read_text()), summary.read_text()


def test_the_report_speaks_whatever_came_before(tmp_path: Path) -> None:
    outputs, summary = reported(tmp_path)
    assert (outputs["verdict"], outputs["exit-code"], outputs["sarif-path"]) == ("incomplete", "3", "")
    assert "could not be prepared" in summary


def test_a_problem_of_a_step_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setenv("AUDITOR_WORK", str(work))
    assert main(["install"]) == 2
    outputs, summary = reported(tmp_path, AUDITOR_WORK=str(work))
    assert outputs["exit-code"] == "2"
    assert "left no plan" in summary
    assert main(["conclude"]) == 2


def test_report_of_a_finished_run(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    finished(work)
    plan(notes=("A note.",)).write(work)
    done = {"AUDITOR_WORK": str(work), "AUDITOR_INSTALL_OUTCOME": "success", "AUDITOR_CHECK_OUTCOME": "success"}
    outputs, summary = reported(tmp_path, **done)
    assert outputs["verdict"] == "pass"
    assert "- A note." in summary
    shutil.rmtree(work / "report")
    for outcome in ("AUDITOR_INSTALL_OUTCOME", "AUDITOR_CHECK_OUTCOME"):
        (tmp_path / "output").unlink()
        outputs, _ = reported(tmp_path, **{**done, outcome: "cancelled"})
        assert (outputs["verdict"], outputs["exit-code"]) == ("incomplete", "3")


def test_the_process_gets_no_secret_and_no_flag_from_a_name(tmp_path: Path) -> None:
    env = {
        "PATH": "p", "AUDITOR_TOKEN": "t", "GITHUB_TOKEN": "t", "GITHUB_OUTPUT": "o", "ACTIONS_RUNTIME_TOKEN": "t", "PYTHONPATH": "x",
        "AUDITOR_CACHE": "c", "LC_ALL": "C", "AUDITOR_INPUT_PATHS": "x", "HF_TOKEN": "h",
    }  # fmt: skip
    assert environment(env) == {"PATH": "p", "AUDITOR_CACHE": "c", "LC_ALL": "C", "HF_TOKEN": "h"}
    [(place, arguments)] = command_lines(plan(entries=("-o", "a"), board="/b", benchmarks=("x=/y",)), tmp_path)
    assert place == tmp_path
    assert arguments[-3:] == ["--", "checkout/-o", "checkout/a"]
    assert arguments[arguments.index("--board") + 1] == "/b"
    scan_plan = plan(command="scan", fail_on="review", policy="/p", baseline="/l", detectors=("ngram",))
    [(_, arguments)] = command_lines(scan_plan, tmp_path)
    assert "--policy" not in arguments
    assert arguments[arguments.index("-d") + 1] == "ngram"
    assert [p.name for p, _ in command_lines(plan(command="scores", entries=("a", "b")), tmp_path)] == ["1", "2"]
    assert command_lines(plan(entries=()), tmp_path) == []
