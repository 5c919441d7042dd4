"""How the `ray` engine scales: throughput on 1, 2 and 4 nodes, and what the driver does for each unit of work.

    python -m benchmarks.ray_scaling                    # about five minutes
    python -m benchmarks.ray_scaling --megabytes 200 --nodes 1,2

A node is a raylet of its own with one core (`ray.cluster_utils.Cluster`), all on this machine; the driver's node has
none. The corpus is the yardstick's (seed 7, 85 MB), its files linked as often as it takes. For each number of nodes:
the seconds from the first result to the last, and the CPU seconds of the actors, of the driver and of Ray's own
processes, from /proc. Where a machine has fewer cores than nodes, or gives fewer, the seconds say so and the CPU
seconds do not: `simulated` is the throughput that those give where each node has its core.

The driver's work for a unit is measured by units that hold one record each: what they cost is the handing out, the
coming back and the adding up. Results go to benchmarks/results/ray_scaling.json; docs/scale.md says what follows.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import auditor
from auditor.config import ScanConfig
from auditor.engines.cluster import ACTOR_CPUS, ActorPlan, cluster, import_ray
from auditor.engines.ray import Ledger, scan_units
from auditor.engines.ray_worker import chunks
from auditor.engines.shared import Shared
from auditor.engines.units import LARGEST_UNIT, Whole
from auditor.index import BenchmarkIndex, weigh
from auditor.sources import ReadOptions, discover
from auditor.suites import load_benchmarks
from benchmarks import places, planting, running

if TYPE_CHECKING:
    from collections.abc import Iterator

STORE = 200_000_000
TICKS = os.sysconf("SC_CLK_TCK")
PRICE = 0.045
"""US dollars for an hour of a core: list price of a compute-optimised cloud machine, on demand."""


class Watch:
    """CPU seconds of the processes of Ray on this machine that began after this: actors, and all others."""

    def __init__(self) -> None:
        self._before = {entry.name for entry in Path("/proc").iterdir()}
        self._seconds: dict[tuple[str, bool], float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._stop.wait(0.1):
            for entry in Path("/proc").glob("[0-9]*"):
                if entry.name in self._before:
                    continue
                try:
                    name = (entry / "cmdline").read_bytes()
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except (OSError, IndexError):
                    continue
                if b"ray" in name:
                    is_actor = name.startswith(b"ray::MapWorker")
                    self._seconds[entry.name, is_actor] = (int(fields[11]) + int(fields[12])) / TICKS

    def seconds(self, *, actors: bool) -> float:
        """What was used until now, by actors or by all others."""
        return sum(seconds for (_, is_actor), seconds in list(self._seconds.items()) if is_actor == actors)

    def stop(self) -> None:
        """Look no further."""
        self._stop.set()
        self._thread.join()


@contextmanager
def nodes_of(count: int) -> Iterator[str]:
    """The address of a cluster of nodes with one core each; the driver's node has none."""
    ray = import_ray()
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(count):
        made.add_node(num_cpus=1, object_store_memory=STORE)
    try:
        yield made.address
    finally:
        ray.shutdown()
        made.shutdown()


def linked(train: Path, megabytes: float, folder: Path) -> Path:
    """The files of a corpus, linked as often as it takes to have so many MB."""
    files = sorted(train.glob("*.jsonl"))
    size = 0
    number = 0
    folder.mkdir(parents=True)
    while size < megabytes * 1e6:
        source = files[number % len(files)]
        try:
            (folder / f"{number:04d}.jsonl").hardlink_to(source)
        except OSError:  # another file system
            shutil.copyfile(source, folder / f"{number:04d}.jsonl")
        size += source.stat().st_size
        number += 1
    return folder


def measure(train: Path, index: BenchmarkIndex, config: ScanConfig, nodes: int) -> dict[str, Any]:
    """One scan on so many nodes."""
    results: list[tuple[float, int, float]] = []

    def note(progress: auditor.scanning.Progress) -> None:
        if progress.bytes_read and (not results or progress.bytes_read > results[-1][1]):
            results.append((time.monotonic(), progress.bytes_read, watch.seconds(actors=True)))

    free = running.cores_free()
    with nodes_of(nodes) as address:
        watch, driver, began = Watch(), time.process_time(), time.monotonic()
        result = auditor.scan(train, index, config=config, engine="ray", address=address, progress=note)
        seconds, driver = time.monotonic() - began, time.process_time() - driver
        watch.stop()
    (first, read_then, used_then), (last, read, used) = results[0], results[-1]
    megabytes = read / 1e6
    return {
        "nodes": nodes,
        "megabytes": round(megabytes, 1),
        "seconds": round(seconds, 2),
        "seconds_to_first_result": round(first - began, 2),
        "steady_mb_per_second": round((read - read_then) / 1e6 / max(last - first, 1e-9), 1),
        "cores_free_of_2": free,
        "mb_per_actor_cpu_second": round((read - read_then) / 1e6 / max(used - used_then, 1e-9), 1),
        "actor_cpu_seconds": round(watch.seconds(actors=True), 2),
        "driver_cpu_seconds": round(driver, 2),
        "ray_cpu_seconds": round(watch.seconds(actors=False), 2),
        "matches": len(result.matches),
    }


def unit_cost(index: BenchmarkIndex, folder: Path, count: int) -> dict[str, Any]:
    """What the driver and Ray do for each unit, from units of one record."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:05d}.jsonl").write_text('{"text": "nothing of interest"}\n', encoding="utf-8")
    sources, _ = discover([folder], ReadOptions())
    config = ScanConfig(detectors=("ngram",))
    shared = Shared.of(index, weigh(index, None, config), config, ReadOptions())
    with nodes_of(2) as address, cluster(address, None) as ray:
        costs = []
        for part in (sources[: count // 10], sources):
            units = [Whole(number, (source,)) for number, source in enumerate(part)]
            ledger = Ledger(lambda _: None, lambda *_: None)
            ledger.expect(units)
            driver, times = time.process_time(), []
            for table in scan_units(ray, units, shared, ActorPlan(2, ACTOR_CPUS, 0.0)):
                times.append(time.monotonic())
                for chunk in chunks(table):
                    ledger.add(chunk)
            ledger.check()
            costs.append((len(part), time.process_time() - driver, times[-1] - times[0]))
    (few, cpu_few, _), (all_, cpu_all, wall) = costs
    return {
        "units": count,
        "driver_cpu_ms_per_unit": round((cpu_all - cpu_few) / (all_ - few) * 1e3, 2),
        "wall_ms_per_unit_two_actors": round(wall / all_ * 1e3, 2),
    }


def follows(runs: list[dict[str, Any]], unit: dict[str, Any]) -> dict[str, Any]:
    """What a core does, what a terabyte costs, and where the driver is the bottleneck."""
    start = min(runs, key=lambda r: r["nodes"])
    rates = [r["mb_per_actor_cpu_second"] for r in runs]
    rate = sum(rates) / len(rates)
    ceiling = LARGEST_UNIT / 1e6 / (unit["driver_cpu_ms_per_unit"] / 1e3)
    return {
        "mb_per_actor_cpu_second": round(rate, 1),
        "simulated_mb_per_second": {str(n): round(min(rate * n, ceiling), 1) for n in (1, 2, 4, 64, 1024)},
        "core_hours_per_terabyte": round(1e6 / rate / 3600, 2),
        "dollars_per_terabyte": round(1e6 / rate / 3600 * PRICE, 3),
        "dollars_per_core_hour": PRICE,
        "driver_ceiling_mb_per_second": round(ceiling),
        "driver_ceiling_cores": round(ceiling / rate),
        "seconds_to_first_result": start["seconds_to_first_result"],
    }


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=900.0)
    parser.add_argument("--nodes", default="1,2,4")
    parser.add_argument("--units", type=int, default=1000)
    parser.add_argument("--corpus", type=Path, help="a folder that plant.py wrote")
    parser.add_argument("--out", type=Path, default=places.RESULTS / "ray_scaling.json")
    args = parser.parse_args()
    made = args.corpus or planting.corpus(seed=7, megabytes=85)
    config = ScanConfig(detectors=("ngram",))
    index = BenchmarkIndex.build(load_benchmarks([f"yardstick={made / 'benchmark.jsonl'}"]), config)
    machine = running.machine()
    with tempfile.TemporaryDirectory(dir=made.parent) as folder:
        train = linked(made / "train", args.megabytes, Path(folder) / "train")
        runs = [measure(train, index, config, int(nodes)) for nodes in args.nodes.split(",")]
        unit = unit_cost(index, Path(folder) / "units", args.units)
    results = {
        "measured": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": ["python", "-m", "benchmarks.ray_scaling", *sys.argv[1:]],
        "machine": machine,
        "detectors": list(config.detectors),
        "runs": runs,
        "unit": unit,
        "follows": follows(runs, unit),
    }
    args.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(results["runs"] + [results["unit"], results["follows"]], indent=1))


if __name__ == "__main__":
    main()
