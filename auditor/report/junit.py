"""JUnit XML: an audit as the test reports of a CI system show it. There is no standard; this is the form that Jenkins'
xunit plugin publishes a schema of (junit-10.xsd), which GitLab, GitHub actions and Azure read as well.

A finding that is an error, or that a policy lets block, is a failed test. One for review is a skipped test, as is one
that a baseline accepts: neither fails a run. What was searched for and not found is a test that passed, and a source
that was not read to the end is an error, so that an incomplete audit never looks like one that passed.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from auditor.report.blocks import in_words
from auditor.report.escape import truncate, visible
from auditor.report.rules import effect_of, severity_of
from auditor.report.sarif import place_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.types import Finding

MOST_CASES = 25_000
"""Findings in a file, the first ones; a test report of more is read by nobody and by few programs."""


def render_junit(
    command: str, summary: Mapping[str, Any], findings: Sequence[Finding], *, most_cases: int = MOST_CASES
) -> str:
    """The findings as JUnit XML, one suite for each benchmark and one for what was read.

    Args:
        command: the command that made the run: "scan", "scores" or "check".
        summary: the contents of `summary.json`.
        findings: all findings, worst first.
        most_cases: how many of them become test cases.
    """
    suites = {name: ET.Element("testsuite") for name in _benchmarks(summary)}
    # one by one: there may be more than there is memory for
    for finding in islice(findings, most_cases):
        _add_finding(suites.setdefault(_suite_of(finding), ET.Element("testsuite")), finding, summary)
    for name, suite in suites.items():
        if not len(suite):
            _case(suite, f"nothing of {name} stands out", f"auditor.{command}")
    reading = ET.Element("testsuite")
    _add_reading(reading, command, summary, left_out=max(0, len(findings) - most_cases))
    root = ET.Element("testsuites")
    for name, suite in [*suites.items(), ("what was read", reading)]:
        suite.set("name", _text(f"auditor {command}: {name}"))
        _count(suite)
        root.append(suite)
    root.set("name", f"auditor {command}")
    for key in ("tests", "failures", "errors"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _benchmarks(summary: Mapping[str, Any]) -> list[str]:
    return [str(name) for name in summary.get("benchmarks") or {}]


def _suite_of(finding: Finding) -> str:
    return str(finding.evidence.get("benchmark") or finding.rule_id.partition("/")[0])


def _text(text: str, limit: int = 400) -> str:
    """Text for XML, which can hold no control characters."""
    return truncate(visible(text), limit)


def _case(suite: ET.Element, name: str, group: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", {"name": _text(name), "classname": _text(group)})


def _add_finding(suite: ET.Element, finding: Finding, summary: Mapping[str, Any]) -> None:
    # the fingerprint makes the name one that stays the same and that no other finding has
    about = finding.title if "source" in finding.evidence else f"{finding.subject}: {finding.title}"
    case = _case(suite, f"{about} ({finding.fingerprint[:12]})", finding.rule_id.replace("/", "."))
    verdict, severity = effect_of(finding), severity_of(finding)
    if finding.baseline is not None:
        reason = finding.baseline.get("reason", "")
        ET.SubElement(case, "skipped", {"message": _text(f"accepted by the baseline: {reason}")})
    elif severity == "error":
        failure = ET.SubElement(case, "failure", {"type": _text(verdict), "message": _text(finding.title)})
        failure.text = _details(finding, summary)
    elif severity == "warning":
        skipped = ET.SubElement(case, "skipped", {"message": _text(f"{verdict}: {finding.title}")})
        skipped.text = _details(finding, summary)
    else:
        ET.SubElement(case, "system-out").text = _details(finding, summary)


def _details(finding: Finding, summary: Mapping[str, Any]) -> str:
    file, line = place_of(finding, summary)
    where = f"{file}:{line}" if line else file
    steps = [f"next: {step}" for step in finding.next_steps]
    lines = [finding.message, f"where: {where}", f"fingerprint: {finding.fingerprint}", *steps]
    return "\n".join(_text(line, 1_000) for line in lines)


def _add_reading(suite: ET.Element, command: str, summary: Mapping[str, Any], *, left_out: int) -> None:
    for source in summary.get("sources") or ():
        case = _case(suite, f"{source['source']} was read to the end", f"auditor.{command}.read")
        if not source.get("complete", True):
            ET.SubElement(case, "error", {"type": "incomplete", "message": "it was not read to the end"})
    for entry in summary.get("entries") or ():
        case = _case(suite, f"{entry.get('entry')} was checked whole", f"auditor.{command}.read")
        if not entry.get("complete", True):
            missing = "; ".join(map(str, entry.get("missing") or ()))
            ET.SubElement(case, "error", {"type": "incomplete", "message": _text(missing or "not all was checked")})
    case = _case(suite, "the audit is complete", f"auditor.{command}.read")
    skipped = summary.get("records_skipped") or {}
    said = [f"{number} × {in_words(str(reason))}" for reason, number in skipped.items()]
    if left_out:
        said.append(f"{left_out} findings are not in this file; findings.json has all of them")
    if not summary.get("complete", True):
        ET.SubElement(case, "error", {"type": "incomplete", "message": _text("; ".join(said) or "it was stopped")})
    elif said:
        ET.SubElement(case, "system-out").text = _text("; ".join(said), 4_000)


def _count(suite: ET.Element) -> None:
    suite.set("tests", str(len(suite)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(tag) is not None for case in suite)))
