"""The exceptions of this package; each knows the exit code it ends the command with.

    AuditorError                  2   base of everything raised on purpose
    ├── InputError                2   what was given cannot be used as it is
    │   ├── UnknownBenchmarkError 2   a benchmark name that is neither in the catalog nor a path
    │   ├── BenchmarkFormatError  2   a benchmark file whose rows fit no known shape
    │   ├── SourceError           2   a training source that cannot be opened at all
    │   ├── NoRecordsError        2   every source was read and there was nothing in them
    │   └── IndexVersionError     2   an index or a run directory made by another version
    ├── FetchError                2   a benchmark that cannot be fetched, or whose cached copy is damaged
    ├── MissingExtraError         2   an optional dependency is not installed
    ├── OutputError               2   the output directory cannot be written
    └── IncompleteAuditError      3   the audit ran, but not over everything it was asked to read

Every message says what is wrong, where, and what to do about it.
"""

from __future__ import annotations


class AuditorError(Exception):
    """Base of all errors raised on purpose. `exit_code` is what the command line ends with."""

    exit_code = 2


class InputError(AuditorError):
    """Something that the user gave cannot be used as it is."""


class UnknownBenchmarkError(InputError):
    """A benchmark name that is neither in the catalog nor an existing path."""


class BenchmarkFormatError(InputError):
    """A benchmark file whose rows fit no known shape."""


class SourceError(InputError):
    """A training source that cannot be opened or recognised at all.

    Args:
        message: what is wrong, where, and what to do about it.
        reason: the reason code of the skip that it is when other sources are read on.
    """

    def __init__(self, message: str, reason: str = "unreadable") -> None:
        super().__init__(message)
        self.reason = reason


class NoRecordsError(InputError):
    """The sources were read and held no records; an audit of nothing is not a clean audit."""


class IndexVersionError(InputError):
    """A saved index or run directory that another version of the format wrote."""


class FetchError(AuditorError):
    """A benchmark that cannot be fetched from the hub, or whose copy in the cache is damaged."""


class MissingExtraError(AuditorError):
    """An optional dependency is needed and not installed.

    Args:
        what: the thing that needs it, as the user knows it, such as "hf:// URLs".
        extra: the extra of this package that brings it, such as "hub".
    """

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional dependency: pip install 'auditor[{extra}]'")
        self.extra = extra


class OutputError(AuditorError):
    """The output cannot be written: a full disk, a read-only directory, a directory of another run."""


class IncompleteAuditError(AuditorError):
    """The audit could not read everything it was asked to read."""

    exit_code = 3
