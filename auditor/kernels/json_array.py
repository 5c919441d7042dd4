"""Splits a JSON array, or JSON values one after the other, into lines: one line for each element, nothing parsed.

Elements are copied byte for byte. Line breaks in them become spaces: between tokens they mean nothing, and inside a
string they are not allowed anyway. White space before an element is dropped.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from auditor.kernels.jit import kernel

ARRAY, VALUES = 0, 1
"""Modes: the elements of one array; values that stand one after the other, such as objects over several lines."""

MODE, DEPTH, IN_STRING, ESCAPED, HAS_CONTENT, ENDED = range(6)
"""Places in the state array of shape (6,), int64, that is carried from chunk to chunk."""
RUNNING, CLOSED, GARBAGE = range(3)
"""Values of state[ENDED]: the array goes on; it is closed; something other than white space follows it."""

_TAB, _LINE_FEED, _RETURN, _SPACE, _QUOTE, _COMMA, _BACKSLASH = 9, 10, 13, 32, 34, 44, 92
_OPEN_LIST, _CLOSE_LIST, _OPEN_OBJECT, _CLOSE_OBJECT = 91, 93, 123, 125


def new_state(mode: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The state before the first byte."""
    state = np.zeros(6, np.int64)
    state[MODE] = mode
    return state


@kernel
def split_elements(data: Any, out: Any, state: Any) -> int:
    """Copy elements as lines.

    Args:
        data: uint8, shape (n,): the next bytes of the file; in ARRAY mode the first that is no white space is "[".
        out: uint8, shape (2 n,) or longer.
        state: see `new_state`; updated.

    Returns:
        Bytes written to `out`.
    """
    mode, depth, in_string = state[0], state[1], state[2]
    escaped, has_content, ended = state[3], state[4], state[5]
    base = 1 - mode
    written = 0
    for i in range(len(data)):
        byte = data[i]
        if in_string:
            if escaped:
                escaped = 0
            elif byte == _BACKSLASH:
                escaped = 1
            elif byte == _QUOTE:
                in_string = 0
            out[written] = _SPACE if byte in (_LINE_FEED, _RETURN) else byte
            written += 1
            continue
        if byte in (_SPACE, _LINE_FEED, _RETURN, _TAB):
            if has_content:
                ends = byte == _LINE_FEED and depth == 0
                out[written] = _LINE_FEED if ends else _SPACE
                written += 1
                has_content = 0 if ends else 1
            continue
        if ended:
            ended = GARBAGE
            break
        if mode == ARRAY and depth <= 1:
            if depth == 0:
                depth = 1
                continue
            if byte in (_COMMA, _CLOSE_LIST, _CLOSE_OBJECT):
                if has_content or byte == _COMMA:
                    out[written] = _LINE_FEED
                    written += 1
                has_content = 0
                if byte != _COMMA:
                    ended = CLOSED
                continue
        has_content = 1
        out[written] = byte
        written += 1
        if byte == _QUOTE:
            in_string = 1
        elif byte in (_OPEN_LIST, _OPEN_OBJECT):
            depth += 1
        elif (byte in (_CLOSE_LIST, _CLOSE_OBJECT)) and depth > base:
            depth -= 1
            if depth == 0:
                out[written] = _LINE_FEED
                written += 1
                has_content = 0
    state[1], state[2], state[3], state[4], state[5] = depth, in_string, escaped, has_content, ended
    return written


_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[ \t\r\n]|[^"]', re.DOTALL)


def split_elements_plain(data: bytes, mode: int) -> tuple[bytes, int]:
    """The plain twin of `split_elements`, over a whole file: the lines, and state[ENDED]."""
    lines = bytearray()
    element = bytearray()
    depth = 0
    opened = mode == VALUES
    ended = RUNNING
    for token in _TOKEN.findall(data):
        if not element and token in b" \t\r\n":
            continue
        if ended:
            return bytes(lines), GARBAGE
        if not opened:
            opened = True
        elif mode == ARRAY and depth == 0 and token in b",]}":
            if element or token == b",":
                lines += element + b"\n"
            element.clear()
            ended = RUNNING if token == b"," else CLOSED
        elif mode == VALUES and depth == 0 and token == b"\n":
            lines += element + b"\n"
            element.clear()
        else:
            element += re.sub(rb"[\r\n]", b" ", token) if len(token) > 1 else re.sub(rb"[\r\n\t]", b" ", token)
            if token in b"[{":
                depth += 1
            elif token in b"]}" and depth:
                depth -= 1
                if mode == VALUES and depth == 0:
                    lines += element + b"\n"
                    element.clear()
    return bytes(lines + element), ended
