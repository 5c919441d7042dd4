"""CSV and TSV benchmarks, with a header row or without one."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.suites.fields import NumberedRow

HEADER_NAMES = frozenset(
    "question query prompt problem instruction input text goal sentence ctx context stem passage answer answers target "
    "label solution output id question_id task_id premise hypothesis claim turns choices options".split()
)
"""Names of which a header row has at least one, in lower case. A question is never just one of these words."""

_IDENTIFIER = re.compile(r"[A-Za-z_][\w -]{0,40}")
_MARK = re.compile(r"[A-J0-9]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_LARGEST_CELL = 1 << 27


def read_table(content: bytes, delimiter: str) -> tuple[list[NumberedRow], Counter[str]]:
    """Rows of a delimited text by column name, with their 0-based numbers, and the rows left out by reason.

    Without a header the columns get the names that fit: `question, answer` for two; `question, A, B, …, answer` where
    the last column is a letter or an index, as in MMLU's own files. Otherwise they are called `column_0`, ….
    """
    csv.field_size_limit(_LARGEST_CELL)
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        text = content.decode("utf-16", errors="surrogateescape")
    else:
        # bytes that are no UTF-8 become surrogates, so that just the rows that hold them are left out
        text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="surrogateescape")
    broken = _SURROGATES.search(text) is not None
    table = [cells for cells in _cells(text, delimiter) if any(map(str.strip, cells))]
    if not table:
        return [], Counter()
    names = header_of(table)
    if names is None:
        names = invented_names(table)
    else:
        table = table[1:]
    rows: list[NumberedRow] = []
    skipped: Counter[str] = Counter()
    for number, cells in enumerate(table):
        if broken and any(map(_SURROGATES.search, cells)):
            skipped["invalid_utf8"] += 1
        elif len(cells) != len(names):
            skipped["wrong_number_of_columns"] += 1
        else:
            rows.append((number, dict(zip(names, cells, strict=True))))
    return rows, skipped


def _cells(text: str, delimiter: str) -> list[list[str]]:
    if delimiter == "\t" and not re.search(r'(?:^|\t)"(?:[^"]|"")*"(?:\t|\r?$)', text, re.MULTILINE):
        # without quoted cells a lone quotation mark is text: it must not swallow the lines that follow
        return [line.split("\t") for line in text.replace("\r\n", "\n").split("\n")]
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def header_of(table: list[list[str]]) -> list[str] | None:
    """The column names in the first row; None where that row is already data."""
    first = [cell.strip() for cell in table[0]]
    if any(cell.lower() in HEADER_NAMES for cell in first):
        return first
    looks_named = len(first) > 1 and all(map(_IDENTIFIER.fullmatch, first)) and len(set(first)) == len(first)
    same_as_data = _MARK.fullmatch(first[-1]) is not None
    return first if looks_named and not same_as_data and len(table) > 1 else None


def invented_names(table: list[list[str]]) -> list[str]:
    """Column names for a table without a header, from what stands in its columns."""
    width = Counter(map(len, table)).most_common(1)[0][0]
    marks = sum(len(cells) == width and _MARK.fullmatch(cells[-1].strip()) is not None for cells in table)
    if 4 <= width <= 12 and marks > 0.9 * len(table):
        return ["question", *(chr(ord("A") + choice) for choice in range(width - 2)), "answer"]
    if width == 2:
        return ["question", "answer"]
    if width == 1:
        return ["question"]
    return [f"column_{column}" for column in range(width)]
