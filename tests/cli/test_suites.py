"""`auditor suites`: what it prints, where, and how it ends."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

RUN = [sys.executable, "-W", "error", "-c", "from auditor.cli import main; main()", "suites"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "AUDITOR_"))}
    # for huggingface_hub's own lock files and logs, which are none of the user's
    return subprocess.run([*RUN, *arguments], capture_output=True, text=True, env=clean | environment, check=False)


def parquet(rows: list[dict[str, str]]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


@pytest.fixture
def gsm8k(hub):
    rows = [
        {"question": f"What do {n} apples and {n} pears make together, all in all?", "answer": f"#### {2 * n}"}
        for n in range(3)
    ]
    hub.add("openai/gsm8k", {"main/test-00000-of-00001.parquet": parquet(rows)})
    return hub


@pytest.mark.parametrize("command", [[], ["list"], ["show"], ["fetch"]])
def test_help_shows_an_example(command):
    got = run(*command, "--help")
    assert got.returncode == 0
    assert re.search(r"Examples?:\n +auditor suites ", got.stdout)


def test_the_list_is_plain_and_aligned_for_other_programs(tmp_path):
    got = run("list", "--kind", "math", AUDITOR_CACHE=str(tmp_path))
    lines = got.stdout.splitlines()
    assert lines[0].split() == ["name", "kind", "items", "chance", "licence", "cached", "on", "the", "hub"]
    (row,) = [line for line in lines if line.startswith("gsm8k ")]
    assert row.split() == ["gsm8k", "math", "1,319", "-", "MIT", "openai/gsm8k"]
    assert {line.split()[1] for line in lines[1:]} == {"math"}
    assert "\x1b" not in got.stdout
    assert len({line.index("/") - len(line.split()[-1].split("/")[0]) for line in lines[1:]}) == 1


def test_the_list_is_drawn_on_a_terminal(tmp_path):
    master, slave = pty.openpty()
    env = {**os.environ, "AUDITOR_CACHE": str(tmp_path), "TERM": "xterm", "COLUMNS": "140"}
    with subprocess.Popen([*RUN, "list", "--kind", "code"], stdout=slave, stderr=slave, env=env) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                read = os.read(master, 65536)
            except OSError:
                break
            if not read:
                break
            shown += read
    os.close(master)
    assert process.returncode == 0
    assert b"\x1b[1m" in shown
    assert b"humaneval-plus" in shown


def test_the_list_as_json(tmp_path):
    rows = json.loads(run("list", "--json", AUDITOR_CACHE=str(tmp_path)).stdout)
    assert len(rows) >= 100
    mmlu = next(row for row in rows if row["name"] == "mmlu")
    assert (mmlu["hub"], mmlu["items"], mmlu["chance"], mmlu["revision"]) == ("cais/mmlu", 14042, 0.25, "unpinned")
    assert (mmlu["cached"], mmlu["commit"]) == (False, None)


def test_an_unknown_kind(tmp_path):
    got = run("list", "--kind", "quiz")
    assert got.returncode == 2
    assert "the kinds are multiple-choice, generation" in got.stderr


def test_fetch_then_show_without_a_network(gsm8k, tmp_path):
    here = {"AUDITOR_CACHE": str(tmp_path), "HF_HOME": str(tmp_path / "hf")}
    before = run("show", "gsm8k", **here)
    assert "not in the cache; `auditor suites fetch gsm8k` gets it" in before.stdout
    got = run("fetch", "gsm8k", "--endpoint", gsm8k.endpoint, **here)
    assert (got.returncode, got.stderr) == (0, "")
    assert got.stdout.startswith(
        f"gsm8k: 1 files, {len(gsm8k.repositories['openai/gsm8k']['main'].popitem()[1]):,} bytes, commit "
    )
    shown = run("show", "gsm8k", "--json", HF_ENDPOINT="http://127.0.0.1:9", **here)
    facts = json.loads(shown.stdout)
    assert (facts["cached"], facts["items"], facts["items_read"]) == (True, 1319, 3)
    assert re.fullmatch("[0-9a-f]{40}", facts["commit"])
    assert facts["items_under_8_words"] == 0
    assert facts["warnings"] == ["3 items were read; the catalog says 1319"]
    plain = run("show", "gsm8k", **here).stdout
    # an excerpt, at most half of the item
    assert "What do 0 apples and 0 pear…" in plain
    assert "all in all" not in plain
    listed = run("list", **here).stdout
    assert re.search(r"^gsm8k .* yes +openai/gsm8k$", listed, re.MULTILINE)


def test_show_may_fetch(gsm8k, tmp_path):
    here = {"AUDITOR_CACHE": str(tmp_path), "HF_HOME": str(tmp_path / "hf"), "HF_ENDPOINT": gsm8k.endpoint}
    facts = json.loads(run("show", "gsm8k", "--fetch", "--json", **here).stdout)
    assert (facts["cached"], facts["items_read"]) == (True, 3)


def test_several_that_fail_are_each_named(gsm8k, tmp_path):
    here = {"AUDITOR_CACHE": str(tmp_path), "HF_HOME": str(tmp_path / "hf")}
    got = run("fetch", "gsm8k", "mmlu", "arc", "--endpoint", gsm8k.endpoint, **here)
    assert got.returncode == 2
    assert got.stdout.startswith("gsm8k: 1 files")
    assert "2 of 3 benchmarks could not be fetched: mmlu, arc-challenge" in got.stderr
    one = run("fetch", "mmlu", "--endpoint", gsm8k.endpoint, **here)
    assert (one.returncode, one.stderr.count("error:")) == (2, 1)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["fetch"], "name the benchmarks to fetch, or give --all"),
        (["fetch", "mmlu", "--all"], "name the benchmarks to fetch, or give --all"),
        (["fetch", "gsmk8"], "unknown benchmark 'gsmk8': it is not in the catalog. Did you mean gsm8k"),
        (["show", "humanevl"], "Did you mean humaneval"),
        (["show", "nowhere.jsonl"], "nowhere.jsonl: no such file"),
    ],
)
def test_wrong_calls_end_with_2_and_say_why(arguments, says, tmp_path):
    got = run(*arguments, AUDITOR_CACHE=str(tmp_path))
    assert (got.returncode, got.stdout) == (2, "")
    assert says in got.stderr
    assert "Traceback" not in got.stderr


def test_show_of_a_file_with_hostile_text(tmp_path):
    path = tmp_path / "mine.jsonl"
    rows = [
        {"question": "Evil \x1b]0;title\x07 \u202e and more, what is it then? " * 3, "answer": "yes"},
        {"question": "", "answer": "x"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    got = run("show", str(path))
    assert got.returncode == 0
    assert re.search(r"^skipped +empty_question: 1$", got.stdout, re.MULTILINE)
    assert not set("\x1b\x07\u202e") & set(got.stdout)
    got = run("show", f"named={path}", "--schema", "question=answer", "--json")
    facts = json.loads(got.stdout)
    assert (facts["name"], facts["items_under_8_words"]) == ("named", 2)


def test_everything_is_fetched_but_what_needs_a_token(hub, tmp_path):
    here = {"AUDITOR_CACHE": str(tmp_path), "HF_HOME": str(tmp_path / "hf")}
    got = run("fetch", "--all", "--endpoint", hub.endpoint, **here)
    assert got.returncode == 2
    assert "gpqa-diamond: left out, since it needs a token (HF_TOKEN)" in got.stderr
    assert re.search(r"(\d+) of \1 benchmarks could not be fetched", got.stderr)


def test_a_damaged_manifest_spoils_neither_the_list_nor_its_own_entry(tmp_path):
    (tmp_path / "benchmarks/mmlu").mkdir(parents=True)
    (tmp_path / "benchmarks/mmlu/manifest.json").write_text("{")
    rows = json.loads(run("list", "--json", AUDITOR_CACHE=str(tmp_path)).stdout)
    mmlu = next(row for row in rows if row["name"] == "mmlu")
    assert mmlu["cached"] is False
    assert "auditor suites fetch --force mmlu" in mmlu["cache_problem"]
    assert "auditor suites fetch --force mmlu" in run("show", "mmlu", AUDITOR_CACHE=str(tmp_path)).stdout
