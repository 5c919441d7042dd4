"""Lineage: base models and merge parents, as far as the board and the list of flagged models know them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.checking.evidence import Evidence
from auditor.checking.evidence.scores import entry_table
from auditor.checking.findings import finding
from auditor.scores.combine import append_entries
from auditor.scores.lineage import Descent, descents, flagged_models

if TYPE_CHECKING:
    from collections.abc import Collection

    from auditor.checking.entry import Entry
    from auditor.checking.policy import Policy
    from auditor.scores.lineage import FlaggedModel
    from auditor.scores.table import ScoreTable
    from auditor.types import Finding


def check_lineage(entry: Entry, board: ScoreTable | None, policy: Policy, listed: Collection[FlaggedModel]) -> Evidence:
    """Whether the entry, or a model that it was made from, is flagged; and which of its base models nobody knows."""
    if board is None and not listed:
        says = "No board and no list of flagged models were given."
        return Evidence("lineage", says, asked=False, facts={"base_models": list(entry.base_models)})
    known = flagged_models(board, listed) if board is not None else {f.model.lower(): f for f in listed}
    findings: list[Finding] = []
    own = known.get(entry.model.lower())
    if own is not None:
        findings.append(
            finding(
                entry, "lineage/flagged-model", "is flagged itself",
                f"{entry.model} is flagged by {own.source}" + (f": {own.reason}." if own.reason else "."),
                key="model", evidence={"flagged": own.model, "list": own.source},
            )
        )  # fmt: skip
    else:
        findings += [_descent(entry, found) for found in _descents(entry, board, policy, known)]
    names = {m.lower() for m in board.models} | set(known) if board is not None else set(known)
    unknown = [b for b in entry.base_models if b.lower() not in names]
    if unknown and policy.lineage.note_unknown:
        findings.append(
            finding(
                entry, "lineage/unknown-base",
                f"not known here: {len(unknown)} of its {len(entry.base_models)} base models",
                f"Neither the board nor the list of flagged models has {', '.join(unknown[:10])}: nothing is known of "
                "what that model was trained on or descends from.",
                key=_key(entry), verdict="none",
                identity=tuple(sorted(unknown)), evidence={"base_models": unknown},
            )
        )  # fmt: skip
    facts = {"base_models": list(entry.base_models), "unknown": unknown, "is_merge": entry.is_merge}
    return Evidence("lineage", _says(entry, findings, unknown), tuple(findings), facts=facts)


def _descents(
    entry: Entry, board: ScoreTable | None, policy: Policy, known: dict[str, FlaggedModel]
) -> tuple[Descent, ...]:
    if not known:
        return ()
    if board is not None:
        alone = entry_table(entry, board, policy)
        table = append_entries(board, alone) if alone.benchmarks else _without_scores(entry, board, policy)
        return tuple(d for d in descents(table, known) if d.row == len(table) - 1)
    direct = next((b for b in entry.base_models if b.lower() in known and b.lower() != entry.model.lower()), None)
    if direct is None:
        return ()
    return (Descent(0, known[direct.lower()], (entry.model, direct), "base_model"),)


def _without_scores(entry: Entry, board: ScoreTable, policy: Policy) -> ScoreTable:
    """The board with an entry that has no score on it: its name and base models alone are of interest here."""
    from dataclasses import replace

    empty = replace(
        entry_table(entry, board, policy),
        benchmarks=board.benchmarks[:1],
        scores=np.full((1, 1), np.nan),
        means=np.zeros((1, 1), dtype=np.int64),
        mean_labels=("",),
    )
    return append_entries(board, empty)


def _key(entry: Entry) -> str:
    """The field that names what it was made from."""
    return "merged_from" if "merged_from" in entry.lines and "base_model" not in entry.lines else "base_model"


def _descent(entry: Entry, found: Descent) -> Finding:
    flagged = found.flagged
    how = (
        f"by the base models that are named: {' → '.join(found.path)}" if found.kind == "base_model"
        else "all its scores are those of the flagged model"
    )  # fmt: skip
    return finding(
        entry, "lineage/flagged-ancestor", f"descends from {flagged.model}, which is flagged",
        f"{entry.model} descends from {flagged.model} ({how}), which is flagged by {flagged.source}"
        + (f": {flagged.reason}." if flagged.reason else ".")
        + " The question about that model is inherited; this says nothing of the entry's own training.",
        key=_key(entry) if found.kind == "base_model" else "scores", identity=(flagged.model,),
        evidence={"flagged": flagged.model, "path": list(found.path), "kind": found.kind, "list": flagged.source},
    )  # fmt: skip


def _says(entry: Entry, findings: list[Finding], unknown: list[str]) -> str:
    worst = next((f for f in findings if f.severity != "note"), None)
    if worst is not None:
        return f"It {worst.title}."
    if not entry.base_models:
        return "It names no base model."
    count = len(entry.base_models)
    known = count - len(unknown)
    if not known:
        return f"Nothing is known here of {'its base model' if count == 1 else f'its {count} base models'}."
    told = f"{known} of its {count} base models {'is' if known == 1 else 'are'} known here"
    return f"{told}, and no flagged model is among its known ancestors."
