"""How a scan holds under load: gigabytes in one file and in shards, 100,000 files, 1,000,000 benchmark items, Ctrl-C.

    python -m benchmarks.load sizes --gigabytes 1 5 20   # half an hour of one core; 6 GB of disk
    python -m benchmarks.load files --count 100000       # 400 MB of disk
    python -m benchmarks.load items --count 1000000      # 2 GB of disk, 8 GB of memory
    python -m benchmarks.load matches                    # five minutes; 2 GB of disk
    python -m benchmarks.load interrupts                 # two minutes; 5 GB of disk
    python -m benchmarks.load kills                      # a minute
    python -m benchmarks.load page                       # benchmarks/load.md from results/load-*.json

Each measures whole processes and keeps what it measured in `results/load-NAME.json`. CPU seconds are the kernel's own
account of the process, so that other work on the machine weighs little on them; wall times are named as such.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.load_items import write_items
from benchmarks.places import BENCHMARKS, RESULTS, ROOT, cache
from benchmarks.planting import corpus, first_bytes
from benchmarks.running import AUDITOR, machine, run, scan

if TYPE_CHECKING:
    from collections.abc import Iterable

GIGABYTE = 10**9
GSM8K = f"gsm8k={BENCHMARKS / 'gsm8k'}"
LOADS = 7
"""Times that an index is loaded; the median counts."""


def measure_sizes(args: argparse.Namespace) -> dict[str, Any]:
    """Peak memory and throughput over more and more text: a small planted part, then clean records to the size."""
    place = work(args)
    planted, clean = parts(Path(args.corpus) if args.corpus else corpus(seed=1, megabytes=1000, shards=1), place)
    rows = []
    for gigabytes in args.gigabytes:
        shards = max(1, gigabytes // 5) if gigabytes > 5 else 1
        train = place / f"train-{gigabytes}"
        shutil.rmtree(train, ignore_errors=True)
        train.mkdir()
        count = round((gigabytes * GIGABYTE - planted.stat().st_size) / clean.stat().st_size)
        if shards == 1:
            join([planted, *[clean] * count], train / "one.jsonl")
        else:
            os.link(planted, train / "000.jsonl")
            for number in range(count):  # the same bytes under many names, so that they take the disk's room once
                os.link(clean, train / f"{number + 1:03d}.jsonl")
        size = sum(path.stat().st_size for path in train.iterdir())
        cost = scan(
            train, [args.benchmark], place / f"out-{gigabytes}", more=["--workers", "1"], detectors=args.detectors
        )
        summary = json.loads((place / f"out-{gigabytes}" / "summary.json").read_text())
        rows.append({
            "gigabytes": size / GIGABYTE, "files": len(list(train.iterdir())), "records": summary["records_read"],
            "matches": sum(1 for _ in (place / f"out-{gigabytes}" / "matches.jsonl").open("rb")), **asdict(cost),
            "interrupted_after": interrupts(train, place / "out-interrupted", args),
        })  # fmt: skip
        print(rows[-1])
        shutil.rmtree(train)
    return {"rows": rows, "detectors": args.detectors}


def parts(made: Path, place: Path) -> tuple[Path, Path]:
    """Of a planted corpus: its first 100 MB with what is planted in them, and the clean records of the rest."""
    planted, clean = place / "planted.jsonl", place / "clean.jsonl"
    if not clean.is_file():
        truth = [json.loads(line) for line in (made / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
        rows = {row["row"] for row in truth if row["source"] == "part-000.jsonl"}
        with (
            (made / "train" / "part-000.jsonl").open("rb") as source,
            planted.open("wb") as first,
            clean.with_suffix(".tmp").open("wb") as second,
        ):
            for number, line in enumerate(source):
                if first.tell() < 100e6:
                    first.write(line)
                elif number not in rows:
                    second.write(line)
        clean.with_suffix(".tmp").replace(clean)
    return planted, clean


def join(sources: Iterable[Path], target: Path) -> None:
    """Write files one after another into one."""
    with target.open("wb") as out:
        for source in sources:
            with source.open("rb") as file:
                shutil.copyfileobj(file, out, 1 << 20)


def interrupts(train: Path, out: Path, args: argparse.Namespace, after: float = 6.0) -> list[float]:
    """Seconds from Ctrl-C to the end of the process, with partial results written, three times."""
    seconds = []
    for _ in range(3):
        shutil.rmtree(out, ignore_errors=True)
        words = [*AUDITOR, "scan", str(train), "-o", str(out), "-b", args.benchmark, "--quiet", "--workers", "1"]
        words += [word for detector in args.detectors for word in ("-d", detector)]
        process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(after)
        process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        if process.wait() != 3:
            sys.exit(f"error: an interrupted scan ended with {process.returncode} and not with 3")
        seconds.append(round(time.monotonic() - begun, 2))
    return seconds


def measure_files(args: argparse.Namespace) -> dict[str, Any]:
    """CPU seconds over more and more small files: twice as many must not take four times as long."""
    place = work(args)
    made = Path(args.corpus) if args.corpus else corpus(seed=1, megabytes=1000, shards=1)
    _, clean = parts(made, place)
    with clean.open("rb") as file:
        lines = [line for line, _ in zip(file, range(20_000), strict=False)]
    train = place / "small"
    shutil.rmtree(train, ignore_errors=True)
    rows = []
    made_so_far = 0
    for count in (args.count // 4, args.count // 2, args.count):
        for number in range(made_so_far, count):
            folder = train / f"{number // 1000:03d}"
            if number % 1000 == 0:
                folder.mkdir(parents=True)
            start = number * 3 % (len(lines) - 3)
            (folder / f"{number:06d}.jsonl").write_bytes(b"".join(lines[start : start + 3]))
        made_so_far = count
        cost = scan(train, [args.benchmark], place / "out-small", more=["--workers", "1"], detectors=["ngram"])
        summary = json.loads((place / "out-small" / "summary.json").read_text())
        rows.append(
            {"files": count, "bytes": summary["bytes_read"], "records": summary["records_read"], **asdict(cost)}
        )
        print(rows[-1])
    shutil.rmtree(train)
    return {"rows": rows}


def measure_items(args: argparse.Namespace) -> dict[str, Any]:
    """An index of very many items: what it takes to build, to keep, to load and to scan with."""
    place = work(args)
    bench, index, one = place / "items.jsonl", place / "index", place / "one.jsonl"
    made = Path(args.corpus) if args.corpus else corpus(seed=1, megabytes=1000, shards=1)
    _, clean = parts(made, place)
    text = first_bytes(clean, args.megabytes * 10**6, place / f"clean-{args.megabytes}.jsonl")
    if args.index is None:
        write_items(bench, args.count, clean)
    one.write_text('{"text": "one record and no more"}\n', encoding="utf-8")
    build = None
    if args.index is None:
        shutil.rmtree(index, ignore_errors=True)
        words = [sys.executable, "-m", "benchmarks.load_items", "build", str(bench), str(index)]
        build = asdict(run(words, log=place / "build.log"))
    else:
        index = Path(args.index)
    loads = [
        json.loads(
            subprocess.check_output([sys.executable, "-m", "benchmarks.load_items", "load", str(index)], cwd=ROOT)
        )
        for _ in range(LOADS)
    ]
    found: dict[str, Any] = {
        "items": args.count, "index_bytes": sum(path.stat().st_size for path in index.iterdir()),
        "build": build, "load_seconds": [load["seconds"] for load in loads], "scans": [],
    }  # fmt: skip
    for detectors in (["ngram"], ["ngram", "minhash"]):
        start = scan(one, [str(index)], place / "out-one", more=["--workers", "1"], detectors=detectors)
        whole = scan(text, [str(index)], place / "out-items", more=["--workers", "1"], detectors=detectors)
        found["scans"].append({
            "detectors": detectors, "megabytes": text.stat().st_size / 1e6, "start": asdict(start),
            "whole": asdict(whole),
        })  # fmt: skip
        print(found["scans"][-1])
    return found


def measure_matches(args: argparse.Namespace) -> dict[str, Any]:
    """Peak memory over more and more matches: a corpus in which every record holds an item."""
    place = work(args)
    _, path = args.benchmark.split("=", 1)
    file = Path(path) / "test.jsonl" if Path(path).is_dir() else Path(path)
    questions = [json.loads(line)["question"] for line in file.read_text(encoding="utf-8").splitlines()]
    train, rows = place / "matches.jsonl", []
    for count in (args.count // 8, args.count):
        with train.open("w", encoding="utf-8") as out:
            for number in range(count):
                text = f"Exercise {number}. {questions[number % len(questions)]} Write down each step."
                out.write(json.dumps({"text": text}) + "\n")
        cost = scan(train, [f"gsm8k={file}"], place / "out-matches", more=["--workers", "1"])
        with (place / "out-matches" / "matches.jsonl").open("rb") as found:
            rows.append({"records": count, "matches": sum(1 for _ in found), **asdict(cost)})
        print(rows[-1])
    shutil.rmtree(place / "out-matches")
    train.unlink()
    return {"rows": rows}


def measure_interrupts(args: argparse.Namespace) -> dict[str, Any]:
    """Seconds from Ctrl-C to the end, in one file of a gigabyte."""
    place = work(args)
    planted, clean = parts(Path(args.corpus) if args.corpus else corpus(seed=1, megabytes=1000, shards=1), place)
    train = place / "train-interrupts"
    shutil.rmtree(train, ignore_errors=True)
    train.mkdir()
    join([planted, clean, clean, clean], train / "one.jsonl")
    rows = []
    for detectors in (["ngram"], ["ngram", "minhash"]):
        args.detectors = detectors
        seconds = [s for after in (2.5, 4.0, 6.0) for s in interrupts(train, place / "out-interrupted", args, after)]
        rows.append({"detectors": detectors, "seconds": seconds})
        print(rows[-1])
    shutil.rmtree(train)
    return {"rows": rows}


def measure_kills(args: argparse.Namespace) -> dict[str, Any]:
    """A hundred kills for each of some seeds (see `benchmarks.kills`)."""
    words = [sys.executable, "-m", "benchmarks.kills", "--kills", str(args.kills), "--seed"]
    runs = [json.loads(subprocess.check_output([*words, str(seed)], cwd=ROOT)) for seed in args.seeds]
    return {"runs": runs}


def work(args: argparse.Namespace) -> Path:
    """Where corpora are made; room for them is looked for first."""
    place = Path(args.work) if args.work else cache() / "load"
    place.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(place).free / GIGABYTE
    if free < args.needs:
        sys.exit(f"error: {place} has {free:.0f} GB free, and this needs {args.needs}; name another place with --work")
    return place


def page() -> str:
    """`load.md` from the results that are there."""
    lines = ["# Load", "", "Written by `python -m benchmarks.load page` from `results/load-*.json`.", ""]
    for name, (title, table) in SECTIONS.items():
        file = RESULTS / f"load-{name}.json"
        if file.is_file():
            results = json.loads(file.read_text(encoding="utf-8"))
            at = results["machine"]
            lines += [
                f"## {title}", "",
                f"`{' '.join(results['command'])}`, {results['measured']}: {at['cpu']}, {at['cores']} cores, "
                f"{at['memory_gb']} GB, Python {at['python']}, commit {at['auditor_commit']}, load "
                f"{at['load_at_start'][0]} at the start (other work was running, so CPU seconds count and wall times "
                "are upper bounds).",
                "", *table(results), "",
            ]  # fmt: skip
    return "\n".join([*lines, SHORT])


def sizes_table(results: dict[str, Any]) -> list[str]:
    """Peak memory and throughput by size."""
    lines = [
        f"GSM8K, detectors {' + '.join(results['detectors'])}, one worker. One part in ten of the first gigabyte has "
        "planted items in it, the rest is clean; more than 5 GB are shards.", "",
        "| GB | files | records | matches | MB per CPU-second | peak MB | wall seconds | Ctrl-C to the end, seconds |",
        "|---:|---:|---:|---:|---:|---:|---:|:---|",
    ]  # fmt: skip
    return lines + [
        f"| {row['gigabytes']:.1f} | {row['files']} | {row['records']:,} | {row['matches']:,} "
        f"| {row['gigabytes'] * 1000 / row['cpu']:.1f} | {row['peak']:.0f} | {row['wall']:.0f} "
        f"| {', '.join(map(str, row['interrupted_after']))} |"
        for row in results["rows"]
    ]


def files_table(results: dict[str, Any]) -> list[str]:
    """CPU seconds by the number of files."""
    lines = [
        "| files | MB | CPU seconds | milliseconds per file | peak MB | wall seconds |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    return lines + [
        f"| {row['files']:,} | {row['bytes'] / 1e6:.0f} | {row['cpu']:.1f} "
        f"| {1000 * row['cpu'] / row['files']:.2f} | {row['peak']:.0f} | {row['wall']:.0f} |"
        for row in results["rows"]
    ]


def items_table(results: dict[str, Any]) -> list[str]:
    """What an index of very many items costs."""
    build = results["build"]
    lines = [
        f"- {results['items']:,} items, an index of {results['index_bytes'] / 1e6:,.0f} MB.",
        f"- Built and written in {build['cpu']:.0f} CPU seconds with at most {build['peak']:,.0f} MB of memory, the "
        "reading of its benchmark included."
        if build
        else "- Its building was not measured in this run.",
        f"- Loaded (memory-mapped) in {statistics.median(results['load_seconds']):.3f} seconds of wall time, the "
        f"median of {len(results['load_seconds'])} (goal: 0.2).", "",
        "| detectors | MB | MB per CPU-second after the start | with it | CPU seconds of the start | peak MB | goal |",
        "|:---|---:|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    for case in results["scans"]:
        size, start, whole = case["megabytes"], case["start"]["cpu"], case["whole"]["cpu"]
        lines.append(
            f"| {' + '.join(case['detectors'])} | {size:,.0f} | {size / (whole - start):.1f} | {size / whole:.1f} "
            f"| {start:.1f} | {case['whole']['peak']:,.0f} | ≥ 60 |"
        )
    return lines


def matches_table(results: dict[str, Any]) -> list[str]:
    """Peak memory by the number of matches."""
    lines = [
        "GSM8K's test questions, one in each record, `ngram`, one worker. What does not fit into memory is sorted in a "
        "file (`auditor.spill`).", "",
        "| records | matches | peak MB | CPU seconds | wall seconds |", "|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    return lines + [
        f"| {row['records']:,} | {row['matches']:,} | {row['peak']:,.0f} | {row['cpu']:.0f} | {row['wall']:.0f} |"
        for row in results["rows"]
    ]


def interrupts_table(results: dict[str, Any]) -> list[str]:
    """Seconds from Ctrl-C to the end of the process."""
    lines = [
        "One file of 3 GB, one worker; partial results are written. Ctrl-C came after 2.5, 4 and 6 seconds, three "
        "times each.", "", "| detectors | median | longest | all |", "|:---|---:|---:|:---|",
    ]  # fmt: skip
    return lines + [
        f"| {' + '.join(row['detectors'])} | {statistics.median(row['seconds'])} | {max(row['seconds'])} "
        f"| {', '.join(map(str, row['seconds']))} |"
        for row in results["rows"]
    ]


def kills_table(results: dict[str, Any]) -> list[str]:
    """Kills, and how many runs gave other bytes than an undisturbed one."""
    lines = [
        "| seed | kills | at a random time | at a random file operation | runs that ended | most kills of one run "
        "| runs with other bytes |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    return lines + [
        f"| {row['seed']} | {row['kills']} | {row['by_time']} | {row['by_operation']} | {row['runs']} "
        f"| {row['resumed_most']} | {len(row['different'])} |"
        for row in results["runs"]
    ]


SHORT = """## Short of the goal

- **A million items** are read at the speed of the goal by `ngram`; by `minhash` at a third of it, with ten times the
  speed and a third of the memory of before (1.4 MB per CPU-second, 7.2 GB), and the same results. Of each window of
  32 tokens all 840,000 pairs of shingles in a megabyte are looked up, of which a quarter are a pair of some item:
  such are common words. Of some 50 milliseconds for a megabyte 6 go to finding the shingles, 12 to the filter of
  pairs, 22 to the items of those that pass (400,000, from a table far larger than the cache), 6 to the few thousand
  with enough shingles nearby, and 8 to `ngram`. A long item (over 90 words) is still looked up by bands; a million of
  those were not measured.
- **Ctrl-C on a busy machine** took 0.4 to 2.3 seconds with eight processes waiting for two cores.
- **Ctrl-C while kernels compile** was not measured by itself. In an earlier series, during which kernels were edited,
  one of 18 interrupts took 42 seconds: most likely it waited for the compiler, which only the first run of a version
  calls.
- **Matches that `judge` asks about** are in memory, and so are those of a scan that `clean` cleans by, and the findings
  of two runs that `compare` holds together. Every other match and finding beyond ten thousand is on disk.
- **A large CSV, Arrow or compressed file** is read by one worker at a time (`local`: all of them scan what it reads) or
  by one actor (`ray`). Parquet is read by as many as there are, by its row groups; how fast, was not measured with more
  than two cores.
"""
COUNTS = {"files": 100_000, "items": 1_000_000, "matches": 200_000}
SECTIONS = {
    "sizes": ("Gigabytes", sizes_table),
    "files": ("Small files", files_table),
    "items": ("A million benchmark items", items_table),
    "matches": ("Matches", matches_table),
    "interrupts": ("Ctrl-C", interrupts_table),
    "kills": ("Kills", kills_table),
}
MEASURES = {
    "sizes": measure_sizes, "files": measure_files, "items": measure_items, "matches": measure_matches,
    "interrupts": measure_interrupts, "kills": measure_kills,
}  # fmt: skip


def main() -> None:
    """Measure one thing, or write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="what", required=True)
    for name, needs in (("sizes", 10), ("files", 2), ("items", 5), ("matches", 2), ("interrupts", 6), ("kills", 1)):
        command = commands.add_parser(name)
        command.set_defaults(needs=needs)
        command.add_argument("--work", help="where corpora and outputs are made")
        command.add_argument("--corpus", help="a corpus of `plant.py --shards 1`; one is made by default")
        command.add_argument("--benchmark", default=GSM8K, help="name=path; GSM8K by default")
        if name == "sizes":
            command.add_argument("--gigabytes", type=int, nargs="+", default=[1, 5, 20])
            command.add_argument("--detectors", nargs="+", default=["ngram"])
        elif name == "kills":
            command.add_argument("--kills", type=int, default=100)
            command.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
        elif name in COUNTS:
            command.add_argument("--count", type=int, default=COUNTS[name])
        if name == "items":
            command.add_argument("--megabytes", type=int, default=100, help="of the text that is scanned")
            command.add_argument("--index", help="one that was built before; its building is then not measured")
    commands.add_parser("page")
    args = parser.parse_args()
    if args.what == "page":
        (ROOT / "benchmarks" / "load.md").write_text(page(), encoding="utf-8")
        return
    about = {
        "command": ["python", "-m", "benchmarks.load", args.what], "measured": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
    }  # fmt: skip
    found = MEASURES[args.what](args)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"load-{args.what}.json").write_text(json.dumps({**about, **found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
