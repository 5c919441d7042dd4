"""Finds where records end in the bytes of a text file as they are stored, so that all others are kept byte for byte.

The readers turn bytes into records and forget the bytes between them (`csv_rows`, `json_array`); these kernels follow
the same rules and give the places. A test holds them against the readers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from auditor.kernels.jit import kernel

CELL_START, UNQUOTED, QUOTED, QUOTE_SEEN = range(4)
CSV_LEXER, CSV_CONTENT, CSV_RETURN = range(3)
"""Places in the state of `csv_ends`: the lexer as in `csv_rows`; whether the open row has a byte; whether the last byte
was a carriage return that ended a row, whose line feed is still to come or not."""

DEPTH, IN_STRING, ESCAPED, CONTENT, CLOSED = range(5)
"""Places in the state of `array_ends` and `value_ends`. CLOSED: the array is; or (values) a value ended and the rest of
its line is still to come or not."""

_TAB, _LINE_FEED, _RETURN, _SPACE, _QUOTE, _COMMA, _BACKSLASH = 9, 10, 13, 32, 34, 44, 92
_OPEN_LIST, _CLOSE_LIST, _OPEN_OBJECT, _CLOSE_OBJECT = 91, 93, 123, 125


def new_state() -> np.ndarray[Any, np.dtype[np.int64]]:
    """The state at the start of a record, for any of the kernels."""
    return np.zeros(5, np.int64)


@kernel
def csv_ends(data: Any, delimiter: int, ends: Any, state: Any) -> int:
    """Note the position behind each row that ends in `data`, its line end included.

    Args:
        data: uint8, shape (n,): the next bytes, the header left out.
        delimiter: byte between cells.
        ends: int64, shape (n + 1,) or longer.
        state: see `new_state`; updated.

    Returns:
        How many ends were written. Empty lines are no rows: they stand at the front of the next one.
    """
    lexer, content, after_return = state[0], state[1], state[2]
    count = 0
    for i in range(len(data)):
        byte = data[i]
        if lexer == QUOTED:
            if byte == _QUOTE:
                lexer = QUOTE_SEEN
            continue
        if after_return:
            after_return = 0
            if byte == _LINE_FEED:
                ends[count] = i + 1
                count += 1
                continue
            ends[count] = i
            count += 1
        if lexer == QUOTE_SEEN and byte == _QUOTE:
            lexer = QUOTED
        elif byte in (_LINE_FEED, _RETURN):
            if content and byte == _RETURN:
                after_return = 1
            elif content:
                ends[count] = i + 1
                count += 1
            content = 0
            lexer = CELL_START
        else:
            content = 1
            if byte == delimiter:
                lexer = CELL_START
            elif lexer == CELL_START and byte == _QUOTE:
                lexer = QUOTED
            else:
                lexer = UNQUOTED
    state[0], state[1], state[2] = lexer, content, after_return
    return count


@kernel
def array_ends(data: Any, ends: Any, state: Any) -> int:
    """Note the position before the comma or bracket that ends each element of a JSON array.

    Args:
        data: uint8, shape (n,): the next bytes behind the array's opening bracket.
        ends: int64, shape (n,) or longer.
        state: see `new_state`; updated.

    Returns:
        How many ends were written. All but the first element begin with the comma before them; what follows the last
        end is what follows the array's elements.
    """
    depth, in_string, escaped, content, closed = state[0], state[1], state[2], state[3], state[4]
    count = 0
    for i in range(len(data)):
        if closed:
            break
        byte = data[i]
        if in_string:
            if escaped:
                escaped = 0
            elif byte == _BACKSLASH:
                escaped = 1
            elif byte == _QUOTE:
                in_string = 0
            continue
        if depth == 0 and byte in (_COMMA, _CLOSE_LIST, _CLOSE_OBJECT):
            if content or byte == _COMMA:
                ends[count] = i
                count += 1
            content = 0
            closed = 0 if byte == _COMMA else 1
            continue
        if byte not in (_SPACE, _LINE_FEED, _RETURN, _TAB):
            content = 1
            if byte == _QUOTE:
                in_string = 1
            elif byte in (_OPEN_LIST, _OPEN_OBJECT):
                depth += 1
            elif byte in (_CLOSE_LIST, _CLOSE_OBJECT):
                depth -= 1
    state[0], state[1], state[2], state[3], state[4] = depth, in_string, escaped, content, closed
    return count


@kernel
def value_ends(data: Any, ends: Any, state: Any) -> int:
    """Note the position behind each of the JSON values that stand one after the other.

    Args:
        data: uint8, shape (n,): the next bytes.
        ends: int64, shape (n + 1,) or longer.
        state: see `new_state`; updated.

    Returns:
        How many ends were written. The rest of the line goes with the value that ends on it, unless another one begins.
    """
    depth, in_string, escaped, content, ended = state[0], state[1], state[2], state[3], state[4]
    count = 0
    for i in range(len(data)):
        byte = data[i]
        if in_string:
            if escaped:
                escaped = 0
            elif byte == _BACKSLASH:
                escaped = 1
            elif byte == _QUOTE:
                in_string = 0
            continue
        if byte in (_SPACE, _LINE_FEED, _RETURN, _TAB):
            if byte == _LINE_FEED and (ended or (content and depth == 0)):
                ends[count] = i + 1
                count += 1
                ended = content = 0
            continue
        if ended:
            ends[count] = i
            count += 1
            ended = 0
        content = 1
        if byte == _QUOTE:
            in_string = 1
        elif byte in (_OPEN_LIST, _OPEN_OBJECT):
            depth += 1
        elif (byte in (_CLOSE_LIST, _CLOSE_OBJECT)) and depth > 0:
            depth -= 1
            if depth == 0:
                ended = 1
                content = 0
    state[0], state[1], state[2], state[3], state[4] = depth, in_string, escaped, content, ended
    return count
