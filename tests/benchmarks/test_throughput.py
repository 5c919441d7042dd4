"""What the throughput measurement is built from: parts of a file, runs in turn, costs of a process, tables."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.planting import first_bytes
from benchmarks.render import throughput_tables
from benchmarks.running import Run, cores_free, machine, run
from benchmarks.throughput import Case, take_turns

if TYPE_CHECKING:
    from pathlib import Path


def test_a_part_of_a_file_is_whole_lines_and_a_larger_one_repeats_it(tmp_path: Path) -> None:
    source = tmp_path / "source.jsonl"
    source.write_bytes(b"".join(b"%04d\n" % n for n in range(100)))
    assert first_bytes(source, 1, tmp_path / "one").read_bytes() == b"0000\n"
    part = first_bytes(source, 52, tmp_path / "part").read_bytes()
    assert part == b"".join(b"%04d\n" % n for n in range(11))
    assert first_bytes(source, 1000, tmp_path / "twice").read_bytes() == source.read_bytes() * 2


def test_a_run_is_charged_for_its_time_and_memory(tmp_path: Path) -> None:
    busy = (
        "import time\nblock = b'x' * 50_000_000\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    )
    cost = run([sys.executable, "-c", busy], log=tmp_path / "log")
    assert 0.3 <= cost.cpu < 5
    assert cost.wall >= cost.cpu * 0.9
    assert cost.peak > 50


def test_a_command_that_fails_ends_the_measurement_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no such thing"):
        run([sys.executable, "-c", "import sys; sys.exit('no such thing')"], log=tmp_path / "log")


def test_cases_take_turns() -> None:
    order: list[str] = []

    def case(name: str) -> Case:
        def once() -> Run:
            order.append(name)
            return Run(wall=len(order), cpu=1.0, peak=1.0)

        return Case({"tool": name}, once)

    runs = take_turns([case("a"), case("b")], rounds=2)
    assert order == ["a", "b", "a", "b"]
    assert [[cost.wall for cost in mine] for mine in runs] == [[1, 3], [2, 4]]


def test_the_machine_is_described() -> None:
    facts = machine()
    assert facts["cores"] >= 1
    assert facts["memory_gb"] > 0
    assert set(facts["packages"]) >= {"numba", "numpy"}


def cost(cpu: float, wall: float, peak: float = 100.0) -> dict[str, float]:
    return {"cpu": cpu, "wall": wall, "peak": peak}


def test_tables_take_medians_and_ratios_within_a_round() -> None:
    own: dict[str, Any] = {"tool": "auditor", "benchmark": "GSM8K", "workers": 2}
    results = {
        "throughput": [
            own | {"megabytes": 1000.0, "slice": False, "goal": 100, "runs": [cost(8, 5), cost(10, 6), cost(20, 12)]},
            own | {"megabytes": 100.0, "slice": True, "runs": [cost(2, 1), cost(2, 1), cost(4, 3)]},
            {"tool": "decon", "benchmark": "GSM8K", "workers": 2, "beside_workers": 2, "megabytes": 100.0,
             "slice": True, "runs": [cost(10, 5), cost(10, 5), cost(40, 30)]},
        ],
        "scaling": [{"megabytes": 1000.0, "cores_free": [1.7], "one": [cost(10, 10)], "two": [cost(10, 6)]}],
        "memory": [{"megabytes": 2000.0, "benchmark": "GSM8K", "runs": [cost(1, 1, 401.0)]}],
        "startup": [{"what": "later run", "goal": 2, "runs": [cost(1, 1.5), cost(1, 3), cost(1, 1.0)]}],
    }  # fmt: skip
    tables = "\n".join(throughput_tables(results))
    # the third round was a busy one for all: it moves the speeds, not the ratios
    assert "| auditor | 1,000 MB | GSM8K | 2 | **100.0** (50.0-125.0) | 166.7 | 100 | 3 | ≥ 100 | yes |" in tables
    assert "| decon | GSM8K | 100 MB | 100 MB | 10.0 | 50.0 | **5.0** | 5.0 · 5.0 · 10.0 |  |  |" in tables
    assert "| decon | GSM8K | 100 MB | 1,000 MB | 10.0 | 100.0 | **12.5** | 12.5 · 10.0 · 20.0 | ≥ 9 | yes |" in tables
    assert "| 1,000 MB | 10.00 s | 6.00 s | **1.67** (1.67) | 1.70 | ≥ 1.8 | **no** |" in tables
    assert "| 2,000 MB, GSM8K | 401 | ≤ 400 | **no** |" in tables
    assert "| later run | **1.50** | 1.50 · 3.00 · 1.00 | ≤ 2 | yes |" in tables


def test_free_cores_are_told_from_busy_ones() -> None:
    assert 0.5 < cores_free() < 3
