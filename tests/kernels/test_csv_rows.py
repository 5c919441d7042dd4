"""The row finder against its plain twin, and against Arrow's CSV reader."""

from __future__ import annotations

import csv
import io

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
from hypothesis import given
from hypothesis import strategies as st

from auditor.kernels import csv_rows


def find(data: bytes, cut: int, delimiter: bytes = b",") -> tuple[int, int, bool]:
    state = csv_rows.new_state()
    for end in [*range(cut, len(data), cut), len(data)]:
        start = (end - 1) // cut * cut if end else 0
        csv_rows.find_rows(np.frombuffer(data[:end], np.uint8), start, ord(delimiter), 0, state)
    return int(state[csv_rows.END]), int(state[csv_rows.ROWS]), bool(state[csv_rows.LEXER] == csv_rows.QUOTED)


text = st.lists(st.sampled_from([b",", b'"', b'""', b"\n", b"\r", b"\r\n", b"a", b"b\tc", b" "]), max_size=30).map(
    b"".join
)


@given(text, st.integers(1, 40), st.sampled_from([b",", b"\t"]))
def test_kernel_and_twin_agree_on_anything(data: bytes, cut: int, delimiter: bytes) -> None:
    assert find(data, cut, delimiter) == csv_rows.find_rows_plain(data, delimiter)


@given(st.lists(st.lists(st.text(max_size=6), min_size=2, max_size=2), max_size=10))
def test_rows_are_those_that_were_written(rows: list[list[str]]) -> None:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    data = written.getvalue().encode("utf-8", "replace")
    assert find(data, 11) == (len(data), len(rows), False)


@given(text)
def test_arrow_sees_the_same_rows(data: bytes) -> None:
    end, rows, _ = find(data, 1000)
    if not rows:
        return
    skipped: list[int] = []

    def note(row: pc.InvalidRow) -> str:
        skipped.append(row.number)
        return "skip"

    table = pc.read_csv(
        pa.BufferReader(data[:end]),
        read_options=pc.ReadOptions(use_threads=False, column_names=["x", "y"], block_size=end + 1),
        parse_options=pc.ParseOptions(newlines_in_values=True, invalid_row_handler=note),
    )
    assert table.num_rows + len(skipped) == rows


def test_the_limit_stops_behind_a_row() -> None:
    data = b'x,"y\n1"\r\nz,w\n'
    state = csv_rows.new_state()
    csv_rows.find_rows(np.frombuffer(data, np.uint8), 0, ord(","), 1, state)
    assert (int(state[csv_rows.END]), int(state[csv_rows.ROWS])) == (8, 1)
