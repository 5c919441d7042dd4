"""SARIF 2.1.0: findings as code scanning shows them, on the line of the training file or the entry.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/ and what GitHub takes of it:
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

from __future__ import annotations

import gzip
import json
from itertools import islice
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from auditor import __version__
from auditor.findings import RULES, SEVERITIES
from auditor.report.escape import truncate, visible
from auditor.report.rules import label
from auditor.report.rules import summary as rule_summary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.types import Finding

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MOST_RESULTS = 25_000
"""Results of a run that GitHub takes; it refuses a file with more."""
MOST_BYTES = 10_000_000
"""Bytes, compressed with gzip, of a file that GitHub takes."""
_PROPERTIES = ("effect", "benchmark", "item_id", "score", "q_value")
"""Parts of a finding's evidence that a result carries."""
_LINE_FORMATS = (".jsonl", ".ndjson")
"""Where record number n is line n + 1; in other formats, and in compressed files, a record has no line."""


def render_sarif(
    command: str,
    summary: Mapping[str, Any],
    findings: Sequence[Finding],
    *,
    most_results: int = MOST_RESULTS,
    most_bytes: int = MOST_BYTES,
) -> str:
    """A SARIF log with one run; what GitHub's limits leave no room for is counted in a notification of it.

    Args:
        command: the command that made the run: "scan", "scores" or "check".
        summary: the contents of `summary.json`.
        findings: all findings, worst first: the last ones go where there are too many.
        most_results: how many results there may be.
        most_bytes: how large the log may be when it is compressed with gzip.
    """
    kept = min(len(findings), most_results)
    while True:
        text = json.dumps(_log(command, summary, findings, kept), ensure_ascii=False, indent=1) + "\n"
        text = text.encode("utf-8", "replace").decode()
        # compression makes it a tenth, so that most logs need not be compressed to know
        if len(text) < most_bytes or len(gzip.compress(text.encode(), mtime=0)) < most_bytes or not kept:
            return text
        kept = kept * 4 // 5


def _log(command: str, summary: Mapping[str, Any], findings: Sequence[Finding], kept: int) -> dict[str, Any]:
    # one by one: there may be more than there is memory for
    by_rule: dict[str, Finding] = {}
    for finding in islice(findings, kept):
        by_rule.setdefault(finding.rule_id, finding)
    index = {rule: number for number, rule in enumerate(by_rule)}
    judged_by_baseline = any(finding.baseline is not None for finding in findings)
    invocation: dict[str, Any] = {"executionSuccessful": bool(summary.get("complete", True))}
    notes = _notifications(summary, len(findings) - kept)
    if notes:
        invocation["toolExecutionNotifications"] = notes
    run = {
        "tool": {
            "driver": {
                "name": "auditor",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(rule, finding) for rule, finding in by_rule.items()],
            }
        },
        "automationDetails": {"id": f"auditor/{command}/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [invocation],
        "results": [_result(finding, summary, index, judged_by_baseline) for finding in islice(findings, kept)],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _notifications(summary: Mapping[str, Any], left_out: int) -> list[dict[str, Any]]:
    notes = []
    if left_out:
        said = f"{left_out:,} findings are left out, the least severe: GitHub takes {MOST_RESULTS:,} results and 10 MB."
        notes.append({"level": "warning", "message": {"text": f"{said} findings.json has all of them."}})
    if not summary.get("complete", True):
        said = "The audit is incomplete: something could not be read; summary.json says what."
        notes.append({"level": "error", "message": {"text": said}})
    return notes


def _rule(rule_id: str, finding: Finding) -> dict[str, Any]:
    """A rule's metadata; of a rule that is not about data, from a finding of it."""
    known = RULES.get(rule_id)
    innocent = known.innocent_explanations if known else finding.innocent_explanations
    steps = known.next_steps if known else finding.next_steps
    lines = ["Innocent explanations:", *(f"- {line}" for line in innocent)] if innocent else []
    lines += ["What to do next:", *(f"- {line}" for line in steps)] if steps else []
    return {
        "id": rule_id,
        "name": "".join(word.capitalize() for word in rule_id.replace("/", "-").split("-")),
        "shortDescription": {"text": label(rule_id).capitalize()},
        "fullDescription": {"text": rule_summary(rule_id)},
        "help": {"text": _message("\n".join(lines) or rule_summary(rule_id), 4_000)},
        "defaultConfiguration": {"level": _level(finding)},
        "properties": {"tags": [rule_id.partition("/")[0], "benchmark-contamination"]},
    }


def _level(finding: Finding) -> str:
    return finding.severity if finding.severity in SEVERITIES else "note"


def _message(text: str, limit: int = 1_000) -> str:
    """Text of a message: SARIF makes a link of `[text](target)`, and text from outside shall make none."""
    return truncate("\n".join(visible(line) for line in text.split("\n")).replace("](", "] ("), limit)


def _result(
    finding: Finding, summary: Mapping[str, Any], index: Mapping[str, int], judged_by_baseline: bool
) -> dict[str, Any]:
    evidence = finding.evidence
    result: dict[str, Any] = {
        "ruleId": finding.rule_id,
        "ruleIndex": index[finding.rule_id],
        "level": _level(finding),
        "message": {"text": _message(finding.message)},
        "locations": [_location(finding, summary)],
        # the second is the one that GitHub knows a result by; it cannot make it without the training file
        "partialFingerprints": {
            "auditorFingerprint/v1": finding.fingerprint,
            "primaryLocationLineHash": f"{finding.fingerprint}:1",
        },
        "properties": {
            "verdict": finding.verdict,
            **{key: evidence[key] for key in _PROPERTIES if evidence.get(key) is not None},
        },
    }
    if finding.baseline is not None:
        reason = _message(finding.baseline.get("reason", ""))
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": reason}]
    elif judged_by_baseline:
        result["suppressions"] = []
    return result


def _location(finding: Finding, summary: Mapping[str, Any]) -> dict[str, Any]:
    evidence = finding.evidence
    file, line = place_of(finding, summary)
    physical: dict[str, Any] = {"artifactLocation": {"uri": uri_of(file)}}
    if line is not None:
        physical["region"] = {"startLine": line}
    location: dict[str, Any] = {"physicalLocation": physical}
    if "row" in evidence and "field" in evidence:
        name = f"row {evidence['row']}, field {evidence['field']}"
        location["logicalLocations"] = [{"fullyQualifiedName": _message(name), "kind": "element"}]
    elif evidence.get("key"):
        location["logicalLocations"] = [{"fullyQualifiedName": _message(str(evidence["key"])), "kind": "member"}]
    elif "source" not in evidence:
        location["logicalLocations"] = [{"fullyQualifiedName": _message(finding.subject), "kind": "resource"}]
    return location


def place_of(finding: Finding, summary: Mapping[str, Any]) -> tuple[str, int | None]:
    """(file, 1-based line) that a finding is about; None where its record has no line of its own.

    A finding of `check` is in the entry's file, one of `scan` in the training set's, one of `scores` in the table.
    """
    evidence = finding.evidence
    line = evidence.get("line")
    if evidence.get("entry") and ("source" not in evidence or line):
        return str(evidence["entry"]), line if isinstance(line, int) and line > 0 else None
    if "source" in evidence:
        source = str(evidence["source"])
        by_line = source.lower().endswith(_LINE_FORMATS) and not (summary.get("reading") or {}).get("format")
        return source, int(evidence["row"]) + 1 if by_line and "row" in evidence else None
    inputs = summary.get("inputs")
    first = inputs[0] if isinstance(inputs, list) and inputs and isinstance(inputs[0], dict) else {}
    return str(first.get("path") or finding.subject), None


def uri_of(file: str) -> str:
    """A path or URL as a URI reference: relative paths stay relative, to the root of the checkout."""
    if "://" in file:
        return quote(file, safe="/:@!$&'()*+,;=~%?", errors="replace")
    path = PurePath(file)
    if path.is_absolute():
        return "file://" + quote(path.as_posix(), errors="replace")
    return quote(path.as_posix(), errors="replace")
