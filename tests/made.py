"""Benchmarks and training sets made on the spot: every question has words that no other text has."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from auditor.config import ScanConfig
from auditor.types import Benchmark, Item

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

NGRAM = ScanConfig(detectors=("ngram",))
"""One detector, so that what it finds is there once."""
SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo zu bra cle dri flo gru".split()
COMMON = "the a of in and to is for with that on as by from at it an be this are".split()


def word(rng: random.Random) -> str:
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 4)))


def sentence(rng: random.Random, length: int) -> str:
    """Half of its words are common ones, so that it reads like text to the detector."""
    words = [rng.choice(COMMON) if n % 2 else word(rng) for n in range(length)]
    return " ".join(words).capitalize()


def make_items(count: int = 40, seed: int = 1) -> list[Item]:
    """Multiple-choice questions of two sentences, the second of which asks."""
    rng = random.Random(seed)
    items = []
    for number in range(count):
        question = f"{sentence(rng, 14)}. {sentence(rng, 12)}?"
        choices = tuple(sentence(rng, 5) for _ in range(4))
        items.append(Item(f"item-{number}", question, choices, (choices[number % 4],), split="test"))
    return items


def make_benchmark(items: Iterable[Item] = (), name: str = "bench") -> Benchmark:
    return Benchmark(name, tuple(items or make_items()), source=f"{name}.jsonl", sha256="0" * 64)


def document(rng: random.Random, sentences: int = 12) -> str:
    return ". ".join(sentence(rng, rng.randint(6, 18)) for _ in range(sentences)) + "."


def documents(count: int, seed: int = 2) -> list[str]:
    """Clean texts."""
    rng = random.Random(seed)
    return [document(rng) for _ in range(count)]


def inside(text: str, host: str) -> str:
    """A text in the middle of another, at a blank line."""
    middle = len(host) // 2
    return f"{host[:middle]}\n\n{text}\n\n{host[middle:]}"


def whole(item: Item) -> str:
    """Question and answer, one below the other."""
    return f"{item.question}\n{item.answers[0]}"


def write_lines(path: Path, rows: Iterable[Any], *, ascii_only: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


def write_benchmark(path: Path, items: Iterable[Item] = ()) -> Path:
    """A benchmark file in the generic shape."""
    return write_lines(
        path,
        (
            {
                "id": i.item_id,
                "question": i.question,
                "choices": list(i.choices),
                "answer": i.answers[0],
                "split": i.split,
            }
            for i in items or make_items()
        ),
    )


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
