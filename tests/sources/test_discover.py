"""From arguments to sources: each file once, in a fixed order, and nothing left out without a word."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from auditor.errors import SourceError
from auditor.sources import ReadOptions, discover
from auditor.sources.discover import RealPaths
from auditor.types import Skip

if TYPE_CHECKING:
    from pathlib import Path

ALL = ReadOptions()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for name in (
        "b.jsonl",
        "a.parquet",
        "deep/er/c.csv.gz",
        "deep/d.txt",
        "notes.md",
        "deep/model.bin",
        "README.md",
        "deep/dataset_infos.json",
        ".hidden.jsonl",
        ".cache/e.jsonl",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    return root


def names(found: list[object], root: Path) -> list[str]:
    return [os.path.relpath(source.name, root) for source in found]  # type: ignore[attr-defined]


def test_a_directory(tree: Path) -> None:
    found, skips = discover([tree], ALL)
    assert names(found, tree) == ["a.parquet", "b.jsonl", "deep/d.txt", "deep/er/c.csv.gz"]
    assert [source.format for source in found] == ["parquet", "jsonl", "txt", "csv"]
    assert {source.size for source in found} == {1}
    assert [(os.path.relpath(skip.source, tree), skip.reason) for skip in skips] == [
        (".", "ignored_file"),
        ("deep/model.bin", "unknown_format"),
        ("notes.md", "unknown_format"),
    ]
    assert skips[0].detail == "4 hidden or not data: .cache, .hidden.jsonl, README.md, dataset_infos.json"


def test_names_are_as_the_user_wrote_them(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree.parent)
    found, _ = discover(["data/"], ALL)
    assert [source.name for source in found][:2] == ["data/a.parquet", "data/b.jsonl"]
    found, _ = discover(["./data/b.jsonl"], ALL)
    assert [source.name for source in found] == ["./data/b.jsonl"]
    found, _ = discover([f"file://{tree}/b.jsonl"], ALL)
    assert [source.name for source in found] == [f"{tree}/b.jsonl"]


def test_each_file_once(tree: Path) -> None:
    (tree / "link.jsonl").symlink_to("b.jsonl")
    arguments = [tree / "b.jsonl", tree, str(tree / "*.jsonl"), tree / "deep" / ".." / "b.jsonl"]
    for order in (arguments, arguments[::-1]):
        found, _ = discover(order, ALL)
        assert names(found, tree) == ["a.parquet", "b.jsonl", "deep/d.txt", "deep/er/c.csv.gz"]


def test_globs(tree: Path) -> None:
    found, skips = discover([str(tree / "**" / "*.*")], ALL)
    assert names(found, tree) == ["a.parquet", "b.jsonl", "deep/d.txt", "deep/er/c.csv.gz"]
    assert {skip.reason for skip in skips} == {"unknown_format", "ignored_file"}
    found, _ = discover([str(tree / "dee*")], ALL)
    assert names(found, tree) == ["deep/d.txt", "deep/er/c.csv.gz"]
    (tree / "odd[1].jsonl").write_text("x")
    found, _ = discover([str(tree / "odd[1].jsonl")], ALL)
    assert names(found, tree) == ["odd[1].jsonl"]
    found, _ = discover([tree / "no*tes.md"], ReadOptions(format="txt"))
    assert names(found, tree) == ["notes.md"]


def test_links_that_lead_out_are_not_followed(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.jsonl").write_text("x")
    (tree / "out.jsonl").symlink_to(tmp_path / "outside" / "secret.jsonl")
    (tree / "out").symlink_to(tmp_path / "outside")
    (tree / "in").symlink_to(tree / "deep")
    (tree / "broken.jsonl").symlink_to(tree / "nothing.jsonl")
    found, skips = discover([tree], ALL)
    assert names(found, tree) == ["a.parquet", "b.jsonl", "deep/d.txt", "deep/er/c.csv.gz"]
    assert [
        (os.path.relpath(s.source, tree), s.reason) for s in skips if s.reason not in ("unknown_format", "ignored_file")
    ] == [
        ("broken.jsonl", "not_a_file"),
        ("out", "symlink_outside"),
        ("out.jsonl", "symlink_outside"),
    ]
    found, _ = discover([tree / "out.jsonl"], ALL)
    assert names(found, tree) == ["out.jsonl"]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("missing.jsonl", r"no such file: .*missing.jsonl; check the path \(.* holds data\)"),
        ("no/where.jsonl", "nor is there a directory"),
        ("data/*.nothing", "matches no file"),
        ("data/*.md", "matches 2 names but no data file"),
        ("empty", "the directory .*empty holds no data file"),
        ("dangling.jsonl", "is a symbolic link to nothing"),
        ("/dev/null", "is no file but a device"),
    ],
)
def test_arguments_that_stand_for_nothing(tree: Path, argument: str, message: str) -> None:
    if argument == "empty":
        (tree.parent / "empty").mkdir()
    if argument == "dangling.jsonl":
        (tree.parent / argument).symlink_to("nothing")
    with pytest.raises(SourceError, match=message):
        discover([tree.parent / argument], ALL)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_directory_that_cannot_be_listed(tree: Path) -> None:
    (tree / "deep").chmod(0)
    try:
        found, skips = discover([tree], ALL)
    finally:
        (tree / "deep").chmod(0o700)
    assert names(found, tree) == ["a.parquet", "b.jsonl"]
    assert Skip(str(tree / "deep"), "unreadable_directory", None, "Permission denied") in skips


def test_links_to_files_and_folders_are_one_source(tmp_path: Path) -> None:
    """A file that is named by several ways is read once, whatever links the ways have in them."""
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "a.jsonl").write_text("{}\n")
    (tmp_path / "way").symlink_to(tmp_path / "data" / "deep")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "data" / "deep" / "a.jsonl")
    ways = ["data/deep/a.jsonl", "way/a.jsonl", "link.jsonl", "data/deep/../deep/a.jsonl", "data/./deep/a.jsonl"]
    sources, _ = discover([tmp_path / way for way in ways], ReadOptions())
    assert [source.name for source in sources] == [min(str(tmp_path / way) for way in ways)]
    paths = RealPaths()
    for way in [*ways, "data/deep/..", "data/deep/", "nothing/here"]:
        assert paths.of(str(tmp_path / way)) == os.path.realpath(tmp_path / way)
