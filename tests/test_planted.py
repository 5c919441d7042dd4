"""What is planted is found, with the right verdict and the right item, and what is clean stays clean."""

from __future__ import annotations

import html
import json
import random
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from made import document, inside, sentence, word, write_lines

import auditor

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.results import ScanResult

SHARED = Path(__file__).parents[2] / "shared"
needs_measure = pytest.mark.skipif(
    not (SHARED / "measure" / "plant.py").exists(),
    reason="the measuring scripts lie beside this repository, in shared/measure",
)
needs_gsm8k = pytest.mark.skipif(
    not (SHARED / "data" / "training" / "gsm8k" / "train.jsonl").exists(),
    reason="GSM8K lies beside this repository, in shared/data",
)


def scored(
    result: ScanResult, truth: dict[tuple[str, int], tuple[str, str]]
) -> tuple[dict[str, Counter[str]], Counter[str]]:
    """Of each kind, rows called each verdict with the right item; and of clean rows, those called each verdict."""
    verdicts: dict[tuple[str, int], set[tuple[str, str]]] = defaultdict(set)
    for match in result.matches:
        verdicts[Path(match.source).name, match.row].add((match.verdict.value, match.item_id))
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for place, (kind, item) in truth.items():
        kinds[kind]["planted"] += 1
        kinds[kind]["contaminated"] += ("contaminated", item) in verdicts[place]
        kinds[kind]["found"] += any(found == item for _, found in verdicts[place])
    clean = Counter(
        "contaminated" if any(v == "contaminated" for v, _ in found) else "review"
        for place, found in verdicts.items()
        if found and place not in truth
    )
    return kinds, clean


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Counter[str]], Counter[str]]:
    out = tmp_path_factory.mktemp("planted")
    subprocess.run(
        [sys.executable, SHARED / "measure" / "plant.py", out, "--megabytes", "12"], check=True, capture_output=True
    )
    truth = {}
    for line in (out / "truth.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        truth[row["source"], row["row"]] = row["kind"], row["item_id"]
    result = auditor.scan(out / "train", f"planted={out / 'benchmark.jsonl'}")
    assert result.complete
    return scored(result, truth)


@needs_measure
@pytest.mark.parametrize(
    ("kind", "least", "verdict"),
    [
        *((kind, 100, "contaminated") for kind in ("verbatim", "embedded", "chat", "options", "reordered")),
        *((kind, 99, "contaminated") for kind in ("restyled", "escaped", "chinese")),
        *((kind, 97, "contaminated") for kind in ("edited", "short")),
        ("half", 90, "found"),
    ],
)
def test_planted_kinds(
    planted: tuple[dict[str, Counter[str]], Counter[str]], kind: str, least: int, verdict: str
) -> None:
    kinds, _ = planted
    assert kinds[kind]["planted"] == 100
    assert kinds[kind][verdict] >= least, kinds[kind]


@needs_measure
def test_clean_rows_of_the_planted_corpus(planted: tuple[dict[str, Counter[str]], Counter[str]]) -> None:
    assert planted[1]["contaminated"] <= 1


@needs_gsm8k
def test_gsm8k_train_does_not_hold_gsm8k_test() -> None:
    data = SHARED / "data"
    result = auditor.scan(
        data / "training" / "gsm8k" / "train.jsonl", f"gsm8k={data / 'benchmarks' / 'gsm8k' / 'test.jsonl'}"
    )
    assert result.summary["records_read"] == 7473
    assert result.summary["benchmarks"]["gsm8k"]["contaminated_items"] == 0


def program(rng: random.Random, number: int) -> dict[str, str]:
    """An item of HumanEval's shape."""
    name, argument = word(rng), word(rng)
    prompt = (
        f"def {name}({argument}: list[int]) -> int:\n"
        f'    """ {sentence(rng, 18)}. {sentence(rng, 14)}.\n'
        f"    >>> {name}([{rng.randint(1, 99)}, {rng.randint(1, 99)}])\n    {rng.randint(1, 999)}\n"
        f'    """\n'
    )
    solution = f"    {word(rng)} = sorted({argument})\n    return sum({argument}) * {rng.randint(2, 99)} - len({name}.__doc__)\n"
    test = f"def check(candidate):\n    assert candidate([]) == {number}\n"
    return {
        "task_id": f"Made/{number}",
        "prompt": prompt,
        "canonical_solution": solution,
        "test": test,
        "entry_point": name,
    }


COPIES: dict[str, Callable[[dict[str, str], str], dict[str, object]]] = {
    "verbatim": lambda item, host: {"text": item["prompt"] + item["canonical_solution"]},
    "embedded": lambda item, host: {"content": inside(item["prompt"] + item["canonical_solution"], host)},
    "prompt": lambda item, host: {"prompt": item["prompt"], "completion": item["canonical_solution"]},
    "chat": lambda item, host: {
        "messages": [
            {"role": "user", "content": f"Complete this:\n```python\n{item['prompt']}```"},
            {"role": "assistant", "content": item["canonical_solution"]},
        ]
    },
    "upper": lambda item, host: {"text": inside(item["prompt"].upper(), host)},
    "escaped": lambda item, host: {"text": inside(html.escape(item["prompt"]).replace("    ", "&nbsp;&nbsp;"), host)},
    "wrapped": lambda item, host: {"text": inside("\n".join(item["prompt"].split()), host)},
}  # fmt: skip


def test_copies_of_programs(tmp_path: Path) -> None:
    """Needs nothing but this file: a benchmark of HumanEval's shape, ten copies of each kind among clean rows."""
    rng = random.Random(11)
    items = [program(rng, number) for number in range(100)]
    benchmark = write_lines(tmp_path / "programs.jsonl", items)
    rows: list[tuple[dict[str, object], str, str]] = []
    for position, (kind, copy) in enumerate(COPIES.items()):
        rows += [
            (copy(item, document(rng)), kind, item["task_id"]) for item in items[position * 10 : position * 10 + 10]
        ]
    rows += [({"text": document(rng)}, "", "") for _ in range(300)]
    # other programs of the same make
    rows += [({"text": (other := program(rng, 0))["prompt"] + other["canonical_solution"]}, "", "") for _ in range(100)]
    rng.shuffle(rows)
    train = write_lines(tmp_path / "train.jsonl", (row for row, _, _ in rows))
    truth = {("train.jsonl", n): (kind, item) for n, (_, kind, item) in enumerate(rows) if kind}
    result = auditor.scan(train, benchmark)
    kinds, clean = scored(result, truth)
    assert {kind: counts["contaminated"] for kind, counts in kinds.items()} == dict.fromkeys(COPIES, 10)
    assert not clean
    answers = {m.item_id: m.answer_present for m in result.matches}
    for _, kind, item in rows:
        if kind:
            assert answers[item] == (kind in {"verbatim", "embedded", "prompt", "chat"}), kind
