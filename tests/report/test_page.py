"""The HTML report without a browser: its policy fits its script, its data is whole, and no text gets out of its place."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.errors import InputError
from auditor.report.evidence import facts_of
from auditor.report.files import read_run
from auditor.report.page import render_page
from auditor.report.page_figure import draw_figures, read_points
from auditor.report.page_parts import prose
from auditor.report.page_rows import MOST_FINDINGS
from auditor.types import Finding
from report.runs import HOSTILE, many

if TYPE_CHECKING:
    from pathlib import Path


class Page(HTMLParser):
    """A page as a browser takes it apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": []}
        self.said = ""
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag if tag in self.texts else ""
        if self._inside:
            self.texts[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[self._inside][-1] += data
        else:
            self.said += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page_of(directory: Path, **changes: Any) -> str:
    run = read_run(directory)
    points = read_points(directory / "outliers.csv") if (directory / "outliers.csv").is_file() else None
    return render_page(run.command, run.summary, run.findings, points=points, **changes)


def data_of(text: str) -> dict[str, Any]:
    return dict(json.loads(Page(text).texts["script"][0]))


def digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@pytest.mark.parametrize("run", ["scan_dir", "hostile_dir", "scores_dir", "check_dir", "accepted_dir"])
def test_the_policy_lets_the_pages_own_script_and_style_run_and_nothing_else(
    run: str, request: pytest.FixtureRequest
) -> None:
    page = Page(page_of(request.getfixturevalue(run)))
    metas = {meta.get("http-equiv"): meta["content"] for meta in page.all("meta") if meta.get("http-equiv")}
    policy = dict(part.strip().split(" ", 1) for part in str(metas["Content-Security-Policy"]).split(";"))
    data, script = page.texts["script"]
    assert policy.pop("script-src") == f"'{digest(script)}'"
    assert policy.pop("style-src") == f"'{digest(page.texts['style'][0])}'"
    assert policy == {
        "default-src": "'none'", "base-uri": "'none'", "form-action": "'none'",
        "require-trusted-types-for": "'script'", "trusted-types": "'none'",
    }  # fmt: skip
    assert [a.get("type") for a in page.all("script")] == ["application/json", None]
    assert json.loads(data)["ids"]
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") or name in ("style", "src", "srcset") for name in attributes), tag
        href = attributes.get("href")
        assert href is None or re.fullmatch(r"#[\w-]+|entries/[\w.-]+\.md", href)


def test_the_page_has_every_finding_with_both_texts_as_they_are_marked(scan_dir: Path) -> None:
    run = read_run(scan_dir)
    data = data_of(page_of(scan_dir))
    assert data["ids"] == [finding.fingerprint for finding in run.findings]
    columns = {column["key"]: column for column in data["columns"]}
    assert [columns["item"]["values"][code] for code in columns["item"]["cells"]] == [
        finding.evidence["item_id"] for finding in run.findings
    ]
    assert columns["score"]["cells"] == [finding.evidence["score"] for finding in run.findings]
    # the half of a question that is in a record stands marked on both sides
    first = data["details"][0]
    marked = {side: "".join(text for part, text in first[side] if part == 1) for side in ("train", "item")}
    assert marked["item"]
    assert marked["item"].split()[0].lower() in marked["train"].lower()
    facets = {facet["key"]: facet["values"] for facet in data["facets"]}
    assert set(facets["verdict"]) == {"contaminated", "review"}
    assert set(facets["field"]) == {"text", "messages[].content"}
    assert "benchmark" not in facets  # there is one, so that there is nothing to choose


def test_texts_are_excerpts_unless_the_full_text_is_asked_for(scan_dir: Path) -> None:
    finding = read_run(scan_dir).findings[0]
    item = finding.evidence["item_excerpt"]
    shown = data_of(page_of(scan_dir))["details"][0]
    assert len("".join(text for _, text in shown["item"])) <= len(item) // 2 + 1
    end = item[-30:]
    assert end not in page_of(scan_dir)
    assert end in page_of(scan_dir, full_text=True)


def test_equal_runs_give_equal_bytes(scan_dir: Path, scores_dir: Path) -> None:
    assert page_of(scan_dir) == page_of(scan_dir) == (scan_dir / "report.html").read_text(encoding="utf-8")
    assert page_of(scores_dir) == (scores_dir / "report.html").read_text(encoding="utf-8")


def test_text_from_outside_makes_no_tag(scan_dir: Path, hostile_dir: Path) -> None:
    text = page_of(hostile_dir)
    page = Page(text)
    assert "img" not in {tag for tag, _ in page.tags}
    assert text.count("</script>") == 2
    assert "\u202e" not in text
    assert HOSTILE[:20] in json.dumps(data_of(text), ensure_ascii=False)  # it is there to be read
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in Page(page_of(scan_dir)).tags}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(), max_size=40))
def test_no_text_breaks_the_data_or_adds_an_element(text: str, scan_dir: Path) -> None:
    run = read_run(scan_dir)
    finding = run.findings[0]
    fields = ("source", "field", "benchmark", "split", "item_id", "train_excerpt", "item_excerpt", "reason", "role")
    changed = replace(
        finding, subject=text, title=text, message=text, next_steps=(text,),
        evidence={**finding.evidence, **dict.fromkeys(fields, text)},
    )  # fmt: skip
    facts = run.summary["benchmarks"]["bench"]
    summary = {**run.summary, "benchmarks": {text: {**facts, "source": text, "warnings": [text]}}, "command": [text]}
    expected = Page(render_page("scan", {**summary, "benchmarks": {"b": facts}}, [finding]))
    shown = render_page("scan", summary, [changed])
    page = Page(shown.encode("utf-8", "replace").decode())
    allowed = [tag for tag, _ in expected.tags if tag != "p"]
    assert [tag for tag, _ in page.tags if tag != "p"] == allowed
    assert json.loads(page.texts["script"][0])["total"] == 1


def test_the_page_tells_how_many_findings_it_leaves_out(scan_dir: Path) -> None:
    rows = json.loads((scan_dir / "findings.json").read_text())["findings"]
    findings = [Finding.from_json(row) for row in many(rows, MOST_FINDINGS + 3)]
    summary = read_run(scan_dir).summary
    text = render_page("scan", summary, findings)
    data = data_of(text)
    assert (len(data["ids"]), data["total"]) == (MOST_FINDINGS, MOST_FINDINGS + 3)
    assert "first 10,000 of 10,003 findings" in Page(text).said
    assert "the other 3 are in" in Page(text).said
    assert len(text.encode()) < 25_000_000
    assert "findings are in this page" not in Page(render_page("scan", summary, findings[:5])).said


def test_accepted_findings_say_why_and_can_be_told_apart(accepted_dir: Path) -> None:
    data = data_of(page_of(accepted_dir))
    state = next(facet for facet in data["facets"] if facet["key"] == "state")
    names = [state["values"][cells[0]] for cells in state["cells"]]
    assert names.count("accepted") == 2
    accepted = data["details"][names.index("accepted")]
    assert accepted["facts"][0] == ["Accepted", "a tutorial <b>quotes</b> it (mk, 2026-01-31)"]
    assert "2accepted by the baseline" in Page(page_of(accepted_dir)).said


def test_a_run_without_findings_says_so(scan_dir: Path) -> None:
    run = read_run(scan_dir)
    facts = {**run.summary["benchmarks"]["bench"], "contaminated_items": 0, "review_items": 0}
    summary = {**run.summary, "benchmarks": {"bench": facts}, "estimated_false_discovery_rate": None}
    page = Page(render_page("scan", summary, []))
    assert "No item of bench was found in the" in page.said
    assert "No findings." in page.said
    assert {"class": "answer clear"} in page.all("p")
    assert "How many of these are false was not estimated" in page.said


def test_an_incomplete_scan_names_what_was_not_read(scan_dir: Path) -> None:
    run = read_run(scan_dir)
    sources = [{**entry, "complete": entry["source"].endswith("chat.json")} for entry in run.summary["sources"]]
    summary = {**run.summary, "complete": False, "sources": sources, "records_skipped": {"invalid_json": 3}}
    said = Page(render_page("scan", summary, run.findings)).said
    assert "This audit is incomplete (not read to the end: " in said
    assert "train set.jsonl" in said
    assert "invalid json" in said
    broken = Page(render_page("scan", {**summary, "sources": []}, run.findings)).said
    assert "3 records or files could not be read" in broken
    stopped = Page(render_page("scan", {**summary, "sources": [], "interrupted": True}, run.findings)).said
    assert "it was stopped before the end" in stopped


def test_the_score_figure_has_each_model_the_band_and_a_link_for_each_flagged_one(scores_dir: Path) -> None:
    run = read_run(scores_dir)
    text = page_of(scores_dir)
    page = Page(text)
    plot = data_of(text)["figures"]["plots"][0]
    assert len(plot["points"]) == 220
    svg = text[text.index('<svg class="plot" id="figure-0"') : text.index("</svg>")]
    assert svg.count("h0") == 217  # a dot for each model that is not flagged
    assert 'class="band"' in svg
    assert 'class="expected"' in svg
    outliers = [finding for finding in run.findings if finding.rule_id == "score/outlier"]
    links = [a for a in page.all("a") if "data-point" in a]
    assert sorted(str(a["href"]) for a in links) == sorted(f"#finding-{f.fingerprint}" for f in outliers)
    assert sorted(str(a["aria-label"]).split(":")[0] for a in links) == ["review", "strong", "strong"]
    assert "line32-103" in svg
    assert [option["value"] for option in page.all("option")] == ["figure-0", "figure-1", "figure-2", "figure-3"]


def test_points_are_drawn_where_their_numbers_say(scores_dir: Path) -> None:
    text = page_of(scores_dir)
    plot = data_of(text)["figures"]["plots"][0]
    left, top, width, height = plot["box"]
    xs, ys = [], []
    for x, y in re.findall(r"M([\d.]+) ([\d.]+)h0", text[: text.index("</svg>")]):
        xs.append(left + (float(x) - left))
        ys.append(float(y))
    assert left <= min(xs) < max(xs) <= left + width
    assert top <= min(ys) < max(ys) <= top + height
    ordinary = [point for point in plot["points"] if point[6] not in ("strong", "review")]
    best = max(range(len(ordinary)), key=lambda k: ordinary[k][2])
    assert ys[best] == min(ys)  # the highest score stands highest


def test_a_figure_is_left_out_where_no_size_is_known_and_thinned_where_models_are_many(
    scores_dir: Path, tmp_path: Path
) -> None:
    run = read_run(scores_dir)
    points = read_points(scores_dir / "outliers.csv")
    assert draw_figures({}, run.summary, run.findings).svgs == ()
    benchmarks = {f"b{k}": run.summary["benchmarks"]["MMLU"] for k in range(14)}
    figures = draw_figures(
        dict.fromkeys(benchmarks, points["MMLU"] * 25), {**run.summary, "benchmarks": benchmarks}, run.findings
    )
    assert len(figures.svgs) == 12
    assert "No figure of b12, b13" in figures.notes[0]
    assert figures.notes[1] == "One model in 2 is drawn, and every flagged one."
    assert sum(point[6] == "strong" for point in figures.data["plots"][0]["points"]) == 50
    broken = tmp_path / "outliers.csv"
    broken.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"is not the outliers\.csv of a score audit"):
        read_points(broken)


def test_labels_of_flagged_models_do_not_overlap(scores_dir: Path) -> None:
    run = read_run(scores_dir)
    points = read_points(scores_dir / "outliers.csv")["MMLU"]
    crowded = [replace(p, verdict="strong") if k < 30 else p for k, p in enumerate(points)]
    svg = draw_figures({"MMLU": crowded}, run.summary, run.findings).svgs[0][1]
    heights = sorted(float(y) for y in re.findall(r'class="label" x="[\d.]+" y="([-\d.]+)"', svg))
    assert len(heights) == 14
    assert all(after - before >= 18.9 for before, after in pairwise(heights))
    assert heights[0] > 0
    assert svg.count('tabindex="0"') == 30  # flagged points that no finding is about can be reached, too


def test_a_check_shows_each_entry_and_links_only_to_its_own_pages(check_dir: Path) -> None:
    page = Page(page_of(check_dir))
    assert "Block: of 2 entries, 1 block, 1 pass." in page.said
    assert "This check is incomplete" in page.said
    assert [a["href"] for a in page.all("a") if str(a["href"]).endswith(".md")] == ["entries/new-model.md"]
    assert "../../etc/passwd.md" in page.said
    assert "What to ask the authorName the training sets." in page.said
    assert "Not checkeddata/x: 404" in page.said
    data = data_of(page_of(check_dir))
    # what the policy makes of a finding counts, and what blocks comes first
    assert (data["columns"][0]["values"], data["severities"]) == (["block", "review"], [0, 1])
    assert data["details"][1]["message"].startswith("entry.yaml names no training set")
    assert ["key", "training.sets"] in data["details"][1]["facts"]


def test_facts_of_a_score_hold_every_fit(scores_dir: Path) -> None:
    facts = dict(facts_of(read_run(scores_dir).findings[0]))
    assert facts["Score"] == "79.5 on MMLU"
    assert facts["Expected"] == "57.0, 95 % interval 47.9 to 65.7, from other benchmarks"
    assert facts["From its size alone"].startswith("62.8 (37.8 to 82.5), excess 16.7")
    assert facts["Model"] == "4.5 B parameters; family line32, by base_model"
    assert facts["Rule"] == "score/outlier"


def test_prose_sets_our_own_marks() -> None:
    assert prose("**a** and\n`b` < c\n\nd") == "<p><b>a</b> and <code>b</code> &lt; c</p><p>d</p>"
