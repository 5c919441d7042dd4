"""Entries appended to a board, benchmark by benchmark, so that they can be judged by it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from auditor.errors import InputError
from auditor.scores.known import benchmark_key

if TYPE_CHECKING:
    from auditor.scores.table import ScoreTable


def append_entries(board: ScoreTable, entries: ScoreTable) -> ScoreTable:
    """Board and entries as one table with the board's benchmarks; board rows of an entry's own name are left out.

    How a score was got is compared by its label. Where the board says nothing of it, the entry's label is not held
    against it.

    Raises:
        InputError: no benchmark is on both.
    """
    columns = {benchmark_key(b.name): j for j, b in enumerate(entries.benchmarks)}
    pairs = [columns.get(benchmark_key(b.name), -1) for b in board.benchmarks]
    if all(k < 0 for k in pairs):
        raise InputError(
            f"{entries.source}: none of its benchmarks ({', '.join(entries.benchmark_names[:10])}) is on the board "
            f"({', '.join(board.benchmark_names[:10])})"
        )
    own = {m.lower() for m in entries.models}
    board = board.take(np.array([i for i, m in enumerate(board.models) if m.lower() not in own], dtype=np.int64))
    count = len(entries)
    scores = np.column_stack([entries.scores[:, k] if k >= 0 else np.full(count, np.nan) for k in pairs])
    labels = {label: i for i, label in enumerate(board.mean_labels)}
    means = np.zeros((count, len(pairs)), dtype=np.int64)
    for j, k in enumerate(pairs):
        silent = len(board) > 0 and all(board.mean_labels[c] == "" for c in np.unique(board.means[:, j]))
        for i in range(count):
            label = "" if silent or k < 0 else entries.mean_labels[entries.means[i, k]]
            means[i, j] = labels.setdefault(label, len(labels))
    # a floored board compares with sizes cut the same way
    sizes = np.floor(entries.params_b) if board.sizes_floored else entries.params_b
    return replace(
        board,
        models=board.models + entries.models,
        scores=np.vstack([board.scores, scores]),
        params_b=np.append(board.params_b, np.where(sizes > 0, sizes, np.nan)),
        active_b=np.append(board.active_b, entries.active_b),
        size_notes=board.size_notes + entries.size_notes,
        base_models=board.base_models + entries.base_models,
        family_column=board.family_column + entries.family_column,
        precision=board.precision + entries.precision,
        revision=board.revision + entries.revision,
        weights_hash=board.weights_hash + entries.weights_hash,
        architecture=board.architecture + entries.architecture,
        means=np.vstack([board.means, means]),
        mean_labels=tuple(labels),
        dates=np.append(board.dates, entries.dates),
        tokens_t=np.append(board.tokens_t, entries.tokens_t),
        flops=np.append(board.flops, entries.flops),
        flagged=np.append(board.flagged, np.full(count, -1, dtype=np.int8)),
        row_numbers=np.append(board.row_numbers, entries.row_numbers),
        extra={name: np.append(column, np.full(count, np.nan)) for name, column in board.extra.items()},
    )
