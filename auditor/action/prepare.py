"""The step `prepare`: what is checked, judged by which files, with which extras; it needs no installed package."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor import __version__
from auditor.action.git import review_of
from auditor.action.globs import Globs, parse_globs, refusal, walk
from auditor.action.plan import Plan
from auditor.action.runner import Inputs, read_event, read_inputs, required
from auditor.action.trusted import TrustedFiles
from auditor.errors import InputError
from auditor.report.blocks import count, listed
from auditor.report.escape import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from auditor.action.git import Change, Review

_NAMED = 5
"""Files that a note names; the others are counted."""


def make_plan(env: Mapping[str, str], work: Path) -> tuple[Plan, str]:
    """The plan, and the key of the cache.

    Raises:
        InputError: the inputs, the event or the checkout do not say what is to be checked.
    """
    inputs = read_inputs(env)
    workspace = Path(required(env, "GITHUB_WORKSPACE"))
    globs = parse_globs(inputs.paths)
    review = review_of(env.get("GITHUB_EVENT_NAME", ""), read_event(env), workspace, env.get("GITHUB_SHA", ""))
    entries, unreadable, notes = _selected(workspace, globs, review)
    refused = [(path, why) for path in entries if (why := unreadable.get(path) or _refused(workspace, path, inputs))]
    names = {path for path, _ in refused}

    files = TrustedFiles(workspace, work / "trusted", review)
    policy, document = files.policy(inputs.policy) if inputs.policy else (None, {})
    benchmarks = [files.benchmark(spec) for spec in inputs.benchmarks]
    given = {name: str(files.place(path, name)) if path else "" for name, path in
             (("board", inputs.board), ("flagged", inputs.flagged), ("baseline", inputs.baseline))}  # fmt: skip
    if inputs.command == "scan":
        benchmarks += _of_policy(document, policy)
        if not benchmarks:
            raise InputError("a scan needs benchmarks: give the input benchmarks, or a policy with [benchmarks.scan]")
    if files.changed:
        notes.append(
            f"This pull request changes {_names(files.changed)}; it was judged by the base branch's version. "
            "Look at that change with care: it counts once it is merged."
        )
    plan = Plan(
        command=inputs.command, fail_on=inputs.fail_on, workspace=str(workspace),
        entries=tuple(path for path in entries if path not in names), refused=tuple(refused),
        board=given["board"], policy=str(policy or ""), flagged=given["flagged"], baseline=given["baseline"],
        benchmarks=tuple(benchmarks), detectors=_texts(document.get("data"), "detectors"),
        extras=_extras(inputs, document, [*benchmarks, *_of_policy(document, policy)]),
        timeout_minutes=inputs.timeout_minutes,
        number=review.number if review else None, fork=bool(review and review.fork), review=review is not None,
        guarded=bool(files.changed or (review and any(c.path.startswith(".github/") for c in review.changes))),
        notes=tuple(notes),
    )  # fmt: skip
    return plan, _cache_key(policy, [*benchmarks, *_of_policy(document, policy)], work) if inputs.cache else ""


def _selected(workspace: Path, globs: Globs, review: Review | None) -> tuple[list[str], dict[str, str], list[str]]:
    """The entries to check, those of them that cannot be read with the reason, and notes for the reader."""
    if review is None:
        entries = _unique(globs.entry_of(path) for path in walk(workspace))
        if not entries:
            raise InputError("no file of the checkout fits the input paths; globs are taken from the checkout's root")
        return entries, {}, []
    changed = {change: globs.entry_of(change.path) for change in review.changes}
    entries = _unique(entry for change, entry in changed.items() if not _gone(workspace, change, entry))
    if not entries and not any(globs.entry_of(path) for path in walk(workspace)) and not any(changed.values()):
        raise InputError(
            "no file of the checkout fits the input paths, and so nothing would ever be checked; globs are taken from "
            "the checkout's root"
        )
    unreadable = {entry: "it is a submodule" for change, entry in changed.items() if change.submodule and entry}
    notes = []
    others = [change.path for change, entry in changed.items() if entry is None]
    if others:
        fits, was = ("fits", "was") if len(others) == 1 else ("fit", "were")
        notes.append(
            f"{count(len(others), 'changed file')} {fits} no glob of the input paths and {was} not checked as such: "
            f"{_names(others)}."
        )
    workflows = [path for path in others if path.startswith(".github/")]
    if workflows:
        notes.append(
            f"This pull request changes {_names(workflows)}: it may change what runs here, this check included. "
            "Read that change before you believe this result."
        )
    gone = [change.path for change, entry in changed.items() if entry and _gone(workspace, change, entry)]
    if gone:
        notes.append(f"Deleted, so that nothing was checked: {_names(gone)}.")
    return entries, unreadable, notes


def _gone(workspace: Path, change: Change, entry: str | None) -> bool:
    return change.deleted and not (entry is not None and os.path.lexists(workspace / entry))


def _unique(entries: Iterable[str | None]) -> list[str]:
    return sorted({entry for entry in entries if entry is not None})


def _refused(workspace: Path, path: str, inputs: Inputs) -> str:
    # fsspec reads `a::b` as a chain of file systems
    if inputs.command != "check" and ("::" in path or "://" in path):
        return "its name reads like a URL"
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return "its name is no UTF-8"
    return refusal(workspace, path)


def _names(paths: Sequence[str]) -> str:
    """Paths in a sentence: text, escaped where it is shown."""
    shown = [visible(path)[:120] for path in paths[:_NAMED]]
    return listed([*shown, f"{len(paths) - _NAMED:,} more"] if len(paths) > _NAMED else shown)


def _texts(table: Any, key: str) -> tuple[str, ...]:
    value = table.get(key) if isinstance(table, dict) else None
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()


def _of_policy(document: Mapping[str, Any], policy: Path | None) -> list[str]:
    """`[benchmarks.scan]` as `-b` takes it, paths from the policy's folder."""
    table = document.get("benchmarks")
    scan = table.get("scan") if isinstance(table, dict) else None
    if not isinstance(scan, dict) or policy is None:
        return []
    specs = []
    for name, target in scan.items():
        beside = policy.parent / str(target)
        specs.append(f"{name}={beside if beside.exists() or '/' in str(target) else target}")
    return specs


def _extras(inputs: Inputs, document: Mapping[str, Any], benchmarks: Sequence[str]) -> tuple[str, ...]:
    """What of the package's extras this use needs."""
    needed = set()
    if inputs.command == "check" or any(path.endswith((".md", ".yaml", ".yml", "/")) for path in inputs.paths):
        needed.add("yaml")
    targets = [spec.partition("=")[2] or spec for spec in benchmarks]
    urls = [*targets, *_texts(document.get("data"), "allowed_urls")]
    # a name without a slash is one of the catalog, which is fetched from the hub
    if any(url.startswith("hf://") for url in urls) or any("/" not in target for target in targets):
        needed.add("hub")
    if "rephrase" in _texts(document.get("data"), "detectors"):
        needed.add("rephrase")
    return tuple(sorted(needed))


def _cache_key(policy: Path | None, benchmarks: Sequence[str], work: Path) -> str:
    """Names what the cached benchmarks and indexes are made of: policy, benchmarks and version, not the board, which no
    index depends on and which changes with every entry that is merged."""
    digest = hashlib.sha256(__version__.encode())
    places = [policy] if policy is not None else []
    for spec in benchmarks:
        target = Path(spec.partition("=")[2] or spec)
        digest.update(b"\0" + spec.replace(str(work), "").encode("utf-8", "surrogateescape"))
        places += sorted(p for p in target.rglob("*") if p.is_file()) if target.is_dir() else [target]
    for place in places:
        if place.is_file():
            digest.update(b"\0" + hashlib.sha256(place.read_bytes()).digest())
    return f"auditor-{__version__}-{digest.hexdigest()[:32]}"
