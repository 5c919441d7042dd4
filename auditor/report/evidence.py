"""A finding's evidence in words: a list of facts, each with its name, for reports that show findings one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.report.blocks import flat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.types import Finding

_MOST_FACTS = 40
_FITS = {"size": "its size alone", "context": "size, compute and date", "others": "its other benchmarks"}


def facts_of(finding: Finding) -> list[tuple[str, str]]:
    """(name, value) pairs, plain text from outside among them: not escaped."""
    evidence = finding.evidence
    if "train_excerpt" in evidence:
        facts = _of_pair(finding)
    elif "expected" in evidence and "bucket" in evidence:
        facts = _of_score(evidence)
    else:
        facts = [(key.replace("_", " ").replace(".", ", "), value) for key, value in flat(evidence) if value]
        facts = facts[:_MOST_FACTS]
    return [*facts, ("Rule", finding.rule_id), ("Fingerprint", finding.fingerprint)]


def _of_pair(finding: Finding) -> list[tuple[str, str]]:
    evidence = finding.evidence
    begin, end = evidence.get("train_span", (0, 0))
    role = f" of role {evidence['role']}" if evidence.get("role") else ""
    entry = [("Entry", str(evidence["entry"]))] if evidence.get("entry") else []
    answer = "present" if evidence.get("answer_present") else "not seen"
    return [
        *entry,
        (
            "Where",
            f"{finding.subject}, row {evidence.get('row', '?')}, field {evidence.get('field', '')}{role}, "
            f"characters {begin:,} to {end:,}",
        ),
        ("Why", f"{evidence.get('reason', '')} (score {evidence.get('score', 0):.2f}, answer {answer})"),
        ("Found by", ", ".join(_seen_by(match) for match in evidence.get("matches", ()))),
    ]


def _seen_by(match: Mapping[str, Any]) -> str:
    return f"{match['detector']} {match['score']:.2f} in {match['field']}"


def _of_score(evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    bucket = evidence["bucket"]
    facts = [
        ("Score", f"{_value(evidence['score'])} on {evidence['benchmark']}"),
        (
            "Expected",
            f"{_value(evidence['expected'])}, 95 % interval {_value(evidence['low'])} to {_value(evidence['high'])}, "
            f"from {evidence.get('basis', '')}",
        ),
        (
            "Significance",
            f"z = {_value(evidence['z'])}, p = {_small(evidence['p_value'])}, q = {_small(evidence['q_value'])} over "
            f"{evidence['families']:,} families; {_value(evidence['detectable_points'])} points would be detectable",
        ),
    ]
    for name, fit in evidence.get("fits", {}).items():
        facts.append(
            (
                f"From {_FITS.get(name, name)}",
                f"{_value(fit['expected'])} ({_value(fit['low'])} to {_value(fit['high'])}), excess "
                f"{_value(fit['excess'])}, z = {_value(fit['z'])}, p = {_small(fit['p'])}",
            )
        )
    facts.append(
        (
            f"Size bucket {bucket['label']}",
            f"n = {bucket['n']}, mean {_value(bucket['mean'])}, SD {_value(bucket['sd'])}, z = {_value(bucket['z'])}, "
            f"modified z = {_value(bucket['modified_z'])}"
            + ("" if bucket["stable"] else "; the call changes when its edges shift"),
        )
    )
    size = f"{_value(evidence['params_b'])} B parameters" if evidence.get("params_b") is not None else "size unknown"
    facts.append(("Model", f"{size}; family {evidence['family']}, by {evidence['family_rule']}"))
    return facts


def _value(value: Any) -> str:
    return "–" if value is None else f"{value:.1f}"


def _small(value: Any) -> str:
    return "–" if value is None else f"{value:.2g}"
