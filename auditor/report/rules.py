"""What a rule id means in a few words, for every command's rules: labels for tables, metadata for SARIF."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.findings import RULES, SEVERITIES

if TYPE_CHECKING:
    from auditor.types import Finding

LABELS: dict[str, str] = {
    "data/question-and-answer": "question and answer",
    "data/question": "question",
    "data/passage": "passage",
    "data/partial": "part of the question",
    "data/variant": "other numbers or names",
    "data/boilerplate": "stock phrases",
    "data/rephrased": "in other words",
    "data/similar": "similar text",
    "score/outlier": "above expectation",
    "score/low-outlier": "below expectation",
    "score/leads-in-public-only": "high in public only",
    "lineage/flagged-ancestor": "descends from a flagged model",
}
"""Short names, for a column of a table."""

_SUMMARIES = {
    "score/outlier": "A score is higher than the model's size and other scores lead to expect.",
    "score/low-outlier": "A score is lower than the model's size and other scores lead to expect.",
    "score/leads-in-public-only": "A score is higher than what the model reaches on a second board.",
    "lineage/flagged-ancestor": "A model descends from one that is flagged.",
}


EFFECTS = {"block": "error", "review": "warning", "pass": "note"}
"""What a check's policy makes of a finding, and the severity that this is for a reader."""


def effect_of(finding: Finding) -> str:
    """What a finding counts as: what the policy of a check makes of it, else its verdict."""
    effect = str(finding.evidence.get("effect", ""))
    return effect if effect in EFFECTS else finding.verdict


def severity_of(finding: Finding) -> str:
    """One of SARIF's levels: that of the effect where a policy has given it one."""
    severity = EFFECTS.get(str(finding.evidence.get("effect", "")), finding.severity)
    return severity if severity in SEVERITIES else "note"


def label(rule_id: str) -> str:
    """A rule's short name; of a rule that is not known here what its id says."""
    return LABELS.get(rule_id, rule_id.rpartition("/")[2].replace("-", " "))


def summary(rule_id: str) -> str:
    """A rule in one sentence."""
    if rule_id in RULES:
        return f"A training record {RULES[rule_id].summary}."
    return _SUMMARIES.get(rule_id, f"{rule_id.partition('/')[0].capitalize()}: {label(rule_id)}.")
