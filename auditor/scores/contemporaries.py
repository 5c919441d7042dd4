"""Ahead of its time: each score against models of like size submitted up to the same day.

A leaderboard rises while it runs, and a model that was far ahead when it came is ordinary among what came later. This
view looks back only. It uses no other benchmark, and it is a line of evidence beside the regression, not a verdict: a
new base model leads its contemporaries too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WINDOW_DAYS = 30.0
"""Looking back a month: on the Open LLM Leaderboard longer windows lost a third of the recall on known flags."""
SIZE_TOLERANCE = 0.1
"""In log10 parameters: 7B is compared with 5.6B to 8.8B."""
MIN_PEERS = 10
MIN_SCALE = 0.03
"""Floor of the scale in logits."""
MAX_PEERS = 1500
"""Peers looked at for one model; more are thinned evenly by date."""


def lead_over_contemporaries(
    y: Floats, params_b: Floats, days: Floats, family: NDArray[np.int64], wanted: NDArray[np.bool_] | None = None
) -> Floats:
    """How many upper SDs a score is above the median of its contemporaries of other families.

    The upper SD is the larger of (q84 - median) and (q95 - median) / 1.645, so that broken models below say nothing of
    how far above is far.

    Args:
        y: (n,) logits, NaN where missing.
        params_b, days: (n,) sizes and dates, NaN where unknown.
        family: (n,) codes; a model is not compared with its own family.
        wanted: rows to say it of; all where None.
    Returns:
        (n,) leads, NaN where fewer than ten peers are known.
    """
    lead = np.full(len(y), np.nan)
    rows = np.flatnonzero(np.isfinite(y) & np.isfinite(params_b) & np.isfinite(days) & (params_b > 0))
    if len(rows) < MIN_PEERS:
        return lead
    rows = rows[np.argsort(days[rows], kind="stable")]
    size, day, value, kin = np.log10(params_b[rows]), days[rows], y[rows], family[rows]
    ask = np.ones(len(rows), dtype=bool) if wanted is None else wanted[rows]
    # cells of the tolerance's width: the peers of a model lie in its own cell and the two beside it
    cells = np.floor(size / SIZE_TOLERANCE).astype(np.int64)
    for cell in np.unique(cells):
        near = np.flatnonzero(np.abs(cells - cell) <= 1)
        own = near[(cells[near] == cell) & ask[near]]
        until = np.searchsorted(day[near], day[own], side="right")
        since = np.searchsorted(day[near], day[own] - WINDOW_DAYS, side="left")
        for i, start, end in zip(own, since, until, strict=True):
            if end - start < MIN_PEERS:
                continue
            peers = near[start:end]
            if len(peers) > 3 * MAX_PEERS:
                peers = peers[:: len(peers) // (2 * MAX_PEERS)]
            peers = peers[(np.abs(size[peers] - size[i]) < SIZE_TOLERANCE) & (kin[peers] != kin[i])][-MAX_PEERS:]
            if len(peers) < MIN_PEERS:
                continue
            ordered = np.sort(value[peers])
            last = len(ordered) - 1
            median, q84, q95 = ordered[round(0.5 * last)], ordered[round(0.84 * last)], ordered[round(0.95 * last)]
            lead[rows[i]] = (value[i] - median) / max(q84 - median, (q95 - median) / 1.645, MIN_SCALE)
    return lead
