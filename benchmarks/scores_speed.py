"""Time and memory of `auditor scores` on a made-up board of 100,000 rows and 6 benchmarks, figures included.

python benchmarks/scores_speed.py -o benchmarks/results/scores_speed.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BENCHMARKS = (
    ("MMLU", 1.2, -0.8), ("ARC", 1.0, -0.6), ("HellaSwag", 1.0, 0.3), ("TruthfulQA", 0.4, -0.4),
    ("Winogrande", 0.8, 0.4), ("GSM8K", 2.0, -2.0),
)  # fmt: skip


def write_board(path, rows):
    rng = np.random.default_rng(0)
    size = rng.choice([0.5, 1.1, 1.5, 3, 7, 8, 13, 34, 70], rows)
    family = (rng.pareto(0.8, rows) * 3).astype(int) % 30_000
    ability = 0.9 * np.log10(size) + 0.5 * np.sin(family) + 0.4 * rng.normal(size=rows)
    scores = [100 / (1 + np.exp(-(a * ability + b + 0.15 * rng.normal(size=rows)))) for _, a, b in BENCHMARKS]
    with path.open("w", encoding="utf-8") as file:
        file.write("model,params_b," + ",".join(name for name, _, _ in BENCHMARKS) + ",date,precision,base_model\n")
        for i in range(rows):
            values = ",".join(f"{column[i]:.2f}" for column in scores)
            file.write(
                f"org{family[i]}/thing{family[i]}-{i},{size[i]},{values},2024-{1 + i % 12:02d}-{1 + i % 28:02d},"
                f"bfloat16,base{family[i]}/root{family[i]}\n"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        board = Path(folder) / "board.csv"
        write_board(board, arguments.rows)
        code = "from auditor.cli import main; main()"
        command = [sys.executable, "-c", code, "scores", str(board), "-o", folder + "/out"]
        started = time.perf_counter()
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
        wall = time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = {
        "rows": arguments.rows, "benchmarks": len(BENCHMARKS), "wall_seconds": round(wall, 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2), "peak_megabytes": round(usage.ru_maxrss / 1000),
        "cores": os.cpu_count(), "load_average": [round(x, 2) for x in os.getloadavg()], "machine": platform.platform(),
        "command": "python benchmarks/scores_speed.py",
    }  # fmt: skip
    print(json.dumps(result, indent=1))
    if arguments.output:
        arguments.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
