"""Tables: CSV and TSV, JSON (rows, lines, columns, or keyed by model), Parquet."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import orjson

from auditor.errors import InputError, SourceError
from auditor.scores.loaders.files import MAX_BYTES, columns_of, read_bytes, sha256_of
from auditor.scores.table import RawTable
from auditor.types import Skip

if TYPE_CHECKING:
    from pathlib import Path

MAX_COLUMNS = 20_000


def _decode(data: bytes, path: Path) -> str:
    for encoding in ("utf-8-sig", "utf-16") if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig",):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    if b"\x00" in data[:4096]:
        raise InputError(f"{path}: binary data, neither Parquet nor text")
    # spreadsheets still write this one; its every byte is a character, so nothing is lost
    return data.decode("cp1252", errors="replace")


def _unique(headers: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    found = []
    for number, header in enumerate(headers):
        name = header.strip() or f"unnamed {number + 1}"
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} [{seen[name]}]")
    return found


def read_csv(path: Path) -> RawTable:
    """A CSV or TSV with a header row; the delimiter is the one that the header has most of."""
    data = read_bytes(path)
    text = _decode(data, path)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t|", key=first.count)
    csv.field_size_limit(10_000_000)
    skips: list[Skip] = []
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        header = next(reader, [])
        if len(header) < 2:
            raise InputError(f"{path}: neither JSON, Parquet nor a table with a header row of two or more columns")
        if len(header) > MAX_COLUMNS:
            raise InputError(f"{path}: {len(header):,} columns; at most {MAX_COLUMNS:,} are read")
        names = _unique(header)
        rows: list[list[str]] = []
        for number, row in enumerate(reader):
            if len(row) == len(names):
                rows.append(row)
            elif row:
                skips.append(Skip(str(path), "wrong_number_of_columns", number, f"{len(row)} of {len(names)}"))
    except csv.Error as error:
        raise InputError(f"{path}: not a readable CSV: {error}") from error
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)) if rows else {n: [] for n in names}
    return RawTable(columns, str(path), sha256_of(data), "CSV", tuple(skips))


def _from_lines(data: bytes, path: Path) -> tuple[list[dict[str, Any]], list[Skip]]:
    rows: list[dict[str, Any]] = []
    skips: list[Skip] = []
    for number, line in enumerate(data.splitlines()):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            skips.append(Skip(str(path), "invalid_json", number, str(error)))
            continue
        if isinstance(row, dict):
            rows.append(row)
        else:
            skips.append(Skip(str(path), "not_an_object", number, str(line[:80])))
    if not rows:
        raise InputError(f"{path}: not JSON, and none of its lines is a JSON object")
    return rows, skips


def _columnar(document: dict[str, Any]) -> dict[str, list[Any]] | None:
    """A document of equally long lists, or of pandas' {column: {row: value}}."""
    values = list(document.values())
    if len(values) >= 2 and all(isinstance(v, list) for v in values) and len({len(v) for v in values}) == 1:
        return document
    if len(values) >= 2 and all(isinstance(v, dict) for v in values):
        keys = list(values[0])
        if keys and all(k.isdigit() for k in keys) and all(list(v) == keys for v in values):
            return {name: list(column.values()) for name, column in document.items()}
    return None


def read_json_table(path: Path) -> RawTable:
    """JSON of any shape that this project knows; see `auditor.scores.loaders`."""
    from auditor.scores.loaders.entries import read_document

    data = read_bytes(path, MAX_BYTES)
    digest = sha256_of(data)
    skips: list[Skip] = []
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        rows, skips = _from_lines(data, path)
        return RawTable(columns_of(rows), str(path), digest, "JSON lines", tuple(skips))
    if isinstance(document, dict):
        for key in ("rows", "data", "results", "leaderboard", "models"):
            inner = document.get(key)
            if isinstance(inner, list) and inner and all(isinstance(r, dict) for r in inner):
                document = [
                    r["row"] if set(r) >= {"row", "row_idx"} and isinstance(r["row"], dict) else r for r in inner
                ]
                break
    if isinstance(document, list):
        rows = [r for r in document if isinstance(r, dict)]
        skips = [Skip(str(path), "not_an_object", i) for i, r in enumerate(document) if not isinstance(r, dict)]
        if not rows:
            raise InputError(f"{path}: a JSON array without objects; a table is an array of one object for each model")
        return RawTable(columns_of(rows), str(path), digest, "JSON", tuple(skips))
    if not isinstance(document, dict):
        raise InputError(f"{path}: JSON, but neither an object nor an array")
    if (columns := _columnar(document)) is not None:
        return RawTable(columns, str(path), digest, "JSON columns")
    return read_document(document, path, digest)


def read_parquet(path: Path) -> RawTable:
    """A Parquet file, whatever its name ends with."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = read_bytes(path)
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        if len(file.schema_arrow) > MAX_COLUMNS:
            raise InputError(f"{path}: {len(file.schema_arrow):,} columns; at most {MAX_COLUMNS:,} are read")
        table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{path}: begins like a Parquet file and cannot be read as one: {error}") from error
    names = _unique([str(n) for n in table.column_names])
    notes = () if path.suffix.lower() == ".parquet" else (f"{path.name} is a Parquet file in spite of its name",)
    columns = {name: table.column(i).to_pylist() for i, name in enumerate(names)}
    return RawTable(columns, str(path), sha256_of(data), "Parquet", (), notes)
