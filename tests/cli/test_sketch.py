"""`auditor sketch`, and `auditor scan` of what it writes, from the command line."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result
from made import documents, inside, make_items, whole, write_benchmark, write_lines

from auditor.cli import cli, main

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = make_items(40)
HOSTS = documents(80)


@pytest.fixture
def train(tmp_path: Path) -> str:
    texts = [inside(whole(item), HOSTS[n]) for n, item in enumerate(ITEMS[:20])] + HOSTS[20:]
    return str(write_lines(tmp_path / "data.jsonl", [{"text": t} for t in texts]))


@pytest.fixture
def benchmark(tmp_path: Path) -> str:
    return f"bench={write_benchmark(tmp_path / 'bench.jsonl', ITEMS)}"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments], standalone_mode=False)


def error_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["auditor", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0), capsys.readouterr().err


def test_a_sketch_is_made_and_scanned(tmp_path: Path, train: str, benchmark: str) -> None:
    sketch, out = tmp_path / "s.sketch", tmp_path / "out"
    made = run("sketch", train, "-o", sketch, "--fraction", "1/4")
    assert made.return_value == 0
    assert "80 records of 1 sources" in made.output
    assert "whoever has the file can test texts against it" in made.output
    scanned = run("scan", sketch, "-b", benchmark, "-o", out)
    assert scanned.return_value == 1
    assert "an estimated" in scanned.output
    assert "items can be judged by this sketch" in scanned.output
    assert {p.name for p in out.iterdir()} == {"matches.jsonl", "findings.json", "summary.json", "report.md"}
    summary = json.loads((out / "summary.json").read_text())
    assert summary["records_read"] == 80
    assert run("scan", sketch, "-b", benchmark, "-o", out, "--fail-on", "never", "--quiet").return_value == 0


def test_an_incomplete_sketch_ends_with_3(tmp_path: Path, benchmark: str) -> None:
    data = write_lines(tmp_path / "data.jsonl", [{"text": t} for t in HOSTS])
    with data.open("ab") as file:
        file.write(b"{broken\n")
    sketch = tmp_path / "s.sketch"
    made = run("sketch", data, "-o", sketch)
    assert made.return_value == 3
    assert "skipped: 1 × invalid_json" in made.stderr
    assert run("scan", sketch, "-b", benchmark, "-o", tmp_path / "out").return_value == 3
    assert run("scan", sketch, "-b", benchmark, "-o", tmp_path / "out", "--max-skipped", "0.5").return_value == 0


def test_keys_of_benchmarks_and_of_secrets(
    tmp_path: Path, train: str, benchmark: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key").write_bytes(bytes(range(32)))
    by_benchmark, by_secret = tmp_path / "b.sketch", tmp_path / "k.sketch"
    assert "keyed (benchmark)" in run("sketch", train, "-o", by_benchmark, "-b", benchmark).output
    assert "keyed (secret)" in run("sketch", train, "-o", by_secret, "--key", tmp_path / "key").output
    assert run("scan", by_benchmark, "-b", benchmark, "-o", tmp_path / "o").return_value == 1
    assert run("scan", by_secret, "-b", benchmark, "-o", tmp_path / "o", "--key", tmp_path / "key").return_value == 1
    other = f"other={write_benchmark(tmp_path / 'other.jsonl', ITEMS[1:])}"
    code, message = error_of(monkeypatch, capsys, "scan", by_benchmark, "-b", other, "-o", tmp_path / "o")
    assert code == 2
    assert "keyed with benchmarks: name the same ones" in message
    assert run("sketch", train, "--verify", by_benchmark, "-b", benchmark).return_value == 0


def test_verify_challenge_prove_check(tmp_path: Path, train: str) -> None:
    sketch, proof = tmp_path / "s.sketch", tmp_path / "proof.json"
    run("sketch", train, "-o", sketch)
    assert "is the sketch of this data: 80 records" in run("sketch", train, "--verify", sketch).output
    drawn = run("sketch", sketch, "--challenge", "my words", "--rows", 3)
    asked = drawn.stdout.split()
    assert asked[::2] == ["--record"] * 3
    assert "data.jsonl, block 0" in drawn.stderr
    assert run("sketch", train, "--prove", sketch, *asked, "-o", proof).return_value == 0
    checked = run("sketch", sketch, "--check", proof, *asked)
    assert checked.return_value == 0
    assert "3 records are in the data" in checked.output
    assert (
        run(
            "sketch", sketch, "--check", proof, "--record", 79, "--record", 78, "--record", 77, "--record", 76
        ).return_value
        == 1
    )
    with open(train, "a", encoding="utf-8") as file:  # noqa: PTH123
        file.write(json.dumps({"text": HOSTS[0] + " and more words that were not there"}) + "\n")
    changed = run("sketch", train, "--verify", sketch)
    assert changed.return_value == 1
    assert "data.jsonl holds other records than the sketch says" in changed.output


def test_sketches_are_merged(tmp_path: Path, train: str) -> None:
    other = write_lines(tmp_path / "other.jsonl", [{"text": t} for t in documents(9, seed=8)])
    run("sketch", train, "-o", tmp_path / "a.sketch")
    run("sketch", other, "-o", tmp_path / "b.sketch")
    merged = run("sketch", tmp_path / "a.sketch", tmp_path / "b.sketch", "-o", tmp_path / "c.sketch")
    assert "89 records of 2 sources" in merged.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sketch"], "name what to sketch"),
        (["sketch", "DATA"], "name the file to write"),
        (["sketch", "DATA", "-o", "x.sketch", "--fraction", "7"], "at most 1"),
        (["sketch", "DATA", "-o", "x.sketch", "-b", "x", "--key", "y"], "do not go together"),
        (["sketch", "DATA", "--verify", "SKETCH", "--check", "x"], "do not go together"),
        (["sketch", "DATA", "SKETCH", "-o", "x.sketch"], "mixes sketches with data"),
        (["sketch", "SKETCH", "SKETCH", "--challenge", "x"], "takes one sketch"),
        (["sketch", "DATA", "--challenge", "x"], "is no sketch"),
        (["sketch", "DATA", "--prove", "SKETCH"], "needs the records to prove"),
        (["scan", "SKETCH", "DATA", "-b", "BENCH"], "scan data and sketches one by one"),
        (["sketch", "SKETCH", "-o", "/nowhere/x.sketch"], "/nowhere"),
    ],
)
def test_wrong_calls_end_with_2_and_say_why(
    tmp_path: Path, train: str, benchmark: str, arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    run("sketch", train, "-o", "s.sketch")
    names = {"DATA": train, "SKETCH": "s.sketch", "BENCH": benchmark}
    code, said = error_of(monkeypatch, capsys, *(names.get(a, a) for a in arguments))
    assert code == 2
    assert message in said
