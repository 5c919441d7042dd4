"""A baseline hides what people accepted, and nothing else; and it cannot be left half filled in."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.baseline import PLACEHOLDER, Accepted, Baseline, apply_baseline, read_baseline, write_baseline
from auditor.errors import InputError, OutputError
from auditor.findings import merge_matches
from auditor.types import Finding, Match, Verdict
from tests.cleaning.corpus import benchmark, lines, records, run, scan, shape, summary, write

if TYPE_CHECKING:
    from pathlib import Path

FINDING = Finding("data/question", "error", "contaminated", "a.jsonl", "title", "message", fingerprint="0" * 32)


def entry(**values: object) -> dict[str, object]:
    return {"fingerprint": "0" * 32, "reason": "a quotation", **values}


@pytest.mark.parametrize("name", ["accepted.toml", "accepted.json"])
def test_a_first_baseline_has_to_be_filled_in(tmp_path: Path, name: str) -> None:
    train = write(tmp_path, records(), "jsonl")
    path = tmp_path / name
    before = scan(tmp_path, train, "run", "--write-baseline", path)
    with pytest.raises(InputError, match=r"entry 1 .*never filled in"):
        scan(tmp_path, train, "no", "--baseline", path)
    assert not (tmp_path / "no").exists(), "refused before the scan"
    with pytest.raises(OutputError, match="is there already"):
        scan(tmp_path, train, "no", "--write-baseline", path)
    path.write_text(path.read_text().replace(PLACEHOLDER, "our own tutorial, see <b>#12</b>"))
    words = ("scan", train, "-b", benchmark(tmp_path), "-o", tmp_path / "hidden", "--baseline", path)
    assert run(*words) == 0
    assert run(*words[:-2]) == 1
    assert run(*words) == 0
    said = summary(tmp_path / "hidden")
    assert (said["baseline"]["hidden"], said["baseline"]["stale"]) == (4, [])
    assert said["benchmarks"] == summary(before)["benchmarks"], "what is there is there"
    findings = json.loads((tmp_path / "hidden/findings.json").read_bytes())["findings"]
    assert [finding["baseline"] for finding in findings] == [{"reason": "our own tutorial, see <b>#12</b>"}] * 4
    report = (tmp_path / "hidden/report.md").read_text()
    assert "accepts 4 findings" in report
    assert "<summary>Accepted by the baseline: 4</summary>" in report
    assert "see &lt;b&gt;" in report
    assert "## The findings" not in report


def test_what_is_new_still_fails_and_what_is_gone_is_stale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = write(tmp_path, records()[:6], "jsonl")
    path = tmp_path / "accepted.toml"
    scan(tmp_path, train, "run", "--write-baseline", path)
    path.write_text(path.read_text().replace(PLACEHOLDER, "quoted") + f'\n[[accepted]]\n{"fingerprint"} = "{"f" * 32}"\n'
                    'reason = "long gone"\ndate = 2026-01-31\nauthor = "mk"\n')  # fmt: skip
    words = ("scan", train, "-b", benchmark(tmp_path), "-o", tmp_path / "hidden", "--baseline", path)
    assert run(*words) == 0
    (stale,) = summary(tmp_path / "hidden")["baseline"]["stale"]
    assert stale == {"fingerprint": "f" * 32, "reason": "long gone", "date": "2026-01-31", "author": "mk"}
    assert "Stale entries of the baseline: 1" in (tmp_path / "hidden/report.md").read_text()
    # rows above move the known ones, and a copy of an item with other words in it is new
    other = {
        **shape("question", 0),
        "question": str(shape("question", 0)["question"]).replace("half as many", "half of"),
    }
    train.write_bytes(lines([shape("question", 3), *records()[:6]]))
    assert run(*words) == 0, "fingerprints do not know row numbers"
    train.write_bytes(lines([*records()[:6], other]))
    assert run(*words) == 1, "the accepted reason was for another text"
    train.rename(tmp_path / "renamed.jsonl")
    assert run("scan", tmp_path / "renamed.jsonl", *words[2:]) == 1, "the file's name is part of a fingerprint"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"accepted": []}, "must say version = 1"),
        ({"version": 2}, "must say version = 1"),
        ([], "must say version = 1"),
        ({"version": 1, "accepted": {}}, "accepted must be a list"),
        ({"version": 1, "acepted": []}, "acepted means nothing here"),
        ({"version": 1, "accepted": ["x"]}, "entry 1 must be a table"),
        ({"version": 1, "accepted": [entry(reason=" ")]}, "has no reason"),
        ({"version": 1, "accepted": [{"fingerprint": "0" * 32}]}, "has no reason"),
        (
            {"version": 1, "accepted": [entry(), entry(fingerprint="1" * 32, reason="todo")]},
            "entry 2 .*never filled in",
        ),
        ({"version": 1, "accepted": [entry(fingerprint="xyz")]}, "32 hexadecimal digits"),
        ({"version": 1, "accepted": [entry(reason=3)]}, "reason must be text, not 3"),
        ({"version": 1, "accepted": [entry(why="x")]}, "entry 1: why means nothing here"),
        ({"version": 1, "accepted": [entry(), entry()]}, "entries 1 and 2 have one fingerprint"),
    ],
)
def test_broken_baselines(tmp_path: Path, document: object, words: str) -> None:
    path = tmp_path / "b.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=words):
        read_baseline(path)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the baseline"):
        read_baseline(tmp_path / "nothing.toml")
    for name, kind in (("b.toml", "TOML"), ("b.json", "JSON")):
        (tmp_path / name).write_text("{")
        with pytest.raises(InputError, match=f"is not valid {kind}"):
            read_baseline(tmp_path / name)
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InputError, match="is not valid TOML"):
        read_baseline(tmp_path / "b.toml")


def test_only_what_is_named_is_hidden() -> None:
    other = replace(FINDING, fingerprint="1" * 32)
    accepted = Accepted("0" * 32, "why", date="2026-01-31")
    applied = apply_baseline([FINDING, other], Baseline("b", (accepted, Accepted("2" * 32, "gone"))))
    assert [f.baseline for f in applied.findings] == [{"reason": "why", "date": "2026-01-31"}, None]
    assert (applied.hidden, [e.fingerprint for e in applied.stale]) == (1, ["2" * 32])
    assert Finding.from_json(applied.findings[0].to_json()) == applied.findings[0]


@given(st.text(max_size=30))
def test_any_title_can_be_written(tmp_path_factory: pytest.TempPathFactory, title: str) -> None:
    path = tmp_path_factory.mktemp("b") / "b.toml"
    assert write_baseline(path, [replace(FINDING, title=title)]) == 1
    (row,) = tomllib.loads(path.read_text(encoding="utf-8"))["accepted"]
    assert row["fingerprint"] == FINDING.fingerprint


def test_what_a_fingerprint_knows() -> None:
    match = Match("data/a.jsonl", 7, "text", "b", "test", "1", "ngram", 0.9, Verdict.CONTAMINATED, True, (0, 9), (0, 9),
                  "some words", "some words", "why")  # fmt: skip

    def of(**changes: object) -> str:
        return merge_matches([replace(match, **changes)])[0].fingerprint  # type: ignore[arg-type]

    same = of()
    assert same == of(row=99) == of(score=0.5, verdict=Verdict.REVIEW) == of(source="elsewhere/a.jsonl")
    assert same == of(train_excerpt="Some   WORDS!") == of(reason="other", field="prompt")
    assert len({same, of(source="data/b.jsonl"), of(item_id="2"), of(benchmark="c"), of(train_excerpt="others")}) == 5
