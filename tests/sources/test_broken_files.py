"""Files of every format with bytes changed or cut: blocks and skips or one clear error, never a traceback."""

from __future__ import annotations

import gzip
import io
import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.errors import SourceError
from auditor.sources import ReadOptions, discover, open_source

from .reading import gather

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = [{"text": f'record {n}, "quoted"\n é 😀', "n": n} for n in range(40)]
LINES = "\n".join(json.dumps(record, ensure_ascii=n % 2 == 0) for n, record in enumerate(RECORDS)).encode()
CSV = b"text,n\n" + b"".join(b'"record %d, ""quoted""\n",%d\n' % (n, n) for n in range(40))
SMALL = ReadOptions(block_bytes=300, max_record_bytes=900, piece_chars=100, piece_overlap=20)


def _parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(RECORDS), sink, row_group_size=10)
    return sink.getvalue()


def _arrow(stream: bool) -> bytes:
    sink = io.BytesIO()
    table = pa.Table.from_pylist(RECORDS)
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=10)
    return sink.getvalue()


FILES = {
    "a.jsonl": LINES,
    "a.json": json.dumps(RECORDS, indent=1).encode(),
    "a.csv": CSV,
    "a.txt": LINES,
    "a.jsonl.gz": gzip.compress(LINES[:2000]) + gzip.compress(LINES[2000:]),
    "a.csv.zst": zstandard.ZstdCompressor().compress(CSV),
    "a.parquet": _parquet(),
    "file.arrow": _arrow(stream=False),
    "stream.arrow": _arrow(stream=True),
}

edits = st.lists(
    st.tuples(
        st.sampled_from(["change", "cut_out", "cut_off", "insert"]),
        st.floats(0, 1, exclude_max=True),
        st.binary(max_size=9),
    ),
    min_size=1,
    max_size=4,
)


def edited(content: bytes, changes: list[tuple[str, float, bytes]]) -> bytes:
    for kind, share, junk in changes:
        place = int(share * len(content))
        if kind == "change":
            content = content[:place] + junk + content[place + len(junk) :]
        elif kind == "cut_out":
            content = content[:place] + content[place + 50 :]
        elif kind == "cut_off":
            content = content[:place]
        else:
            content = content[:place] + junk + content[place:]
    return content


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(changes=edits)
def test_a_broken_file_is_read_or_refused(tmp_path: Path, name: str, changes: list[tuple[str, float, bytes]]) -> None:
    path = tmp_path / name
    path.write_bytes(edited(FILES[name], changes))
    (source,), _ = discover([path], SMALL)
    try:
        stream = open_source(source, SMALL)
    except SourceError:
        return
    reading = gather(stream)
    assert all(skip.source == str(path) for skip in reading.skips)
    assert len(stream.digest()) == 32
    stream.close()
