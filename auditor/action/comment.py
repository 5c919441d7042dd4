"""One comment on a pull request, found again by a hidden mark and updated, through GitHub's REST API."""

from __future__ import annotations

import hashlib
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.errors import AuditorError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PAGES, _PER_PAGE = 50, 100
_MAX_ANSWER = 32 << 20
_TIMEOUT = 30


class CommentError(AuditorError):
    """The comment could not be written; the check itself is not concerned."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The token goes to the API's host and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Api:
    """GitHub's REST API as a token opens it."""

    url: str
    repository: str
    token: str

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The decoded answer. Raises CommentError; what may pass (a full queue, a gateway) is tried again."""
        data = None if body is None else json.dumps(body).encode("utf-8")
        headers = {
            "Accept": "application/vnd.github+json", "Authorization": f"Bearer {self.token}",
            "X-GitHub-Api-Version": "2022-11-28", "User-Agent": "auditor-action", "Content-Type": "application/json",
        }  # fmt: skip
        request = urllib.request.Request(f"{self.url}{path}", data=data, headers=headers, method=method)  # noqa: S310 - see `api_of`
        opener = urllib.request.build_opener(_NoRedirect)
        for attempt in range(3):
            try:
                with opener.open(request, timeout=_TIMEOUT) as answer:
                    return json.loads(answer.read(_MAX_ANSWER) or b"null")
            except urllib.error.HTTPError as error:
                status = error.code
                error.close()
                # a comment that was asked for twice would stand there twice
                if status not in (429, 502, 503, 504) or attempt == 2 or method == "POST":
                    raise CommentError(
                        f"GitHub answered {status} to {method} {path.partition('?')[0]}", status
                    ) from error
            except (OSError, ValueError) as error:
                if attempt == 2 or method == "POST":
                    raise CommentError(f"GitHub's API cannot be reached ({type(error).__name__})") from error
            time.sleep(0.5 * 2**attempt)
        raise AssertionError  # pragma: no cover - the last attempt returns or raises


def api_of(env: Mapping[str, str]) -> Api:
    """The API of the runner's GitHub. Raises InputError where the runner does not say which that is."""
    url, repository = env.get("GITHUB_API_URL", "").rstrip("/"), env.get("GITHUB_REPOSITORY", "")
    if not url.startswith(("https://", "http://127.0.0.1:")) or repository.count("/") != 1:
        raise InputError("GITHUB_API_URL and GITHUB_REPOSITORY do not name a repository on GitHub")
    token = env.get("AUDITOR_TOKEN", "")
    if not token:
        raise InputError("there is no token to comment with")
    return Api(url, repository, token)


def mark_of(env: Mapping[str, str]) -> str:
    """A hidden mark, one for each place in the workflows where the Action is used."""
    used = "\0".join(env.get(name, "") for name in ("AUDITOR_COMMENT_KEY",)) or "auditor"
    return f"<!-- auditor-action:{hashlib.sha256(used.encode('utf-8', 'replace')).hexdigest()[:16]} -->"


def put_comment(api: Api, number: int, mark: str, text: str) -> str:
    """Write the comment or update the one that is there; returns "created", "updated" or "unchanged".

    Only a comment by a bot, or by the token's own user, that begins with the mark is ours: anyone can write the mark.

    Raises:
        CommentError: the API does not let us, or cannot be reached.
    """
    body = f"{mark}\n{text}"
    own = _own_comment(api, number, mark)
    if own is None:
        api.call("POST", f"/repos/{api.repository}/issues/{number}/comments", {"body": body})
        return "created"
    if own.get("body") == body:
        return "unchanged"
    api.call("PATCH", f"/repos/{api.repository}/issues/comments/{int(own['id'])}", {"body": body})
    return "updated"


def _own_comment(api: Api, number: int, mark: str) -> dict[str, Any] | None:
    login: str | None = None
    for page in range(1, _PAGES + 1):
        path = f"/repos/{api.repository}/issues/{number}/comments?per_page={_PER_PAGE}&page={page}"
        comments = api.call("GET", path)
        if not isinstance(comments, list):
            raise CommentError("GitHub answered with something that is no list of comments")
        for comment in comments:
            if not str(comment.get("body") or "").startswith(mark):
                continue
            user = comment.get("user") or {}
            if user.get("type") == "Bot":
                return dict(comment)
            if login is None:
                login = _login(api)
            if login and user.get("login") == login:
                return dict(comment)
        if len(comments) < _PER_PAGE:
            break
    return None


def _login(api: Api) -> str:
    """The token's own user; "" for the token of a workflow or an app, which is nobody's."""
    try:
        user = api.call("GET", "/user")
    except CommentError:
        return ""
    return str(user.get("login") or "") if isinstance(user, dict) else ""


def why_not(error: AuditorError) -> str:
    """Why there is no comment, for the summary."""
    if isinstance(error, CommentError) and error.status in (401, 403, 404):
        return (
            f"No comment was written: the token may not ({error.status}). On a pull request from a fork it never may; "
            "else give the job `permissions: pull-requests: write`. The check is not concerned."
        )
    return f"No comment was written: {error}. The check is not concerned."
