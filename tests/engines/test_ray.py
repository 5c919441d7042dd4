"""Every engine gives the same bytes: the local one, Ray on one node, and on two of which one is lost on the way."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from command import argv, environment, outputs, summary_of
from command import auditor as run
from made import documents, inside, make_benchmark, whole, write_benchmark, write_lines

import auditor
from auditor.config import ScanConfig
from auditor.engines.cluster import cluster as connected
from auditor.engines.ray import explained
from auditor.engines.ray_worker import UNIT, ScanActor, chunks, pack, plan_batch, software
from auditor.engines.shared import Shared
from auditor.engines.units import Large, Whole
from auditor.errors import IncompleteAuditError, InputError, SourceError
from auditor.index import BenchmarkIndex, weigh
from auditor.journal import DIRECTORY
from auditor.sources import Source

from .corpus import ITEMS, READING, make_corpus

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    # a node that is lost is missed within seconds
    health = {"health_check_initial_delay_ms": 1000, "health_check_period_ms": 1000, "health_check_timeout_ms": 3000}
    made = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 2, "object_store_memory": STORE, "include_dashboard": False, "_system_config": health,
        },
    )  # fmt: skip
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


def kill_workers(cluster: Any, pause: float, done: threading.Event) -> list[int]:
    """Kill the actors of the cluster's head node, one after another, until it is done; their process ids."""
    parent = cluster.head_node.all_processes["raylet"][0].process.pid
    killed: list[int] = []
    while not done.wait(pause):
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, IndexError):
                is_child = int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent
                if is_child and (entry / "cmdline").read_bytes().startswith(b"ray::MapWorker"):
                    os.kill(int(entry.name), signal.SIGKILL)
                    killed.append(int(entry.name))
                    break
    return killed


def test_a_worker_that_is_killed_is_started_again(
    train: Path, expected: dict[str, object], tmp_path: Path, cluster: Any
) -> None:
    killed: list[int] = []

    def kill(progress: auditor.scanning.Progress) -> None:
        if progress.records_read and not killed:
            once = threading.Event()
            threading.Timer(0.2, once.set).start()
            killed.extend(kill_workers(cluster, 0.15, once))

    assert written(train, tmp_path, engine="ray", address=cluster.address, progress=kill) == expected
    assert killed


def test_workers_that_are_killed_again_and_again(
    train: Path, expected: dict[str, object], tmp_path: Path, cluster: Any
) -> None:
    done = threading.Event()
    killed: list[int] = []
    killer = threading.Thread(target=lambda: killed.extend(kill_workers(cluster, 0.1, done)))
    killer.start()
    try:
        with pytest.raises(IncompleteAuditError, match=r"a worker was lost more than .* go on with --resume"):
            written(train, tmp_path, engine="ray", address=cluster.address)
    finally:
        done.set()
        killer.join()
    assert len(killed) > 2
    # what was done stays, and is gone on with
    assert written(train, tmp_path, resume=True) == expected


def test_what_a_worker_raised(cluster: Any) -> None:
    def fails(error: BaseException) -> None:
        raise error

    with connected(cluster.address, None) as ray:
        task = ray.remote(num_cpus=0, max_retries=0)(fails)

        def met(error: BaseException) -> BaseException:
            with pytest.raises(ray.exceptions.RayError) as caught:
                ray.get(task.remote(error))
            return explained(caught.value)

        ours = met(SourceError("no such file: x"))
        assert isinstance(ours, SourceError)
        assert str(ours) == "no such file: x"
        memory = met(MemoryError("no room"))
        assert isinstance(memory, IncompleteAuditError)
        assert "a worker ran out of memory: start fewer of them (--workers)" in str(memory)
        assert isinstance(met(ZeroDivisionError("a bug")), ZeroDivisionError)


def command(train: Path, bench: Path, out: Path, *more: object) -> list[object]:
    return ["scan", train, "-b", bench, "-o", out, "--set", "learn_bytes=100000", *more]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_benchmark(tmp_path_factory.mktemp("bench") / "bench.jsonl", ITEMS)


def test_the_command_with_a_cluster_of_its_own(train: Path, bench: Path, tmp_path: Path) -> None:
    locally = run(*command(train, bench, tmp_path / "local", "--workers", 2))
    done = run(*command(train, bench, tmp_path / "ray", "--engine", "ray", "--workers", 2))
    assert done.returncode == locally.returncode == 1, done.stderr
    assert done.stderr == locally.stderr
    assert outputs(tmp_path / "ray") == outputs(tmp_path / "local")


ROWS = 2400
"""Of each of the 60 files."""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough files that there is a middle to be stopped in: some 100 MB, which are half a dozen units of work."""
    folder = tmp_path_factory.mktemp("many") / "train"
    texts = documents(60)
    for number in range(60):
        rows = [
            {"text": inside(whole(ITEMS[n % 40]), texts[n % 60]) if n % 36 == 0 else texts[n % 60]} for n in range(ROWS)
        ]
        write_lines(folder / f"{number:02d}.jsonl", rows)
    return folder


def test_interrupted_and_resumed_by_any_engine(many: Path, bench: Path, tmp_path: Path, cluster: Any) -> None:
    assert run(*command(many, bench, tmp_path / "whole")).returncode == 1
    by_ray = ["--engine", "ray", "--address", cluster.address]
    process = subprocess.Popen(
        argv(*command(many, bench, tmp_path / "cut", *by_ray)),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    journal = tmp_path / "cut" / DIRECTORY / "blocks.jsonl"
    until = time.monotonic() + 100
    while not (journal.exists() and journal.stat().st_size > 2500):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    stopped = time.monotonic()
    results, said = process.communicate(timeout=60)
    assert process.returncode == 3, said
    assert "raylet" not in results  # what Ray has to say is not among them
    assert "interrupted: the result is partial" in said
    assert time.monotonic() - stopped < 30
    records = summary_of(tmp_path / "cut")["records_read"]
    assert 0 < records < 60 * ROWS
    shutil.copytree(tmp_path / "cut", tmp_path / "again")
    assert run(*command(many, bench, tmp_path / "cut", "--resume")).returncode == 1
    assert run(*command(many, bench, tmp_path / "again", "--resume", *by_ray)).returncode == 1
    assert outputs(tmp_path / "cut") == outputs(tmp_path / "again") == outputs(tmp_path / "whole")


def test_a_node_with_another_version(many: Path, bench: Path, tmp_path: Path, cluster: Any) -> None:
    package = Path(auditor.__file__).parent
    shutil.copytree(package, tmp_path / "old" / "auditor", ignore=shutil.ignore_patterns("__pycache__"))
    init = tmp_path / "old" / "auditor" / "__init__.py"
    text = init.read_text()
    assert auditor.__version__ in text
    init.write_text(text.replace(f'"{auditor.__version__}"', '"0.0.1"'))
    node = cluster.add_node(
        num_cpus=1, object_store_memory=STORE, env_vars={"PYTHONPATH": str(tmp_path / "old")}
    )  # fmt: skip
    try:
        words = command(many, bench, tmp_path / "out", "--engine", "ray", "--address", cluster.address)
        done = run(*words, cwd=tmp_path)  # a worker looks in the directory of the driver first
    finally:
        cluster.remove_node(node, allow_graceful=False)
    assert done.returncode == 2
    assert f"has other versions than this machine: auditor 0.0.1 instead of {auditor.__version__}" in done.stderr
    assert "pip install 'auditor[ray]==" in done.stderr


def test_another_index_is_refused(cluster: Any) -> None:
    shared = Shared.of(INDEX, weigh(INDEX, None, ScanConfig()), ScanConfig(), READING)
    other = BenchmarkIndex.build([make_benchmark(ITEMS[:20])], ScanConfig())
    before = Shared.of(other, weigh(other, None, ScanConfig()), ScanConfig(), READING)
    with connected(cluster.address, None) as ray:
        actor = ScanActor(ray.put(shared), shared.digest(), software())
        assert actor is not None
        with pytest.raises(InputError, match="is not the one that the scan began with"):
            ScanActor(ray.put(shared), before.digest(), software())
        with pytest.raises(InputError, match="has other versions than this machine: index"):
            ScanActor(ray.put(shared), shared.digest(), {**software(), "index": "0.0"})


def test_what_an_actor_does_with_a_batch(train: Path, cluster: Any) -> None:
    path = train / "large.jsonl"
    large = Large(4, Source(str(path), str(path), path.stat().st_size, "jsonl"), 100_000)
    small = Whole(5, (Source(str(train / "table.csv"), str(train / "table.csv"), 100, "csv"),))
    shared = Shared.of(INDEX, weigh(INDEX, None, ScanConfig()), ScanConfig(), READING)
    planned = list(plan_batch(pa.concat_tables([pack(UNIT, small), pack(UNIT, large)]), READING))
    assert [table.num_rows for table in planned] == [1] * len(planned)
    with connected(cluster.address, None) as ray:
        actor = ScanActor(ray.put(shared), shared.digest(), software())
        found = [chunk for table in planned for sent in actor(table) for chunk in chunks(sent)]
    assert [chunk.unit for chunk in found] == [(5, -1), *((4, part) for part in range(len(planned) - 2)), (4, -1)]
    assert found[-1].parts == len(planned) - 2


def test_ray_is_not_installed(train: Path, bench: Path, tmp_path: Path) -> None:
    words = [str(word) for word in command(train, bench, tmp_path, "--engine", "ray")]
    script = f"import sys; sys.modules['ray'] = None; sys.argv[1:] = {words!r}; from auditor.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=environment()
    )
    assert done.returncode == 2
    assert "--engine ray needs an optional dependency: pip install 'auditor[ray]'" in done.stderr


def test_a_pipe_is_for_one_process(bench: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(InputError, match=r"pipe.jsonl is a pipe, .*: use --engine local"):
        auditor.scan(tmp_path / "pipe.jsonl", INDEX, engine="ray")
    with pytest.raises(InputError, match="the engine is 'local': add --engine ray"):
        auditor.scan(tmp_path / "pipe.jsonl", INDEX, address="127.0.0.1:1")
