"""A scan that was killed or interrupted goes on where it stopped, and gives what an undisturbed one gives."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from command import argv, auditor, environment, outputs, summary_of
from made import documents, inside, make_items, whole, write_benchmark, write_lines

from auditor.errors import InputError, OutputError
from auditor.journal import DIRECTORY, Journal, SourceEnd
from auditor.output import DirectoryLock
from auditor.scanner import BlockResult
from auditor.types import Skip

if TYPE_CHECKING:
    from pathlib import Path

FILES = 400


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Many files, so that there is a middle to be killed in."""
    folder = tmp_path_factory.mktemp("resume")
    items = make_items()
    texts = documents(40)
    write_benchmark(folder / "bench.jsonl", items)
    for number in range(FILES):
        rows = [{"text": texts[(number + n) % 40]} for n in range(12)]
        if number % 7 == 0:
            rows[3] = {"text": inside(whole(items[number % 40]), texts[0])}
        if number % 50 == 0:
            rows[5] = {"nothing": 1}  # type: ignore[dict-item]
        write_lines(folder / "train" / f"{number:04d}.jsonl", rows)
    done = auditor(*scan(folder, "whole"))
    assert done.returncode == 1, done.stderr
    return folder


def scan(corpus: Path, out: str, *more: object) -> list[object]:
    return ["scan", corpus / "train", "-b", corpus / "bench.jsonl", "-o", corpus / out, "--workers", 1, *more]


def stopped(corpus: Path, out: str, how: signal.Signals) -> subprocess.Popen[str]:
    """A scan that was stopped in the middle."""
    process = subprocess.Popen(
        argv(*scan(corpus, out)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )
    journal = corpus / out / DIRECTORY / "blocks.jsonl"
    until = time.monotonic() + 60
    while not (journal.exists() and journal.stat().st_size > 2500):
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < until
        time.sleep(0.001)
    process.send_signal(how)
    process.communicate(timeout=60)
    return process


def test_killed_and_resumed(corpus: Path) -> None:
    process = stopped(corpus, "killed", signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (corpus / "killed" / "summary.json").exists()
    done = auditor(*scan(corpus, "killed", "--resume"))
    assert done.returncode == 1, done.stderr
    assert outputs(corpus / "killed") == outputs(corpus / "whole")
    assert not (corpus / "killed" / DIRECTORY).exists()


def test_interrupted_and_resumed(corpus: Path) -> None:
    process = stopped(corpus, "interrupted", signal.SIGINT)
    assert process.returncode == 3
    summary = summary_of(corpus / "interrupted")
    assert summary["interrupted"]
    assert not summary["complete"]
    assert 0 < summary["records_read"] < 12 * FILES
    assert "ncomplete" in (corpus / "interrupted" / "report.md").read_text()
    done = auditor(*scan(corpus, "interrupted", "--resume"))
    assert done.returncode == 1
    assert outputs(corpus / "interrupted") == outputs(corpus / "whole")


def test_another_run_is_refused(corpus: Path) -> None:
    stopped(corpus, "other", signal.SIGKILL)
    done = auditor(*scan(corpus, "other", "--resume", "--set", "min_run=4"))
    assert done.returncode == 2
    assert "is another one (different: config): give the same arguments, or scan again without --resume" in done.stderr
    (corpus / "other" / DIRECTORY / "header.json").write_text("{")
    done = auditor(*scan(corpus, "other", "--resume"))
    assert done.returncode == 2
    assert "scan again without --resume" in done.stderr
    assert auditor(*scan(corpus, "other")).returncode == 1
    assert outputs(corpus / "other") == outputs(corpus / "whole")


def test_a_last_line_that_was_cut_off_is_scanned_again(corpus: Path) -> None:
    stopped(corpus, "cut", signal.SIGKILL)
    journal = corpus / "cut" / DIRECTORY / "blocks.jsonl"
    journal.write_bytes(journal.read_bytes().rstrip(b"\n")[:-40])
    assert auditor(*scan(corpus, "cut", "--resume")).returncode == 1
    assert outputs(corpus / "cut") == outputs(corpus / "whole")


def test_to_resume_what_was_never_begun_is_to_begin(corpus: Path) -> None:
    assert auditor(*scan(corpus, "never", "--resume")).returncode == 1
    assert outputs(corpus / "never") == outputs(corpus / "whole")


def result(index: int, **changes: Any) -> BlockResult:
    skips = (Skip("s", "invalid_json", 3, "near byte 7"),)
    found = {"bench": 1}
    return replace(BlockResult("s", index, 10, {"invalid_json": 1}, 2, 999, (), skips, found), **changes)


def begun(out: Path, *, resume: bool, run: int = 1) -> Journal:
    return Journal(DirectoryLock(out), {"run": run}, resume=resume)


ENTRIES = [result(0), result(1), SourceEnd("s", "ab" * 16), result(2, source="t")]


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """The lines of a journal that was left behind."""
    journal = begun(tmp_path, resume=False)
    for entry in ENTRIES:
        journal.add(entry)
    journal.keep()
    journal.keep()
    return tmp_path / DIRECTORY / "blocks.jsonl"


def test_what_was_written_is_given_back(lines: Path, tmp_path: Path) -> None:
    again = begun(tmp_path, resume=True)
    assert list(again.recall()) == ENTRIES
    again.add(result(3))
    again.keep()
    again.add(result(4))  # a worker that comes too late
    last = begun(tmp_path, resume=True)
    assert list(last.recall()) == [*ENTRIES, result(3)]
    last.remove()
    assert list(tmp_path.iterdir()) == []


def test_cut_at_any_byte(lines: Path, tmp_path: Path) -> None:
    """Whole lines are kept, what follows them is dropped, and what is added then stands behind them."""
    whole = lines.read_bytes()
    ends = [position + 1 for position, byte in enumerate(whole) if byte == 10]
    for cut in range(0, len(whole), 7):
        lines.write_bytes(whole[:cut])
        journal = begun(tmp_path, resume=True)
        kept = sum(end <= cut for end in ends)
        assert list(journal.recall()) == ENTRIES[:kept]
        journal.add(result(9))
        journal.keep()
        again = begun(tmp_path, resume=True)
        assert list(again.recall()) == [*ENTRIES[:kept], result(9)]
        again.keep()


def test_a_damaged_line_costs_what_follows_it(lines: Path, tmp_path: Path) -> None:
    """After a loss of power, a page of the file may hold zeros, or another text of the same length."""
    whole = lines.read_bytes().splitlines(keepends=True)
    for damaged in (bytes(len(whole[1])), whole[1].replace(b"999", b"998"), b"\n", whole[1][17:], b"{}\n"):
        lines.write_bytes(b"".join([whole[0], damaged, *whole[2:]]))
        journal = begun(tmp_path, resume=True)
        assert list(journal.recall()) == ENTRIES[:1]
        journal.keep()
        assert lines.read_bytes() == whole[0]


def test_without_a_header_nothing_was_begun(lines: Path, tmp_path: Path) -> None:
    (tmp_path / DIRECTORY / "header.json").unlink()
    journal = begun(tmp_path, resume=True, run=2)
    assert list(journal.recall()) == []
    journal.keep()


@pytest.mark.parametrize("header", [{"journal_version": 0, "run": 1}, {"run": 1}, []])
def test_what_another_version_wrote_is_refused(lines: Path, tmp_path: Path, header: object) -> None:
    (tmp_path / DIRECTORY / "header.json").write_bytes(orjson.dumps(header))
    with pytest.raises(InputError, match=r"different: .*journal_version|cannot be read"):
        begun(tmp_path, resume=True)
    assert lines.exists()
    begun(tmp_path, resume=False).keep()  # the lock was given back, and a new run begins


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        DirectoryLock(tmp_path / "file")
    (tmp_path / DIRECTORY).write_text("")
    with pytest.raises(OutputError, match="cannot write to"):
        begun(tmp_path, resume=False)
