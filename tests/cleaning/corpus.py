"""A small training set in any shape and format, with items of a benchmark in rows that are known."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from click.testing import CliRunner

from auditor.cli import cli

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = [
    {
        "id": "clips",
        "question": "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. "
        "How many clips did Natalia sell altogether in April and May?",
        "answer": "Natalia sold 48/2 = 24 clips in May, which makes 48+24 = 72 clips altogether. #### 72",
    },
    {
        "id": "sitting",
        "question": "Weng earns twelve dollars an hour for babysitting the twins of her neighbour. Yesterday she just "
        "did fifty minutes of babysitting after school. How much money did Weng earn yesterday?",
        "answer": "Weng earns 12/60 = 0.2 dollars per minute, so that fifty minutes make 10 dollars. #### 10",
    },
    {
        "id": "unseen",
        "question": "Betty is saving money for a new wallet which costs one hundred dollars. She has only half of the "
        "money she needs. How much more money does Betty need to buy the wallet?",
        "answer": "Betty has 100/2 = 50 dollars, and needs 50 dollars more. #### 50",
    },
]
PLANTED = {0: 0, 5: 1, 6: 0, 11: 1}
"""Row to the item in it: the first, two in a row, and the last."""
ROWS = 12
_WORDS = (
    "river stone amber lantern quiet harbor maple copper violet meadow thunder pebble cinder willow orchard velvet "
    "Grüße naïve 東京 “quoted” half-way it’s semicolon; comma, tab"
).split()


def prose(seed: int, words: int = 40) -> str:
    """Text that holds no item, with what formats must escape."""
    chooser = random.Random(seed)
    return " ".join(chooser.choice(_WORDS) for _ in range(words))


def texts(row: int) -> tuple[str, str]:
    """What a user and an assistant say in a row."""
    if row in PLANTED:
        item = ITEMS[PLANTED[row]]
        return item["question"], item["answer"]
    return f'{prose(row)} "said" \\ the {row}?', prose(row + 1000)


def _turns(row: int) -> list[tuple[str, str]]:
    """A conversation: something harmless first, and again behind."""
    asked, answered = texts(row)
    return [("user", prose(row + 50, 12)), ("assistant", prose(row + 60, 12)), ("user", asked), ("assistant", answered),
            ("user", prose(row + 70, 9)), ("assistant", prose(row + 80, 9))]  # fmt: skip


def shape(name: str, row: int) -> dict[str, Any]:
    """A row in a record shape."""
    asked, answered = texts(row)
    gpt = {"user": "human", "assistant": "gpt"}
    return {
        "text": lambda: {"text": f"{prose(row + 200, 20)}\n{asked}\n{answered}\n{prose(row + 300, 20)}", "n": row},
        "question": lambda: {"id": row, "question": asked, "answer": answered},
        "alpaca": lambda: {"instruction": asked, "input": "", "output": answered},
        "prompt": lambda: {"prompt": asked, "completion": answered, "score": row / 8},
        "preference": lambda: {"prompt": asked, "chosen": answered, "rejected": prose(row + 400)},
        "messages": lambda: {"messages": [{"role": r, "content": t} for r, t in _turns(row)], "source": "x"},
        "sharegpt": lambda: {"id": f"c{row}", "conversations": [{"from": gpt[r], "value": t} for r, t in _turns(row)]},
        "history": lambda: {
            "instruction": prose(row + 5), "output": prose(row + 6), "history": [[asked, answered], ["Hello", "Hi"]],
        },
        "parts": lambda: {"messages": [{"role": r, "content": [{"type": "text", "text": t}]} for r, t in _turns(row)]},
    }[name]()  # fmt: skip


SHAPES = ("text", "question", "alpaca", "prompt", "preference", "messages", "sharegpt", "history", "parts")
FLAT = ("text", "question", "alpaca", "prompt", "preference")


def records(name: str = "question") -> list[dict[str, Any]]:
    return [shape(name, row) for row in range(ROWS)]


def lines(rows: list[dict[str, Any]], end: str = "\n", **style: Any) -> bytes:
    return "".join(json.dumps(row, **style) + end for row in rows).encode()


def table_text(rows: list[dict[str, Any]], end: str = "\n", **dialect: Any) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator=end, **dialect)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def arrow(rows: list[dict[str, Any]], kind: str, compression: str | None = None) -> bytes:
    table = pa.Table.from_pylist(rows).replace_schema_metadata({"made": "here"})
    out = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    make = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
    with make(out, table.schema, options=options) as writer:
        for batch in table.to_batches(max_chunksize=5):
            writer.write_batch(batch)
    return out.getvalue()


def parquet(rows: list[dict[str, Any]], **settings: Any) -> bytes:
    out = io.BytesIO()
    table = pa.Table.from_pylist(rows).replace_schema_metadata({"huggingface": "{}"})
    pq.write_table(table, out, row_group_size=5, **settings)
    return out.getvalue()


def plain(rows: list[dict[str, Any]]) -> str:
    """Plain text: a record is a line; every other planted item goes over two."""
    said = []
    for number, row in enumerate(rows):
        text = f"{row['question']} {row['answer']}"
        said.append(text.replace("? ", "?\n", 1) if number % 2 else text)
    return "\n".join(said) + "\n"


def write(path: Path, rows: list[dict[str, Any]], form: str) -> Path:
    """Write rows as a named form; the path of the file."""
    makers: dict[str, Any] = {
        "jsonl": lambda: lines(rows),
        "jsonl.gz": lambda: gzip.compress(lines(rows), 9, mtime=5),
        "jsonl.zst": lambda: zstandard.compress(lines(rows)),
        "crlf.jsonl": lambda: b"\xef\xbb\xbf" + lines(rows, "\r\n", ensure_ascii=False, separators=(",", ":")),
        "blank.jsonl": lambda: b"\n \n" + lines(rows[:4]) + b"\n" + lines(rows[4:]).rstrip(b"\n"),
        "json": lambda: json.dumps(rows, indent=2).encode() + b"\n",
        "compact.json": lambda: json.dumps(rows).encode(),
        "values.json": lambda: "\n".join(json.dumps(row, indent=1) for row in rows).encode() + b"\n",
        "csv": lambda: table_text(rows).encode(),
        "crlf.csv": lambda: b"\xef\xbb\xbf" + table_text(rows, "\r\n", quoting=csv.QUOTE_ALL).encode(),
        "semicolon.csv": lambda: table_text(rows, delimiter=";").encode(),
        "csv.gz": lambda: gzip.compress(table_text(rows).encode()),
        "tsv": lambda: table_text(rows, delimiter="\t").encode(),
        "txt": lambda: plain(rows).encode(),
        "txt.zst": lambda: zstandard.compress(plain(rows).encode()),
        "parquet": lambda: parquet(rows, compression="zstd"),
        "gzip.parquet": lambda: parquet(rows, compression="gzip", version="1.0", use_dictionary=False),
        "arrow": lambda: arrow(rows, "file"),
        "lz4.arrow": lambda: arrow(rows, "file", "lz4"),
        "stream.arrow": lambda: arrow(rows, "stream", "zstd"),
    }
    file = path / f"train.{form}"
    file.write_bytes(makers[form]())
    return file


FORMS = (
    "jsonl", "jsonl.gz", "jsonl.zst", "crlf.jsonl", "blank.jsonl", "json", "compact.json", "values.json", "csv",
    "crlf.csv", "semicolon.csv", "csv.gz", "tsv", "txt", "txt.zst", "parquet", "gzip.parquet", "arrow", "lz4.arrow",
    "stream.arrow",
)  # fmt: skip


def benchmark(path: Path) -> str:
    """The benchmark as `-b` takes it."""
    (path / "bench.jsonl").write_bytes(lines(ITEMS))
    return f"sums={path / 'bench.jsonl'}"


def run(*words: object) -> int:
    """A command through the real command line; its exit code. What is raised is raised here."""
    result = CliRunner().invoke(cli, [str(word) for word in words], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return int(result.return_value or 0)


def scan(path: Path, train: Path, name: str = "run", *more: object) -> Path:
    """Scan for the benchmark; the run's directory."""
    out = path / name
    run("scan", train, "-b", benchmark(path), "-o", out, "--quiet", *more)
    return out


def summary(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "summary.json").read_bytes())
    return found


def contaminated(directory: Path) -> int:
    """Items that a run calls contaminated; also checks that it read everything."""
    said = summary(directory)
    assert said["complete"], said["records_skipped"]
    return int(said["benchmarks"]["sums"]["contaminated_items"])
