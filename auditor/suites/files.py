"""Benchmark files: find them, undo their compression, and give their rows; each container in one place.

Benchmarks are small (the largest in common use are some hundred megabytes), so that a file is read whole here, unlike
training sets, which never are.
"""

from __future__ import annotations

import glob
import gzip
import io
import re
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import BenchmarkFormatError, UnknownBenchmarkError
from auditor.suites.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.suites.fields import NumberedRow

TEXT_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv")
BINARY_SUFFIXES = (".parquet", ".arrow")
TASK_SUFFIXES = (".yaml", ".yml")
COMPRESSIONS = (".gz", ".zst")
LARGEST_CONTENT = 1 << 30
"""Bytes that a compressed file may grow to; more than any benchmark, less than what stops a machine."""

_ROW_KEYS = ("examples", "data", "rows", "items", "questions", "instances", "test", "validation")
_NOT_DATA = re.compile(
    r"(readme|license|licence|changelog|citation|manifest)\b|dataset_infos?\.json|.*\.(md|py|txt)$", re.I
)
_SPLITS = {
    "train": "train",
    "training": "train",
    "dev": "dev",
    "test": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
}
_SPLIT_END = re.compile(r"(?:^|[-_.])(train|training|dev|test|val|valid|validation)$", re.I)
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")
_STEP = 1 << 12
"""Compressed bytes given to zstd at once: a block of it can grow to 32,000 times its size."""


@dataclass(frozen=True, slots=True)
class BenchmarkFile:
    """One file of a benchmark, found but not read."""

    path: Path
    relative: str
    """Path below the directory or glob that was asked for, with forward slashes; the bare name for a single file."""

    @property
    def stem(self) -> str:
        """The name without the suffixes that say what container it is, and without a shard's number."""
        return _SHARD.sub("", _cut(self.path.name)[0])

    @property
    def kind(self) -> str:
        """The container's suffix, such as ".jsonl", whatever the compression; "" where the name says nothing."""
        return _cut(self.path.name)[1]

    @property
    def split(self) -> str:
        """Split that the name or its directory says it is: "test", "validation", "dev", "train"; else ""."""
        found = _SPLIT_END.search(self.stem)
        if found:
            return _SPLITS[found[1].lower()]
        return _SPLITS.get(self.path.parent.name.lower().removeprefix("partial-"), "")

    @property
    def subset(self) -> str:
        """What the name says besides its split: MMLU's "abstract_algebra"; "" for a name that is only a split."""
        return _SPLIT_END.sub("", self.stem) if not self.stem.isdecimal() else ""


@dataclass(slots=True)
class Rows:
    """The rows of one file, and what could not be read of it."""

    rows: list[NumberedRow]
    skipped: Counter[str] = field(default_factory=Counter)


def _cut(name: str) -> tuple[str, str]:
    lower = name.lower()
    for compression in COMPRESSIONS:
        lower = lower.removesuffix(compression)
    for suffix in (*TEXT_SUFFIXES, *BINARY_SUFFIXES, *TASK_SUFFIXES):
        if lower.endswith(suffix):
            return name[: len(lower) - len(suffix)], suffix
    return name[: len(lower)], ""


def find_files(target: str) -> tuple[list[BenchmarkFile], list[str]]:
    """The files that a path, directory or glob names, in a fixed order, and the names of those that are left out.

    Raises UnknownBenchmarkError where there is no such file, BenchmarkFormatError for a directory without any.
    """
    path = Path(target).expanduser()
    if path.is_dir():
        found = sorted(candidate for candidate in path.rglob("*") if candidate.is_file())
        base = path
    elif path.exists():
        return [BenchmarkFile(path, path.name)], []
    else:
        # glob.glob, since Path.glob takes no absolute pattern
        found = sorted(Path(name) for name in glob.glob(str(path), recursive=True) if Path(name).is_file())  # noqa: PTH207
        base = glob_base(path)
        if not found:
            raise UnknownBenchmarkError(f"{target}: no such file, and as a pattern it matches none")
    files: list[BenchmarkFile] = []
    left_out: list[str] = []
    for candidate in found:
        relative = candidate.relative_to(base).as_posix()
        if any(part.startswith(".") for part in candidate.relative_to(base).parts) or _NOT_DATA.match(candidate.name):
            continue
        if _cut(candidate.name)[1]:
            files.append(BenchmarkFile(candidate, relative))
        else:
            left_out.append(relative)
    if not files:
        raise BenchmarkFormatError(
            f"{target}: no benchmark files in it; looked for "
            f"{', '.join((*TEXT_SUFFIXES, *BINARY_SUFFIXES, *TASK_SUFFIXES))} (the text ones also as .gz and .zst)"
        )
    return files, left_out


def glob_base(pattern: Path) -> Path:
    """The directory below which a pattern's matches lie."""
    parts: list[str] = []
    for part in pattern.parts[:-1]:
        if glob.has_magic(part):
            break
        parts.append(part)
    return Path(*parts) if parts else Path()


def read_bytes(path: Path) -> bytes:
    """A file's bytes as they lie on the disk. Raises BenchmarkFormatError where it cannot be read or is empty."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BenchmarkFormatError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not data:
        raise BenchmarkFormatError(f"{path}: the file is empty (0 bytes)")
    return data


def decompressed(data: bytes, path: Path, largest: int = LARGEST_CONTENT) -> bytes:
    """The content of a gzip or zstd file, known by its first bytes; other data as it is.

    Raises BenchmarkFormatError for a file that is cut off, damaged, or larger than `largest` bytes: a benchmark that is
    read in part would let the rest of it pass as clean.
    """
    try:
        if data[:2] == b"\x1f\x8b":
            content = _gunzip(data, largest)
        elif data[:4] == b"\x28\xb5\x2f\xfd":
            content = _unzstd(data, largest)
        else:
            return data
    except EOFError:
        raise BenchmarkFormatError(f"{path}: the compressed file is cut off; get it again") from None
    except (OSError, zlib.error, ValueError) as error:
        raise BenchmarkFormatError(f"{path}: the compressed file is damaged ({error}); get it again") from None
    if len(content) > largest:
        raise BenchmarkFormatError(f"{path}: more than {largest:,} bytes when decompressed; this is no benchmark")
    return content


def _gunzip(data: bytes, largest: int) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        return stream.read(largest + 1)


def _unzstd(data: bytes, largest: int) -> bytes:
    import zstandard

    content = io.BytesIO()
    rest = data
    try:
        while rest:
            frame = zstandard.ZstdDecompressor().decompressobj()
            position = 0
            while not frame.eof:
                if position >= len(rest):
                    raise EOFError
                content.write(frame.decompress(rest[position : position + _STEP]))
                position += _STEP
                if content.tell() > largest:
                    return content.getvalue()
            rest = frame.unused_data + rest[position:]
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from None
    return content.getvalue()


def read_rows(data: bytes, file: BenchmarkFile) -> Rows:
    """The rows of a file's bytes as they lie on the disk.

    Raises BenchmarkFormatError for what is not the container that its name or its first bytes say.
    """
    content = decompressed(data, file.path)
    kind = file.kind
    if content[:4] == b"PAR1" or kind == ".parquet":
        return _parquet(content, file.path)
    if content[:6] == b"ARROW1" or kind == ".arrow":
        return _arrow(content, file.path)
    text_like = content[:2] in {b"\xff\xfe", b"\xfe\xff"}
    if b"\x00" in content[:8192] and not text_like:
        raise BenchmarkFormatError(f"{file.path}: is binary data, not {kind or 'text'}")
    if kind in {".csv", ".tsv"}:
        rows, skipped = read_table(content, "\t" if kind == ".tsv" else ",")
        return Rows(rows, skipped)
    if kind in {".json", ".jsonl", ".ndjson"} or content.lstrip()[:1] in {b"{", b"["}:
        return _json(content, file.path, lines=kind != ".json")
    raise BenchmarkFormatError(
        f"{file.path}: the name does not say what it is; use one of {', '.join((*TEXT_SUFFIXES, *BINARY_SUFFIXES))}"
    )


def _json(content: bytes, path: Path, *, lines: bool) -> Rows:
    content = content.removeprefix(b"\xef\xbb\xbf")
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        content = content.decode("utf-16", errors="replace").encode()
    if not lines or content.lstrip()[:1] == b"[":
        whole, problem = parse_json(content)
        if problem is None:
            return _rows_of_value(whole, path)
        if b"\n" not in content.strip():
            raise BenchmarkFormatError(f"{path}: is not JSON: {problem}")
    rows: list[NumberedRow] = []
    skipped: Counter[str] = Counter()
    number = 0
    for line in content.split(b"\n"):
        if not line.strip():
            continue
        value, problem = parse_json(line)
        if problem is not None:
            skipped["invalid_utf8" if problem == "invalid UTF-8" else "invalid_json"] += 1
        elif isinstance(value, dict):
            rows.append((number, value))
        else:
            skipped["not_an_object"] += 1
        number += 1
    if not rows and number:
        reasons = ", ".join(f"{reason}: {count}" for reason, count in sorted(skipped.items()))
        raise BenchmarkFormatError(f"{path}: none of its {number} lines is a JSON object ({reasons})")
    return Rows(rows, skipped)


def parse_json(data: bytes) -> tuple[Any, str | None]:
    """A JSON value and None, or None and the problem. NaN and lone surrogates, which real files hold, are let through.

    A lone surrogate becomes U+FFFD, so that the text can be written out again.
    """
    import orjson

    try:
        return orjson.loads(data), None
    except orjson.JSONDecodeError as error:
        problem = str(error)
    import json

    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None, "invalid UTF-8"
    try:
        return _without_surrogates(json.loads(text)), None
    except (ValueError, RecursionError):
        return None, problem


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_surrogates(member) for member in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(member) for key, member in value.items()}
    return value


def _rows_of_value(value: Any, path: Path) -> Rows:
    if isinstance(value, dict):
        inner = next((value[key] for key in _ROW_KEYS if isinstance(value.get(key), list)), None)
        if inner is None and value and all(isinstance(member, dict) for member in value.values()):
            inner = [{"id": key} | member for key, member in value.items()]
        value = [value] if inner is None else inner
    if not isinstance(value, list):
        raise BenchmarkFormatError(f"{path}: holds one JSON {type(value).__name__}, not rows")
    rows = [(number, row) for number, row in enumerate(value) if isinstance(row, dict)]
    skipped = Counter({"not_an_object": len(value) - len(rows)} if len(rows) < len(value) else {})
    return Rows(rows, skipped)


def _parquet(content: bytes, path: Path) -> Rows:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(content)).read()
    except (pyarrow.ArrowException, OSError) as error:
        raise BenchmarkFormatError(f"{path}: is not a whole Parquet file: {_first_line(error)}") from None
    return _arrow_rows(table)


def _arrow(content: bytes, path: Path) -> Rows:
    import pyarrow

    # the IPC file format, then the stream format, in which the `datasets` library keeps its cache
    problem: Exception | None = None
    for opened in (pyarrow.ipc.open_file, pyarrow.ipc.open_stream):
        try:
            return _arrow_rows(opened(pyarrow.BufferReader(content)).read_all())
        except (pyarrow.ArrowException, OSError) as error:
            problem = error
    raise BenchmarkFormatError(f"{path}: is not a whole Arrow file: {_first_line(problem)}")


def _arrow_rows(table: Any) -> Rows:
    return Rows(list(enumerate(table.to_pylist())))


def _first_line(error: object) -> str:
    return str(error).partition("\n")[0][:200]


def field_names(rows: Sequence[NumberedRow], most: int = 40) -> list[str]:
    """Names of the fields in the first rows, for an error that says what is there."""
    names = dict.fromkeys(str(name) for _, row in rows[:50] for name in row)
    return [*list(names)[:most], *(["…"] if len(names) > most else [])]
