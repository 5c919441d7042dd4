"""The step `install`: the package from the action's own folder, never from the checkout, with the plan's extras."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import IncompleteAuditError

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
"""The action's folder: what `uses:` named, at the commit that it named."""


def install(work: Path, extras: Sequence[str]) -> Path:
    """Install into an environment of its own; returns its Python.

    Raises:
        IncompleteAuditError: that did not work; nothing was checked.
    """
    python = work / "venv" / "bin" / "python"
    for command in commands(work, extras):
        # from a folder that holds nothing: pip and the build read no configuration of the checkout
        done = subprocess.run(command, cwd=work, check=False, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise IncompleteAuditError(
                f"auditor could not be installed ({Path(command[0]).name} ended with {done.returncode})"
            )
    return python


def commands(work: Path, extras: Sequence[str]) -> list[list[str]]:
    """What is run, one after the other."""
    python = str(work / "venv" / "bin" / "python")
    package = f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)
    pinned = ["--constraint", str(ROOT / "constraints.txt")] if os.path.isfile(ROOT / "constraints.txt") else []  # noqa: PTH113
    return [
        [sys.executable, "-I", "-m", "venv", str(work / "venv")],
        [
            python,
            "-I",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
            *pinned,
            package,
        ],
        [python, "-I", "-m", "auditor", "--version"],
    ]
