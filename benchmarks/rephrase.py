"""How well rephrased items are found: each among all items of its benchmark, among clean rows, at the rate asked for.

    python -m benchmarks.rephrase [SET]... [--workers N]

Each set is rephrases of `../shared/data/rephrased` shuffled among real rows that are not contaminated (1,000 of GSM8K's
training set, 999 of Alpaca, 451 of Dolly; for HumanEval, MBPP's 974 instead of GSM8K's); empty rephrases are left out.
A rephrase is found where it is matched to its own item among all items of GSM8K, MMLU and HumanEval together. The odds
(see `auditor.rephrase.scoring`) were fitted on the odd-numbered half of the rephrases and of the clean rows: the even
half of the rephrases is reported beside the whole.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import auditor
from auditor.config import ScanConfig
from benchmarks.places import SHARED

if TYPE_CHECKING:
    from auditor.results import ScanResult

DATA = SHARED / "data"
RESULTS = Path(__file__).parent / "results" / "rephrase.json"
BENCHMARKS = {
    "gsm8k": DATA / "benchmarks/gsm8k/test.jsonl",
    "mmlu": DATA / "benchmarks/mmlu/test",
    "humaneval": DATA / "benchmarks/humaneval/HumanEval.jsonl.gz",
}


@dataclass(frozen=True)
class Row:
    """A training row, and the item that it rephrases: (benchmark, question) or None."""

    record: dict[str, str]
    truth: tuple[str, str] | None
    number: int


def lines(path: Path) -> list[Any]:
    """Rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def questions(benchmark: str) -> list[str]:
    """The questions of a benchmark, in its order."""
    return [item.question for item in auditor.load_benchmark(f"{benchmark}={BENCHMARKS[benchmark]}").items]


def clean_rows(kinds: str) -> list[Row]:
    """Rows that hold no item: of "gsm8k", "alpaca", "dolly" and "mbpp", as named."""
    found: list[dict[str, str]] = []
    if "gsm8k" in kinds:
        train = lines(DATA / "training/gsm8k/train.jsonl")
        found += [{"question": r["question"], "answer": r["answer"]} for r in train[: None if "all" in kinds else 1000]]
    if "alpaca" in kinds:
        found += json.loads((DATA / "training/llamafactory/alpaca_en_demo.json").read_text(encoding="utf-8"))
    if "dolly" in kinds:
        found += json.loads((DATA / "training/dolly/dolly_train.json").read_text(encoding="utf-8"))[:451]
    if "mbpp" in kinds:
        mbpp = lines(DATA / "benchmarks/mbpp/mbpp.jsonl")
        found += [{"instruction": r["text"], "output": r["code"]} for r in mbpp]
    return [Row({k: str(v) for k, v in record.items()}, None, -1) for record in found]


def mmlu_rows() -> list[Row]:
    """English rephrases of abstract algebra and sociology."""
    import csv

    rows = []
    for subject in ("abstract_algebra", "sociology"):
        folder = DATA / "rephrased/mmlu"
        with (folder / f"{subject}_test.csv").open(encoding="utf-8", newline="") as file:
            originals = [record[0] for record in csv.reader(file)]
        rephrased = lines(folder / f"{subject}_test_rephrase_english_filtered_question.jsonl")
        rows += [Row({"text": r["text"]}, ("mmlu", originals[i].strip()), i) for i, r in enumerate(rephrased)]
    return [row for row in rows if row.record["text"].strip()]


def rows_of(name: str) -> list[Row]:
    """The rows of a set."""
    if name == "gsm8k":
        asked = questions("gsm8k")
        rephrased = lines(DATA / "rephrased/gsm8k/rephrase_first660.jsonl")
        found = [Row({"text": r["text"]}, ("gsm8k", asked[i].strip()), i) for i, r in enumerate(rephrased)]
        return found + clean_rows("gsm8k alpaca dolly")
    if name == "mmlu":
        return mmlu_rows() + clean_rows("gsm8k alpaca dolly")
    if name == "humaneval":
        asked = questions("humaneval")
        rephrased = lines(DATA / "rephrased/humaneval/humaneval_python.jsonl")
        found = [Row({"text": r["text"]}, ("humaneval", asked[i].strip()), i) for i, r in enumerate(rephrased)]
        return [row for row in found if row.record["text"].strip()] + clean_rows("mbpp alpaca dolly")
    if name.startswith("gsm-plus "):
        kind = name.removeprefix("gsm-plus ")
        plus = lines(DATA / "rephrased/gsm_plus/gsmplus_testmini.jsonl")
        chosen = [r for r in plus if r["perturbation_type"] == kind]
        return [Row({"text": r["question"]}, ("gsm8k", r["seed_question"].strip()), i) for i, r in enumerate(chosen)]
    return clean_rows({"gsm8k train": "gsm8k all", "alpaca": "alpaca"}[name])


SETS = (
    "gsm8k", "mmlu", "humaneval", "gsm-plus problem understanding", "gsm-plus numerical substitution",
    "gsm-plus digit expansion", "gsm-plus integer-decimal-fraction conversion", "gsm8k train", "alpaca",
)  # fmt: skip


def measure(name: str, workers: int | None) -> dict[str, Any]:
    """Scan a set and count what was found of it."""
    rows = rows_of(name)
    random.Random(5).shuffle(rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.jsonl"
        path.write_text("".join(json.dumps(row.record) + "\n" for row in rows), encoding="utf-8")
        began = time.perf_counter()
        result = auditor.scan(
            path, [f"{b}={p}" for b, p in BENCHMARKS.items()], config=ScanConfig(detectors=("rephrase",)),
            workers=workers,
        )  # fmt: skip
        seconds = time.perf_counter() - began
    facts = result.summary["rephrase"]
    return {
        "set": name,
        "rephrases": sum(row.truth is not None for row in rows),
        "clean_rows": sum(row.truth is None for row in rows),
        "contaminated": counted(result, rows, {"contaminated"}),
        "with_review": counted(result, rows, {"contaminated", "review"}),
        "contaminated_even_half": counted(result, rows, {"contaminated"}, half=0),
        "stated_false_discovery_rate": facts["estimated_false_discovery_rate"],
        "encoded": facts["encoded"],
        "views": facts["views"],
        "seconds": round(seconds, 1),
    }


def counted(result: ScanResult, rows: list[Row], verdicts: set[str], half: int | None = None) -> dict[str, Any]:
    """Rephrases found with the right item, rows matched wrongly, F1; of one half of the rephrases where asked."""
    asked = {b: questions(b) for b in BENCHMARKS}
    names = {b: auditor.load_benchmark(f"{b}={p}").items for b, p in BENCHMARKS.items()}
    question = {(b, item.item_id): asked[b][i].strip() for b in names for i, item in enumerate(names[b])}
    wanted = {i for i, row in enumerate(rows) if row.truth and (half is None or row.number % 2 == half)}
    left_out = {i for i, row in enumerate(rows) if row.truth} - wanted
    matched = [
        m for m in result.matches
        if m.verdict.value in verdicts and m.signals["kind"] == "rephrase" and m.row not in left_out
    ]  # fmt: skip
    right = {m.row for m in matched if rows[m.row].truth == (m.benchmark, question[m.benchmark, m.item_id])}
    wrong = {m.row for m in matched} - right
    precision = len(right) / max(1, len(right) + len(wrong))
    recall = len(right) / max(1, len(wanted))
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return {"found": len(right), "of": len(wanted), "wrong": len(wrong), "f1": round(f1, 3)}


def main() -> None:
    """Measure and keep the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", default=list(SETS))
    parser.add_argument("--workers", type=int)
    given = parser.parse_args()
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for name in given.sets:
        kept[name] = measure(name, given.workers)
        print(json.dumps(kept[name]), flush=True)
        RESULTS.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
