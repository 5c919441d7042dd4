"""Which errors of a store of objects pass by themselves, and how long to wait for that."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from auditor.errors import InputError
from auditor.sources.raw import ReadFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Value = TypeVar("Value")

BROKEN_CONNECTIONS = frozenset({"ConnectionError", "ClientConnectionError", "ClientPayloadError", "IncompleteRead"})
"""Of Python, aiohttp and http.client; some carry a status that no server sent."""


class Trouble(Enum):
    """What an error means for whoever asked."""

    PASSING = "passing"
    """The network, or a server that is busy or broken: asked again later, it may answer."""
    DENIED = "denied"
    """No credentials, wrong ones, or expired ones."""
    MISSING = "missing"
    """There is no such object or bucket."""
    LASTING = "lasting"
    """Asked again, it would be the same."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often something is tried again: pauses double, and nothing about them is random."""

    again: int = 5
    """Tries after the first."""
    first: float = 0.25
    """Seconds before the first of them: 0.25, 0.5, 1, 2, 4, so that a server has 8 seconds to come back."""
    longest: float = 30.0

    @classmethod
    def configured(cls) -> Retries:
        """As `AUDITOR_RETRIES` says, the number of further tries. Raises InputError where that is no number."""
        given = os.environ.get("AUDITOR_RETRIES", "").strip()
        if not given:
            return cls()
        if not (given.isascii() and given.isdigit() and len(given) <= 3):
            raise InputError(f"AUDITOR_RETRIES is the number of further tries, such as 5, and not {given!r}")
        return cls(again=int(given))

    def pauses(self) -> Iterator[float]:
        """Seconds to wait before each further try."""
        return (min(self.longest, self.first * 2**number) for number in range(self.again))


def patiently(ask: Callable[[], Value], retries: Retries) -> Value:
    """What `ask` returns, asked again while its errors are passing ones. Raises the last, or the first other one."""
    for pause in retries.pauses():
        try:
            return ask()
        except Exception as error:  # a remote file system raises what it likes
            if trouble(error) is not Trouble.PASSING:
                raise
        time.sleep(pause)
    return ask()


def trouble(error: BaseException) -> Trouble:
    """What an error of any fsspec file system means: they translate some, and hide others behind FileNotFoundError."""
    if isinstance(error, PermissionError) or any("Credentials" in kind.__name__ for kind in type(error).__mro__):
        return Trouble.DENIED
    if isinstance(error, ReadFailedError):
        return Trouble.LASTING
    for link in _causes(error):
        if any(kind.__name__ in BROKEN_CONNECTIONS for kind in type(link).__mro__):
            return Trouble.PASSING
        status = _status(link)
        if status in (401, 403, 407):
            return Trouble.DENIED
        if status in (404, 410):
            return Trouble.MISSING
        if status is not None and (status in (408, 425, 429) or status >= 500):
            return Trouble.PASSING
        if status is not None and status >= 400:
            return Trouble.LASTING
    if isinstance(error, FileNotFoundError):
        # fsspec's HTTP says this of a server that does not answer, too
        return Trouble.PASSING if isinstance(error.__cause__, OSError) else Trouble.MISSING
    lasting = (ImportError, NotImplementedError, IsADirectoryError, NotADirectoryError)
    if isinstance(error, (TypeError, ValueError, AttributeError, LookupError, *lasting)):
        return Trouble.LASTING
    return Trouble.PASSING


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__


def _status(error: BaseException) -> int | None:
    """The HTTP status that an error carries, however its library spells it."""
    response: Any = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore
        found: Any = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    elif response is not None:  # huggingface_hub
        found = getattr(response, "status_code", None)
    else:  # aiohttp, gcsfs
        found = getattr(error, "status", None) or getattr(error, "code", None)
    return found if isinstance(found, int) and 100 <= found < 600 else None
