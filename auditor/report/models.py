"""One Markdown page for each flagged model of a score audit, and the index of them."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from auditor.report import blocks
from auditor.report.escape import md_cell, md_code, md_fence, md_text
from auditor.report.scores import verdict_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.types import Finding

_FIT_NAMES = {"size": "its size alone", "context": "size, compute and date", "others": "its other benchmarks"}
_ORDER = {"strong": 0, "review": 1}


def page_name(model: str) -> str:
    """File name of a model's page: readable, and different for different models.

    A hash is added where the readable part does not give the name back.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "__", model).strip("._")[:80]
    if (
        plain
        and plain.replace("__", "/") == model
        and plain.lower() not in ("readme", "index", "con", "nul", "aux", "prn")
    ):
        return f"{plain}.md"
    return f"{plain or 'model'}-{hashlib.sha256(model.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}.md"


def flagged(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Findings by model, for models with a verdict of review or more; worst models first, in the findings' order."""
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.verdict in _ORDER:
            found.setdefault(finding.subject, []).append(finding)
    return dict(sorted(found.items(), key=lambda item: min(_ORDER[f.verdict] for f in item[1])))


def _number(value: Any, digits: int = 1) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _probability(value: Any) -> str:
    return "–" if value is None else f"{value:.2g}"


def _sentence(model: str, findings: Sequence[Finding]) -> str:
    scores = [f for f in findings if f.rule_id == "score/outlier"]
    if not scores:
        return f"**{md_text(findings[0].verdict)}**: {md_text(findings[0].title)}."
    first = scores[0]
    e = first.evidence
    more = f", and {len(scores) - 1} more of its scores stand out" if len(scores) > 1 else ""
    return (
        f"**{first.verdict}**: {md_text(model)} scores {_number(e['score'])} on {md_text(e['benchmark'])} where "
        f"{_number(e['expected'])} was expected (95 % interval {_number(e['low'])} to {_number(e['high'])}), "
        f"{_number(e['excess'])} points more{more}."
    )


def _score_table(scores: Sequence[Finding]) -> list[str]:
    rows = [
        [f.verdict, md_cell(f.evidence["benchmark"]), _number(f.evidence["score"]), _number(f.evidence["expected"]),
         f"{_number(f.evidence['low'])} to {_number(f.evidence['high'])}", _number(f.evidence["excess"]),
         _number(f.evidence["detectable_points"]), _probability(f.evidence["q_value"])]
        for f in scores
    ]  # fmt: skip
    head = ["verdict", "benchmark", "score", "expected", "95 % interval", "excess, points", "detectable, points", "q"]
    return blocks.table(head, rows, numbers=(2, 3, 5, 6, 7))


def _evidence(e: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, fit in e.get("fits", {}).items():
        lines.append(
            f"Expected from {_FIT_NAMES.get(name, name)} ({md_text(', '.join(fit['from']))}): "
            f"{_number(fit['expected'])} "
            f"({_number(fit['low'])} to {_number(fit['high'])}), excess {_number(fit['excess'])} points, z = "
            f"{_number(fit['z'])} "
            f"(against the board {_number(fit['z_board'])}, against its family {_number(fit['z_family'])}); p = "
            f"{_probability(fit['p'])}, by rank among families {_probability(fit['p_empirical'])}."
        )
    if e["disagree"]:
        lines.append("**The expectations disagree**: one of them finds the score ordinary.")
    b = e["bucket"]
    lines.append(
        f"Size bucket {md_text(b['label'])}: n = {b['n']:,}, mean {_number(b['mean'])}, SD {_number(b['sd'])}, median "
        f"{_number(b['median'])}, MAD {_number(b['mad'])}; z = {_number(b['z'], 2)}, modified z = "
        f"{_number(b['modified_z'], 2)} (high "
        f"from {_number(b['modified_z_cutoff'], 2)}), leave-one-out t = {_number(b['t'], 2)}, p = "
        f"{_probability(b['p'])}"
        + ("." if b["stable"] else "; **unstable**: the call changes when the bucket's edges shift.")
    )
    lines.append(
        f"Multiplicity: q = {_probability(e['q_value'])} over {e['families']:,} families, "
        f"{_probability(e['q_all_models'])} under any "
        f"dependence over all models; the smallest p by rank that so many families allow is "
        f"{_probability(e['smallest_empirical_p'])}."
    )
    if e.get("lead_over_contemporaries") is not None:
        lines.append(
            f"Against models of its size submitted in the month before it: "
            f"{_number(e['lead_over_contemporaries'])} upper SDs above "
            "their median."
        )
    lines.extend(
        f"Second board, {md_text(gap['rating'])}: {_number(gap['expected'])} expected from it, z = "
        f"{_number(gap['z'])}, "
        f"q = {_probability(gap['q'])}."
        for gap in e.get("second_board", ())
    )
    lines.append(f"Family: {md_text(e['family'])}, by {md_text(e['family_rule'])}.")
    return lines


def render_model_page(model: str, findings: Sequence[Finding], summary: Mapping[str, Any]) -> str:
    """The page of one flagged model, Markdown for GitHub."""
    scores = [f for f in findings if f.rule_id == "score/outlier"]
    parts = [f"# {md_text(model)}", _sentence(model, findings)]
    if scores:
        e = scores[0].evidence
        facts = [f"{_number(e['params_b'], 2)} B parameters"]
        facts += [f"{_number(e['active_b'], 2)} B active"] if e["active_b"] is not None else []
        facts += [f"{_number(e['tokens_t'], 2)} T training tokens"] if e["tokens_t"] is not None else []
        facts += [f"precision {md_text(e['precision'])}"] if e["precision"] else []
        facts += [f"revision {md_code(e['revision'])}"] if e["revision"] else []
        parts += ["; ".join(facts) + ".", "## Scores", *_score_table(scores), "## Evidence"]
        for f in scores:
            parts += [
                f"### {md_text(f.evidence['benchmark'])}",
                md_text(f.message),
                *blocks.bullets(_evidence(f.evidence), 30),
            ]
    others = [f for f in findings if f.rule_id != "score/outlier"]
    if others:
        parts += ["## Other evidence", *blocks.bullets([md_text(f.message) for f in others], 30)]
    explanations = list(dict.fromkeys(t for f in findings for t in f.innocent_explanations))
    parts += ["## Innocent explanations that apply", *blocks.bullets([md_text(t) for t in explanations], 30)]
    steps = list(dict.fromkeys(t for f in findings for t in f.next_steps))
    parts += ["## What to check next", *blocks.bullets([md_text(t) for t in steps], 30)]
    parts += ["## How to reproduce", *_reproduce(summary, findings)]
    parts.append("[All flagged models](README.md)")
    return "\n\n".join(parts) + "\n"


def _reproduce(summary: Mapping[str, Any], findings: Sequence[Finding]) -> list[str]:
    source = summary["inputs"][0]
    command = f"auditor scores {source['path']} -o run\nauditor report run -o reports"
    return [
        md_fence(command, "sh").rstrip("\n"),
        f"Input {md_code(source['path'])}, SHA-256 {md_code(source['sha256'])}, read as "
        f"{md_text(source['form'])}; auditor "
        f"{md_text(summary['versions']['auditor'])}. Finding: "
        f"{', '.join(md_code(f.fingerprint) for f in findings[:5])}.",
    ]


def render_index(
    runs: Sequence[tuple[str, Mapping[str, Any], Mapping[str, Sequence[Finding]]]], prefixes: Sequence[str]
) -> str:
    """`README.md` of the reports: the figures, and a table of the pages.

    Args:
        runs: for each run its title, its summary and its flagged models.
        prefixes: for each run where its `figures/` were copied to, relative to the index.
    """
    parts = ["# Flagged models"]
    for (title, summary, models), prefix in zip(runs, prefixes, strict=True):
        if len(runs) > 1:
            parts.append(f"## {md_text(title)}")
        parts.append(verdict_line(summary))
        parts += [f"![{md_text(alt)}]({prefix}{path})" for path, alt in summary.get("figures", {}).items()]
        rows = []
        for model, findings in models.items():
            scores = [f for f in findings if f.rule_id == "score/outlier"]
            verdict = min((f.verdict for f in findings), key=lambda v: _ORDER[v])
            what = "; ".join(
                f"{f.evidence['benchmark']} {_number(f.evidence['score'])} (expected {_number(f.evidence['expected'])})"
                for f in scores[:4]
            ) or findings[0].title  # fmt: skip
            rows.append(
                [
                    f"**{verdict}**" if verdict == "strong" else verdict,
                    f"[{md_cell(blocks.short(model))}]({page_name(model)})",
                    md_cell(what),
                ]
            )
        if rows:
            parts += blocks.table(["verdict", "model", "scores that stand out"], rows)
        else:
            parts.append("No model stands out.")
    parts.append(
        "A score that stands out is a question to its author, not an answer. Each page lists what else could "
        "explain it."
    )
    return "\n\n".join(parts) + "\n"
