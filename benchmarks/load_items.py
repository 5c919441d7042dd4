"""A benchmark of very many items, and what its index costs; run by `benchmarks.load` in processes of their own."""

from __future__ import annotations

import json
import re
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

VOCABULARY = 60_000
VOCABULARY_BYTES = 20_000_000
"""Of the corpus that is scanned: items in other words than it has would be no work."""
NO_SPACES = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
"""Scripts whose words have no space between them. Here as in the tokenizer, each letter is one: a clause taken for one
word would be a stretch of the corpus, and the items that hold it were no chance finds."""
WORD = re.compile(rf"[{NO_SPACES}]|(?:(?![{NO_SPACES}])[^\W\d_]){{2,}}")
WORDS = 24
"""Of each question: about what GSM8K and MMLU have between them."""


def write_items(path: Path, count: int, corpus: Path, seed: int = 5) -> None:
    """A benchmark file of questions over the words of a corpus, as frequent as they are there."""
    with corpus.open("rb") as source:
        text = source.read(VOCABULARY_BYTES).decode("utf-8", "replace")
    common = Counter(WORD.findall(text.lower())).most_common(VOCABULARY)
    words = np.array([word for word, _ in common])
    share = np.array([times for _, times in common], np.float64)
    drawn = np.random.default_rng(seed).choice(len(words), size=(count, WORDS), p=share / share.sum())
    with path.open("w", encoding="utf-8") as file:
        for number, row in enumerate(drawn):
            question = " ".join(words[row])
            file.write(json.dumps({"id": str(number), "question": f"{question}?", "answer": str(words[row[0]])}) + "\n")


def build(benchmark: Path, directory: Path) -> None:
    """Build the index of a benchmark file and write it."""
    from auditor import BenchmarkIndex, ScanConfig, load_benchmark

    BenchmarkIndex.build([load_benchmark(benchmark)], ScanConfig()).save(directory)


def load(directory: Path) -> float:
    """Seconds that it takes to load an index."""
    from auditor import BenchmarkIndex

    begun = time.perf_counter()
    BenchmarkIndex.load(directory)
    return time.perf_counter() - begun


if __name__ == "__main__":
    what, *paths = sys.argv[1:]
    if what == "build":
        build(Path(paths[0]), Path(paths[1]))
    else:
        print(json.dumps({"seconds": round(load(Path(paths[0])), 4)}))
