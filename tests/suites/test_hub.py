"""Fetching from a hub on the loopback address: what is chosen, what is checked, what is said when it fails."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditor.errors import FetchError
from auditor.suites import find_entry, load_benchmark
from auditor.suites.cache import cache_root, cached, safe_relative
from auditor.suites.hub import fetch, select_files

ROWS = [
    {
        "question": f"How many apples has person {n}, who bought {n} and ate one?",
        "answer": f"{n} - 1 = {n - 1}\n#### {n - 1}",
    }
    for n in range(1, 6)
]


def parquet(rows: list[dict[str, Any]]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def entry(name: str = "gsm8k"):
    found = find_entry(name)
    assert found is not None
    return found


@pytest.fixture
def gsm8k(hub):
    hub.add(
        "openai/gsm8k",
        {
            "README.md": b"# GSM8K",
            "main/train-00000-of-00001.parquet": parquet(ROWS[:1]),
            "main/test-00000-of-00001.parquet": parquet(ROWS),
            "socratic/test-00000-of-00001.parquet": parquet(ROWS[:2]),
        },
    )
    return hub


def test_a_catalog_name_is_fetched_once_and_then_read_without_a_network(gsm8k, tmp_path):
    first = load_benchmark("gsm8k", cache_dir=tmp_path, endpoint=gsm8k.endpoint)
    asked = sum(gsm8k.requests.values())
    again = load_benchmark("gsm8k", cache_dir=tmp_path, endpoint="http://127.0.0.1:9", offline=True)
    assert again == first
    assert sum(gsm8k.requests.values()) == asked
    assert (first.name, first.source, first.licence) == ("gsm8k", "hf://datasets/openai/gsm8k", "MIT")
    assert first.revision == gsm8k.commit("openai/gsm8k")
    assert [item.item_id for item in first.items] == ["0", "1", "2", "3", "4"]
    assert first.items[0].answers == ("1 - 1 = 0", "0")
    assert {item.split for item in first.items} == {"test"}
    assert first.warnings == ("5 items were read; the catalog says 1319",)


def test_the_endpoint_and_the_cache_come_from_the_environment(gsm8k, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", gsm8k.endpoint)
    monkeypatch.setenv("AUDITOR_CACHE", str(tmp_path / "here"))
    assert len(load_benchmark("GSM8K").items) == 5
    assert (tmp_path / "here/benchmarks/gsm8k/manifest.json").is_file()


def test_the_cache_lies_in_the_users_cache_directory_by_default(monkeypatch):
    monkeypatch.delenv("AUDITOR_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_root() == Path("/x/auditor/benchmarks")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_root() == Path.home() / ".cache/auditor/benchmarks"


def test_an_unpinned_benchmark_keeps_the_commit_of_its_first_fetch(gsm8k, tmp_path):
    first = fetch(entry(), cache_dir=tmp_path, endpoint=gsm8k.endpoint)
    old = dict(gsm8k.repositories["openai/gsm8k"]["main"])
    gsm8k.add("openai/gsm8k", old, branch="kept by the hub")
    # the hub keeps old commits; here a branch stands for that
    gsm8k.repositories["openai/gsm8k"] = {
        "main": {"main/test-00000-of-00001.parquet": parquet(ROWS[:1])},
        "main@1": old,
    }
    manifest = json.loads((first.directory / "manifest.json").read_text())
    manifest["commit"] = gsm8k.commit("openai/gsm8k", "main@1")
    (first.directory / "manifest.json").write_text(json.dumps(manifest))
    again = fetch(entry(), cache_dir=tmp_path, endpoint=gsm8k.endpoint, force=True)
    assert again.commit == manifest["commit"]
    assert [file.sha256 for file in again.files] == [file.sha256 for file in first.files]


def test_a_pinned_commit_that_is_gone_is_an_error(gsm8k, tmp_path):
    got = fetch(entry(), cache_dir=tmp_path, endpoint=gsm8k.endpoint)
    manifest = json.loads((got.directory / "manifest.json").read_text())
    (got.directory / "manifest.json").write_text(json.dumps(manifest | {"commit": "f" * 40}))
    with pytest.raises(FetchError, match=r"has no revision f{40} any more"):
        fetch(entry(), cache_dir=tmp_path, endpoint=gsm8k.endpoint, force=True)


def test_a_dataset_that_is_only_a_script_is_read_from_the_converted_branch(hub, tmp_path):
    rows = [{"input": f"True and {n}, how is that in one word? (A) yes", "target": "(A)"} for n in range(3)]
    hub.add("lukaemon/bbh", {"bbh.py": b"raise SystemExit('this must never run')", "README.md": b""})
    converted = {f"{task}/test/0000.parquet": parquet(rows) for task in ("navigate", "snarks")}
    hub.add("lukaemon/bbh", converted, branch="refs/convert/parquet")
    got = load_benchmark("bbh", cache_dir=tmp_path, endpoint=hub.endpoint)
    assert [item.item_id for item in got.items] == [f"{task}/{n}" for task in ("navigate", "snarks") for n in range(3)]
    assert {item.subset for item in got.items} == {"navigate", "snarks"}
    assert got.revision == hub.commit("lukaemon/bbh", "refs/convert/parquet")


def test_a_dataset_without_data_files_says_so_and_names_the_way_out(hub, tmp_path):
    hub.add("openai/gsm8k", {"gsm8k.py": b"", "README.md": b""})
    with pytest.raises(FetchError, match=r"no data files for main; test.*-b gsm8k=path/to/file"):
        fetch(entry(), cache_dir=tmp_path, endpoint=hub.endpoint)


def test_a_dataset_that_is_not_there(hub, tmp_path):
    with pytest.raises(FetchError, match=r"no dataset openai/gsm8k .*-b gsm8k=path/to/file"):
        fetch(entry(), cache_dir=tmp_path, endpoint=hub.endpoint)
    assert not list(tmp_path.rglob("*"))


def test_a_gated_dataset_says_where_to_ask_and_takes_the_token_from_the_environment(gsm8k, tmp_path, monkeypatch):
    gsm8k.gated.add("openai/gsm8k")
    with pytest.raises(
        FetchError, match=rf"accept its terms on {gsm8k.endpoint}/datasets/openai/gsm8k, then set HF_TOKEN"
    ):
        fetch(entry(), cache_dir=tmp_path, endpoint=gsm8k.endpoint)
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    assert fetch(entry(), cache_dir=tmp_path, endpoint=gsm8k.endpoint).files
    assert gsm8k.tokens == {"Bearer hf_test"}


def test_a_server_in_trouble_is_asked_again(gsm8k, tmp_path):
    gsm8k.failures += [500, 503]
    assert fetch(entry(), cache_dir=tmp_path, endpoint=gsm8k.endpoint, pause=0.01).files


def test_a_server_that_stays_in_trouble_is_an_error(gsm8k, tmp_path):
    gsm8k.failures += [500] * 200
    with pytest.raises(FetchError, match=r"could not be fetched from http://127.* after 4 attempts: .*500"):
        fetch(entry(), cache_dir=tmp_path, endpoint=gsm8k.endpoint, pause=0.01)


def test_a_refusal_is_not_asked_again(gsm8k, tmp_path):
    gsm8k.failures += [400]
    with pytest.raises(FetchError, match="after 1 attempts"):
        fetch(entry(), cache_dir=tmp_path, endpoint=gsm8k.endpoint, pause=0.01)


def test_a_download_that_breaks_off_is_taken_up_again(gsm8k, tmp_path):
    gsm8k.cut = 1
    got = fetch(entry(), cache_dir=tmp_path, endpoint=gsm8k.endpoint, pause=0.01)
    assert (got.directory / got.files[0].path).read_bytes() == parquet(ROWS)


def test_other_bytes_than_announced_never_reach_the_cache(gsm8k, tmp_path):
    gsm8k.swapped = True
    with pytest.raises(FetchError, match="came cut off or changed"):
        fetch(entry(), cache_dir=tmp_path, endpoint=gsm8k.endpoint, pause=0.01)
    assert not list((tmp_path / "benchmarks").iterdir())


def test_no_network_names_the_path_alternative(tmp_path):
    with socket.socket() as taken:
        # bound but not listening: connections are refused, and nobody else gets the port
        taken.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(
            FetchError, match=r"could not be fetched from .* Or give your own copy: -b gsm8k=path/to/file"
        ):
            fetch(entry(), cache_dir=tmp_path, endpoint=dead, pause=0.01)
    with pytest.raises(FetchError, match=r"not in the cache .*auditor suites fetch gsm8k.*-b gsm8k=path/to/file"):
        load_benchmark("gsm8k", cache_dir=tmp_path, offline=True)


@pytest.mark.parametrize("damage", ["changed", "missing", "manifest", "manifest of another version"])
def test_a_damaged_cache_is_noticed_and_can_be_repaired(gsm8k, tmp_path, damage):
    got = fetch(entry(), cache_dir=tmp_path, endpoint=gsm8k.endpoint)
    data = got.directory / got.files[0].path
    if damage == "changed":
        content = bytearray(data.read_bytes())
        content[20] ^= 1
        data.write_bytes(content)
    elif damage == "missing":
        data.unlink()
    elif damage == "manifest":
        (got.directory / "manifest.json").write_text("{")
    else:
        (got.directory / "manifest.json").write_text('{"version": 99}')
    with pytest.raises(FetchError, match=r"damaged: .*auditor suites fetch --force gsm8k"):
        load_benchmark("gsm8k", cache_dir=tmp_path, endpoint=gsm8k.endpoint)
    fetch(entry(), cache_dir=tmp_path, endpoint=gsm8k.endpoint, force=True)
    assert len(load_benchmark("gsm8k", cache_dir=tmp_path, offline=True).items) == 5
    assert [path.name for path in (tmp_path / "benchmarks").iterdir()] == ["gsm8k"]


def test_a_copy_made_for_another_entry_of_the_catalog_is_not_used(gsm8k, tmp_path):
    got = fetch(entry(), cache_dir=tmp_path, endpoint=gsm8k.endpoint)
    manifest = json.loads((got.directory / "manifest.json").read_text())
    manifest["request"]["splits"] = ["train"]
    (got.directory / "manifest.json").write_text(json.dumps(manifest))
    assert cached(entry(), tmp_path) is None


def test_a_cache_that_cannot_be_written(gsm8k, tmp_path):
    (tmp_path / "benchmarks").write_text("a file in the way")
    with pytest.raises(FetchError, match="cannot be written"):
        fetch(entry(), cache_dir=tmp_path, endpoint=gsm8k.endpoint)


@pytest.mark.parametrize("path", ["../../evil.parquet", "/etc/passwd", "a/../../b", "a\\..\\b", ""])
def test_a_path_out_of_the_cache_is_refused(path):
    with pytest.raises(FetchError, match="outside the cache"):
        safe_relative(path)


def test_a_hub_that_names_a_path_out_of_the_cache_gets_nothing_written(hub, tmp_path):
    hub.add("openai/gsm8k", {"main/../../../../evil/main/test.parquet": parquet(ROWS)})
    with pytest.raises(FetchError, match="outside the cache"):
        fetch(entry(), cache_dir=tmp_path / "cache", endpoint=hub.endpoint)
    assert not list(tmp_path.rglob("*.parquet"))


@pytest.mark.parametrize(
    ("name", "paths", "chosen"),
    [
        ("mmlu", ["all/test-00000-of-00001.parquet", "all/dev-00000-of-00001.parquet", "anatomy/test-00000-of-00001.parquet"],
         ["all/test-00000-of-00001.parquet"]),
        ("mmlu-pro", ["data/test-00000-of-00002.parquet", "data/test-00001-of-00002.parquet", "data/validation-00000-of-00001.parquet"],
         ["data/test-00000-of-00002.parquet", "data/test-00001-of-00002.parquet"]),
        ("hellaswag", ["data/validation-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"],
         ["data/validation-00000-of-00001.parquet"]),
        ("gpqa-diamond", ["gpqa_diamond.csv", "gpqa_main.csv", "README.md"], ["gpqa_diamond.csv"]),
        ("ifeval", ["ifeval_input_data.jsonl", "README.md"], []),
        ("gpqa-diamond", ["gpqa_diamond/train/0000.parquet", "gpqa_main/train/0000.parquet"],
         ["gpqa_diamond/train/0000.parquet"]),
        ("bigcodebench", ["data/v0.1.4-00000-of-00001.parquet", "data/v0.1.3-00000-of-00001.parquet"],
         ["data/v0.1.4-00000-of-00001.parquet"]),
        ("wmdp", ["wmdp-bio/test-00000-of-00001.parquet", "wmdp-chem/test-00000-of-00001.parquet"], []),
        ("math-500", ["test.jsonl", "README.md"], ["test.jsonl"]),
        ("ceval", ["law/val-00000-of-00001.parquet", "law/test-00000-of-00001.parquet"], ["law/val-00000-of-00001.parquet"]),
        ("livecodebench", ["test.jsonl", "test2.jsonl", "code_generation_lite.py"], ["test.jsonl", "test2.jsonl"]),
        ("gsm8k", ["main/test.jsonl", "main/test-00000-of-00001.parquet"], ["main/test-00000-of-00001.parquet"]),
    ],
)  # fmt: skip
def test_which_files_of_a_repository_make_a_benchmark(name, paths, chosen):
    assert [path for path, _, _ in select_files(entry(name), paths)] == chosen


def test_without_huggingface_hub_the_error_names_the_extra(tmp_path):
    code = "import sys; sys.modules['huggingface_hub'] = None\nfrom auditor.cli import main; main()"
    command = [sys.executable, "-c", code, "suites", "fetch", "gsm8k", "--cache-dir", str(tmp_path)]
    got = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (got.returncode, got.stdout) == (2, "")
    assert "fetching gsm8k from the hub needs an optional dependency: pip install 'auditor[hub]'" in got.stderr
