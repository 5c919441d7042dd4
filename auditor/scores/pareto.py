"""The Pareto front of error against size: which models no smaller one beats, now and as the board grew."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

_BYTES = (
    ("4bit", 0.5), ("int4", 0.5), ("nf4", 0.5), ("fp4", 0.5), ("gptq", 0.5), ("awq", 0.5), ("q4", 0.5),
    ("8bit", 1.0), ("int8", 1.0), ("fp8", 1.0), ("float8", 1.0), ("q8", 1.0),
    ("bfloat16", 2.0), ("bf16", 2.0), ("float16", 2.0), ("fp16", 2.0), ("16bit", 2.0), ("half", 2.0),
    ("float32", 4.0), ("fp32", 4.0), ("32bit", 4.0),
)  # fmt: skip
"""Part of a precision's name to bytes for each parameter, first match wins; GPTQ and AWQ are 4 bits unless told."""


def bytes_per_parameter(precision: str) -> float:
    """Bytes of one parameter; NaN for a precision that is not told or not known."""
    name = precision.lower().replace("torch.", "").replace("-", "").replace("_", "")
    return next((size for part, size in _BYTES if part in name), float("nan"))


@dataclass(frozen=True, slots=True)
class Front:
    """A front of one benchmark."""

    rows: NDArray[np.int64]
    """Rows on the front, smallest first."""
    dominated_by: NDArray[np.int64]
    """(n,) for each row the front's row of the least error that is no larger; -1 for rows on the front or not
    compared."""


def pareto_front(size: Floats, error: Floats, use: Bools) -> Front:
    """Models that no model at most as large beats or equals; of equals the first row stands.

    Args:
        size, error: (n,); smaller is better in both.
        use: rows that are compared.
    """
    rows = np.flatnonzero(use & np.isfinite(size) & np.isfinite(error))
    order = rows[np.lexsort((rows, error[rows], size[rows]))]
    best = np.minimum.accumulate(error[order]) if len(order) else np.empty(0)
    first = np.ones(len(order), dtype=bool)
    first[1:] = error[order][1:] < best[:-1]
    front = order[first]
    dominated = np.full(len(size), -1, dtype=np.int64)
    if len(front):
        # the front's error falls with size, so the last member no larger than a model is the best it is compared with
        dominated[order] = front[np.cumsum(first) - 1]
        dominated[front] = -1
    return Front(front, dominated)


@dataclass(frozen=True, slots=True)
class FrontStep:
    """A day on which the front changed."""

    day: float
    entered: tuple[int, ...]
    left: tuple[int, ...]
    size: int
    """Members after the change."""


def front_over_time(size: Floats, error: Floats, days: Floats, use: Bools) -> tuple[FrontStep, ...]:
    """The days on which a model entered the front, in order of date; rows without a date take no part."""
    known = use & np.isfinite(days) & np.isfinite(size) & np.isfinite(error)
    order = np.flatnonzero(known)
    order = order[np.lexsort((order, days[order]))]
    # sizes ascending, errors descending: both ends of what a newcomer beats are found by bisection
    front: list[int] = []
    sizes: list[float] = []
    errors: list[float] = []
    steps: list[FrontStep] = []
    for i, new_size, new_error in zip(order.tolist(), size[order].tolist(), error[order].tolist(), strict=True):
        at = bisect_right(sizes, new_size)
        if at and errors[at - 1] <= new_error:
            continue
        start = bisect_left(sizes, new_size)
        end = start
        while end < len(front) and errors[end] >= new_error:
            end += 1
        left = front[start:end]
        front[start:end], sizes[start:end], errors[start:end] = [i], [new_size], [new_error]
        if steps and steps[-1].day == days[i]:
            last = steps.pop()
            gone = [k for k in left if k not in last.entered]
            entered = [k for k in last.entered if k not in left]
            steps.append(FrontStep(float(days[i]), (*entered, i), (*last.left, *gone), len(front)))
        else:
            steps.append(FrontStep(float(days[i]), (i,), tuple(left), len(front)))
    return tuple(steps)


@dataclass(frozen=True, slots=True)
class ParetoView:
    """Fronts of one benchmark, by parameters and by bytes, with and without the flagged models."""

    benchmark: str
    by_params: Front
    by_params_unflagged: Front
    by_bytes: Front
    by_bytes_unflagged: Front
    steps: tuple[FrontStep, ...]
    bytes_gb: Floats


def pareto_view(
    benchmark: str, params_b: Floats, precision: Sequence[str], score: Floats, days: Floats, flagged: Bools
) -> ParetoView:
    """All fronts of one benchmark; `flagged` rows take no part in the unflagged ones."""
    cache = {name: bytes_per_parameter(name) for name in set(precision)}
    gigabytes = params_b * np.array([cache[name] for name in precision])
    error = 1.0 - score
    everyone = np.ones(len(score), dtype=bool)
    return ParetoView(
        benchmark,
        pareto_front(params_b, error, everyone),
        pareto_front(params_b, error, ~flagged),
        pareto_front(gigabytes, error, everyone),
        pareto_front(gigabytes, error, ~flagged),
        front_over_time(params_b, error, days, everyone),
        gigabytes,
    )
