"""Where measurements find their data and keep what they make."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
BENCHMARKS = SHARED / "data" / "benchmarks"
TRAINING = SHARED / "data" / "training"
RESULTS = ROOT / "benchmarks" / "results"


def require_shared() -> None:
    """Leave with a message that says what to do where the data is not beside the clone."""
    if not (SHARED / "measure" / "plant.py").is_file():
        sys.exit(
            f"error: {SHARED / 'measure' / 'plant.py'} is not there. These measurements need the project's shared data "
            "(the folder `shared` with data/ and measure/) beside the clone."
        )


def cache() -> Path:
    """`$AUDITOR_BENCHMARKS_CACHE`, else `~/.cache/auditor-benchmarks`: corpora, the peers' environments, outputs."""
    given = os.environ.get("AUDITOR_BENCHMARKS_CACHE")
    place = Path(given) if given else Path.home() / ".cache" / "auditor-benchmarks"
    place.mkdir(parents=True, exist_ok=True)
    return place
