"""What lines of evidence say together: neither a score alone nor a data match alone, but the two on one benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.checking.entry import same_benchmark
from auditor.checking.findings import finding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.checking.entry import Entry
    from auditor.checking.evidence import Evidence
    from auditor.types import Finding

HIGH = ("score/outlier", "check/unusual-for-one-entry")
MAX_QUESTIONS = 8


def high_scores(evidence: Mapping[str, Evidence]) -> dict[str, Finding]:
    """Scores that are too good, by benchmark; those that a baseline accepts are left out."""
    found: dict[str, Finding] = {}
    for item in evidence["scores"].findings:
        if item.rule_id in HIGH and item.baseline is None:
            found.setdefault(same_benchmark(item.evidence["benchmark"]), item)
    return found


def found_items(evidence: Mapping[str, Evidence], severity: str = "error") -> dict[str, int]:
    """Benchmarks of which items are in the entry's training sets, and how many items; accepted ones are left out."""
    items: dict[str, set[tuple[str, str]]] = {}
    for item in evidence["data"].findings:
        if item.rule_id.startswith("data/") and item.severity == severity and item.baseline is None:
            about = item.evidence
            items.setdefault(about["benchmark"], set()).add((about["split"], about["item_id"]))
    return {name: len(ids) for name, ids in items.items()}


def joined_findings(entry: Entry, evidence: Mapping[str, Evidence]) -> list[Finding]:
    """A finding of its own for each benchmark with a score that is too good and items in the training sets."""
    high = high_scores(evidence)
    results = []
    for name, items in found_items(evidence).items():
        score = high.get(same_benchmark(name))
        if score is None:
            continue
        about = score.evidence
        results.append(
            finding(
                entry, "check/outlier-on-contaminated-benchmark",
                f"{about['benchmark']} {about['score']:.1f} where {about['expected']:.1f} was expected, and {items} of "
                "its items are in the training data",
                f"The score of {entry.model} on {about['benchmark']} is {about['excess']:.1f} points above "
                f"expectation, and {items} items of {name} are in the training sets that the entry names. Each "
                "alone has innocent explanations; that both befall one benchmark by chance is far less likely.",
                key=str(about.get("key", "")), identity=(same_benchmark(name),), verdict="strong",
                evidence={"benchmark": about["benchmark"], "items": items, "excess": about["excess"],
                          "score_rule": score.rule_id},
            )
        )  # fmt: skip
    return results


def together(entry: Entry, evidence: Mapping[str, Evidence]) -> list[str]:
    """What the lines of evidence say together, in sentences of plain text."""
    high, items, partly = high_scores(evidence), found_items(evidence), found_items(evidence, "warning")
    by_key = {same_benchmark(name): (name, count) for name, count in items.items()}
    said = []
    for key, score in high.items():
        name = score.evidence["benchmark"]
        if key in by_key:
            count = by_key[key][1]
            said.append(
                f"{name}: the score is {score.evidence['excess']:.1f} points above expectation, and {count} of its "
                "items are in the training data. The two support each other."
            )
        else:
            said.append(f"{name}: the score is above expectation. {_without_items(entry, evidence, key, partly)}")
    judged = {same_benchmark(row["benchmark"]): row for row in evidence["scores"].facts.get("judged", ())}
    for key, (name, count) in by_key.items():
        if key in high:
            continue
        row = judged.get(key)
        if row is not None and row["verdict"] != "not_judged":
            said.append(
                f"{name}: {count} of its items are in the training data, and its score is not above expectation. A few "
                f"items need not show: {row['detectable_points'] or 0:.0f} points of excess would have been seen."
            )
        else:
            said.append(f"{name}: {count} of its items are in the training data; no score on it could be judged.")
    flagged = [f for f in evidence["lineage"].findings if f.rule_id.startswith("lineage/flagged")]
    if flagged and high:
        said.append("A score that is too good and a flagged model in its lineage: the excess may be inherited.")
    if high and any(f.rule_id.startswith("consistency/size") for f in evidence["consistency"].findings):
        said.append(
            "The parameter count is in doubt, and what is expected of a score rests on it: settle the count first."
        )
    return said or ["No line of evidence adds to another."]


def _without_items(entry: Entry, evidence: Mapping[str, Evidence], key: str, partly: Mapping[str, int]) -> str:
    """What the training sets say of a benchmark that a score is too good on, and none of whose items is in them."""
    data = evidence["data"]
    near = next((n for name, n in partly.items() if same_benchmark(name) == key), 0)
    if near:
        return f"{near} of its items have something like them in the training data, which a person should read."
    looked_for = {same_benchmark(name) for name in data.facts.get("benchmarks", {})}
    if key in looked_for and not data.missing:
        return "None of its items is in the sets that the entry names: these do not explain it, sets not named might."
    if key in looked_for:
        return "None of its items was found in what could be scanned; not everything could."
    if entry.training_sets:
        return "Its items were not looked for in the training sets, so that the two cannot be compared."
    return "The entry names no training set in which its items could be looked for."


def questions(findings: Sequence[Finding]) -> list[str]:
    """What a moderator could ask the author or do next: the steps of the worst findings first, each once."""
    order = {"error": 0, "warning": 1, "note": 2}
    ranked = sorted(
        (f for f in findings if f.baseline is None),
        key=lambda f: (not f.rule_id.startswith("check/outlier"), order.get(f.severity, 3)),
    )
    steps = dict.fromkeys(step for f in ranked for step in f.next_steps)
    return list(steps)[:MAX_QUESTIONS]
