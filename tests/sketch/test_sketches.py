"""Sketches of real files: made, read back, scanned, merged, verified, proven; and every way in which they are refused."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made import documents, inside, make_items, whole, write_benchmark, write_lines

from auditor.errors import IndexVersionError, InputError, NoRecordsError, OutputError, SourceError
from auditor.kernels import plain
from auditor.sketch.commitment import challenge
from auditor.sketch.files import MAGIC, SketchFile, is_sketch, write_sketch
from auditor.sketch.judging import scan_sketch
from auditor.sketch.keys import public_key, secret_key
from auditor.sketch.making import fraction_of, make_sketch, merge_sketches, verify_sketch
from auditor.sketch.proofs import check_proof, prove, read_proof
from auditor.sources import ReadOptions

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = make_items(60)
PLANTED = ITEMS[:30]
HOSTS = documents(300)
ALL = Fraction(1)


def rows() -> list[str]:
    return [inside(whole(item), HOSTS[n]) for n, item in enumerate(PLANTED)] + HOSTS[30:]


@pytest.fixture
def train(tmp_path: Path) -> Path:
    """One training set in five formats."""
    folder = tmp_path / "train"
    folder.mkdir()
    texts = rows()
    write_lines(folder / "a.jsonl", [{"text": t} for t in texts[:60]])
    (folder / "b.jsonl.gz").write_bytes(
        gzip.compress("".join(json.dumps({"text": t}) + "\n" for t in texts[60:120]).encode())
    )
    pq.write_table(pa.table({"text": texts[120:180], "n": list(range(60))}), folder / "c.parquet")
    (folder / "d.json").write_text(json.dumps([{"text": t} for t in texts[180:240]]), encoding="utf-8")
    (folder / "e.txt").write_text("\n".join(texts[240:]), encoding="utf-8")
    return folder


@pytest.fixture
def benchmark(tmp_path: Path) -> str:
    return f"bench={write_benchmark(tmp_path / 'bench.jsonl', ITEMS)}"


def grams(path: Path) -> dict[int, int]:
    return {int(h): int(c) for hs, cs in SketchFile(path).grams() for h, c in zip(hs, cs, strict=True)}


def rewritten(path: Path, change: Any) -> Path:
    """The same sketch with other contents and a seal made anew, as a forger would."""
    file = SketchFile(path)
    contents, parts = change(file.contents, list(file.grams()))
    write_sketch(path, contents, parts)
    return path


def resealed(path: Path, old: bytes, new: bytes) -> Path:
    data = path.read_bytes()[:-32]
    assert old in data
    assert len(old) == len(new)
    data = data.replace(old, new)
    path.write_bytes(data + hashlib.blake2b(data, digest_size=32).digest())
    return path


def test_a_sketch_holds_the_ngrams_of_the_data_with_their_counts(tmp_path: Path) -> None:
    texts = [*HOSTS[:20], HOSTS[3]]
    data = write_lines(tmp_path / "a.jsonl", [{"text": t} for t in texts])
    made = make_sketch([data], tmp_path / "s.sketch", fraction=Fraction(1, 3))
    words = public_key().words
    expected: dict[int, int] = {}
    for text in texts:
        for h in set(plain.sample([text], 6, (1 << 56) // 3, (int(words[0]), int(words[1])))):
            expected[h] = expected.get(h, 0) + 1
    assert grams(tmp_path / "s.sketch") == expected
    contents = SketchFile(tmp_path / "s.sketch").contents
    assert (contents.distinct, contents.total) == (len(expected), sum(expected.values()))
    assert replace(made.contents, distinct=contents.distinct, total=contents.total) == contents
    assert HOSTS[0].encode()[:20] not in (tmp_path / "s.sketch").read_bytes()


def test_every_format_gives_the_same_ngrams(tmp_path: Path, train: Path) -> None:
    lines = write_lines(tmp_path / "all.jsonl", [{"text": t} for t in rows()])
    make_sketch([lines], tmp_path / "one.sketch")
    make_sketch([train], tmp_path / "many.sketch")
    one, many = grams(tmp_path / "one.sketch"), grams(tmp_path / "many.sketch")
    # a line of a text file is no record by itself to the n-grams: those over a line break are there as well
    assert one.keys() <= many.keys()
    assert len(many) < 1.05 * len(one)
    assert SketchFile(tmp_path / "many.sketch").contents.records >= 300


def test_the_same_data_gives_the_same_bytes_whatever_the_memory_and_workers(tmp_path: Path, train: Path) -> None:
    reading = ReadOptions(block_bytes=4096)
    a = make_sketch([train], tmp_path / "a.sketch", reading=reading, workers=1)
    b = make_sketch([train], tmp_path / "b.sketch", reading=reading, workers=3, buffered=50)
    assert a.seal == b.seal
    assert (tmp_path / "a.sketch").read_bytes() == (tmp_path / "b.sketch").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.sketch", "b.sketch", "train"]


@pytest.mark.parametrize("fraction", [Fraction(1, 10), ALL])
def test_planted_items_are_found_and_others_are_not(
    tmp_path: Path, train: Path, benchmark: str, fraction: Fraction
) -> None:
    make_sketch([train], tmp_path / "s.sketch", fraction=fraction)
    result = scan_sketch([tmp_path / "s.sketch"], [benchmark])
    found = {f.evidence["item_id"] for f in result.findings if f.verdict == "contaminated"}
    planted = {i.item_id for i in PLANTED}
    assert found <= planted
    facts = result.summary["benchmarks"]["bench"]
    assert facts["contaminated_items"] == len(found)
    assert facts["items_judgeable"] + sum(facts["items_not_judgeable"].values()) == 60
    rate = facts["contaminated_rate"]
    assert rate["low"] <= 0.5 <= rate["high"]
    assert {f.rule_id for f in result.findings} == {"sketch/item-likely-contained"}
    if fraction == 1:
        assert found == planted
        assert rate["estimate"] == pytest.approx(0.5, abs=0.02)
        assert all(f.evidence["low"] > 0.9 for f in result.findings)
    else:
        assert len(found) >= 22


def test_of_clean_data_nothing_is_found(tmp_path: Path, benchmark: str) -> None:
    data = write_lines(tmp_path / "a.jsonl", [{"text": t} for t in HOSTS])
    make_sketch([data], tmp_path / "s.sketch")
    result = scan_sketch([tmp_path / "s.sketch"], [benchmark])
    assert result.findings == []
    rate = result.summary["benchmarks"]["bench"]["contaminated_rate"]
    assert rate["estimate"] < 0.01 < rate["high"]
    assert result.summary["estimated_false_discovery_rate"] is None


def test_the_files_of_a_scan_are_written(tmp_path: Path, train: Path, benchmark: str) -> None:
    make_sketch([train], tmp_path / "s.sketch")
    result = scan_sketch([tmp_path / "s.sketch"], [benchmark], command=["auditor", "scan", "-o", "x", "s.sketch"])
    result.write(tmp_path / "out")
    assert (tmp_path / "out" / "matches.jsonl").read_bytes() == b""
    findings = json.loads((tmp_path / "out" / "findings.json").read_text())["findings"]
    assert [f["fingerprint"] for f in findings] == [f.fingerprint for f in result.findings]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["command"] == ["auditor", "scan", "s.sketch"]
    assert summary["inputs"][f"sketch {tmp_path / 's.sketch'}"].startswith("blake2b-256:")
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "an estimated" in report
    assert "item-0 " in report


def test_items_that_cannot_be_judged_are_counted_by_reason(tmp_path: Path) -> None:
    shared = "Read the following statement and say whether it is true or false now"
    file = write_lines(
        tmp_path / "b.jsonl",
        [{"question": "Too short this?", "answer": "yes"}, {"question": f"{shared}?", "answer": "yes"},
         {"question": f"{shared} {ITEMS[0].question}", "answer": "no"}],
    )  # fmt: skip
    data = write_lines(tmp_path / "a.jsonl", [{"text": t} for t in HOSTS[:5]])
    make_sketch([data], tmp_path / "s.sketch", fraction=ALL)
    facts = scan_sketch([tmp_path / "s.sketch"], [f"b={file}"]).summary["benchmarks"]["b"]
    assert facts["items_not_judgeable"] == {"too_short": 1, "no_ngram_of_its_own": 1}
    make_sketch([data], tmp_path / "thin.sketch", fraction=Fraction(1, 1_000_000))
    facts = scan_sketch([tmp_path / "thin.sketch"], [f"b={file}"]).summary["benchmarks"]["b"]
    assert facts["items_judgeable"] == 0
    assert facts["contaminated_rate"] is None


def test_merging_is_associative_and_the_same_as_sketching_at_once(tmp_path: Path, train: Path) -> None:
    def path(name: str) -> Path:
        return tmp_path / f"{name}.sketch"

    files = sorted(train.iterdir())
    for name, part in (("a", files[:1]), ("b", files[1:3]), ("c", files[3:])):
        make_sketch(part, path(name))
    make_sketch([train], path("whole"))
    merge_sketches([path("a"), path("b")], path("ab"))
    merge_sketches([path("ab"), path("c")], path("left"))
    merge_sketches([path("c"), path("b")], path("cb"))
    merge_sketches([path("cb"), path("a")], path("right"))
    assert path("left").read_bytes() == path("right").read_bytes() == path("whole").read_bytes()


def test_sketches_that_differ_are_neither_merged_nor_compared(tmp_path: Path, benchmark: str) -> None:
    a = write_lines(tmp_path / "a.jsonl", [{"text": t} for t in HOSTS[:9]])
    b = write_lines(tmp_path / "b.jsonl", [{"text": t} for t in HOSTS[9:18]])
    (tmp_path / "key").write_bytes(bytes(range(32)))
    make_sketch([a], tmp_path / "a.sketch")
    others = {
        r"fraction \(1/10 and 1/50\)": {"fraction": Fraction(1, 50)},
        r"ngram_size \(6 and 8\)": {"size": 8},
        r"key \(public and secret \w+\)": {"key": secret_key(tmp_path / "key")},
        "reading": {"reading": ReadOptions(block_bytes=1 << 20)},
    }
    for message, options in others.items():
        make_sketch([b], tmp_path / "b.sketch", **options)  # type: ignore[arg-type]
        with pytest.raises(InputError, match=message):
            merge_sketches([tmp_path / "a.sketch", tmp_path / "b.sketch"], tmp_path / "c.sketch")
        with pytest.raises(InputError, match=message):
            scan_sketch([tmp_path / "a.sketch", tmp_path / "b.sketch"], [benchmark])
    assert not (tmp_path / "c.sketch").exists()
    with pytest.raises(InputError, match="count twice"):
        merge_sketches([tmp_path / "a.sketch", tmp_path / "a.sketch"], tmp_path / "c.sketch")


def test_a_key_is_needed_to_see_anything(tmp_path: Path, train: Path, benchmark: str) -> None:
    (tmp_path / "key").write_bytes(bytes(range(32)))
    (tmp_path / "other").write_bytes(bytes(32))
    (tmp_path / "short").write_bytes(b"secret")
    key = secret_key(tmp_path / "key")
    make_sketch([train], tmp_path / "s.sketch", key=key)
    make_sketch([train], tmp_path / "p.sketch")
    assert not grams(tmp_path / "s.sketch").keys() & grams(tmp_path / "p.sketch").keys()
    assert scan_sketch([tmp_path / "s.sketch"], [benchmark], key=key).findings
    for wrong in (None, secret_key(tmp_path / "other")):
        with pytest.raises(InputError, match=r"another key.*--key"):
            scan_sketch([tmp_path / "s.sketch"], [benchmark], key=wrong)
    with pytest.raises(InputError, match="leave -b and --key out"):
        verify_sketch(tmp_path / "p.sketch", [train], key)
    with pytest.raises(InputError, match="6 bytes and needs at least 16"):
        secret_key(tmp_path / "short")
    with pytest.raises(InputError, match="cannot read the key file"):
        secret_key(tmp_path / "nowhere")


def test_a_sketch_fits_its_data_and_no_other(tmp_path: Path, train: Path) -> None:
    sketch, key = tmp_path / "s.sketch", public_key()
    make_sketch([train], sketch, reading=ReadOptions(block_bytes=8192))
    assert verify_sketch(sketch, [train], key).problems == ()
    lines = (train / "a.jsonl").read_bytes().split(b"\n")
    (train / "a.jsonl").write_bytes(b"\n".join([*lines[:-2], lines[-2].replace(b"the ", b"one "), b""]))
    problems = "; ".join(verify_sketch(sketch, [train], key).problems)
    assert "a.jsonl holds other records than the sketch says (first in its block" in problems
    assert "n-grams of the data are not in the sketch" in problems
    (train / "a.jsonl").rename(train / "f.jsonl")
    problems = "; ".join(verify_sketch(sketch, [train], key).problems)
    assert "a.jsonl is in the sketch and not in the data" in problems
    assert "f.jsonl is in the data and not in the sketch" in problems


def test_forged_counts_are_noticed(tmp_path: Path, train: Path) -> None:
    sketch, key = tmp_path / "s.sketch", public_key()
    make_sketch([train], sketch)
    whole_file = sketch.read_bytes()

    def more(contents: Any, parts: list[Any]) -> Any:
        return contents, [(h, c + np.uint64(1)) for h, c in parts]

    def fewer(contents: Any, parts: list[Any]) -> Any:
        return contents, [(h[7:], c[7:]) for h, c in parts]

    def added(contents: Any, parts: list[Any]) -> Any:
        return contents, [(np.concatenate([[np.uint64(5)], h]), np.concatenate([[np.uint64(1)], c])) for h, c in parts]

    for change, message in (
        (more, "have another count"),
        (fewer, "7 n-grams of the data are not in"),
        (added, "1 n-grams of the sketch are not in"),
    ):
        sketch.write_bytes(whole_file)
        rewritten(sketch, change)
        assert message in "; ".join(verify_sketch(sketch, [train], key).problems)
    # what does not even fit itself needs no data to show
    sketch.write_bytes(whole_file)
    total = SketchFile(sketch).contents.total
    resealed(sketch, f'"total":{total}'.encode(), f'"total":{total + 1}'.encode())
    with pytest.raises(InputError, match="counts do not add up"):
        grams(sketch)
    sketch.write_bytes(whole_file)
    root = SketchFile(sketch).contents.root.hex().encode()
    resealed(sketch, root, root[::-1])
    with pytest.raises(InputError, match="its root is not that of its blocks"):
        SketchFile(sketch)


def test_records_can_be_proven_one_by_one(tmp_path: Path, train: Path) -> None:
    sketch, key = tmp_path / "s.sketch", public_key()
    made = make_sketch([train], sketch, reading=ReadOptions(block_bytes=8192))
    leaves = sum(s.leaves for s in made.contents.sources)
    # the last one is of the text file
    numbers = sorted({*challenge(made.seal, "a word", leaves, 40), leaves - 1})
    proof = prove(sketch, [train], numbers, key)
    (tmp_path / "proof.json").write_text(json.dumps(proof))
    proof = read_proof(tmp_path / "proof.json")
    assert check_proof(sketch, proof, key, numbers) == []
    assert {p["kind"] for p in proof["proofs"]} == {"line", "fields", "piece"}
    assert (
        "records that were asked for are not proven"
        in check_proof(sketch, {**proof, "proofs": proof["proofs"][1:]}, key, numbers)[0]
    )

    first = proof["proofs"][0]
    assert "is not in the data that the sketch commits to" in check_proof(
        sketch, {**proof, "proofs": [{**first, "content": "e30="}]}, key)[0]  # fmt: skip
    moved = {**first, "record": first["record"] + 1}
    assert check_proof(sketch, {**proof, "proofs": [moved]}, key)
    assert "its seal" in check_proof(sketch, {**proof, "seal": "00"}, key)[0]
    for broken in ({"record": 10**9}, {"content": "*"}, {"kind": "other"}, {"path": ["x"]}, {"record": None}):
        with pytest.raises(InputError, match="the proof is damaged"):
            check_proof(sketch, {**proof, "proofs": [{**first, **broken}]}, key)
    with pytest.raises(InputError, match=f"it has 0 to {leaves - 1}"):
        prove(sketch, [train], [leaves], key)


def test_a_sketch_that_leaves_ngrams_out_fails_its_proofs(tmp_path: Path, train: Path) -> None:
    sketch, key = tmp_path / "s.sketch", public_key()
    make_sketch([train], sketch)
    rewritten(sketch, lambda contents, parts: (contents, [(h[::2], c[::2]) for h, c in parts]))
    proof = prove(sketch, [train], [0, 1], key)
    assert all("are not in the sketch" in problem for problem in check_proof(sketch, proof, key))
    assert check_proof(sketch, proof, key)


def test_data_that_changed_cannot_be_proven(tmp_path: Path, train: Path) -> None:
    sketch, key = tmp_path / "s.sketch", public_key()
    make_sketch([train], sketch)
    text = (train / "a.jsonl").read_text(encoding="utf-8")
    (train / "a.jsonl").write_text(text.replace("the", "one"), encoding="utf-8")
    with pytest.raises(InputError, match="the data changed since"):
        prove(sketch, [train], [0], key)
    with pytest.raises(InputError, match="not among the sources"):
        prove(sketch, [train / "b.jsonl.gz"], [0], key)


def test_what_is_no_sketch_or_no_whole_one_is_refused(tmp_path: Path, train: Path) -> None:
    sketch = tmp_path / "s.sketch"
    make_sketch([train], sketch)
    data = sketch.read_bytes()
    assert is_sketch(sketch)
    assert not is_sketch(tmp_path / "nowhere")
    for cut in (4, 20, len(data) // 2, len(data) - 1):
        sketch.write_bytes(data[:cut])
        with pytest.raises(InputError, match="damaged"):
            SketchFile(sketch)
    for place in range(8, len(data), len(data) // 50):
        sketch.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(InputError, match="its checksum does not fit"):
            SketchFile(sketch)
    sketch.write_bytes(data.replace(b"\x89", b"?", 1))
    with pytest.raises(InputError, match="sent as text"):
        SketchFile(sketch)
    sketch.write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="is no sketch"):
        SketchFile(sketch)
    with pytest.raises(InputError, match="cannot read the sketch"):
        SketchFile(tmp_path / "nowhere")
    sketch.write_bytes(data)
    with pytest.raises(SourceError, match="a sketch of a training set"):
        make_sketch([sketch], tmp_path / "t.sketch")


def test_other_versions_are_refused_by_name(tmp_path: Path, train: Path) -> None:
    sketch = tmp_path / "s.sketch"
    make_sketch([train], sketch)
    data = sketch.read_bytes()
    resealed(sketch, b'"version":1', b'"version":9')
    with pytest.raises(IndexVersionError, match=r"has version 9 .* reads 1"):
        SketchFile(sketch)
    for old, new in (
        (b'"text_version":1', b'"text_version":7'),
        (b"siphash-2-4/56", b"siphash-1-3/56"),
        (b"fracminhash", b"scaledminha"),
    ):
        sketch.write_bytes(data)
        resealed(sketch, old, new)
        with pytest.raises(IndexVersionError, match="use the version that wrote it"):
            SketchFile(sketch)
    for old, new in (
        (b'"fraction":[1,10]', b'"fraction":[9,10]'),
        (b'"fraction":[1,10]', b'"fraction":[1,00]'),
        (b'"records"', b'"rekords"'),
    ):
        sketch.write_bytes(data)
        resealed(sketch, old, new)
        try:
            file = SketchFile(sketch)
        except InputError as error:
            assert "damaged" in str(error)  # noqa: PT017
        else:
            assert file.contents.parameters.fraction == Fraction(9, 10)


def test_hostile_payloads_are_refused(tmp_path: Path, train: Path) -> None:
    sketch = tmp_path / "s.sketch"
    make_sketch([train], sketch)
    data = sketch.read_bytes()

    def high(contents: Any, parts: list[Any]) -> Any:
        return contents, [(h + np.uint64(1 << 55), c) for h, c in parts]

    def twice(contents: Any, parts: list[Any]) -> Any:
        return contents, [*parts, *parts]

    for change in (high, twice):
        sketch.write_bytes(data)
        rewritten(sketch, change)
        with pytest.raises(InputError, match="out of order or out of range"):
            grams(sketch)
    sketch.write_bytes(data)
    header = int.from_bytes(data[8:12], "little")
    for new in (bytes(20), b"\xff" * 20, (10**6).to_bytes(4, "little") * 5):
        body = bytearray(data[:-32])
        body[12 + header : 32 + header] = new
        sketch.write_bytes(bytes(body) + hashlib.blake2b(bytes(body), digest_size=32).digest())
        with pytest.raises(InputError, match="damaged"):
            grams(sketch)
    assert data.startswith(MAGIC)


def test_what_cannot_be_read_is_said_in_the_sketch(tmp_path: Path, benchmark: str) -> None:
    folder = tmp_path / "train"
    write_lines(folder / "a.jsonl", [{"text": t} for t in HOSTS[:9]])
    with (folder / "a.jsonl").open("ab") as file:
        file.write(b'{"text": \n{"other": 1}\n')
    (folder / "b.jsonl").write_bytes(b"\x00\x01\x02" * 50)
    made = make_sketch([folder], tmp_path / "s.sketch")
    assert made.contents.skipped == {"invalid_json": 1, "no_text_field": 1, "unreadable": 1}
    assert made.contents.records == 9
    assert not made.contents.complete
    result = scan_sketch([tmp_path / "s.sketch"], [benchmark])
    assert not result.summary["complete"]
    result.write(tmp_path / "out")
    assert "This sketch is incomplete" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")


def test_nothing_to_sketch_is_an_error(tmp_path: Path) -> None:
    empty = write_lines(tmp_path / "a.jsonl", [{"number": 1}])
    with pytest.raises(NoRecordsError, match=r"no_text_field.*--text-field"):
        make_sketch([empty], tmp_path / "s.sketch")
    (tmp_path / "b.jsonl").write_bytes(b"\x00\x01\x02" * 50)
    with pytest.raises(SourceError, match="binary"):
        make_sketch([tmp_path / "b.jsonl"], tmp_path / "s.sketch")
    assert not (tmp_path / "s.sketch").exists()


def test_calls_that_are_wrong_say_so(tmp_path: Path) -> None:
    for text, message in (
        ("x", "such as 1/10"),
        ("0", "above 0"),
        ("2", "at most 1"),
        ("1/0", "such as 1/10"),
        ("1/12345678", "denominator"),
    ):
        with pytest.raises(InputError, match=message):
            fraction_of(text)
    assert fraction_of("0.1") == fraction_of("1/10")
    data = write_lines(tmp_path / "a.jsonl", [{"text": HOSTS[0]}])
    with pytest.raises(InputError, match="from 2 to 32"):
        make_sketch([data], tmp_path / "s.sketch", size=1)
    with pytest.raises(InputError, match="no directory"):
        make_sketch([data], tmp_path / "nowhere" / "s.sketch")
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        make_sketch([data], tmp_path / "taken")
    for name, content, message in (
        ("p", b"{", "no JSON"),
        ("q", b"[]", "no proof of version"),
        ("r", b'{"proof_version": 9}', "no proof of version"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=message):
            read_proof(tmp_path / name)
    with pytest.raises(InputError, match="cannot read the proof"):
        read_proof(tmp_path / "nowhere")
