"""From matches to what a person acts on: one finding for each record and item, with reasons and next steps."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from auditor.types import Finding, Match, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SEVERITIES = ("error", "warning", "note")
"""SARIF's levels, worst first."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a rule id means; the same words in every report."""

    rule_id: str
    summary: str
    """What it says of a record, to follow "Row 12 of data.jsonl …"."""
    innocent_explanations: tuple[str, ...]
    next_steps: tuple[str, ...]


_COPIED_ON = "The record may quote the benchmark on purpose: documentation, a paper, a tutorial, an evaluation log."
_SHARED_SOURCE = "Benchmark and training set may share an older source, such as a textbook, an exam or Wikipedia."
_TEXTBOOK = "It may be a common textbook question that many people wrote down independently."
_DUPLICATE = "The benchmark's own items may be duplicates of its public training split."
_REMOVE = "Remove the record before training; `matches.jsonl` names its source and row."
_EXCLUDE = (
    "If the model is trained already, report its score without the contaminated items beside the score with them."
)
_ORIGIN = "Ask where the source file came from, and search it for the neighbours of this item."
_READ = "Read both texts and decide; write the decision down, so that the next reader need not repeat it."

RULES: dict[str, Rule] = {
    rule.rule_id: rule
    for rule in (
        Rule(
            "data/question-and-answer",
            "holds the question and its answer",
            (_COPIED_ON, _SHARED_SOURCE, _DUPLICATE),
            (_REMOVE, _EXCLUDE, _ORIGIN),
        ),
        Rule(
            "data/question",
            "holds the question, without its answer",
            (_COPIED_ON, _SHARED_SOURCE, _TEXTBOOK),
            (_REMOVE, _EXCLUDE, _ORIGIN),
        ),
        Rule(
            "data/passage",
            "holds the passage that the item asks about",
            (
                "Passages are often public text, such as Wikipedia or a novel, that belongs in a training set.",
                _SHARED_SOURCE,
            ),
            ("See whether the item's question stands near the passage; the passage alone gives no answer away.", _READ),
        ),
        Rule(
            "data/partial",
            "holds a part of the question",
            (
                "Both may share a quotation, a definition or a problem's usual opening, and differ in what is asked.",
                _TEXTBOOK,
            ),
            (_READ, "If the rest of the item is in a neighbouring record or field, treat the two as one copy."),
        ),
        Rule(
            "data/variant",
            "holds the question with other numbers or names",
            (
                "It may come from the benchmark's public training split or from a template that both were made with.",
                "Problems of one kind are often worded alike; other numbers make another problem.",
            ),
            (
                _READ,
                "Many variants of one benchmark in one source suggest that its test set was used to generate data.",
            ),
        ),
        Rule(
            "data/boilerplate",
            "shares stock phrases with the item",
            ("The shared words are common in this benchmark or in this training set and say little of this item.",),
            (_READ,),
        ),
        Rule(
            "data/rephrased",
            "says the same as the item in other words",
            (
                _SHARED_SOURCE,
                "Two people may have asked the same thing: a like meaning is weaker evidence than like words.",
            ),
            (_READ, _ORIGIN),
        ),
        Rule(
            "data/similar",
            "holds text much like the question",
            (_TEXTBOOK, "Short questions are alike by chance."),
            (_READ,),
        ),
    )
}
"""Rule ids never change their meaning: policies and baselines name them."""

_RULE_OF_KIND = {
    "partial": "data/partial",
    "variant": "data/variant",
    "boilerplate": "data/boilerplate",
    "passage": "data/passage",
    "rephrase": "data/rephrased",
}


def rule_of(match: Match, answer_present: bool) -> Rule:
    """The rule of a record's best match; `answer_present` is over all of the record's matches with the item."""
    kind = _RULE_OF_KIND.get(str(match.signals.get("kind", "")))
    if kind:
        return RULES[kind]
    if match.verdict is not Verdict.CONTAMINATED:
        return RULES["data/similar"]
    return RULES["data/question-and-answer" if answer_present else "data/question"]


def merge_matches(matches: Iterable[Match]) -> list[Finding]:
    """One finding for each (source, row, benchmark, split, item), whatever detectors and fields saw it.

    The order is by severity, score (highest first), benchmark, split, item, source and row; it does not depend on the
    order of `matches`.
    """
    return sorted(findings_of(sorted(matches, key=_record)), key=finding_order)


def findings_of(matches: Iterable[Match]) -> Iterator[Finding]:
    """The findings of matches that come record by record (by source, then row), in that order: as `merge_matches`."""
    return _with_distinct_fingerprints(_by_record(matches))


def _record(match: Match) -> tuple[str, int]:
    return match.source, match.row


def _by_record(matches: Iterable[Match]) -> Iterator[Finding]:
    # in row order, so that which of several equal records is "the second" does not depend on the scores
    for _, of_record in groupby(matches, key=_record):
        groups: dict[tuple[str, str, str], list[Match]] = defaultdict(list)
        for match in of_record:
            groups[match.benchmark, match.split, match.item_id].append(match)
        for key in sorted(groups):
            yield _finding(sorted(groups[key], key=_strength))


def finding_order(finding: Finding) -> tuple[Any, ...]:
    """Sort key of findings about data: worst first, then by what they are about."""
    evidence = finding.evidence
    severity = SEVERITIES.index(finding.severity) if finding.severity in SEVERITIES else len(SEVERITIES)
    return (
        severity,
        -float(evidence.get("score", 0.0)),
        evidence.get("benchmark", ""),
        evidence.get("split", ""),
        natural(evidence.get("item_id", "")),
        evidence.get("source", finding.subject),
        evidence.get("row", -1),
        finding.fingerprint,
    )


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts item 9 before item 10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text)
    return tuple((0, int(part), part) if part[0] in "0123456789" else (1, 0, part) for part in parts)


def file_name(source: str) -> str:
    """The last part of a path or URL, for one line in a list."""
    return re.split(r"[/\\]", source.rstrip("/\\"))[-1] or source


def _strength(match: Match) -> tuple[Any, ...]:
    """Sort key that puts the match to show first."""
    return (
        match.verdict is not Verdict.CONTAMINATED,
        -match.score,
        not match.answer_present,
        match.field,
        match.detector,
        match.train_span,
        match.item_span,
        match.train_excerpt,
    )


def _finding(group: Sequence[Match]) -> Finding:
    """The finding of one record and item; `group` has its strongest match first."""
    best = group[0]
    answer_present = any(match.answer_present for match in group)
    rule = rule_of(best, answer_present)
    item = (
        f"{best.benchmark} {best.split} item {best.item_id}" if best.split else f"{best.benchmark} item {best.item_id}"
    )
    detectors = sorted({match.detector for match in group})
    where = f"field {best.field}" + (f" of role {best.role}" if best.role else "")
    return Finding(
        rule_id=rule.rule_id,
        severity="error" if best.verdict is Verdict.CONTAMINATED else "warning",
        verdict=best.verdict.value,
        subject=best.source,
        title=f"{item}: row {best.row} of {file_name(best.source)} {rule.summary}",
        message=(
            f"Row {best.row} of {best.source} ({where}) {rule.summary}: {item}, containment {best.score:.2f}, "
            f"found by {', '.join(detectors)}. {best.reason}"
        ),
        evidence={
            "source": best.source,
            "row": best.row,
            "field": best.field,
            "role": best.role,
            "benchmark": best.benchmark,
            "split": best.split,
            "item_id": best.item_id,
            "score": best.score,
            "answer_present": answer_present,
            "kind": str(best.signals.get("kind", "")),
            "detectors": detectors,
            "train_span": list(best.train_span),
            "item_span": list(best.item_span),
            "train_excerpt": best.train_excerpt,
            "item_excerpt": best.item_excerpt,
            "reason": best.reason,
            "matches": [_short(match) for match in group],
            **_judged(group),
        },
        innocent_explanations=rule.innocent_explanations,
        next_steps=rule.next_steps,
        fingerprint=_fingerprint(best),
    )


def _judged(group: Sequence[Match]) -> dict[str, Any]:
    """What a judge said of the record and item (see `auditor.judging`); nothing where none was asked."""
    for match in group:
        said = {
            name.removeprefix("judge_"): value for name, value in match.signals.items() if name.startswith("judge_")
        }
        if said:
            return {"judge": said}
    return {}


def _short(match: Match) -> dict[str, Any]:
    return {
        "detector": match.detector,
        "field": match.field,
        "score": match.score,
        "verdict": match.verdict.value,
        "answer_present": match.answer_present,
        "train_span": list(match.train_span),
        "item_span": list(match.item_span),
    }


def _fingerprint(match: Match) -> str:
    """128 bits, in hex, of what stays the same when rows are inserted above the record or a threshold moves."""
    identity = [
        match.benchmark,
        match.split,
        match.item_id,
        file_name(match.source),
        _normalised(match.train_excerpt),
    ]
    return _hash(json.dumps(identity, ensure_ascii=True))


def _with_distinct_fingerprints(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Equal records of one file get a counter, in the order given."""
    seen: dict[bytes, int] = {}
    for finding in findings:
        base = finding.fingerprint
        key = bytes.fromhex(base)  # half the memory of its text
        number = seen.get(key, 0) + 1
        seen[key] = number
        yield finding if number == 1 else replace(finding, fingerprint=_hash(f"{base}:{number}"))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]


def _normalised(text: str) -> str:
    words = re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(words)
