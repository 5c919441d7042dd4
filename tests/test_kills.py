"""A hundred kills at random points: a scan that is resumed after each gives what an undisturbed one gives."""

from __future__ import annotations

import json
import subprocess
import sys

from command import ROOT


def test_a_hundred_kills() -> None:
    words = [sys.executable, "-m", "benchmarks.kills", "--kills", "100", "--seed", "7"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    found = json.loads(done.stdout)
    assert found["different"] == []
    assert found["by_time"] + found["by_operation"] == 100
    assert found["by_operation"] > 20
    # some runs were killed again and again, others reached their end
    assert found["resumed_most"] >= 2
    assert found["runs"] >= 5
