"""The files of a run, written whole or not at all, and read back with errors that say what is wrong.

matches.jsonl   one row for each (record, item, detector)
findings.json   what a person acts on
summary.json    what was read, skipped, indexed and decided, with the configuration
report.md       the same for people (see `auditor.report.markdown`)
"""

from __future__ import annotations

import errno
import os
import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from auditor import __version__
from auditor.errors import IndexVersionError, InputError, OutputError
from auditor.types import Finding, Match

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

SCHEMA_VERSION = 1
"""Of findings.json and summary.json; a reader refuses another one."""
MATCHES, FINDINGS, SUMMARY, REPORT = "matches.jsonl", "findings.json", "summary.json", "report.md"

_FIXES = {
    errno.ENOSPC: "the disk is full; free some space or give another directory with -o",
    errno.EFBIG: "a file may not grow that large here; give another directory with -o",
    errno.EDQUOT: "the disk quota is used up; free some space or give another directory with -o",
    errno.EROFS: "the file system is read-only; give another directory with -o",
    errno.EACCES: "there is no permission to write there; give another directory with -o",
    errno.EPERM: "there is no permission to write there; give another directory with -o",
    errno.ENOTDIR: "a part of the path is a file; give another directory with -o",
    errno.EEXIST: "a file of that name is in the way; give another directory with -o",
    errno.EISDIR: "a directory of that name is in the way; remove it or give another directory with -o",
    errno.ENAMETOOLONG: "the name is too long for this file system; give a shorter one with -o",
}


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run, as `auditor report` reads it back."""

    directory: Path
    summary: Mapping[str, Any]
    findings: Sequence[Finding]
    """A tuple, or a sequence in a temporary file where there are more than `auditor.spill.IN_MEMORY`."""
    command: str
    """The command that made it, such as "scan"."""
    matches_path: Path | None
    """`matches.jsonl`, for `read_matches`; None where the command writes none."""


def write_matches(path: str | os.PathLike[str], matches: Iterable[Match], *, in_order: bool = False) -> int:
    """Write `matches.jsonl`, sorted by source, row, field, benchmark, split, item and detector; return how many.

    With `in_order` they are sorted already, and written as they come.

    Raises:
        OutputError: the file cannot be written.
    """
    written = 0
    with _atomic(Path(path)) as file:
        # those of a scan are in order, and may be more than there is memory for
        for match in matches if in_order else sorted(matches, key=match_order):
            file.write(json_bytes(match.to_json()) + b"\n")
            written += 1
    return written


def match_order(match: Match) -> tuple[Any, ...]:
    """Sort key of `matches.jsonl`."""
    return (
        match.source,
        match.row,
        match.field,
        match.benchmark,
        match.split,
        match.item_id,
        match.detector,
        match.train_span,
        match.item_span,
    )


def write_findings(path: str | os.PathLike[str], findings: Iterable[Finding], *, command: str) -> None:
    """Write `findings.json`, in the order given; it holds no time and no machine, so equal runs give equal bytes.

    Args:
        path: the file.
        findings: of any command.
        command: the command that made them, such as "scan" or "scores".

    Raises:
        OutputError: the file cannot be written.
    """
    document = {
        "schema_version": SCHEMA_VERSION,
        "tool": "auditor",
        "version": __version__,
        "command": command,
        "findings": [],
    }
    head, tail = (json_bytes(document, indent=True) + b"\n").rsplit(b"[]", 1)
    with _atomic(Path(path)) as file:
        # one by one: there may be more than there is memory for
        file.write(head + b"[")
        separator = b"\n    "
        for finding in findings:
            # no line feed stands in a JSON string, so what is nested is only moved to the right
            file.write(separator + json_bytes(finding.to_json(), indent=True).replace(b"\n", b"\n    "))
            separator = b",\n    "
        file.write((b"]" if separator == b"\n    " else b"\n  ]") + tail)


def write_summary(path: str | os.PathLike[str], summary: Mapping[str, Any]) -> None:
    """Write `summary.json`: the mapping's keys in its order, behind the schema's version.

    Raises:
        OutputError: the file cannot be written.
    """
    write_json(path, {"schema_version": SCHEMA_VERSION, "tool": "auditor", **summary})


def write_json(path: str | os.PathLike[str], document: Mapping[str, Any]) -> None:
    """Write an indented JSON file; raises OutputError."""
    with _atomic(Path(path)) as file:
        file.write(json_bytes(document, indent=True) + b"\n")


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a UTF-8 text file with line feeds on every system; raises OutputError."""
    with _atomic(Path(path)) as file:
        file.write(text.encode("utf-8", "replace"))


def make_directory(path: str | os.PathLike[str]) -> Path:
    """Make an output directory with its parents, or use the one there; raises OutputError."""
    directory = Path(path)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(directory, error) from error
    return directory


def read_matches(path: str | os.PathLike[str]) -> Iterator[Match]:
    """The matches of a `matches.jsonl`, one at a time.

    Raises:
        InputError: the file cannot be read, or a line of it is not a match.
    """
    path = Path(path)
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; give the matches.jsonl of a finished scan") from error
    with file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _match(line, path, number)


def read_run(directory: str | os.PathLike[str]) -> Run:
    """A finished run from its directory.

    Raises:
        InputError: it is not the directory of a run, or a file of it is broken.
        IndexVersionError: another version of this package wrote it.
    """
    directory = Path(directory)
    if not directory.is_dir():
        what = "is a file" if directory.exists() else "does not exist"
        raise InputError(f"{directory} {what}; give the directory that `auditor scan -o DIR` wrote")
    missing = [name for name in (SUMMARY, FINDINGS) if not (directory / name).is_file()]
    if missing:
        raise InputError(
            f"{directory} is not the directory of a finished run: it has no {' and no '.join(missing)}; "
            "give the directory that `auditor scan -o DIR` wrote, or finish that run with --resume"
        )
    summary = read_document(directory / SUMMARY)
    try:
        document, findings = _findings_as_written(directory / FINDINGS) or _all_findings(directory / FINDINGS)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{directory / FINDINGS} holds something that is not a finding ({_said(error)}); run the audit again"
        ) from error
    matches = directory / MATCHES
    return Run(
        directory=directory,
        summary=summary,
        findings=findings,
        command=str(document.get("command", "scan")),
        matches_path=matches if matches.is_file() else None,
    )


def _all_findings(path: Path) -> tuple[dict[str, Any], Sequence[Finding]]:
    """The document of `findings.json`, and its findings. Raises KeyError, TypeError, ValueError, AttributeError where
    one is none; InputError, IndexVersionError as `read_document`."""
    document = read_document(path)
    return document, tuple(Finding.from_json(row) for row in document["findings"])


def _findings_as_written(path: Path) -> tuple[dict[str, Any], Sequence[Finding]] | None:
    """The same without holding them all; None for a file that `write_findings` did not lay out, or that is broken."""
    import orjson

    from auditor.spill import kept_findings

    rest: list[bytes] = []

    def rows(file: IO[bytes]) -> Iterator[Finding]:
        within, may_follow, row = False, True, bytearray()
        for line in file:
            if within and (row or line == b"    {\n") and may_follow:
                row += line
                if line in (b"    },\n", b"    }\n"):
                    yield Finding.from_json(orjson.loads(row.rstrip(b",\n")))
                    may_follow, row = line == b"    },\n", bytearray()
                continue
            rest.append(line)
            within = line == b'  "findings": [\n'
            if len(rest) > _LINES_BESIDE:
                raise ValueError("laid out in another way")
        if row or may_follow:
            raise ValueError("it ends within the findings")

    try:
        with path.open("rb") as file:
            findings = kept_findings(rows(file))
        return _checked(orjson.loads(b"".join(rest)), path), findings
    except (OSError, KeyError, TypeError, ValueError, AttributeError):
        return None


_LINES_BESIDE = 50
"""Lines of `findings.json` beside the findings, at the most."""


def read_document(path: Path) -> dict[str, Any]:
    """A JSON file that this package wrote, such as `summary.json`.

    Raises:
        InputError: it cannot be read, or is not one of ours.
        IndexVersionError: another version of this package wrote it.
    """
    import orjson

    try:
        document = orjson.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise InputError(f"{path} is not valid JSON ({error}); run the audit again") from error
    return _checked(document, path)


def _checked(document: Any, path: Path) -> dict[str, Any]:
    if not isinstance(document, dict) or "schema_version" not in document:
        raise InputError(f"{path} was not written by auditor; give the directory of a finished run")
    if document["schema_version"] != SCHEMA_VERSION:
        raise IndexVersionError(
            f"{path} has schema version {document['schema_version']!r} and this auditor {__version__} reads "
            f"{SCHEMA_VERSION}; run the audit again, or use the auditor that wrote it"
        )
    return document


def _match(line: bytes, path: Path, number: int) -> Match:
    import orjson

    try:
        return Match.from_json(orjson.loads(line))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(
            f"{path}, line {number} is not a match ({_said(error)}); the file was cut or edited: run the scan again"
        ) from error


def _said(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else str(error)


def json_bytes(document: Any, *, indent: bool = False) -> bytes:
    """JSON as it is written everywhere; U+FFFD for what JSON cannot hold, the lone half of a surrogate pair."""
    import orjson

    option = orjson.OPT_SERIALIZE_NUMPY | (orjson.OPT_INDENT_2 if indent else 0)
    try:
        return orjson.dumps(document, option=option)
    except orjson.JSONEncodeError:
        # a lone surrogate is the only thing from outside that JSON cannot hold; looking for it is too slow to do always
        return orjson.dumps(_without_surrogates(document), option=option)


def _without_surrogates(value: Any) -> Any:
    """The same JSON value with each lone surrogate replaced by U+FFFD, which keeps every offset into the text."""
    if isinstance(value, str):
        return re.sub("[\ud800-\udfff]", "\ufffd", value)
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(item) for item in value]
    return value


@contextmanager
def _atomic(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name only when it is whole: no reader sees half of it, and a crash leaves the old one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        _discard(temporary)
        raise output_error(path, error) from error
    except BaseException:
        _discard(temporary)
        raise


def _discard(temporary: Path) -> None:
    with suppress(OSError):  # the error that brought us here is the one to tell
        temporary.unlink()


def output_error(path: Path, error: OSError) -> OutputError:
    """What to say of a file that could not be written."""
    fix = _FIXES.get(error.errno or 0, "give another directory with -o")
    return OutputError(f"cannot write {path}: {error.strerror or error}: {fix}")
