"""What the load measurements are built from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks.load import SECTIONS, join, page, parts
from benchmarks.load_items import build, load, write_items
from benchmarks.places import RESULTS, ROOT

if TYPE_CHECKING:
    from pathlib import Path


def test_items_are_of_the_words_of_a_corpus_and_the_same_each_time(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("one two two three three three four four four four\n", encoding="utf-8")
    for name in "ab":
        write_items(tmp_path / name, 50, corpus)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    rows = [json.loads(line) for line in (tmp_path / "a").read_text().splitlines()]
    assert len({row["id"] for row in rows}) == 50
    assert {word for row in rows for word in row["question"].rstrip("?").split()} == {"one", "two", "three", "four"}


def test_an_index_is_built_and_loaded(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(" ".join(f"word{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(600)), encoding="utf-8")
    write_items(tmp_path / "items.jsonl", 30, corpus)
    build(tmp_path / "items.jsonl", tmp_path / "index")
    assert load(tmp_path / "index") > 0


def test_planted_rows_are_in_the_first_part_only(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    row = b"x" * 999_999 + b"\n"
    (tmp_path / "train" / "part-000.jsonl").write_bytes(row * 99 + b"last of the first\n" + row + b"bad\n" + b"good\n")
    truth = [{"source": "part-000.jsonl", "row": 5}, {"source": "part-000.jsonl", "row": 101}]
    (tmp_path / "truth.jsonl").write_text("\n".join(map(json.dumps, truth)))
    planted, clean = parts(tmp_path, tmp_path)
    assert planted.read_bytes() == row * 99 + b"last of the first\n" + row
    assert clean.read_bytes() == b"good\n"
    join([clean, clean], tmp_path / "joined")
    assert (tmp_path / "joined").read_bytes() == b"good\ngood\n"


def test_the_page_is_what_the_results_give() -> None:
    assert (ROOT / "benchmarks" / "load.md").read_text(encoding="utf-8") == page()
    for name, (title, _) in SECTIONS.items():
        assert (RESULTS / f"load-{name}.json").is_file() == (f"## {title}" in page())
