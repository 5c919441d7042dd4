"""The example's leaderboard, shared by the tests of a check, and entries written on the spot."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).parents[2] / "examples" / "leaderboard"
ENTRIES = {name: EXAMPLE / "entries" / f"{name}.yaml" for name in ("clean", "contaminated", "outlier")}
BOARD, POLICY = EXAMPLE / "board.csv", EXAMPLE / "policy.toml"

SAID = """model: made-up-spruce/Curlew-7.2B
params_b: 7.2
training_sets: [data.jsonl]
"""
SCORES = "scores: {Orchard: 55.0, Lantern: 62.1, Harbour: 69.9}\n"


def entry(folder: Path, text: str, name: str = "entry.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def document(folder: Path, value: Any, name: str = "entry.json") -> Path:
    return entry(folder, json.dumps(value), name)


def checkout(folder: Path) -> Path:
    """A copy of the example that a test may change."""
    return shutil.copytree(EXAMPLE, folder / "checkout")
