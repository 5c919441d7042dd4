"""URLs: listed and read through fsspec, named without credentials."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash
from command import environment

from auditor.errors import SourceError
from auditor.sources import ReadOptions, discover, open_source
from auditor.sources.redaction import without_credentials
from auditor.sources.remote import list_url

from .reading import SMALL, gather, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALL = ReadOptions()
CONTENT = b'{"text": "abc"}\n' * 500


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pipe("/data/b.jsonl", CONTENT)
    system.pipe("/data/deep/a.jsonl", CONTENT)
    system.pipe("/data/README.md", b"no")
    system.pipe("/data/model.bin", b"no")
    yield system
    system.store.clear()


@pytest.mark.parametrize("url", ["memory://data", "memory://data/**", "memory:///data"])
def test_directories_and_globs(memory: fsspec.AbstractFileSystem, url: str) -> None:
    found, skips = discover([url], ALL)
    start = url.partition("data")[0]
    assert [source.name for source in found] == [f"{start}data/b.jsonl", f"{start}data/deep/a.jsonl"]
    assert [source.size for source in found] == [len(CONTENT)] * 2
    assert [skip.reason for skip in skips] == ["ignored_file", "unknown_format"]
    for source in found:
        stream = open_source(source, SMALL)
        reading = gather(stream)
        assert (len(reading.lines), reading.skips) == (500, [])
        assert stream.digest() == xxhash.xxh3_128(CONTENT).hexdigest()
        stream.close()


def test_one_file_named_twice(memory: fsspec.AbstractFileSystem) -> None:
    found, _ = discover(["memory://data/b.jsonl", "memory://data/b.jsonl"], ALL)
    assert [source.name for source in found] == ["memory://data/b.jsonl"]
    assert found[0].is_remote


def test_parquet_behind_a_url(memory: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a", "b"]}), tmp_path / "a.parquet")
    memory.pipe("/p/a.parquet", (tmp_path / "a.parquet").read_bytes())
    reading = read("memory://p/a.parquet")
    assert reading.rows == {0: {"text": "a"}, 1: {"text": "b"}}
    assert reading.digest == xxhash.xxh3_128((tmp_path / "a.parquet").read_bytes()).hexdigest()


def test_what_a_url_may_fail_with(memory: fsspec.AbstractFileSystem) -> None:
    for url, message in (
        ("memory://data/none.jsonl", "no such file: memory://data/none.jsonl; check the URL"),
        ("memory://data/*.csv", "matches no file"),
        ("memory://data/*.bin", "holds no data file"),
        ("nonsense://user:secret@host/x", "cannot use nonsense://host/x: .*check the protocol"),
    ):
        with pytest.raises(SourceError, match=message) as caught:
            discover([url], ALL)
        assert "secret" not in str(caught.value)
    (source,), _ = discover(["memory://data/b.jsonl"], ALL)
    memory.rm("/data/b.jsonl")
    with pytest.raises(SourceError, match=r"no such file: memory://data/b.jsonl"):
        open_source(source, ALL)


def test_a_remote_file_that_ends_early(memory: fsspec.AbstractFileSystem) -> None:
    memory.pipe("/data/b.jsonl", CONTENT * 50)
    (source,), _ = discover(["memory://data/b.jsonl"], SMALL)
    stream = open_source(source, SMALL)
    blocks = [next(stream)]
    io.BytesIO.close(memory.store["/data/b.jsonl"])
    blocks += stream
    reading = gather(blocks)
    assert [skip.reason for skip in reading.skips] == ["read_error"]


WITHOUT = """
import sys
for name in sys.argv[1].split(","):
    sys.modules[name] = None  # as if it were not installed
from auditor.cli import main
sys.argv = ["auditor", *sys.argv[2:]]
main()
"""


@pytest.mark.parametrize(
    ("package", "url", "words"),
    [
        ("s3fs", "s3://bucket/key.jsonl", "s3:// URLs needs an optional dependency: pip install 'auditor[remote]'"),
        (
            "aiohttp",
            "https://host/a.jsonl",
            "https:// URLs needs an optional dependency: pip install 'auditor[remote]'",
        ),
        ("huggingface_hub", "hf://datasets/org/name/a.jsonl", "pip install 'auditor[hub]'"),
        ("gcsfs", "gs://bucket/key.jsonl", "gs:// URLs need another package: pip install gcsfs"),
    ],
)
def test_a_missing_package_is_named(tmp_path: Path, package: str, url: str, words: str) -> None:
    (tmp_path / "b.jsonl").write_text('{"question": "What is it?", "answer": "it"}\n')
    arguments = ["scan", url, "-b", str(tmp_path / "b.jsonl"), "-o", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, package, *arguments], capture_output=True, text=True, check=False,
        env=environment(),
    )  # fmt: skip
    assert done.returncode == 2
    assert words in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://key:secret@bucket/a.jsonl", "s3://bucket/a.jsonl"),
        ("https://u:p@host:8080/a/b.jsonl#t", "https://host:8080/a/b.jsonl"),
        ("hf://datasets/org/name@main/a.jsonl", "hf://datasets/org/name@main/a.jsonl"),
    ],
)
def test_names_show_no_credentials(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


def test_queries_go_but_keep_sources_apart() -> None:
    first, second = (without_credentials(f"https://host/a.jsonl?X-Amz-Signature={n}") for n in "12")
    assert first != second
    assert first.startswith("https://host/a.jsonl?…")
    assert "Signature" not in first


def test_listing_a_local_directory_by_url(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "a"}))
    listing = list_url(f"local://{tmp_path}")
    assert [file.url for file in listing.files] == [f"local://{tmp_path}/a.jsonl"]
