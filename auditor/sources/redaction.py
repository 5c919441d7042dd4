"""URLs and messages as they can be shown: without anything that opens a door."""

from __future__ import annotations

import hashlib
import os
import re
from urllib.parse import unquote

WEB = ("http", "https")
SECRET_NAMES = re.compile(r"SECRET|TOKEN|PASSW|ACCESS_KEY|CREDENTIAL|API_KEY", re.IGNORECASE)
"""Environment variables whose values are never shown."""
SECRET_CHARS = 8
"""Shorter values of those are words such as "true", which would tear holes in a message."""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_URL_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://[^\s'\"<>\\^`{|}]+")


def is_url(text: str) -> bool:
    """Whether a name has a protocol."""
    return _URL.match(text) is not None


def without_credentials(url: str) -> str:
    """A URL without user, password, fragment and query; a query leaves a short hash, so that two stay apart.

    Queries go whole: presigned URLs hold the signature there, under names that differ from store to store.
    """
    scheme, _, rest = url.partition("://")
    path, _, query = rest.partition("?")
    host, slash, path = path.partition("/")
    if scheme.lower() in WEB:
        path = path.partition("#")[0]
    mark = f"?…{hashlib.sha256(query.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}" if query else ""
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}{mark}"


def shown_argument(word: str) -> str:
    """A word of a command without credentials: a URL, or `name=URL`, reaches to its end whatever is in it."""
    found = _URL.search(word)
    return word[: found.start()] + without_credentials(word[found.start() :]) if found else word


def redacted(text: str, url: str = "") -> str:
    """A message with every URL in it as `without_credentials` gives it, and without the secrets of `url` and of this
    process's environment."""
    if url:
        text = text.replace(url, without_credentials(url))
    text = _URL_IN_TEXT.sub(lambda found: without_credentials(found.group()), text)
    for secret in sorted({*_secrets_of(url), *_secrets_around()}, key=lambda secret: (-len(secret), secret)):
        text = text.replace(secret, "…")
    return text


def _secrets_of(url: str) -> set[str]:
    """User, password and the values of the query, as they are written and as they are meant."""
    _, _, rest = url.partition("://")
    path, _, query = rest.partition("?")
    user, at, _ = path.partition("/")[0].rpartition("@")
    parts = [*user.split(":", 1)] if at else []
    parts += [value for pair in query.split("&") for value in pair.partition("=")[2:]]
    return {form for part in parts for form in (part, unquote(part)) if len(form) >= SECRET_CHARS // 2}


def _secrets_around() -> set[str]:
    """Values of the environment; a path is where a secret lies, and none itself."""
    return {
        value
        for name, value in os.environ.items()
        if len(value) >= SECRET_CHARS and SECRET_NAMES.search(name) and not value.startswith(("/", "~"))
    }
