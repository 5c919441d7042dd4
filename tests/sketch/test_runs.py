"""Hashes come back sorted and added up, however they were cut into runs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import OutputError
from auditor.sketch.runs import Runs

lots = st.lists(st.dictionaries(st.integers(0, 2**40 - 1) | st.integers(0, 9), st.integers(1, 9)), max_size=8)


@given(lots, st.integers(1, 20))
def test_what_goes_in_comes_out_in_order(parts: list[dict[int, int]], buffered: int) -> None:
    total: Counter[int] = Counter()
    with TemporaryDirectory() as folder:
        runs = Runs(Path(folder), 2**40, buffered=buffered)
        for part in parts:
            total.update(part)
            keys = sorted(part)
            runs.add(np.array(keys, np.uint64), np.array([part[k] for k in keys], np.uint64))
        found = list(runs.merged())
        runs.close()
        assert list(Path(folder).iterdir()) == []
    hashes = np.concatenate([f[0] for f in found]).tolist()
    counts = np.concatenate([f[1] for f in found]).tolist()
    assert hashes == sorted(total)
    assert dict(zip(hashes, counts, strict=True)) == total


def test_a_directory_that_is_gone_is_named(tmp_path: Path) -> None:
    runs = Runs(tmp_path / "gone", 2**40, buffered=1)
    with pytest.raises(OutputError, match=r"gone.*make room"):
        runs.add(np.ones(2, np.uint64), np.ones(2, np.uint64))
