"""Runs the command in a process of its own, as a person does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
OUTPUTS = ("matches.jsonl", "findings.json", "report.md", "report.html")


def argv(*arguments: object) -> list[str]:
    return [sys.executable, "-c", "from auditor.cli import main; main()", *map(str, arguments)]


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **changes}


def auditor(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """The finished process; what it must never do is checked here."""
    done = subprocess.run(
        argv(*arguments), capture_output=True, text=True, timeout=120, check=False, **{"env": environment(), **options}
    )
    assert "Traceback" not in done.stderr
    assert "unforeseen" not in done.stderr, done.stderr
    assert done.returncode in {0, 1, 2, 3}
    return done


def outputs(out: Path) -> dict[str, object]:
    """The bytes of all outputs; of the summary all but the seconds."""
    summary = json.loads((out / "summary.json").read_text())
    summary.pop("seconds")
    return {**{name: (out / name).read_bytes() for name in OUTPUTS}, "summary.json": json.dumps(summary)}


def summary_of(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return found
