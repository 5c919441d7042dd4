"""One chat request over HTTP: retries with backoff, a deadline, no redirects, and reasons in words of our own.

An endpoint's error text may quote what was sent to it, a key included, so none of it is shown or kept.
"""

from __future__ import annotations

import json
import random
import re
import ssl
import threading
import time
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request

from auditor import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.judging.budget import Hold
    from auditor.judging.endpoint import JudgeEndpoint
    from auditor.judging.prompt import Challenge

_LONGEST_BODY = 4 << 20
"""Bytes of an answer: thoughts included, no honest one is longer."""
_BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Statuses after which the same request may succeed."""
_FORMATS = ("json_schema", "json_object", "")
"""Ways to ask for JSON, the strictest first. Not every endpoint knows each of them, nor every model a temperature."""


class RequestError(Exception):
    """No answer to a request.

    Args:
        reason: a fixed code, such as "timeout".
        fatal: what is wrong and what to do, where no other request will fare better; else empty.
    """

    def __init__(self, reason: str, fatal: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.fatal = fatal


class _PassingError(Exception):
    """A failure that another attempt may not meet."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait
        """Seconds that the endpoint asks to wait."""


class ChatClient:
    """Sends chat requests to one endpoint; safe to use from several threads.

    Args:
        endpoint: where.
        stop: once set, nothing more is sent, and nobody waits.
    """

    def __init__(self, endpoint: JudgeEndpoint, stop: threading.Event) -> None:
        self._endpoint = endpoint
        self._stop = stop
        self._format = 0
        self._format_works = False
        self._lock = threading.Lock()
        self._opener = OpenerDirector()
        # no handler of redirects and errors: a status is looked at here, and the key goes to one address only
        for handler in (ProxyHandler({} if endpoint.is_loopback else None), HTTPHandler(), HTTPSHandler()):
            self._opener.add_handler(handler)

    def ask(self, messages: Sequence[dict[str, str]], challenge: Challenge, hold: Hold) -> object:
        """The content of the model's message, whatever it is.

        Raises:
            RequestError: there was no answer in all attempts, or the budget is used up.
        """
        attempt = 1
        while True:
            with self._lock:
                form = self._format
            if self._stop.is_set():
                raise RequestError("stopped")
            if not hold.spend():
                raise RequestError("budget")
            try:
                status, body, headers = self._send(self._body(messages, challenge, form))
                if status == 200:
                    content = _content(body)
                    with self._lock:
                        self._format_works = self._format_works or form == self._format
                    return content
                if status in {400, 422} and self._weaker(form):
                    continue
                if status not in _BUSY or _is_out_of_credit(body):
                    raise _refusal(status, body, self._endpoint.model)
                raise _PassingError(
                    "rate_limited" if status == 429 else "server_error", _wait(headers.get("Retry-After"))
                )
            except _PassingError as failure:
                wait = self._endpoint.backoff_seconds * 2 ** (attempt - 1) * random.uniform(0.8, 1.2)
                wait = max(min(wait, self._endpoint.longest_wait_seconds), failure.wait or 0)
                if attempt == self._endpoint.attempts or wait > self._endpoint.longest_wait_seconds:
                    fatal = (
                        "the endpoint cannot be reached: check its address and that it runs, then run again"
                        if failure.reason == "unreachable"
                        else ""
                    )
                    raise RequestError(failure.reason, fatal) from None
                if self._stop.wait(wait):
                    raise RequestError("stopped") from None
                attempt += 1

    def _body(self, messages: Sequence[dict[str, str]], challenge: Challenge, form: int) -> bytes:
        body: dict[str, Any] = {"model": self._endpoint.model, "messages": list(messages)}
        if _FORMATS[form] == "json_schema":
            schema = {"name": "judgement", "strict": True, "schema": challenge.schema()}
            body |= {"temperature": 0, "response_format": {"type": "json_schema", "json_schema": schema}}
        elif _FORMATS[form] == "json_object":
            body |= {"temperature": 0, "response_format": {"type": "json_object"}}
        return json.dumps(body).encode("ascii")

    def _weaker(self, form: int) -> bool:
        """Ask for less from now on, after the endpoint refused a request that asked like `form`; False where that
        cannot be the cause, or nothing less is left."""
        with self._lock:
            if self._format != form:
                return True
            if self._format_works or form == len(_FORMATS) - 1:
                return False
            self._format += 1
            return True

    def _send(self, body: bytes) -> tuple[int, bytes, Any]:
        """Status, body and headers. Raises _PassingError or RequestError where there are none."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        headers["User-Agent"] = f"auditor/{__version__}"
        request = Request(self._endpoint.url, body, headers, method="POST")  # noqa: S310 - http and https only
        if self._endpoint.api_key:
            request.add_unredirected_header("Authorization", f"Bearer {self._endpoint.api_key}")
        deadline = time.monotonic() + self._endpoint.timeout_seconds
        try:
            with self._opener.open(request, timeout=self._endpoint.timeout_seconds) as response:
                return response.status, _read(response, deadline), response.headers
        except TimeoutError:
            raise _PassingError("timeout") from None
        except URLError as error:
            if isinstance(error.reason, ssl.SSLCertVerificationError):
                raise RequestError("unreachable", "the endpoint's certificate cannot be verified") from None
            raise _PassingError("unreachable") from None
        except (HTTPException, OSError, ValueError):
            raise _PassingError("broken_answer") from None


def _read(response: HTTPResponse, deadline: float) -> bytes:
    """The whole body, by the deadline. Raises TimeoutError or _PassingError."""
    body = bytearray()
    while chunk := response.read1(1 << 16):
        body += chunk
        if len(body) > _LONGEST_BODY:
            raise _PassingError("broken_answer")
        if time.monotonic() > deadline:
            raise TimeoutError
    if response.length:  # of what was announced, what did not come: only a read of everything would complain
        raise _PassingError("broken_answer")
    return bytes(body)


def _content(body: bytes) -> object:
    """`choices[0].message.content`; None where the model refused or was cut off.

    Raises _PassingError where the body is no chat completion.
    """
    try:
        choice = json.loads(body)["choices"][0]
        content = choice["message"].get("content")
        return None if choice.get("finish_reason") in {"length", "content_filter"} else content
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise _PassingError("broken_answer") from None


def _refusal(status: int, body: bytes, model: str) -> RequestError:
    """What a status means that another attempt would meet again."""
    if status in {401, 403}:
        return RequestError(
            "unauthorised", f"the endpoint refuses the key ({status}): set $AUDITOR_JUDGE_API_KEY to one that it knows"
        )
    if status == 404:
        return RequestError(
            "not_found", f"the endpoint has no model {model} at this address (404): check --judge and --judge-model"
        )
    if status == 402 or _is_out_of_credit(body):
        return RequestError("no_credit", f"the account at the endpoint has no credit left ({status})")
    if 300 <= status < 400:
        return RequestError("redirect", f"the endpoint redirects ({status}), which is not followed: give its own URL")
    if status == 405:
        return RequestError("refused", "there is no chat endpoint at this address (405): check --judge")
    return RequestError("refused")


def _is_out_of_credit(body: bytes) -> bool:
    return b"insufficient_quota" in body[:10_000]  # the code that OpenAI and those like it give, with status 429


def _wait(value: str | None) -> float | None:
    """Seconds of a Retry-After header, given as a number or as a date; None where it is neither."""
    if value is None:
        return None
    if re.fullmatch(r"\s*[0-9]{1,9}(\.[0-9]+)?\s*", value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
