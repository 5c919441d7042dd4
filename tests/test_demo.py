"""The demonstration plants what it says it plants, the same on every run, and counts what a scan finds of it."""

from __future__ import annotations

import csv
import gzip
import html
import json
from collections import Counter
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from auditor.cli import cli
from auditor.demo import COPIES_OF_A_KIND, Planted, compare, humaneval_path, make_training_set
from auditor.errors import MissingExtraError, OutputError
from auditor.types import Finding, Verdict

if TYPE_CHECKING:
    from pathlib import Path

KINDS = 6


@pytest.fixture(scope="module")
def humaneval() -> Path:
    try:
        return humaneval_path()
    except MissingExtraError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, humaneval: Path) -> tuple[Path, list[Planted], int]:
    directory = tmp_path_factory.mktemp("training")
    planted, rows = make_training_set(directory, humaneval)
    return directory, planted, rows


def read(directory: Path) -> dict[str, list[str]]:
    """The rows of each file as text, read in the plainest way there is."""
    with gzip.open(directory / "documents.jsonl.gz", "rt", encoding="utf-8") as file:
        documents = [json.loads(line)["text"] for line in file]
    chats = json.loads((directory / "chat.json").read_text(encoding="utf-8"))
    with (directory / "pairs.csv").open(encoding="utf-8", newline="") as file:
        pairs = [row["prompt"] for row in csv.DictReader(file)]
    return {
        "code.jsonl": [json.loads(line)["text"] for line in (directory / "code.jsonl").read_text().splitlines()],
        "documents.jsonl.gz": documents,
        "chat.json": ["\n".join(message["content"] for message in chat["messages"]) for chat in chats],
        "pairs.csv": pairs,
        "pages.parquet": [
            html.unescape(text) for text in pq.read_table(directory / "pages.parquet")["text"].to_pylist()
        ],
    }


def test_each_planted_row_holds_its_item(made: tuple[Path, list[Planted], int], humaneval: Path) -> None:
    directory, planted, total = made
    with gzip.open(humaneval, "rt", encoding="utf-8") as file:
        prompts = {item["task_id"]: item["prompt"] for item in map(json.loads, file)}
    rows = read(directory)
    assert sum(map(len, rows.values())) == total > 300
    assert len(planted) == KINDS * COPIES_OF_A_KIND
    assert len({mark.item_id for mark in planted}) == len(planted)
    assert set(Counter(mark.kind for mark in planted).values()) == {COPIES_OF_A_KIND}
    for mark in planted:
        text, prompt = rows[mark.file][mark.row], prompts[mark.item_id]
        if mark.kind == "first half only":
            assert prompt.startswith(text)
            assert mark.expected is Verdict.REVIEW
        elif mark.kind.startswith("restyled"):
            assert prompt not in text
            assert "".join(text.replace("’’’", '"""').split()).replace("’", "'") == "".join(
                prompt.upper().split()
            ).replace("'''", '"""')
        else:
            assert prompt in text


def test_the_other_rows_hold_no_item(made: tuple[Path, list[Planted], int], humaneval: Path) -> None:
    directory, planted, _ = made
    with gzip.open(humaneval, "rt", encoding="utf-8") as file:
        signatures = [item["prompt"].strip().splitlines()[-1] for item in map(json.loads, file)]
    marks = {(mark.file, mark.row) for mark in planted}
    long_lines = [line for line in signatures if len(line) > 12]
    for file, rows in read(directory).items():
        for row, text in enumerate(rows):
            if (file, row) not in marks:
                assert not any(line in text for line in long_lines)


def test_it_is_the_same_on_every_run(made: tuple[Path, list[Planted], int], humaneval: Path, tmp_path: Path) -> None:
    directory, planted, rows = made
    assert make_training_set(tmp_path / "new" / "deep", humaneval) == (planted, rows)
    for path in directory.iterdir():
        assert (tmp_path / "new" / "deep" / path.name).read_bytes() == path.read_bytes()


def test_a_place_that_cannot_be_written(tmp_path: Path, humaneval: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="give another directory with -o"):
        make_training_set(tmp_path / "file", humaneval)


def found(mark: Planted, verdict: Verdict, **changes: object) -> Finding:
    evidence = {"row": mark.row, "item_id": mark.item_id, **changes}
    return Finding("r", "error", verdict.value, f"demo-out/training/{mark.file}", "t", "m", evidence=evidence)


def test_what_was_found_stands_beside_what_was_planted() -> None:
    whole = Planted("verbatim", "code.jsonl", 3, "HumanEval/1", Verdict.CONTAMINATED)
    half = Planted("half", "pairs.csv", 4, "HumanEval/2", Verdict.REVIEW)
    good = compare([whole, half], [found(whole, Verdict.CONTAMINATED), found(half, Verdict.REVIEW)])
    assert good.everything_found
    assert good.by_kind() == [
        ("verbatim", "code.jsonl", 1, 1, Counter({Verdict.CONTAMINATED: 1})),
        ("half", "pairs.csv", 1, 1, Counter({Verdict.REVIEW: 1})),
    ]
    assert compare([half], [found(half, Verdict.CONTAMINATED)]).everything_found
    assert not compare([whole], [found(whole, Verdict.REVIEW)]).everything_found
    wrong_item = compare([whole], [found(whole, Verdict.CONTAMINATED, item_id="HumanEval/9")])
    assert not wrong_item.everything_found
    assert wrong_item.by_kind() == [("verbatim", "code.jsonl", 1, 0, Counter())]
    assert (wrong_item.unplanted_contaminated, wrong_item.unplanted_review) == (1, 0)
    assert compare([whole], [found(whole, Verdict.REVIEW, row=99)]).unplanted_review == 1


def test_the_command_finds_all_of_it(tmp_path: Path, humaneval: Path) -> None:
    result = CliRunner().invoke(cli, ["demo", "-o", str(tmp_path / "out")], standalone_mode=False)
    assert result.exception is None, result.output
    assert result.return_value == 0, result.output
    assert "verbatim" in result.output
    assert (tmp_path / "out" / "report.md").read_text(encoding="utf-8").startswith("# Contamination report")
