"""What a pull request changes, asked of git: no API, no name that git would quote or a shell would read."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
PULL_REQUESTS = ("pull_request", "pull_request_target", "pull_request_review", "pull_request_review_comment")
OF_A_BRANCH = ("push", "schedule", "workflow_dispatch", "repository_dispatch", "release")
"""Events of the repository's own files. Any other may have a stranger's files checked out, and judged by themselves."""
_DEPTH = "give actions/checkout `fetch-depth: 0`"


@dataclass(frozen=True, slots=True)
class Change:
    """A file that a pull request adds, changes or deletes."""

    path: str
    """From the root of the checkout."""
    deleted: bool
    submodule: bool


@dataclass(frozen=True, slots=True)
class Review:
    """A pull request (or a merge group) under review."""

    base: str
    """Commit whose policy, board and lists are used."""
    changes: tuple[Change, ...]
    number: int | None = None
    fork: bool = False


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A file or folder of a commit."""

    mode: str
    sha: str
    path: str


def git(workspace: Path, *arguments: str) -> bytes:
    """The output of a git command in the checkout. Raises InputError with git's own words."""
    # the checkout may belong to another user in a container; no hook, monitor, filter or helper of it is asked
    command = [
        "git",
        "-c",
        f"safe.directory={workspace}",
        "-c",
        "core.fsmonitor=false",
        "-c",
        "core.hooksPath=/dev/null",
    ]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C",
    }  # fmt: skip
    try:
        done = subprocess.run(
            [*command, "-C", str(workspace), "--literal-pathspecs", *arguments],
            capture_output=True, check=False, env=environment, timeout=600,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"git {arguments[0]} did not end as it should ({type(error).__name__})") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[:300]
        raise InputError(f"git {arguments[0]} failed: {said}; is the repository checked out here? Else {_DEPTH}")
    return done.stdout


def review_of(name: str, event: Mapping[str, Any], workspace: Path, sha: str) -> Review | None:
    """The pull request that an event is about; None for a push, a schedule, a call by hand.

    Args:
        name: of the event, `GITHUB_EVENT_NAME`.
        event: its payload.
        workspace: the checkout.
        sha: `GITHUB_SHA`: for `pull_request` the merge commit that GitHub made.

    Raises:
        InputError: what is checked out is not what the pull request would bring, or the commits are not there; or the
            event is another one.
    """
    if name == "merge_group":
        group = _mapping(event, "merge_group")
        base, head = _commit(group, "base_sha"), _commit(group, "head_sha")
        _expect_head(workspace, (head,))
        return Review(base, _changes(workspace, base, head))
    if name in OF_A_BRANCH:
        return None
    if name not in PULL_REQUESTS:
        raise InputError(
            f"the event {name!r} may bring files of a stranger, and nothing to judge them by: use pull_request"
        )
    request = _mapping(event, "pull_request")
    head_side, base_side = _mapping(request, "head"), _mapping(request, "base")
    number = request.get("number")
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise InputError("the event's pull request has no number")
    head, base = _commit(head_side, "sha"), _commit(base_side, "sha")
    fork = _repository(head_side) != _repository(base_side)
    here = _expect_head(workspace, (head, sha))
    if here != head:
        # Only GitHub's own merge commit is believed to have the base as its first parent: anyone can push a commit
        # with parents of their own choice.
        parents = git(workspace, "rev-list", "--parents", "-n1", here).decode().split()[1:]
        if len(parents) != 2 or parents[1] != head:
            raise InputError(
                f"the parents of what is checked out ({here[:12]}) are not the base branch and the pull request's "
                f"head: check out the pull request's merge commit or head, and {_DEPTH}"
            )
        return Review(parents[0], _changes(workspace, parents[0], here), number, fork)
    try:
        fork_point = git(workspace, "merge-base", base, head).decode().strip()
    except InputError as error:
        raise InputError(f"the history between the base branch and this pull request is not here: {_DEPTH}") from error
    return Review(base, _changes(workspace, fork_point, head), number, fork)


def _expect_head(workspace: Path, expected: tuple[str, ...]) -> str:
    """The commit that is checked out. Raises InputError where it is none of those expected."""
    here = git(workspace, "rev-parse", "--verify", "HEAD").decode().strip()
    top = git(workspace, "rev-parse", "--show-prefix").decode().strip()
    if here not in expected or top:
        raise InputError(
            f"what is checked out ({here[:12]}) is not what this event is about; use actions/checkout before this "
            "Action, without `path`, and on pull_request_target with the head's sha as `ref`"
        )
    return here


def _changes(workspace: Path, old: str, new: str) -> tuple[Change, ...]:
    options = ("--raw", "-z", "--no-renames", "--no-abbrev", "--no-ext-diff", "--no-textconv", "--no-color",
               "--ignore-submodules=none")  # fmt: skip
    try:
        fields = git(workspace, "diff-tree", "-r", *options, old, new, "--").split(b"\0")
    except InputError as error:
        raise InputError(f"the commits of this pull request are not all here: {_DEPTH}") from error
    changes = []
    # ":100644 100644 <sha> <sha> M", then the path
    for facts, path in zip(fields[0:-1:2], fields[1::2], strict=True):
        _, mode, _, _, status = facts.decode("ascii").split(" ")
        changes.append(Change(os.fsdecode(path), status == "D", mode == "160000"))
    return tuple(changes)


def tree_entries(workspace: Path, commit: str, path: str, *, below: bool = False) -> list[TreeEntry]:
    """What a commit has at a path: one entry or none; with `below` every file of that folder."""
    options = ["-r"] if below else []
    listed = git(workspace, "ls-tree", "-z", "--full-tree", *options, commit, "--", path).split(b"\0")
    entries = []
    for line in filter(None, listed):
        facts, _, name = line.partition(b"\t")
        mode, _, sha = facts.decode("ascii").split()[:3]
        entries.append(TreeEntry(mode, sha, os.fsdecode(name)))
    return entries


def _mapping(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    if not isinstance(value, dict):
        raise InputError(f"the event's payload has no {key}; this runs in a GitHub job")
    return value


def _commit(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not _SHA.fullmatch(value):
        raise InputError(f"the event's payload names no commit as {key}")
    return value


def _repository(side: Mapping[str, Any]) -> object:
    """Which repository a side of the pull request is in; None for one that was deleted since."""
    repository = side.get("repo")
    return repository.get("full_name") if isinstance(repository, dict) else None
