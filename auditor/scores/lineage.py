"""Descent from flagged models: a kind of finding of its own, never added to a score's z."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditor.errors import InputError
from auditor.scores.loaders.files import read_bytes
from auditor.scores.values import clean_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from auditor.scores.table import ScoreTable

MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class FlaggedModel:
    """A model that a list or the board itself flags."""

    model: str
    reason: str
    """What the list says of it; "" where it says nothing."""
    source: str


@dataclass(frozen=True, slots=True)
class Descent:
    """A model of the board whose ancestors, or whose scores, are those of a flagged one."""

    row: int
    flagged: FlaggedModel
    path: tuple[str, ...]
    """From the model up to the flagged one, both included."""
    kind: str
    """"base_model" where the board says so, "copy" where all scores or the weights' hash are the flagged model's."""


def read_flagged(path: Path) -> tuple[FlaggedModel, ...]:
    """A list of flagged models: a CSV with a column `model`, or one name a line.

    `model_norm`, where there is one, is taken before `model`; link, discussion and comment columns become the reason.

    Raises:
        InputError: there is no such column, or no name.
    """
    text = read_bytes(path, 64_000_000).decode("utf-8-sig", errors="replace")
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise InputError(f"{path}: the list of flagged models is empty")
    found: list[FlaggedModel] = []
    if "," in lines[0] or ";" in lines[0]:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if ";" in lines[0] else ",")
        headers = [h.strip() for h in reader.fieldnames or ()]
        column = next((h for h in ("model_norm", "model", "Model", "name") if h in headers), None)
        if column is None:
            raise InputError(
                f"{path}: a list of flagged models needs a column 'model'; its columns: {', '.join(headers)}"
            )
        for row in reader:
            told = [clean_name(row[k]) for k in headers if k != column and k != "model" and row.get(k)]
            found.append(FlaggedModel(clean_name(row.get(column)), "; ".join(told)[:300], path.name))
    else:
        found = [FlaggedModel(clean_name(line), "", path.name) for line in lines if not line.startswith("#")]
    found = [f for f in found if f.model]
    if not found:
        raise InputError(f"{path}: no model's name in it")
    first: dict[str, FlaggedModel] = {}
    for flag in found:
        first.setdefault(flag.model.lower(), flag)
    return tuple(first.values())


def flagged_models(table: ScoreTable, listed: Collection[FlaggedModel]) -> dict[str, FlaggedModel]:
    """Lower-case name to flagged model: from the list, and from the table's own column."""
    found = {f.model.lower(): f for f in listed}
    for i, flag in enumerate(table.flagged):
        if flag == 1:
            found.setdefault(
                table.models[i].lower(), FlaggedModel(table.models[i], "flagged on the board", "the table")
            )
    return found


def _climb(model: str, parents: Mapping[str, tuple[str, ...]], flagged: Mapping[str, FlaggedModel]) -> tuple[str, ...]:
    """Shortest path from a model to a flagged ancestor, or () where there is none; cycles end it."""
    paths: list[tuple[str, ...]] = [(model,)]
    seen = {model.lower()}
    for _ in range(MAX_DEPTH):
        following: list[tuple[str, ...]] = []
        for path in paths:
            for parent in parents.get(path[-1].lower(), ()):
                if parent.lower() in flagged and parent.lower() != model.lower():
                    return (*path, parent)
                if parent.lower() not in seen:
                    seen.add(parent.lower())
                    following.append((*path, parent))
        if not following:
            return ()
        paths = following
    return ()


def descents(table: ScoreTable, flagged: Mapping[str, FlaggedModel]) -> tuple[Descent, ...]:
    """Models that descend from a flagged one, in the table's order; flagged models themselves are left out."""
    if not flagged:
        return ()
    parents: dict[str, tuple[str, ...]] = {}
    for model, bases in zip(table.models, table.base_models, strict=True):
        if bases:
            parents[model.lower()] = tuple(dict.fromkeys((*parents.get(model.lower(), ()), *bases)))
    prints: dict[object, int] = {}
    for i, model in enumerate(table.models):
        if model.lower() in flagged:
            for key in _fingerprints(table, i):
                prints.setdefault(key, i)
    found: list[Descent] = []
    for i, model in enumerate(table.models):
        if model.lower() in flagged:
            continue
        path = _climb(model, parents, flagged)
        if path:
            found.append(Descent(i, flagged[path[-1].lower()], path, "base_model"))
            continue
        twin = next((prints[key] for key in _fingerprints(table, i) if key in prints), None)
        if twin is not None:
            other = table.models[twin]
            found.append(Descent(i, flagged[other.lower()], (model, other), "copy"))
    return tuple(found)


def _fingerprints(table: ScoreTable, row: int) -> list[object]:
    keys: list[object] = []
    if table.weights_hash[row]:
        keys.append(("hash", table.weights_hash[row]))
    scores = table.scores[row]
    told = np.isfinite(scores)
    # three scores equal to the printed digit are no coincidence among thousands of models, two are
    if told.sum() >= 3:
        keys.append(("scores", tuple(round(float(s), 6) if k else None for s, k in zip(scores, told, strict=True))))
    return keys
