"""Corpora with known contamination: the shared yardstick's, and a development set with other benchmarks' items.

    python -m benchmarks.planting OUT --megabytes 85 --seed 3

writes the development corpus, in the yardstick's format (`../shared/measure/plant.py`, whose arguments these are): the
same kinds of planting, in the same host texts, with items of ARC-Challenge, TruthfulQA, MBPP, HumanEval, BBH, IFEval
and MGSM-zh in place of GSM8K's and MMLU's. Thresholds are fixed on this set, not on the yardstick.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from benchmarks.places import BENCHMARKS, ROOT, SHARED, cache, require_shared

if TYPE_CHECKING:
    import random
    from pathlib import Path

Row = dict[str, Any]
SPREAD_OVER = ("verbatim", "embedded", "edited", "half", "restyled", "chat", "escaped", "heavy")
"""The kinds that take items of any form; the others need short, Chinese, multiple-choice or many-sentence items."""
BBH_TASKS = (
    "causal_judgement", "disambiguation_qa", "formal_fallacies", "movie_recommendation", "snarks",
    "penguins_in_a_table", "date_understanding", "sports_understanding", "salient_translation_error_detection",
    "reasoning_about_colored_objects", "temporal_sequences",
)  # fmt: skip
"""Tasks in prose; most others are made from one template, whose items are not told apart by their words."""
BBH_ITEMS = 60
"""Items taken from each of them, so that BBH does not outweigh the others."""


def corpus(*, seed: int, megabytes: float, shards: int = 4, development: bool = False) -> Path:
    """A folder with `train/`, `benchmark.jsonl` and `truth.jsonl`: made at the first call, then kept in the cache."""
    require_shared()
    name = f"{'development' if development else 'planted'}-{megabytes:g}mb-{seed}-{shards}"
    place = cache() / "corpora" / name
    if not (place / "truth.jsonl").is_file():
        making = place.with_name(name + ".making")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        plant = ["-m", "benchmarks.planting"] if development else [str(SHARED / "measure" / "plant.py")]
        subprocess.run(
            [sys.executable, *plant, str(making), "--megabytes", str(megabytes), "--seed", str(seed),
             "--shards", str(shards)],
            cwd=ROOT, check=True,
        )  # fmt: skip
        making.rename(place)
    return place


def first_bytes(source: Path, size: int, target: Path) -> Path:
    """The whole lines among the first `size` bytes of `source`, written to `target` unless it is there; a `size` above
    the source's repeats it."""
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        making = target.with_suffix(".making")
        with making.open("wb") as out:
            while out.tell() < size:
                with source.open("rb") as lines:
                    while (left := size - out.tell()) > 0 and (block := lines.readlines(min(1 << 24, left))):
                        out.writelines(block)
        making.rename(target)
    return target


def development_items(_rng: random.Random) -> list[Row]:
    """Items in the yardstick's form: `{"id", "question", "answer", "choices"?}`."""
    return [
        *_arc(), *_truthfulqa(), *_mbpp(), *_humaneval(), *_bbh(), *_ifeval(), *_mgsm_zh(),
    ]  # fmt: skip


def development_pools(items: list[Row], rng: random.Random, *, per_kind: int) -> dict[str, list[Row]]:
    """Which items carry which kind of planting, `per_kind` each; no item is planted twice."""
    prose = [i for i in items if _of(i, "humaneval", "bbh", "ifeval") and 20 < _words(i) < 400]
    chinese = [i for i in items if _of(i, "mgsm_zh")]
    seen: set[str] = set()
    choice = []
    for item in items:
        listed = item.get("choices", ())
        # a question that stands several times has several right ids: leave it out
        if _words(item) > 12 and item["question"] not in seen and len(listed) == len(set(listed)) == 4:
            choice.append(item)
        seen.add(item["question"])
    short = [i for i in items if _of(i, "arc", "truthfulqa", "mbpp") and 6 <= _words(i) <= 12
             and len(i["answer"].split()) >= 2]  # fmt: skip
    code = [i for i in items if _of(i, "mbpp") and _words(i) > 12]
    for pool in (prose, chinese, choice, short, code):
        rng.shuffle(pool)

    def take(pool: list[Row]) -> list[Row]:
        return [pool.pop() for _ in range(per_kind)]

    plan = {"chinese": take(chinese), "short": take(short), "options": take(choice)}
    plan["reordered"] = take([i for i in prose if not _of(i, "humaneval")])  # a program has no sentences to re-order
    used = {item["id"] for item in plan["reordered"]}
    mixed = [item for item in prose if item["id"] not in used] + choice[:500] + code[:300]
    rng.shuffle(mixed)
    return plan | {kind: take(mixed) for kind in SPREAD_OVER}


def _of(item: Row, *benchmarks: str) -> bool:
    return item["id"].split("-")[0] in benchmarks


def _words(item: Row) -> int:
    return len(item["question"].split())


def _lines(path: Path) -> list[Row]:
    content = path.read_bytes()
    return [json.loads(line) for line in (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines()]


def _arc() -> list[Row]:
    items = []
    for split in ("Test", "Dev"):
        for row in _lines(BENCHMARKS / f"arc_challenge/ARC-Challenge-{split}.jsonl"):
            options = {choice["label"]: choice["text"] for choice in row["question"]["choices"]}
            items.append({"id": f"arc-{row['id']}", "question": row["question"]["stem"],
                          "choices": list(options.values()), "answer": options[row["answerKey"]]})  # fmt: skip
    return items


def _truthfulqa() -> list[Row]:
    with (BENCHMARKS / "truthfulqa/TruthfulQA.csv").open(encoding="utf-8", newline="") as rows:
        return [
            {"id": f"truthfulqa-{n}", "question": row["Question"], "answer": row["Best Answer"],
             "choices": [row["Best Answer"], *(wrong.strip() for wrong in row["Incorrect Answers"].split(";")[:3])]}
            for n, row in enumerate(csv.DictReader(rows))
        ]  # fmt: skip


def _mbpp() -> list[Row]:
    rows = _lines(BENCHMARKS / "mbpp/mbpp.jsonl")
    return [{"id": f"mbpp-{n}", "question": row["text"], "answer": row["code"]} for n, row in enumerate(rows)]


def _humaneval() -> list[Row]:
    return [
        {"id": f"humaneval-{row['task_id'].split('/')[1]}", "question": row["prompt"],
         "answer": row["canonical_solution"]}
        for row in _lines(BENCHMARKS / "humaneval/HumanEval.jsonl.gz")
    ]  # fmt: skip


def _bbh() -> list[Row]:
    items = []
    for task in sorted(BBH_TASKS):
        examples = json.loads((BENCHMARKS / f"bbh/{task}.json").read_text(encoding="utf-8"))["examples"]
        items += [{"id": f"bbh-{task}-{n}", "question": example["input"], "answer": example["target"]}
                  for n, example in enumerate(examples[:BBH_ITEMS])]  # fmt: skip
    return items


def _ifeval() -> list[Row]:
    rows = _lines(BENCHMARKS / "ifeval/ifeval.jsonl")
    # it has no reference answers: any reply stands in for one
    return [
        {"id": f"ifeval-{n}", "question": row["prompt"], "answer": "Yes, here it is."} for n, row in enumerate(rows)
    ]


def _mgsm_zh() -> list[Row]:
    with (SHARED / "data/rephrased/mgsm/mgsm_zh.tsv").open(encoding="utf-8", newline="") as rows:
        pairs = list(csv.reader(rows, delimiter="\t"))
    return [
        {"id": f"mgsm_zh-{n}", "question": question, "answer": answer} for n, (question, answer) in enumerate(pairs)
    ]


def _yardstick() -> Any:
    """A private copy of plant.py, so that what is replaced in it is replaced for this program only."""
    place = SHARED / "measure" / "plant.py"
    spec = importlib.util.spec_from_file_location("plant", place)
    if spec is None or spec.loader is None:
        sys.exit(f"error: {place} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """The yardstick's command line with the development items and pools in place of its own."""
    require_shared()
    plant = _yardstick()
    plant.benchmark_items = development_items
    plant.pools = lambda items, rng: development_pools(items, rng, per_kind=plant.PER_KIND)
    plant.__doc__ = __doc__
    plant.main()


if __name__ == "__main__":
    main()
