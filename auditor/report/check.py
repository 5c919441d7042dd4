"""Markdown of a check: a page for each entry that answers "may I merge this?" first, and a page over all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.report import blocks
from auditor.report.accepted import accepted_findings, accepted_line
from auditor.report.escape import md_cell, md_code, md_text, truncate
from auditor.report.markdown import one_finding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.types import Finding

SHOWN_FINDINGS, SHOWN_PAIRS, SHOWN_ROWS = 30, 5, 50
"""Findings in the table, pairs of texts, and rows of other tables; `findings.json` has all."""
_ANSWER = {
    "pass": "Nothing speaks against merging it",
    "review": "A person should look before it is merged",
    "block": "Do not merge it as it stands",
}
_KIND = {
    "scores": "Scores", "data": "Training sets", "lineage": "Lineage", "disclosure": "Disclosure",
    "consistency": "Consistency",
}  # fmt: skip
_STATUS = {"found": "found", "incomplete": "not all checked", "clear": "nothing found", "not_asked": "not checked"}
_MARK = {"pass": "🟢", "review": "🟡", "block": "🔴"}


def verdict_line(told: Mapping[str, Any]) -> str:
    """The answer for one entry in one line of Markdown, the reason with it."""
    verdict = told["verdict"]
    blocked, reviewed = sum(told["blocked_by"].values()), sum(told["reviewed_for"].values())
    reasons = []
    if blocked:
        reasons.append(f"{blocks.count(blocked, 'finding')} {'blocks' if blocked == 1 else 'block'} it")
    if reviewed:
        reasons.append(f"{blocks.count(reviewed, 'finding')} to review")
    if not told["complete"]:
        reasons.append(f"{blocks.count(len(told['missing']), 'thing')} could not be checked")
    why = f": {blocks.listed(reasons)}" if reasons else ""
    return f"{_MARK[verdict]} **{verdict.upper()}** {md_code(blocks.short(told['model']))}. {_ANSWER[verdict]}{why}."


def render_check_report(summary: Mapping[str, Any], findings: Sequence[Finding]) -> str:
    """`report.md`: the page of the only entry, or all verdicts in a table and the entries' pages behind it."""
    entries = summary["entries"]
    if len(entries) == 1:
        return render_entry_page(summary, entries[0], findings)
    counts = {v: sum(e["verdict"] == v for e in entries) for v in ("block", "review", "pass")}
    told = ", ".join(f"{n} {v}" for v, n in counts.items() if n)
    line = f"{_MARK[summary['verdict']]} **{summary['verdict'].upper()}**: {len(entries)} entries checked, {told}."
    if not summary["complete"]:
        line += " Not everything could be checked."
    order = {"block": 0, "review": 1, "pass": 2}
    rows = [
        [
            f"{_MARK[e['verdict']]} {e['verdict']}" + ("" if e["complete"] else ", incomplete"),
            f"[{md_cell(blocks.short(e['model']))}]({e['page']})",
            md_cell(blocks.short(e["entry"])),
            md_cell(truncate(_first_reason(e, findings), 160)),
        ]
        for e in sorted(entries, key=lambda e: order[e["verdict"]])
    ]
    parts = [line, "# Entries checked"]
    parts += blocks.table(["verdict", "model", "entry", "first reason"], rows, limit=500)
    parts += [*accepted_line(summary), *_settings(summary)]
    return "\n\n".join(parts) + "\n"


def _first_reason(told: Mapping[str, Any], findings: Sequence[Finding]) -> str:
    own = _of_entry(told, findings)
    worst = next((f for f in own if f.evidence.get("effect") == told["verdict"] != "pass"), None)
    if worst is not None:
        return worst.title
    return told["missing"][0] if told["missing"] else "–"


def _of_entry(told: Mapping[str, Any], findings: Sequence[Finding]) -> list[Finding]:
    return [f for f in findings if f.evidence.get("entry") == told["entry"]]


def render_entry_page(summary: Mapping[str, Any], told: Mapping[str, Any], findings: Sequence[Finding]) -> str:
    """The page of one entry.

    Args:
        summary: `summary.json` of the check.
        told: the entry's part of it, one of `summary["entries"]`.
        findings: of the run, this entry's among them.
    """
    own = _of_entry(told, findings)
    acting = [f for f in own if f.baseline is None]
    parts = [
        verdict_line(told),
        f"# Entry of {md_text(blocks.short(told['model']))}",
        f"{md_code(blocks.short(told['entry']))}, read as {md_text(told['form'])}.",
        *blocks.table(["evidence", "", "what it says alone"], _evidence_rows(told)),
        "## What they say together",
        *blocks.bullets([md_text(truncate(s, 600)) for s in told["together"]], SHOWN_ROWS),
    ]
    if told["ask"]:
        parts += ["## What to ask or do next", *blocks.bullets([md_text(s) for s in told["ask"]], SHOWN_ROWS)]
    if told["missing"]:
        parts += [
            "## What could not be checked",
            *blocks.bullets([md_text(truncate(m, 400)) for m in told["missing"]], SHOWN_ROWS),
        ]
    if acting:
        parts += ["## Findings", *_finding_table(acting), *_pairs(acting), *_innocent(acting)]
    parts += _scores(told["evidence"]["scores"])
    parts += _sets(told["evidence"]["data"])
    parts += [*accepted_line(summary), *accepted_findings(summary, own, SHOWN_ROWS), *_settings(summary)]
    return "\n\n".join(parts) + "\n"


def _evidence_rows(told: Mapping[str, Any]) -> list[list[str]]:
    return [
        [_KIND[kind], _STATUS[line["status"]], md_cell(truncate(line["says"], 400))]
        for kind, line in told["evidence"].items()
    ]


def _finding_table(findings: Sequence[Finding]) -> list[str]:
    order = {"block": 0, "review": 1, "pass": 2}
    ranked = sorted(findings, key=lambda f: order.get(str(f.evidence.get("effect")), 3))
    rows = []
    for found in ranked:
        line = found.evidence.get("line")
        where = f"line {line}" if line else ""
        key = found.evidence.get("key")
        rows.append(
            [
                f"{_MARK.get(str(found.evidence.get('effect')), '')} {found.evidence.get('effect', '')}",
                f"`{found.rule_id}`",
                md_cell(truncate(found.title, 240)),
                ", ".join(filter(None, (where, md_code(blocks.short(key)) if key else ""))) or "–",
            ]
        )
    return blocks.table(["means", "rule", "what", "where"], rows, limit=SHOWN_FINDINGS)


def _pairs(findings: Sequence[Finding]) -> list[str]:
    """Training text and item side by side, for the worst findings of a scan."""
    of_data = [f for f in findings if "train_excerpt" in f.evidence]
    return [one_finding(f, full_text=False, is_open=k == 0) for k, f in enumerate(of_data[:SHOWN_PAIRS])]


def _innocent(findings: Sequence[Finding]) -> list[str]:
    said = dict.fromkeys(e for f in findings if f.severity != "note" for e in f.innocent_explanations)
    if not said:
        return []
    return [blocks.folded("Innocent explanations", blocks.bullets([md_text(s) for s in said], SHOWN_ROWS))]


def _value(value: Any, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _scores(line: Mapping[str, Any]) -> list[str]:
    rows = [
        [
            md_cell(blocks.short(r["benchmark"])), _value(r["score"]), _value(r["expected"]),
            f"{_value(r['low'])} – {_value(r['high'])}", _value(r["z"]),
            "–" if r["q_value"] is None else f"{r['q_value']:.2g}",
            r["verdict"].replace("_", " ") + (f": {md_cell(r['reason'])}" if r["reason"] else ""),
        ]
        for r in line.get("judged", ())
    ]  # fmt: skip
    if not rows:
        return []
    head = ["benchmark", "score", "expected", "95 % interval", "z", "q", "verdict"]
    shown = ["## Scores", *blocks.table(head, rows, numbers=(1, 2, 3, 4, 5), limit=SHOWN_ROWS)]
    if line.get("not_on_the_board"):
        shown.append(f"Not on the board, and not judged: {blocks.names(line['not_on_the_board'], 20)}.")
    return shown


def _sets(line: Mapping[str, Any]) -> list[str]:
    rows = [
        [
            md_cell(blocks.short(s["set"])), s["status"].replace("_", " "),
            f"{s['records_read']:,}" if "records_read" in s else "–",
            blocks.size(s["bytes_read"]) if "bytes_read" in s else "–",
            md_cell(truncate(s["reason"], 200)) or "–",
        ]
        for s in line.get("sets", ())
    ]  # fmt: skip
    if not rows:
        return []
    table = blocks.table(["training set", "", "records", "read", "why"], rows, numbers=(2, 3), limit=SHOWN_ROWS)
    return ["## Training sets", *table]


def _settings(summary: Mapping[str, Any]) -> list[str]:
    rows = [[md_code(k), md_cell(truncate(v, 300))] for k, v in blocks.flat(summary["policy"])]
    rows += [[md_code(f"version.{k}"), md_cell(v)] for k, v in summary["versions"].items()]
    rows += [
        [f"{i['what']} {md_cell(blocks.short(i['path']))}", f"SHA-256 {md_code(i['sha256'])}"]
        for i in summary["inputs"]
    ]
    return [blocks.folded("Policy, versions and inputs", blocks.table(["setting", "value"], rows, limit=400))]
