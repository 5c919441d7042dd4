"""Finds where the rows of CSV end, quotes and line breaks inside cells understood, nothing parsed.

It follows the lexer of Arrow's CSV reader: a quote opens a quoted cell only at the start of a cell; a doubled quote
stays inside; what follows a closing quote is taken as unquoted; rows end at LF, CR or CR LF; empty lines are no rows.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from auditor.kernels.jit import kernel

CELL_START, UNQUOTED, QUOTED, QUOTE_SEEN = range(4)
"""Values of state[LEXER]; QUOTE_SEEN is behind a quote inside a quoted cell, which closes it or is the first of two."""
LEXER, HAS_CONTENT, ROWS, ROWS_AT_END, END = range(5)
"""Places in the state array of shape (5,), int64: the lexer; whether the open row has a byte; rows ended so far; the
number of those at `END`; the position behind the last row that ended, 0 before the first."""

_LINE_FEED, _RETURN, _QUOTE = 10, 13, 34


def new_state() -> np.ndarray[Any, np.dtype[np.int64]]:
    """The state at the start of a row."""
    return np.zeros(5, np.int64)


@kernel
def find_rows(data: Any, start: int, delimiter: int, limit: int, state: Any) -> None:
    """Lex `data[start:]` and note the rows that end there.

    Args:
        data: uint8, shape (n,).
        start: where the last call stopped.
        delimiter: byte between cells.
        limit: stop behind this many rows; 0 for no limit.
        state: see `new_state`; updated.
    """
    lexer, has_content, rows = state[LEXER], state[HAS_CONTENT], state[ROWS]
    for i in range(start, len(data)):
        byte = data[i]
        if lexer == QUOTED:
            if byte == _QUOTE:
                lexer = QUOTE_SEEN
            continue
        if lexer == QUOTE_SEEN and byte == _QUOTE:
            lexer = QUOTED
        elif byte in (_LINE_FEED, _RETURN):
            rows += has_content
            has_content = 0
            lexer = CELL_START
            state[END] = i + 1
            if limit and rows == limit:
                break
        else:
            has_content = 1
            if byte == delimiter:
                lexer = CELL_START
            elif lexer == CELL_START and byte == _QUOTE:
                lexer = QUOTED
            else:
                lexer = UNQUOTED
    state[LEXER], state[HAS_CONTENT], state[ROWS], state[ROWS_AT_END] = lexer, has_content, rows, rows


def find_rows_plain(data: bytes, delimiter: bytes) -> tuple[int, int, bool]:
    """The plain twin of `find_rows`, over a whole file: the position behind the last row that ended, the number of rows
    that ended, and whether a quoted cell is open at the end."""
    mark = re.escape(delimiter)
    cell = rb'(?:"(?:[^"]|"")*(?:"(?!")|\Z)(?:[^\r\n' + mark + rb']*)|(?!")[^\r\n' + mark + rb"]*)"
    row = re.compile(cell + rb"(?:" + mark + cell + rb")*")
    position = end = rows = 0
    while True:
        found = row.match(data, position)
        assert found is not None  # noqa: S101 - it matches nothing, too
        position = found.end()
        if position == len(data):
            open_quote = re.compile(rb"(?:" + cell + mark + rb')*"(?:[^"]|"")*\Z').fullmatch(found.group()) is not None
            return end, rows, open_quote
        rows += bool(found.group())
        position += 1
        end = position
