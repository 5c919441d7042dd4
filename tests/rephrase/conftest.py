"""A tiny model, and one benchmark of word problems with texts that say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tiny_model import write_tiny_model

from rephrase.problems import PARAPHRASES, PROBLEMS, UNRELATED

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model that knows the words of the problems."""
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny", [*PROBLEMS, *PARAPHRASES.values(), *UNRELATED])
