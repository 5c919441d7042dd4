"""Run a command as a user would, and say what it cost and on which machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.places import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

AUDITOR = [sys.executable, "-m", "auditor"]


@dataclass(frozen=True, slots=True)
class Run:
    """What one process cost, from its start to its end, with the children it waited for."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of user and system time, over all cores."""
    peak: float
    """MB (10^6 bytes) of resident memory at its highest."""


def run(
    command: Sequence[str], *, log: Path, allowed: Sequence[int] = (0,), env: Mapping[str, str] | None = None
) -> Run:
    """Run `command` in the clone with its output in `log`; leave with the log's end where its exit code is not allowed.

    Costs are the kernel's own account of the child (wait4), which no polling can miss.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        started = time.monotonic()
        child = subprocess.Popen(
            list(command), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
        )  # fmt: skip
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - started
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in allowed:
        tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
        sys.exit(f"error: exit code {child.returncode} of: {' '.join(command)}\n{tail}")
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in KiB on Linux
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6)


def scan(
    train: Path,
    benchmarks: Sequence[str],
    out: Path,
    *,
    more: Sequence[str] = (),
    cache: Path | None = None,
    detectors: Sequence[str] = ("ngram",),
) -> Run:
    """`auditor scan`, with the ngram detector unless others are named. Exit codes 0 (clean) and 1 (findings) both
    mean a complete audit."""
    command = [*AUDITOR, "scan", str(train), "-o", str(out), "--quiet", *more]
    for detector in detectors:
        command += ["-d", detector]
    for benchmark in benchmarks:
        command += ["-b", benchmark]
    return run(command, log=out.with_name(out.name + ".log"), allowed=(0, 1),
               env={"AUDITOR_CACHE": str(cache)} if cache else None)  # fmt: skip


def cores_free() -> float:
    """How much faster two busy processes are together than one after the other: 2 where two cores are free, 1 where one
    is. What no tool can do better than at this moment."""
    busy = "x = 0\nwhile x < 10_000_000: x += 1"

    def seconds(processes: int) -> float:
        started = time.monotonic()
        children = [subprocess.Popen([sys.executable, "-S", "-c", busy]) for _ in range(processes)]
        for child in children:
            child.wait()
        return time.monotonic() - started

    return round(2 * seconds(1) / seconds(2), 2)


def machine() -> dict[str, Any]:
    """The machine, its load at this moment, and the versions that were measured."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    packages = ("numba", "numpy", "orjson", "pyarrow", "rapidfuzz", "scipy")
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "load_at_start": [round(load, 2) for load in os.getloadavg()],
        "auditor_commit": commit.stdout.strip() or "unknown",
        "packages": {name: version(name) for name in packages},
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    facts = {name.strip(): value.strip() for name, value in facts.items()}
    name = facts.get("model name", "unknown")
    # virtual machines give no number in the name: family and model say which it is
    return f"{name} (family {facts.get('cpu family', '?')}, model {facts.get('model', '?')})"
