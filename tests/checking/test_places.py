"""Where training sets may be read from: never outside of the root, never a URL that the policy does not list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.checking.entry import Entry, TrainingSet
from auditor.checking.places import Place, place_of
from auditor.checking.readers.own import training_sets

if TYPE_CHECKING:
    from pathlib import Path

ALLOWED = ("https://data.example.org/sets/", "hf://datasets/org", "s3://bucket/exact.jsonl")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    base = tmp_path / "checkout"
    (base / "entries").mkdir(parents=True)
    (base / "data").mkdir()
    (base / "data" / "a.jsonl").write_text("{}\n")
    (base / ".git").mkdir()
    (base / ".git" / "config").write_text("token")
    (tmp_path / "secret.jsonl").write_text("{}\n")
    (base / "entries" / "e.yaml").write_text("model: a/b\n")
    return base


def placed(name: str, root: Path, allowed: tuple[str, ...] = ALLOWED) -> Place:
    sets, _ = training_sets([name], "training_sets")
    entry = Entry(path=str(root / "entries" / "e.yaml"), form="entry", sha256="", model="a/b")
    return place_of(sets[0], entry, root, allowed)


def test_a_path_from_the_entrys_folder(root: Path) -> None:
    assert placed("../data/a.jsonl", root) == Place(str((root / "data" / "a.jsonl").resolve()), "data/a.jsonl")
    assert placed("../data/", root).shown == "data"
    assert placed("./gone.jsonl", root).problem == "there is no such file or folder"
    assert not placed("./gone.jsonl", root).refused


def test_a_bare_name_is_a_path_where_there_is_one(root: Path) -> None:
    (root / "entries" / "mine").mkdir()
    assert placed("mine", root).shown == "entries/mine"
    assert "neither a path nor a URL" in placed("yours", root).problem


@pytest.mark.parametrize(
    "name",
    ["../../secret.jsonl", "../data/../../secret.jsonl", "/etc/passwd", "~/secret.jsonl", "\\\\server\\x.jsonl",
     "C:\\x.jsonl", "../.git/config", "..", "../", "file:///etc/passwd", "a\nb.jsonl", "x" * 3000 + ".jsonl", "a\x00.jsonl"],
)  # fmt: skip
def test_what_leads_out_is_refused_and_never_opened(root: Path, name: str) -> None:
    found = placed(name, root)
    assert found.refused
    assert found.location == ""
    assert found.problem


def test_links_are_resolved_before_they_are_compared(root: Path) -> None:
    (root / "data" / "out.jsonl").symlink_to(root.parent / "secret.jsonl")
    (root / "data" / "outer").symlink_to(root.parent)
    (root / "data" / "in.jsonl").symlink_to(root / "data" / "a.jsonl")
    (root / "data" / "loop.jsonl").symlink_to(root / "data" / "loop.jsonl")
    assert "outside of the root" in placed("../data/out.jsonl", root).problem
    assert "outside of the root" in placed("../data/outer/secret.jsonl", root).problem
    assert placed("../data/in.jsonl", root).shown == "data/a.jsonl"
    assert placed("../data/loop.jsonl", root).problem


def test_a_pipe_is_no_training_set(root: Path) -> None:
    import os

    os.mkfifo(root / "data" / "p.jsonl")
    assert placed("../data/p.jsonl", root).refused


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://data.example.org/sets/a.jsonl", "https://data.example.org/sets/a.jsonl"),
        ("hf://datasets/org/name/a.jsonl", "hf://datasets/org/name/a.jsonl"),
        ("s3://bucket/exact.jsonl", "s3://bucket/exact.jsonl"),
    ],
)
def test_a_url_behind_a_listed_prefix(root: Path, url: str, shown: str) -> None:
    assert placed(url, root) == Place(url, shown)


@pytest.mark.parametrize(
    "url",
    [
        "https://data.example.org/other/a.jsonl", "https://data.example.org.evil.org/sets/a.jsonl",
        "https://user@data.example.org/sets/a.jsonl", "https://data.example.org/sets/../secret/a.jsonl",
        "https://data.example.org/sets/%2e%2e/a.jsonl", "https://data.example.org/sets/%252e%252e/a.jsonl",
        "https://data.example.org/sets/a.zip::file:///etc/passwd", "zip://x::https://data.example.org/sets/a",
        "https://data.example.org/sets/*.jsonl", "https://data.example.org/sets/a#b", "http://data.example.org/sets/a",
        "hf://datasets/organisation/name", "s3://bucket/exact.jsonl.evil", "https://[x/sets/a", "https:///sets/a",
        "https://data.example.org\\@evil.org/sets/",
    ],
)  # fmt: skip
def test_other_urls_are_refused(root: Path, url: str) -> None:
    found = placed(url, root)
    assert found.refused
    assert found.location == ""


def test_no_url_is_allowed_by_default(root: Path) -> None:
    assert placed("https://data.example.org/sets/a.jsonl", root, ()).refused


def test_an_id_of_the_hub_is_read_where_the_policy_lets_the_hub_be_read(root: Path) -> None:
    entry = Entry(path=str(root / "entries" / "e.yaml"), form="model card", sha256="", model="a/b")
    named = TrainingSet("other/name", "id", "datasets[0]")
    assert place_of(named, entry, root, ("hf://datasets/",)).location == "hf://datasets/other/name/"
    assert place_of(named, entry, root, ALLOWED).location == ""
    odd = TrainingSet("../..", "id", "datasets[0]")
    assert place_of(odd, entry, root, ("hf://datasets/",)).location == ""


def test_credentials_of_a_refused_url_are_not_shown(root: Path) -> None:
    assert "secret" not in placed("https://me:secret@host/x.jsonl?token=secret", root).shown
