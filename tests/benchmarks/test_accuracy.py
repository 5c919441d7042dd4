"""The measurements themselves: a small corpus is planted, scanned as a user would, scored and rendered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import places, render, scoring

ROOT = Path(__file__).resolve().parents[2]
needs_shared = pytest.mark.skipif(
    not (places.SHARED / "measure" / "plant.py").is_file(), reason="the folder `shared` is not beside the clone"
)


def command(module: str, *arguments: str, cache: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
        env={**os.environ, "AUDITOR_BENCHMARKS_CACHE": str(cache)},
    )  # fmt: skip


@needs_shared
def test_a_small_corpus_is_planted_scanned_and_scored(tmp_path: Path) -> None:
    out = tmp_path / "accuracy.json"
    done = command("accuracy", "--development", "--seeds", "5", "--megabytes", "1", "--tools", "auditor",
                   "--out", str(out), cache=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = json.loads(out.read_text(encoding="utf-8"))
    (corpus,) = results["corpora"]
    assert corpus["planted"] == 1200
    (scored,) = corpus["tools"]
    assert {kind["planted"] for kind in scored["kinds"].values()} == {100}
    assert set(render.GOALS) | {"heavy"} == set(scored["kinds"])
    assert scored["kinds"]["verbatim"]["right_item"] >= 99
    assert done.stdout.startswith("`auditor`, by seed (5)")
    assert "| verbatim | 100 |" in done.stdout
    # what is to be read by eye is laid out, and the texts of the benchmark stay out of the results
    reading = next((tmp_path / "reading").iterdir()).read_text(encoding="utf-8")
    assert reading.count("=== ") == len(corpus["auditor_wrong"])
    assert {key for case in corpus["auditor_wrong"] for match in case["matches"] for key in match} <= {
        "item_id", "verdict", "score", "reason",
    }  # fmt: skip


def match(row: int, item_id: str, verdict: str) -> dict[str, object]:
    return {"source": "x/part.jsonl", "row": row, "item_id": item_id, "verdict": verdict, "score": 1.0, "reason": "r"}


def test_rows_to_read_are_the_clean_ones_flagged_and_the_planted_ones_not_found_as_they_ought(tmp_path: Path) -> None:
    matches = [
        match(0, "a", "contaminated"),  # as it ought to be
        match(1, "other", "contaminated"),  # planted b: another item
        match(2, "c", "contaminated"),  # half a question is for review
        match(3, "d", "review"),  # as it ought to be
        match(4, "e", "review"),  # a whole question is not
        match(5, "f", "review"),  # heavy may be either
        match(9, "a", "review"),  # clean
    ]
    truth = [(0, "verbatim", "a"), (1, "verbatim", "b"), (2, "half", "c"), (3, "half", "d"), (4, "chat", "e"),
             (5, "heavy", "f"), (6, "short", "g")]  # fmt: skip
    (tmp_path / "matches.jsonl").write_text("".join(json.dumps(m) + "\n" for m in matches), encoding="utf-8")
    (tmp_path / "truth.jsonl").write_text(
        "".join(
            json.dumps({"source": "part.jsonl", "row": row, "kind": kind, "item_id": item}) + "\n"
            for row, kind, item in truth
        ),
        encoding="utf-8",
    )
    wrong = scoring.wrong_rows(tmp_path / "matches.jsonl", tmp_path / "truth.jsonl")
    assert [(case.row[1], case.planted) for case in wrong] == [
        (1, "verbatim b"), (2, "half c"), (4, "chat e"), (6, "short g"), (9, ""),
    ]  # fmt: skip


def test_halves_that_begin_several_items_tell_none_of_them(tmp_path: Path) -> None:
    questions = {
        "a": "Which of the following is a bird",
        "b": "Which of the following is a fish",
        "c": "Who was the first king",
    }
    truth = "".join(json.dumps({"source": "x", "row": 0, "kind": "half", "item_id": item}) + "\n" for item in "ac")
    (tmp_path / "truth.jsonl").write_text(truth, encoding="utf-8")
    items = {name: {"question": question} for name, question in questions.items()}
    assert scoring.halves_of_several(tmp_path / "truth.jsonl", items) == ["a"]


def test_without_the_shared_data_the_error_says_what_is_missing(tmp_path: Path) -> None:
    # the scripts as they lie in a clone that has nothing beside it
    clone = tmp_path / "clone"
    clone.mkdir()
    place = clone / "benchmarks"
    place.mkdir()
    for script in (ROOT / "benchmarks").glob("*.py"):
        (place / script.name).write_text(script.read_text(encoding="utf-8"), encoding="utf-8")
    for module in ("accuracy", "throughput", "planting"):
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{module}", *(["out"] if module == "planting" else [])],
            cwd=clone, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert "beside the clone" in done.stderr
        assert "Traceback" not in done.stderr


def test_the_page_is_what_the_results_give(tmp_path: Path) -> None:
    if not list(places.RESULTS.glob("*.json")):
        pytest.skip("nothing has been measured yet")
    done = command("render", "--check", cache=tmp_path)
    assert done.returncode == 0, done.stderr
