"""Findings as the data of an HTML report: columns, filters and details, each distinct text once.

The page is told what to show, not how to judge it: every text here is cut, made visible and put into words already, and
the page's script does no more than sort, filter and show it. Texts of a pair are cut as in the Markdown report.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.findings import SEVERITIES, file_name
from auditor.report.blocks import LONGEST_NAME
from auditor.report.escape import truncate, visible, visible_lines
from auditor.report.evidence import facts_of
from auditor.report.pairs import LONGEST_TEXT, Part, align, cut
from auditor.report.rules import effect_of, label, severity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from auditor.types import Finding

MOST_FINDINGS = 10_000
"""Findings in a page, the first of the run, which are the worst: about 10 MB, which a browser opens in a second."""
_MOST_CHOICES = 300
"""Values of a filter; a list that is longer helps nobody, and the search field is there."""
_PARTS = {Part.OTHER: 0, Part.SAME: 1, Part.NUMBER: 2}


def shown(text: object) -> str:
    """A name or id for a cell: on one line, cut, with what has no glyph made visible."""
    return truncate(visible(str(text)), LONGEST_NAME)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table."""

    key: str
    label: str
    value: Callable[[Finding], Any]
    """The cell: a text, or a number or None."""
    number: int | None = None
    """Digits after the point, of a column of numbers."""
    opens: bool = False
    """Whether the cell is the button that opens the finding."""
    minor: bool = False
    """Left out on a narrow screen; the finding's details have it too."""

    def to_json(self, findings: Sequence[Finding]) -> dict[str, Any]:
        """The column with its cells: numbers as they are, texts as indices into their distinct values."""
        facts: dict[str, Any] = {"key": self.key, "label": self.label}
        facts.update({name: True for name in ("opens", "minor") if getattr(self, name)})
        cells = [self.value(finding) for finding in findings]
        if self.number is not None:
            return {**facts, "digits": self.number, "cells": cells}
        texts = _Texts()
        codes = [texts.code(shown(cell)) for cell in cells]
        return {**facts, "values": texts.values, "cells": codes}


@dataclass(slots=True)
class _Texts:
    """Distinct texts in the order in which they first come."""

    values: list[str] = field(default_factory=list)
    _codes: dict[str, int] = field(default_factory=dict)

    def code(self, text: str) -> int:
        if text not in self._codes:
            self._codes[text] = len(self.values)
            self.values.append(text)
        return self._codes[text]


def _of(key: str) -> Callable[[Finding], Any]:
    return lambda finding: finding.evidence.get(key, "")


def _number(key: str) -> Callable[[Finding], Any]:
    def value(finding: Finding) -> float | None:
        found = finding.evidence.get(key)
        return found if isinstance(found, int | float) and not isinstance(found, bool) else None

    return value


def _detectors(finding: Finding) -> str:
    return ", ".join(map(str, finding.evidence.get("detectors", ())))


_VERDICT = Column("verdict", "Verdict", effect_of)
_KIND = Column("kind", "What", lambda f: label(f.rule_id), minor=True)
_BENCHMARK = Column("benchmark", "Benchmark", _of("benchmark"), minor=True)

COLUMNS: dict[str, tuple[Column, ...]] = {
    "scan": (
        _VERDICT,
        _BENCHMARK,
        Column("item", "Item", _of("item_id"), opens=True),
        Column("source", "Source", lambda f: file_name(f.subject), minor=True),
        Column("row", "Row", _number("row"), number=0, minor=True),
        Column("field", "Field", _of("field"), minor=True),
        _KIND,
        Column("detectors", "Found by", _detectors, minor=True),
        Column("score", "Score", _number("score"), number=2),
    ),
    "scores": (
        _VERDICT,
        Column("model", "Model", lambda f: f.subject, opens=True),
        Column("benchmark", "Benchmark", _of("benchmark")),
        _KIND,
        Column("score", "Score", _number("score"), number=1),
        Column("expected", "Expected", _number("expected"), number=1, minor=True),
        Column("excess", "Excess", _number("excess"), number=1),
        Column("q", "q", _number("q_value"), number=-2, minor=True),
        Column("size", "Size, B", _number("params_b"), number=1, minor=True),
    ),
    "check": (
        _VERDICT,
        Column("title", "Finding", lambda f: f.title, opens=True),
        _KIND,
        _BENCHMARK,
        Column("subject", "About", lambda f: file_name(f.subject), minor=True),
        Column("entry", "Entry", lambda f: file_name(str(f.evidence.get("entry", ""))), minor=True),
    ),
}
"""What a command's findings are tabled by; `number=-2` stands for two significant digits."""

_FACETS: tuple[tuple[str, str, Callable[[Finding], Sequence[str]]], ...] = (
    ("verdict", "Verdict", lambda f: [effect_of(f)]),
    ("benchmark", "Benchmark", lambda f: _given(f, "benchmark")),
    ("detector", "Detector", lambda f: [str(name) for name in f.evidence.get("detectors", ())]),
    ("kind", "What", lambda f: [label(f.rule_id)]),
    # messages[0].content and messages[7].content are one field to a reader
    ("field", "Field", lambda f: [re.sub(r"\[\d+\]", "[]", name) for name in _given(f, "field")]),
    ("source", "Source", lambda f: [f.subject] if "source" in f.evidence else []),
    ("entry", "Entry", lambda f: _given(f, "entry")),
    ("state", "State", lambda f: ["open" if f.baseline is None else "accepted"]),
)


def _given(finding: Finding, key: str) -> list[str]:
    value = finding.evidence.get(key)
    return [str(value)] if value not in (None, "") else []


def page_rows(command: str, findings: Sequence[Finding], *, full_text: bool) -> dict[str, Any]:
    """The JSON data that the page's script reads.

    Args:
        command: "scan", "scores" or "check": which columns there are.
        findings: all findings of the run; the first `MOST_FINDINGS` are in the page.
        full_text: show the texts of a pair as far as the run holds them, not only the excerpts.
    """
    if command == "check":  # which go by entry
        findings = sorted(findings, key=lambda finding: SEVERITIES.index(severity_of(finding)))
    chosen = findings[:MOST_FINDINGS]
    notes: dict[tuple[tuple[str, ...], tuple[str, ...]], int] = {}
    details = [_detail(finding, notes, full_text=full_text) for finding in chosen]
    return {
        "total": len(findings),
        "ids": [finding.fingerprint for finding in chosen],
        "severities": [SEVERITIES.index(severity_of(finding)) for finding in chosen],
        "columns": [column.to_json(chosen) for column in COLUMNS.get(command, COLUMNS["check"])],
        "facets": _facets(chosen),
        "details": details,
        "notes": [{"innocent": _plain(innocent), "next": _plain(steps)} for innocent, steps in notes],
    }


def _titled(finding: Finding) -> str:
    """The title with what it is about, which titles of findings about data have in them."""
    return finding.title if "source" in finding.evidence else f"{finding.subject}: {finding.title}"


def _plain(lines: Sequence[str]) -> list[str]:
    """Sentences without the marks of Markdown that ours have, each on one line."""
    return [truncate(visible(line.replace("`", "")), 600) for line in lines]


def _facets(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """The filters that divide these findings: a filter with one choice is none."""
    facets = []
    for key, title, values_of in _FACETS:
        texts = _Texts()
        cells = [sorted({texts.code(shown(value)) for value in values_of(finding)}) for finding in findings]
        if 1 < len(texts.values) <= _MOST_CHOICES or (key == "state" and texts.values == ["accepted"]):
            facets.append({"key": key, "label": title, "values": texts.values, "cells": cells})
    return facets


def _detail(
    finding: Finding, notes: dict[tuple[tuple[str, ...], tuple[str, ...]], int], *, full_text: bool
) -> dict[str, Any]:
    key = finding.innocent_explanations, finding.next_steps
    detail: dict[str, Any] = {
        "title": truncate(visible(_titled(finding)), 300),
        "facts": [[name, truncate(visible(value), 600)] for name, value in facts_of(finding)],
        "note": notes.setdefault(key, len(notes)),
    }
    if "train_excerpt" in finding.evidence:
        pair = align(str(finding.evidence["train_excerpt"]), str(finding.evidence.get("item_excerpt", "")))
        for side, stretches, limit in (
            ("train", pair.train, pair.visible_train),
            ("item", pair.item, pair.visible_item),
        ):
            kept = cut(stretches, LONGEST_TEXT if full_text else limit)
            detail[side] = [[_PARTS[stretch.part], visible_lines(stretch.text)] for stretch in kept]
        if pair.numbers:
            changes = [f"{truncate(here, 40)} instead of {truncate(there, 40)}" for here, there in pair.numbers[:12]]
            detail["facts"].append(["Other numbers", visible("; ".join(changes))])
    else:
        detail["message"] = truncate(visible(finding.message), 2_000)
    if finding.baseline is not None:
        by = ", ".join(filter(None, (finding.baseline.get("author", ""), finding.baseline.get("date", ""))))
        reason = finding.baseline.get("reason", "")
        detail["facts"].insert(0, ["Accepted", truncate(visible(f"{reason} ({by})" if by else reason), 600)])
    return detail
