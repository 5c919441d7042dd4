"""Runs that several tests of reports read; none of them writes into one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from report import runs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def scan_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.scan_run(tmp_path_factory.mktemp("scan"))


@pytest.fixture(scope="session")
def accepted_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.scan_run(tmp_path_factory.mktemp("accepted"), accept=2)


@pytest.fixture(scope="session")
def hostile_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.hostile_run(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="session")
def scores_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.scores_run(tmp_path_factory.mktemp("scores"))


@pytest.fixture(scope="session")
def check_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.check_run(tmp_path_factory.mktemp("check"))
