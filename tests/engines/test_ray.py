"""Every engine gives the same bytes: the local one, Ray on one node, and on two of which one is lost on the way."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from command import outputs
from made import make_benchmark

import auditor
from auditor.config import ScanConfig
from auditor.index import BenchmarkIndex

from .corpus import ITEMS, READING, make_corpus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("ray", reason="Ray is not installed: pip install 'auditor[ray]'")
pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own, of itself

STORE = 100_000_000
INDEX = BenchmarkIndex.build([make_benchmark(ITEMS)], ScanConfig())


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("engines") / "train")


@pytest.fixture(scope="module")
def expected(train: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return written(train, tmp_path_factory.mktemp("local"), workers=1)


def written(train: Path, out: Path, **how: Any) -> dict[str, object]:
    """The bytes of a scan."""
    result = auditor.scan(train, INDEX, reading=READING, out=out, **how)
    result.write(out)
    return outputs(out)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of one node of two cores, to be joined at its address."""
    from auditor.engines.cluster import import_ray

    ray = import_ray()
    from ray.cluster_utils import Cluster

    before = os.environ.pop("PYTHONWARNINGS", None)
    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 2, "object_store_memory": STORE, "include_dashboard": False},
    )
    yield made
    ray.shutdown()
    made.shutdown()
    if before is not None:
        os.environ["PYTHONWARNINGS"] = before


def test_local_with_three_workers(train: Path, expected: dict[str, object], tmp_path: Path) -> None:
    assert written(train, tmp_path, workers=3) == expected


@pytest.mark.parametrize("workers", [1, 2])
def test_ray_on_one_node(train: Path, expected: dict[str, object], tmp_path: Path, cluster: Any, workers: int) -> None:
    assert written(train, tmp_path, engine="ray", address=cluster.address, workers=workers) == expected


def test_ray_on_two_nodes_of_which_one_is_lost(
    train: Path, expected: dict[str, object], tmp_path: Path, cluster: Any
) -> None:
    node = cluster.add_node(num_cpus=2, object_store_memory=STORE)
    lost: list[float] = []

    def lose(progress: auditor.scanning.Progress) -> None:
        if progress.records_read and not lost:
            lost.append(time.monotonic())
            cluster.remove_node(node, allow_graceful=False)

    assert written(train, tmp_path, engine="ray", address=cluster.address, progress=lose) == expected
    assert lost
