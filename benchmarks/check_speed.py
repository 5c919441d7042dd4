"""Time of `auditor check` on an entry with scores only, against a real board of 7,169 models: the whole command.

Each run is a process of its own, from its start to its exit, the report written. Runs with `bytecode: false` have no
compiled Python files of any package to start from, as after an installation; the operating system's file cache is
as the run before left it.

    python benchmarks/check_speed.py -o benchmarks/results/check_speed.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BOARD = ROOT.parent / "shared" / "data" / "leaderboards" / "open_llm_leaderboard_v1.csv"
GOAL = 5.0
"""Seconds, from the project's own targets."""
ENTRY = """model: made-up/thing-7b
params_b: 7.2
scores: {ARC: 60, HellaSwag: 82, MMLU: 62, TruthfulQA: 50, Winogrande: 76, GSM8K: 45}
"""


def run(board, folder, bytecode):
    """Seconds of wall clock and of CPU of one run."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if not bytecode:
        environment["PYTHONPYCACHEPREFIX"] = tempfile.mkdtemp(dir=folder)
    command = [
        sys.executable,
        "-m",
        "auditor",
        "check",
        f"{folder}/entry.yaml",
        "--board",
        str(board),
        "-o",
        f"{folder}/out",
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, env=environment)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr.decode()
    return round(wall, 2), round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--board", type=Path, default=BOARD)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "entry.yaml").write_text(ENTRY, encoding="utf-8")
        timed = {
            bytecode: [run(arguments.board, folder, bytecode) for _ in range(arguments.runs)]
            for bytecode in (True, False)
        }
        summary = json.loads((Path(folder) / "out" / "summary.json").read_text(encoding="utf-8"))
    scores = summary["entries"][0]["evidence"]["scores"]
    result = {
        "board": arguments.board.name, "models": scores["models_on_the_board"], "scores_judged": len(scores["judged"]),
        "runs": [
            {
                "bytecode": bytecode, "wall_seconds": [wall for wall, _ in times],
                "wall_median": statistics.median(wall for wall, _ in times),
                "cpu_median": statistics.median(cpu for _, cpu in times),
            }
            for bytecode, times in timed.items()
        ],
        "peak_megabytes": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000),
        "goal_seconds": GOAL, "met": all(wall <= GOAL for times in timed.values() for wall, _ in times),
        "cores": os.cpu_count(), "load_average": [round(x, 2) for x in os.getloadavg()], "machine": platform.platform(),
        "python": platform.python_version(), "command": "python benchmarks/check_speed.py",
    }  # fmt: skip
    print(json.dumps(result, indent=1))
    if arguments.output:
        arguments.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
