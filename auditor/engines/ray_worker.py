"""What runs on the machines of a Ray cluster: the actor that scans, and how units and results are packed.

The index and its weights are put into Ray's object store once. Each machine holds one copy in shared memory, and all
actors on it read the same pages.
"""

from __future__ import annotations

import pickle
import platform
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from auditor.engines.planning import plan
from auditor.engines.unit_scan import scan_unit
from auditor.engines.units import Large
from auditor.errors import InputError
from auditor.index import INDEX_VERSION
from auditor.results import versions
from auditor.text import TEXT_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from auditor.engines.shared import Shared
    from auditor.engines.units import Chunk
    from auditor.sources import ReadOptions

UNIT, CHUNK = "unit", "chunk"
"""The one column of the tables that go to the actors, and of those that come back."""


def software() -> dict[str, str]:
    """What the results of a machine rest on: it must be the same on all of them, as one summary speaks for all."""
    return {**{k: v for k, v in versions().items() if k != "python"}, "index": f"{INDEX_VERSION}.{TEXT_VERSION}"}


def check_software(there: Mapping[str, str], here: Mapping[str, str], node: str) -> None:
    """Raise InputError where a machine (`there`) has other versions than the driver (`here`)."""
    different = [
        f"{name} {there.get(name, 'none')} instead of {version}"
        for name, version in here.items()
        if there.get(name) != version
    ]
    if different:
        raise InputError(
            f"the node {node} has other versions than this machine: {', '.join(different)}. Findings could differ from "
            f"node to node; install there: pip install 'auditor[ray]=={here['auditor']}'"
        )


class ScanActor:
    """Scans the units that it is given. One holds one core; its scanner lives as long as it does.

    Args:
        shared: reference to a `Shared` in the object store.
        digest: of what was put there.
        here: `software()` of the driver.
    """

    def __init__(self, shared: Any, digest: str, here: Mapping[str, str]) -> None:
        import ray

        self._node = platform.node()
        check_software(software(), here, self._node)
        given: Shared = ray.get(shared)
        if given.digest() != digest:
            raise InputError(f"the index on the node {self._node} is not the one that the scan began with; scan again")
        self._scanner = given.scanner()
        self._options = given.options

    def __call__(self, batch: pa.Table) -> Iterator[pa.Table]:
        """Scan units, given as a table with the column `UNIT`; chunks of results as tables with the column `CHUNK`."""
        for unit in unpack(batch):
            for chunk in scan_unit(unit, self._scanner, self._options, node=self._node):
                yield pack(CHUNK, chunk)


def plan_batch(batch: pa.Table, options: ReadOptions) -> Iterator[pa.Table]:
    """Units as they come, and the parts of those that are large, one in each table."""
    for unit in unpack(batch):
        for part in plan(unit, options) if isinstance(unit, Large) else (unit,):
            yield pack(UNIT, part)


def pack(column: str, value: object) -> pa.Table:
    """A table of one row. Ray carries Python objects between its processes as pickles, and so does this."""
    return pa.table({column: pa.array([pickle.dumps(value, protocol=5)], pa.large_binary())})


def unpack(batch: pa.Table) -> Iterator[Any]:
    """The values of a table's only column."""
    for value in batch.column(0):
        yield pickle.loads(value.as_buffer())  # noqa: S301 - from our own processes


def chunks(batch: pa.Table) -> Iterator[Chunk]:
    """The chunks of results in a table."""
    yield from unpack(batch)
