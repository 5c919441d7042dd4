"""`auditor scan -d rephrase` as a person runs it, with a model of one's own, and with none that there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from command import auditor, outputs, summary_of
from made import read_lines, write_benchmark, write_lines
from rephrase.problems import PROBLEMS, UNRELATED, items
from tiny_model import write_tiny_model

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny", [*PROBLEMS, *UNRELATED])


@pytest.fixture
def corpus(tmp_path: Path) -> list[str]:
    texts = [*UNRELATED[:30], PROBLEMS[4]]
    train = write_lines(tmp_path / "train.jsonl", [{"text": text} for text in texts])
    return [str(train), "-b", str(write_benchmark(tmp_path / "bench.jsonl", items())), "-d", "rephrase"]


def test_any_folder_of_a_model_works_and_every_run_is_the_same(tmp_path: Path, model: Path, corpus: list[str]) -> None:
    outs = [tmp_path / "one", tmp_path / "two"]
    for out, workers in zip(outs, (1, 3), strict=True):
        done = auditor("scan", *corpus, "--model", model, "--fdr", "0.05", "--workers", workers, "-o", out)
        assert done.returncode in {0, 1}, done.stderr
        assert done.stderr == ""
    assert outputs(outs[0]) == outputs(outs[1])
    summary = summary_of(outs[0])
    assert (summary["config"]["model"], summary["config"]["fdr"]) == (str(model), 0.05)
    assert summary["rephrase"]["fdr"] == 0.05
    assert summary["rephrase"]["texts"] >= 31
    found = read_lines(outs[0] / "matches.jsonl")
    assert any((m["row"], m["item_id"]) == (30, "p4") for m in found), "the question itself is the surest of all"
    assert {m["detector"] for m in found} == {"rephrase"}


def test_a_model_that_is_nowhere_is_2_and_says_what_to_give(tmp_path: Path, corpus: list[str]) -> None:
    done = auditor("scan", *corpus, "--model", tmp_path, "-o", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not the folder of a sentence-transformers model: it has no modules.json" in done.stderr
    assert not (tmp_path / "out" / "summary.json").exists()


@pytest.mark.parametrize("rate", ["-0.1", "1.5", "x"])
def test_a_rate_that_is_none_is_2(tmp_path: Path, corpus: list[str], rate: str) -> None:
    done = auditor("scan", *corpus, "--fdr", rate, "-o", tmp_path / "out")
    assert done.returncode == 2
    assert "--fdr" in done.stderr
