"""`auditor.comparing.compare`: what is new, gone and changed between two runs, finding by finding.

Findings are the same where their fingerprints are: rows may shift, thresholds may move. A file that was renamed has
other fingerprints, so that its findings are gone and new.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.findings import finding_order
from auditor.report.blocks import flat, percent, short, table
from auditor.report.escape import md_cell, md_code, md_text, truncate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from auditor.report.files import Run
    from auditor.types import Finding

RANK = {"never": 3, "contaminated": 2, "strong": 2, "review": 1}
"""Verdicts and values of --fail-on, in one order."""
KINDS = ("new", "gone", "changed", "same")
SCORE_CHANGE = 0.01
"""Scores closer than this are the same: words weigh by how rare they are in the training set that was scanned, so that
every score moves a little when a record goes."""
ROWS = 200
"""Rows of a table in `compare.md`; all of them are in `compare.json`."""


@dataclass(frozen=True, slots=True)
class Change:
    """A finding of both runs that is not the same in both."""

    before: Finding
    after: Finding
    what: tuple[str, ...]
    """Of "verdict", "score", "detectors", "baseline"."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting or an input that is not the same in both runs, and may be why findings are not."""

    key: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, held against each other."""

    new: tuple[Finding, ...]
    """Only in the second run; worst first, as all of these."""
    gone: tuple[Finding, ...]
    """Only in the first run."""
    changed: tuple[Change, ...]
    same: tuple[Finding, ...]
    differences: tuple[Difference, ...]

    def worse(self, fail_on: str) -> list[Finding]:
        """What the second run has at or above `fail_on` and the first had not: new findings, and those whose verdict
        rose to it. Findings that a baseline accepts do not count."""
        limit = RANK[fail_on]
        raised = [change.after for change in self.changed if _rank(change.before) < limit]
        return [f for f in [*self.new, *raised] if f.baseline is None and _rank(f) >= limit]

    def by_benchmark(self) -> dict[str, Counter[str]]:
        """Benchmark to how many findings are new, gone, changed and the same; sorted by name."""
        counts: dict[str, Counter[str]] = {}
        for kind in KINDS:
            for entry in getattr(self, kind):
                finding = entry.after if isinstance(entry, Change) else entry
                counts.setdefault(benchmark_of(finding), Counter())[kind] += 1
        return dict(sorted(counts.items()))

    def to_json(self) -> dict[str, Any]:
        """`compare.json`. What is the same is only counted; all of it is in either run's `findings.json`."""
        return {
            "command": "compare",
            "counts": {kind: len(getattr(self, kind)) for kind in KINDS},
            "benchmarks": {
                name: {kind: counts[kind] for kind in KINDS} for name, counts in self.by_benchmark().items()
            },
            "new": [finding.to_json() for finding in self.new],
            "gone": [finding.to_json() for finding in self.gone],
            "changed": [
                {"what": list(c.what), "before": c.before.to_json(), "after": c.after.to_json()} for c in self.changed
            ],
            "differences": [{"key": d.key, "before": d.before, "after": d.after} for d in self.differences],
        }


def _rank(finding: Finding) -> int:
    if finding.baseline is not None:
        return 0
    return RANK.get(finding.verdict, 1)


def benchmark_of(finding: Finding) -> str:
    """The benchmark that a finding is about; empty where it is about none."""
    return str(finding.evidence.get("benchmark", ""))


def compare(before: Run, after: Run) -> Comparison:
    """Hold two runs of one command against each other, by the findings' fingerprints."""
    first = {finding.fingerprint: finding for finding in before.findings}
    second = {finding.fingerprint: finding for finding in after.findings}
    changed: list[Change] = []
    same: list[Finding] = []
    for fingerprint, finding in second.items():
        if fingerprint in first:
            what = _what_changed(first[fingerprint], finding)
            if what:
                changed.append(Change(first[fingerprint], finding, what))
            else:
                same.append(finding)
    return Comparison(
        new=_sorted(f for key, f in second.items() if key not in first),
        gone=_sorted(f for key, f in first.items() if key not in second),
        changed=tuple(sorted(changed, key=lambda change: finding_order(change.after))),
        same=_sorted(same),
        differences=tuple(_differences(before.summary, after.summary)),
    )


def _sorted(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=finding_order))


def _what_changed(before: Finding, after: Finding) -> tuple[str, ...]:
    one, other = _score(before), _score(after)
    moved = one != other if one is None or other is None else abs(one - other) >= SCORE_CHANGE
    changes = {
        "verdict": before.verdict != after.verdict,
        "score": moved,
        "detectors": before.evidence.get("detectors") != after.evidence.get("detectors"),
        "baseline": (before.baseline is None) != (after.baseline is None),
    }
    return tuple(name for name, is_changed in changes.items() if is_changed)


def _score(finding: Finding) -> float | None:
    score = finding.evidence.get("score")
    return float(score) if isinstance(score, int | float) else None


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """What was set or given otherwise."""
    one, other = _inputs(before), _inputs(after)
    return [
        Difference(key, one.get(key, "–"), other.get(key, "–"))
        for key in sorted({*one, *other})
        if one.get(key) != other.get(key)
    ]


def _inputs(summary: Mapping[str, Any]) -> dict[str, str]:
    parts = {key: summary.get(key) or {} for key in ("config", "reading", "versions")}
    found = {f"{key}.{name}": value for key, part in parts.items() for name, value in flat(part)}
    for name, facts in (summary.get("benchmarks") or {}).items():
        if isinstance(facts, dict):
            found[f"benchmark {name}"] = str(facts.get("sha256", ""))
    found["records_read"] = str(summary.get("records_read", ""))
    found["complete"] = str(summary.get("complete", ""))
    return found


def describe(finding: Finding) -> tuple[str, str, str]:
    """The item, where it is, and the verdict with its score: cells of a table, not escaped."""
    evidence = finding.evidence
    if not evidence.get("benchmark"):
        return finding.title, finding.subject, finding.verdict
    split = f" {evidence['split']}" if evidence.get("split") else ""
    item = f"{evidence['benchmark']}{split} {evidence.get('item_id', '')}"
    score = _score(finding)
    accepted = " (accepted)" if finding.baseline is not None else ""
    verdict = finding.verdict if score is None else f"{finding.verdict} {score:.2f}"
    return item, f"{finding.subject}, row {evidence.get('row', '?')}", verdict + accepted


def render_comparison(comparison: Comparison, before: str, after: str) -> str:
    """`compare.md`.

    Args:
        comparison: what to say.
        before: name of the first run's directory.
        after: name of the second's.
    """
    counts = {kind: len(getattr(comparison, kind)) for kind in KINDS}
    blocks = [
        "# Two runs compared",
        f"**{counts['new']:,} new, {counts['gone']:,} gone, {counts['changed']:,} changed** and {counts['same']:,} the "
        f"same, from {md_code(short(before))} to {md_code(short(after))}.",
        "## By benchmark",
        *_by_benchmark(comparison),
    ]
    head = ["Item", "Record", "Verdict", "Fingerprint"]
    for title, findings in (("New", comparison.new), ("Gone", comparison.gone)):
        if findings:
            rows = [[*map(_cell, describe(f)), md_code(f.fingerprint)] for f in findings]
            blocks += [f"## {title}", *table(head, rows, limit=ROWS)]
    if comparison.changed:
        rows = [_changed_row(change) for change in comparison.changed]
        head = ["Item", "Record", "Before", "After", "What", "Fingerprint"]
        blocks += ["## Changed", *table(head, rows, limit=ROWS)]
    if comparison.differences:
        rows = [[md_code(short(d.key)), _cell(d.before), _cell(d.after)] for d in comparison.differences]
        blocks += ["## What was not the same", *table(["Setting or input", "Before", "After"], rows, limit=ROWS)]
    return "\n\n".join(blocks) + "\n"


def _by_benchmark(comparison: Comparison) -> list[str]:
    rows = []
    for name, counts in comparison.by_benchmark().items():
        before = counts["gone"] + counts["changed"] + counts["same"]
        share = percent(counts["gone"], before) if before else "–"
        rows.append([md_cell(short(name)) or "–", *(f"{counts[kind]:,}" for kind in KINDS), share])
    if not rows:
        return ["Neither run has a finding."]
    return table(["Benchmark", "New", "Gone", "Changed", "The same", "Share gone"], rows, numbers=range(1, 6))


def _changed_row(change: Change) -> list[str]:
    item, place, verdict = describe(change.after)
    cells: Sequence[str] = [item, place, describe(change.before)[2], verdict]
    return [*map(_cell, cells), ", ".join(change.what), md_code(change.after.fingerprint)]


def _cell(text: str) -> str:
    return md_text(truncate(text, 160)) if text else "–"
