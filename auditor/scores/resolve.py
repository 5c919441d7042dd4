"""From what a loader read to a ScoreTable: names cleaned, scales recognised, sizes parsed, duplicates resolved."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.errors import InputError, NoRecordsError
from auditor.scores.columns import ColumnPlan, header_unit, plan_columns
from auditor.scores.known import assumed_facts, benchmark_key, facts_of
from auditor.scores.sizes import Size, looks_floored, parse_size, size_in_name
from auditor.scores.table import RawTable, ScoreTable
from auditor.scores.values import clean_name, is_empty, parse_bool, parse_date, parse_number
from auditor.types import Skip

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from auditor.scores.config import ScoresConfig

EXAMPLES = 20
DUPLICATE_RULE = (
    "of rows with the same model, revision, weights' hash, precision and means, the one with the most scores is kept, "
    "then the latest, then the first in the table"
)


@dataclass(slots=True)
class _Log:
    """Skips as they are met: all counted, the first few kept."""

    source: str
    counts: Counter[str] = field(default_factory=Counter)
    examples: list[Skip] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def skip(self, reason: str, row: int, detail: str) -> None:
        self.counts[reason] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(Skip(self.source, reason, row, detail[:200]))


def _scores_column(name: str, header: str, cells: Sequence[Any], log: _Log) -> NDArray[np.float64]:
    """A benchmark's cells in [0, 1]; what is no number or outside the column's range is counted and left out."""
    try:
        values = np.array(cells, dtype=np.float64)
    except (ValueError, TypeError):
        values = np.full(len(cells), np.nan)
        for i, cell in enumerate(cells):
            if is_empty(cell):
                continue
            number = parse_number(cell)
            if number is None:
                log.skip("score_not_a_number", i, f"{header}: {str(cell)[:80]}")
            else:
                values[i] = number
    values[~np.isfinite(values)] = np.nan
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return values
    below_one = float((known <= 1.0).mean())
    scale = 1.0 if below_one >= 0.95 and float(np.median(known)) <= 1.0 else 100.0
    if scale == 100.0 and below_one > 0.2 and float((known[known <= 1.0] > 0).mean()) > 0.5:
        log.notes.append(
            f"{name}: read as 0-100, but {below_one:.0%} of its scores are at most 1; does the column mix two scales?"
        )
    for row in np.flatnonzero((values < 0.0) | (values > scale)):
        log.skip("score_out_of_range", int(row), f"{header}: {values[row]:g} is not in 0-{scale:g}")
        values[row] = np.nan
    return values / scale


def _sizes(
    raw: RawTable, plan: ColumnPlan, models: Sequence[str], config: ScoresConfig, log: _Log
) -> tuple[list[Size | None], bool]:
    header = plan.roles.get("params_b")
    sizes: list[Size | None] = [None] * raw.rows
    floored = False
    if header is None:
        log.notes.append("no column of sizes: say which with --map params_b=COLUMN")
    else:
        cells = raw.columns[header]
        unit = header_unit(header)
        cache: dict[Any, Size | None] = {}
        for i, cell in enumerate(cells):
            key = cell if isinstance(cell, str | int | float) else str(cell)
            if key not in cache:
                cache[key] = parse_size(cell, plain_unit=unit)
            sizes[i] = cache[key]
            if sizes[i] is None and not is_empty(cell) and parse_number(cell) is None:
                log.skip("size_not_a_number", i, f"{header}: {str(cell)[:80]}")
        numbers = {c: parse_number(c) for c in set(map(str, cells))}
        floored = looks_floored([math.nan if (n := numbers[str(c)]) is None else n for c in cells])
        if floored:
            zeros = sum(numbers[str(c)] == 0 for c in cells)
            log.notes.append(
                f"{header!r} looks cut to whole billions: n stands for n to n+1 and the fits use the middle; "
                f"0, in {zeros} rows, is unknown or below 1 and is not judged"
            )
    if config.sizes_from_names:
        for i, model in enumerate(models):
            if sizes[i] is None and (found := size_in_name(model)):
                sizes[i] = Size(found.total_b, found.active_b, "size taken from the model's name, not from the table")
    return sizes, floored


def _text(raw: RawTable, plan: ColumnPlan, role: str) -> list[str]:
    header = plan.roles.get(role)
    if header is None:
        return [""] * raw.rows
    # precision, revision and family repeat; a set of the names themselves costs no more than reading them once
    cells = raw.columns[header]
    try:
        texts = {c: "" if is_empty(c) else clean_name(c) for c in set(cells)}
    except TypeError:
        return ["" if is_empty(c) else clean_name(c) for c in cells]
    return [texts[c] for c in cells]


def _numbers(cells: Sequence[Any]) -> NDArray[np.float64]:
    found = (parse_number(c) if not is_empty(c) else None for c in cells)
    return np.array([math.nan if n is None else n for n in found], dtype=np.float64)


def _scaled(raw: RawTable, plan: ColumnPlan, role: str, *, above: float, by: float) -> NDArray[np.float64]:
    """Numbers of a role's column, NaN where there are none; values above `above` are divided by `by`."""
    if role not in plan.roles:
        return np.full(raw.rows, np.nan)
    values = _numbers(raw.columns[plan.roles[role]])
    return np.asarray(np.where(values > above, values / by, values))


def _dates(raw: RawTable, plan: ColumnPlan) -> NDArray[np.float64]:
    dates = np.full(raw.rows, np.nan)
    for header in plan.dates:
        cache: dict[Any, float] = {}
        for i in np.flatnonzero(np.isnan(dates)):
            cell = raw.columns[header][i]
            key = str(cell)
            if key not in cache:
                cache[key] = parse_date(cell)
            dates[i] = cache[key]
    return dates


def _bases(raw: RawTable, plan: ColumnPlan) -> tuple[tuple[str, ...], ...]:
    header = plan.roles.get("base_model")
    if header is None:
        return ((),) * raw.rows
    found: list[tuple[str, ...]] = []
    known: dict[str, tuple[str, ...]] = {}
    for cell in raw.columns[header]:
        if isinstance(cell, str) and cell in known:
            found.append(known[cell])
            continue
        values = cell if isinstance(cell, list | tuple) else [] if is_empty(cell) else str(cell).split(",")
        names = tuple(clean_name(v) for v in values)
        # the v2 board writes "Removed" where a model's page is gone
        found.append(tuple(n for n in names if n and n.lower() != "removed")[:50])
        if isinstance(cell, str):
            known[cell] = found[-1]
    return tuple(found)


def _means(raw: RawTable, plan: ColumnPlan, names: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """How each score was got, as one label: what the table says of harness, shots, template and method."""
    whole = ["harness", "shots", "chat_template", "method"]
    if not raw.means and not plan.shots and not any(role in plan.roles for role in whole):
        return np.zeros((raw.rows, len(names)), dtype=np.int64), ("",)
    columns = [(role.replace("_", " "), _text(raw, plan, role)) for role in whole if role in plan.roles]
    shared = ["; ".join(f"{role} {values[i]}" for role, values in columns if values[i]) for i in range(raw.rows)]
    labels: dict[str, int] = {}
    codes = np.zeros((raw.rows, len(names)), dtype=np.int64)
    for j, name in enumerate(names):
        header = plan.benchmarks[name]
        shots = raw.columns.get(plan.shots.get(name, ""), None)
        told = raw.means.get(header)
        for i in range(raw.rows):
            parts = [shared[i]] if shared[i] else []
            if shots is not None and not is_empty(shots[i]):
                parts.append(f"shots {clean_name(shots[i])}")
            if told is not None and told[i]:
                parts.append(told[i])
            codes[i, j] = labels.setdefault("; ".join(parts), len(labels))
    return codes, tuple(labels) or ("",)


def _flags(raw: RawTable, plan: ColumnPlan, inverted: bool, log: _Log) -> NDArray[np.int8]:
    header = plan.roles.get("flagged")
    if header is None:
        if inverted:
            raise InputError(
                f"--flagged-inverted: {raw.source} has no column of flags; map one with --map flagged=COLUMN"
            )
        return np.full(raw.rows, -1, dtype=np.int8)
    values = [parse_bool(c) for c in raw.columns[header]]
    flags = np.array([-1 if v is None else int(v) for v in values], dtype=np.int8)
    told = int((flags >= 0).sum())
    if inverted:
        log.notes.append(f"{header!r} is read inverted, as asked: False means flagged")
        return np.where(flags >= 0, 1 - flags, -1).astype(np.int8)
    if told and (flags == 1).sum() > 0.5 * told:
        log.notes.append(
            f"{header!r} is true for {int((flags == 1).sum()):,} of {told:,} rows, which no board of flags is: "
            f"the column is not "
            "used. If true means not flagged in this table, say so with --flagged-inverted"
        )
        return np.full(raw.rows, -1, dtype=np.int8)
    return flags


def _keep_one_of_each(table: ScoreTable, log: _Log) -> ScoreTable:
    means = [row.tobytes() for row in table.means]
    keys = list(zip(table.models, table.revision, table.weights_hash, table.precision, means, strict=True))
    filled = np.isfinite(table.scores).sum(axis=1)
    best: dict[Any, int] = {}
    for i, key in enumerate(keys):
        other = best.setdefault(key, i)
        if other == i:
            continue
        new = (filled[i], np.nan_to_num(table.dates[i], nan=-np.inf), -i)
        old = (filled[other], np.nan_to_num(table.dates[other], nan=-np.inf), -other)
        winner, loser = (i, other) if new > old else (other, i)
        best[key] = winner
        log.skip("duplicate_row", int(table.row_numbers[loser]), table.models[loser])
    return table if len(best) == len(table) else table.take(np.array(sorted(best.values()), dtype=np.int64))


def _named_and_scored(table: ScoreTable, log: _Log) -> ScoreTable:
    """Rows with a model's name and at least one score; the others are counted. Raises NoRecordsError for none."""
    usable = []
    for i, model in enumerate(table.models):
        if not model:
            log.skip("no_model_name", i, "")
        elif not np.isfinite(table.scores[i]).any():
            log.skip("no_scores", i, model)
        else:
            usable.append(i)
    if not usable:
        raise NoRecordsError(f"{table.source}: none of its {len(table):,} rows has a model's name and a score")
    return table if len(usable) == len(table) else table.take(np.array(usable, dtype=np.int64))


def resolve_table(
    raw: RawTable,
    config: ScoresConfig,
    *,
    mapping: Mapping[str, str] | None = None,
    benchmarks: Sequence[str] | None = None,
    flagged_inverted: bool = False,
) -> ScoreTable:
    """A ScoreTable from a raw one.

    Raises:
        InputError: a column is missing or ambiguous, or a wanted benchmark is not there.
        NoRecordsError: there are no rows, or none with a name and a score.
    """
    if raw.rows == 0:
        raise NoRecordsError(f"{raw.source}: the table has no rows")
    plan = plan_columns(raw, mapping or {}, benchmarks, config.max_benchmarks)
    log = _Log(raw.source, notes=[*raw.notes, *plan.notes])
    for skip in raw.skips:
        log.counts[skip.reason] += 1
        if len(log.examples) < EXAMPLES:
            log.examples.append(skip)
    names = list(plan.benchmarks)
    missing = [w for w in benchmarks or () if benchmark_key(w) not in {benchmark_key(n) for n in names}]
    if missing:
        raise InputError(
            f"{raw.source} has no benchmark {missing[0]!r}; it has: {', '.join(n[:60] for n in names[:30])}"
        )
    models = _text(raw, plan, "model")
    scores = np.column_stack([_scores_column(n, h, raw.columns[h], log) for n, h in plan.benchmarks.items()])
    sizes, floored = _sizes(raw, plan, models, config, log)
    means, labels = _means(raw, plan, names)
    # bare counts are brought to the units of the plain shape
    compute = _scaled(raw, plan, "flops", above=1e15, by=1e21)
    tokens = _scaled(raw, plan, "tokens_t", above=1e6, by=1e12)
    table = ScoreTable(
        models=tuple(models),
        benchmarks=tuple(facts_of(n) or assumed_facts(n) for n in names),
        scores=scores,
        params_b=np.array([s.total_b if s else math.nan for s in sizes]),
        active_b=np.array([s.active_b if s else math.nan for s in sizes]),
        size_notes=tuple(s.note if s else "" for s in sizes),
        base_models=_bases(raw, plan),
        family_column=tuple(_text(raw, plan, "family")),
        precision=tuple(_text(raw, plan, "precision")),
        revision=tuple(_text(raw, plan, "revision")),
        weights_hash=tuple(_text(raw, plan, "hash")),
        architecture=tuple(_text(raw, plan, "architecture")),
        means=means,
        mean_labels=labels,
        dates=_dates(raw, plan),
        tokens_t=np.where(tokens > 0, tokens, np.nan),
        flops=np.where(compute > 0, compute, np.nan),
        flagged=_flags(raw, plan, flagged_inverted, log),
        row_numbers=np.arange(raw.rows),
        sizes_floored=floored,
        source=raw.source,
        sha256=raw.sha256,
        form=raw.form,
        skips={},
        skip_examples=(),
        notes=(),
        extra={h: _numbers(raw.columns[h]) for h in plan.others},
    )
    table = _named_and_scored(table, log)
    table = _keep_one_of_each(table, log)
    if log.counts["duplicate_row"]:
        log.notes.append(f"{log.counts['duplicate_row']} duplicate rows: {DUPLICATE_RULE}")
    return replace(
        table,
        skips=dict(sorted(log.counts.items())),
        skip_examples=tuple(log.examples),
        notes=tuple(dict.fromkeys(log.notes)),
    )
