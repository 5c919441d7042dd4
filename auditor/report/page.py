"""`report.html`: one file that loads nothing, runs no script but its own, and shows ten thousand findings.

The page holds the findings as JSON in a block that is not run, and a script that sorts, filters and shows them, writing
every text as text. A content security policy names that script and its style sheet by their hashes and forbids all
else: what a training record says is never run, even where an escape failed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from auditor import __version__
from auditor.report.escape import page_text
from auditor.report.page_figure import Figures, draw_figures
from auditor.report.page_parts import Parts, parts_of
from auditor.report.page_rows import MOST_FINDINGS, page_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.report.page_figure import Point
    from auditor.types import Finding

_SCRIPTS = ("table.js", "figure.js", "report.js")


def render_page(
    command: str,
    summary: Mapping[str, Any],
    findings: Sequence[Finding],
    *,
    points: Mapping[str, Sequence[Point]] | None = None,
    full_text: bool = False,
) -> str:
    """The HTML report of a run; the same run gives the same bytes.

    Args:
        command: "scan", "scores" or "check".
        summary: the contents of `summary.json`.
        findings: all findings of the run, worst first.
        points: of a score audit, what `read_points` gives, for the figures.
        full_text: show the texts of a pair as far as the run holds them.
    """
    parts = parts_of(command, summary, findings)
    figures = draw_figures(points, summary, findings) if points else Figures((), {}, ())
    data = {**page_rows(command, findings, full_text=full_text), "figures": figures.data}
    style, script = _asset("report.css"), "\n".join(_asset(name) for name in _SCRIPTS)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="auditor {page_text(__version__)}">
<title>{parts.title}</title>
<style>{style}</style>
</head>
<body>
{_body(parts, figures, len(findings), full_text=full_text)}
<script type="application/json" id="data">{_json(data)}</script>
<script>{script}</script>
</body>
</html>
"""


@cache
def _asset(name: str) -> str:
    return files("auditor.report").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(data: Mapping[str, Any]) -> str:
    """JSON that can end no element: `<`, `>` and `&` stand in strings only, where they may be written as escapes."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _body(parts: Parts, figures: Figures, total: int, *, full_text: bool) -> str:
    tiles = "".join(f"<div><dd>{value}</dd><dt>{name}</dt></div>" for value, name in parts.figures)
    warnings = "".join(f'<p class="notice" role="note">{text}</p>' for text in parts.warnings)
    links = ["overview", *(["figure"] if figures.svgs else []), "findings", "coverage", "method"]
    names = {"overview": "By benchmark", "figure": "Figure", "findings": "Findings", "coverage": "What was read"}
    names["method"] = "Method"
    if parts.title == "Entry check":
        names |= {"overview": "Entries", "coverage": "Evidence"}
    nav = "".join(f'<a href="#{link}">{names[link]}</a>' for link in links)
    return f"""<a class="skip" href="#findings">Skip to the findings</a>
<header>
<p class="brand">auditor</p>
<h1>{parts.title}</h1>
<p class="answer {parts.level}">{parts.verdict}</p>
{warnings}<dl class="tiles">{tiles}</dl>
<nav aria-label="Parts of this report">{nav}</nav>
</header>
<main>
<section id="overview"><h2>{names["overview"]}</h2>{parts.overview}</section>
{_figure_section(figures)}<section id="findings"><h2>Findings</h2>{_findings(total, full_text=full_text)}</section>
<section id="coverage"><h2>{names["coverage"]}</h2>{parts.coverage}</section>
<section id="method"><h2>Method</h2>{parts.method}</section>
</main>
<footer><p>Written by auditor {page_text(__version__)}. This file loads nothing and sends nothing.
A finding is a question, not a verdict on anyone.</p></footer>"""


def _figure_section(figures: Figures) -> str:
    if not figures.svgs:
        return ""
    several = len(figures.svgs) > 1
    options = "".join(
        f'<option value="figure-{number}"{" selected" if number == figures.first else ""}>{page_text(name)}</option>'
        for number, (name, _) in enumerate(figures.svgs)
    )
    choice = f'<label class="choice" hidden>Benchmark <select id="plots">{options}</select></label>' if several else ""
    notes = "".join(f'<p class="quiet">{page_text(note)}</p>' for note in figures.notes)
    drawn = "".join(
        f'<figure><figcaption>{page_text(name)}</figcaption><div class="canvas">{svg}</div></figure>'
        for name, svg in figures.svgs
    )
    return f"""<section id="figure"><h2>Score against size</h2>{choice}
<ul class="legend"><li class="crowd">model</li><li class="strong">strong</li><li class="review">review</li>
<li class="band">expected from size alone, 95 %</li></ul>
{drawn}{notes}</section>
"""


def _findings(total: int, *, full_text: bool) -> str:
    if not total:
        return '<p class="empty">No findings.</p>'
    cut = "" if full_text else " Each text is cut so that no more than half of the item is quoted."
    left = total - MOST_FINDINGS
    more = (
        f'<p class="notice" role="note">The first {MOST_FINDINGS:,} of {total:,} findings are in this page, the worst '
        f"first; the other {left:,} are in <code>findings.json</code>.</p>"
        if left > 0
        else ""
    )
    return f"""<noscript><p class="notice">The list of findings needs the script of this page, which is switched off;
<code>report.md</code> and <code>findings.json</code> hold the same.</p></noscript>{more}
<div class="tools" id="tools" role="search" aria-label="Filter the findings" hidden></div>
<p class="count" id="count" role="status" aria-live="polite"></p>
<p class="quiet key" id="key" hidden><mark>Marked words</mark> are in both texts; <ins>underlined numbers</ins>
differ.{cut}</p>
<div class="scroll"><table class="findings" id="table"></table></div>
<nav class="pager" id="pager" aria-label="Pages of findings" hidden></nav>"""
