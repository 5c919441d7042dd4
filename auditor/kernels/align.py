"""Where in a record an item stands: the region that covers most of the item, by weight.

An item is covered by runs of tokens that stand in the record one after another; the runs may come in any order and with
gaps, as long as they lie within a region of about the item's length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.kernels.jit import kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_RUNS = 4096
"""Runs that are held at once, those that may lie in one region with runs still to come. A text that repeats one phrase
can have more of them within one region than that: the first half is then let go."""


@kernel
def best_window(run_at, run_item, run_length, runs, weights, width, best_weight, covered, counts):
    """The window of runs that covers most, if it covers more than `best_weight`; marks its positions in `covered`.

    Returns:
        (begin, end, weight) as `best_region` does; (0, 0, best_weight) if none covers more.
    """
    best_first, best_last = 0, 0
    counts[:] = 0
    weight = np.float64(0)
    stop = 0
    for first in range(runs):
        limit = run_at[first] + width
        while stop < runs and run_at[stop] + run_length[stop] <= limit:
            for i in range(run_item[stop], run_item[stop] + run_length[stop]):
                if counts[i] == 0:
                    weight += weights[i]
                counts[i] += 1
            stop += 1
        if weight > best_weight + 1e-6:
            best_weight = weight
            best_first, best_last = first, stop
        if stop > first:
            for i in range(run_item[first], run_item[first] + run_length[first]):
                counts[i] -= 1
                if counts[i] == 0:
                    weight -= weights[i]
        else:
            stop = first + 1
    if best_last == best_first:
        return 0, 0, best_weight
    covered[:] = 0
    end = 0
    for run in range(best_first, best_last):
        end = max(end, run_at[run] + run_length[run])
        for i in range(run_item[run], run_item[run] + run_length[run]):
            covered[i] = 1
    return run_at[best_first], end, best_weight


@kernel
def best_region(record, item, weights, min_run, width, covered, scratch_count):
    """The region of `record` that covers most of `item`.

    Args:
        record: uint64, shape (r,), tokens of the record.
        item: uint64, shape (m,), tokens of the item, m > 0.
        weights: float32, shape (m,), weight of each token of the item.
        min_run: shortest run of equal tokens that counts.
        width: most tokens that the region may span.
        covered: uint8, shape (m,): filled with 1 where the item's token is covered by the region.
        scratch_count: int32, shape (m,).

    Returns:
        (begin, end, weight): the region's tokens [begin, end) in the record and the item's weight that it covers. Of
        several that cover as much, the first. (0, 0, 0) if there is no run at all.
    """
    m = len(item)
    slots = 8
    while slots < 4 * m:
        slots *= 2
    last = np.uint64(slots - 1)
    head = np.full(slots, -1, np.int32)
    chain = np.full(m, -1, np.int32)
    for i in range(m - 1, -1, -1):
        slot = np.int64(item[i] & last)
        chain[i] = head[slot]
        head[slot] = i
    run_at = np.empty(MAX_RUNS, np.int64)
    run_item = np.empty(MAX_RUNS, np.int32)
    run_length = np.empty(MAX_RUNS, np.int32)
    runs = 0
    covered[:] = 0
    best = (np.int64(0), np.int64(0), np.float64(0))
    for r in range(len(record)):
        i = head[np.int64(record[r] & last)]
        while i >= 0:
            if item[i] == record[r] and (r == 0 or i == 0 or record[r - 1] != item[i - 1]):
                length = 1
                while r + length < len(record) and i + length < m and record[r + length] == item[i + length]:
                    length += 1
                if length >= min_run and runs == MAX_RUNS:
                    begin, end, weight = best_window(
                        run_at, run_item, run_length, runs, weights, width, best[2], covered, scratch_count
                    )
                    if end > 0:
                        best = (np.int64(begin), np.int64(end), weight)
                    # a region that begins at one of these is over: no run to come lies in it
                    over = 0
                    while over < runs and run_at[over] + width < r:
                        over += 1
                    over = max(over, MAX_RUNS // 2)
                    runs -= over
                    for run in range(runs):
                        run_at[run] = run_at[run + over]
                        run_item[run] = run_item[run + over]
                        run_length[run] = run_length[run + over]
                if length >= min_run:
                    run_at[runs] = r
                    run_item[runs] = i
                    run_length[runs] = length
                    runs += 1
            i = chain[i]
    begin, end, weight = best_window(
        run_at, run_item, run_length, runs, weights, width, best[2], covered, scratch_count
    )
    if end > 0:
        best = (np.int64(begin), np.int64(end), weight)
    return best


def best_region_plainly(
    record: Sequence[int], item: Sequence[int], weights: Sequence[float], min_run: int, width: int
) -> tuple[int, int, float, list[int]]:
    """The twin of `best_region`, by trying every region: (begin, end, weight, covered positions of the item)."""
    runs = []
    for r in range(len(record)):
        for i in range(len(item)):
            if record[r] != item[i] or (r > 0 and i > 0 and record[r - 1] == item[i - 1]):
                continue
            length = 1
            while r + length < len(record) and i + length < len(item) and record[r + length] == item[i + length]:
                length += 1
            if length >= min_run:
                runs.append((r, i, length))
    best: tuple[int, int, float, list[int]] = (0, 0, 0.0, [])
    for first, (begin, _, _) in enumerate(runs):
        # a run that does not fit ends the region, as those after it begin no earlier
        inside = []
        for r, i, length in runs[first:]:
            if r + length > begin + width:
                break
            inside.append((r, i, length))
        positions = sorted({p for _, i, length in inside for p in range(i, i + length)})
        weight = float(sum(weights[p] for p in positions))
        if weight > best[2] + 1e-6:
            best = (begin, max(r + length for r, _, length in inside), weight, positions)
    return best
