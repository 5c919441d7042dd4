"""The comment for a pull request from a fork, written by a `workflow_run` from the artifact of the fork's run.

That run was the fork's: its author may have changed the workflow that made the artifact. So nothing of it is run or
shown as it is: `outcome.json` is read with every part's type and length checked, its text is escaped here, and which
pull request it was for is asked of GitHub, by the commit that the run was of.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.action.comment import Api, api_of, mark_of, put_comment
from auditor.action.outcome import read_outcome
from auditor.action.runner import read_event, required
from auditor.action.summary import MAX_COMMENT, render_summary
from auditor.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNTRUSTED = (
    "From a run on the pull request's own commit, whose author could have changed what runs there. "
    "Before you rely on it, see that the pull request changes nothing under `.github/`."
)
_CHANGES_WORKFLOWS = (
    "⚠️ **This pull request changes files under `.github/`, and with them what ran: do not rely on this result.**"
)
_CHANGED_FILES = 3_000
"""Of a pull request that GitHub's API lists."""


def relay_comment(env: Mapping[str, str]) -> str:
    """Write the comment; returns what was done, for the log.

    Raises:
        InputError: the event is no finished run of a pull request, or the artifact holds no outcome.
        CommentError: GitHub's API does not let us.
    """
    run = read_event(env).get("workflow_run")
    if not isinstance(run, dict) or run.get("event") not in ("pull_request", "merge_group"):
        raise InputError("the event is no workflow_run of a pull_request; see docs/action.md")
    sha, run_id = run.get("head_sha"), run.get("id")
    if not isinstance(sha, str) or not re.fullmatch(r"[0-9a-f]{40}", sha) or not isinstance(run_id, int):
        raise InputError("the event's payload names no commit or no run")
    outcomes = sorted(Path(required(env, "AUDITOR_ARTIFACT")).glob("**/outcome.json"))[:2]
    if len(outcomes) != 1:
        raise InputError(f"the artifact holds {'no' if not outcomes else 'more than one'} outcome.json")
    outcome = read_outcome(outcomes[0])
    api = api_of(env)
    number = _pull_request(api, run, sha)
    if number is None:
        return "no open pull request has this commit as its head: nothing to comment on"
    from auditor.action.steps import run_link

    notes = [_UNTRUSTED, run_link(env, str(run_id))]
    if _changes_workflows(api, number):
        notes.insert(0, _CHANGES_WORKFLOWS)
    done = put_comment(api, number, mark_of(env), render_summary(outcome, notes, limit=MAX_COMMENT))
    return f"comment {done} on pull request {number}"


def _pull_request(api: Api, run: Mapping[str, Any], sha: str) -> int | None:
    """The open pull request whose head is the commit that was run; the artifact has no say in it."""
    owner = ((run.get("head_repository") or {}).get("owner") or {}).get("login")
    branch = run.get("head_branch")
    if not isinstance(owner, str) or not isinstance(branch, str):
        raise InputError("the event's payload does not say which branch was run")
    from urllib.parse import quote

    found = api.call(
        "GET", f"/repos/{api.repository}/pulls?state=open&per_page=100&head={quote(f'{owner}:{branch}', safe='')}"
    )
    for request in found if isinstance(found, list) else ():
        if (request.get("head") or {}).get("sha") == sha:
            return int(request["number"])
    return None


def _changes_workflows(api: Api, number: int) -> bool:
    """Whether a pull request changes what runs; also where it changes more files than GitHub tells."""
    seen = 0
    for page in range(1, _CHANGED_FILES // 100 + 1):
        files = api.call("GET", f"/repos/{api.repository}/pulls/{number}/files?per_page=100&page={page}")
        names = [str(file.get(key) or "") for file in files for key in ("filename", "previous_filename")]
        if any(name.startswith(".github/") for name in names):
            return True
        seen += len(files)
        if len(files) < 100:
            return False
    return seen >= _CHANGED_FILES
