"""Where this package keeps what it can make again: compiled kernels, indexes, fetched benchmarks."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path:
    """The cache's root: `$AUDITOR_CACHE`, else `$XDG_CACHE_HOME/auditor`, else `~/.cache/auditor`. Not created."""
    if given := os.environ.get("AUDITOR_CACHE"):
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "auditor"
