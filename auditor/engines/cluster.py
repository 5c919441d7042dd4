"""A Ray cluster: reach one, or start one on this machine; whether its nodes can do the work, and how much they have."""

from __future__ import annotations

import logging
import os
import socket
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.engines.local import default_workers
from auditor.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONNECT_SECONDS = 5.0
"""A machine that has not taken a connection by then is not there."""
SETTINGS = b"\0\0\0\4" + bytes(5)
"""An HTTP/2 frame of settings, without any: length, type 4, flags, stream (RFC 9113, 6.5)."""
ANSWER_SECONDS, ATTEMPTS = 10, 1
"""What Ray then waits for its own protocol's first answer (several times in an attempt), and how often it attempts: by
default it gives up after ten minutes."""
PROBE_SECONDS = 60.0
"""A node that cannot start one process and import this package in a minute is of no use."""
ACTOR_CPUS = 0.5
"""An actor books half of the core that it uses, so that those of a node that is lost find room on the others."""
GPU_SHARE = 0.25
"""Of a GPU, for an actor whose detector uses one: embeddings are computed for what a cheap filter lets through, and
four actors' share of that keeps a GPU busy."""
GPU_DETECTORS = frozenset({"rephrase"})
"""Detectors that are faster with a GPU."""


@dataclass(frozen=True, slots=True)
class ActorPlan:
    """How many actors scan, and what each of them books."""

    actors: int
    num_cpus: float
    num_gpus: float


def plan_actors(detectors: tuple[str, ...], resources: Mapping[str, float], workers: int | None) -> ActorPlan:
    """One actor for each core of the cluster, or `workers`; with a share of a GPU where that helps and is there.

    Args:
        detectors: names of the detectors that run.
        resources: what the cluster has, as `ray.cluster_resources()` gives it: `CPU`, `GPU`.
        workers: how many actors were asked for; never more are started than there is room for.

    Raises InputError where the cluster has no cores.
    """
    cores = int(resources.get("CPU", 0))
    if cores < 1:
        raise InputError("the Ray cluster has no cores to scan with; add a node to it (ray start --address …)")
    actors = min(workers or cores, cores)
    gpus = resources.get("GPU", 0.0)
    if not gpus or not GPU_DETECTORS.intersection(detectors):
        return ActorPlan(actors, ACTOR_CPUS, 0.0)
    return ActorPlan(min(actors, max(1, int(gpus / GPU_SHARE))), ACTOR_CPUS, GPU_SHARE)


def import_ray() -> Any:
    """Ray, without its reports to its makers and with little to say. Raises MissingExtraError."""
    for name, value in {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_BACKEND_LOG_LEVEL": "fatal",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_py_gcs_connect_timeout_s": str(ANSWER_SECONDS),
        "RAY_gcs_rpc_server_connect_timeout_s": str(ANSWER_SECONDS),
    }.items():
        os.environ.setdefault(name, value)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import ray
            import ray.data
    except ImportError as error:
        raise MissingExtraError("--engine ray", "ray") from error
    for handler in logging.getLogger("ray.data").handlers:
        if type(handler).__name__ == "PlainRayHandler":  # the one that writes to the terminal
            handler.setLevel(logging.CRITICAL + 1)
    return ray


@contextmanager
def cluster(address: str | None, workers: int | None) -> Iterator[Any]:
    """The `ray` module, connected: to `address` ("HOST:PORT", or "auto" for a cluster that runs on this machine), to
    what this process is connected to already, or to a cluster of this machine alone, which ends with the scan.

    Raises:
        MissingExtraError: Ray is not installed.
        InputError: nobody answers at the address, or what answers is no Ray cluster of this version.
    """
    ray = import_ray()
    address = address or os.environ.get("RAY_ADDRESS") or None
    if ray.is_initialized():
        yield ray
        return
    try:
        _connect(ray, address, workers)
        yield ray
    finally:
        ray.shutdown()


def _connect(ray: Any, address: str | None, workers: int | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    with warnings.catch_warnings(), _silent_stderr():
        warnings.simplefilter("ignore")
        if address is None or address == "local":
            # the processes that it starts inherit this: what a test run makes of warnings is not for them
            with _environment("PYTHONWARNINGS", None):
                ray.init("local", num_cpus=workers or default_workers(), include_dashboard=False, **quiet)
            return
        if address != "auto":
            _knock(address)
        try:
            with _environment("RAY_gcs_server_port_wait_time_s", str(ATTEMPTS)):
                ray.init(address, **quiet)
        except Exception as error:  # Ray raises what it likes
            said = " ".join(str(error).split())[:300]
            raise InputError(
                f"cannot join a Ray cluster at {address}: {said}. Is it `ray start --head` that listens there, and the "
                f"same version of Ray ({ray.__version__})?"
            ) from error


@contextmanager
def _environment(name: str, value: str | None) -> Iterator[None]:
    """A variable of the environment for a while; None to leave it out."""
    before = os.environ.pop(name, None)
    if value is not None:
        os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Nothing on standard error: Ray's native part writes there that it was told to write nothing there."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nothing:  # noqa: PTH123 - a device
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _knock(address: str) -> None:
    """Raise InputError unless somebody takes a connection there: Ray itself would try for minutes."""
    if "://" in address:
        raise InputError(
            f"{address} is an address of Ray's client, which Ray Data does not run over: give HOST:PORT of the head "
            "node (its port is 6379 unless changed), or run the command there (ray job submit)"
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise InputError(f"{address!r} is no address of a Ray cluster: give HOST:PORT, or auto")
    try:
        with socket.create_connection((host, int(port)), CONNECT_SECONDS) as connection:
            answer = _greeting(connection) if os.environ.get("RAY_USE_TLS") != "1" else SETTINGS
    except (OSError, OverflowError) as error:
        raise InputError(
            f"nobody answers at {address}: {error}. Start the cluster there (ray start --head), check the port and the "
            "firewall, or leave --address out to scan on this machine"
        ) from error
    if answer[3:4] != SETTINGS[3:4]:
        raise InputError(
            f"what answers at {address} is no Ray cluster: give the port of the head node (`ray start --head` names "
            "it; 6379 unless changed)"
        )


def _greeting(connection: socket.socket) -> bytes:
    """The first bytes that a server of gRPC, which Ray speaks, sends by itself: an HTTP/2 frame of settings."""
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SETTINGS)
    answer = b""
    while len(answer) < len(SETTINGS) and (more := connection.recv(len(SETTINGS) - len(answer))):
        answer += more
    return answer


def check_nodes(ray: Any, here: Mapping[str, str]) -> None:
    """Ask every node what software it has. Raises InputError for one that has other versions, or none.

    One that is lost meanwhile is none of them: the scan does without it, as it does when that comes later.
    """
    from auditor.engines.ray_worker import check_software

    def probe() -> tuple[dict[str, str], str]:
        # travels as a value: it must run where this package is another one, or is not there
        try:
            from auditor.engines.ray_worker import software

            return software(), ""
        except ImportError:
            pass
        try:
            import auditor

            return {"auditor": auditor.__version__}, ""
        except ImportError as error:
            return {}, str(error)

    remote = ray.remote(num_cpus=0, max_retries=1)(probe)
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    strategy = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
    asked = {remote.options(scheduling_strategy=strategy(node["NodeID"], soft=False)).remote(): node for node in nodes}
    answered, silent = ray.wait(list(asked), num_returns=len(asked), timeout=PROBE_SECONDS)
    for reference in [*answered, *silent]:
        name = f"{asked[reference]['NodeManagerHostname']} ({asked[reference]['NodeManagerAddress']})"
        if reference in silent:
            if not _is_alive(ray, asked[reference]):
                continue
            raise InputError(
                f"the node {name} did not start a worker within {PROBE_SECONDS:.0f} seconds; look at its logs"
            )
        try:
            there, error = ray.get(reference)
        except ray.exceptions.RayError as lost:
            if isinstance(lost, ray.exceptions.TaskUnschedulableError) or not _is_alive(ray, asked[reference]):
                continue
            raise InputError(f"the node {name} cannot run a worker: {' '.join(str(lost).split())[:300]}") from lost
        if error:
            raise InputError(
                f"the node {name} has no auditor ({error}); install there: "
                f"pip install 'auditor[ray]=={here['auditor']}'"
            )
        check_software(there, here, name)


def _is_alive(ray: Any, node: Mapping[str, Any]) -> bool:
    return any(one["NodeID"] == node["NodeID"] and one["Alive"] for one in ray.nodes())
