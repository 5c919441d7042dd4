"""Objects behind URLs: connections that break go on where they broke, and what changed or was lost is said."""

from __future__ import annotations

import gzip
import io
import random
from typing import TYPE_CHECKING, Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash
from made import make_benchmark

import auditor
from auditor.errors import InputError, SourceError
from auditor.sources import ReadOptions, discover, open_source, skip_of
from auditor.sources.raw import ReadFailedError
from auditor.sources.remote_object import CHUNK_BYTES, RemoteObject, differ, version_of
from auditor.sources.retries import Retries, Trouble, patiently, trouble

from .reading import gather
from .web import Web, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALL = ReadOptions()
QUICK = Retries(again=3, first=0.001)
ROWS = [f'{{"text": "{n:09d} {random.Random(n).random()}"}}\n'.encode() for n in range(1, 450_000)]
LONG = b"".join(ROWS)
"""Three chunks."""


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as found:
        found.files["/a.jsonl"] = LONG
        yield found


def object_at(web: Web, path: str = "/a.jsonl", version: str = "", **options: Any) -> RemoteObject:
    url = web.address + path
    return RemoteObject(fsspec.filesystem("http"), url, url, version, retries=QUICK, **options)


def whole(file: RemoteObject) -> bytes:
    parts = []
    view = memoryview(bytearray(1 << 20))
    while count := file.readinto(view):
        parts.append(bytes(view[:count]))
    return b"".join(parts)


def test_the_corpus_takes_several_requests() -> None:
    assert 2 * CHUNK_BYTES < len(LONG) < 3 * CHUNK_BYTES


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("marks", [True, False])
def test_a_connection_that_breaks_goes_on(web: Web, ranges: bool, marks: bool) -> None:
    web.ranges, web.marks = ranges, marks
    web.reset_after = [10, 700_000, 5_000_000]
    file = object_at(web)
    assert whole(file) == LONG
    assert file.changed() is None
    assert web.reset_after == []
    file.close()
    file.close()


def test_busy_servers_are_asked_again(web: Web) -> None:
    web.statuses = [503, 429, 500]
    assert whole(object_at(web)) == LONG
    web.statuses = [503] * 100
    file = object_at(web)
    with pytest.raises(ReadFailedError, match="after 0 bytes: 503") as caught:
        file.read(10)
    assert caught.value.reason == "connection_lost"
    assert len(web.statuses) == 96


def test_a_file_of_unknown_length(web: Web) -> None:
    web.lengths = web.marks = False
    file = object_at(web)
    assert file.size is None
    assert whole(file) == LONG
    with pytest.raises(ReadFailedError, match="does not say how long the file is"):
        file.seek(0, io.SEEK_END)


@pytest.mark.parametrize("after", ["replaced", "shorter", "deleted", "denied"])
def test_what_happens_in_the_middle(web: Web, after: str) -> None:
    def happen() -> None:
        if after == "deleted":
            del web.files["/a.jsonl"]
        elif after == "denied":
            web.denied_after = 0
        else:
            web.etags["/a.jsonl"] = "two"
            web.files["/a.jsonl"] = LONG[:-1000] if after == "shorter" else LONG
        if after in ("replaced", "shorter"):
            web.statuses.append(503)  # the connection broke, too

    web.on_get[2] = happen
    (source,), _ = discover([f"{web.address}/a.jsonl"], ALL)
    stream = open_source(source, ALL)
    blocks = list(stream)
    reading = gather(blocks)
    (skip,) = reading.skips
    assert skip.row is None
    reason, words = {
        "replaced": ("changed_while_reading", "was replaced by another of the same size"),
        "shorter": ("changed_while_reading", f"held {len(LONG)} bytes when opened, and now {len(LONG) - 1000}"),
        "deleted": ("changed_while_reading", "it was deleted"),
        "denied": ("access_denied", "403"),
    }[after]
    assert skip.reason == reason
    assert skip.detail.startswith("after ")
    assert words in skip.detail
    # what was read stays: all lines of the first request, and what they were cut in
    for row in range(len(reading.lines) - 1):
        assert reading.lines[row] == ROWS[row].rstrip(b"\n")
    assert sum(map(len, ROWS[: len(reading.lines)])) > CHUNK_BYTES - 100
    assert [block.cut for block in blocks] == [False] * (len(blocks) - 2) + [True, True]
    stream.close()


def test_replaced_without_a_break_shows_at_the_end(web: Web) -> None:
    web.on_get[2] = lambda: web.etags.update({"/a.jsonl": "two"})
    (source,), _ = discover([f"{web.address}/a.jsonl"], ALL)
    reading = gather(open_source(source, ALL))
    assert len(reading.lines) == len(ROWS)
    assert [(skip.reason, skip.row) for skip in reading.skips] == [("changed_while_reading", None)]
    web.on_get[web.gets + 2] = lambda: web.files.pop("/a.jsonl")
    web.etags.clear()
    (source,), _ = discover([f"{web.address}/a.jsonl"], ALL)
    reading = gather(open_source(source, ALL))
    assert [skip.reason for skip in reading.skips] == ["changed_while_reading"]
    assert "it was deleted" in reading.skips[0].detail


def test_replaced_between_the_listing_and_the_reading(web: Web) -> None:
    (source,), _ = discover([f"{web.address}/a.jsonl"], ALL)
    assert source.version == "etag one"
    web.etags["/a.jsonl"] = "two"
    with pytest.raises(SourceError, match="was replaced after the sources were listed") as caught:
        open_source(source, ALL)
    assert skip_of(source.name, caught.value).reason == "changed_while_reading"


def test_a_break_that_nothing_can_be_told_after(web: Web) -> None:
    web.lengths = web.marks = False
    web.on_get[3] = lambda: web.reset_after.append(900_000)  # those before only ask for the length
    file = object_at(web)
    with pytest.raises(ReadFailedError, match="does not tell whether it still is the same file") as caught:
        whole(file)
    assert caught.value.reason == "connection_lost"


def parquet(rows: int) -> bytes:
    out = io.BytesIO()
    rng = random.Random(rows)
    text = [f"{n} {rng.random()} {rng.random()}" for n in range(rows)]
    other = [rng.randbytes(60) for n in range(rows)]
    pq.write_table(pa.table({"text": text, "image": other}), out, row_group_size=2000, compression="none")
    return out.getvalue()


def test_parquet_by_ranges(web: Web) -> None:
    web.files["/t.parquet"] = parquet(20_000)
    (source,), _ = discover([f"{web.address}/t.parquet"], ALL)
    web.statuses = [503]
    stream = open_source(source, ReadOptions(block_bytes=40_000))
    web.reset_after = [1000, 30]
    blocks = list(stream)
    reading = gather(blocks)
    assert len(reading.rows) == 20_000
    assert reading.skips == []
    asked = sum(int(e) - int(b) + 1 for b, e in (r.removeprefix("bytes=").split("-") for r in web.ranges_asked))
    # its one column of text, the footer, and what was lost on the way
    assert asked < len(web.files["/t.parquet"])
    assert stream.digest() == xxhash.xxh3_128(web.files["/t.parquet"]).hexdigest()
    stream.close()


@pytest.mark.parametrize("after", ["deleted", "denied"])
def test_parquet_that_is_lost_in_the_middle(web: Web, after: str) -> None:
    web.files["/t.parquet"] = parquet(20_000)
    (source,), _ = discover([f"{web.address}/t.parquet"], ALL)
    stream = open_source(source, ReadOptions(block_bytes=40_000))
    blocks = [next(stream)]
    if after == "deleted":
        del web.files["/t.parquet"]
    else:
        web.denied_after = 0
    blocks += stream
    (skip,) = gather(blocks).skips
    assert skip.reason == {"deleted": "changed_while_reading", "denied": "access_denied"}[after]
    assert "read up to record" in skip.detail
    assert blocks[-1].cut
    with pytest.raises(SourceError, match=r"no such file|no access"):
        stream.digest()
    stream.close()


def test_parquet_that_is_replaced(web: Web) -> None:
    web.files["/t.parquet"] = parquet(20_000)
    (source,), _ = discover([f"{web.address}/t.parquet"], ALL)
    stream = open_source(source, ReadOptions(block_bytes=40_000))
    blocks = [next(stream)]
    web.etags["/t.parquet"] = "two"
    blocks += stream
    assert [skip.reason for skip in gather(blocks).skips] == ["changed_while_reading"]
    stream.close()


def test_parquet_from_a_server_without_ranges(web: Web) -> None:
    web.ranges = False
    web.files["/t.parquet"] = parquet(20_000)
    (source,), _ = discover([f"{web.address}/t.parquet"], ALL)
    with pytest.raises(SourceError, match="range requests"):
        open_source(source, ALL)


def test_gzip_over_a_bad_line(web: Web) -> None:
    web.files["/a.jsonl.gz"] = gzip.compress(LONG, 1, mtime=0)
    web.reset_after = [1_000_000, 40]
    (source,), _ = discover([f"{web.address}/a.jsonl.gz"], ALL)
    stream = open_source(source, ALL)
    reading = gather(stream)
    assert (len(reading.lines), reading.skips) == (len(ROWS), [])
    assert stream.digest() == xxhash.xxh3_128(web.files["/a.jsonl.gz"]).hexdigest()


def test_credentials_in_a_url_reach_the_server_and_nobody_else(web: Web) -> None:
    address = web.address.replace("http://", "http://alice:topsecret@")
    (source,), _ = discover([f"{address}/a.jsonl?X-Amz-Signature=deadbeef"], ALL)
    assert "topsecret" not in repr(source) + source.name
    assert "deadbeef" not in repr(source) + source.name
    web.denied_after = 0
    web.gets = 1
    with pytest.raises(SourceError) as caught:
        open_source(source, ALL)
    assert web.seen
    for secret in ("topsecret", "deadbeef", "alice"):
        assert secret not in repr(skip_of(source.name, caught.value))
        assert secret not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (401, "access_denied", "no access to .*check the credentials in the environment"),
        (403, "access_denied", "no access to .*check the credentials in the environment"),
        (404, "unreadable", "no such file"),
        (500, "unreachable", "cannot open .*check the URL, the network"),
        (418, "unreadable", "cannot open"),
    ],
)
def test_what_a_server_answers_is_said(web: Web, status: int, reason: str, words: str) -> None:
    web.statuses = [status] * 50
    del web.files["/a.jsonl"]
    url = f"{web.address}/a.jsonl"
    with pytest.raises(SourceError, match=words) as caught:
        RemoteObject(fsspec.filesystem("http"), url, url, retries=Retries(again=1, first=0.001))
    assert caught.value.reason == reason


def test_a_server_that_is_not_there() -> None:
    with serving() as web:
        address = web.address
    with pytest.raises(SourceError, match=r"cannot open .*check the URL, the network") as caught:
        RemoteObject(fsspec.filesystem("http"), f"{address}/a", f"{address}/a", retries=QUICK)
    assert caught.value.reason == "unreachable"


def test_pauses_double_up_to_a_bound() -> None:
    assert list(Retries(again=5, first=0.25, longest=1.5).pauses()) == [0.25, 0.5, 1, 1.5, 1.5]


def test_only_what_may_pass_is_tried_again() -> None:
    tried = []

    def fail(error: Exception) -> None:
        tried.append(error)
        raise error

    for error, times in ((ConnectionError("x"), 4), (PermissionError("x"), 1), (TypeError("x"), 1)):
        tried.clear()
        with pytest.raises(type(error)):
            patiently(lambda error=error: fail(error), QUICK)  # type: ignore[misc]
        assert len(tried) == times


class Answer(Exception):  # noqa: N818 - what servers give
    def __init__(self, **facts: object) -> None:
        super().__init__("x")
        self.__dict__.update(facts)


class NoCredentialsError(Exception):
    pass


class Response:
    status_code = 403


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (Answer(status=503), Trouble.PASSING),
        (Answer(status=429), Trouble.PASSING),
        (Answer(status=410), Trouble.MISSING),
        (Answer(status=416), Trouble.LASTING),
        (Answer(code=401), Trouble.DENIED),
        (Answer(response=Response()), Trouble.DENIED),
        (Answer(response={"ResponseMetadata": {"HTTPStatusCode": 503}}), Trouble.PASSING),
        (Answer(status=7), Trouble.PASSING),
        (NoCredentialsError(), Trouble.DENIED),
        (FileNotFoundError("x"), Trouble.MISSING),
        (TimeoutError(), Trouble.PASSING),
        (OSError(5, "x"), Trouble.PASSING),
        (ValueError("x"), Trouble.LASTING),
    ],
)
def test_what_errors_mean(error: Exception, meaning: Trouble) -> None:
    assert trouble(error) is meaning


def test_versions_of_listings_and_of_objects() -> None:
    quoted, bare = version_of({"ETag": '"ab"', "LastModified": 1}), version_of({"ETag": "ab", "mtime": 2})
    assert quoted == bare == "etag ab"
    assert version_of({"size": 3}) == ""
    assert differ("etag ab", "etag cd")
    assert not differ("etag ab", "etag ab")
    assert not differ("created 2026", "created 2027")
    assert not differ("", "etag cd")
    assert not differ("etag ab", "blob_id cd")


def test_a_table_that_cannot_be_hashed_any_more(web: Web, tmp_path: Path) -> None:
    """All of it was read, and then the credentials expired: what was found stays, and the source is not complete."""
    del web.files["/a.jsonl"]
    web.files["/t.parquet"] = parquet(20_000)
    index = auditor.BenchmarkIndex.build([make_benchmark()], auditor.ScanConfig())
    whole_run = auditor.scan(f"{web.address}/t.parquet", index, workers=1)
    assert whole_run.complete
    web.denied_after = web.gets * 2 - 1
    cut = auditor.scan(f"{web.address}/t.parquet", index, workers=1, out=tmp_path / "out")
    assert cut.summary["records_skipped"] == {"access_denied": 1}
    assert cut.summary["records_read"] == 20_000
    assert not cut.complete
    assert [source["complete"] for source in cut.summary["sources"]] == [False]
    cut.write(tmp_path / "out")
    web.denied_after = None
    again = auditor.scan(f"{web.address}/t.parquet", index, workers=1, out=tmp_path / "out", resume=True)
    assert again.complete
    assert again.summary["sources"] == whole_run.summary["sources"]


@pytest.mark.parametrize(("given", "tries"), [("0", 1), ("3", 4), ("", 6)])
def test_how_often_it_is_tried(monkeypatch: pytest.MonkeyPatch, given: str, tries: int) -> None:
    monkeypatch.setenv("AUDITOR_RETRIES", given)
    assert 1 + len(list(Retries.configured().pauses())) == tries


@pytest.mark.parametrize("given", ["many", "-1", "1.5", "9999", "²"])
def test_a_number_of_tries_that_is_none(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("AUDITOR_RETRIES", given)
    with pytest.raises(InputError, match="AUDITOR_RETRIES is the number of further tries"):
        Retries.configured()
