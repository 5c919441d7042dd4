"""How fast: MB per CPU-second, wall time on one and two workers, peak memory, and start-up, end to end.

    python -m benchmarks.throughput                            the figures that are kept: 1 GB and 2 GB, three rounds
    python -m benchmarks.throughput --megabytes 50 --rounds 1  a quick look

The input is one JSONL file of `../shared/measure/plant.py` (seed 11, 1 GB). A run is the whole process of
`auditor scan -d ngram`, from start to exit, reports included; its CPU seconds (user and system, all threads) and its
peak memory are the kernel's own account of it (wait4). In each round the tools take turns on the same input, so that
a busy moment of the machine hits them alike, and ratios are taken within a round. Before the first round the kernels
are compiled and the indexes built; before each run its input is read into the file cache. The peers are slower: they,
and `auditor` once more, run on the first `--peer-megabytes` of the same file.

Two workers are set against one on the same file and on twice the file, each time beside the cores that the machine had
to give just then (two busy processes against one): a shared machine gives less than it has.

Peak memory is measured on 200 MB and on twice the file (2 GB: the file, repeated). Start-up is a whole run on one
record: with an empty cache (everything is compiled, the index is built), and again.

Needs the folder `shared` beside the clone; the network only for the peers' packages from PyPI. Results go to
benchmarks/results/throughput.json; `python -m benchmarks.render` writes the tables from it.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import peers, places, planting, running
from benchmarks.accuracy import CONTROLS, chosen_peers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.running import Run

GSM8K = ("GSM8K", ("gsm8k",), 100)
FIVE = ("MMLU + GSM8K + HumanEval + MBPP + ARC", ("mmlu", "gsm8k", "humaneval", "mbpp", "arc"), 80)
"""Name, benchmarks, and MB per CPU-second to reach."""
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that is run once in each round."""

    facts: dict[str, Any]
    run: Callable[[], Run]


def main() -> None:
    """Measure and write the results."""
    args = _arguments()
    places.require_shared()
    tools = chosen_peers(args.tools)
    python = peers.find_python(args.peer_python) if tools else ""
    environments = {peer.name: peers.environment(peer, python) for peer in tools}
    work = places.cache() / "throughput"
    corpus = planting.corpus(seed=11, megabytes=args.megabytes, shards=1) / "train" / "part-000.jsonl"
    results: dict[str, Any] = {
        "measured": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": ["python", "-m", "benchmarks.throughput", *sys.argv[1:]],
        "machine": running.machine(),
        "peers": {peer.package: peer.version for peer in tools},
        "peer_python": peers.python_version(python) if tools else "",
        "throughput": _speeds(corpus, tools, environments, args, work),
        "scaling": _scaling(corpus, args, work),
        "memory": _memory(corpus, args, work),
        "startup": _startup(corpus, args, work),
    }
    results["machine"]["load_at_end"] = running.machine()["load_at_start"]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    from benchmarks.render import throughput_tables

    print("\n".join(throughput_tables(results)))
    print(f"\nresults: {args.out}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.throughput",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--megabytes", type=float, default=1000, help="text in the input (default: 1000)")
    parser.add_argument("--peer-megabytes", type=float, default=100, help="part of it for the peers (default: 100)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each (default: 3)")
    parser.add_argument("--tools", nargs="+", default=["auditor", "decon", "datacruxai 8"], metavar="TOOL",
                        help="auditor always runs; decon, datacruxai, or one mode such as 'decon uniseg'")  # fmt: skip
    parser.add_argument("--peer-python", metavar="PATH", help="a Python of 3.12 or later for the peers")
    parser.add_argument("--out", type=Path, default=places.RESULTS / "throughput.json", help="the results' file")
    return parser.parse_args()


def _specs(names: Sequence[str]) -> list[str]:
    return [f"{name}={places.BENCHMARKS / CONTROLS[name]}" for name in names]


def _speeds(
    corpus: Path, tools: Sequence[peers.Peer], environments: dict[str, Path], args: argparse.Namespace, work: Path
) -> list[dict[str, Any]]:
    """Throughput of every tool, taking turns."""
    part = planting.first_bytes(
        corpus, int(args.peer_megabytes * 1e6), work / f"{corpus.parts[-3]}-part-{args.peer_megabytes:g}.jsonl"
    )
    cases = [_own(corpus, benchmark, work, workers=WORKERS) for benchmark in (GSM8K, FIVE)]
    if tools:
        # the peers' CPU time is nearly all their own scan's, whatever the number of threads
        cases += [_own(part, benchmark, work, workers=WORKERS, is_part=True) for benchmark in (GSM8K, FIVE)]
    cases += [_peer(peer, environments[peer.name], part, benchmark, work)
              for benchmark in (GSM8K, FIVE) for peer in tools]  # fmt: skip
    _warm_up(corpus, work)
    runs = take_turns(cases, args.rounds)
    return [case.facts | {"runs": [asdict(run) for run in mine]} for case, mine in zip(cases, runs, strict=True)]


def _scaling(corpus: Path, args: argparse.Namespace, work: Path) -> list[dict[str, Any]]:
    """One worker against two, on the file and on twice the file, and how many cores the machine had to give."""
    measured = []
    for train in (corpus, _repeated(corpus, args, work)):
        one, two = (_own(train, GSM8K, work, workers=workers) for workers in (1, WORKERS))
        facts: dict[str, Any] = {"megabytes": one.facts["megabytes"], "cores_free": [], "one": [], "two": []}
        for _ in range(args.rounds):
            facts["cores_free"].append(running.cores_free())
            facts["one"].append(asdict(one.run()))
            facts["two"].append(asdict(two.run()))
        measured.append(facts)
    return measured


def take_turns(cases: Sequence[Case], rounds: int) -> list[list[Run]]:
    """The runs of each case over `rounds` rounds, in each of which every case runs once."""
    runs: list[list[Run]] = [[] for _ in cases]
    for turn in range(rounds):
        for case, mine in zip(cases, runs, strict=True):
            mine.append(case.run())
            print(f"round {turn + 1} {case.facts} {mine[-1]}", file=sys.stderr)
    return runs


def _warm_up(corpus: Path, work: Path) -> None:
    """Compile and build the indexes, which is not what is measured in rounds."""
    tiny = planting.first_bytes(corpus, 1, work / f"{corpus.parts[-3]}-one-record.jsonl")
    for _, names, _ in (GSM8K, FIVE):
        running.scan(tiny, _specs(names), work / "auditor")


def _into_file_cache(path: Path) -> None:
    """Read the input before the clock starts, each time anew: some machines give cold pages back within minutes, and a
    disk's speed would be measured for whoever comes first."""
    with path.open("rb") as content:
        while content.read(1 << 24):
            pass


def _own(
    train: Path, benchmark: tuple[str, tuple[str, ...], int], work: Path, *, workers: int, is_part: bool = False
) -> Case:
    name, names, goal = benchmark
    facts = {"tool": "auditor", "benchmark": name, "megabytes": train.stat().st_size / 1e6, "workers": workers,
             "slice": is_part}  # fmt: skip
    if not is_part and workers == WORKERS:
        facts["goal"] = goal

    def run() -> Run:
        _into_file_cache(train)
        return running.scan(train, _specs(names), work / "auditor", more=["--workers", str(workers)])

    return Case(facts, run)


def _peer(peer: peers.Peer, python: Path, train: Path, benchmark: tuple[str, tuple[str, ...], int], work: Path) -> Case:
    name, names, _ = benchmark
    place = peers.write_train(peer, train, work / "peers" / train.stem)
    written = peers.write_benchmark(peer, peers.items_of(_specs(names)), work / "peers" / "-".join(names))
    # bytes of its own input: the same rows, with the turns of a chat joined
    size = (place / train.name).stat().st_size
    facts = {
        "tool": peer.name, "benchmark": name, "megabytes": size / 1e6, "slice": True, "beside_workers": WORKERS,
        "workers": WORKERS if peer.package == "decontaminate" else 1,
    }  # fmt: skip

    def run() -> Run:
        _into_file_cache(place / train.name)
        return peers.scan(peer, python, place, written, work / "peer-out", workers=WORKERS)

    return Case(facts, run)


def _repeated(corpus: Path, args: argparse.Namespace, work: Path) -> Path:
    """The file twice over, as one file: 2 GB of 1 GB."""
    size = 2 * corpus.stat().st_size
    return planting.first_bytes(corpus, size, work / f"{corpus.parts[-3]}-twice-{args.megabytes:g}.jsonl")


def _memory(corpus: Path, args: argparse.Namespace, work: Path) -> list[dict[str, Any]]:
    """Peak memory on a fifth of the file and on twice the file, with the small and the large set of benchmarks."""
    fifth = planting.first_bytes(
        corpus, corpus.stat().st_size // 5, work / f"{corpus.parts[-3]}-fifth-{args.megabytes:g}.jsonl"
    )
    cases = [_own(train, benchmark, work, workers=WORKERS, is_part=True)
             for benchmark in (GSM8K, FIVE) for train in (fifth, _repeated(corpus, args, work))]  # fmt: skip
    return [case.facts | {"runs": [asdict(case.run())]} for case in cases]


def _startup(corpus: Path, args: argparse.Namespace, work: Path) -> list[dict[str, Any]]:
    """Whole runs on one record: with an empty cache each time, and with the cache that the last of them left."""
    tiny = planting.first_bytes(corpus, 1, work / f"{corpus.parts[-3]}-one-record.jsonl")
    measured = []
    for name, names, _ in (GSM8K, FIVE):
        place = Path(tempfile.mkdtemp(prefix="auditor-cache-", dir=work))
        first, later = [], []
        for _ in range(args.rounds):
            shutil.rmtree(place)
            first.append(running.scan(tiny, _specs(names), work / "auditor", cache=place))
            later.append(running.scan(tiny, _specs(names), work / "auditor", cache=place))
        shutil.rmtree(place)
        measured += [
            {"what": f"{what}, {name}", "goal": goal, "runs": [asdict(run) for run in runs]}
            for what, goal, runs in (("first run, empty cache", 12, first), ("later run", 2, later))
        ]
    return measured


if __name__ == "__main__":
    main()
