"""gzip and zstd: members and frames, truncation, corruption, bombs."""

from __future__ import annotations

import gzip
import json
import os
import random
import struct
from typing import TYPE_CHECKING

import pytest
import xxhash
import zstandard

from auditor.errors import SourceError
from auditor.sources import ReadOptions, discover, open_source

from .reading import SMALL, read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def lines(start: int, count: int) -> bytes:
    draw = random.Random(start)
    texts = (f"{n} " + " ".join(str(draw.random()) for _ in range(5)) for n in range(start, start + count))
    return b"".join(json.dumps({"text": text}).encode() + b"\n" for text in texts)


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


both = pytest.mark.parametrize(("compress", "suffix"), [(gzip.compress, "gz"), (zstd, "zst")])


@both
def test_many_members(tmp_path: Path, compress: Callable[[bytes], bytes], suffix: str) -> None:
    stored = compress(lines(0, 3000)) + compress(b"") + compress(lines(3000, 10))
    for name in (f"a.jsonl.{suffix}", f"no_json_in_name.{suffix}", "no_suffix.jsonl"):
        (tmp_path / name).write_bytes(stored)
        reading = read(tmp_path / name, SMALL)
        assert reading.records[3009]["text"].startswith("3009 ")
        assert len(reading.lines) == 3010
        assert reading.skips == []
        assert reading.digest == xxhash.xxh3_128(stored).hexdigest()
        assert sum(block.bytes_read for block in reading.blocks) == len(stored)


def test_skippable_frames_and_padding(tmp_path: Path) -> None:
    skippable = struct.pack("<II", 0x184D2A53, 5) + b"hello"
    (tmp_path / "a.jsonl.zst").write_bytes(skippable + zstd(lines(0, 5)) + skippable)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines(0, 5)) + bytes(1000))
    for name in ("a.jsonl.zst", "a.jsonl.gz"):
        reading = read(tmp_path / name)
        assert (len(reading.lines), reading.skips) == (5, [])


@both
def test_truncation_keeps_what_was_readable(tmp_path: Path, compress: Callable[[bytes], bytes], suffix: str) -> None:
    content = lines(0, 20_000)
    stored = compress(content)
    path = tmp_path / f"a.jsonl.{suffix}"
    path.write_bytes(stored[: len(stored) // 2])
    reading = read(path)
    kept = b"\n".join(reading.lines.values())
    assert content.startswith(kept)
    assert len(kept) > len(content) // 3
    assert reading.reasons == [("truncated_gzip" if suffix == "gz" else "truncated_zstd", None)]
    assert reading.blocks[-1].rows == 0


@both
def test_truncation_at_a_member_is_seen_only_inside_it(
    tmp_path: Path, compress: Callable[[bytes], bytes], suffix: str
) -> None:
    first = compress(lines(0, 100))
    path = tmp_path / f"a.jsonl.{suffix}"
    path.write_bytes(first + compress(lines(100, 100))[:3])
    reading = read(path)
    assert len(reading.lines) == 100
    # three bytes are no zstd magic yet
    assert [skip.reason for skip in reading.skips] == ["truncated_gzip" if suffix == "gz" else "corrupt_zstd"]
    path.write_bytes(first + compress(lines(100, 100))[:6])
    assert [skip.reason.split("_")[0] for skip in read(path).skips] == ["truncated"]


@both
def test_corruption(tmp_path: Path, compress: Callable[[bytes], bytes], suffix: str) -> None:
    stored = bytearray(compress(lines(0, 50_000)))
    middle = len(stored) // 2
    stored[middle : middle + 2000] = os.urandom(2000)
    path = tmp_path / f"a.jsonl.{suffix}"
    path.write_bytes(bytes(stored))
    reading = read(path)
    assert [skip.reason for skip in reading.skips] == ["corrupt_gzip" if suffix == "gz" else "corrupt_zstd"]
    assert len(reading.lines) > 10_000
    path.write_bytes(compress(lines(0, 50)) + b"not a member")
    reading = read(path)
    assert len(reading.lines) == 50
    assert [skip.reason.split("_")[0] for skip in reading.skips] == ["corrupt"]


@both
def test_a_bomb_is_stopped(tmp_path: Path, compress: Callable[[bytes], bytes], suffix: str) -> None:
    path = tmp_path / f"a.jsonl.{suffix}"
    path.write_bytes(compress(b'{"text": "start"}\n' + b" " * (100 << 20)))
    reading = read(path)
    assert ("decompression_bomb", None) in reading.reasons
    assert reading.lines[0] == b'{"text": "start"}'
    assert "max_expansion" in reading.skips[-1].detail
    path.write_bytes(compress(lines(0, 10) * (70 << 20 >> 10)))
    assert ("decompression_bomb", None) not in read(path, ReadOptions(max_expansion=10**6)).reasons


def test_a_file_that_shrinks_is_named_before_what_it_did(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(lines(0, 20_000)))
    (source,), _ = discover([path], SMALL)
    stream = open_source(source, SMALL)
    blocks = [next(stream)]
    os.truncate(path, 150_000)
    blocks += stream
    stream.close()
    assert [skip.reason for block in blocks for skip in block.skips] == ["changed_while_reading"]


def test_layers_of_compression_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(zstd(lines(0, 10))))
    (source,), _ = discover([tmp_path / "a.jsonl.gz"], SMALL)
    with pytest.raises(SourceError, match="inside its gzip: decompress it first"):
        open_source(source, SMALL)


@both
def test_an_empty_member_holds_no_records(tmp_path: Path, compress: Callable[[bytes], bytes], suffix: str) -> None:
    path = tmp_path / f"a.jsonl.{suffix}"
    path.write_bytes(compress(b""))
    reading = read(path)
    assert (reading.lines, reading.skips) == ({}, [])
