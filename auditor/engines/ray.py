"""The `ray` engine: the same scanner by Ray Data, on this machine or on a cluster of any size.

Units of work go out (`auditor.engines.units`), and what was found comes back; no record travels. Actors read for
themselves, so what is scanned must be where all nodes can read it: on shared storage, or behind a URL. Results are
added up on the driver in whatever order they come, and each chunk of them once.
"""

from __future__ import annotations

import functools
import os
import warnings
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from auditor.engines.cluster import check_nodes, cluster, plan_actors
from auditor.engines.units import Large, divide
from auditor.errors import AuditorError, IncompleteAuditError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from auditor.config import ScanConfig
    from auditor.engines.cluster import ActorPlan
    from auditor.engines.shared import Shared
    from auditor.engines.units import Chunk, SourceEnd, Whole
    from auditor.index import BenchmarkIndex, Weights
    from auditor.scanner import BlockResult
    from auditor.sources import ReadOptions, Source
    from auditor.types import Skip

RESTARTS = 4
"""Times that an actor is started again after its process or its machine was lost. More often, and it is the unit that
kills it."""
PLANNERS = 8
"""Actors that one planner keeps busy: it reads a file some ten times as fast as a core scans."""


class RayEngine:
    """Scans sources with the actors of a Ray cluster.

    Args:
        sources: what to read.
        index, weights, config, options: what the scanner is made of; weights come from here, so that every node
        judges by the same.
        address: of a cluster, or None (see `auditor.engines.cluster.cluster`).
        workers: actors; one for each core by default.
        done: (source name, block number) whose results are known from an interrupted run.
        on_block: called with each result, one at a time.
        on_source: called when a source came to its end and all its results were given, with its digest; or with the
        skip that says why it could not be read.
    """

    def __init__(
        self, sources: Sequence[Source], *, index: BenchmarkIndex, weights: Weights, config: ScanConfig,
        options: ReadOptions, address: str | None, workers: int | None, done: frozenset[tuple[str, int]],
        on_block: Callable[[BlockResult], None], on_source: Callable[[Source, str, Skip | None], None],
    ) -> None:  # fmt: skip
        self._sources = [_reachable(source) for source in sources]
        self._index, self._weights, self._config, self._options = index, weights, config, options
        self._address, self._workers, self._done = address, workers, done
        self._ledger = Ledger(on_block, on_source)

    def run(self, tick: Callable[[], None]) -> None:
        """Scan everything; `tick` is called after each chunk of results.

        Raises:
            MissingExtraError: Ray is not installed.
            InputError: nobody answers at the address; a node has another version, or cannot read the sources.
            IncompleteAuditError: a worker was lost again and again.
        """
        from auditor.engines.ray_worker import chunks

        if not self._sources:
            return
        with cluster(self._address, self._workers) as ray, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                # closed at once where this is interrupted: Ray stops what it began
                with closing(self._results(ray)) as batches:
                    for batch in batches:
                        for chunk in chunks(batch):
                            self._ledger.add(chunk)
                        tick()
            except ray.exceptions.RayError as error:
                raise explained(error) from error
        self._ledger.check()

    def _results(self, ray: Any) -> Generator[Any, None, None]:
        """Tables of chunks, as they come."""
        from auditor.engines.ray_worker import software
        from auditor.engines.shared import Shared

        check_nodes(ray, software())
        actors = plan_actors(self._config.detectors, ray.cluster_resources(), self._workers)
        units = divide(self._sources, self._done, actors.actors, self._options)
        self._ledger.expect(units)
        shared = Shared.of(self._index, self._weights, self._config, self._options)
        yield from scan_units(ray, units, shared, actors)


def scan_units(ray: Any, units: Sequence[Whole | Large], shared: Shared, plan: ActorPlan) -> Iterator[Any]:
    """Hand out units by Ray Data; tables of chunks (see `ray_worker.chunks`) as they come, in any order."""
    from auditor.engines.ray_worker import UNIT, ScanActor, pack, plan_batch, software

    # held until the end: an actor that is started again on another node asks for it again
    reference = ray.put(shared)
    with _own_context(ray):
        data = ray.data.from_arrow([pack(UNIT, unit) for unit in units])
        if any(isinstance(unit, Large) for unit in units):
            data = data.map_batches(
                functools.partial(plan_batch, options=shared.options), batch_size=None, batch_format="pyarrow",
                num_cpus=0, max_retries=RESTARTS, concurrency=max(1, plan.actors // PLANNERS),
            )  # fmt: skip
        else:
            plan = replace(plan, actors=min(plan.actors, len(units)))
        data = data.map_batches(
            ScanActor, batch_size=None, batch_format="pyarrow",
            fn_constructor_kwargs={"shared": reference, "digest": shared.digest(), "here": software()},
            **_actor_options(ray, plan),
        )  # fmt: skip
        yield from data.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)


def _actor_options(ray: Any, plan: ActorPlan) -> dict[str, Any]:
    return {
        # a second unit waits at each actor, so that none is idle while its result is on the way; with more of them,
        # more would have to be done again when it is lost
        "compute": ray.data.ActorPoolStrategy(size=plan.actors, max_tasks_in_flight_per_actor=2),
        "num_cpus": plan.num_cpus,
        **({"num_gpus": plan.num_gpus} if plan.num_gpus else {}),
        "max_restarts": RESTARTS,
        # while it is not yet known that a machine is lost, each attempt to reach it counts as one
        "max_task_retries": -1,
        "scheduling_strategy": "SPREAD",
    }


class _own_context:  # noqa: N801 - a context manager, used as a function is
    """Ray Data's settings for a scan, and the caller's own again after it."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray

    def __enter__(self) -> None:
        self._before = self._ray.data.DataContext.get_current()
        context = self._before.copy()
        # each table that is made is sent at once: units and results are few and small, and somebody waits for them
        context.target_max_block_size = 1
        context.target_min_block_size = 1
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        context.wait_for_min_actors_s = 0
        self._ray.data.DataContext._set_current(context)

    def __exit__(self, *_: object) -> None:
        self._ray.data.DataContext._set_current(self._before)


class Ledger:
    """What was sent out and what came back: each chunk counts once, a source ends after its last result, and a unit
    that never came back is no clean scan."""

    def __init__(
        self, on_block: Callable[[BlockResult], None], on_source: Callable[[Source, str, Skip | None], None]
    ) -> None:
        self._on_block = on_block
        self._on_source = on_source
        self._open: dict[int, str] = {}
        self._seen: dict[tuple[int, int], int] = {}
        self._parts: dict[int, int] = {}
        self._ends: dict[int, tuple[int, SourceEnd]] = {}

    def expect(self, units: Sequence[Whole | Large]) -> None:
        """These were sent out."""
        for unit in units:
            self._open[unit.number] = (unit.source if isinstance(unit, Large) else unit.sources[0]).name

    def add(self, chunk: Chunk) -> None:
        """Take a chunk; one that was seen before, because its unit was tried again, is dropped."""
        if chunk.position < self._seen.get(chunk.unit, 0):
            return
        self._seen[chunk.unit] = chunk.position + 1
        for result in chunk.results:
            self._on_block(result)
        number, part = chunk.unit
        if chunk.parts is not None:
            self._ends[number] = (chunk.parts, chunk.ends[0])
        else:
            for end in chunk.ends:
                self._end(end)
        if part >= 0:
            self._parts[number] = self._parts.get(number, 0) + 1
        if number in self._ends and self._parts.get(number, 0) == self._ends[number][0]:
            self._end(self._ends.pop(number)[1])
            del self._open[number]
        elif chunk.is_last and part < 0 and chunk.parts is None:
            del self._open[number]

    def _end(self, end: SourceEnd) -> None:
        if end.missing_on and os.path.exists(end.source.location):  # noqa: PTH110
            raise InputError(
                f"the node {end.missing_on} has no {end.source.name}: the workers of a cluster read for themselves. "
                "Put the training set on storage that all nodes have at the same path, or name it by a URL (s3://…)"
            )
        self._on_source(end.source, end.digest, end.skip)

    def check(self) -> None:
        """Raise IncompleteAuditError if anything is missing."""
        if self._open:
            raise IncompleteAuditError(
                f"{len(self._open)} units of work never came back, such as that of {next(iter(self._open.values()))}; "
                "what came back is kept: go on with --resume"
            )


def _reachable(source: Source) -> Source:
    """A source as another process finds it. Raises InputError for a pipe."""
    if source.is_remote:
        return source
    if source.size is None:
        raise InputError(f"{source.name} is a pipe, which only this process can read: use --engine local")
    return replace(source, location=os.path.abspath(source.location))  # noqa: PTH100 - bytes that are no UTF-8 stay


def explained(error: BaseException) -> BaseException:
    """An error of Ray as one of ours: the one that a worker raised if that is one; else what became of the worker.

    What a worker raised that nobody foresaw is given back as it is.
    """
    chain = list(_causes(error))
    # Ray makes an exception that is of the worker's class and its own at once; the worker's is the last of the chain
    ours = next((cause for cause in reversed(chain) if isinstance(cause, AuditorError)), None)
    if ours is not None:
        return ours
    if any(isinstance(cause, MemoryError) or type(cause).__name__ == "OutOfMemoryError" for cause in chain):
        what = "a worker ran out of memory: start fewer of them (--workers), or give the nodes more memory"
    elif any(
        type(cause).__name__ == "RayTaskError" or not type(cause).__module__.startswith("ray.") for cause in chain
    ):
        return error
    else:
        what = (
            f"a worker was lost more than {RESTARTS} times: its machine may be out of memory, which kills processes "
            "without a word (start fewer, with --workers), or broken; look at the logs of the cluster"
        )
    said = " ".join(str(error).split())
    return IncompleteAuditError(f"{what}. What was scanned is kept: go on with --resume. Ray says: {said[:300]}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what it was raised from, and so on."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = getattr(error, "cause", None) or error.__cause__
