"""The step `check`: runs `auditor` over the plan's entries in a process of its own, and keeps how it ended.

The process starts in a folder that holds nothing but a link to the checkout. Several libraries take configuration from
the current directory (numba a `.numba_config.yaml`, matplotlib a `matplotlibrc`, model loaders a folder with a model's
name): in the checkout that would be the pull request's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from auditor.action.runner import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from auditor.action.plan import Plan

LINK = "checkout"
"""Name of the link; paths of entries begin with it in the run's own files."""
RESULT = "result.json"
_KEPT = (
    "PATH", "HOME", "LANG", "TMPDIR", "RUNNER_TEMP", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "HF_TOKEN", "HF_ENDPOINT",
)  # fmt: skip
_KEPT_PREFIXES = ("LC_", "AWS_", "AUDITOR_")
"""The process gets no token of GitHub, no runner's files; what opens remote sets is the workflow's to give."""
_TAIL = 60_000


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """The variables that the process gets."""
    kept = {k: v for k, v in env.items() if k in _KEPT or k.startswith(_KEPT_PREFIXES)}
    return {k: v for k, v in kept.items() if not k.startswith(("AUDITOR_INPUT_", "AUDITOR_TOKEN"))}


def command_lines(plan: Plan, out: Path) -> list[tuple[Path, list[str]]]:
    """Output directory and arguments of `auditor`, for each run that the plan needs."""
    entries = [f"{LINK}/{path}" for path in plan.entries]
    if not entries:
        return []
    benchmarks = [part for spec in plan.benchmarks for part in ("-b", spec)]
    files = [part for name in ("board", "policy", "flagged", "baseline") if (value := getattr(plan, name))
             for part in (f"--{name}", value)]  # fmt: skip
    common = ["--fail-on", plan.fail_on]
    if plan.command == "check":
        return [(out, ["check", "--root", LINK, "-o", str(out), *common, *files, *benchmarks, "--", *entries])]
    if plan.command == "scan":
        files = ["--baseline", plan.baseline] if plan.baseline else []
        detectors = [part for name in plan.detectors for part in ("-d", name)]
        return [(out, ["scan", "-o", str(out), *common, *files, *benchmarks, *detectors, "--", *entries])]
    several = len(entries) > 1
    places = [out / f"{number}" if several else out for number in range(1, len(entries) + 1)]
    return [(place, ["scores", "--figures", "none", "-o", str(place), *common, *files, *benchmarks, "--", entry])
            for place, entry in zip(places, entries, strict=True)]  # fmt: skip


def run_plan(plan: Plan, work: Path, env: Mapping[str, str]) -> None:
    """Run everything; how it ended is in `result.json`, and that it ended at all in that the file is there."""
    folder = work / "run"
    folder.mkdir()
    (folder / LINK).symlink_to(plan.workspace, target_is_directory=True)
    out = work / "report"
    deadline = time.monotonic() + 60 * plan.timeout_minutes
    variables = environment(env)
    runs = []
    for place, arguments in command_lines(plan, out):
        code = _run(arguments, folder, variables, work, deadline)
        # a check and a scan write their page themselves
        more = ["--format", "html"] if plan.command == "scores" else []
        formats = ["report", str(place), "-o", str(place), "--format", "sarif", *more]
        rendered = (place / "summary.json").is_file() and _run(formats, folder, variables, work, deadline) == 0
        runs.append({"directory": str(place), "exit_code": code, "rendered": rendered})
    write_json(work / RESULT, {"runs": runs, "log": tail(work)})


def _run(arguments: Sequence[str], folder: Path, env: Mapping[str, str], work: Path, deadline: float) -> int | None:
    """The exit code; None where it did not end in time."""
    # 10,000 paths are more than a command line may hold
    write_json(work / "arguments.json", {"arguments": list(arguments)})
    command = [sys.executable, "-I", "-m", "auditor.action.child", str(work / "arguments.json")]
    with (work / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=dict(env), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            return process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None


def tail(work: Path) -> str:
    """The end of what the runs printed."""
    try:
        data = (work / "log.txt").read_bytes()
    except OSError:
        return ""
    return data[-_TAIL:].decode("utf-8", "replace")
