"""A small runner of composite actions: steps, conditions, expressions and environment files as GitHub's runner has them.

It knows what our files use and refuses the rest, so that nothing is skipped in silence. `run:` scripts are executed as the
runner does it (`bash --noprofile --norc -eo pipefail`); of `uses:` steps it records what they would be given.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
BOOL = {"true": True, "false": False}


@dataclass
class Job:
    """What a use of the Action left."""

    exit_code: int = 0
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    log: str = ""
    outcomes: dict[str, str] = field(default_factory=dict)
    used: dict[str, dict[str, str]] = field(default_factory=dict)
    """`with:` of each `uses:` step that ran."""

    def annotations(self) -> list[dict[str, str]]:
        """The workflow commands that the runner would obey, with their properties."""
        found, stopped = [], ""
        for line in self.log.splitlines():
            if stopped:
                stopped = "" if line == f"::{stopped}::" else stopped
                continue
            if line.startswith("::stop-commands::"):
                stopped = line.removeprefix("::stop-commands::")
                continue
            match = re.fullmatch(r"::([a-z-]+)(?: (.*?))?::(.*)", line)
            if match:
                pairs = (pair.split("=", 1) for pair in (match[2] or "").split(",") if pair)
                found.append({"command": match[1], "message": decode(match[3]), **{k: decode(v) for k, v in pairs}})
        return found


def decode(text: str) -> str:
    for escaped, plain in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        text = text.replace(escaped, plain)
    return text


def installed(folder: Path) -> Path:
    """A Python that has the package and this one's libraries, and in isolated mode too."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        site = next((folder / "lib").glob("python*/site-packages"))
        (site / "here.pth").write_text(
            f"{ROOT}\n{sysconfig.get_paths()['purelib']}\n{sysconfig.get_paths()['platlib']}\n"
        )
    return python


@dataclass
class Runner:
    """Runs a composite action in a checkout, for an event."""

    workspace: Path
    temp: Path
    """`RUNNER_TEMP`, outside of the checkout."""
    event_name: str
    event: dict[str, Any]
    python: Path | None = None
    """A Python that has the package, in place of the step `install`; None runs that step."""
    environment: dict[str, str] = field(default_factory=dict)
    """What else the job has."""
    fail: set[str] = field(default_factory=set)
    """Steps with `uses:` that fail."""
    action: Path = ROOT

    def run(self, **inputs: str) -> Job:
        document = yaml.safe_load((self.action / "action.yml").read_text(encoding="utf-8"))
        unknown = {name.replace("_", "-") for name in inputs} - set(document["inputs"])
        assert not unknown, unknown
        given = {name: str(spec.get("default", "")) for name, spec in document["inputs"].items()}
        given.update({name.replace("_", "-"): value for name, value in inputs.items()})
        self.temp.mkdir(exist_ok=True)
        (self.temp / "event.json").write_text(json.dumps(self.event))
        job = Job()
        github = {
            "token": "ghs_secret", "action_path": str(self.action), "workflow": "audit", "job": "entries",
            "event": self.event, "event_name": self.event_name,
        }  # fmt: skip
        context: dict[str, Any] = {"inputs": {}, "steps": {}, "github": github, "runner": {"temp": str(self.temp)}}
        context["inputs"] = {name: self.text(value, context, job) for name, value in given.items()}
        for step in document["runs"]["steps"]:
            assert not set(step) - {"id", "if", "shell", "env", "run", "uses", "with", "continue-on-error", "name"}, (
                step
            )
            self.step(step, context, job)
        job.outputs = {name: self.text(o["value"], context, job) for name, o in document.get("outputs", {}).items()}
        return job

    def step(self, step: dict[str, Any], context: dict[str, Any], job: Job) -> None:
        condition = str(step.get("if", "success()"))
        if "always()" not in condition and "success()" not in condition:
            condition = f"success() && ({condition})"
        outputs: dict[str, str] = {}
        if not self.value(condition, context, job):
            outcome = "skipped"
        elif "uses" in step:
            outcome, outputs = self.uses(step, context, job)
        elif step["id"] == "install" and self.python is not None:
            outcome, outputs = "success", {"python": str(self.python)}
        else:
            outcome, outputs = self.script(step, context, job)
        context["steps"][step["id"]] = {"outputs": outputs, "outcome": outcome}
        job.outcomes[step["id"]] = outcome
        if outcome == "failure" and not step.get("continue-on-error"):
            job.exit_code = job.exit_code or 1

    def uses(self, step: dict[str, Any], context: dict[str, Any], job: Job) -> tuple[str, dict[str, str]]:
        action, _, reference = step["uses"].partition("@")
        assert re.fullmatch(r"[0-9a-f]{40}", reference), step["uses"]
        job.used[action] = {name: self.text(str(value), context, job) for name, value in step["with"].items()}
        if step["id"] in self.fail:
            return "failure", {}
        return "success", {"python-path": sys.executable} if step["id"] == "python" else {}

    def script(self, step: dict[str, Any], context: dict[str, Any], job: Job) -> tuple[str, dict[str, str]]:
        assert "${{" not in step["run"], "no expression stands in a script"
        assert step["shell"] == "bash"
        output, summary = self.temp / f"output-{step['id']}", self.temp / f"summary-{step['id']}"
        output.write_text("")
        summary.write_text("")
        script = self.temp / f"{step['id']}.sh"
        script.write_text(step["run"])
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "AUDITOR_CACHE") if name in os.environ}
        own = {name: self.text(value, context, job) for name, value in step.get("env", {}).items()}
        cache = {"AUDITOR_CACHE": os.environ["AUDITOR_CACHE"]} if "AUDITOR_CACHE" in own else {}
        sha = str(self.environment.get("GITHUB_SHA") or self.head())
        env = {
            **kept, "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(self.workspace), "RUNNER_TEMP": str(self.temp),
            "GITHUB_EVENT_NAME": self.event_name, "GITHUB_EVENT_PATH": str(self.temp / "event.json"), "GITHUB_SHA": sha,
            "GITHUB_REPOSITORY": "board/board", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_RUN_ID": "77",
            "GITHUB_RUN_ATTEMPT": "1", "GITHUB_API_URL": "https://127.0.0.1:1", "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary), **self.environment, **own, **cache,
        }  # fmt: skip
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.workspace, env=env, capture_output=True, check=False, timeout=300,
        )  # fmt: skip
        text = done.stdout.decode("utf-8", "surrogateescape") + done.stderr.decode("utf-8", "surrogateescape")
        assert "Traceback" not in text, text
        job.log += text
        job.summary += summary.read_text(encoding="utf-8")
        return ("success" if done.returncode == 0 else "failure"), read_outputs(output.read_text(encoding="utf-8"))

    def head(self) -> str:
        found = subprocess.run(
            ["git", "-C", str(self.workspace), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
        )
        return found.stdout.strip()

    def text(self, text: str, context: dict[str, Any], job: Job) -> str:
        return re.sub(r"\$\{\{(.*?)\}\}", lambda m: as_text(self.value(m[1].strip(), context, job)), str(text))

    def value(self, expression: str, context: dict[str, Any], job: Job) -> Any:
        """Expressions of `&&`, `==`, `!=`, names, literals and the two functions that the files use."""
        expression = expression.strip()
        if expression.startswith("(") and expression.endswith(")"):
            return self.value(expression[1:-1], context, job)
        if "&&" in expression:
            return all(self.value(part, context, job) for part in expression.split("&&"))
        for operator in ("==", "!="):
            if operator in expression:
                left, right = (as_text(self.value(part, context, job)) for part in expression.split(operator))
                return (left == right) == (operator == "==")
        if expression in ("always()", "success()"):
            return expression == "always()" or job.exit_code == 0
        if re.fullmatch(r"'[^']*'", expression):
            return expression[1:-1]
        assert re.fullmatch(r"[\w-]+(\.[\w-]+)+", expression), f"the runner of the tests does not know {expression!r}"
        found: Any = context
        for part in expression.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        return found


def as_text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def read_outputs(text: str) -> dict[str, str]:
    """`GITHUB_OUTPUT`, of which we only write the form with a delimiter."""
    outputs: dict[str, str] = {}
    lines = iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        name, mark, end = line.partition("<<")
        assert mark, line
        value = []
        for part in lines:
            if part == end:
                break
            value.append(part)
        outputs[name] = "\n".join(value)
    return outputs
