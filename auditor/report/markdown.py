"""`report.md` of a scan: the verdict first, then the counts, the worst findings with both texts, and what was not read.

The report is GitHub-flavoured Markdown. It holds no time and no machine: the same run gives the same bytes.
"""

from __future__ import annotations

import heapq
import shlex
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from auditor.findings import RULES, file_name
from auditor.report.accepted import accepted_findings, accepted_line
from auditor.report.blocks import bullets, count, flat, folded, in_words, listed, names, percent, short, size, table
from auditor.report.escape import html_attribute, html_line, md_cell, md_code, md_fence, md_text, truncate
from auditor.report.judge import judge_fact, judge_section
from auditor.report.pairs import LONGEST_TEXT, align, side_html
from auditor.spill import kept_findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from auditor.types import Finding

LONGEST_REPORT = 500_000
"""Bytes: GitHub shows no rendered Markdown beyond about 512 KiB."""
_LONGEST_COMMAND = 2_000
_ROWS = 50
"""Rows of a table that grows with the input; the rest are counted, and are in summary.json."""

DETECTORS = {
    "ngram": "shared word n-grams, weighted by how rare they are in the benchmark and in this training set",
    "minhash": "MinHash signatures of short shingles, for edited copies",
    "rephrase": "embeddings of the meaning, for paraphrases and translations",
}

METHOD = """\
Every record was compared with every indexed item. Text is compared without regard to case, punctuation, spacing,
Unicode forms, HTML entities and Markdown marks. A detector proposes pairs of a record and an item; each pair is then
aligned word by word. The score is the share of the item's question, weighted by how rare its words are, that stands in
one place of the record: 1.00 is all of it. **Contaminated** means that the item is there. **Review** means that a
person should look: a part of the item, the same text with other numbers, or phrases that many texts share.

A match says that the text is there. It does not say how it came there, nor that anyone meant it. What this audit does
not find: items in other words or in another language (unless the `rephrase` detector ran), items in images or audio,
and data that was not given to it."""


def render_scan_report(
    summary: Mapping[str, Any],
    findings: Sequence[Finding],
    *,
    full_text: bool = False,
    max_findings: int = 50,
) -> str:
    """The report of a scan as Markdown, below 500 KB; what had to be left out is counted in it.

    Args:
        summary: the contents of `summary.json`.
        findings: all findings of the run, as `merge_matches` gives them.
        full_text: quote items as far as the run holds them, instead of at most half of each.
        max_findings: how many findings to show with their texts.
    """
    rows = _ROWS
    open_ones = findings
    if any(finding.baseline is not None for finding in findings):
        open_ones = kept_findings(finding for finding in findings if finding.baseline is None)
    while True:
        text = _render(summary, findings, open_ones, full_text=full_text, max_findings=max_findings, rows=rows)
        if len(text.encode("utf-8", "replace")) < LONGEST_REPORT or (max_findings <= 1 and rows <= 1):
            return text
        max_findings = max(1, max_findings * 3 // 4)
        rows = max(1, rows * 3 // 4)


def _render(
    summary: Mapping[str, Any], everything: Sequence[Finding], findings: Sequence[Finding], *, full_text: bool,
    max_findings: int, rows: int,
) -> str:  # fmt: skip
    """`findings` are those of `everything` that no baseline accepts."""
    blocks = [
        "# Contamination report",
        verdict_line(summary, everything),
        *accepted_line(summary),
        *_incomplete(summary),
        "## By benchmark",
        *_by_benchmark(summary, everything, rows),
        *_by_rule(findings),
        *_by_source(summary, findings, rows),
        *_worst_findings(findings, full_text=full_text, limit=max_findings),
        *accepted_findings(summary, everything, rows),
        *judge_section(summary),
        "## What was read",
        *_coverage(summary, rows),
        "## Method",
        *_method(summary, rows),
        "## How to reproduce",
        *_reproduce(summary, rows),
    ]
    return "\n\n".join(block.strip("\n") for block in blocks if block) + "\n"


def verdict_line(
    summary: Mapping[str, Any], findings: Sequence[Finding], *, escape: Callable[[str], str] = md_text
) -> str:
    """One sentence that answers the question; also for a step summary or a comment.

    `escape` makes names from outside safe where the sentence is shown.
    """
    benchmarks = summary.get("benchmarks", {})
    answered = _items(f for f in findings if f.rule_id == "data/question-and-answer")
    hit = [(name, facts) for name, facts in benchmarks.items() if facts.get("contaminated_items")]
    hit.sort(key=lambda pair: (-pair[1]["contaminated_items"], pair[0]))
    review = sum(facts.get("review_items", 0) for facts in benchmarks.values())
    records = count(summary.get("records_read", 0), "record")
    if not hit:
        names = listed([escape(short(name)) for name in benchmarks]) or "no benchmark"
        more = f"; {count(review, 'item')} {'deserves' if review == 1 else 'deserve'} a look" if review else ""
        return f"**No item of {names} was found** in the {records} read{more}."
    parts = []
    for name, facts in hit[:5]:
        with_answer = len(answered.get(name, ()))
        aside = f" ({with_answer:,} with the answer)" if with_answer else ""
        parts.append(
            f"{facts['contaminated_items']:,} of {count(facts['items'], 'item')} of {escape(short(name))}{aside}"
        )
    if len(hit) > 5:
        parts.append(f"items of {len(hit) - 5:,} more benchmarks")
    single = len(hit) == 1 and hit[0][1]["contaminated_items"] == 1
    more = f"; {review:,} more {'deserves' if review == 1 else 'deserve'} a look" if review else ""
    return f"**{listed(parts)} {'is' if single else 'are'} in this training set** of {records}{more}."


def _incomplete(summary: Mapping[str, Any]) -> list[str]:
    if summary.get("complete", True):
        return []
    unread = [entry["source"] for entry in summary.get("sources", ()) if not entry.get("complete", True)]
    what = f"{names(unread)} not read to the end" if unread else why_incomplete(summary)
    return [f"**This audit is incomplete**: {what}. What is not in this report may still be in the training set."]


def why_incomplete(summary: Mapping[str, Any]) -> str:
    """Why not all is in a report whose sources were read to their ends."""
    from auditor.results import BENIGN_SKIPS

    lost = sum(n for reason, n in summary.get("records_skipped", {}).items() if reason not in BENIGN_SKIPS)
    if summary.get("interrupted") or not lost:
        return "it was stopped before the end"
    return f"{lost:,} {'record or file' if lost == 1 else 'records or files'} could not be read"


def _by_benchmark(summary: Mapping[str, Any], findings: Sequence[Finding], rows: int) -> list[str]:
    answered = _items(f for f in findings if f.rule_id == "data/question-and-answer")
    lines = []
    notes = []
    for name, facts in summary.get("benchmarks", {}).items():
        items, contaminated = facts.get("items", 0), facts.get("contaminated_items", 0)
        lines.append(
            [
                md_cell(short(name)),
                f"{items:,}",
                f"{facts.get('items_indexed', items):,}",
                f"**{contaminated:,}**" if contaminated else "0",
                percent(contaminated, items),
                f"{len(answered.get(name, ())):,}",
                f"{facts.get('review_items', 0):,}",
                f"{facts.get('contaminated_records', 0):,}",
                f"{facts.get('review_records', 0):,}",
            ]
        )
        for reason, number in sorted(facts.get("items_not_indexed", {}).items()):
            notes.append(
                f"{md_text(short(name))}: {count(number, 'item')} not searched for: {md_text(in_words(reason))}."
            )
        notes += [f"{md_text(short(name))}: {md_text(truncate(str(said), 400))}" for said in facts.get("warnings", ())]
    head = ["Benchmark", "Items", "Searched for", "Contaminated", "Share", "With answer", "To review"]
    head += ["Contaminated records", "Records to review"]
    blocks = table(head, lines, numbers=range(1, 9), limit=rows)
    blocks += bullets(notes, rows)
    false = summary.get("false_discovery") or {}
    rate = summary.get("estimated_false_discovery_rate")
    if rate is None:
        blocks.append("How many of these are false was not estimated in this run.")
    else:
        upper = false.get("upper_95")
        bound = "" if upper is None else f", at most {100 * upper:.1f} % with 95 % confidence"
        decoys = f" ({count(false['decoys'], 'decoy item')})" if "decoys" in false else ""
        method = f" {md_text(str(false['method']))}" if false.get("method") else ""
        blocks.append(
            f"Estimated share of false ones among the contaminated: {100 * rate:.1f} %{bound}{decoys}.{method}"
        )
    return blocks


def _by_rule(findings: Sequence[Finding]) -> list[str]:
    if not findings:
        return []
    counts: Counter[tuple[str, str, str]] = Counter()
    items: dict[tuple[str, str, str], set[tuple[str, str, str]]] = defaultdict(set)
    severities = ("error", "warning", "note")
    for finding in findings:
        detectors = ", ".join(finding.evidence.get("detectors", ()))
        key = (finding.rule_id, finding.verdict, detectors)
        counts[key] += 1
        items[key].add(_item(finding))
    worst = {(f.rule_id, f.verdict): severities.index(f.severity) for f in findings}
    lines = [
        [
            verdict,
            f"The record {RULES[rule].summary}" if rule in RULES else md_code(rule),
            md_cell(detectors),
            f"{number:,}",
            f"{len(items[rule, verdict, detectors]):,}",
        ]
        for (rule, verdict, detectors), number in sorted(
            counts.items(), key=lambda entry: (worst[entry[0][:2]], -entry[1], entry[0])
        )
    ]
    head = ["Verdict", "What was found", "Found by", "Findings", "Items"]
    return ["## By kind", *table(head, lines, numbers=(3, 4), limit=_ROWS)]


def _by_source(summary: Mapping[str, Any], findings: Sequence[Finding], rows: int) -> list[str]:
    """Which files the findings are in; left out where there is only one."""
    sources = summary.get("sources", ())
    if len(sources) < 2 or not findings:
        return []
    records: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for finding in findings:
        records[finding.subject][finding.verdict].add(finding.evidence.get("row", -1))
    read = {entry["source"]: entry.get("records_read", 0) for entry in sources}
    ranked = sorted(records, key=lambda s: (-len(records[s]["contaminated"]), -len(records[s]["review"]), s))
    lines = [
        [
            md_code(short(source)),
            f"{read.get(source, 0):,}",
            f"{len(records[source]['contaminated']):,}",
            percent(len(records[source]["contaminated"]), read.get(source, 0)),
            f"{len(records[source]['review'] - records[source]['contaminated']):,}",
        ]
        for source in ranked
    ]
    head = ["Source", "Records read", "Contaminated", "Share", "To review"]
    clean = len(sources) - len(ranked)
    rest = [f"Nothing was found in {count(clean, 'other source')}."] if clean > 0 else []
    return ["## By source", *table(head, lines, numbers=range(1, 5), limit=rows), *rest]


def _worst_findings(findings: Sequence[Finding], *, full_text: bool, limit: int) -> list[str]:
    if not findings:
        return []
    shown = _choose(findings, limit)
    blocks = ["## The findings"]
    if len(shown) < len(findings):
        blocks.append(
            f"{len(shown):,} of {len(findings):,} are shown, the worst first and each item once before any again; all "
            "of them are in `findings.json`."
        )
    if not full_text:
        blocks.append(
            "Each text is cut so that no more than half of the item is quoted. "
            "<mark>Marked words</mark> are in both texts; <b><ins>underlined numbers</ins></b> differ."
        )
    else:
        blocks.append("<mark>Marked words</mark> are in both texts; <b><ins>underlined numbers</ins></b> differ.")
    explained: set[str] = set()
    for verdict, heading in (("contaminated", "### Contaminated"), ("review", "### To review")):
        group = [finding for finding in shown if finding.verdict == verdict]
        if group:
            blocks.append(heading)
        # the first is open, so that a reader sees what a finding looks like
        blocks += [one_finding(finding, full_text, is_open=index == 0) for index, finding in enumerate(group)]
        explained |= {finding.rule_id for finding in group}
    return [*blocks, *_explanations(explained)]


def _choose(findings: Sequence[Finding], limit: int) -> list[Finding]:
    """Contaminated before review, benchmarks in turn, each item once before any twice; a fifth is kept for review."""
    review = _in_turn(findings, "review", limit)
    first = _in_turn(findings, "contaminated", limit - min(len(review), limit // 5))
    return [findings[index] for index in sorted([*first, *review[: limit - len(first)]])]


def _in_turn(findings: Sequence[Finding], verdict: str, limit: int) -> list[int]:
    """Places of the first `limit` findings of a verdict, benchmarks in turn, each item once before any twice."""
    times: Counter[tuple[str, str, str]] = Counter()
    place: Counter[tuple[str, int]] = Counter()

    def keys() -> Iterator[tuple[int, int, int]]:
        for index, finding in enumerate(findings):
            if finding.verdict == verdict:
                benchmark = finding.evidence.get("benchmark", "")
                repeat = times[_item(finding)]
                times[_item(finding)] += 1
                yield repeat, place[benchmark, repeat], index
                place[benchmark, repeat] += 1

    return [index for _, _, index in heapq.nsmallest(limit, keys())]


def one_finding(finding: Finding, full_text: bool, *, is_open: bool) -> str:
    evidence = finding.evidence
    pair = align(evidence.get("train_excerpt", ""), evidence.get("item_excerpt", ""))
    train_limit = LONGEST_TEXT if full_text else pair.visible_train
    item_limit = LONGEST_TEXT if full_text else pair.visible_item
    split = f" {evidence['split']}" if evidence.get("split") else ""
    item = short(f"{evidence.get('benchmark', '')}{split} {evidence.get('item_id', '')}")
    place = short(f"{file_name(finding.subject)}, row {evidence.get('row', '?')}")
    rule = RULES[finding.rule_id].summary if finding.rule_id in RULES else finding.rule_id
    title = f"<b>{html_line(item)}</b> in {html_line(place)}: {rule} ({evidence.get('score', 0):.2f})"
    begin, end = evidence.get("train_span", (0, 0))
    role = f" of role {md_code(short(evidence['role']))}" if evidence.get("role") else ""
    facts = [
        f"**Where**: {md_code(short(finding.subject))}, row {evidence.get('row', '?')}, field "
        f"{md_code(short(evidence.get('field', '')))}{role}, characters {begin:,} to {end:,}",
        f"**Why**: {md_text(truncate(str(evidence.get('reason', '')), 400))} (score {evidence.get('score', 0):.2f}, "
        f"answer {'present' if evidence.get('answer_present') else 'not seen'}, "
        f"found by {md_text(', '.join(evidence.get('detectors', ())))})",
    ]
    if pair.numbers:
        changes = ", ".join(
            f"{md_text(short(here))} instead of {md_text(short(there))}" for here, there in pair.numbers[:12]
        )
        more = f" and {len(pair.numbers) - 12} more" if len(pair.numbers) > 12 else ""
        facts.append(f"**Other numbers**: {changes}{more}")
    facts += judge_fact(evidence)
    facts.append(f"**Fingerprint**: `{finding.fingerprint}`")
    return "\n".join(
        [
            "<details open>" if is_open else "<details>",
            f'<summary><a id="finding-{html_attribute(finding.fingerprint)}"></a>{title}</summary>',
            "",
            "<table>",
            '<tr><th width="50%" align="left">Training record</th>',
            '<th width="50%" align="left">Benchmark item</th></tr>',
            f'<tr><td valign="top">{side_html(pair.train, train_limit)}</td>',
            f'<td valign="top">{side_html(pair.item, item_limit)}</td></tr>',
            "</table>",
            "",
            *(f"- {fact}" for fact in facts),
            "",
            "</details>",
        ]
    )


def _explanations(rule_ids: set[str]) -> list[str]:
    """What may be behind the findings shown and what to do: said once for each rule, not at each finding."""
    blocks = ["### Innocent reasons and next steps"]
    for rule in (rule for rule in RULES.values() if rule.rule_id in rule_ids):
        lines = [f"**A record that {rule.summary}**", ""]
        lines += [f"- {text}" for text in rule.innocent_explanations]
        lines += [f"- Next: {text}" for text in rule.next_steps]
        blocks.append("\n".join(lines))
    return blocks if len(blocks) > 1 else []


def _coverage(summary: Mapping[str, Any], rows: int) -> list[str]:
    sources = summary.get("sources", ())
    skipped = summary.get("records_skipped", {})
    read = f"{count(summary.get('records_read', 0), 'record')} and {size(summary.get('bytes_read', 0))}"
    blocks = [
        f"{read} from {count(len(sources), 'source')}. "
        + ("Nothing was skipped." if not skipped else f"{count(sum(skipped.values()), 'record')} skipped:")
    ]
    if skipped:
        examples: dict[str, str] = {}
        for example in summary.get("skip_examples", ()):
            row = "" if example.get("row") is None else f", row {example['row']}"
            detail = f": {md_text(truncate(example['detail'], 200))}" if example.get("detail") else ""
            examples.setdefault(example["reason"], f"{md_code(short(example['source']))}{row}{detail}")
        lines = [
            [md_cell(in_words(reason)), f"{number:,}", examples.get(reason, "")]
            for reason, number in sorted(skipped.items(), key=lambda entry: (-entry[1], entry[0]))
        ]
        blocks += table(["Reason", "Records", "For example"], lines, numbers=(1,), limit=rows)
    lines = [
        [
            md_code(short(entry["source"])),
            f"{entry.get('records_read', 0):,}",
            f"{_total(entry.get('records_skipped', 0)):,}",
            size(entry.get("bytes", 0)),
            "yes" if entry.get("complete", True) else "**no**",
        ]
        # what was not read to the end is what a reader must not miss
        for entry in sorted(sources, key=lambda entry: (entry.get("complete", True), entry["source"]))
    ]
    return blocks + table(["Source", "Read", "Skipped", "Size", "To the end"], lines, numbers=(1, 2, 3), limit=rows)


def _method(summary: Mapping[str, Any], rows: int) -> list[str]:
    config = dict(flat(summary.get("config", {})))
    named = summary.get("config", {}).get("detectors", ())
    detectors = [named] if isinstance(named, str) else list(named)
    blocks = [METHOD]
    blocks += bullets([f"`{name}`: {DETECTORS[name]}." for name in detectors if name in DETECTORS], _ROWS)
    if config:
        lines = [[md_code(key), md_cell(truncate(value, 200))] for key, value in config.items()]
        blocks.append(folded("Thresholds and settings", table(["Setting", "Value"], lines, limit=200)))
    boilerplate = dict(flat(summary.get("boilerplate", {})))
    if boilerplate:
        lines = [[md_code(truncate(key, 200)), md_cell(truncate(value, 200))] for key, value in boilerplate.items()]
        blocks.append(folded("Boilerplate learnt", table(["What", "Value"], lines, limit=rows)))
    return blocks


def _reproduce(summary: Mapping[str, Any], rows: int) -> list[str]:
    command = summary.get("command", ())
    blocks = []
    if command:
        line = shlex.join(str(word) for word in command)
        cut = "\n\nThe command is cut; the whole of it is in `summary.json`." if len(line) > _LONGEST_COMMAND else ""
        blocks.append(md_fence(truncate(line, _LONGEST_COMMAND), "sh") + cut)
    versions = summary.get("versions", {})
    if versions:
        blocks.append(
            "With " + ", ".join(f"{md_text(short(k))} {md_text(short(str(v)))}" for k, v in versions.items()) + "."
        )
    lines = []
    for name, facts in summary.get("benchmarks", {}).items():
        lines.append(
            [
                md_cell(short(name)),
                md_code(short(str(facts.get("source", "")))),
                md_code(short(str(facts.get("revision") or ""))),
                md_cell(short(str(facts.get("licence") or "not stated"))),
                md_code(str(facts.get("sha256", ""))[:64]),
            ]
        )
    if lines:
        blocks.append(
            folded("Benchmarks", table(["Name", "Read from", "Revision", "Licence", "SHA-256"], lines, limit=rows))
        )
    inputs = [[md_code(short(name)), md_code(short(str(value)))] for name, value in summary.get("inputs", {}).items()]
    if inputs:
        blocks.append(folded("Inputs", table(["Input", "Hash"], inputs, limit=rows)))
    return blocks


def _item(finding: Finding) -> tuple[str, str, str]:
    evidence = finding.evidence
    return evidence.get("benchmark", ""), evidence.get("split", ""), evidence.get("item_id", "")


def _items(findings: Iterable[Finding]) -> dict[str, set[tuple[str, str, str]]]:
    """The distinct items that findings are about, by benchmark."""
    items: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for finding in findings:
        items[_item(finding)[0]].add(_item(finding))
    return items


def _total(skipped: int | Mapping[str, int]) -> int:
    """A source's skips, given as a number or by reason."""
    return skipped if isinstance(skipped, int) else sum(skipped.values())
