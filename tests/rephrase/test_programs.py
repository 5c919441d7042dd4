"""Programs written again, in other names and other languages, are found by what they are for and their examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from made import write_lines

from auditor.config import ScanConfig
from auditor.demo import humaneval_path
from auditor.embedding import load_embedder
from auditor.index import BenchmarkIndex
from auditor.rephrase.bank import bank_of
from auditor.rephrase.detector import Rephraser
from auditor.rephrase.views import record_views
from auditor.scanning import scan
from auditor.sources import TextField
from auditor.suites import load_benchmark
from rephrase.programs import ONE_WAY, OTHERS, REWRITTEN

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.results import ScanResult


LIBRARY = '''def open_connection(host, port, certificate=None):
    """Connect to the broker over TLS, and log in with the credentials that the environment holds."""
    session = Session(host, port, certificate)
    session.login(os.environ["BROKER_USER"], os.environ["BROKER_PASSWORD"])
    return session

def close(session):
    session.logout()
    session.close()

def both_ports(port):
    return port, port + 1

assert both_ports(80) == (80, 81)

'''


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ScanResult:
    rows = [{"text": code} for code in (*REWRITTEN.values(), *OTHERS)]
    rows.append({"text": f"Here is how I would do it:\n\n```python\n{REWRITTEN[67]}```\n\nIt ignores all other words."})
    train = write_lines(tmp_path_factory.mktemp("train") / "train.jsonl", rows)
    benchmark = load_benchmark(f"humaneval={humaneval_path()}")
    return scan(train, benchmark, config=ScanConfig(detectors=("rephrase",)), workers=1)


def test_each_is_named_as_its_own_item(result: ScanResult) -> None:
    found = {(m.row, m.item_id) for m in result.matches}
    right = {(row, f"HumanEval/{number}") for row, number in enumerate(REWRITTEN)}
    assert len(right & found) >= len(right) - 1
    called = {(m.row, m.item_id) for m in result.matches if m.verdict.value == "contaminated"}
    assert called <= right | {(len(REWRITTEN) + len(OTHERS), "HumanEval/67")}
    assert len(called) >= len(right) - 2


def test_other_programs_are_not_called(result: ScanResult) -> None:
    others = range(len(REWRITTEN), len(REWRITTEN) + len(OTHERS))
    assert not [m for m in result.matches if m.row in others and m.verdict.value == "contaminated"]


def test_one_inside_a_fence_is_found(result: ScanResult) -> None:
    (found,) = [m for m in result.matches if m.row == len(REWRITTEN) + len(OTHERS)]
    assert found.item_id == "HumanEval/67"
    assert found.signals["is_program"]


def test_the_reason_says_what_is_the_same(result: ScanResult) -> None:
    reasons = {m.item_id: m.reason for m in result.matches if m.verdict.value == "contaminated"}
    assert all(reason.startswith("does the same as the item's program (probability") for reason in reasons.values())
    assert "values of its examples are there" in reasons["HumanEval/67"]


def test_the_model_looks_at_programs_and_at_the_functions_of_files_that_say_something() -> None:
    config = ScanConfig(detectors=("rephrase",))
    index = BenchmarkIndex.build([load_benchmark(f"humaneval={humaneval_path()}")], config)
    embedder = load_embedder()
    rephraser = Rephraser(bank_of(index, embedder), embedder, ["humaneval"], config)
    file = LIBRARY * 8
    texts = [*REWRITTEN.values(), "def f(a):\n    return a\n", file]
    views = [(0, view) for code in texts for view in record_views([TextField("f", "", code)])]
    passed = [views[number][1] for number in rephraser.worth_encoding(views)]
    assert {view.source for view in passed} == set(texts)
    parts = [view for view in passed if view.source == file]
    assert [view.is_part for view in parts] == [False] + [True] * 16
    assert not any("close" in view.text for view in parts[1:])


def test_one_function_of_a_file_is_found_and_shown(tmp_path: Path) -> None:
    several = [code for code in (*OTHERS, ONE_WAY, *OTHERS) if "def " in code]
    text = "\n\n".join(several)
    train = write_lines(tmp_path / "train.jsonl", [{"text": text}])
    found = scan(train, load_benchmark(f"humaneval={humaneval_path()}"), config=ScanConfig(detectors=("rephrase",)))
    (match,) = [m for m in found.matches if m.verdict.value == "contaminated"]
    assert match.item_id == "HumanEval/57"
    assert text[slice(*match.train_span)].strip() == ONE_WAY.strip()
    assert "its examples go in and come out in the same shape" in match.reason
