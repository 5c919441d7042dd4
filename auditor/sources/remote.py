"""URLs through fsspec: listing, opening, and names that show no credentials."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from auditor.errors import MissingExtraError, SourceError
from auditor.sources.raw import describe
from auditor.sources.redaction import WEB, is_url, redacted, without_credentials
from auditor.sources.remote_object import RemoteObject, cannot_open, size_of, version_of
from auditor.sources.retries import Retries, Trouble, patiently, trouble

EXTRAS = {"hf": "hub", "s3": "remote", "s3a": "remote", "http": "remote", "https": "remote"}
"""The extra of this package that brings a URL's file system."""
PACKAGES = {
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "az": "adlfs",
    "sftp": "paramiko",
    "ssh": "paramiko",
}
"""The package that a URL's file system needs beside fsspec, where no extra brings it."""

S3 = ("s3", "s3a")

CONNECT_SECONDS, ANSWER_SECONDS = 20, 60
"""How long a server may take to take a connection, and between two parts of an answer."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file behind a URL."""

    name: str
    """URL without credentials."""
    url: str = field(repr=False)
    """URL to open it by."""
    path: str
    """Path part, whose end is the file's name."""
    size: int | None
    version: str
    """What tells it from one that takes its place, see `auditor.sources.remote_object.version_of`."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a URL stands for."""

    files: tuple[RemoteFile, ...]
    exact: bool
    """Whether the URL names one file itself."""


def local_path(url: str) -> str:
    """The path of a file:// URL."""
    return unquote(url[len("file://") :]) if "%" in url else url[len("file://") :]


def file_system(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it. Raises SourceError or MissingExtraError."""
    import fsspec

    protocol = url.split("://", 1)[0].lower()
    try:
        system, path = fsspec.core.url_to_fs(url, **_options(protocol))
    except ImportError:
        if protocol in EXTRAS:
            raise MissingExtraError(f"{protocol}:// URLs", EXTRAS[protocol]) from None
        package = PACKAGES.get(protocol)
        hint = f"pip install {package}" if package else "install the package that brings it"
        raise SourceError(f"{protocol}:// URLs need another package: {hint}") from None
    except ValueError as error:
        said = redacted(describe(error), url)
        raise SourceError(f"cannot use {without_credentials(url)}: {said}; check the protocol") from None
    except Exception as error:  # a remote file system raises what it likes
        raise cannot_open(url, error) from None
    if protocol in S3:
        system.retries = 1
    return system, path


def _options(protocol: str) -> dict[str, Any]:
    """What a file system is made with. Its own retries are off: ours, one above the other, would multiply with them."""
    if protocol in S3:
        waits = {"connect_timeout": CONNECT_SECONDS, "read_timeout": ANSWER_SECONDS}
        return {"config_kwargs": {"retries": {"mode": "standard", "total_max_attempts": 1}, **waits}}
    if protocol in WEB:
        import aiohttp

        # none for the whole: a large file on a slow line is no error
        waiting = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=ANSWER_SECONDS)
        return {"client_kwargs": {"timeout": waiting}}
    return {}


def list_url(url: str) -> Listing:
    """The files that a URL stands for, sorted. Raises SourceError or MissingExtraError."""
    system, path = file_system(url)
    is_web = url.partition("://")[0].lower() in WEB
    retries = Retries.configured()
    glob = "*" in path.partition("?")[0]
    # what an earlier run in this process saw is no answer
    system.invalidate_cache()
    try:
        if glob:
            found = patiently(lambda: system.glob(path, detail=True), retries)
        else:
            info = patiently(lambda: system.info(path), retries)
            if is_web or info["type"] != "directory":
                exact = RemoteFile(
                    without_credentials(url), url, path.partition("?")[0], size_of(info), version_of(info)
                )
                return Listing((exact,), exact=True)
            found = patiently(lambda: system.find(path, detail=True), retries)
    except Exception as error:  # a remote file system raises what it likes
        if not (glob and trouble(error) is Trouble.MISSING):
            raise cannot_open(url, error) from None
        found = {}
    if glob and not found:
        raise SourceError(
            f"the glob {without_credentials(url)} matches no file; check the bucket and the path before the first *"
        )
    files = []
    for name, info in sorted(found.items()):
        if info.get("type") == "file":
            full = _url_of(name, url)
            files.append(RemoteFile(without_credentials(full), full, name, size_of(info), version_of(info)))
    return Listing(tuple(files), exact=False)


def _url_of(name: str, url: str) -> str:
    """The URL of a file that was listed below a URL: file systems give paths with the bucket, without the host."""
    if is_url(name):
        return name
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0]
    path = name.lstrip("/").removeprefix(host.rpartition("@")[2] + "/")
    return f"{scheme}://{host}/{path}"


def open_url(url: str, version: str = "", *, at_random: bool = False) -> RemoteObject:
    """An object, to be read in order or at random; `version`: what the listing said that it is.

    Raises SourceError or MissingExtraError.
    """
    system, path = file_system(url)
    return RemoteObject(system, path, url, version, at_random=at_random)
