"""The element splitter against its plain twin, and against a parser."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kernels import json_array


def split(data: bytes, mode: int, cut: int) -> tuple[bytes, int]:
    state = json_array.new_state(mode)
    lines = b""
    for start in range(0, len(data), cut):
        chunk = np.frombuffer(data[start : start + cut], np.uint8)
        out = np.empty(2 * len(chunk), np.uint8)
        lines += bytes(out[: json_array.split_elements(chunk, out, state)])
        if state[json_array.ENDED] == json_array.GARBAGE:
            break
    return lines, int(state[json_array.ENDED])


tokens = st.sampled_from(
    [b"{", b"}", b"[", b"]", b",", b'"', b"\\", b" ", b"\n", b"\r", b"\t", b"a", b"1", b'\\"', b":"]
)
modes = st.sampled_from([json_array.ARRAY, json_array.VALUES])


@given(st.lists(tokens, max_size=40).map(b"".join), modes, st.integers(1, 50))
def test_kernel_and_twin_agree_on_anything(data: bytes, mode: int, cut: int) -> None:
    if mode == json_array.ARRAY:
        data = b"[" + data
    assert split(data, mode, cut) == json_array.split_elements_plain(data, mode)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)


@given(st.lists(values, max_size=8), st.none() | st.integers(0, 4), st.integers(1, 99))
def test_lines_of_an_array_are_its_elements(elements: list[Any], indent: int | None, cut: int) -> None:
    lines, ended = split(json.dumps(elements, indent=indent).encode(), json_array.ARRAY, cut)
    assert [json.loads(line) for line in lines.splitlines()] == elements
    assert ended == json_array.CLOSED


@given(st.lists(st.dictionaries(st.text(max_size=4), values, max_size=3), max_size=6), st.sampled_from(["", " ", "\n"]))
def test_lines_of_values_are_the_values(elements: list[Any], between: str) -> None:
    data = between.join(json.dumps(element, indent=2) for element in elements).encode()
    lines, _ = split(data, json_array.VALUES, 7)
    assert [json.loads(line) for line in lines.splitlines()] == elements


@pytest.mark.parametrize(
    ("data", "lines", "ended"),
    [
        (b"[]", b"", json_array.CLOSED),
        (b"[ ]\n", b"", json_array.CLOSED),
        (b"[1,]", b"1\n", json_array.CLOSED),
        (b"[1,,2]", b"1\n\n2\n", json_array.CLOSED),
        (b"[1] x", b"1\n", json_array.GARBAGE),
        (b'[{"a": [1', b'{"a": [1', json_array.RUNNING),
        (b'["a\nb"]', b'"a b"\n', json_array.CLOSED),
    ],
)
def test_edges(data: bytes, lines: bytes, ended: int) -> None:
    assert split(data, json_array.ARRAY, 100) == (lines, ended)
    assert json_array.split_elements_plain(data, json_array.ARRAY) == (lines, ended)
