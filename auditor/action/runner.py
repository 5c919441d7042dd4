"""What the runner gives a step and takes from it: inputs and events in, outputs, summary and annotations out."""

from __future__ import annotations

import json
import math
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError
from auditor.report.escape import visible, workflow_data, workflow_property

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS = ("check", "scan", "scores")
FAIL_ON = {
    "check": ("block", "review", "never"),
    "scan": ("contaminated", "review", "never"),
    "scores": ("strong", "review", "never"),
}
"""The levels of each command, its default first."""
MOST_ANNOTATIONS = 10
"""Of each type that GitHub shows of one step."""
MAX_EVENT = 32 << 20
_PREFIX = "AUDITOR_INPUT_"


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of `action.yml`."""

    paths: tuple[str, ...]
    command: str
    board: str
    policy: str
    flagged: str
    benchmarks: tuple[str, ...]
    fail_on: str
    baseline: str
    cache: bool
    timeout_minutes: float


def read_inputs(env: Mapping[str, str]) -> Inputs:
    """The inputs from the variables that `action.yml` sets. Raises InputError naming the input that cannot be."""
    said = {name: env.get(_PREFIX + name.upper().replace("-", "_"), "").strip() for name in (
        "paths", "command", "board", "policy", "flagged", "benchmarks", "fail-on", "baseline", "cache",
        "timeout-minutes",
    )}  # fmt: skip
    command = said["command"] or "check"
    if command not in COMMANDS:
        raise InputError(f"the input command is {command!r}; it is one of {', '.join(COMMANDS)}")
    paths = tuple(line.strip() for line in said["paths"].splitlines() if line.strip())
    if not paths:
        raise InputError("the input paths is empty; give globs of entries or data, one a line, such as entries/*.yaml")
    fail_on = said["fail-on"] or FAIL_ON[command][0]
    if fail_on not in FAIL_ON[command]:
        raise InputError(f"the input fail-on is {fail_on!r}; for {command} it is one of {', '.join(FAIL_ON[command])}")
    for name, commands in {"board": ("check",), "policy": ("check", "scan"), "baseline": ("check", "scan"),
                           "flagged": ("check", "scores"), "benchmarks": COMMANDS}.items():  # fmt: skip
        if said[name] and command not in commands:
            raise InputError(f"the input {name} means nothing to the command {command}; leave it out")
    for name in ("comment", "sarif"):
        is_true(env.get(f"{_PREFIX}{name.upper()}", "") or "true", name)
    benchmarks = tuple(part.strip() for part in re.split(r"[\n,]", said["benchmarks"]) if part.strip())
    return Inputs(
        paths, command, said["board"], said["policy"], said["flagged"], benchmarks, fail_on, said["baseline"],
        is_true(said["cache"] or "true", "cache"), _minutes(said["timeout-minutes"] or "60"),
    )  # fmt: skip


def is_true(text: str, name: str) -> bool:
    """An input that is `true` or `false`. Raises InputError."""
    if text.strip().lower() not in ("true", "false"):
        raise InputError(f"the input {name} is {text!r}; it is true or false")
    return text.strip().lower() == "true"


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not 0 < minutes <= 360:
        raise InputError(f"the input timeout-minutes is {text!r}; give a number above 0 and at most 360")
    return minutes


def read_event(env: Mapping[str, str]) -> dict[str, Any]:
    """The event's payload. Raises InputError where there is none that can be read."""
    path = env.get("GITHUB_EVENT_PATH", "")
    try:
        with Path(path).open("rb") as file:
            event = json.loads(file.read(MAX_EVENT))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"cannot read the event's payload ({type(error).__name__}); this runs in a GitHub job"
        ) from error
    if not isinstance(event, dict):
        raise InputError("the event's payload is no JSON object; this runs in a GitHub job")
    return event


def required(env: Mapping[str, str], name: str) -> str:
    """A variable that every runner sets. Raises InputError."""
    if not env.get(name):
        raise InputError(f"{name} is not set; this runs in a GitHub job")
    return env[name]


def write_outputs(env: Mapping[str, str], values: Mapping[str, str]) -> None:
    """Step outputs. Each value stands between delimiters that nobody could have guessed."""
    lines = []
    for name, value in values.items():
        end = f"end-{secrets.token_hex(16)}"
        lines.append(f"{name}<<{end}\n{value}\n{end}\n")
    with Path(required(env, "GITHUB_OUTPUT")).open("a", encoding="utf-8", errors="replace") as file:
        file.writelines(lines)


def annotation(level: str, message: str, *, title: str, file: str = "", line: int | None = None) -> str:
    """A workflow command that annotates a file; all text may be hostile.

    Args:
        level: "error", "warning" or "notice".
        message: what is said.
        title: its first line.
        file: path from the root of the checkout; none for the whole job.
        line: 1-based.
    """
    place = f"file={workflow_property(file)}," if file else ""
    place += f"line={line}," if file and line else ""
    return f"::{level} {place}title={workflow_property(visible(title))}::{workflow_data(visible(message))}"


def quoted_log(text: str) -> str:
    """`text` for the job's log, between marks that keep the runner from taking lines of it for commands."""
    token = secrets.token_hex(16)
    return f"::stop-commands::{token}\n{text.rstrip()}\n::{token}::"


def new_work(env: Mapping[str, str]) -> Path:
    """A new directory for this use of the Action, outside of the checkout."""
    import tempfile

    return Path(tempfile.mkdtemp(prefix="auditor-action-", dir=env.get("RUNNER_TEMP") or None))


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """A file of this Action; file names that are no UTF-8 stay what they are."""
    staging = path.with_name(path.name + ".part")
    staging.write_text(json.dumps(document, indent=1), encoding="ascii")
    os.replace(staging, path)  # noqa: PTH105
