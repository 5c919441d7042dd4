"""Scores: each against what the board leads to expect, the entry left out of the fit that it is judged by."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.checking.entry import Entry, ScoreClaim, same_benchmark
from auditor.checking.evidence import Evidence
from auditor.checking.findings import finding, fingerprint, of_entry
from auditor.scores.audit import ScoresAudit, judge_entries
from auditor.scores.findings import number, significant
from auditor.scores.sizes import size_in_name
from auditor.scores.table import ScoreTable
from auditor.scores.values import parse_date
from auditor.scores.verdicts import NONE, NOT_JUDGED, VERDICTS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from auditor.checking.policy import Policy
    from auditor.scores.known import BenchmarkFacts
    from auditor.scores.lineage import FlaggedModel
    from auditor.types import Finding

_SHOTS = re.compile(r"\bshots (\d+)|(\d+) shots?\b")


def judged_columns(entry: Entry, board: ScoreTable, policy: Policy) -> dict[int, ScoreClaim]:
    """Columns of the board that the entry is judged on, and the entry's score on each."""
    wanted = {same_benchmark(name) for name in policy.benchmarks.judge}
    found: dict[int, ScoreClaim] = {}
    for j, facts in enumerate(board.benchmarks):
        claim = entry.first_of(facts.name)
        if claim is not None and (not wanted or same_benchmark(facts.name) in wanted):
            found[j] = claim
    return found


def entry_table(entry: Entry, board: ScoreTable, policy: Policy) -> ScoreTable:
    """The entry as a table of one row with the board's benchmarks, ready to be appended to it."""
    columns = {j: c for j, f in enumerate(board.benchmarks) if (c := entry.first_of(f.name)) is not None}
    facts: list[BenchmarkFacts] = [board.benchmarks[j] for j in columns]
    labels = [_label(board, j, claim) for j, claim in columns.items()]
    size, note = entry.params_b, ""
    if not np.isfinite(size) and policy.scores.sizes_from_names and (named := size_in_name(entry.model)):
        size, note = named.total_b, "size taken from the model's name, not from the entry"
    return ScoreTable(
        models=(entry.model,),
        benchmarks=tuple(facts),
        scores=np.array([[(entry.points(c) or 0.0) / 100.0 for c in columns.values()]]).reshape(1, len(columns)),
        params_b=np.array([size]),
        active_b=np.array([np.nan]),
        size_notes=(note,),
        base_models=(entry.base_models,),
        family_column=("",),
        precision=(entry.precision,),
        revision=(entry.revision,),
        weights_hash=("",),
        architecture=(entry.architecture,),
        means=np.arange(len(columns)).reshape(1, len(columns)),
        mean_labels=tuple(labels) or ("",),
        dates=np.array([parse_date(entry.date)]),
        tokens_t=np.array([entry.tokens_t]),
        flops=np.array([entry.flops]),
        flagged=np.array([-1], dtype=np.int8),
        row_numbers=np.array([0]),
        sizes_floored=False,
        source=entry.path,
        sha256=entry.sha256,
        form=entry.form,
        skips={},
        skip_examples=(),
        notes=(),
    )


def board_labels(board: ScoreTable, column: int) -> dict[str, int]:
    """How the board's scores on a benchmark were got, as its labels, and how many were got so."""
    told = board.means[np.isfinite(board.scores[:, column]), column]
    codes, counts = np.unique(told, return_counts=True)
    return {board.mean_labels[int(code)]: int(count) for code, count in zip(codes, counts, strict=True)}


def shots_in(label: str) -> int | None:
    """The number of shots that a label names."""
    match = _SHOTS.search(label)
    return int(match[1] or match[2]) if match else None


def _label(board: ScoreTable, column: int, claim: ScoreClaim) -> str:
    """The board's own label that the entry's words do not contradict, its most common first; else the entry's words.

    Two people describe one set-up in two ways, and a score that is compared with nothing is not judged: what counts is
    the number of shots, and a chat template that only one of the two names.
    """
    ranked = sorted(board_labels(board, column).items(), key=lambda item: (-item[1], item[0]))
    for label, _ in ranked:
        shots = shots_in(label)
        if claim.label == label or (
            (claim.shots is None or shots is None or claim.shots == shots)
            and (claim.chat_template == "" or ("template" in label) == (claim.chat_template.lower() == "true"))
        ):
            return label
    return claim.label


def judge(
    entry: Entry, board: ScoreTable, policy: Policy, flagged: Collection[FlaggedModel]
) -> tuple[ScoresAudit | None, dict[int, ScoreClaim]]:
    """The audit of a board with the entry as its last row, on the benchmarks that it is judged on; None for none."""
    columns = judged_columns(entry, board, policy)
    if not columns:
        return None, columns
    audit = judge_entries(
        board,
        entry_table(entry, board, policy),
        config=policy.scores.config,
        benchmarks=[board.benchmarks[j].name for j in columns],
        flagged=flagged,
    )
    return audit, columns


def check_scores(entry: Entry, board: ScoreTable | None, policy: Policy, flagged: Collection[FlaggedModel]) -> Evidence:
    """Every score of the entry that the board has a benchmark for."""
    if not entry.scores:
        return Evidence("scores", "The entry reports no score.", asked=False)
    if board is None:
        return Evidence("scores", "No board was given to judge its scores by (--board TABLE).", asked=False)
    audit, columns = judge(entry, board, policy, flagged)
    others = _not_on_board(entry, board)
    if audit is None:
        why = f"none of its {len(entry.scores)} scores is on a benchmark of the board that is judged"
        return Evidence("scores", f"Nothing could be judged: {why}.", missing=(why,))
    rows = [_row(audit, k, columns[found.column]) for k, found in enumerate(audit.benchmarks)]
    missing = [f"{row['benchmark']}: {row['reason']}" for row in rows if row["verdict"] == "not_judged"
               and not row["reason"].startswith("at chance")]  # fmt: skip
    missing += [f"{name}: the board has no such benchmark" for name in _wanted_elsewhere(entry, board, policy)]
    findings = [*_outliers(entry, audit, columns), *_unusual(entry, audit, columns, policy)]
    note = audit.table.size_notes[-1]
    facts: dict[str, Any] = {
        "judged": rows,
        "not_on_the_board": others,
        "models_on_the_board": len(board),
        "params_b": number(audit.table.params_b[-1]),
    }
    if note:
        facts["size_note"] = note
    return Evidence("scores", _says(rows, findings, len(board), note), tuple(findings), tuple(missing), facts=facts)


def _not_on_board(entry: Entry, board: ScoreTable) -> list[str]:
    known = {same_benchmark(b.name) for b in board.benchmarks}
    return list(dict.fromkeys(c.name for c in entry.scores if same_benchmark(c.benchmark) not in known))


def _wanted_elsewhere(entry: Entry, board: ScoreTable, policy: Policy) -> list[str]:
    """Benchmarks that the policy judges, the entry reports, and the board has not."""
    known = {same_benchmark(b.name) for b in board.benchmarks}
    return [n for n in policy.benchmarks.judge if same_benchmark(n) not in known and entry.first_of(n) is not None]


def _row(audit: ScoresAudit, k: int, claim: ScoreClaim) -> dict[str, Any]:
    """One judged score as JSON values, in points."""
    found = audit.benchmarks[k]
    judged, i = found.judgement, len(audit.table) - 1
    return {
        "benchmark": found.name,
        "key": claim.key,
        "score": number(100 * audit.table.scores[i, found.column], 2),
        "expected": number(100 * judged.expected[i], 2),
        "low": number(100 * judged.low[i], 2),
        "high": number(100 * judged.high[i], 2),
        "excess": number(judged.excess[i], 2),
        "z": number(judged.z[i], 2),
        "p_value": significant(judged.p[i]),
        "q_value": significant(judged.q[i]),
        "detectable_points": number(judged.detectable[i], 1),
        "verdict": VERDICTS[judged.verdict[i]],
        "reason": found.not_judged[i],
    }


def _outliers(entry: Entry, audit: ScoresAudit, columns: Mapping[int, ScoreClaim]) -> list[Finding]:
    """The audit's own findings about the entry: it is the only row of its name."""
    by_name = {found.name: columns[found.column] for found in audit.benchmarks}
    chosen = [f for f in audit.findings if f.subject == entry.model and f.rule_id.startswith("score/")]
    return [
        of_entry(f, entry, by_name[f.evidence["benchmark"]].key,
                 fingerprint(f.rule_id, entry.model, f.evidence["benchmark"]))
        for f in chosen
    ]  # fmt: skip


def _unusual(entry: Entry, audit: ScoresAudit, columns: Mapping[int, ScoreClaim], policy: Policy) -> list[Finding]:
    """Scores that are no outlier among all of the board's, and that one entry alone would seldom have (Bonferroni)."""
    i = len(audit.table) - 1
    tested = [f for f in audit.benchmarks if f.judgement.verdict[i] != NOT_JUDGED and np.isfinite(f.judgement.p[i])]
    results = []
    for found in tested:
        judged = found.judgement
        p = float(judged.p[i]) * len(tested)
        usual = p > policy.scores.entry_p or judged.excess[i] < policy.scores.min_excess
        score = audit.table.scores[i, found.column]
        if usual or judged.verdict[i] != NONE or judged.unsupported[i] or not score > judged.high[i]:
            continue
        results.append(
            finding(
                entry, "check/unusual-for-one-entry",
                f"{found.name} {100 * score:.1f} where {100 * judged.expected[i]:.1f} was expected",
                f"{entry.model} scores {100 * score:.1f} on {found.name}, {judged.excess[i]:.1f} points above "
                f"expectation (95 % interval {100 * judged.low[i]:.1f} to {100 * judged.high[i]:.1f}). Among all "
                f"models of the board that is no outlier (q = {judged.q[i]:.2g}); of one entry with {len(tested)} "
                f"scores it is expected once in {1 / max(p, 1e-6):,.0f}.",
                key=columns[found.column].key, identity=(found.name,),
                evidence={
                    "benchmark": found.name, "score": number(100 * score, 2),
                    "expected": number(100 * judged.expected[i], 2), "excess": number(judged.excess[i], 2),
                    "z": number(judged.z[i], 2), "p_value": significant(judged.p[i]), "p_of_entry": significant(p),
                    "q_value": significant(judged.q[i]),
                },
            )
        )  # fmt: skip
    return results


def _says(rows: list[dict[str, Any]], findings: list[Finding], models: int, note: str) -> str:
    judged = sum(row["verdict"] != "not_judged" for row in rows)
    high = [f.evidence["benchmark"] for f in findings if f.severity != "note"]
    told = f"{judged} of {len(rows)} scores were judged against {models:,} models"
    told += (
        f"; too good to be expected: {', '.join(dict.fromkeys(high))}"
        if high
        else "; none is too good to be expected"
        if judged
        else ""
    )
    return f"{told}.{' ' + note[0].upper() + note[1:] + '.' if note else ''}"
