"""Bytes of the files that leaderboards come in, with limits, and rows turned into columns."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from auditor.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MAX_BYTES = 512_000_000
"""A table of 100,000 models is 30 MB; ten times the largest board known, and still no threat to memory."""
MAX_RESULT_BYTES = 64_000_000
"""One result file or model card in a directory of them."""


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """First `limit` bytes of a file. Raises SourceError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from error


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def columns_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows as columns; a key that a row has not is None there. Order of first appearance."""
    columns: dict[str, list[Any]] = {}
    for count, row in enumerate(rows):
        for key, value in row.items():
            if key not in columns:
                columns[key] = [None] * count
            columns[key].append(value)
        if len(row) != len(columns):
            for cells in columns.values():
                if len(cells) <= count:
                    cells.append(None)
    return columns
