"""What the Action's tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .api import serve
from .runner import installed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .api import GitHub


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has this package, as the step `install` leaves one."""
    return installed(tmp_path_factory.mktemp("venv") / "venv")


@pytest.fixture
def hub() -> Iterator[GitHub]:
    """GitHub's API."""
    yield from serve()
