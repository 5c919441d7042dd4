"""The report answers first, shows both texts, counts what it leaves out, and lets no text out of its place."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from auditor.findings import merge_matches
from auditor.report.blocks import bullets, count, flat, listed, names, percent, size, table
from auditor.report.markdown import LONGEST_REPORT, render_scan_report, verdict_line
from auditor.types import Finding, Match, Verdict

GFM = MarkdownIt("commonmark").enable("table")
QUESTION = (
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How many in all?"
)
MATCH = Match(
    source="data/train.jsonl",
    row=7,
    field="messages[0].content",
    benchmark="gsm8k",
    split="test",
    item_id="12",
    detector="ngram",
    score=0.97,
    verdict=Verdict.CONTAMINATED,
    answer_present=True,
    train_span=(10, 121),
    item_span=(0, 111),
    train_excerpt=f"Question: {QUESTION} Answer: 72",
    item_excerpt=QUESTION,
    reason="all 21 words of the question stand in one place",
    role="user",
    signals={"kind": "full"},
)
REVIEW = replace(
    MATCH,
    row=9,
    item_id="13",
    verdict=Verdict.REVIEW,
    answer_present=False,
    score=0.7,
    train_excerpt=QUESTION.replace("48", "52"),
    signals={"kind": "variant"},
)


def facts(**changes: Any) -> dict[str, Any]:
    base = {
        "items": 1319,
        "items_indexed": 1319,
        "items_not_indexed": {},
        "contaminated_items": 0,
        "review_items": 0,
        "contaminated_records": 0,
        "review_records": 0,
        "warnings": [],
        "source": "openai/gsm8k",
        "revision": "e53f048",
        "licence": "MIT",
        "sha256": "ab" * 32,
    }
    return {**base, **changes}


def summary(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "records_read": 61860,
        "records_skipped": {},
        "skip_examples": [],
        "bytes_read": 85_000_000,
        "benchmarks": {"gsm8k": facts(contaminated_items=1, review_items=1, contaminated_records=1, review_records=1)},
        "sources": [{"source": "data/train.jsonl", "records_read": 61860, "bytes": 85_000_000, "complete": True}],
        "inputs": {"data/train.jsonl": "xxh3_128:0f"},
        "config": {"detectors": ["ngram"], "ngram": {"size": 8, "contaminated_at": 0.8}, "seed": None, "fast": True},
        "versions": {"auditor": "0.1.0", "numpy": "2.4.6"},
        "seconds": 12.5,
        "complete": True,
        "command": ["auditor", "scan", "my data/", "-b", "gsm8k"],
        "estimated_false_discovery_rate": None,
        "false_discovery": {},
    }
    return {**base, **changes}


def report(matches: list[Match], **changes: Any) -> str:
    return render_scan_report(summary(**changes), merge_matches(matches))


def test_the_first_line_is_the_verdict() -> None:
    lines = report([MATCH, REVIEW]).split("\n")
    assert lines[0] == "# Contamination report"
    assert lines[2] == (
        "**1 of 1,319 items of gsm8k (1 with the answer) is in this training set** of 61,860 records; "
        "1 more deserves a look."
    )


@pytest.mark.parametrize(
    ("benchmarks", "said"),
    [
        ({"gsm8k": facts(), "a|b": facts()}, "**No item of gsm8k and a&#124;b was found** in the 61,860 records read."),
        (
            {"gsm8k": facts(review_items=1)},
            "**No item of gsm8k was found** in the 61,860 records read; 1 item deserves a look.",
        ),
        (
            {"gsm8k": facts(review_items=3)},
            "**No item of gsm8k was found** in the 61,860 records read; 3 items deserve a look.",
        ),
        ({}, "**No item of no benchmark was found** in the 61,860 records read."),
        (
            {f"b{n}": facts(contaminated_items=n, review_items=1) for n in range(1, 8)},
            "**7 of 1,319 items of b7, 6 of 1,319 items of b6, 5 of 1,319 items of b5, 4 of 1,319 items of b4, "
            "3 of 1,319 items of b3 and items of 2 more benchmarks are in this training set** of 61,860 records; "
            "7 more deserve a look.",
        ),
    ],
)
def test_verdicts(benchmarks: dict[str, Any], said: str) -> None:
    assert verdict_line(summary(benchmarks=benchmarks), []) == said


def test_an_incomplete_audit_says_so_next() -> None:
    stopped = report([MATCH], complete=False, interrupted=True).split("\n")[4]
    assert stopped.startswith("**This audit is incomplete**: it was stopped before the end.")
    skipped = {"invalid_json": 1200, "no_text": 3, "empty_file": 7}
    broken = report([MATCH], complete=False, interrupted=False, records_skipped=skipped).split("\n")[4]
    assert broken.startswith("**This audit is incomplete**: 1,203 records or files could not be read.")
    sources = [{"source": f"s{n}.jsonl", "records_read": 1, "bytes": 1, "complete": n > 6} for n in range(9)]
    unread = report([MATCH], complete=False, sources=sources).split("\n")[4]
    assert "s0.jsonl, s1.jsonl, s2.jsonl, s3.jsonl, s4.jsonl and 2 more not read to the end" in unread


def test_both_texts_stand_side_by_side_and_neither_gives_the_item_away() -> None:
    text = report([MATCH, REVIEW])
    cells = re.findall(r"<td[^>]*>(.*?)</td>", text)
    assert cells[:2] == [
        "Question: <mark>Natalia sold clips to 48 of her friends in April, and…</mark>",
        "<mark>Natalia sold clips to 48 of her friends in April, and…</mark>",
    ]
    assert cells[2].startswith("<mark>Natalia sold clips to</mark> <b><ins>52</ins></b> <mark>of her friends")
    assert "- **Other numbers**: 52 instead of 48" in text
    assert "half as many" not in text
    assert "Answer: 72" not in text
    assert (
        "- **Where**: `data/train.jsonl`, row 7, field `messages[0].content` of role `user`, characters 10 to 121\n"
        "- **Why**: all 21 words of the question stand in one place (score 0.97, answer present, found by ngram)\n"
    ) in text
    assert "The record may quote the benchmark on purpose" in text
    assert "### To review" in text


def test_the_full_text_is_shown_when_asked_for() -> None:
    text = render_scan_report(summary(), merge_matches([MATCH]), full_text=True)
    assert "How many in all?</mark>" in text or "How many in all</mark>?" in text
    assert "Answer: 72" in text


def test_what_was_not_read_or_not_searched_for_is_counted() -> None:
    text = report(
        [MATCH],
        records_skipped={"invalid_json": 3, "no_text_field": 40},
        skip_examples=[
            {"source": "a|b.jsonl", "row": 88, "reason": "invalid_json", "detail": "<b> at column 8"},
            {"source": "c.gz", "row": None, "reason": "truncated_gzip", "detail": ""},
        ],
        benchmarks={
            "gsm8k": facts(items_indexed=1300, items_not_indexed={"too_short": 19}, warnings=["1,319 *items*"])
        },
        sources=[
            {"source": "whole.jsonl", "records_read": 5, "records_skipped": 1, "bytes": 10, "complete": True},
            {"source": "broken.gz", "records_read": 5, "records_skipped": {"x": 2}, "bytes": 10, "complete": False},
        ],
        estimated_false_discovery_rate=0.004,
        false_discovery={"upper_95": 0.012, "decoys": 1000, "method": "Words are shuffled."},
    )
    assert "43 records skipped:" in text
    assert (
        "| no text field | 40 |  |\n| invalid json | 3 | <code>a&#124;b.jsonl</code>, row 88: &lt;b&gt; at column 8 |"
        in text
    )
    assert "- gsm8k: 19 items not searched for: too short.\n- gsm8k: 1,319 \\*items\\*" in text
    assert text.index("| `broken.gz` | 5 | 2 | 10 bytes | **no** |") < text.index("| `whole.jsonl` | 5 | 1 |")
    assert (
        "Estimated share of false ones among the contaminated: 0.4 %, at most 1.2 % with 95 % confidence "
        "(1,000 decoy items). Words are shuffled."
    ) in text
    assert "| `data/train.jsonl` | 0 | 1 | – | 0 |\n\nNothing was found in 1 other source." in text


def test_how_to_reproduce_it() -> None:
    text = report([MATCH], boilerplate={"phrases": 4})
    assert "```sh\nauditor scan 'my data/' -b gsm8k\n```" in text
    assert "With auditor 0.1.0, numpy 2.4.6." in text
    assert "| `ngram.contaminated_at` | 0.8 |" in text
    assert "| `seed` | none |\n| `fast` | yes |" in text
    assert "| `phrases` | 4 |" in text
    assert "| `data/train.jsonl` | `xxh3_128:0f` |" in text
    assert f"| gsm8k | `openai/gsm8k` | `e53f048` | MIT | `{'ab' * 32}` |" in text
    assert "12.5" not in text, "the time it took is no part of the result"
    cut = report([MATCH], command=["auditor", "x" * 3000])
    assert "The command is cut" in cut


def test_equal_runs_give_equal_bytes() -> None:
    assert report([MATCH, REVIEW]) == report([REVIEW, MATCH], seconds=99.0)


def test_nothing_found_is_a_short_report() -> None:
    text = report([], benchmarks={"gsm8k": facts()})
    assert "## The findings" not in text
    assert "Nothing was skipped." in text


def test_a_summary_with_nothing_in_it_still_renders() -> None:
    assert render_scan_report({}, []).startswith("# Contamination report\n\n**No item of no benchmark")


def test_each_benchmark_and_each_item_gets_its_turn() -> None:
    many = [replace(MATCH, row=row, item_id="1", benchmark="arc", score=1.0) for row in range(60)]
    others = [replace(MATCH, row=row, item_id=str(row), benchmark="mmlu", score=0.9) for row in range(100, 103)]
    reviews = [replace(REVIEW, row=row, item_id=str(row)) for row in range(200, 230)]
    text = render_scan_report(summary(), merge_matches([*many, *others, *reviews]), max_findings=10)
    shown = re.findall(r"<summary><a id=\"finding-\w{32}\"></a><b>(\w+) test (\d+)</b>", text)
    assert shown.count(("arc", "1")) == 5
    assert [entry for entry in shown if entry[0] == "mmlu"] == [("mmlu", "100"), ("mmlu", "101"), ("mmlu", "102")]
    assert len([entry for entry in shown if entry[0] == "gsm8k"]) == 2, "a fifth is kept for what needs a look"
    assert "10 of 93 are shown" in text


def test_a_report_of_anything_stays_under_the_limit_and_says_what_it_cut() -> None:
    words = ["<&|`*@a" * 12 for _ in range(200)]
    matches = [
        replace(MATCH, row=n, source=f"{'<@a|' * 60}{n}", train_excerpt=" ".join(words), item_excerpt=" ".join(words))
        for n in range(60)
    ]
    sources = [{"source": match.source, "records_read": 9, "bytes": 9, "complete": True} for match in matches]
    text = render_scan_report(
        summary(sources=sources, inputs={m.source: "@x" * 100 for m in matches}), merge_matches(matches), full_text=True
    )
    assert len(text.encode()) < LONGEST_REPORT
    shown = text.count('<summary><a id="finding-')
    assert 0 < shown < 50
    assert f"{shown} of 60 are shown" in text
    assert "rows are left out here" in text


def test_a_finding_of_another_rule_is_shown_by_its_id() -> None:
    finding = Finding("x/new", "error", "contaminated", "s", "t", "m", evidence={"detectors": ["d"], "score": 1.0})
    text = render_scan_report(summary(), [finding])
    assert "| contaminated | `x/new` | d | 1 | 1 |" in text


HOSTILE = [
    "</td></table></details><script>alert(1)</script>",
    "a\n\n# heading\n\n| x |\n|---|\n",
    "```\n~~~\n",
    "@torvalds fixes #1 https://evil.example www.evil.example",
    "\u202e\x00\ud800\x1b[2J",
    "[x](javascript:alert(1)) ![y](http://e)",
    "<!-- ",
    "::error::$x$",
]
hostile = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(codec=None), max_size=30))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(st.lists(hostile, min_size=12, max_size=12))
def test_hostile_text_stays_in_its_place(texts: list[str]) -> None:
    match = replace(
        MATCH,
        source=texts[0],
        field=texts[1],
        benchmark=texts[2],
        split=texts[3],
        item_id=texts[4],
        train_excerpt=texts[5],
        item_excerpt=texts[6],
        reason=texts[7],
        role=texts[8],
        detector=texts[9],
    )
    said = summary(
        benchmarks={texts[2]: facts(contaminated_items=1, warnings=[texts[7]], source=texts[10], licence=texts[11])},
        records_skipped={texts[1]: 1},
        skip_examples=[{"source": texts[0], "row": 1, "reason": texts[1], "detail": texts[3]}],
        sources=[{"source": texts[0], "complete": False}, {"source": texts[4]}],
        inputs={texts[0]: texts[1]},
        config={texts[3]: texts[4], "detectors": texts[5]},
        versions={texts[6]: texts[7]},
        command=[texts[8], texts[9]],
        complete=False,
    )
    harmless = summary(
        benchmarks={"b": facts(contaminated_items=1, warnings=["w"])},
        records_skipped={"r": 1},
        sources=[{"source": "s", "complete": False}, {"source": "t"}],
        config={"k": "v", "detectors": "d"},
        complete=False,
    )
    text = render_scan_report(said, merge_matches([match]))
    assert _skeleton(text) == _skeleton(render_scan_report(harmless, merge_matches([replace(MATCH, benchmark="b")])))
    html = GFM.render(text)
    ours = re.sub(r'<code.*?</code>|<a id="finding-[0-9a-f]{32}"></a>', "", html, flags=re.S)
    assert not re.search(r"<(script|img|a|iframe|style)\b", ours)
    prose = re.sub(r"<(code|pre)\b.*?</\1>", "", html, flags=re.S)
    assert not re.search(r"@\w|://|\bwww\.", re.sub(r"&#8203;", "\u200b", prose))


def _skeleton(text: str) -> list[str]:
    """The block structure of a report: everything but the inline text, and each HTML block's tags."""
    skeleton = []
    for token in GFM.parse(text):
        if token.type == "html_block":
            skeleton.append(" ".join(re.findall(r"</?(?:details|summary|table|tr|t[dh])\b", token.content)))
        elif token.type != "inline":
            skeleton.append(token.type)
    return skeleton


def test_blocks() -> None:
    assert table(["a"], [["1"], ["2"], ["3"]], numbers=(0,), limit=2) == [
        "| a |\n|---:|\n| 1 |\n| 2 |",
        "1 more row is left out here.",
    ]
    assert bullets(["x", "y"], 1) == ["- x\n- 1 more of these are in `summary.json`."]
    assert (count(1, "item"), count(1319, "item")) == ("1 item", "1,319 items")
    assert [percent(0, 9), percent(9, 9), percent(1, 9999), percent(9998, 9999), percent(1, 3), percent(0, 0)] == [
        "0 %",
        "100 %",
        "< 0.1 %",
        "> 99.9 %",
        "33.3 %",
        "–",
    ]
    assert [size(999), size(85_000_000), size(3 * 10**15)] == ["999 bytes", "85.0 MB", "3,000.0 TB"]
    assert [listed([]), listed(["a"]), listed(["a", "b"]), names(["a|b"])] == ["", "a", "a and b", "a&#124;b"]
    assert dict(flat(json.loads('{"a": {"b": [1, 2]}, "c": false}'))) == {"a.b": "1, 2", "c": "no"}
