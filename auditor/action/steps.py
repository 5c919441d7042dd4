"""The Action's steps by name. Each reads the runner's variables, and ends with an exit code."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.action.outcome import Outcome, failed, outcome_of, without_link
from auditor.action.plan import read_plan
from auditor.action.runner import MOST_ANNOTATIONS, annotation, new_work, quoted_log, write_json, write_outputs
from auditor.errors import AuditorError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_PROBLEM = "problem.json"


def main(arguments: Sequence[str]) -> int:
    """Run one step; what goes wrong is said, kept for the report, and never a pass."""
    if len(arguments) != 1 or arguments[0] not in STEPS:
        print(f"usage: python -I -m auditor.action {{{'|'.join(STEPS)}}}", file=sys.stderr)  # noqa: T201
        return 2
    env = dict(os.environ)
    try:
        return STEPS[arguments[0]](env)
    except Exception as error:
        code = error.exit_code if isinstance(error, AuditorError) else 3
        message = (
            str(error) if isinstance(error, AuditorError) else f"an unforeseen error ({type(error).__name__}: {error})"
        )
        _keep_problem(env, message, code)
        _say(annotation("error", message, title=f"auditor could not {arguments[0]}"))
        return code


def prepare(env: Mapping[str, str]) -> int:
    """Choose what is checked; outputs: work, needed, cache-key, cache-path, artifact."""
    from auditor.action.prepare import make_plan

    work = new_work(env)
    write_outputs(env, {"work": str(work)})
    if os.name == "nt":
        raise InputError("this Action runs on Linux and macOS; give the job `runs-on: ubuntu-latest`")
    try:
        plan, key = make_plan(env, work)
    except AuditorError as error:
        _keep_problem({**env, "AUDITOR_WORK": str(work)}, str(error), error.exit_code)
        raise
    plan.write(work)
    cache = Path(env.get("RUNNER_TEMP") or work) / "auditor-cache"
    needed = bool(plan.entries)
    write_outputs(
        env,
        {
            "needed": str(needed).lower(),
            "cache-key": key if needed else "",
            "cache-path": f"{cache / 'index'}\n{cache / 'benchmarks'}",
            "cache-directory": str(cache),
        },
    )
    _say(quoted_log("\n".join([f"to check: {len(plan.entries)}", *(f"  {path!r}" for path in plan.entries[:50])])))
    return 0


def install(env: Mapping[str, str]) -> int:
    """Install the package; output: python."""
    from auditor.action.install import install as run

    work = _work(env)
    write_outputs(env, {"python": str(run(work, read_plan(work).extras))})
    return 0


def check(env: Mapping[str, str]) -> int:
    """Run the check; its own outcome is judged by the step `conclude`."""
    from auditor.action.run import run_plan, tail

    work = _work(env)
    run_plan(read_plan(work), work, env)
    _say(quoted_log(tail(work)))
    return 0


def report(env: Mapping[str, str]) -> int:
    """Summary, annotations, comment and outputs, whatever came before."""
    from auditor.action.summary import render_summary

    work = _work(env) if env.get("AUDITOR_WORK") else new_work(env)
    outcome = _outcome(env, work)
    folder = work / "report"
    folder.mkdir(exist_ok=True)
    _strip_link(folder)
    write_json(folder / "outcome.json", outcome.to_json())
    extra = _comment(env, work, outcome)
    if outcome.row_count:
        extra.append("The whole report (`report.html`, `report.md`, `findings.json`) is in this run's artifacts.")
    with Path(env["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8", errors="replace") as file:
        file.write(render_summary(outcome, extra))
    for line in annotate(outcome):
        _say(line)
    logs = list(folder.rglob("findings.sarif"))
    sarif = logs[0] if len(logs) == 1 else folder
    write_outputs(
        env,
        {
            "verdict": outcome.verdict, "findings-count": str(outcome.findings), "exit-code": str(outcome.exit_code),
            "report-path": str(folder), "sarif-path": str(sarif) if logs else "", "artifact": _artifact(env),
        },
    )  # fmt: skip
    write_json(work / "exit.json", {"exit_code": outcome.exit_code})
    return 0


def conclude(env: Mapping[str, str]) -> int:
    """The exit code of the whole; 3 where the step `report` left none."""
    try:
        code = json.loads((_work(env) / "exit.json").read_text(encoding="ascii"))["exit_code"]
    except (OSError, ValueError, KeyError, AuditorError):
        _say(annotation("error", "The outcome is not known, and so this does not pass.", title="auditor"))
        return 3
    return code if code in (0, 1, 2) else 3


def relay(env: Mapping[str, str]) -> int:
    """In a `workflow_run`: comment on the pull request that another run was for, by that run's artifact."""
    from auditor.action.relay import relay_comment

    _say(quoted_log(relay_comment(env)))
    return 0


STEPS: dict[str, Callable[[Mapping[str, str]], int]] = {
    "prepare": prepare, "install": install, "check": check, "report": report, "conclude": conclude, "relay": relay,
}  # fmt: skip


def annotate(outcome: Outcome) -> list[str]:
    """Workflow commands for findings and problems: as many of a type as GitHub shows, the last counting the rest."""
    lines = [annotation("error", problem, title="auditor could not check this") for problem in outcome.problems[:3]]
    for level in ("error", "warning"):
        room = MOST_ANNOTATIONS - (len(lines) if level == "error" else 0)
        own = [point for point in outcome.points if point.level == level]
        total = outcome.point_counts.get(level, len(own))
        shown = own if total <= room else own[: room - 1]
        lines += [annotation(level, p.message, title=p.title, file=p.file, line=p.line) for p in shown]
        if total > len(shown):
            more = f"{total - len(shown):,} more findings of this kind are in the summary and the report."
            lines.append(annotation(level, more, title="auditor"))
    return lines


def _outcome(env: Mapping[str, str], work: Path) -> Outcome:
    kept = _kept_problem(work)
    if kept is not None:
        return failed(kept[0], kept[1])
    try:
        plan = read_plan(work)
    except InputError:
        return failed("The check could not be prepared. The log of this job says more.", 3)
    if plan.entries and env.get("AUDITOR_INSTALL_OUTCOME") != "success":
        return failed("auditor could not be installed. The log of this job says more.", 3, plan.command, plan.notes)
    if plan.entries and env.get("AUDITOR_CHECK_OUTCOME") != "success":
        return failed("The check did not end. The log of this job says more.", 3, plan.command, plan.notes)
    return outcome_of(plan, work)


def _comment(env: Mapping[str, str], work: Path, outcome: Outcome) -> list[str]:
    """Write the comment where one is asked for; returns what the summary must say of it."""
    try:
        number = read_plan(work).number
    except InputError:
        number = None
    if number is None or env.get("AUDITOR_INPUT_COMMENT", "true").strip().lower() != "true":
        return []
    from auditor.action.comment import api_of, mark_of, put_comment, why_not
    from auditor.action.summary import MAX_COMMENT, render_summary

    try:
        put_comment(api_of(env), number, mark_of(env), render_summary(outcome, [run_link(env)], limit=MAX_COMMENT))
    except AuditorError as error:
        return [why_not(error)]
    return []


def run_link(env: Mapping[str, str], run: str = "") -> str:
    """A link to a run of this repository, from the runner's own variables."""
    server, repository = env.get("GITHUB_SERVER_URL", ""), env.get("GITHUB_REPOSITORY", "")
    return f"[The run]({server}/{repository}/actions/runs/{run or env.get('GITHUB_RUN_ID', '')}) has the whole report."


def _artifact(env: Mapping[str, str]) -> str:
    """A name that no other use of the Action in this run has."""
    import secrets

    return f"auditor-report-{env.get('GITHUB_RUN_ATTEMPT', '1')}-{secrets.token_hex(4)}"


def _strip_link(folder: Path) -> None:
    """Paths in SARIF, from the root of the checkout as code scanning needs them."""
    for path in folder.rglob("findings.sarif"):
        document = json.loads(path.read_bytes())
        for run in document["runs"]:
            for result in run.get("results", ()):
                for location in result.get("locations", ()):
                    artifact = location["physicalLocation"]["artifactLocation"]
                    artifact["uri"] = without_link(artifact["uri"])
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8", errors="replace")


def _work(env: Mapping[str, str]) -> Path:
    work = env.get("AUDITOR_WORK", "")
    if not work:
        raise InputError("the step `prepare` left no directory to work in")
    return Path(work)


def _keep_problem(env: Mapping[str, str], message: str, code: int) -> None:
    work = env.get("AUDITOR_WORK", "")
    if work and not (Path(work) / _PROBLEM).exists():
        write_json(Path(work) / _PROBLEM, {"message": message, "exit_code": code})


def _kept_problem(work: Path) -> tuple[str, int] | None:
    try:
        kept = json.loads((work / _PROBLEM).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return str(kept["message"]), kept["exit_code"] if kept["exit_code"] in (2, 3) else 3


def _say(line: str) -> None:
    data = f"{line}\n".encode("utf-8", "backslashreplace")
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
