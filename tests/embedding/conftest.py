"""Models: a tiny one made here, and the real ones, each loaded once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tiny_model import write_tiny_model

from auditor.embedding import Embedder, load_embedder

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = (
    "How many eggs are left in the basket?",
    "The quick brown fox jumps over the lazy dog.",
    "Which river is the longest one of the world?",
)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model."""
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny", TEXTS)


@pytest.fixture(scope="session")
def embedder(tiny: Path) -> Embedder:
    return load_embedder(str(tiny))
