"""The parts of an HTML report that are not findings: what was asked, what was read, how it was judged."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.report.blocks import count, flat, in_words, percent, short, size
from auditor.report.escape import page_text, truncate
from auditor.report.markdown import DETECTORS, METHOD, verdict_line, why_incomplete
from auditor.report.scores import method as scores_method
from auditor.report.scores import verdict_line as scores_verdict_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.types import Finding

_ROWS = 200
"""Rows of a table that grows with the input; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What stands around the findings; all of it HTML, escaped."""

    title: str
    verdict: str
    level: str
    """"error", "warning" or "clear": the colour of the verdict."""
    warnings: tuple[str, ...]
    figures: tuple[tuple[str, str], ...]
    """(value, what it counts) pairs for the top of the page."""
    overview: str
    coverage: str
    method: str


def parts_of(command: str, summary: Mapping[str, Any], findings: Sequence[Finding]) -> Parts:
    """The parts for a run of "scan", "scores" or "check"."""
    make = {"scan": _scan, "scores": _scores}.get(command, _check)
    return make(summary, findings)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[int] = (), caption: str = "") -> str:
    """A table whose cells are HTML already; `numbers` are the columns that stand on the right."""

    def cells(tag: str, row: Sequence[str], scope: str = "") -> str:
        kinds = [' class="number"' if column in numbers else "" for column in range(len(row))]
        return "".join(f"<{tag}{scope}{kind}>{cell}</{tag}>" for kind, cell in zip(kinds, row, strict=True))

    heads = cells("th", head, ' scope="col"')
    body = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in rows[:_ROWS])
    named = f"<caption>{caption}</caption>" if caption else ""
    left = len(rows) - _ROWS
    more = f'<p class="quiet">{left:,} more rows are in <code>summary.json</code>.</p>' if left > 0 else ""
    return (
        f'<div class="scroll"><table>{named}<thead><tr>{heads}</tr></thead>\n<tbody>{body}</tbody></table></div>{more}'
    )


def folded(title: str, inside: str) -> str:
    """What a reader opens with a click."""
    return f"<details><summary>{title}</summary>{inside}</details>" if inside else ""


def prose(markdown: str) -> str:
    """Our own paragraphs of Markdown, with bold and code, as HTML; not for text from outside."""
    shown = page_text(markdown.replace("\n\n", "\0").replace("\n", " ").replace("\0", "¶"))
    shown = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", shown)
    shown = re.sub(r"`(.+?)`", r"<code>\1</code>", shown)
    return "".join(f"<p>{paragraph}</p>" for paragraph in shown.split("¶"))


def _bold(sentence: str) -> str:
    """A verdict line, whose first words are bold, with the names in it escaped already."""
    match = re.fullmatch(r"\*\*(.*)\*\*([^*]*)", sentence, flags=re.DOTALL)
    return f"<b>{match[1]}</b>{match[2]}" if match else sentence


def _code(text: object) -> str:
    return f"<code>{page_text(short(str(text)))}</code>"


def _cell(text: object) -> str:
    return page_text(short(str(text)))


def _accepted(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    accepted = sum(finding.baseline is not None for finding in findings)
    return [(f"{accepted:,}", "accepted by the baseline")] if accepted else []


def _open(findings: Sequence[Finding], *verdicts: str) -> int:
    return sum(finding.verdict in verdicts and finding.baseline is None for finding in findings)


def _settings(values: Mapping[str, Any], title: str) -> str:
    rows = [[_code(key), page_text(truncate(value, 300))] for key, value in flat(values)]
    return folded(title, table(["Setting", "Value"], rows)) if rows else ""


def _versions(summary: Mapping[str, Any]) -> str:
    said = ", ".join(f"{_cell(name)} {_cell(value)}" for name, value in summary.get("versions", {}).items())
    return f"<p>Made with {said}.</p>" if said else ""


def _command(summary: Mapping[str, Any]) -> str:
    command = summary.get("command", ())
    if isinstance(command, str) or not command:
        return ""
    line = truncate(shlex.join(map(str, command)), 2_000)
    return f"<pre><code>{page_text(line)}</code></pre>"


def _scan(summary: Mapping[str, Any], findings: Sequence[Finding]) -> Parts:
    benchmarks = summary.get("benchmarks", {})
    contaminated = sum(facts.get("contaminated_items", 0) for facts in benchmarks.values())
    review = sum(facts.get("review_items", 0) for facts in benchmarks.values())
    warnings = []
    if not summary.get("complete", True):
        unread = [entry["source"] for entry in summary.get("sources", ()) if not entry.get("complete", True)]
        what = f"not read to the end: {', '.join(map(_code, unread[:5]))}" if unread else why_incomplete(summary)
        warnings.append(
            f"<b>This audit is incomplete</b> ({what}). What is not in this report may still be in the training set."
        )
    return Parts(
        title="Contamination report",
        verdict=_bold(verdict_line(summary, findings, escape=page_text)),
        level="error" if contaminated else "warning" if review else "clear",
        warnings=tuple(warnings),
        figures=(
            (f"{_open(findings, 'contaminated'):,}", "contaminated findings"),
            (f"{_open(findings, 'review'):,}", "findings to review"),
            *_accepted(findings),
            (f"{summary.get('records_read', 0):,}", "records read"),
            (f"{sum(summary.get('records_skipped', {}).values()):,}", "records skipped"),
        ),
        overview=_scan_overview(summary, findings),
        coverage=_scan_coverage(summary),
        method=_scan_method(summary),
    )


def _scan_overview(summary: Mapping[str, Any], findings: Sequence[Finding]) -> str:
    answered: dict[str, set[tuple[str, str]]] = {}
    for finding in findings:
        if finding.rule_id == "data/question-and-answer":
            evidence = finding.evidence
            answered.setdefault(evidence["benchmark"], set()).add((evidence["split"], evidence["item_id"]))
    rows, notes = [], []
    for name, facts in summary.get("benchmarks", {}).items():
        items, contaminated = facts.get("items", 0), facts.get("contaminated_items", 0)
        rows.append(
            [
                _cell(name),
                f"{items:,}",
                f"{facts.get('items_indexed', items):,}",
                f"<b>{contaminated:,}</b>" if contaminated else "0",
                page_text(percent(contaminated, items)),
                f"{len(answered.get(name, ())):,}",
                f"{facts.get('review_items', 0):,}",
                f"{facts.get('contaminated_records', 0):,}",
                f"{facts.get('review_records', 0):,}",
            ]
        )
        notes += [page_text(truncate(f"{name}: {said}", 400)) for said in facts.get("warnings", ())]
    head = ["Benchmark", "Items", "Searched for", "Contaminated", "Share", "With answer", "To review"]
    head += ["Records", "Records to review"]
    rate, false = summary.get("estimated_false_discovery_rate"), summary.get("false_discovery") or {}
    if rate is None:
        notes.append("How many of these are false was not estimated in this run.")
    else:
        upper = false.get("upper_95")
        bound = "" if upper is None else f", at most {100 * upper:.1f} % with 95 % confidence"
        notes.append(f"Estimated share of false ones among the contaminated: {100 * rate:.1f} %{bound}.")
    return table(head, rows, numbers=range(1, 9)) + "".join(f'<p class="quiet">{note}</p>' for note in notes)


def _scan_coverage(summary: Mapping[str, Any]) -> str:
    sources, skipped = summary.get("sources", ()), summary.get("records_skipped", {})
    said = (
        f"<p>{count(summary.get('records_read', 0), 'record')} and {size(summary.get('bytes_read', 0))} from "
        f"{count(len(sources), 'source')}. "
        + ("Nothing was skipped.</p>" if not skipped else f"{count(sum(skipped.values()), 'record')} skipped:</p>")
    )
    if skipped:
        rows = [[_cell(in_words(reason)), f"{number:,}"] for reason, number in sorted(skipped.items())]
        said += table(["Reason", "Skipped"], rows, numbers=(1,))
    rows = [
        [
            _code(entry["source"]),
            f"{entry.get('records_read', 0):,}",
            f"{entry.get('records_skipped', 0):,}",
            size(entry.get("bytes", 0)),
            "yes" if entry.get("complete", True) else "<b>no</b>",
        ]
        for entry in sorted(sources, key=lambda entry: (entry.get("complete", True), entry["source"]))
    ]
    return said + table(["Source", "Read", "Skipped", "Size", "To the end"], rows, numbers=(1, 2, 3))


def _scan_method(summary: Mapping[str, Any]) -> str:
    named = summary.get("config", {}).get("detectors", ())
    used = "".join(f"<li><code>{name}</code>: {DETECTORS[name]}</li>" for name in named if name in DETECTORS)
    rows = [
        [
            _cell(name),
            _code(facts.get("source", "")),
            _code(facts.get("revision") or "–"),
            _cell(facts.get("licence") or "not stated"),
            _code(facts.get("sha256", "")),
        ]
        for name, facts in summary.get("benchmarks", {}).items()
    ]
    inputs = [[_code(name), _code(value)] for name, value in summary.get("inputs", {}).items()]
    return (
        prose(METHOD)
        + (f"<ul>{used}</ul>" if used else "")
        + _settings(summary.get("config", {}), "Thresholds and settings")
        + _settings(summary.get("boilerplate", {}), "Boilerplate learnt")
        + "<h3>How to reproduce</h3>"
        + _command(summary)
        + _versions(summary)
        + folded("Benchmarks", table(["Name", "Read from", "Revision", "Licence", "SHA-256"], rows))
        + (folded("Inputs", table(["Input", "Hash"], inputs)) if inputs else "")
    )


def _scores(summary: Mapping[str, Any], findings: Sequence[Finding]) -> Parts:
    benchmarks = summary.get("benchmarks", {})
    strong = sum(facts["strong"] for facts in benchmarks.values())
    review = sum(facts["review"] for facts in benchmarks.values())
    rows = [
        [
            _cell(name),
            f"{facts['items']:,}" + ("" if facts["items_known"] else " (assumed)"),
            f"<b>{facts['strong']:,}</b>" if facts["strong"] else "0",
            f"{facts['review']:,}",
            f"{facts['none']:,}",
            f"{sum(facts['not_judged'].values()):,}",
            f"{facts['low_outliers']:,}",
            f"{facts['families']:,}",
            "–" if facts["detectable_points_median"] is None else f"{facts['detectable_points_median']:.1f}",
        ]
        for name, facts in benchmarks.items()
    ]
    head = ["Benchmark", "Items", "Strong", "Review", "As expected", "Not judged", "Unusually low", "Families"]
    told = [f"{count(summary['rows'], 'row')} of {_code(entry['path'])}" for entry in summary["inputs"][:1]]
    told += [f"{number:,} × {_cell(in_words(reason))}" for reason, number in summary["records_skipped"].items()]
    for name, facts in benchmarks.items():
        told += [f"{_cell(name)}: {number:,} not judged: {_cell(why)}" for why, number in facts["not_judged"].items()]
    told += [page_text(truncate(note, 400)) for note in summary.get("notes", ())]
    told.append(f"duplicates: {page_text(summary.get('duplicate_rule', ''))}")
    inputs = [[_code(entry["path"]), _code(entry["sha256"])] for entry in summary["inputs"]]
    warnings = (
        ()
        if summary.get("complete", True)
        else ("<b>This audit is incomplete</b>: some rows or files could not be read; see what was read.",)
    )
    return Parts(
        title="Score audit",
        verdict=_bold(scores_verdict_line(summary)),
        level="error" if strong else "warning" if review else "clear",
        warnings=warnings,
        figures=(
            (f"{_open(findings, 'strong'):,}", "strong findings"),
            (f"{_open(findings, 'review'):,}", "findings to review"),
            *_accepted(findings),
            (f"{summary['models']:,}", "models"),
            (f"{len(benchmarks):,}", "benchmarks"),
        ),
        overview=table([*head, "Detectable, points"], rows, numbers=range(1, 9)),
        coverage=f"<ul>{''.join(f'<li>{line}</li>' for line in told[:100])}</ul>",
        method="".join(map(prose, scores_method(summary)))
        + _settings(summary.get("config", {}), "Thresholds and settings")
        + _versions(summary)
        + folded("Inputs", table(["Input", "SHA-256"], inputs)),
    )


def _check(summary: Mapping[str, Any], findings: Sequence[Finding]) -> Parts:
    entries = summary.get("entries", ())
    counts = {v: sum(entry.get("verdict") == v for entry in entries) for v in ("block", "review", "pass")}
    verdict = str(summary.get("verdict", "review"))
    said = ", ".join(f"{number:,} {name}" for name, number in counts.items() if number) or "nothing"
    noun = "entry" if len(entries) == 1 else "entries"
    rows = [
        [
            f'<span class="verdict {_level(entry.get("verdict"))}">{_cell(entry.get("verdict", ""))}</span>',
            _code(entry.get("entry", "")),
            _cell(entry.get("model", "")),
            f"{entry.get('findings', 0):,}",
            "yes" if entry.get("complete") else "<b>no</b>",
            _page_link(str(entry.get("page", ""))),
        ]
        for entry in entries
    ]
    return Parts(
        title="Entry check",
        verdict=f"<b>{_cell(verdict.capitalize())}</b>: of {len(entries):,} {noun}, {said}.",
        level=_level(verdict),
        warnings=()
        if summary.get("complete", True)
        else ("<b>This check is incomplete</b>: something could not be checked, and that is no pass.",),
        figures=(
            *((f"{number:,}", name) for name, number in counts.items()),
            (f"{sum(f.baseline is None for f in findings):,}", "findings"),
            *_accepted(findings),
        ),
        overview=table(["Verdict", "Entry", "Model", "Findings", "Complete", "Page"], rows, numbers=(3,)),
        coverage="".join(map(_entry, entries)),
        method="<p>Each line of evidence is judged alone, then all together by the policy.</p>"
        + _settings(summary.get("policy") or {}, "Policy")
        + _command(summary)
        + _versions(summary)
        + _settings(_inputs(summary), "Inputs"),
    )


def _entry(entry: Mapping[str, Any]) -> str:
    """What each line of evidence says of an entry, what they say together, and what to ask its author."""
    lines = {kind: said for kind, said in (entry.get("evidence") or {}).items() if isinstance(said, dict)}
    rows = [
        [_cell(kind), _cell(in_words(str(said.get("status", "")))), page_text(truncate(str(said.get("says", "")), 600))]
        for kind, said in lines.items()
    ]
    lists = "".join(
        f"<h4>{title}</h4><ul>{''.join(f'<li>{page_text(truncate(str(line), 600))}</li>' for line in entry[key])}</ul>"
        for key, title in (("together", "Together"), ("ask", "What to ask the author"), ("missing", "Not checked"))
        if entry.get(key)
    )
    name = f"{_code(entry.get('entry', ''))} {_cell(entry.get('model', ''))}: {_cell(entry.get('verdict', ''))}"
    return (
        f"<h3>{name}</h3>"
        + table(["Evidence", "Status", "What it says"], rows)
        + lists
        + _settings(lines, "In numbers")
    )


def _inputs(summary: Mapping[str, Any]) -> dict[str, Any]:
    inputs = summary.get("inputs") or {}
    return dict(inputs) if isinstance(inputs, dict) else {str(k): value for k, value in enumerate(inputs)}


def _level(verdict: object) -> str:
    return {"block": "error", "pass": "clear"}.get(str(verdict), "warning")


def _page_link(page: str) -> str:
    """A link to a page of this run; what is no plain relative path below it is shown and not linked."""
    plain = re.fullmatch(r"(?:[\w-][\w.-]*/)*[\w-][\w.-]*\.md", page, flags=re.ASCII)
    return f'<a href="{page}">{page}</a>' if plain else _cell(page)
