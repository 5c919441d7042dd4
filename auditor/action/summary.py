"""The step summary and the comment: one screen whose first line answers "may I merge this?"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.report.blocks import bullets, count, folded, listed, short, table
from auditor.report.escape import html_line, md_cell, md_text, truncate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.action.outcome import Outcome, Row

MAX_SUMMARY = 1_000_000
"""Bytes; GitHub takes 1 MiB of a step's summary, and drops a larger one whole."""
MAX_COMMENT = 60_000
"""Bytes; GitHub takes 65,536 characters of a comment."""
_MARK = {"pass": "🟢", "review": "🟡", "block": "🔴", "incomplete": "⚪"}
_THING = {"check": "entry", "scan": "benchmark", "scores": "table"}
_SHOWN = 10


def answer(outcome: Outcome) -> str:
    """The first line, in Markdown."""
    mark = _MARK[outcome.verdict]
    thing = _THING[outcome.command]
    blocked, review, passed = (outcome.counts.get(verdict, 0) for verdict in ("block", "review", "pass"))
    told: list[str] = []
    for number, what in ((blocked, "blocked"), (review, "for review")):
        if number:
            of = "" if told else f" of {_things(outcome.row_count, thing)}"
            told.append(f"{number:,}{of} {'is' if number == 1 else 'are'} {what}")
    if passed and told:
        told.append(f"nothing speaks against {passed:,}")
    if outcome.verdict == "incomplete":
        why = f": {md_text(truncate(outcome.problems[0], 300))}" if outcome.problems else "."
        return f"{mark} **Not yet: this could not be checked{' in full' if outcome.row_count else ''}**{why}"
    if outcome.verdict == "block":
        return f"{_MARK['block']} **No, do not merge this as it stands**: {listed(told)}."
    if outcome.verdict == "review":
        if not (blocked or review):
            told = [f"nothing speaks against {_the(outcome.row_count, thing)}"] if outcome.row_count else []
        found = [listed(told)] if told else []
        joint = ", and " if blocked or review else ", but "
        guarded = ["the pull request changes what entries are judged by, or what runs here"] if outcome.guarded else []
        return f"{mark} **Not without a person who looks at it**: {joint.join([*found, *guarded])}."
    if not outcome.row_count:
        return f"{mark} **Nothing to check here**: nothing that the input paths name is added or changed."
    return f"{mark} **Yes, as far as this check can tell**: nothing speaks against {_the(outcome.row_count, thing)}."


def _things(number: int, thing: str) -> str:
    return count(number, thing) if number == 1 or not thing.endswith("y") else f"{number:,} {thing[:-1]}ies"


def _the(number: int, thing: str) -> str:
    return f"the {thing} checked" if number == 1 else f"the {_things(number, thing)} checked"


def render_summary(outcome: Outcome, extra: Sequence[str] = (), *, limit: int = MAX_SUMMARY) -> str:
    """The whole of it as Markdown, below `limit` bytes.

    Args:
        outcome: what the check came to; all text in it may be hostile.
        extra: lines of Markdown for its end, our own.
        limit: bytes; what does not fit is left out, and counted.
    """
    rows, folds = _SHOWN, _SHOWN
    while True:
        text = _render(outcome, extra, rows, folds)
        if len(text.encode("utf-8", "replace")) <= limit:
            return text
        if rows == 0:
            return f"{answer(outcome)}\n"
        rows, folds = (rows, folds // 2) if folds else (rows // 2, 0)


def _render(outcome: Outcome, extra: Sequence[str], rows: int, folds: int) -> str:
    shown = outcome.rows[:rows]
    parts = [answer(outcome)]
    if len(outcome.problems) > 1 or (outcome.problems and outcome.verdict != "incomplete"):
        problems = outcome.problems if outcome.verdict != "incomplete" else outcome.problems[1:]
        parts += ["Could not be checked:", *bullets([md_text(truncate(p, 300)) for p in problems], 5)]
    if shown:
        cells = [
            [_verdict(row), md_cell(short(row.name)), md_cell(short(row.about)), md_cell(truncate(row.why, 200)) or "–"]
            for row in shown
        ]
        head = ["", _THING[outcome.command], {"check": "model"}.get(outcome.command, "result"), "first reason"]
        parts += table(head, cells)
        left = outcome.row_count - len(shown)
        if left > 0:
            parts.append(f"{left:,} more, none worse, in the report.")
    parts += [_details(row) for row in shown[:folds] if row.says or row.missing]
    parts += bullets([*(md_text(truncate(note, 900)) for note in outcome.notes), *extra], 20)
    return "\n\n".join(parts) + "\n"


def _verdict(row: Row) -> str:
    return f"{_MARK[row.verdict]} {row.verdict}{'' if row.complete else ', incomplete'}"


def _details(row: Row) -> str:
    says = [md_text(truncate(text, 300)) for text in row.says]
    missing = [f"Not checked: {md_text(truncate(text, 300))}" for text in row.missing]
    ask = [f"To ask or do: {md_text(truncate(text, 300))}" for text in row.ask]
    return folded(html_line(f"{short(row.name)}: what was found, what to ask"), bullets([*says, *missing, *ask], 20))
