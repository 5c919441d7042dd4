"""From what the user named (files, directories, globs, URLs) to the sources to read, each once, in a fixed order."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import SourceError
from auditor.sources import remote
from auditor.sources.redaction import is_url, without_credentials
from auditor.types import Skip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.sources.options import ReadOptions

EXTENSIONS = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".txt": "txt",
    ".text": "txt",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
}
"""Extensions that name a format."""

COMPRESSIONS = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd"}
"""Extensions that name a compression, on top of another or alone."""

NOT_DATA = frozenset(
    {"readme.md", "readme.txt", "readme", "license", "license.txt", "license.md", "dataset_infos.json"}
    | {"dataset_info.json", "dataset_dict.json", "state.json", "croissant.json", "notice", "notice.txt", "_success"}
)
"""Names, in lower case, of files beside data sets that hold no records."""

CLEAN_LOGS = ("removed.jsonl", "summary.json")
"""What `auditor clean` writes beside the training set: of no interest where that is scanned again."""
CLEAN_MARKS = (b'"tool": "auditor"', b'"command": "clean"')
"""Both stand in the first bytes of its summary; a file that only has the name is read like any other."""

GLOB_MARKS = "*?["


@dataclass(frozen=True, slots=True)
class Source:
    """One file to read."""

    name: str
    """As the user named it (below a directory: that path joined with the file's), without credentials."""
    location: str = field(repr=False)
    """Local path, or URL with all that is needed to open it. Not for printing: it may hold credentials."""
    size: int | None
    """Bytes as stored, where that is known."""
    format: str | None = None
    """Format that the name tells; None where only the contents can."""
    version: str = ""
    """What tells a remote file from one that takes its place, such as its ETag; empty where its store says nothing."""

    @property
    def is_remote(self) -> bool:
        """Whether `location` is a URL."""
        return is_url(self.location)


def discover(train: Sequence[str | os.PathLike[str]], options: ReadOptions) -> tuple[list[Source], list[Skip]]:
    """The sources that the arguments name, sorted by name, each file once; and what was left out, with its reason.

    Files below directories, and those that a glob matches, are taken by extension; others there are skips
    ("unknown_format"). A file that is named itself is always taken: its contents tell the format.

    Raises:
        SourceError: no such file; a glob that matches nothing; a directory without data; a URL that cannot be listed.
        MissingExtraError: a URL whose file system is not installed.
    """
    found: dict[str, Source] = {}
    paths = RealPaths()
    skips: list[Skip] = []
    for argument in train:
        text = os.fspath(argument)
        if text.startswith("file://"):
            text = remote.local_path(text)
        for source in _expand(text, options, skips):
            key = source.location if source.is_remote else paths.of(source.location)
            if key not in found or source.name < found[key].name:
                found[key] = source
    shown = [replace(skip, source=shown_name(skip.source), detail=shown_name(skip.detail)) for skip in skips]
    unique = dict.fromkeys(sorted(shown, key=lambda skip: (skip.source, skip.reason, skip.detail)))
    return sorted(found.values(), key=lambda source: source.name), list(unique)


class RealPaths:
    """`os.path.realpath` of many files: each folder is looked at once."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def of(self, path: str) -> str:
        """The path without symbolic links."""
        if os.path.islink(path):  # noqa: PTH114
            return os.path.realpath(path)
        folder, name = os.path.split(path)
        if name in ("", ".", ".."):
            return os.path.realpath(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.join(self._folders[folder], name)  # noqa: PTH118


def _expand(text: str, options: ReadOptions, skips: list[Skip]) -> Iterator[Source]:
    if is_url(text):
        yield from _expand_url(text, options, skips)
        return
    path = os.path.expanduser(text)  # noqa: PTH111 - "./x" must stay "./x" in results
    if os.path.isdir(path):  # noqa: PTH112
        yield from _directory(path, options, skips)
    elif os.path.lexists(path):
        yield _local(path)
    elif any(mark in path for mark in GLOB_MARKS):
        yield from _glob(path, options, skips)
    else:
        raise SourceError(_no_such_file(path))


def _local(path: str) -> Source:
    """A file that was named. Raises SourceError for what can never be read."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError as error:
        if os.path.islink(path):  # noqa: PTH114
            raise SourceError(f"{path} is a symbolic link to nothing; name the file itself") from None
        raise SourceError(f"cannot look at {path}: {error.strerror}; check the permissions of its directory") from None
    kind = status.st_mode & 0o170000
    if kind == 0o100000:
        return Source(shown_name(path), path, status.st_size, format_of(path))
    if kind == 0o010000:
        return Source(shown_name(path), path, None, format_of(path))
    raise SourceError(f"{path} is no file but a device or a socket; name a file, a directory, a glob or a pipe")


def shown_name(path: str) -> str:
    """A path as it can be written: bytes of it that are no UTF-8 as \\xff, so that two names stay two."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _glob(pattern: str, options: ReadOptions, skips: list[Skip]) -> Iterator[Source]:
    matches = sorted(glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not matches:
        raise SourceError(f"the glob {pattern} matches no file; quote it, and check the directory before the first *")
    sources: list[Source] = []
    tally = Tally(pattern)
    for path in matches:
        if os.path.isdir(path):  # noqa: PTH112
            sources.extend(_walk(path, options, skips, Tally(path)))
        elif tally.takes(os.path.basename(path), path, options, skips) and not _is_clean_log(path, skips):  # noqa: PTH119
            sources.append(_local(path))
    tally.report(skips)
    if not sources:
        raise SourceError(f"the glob {pattern} matches {len(matches)} names but no data file; {known_extensions()}")
    yield from sources


class Tally:
    """Counts the files of one directory or glob that are passed over because they hold no records."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ignored: list[str] = []

    def takes(self, basename: str, name: str, options: ReadOptions, skips: list[Skip]) -> bool:
        """Whether to read a file; where not, it is counted, or a skip is added."""
        if basename.startswith(".") or basename.lower() in NOT_DATA:
            self.ignored.append(basename)
            return False
        if options.format is None and not has_known_extension(basename):
            skips.append(Skip(name, "unknown_format", detail=f"unknown extension; {known_extensions()}"))
            return False
        return True

    def report(self, skips: list[Skip]) -> None:
        """Add the one skip that counts them."""
        if self.ignored:
            shown = ", ".join(sorted(set(self.ignored))[:5])
            skips.append(Skip(self.name, "ignored_file", detail=f"{len(self.ignored)} hidden or not data: {shown}"))


def _directory(path: str, options: ReadOptions, skips: list[Skip]) -> Iterator[Source]:
    tally = Tally(path)
    before = len(skips)
    sources = _walk(path, options, skips, tally)
    if not sources:
        seen = len(skips) - before
        raise SourceError(
            f"the directory {path} holds no data file ({seen} skips: other formats, unreadable); {known_extensions()}"
        )
    yield from sources


def _walk(root: str, options: ReadOptions, skips: list[Skip], tally: Tally) -> list[Source]:
    """Data files below a directory, in sorted order; symbolic links that lead out of it are not followed."""
    real_root = os.path.realpath(root)
    sources: list[Source] = []

    def unreadable(error: OSError) -> None:
        skips.append(Skip(str(error.filename), "unreadable_directory", detail=error.strerror or ""))

    for folder, folders, files in os.walk(root, onerror=unreadable):
        folders.sort()
        for name in [name for name in folders if name.startswith(".")]:
            folders.remove(name)
            tally.ignored.append(name)
        for name in folders:
            path = os.path.join(folder, name)  # noqa: PTH118
            if os.path.islink(path) and not _inside(path, real_root):  # noqa: PTH114
                skips.append(Skip(path, "symlink_outside", detail="leads out of the directory; name it yourself"))
        for name in sorted(files):
            path = os.path.join(folder, name)  # noqa: PTH118
            if not tally.takes(name, path, options, skips):
                continue
            # no folder below is a link that is followed
            if os.path.islink(path) and not _inside(path, real_root):  # noqa: PTH114
                skips.append(Skip(path, "symlink_outside", detail="leads out of the directory; name it yourself"))
            elif not os.path.isfile(path):  # noqa: PTH113
                skips.append(Skip(path, "not_a_file", detail="a broken link, a pipe, a device or a socket"))
            elif not _is_clean_log(path, skips):
                sources.append(_local(path))
    tally.report(skips)
    return sources


def _is_clean_log(path: str, skips: list[Skip]) -> bool:
    """Whether a file is the log of `auditor clean` beside the training set that it wrote; if so, a skip is added."""
    folder, name = os.path.split(path)
    if name not in CLEAN_LOGS:
        return False
    try:
        with open(os.path.join(folder, "summary.json"), "rb") as file:  # noqa: PTH118, PTH123
            head = file.read(200)
    except OSError:
        return False
    if not all(mark in head for mark in CLEAN_MARKS):
        return False
    skips.append(Skip(path, "own_output", detail="written by auditor clean beside this training set"))
    return True


def _inside(path: str, real_root: str) -> bool:
    return os.path.commonpath([os.path.realpath(path), real_root]) == real_root


def _expand_url(url: str, options: ReadOptions, skips: list[Skip]) -> Iterator[Source]:
    """Sources of a URL: itself, or the files below it, or those that its glob matches."""
    listing = remote.list_url(url)
    if listing.exact:
        (file,) = listing.files
        yield Source(file.name, file.url, file.size, format_of(file.path), file.version)
        return
    name = without_credentials(url)
    tally = Tally(name)
    count = 0
    for file in listing.files:
        if tally.takes(file.path.rsplit("/", 1)[-1], file.name, options, skips):
            count += 1
            yield Source(file.name, file.url, file.size, format_of(file.path), file.version)
    tally.report(skips)
    if not count:
        raise SourceError(f"{name} holds no data file ({len(listing.files)} of other kinds); {known_extensions()}")


def format_of(path: str) -> str | None:
    """The format that a file's name tells, below the extension of a compression; None where it tells none."""
    name = path.rsplit("/", 1)[-1].lower()
    stem, extension = os.path.splitext(name)  # noqa: PTH122
    if extension in COMPRESSIONS:
        extension = os.path.splitext(stem)[1]  # noqa: PTH122
    return EXTENSIONS.get(extension)


def has_known_extension(path: str) -> bool:
    """Whether a file's name tells a format, or a compression with who knows what inside."""
    extension = os.path.splitext(path.lower())[1]  # noqa: PTH122
    stem = os.path.splitext(path.lower())[0]  # noqa: PTH122
    inner = os.path.splitext(stem)[1]  # noqa: PTH122
    return extension in EXTENSIONS or (extension in COMPRESSIONS and (inner in EXTENSIONS or not inner))


def known_extensions() -> str:
    """A sentence that lists the extensions that are read."""
    return f"read are {' '.join(EXTENSIONS)}, and .gz and .zst of the text ones"


def _no_such_file(path: str) -> str:
    folder = Path(path).parent
    if not folder.is_dir():
        return f"no such file: {path} (nor is there a directory {folder}); check the path"
    near = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))[:5]
    return f"no such file: {path}; check the path ({folder} holds {', '.join(near) or 'nothing'})"
