"""Markdown of a score audit: report.md, and one page for each flagged model with an index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.report import blocks
from auditor.report.escape import md_cell, md_code, md_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.types import Finding

WORST_SHOWN = 30
_MEANING = {
    "strong": "speaks strongly against the score as it stands",
    "review": "is worth a person's look",
    "none": "is as expected, or no more than unusual",
}


def verdict_line(summary: Mapping[str, Any]) -> str:
    """The answer in one line."""
    counts = {v: sum(b[v] for b in summary["benchmarks"].values()) for v in ("strong", "review")}
    scores = sum(b["strong"] + b["review"] + b["none"] for b in summary["benchmarks"].values())
    if not scores:
        return "**Nothing could be judged**: see the reasons under coverage."
    if not counts["strong"] and not counts["review"]:
        return f"**No score stands out**: {scores:,} scores of {summary['models']:,} models were judged."
    return (
        f"**{blocks.count(counts['strong'], 'score')} strong, {counts['review']:,} for review**, of {scores:,} "
        f"scores of "
        f"{summary['models']:,} models."
    )


def _value(value: Any, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _small(value: Any) -> str:
    return "–" if value is None else f"{value:.2g}"


def _figures(summary: Mapping[str, Any], prefix: str = "") -> list[str]:
    shown = []
    for path, alt in summary.get("figures", {}).items():
        shown.append(f"![{md_text(alt)}]({prefix}{path})")
    return shown


def _by_benchmark(summary: Mapping[str, Any]) -> list[str]:
    rows = [
        [
            md_cell(name),
            f"{b['items']:,}" + ("" if b["items_known"] else " (assumed)"),
            str(b["strong"]),
            str(b["review"]),
            f"{b['none']:,}",
            f"{sum(b['not_judged'].values()):,}",
            str(b["low_outliers"]),
            f"{b['families']:,}",
            _value(b["detectable_points_median"]),
        ]
        for name, b in summary["benchmarks"].items()
    ]
    head = [
        "benchmark",
        "items",
        "strong",
        "review",
        "as expected",
        "not judged",
        "unusually low",
        "families",
        "detectable, points",
    ]
    return blocks.table(head, rows, numbers=range(1, 9))


def _outlier_rows(findings: Sequence[Finding]) -> list[list[str]]:
    return [
        [
            f"**{f.verdict}**" if f.verdict == "strong" else f.verdict, md_cell(blocks.short(f.subject)),
            md_cell(f.evidence["benchmark"]), _value(f.evidence["score"]), _value(f.evidence["expected"]),
            f"{_value(f.evidence['low'])}–{_value(f.evidence['high'])}", _value(f.evidence["excess"]),
            _small(f.evidence["q_value"]), _value(f.evidence["params_b"]), md_cell(f.evidence["family"]),
        ]
        for f in findings
    ]  # fmt: skip


_OUTLIER_HEAD = [
    "verdict",
    "model",
    "benchmark",
    "score",
    "expected",
    "95 % interval",
    "excess",
    "q",
    "size, B",
    "family",
]


def _buckets(summary: Mapping[str, Any]) -> list[str]:
    shown = []
    for name, b in summary["benchmarks"].items():
        rows = [
            [
                md_cell(k["label"]),
                f"{k['n']:,}",
                str(k["at_chance"]),
                _value(k["mean"]),
                _value(k["sd"]),
                _value(k["median"]),
                _value(k["mad"]),
                _value(k["modified_z_cutoff"], 2),
                str(k["high"]),
                str(k["unstable"]),
            ]
            for k in b["buckets"]
            if k["n"] or k["at_chance"]
        ]
        head = ["bucket", "n", "at chance", "mean", "SD", "median", "MAD", "modified z cutoff", "high by t", "unstable"]
        shown.append(blocks.folded(md_text(name), blocks.table(head, rows, numbers=range(1, 10))))
    return shown


def _fits(summary: Mapping[str, Any]) -> list[str]:
    rows = []
    for name, b in summary["benchmarks"].items():
        for fit, k in b.get("fits", {}).items():
            rows.append(
                [
                    md_cell(name),
                    fit,
                    md_cell(", ".join(k["from"])),
                    _value(k["sigma"], 3),
                    _value(k["tau"], 3),
                    f"{k['families']:,}",
                    str(k["effective_coefficients"]),
                    _value(k["tail_scale"], 2),
                    _value(k["tail_df"]),
                ]
            )
    if not rows:
        return ["The board has too few families for a regression; the size buckets alone judged."]
    head = [
        "benchmark",
        "fit",
        "expected from",
        "σ within families",
        "τ between",
        "families",
        "coefficients",
        "tail scale",
        "tail df",
    ]
    return blocks.table(head, rows, numbers=range(3, 9))


def _others(findings: Sequence[Finding]) -> list[str]:
    parts: list[str] = []
    for rule, title, limit in (
        ("score/leads-in-public-only", "## High in public only", 30),
        ("lineage/flagged-ancestor", "## Descent from flagged models", 30),
        ("score/low-outlier", "## Unusually low", 15),
    ):
        chosen = [f for f in findings if f.rule_id == rule]
        if chosen:
            parts.append(title)
            if rule == "score/low-outlier":
                parts.append("Usually a broken prompt, chat template or tokenizer; no finding against the model.")
            rows = [[md_cell(blocks.short(f.subject)), md_cell(f.title)] for f in chosen]
            parts.extend(blocks.table(["model", "what"], rows, limit=limit))
    return parts


def _pareto(summary: Mapping[str, Any]) -> list[str]:
    rows = []
    for name, b in summary["benchmarks"].items():
        gone = [m for m in b["pareto"]["front"] if m not in b["pareto"]["front_without_flagged"]]
        rows.append([md_cell(name), str(len(b["pareto"]["front"])), f"{b['pareto']['dominated']:,}",
                     ", ".join(md_cell(blocks.short(m)) for m in gone[:8]) or "none"])  # fmt: skip
    return [
        "A model is dominated where one at most as large scores higher; `pareto.csv` names the model that "
        "dominates it, by "
        "parameters and by bytes of its precision.",
        *blocks.table(
            ["benchmark", "on the front", "dominated", "on the front only while flagged models count"],
            rows,
            numbers=(1, 2),
        ),
    ]


def _coverage(summary: Mapping[str, Any]) -> list[str]:
    lines = [f"{blocks.count(summary['rows'], 'row')} of {md_text(i['path'])}" for i in summary["inputs"][:1]]
    lines += [f"{count:,} × {blocks.in_words(reason)}" for reason, count in summary["records_skipped"].items()]
    for name, b in summary["benchmarks"].items():
        lines += [
            f"{md_text(name)}: {count:,} not judged: {md_text(reason)}" for reason, count in b["not_judged"].items()
        ]
    lines += [md_text(note) for note in summary["notes"]]
    lines.append(f"duplicates: {md_text(summary['duplicate_rule'])}")
    lines += [f"family of {count:,} rows from {md_text(rule)}" for rule, count in summary["family_rules"].items()]
    return blocks.bullets(lines, 60)


def method(summary: Mapping[str, Any]) -> list[str]:
    """How scores were judged, in paragraphs of Markdown that hold no text from outside."""
    config = summary["config"]
    return [
        "Scores are compared on the logit scale with what a robust regression (Tukey's biweight, family effects) "
        "leads to expect "
        "from a model's size, from its compute and date where the board tells them, and from its other "
        "benchmarks. A model's family "
        "takes no part in the fit that judges it. p comes from the board's own residuals, one family one witness; q is "
        "Benjamini-Hochberg over families.",
        f"`review`: q ≤ {config['review_q']:g} and at least {config['min_excess']:g} points above expectation. "
        f"`strong`: q ≤ "
        f"{config['strong_q']:g} with both expectations in agreement (z ≥ {config['agree_z']:g}), or z ≥ "
        f"{config['strong_z']:g} and "
        "another line of evidence; never where the family shares the excess. The expected score of a flagged "
        "model is that of the "
        "fit that found it.",
        "An outlier is a question, not an answer: long training, distillation, a good recipe or a different "
        "harness raise scores "
        "honestly, and a leak of a few items raises none visibly.",
    ]


def render_scores_report(summary: Mapping[str, Any], findings: Sequence[Finding]) -> str:
    """`report.md` of a score audit, Markdown for GitHub."""
    outliers = [f for f in findings if f.rule_id == "score/outlier"]
    parts = ["# Score audit", verdict_line(summary)]
    if not summary["complete"]:
        parts.append("**The audit is incomplete**: some rows or files could not be read; see coverage.")
    parts += ["## Benchmarks", *_by_benchmark(summary)]
    parts += _figures(summary)
    if outliers:
        parts += [
            "## Scores that stand out",
            *blocks.table(_OUTLIER_HEAD, _outlier_rows(outliers), numbers=(3, 4, 6, 7, 8), limit=WORST_SHOWN),
        ]
    parts += _others(findings)
    if summary["ahead_of_contemporaries"]:
        rows = [
            [md_cell(blocks.short(a["model"])), md_cell(a["benchmark"]), _value(a["lead"], 2), a["date"]]
            for a in summary["ahead_of_contemporaries"]
        ]
        parts += [
            "## Ahead of their contemporaries",
            "Upper SDs above the median of models of like size submitted in the month before, on the benchmark "
            "where it is most. "
            "A new base model leads too; no verdict rests on this alone.",
            *blocks.table(["model", "benchmark", "lead", "submitted"], rows, numbers=(2,), limit=20),
        ]
    parts += ["## Pareto front", *_pareto(summary)]
    parts += ["## Size buckets", "High by t: leave-one-out t, one-sided. Unstable: the call changes when the "
                                 "bucket takes in a "
              "neighbour.", *_buckets(summary)]  # fmt: skip
    parts += ["## Fits", *_fits(summary), "## Coverage", *_coverage(summary), "## Method", *method(summary)]
    parts.append(blocks.folded("Configuration and versions", _settings(summary)))
    return "\n\n".join(parts) + "\n"


def _settings(summary: Mapping[str, Any]) -> list[str]:
    rows = [[md_code(k), md_cell(v)] for k, v in blocks.flat({**summary["config"], "version": summary["versions"]})]
    rows += [[md_cell(i["path"]), f"SHA-256 {md_code(i['sha256'])}"] for i in summary["inputs"]]
    return blocks.table(["setting", "value"], rows)
