"""Many files at once: names, shards, copies; what is logged; the halves of benchmarks; records that are hard to edit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import auditor
from auditor.cleaning import Action, CleanOptions, clean
from auditor.errors import InputError
from tests.cleaning.corpus import (
    ITEMS,
    benchmark,
    contaminated,
    lines,
    prose,
    records,
    run,
    scan,
    shape,
    summary,
    write,
)

if TYPE_CHECKING:
    from pathlib import Path


def tree(directory: Path) -> list[str]:
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


def test_shards_keep_their_names_and_untouched_files_their_bytes(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "en" / "part").mkdir(parents=True)
    write(data / "en" / "part", records(), "jsonl.gz")
    write(data / "en", records("text"), "parquet")
    clean_file = write(data, [shape("text", 3), shape("text", 4)], "jsonl.zst")
    (data / "empty.jsonl").write_bytes(b"")
    (data / "README.md").write_text("not data")
    before = scan(tmp_path, data)
    run("clean", data, "--matches", before, "-o", tmp_path / "out", "--quiet")
    assert tree(tmp_path / "out") == [
        "empty.jsonl", "en/part/train.jsonl.gz", "en/train.parquet", "removed.jsonl", "summary.json", "train.jsonl.zst",
    ]  # fmt: skip
    assert (tmp_path / "out/train.jsonl.zst").read_bytes() == clean_file.read_bytes()
    said = summary(tmp_path / "out")
    assert [(s["output"], s["records"], s["kept"], s["dropped"]) for s in said["sources"]] == [
        ("empty.jsonl", 0, 0, 0), ("en/part/train.jsonl.gz", 12, 8, 4), ("en/train.parquet", 12, 8, 4),
        ("train.jsonl.zst", 2, 2, 0),
    ]  # fmt: skip
    assert said["left_out"][0]["reason"] == "ignored_file"
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]
    again = scan(tmp_path, tmp_path / "out", "again", "--fail-on", "review")
    assert contaminated(again) == 0
    assert summary(again)["records_skipped"]["own_output"] == 2
    twice = scan(tmp_path, str(tmp_path / "out" / "**" / "*.json*"), "glob")
    assert summary(twice)["records_skipped"]["own_output"] == 2


def test_several_arguments_keep_their_paths_below_what_holds_them_all(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, records(), "jsonl")
    words = (tmp_path / "a", tmp_path / "b" / "*.jsonl")
    out = tmp_path / "run"
    run("scan", *words, "-b", benchmark(tmp_path), "-o", out, "--quiet")
    run("clean", *words, "--matches", out, "-o", tmp_path / "out", "--quiet")
    assert tree(tmp_path / "out") == ["a/train.jsonl", "b/train.jsonl", "removed.jsonl", "summary.json"]


def test_a_run_inside_the_training_set_is_no_part_of_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write(data, records(), "jsonl")
    again = data / "again"
    run("scan", data, "-b", benchmark(tmp_path), "-o", again, "--quiet")
    run("clean", data, "--matches", again, "-o", tmp_path / "out2", "--quiet")
    assert "train.jsonl" in tree(tmp_path / "out2")


def test_urls_are_read_again_and_written_here(tmp_path: Path) -> None:
    import fsspec

    for name in ("x/one.jsonl", "y/two.parquet"):
        with fsspec.open(f"memory://bucket/{name}", "wb") as file:
            form = name.rpartition(".")[2]
            file.write(write(tmp_path, records(), form).read_bytes())
    before = tmp_path / "run"
    run("scan", "memory://bucket", "-b", benchmark(tmp_path), "-o", before, "--quiet")
    run("clean", "memory://bucket", "--matches", before, "-o", tmp_path / "out", "--quiet")
    assert tree(tmp_path / "out") == ["removed.jsonl", "summary.json", "x/one.jsonl", "y/two.parquet"]
    assert contaminated(scan(tmp_path, tmp_path / "out", "again")) == 0
    with fsspec.open("memory://bucket/x/one.jsonl", "ab") as file:
        file.write(b"{}\n")
    with pytest.raises(InputError, match="changed since the scan"):
        run("clean", "memory://bucket", "--matches", before, "-o", tmp_path / "no", "--quiet")
    assert not (tmp_path / "no").exists()


def test_the_log_says_what_went_and_why(tmp_path: Path) -> None:
    train = write(tmp_path, records("messages"), "jsonl")
    before = scan(tmp_path, train)
    run("clean", train, "--matches", before, "-o", tmp_path / "out", "--drop-turn")
    first = json.loads((tmp_path / "out/removed.jsonl").read_bytes().splitlines()[0])
    assert first["source"] == str(train)
    assert (first["row"], first["done"], first["note"]) == (0, "turns_dropped", "")
    (item,) = first["items"]
    assert (item["benchmark"], item["item_id"], item["detector"], item["field"]) == (
        "sums", "clips", "ngram", "messages[2].content",
    )  # fmt: skip
    assert "Natalia" not in (tmp_path / "out/removed.jsonl").read_text(), "the log holds no text of the benchmark"


def test_the_same_twice(tmp_path: Path) -> None:
    train = write(tmp_path, records(), "parquet")
    before = scan(tmp_path, train)
    for name in ("one", "two"):
        run("clean", train, "--matches", before, "-o", tmp_path / name, "--mask", "--quiet")
    for path in tree(tmp_path / "one"):
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()


def test_benchmarks_in_two_halves(tmp_path: Path) -> None:
    rows = [*records(), {"question": ITEMS[2]["question"].replace("hundred", "thousand"), "answer": prose(1)}]
    train = write(tmp_path, rows, "jsonl")
    before = scan(tmp_path, train)
    facts = summary(before)["benchmarks"]["sums"]
    assert (facts["contaminated_items"], facts["review_items"]) == (2, 1)
    spec = benchmark(tmp_path)
    for more, split in (((), (1, 2)), (("--include-review",), (0, 3))):
        out, halves = tmp_path / f"out{len(more)}", tmp_path / f"halves{len(more)}"
        run("clean", train, "--matches", before, "-o", out, "-b", spec, "--benchmark-out", halves, *more)
        made = {half: (halves / "sums" / f"{half}.jsonl").read_bytes() for half in ("clean", "contaminated")}
        assert tuple(len(data.splitlines()) for data in made.values()) == split
        loaded = [
            (item.item_id, item.question, item.answers)
            for half, count in zip(("clean", "contaminated"), split, strict=True)
            if count
            for item in auditor.load_benchmark(halves / "sums" / f"{half}.jsonl").items
        ]
        original = auditor.load_benchmark(tmp_path / "bench.jsonl").items
        assert sorted(loaded) == sorted((item.item_id, item.question, item.answers) for item in original)
        ids = json.loads((halves / "sums" / "contaminated.ids.json").read_bytes())
        assert ids == [json.loads(line)["id"] for line in made["contaminated"].splitlines()]
        assert summary(out)["benchmark_subsets"]["sums"]["review"] == 1
        assert summary(out)["dropped"] == (5 if more else 4)
    (tmp_path / "bench.jsonl").write_bytes(lines(ITEMS[:2]))
    with pytest.raises(InputError, match="sums changed since the scan"):
        run("clean", train, "--matches", before, "-o", tmp_path / "no", "-b", spec, "--benchmark-out", tmp_path / "not")
    with pytest.raises(InputError, match="did not look for bench"):
        run("clean", train, "--matches", before, "-o", tmp_path / "no", "-b", tmp_path / "bench.jsonl",
            "--benchmark-out", tmp_path / "not")  # fmt: skip
    assert not (tmp_path / "no").exists()


def test_a_baseline_keeps_what_was_accepted(tmp_path: Path) -> None:
    train = write(tmp_path, records(), "jsonl")
    before = scan(tmp_path, train, "run", "--write-baseline", tmp_path / "accepted.json")
    accepted = json.loads((tmp_path / "accepted.json").read_bytes())
    accepted["accepted"] = [{**accepted["accepted"][0], "reason": "our own tutorial"}]
    (tmp_path / "accepted.json").write_text(json.dumps(accepted))
    run("clean", train, "--matches", before, "-o", tmp_path / "out", "--baseline", tmp_path / "accepted.json")
    said = summary(tmp_path / "out")
    assert (said["kept"], said["dropped"], said["baseline"]["accepted"]) == (9, 3, 1)


def test_an_item_twice_in_a_record_is_masked_twice(tmp_path: Path) -> None:
    item = ITEMS[0]["question"]
    again = item.upper().replace(" ", "  \n")
    rows = [{"messages": [{"role": "user", "content": f"{prose(1)} {item} {prose(2)}"},
                          {"role": "assistant", "content": prose(3)},
                          {"role": "user", "content": f"{prose(4)}\n{again}\n{prose(5)}"},
                          {"role": "assistant", "content": ITEMS[0]["answer"]}]}]  # fmt: skip
    for action, turns in ((Action.MASK, 4), (Action.DROP_TURN, 0)):
        folder = tmp_path / action.value
        folder.mkdir()
        train = write(folder, [*rows, *(shape("messages", n) for n in (1, 2, 3, 4, 7, 8, 9, 10))], "jsonl")
        before = scan(folder, train)
        result = clean(train, before, folder / "out", options=CleanOptions(action))
        assert contaminated(scan(folder, folder / "out", "again", "--fail-on", "review")) == 0
        first = json.loads((folder / "out/train.jsonl").read_bytes().splitlines()[0])
        if turns:
            assert [m["content"].count("[benchmark item removed]") for m in first["messages"]] == [1, 0, 1, 0]
        else:
            assert result.summary["dropped"] == 1, "nothing is left of it"


def test_what_cannot_be_edited_goes_whole_and_the_log_says_so(tmp_path: Path) -> None:
    rows = records("messages")
    rows[5]["messages"] = [{"role": "system", "content": prose(4)}, *rows[5]["messages"][2:4]]
    big = json.dumps({**rows[6], "pad": "x" * 5000})
    train = tmp_path / "train.jsonl"
    train.write_bytes(lines(rows[:6]) + big.encode() + b"\n" + lines(rows[7:]))
    before = scan(tmp_path, train, "run", "--max-record-bytes", "4096")
    run("clean", train, "--matches", before, "-o", tmp_path / "out", "--drop-turn", "--quiet")
    log = [json.loads(line) for line in (tmp_path / "out/removed.jsonl").read_bytes().splitlines()]
    assert [(entry["row"], entry["done"], entry["note"][:21]) for entry in log] == [
        (0, "turns_dropped", ""), (5, "dropped", "no turn was left"), (6, "dropped", "the record is longer "),
        (11, "turns_dropped", ""),
    ]  # fmt: skip
    assert contaminated(scan(tmp_path, tmp_path / "out", "again")) == 0


@pytest.mark.parametrize("action", [Action.DROP, Action.MASK])
def test_tables_with_odd_columns(tmp_path: Path, action: Action) -> None:
    """Columns of other types stay what they are; the text column may be a dictionary or a view."""
    texts = [str(row["question"]) for row in records()]
    table = pa.table({
        "when": pa.array(range(12), pa.timestamp("ns")),
        "text": pa.array(texts).dictionary_encode(),
        "kept": pa.array([None, b"\xff"] * 6, pa.large_binary()),
        "deep": pa.array([[{"a": [1, None]}], None] * 6),
        "number": pa.array(range(12), pa.decimal128(20, 3)),
        "content": pa.array(texts, pa.string_view()),
    })  # fmt: skip
    for form in ("parquet", "arrow"):
        folder = tmp_path / form
        folder.mkdir()
        train = folder / f"t.{form}"
        if form == "parquet":
            pq.write_table(table, train)
        else:
            with pa.OSFile(str(train), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
                writer.write_table(table)
        before = scan(folder, train)
        result = clean(train, before, folder / "out", options=CleanOptions(action))
        read = (lambda p: pa.ipc.open_stream(p.read_bytes()).read_all()) if form == "arrow" else pq.read_table
        old, new = read(train), read(folder / "out" / train.name)
        assert new.schema.equals(old.schema, check_metadata=True)
        assert contaminated(scan(folder, folder / "out", "again")) == 0
        if action is Action.MASK:
            assert result.summary["masked"] == 4
            for name in ("when", "kept", "deep", "number"):
                assert new[name].equals(old[name])


def test_a_cleaning_of_nothing_is_a_copy(tmp_path: Path) -> None:
    for form in ("jsonl.gz", "json", "csv", "txt", "parquet", "arrow"):
        folder = tmp_path / form
        folder.mkdir()
        rows = [{"question": prose(n), "answer": prose(n + 9)} for n in range(9)]
        train = write(folder, rows, form)
        result = clean(train, scan(folder, train), folder / "out")
        assert (folder / "out" / train.name).read_bytes() == train.read_bytes()
        assert result.summary["kept"] == result.summary["records"]
