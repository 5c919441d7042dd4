"""`report.md` of the scan of a sketch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.report.blocks import count, in_words, short, table
from auditor.report.escape import md_cell, md_code, md_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.types import Finding

ROWS = 200
"""Findings that are listed; all are in findings.json."""

_METHOD = """\
A sketch holds keyed hashes of a fixed share of the n-grams of a training set, and no text. Of each item those n-grams
count that no other item of its benchmark has and that the sketch would hold. An item of which the sketch would hold
none is **not judgeable**: nothing is said of it. The contaminated share is estimated from the judgeable items, each
weighted by the inverse of its chance to be judgeable; items too short to have any n-gram are not represented. The
interval of an item is Clopper and Pearson's; that of a benchmark is a bootstrap over items.

A sketch says nothing of data that it was not made of. Whether it was made of the data claimed can be checked: see
`auditor sketch --verify` and `--challenge`."""


def headline(summary: Mapping[str, Any]) -> str:
    """One sentence that answers the question."""
    parts = []
    for name, facts in summary["benchmarks"].items():
        rate = facts["contaminated_rate"]
        if rate is None:
            parts.append(f"nothing can be said of {md_text(short(name))}")
        else:
            parts.append(
                f"{md_text(short(name))}: an estimated {_percent(rate)} of {count(facts['items'], 'item')} "
                f"({facts['contaminated_items']:,} items likely contained)"
            )
    return f"**In the data of this sketch** of {count(summary['records_read'], 'record')}: {'; '.join(parts)}."


def _percent(rate: Mapping[str, float]) -> str:
    return f"{100 * rate['estimate']:.1f} % (95 %: {100 * rate['low']:.1f} to {100 * rate['high']:.1f})"


def render_sketch_report(summary: Mapping[str, Any], findings: Sequence[Finding]) -> str:
    """The report as Markdown. It holds no time and no machine."""
    blocks = ["# Contamination report of a sketch", headline(summary)]
    if not summary["complete"]:
        reasons = ", ".join(f"{n:,} × {in_words(r)}" for r, n in summary["records_skipped"].items())
        blocks.append(f"**This sketch is incomplete**: it was made without {md_text(reasons)}.")
    blocks += ["## By benchmark", *_benchmarks(summary)]
    if findings:
        blocks += ["## The findings", *_findings(findings)]
    blocks += ["## The sketch", *_sketches(summary), "## Method", _METHOD]
    return "\n\n".join(blocks) + "\n"


def _benchmarks(summary: Mapping[str, Any]) -> list[str]:
    lines, notes = [], []
    for name, facts in summary["benchmarks"].items():
        rate = facts["contaminated_rate"]
        lines.append(
            [
                md_cell(short(name)), f"{facts['items']:,}", f"{facts['items_judgeable']:,}",
                _percent(rate) if rate else "nothing to judge by", f"{facts['contaminated_items']:,}",
                f"{facts['review_items']:,}", f"{100 * facts['expected_detection']:.0f} %",
            ]
        )  # fmt: skip
        notes += [
            f"- {md_text(short(name))}: {count(n, 'item')} not judgeable: {md_text(in_words(reason))}."
            for reason, n in facts["items_not_judgeable"].items()
        ]
    head = ["Benchmark", "Items", "Judgeable", "Contaminated (estimate)", "Likely contained", "To review"]
    head.append("Items that would be seen")
    return [*table(head, lines, numbers=range(1, 7), limit=ROWS), "\n".join(notes)]


def _findings(findings: Sequence[Finding]) -> list[str]:
    lines = []
    for finding in findings:
        e = finding.evidence
        lines.append(
            [
                finding.verdict, md_cell(short(f"{e['benchmark']} {e['split']} {e['item_id']}")),
                f"{e['found']} of {e['sampled']}", f"{100 * e['low']:.0f} to {100 * e['high']:.0f} %",
                f"{100 * e['probability']:.0f} %", f"{e['records_at_most']:,}",
            ]
        )  # fmt: skip
    head = ["Verdict", "Item", "Sampled n-grams found", "Containment", "Probability", "Records at most"]
    listed = f"{min(len(findings), ROWS):,} of {len(findings):,} are listed; all are in `findings.json`."
    steps = "\n".join(f"- {md_text(line)}" for line in findings[0].innocent_explanations)
    return [listed, *table(head, lines, numbers=range(2, 6), limit=ROWS), "Innocent reasons there may be:", steps]


def _sketches(summary: Mapping[str, Any]) -> list[str]:
    lines = [
        [
            md_code(short(s["sketch"])), f"{s['fraction'][0]}/{s['fraction'][1]}", str(s["ngram_size"]),
            s["key"]["kind"], f"{s['ngrams']:,}", f"`{s['seal'][:16]}…`",
        ]
        for s in summary["sketches"]
    ]  # fmt: skip
    return table(["Sketch", "Fraction", "Words", "Key", "n-grams", "Seal"], lines, numbers=(1, 2, 4), limit=ROWS)
