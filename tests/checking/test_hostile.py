"""Text of strangers in every field of an entry: it is shown, and does nothing."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from auditor import check_entries

from .board import BOARD, checkout, entry

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.checking.check import CheckResult

GFM = MarkdownIt("commonmark").enable("table")
HOSTILE = (
    '<script>alert(1)</script><img src=x onerror="a()"> @everyone #12 GH-7 | `x` [a](https://evil.example) www.evil.org '
    "::error::boo %0A $x$ \\ ** __ ~~ ![i](//e) </details></table> \u202e\u200b"
)
ALLOWED_TAGS = {
    "p", "h1", "h2", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "strong", "code", "details", "summary",
    "a", "mark", "br", "b", "samp", "span",
}  # fmt: skip


class Page(HTMLParser):
    """Which tags a rendered page has, where its links lead, and what a reader sees."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(GFM.render(markdown))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[CheckResult, Path]:
    """An entry with hostile text wherever text may stand, in a file with a hostile name, twice."""
    base = checkout(tmp_path_factory.mktemp("hostile"))
    quoted = json.dumps(HOSTILE)
    text = f"""model: {quoted}
params_b: 7.2
architecture: {quoted}
base_model: [{quoted}, x/y]
revision: {quoted}
precision: {quoted}
date: {quoted}
license: {quoted}
links: {quoted}
harness: {quoted}
{quoted}: {quoted}
scores:
  - {{benchmark: {quoted}, score: {quoted}, method: {quoted}, task_hash: {quoted}}}
  - {{benchmark: {quoted}, score: 400}}
  - {{benchmark: Orchard, score: 93.0, shots: 5, harness: {quoted}}}
  - {{benchmark: Lantern, score: {quoted}}}
training_sets:
  - {{path: {quoted}}}
  - {{url: {json.dumps("https://evil.example/" + HOSTILE)}}}
  - {{name: {quoted}}}
  - "a\\n::error::set.jsonl"
  - ../data/h.jsonl
"""
    items = [json.loads(line) for line in (base / "orchard.jsonl").read_text().splitlines()]
    rows = [{"text": f"{HOSTILE}\n::error::x\n{i['question']} {i['answer']} {HOSTILE}"} for i in items[:3]]
    (base / "data" / "h.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    first = entry(base / "entries", text, "x\n::error file=a::b @me <i>.yaml")
    card = f"---\nbase_model: {quoted}\ndatasets: [{quoted}]\nlicense: {quoted}\nmodel-index:\n  - name: {quoted}\n" \
        f"    results:\n      - dataset: {{name: {quoted}, type: {quoted}}}\n" \
        f"        metrics: [{{type: {quoted}, value: {quoted}}}]\n---\n"  # fmt: skip
    second = entry(base / "entries", card, "card.md")
    flagged = base / "flagged.txt"
    flagged.write_text(HOSTILE.replace("\n", " ") + "\nx/y\n")
    result = check_entries([first, second], board=BOARD, policy=base / "policy.toml", flagged=flagged, root=base)
    out = base / "out"
    result.write(out)
    return result, out


def test_every_page_shows_it_and_nothing_more(hostile: tuple[CheckResult, Path]) -> None:
    result, out = hostile
    pages = [out / "report.md", *(out / e.page for e in result.entries)]
    assert len(pages) == 3
    for path in pages:
        markdown = path.read_text(encoding="utf-8")
        page = Page(markdown)
        assert page.tags <= ALLOWED_TAGS, page.tags - ALLOWED_TAGS
        assert page.attributes <= {"href", "style", "align", "width", "valign", "open", "class", "id"}
        assert all(re.fullmatch(r"entries/[A-Za-z0-9._-]+\.md", link) for link in page.links), page.links
        assert "alert(1)" in page.text
        # GitHub makes mentions and references of what is left when the page is rendered
        assert not re.search(r"(?<![\w`])@everyone|#12\b|GH-7", page.text)
        assert not re.search(r"^\s*::", markdown, flags=re.MULTILINE)
        assert "\u202e" not in markdown


def test_the_page_stays_whole_to_its_end(hostile: tuple[CheckResult, Path]) -> None:
    result, out = hostile
    for checked in result.entries:
        html = GFM.render((out / checked.page).read_text(encoding="utf-8"))
        assert html.count("<details") == html.count("</details>")
        assert "Policy, versions and inputs" in html
        tables = re.findall(r"<tr>(.*?)</tr>", html, flags=re.DOTALL)
        assert tables


def test_findings_keep_the_text_as_it_is_and_no_row_breaks(hostile: tuple[CheckResult, Path]) -> None:
    result, out = hostile
    assert result.verdict == "block"
    rules = {f.rule_id for f in result.findings}
    assert {"check/training-set-refused", "consistency/score-not-a-number", "consistency/score-out-of-range",
            "consistency/unknown-key", "lineage/flagged-model", "data/question-and-answer"} <= rules  # fmt: skip
    findings = json.loads((out / "findings.json").read_text())["findings"]
    assert len(findings) == len(result.findings)
    assert all("::error" not in line[:20] for line in (out / "report.md").read_text().splitlines())
