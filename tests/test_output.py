"""The output directory: one run at a time in it, and results that are all there or not at all."""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from command import OUTPUTS, argv, auditor, environment, outputs, summary_of
from made import documents, inside, make_benchmark, make_items, whole, write_benchmark, write_lines

import auditor as package
from auditor.errors import OutputError
from auditor.learn import SAMPLED_SOURCES, spread
from auditor.output import CLAIM, LOCK, UNFINISHED, DirectoryLock, published

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A training set with matches in it, and its benchmark."""
    items = make_items()
    write_benchmark(tmp_path / "bench.jsonl", items)
    for number, text in enumerate(documents(30)):
        rows = [{"text": inside(whole(item), text)} for item in items[number % 5 : number % 5 + 3]]
        write_lines(tmp_path / "train" / f"{number:02d}.jsonl", rows)
    return tmp_path


def scan(folder: Path, out: str = "out", *more: object) -> list[object]:
    return ["scan", folder / "train", "-b", folder / "bench.jsonl", "-o", folder / out, "--workers", 1, *more]


@pytest.mark.parametrize("by_file_system", [True, False])
def test_one_at_a_time(tmp_path: Path, by_file_system: bool) -> None:
    lock = DirectoryLock(tmp_path / "new", by_file_system=by_file_system)
    with pytest.raises(OutputError, match=rf"another run is writing to .*new \(process {os.getpid()} on ") as caught:
        DirectoryLock(tmp_path / "new", by_file_system=by_file_system)
    assert "another directory with -o" in str(caught.value)
    lock.release()
    lock.release()
    again = DirectoryLock(tmp_path / "new", by_file_system=by_file_system)
    del again
    gc.collect()
    assert list((tmp_path / "new").iterdir()) == []
    DirectoryLock(tmp_path / "new", by_file_system=by_file_system).release()


def test_the_claim_of_a_process_that_is_gone_is_taken_over(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / CLAIM).write_text(f"{gone.pid} {socket.gethostname()}\n")
    DirectoryLock(tmp_path, by_file_system=False).release()
    for owner in (f"{gone.pid} elsewhere.example\n", "", "no number\n", "1 " + socket.gethostname()):
        (tmp_path / CLAIM).write_text(owner)
        with pytest.raises(OutputError, match=rf"if that process is gone, delete .*{CLAIM}"):
            DirectoryLock(tmp_path, by_file_system=False)


def test_two_runs_into_one_directory_cannot_mix(folder: Path) -> None:
    """The first is stopped while it holds the directory; the second is refused, and the first ends as if alone."""
    assert auditor(*scan(folder, "alone")).returncode == 1
    with DirectoryHeld(folder / "out"):
        for more in ((), ("--resume",)):
            refused = auditor(*scan(folder, "out", *more))
            assert refused.returncode == 2
            assert "another run is writing to" in refused.stderr
            assert f"process {os.getpid()} on {socket.gethostname()}" in refused.stderr
        assert [path.name for path in (folder / "out").iterdir()] == [LOCK]
    assert auditor(*scan(folder)).returncode == 1
    assert outputs(folder / "out") == outputs(folder / "alone")


class DirectoryHeld:
    """This process as another run."""

    def __init__(self, directory: Path) -> None:
        self._lock = DirectoryLock(directory)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_a_result_is_written_where_no_other_run_is(folder: Path) -> None:
    index = make_benchmark(make_items())
    result = package.scan(folder / "train", index, out=folder / "out")
    with pytest.raises(OutputError, match="another run"):
        package.scan(folder / "train", index, out=folder / "out")
    other = package.scan(folder / "train", index)
    with pytest.raises(OutputError, match="another run"):
        other.write(folder / "out")
    result.write(folder / "out")
    other.write(folder / "out")
    result.write(folder / "elsewhere")
    assert outputs(folder / "out") == outputs(folder / "elsewhere")
    assert sorted(path.name for path in (folder / "out").iterdir()) == sorted((*OUTPUTS, "summary.json"))


def test_files_take_their_names_together(tmp_path: Path) -> None:
    (tmp_path / "last").write_text("old")
    (tmp_path / "other").write_text("old")

    def fail() -> None:
        with published(tmp_path, last="last") as place:
            (place / "other").write_text("new")
            (place / "nowhere" / "last").write_text("new")

    with pytest.raises(OutputError, match=r"cannot write .*nowhere"):
        fail()
    assert [(p.name, p.read_text()) for p in sorted(tmp_path.iterdir())] == [("last", "old"), ("other", "old")]
    with published(tmp_path, last="last") as place:
        (place / "other").write_text("new")
        (place / "last").write_text("new")
        assert (tmp_path / "last").read_text() == "old"
    assert [(p.name, p.read_text()) for p in sorted(tmp_path.iterdir())] == [("last", "new"), ("other", "new")]


def test_what_stands_in_the_way_is_named_and_the_work_is_kept(folder: Path) -> None:
    assert auditor(*scan(folder, "alone")).returncode == 1
    (folder / "out" / "report.md").mkdir(parents=True)
    refused = auditor(*scan(folder))
    assert refused.returncode == 2
    assert "report.md" in refused.stderr
    assert "a directory of that name is in the way" in refused.stderr
    assert sorted(path.name for path in (folder / "out").iterdir()) == [UNFINISHED, "report.md"]
    (folder / "out" / "report.md").rmdir()
    # nothing is scanned again: of what is not learnt from, the content is gone
    files = sorted((folder / "train").iterdir())
    for path in set(files) - set(spread(files, SAMPLED_SOURCES)):
        status = path.stat()
        path.write_bytes(bytes(status.st_size))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert auditor(*scan(folder, "out", "--resume")).returncode == 1
    assert outputs(folder / "out") == outputs(folder / "alone")


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.argv = ["auditor", *sys.argv[2:]]
from auditor.cli import main
main()
"""


def test_a_disk_that_fills_while_it_scans(folder: Path) -> None:
    """A limit on the size of files stands for the disk: the journal stops in the middle of a line."""
    assert auditor(*scan(folder, "alone")).returncode == 1
    shutil.rmtree(folder / "out", ignore_errors=True)
    words = [sys.executable, "-c", LIMITED, "100000", *map(str, scan(folder))]
    full = subprocess.run(words, capture_output=True, text=True, check=False, env=environment())
    assert full.returncode == 2, full.stderr
    assert (
        f"cannot write to {folder / 'out' / UNFINISHED}: File too large. What was scanned so far is kept" in full.stderr
    )
    assert "--resume" in full.stderr
    assert not (folder / "out" / "summary.json").exists()
    journal = folder / "out" / UNFINISHED / "blocks.jsonl"
    assert journal.stat().st_size == 100_000
    assert not journal.read_bytes().endswith(b"\n")
    assert auditor(*scan(folder, "out", "--resume")).returncode == 1
    assert outputs(folder / "out") == outputs(folder / "alone")
    assert not (folder / "out" / UNFINISHED).exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written(folder: Path) -> None:
    (folder / "out").mkdir(mode=0o555)
    refused = auditor(*scan(folder))
    assert refused.returncode == 2
    assert "there is no permission to write there; give another directory with -o" in refused.stderr


def test_a_file_system_that_takes_no_files(folder: Path) -> None:
    refused = auditor("scan", folder / "train", "-b", folder / "bench.jsonl", "-o", "/proc/auditor-out")
    assert refused.returncode == 2
    assert "cannot write /proc/auditor-out" in refused.stderr


def test_a_lock_that_was_removed_while_it_was_waited_for(tmp_path: Path) -> None:
    """Whoever opened the file that another then removed must not think that it holds the directory."""
    handle = os.open(tmp_path / LOCK, os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(OutputError, match=r"another run is writing to [^(]*: wait"):
        DirectoryLock(tmp_path)
    (tmp_path / LOCK).unlink()
    lock = DirectoryLock(tmp_path)
    os.close(handle)
    with pytest.raises(OutputError, match="another run"):
        DirectoryLock(tmp_path)
    lock.release()


def test_an_interrupt_while_a_source_keeps_still(folder: Path) -> None:
    """A pipe that nothing comes through: the run ends all the same, with what was read until then."""
    pipe = folder / "pipe.jsonl"
    os.mkfifo(pipe)
    words = ["scan", folder / "train", pipe, "-b", folder / "bench.jsonl", "-o", folder / "out", "--workers", 2]
    process = subprocess.Popen(
        argv(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )
    writer = os.open(pipe, os.O_WRONLY)  # until the other end is opened
    journal = folder / "out" / UNFINISHED / "blocks.jsonl"
    until = time.monotonic() + 60
    while not journal.exists() or journal.read_bytes().count(b'"end":') < 30:
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    os.close(writer)
    assert process.returncode == 3, errors
    assert "Traceback" not in errors
    assert summary_of(folder / "out")["interrupted"]
    assert summary_of(folder / "out")["records_read"] == 90


@pytest.mark.parametrize("owner", ["1 another-machine\n", "not a number\n", "", "{pid} {host}\n"])
def test_a_claim_that_may_be_alive_is_respected(tmp_path: Path, owner: str) -> None:
    """Of another machine's process nobody here can tell; nor of a claim that says nothing."""
    owner = owner.format(pid=os.getpid(), host=socket.gethostname())
    (tmp_path / CLAIM).write_text(owner)
    with pytest.raises(OutputError, match=f"another run .*delete .*{CLAIM}"):
        DirectoryLock(tmp_path, by_file_system=False)
    assert (tmp_path / CLAIM).read_text() == owner


def test_a_lock_is_let_go_with_what_holds_it(tmp_path: Path) -> None:
    for by_file_system in (True, False):
        lock = DirectoryLock(tmp_path, by_file_system=by_file_system)
        del lock
        again = DirectoryLock(tmp_path, by_file_system=by_file_system)
        again.release()
        again.release()
        assert not list(tmp_path.iterdir())


def test_where_a_lock_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / LOCK).mkdir()
    with pytest.raises(OutputError, match="directory of that name"):
        DirectoryLock(tmp_path)


def test_results_that_cannot_be_staged_leave_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text("before")
    (tmp_path / UNFINISHED).write_text("a file is in the way")
    with pytest.raises(OutputError, match="cannot write"), published(tmp_path, last="summary.json") as staging:
        (staging / "summary.json").write_text("after")
    assert (tmp_path / "summary.json").read_text() == "before"
