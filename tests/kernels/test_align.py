"""The region finder against its plain twin."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from auditor.kernels.align import MAX_RUNS, best_region, best_region_plainly

tokens = st.lists(st.integers(0, 6), max_size=40)


def compiled(
    record: list[int], item: list[int], weights: list[float], min_run: int, width: int
) -> tuple[int, int, float, list[int]]:
    covered, scratch = np.ones(len(item), np.uint8), np.ones(len(item), np.int32)
    arrays = np.array(record, np.uint64), np.array(item, np.uint64), np.array(weights, np.float32)
    begin, end, weight = best_region(*arrays, min_run, width, covered, scratch)
    return begin, end, weight, np.flatnonzero(covered).tolist()


@given(tokens, st.lists(st.integers(0, 6), min_size=1, max_size=15), st.integers(1, 4), st.integers(1, 30), st.data())
def test_the_best_region(record: list[int], item: list[int], min_run: int, width: int, data: st.DataObject) -> None:
    eighths = st.integers(1, 40).map(lambda n: n / 8)
    weights = data.draw(st.lists(eighths, min_size=len(item), max_size=len(item)))
    begin, end, weight, covered = compiled(record, item, weights, min_run, width)
    assert (begin, end, weight, covered) == best_region_plainly(record, item, weights, min_run, width)
    assert end - begin <= max(width, 0)


def test_an_item_is_found_in_the_middle_with_its_order_changed() -> None:
    item = list(range(100, 120))
    record = [1] * 50 + item[10:] + item[:10] + [2] * 50
    assert compiled(record, item, [1.0] * 20, 3, 30) == (50, 70, 20.0, list(range(20)))


def test_a_text_that_repeats_one_word_ends_all_the_same() -> None:
    begin, end, weight, covered = compiled([7] * (4 * MAX_RUNS), [7] * 30, [1.0] * 30, 3, 45)
    assert (begin, end, weight, covered) == (0, 45, 30.0, list(range(30)))


def test_a_copy_behind_any_number_of_common_phrases_is_found() -> None:
    item = [1, 2, 3, *range(100, 120)]
    record = [1, 2, 3, 9] * (2 * MAX_RUNS) + item + [1, 2, 3, 9] * MAX_RUNS
    begin = 8 * MAX_RUNS
    assert compiled(record, item, [1.0] * 23, 3, 30) == (begin - 4, begin + 26, 23.0, list(range(23)))
