"""What a baseline accepts, as a part of a report: counted at its top, and folded at its end with the reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.report.blocks import count, folded, short, table
from auditor.report.escape import md_cell, md_code, truncate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.types import Finding


def accepted_line(summary: Mapping[str, Any]) -> list[str]:
    """How much a baseline accepts, in a sentence; nothing where there is none."""
    facts = summary.get("baseline")
    if not facts:
        return []
    stale = len(facts.get("stale", ()))
    more = f" {stale:,} of its {facts.get('entries', stale):,} entries are stale." if stale else ""
    hidden = count(facts.get("hidden", 0), "finding")
    return [f"The baseline {md_code(short(facts.get('file', '')))} accepts {hidden}, shown folded below.{more}"]


def accepted_findings(summary: Mapping[str, Any], findings: Sequence[Finding], rows: int) -> list[str]:
    """What a baseline accepts, with the reasons, and which of its entries have no finding any more."""
    blocks = []
    lines = []
    accepted = 0
    for finding in findings:
        if finding.baseline is None:
            continue
        accepted += 1
        if accepted <= rows:
            said = finding.baseline
            by = ", ".join(filter(None, (said.get("author", ""), said.get("date", ""))))
            reason = md_cell(truncate(said.get("reason", ""), 300))
            who = [md_cell(short(by)) or "–"]
            lines.append(
                [md_cell(truncate(finding.title, 200)), finding.verdict, reason, *who, f"`{finding.fingerprint}`"]
            )
    if accepted:
        head = ["Finding", "Verdict", "Why it is accepted", "By", "Fingerprint"]
        blocks.append(folded(f"Accepted by the baseline: {accepted:,}", table(head, lines, total=accepted)))
    stale = (summary.get("baseline") or {}).get("stale", ())
    if stale:
        lines = [
            [f"`{entry['fingerprint']}`", md_cell(short(entry.get("about", ""))), md_cell(short(entry["reason"]))]
            for entry in stale
        ]
        title = f"Stale entries of the baseline: {len(stale):,}"
        blocks.append(folded(title, table(["Fingerprint", "About", "Reason"], lines, limit=rows)))
    return ["## Accepted", *blocks] if blocks else []
