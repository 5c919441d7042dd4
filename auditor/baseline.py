"""A baseline: findings that people looked at and accepted, each with its reason, known again by their fingerprints.

TOML (or JSON with the same keys), made to be edited by hand:

    version = 1

    [[accepted]]
    fingerprint = "0f3c…"            # of the finding, 32 hexadecimal digits
    reason = "the tutorial quotes the item, with its source"
    date = 2026-01-31                # optional
    author = "mk"                    # optional
    about = "gsm8k item 12: …"       # optional: what it was, for the reader

A fingerprint is of the item, the record's text and the name of the file that it is in: it stays the same when rows
shift, when thresholds move and when the directory changes; a file that was renamed has other fingerprints.
"""

from __future__ import annotations

import datetime
import json
import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError, OutputError
from auditor.report.escape import visible
from auditor.report.files import write_text

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from auditor.types import Finding

VERSION = 1
PLACEHOLDER = "TODO: say why this is accepted"
"""The reason in a baseline that was just made. It is no reason: a baseline that still holds one is refused."""
_FINGERPRINT = re.compile(r"[0-9a-f]{32}")
_KEYS = ("fingerprint", "reason", "date", "author", "about")
LARGEST = 64 << 20
"""Bytes of a baseline: 200,000 entries. More is no list that a person made."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """One accepted finding."""

    fingerprint: str
    reason: str
    date: str = ""
    author: str = ""
    about: str = ""

    def to_json(self) -> dict[str, Any]:
        """What is said of it at a hidden finding and of a stale entry."""
        return {key: getattr(self, key) for key in _KEYS if getattr(self, key)}


@dataclass(frozen=True, slots=True)
class Baseline:
    """Accepted findings, in the order of the file."""

    name: str
    """The file, as it was given."""
    entries: tuple[Accepted, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """Findings after a baseline was held against them."""

    findings: Sequence[Finding]
    """All of them, in their order; those that are accepted say so in `baseline`."""
    hidden: int
    stale: tuple[Accepted, ...]
    """Entries whose finding is not there any more."""

    def summary(self, baseline: Baseline) -> dict[str, Any]:
        """`summary.json`'s `baseline`."""
        return {
            "file": baseline.name,
            "entries": len(baseline.entries),
            "hidden": self.hidden,
            "stale": [entry.to_json() for entry in self.stale],
        }


def apply_baseline(
    findings: Iterable[Finding], baseline: Baseline, keep: Callable[[Iterable[Finding]], Sequence[Finding]] = list
) -> Applied:
    """Mark the findings that a baseline accepts; `keep` holds what is marked, as it comes."""
    accepted = {entry.fingerprint: entry for entry in baseline.entries}
    seen: set[str] = set()
    hidden = 0

    def marked() -> Iterator[Finding]:
        nonlocal hidden
        for finding in findings:
            entry = accepted.get(finding.fingerprint)
            if entry is not None:
                seen.add(entry.fingerprint)
                said = {key: value for key, value in entry.to_json().items() if key not in ("fingerprint", "about")}
                finding = replace(finding, baseline=said)  # noqa: PLW2901
            hidden += finding.baseline is not None
            yield finding

    kept = keep(marked())
    stale = tuple(entry for entry in baseline.entries if entry.fingerprint not in seen)
    return Applied(kept, hidden, stale)


def read_baseline(path: str | os.PathLike[str]) -> Baseline:
    """Read a baseline: TOML, or JSON where the file's name ends in `.json`.

    Raises InputError, naming the entry, for a file that cannot be read, a reason that is missing or was never filled
    in, a fingerprint that is none or stands twice, and keys that mean nothing here.
    """
    path = Path(path)
    fix = "write a first one with `auditor scan … --write-baseline FILE`"
    try:
        if path.stat().st_size > LARGEST:
            raise InputError(f"{path} is larger than any baseline: {fix}")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the baseline {path}: {error.strerror}; {fix}") from error
    try:
        text = data.decode("utf-8-sig")
        document = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        kind = "JSON" if path.suffix.lower() == ".json" else "TOML"
        raise InputError(f"the baseline {path} is not valid {kind}: {error}") from error
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise InputError(f"the baseline {path} must say version = {VERSION}; {fix}")
    _refuse_unknown(document, ("version", "accepted"), f"the baseline {path}")
    rows = document.get("accepted", [])
    if not isinstance(rows, list):
        raise InputError(f"the baseline {path}: accepted must be a list of entries, [[accepted]] in TOML")
    entries = tuple(_entry(row, f"the baseline {path}, entry {number}") for number, row in enumerate(rows, start=1))
    seen: dict[str, int] = {}
    for number, entry in enumerate(entries, start=1):
        if entry.fingerprint in seen:
            raise InputError(
                f"the baseline {path}: entries {seen[entry.fingerprint]} and {number} have one fingerprint "
                f"({entry.fingerprint}); keep one of them"
            )
        seen[entry.fingerprint] = number
    return Baseline(str(path), entries)


def _entry(row: Any, where: str) -> Accepted:
    if not isinstance(row, dict):
        raise InputError(f"{where} must be a table with a fingerprint and a reason")
    _refuse_unknown(row, _KEYS, where)
    values: dict[str, str] = {}
    for key in _KEYS:
        value = row.get(key, "")
        if isinstance(value, datetime.date):  # TOML has dates, with and without a time
            value = value.isoformat()
        if not isinstance(value, str):
            raise InputError(f"{where}: {key} must be text, not {value!r}")
        values[key] = value.strip()
    if not _FINGERPRINT.fullmatch(values["fingerprint"]):
        raise InputError(f"{where}: fingerprint must be the 32 hexadecimal digits that findings.json gives a finding")
    if not values["reason"]:
        raise InputError(f"{where} ({values['fingerprint']}) has no reason; say why the finding is accepted")
    if values["reason"].upper().startswith("TODO"):
        raise InputError(
            f"{where} ({values['fingerprint']}): the reason was never filled in; say why the finding is accepted, or "
            "take the entry out"
        )
    return Accepted(**values)


def _refuse_unknown(row: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    unknown = sorted(str(key) for key in row if key not in known)
    if unknown:
        raise InputError(f"{where}: {', '.join(unknown)} means nothing here; there are {', '.join(known)}")


def refuse_existing(path: str | os.PathLike[str]) -> None:
    """Raise OutputError where a baseline would be written over another file: it may hold the only copy of reasons."""
    if Path(path).exists():
        raise OutputError(f"{path} is there already, and nothing is written over; give another name")


def write_baseline(path: str | os.PathLike[str], findings: Iterable[Finding]) -> int:
    """Write a first baseline of findings that are not accepted yet, with reasons that must be filled in; how many.

    Raises OutputError where the file is there already, or cannot be written.
    """
    refuse_existing(path)
    path = Path(path)
    rows = [
        {"fingerprint": finding.fingerprint, "reason": PLACEHOLDER, "about": visible(finding.title)}
        for finding in findings
        if finding.baseline is None
    ]
    if path.suffix.lower() == ".json":
        write_text(path, json.dumps({"version": VERSION, "accepted": rows}, ensure_ascii=False, indent=2) + "\n")
        return len(rows)
    lines = [
        "# Findings that were looked at and accepted. Say why at each; take out those that are not accepted.",
        f"version = {VERSION}",
    ]
    for row in rows:
        lines += ["", "[[accepted]]", *(f"{key} = {_toml_text(value)}" for key, value in row.items())]
    write_text(path, "\n".join(lines) + "\n")
    return len(rows)


def _toml_text(text: str) -> str:
    """A basic string of TOML: JSON's escapes are TOML's, but for the code points that JSON writes as they are."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
