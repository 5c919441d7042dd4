"""URLs through fsspec: listing, opening, and names that show no credentials."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from auditor.errors import MissingExtraError, SourceError
from auditor.sources.raw import describe

PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "http": "aiohttp",
    "https": "aiohttp",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "az": "adlfs",
    "sftp": "paramiko",
    "ssh": "paramiko",
}
"""The package that a URL's file system needs beside fsspec."""

WEB = ("http", "https")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file behind a URL."""

    name: str
    """URL without credentials."""
    url: str
    """URL to open it by."""
    path: str
    """Path part, whose end is the file's name."""
    size: int | None


@dataclass(frozen=True, slots=True)
class Listing:
    """What a URL stands for."""

    files: tuple[RemoteFile, ...]
    exact: bool
    """Whether the URL names one file itself."""


def is_url(text: str) -> bool:
    """Whether a name has a protocol."""
    return _URL.match(text) is not None


def local_path(url: str) -> str:
    """The path of a file:// URL."""
    return unquote(url[len("file://") :]) if "%" in url else url[len("file://") :]


def without_credentials(url: str) -> str:
    """A URL without user, password, fragment and query; a query leaves a short hash, so that two stay apart.

    Queries go whole: presigned URLs hold the signature there, under names that differ from store to store.
    """
    scheme, _, rest = url.partition("://")
    path, _, query = rest.partition("?")
    host, slash, path = path.partition("/")
    if scheme.lower() in WEB:
        path = path.partition("#")[0]
    mark = f"?…{hashlib.sha256(query.encode()).hexdigest()[:8]}" if query else ""
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}{mark}"


def file_system(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it. Raises SourceError or MissingExtraError."""
    import fsspec

    protocol = url.split("://", 1)[0].lower()
    try:
        system, path = fsspec.core.url_to_fs(url)
    except ImportError:
        if protocol == "hf":
            raise MissingExtraError("hf:// URLs", "hub") from None
        package = PACKAGES.get(protocol)
        hint = f"pip install {package}" if package else "install the package that brings it"
        raise SourceError(f"{protocol}:// URLs need another package: {hint}") from None
    except ValueError as error:
        raise SourceError(f"cannot use {without_credentials(url)}: {_clean(error, url)}; check the protocol") from None
    except Exception as error:  # a remote file system raises what it likes
        raise unreachable(url, error) from None
    return system, path


def list_url(url: str) -> Listing:
    """The files that a URL stands for, sorted. Raises SourceError or MissingExtraError."""
    system, path = file_system(url)
    is_web = url.partition("://")[0].lower() in WEB
    try:
        if "*" in path.partition("?")[0]:
            found = system.glob(path, detail=True)
            if not found:
                raise SourceError(
                    f"the glob {without_credentials(url)} matches no file; check the path before the first *"
                )
        elif not is_web and system.isdir(path):
            found = system.find(path, detail=True)
        else:
            info = system.info(path)
            return Listing(
                (RemoteFile(without_credentials(url), url, path.partition("?")[0], _size(info)),), exact=True
            )
    except SourceError:
        raise
    except FileNotFoundError:
        raise SourceError(f"no such file: {without_credentials(url)}; check the URL") from None
    except Exception as error:  # a remote file system raises what it likes
        raise unreachable(url, error) from None
    files = []
    for name, info in sorted(found.items()):
        if info.get("type") == "file":
            full = _url_of(name, url)
            files.append(RemoteFile(without_credentials(full), full, name, _size(info)))
    return Listing(tuple(files), exact=False)


def _url_of(name: str, url: str) -> str:
    """The URL of a file that was listed below a URL: file systems give paths with the bucket, without the host."""
    if is_url(name):
        return name
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0]
    path = name.lstrip("/").removeprefix(host.rpartition("@")[2] + "/")
    return f"{scheme}://{host}/{path}"


def open_url(url: str) -> tuple[Any, int | None]:
    """An open binary file and its size, where that is known. Raises SourceError or MissingExtraError."""
    system, path = file_system(url)
    try:
        file = system.open(path, "rb")
        return file, getattr(file, "size", None)
    except FileNotFoundError:
        raise SourceError(f"no such file: {without_credentials(url)}; check the URL") from None
    except Exception as error:  # a remote file system raises what it likes
        raise unreachable(url, error) from None


def unreachable(url: str, error: BaseException) -> SourceError:
    """The error for a URL that cannot be listed or opened."""
    return SourceError(
        f"cannot open {without_credentials(url)}: {_clean(error, url)}; check the URL, the network and your credentials"
    )


def _clean(error: BaseException, url: str) -> str:
    """An exception's text without the URL's credentials in it."""
    return describe(error).replace(url, without_credentials(url))


def _size(info: dict[str, Any]) -> int | None:
    size = info.get("size")
    return int(size) if size is not None else None
