"""The places where records end are those at which the readers end them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from auditor.cleaning.cutters import ElementCutter, LineCutter, RowCutter, ValueCutter
from auditor.kernels import csv_rows, json_array

CSV = st.lists(st.sampled_from(['"', ",", "\n", "\r", "\r\n", "a", "b c", '""', '"x\ny"', " "]), max_size=40)
JSON = st.lists(
    st.sampled_from(
        ["{", "}", "[", "]", ",", '"', "\\", '"a"', '"{,]"', "1", " ", "\n", "\t", '{"a": [1, {"b": "]"}]}', "null"]
    ),
    max_size=40,
)
SIZES = st.integers(1, 7)


def cut(cutter: object, data: bytes, size: int) -> tuple[list[int], bool]:
    """Ends in the whole of some bytes that come in chunks, and whether what follows them is a record."""
    ends: list[int] = []
    for start in range(0, len(data), size):
        chunk = np.frombuffer(data[start : start + size], np.uint8)
        ends += (cutter.ends(chunk) + start).tolist()  # type: ignore[attr-defined]
    return ends, cutter.open_record()  # type: ignore[attr-defined]


def parts(data: bytes, ends: list[int]) -> list[bytes]:
    return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True)]


@given(CSV, SIZES)
def test_rows_of_csv(tokens: list[str], size: int) -> None:
    data = "".join(tokens).encode()
    ends, is_open = cut(RowCutter(","), data, size)
    _, rows, open_quote = csv_rows.find_rows_plain(data, b",")
    last_end, _, _ = csv_rows.find_rows_plain(data, b",")
    content = bool(data[last_end:].strip(b"\r\n")) or open_quote
    assert len(ends) + is_open == rows + content
    for part in parts(data, ends)[:-1]:
        assert csv_rows.find_rows_plain(part, b",")[1] == 1
        assert part.strip(b"\r\n")
    assert ends == cut(RowCutter(","), data, max(len(data), 1))[0]


@given(JSON, SIZES)
def test_elements_of_an_array(tokens: list[str], size: int) -> None:
    data = "".join(tokens).encode()
    ends, is_open = cut(ElementCutter(), data, size)
    lines, _ = json_array.split_elements_plain(b"[" + data, json_array.ARRAY)
    elements = lines.split(b"\n")
    assert len(ends) + is_open == len(elements) - (elements[-1] == b"")
    for part, element in zip(parts(data, ends)[: len(ends) + is_open], elements, strict=False):
        assert part.removeprefix(b",").split() == element.split()


@given(JSON, SIZES)
def test_values_one_after_the_other(tokens: list[str], size: int) -> None:
    data = "".join(tokens).encode()
    ends, is_open = cut(ValueCutter(), data, size)
    lines, _ = json_array.split_elements_plain(data, json_array.VALUES)
    values = lines.split(b"\n")
    assert len(ends) + is_open == len(values) - (not values[-1].strip())
    for part, value in zip(parts(data, ends)[: len(ends) + is_open], values, strict=False):
        assert part.split() == value.split()


@given(st.text(alphabet="a\n \r", max_size=30), SIZES)
def test_lines(text: str, size: int) -> None:
    data = text.encode()
    ends, is_open = cut(LineCutter(blank_counts=False), data, size)
    assert ends == [place + 1 for place, mark in enumerate(text) if mark == "\n"]
    tail = text.rpartition("\n")[2]
    assert is_open == bool(tail.strip())
    assert cut(LineCutter(blank_counts=True), data, size)[1] == bool(tail)
