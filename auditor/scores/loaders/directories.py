"""Directories of result files, model cards and MTEB folders; files that are no result are counted, not fatal."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from auditor.errors import InputError, NoRecordsError
from auditor.scores.loaders import cards, entries
from auditor.scores.loaders.files import MAX_RESULT_BYTES, read_bytes
from auditor.types import Skip

if TYPE_CHECKING:
    from auditor.scores.table import RawTable

MAX_FILES = 200_000


def _files(root: Path) -> list[Path]:
    found: list[Path] = []
    for folder, subfolders, names in root.walk(follow_symlinks=False) if hasattr(root, "walk") else _walk(root):
        subfolders[:] = sorted(s for s in subfolders if not s.startswith("."))
        found.extend(
            path for name in sorted(names)
            if (path := folder / name).suffix.lower() in (".json", ".md", ".yaml", ".yml") and not path.is_symlink()
        )  # fmt: skip
        if len(found) > MAX_FILES:
            raise InputError(f"{root}: more than {MAX_FILES:,} result files; give a table of them instead")
    return found


def _walk(root: Path) -> Any:
    import os

    # Path.walk came with Python 3.12
    return ((Path(folder), subfolders, names) for folder, subfolders, names in os.walk(root))


def _mteb_score(document: dict[str, Any]) -> float | None:
    """Mean of the main scores over a task's test subsets."""
    scores = document.get("scores")
    if not isinstance(scores, dict):
        return None
    split = scores.get("test") or next((v for v in scores.values() if isinstance(v, list)), None)
    values = [
        s["main_score"] for s in split or [] if isinstance(s, dict) and isinstance(s.get("main_score"), int | float)
    ]
    return sum(values) / len(values) if values else None


def _mteb_row(folder: Path, documents: dict[str, dict[str, Any]]) -> tuple[dict[str, Any], dict[str, str]]:
    meta = documents.get("model_meta.json", {})
    size = meta.get("n_parameters")
    row: dict[str, Any] = {
        "model": meta.get("name") or folder.parent.name.replace("__", "/"),
        "revision": meta.get("revision") or folder.name,
        "date": meta.get("release_date") or "",
        "base_model": meta.get("adapted_from") or "",
        "params_b": size / 1e9 if isinstance(size, int | float) and not isinstance(size, bool) else None,
    }
    means: dict[str, str] = {}
    for name, document in documents.items():
        value = _mteb_score(document)
        if value is not None:
            task = str(document.get("task_name") or name.removesuffix(".json"))
            row[task], means[task] = value, "main_score"
    return row, means


class _Collector:
    """Rows and skips of a directory as its files are read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows: list[tuple[dict[str, Any], dict[str, str]]] = []
        self.requests: dict[str, dict[str, Any]] = {}
        self.mteb: dict[Path, dict[str, dict[str, Any]]] = {}
        self.skips: list[Skip] = []
        self.forms: set[str] = set()
        self.digest = hashlib.sha256()

    def add(self, path: Path) -> None:
        place = path.relative_to(self.root).as_posix()
        if path.stat().st_size > MAX_RESULT_BYTES:
            self.skips.append(Skip(place, "file_too_large"))
            return
        data = read_bytes(path, MAX_RESULT_BYTES)
        self.digest.update(f"{place}\0{len(data)}\0".encode() + data)
        if path.suffix.lower() == ".json":
            self._add_json(path, place, data)
            return
        try:
            if path.suffix.lower() in (".yaml", ".yml"):
                entry = cards.safe_yaml(data.decode("utf-8", errors="replace"), place)
                found = [(*cards.entry_row(entry), 0)] if isinstance(entry, dict) and entry.get("model") else []
                form = "entry"
            else:
                found, form = cards.card_rows(cards.front_matter(data, place), path.parent.name), "model card"
        except InputError as error:
            self.skips.append(Skip(place, "unreadable_card", detail=str(error)[:200]))
            return
        scored = [(row, means) for row, means, _ in found if means]
        if scored:
            self.rows.extend(scored)
            self.forms.add(form)
        else:
            self.skips.append(Skip(place, "no_scores"))

    def _add_json(self, path: Path, place: str, data: bytes) -> None:
        try:
            document = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            self.skips.append(Skip(place, "invalid_json", detail=str(error)))
            return
        if not isinstance(document, dict):
            self.skips.append(Skip(place, "not_a_result"))
        elif entries.is_v1(document):
            self.rows.append(entries.v1_row(document, path.name))
            self.forms.add("Open LLM Leaderboard v1 results")
        elif path.name == "model_meta.json" or "mteb_version" in document or "mteb_dataset_name" in document:
            self.mteb.setdefault(path.parent, {})[path.name] = document
        elif entries.is_lm_eval(document):
            self.rows.append(entries.lm_eval_row(document, path.name))
            self.forms.add("lm-eval results")
        elif entries.is_evalplus(document):
            self.rows.extend((row, {}) for row in entries.evalplus_rows(document))
            self.forms.add("EvalPlus results")
        elif entries.is_request(document):
            self.requests[str(document["model"]).lower()] = entries.request_row(document)
        else:
            self.skips.append(Skip(place, "not_a_result"))

    def finish(self) -> None:
        for folder in sorted(self.mteb):
            row, means = _mteb_row(folder, self.mteb[folder])
            if means:
                self.rows.append((row, means))
                self.forms.add("MTEB results")
            else:
                self.skips.append(Skip(folder.relative_to(self.root).as_posix(), "no_scores"))
        for row, _ in self.rows:
            told = self.requests.get(str(row.get("model", "")).lower(), {})
            row.update({k: v for k, v in told.items() if v not in (None, "") and not row.get(k)})


def read_directory(root: Path) -> RawTable:
    """Every result file and model card under a directory as one table.

    Requests of the v2 board fill what the results of the same model do not tell (size, base model). Links are not
    followed.

    Raises:
        NoRecordsError: nothing under it is a result with scores.
        InputError: there are more files than any board has.
    """
    collector = _Collector(root)
    for path in _files(root):
        collector.add(path)
    collector.finish()
    if not collector.rows:
        reasons = ", ".join(sorted({s.reason for s in collector.skips})) or "no .json, .md or .yaml files"
        raise NoRecordsError(f"{root}: no result file or model card with scores under it ({reasons})")
    notes = [f"read as: {', '.join(sorted(collector.forms))}"]
    sizes = sum(bool(row.get("params_b")) for row, _ in collector.rows)
    if not sizes:
        notes.append("none of the results tells a size; put the board's requests beside them, or give a table")
    form = next(iter(collector.forms)) if len(collector.forms) == 1 else "directory of results"
    return entries.raw_from_rows(
        collector.rows, str(root), collector.digest.hexdigest(), re.sub(r"\s+", " ", form),
        skips=tuple(collector.skips), notes=tuple(notes),
    )  # fmt: skip
