"""A training set with something of everything, which every engine has to read alike."""

from __future__ import annotations

import gzip
import random
from typing import TYPE_CHECKING

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from made import documents, inside, make_items, whole

from auditor.sources import ReadOptions

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = make_items()
READING = ReadOptions(block_bytes=4000, max_record_bytes=20_000, piece_chars=5000, piece_overlap=1500)
"""Small blocks and pieces, so that a small file has many of them."""


def make_corpus(folder: Path, rows: int = 1100) -> Path:
    """`large.jsonl` and `groups.parquet`, which are worth cutting in parts, and a file of each other kind."""
    folder.mkdir(parents=True)
    texts = documents(200)
    records = [{"text": inside(whole(ITEMS[n % 40]), texts[0]) if n % 19 == 0 else texts[n % 200]} for n in range(rows)]
    lines = [orjson.dumps(record) for record in records]
    for number, place in enumerate((200, 201, 640, 900)):
        # too long to hold: read in pieces, with an item in the middle
        body = " ".join([*texts[number : number + 18], whole(ITEMS[number]), *texts[20 : 30 + 9 * number]])
        lines[place] = orjson.dumps({"text": body})
    lines[300] = b'{"text": "broken'
    lines[301] = b""
    lines[302] = b'{"other": "no text"}'
    lines[303] = b'{"text": "\xff\xfe bad bytes"}'
    lines[700] = b"[1, 2]"
    lines[640 - 2] = b'{"text": "' + b"x" * 24_000  # too long, and broken
    lines[-1] = orjson.dumps({"text": whole(ITEMS[30])})
    # a mark at the beginning, and no line feed at the end
    (folder / "large.jsonl").write_bytes(b"\xef\xbb\xbf" + b"\n".join(lines))
    for name, part in (("a", records[:60]), ("b", records[60:100])):
        data = b"\n".join(map(orjson.dumps, part)) + b"\n"
        (folder / f"small-{name}.jsonl.gz").write_bytes(gzip.compress(data, mtime=0))
    (folder / "cut.jsonl.gz").write_bytes(gzip.compress(b"\n".join(lines[:100]), mtime=0)[:-4000])
    table = pa.table({"text": [record["text"] for record in records[100:200]], "id": list(range(100))})
    pq.write_table(table, folder / "table.parquet", row_group_size=30)
    write_row_groups(folder / "groups.parquet", [str(record["text"]) for record in records[:800]])
    quoted = [str(record["text"]).replace('"', '""') for record in records[200:260]]
    (folder / "table.csv").write_text("id,text\n" + "".join(f'{n},"{text}"\n' for n, text in enumerate(quoted)))
    (folder / "plain.txt").write_text("\n".join(str(record["text"]) for record in records[260:300]))
    (folder / "array.json").write_bytes(orjson.dumps(records[300:330]))
    (folder / "junk.jsonl").write_bytes(bytes(random.Random(1).choices([0, 1, 2, 200, 255], k=3000)))
    (folder / "empty.jsonl").write_bytes(b"")
    return folder


def write_row_groups(path: Path, texts: list[str]) -> None:
    """Row groups of many sizes, some without rows: texts and chats, some of them no UTF-8, and one group broken."""
    rng = random.Random(4)
    schema = pa.schema(
        {
            "id": pa.int64(),
            "text": pa.string(),
            "messages": pa.list_(pa.struct({"role": pa.string(), "content": pa.string()})),
        }
    )
    begin = 0
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False, data_page_size=8000) as writer:
        while begin < len(texts):
            part = texts[begin : begin + rng.choice([0, 1, 2, 40, 60])]
            chats = [[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": text}] for text in part]
            as_text = [n % 3 == 0 for n in range(len(part))]
            raw = [text.encode() + b"\xff" * (n == 45) if as_text[n] else None for n, text in enumerate(part)]
            arrays = [
                pa.array(range(begin, begin + len(part)), pa.int64()),
                pa.array(raw, pa.binary()).view(pa.string()),
                pa.array(
                    [None if is_text else chat for is_text, chat in zip(as_text, chats, strict=True)], schema[2].type
                ),
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            begin += len(part)
    metadata = pq.read_metadata(path)
    large = [n for n in range(metadata.num_row_groups) if metadata.row_group(n).num_rows >= 40]
    group = metadata.row_group(large[len(large) // 2])
    chunk = next(c for n in range(4) if (c := group.column(n)).path_in_schema.endswith("content"))
    content = bytearray(path.read_bytes())
    middle = chunk.data_page_offset + chunk.total_compressed_size // 2
    content[middle : middle + 9000] = b"\xff" * 9000
    path.write_bytes(content)
