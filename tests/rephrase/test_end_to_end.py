"""A scan with MiniLM: paraphrases found and named, other numbers told apart, and the same bytes on every run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from made import write_lines

from auditor.config import ScanConfig
from auditor.findings import merge_matches
from auditor.scanning import scan
from rephrase.problems import PARAPHRASES, PROBLEMS, UNRELATED, VARIANTS, benchmark

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.results import ScanResult

CONFIG = ScanConfig(detectors=("rephrase",))
LONG = 27
"""The problem whose paraphrase stands inside a long record."""


def records() -> list[str]:
    """Clean texts, then the paraphrases, then the variants."""
    found = dict(PARAPHRASES.items())
    found[LONG] = f"{' '.join(UNRELATED[:12])}\n\n{found[LONG]}\n\n{' '.join(UNRELATED[12:24])}"
    return [*UNRELATED, *found.values(), *VARIANTS.values()]


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lines(tmp_path_factory.mktemp("train") / "train.jsonl", [{"text": text} for text in records()])


@pytest.fixture(scope="module")
def result(train: Path) -> ScanResult:
    return scan(train, benchmark(), config=CONFIG, workers=1)


def by_item(result: ScanResult) -> dict[tuple[int, str], dict[str, object]]:
    return {(m.row, m.item_id): {"verdict": m.verdict.value, "kind": m.signals["kind"]} for m in result.matches}


def test_paraphrases_are_found_and_named(result: ScanResult) -> None:
    found = by_item(result)
    first = len(UNRELATED)
    right = {(first + k, f"p{n}") for k, n in enumerate(PARAPHRASES)}
    assert right <= found.keys()
    called = {pair for pair, m in found.items() if m["verdict"] == "contaminated"}
    assert called <= right, "each is named as its own item and no other"
    assert len(called) >= len(right) - 2
    assert all(found[pair]["kind"] == "rephrase" for pair in right)


def test_other_numbers_are_a_variant_and_never_contaminated(result: ScanResult) -> None:
    first = len(UNRELATED) + len(PARAPHRASES)
    found = by_item(result)
    for k, n in enumerate(VARIANTS):
        assert found[first + k, f"p{n}"] == {"verdict": "review", "kind": "variant"}
    reasons = {m.reason for m in result.matches if m.signals["kind"] == "variant"}
    assert reasons == {"the same problem in like words, with other numbers"}


def test_unrelated_texts_give_nothing(result: ScanResult) -> None:
    assert not [m for m in result.matches if m.row < len(UNRELATED)]


def test_a_clean_corpus_gives_nothing(tmp_path: Path) -> None:
    train = write_lines(tmp_path / "clean.jsonl", [{"text": text} for text in UNRELATED])
    clean = scan(train, benchmark(), config=CONFIG)
    assert clean.matches == ()
    assert clean.summary["rephrase"]["contaminated"] == 0
    assert clean.summary["rephrase"]["estimated_false_discovery_rate"] == 0


def test_spans_and_excerpts_stand_in_the_texts(result: ScanResult) -> None:
    texts = records()
    for match in result.matches:
        begin, end = match.train_span
        assert 0 <= begin < end <= len(texts[match.row])
        assert texts[match.row][begin:end].startswith(match.train_excerpt)
        question = PROBLEMS[int(match.item_id[1:])]
        begin, end = match.item_span
        assert 0 <= begin < end <= len(question)
        assert question[begin:end].startswith(match.item_excerpt)
        assert 0 <= match.score <= 1
    row = len(UNRELATED) + list(PARAPHRASES).index(LONG)
    (inside,) = [m for m in result.matches if m.row == row and m.item_id == f"p{LONG}"]
    begin, end = inside.train_span
    assert PARAPHRASES[LONG] in texts[row][begin:end]
    assert end - begin < len(texts[row]) / 2


def test_the_summary_says_what_was_looked_at_and_how_sure_it_is(result: ScanResult) -> None:
    facts = result.summary["rephrase"]
    assert facts["views"] >= len(records())
    assert 0 < facts["encoded"] <= facts["views"]
    assert facts["fdr"] == 0.01
    # what is stated is never less than what the rate of the threshold says
    assert 0 <= facts["estimated_false_discovery_rate"] <= 1
    assert facts["contaminated"] == sum(m.verdict == "contaminated" for m in result.matches)
    assert facts["review"] == sum(m.verdict == "review" for m in result.matches)


def test_findings_are_rephrased_data(result: ScanResult) -> None:
    kinds = {finding.rule_id for finding in merge_matches(result.matches)}
    assert "data/rephrased" in kinds
    assert kinds <= {"data/rephrased", "data/variant"}


def written(result: ScanResult, out: Path) -> dict[str, bytes]:
    result.write(out)
    summary = json.loads((out / "summary.json").read_text())
    summary.pop("seconds")
    names = ("matches.jsonl", "findings.json", "report.md")
    return {**{name: (out / name).read_bytes() for name in names}, "summary": json.dumps(summary).encode()}


@pytest.mark.parametrize("workers", [1, 3])
def test_every_run_writes_the_same_bytes(result: ScanResult, train: Path, tmp_path: Path, workers: int) -> None:
    again = scan(train, benchmark(), config=CONFIG, workers=workers)
    assert written(again, tmp_path / "again") == written(result, tmp_path / "first")


def test_a_stricter_rate_calls_fewer_and_a_looser_one_more(result: ScanResult, train: Path) -> None:
    def called(found: ScanResult) -> set[tuple[int, str]]:
        return {(m.row, m.item_id) for m in found.matches if m.verdict == "contaminated"}

    strict = result.judged_by(ScanConfig(detectors=("rephrase",), fdr=0.0))
    assert called(strict) <= called(result)
    assert {(m.row, m.item_id) for m in strict.matches} == {(m.row, m.item_id) for m in result.matches}
    loose = scan(train, benchmark(), config=ScanConfig(detectors=("rephrase",), fdr=0.5))
    assert called(result) <= called(loose)
    assert result.judged_by(CONFIG).matches == result.matches
