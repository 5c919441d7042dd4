"""Runs in datacruxai's own environment: TRAIN BENCHMARK OUT NGRAM.

Its documented calls, load_dataset and check_contamination, a file at a time as its own command line does. The command
line itself takes no benchmark of one's own, so the two calls stand here. Each item is a benchmark of its own to it:
only so does it say which item was found, and it costs it nothing.
"""

import json
import sys
from pathlib import Path

from datacruxai import check_contamination, load_dataset  # type: ignore[import-not-found]

train, benchmark, out, ngram = sys.argv[1:]
with Path(benchmark).open(encoding="utf-8") as lines:
    items = {item["id"]: [item["text"]] for item in map(json.loads, lines)}
Path(out).mkdir(parents=True, exist_ok=True)
with (Path(out) / "matches.jsonl").open("w", encoding="utf-8") as target:
    for path in sorted(Path(train).glob("*.jsonl")):
        report = check_contamination(load_dataset(path), benchmarks=items, ngram_size=int(ngram))
        for row, item_id in sorted({(match.example_index, match.benchmark) for match in report.matches}):
            target.write(json.dumps({"source": path.name, "row": row, "item_id": item_id}) + "\n")
