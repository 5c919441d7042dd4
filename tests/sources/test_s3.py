"""S3 for real: moto's server on the loopback address, through a proxy that fails as it is told to."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import io
import json
import logging
from collections import Counter
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash
from command import OUTPUTS, auditor, environment, outputs, summary_of
from made import documents, inside, make_items, whole, write_benchmark

import auditor as package
from auditor.engines.planning import plan
from auditor.engines.row_groups import open_parts, read_row_groups
from auditor.engines.units import Large
from auditor.errors import InputError, SourceError
from auditor.output import UNFINISHED
from auditor.sources import ReadOptions, discover, open_source

from .reading import gather
from .web import reset, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from auditor.results import ScanResult

boto3 = pytest.importorskip("boto3", reason="S3 needs s3fs and moto: pip install -e '.[dev]'")
moto_server = pytest.importorskip("moto.server", reason="S3 needs moto: pip install -e '.[dev]'")
s3fs = pytest.importorskip("s3fs", reason="S3 needs s3fs: pip install -e '.[dev]'")

ALL = ReadOptions()
SECRET = "wJalrXUtnFEMIsecretsecret"  # noqa: S105 - of nothing
FAULTS = {
    403: ("AccessDenied", "Access Denied"),
    400: ("ExpiredToken", "The provided token has expired."),
    503: ("SlowDown", "Please reduce your request rate."),
    500: ("InternalError", "We encountered an internal error."),
}


@dataclass
class Proxy:
    """What stands between the client and the store."""

    address: str = ""
    upstream: str = ""
    fail: list[int] = field(default_factory=list)
    """Statuses that the next requests for an object's bytes are answered with."""
    fail_after: int | None = None
    """Requests for bytes after which all requests are answered with `fail_with`."""
    fail_with: int = 403
    reset_after: list[int] = field(default_factory=list)
    on_get: dict[int, Any] = field(default_factory=dict)
    gets: int = 0
    asked: Counter[str] = field(default_factory=Counter)


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.pass_on()

    def do_PUT(self) -> None:
        self.pass_on()

    def do_DELETE(self) -> None:
        self.pass_on()

    def do_GET(self) -> None:
        proxy = self.proxy
        if "list-type" not in self.path and self.path.count("/") > 1:
            proxy.gets += 1
            proxy.asked[urlsplit(self.path).path] += 1
            proxy.on_get.pop(proxy.gets, lambda: None)()
            if proxy.fail:
                return self.refuse(proxy.fail.pop(0))
        return self.pass_on()

    def refuse(self, status: int) -> None:
        code, message = FAULTS[status]
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/xml")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def pass_on(self) -> None:
        proxy = self.proxy
        if proxy.fail_after is not None and proxy.gets > proxy.fail_after:
            return self.refuse(proxy.fail_with)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        store = http.client.HTTPConnection(proxy.upstream)
        store.request(self.command, self.path, body, dict(self.headers.items()))
        answer = store.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"connection", "transfer-encoding", "server", "date"}:
                self.send_header(name, value)
        self.end_headers()
        store.close()
        if proxy.reset_after and len(content) > proxy.reset_after[0]:
            with contextlib.suppress(OSError):
                self.wfile.write(content[: proxy.reset_after.pop(0)])
            return reset(self)
        if self.command != "HEAD":
            with contextlib.suppress(OSError):
                self.wfile.write(content)
        return None


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """The address of an S3 server that is empty."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"{host}:{port}"
    server.stop()


@pytest.fixture
def proxy(store: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The way to the store, with credentials in the environment as they are for a user."""
    found = Proxy(upstream=store)
    with running(type("Handler", (_Handler,), {"proxy": found})) as found.address:
        for name, value in variables(found).items():
            monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()  # a client keeps the address and the credentials that it began with
        yield found


def variables(proxy: Proxy) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": proxy.address,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AUDITOR_RETRIES": "2",
    }


ROWS = [json.dumps({"text": f"{n:09d} {text}"}).encode() + b"\n" for n, text in enumerate(documents(200))]
SHORT = b"".join(ROWS)
LONG = SHORT * (20_000_000 // len(SHORT))
"""Read in three requests."""


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"text": [f"row {n}" for n in range(5000)]}), out, row_group_size=500)
    return out.getvalue()


@pytest.fixture
def bucket(proxy: Proxy, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A bucket with files of several kinds, made anew for each test."""
    client = boto3.client("s3", endpoint_url=f"http://{proxy.upstream}")
    client.create_bucket(Bucket="bucket")
    for key, content in {
        "dir/a.jsonl.gz": gzip.compress(SHORT, mtime=0),
        "dir/b.jsonl.gz": gzip.compress(SHORT, mtime=0),
        "dir/deep/c.jsonl": SHORT,
        "dir/table.parquet": parquet(),
        "dir/README.md": b"no",
        "dir/model.bin": b"no",
        "long.jsonl": LONG,
    }.items():
        client.put_object(Bucket="bucket", Key=key, Body=content)
    yield client
    for row in client.list_objects_v2(Bucket="bucket").get("Contents", []):
        client.delete_object(Bucket="bucket", Key=row["Key"])
    client.delete_bucket(Bucket="bucket")
    client.close()


@pytest.mark.parametrize(
    ("url", "names", "reasons"),
    [
        ("s3://bucket/dir/*.jsonl.gz", ["dir/a.jsonl.gz", "dir/b.jsonl.gz"], []),
        ("s3://bucket/dir/**/*.jsonl", ["dir/deep/c.jsonl"], []),
        (
            "s3://bucket/dir",
            ["dir/a.jsonl.gz", "dir/b.jsonl.gz", "dir/deep/c.jsonl", "dir/table.parquet"],
            ["ignored_file", "unknown_format"],
        ),
        ("s3://bucket/dir/", 4, ["ignored_file", "unknown_format"]),
        ("s3://bucket", 5, ["ignored_file", "unknown_format"]),
        ("s3a://bucket/dir/deep/c.jsonl", 1, []),
    ],
)
def test_listing(bucket: Any, url: str, names: object, reasons: list[str]) -> None:
    sources, skips = discover([url], ALL)
    if isinstance(names, int):
        assert len(sources) == names
    else:
        assert [source.name for source in sources] == [f"s3://bucket/{name}" for name in names]  # type: ignore[attr-defined]
    assert [skip.reason for skip in skips] == reasons
    for source in sources:
        key = source.name.partition("bucket/")[2]
        assert source.version == "etag " + bucket.head_object(Bucket="bucket", Key=key)["ETag"].strip('"')
        assert source.size == bucket.head_object(Bucket="bucket", Key=key)["ContentLength"]


def test_reading(bucket: Any, proxy: Proxy) -> None:
    sources, _ = discover(["s3://bucket/dir"], ALL)
    for source in sources:
        stream = open_source(source, ALL)
        reading = gather(stream)
        assert reading.skips == []
        assert (len(reading.lines), len(reading.rows)) == ((0, 5000) if source.format == "parquet" else (200, 0))
        key = source.name.partition("bucket/")[2]
        stored = bucket.get_object(Bucket="bucket", Key=key)["Body"].read()
        assert stream.digest() == xxhash.xxh3_128(stored).hexdigest()
        stream.close()


def test_parts_of_a_table(bucket: Any, proxy: Proxy) -> None:
    options = ReadOptions(block_bytes=2000)
    (source,), _ = discover(["s3://bucket/dir/table.parquet"], options)
    whole_stream = open_source(source, options)
    blocks = list(whole_stream)
    streams = open_parts(source, options, 3)
    assert len(streams) == 3
    assert [block for stream in streams for block in stream] == blocks
    for stream in (whole_stream, *streams):
        stream.close()
    *parts, _ = plan(Large(0, source, 10_000), options)
    assert len(parts) > 2
    assert [block for part in parts for block in read_row_groups(part, options)] == blocks  # type: ignore[arg-type]
    # the same texts in other row groups
    out = io.BytesIO()
    pq.write_table(pa.table({"text": [f"row {n}" for n in range(5000)]}), out, row_group_size=499)
    bucket.put_object(Bucket="bucket", Key="dir/table.parquet", Body=out.getvalue())
    with pytest.raises(SourceError, match="was replaced after the sources were listed") as caught:
        list(read_row_groups(parts[1], options))  # type: ignore[arg-type]
    assert caught.value.reason == "changed_while_reading"
    # to a listing that told no version it is another file all the same
    (block,) = read_row_groups(replace(parts[1], source=replace(source, version="")), options)  # type: ignore[arg-type]
    assert [skip.reason for skip in block.skips] == ["changed_while_reading"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3://nowhere/dir", "no such file: s3://nowhere/dir; check the URL"),
        ("s3://nowhere/*.jsonl", r"the glob s3://nowhere/\*\.jsonl matches no file; check the bucket"),
        ("s3://bucket/none.jsonl", "no such file: s3://bucket/none.jsonl; check the URL"),
        ("s3://bucket/dir/*.csv", "matches no file"),
    ],
)
def test_what_is_not_there(bucket: Any, url: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        discover([url], ALL)


@pytest.mark.parametrize("url", ["s3://bucket/dir", "s3://bucket/dir/*.gz", "s3://bucket/long.jsonl"])
def test_wrong_credentials(bucket: Any, proxy: Proxy, url: str) -> None:
    proxy.fail_after = -1
    with pytest.raises(SourceError, match=r"no access to s3://bucket/.*missing, wrong or expired") as caught:
        discover([url], ALL)
    assert caught.value.reason == "access_denied"
    assert "AKIA" not in str(caught.value)


def test_missing_credentials(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SourceError, match=r"no access to s3://bucket/dir: .*credentials"):
        discover(["s3://bucket/dir"], ALL)


def test_resets_and_busy_answers_on_the_way(bucket: Any, proxy: Proxy) -> None:
    (source,), _ = discover(["s3://bucket/long.jsonl"], ALL)
    proxy.fail = [503]
    proxy.reset_after = [1_000_000]
    proxy.on_get[4] = lambda: proxy.fail.append(500)
    stream = open_source(source, ALL)
    reading = gather(stream)
    assert reading.skips == []
    assert len(reading.lines) == len(LONG) // len(SHORT) * 200
    assert stream.digest() == xxhash.xxh3_128(LONG).hexdigest()
    assert proxy.reset_after == []
    assert proxy.fail == []


@pytest.mark.parametrize("event", ["deleted", "replaced", "denied", "expired"])
def test_what_happens_in_the_middle(bucket: Any, proxy: Proxy, event: str) -> None:
    def happen() -> None:
        if event == "deleted":
            bucket.delete_object(Bucket="bucket", Key="long.jsonl")
        elif event == "replaced":
            bucket.put_object(Bucket="bucket", Key="long.jsonl", Body=LONG.replace(b"a", b"b"))
        else:
            proxy.fail_after, proxy.fail_with = 0, {"denied": 403, "expired": 400}[event]

    proxy.on_get[2] = happen
    (source,), _ = discover(["s3://bucket/long.jsonl"], ALL)
    stream = open_source(source, ALL)
    blocks = list(stream)
    reading = gather(blocks)
    (skip,) = reading.skips
    assert (skip.reason, skip.row) == (
        "access_denied" if event in ("denied", "expired") else "changed_while_reading",
        None,
    )
    assert 0 < len(reading.lines) < len(LONG) // len(SHORT) * 200
    # nothing of another object came in between
    for row in range(len(reading.lines) - 1):
        assert reading.lines[row] == ROWS[row % 200].rstrip(b"\n")
    assert [block.cut for block in blocks] == [False] * (len(blocks) - 2) + [True, True]
    stream.close()


# The whole command


@pytest.fixture
def corpus(bucket: Any, tmp_path: Path) -> Path:
    """Shards with matches in them under s3://bucket/train/, and a benchmark here."""
    items = make_items()
    write_benchmark(tmp_path / "bench.jsonl", items)
    for number, text in enumerate(documents(8)):
        rows = [{"text": inside(whole(item), text)} for item in items[number : number + 3]]
        body = "".join(json.dumps(row) + "\n" for row in rows).encode()
        bucket.put_object(Bucket="bucket", Key=f"train/{number}.jsonl.gz", Body=gzip.compress(body, mtime=0))
    return tmp_path


def scan(corpus: Path, out: str, *, resume: bool = False) -> ScanResult:
    s3fs.S3FileSystem.clear_instance_cache()
    result = package.scan(
        "s3://bucket/train/*.jsonl.gz", corpus / "bench.jsonl", workers=1, out=corpus / out, resume=resume
    )
    result.write(corpus / out)
    return result


def names(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir())


WRITTEN = sorted((*OUTPUTS, "summary.json"))


def test_the_command_tells_no_secret(corpus: Path, proxy: Proxy) -> None:
    scan(corpus, "alone")
    proxy.fail_after, proxy.fail_with = 12, 400
    words = ["s3://bucket/train/*.jsonl.gz", "-b", corpus / "bench.jsonl", "-o", corpus / "out"]
    proxy.gets = 0
    done = auditor("scan", *words, "--workers", 1, env=environment(**variables(proxy)))
    text = done.stdout + done.stderr
    text += "".join(path.read_text() for path in (corpus / "out").rglob("*") if path.is_file())
    assert summary_of(corpus / "out")["records_skipped"] == {"access_denied": 4}
    assert done.returncode == 1
    assert "read them, too, with the same command and --resume" in done.stderr
    for secret in (SECRET, "AKIA"):
        assert secret not in text
    assert "s3://bucket/train/*.jsonl.gz" in summary_of(corpus / "out")["command"]


def test_credentials_that_expire_in_the_middle_and_are_renewed(corpus: Path, proxy: Proxy) -> None:
    scan(corpus, "alone")
    proxy.fail_after, proxy.fail_with = proxy.gets + 12, 400
    cut = scan(corpus, "out")
    assert cut.summary["records_skipped"] == {"access_denied": 4}
    assert (cut.complete, cut.summary["interrupted"], cut.can_resume) == (False, False, True)
    assert cut.summary["records_read"] == 12
    assert len(cut.matches) > 0
    assert names(corpus / "out") == [UNFINISHED, *WRITTEN]
    proxy.fail_after = None
    proxy.asked.clear()
    done = scan(corpus, "out", resume=True)
    assert done.complete
    assert outputs(corpus / "out") == outputs(corpus / "alone")
    assert names(corpus / "out") == WRITTEN
    # what was read before is looked into to learn from it, and not read again
    assert [proxy.asked[f"/bucket/train/{n}.jsonl.gz"] for n in range(8)] == [1] * 4 + [2] * 4


def test_a_store_that_goes_away_and_comes_back(corpus: Path, proxy: Proxy) -> None:
    scan(corpus, "alone")
    # eight to learn from, then six of the scan
    proxy.on_get[proxy.gets + 14] = lambda: proxy.fail.extend([503] * 3)
    cut = scan(corpus, "out")
    assert cut.summary["records_skipped"] == {"connection_lost": 1}
    assert cut.summary["records_read"] == 21
    scan(corpus, "out", resume=True)
    assert outputs(corpus / "out") == outputs(corpus / "alone")
    assert names(corpus / "out") == WRITTEN


def test_a_store_that_is_away_while_it_is_learnt_from(corpus: Path, proxy: Proxy) -> None:
    """Weights from another part of the corpus would be other weights."""
    proxy.fail.extend([503] * 3)
    with pytest.raises(SourceError, match=r"cannot read s3://bucket/train/0.jsonl.gz: .*reduce your request rate"):
        scan(corpus, "out")
    assert list((corpus / "out").iterdir()) == []


def test_a_long_object_that_is_cut_and_resumed(corpus: Path, proxy: Proxy, bucket: Any) -> None:
    """The record that the break cuts in two, and what comes after it, is as if nothing had been."""
    bucket.put_object(Bucket="bucket", Key="train/long.jsonl.gz", Body=gzip.compress(LONG, 0, mtime=0))
    scan(corpus, "alone")
    before = proxy.gets
    proxy.on_get[before + 9 + 10] = lambda: proxy.fail.extend([503] * 3)
    cut = scan(corpus, "out")
    name = "s3://bucket/train/long.jsonl.gz"
    assert [(skip["reason"], skip["source"]) for skip in cut.summary["skip_examples"]] == [
        ("connection_lost", name),
        ("invalid_json", name),
    ]
    scan(corpus, "out", resume=True)
    assert outputs(corpus / "out") == outputs(corpus / "alone")


def test_sources_that_changed_between_are_refused(corpus: Path, proxy: Proxy, bucket: Any) -> None:
    proxy.fail_after = 12
    scan(corpus, "out")
    proxy.fail_after = None
    bucket.put_object(Bucket="bucket", Key="train/3.jsonl.gz", Body=gzip.compress(SHORT, mtime=0))
    with pytest.raises(InputError, match=r"is another one \(different: .*sources"):
        scan(corpus, "out", resume=True)


def test_no_access_at_all(corpus: Path, proxy: Proxy) -> None:
    proxy.fail_after = -1
    with pytest.raises(SourceError, match=r"no access to s3://bucket/train/\*\.jsonl\.gz"):
        scan(corpus, "out")
    assert not (corpus / "out").exists()
    # listed, but not to be read
    proxy.fail_after = 0
    with pytest.raises(SourceError, match=r"cannot read s3://bucket/train/0\.jsonl\.gz: .*check the credentials"):
        scan(corpus, "out")
    assert list((corpus / "out").iterdir()) == []
