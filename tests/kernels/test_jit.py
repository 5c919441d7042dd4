"""Kernels compile where their machine code cannot be kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
import numpy as np
from auditor.kernels.jit import kernel

@kernel
def doubled(values):
    return values * 2

print(doubled(np.arange(3)).tolist())
"""


def compile_with(cache: Path, limit: int) -> subprocess.CompletedProcess[str]:
    program = cache.parent / "program.py"
    program.write_text(PROGRAM)
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("AUDITOR_CACHE", None)
    return subprocess.run(
        [sys.executable, str(program), str(limit)], capture_output=True, text=True, check=False, env=environment
    )


def test_a_kernel_works_where_the_disk_is_full(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk."""
    done = compile_with(tmp_path / "cache", 100)
    assert (done.returncode, done.stdout) == (0, "[0, 2, 4]\n"), done.stderr
    assert [p for p in tmp_path.rglob("*.nbc") if p.stat().st_size > 100] == []


def test_machine_code_is_kept_where_there_is_room(tmp_path: Path) -> None:
    done = compile_with(tmp_path / "cache", 1 << 30)
    assert (done.returncode, done.stdout) == (0, "[0, 2, 4]\n"), done.stderr
    assert [p for p in tmp_path.rglob("*.nbc") if p.stat().st_size > 100]
