"""What a reader does with the HTML report, in a real browser; and the logic of its table, in node."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from auditor.report.files import read_run
from auditor.report.page import render_page
from auditor.types import Finding
from report.browser import CHROMIUM, Browser, browser
from report.runs import ROOT, many
from report.test_page import data_of, page_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NODE = shutil.which("node")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here")
ASSETS = ROOT / "auditor" / "report" / "assets"
OPEN = "tr.detail"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        opened.call("Emulation.setFocusEmulationEnabled", enabled=True)
        yield opened
        assert opened.said == []  # no error and no violation of the policy on any page


def cells(tab: Browser, key: str) -> list[str]:
    return tab.texts(f"tr.row td.c-{key}")


def choose(tab: Browser, facet: str, value: str) -> None:
    """Choose in a filter, by the words of the choice."""
    tab.run(
        f"(() => {{ const s = document.getElementById('filter-{facet}');"
        f"s.value = [...s.options].find((o) => o.text.startsWith({value!r})).value;"
        "s.dispatchEvent(new Event('change')); })()"
    )


@needs_browser
def test_the_page_shows_the_verdict_the_counts_and_each_finding(tab: Browser, scan_dir: Path) -> None:
    tab.open(scan_dir / "report.html")
    findings = read_run(scan_dir).findings
    assert tab.texts("h1") == ["Contamination report"]
    assert "items of bench" in tab.texts(".answer")[0]
    assert cells(tab, "item") == [finding.evidence["item_id"] for finding in findings]
    assert tab.texts("#count") == [f"1 to {len(findings)} of {len(findings)} findings"]
    assert tab.requests == [(scan_dir / "report.html").resolve().as_uri()]  # it loads nothing


@needs_browser
def test_a_click_on_a_heading_sorts_up_then_down_then_back(tab: Browser, scan_dir: Path) -> None:
    tab.open(scan_dir / "report.html")
    given = cells(tab, "item")
    tab.click("th[data-key=item] button")
    natural = sorted(given, key=lambda name: int(name.split("-")[1]))
    assert cells(tab, "item") == natural  # item-2 before item-10
    assert tab.run("document.querySelector('th[data-key=item]').ariaSort") == "ascending"
    tab.click("th[data-key=item] button")
    assert cells(tab, "item") == natural[::-1]
    assert tab.run("document.querySelectorAll('[aria-sort]').length") == 1
    tab.click("th[data-key=item] button")
    assert cells(tab, "item") == given
    tab.click("th[data-key=score] button")  # of numbers the largest first
    scores = [float(text) for text in cells(tab, "score")]
    assert scores == sorted(scores, reverse=True)


@needs_browser
def test_filters_and_search_narrow_the_list_together(tab: Browser, scan_dir: Path) -> None:
    tab.open(scan_dir / "report.html")
    choose(tab, "field", "messages[].content")
    assert set(cells(tab, "field")) == {"messages[0].content"}
    assert tab.texts("#count")[0].startswith("1 to 3 of 3 findings (")
    choose(tab, "verdict", "review")
    assert cells(tab, "item") == []
    assert tab.texts("td.empty") == ["No finding fits these filters."]
    tab.click("#clear")
    everything = len(read_run(scan_dir).findings)
    assert len(cells(tab, "item")) == everything
    word = read_run(scan_dir).findings[0].evidence["item_excerpt"].split()[1]
    tab.click("#search")
    tab.type(f"{word.upper()} contaminated")
    tab.wait(f"document.querySelectorAll('tr.row').length < {everything}")
    found = cells(tab, "item")
    assert read_run(scan_dir).findings[0].evidence["item_id"] in found
    assert set(cells(tab, "verdict")) == {"▲ contaminated"}


@needs_browser
def test_a_finding_opens_with_both_texts_side_by_side(tab: Browser, scan_dir: Path) -> None:
    tab.open(scan_dir / "report.html")
    finding = read_run(scan_dir).findings[0]
    tab.click("tr.row button.open")
    assert tab.texts(f"{OPEN} h4") == ["Training record", "Benchmark item"]
    first, second = tab.run(f"[...document.querySelectorAll('{OPEN} .side')].map((e) => e.getBoundingClientRect().x)")
    assert first < second
    assert tab.run(f"document.querySelectorAll('{OPEN} mark').length") >= 2
    marked = tab.texts(f"{OPEN} .side:nth-child(2) mark")[0]
    assert marked.split()[0] in finding.evidence["item_excerpt"]
    assert finding.fingerprint in " ".join(tab.texts(f"{OPEN} dd"))
    assert tab.run("location.hash") == f"#finding-{finding.fingerprint}"
    tab.click("tr.row button.open")
    assert tab.run(f"document.querySelectorAll('{OPEN}').length") == 0


@needs_browser
def test_everything_can_be_done_with_the_keyboard(tab: Browser, scan_dir: Path) -> None:
    tab.open(scan_dir / "report.html")
    tab.tab()
    assert tab.run("document.activeElement.className") == "skip"
    focus = "document.activeElement"
    for _ in range(30):  # to the first heading of the table
        tab.tab()
        if tab.run(f"{focus}.closest('th[data-key=item]') !== null"):
            break
    assert tab.run(f"getComputedStyle({focus}).outlineStyle") == "solid"
    tab.enter()
    assert tab.run("document.querySelector('th[data-key=item]').ariaSort") == "ascending"
    for _ in range(10):
        tab.tab()
        if tab.run(f"{focus}.matches('button.open')"):
            break
    tab.press("ArrowDown", code=40)
    assert tab.run(f"{focus}.closest('tr').rowIndex") == 2
    tab.enter()
    assert tab.run(f"{focus}.ariaExpanded") == "true"
    assert tab.run(f"document.getElementById({focus}.getAttribute('aria-controls')) !== null")
    tab.tab()  # into the finding
    assert tab.run(f"{focus}.closest('{OPEN}') !== null")
    tab.press("Escape", code=27)
    assert tab.run(f"document.querySelectorAll('{OPEN}').length") == 0
    assert tab.run(f"{focus}.ariaExpanded") == "false"


@needs_browser
def test_a_link_opens_the_finding_wherever_it_is(tab: Browser, scan_dir: Path, tmp_path: Path) -> None:
    rows = many(json.loads((scan_dir / "findings.json").read_text())["findings"], 300)
    path = tmp_path / "report.html"
    findings = [Finding.from_json(row) for row in rows]
    path.write_text(render_page("scan", read_run(scan_dir).summary, findings), encoding="utf-8")
    tab.open(path, f"#finding-{rows[170]['fingerprint']}")
    assert tab.texts("#pager span") == ["Page 4 of 6"]
    assert rows[170]["fingerprint"] in " ".join(tab.texts(f"{OPEN} dd"))
    top = tab.run(f"document.querySelector('{OPEN}').getBoundingClientRect().top")
    assert 0 <= top < tab.run("innerHeight")
    # another link on the page that is open, to a finding that a filter hides
    choose(tab, "verdict", "review")
    hidden = next(row for row in rows if row["verdict"] == "contaminated")["fingerprint"]
    tab.run(f"location.hash = 'finding-{hidden}'")
    tab.wait(f"document.getElementById('finding-{hidden}') !== null")
    tab.run("location.hash = 'finding-nothing'")
    assert tab.run(f"document.getElementById('finding-{hidden}') !== null")


@needs_browser
def test_pages_turn_and_their_size_can_be_chosen(tab: Browser, scan_dir: Path, tmp_path: Path) -> None:
    rows = many(json.loads((scan_dir / "findings.json").read_text())["findings"], 120)
    path = tmp_path / "report.html"
    findings = [Finding.from_json(row) for row in rows]
    path.write_text(render_page("scan", read_run(scan_dir).summary, findings), encoding="utf-8")
    tab.open(path)
    assert tab.texts("#count") == ["1 to 50 of 120 findings"]
    tab.run("[...document.querySelectorAll('#pager button')].find((b) => b.textContent === 'Last').click()")
    assert tab.texts("#count") == ["101 to 120 of 120 findings"]
    assert cells(tab, "item")[-1] == "item-119"
    size = "document.querySelector('#pager select')"
    tab.run(f"{size}.value = '200'; {size}.dispatchEvent(new Event('change'))")
    assert tab.texts("#count") == ["1 to 120 of 120 findings"]
    tab.run(f"{size}.value = '25'; {size}.dispatchEvent(new Event('change'))")
    tab.run("dispatchEvent(new Event('beforeprint'))")
    assert len(cells(tab, "item")) == 120  # paper has no pages to turn
    tab.run("dispatchEvent(new Event('afterprint'))")
    assert len(cells(tab, "item")) == 25


@needs_browser
def test_no_script_of_a_record_runs_and_none_could(tab: Browser, hostile_dir: Path, tmp_path: Path) -> None:
    tab.open(hostile_dir / "report.html")
    tab.run("document.querySelectorAll('button.open').forEach((b) => b.click())")
    assert "window.pwned = 1" in tab.texts(f"{OPEN} .text")[0]  # shown as the text that it is
    assert tab.run("typeof window.pwned") == "undefined"
    assert tab.run("document.querySelectorAll('img').length") == 0
    assert tab.run("document.scripts.length") == 2
    # even if an escape had failed, the policy would stop it
    path = tmp_path / "broken.html"
    text = (hostile_dir / "report.html").read_text(encoding="utf-8")
    attack = (
        "<script>window.pwned = 5</script><p onclick='window.pwned = 6' id=attack>x</p><img src=x onerror='pwned=7'>"
    )
    path.write_text(text.replace("<main>", f"<main>{attack}"), encoding="utf-8")
    tab.open(path)
    tab.run("document.getElementById('attack').click()")
    assert tab.run("document.querySelectorAll('img').length") == 1  # it got into the page
    assert tab.run("typeof window.pwned") == "undefined"
    assert tab.texts("#count")  # while the page's own script ran
    tab.wait("true")
    assert [said for said in tab.said if "Content Security Policy" in said]
    tab.said.clear()


@needs_browser
def test_accepted_findings_are_hidden_until_they_are_asked_for(tab: Browser, accepted_dir: Path) -> None:
    tab.open(accepted_dir / "report.html")
    everything = len(read_run(accepted_dir).findings)
    assert len(cells(tab, "item")) == everything - 2
    choose(tab, "state", "accepted")
    assert len(cells(tab, "item")) == 2
    tab.click("tr.row button.open")
    assert tab.texts(f"{OPEN} dd")[0] == "a tutorial <b>quotes</b> it (mk, 2026-01-31)"


@needs_browser
def test_the_figure_says_what_is_under_the_pointer_and_what_has_the_focus(tab: Browser, scores_dir: Path) -> None:
    tab.open(scores_dir / "report.html")
    assert tab.run("[...document.querySelectorAll('figure')].filter((f) => !f.hidden).length") == 1
    assert tab.run("document.querySelector('.tip').hidden")
    tab.run("document.querySelector('a.point.strong').focus()")
    tip = tab.texts(".tip")[0]
    assert "org32/line32-103" in tip
    assert "79.5 at 4.52 B" in tip
    assert "strong" in tip
    tab.press("Escape", code=27)
    assert tab.run("document.querySelector('.tip').hidden")
    plot = data_of(page_of(scores_dir))["figures"]
    point = next(p for p in plot["plots"][0]["points"] if p[6] == "none")
    x, y = tab.run(
        "(() => { const svg = document.getElementById('figure-0'); svg.scrollIntoView();"
        "const at = svg.querySelector('.crowd').getPointAtLength(0).matrixTransform(svg.getScreenCTM());"
        "return [at.x, at.y]; })()"
    )
    tab.point(x, y)
    tab.wait("!document.querySelector('.tip').hidden")
    assert plot["models"][point[0]] in tab.texts(".tip")[0]
    tab.run("document.querySelector('a.point.strong').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    tab.wait(f"document.querySelector('{OPEN}') !== null")
    assert "org32/line32-103: MMLU 79.5 where 57.0 was expected" in tab.texts(f"{OPEN} h3")
    select = "document.getElementById('plots')"
    tab.run(f"{select}.value = 'figure-2'; {select}.dispatchEvent(new Event('change'))")
    assert tab.texts("figure:not([hidden]) figcaption") == ["HellaSwag"]


@needs_browser
def test_text_can_be_read_in_light_and_in_dark(tab: Browser, scan_dir: Path) -> None:
    """Contrast of the text with what it stands on, WCAG 2.2: at least 4.5 to 1."""
    contrast = """(() => {
      const channel = (v) => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
      const light = (c) => { const [r, g, b] = c.match(/[\\d.]+/g).map(Number); return .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b); };
      const ground = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!/, 0\\)$|transparent/.test(c)) return c; } };
      return Math.min(...[...document.querySelectorAll('p, td, th, th button, dt, dd, h1, h2, h3, h4, mark, ins, a:not(.skip), label, summary, .verdict, .text, button:enabled')]
        .filter((e) => e.getClientRects().length && e.innerText.trim())
        .map((e) => { const [a, b] = [light(getComputedStyle(e).color), light(ground(e))]; return (Math.max(a, b) + .05) / (Math.min(a, b) + .05); }));
    })()"""
    grounds = []
    for scheme in ("light", "dark"):
        tab.media(prefers_color_scheme=scheme)
        tab.open(scan_dir / "report.html")
        tab.click("tr.row button.open")
        assert tab.run(contrast) >= 4.5, scheme
        grounds.append(tab.run("getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] != grounds[1]
    tab.media()


@needs_browser
def test_the_page_fits_a_narrow_screen(tab: Browser, scan_dir: Path) -> None:
    tab.resize(390, 844)
    tab.open(scan_dir / "report.html")
    tab.click("tr.row button.open")
    assert tab.run("document.documentElement.scrollWidth") <= 390
    assert tab.run("document.querySelector('#table').getBoundingClientRect().width") <= 390
    first, second = tab.run(f"[...document.querySelectorAll('{OPEN} .side')].map((e) => e.getBoundingClientRect().y)")
    assert first < second  # one below the other
    tab.call("Emulation.clearDeviceMetricsOverride")


def node(data: dict[str, Any], expression: str) -> Any:
    """The value of an expression with `table`, a FindingTable of the data, in node."""
    program = (
        f"{(ASSETS / 'table.js').read_text(encoding='utf-8')}\n"
        "const data = JSON.parse(require('fs').readFileSync(0, 'utf8'));\n"
        "const table = new FindingTable(data);\n"
        f"process.stdout.write(JSON.stringify((() => {{ {expression} }})()));"
    )
    assert NODE
    done = subprocess.run([NODE, "-e", program], input=json.dumps(data), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.skipif(NODE is None, reason="no node is installed here")
def test_the_table_sorts_filters_and_searches(scan_dir: Path) -> None:
    data = data_of(page_of(scan_dir))
    findings = read_run(scan_dir).findings
    everything = list(range(len(findings)))
    assert node(data, "return table.rows;") == everything
    scores = [finding.evidence["score"] for finding in findings]
    down = sorted(everything, key=lambda row: (-scores[row], row))
    up = sorted(everything, key=lambda row: (scores[row], row))
    assert node(data, "table.sort('score'); return table.rows;") == down
    assert node(data, "table.sort('score'); table.sort('score'); return table.rows;") == up
    assert node(data, "for (const k of [1, 2, 3]) table.sort('score'); return table.rows;") == everything
    verdicts = node(data, "table.sort('verdict'); return table.rows.map((row) => data.severities[row]);")
    assert verdicts == sorted(verdicts)
    field = next(f for f in data["facets"] if f["key"] == "field")
    chosen = node(data, f"table.choose('field', {field['values'].index('text')}); return table.rows;")
    assert chosen == [row for row in everything if findings[row].evidence["field"] == "text"]
    last = findings[-1].evidence["item_id"]
    found = node(data, f"table.search('  {last.upper()}  bench'); return table.rows;")
    assert everything[-1] in found
    assert node(data, "table.search('no such words'); return table.rows;") == []
    assert node(data, "table.search('x'); table.choose('field', 0); table.clear(); return table.rows;") == everything


@pytest.mark.skipif(NODE is None, reason="no node is installed here")
def test_cells_without_a_number_stand_last_in_either_order(check_dir: Path, scores_dir: Path) -> None:
    data = data_of(page_of(scores_dir))
    column = next(c for c in data["columns"] if c["key"] == "size")
    column["cells"] = [None, 7.0, 3.0]
    assert node(data, "table.sort('size'); return table.rows;") == [1, 2, 0]
    assert node(data, "table.sort('size'); table.sort('size'); return table.rows;") == [2, 1, 0]
    assert node(data, "return table.cell(data.columns.find((c) => c.key === 'size'), 0);") == "–"
    small = node(data, "return [0, 1, 2].map((row) => table.cell(data.columns.find((c) => c.key === 'q'), row));")
    assert small == ["1.4e-5", "0.0014", "0.0014"]
