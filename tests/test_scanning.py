"""The public API: benchmarks and a training set in, a result out that can be judged again."""

from __future__ import annotations

import functools
import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from made import NGRAM, documents, inside, make_benchmark, make_items, read_lines, whole, write_benchmark, write_lines

import auditor
from auditor import scanning
from auditor.config import ScanConfig
from auditor.errors import InputError, NoRecordsError, SourceError, UnknownBenchmarkError
from auditor.index_cache import index_of
from auditor.types import Verdict

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = make_items()
scan = functools.partial(auditor.scan, config=NGRAM)


@pytest.fixture
def train(tmp_path: Path) -> Path:
    """Thirty rows: a whole item in row 3, a question in 10, half of one in 20."""
    rows = [{"text": text} for text in documents(30)]
    rows[3] = {"text": whole(ITEMS[5])}
    rows[10] = {"text": inside(ITEMS[6].question, documents(1, seed=9)[0])}
    rows[20] = {"text": inside(" ".join(ITEMS[7].question.split()[:13]), documents(1, seed=10)[0])}
    return write_lines(tmp_path / "train.jsonl", rows)


def test_a_scan_by_paths(tmp_path: Path, train: Path) -> None:
    path = write_benchmark(tmp_path / "bench.jsonl", ITEMS)
    result = scan(train, path)
    assert [(m.row, m.item_id, m.verdict.value) for m in result.matches] == [
        (3, "item-5", "contaminated"), (10, "item-6", "contaminated"), (20, "item-7", "review"),
    ]  # fmt: skip
    assert result.complete
    summary = result.summary
    assert (summary["records_read"], summary["records_skipped"], summary["bytes_read"]) == (
        30,
        {},
        train.stat().st_size,
    )
    facts = summary["benchmarks"]["bench"]
    assert (facts["items"], facts["items_indexed"], facts["contaminated_items"], facts["review_items"]) == (
        40,
        40,
        2,
        1,
    )
    assert summary["inputs"].keys() == {str(train), "benchmark bench"}
    assert summary["estimated_false_discovery_rate"] == 0.0
    assert 0 < summary["false_discovery"]["upper_95"] <= 1
    assert [finding.verdict for finding in result.findings] == ["contaminated", "contaminated", "review"]


def test_every_way_to_name_a_benchmark(tmp_path: Path, train: Path) -> None:
    path = write_benchmark(tmp_path / "bench.jsonl", ITEMS)
    loaded = auditor.load_benchmark(str(path))
    ways = [
        path, str(path), [path], [f"bench={path}"], loaded, [loaded], index_of(loaded, ScanConfig()),
        auditor.BenchmarkIndex.build([loaded], ScanConfig()),
    ]  # fmt: skip
    results = [scan([str(train)], way) for way in ways]
    for result in results[1:]:
        assert result.matches == results[0].matches


def test_two_benchmarks_at_once(tmp_path: Path, train: Path) -> None:
    other = make_items(10, seed=5)
    path = write_lines(tmp_path / "more.jsonl", [{"text": whole(other[2])}])
    result = scan([train, path], [make_benchmark(ITEMS), make_benchmark(other, "other")])
    assert [(m.benchmark, m.item_id) for m in result.matches if m.source == str(path)] == [("other", "item-2")]
    counts = {name: facts["contaminated_items"] for name, facts in result.summary["benchmarks"].items()}
    assert counts == {"bench": 2, "other": 1}


def test_stricter_thresholds_without_another_scan(train: Path) -> None:
    index = auditor.BenchmarkIndex.build([make_benchmark(ITEMS)], ScanConfig())
    result = scan(train, index)
    for strict in (
        replace(NGRAM, contaminated_weight=10_000.0, supported_weight=10_000.0),
        replace(NGRAM, cut_containment=0.9, scattered_containment=0.9),
        replace(NGRAM, review_weight=10_000.0, contaminated_weight=10_000.0),
    ):
        judged, anew = result.judged_by(strict), scan(train, index, config=strict)
        assert judged.matches == anew.matches
        for key in ("benchmarks", "config"):
            assert judged.summary[key] == anew.summary[key]
    assert result.judged_by(ScanConfig()).matches == result.matches
    demoted = result.judged_by(replace(NGRAM, contaminated_weight=10_000.0, supported_weight=10_000.0))
    assert {m.verdict for m in demoted.matches} == {Verdict.REVIEW}


def test_what_is_written(tmp_path: Path, train: Path) -> None:
    result = scan(train, make_benchmark(ITEMS))
    result.write(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "findings.json", "matches.jsonl", "report.html", "report.md", "summary.json",
    ]  # fmt: skip
    assert read_lines(tmp_path / "out" / "matches.jsonl") == [match.to_json() for match in result.matches]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert {**json.loads(json.dumps(result.summary)), "schema_version": 1, "tool": "auditor"} == summary


def test_progress_ends_at_the_end(train: Path) -> None:
    seen: list[scanning.Progress] = []
    scan(train, make_benchmark(ITEMS), progress=seen.append)
    assert seen[-1] == scanning.Progress(train.stat().st_size, train.stat().st_size, 30, 3)


def test_errors_of_the_call(tmp_path: Path, train: Path) -> None:
    with pytest.raises(InputError, match="the engine 'spark' is not in this version; there is: local"):
        scan(train, make_benchmark(), engine="spark")
    with pytest.raises(InputError, match="workers must be at least 1, not 0"):
        scan(train, make_benchmark(), workers=0)
    with pytest.raises(InputError, match="to resume, name the output directory"):
        scan(train, make_benchmark(), resume=True)
    with pytest.raises(UnknownBenchmarkError, match="Did you mean gsm8k"):
        scan(train, ["gsm8"])
    with pytest.raises(SourceError, match="no such file"):
        scan(tmp_path / "nothing.jsonl", make_benchmark())
    with pytest.raises(InputError, match="name at least one"):
        scan(train, [])


def test_no_records_is_no_clean_audit(tmp_path: Path) -> None:
    (tmp_path / "blank.jsonl").write_text("\n\n")
    with pytest.raises(NoRecordsError, match="An audit of nothing is not a clean audit"):
        scan(tmp_path / "blank.jsonl", make_benchmark())
    write_lines(tmp_path / "odd.jsonl", [{"body": "x", "title": "y"}])
    with pytest.raises(SourceError, match="fields that are there: body, title; use --text-field"):
        scan([tmp_path / "blank.jsonl", tmp_path / "odd.jsonl"], make_benchmark())
    (tmp_path / "junk.jsonl").write_bytes(os.urandom(1000))
    with pytest.raises(SourceError, match="is binary"):
        scan(tmp_path / "junk.jsonl", make_benchmark())


def test_an_earlier_result_in_the_training_set_is_passed_over(tmp_path: Path, train: Path) -> None:
    result = scan(tmp_path, make_benchmark(ITEMS), out=tmp_path / "out")
    result.write(tmp_path / "out")
    again = scan(tmp_path, make_benchmark(ITEMS), out=tmp_path / "out")
    assert again.matches == result.matches
    assert again.complete
    assert again.summary["records_skipped"]["own_output"] == 5
    with pytest.raises(InputError, match="lies in the output directory"):
        scan(tmp_path / "out" / "matches.jsonl", make_benchmark(ITEMS), out=tmp_path / "out")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_thresholds_that_are_no_number_are_refused(value: float) -> None:
    with pytest.raises(InputError, match="contaminated_weight must be a number of at least 0"):
        ScanConfig(contaminated_weight=value)


def test_other_values_that_are_refused() -> None:
    for name, value in {
        "ngram_size": 1,
        "candidate_share": 0.0,
        "min_run": 0,
        "excerpt_chars": 0,
        "detectors": ("x",),
    }.items():
        with pytest.raises(InputError, match=name.removesuffix("s")):
            replace(ScanConfig(), **{name: value})
    for threshold in ScanConfig.thresholds():
        assert len(threshold.reason) > 20


def test_the_public_names() -> None:
    assert {"scan", "load_benchmark", "ScanConfig", "ScanResult", "ReadOptions", "BenchmarkIndex"} <= set(dir(auditor))
    assert auditor.ScanConfig is ScanConfig
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        auditor.nothing  # noqa: B018
