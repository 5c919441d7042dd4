"""Reaching a cluster: what is wrong with an address shows at once; and what each actor books."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from auditor.engines.cluster import ACTOR_CPUS, GPU_SHARE, ActorPlan, cluster, plan_actors
from auditor.engines.ray_worker import check_software, software
from auditor.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("ray", reason="Ray is not installed: pip install 'auditor[ray]'")


def refused(address: str) -> str:
    began = time.monotonic()
    with pytest.raises(InputError) as caught, cluster(address, None):
        pass
    assert time.monotonic() - began < 60
    return str(caught.value)


@contextmanager
def server(answer: bytes | None) -> Iterator[str]:
    """Takes connections and says one thing, or nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        kept: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                kept.append(connection)
                if answer is not None:
                    connection.sendall(answer)
                    connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in kept:
            connection.close()


def test_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert f"nobody answers at 127.0.0.1:{port}" in refused(f"127.0.0.1:{port}")
    assert "nobody answers at no-such-host.invalid:6379" in refused("no-such-host.invalid:6379")
    assert "nobody answers at 127.0.0.1:99999" in refused("127.0.0.1:99999")


def test_somebody_who_says_nothing() -> None:
    with server(None) as address:
        assert f"nobody answers at {address}: timed out" in refused(address)


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_somebody_else(answer: bytes) -> None:
    with server(answer) as address:
        said = refused(address)
    # one who hangs up before he was spoken to may be met as a connection that broke
    assert "is no Ray cluster" in said or "nobody answers" in said


@pytest.mark.parametrize("address", ["nonsense", "host:", ":6379", "host:port"])
def test_what_is_no_address(address: str) -> None:
    assert f"{address!r} is no address of a Ray cluster: give HOST:PORT, or auto" in refused(address)


def test_rays_client() -> None:
    assert "is an address of Ray's client, which Ray Data does not run over" in refused("ray://head:10001")


@pytest.mark.parametrize(
    ("detectors", "resources", "workers", "expected"),
    [
        (("ngram",), {"CPU": 8.0}, None, (8, 0.0)),
        (("ngram",), {"CPU": 8.0}, 3, (3, 0.0)),
        (("ngram",), {"CPU": 8.0}, 100, (8, 0.0)),
        (("ngram",), {"CPU": 8.0, "GPU": 1.0}, None, (8, 0.0)),
        (("ngram", "rephrase"), {"CPU": 8.0}, None, (8, 0.0)),
        (("ngram", "rephrase"), {"CPU": 8.0, "GPU": 1.0}, None, (4, GPU_SHARE)),
        (("ngram", "rephrase"), {"CPU": 64.0, "GPU": 8.0}, None, (32, GPU_SHARE)),
        (("rephrase",), {"CPU": 2.0, "GPU": 8.0}, None, (2, GPU_SHARE)),
    ],
)
def test_actors(
    detectors: tuple[str, ...], resources: dict[str, float], workers: int | None, expected: tuple[int, float]
) -> None:
    actors, gpus = expected
    assert plan_actors(detectors, resources, workers) == ActorPlan(actors, ACTOR_CPUS, gpus)


def test_a_cluster_without_cores() -> None:
    with pytest.raises(InputError, match="has no cores to scan with; add a node"):
        plan_actors(("ngram",), {"GPU": 4.0}, None)


def test_every_machine_must_have_the_same_software() -> None:
    here = software()
    check_software(here, here, "node-1")
    with pytest.raises(
        InputError, match=r"the node node-1 has other versions .*: auditor 0\.0\.1 instead of .*pip inst"
    ):
        check_software({**here, "auditor": "0.0.1"}, here, "node-1")
    with pytest.raises(InputError, match="index none instead of"):
        check_software({k: v for k, v in here.items() if k != "index"}, here, "node-1")
