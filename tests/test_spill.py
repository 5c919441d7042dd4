"""What does not fit into memory is sorted in a file, and is the same as what does."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import auditor
from auditor import spill
from auditor.baseline import Accepted, Baseline
from auditor.errors import OutputError
from auditor.findings import merge_matches
from auditor.report.files import write_findings
from auditor.report.markdown import render_scan_report
from auditor.spill import Sorter, Spilled, finding_sorter, match_sorter
from tests import made

if TYPE_CHECKING:
    from pathlib import Path


def numbers(directory: Path | None = None, in_memory: int = 7) -> Sorter[tuple[int, int]]:
    return Sorter(
        lambda pair: pair[0], lambda pair: f"{pair[0]} {pair[1]}".encode(),
        lambda row: (int(row.split()[0]), int(row.split()[1])), directory=directory, in_memory=in_memory,
    )  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 6, 7, 8, 100])
def test_the_order_is_that_of_a_stable_sort(tmp_path: Path, count: int) -> None:
    rng = random.Random(count)
    pairs = [(rng.randrange(20), n) for n in range(count)]
    sorter = numbers(tmp_path)
    sorter.add(pairs[: count // 2])
    sorter.add(pairs[count // 2 :])
    expected = sorted(pairs, key=lambda pair: pair[0])
    assert len(sorter) == count
    assert list(sorter.in_order()) == expected
    kept = sorter.kept(sorter.in_order())
    assert kept == tuple(expected)
    assert isinstance(kept, Spilled) == (count > 7)
    assert not list(tmp_path.iterdir())  # the file has no name


def test_a_sequence_in_a_file_is_read_as_a_tuple_is() -> None:
    sorter = numbers()
    pairs = tuple((n, n * n) for n in range(50))
    kept = sorter.kept(pairs)
    assert isinstance(kept, Spilled)
    assert (kept[0], kept[-1], kept[49]) == (pairs[0], pairs[-1], pairs[49])
    assert kept[5:17] == pairs[5:17]
    assert kept[40:2:-3] == pairs[40:2:-3]
    assert kept[:0] == ()
    assert kept != pairs[:-1]
    assert kept != (*pairs[:-1], (0, 0))
    assert kept != "text"
    assert list(zip(kept, kept, strict=True)) == list(zip(pairs, pairs, strict=True))  # two readers at once
    with pytest.raises(IndexError):
        kept[50]


def test_rows_longer_than_what_is_read_at_once() -> None:
    sorter = Sorter[bytes](len, bytes, bytes, in_memory=2)
    rows = [b"x" * n for n in (3 * spill.READ_BYTES, 0, 5, spill.READ_BYTES, 1)]
    sorter.add(rows)
    assert list(sorter.in_order()) == sorted(rows, key=len)


def test_where_nothing_can_be_spilled(tmp_path: Path) -> None:
    sorter = numbers(tmp_path / "missing", in_memory=1)
    with pytest.raises(OutputError, match="missing"):
        sorter.add([(1, 1)])


def test_matches_and_findings_are_the_same_from_a_file(tmp_path: Path) -> None:
    benchmark = made.make_benchmark()
    rows = [{"text": f"{item.question} {number % 3}"} for number in range(6) for item in benchmark.items[:12]]
    made.write_lines(tmp_path / "t.jsonl", rows)
    result = auditor.scan(tmp_path / "t.jsonl", benchmark, config=made.NGRAM)
    matches = list(result.matches)
    assert len(matches) == 72
    random.Random(3).shuffle(matches)
    sorter = match_sorter(tmp_path)
    sorter._in_memory = 10
    sorter.add(matches)
    spilled = sorter.kept(sorter.in_order())
    assert isinstance(spilled, Spilled)
    assert spilled == result.matches
    from_file = auditor.ScanResult(spilled, result.summary)
    assert list(from_file.findings) == merge_matches(matches)
    findings = finding_sorter()
    findings._in_memory = 10
    findings.add(result.findings)
    kept = findings.kept(findings.in_order())
    assert isinstance(kept, Spilled)
    write_findings(tmp_path / "a.json", result.findings, command="scan")
    write_findings(tmp_path / "b.json", kept, command="scan")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_a_baseline_marks_findings_in_a_file_as_it_does_in_memory(tmp_path: Path) -> None:
    benchmark = made.make_benchmark()
    made.write_lines(tmp_path / "t.jsonl", [{"text": benchmark.items[0].question}])
    result = auditor.scan(tmp_path / "t.jsonl", benchmark, config=made.NGRAM)
    matches = tuple(replace(result.matches[0], row=row) for row in range(spill.IN_MEMORY + 30))
    held = auditor.ScanResult(matches, result.summary)
    spilled = auditor.ScanResult(match_sorter(tmp_path).kept(matches), result.summary)
    entries = (held.findings[3], held.findings[-1], replace(held.findings[0], fingerprint="f" * 32))
    baseline = Baseline("b", tuple(Accepted(finding.fingerprint, "known") for finding in entries))
    one, other = (of.with_baseline(baseline) for of in (held, spilled))
    assert isinstance(other.findings, Spilled)
    assert other.findings == one.findings
    assert [n for n, finding in enumerate(other.findings) if finding.baseline] == [3, len(matches) - 1]
    assert one.summary["baseline"] == other.summary["baseline"]
    assert (one.summary["baseline"]["hidden"], len(one.summary["baseline"]["stale"])) == (2, 1)
    assert render_scan_report(one.summary, one.findings) == render_scan_report(other.summary, other.findings)
