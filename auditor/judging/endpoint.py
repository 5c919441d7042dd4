"""Where a judge is: the URL of an OpenAI-compatible chat endpoint, the model's name, and the key that opens it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from auditor.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY, GENERAL_KEY = "AUDITOR_JUDGE_API_KEY", "OPENAI_API_KEY"
_PATH = "/chat/completions"


@dataclass(frozen=True, slots=True)
class JudgeEndpoint:
    """A chat endpoint and how it is spoken to.

    Raises InputError where the URL, the model or the key cannot be used; the message holds no credential.
    """

    url: str
    """Base (`https://host/v1`) or whole address (`…/chat/completions`); made whole."""
    model: str
    api_key: str = field(default="", repr=False)
    """Sent as a bearer token; empty for none. It is in no result, cache or message."""
    timeout_seconds: float = 120.0
    """For one request, from its first byte to its last: a model on a CPU takes its time."""
    attempts: int = 4
    """Requests for one answer where the endpoint is busy or broken."""
    backoff_seconds: float = 1.0
    """Wait before the second attempt, doubled for each further one."""
    longest_wait_seconds: float = 60.0
    """A `Retry-After` beyond this is not waited for."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", _whole(self.url))
        if not self.model.strip() or len(self.model) > 200 or not self.model.isprintable():
            raise InputError("give the judge's model as the endpoint names it: --judge-model NAME")
        if not all("!" <= character <= "~" for character in self.api_key):
            raise InputError(f"the key in ${KEY} or ${GENERAL_KEY} holds characters that no key has: set it again")
        if self.attempts < 1 or min(self.timeout_seconds, self.backoff_seconds, self.longest_wait_seconds) <= 0:
            raise InputError("a judge needs one attempt at the least, and times above zero")

    @classmethod
    def from_environment(cls, url: str, model: str, environ: Mapping[str, str] = os.environ) -> JudgeEndpoint:
        """The endpoint with the key of `$AUDITOR_JUDGE_API_KEY`, else of `$OPENAI_API_KEY`.

        The second is often set for other programs, so it is never sent unencrypted to another machine.
        """
        keyless = cls(url, model)
        key = environ.get(KEY, "").strip()
        if not key and (keyless.url.startswith("https://") or keyless.is_loopback):
            key = environ.get(GENERAL_KEY, "").strip()
        return cls(url, model, key)

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine, where no proxy reaches it."""
        host = urlsplit(self.url).hostname or ""
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return False


def _whole(url: str) -> str:
    """The address that requests go to. Raises InputError; what may hold a password is not quoted."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InputError("the judge's URL is not one: give one such as https://host/v1") from None
    if parts.scheme not in {"http", "https"}:
        raise InputError("the judge's URL must begin with http:// or https://, such as http://localhost:8000/v1")
    if parts.username is not None or parts.password is not None:
        raise InputError(f"the judge's URL must hold no user name or password: set ${KEY} to the key instead")
    if parts.query or parts.fragment:
        raise InputError(f"the judge's URL must hold no query or fragment: set ${KEY} to the key instead")
    if not host or not all("!" <= character <= "~" for character in url):
        raise InputError("the judge's URL has no host, or characters that no URL has: give one such as https://host/v1")
    name = f"[{host}]" if ":" in host else host
    path = parts.path.rstrip("/")
    if not path.endswith(_PATH):
        path = (path or "/v1") + _PATH
    return f"{parts.scheme}://{name}{'' if port is None else f':{port}'}{path}"
