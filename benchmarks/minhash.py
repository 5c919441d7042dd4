"""The minhash detector: what it finds beside ngram, and how fast, next to rensa and datasketch.

    python -m benchmarks.minhash
    python -m benchmarks.minhash --megabytes 50 --rounds 1 --seeds 7   a quick look

Accuracy: the corpora of `../shared/measure/plant.py`, scanned with `-d minhash` alone and with both detectors, scored
as `score_matches.py` does. Speed: whole processes on one JSONL file (seed 11, GSM8K test as the benchmark), CPU
seconds by wait4. rensa (Rust) and datasketch only make a signature of every text, with shingles cut in Python
(`peer_runners/signatures.py`): less than a scan has to do. They run on the first `--peer-megabytes` of the same file.
All take turns. Results: benchmarks/results/minhash.json and the table in benchmarks/minhash.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import subprocess
import sys
import venv
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import places, planting, running, scoring

RENSA, DATASKETCH = "0.5.0", "2.0.0"
KINDS = ("heavy", "reordered", "edited", "half", "verbatim")
MODES = {"minhash": ("minhash",), "ngram + minhash": ("ngram", "minhash")}


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.minhash", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 1, 23])
    parser.add_argument("--megabytes", type=float, default=1000)
    parser.add_argument("--peer-megabytes", type=float, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=places.RESULTS / "minhash.json")
    args = parser.parse_args()
    places.require_shared()
    results: dict[str, Any] = {
        "measured": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": ["python", "-m", "benchmarks.minhash", *sys.argv[1:]],
        "machine": running.machine(),
        "accuracy": [_accuracy(seed, mode) for seed in args.seeds for mode in MODES],
        "speed": _speed(args),
    }
    args.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    page = Path(__file__).with_name("minhash.md")
    page.write_text(_page(results), encoding="utf-8")
    print(page.read_text(encoding="utf-8"))


def _accuracy(seed: int, mode: str) -> dict[str, Any]:
    corpus = planting.corpus(seed=seed, megabytes=85)
    out = places.cache() / "minhash" / f"accuracy-{seed}"
    running.scan(corpus / "train", [f"planted={corpus / 'benchmark.jsonl'}"], out, detectors=MODES[mode])
    return {"seed": seed, "mode": mode, **scoring.score(out / "matches.jsonl", corpus / "truth.jsonl")}


def _environment() -> Path:
    """A virtual environment with the peers, made once."""
    folder = places.cache() / "minhash" / f"rensa-{RENSA}-datasketch-{DATASKETCH}"
    if not (folder / "made").exists():
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, f"rensa=={RENSA}", f"datasketch=={DATASKETCH}"], check=True)
        (folder / "made").touch()
    return folder / "bin" / "python"


def _speed(args: argparse.Namespace) -> dict[str, Any]:
    work = places.cache() / "minhash"
    corpus = planting.corpus(seed=11, megabytes=args.megabytes, shards=1) / "train" / "part-000.jsonl"
    part = planting.first_bytes(corpus, int(args.peer_megabytes * 1e6), work / f"part-{args.peer_megabytes:g}.jsonl")
    python = _environment()
    gsm8k = [f"gsm8k={places.BENCHMARKS / 'gsm8k' / 'test.jsonl'}"]
    script = str(Path(__file__).parent / "peer_runners" / "signatures.py")
    running.scan(part, gsm8k, work / "warm", detectors=("ngram", "minhash"))  # compile, build the index
    runs: dict[str, Any] = {}
    for _ in range(args.rounds):
        for mode, detectors in {**MODES, "ngram": ("ngram",)}.items():
            one = running.scan(corpus, gsm8k, work / "out", detectors=detectors)
            runs.setdefault(f"auditor, {mode}", {"megabytes": corpus.stat().st_size / 1e6, "runs": []})["runs"].append(
                asdict(one)
            )
        for tool in ("rensa", "datasketch"):
            one = running.run([str(python), script, tool, str(part)], log=work / f"{tool}.log")
            runs.setdefault(f"{tool}, signatures only", {"megabytes": part.stat().st_size / 1e6, "runs": []})[
                "runs"
            ].append(asdict(one))
    return runs


def _page(results: dict[str, Any]) -> str:
    machine = results["machine"]
    lines = [
        "# The minhash detector",
        "",
        f"`{' '.join(results['command'])}`, {results['measured']}: {machine['cpu']}, {machine['cores']} cores, "
        f"Python {machine['python']}, commit {machine['auditor_commit']}, load {machine['load_at_start'][0]}. "
        "Written by `benchmarks/minhash.py` from `results/minhash.json`.",
        "",
        "## What is found, of 100 of each kind (any verdict / contaminated / right item)",
        "",
        "| seed | detectors | " + " | ".join(KINDS) + " | clean contaminated | clean review |",
        "|---:|:---|" + "---:|" * (len(KINDS) + 2),
    ]
    for row in results["accuracy"]:
        cells = [
            f"{k['found']} / {k['contaminated']} / {k['right_item']}" for k in (row["kinds"][kind] for kind in KINDS)
        ]
        clean = f"{row['clean_rows_contaminated']} | {row['clean_rows_review']}"
        lines.append(f"| {row['seed']} | {row['mode']} | {' | '.join(cells)} | {clean} |")
    lines += [
        "",
        "## MB per CPU-second, whole processes, GSM8K test as the benchmark (median of the runs)",
        "",
        "| | input, MB | MB per CPU-second | all runs | peak MB |",
        "|:---|---:|---:|:---|---:|",
    ]
    for name, facts in results["speed"].items():
        speeds = [facts["megabytes"] / run["cpu"] for run in facts["runs"]]
        peak = max(run["peak"] for run in facts["runs"])
        shown = ", ".join(f"{s:.1f}" for s in speeds)
        lines.append(f"| {name} | {facts['megabytes']:.0f} | {statistics.median(speeds):.1f} | {shown} | {peak:.0f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
