"""What a use of the Action checks and how: made by the first step, read by the others."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE = "plan.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """Paths of entries are from the root of the checkout; those of judging files are absolute."""

    command: str
    fail_on: str
    workspace: str
    entries: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]
    """Entries that are not read, each with the reason; with one the check is incomplete."""
    board: str
    policy: str
    flagged: str
    baseline: str
    benchmarks: tuple[str, ...]
    detectors: tuple[str, ...]
    extras: tuple[str, ...]
    timeout_minutes: float
    number: int | None
    """Of the pull request."""
    fork: bool
    review: bool
    """Whether only what a pull request changes is checked."""
    guarded: bool
    """Whether the pull request changes what entries are judged by, or what runs: then a person must look."""
    notes: tuple[str, ...]
    """What a reader must know: files of the base that were used instead of the pull request's, files not checked."""

    def write(self, work: Path) -> None:
        """Keep it for the next steps."""
        from auditor.action.runner import write_json

        write_json(work / FILE, asdict(self))


def read_plan(work: Path) -> Plan:
    """The plan of the first step. Raises InputError where that wrote none."""
    try:
        document: Mapping[str, Any] = json.loads((work / FILE).read_text(encoding="ascii"))
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in document.items()
        }
        values["refused"] = tuple((path, why) for path, why in values["refused"])
        return Plan(**values)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"the step `prepare` left no plan in {os.fspath(work)} ({type(error).__name__})") from error
