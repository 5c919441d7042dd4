"""The score audit as a whole: table in, expectations, verdicts and findings out."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.errors import InputError
from auditor.scores.buckets import BucketView, bucket_view
from auditor.scores.config import ScoresConfig
from auditor.scores.contemporaries import lead_over_contemporaries
from auditor.scores.families import Families, assign_families
from auditor.scores.join import PublicGap, SecondBoard, align_board, public_gaps
from auditor.scores.known import benchmark_key
from auditor.scores.lineage import Descent, FlaggedModel, descents, flagged_models, read_flagged
from auditor.scores.loaders import load_raw
from auditor.scores.pareto import ParetoView, pareto_view
from auditor.scores.pooled.covariates import logit
from auditor.scores.pooled.views import AdjustedView, adjusted_view
from auditor.scores.resolve import resolve_table
from auditor.scores.table import ScoreTable
from auditor.scores.verdicts import NOT_JUDGED, REVIEW, STRONG, VERDICTS, Judgement, judge_adjusted, judge_buckets

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from auditor.types import Finding

    Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class BenchmarkAudit:
    """One benchmark of a board, judged; arrays have one element for each row of the table."""

    name: str
    column: int
    buckets: BucketView
    adjusted: AdjustedView | None
    """None where the board has too few families for a regression."""
    judgement: Judgement
    not_judged: tuple[str, ...]
    """Why a row is not judged, "" where it is."""
    lead: NDArray[np.float64]
    """SDs above its contemporaries of like size; NaN where unknown, and on very large boards for rows not flagged."""
    pareto: ParetoView
    gaps: tuple[PublicGap, ...]

    @property
    def verdicts(self) -> NDArray[np.int8]:
        return self.judgement.verdict

    def count(self, verdict: str) -> int:
        """Rows with a verdict, by its name."""
        return int((self.verdicts == VERDICTS.index(verdict)).sum())


@dataclass(frozen=True, slots=True)
class ScoresAudit:
    """A board, judged."""

    table: ScoreTable
    config: ScoresConfig
    families: Families
    benchmarks: tuple[BenchmarkAudit, ...]
    flagged: Mapping[str, FlaggedModel]
    descents: tuple[Descent, ...]
    second: SecondBoard | None
    findings: tuple[Finding, ...]
    held_out: Bools
    """Rows that were judged and not fitted (entries under examination)."""

    @property
    def highest_lead(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """(n,) largest lead over contemporaries over the benchmarks (NaN where none is known), and which one it is."""
        leads = np.column_stack([b.lead for b in self.benchmarks])
        filled = np.nan_to_num(leads, nan=-np.inf)
        which = filled.argmax(axis=1)
        highest = filled[np.arange(len(leads)), which]
        return np.where(np.isfinite(highest), highest, np.nan), which

    def benchmark(self, name: str) -> BenchmarkAudit:
        """The benchmark of that name. Raises KeyError where it was not judged."""
        for found in self.benchmarks:
            if benchmark_key(found.name) == benchmark_key(name):
                return found
        raise KeyError(name)

    @property
    def lost(self) -> int:
        """Rows or files that could not be read at all: with any of them the audit is incomplete."""
        return sum(self.table.skips.get(reason, 0) for reason in LOST)

    @property
    def worst(self) -> str:
        """The highest verdict of any finding: "strong", "review" or "none"."""
        top = {finding.verdict for finding in self.findings}
        return next((v for v in ("strong", "review") if v in top), "none")


MAX_LEADS = 20_000
"""Rows up to which every one is compared with its contemporaries; on larger boards the flagged ones are."""
LOST = ("wrong_number_of_columns", "invalid_json", "not_an_object", "unreadable_card", "file_too_large")
"""Reasons of skips that lose a whole row or file; the others lose a cell, or nothing that was a score."""


def _not_judged(
    table: ScoreTable,
    j: int,
    judgement: Judgement,
    view: AdjustedView | None,
    buckets: BucketView,
    config: ScoresConfig,
) -> tuple[str, ...]:
    facts = table.benchmarks[j]
    score = table.scores[:, j]
    reasons = [""] * len(table)
    for i in np.flatnonzero(judgement.verdict == NOT_JUDGED):
        if not np.isfinite(score[i]):
            reasons[i] = "no score"
        elif not np.isfinite(table.params_b[i]):
            reasons[i] = "size unknown"
        elif score[i] <= facts.chance_ceiling:
            reasons[i] = f"at chance: {100 * facts.chance_ceiling:.1f} points or less are guessing"
        elif view is not None and view.rare_means[i]:
            label = table.mean_labels[table.means[i, j]]
            reasons[i] = f"got by other means ({label or 'not told'}) than any five comparable scores"
        elif view is None and buckets.n[i] < config.alone_bucket:
            reasons[i] = (
                f"{buckets.n[i]} models in its size bucket, and fewer than {config.min_families} families on the board"
            )
        else:
            reasons[i] = "nothing to compare it with"
    return tuple(reasons)


def _audit_benchmark(
    table: ScoreTable, j: int, families: Families, evidence: NDArray[np.int64], fit_rows: Bools, config: ScoresConfig,
    second: SecondBoard | None,
) -> BenchmarkAudit:  # fmt: skip
    facts = table.benchmarks[j]
    score = table.scores[:, j]
    with np.errstate(invalid="ignore"):
        at_chance = score <= facts.chance_ceiling
    judged = np.isfinite(score) & np.isfinite(table.params_b) & ~at_chance
    fitted = judged & fit_rows
    buckets = bucket_view(
        np.where(fit_rows | judged, score, np.nan), table.params_b, at_chance, facts.items,
        config.bucket_edges_b, config.bucket_alpha, config.min_bucket,
    )  # fmt: skip
    gaps = public_gaps(table, second, [j], families.codes, config) if second is not None else ()
    for gap in gaps:
        evidence = evidence + np.nan_to_num(gap.q <= config.review_q).astype(np.int64)
    view = None
    if len(np.unique(families.codes[fitted])) >= config.min_families and np.ptp(score[fitted]) > 0:
        view = adjusted_view(table, j, families.codes, fitted, judged, config)
        judgement = judge_adjusted(table, j, view, families, evidence, config)
    else:
        judgement = judge_buckets(table, j, buckets, families.codes, config)
    reasons = _not_judged(table, j, judgement, view, buckets, config)
    shown = np.where(np.isfinite(score), score, 0.5)
    lead = lead_over_contemporaries(
        np.where(judged, logit(shown, facts.items), np.nan), table.effective_b, table.dates, families.codes,
        None if len(table) <= MAX_LEADS else (judgement.verdict == STRONG) | (judgement.verdict == REVIEW),
    )  # fmt: skip
    odd = (judgement.verdict == STRONG) | (table.flagged == 1)
    pareto = pareto_view(facts.name, table.params_b, table.precision, score, table.dates, odd)
    return BenchmarkAudit(facts.name, j, buckets, view, judgement, reasons, lead, pareto, gaps)


def audit_table(
    table: ScoreTable,
    *,
    config: ScoresConfig | None = None,
    benchmarks: Sequence[str] | None = None,
    flagged: Collection[FlaggedModel] = (),
    second: SecondBoard | None = None,
    held_out: Bools | None = None,
) -> ScoresAudit:
    """Judge a board that is already loaded.

    Args:
        table: the board.
        config: thresholds; the defaults where None.
        benchmarks: those to judge; all of the table where None. The others still serve to expect them by.
        flagged: models known to be flagged: judged, not fitted, and their descendants named.
        second: another board joined to this one.
        held_out: (n,) rows that are judged and not fitted, such as a new entry appended to the board.
    Raises:
        InputError: a benchmark is not on the board.
    """
    from auditor.scores.findings import findings_of

    config = config or ScoresConfig()
    names = {benchmark_key(b.name): j for j, b in enumerate(table.benchmarks)}
    chosen = list(range(len(table.benchmarks)))
    if benchmarks:
        missing = [b for b in benchmarks if benchmark_key(b) not in names]
        if missing:
            raise InputError(
                f"no benchmark {missing[0]!r} in the table; it has: {', '.join(table.benchmark_names[:30])}"
            )
        chosen = [names[benchmark_key(b)] for b in dict.fromkeys(benchmarks)]
    outside = np.zeros(len(table), dtype=bool) if held_out is None else held_out
    known = flagged_models(table, flagged)
    families = assign_families(
        table.models, [b[0] if b else "" for b in table.base_models], table.family_column, table.weights_hash,
        table.architecture, table.scores,
    )  # fmt: skip
    descent = descents(table, known)
    is_known = np.array([m.lower() in known for m in table.models])
    evidence = is_known.astype(np.int64)
    for found in descent:
        evidence[found.row] += 1

    def judge(j: int) -> BenchmarkAudit:
        return _audit_benchmark(table, j, families, evidence, ~outside & ~is_known, config, second)

    # numpy lets go of the interpreter's lock in what costs time on large boards; each benchmark is its own, in order
    workers = min(2, os.cpu_count() or 1) if len(table) > MAX_LEADS else 1
    with ThreadPoolExecutor(workers) as pool:
        audits = tuple(pool.map(judge, chosen))
    audit = ScoresAudit(table, config, families, audits, known, descent, second, (), outside)
    return replace(audit, findings=findings_of(audit))


def audit_scores(
    table: str | Path | ScoreTable,
    *,
    benchmarks: Sequence[str] | None = None,
    mapping: Mapping[str, str] | None = None,
    flagged: str | Path | Collection[FlaggedModel] | None = None,
    flagged_inverted: bool = False,
    join: str | Path | None = None,
    config: ScoresConfig | None = None,
) -> ScoresAudit:
    """Which scores of a leaderboard are too good for the model's size, by how much, and how sure that is.

    Args:
        table: a file or directory of any shape in "Leaderboard tables and entries", or a loaded table.
        benchmarks: those to judge, by name; all where None.
        mapping: role or benchmark name to column, where the headers do not say it.
        flagged: a list of flagged models, as a file (`read_flagged`) or loaded.
        flagged_inverted: the table's own column of flags is true for models that are *not* flagged.
        join: a second board (an arena's ratings, a private benchmark) to compare with.
        config: thresholds.
    Returns:
        a ScoresAudit: per benchmark expectations, intervals, p, q and verdicts for every row, and the findings.
    Raises:
        InputError, SourceError, NoRecordsError: the table cannot be used; the message says what to do.

    >>> audit = audit_scores("leaderboard.csv", benchmarks=["MMLU"])  # doctest: +SKIP
    >>> audit.benchmark("MMLU").judgement.excess  # doctest: +SKIP
    """
    config = config or ScoresConfig()
    if not isinstance(table, ScoreTable):
        table = resolve_table(
            load_raw(table), config, mapping=mapping, benchmarks=benchmarks, flagged_inverted=flagged_inverted
        )
    listed = read_flagged(Path(flagged)) if isinstance(flagged, str | Path) else flagged or ()
    second = align_board(load_raw(join), table) if join is not None else None
    return audit_table(table, config=config, benchmarks=benchmarks, flagged=listed, second=second)


def judge_entries(board: ScoreTable, entries: ScoreTable, **options: Any) -> ScoresAudit:
    """Judge entries against a board they are left out of: the board's rows first, then the entries'.

    A row of the board with an entry's own name is left out too, or the entry would be judged by itself.

    Raises:
        InputError: the two have no benchmark in common.
    """
    from auditor.scores.combine import append_entries

    both = append_entries(board, entries)
    held_out = np.zeros(len(both), dtype=bool)
    held_out[len(both) - len(entries) :] = True
    return audit_table(both, held_out=held_out, **options)
