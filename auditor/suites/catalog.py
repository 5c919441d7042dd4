"""The catalog of well-known benchmarks: what each is, where it lies on the hub, and how its rows are read."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError
from auditor.suites.fields import FieldMap

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = ("multiple-choice", "generation", "math", "code", "reading", "instruction", "safety")
"""What an item asks for; `math` and `code` are generation with a result that is checked."""

_TYPES: dict[str, type] = {
    "name": str,
    "title": str,
    "aliases": list,
    "kind": str,
    "hub": str,
    "configs": list,
    "splits": list,
    "files": list,
    "revision": str,
    "schema": str,
    "fields": dict,
    "licence": str,
    "items": int,
    "chance": float,
    "arxiv": str,
    "homepage": str,
    "gated": bool,
    "note": str,
}
_REQUIRED = ("name", "title", "kind", "hub", "splits")
_NAME = re.compile(r"[a-z0-9]+(?:[-.+][a-z0-9]+)*\+?")


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One benchmark of the catalog."""

    name: str
    """What `-b` takes: lower case, words joined by hyphens."""
    title: str
    kind: str
    """One of KINDS."""
    hub: str
    """Dataset id on the Hugging Face hub."""
    splits: tuple[str, ...]
    """Splits that models are scored on, and that are fetched."""
    configs: tuple[str, ...] = ()
    """Configurations that are fetched; none: the dataset has only one."""
    files: tuple[str, ...] = ()
    """Patterns of the repository's files, where configuration and split do not tell them."""
    aliases: tuple[str, ...] = ()
    revision: str = ""
    """Commit that is fetched. Empty: unpinned; then the first fetch records the commit and later ones keep to it."""
    schema: str = ""
    """Shape of the rows; empty: seen from their fields."""
    fields: FieldMap | None = None
    """Field map, for rows of no shape that has a name."""
    licence: str = ""
    """SPDX identifier where there is one; empty where the source states none that we know of."""
    items: int | None = None
    """Items in the splits and configurations above; None where we are not sure."""
    chance: float | None = None
    """Share that guessing gets right, in [0, 1]; None for answers that cannot be guessed, or of varying choices."""
    arxiv: str = ""
    """arXiv number of the paper."""
    homepage: str = ""
    gated: bool = False
    """Whether the hub asks for an account that has accepted the dataset's terms."""
    note: str = ""


@cache
def catalog() -> tuple[CatalogEntry, ...]:
    """Every entry, by name."""
    text = files("auditor.suites").joinpath("catalog.toml").read_text(encoding="utf-8")
    return parse_catalog(text)


def parse_catalog(text: str) -> tuple[CatalogEntry, ...]:
    """Entries of a catalog in TOML, by name. Raises InputError for anything that is not as it should be."""
    try:
        tables = tomllib.loads(text).get("benchmark", [])
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"catalog: not valid TOML: {error}") from None
    entries = sorted((_entry(table, number) for number, table in enumerate(tables)), key=lambda entry: entry.name)
    taken: dict[str, str] = {}
    for entry in entries:
        for key in {_key(name) for name in (entry.name, *entry.aliases)}:
            if key in taken:
                raise InputError(f"catalog: {entry.name} and {taken[key]} share the name {key!r}")
            taken[key] = entry.name
    return tuple(entries)


def _entry(table: Mapping[str, Any], number: int) -> CatalogEntry:
    where = f"catalog: {table.get('name', f'entry {number}')}"
    for name, value in table.items():
        if name not in _TYPES:
            raise InputError(f"{where}: unknown key {name!r}")
        if not isinstance(value, _TYPES[name]):
            raise InputError(f"{where}: {name} must be of type {_TYPES[name].__name__}, not {value!r}")
        if isinstance(value, list) and not all(isinstance(member, str) and member for member in value):
            raise InputError(f"{where}: {name} must be a list of names")
    for name in _REQUIRED:
        if not table.get(name):
            raise InputError(f"{where}: {name} is missing")
    checks = {
        "name": _NAME.fullmatch(table["name"]) is not None,
        "kind": table["kind"] in KINDS,
        "hub": re.fullmatch(r"[\w.-]+/[\w.-]+", table["hub"]) is not None,
        "revision": re.fullmatch(r"(?:[0-9a-f]{40})?", table.get("revision", "")) is not None,
        "items": table.get("items", 1) > 0,
        "chance": 0 <= table.get("chance", 0.0) < 1,
        "arxiv": re.fullmatch(r"(?:\d{4}\.\d{4,5})?", table.get("arxiv", "")) is not None,
        "homepage": table.get("homepage", "https://").startswith("https://"),
    }
    for name, good in checks.items():
        if not good:
            raise InputError(f"{where}: {name} = {table[name]!r} cannot be")
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}
    if "fields" in table:
        values["fields"] = FieldMap.from_mapping(table["fields"], where)
    return CatalogEntry(**values)


def _key(name: str) -> str:
    return re.sub(r"[\s_]+", "-", name.strip().lower())


def find_entry(name: str) -> CatalogEntry | None:
    """The entry with this name or alias, in any case and with `_` for `-`; or with this hub id, if just one has it."""
    key = _key(name)
    for entry in catalog():
        if key in {_key(known) for known in (entry.name, *entry.aliases)}:
            return entry
    same_hub = [entry for entry in catalog() if entry.hub.lower() == name.strip().lower()]
    return same_hub[0] if len(same_hub) == 1 else None


def nearest_names(name: str, most: int = 3) -> list[str]:
    """Names of the catalog that look or begin most like one that is not in it, the nearest first."""
    from rapidfuzz import fuzz, process

    key = _key(name)
    names = {_key(known): entry.name for entry in catalog() for known in (entry.name, *entry.aliases)}
    found = process.extract(key, list(names), scorer=fuzz.ratio, score_cutoff=60, limit=3 * most)
    begun = sorted(known for known in names if len(key) > 2 and known.startswith(key))
    return list(dict.fromkeys(names[known] for known in [*begun[:1], *(match[0] for match in found), *begun]))[:most]
