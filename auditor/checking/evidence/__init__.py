"""Lines of evidence about an entry; each is one function from an entry to an `Evidence`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.types import Finding

KINDS = ("scores", "data", "lineage", "disclosure", "consistency")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one line of evidence says of an entry."""

    kind: str
    """One of `KINDS`."""
    says: str
    """In one or two sentences, as plain text; it may quote the entry."""
    findings: tuple[Finding, ...] = ()
    missing: tuple[str, ...] = ()
    """What was asked for and could not be checked: with any of it the check is incomplete."""
    asked: bool = True
    """False where there was nothing to check, or nothing to check it against."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """JSON values for `summary.json`."""

    @property
    def status(self) -> str:
        """ "found", "incomplete", "clear" or "not_asked"; a note alone leaves it clear."""
        if any(f.severity != "note" and f.baseline is None for f in self.findings):
            return "found"
        if self.missing:
            return "incomplete"
        return "clear" if self.asked else "not_asked"

    def to_json(self) -> dict[str, Any]:
        """What `summary.json` holds of it."""
        return {
            "status": self.status,
            "complete": not self.missing,
            "says": self.says,
            "findings": len(self.findings),
            "missing": list(self.missing),
            **self.facts,
        }
