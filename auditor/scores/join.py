"""Two boards joined on the model: who leads in public and is ordinary on an arena's rating or a private benchmark."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditor.errors import InputError
from auditor.scores.columns import NOT_BENCHMARKS, ROLES, header_key
from auditor.scores.multiplicity import family_q
from auditor.scores.pooled.covariates import expit, logit, sampling_variance
from auditor.scores.pooled.regression import fit_pooled
from auditor.scores.pooled.tails import fit_tail
from auditor.scores.values import clean_name, parse_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from auditor.scores.config import ScoresConfig
    from auditor.scores.table import RawTable, ScoreTable

    Floats = NDArray[np.float64]

MIN_JOINED = 15
"""Models on both boards without which nothing is said."""


@dataclass(frozen=True, slots=True)
class SecondBoard:
    """Ratings of another board, in the rows of the first."""

    source: str
    sha256: str
    columns: tuple[str, ...]
    values: Floats
    """(rows of the first board, columns); NaN where the model is not on the second."""
    matched: int
    unmatched: int
    """Models of the second board that the first has not."""


@dataclass(frozen=True, slots=True)
class PublicGap:
    """What the second board says of one benchmark's scores; arrays of length n."""

    benchmark: str
    rating: str
    expected: Floats
    """Score that models of that rating and size have, [0, 1]."""
    z: Floats
    p: Floats
    q: Floats
    joined: int


def _keys(model: str) -> tuple[str, str]:
    name = model.lower().replace("_", "-").replace(" ", "-")
    return name, name.rsplit("/", 1)[-1]


def align_board(raw: RawTable, table: ScoreTable, model_column: str | None = None) -> SecondBoard:
    """Match a second board to the rows of the first: by full name, else by the name without its organisation.

    A short name that two models of either board share matches nothing.

    Raises:
        InputError: no column of models, no numbers, or fewer than 15 models in common.
    """
    headers = list(raw.columns)
    by_key = {header_key(h): h for h in reversed(headers)}
    column = model_column or next((by_key[name] for name in ROLES["model"] if name in by_key), None)
    if column is None or column not in raw.columns:
        raise InputError(
            f"--join {raw.source}: no column that could be the model's name; its columns: {', '.join(headers[:20])}"
        )
    roles = {name for role, names in ROLES.items() for name in names if role != "model"}
    numbers: dict[str, list[float]] = {}
    for header in headers:
        key = header_key(header)
        if header == column or key in roles or (key in NOT_BENCHMARKS and key not in ("score", "average", "overall")):
            continue
        values = [parse_number(c) for c in raw.columns[header]]
        if sum(v is not None for v in values) >= max(0.5 * len(values), 1):
            numbers[header] = [float("nan") if v is None else v for v in values]
    if not numbers:
        raise InputError(
            f"--join {raw.source}: no column of numbers to join on; its columns: {', '.join(headers[:20])}"
        )
    theirs = [_keys(clean_name(c)) for c in raw.columns[column]]
    ours = [_keys(m) for m in table.models]
    short_theirs = Counter(short for _, short in set(theirs))
    short_ours = Counter(short for _, short in set(ours))
    row_of = {full: i for i, (full, _) in reversed(list(enumerate(theirs)))}
    row_of_short = {short: i for i, (_, short) in enumerate(theirs) if short_theirs[short] == 1}
    found = []
    for full, short in ours:
        at = row_of.get(full)
        if at is None and short_ours[short] == 1:
            at = row_of_short.get(short)
        found.append(-1 if at is None else at)
    rows = np.array(found)
    if (rows >= 0).sum() < MIN_JOINED:
        raise InputError(
            f"--join {raw.source}: {int((rows >= 0).sum())} models are on both boards; at least {MIN_JOINED} are "
            f"needed. "
            f"Names there look like {clean_name(raw.columns[column][0])!r}, here like {table.models[0]!r}"
        )
    ratings = np.column_stack([np.where(rows >= 0, np.array(v)[np.maximum(rows, 0)], np.nan) for v in numbers.values()])
    unmatched = raw.rows - len(set(found) - {-1})
    return SecondBoard(raw.source, raw.sha256, tuple(numbers), ratings, int((rows >= 0).sum()), unmatched)


def public_gaps(
    table: ScoreTable, board: SecondBoard, columns: Sequence[int], family: NDArray[np.int64], config: ScoresConfig
) -> tuple[PublicGap, ...]:
    """Each benchmark regressed on each rating (and size where known), leaving the model's family out."""
    found = []
    size_known = np.isfinite(table.effective_b)
    log_size = np.log10(np.where(size_known, np.maximum(table.effective_b, 1e-6), 1.0))
    log_size = np.where(size_known, log_size, np.median(log_size[size_known]) if size_known.any() else 0.0)
    for j in columns:
        facts = table.benchmarks[j]
        score = table.scores[:, j]
        for k, rating in enumerate(board.columns):
            value = board.values[:, k]
            with np.errstate(invalid="ignore"):
                rows = np.isfinite(score) & np.isfinite(value) & (score > facts.chance_ceiling)
            if len(np.unique(family[rows])) < config.min_families or np.ptp(value[rows]) == 0:
                continue
            p = np.where(rows, np.nan_to_num(score), 0.5)
            y = logit(p, facts.items)
            fit = fit_pooled(
                np.column_stack([np.where(rows, value, 0.0), log_size]),
                y,
                sampling_variance(p, facts.items),
                family,
                rows & (table.flagged != 1),
                rows,
            )
            expected = expit(fit.expected)
            with np.errstate(invalid="ignore"):
                floor = config.floor_points / 100.0 / np.maximum(expected * (1.0 - expected), 0.05)
                z = (y - fit.expected) / np.maximum(fit.sd, floor)
            tail = fit_tail(z, family, rows)
            probability = np.where(np.isfinite(z), tail.fast_p_value(np.nan_to_num(z)), np.nan)
            q, _ = family_q(probability, family)
            found.append(PublicGap(facts.name, rating, expected, z, probability, q, int(rows.sum())))
    return tuple(found)
