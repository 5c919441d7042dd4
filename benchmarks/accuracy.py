"""How exact: what each tool finds of what was planted, and what it says of rows that are clean.

    python -m benchmarks.accuracy                  the yardstick's corpora and the clean controls
    python -m benchmarks.accuracy --development    a corpus that thresholds were set on (other benchmarks, seed 3)

For each seed a corpus of about 47,000 records is made with `../shared/measure/plant.py`, 1,200 of them planted, 100 of
each of twelve kinds; `auditor scan` and the peers (see benchmarks/peers.py for their settings) look for the same
benchmark in it; one scorer (`../shared/measure/score_matches.py`) judges all. The controls scan real, clean training
sets for real benchmarks. Needs the folder `shared` beside the clone; the network only for the peers' packages from
PyPI.

Results go to benchmarks/results/; the texts of rows that ought to be read by eye to `reading/` in the cache, because
they quote the benchmarks. `python -m benchmarks.render` writes the tables of benchmarks/README.md from the results.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import peers, places, planting, running, scoring

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTROLS = {
    "gsm8k": "gsm8k/test.jsonl",
    "mmlu": "mmlu/test",
    "arc": "arc_challenge",
    "humaneval": "humaneval/HumanEval.jsonl.gz",
    "mbpp": "mbpp/mbpp.jsonl",
    "truthfulqa": "truthfulqa/TruthfulQA.csv",
}
"""Benchmark to its place under the shared data, for the clean controls."""


def main() -> None:
    """Measure and write the results."""
    args = _arguments()
    places.require_shared()
    seeds = args.seeds or ([3] if args.development else [7, 1, 23])
    tools = chosen_peers(args.tools)
    python = peers.find_python(args.peer_python) if tools else ""
    environments = {peer.name: peers.environment(peer, python) for peer in tools}
    results: dict[str, Any] = {
        "measured": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": ["python", "-m", "benchmarks.accuracy", *sys.argv[1:]],
        "machine": running.machine(),
        "peers": {peer.package: peer.version for peer in tools},
        "peer_python": peers.python_version(python) if tools else "",
        "corpora": [],
        "controls": [],
    }
    for seed in seeds:
        corpus = planting.corpus(seed=seed, megabytes=args.megabytes, development=args.development)
        results["corpora"].append(_measure(corpus, seed, tools, environments, args))
    if not args.development:
        results["controls"] = _controls(tools, environments, args)
    out = args.out or places.RESULTS / ("accuracy-development.json" if args.development else "accuracy.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    from benchmarks.render import accuracy_tables

    print("\n".join(accuracy_tables(results)))
    print(f"\nresults: {out}\nrows to read by eye: {places.cache() / 'reading'}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", help="seeds of the corpora (default: 7 1 23; development: 3)")
    parser.add_argument("--megabytes", type=float, default=85, help="text in each corpus (default: 85)")
    parser.add_argument("--development", action="store_true", help="the development corpus in place of the yardstick's")
    parser.add_argument("--tools", nargs="+", default=["auditor", "decon", "datacruxai"], metavar="TOOL",
                        help="auditor always runs; decon, datacruxai, or one mode such as 'decon uniseg'")  # fmt: skip
    parser.add_argument("--workers", type=int, default=2, help="threads of each tool that has them (default: 2)")
    parser.add_argument("--peer-python", metavar="PATH", help="a Python of 3.12 or later for the peers")
    parser.add_argument("--out", type=Path, help="the results' file (default: in benchmarks/results/)")
    return parser.parse_args()


def chosen_peers(names: Sequence[str]) -> list[peers.Peer]:
    """The peers named by tool or by tool and mode; leaves with a message at a name that is none."""
    known = {"auditor", *(peer.name for peer in peers.PEERS), *(peer.name.split()[0] for peer in peers.PEERS)}
    if unknown := set(names) - known:
        sys.exit(f"error: unknown tool {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}.")
    return [peer for peer in peers.PEERS if {peer.name, peer.name.split()[0]} & set(names)]


def _measure(
    corpus: Path, seed: int, tools: Sequence[peers.Peer], environments: dict[str, Path], args: argparse.Namespace
) -> dict[str, Any]:
    """All tools on one corpus."""
    train, truth = corpus / "train", corpus / "truth.jsonl"
    out = places.cache() / "out" / corpus.name
    # not splitlines(): it also splits at the line separators that JSON leaves unescaped inside a question
    with (corpus / "benchmark.jsonl").open(encoding="utf-8") as lines:
        items = [json.loads(line) for line in lines]
    by_id = {item["id"]: item for item in items}
    print(f"{corpus.name}: auditor", file=sys.stderr)
    cost = running.scan(train, [f"planted={corpus / 'benchmark.jsonl'}"], out / "auditor",
                        more=["--workers", str(args.workers)])  # fmt: skip
    matches = out / "auditor" / "matches.jsonl"
    wrong = scoring.wrong_rows(matches, truth)
    reading = places.cache() / "reading" / f"{corpus.name}.txt"
    scoring.write_reading(wrong, by_id, reading)
    summary = json.loads((out / "auditor" / "summary.json").read_text(encoding="utf-8"))
    rows = [_row("auditor", scoring.score(matches, truth), cost)]
    for peer in tools:
        print(f"{corpus.name}: {peer.name}", file=sys.stderr)
        found, cost = _run_peer(peer, environments[peer.name], train, items, out, args.workers)
        rows.append(_row(peer.name, scoring.score(found, truth), cost))
    return {
        "name": corpus.name, "seed": seed, "megabytes": round(sum(p.stat().st_size for p in train.iterdir()) / 1e6, 1),
        "records": summary["records_read"], "items": len(items), "planted": sum(1 for _ in truth.open("rb")),
        "tools": rows, "auditor_wrong": [case.brief() for case in wrong],
        "halves_of_several_items": scoring.halves_of_several(truth, by_id),
        "estimated_false_discovery_rate": summary.get("estimated_false_discovery_rate"),
    }  # fmt: skip


def _row(tool: str, scored: dict[str, Any], cost: running.Run) -> dict[str, Any]:
    return {"tool": tool, **scored, "cpu_seconds": round(cost.cpu, 2), "wall_seconds": round(cost.wall, 2)}


def _run_peer(
    peer: peers.Peer, python: Path, train: Path, items: Sequence[dict[str, Any]], out: Path, workers: int
) -> tuple[Path, running.Run]:
    """The peer's findings as a file of matches, and what they cost; its input is made before the clock starts."""
    place = peers.write_train(peer, train, out)
    benchmark = peers.write_benchmark(peer, items, out)
    target = out / peer.name.replace(" ", "-")
    cost = peers.scan(peer, python, place, benchmark, target, workers=workers)
    matches = target.with_name(target.name + "-matches.jsonl")
    with matches.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in peers.findings(peer, target, items))
    return matches, cost


def _controls(
    tools: Sequence[peers.Peer], environments: dict[str, Path], args: argparse.Namespace
) -> list[dict[str, Any]]:
    """GSM8K train against GSM8K test, with every tool; then all clean training sets against all benchmarks."""
    out = places.cache() / "out" / "controls"
    train = places.TRAINING / "gsm8k" / "train.jsonl"
    gsm8k = f"gsm8k={places.BENCHMARKS / CONTROLS['gsm8k']}"
    controls = [_control("GSM8K train", train, [gsm8k], out / "gsm8k-train", args)]
    for peer in tools:
        items = peers.items_of([gsm8k])
        found, _ = _run_peer(peer, environments[peer.name], train, items, out, args.workers)
        controls[0]["tools"][peer.name] = {"contaminated": len(scoring.read_matches(found)), "review": 0}
    specs = [f"{name}={places.BENCHMARKS / place}" for name, place in CONTROLS.items()]
    everything = "GSM8K train, Alpaca (en, zh), Dolly, C4, Wikipedia, DPO, tool calls"
    controls.append(_control(everything, places.TRAINING, specs, out / "all", args))
    return controls


def _control(name: str, train: Path, specs: Sequence[str], out: Path, args: argparse.Namespace) -> dict[str, Any]:
    print(f"control: {name}", file=sys.stderr)
    running.scan(train, specs, out, more=["--workers", str(args.workers)])
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    flagged = [scoring.Wrong(row, "", tuple(found)) for row, found in
               sorted(scoring.read_matches(out / "matches.jsonl").items())]  # fmt: skip
    scoring.write_reading(flagged, {}, places.cache() / "reading" / f"control-{out.name}.txt")
    verdicts = {
        benchmark: {
            "contaminated": facts["contaminated_records"],
            "review": facts["review_records"],
        }
        for benchmark, facts in summary["benchmarks"].items()
    }
    return {
        "train": name, "records": summary["records_read"], "skipped": summary["records_skipped"],
        "benchmarks": verdicts, "tools": {}, "flagged": [case.brief() for case in flagged],
    }  # fmt: skip


if __name__ == "__main__":
    main()
