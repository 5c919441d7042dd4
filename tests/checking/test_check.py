"""The check as a whole: what lines of evidence say together, verdicts, baselines, and the files that are written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from auditor import check_entries, check_entry
from auditor.baseline import write_baseline
from auditor.errors import InputError
from auditor.report.files import read_matches, read_run

from .board import BOARD, ENTRIES, EXAMPLE, POLICY, SCORES, checkout, entry

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.checking.check import CheckResult

STRONGER = "check/outlier-on-contaminated-benchmark"


@pytest.fixture(scope="module")
def example() -> CheckResult:
    return check_entries(list(ENTRIES.values()), board=BOARD, policy=POLICY, root=EXAMPLE)


def test_the_three_entries_of_the_example(example: CheckResult) -> None:
    assert [e.verdict for e in example.entries] == ["pass", "block", "review"]
    assert (example.verdict, example.complete) == ("block", True)


def test_a_score_and_data_on_one_benchmark_are_a_finding_of_their_own(example: CheckResult) -> None:
    clean, contaminated, outlier = example.entries
    assert contaminated.findings[0].rule_id == STRONGER
    about = contaminated.findings[0].evidence
    assert (about["benchmark"], about["items"], about["effect"], about["line"]) == ("Orchard", 5, "block", 11)
    assert contaminated.together == (
        f"Orchard: the score is {about['excess']:.1f} points above expectation, and 5 of its items are in the training "
        "data. The two support each other.",
    )
    assert contaminated.questions[0].startswith("Ask for the score without the contaminated items")
    assert STRONGER not in {f.rule_id for f in outlier.findings}
    assert outlier.together == (
        "Lantern: the score is above expectation. Its items were not looked for in the training sets, so that the two "
        "cannot be compared.",
    )
    assert clean.together == ("No line of evidence adds to another.",)


def test_data_without_a_score_and_a_score_without_data(tmp_path: Path) -> None:
    base = checkout(tmp_path)
    ordinary = (base / "entries" / "contaminated.yaml").read_text().replace("84.4", "41.0")
    found = check_entry(entry(base / "entries", ordinary), board=BOARD, policy=base / "policy.toml", root=base)
    assert found.verdict == "block"
    assert STRONGER not in {f.rule_id for f in found.findings}
    assert found.together[0].startswith(
        "Orchard: 5 of its items are in the training data, and its score is not above expectation."
    )
    none = "\n".join(line for line in ordinary.splitlines() if "benchmark: Orchard" not in line)
    found = check_entry(entry(base / "entries", none), board=BOARD, policy=base / "policy.toml", root=base)
    assert found.together == ("Orchard: 5 of its items are in the training data; no score on it could be judged.",)
    high = (base / "entries" / "clean.yaml").read_text().replace("55.0", "93.0")
    found = check_entry(entry(base / "entries", high), board=BOARD, policy=base / "policy.toml", root=base)
    assert found.together == (
        "Orchard: the score is above expectation. None of its items is in the sets that the entry names: these do not "
        "explain it, sets not named might.",
    )
    gone = high.replace("clean.jsonl", "gone.jsonl")
    found = check_entry(entry(base / "entries", gone), board=BOARD, policy=base / "policy.toml", root=base)
    assert not found.complete
    assert "Its items were not looked for in the training sets" in found.together[0]
    silent = high.partition("training_sets")[0]
    found = check_entry(entry(base / "entries", silent), board=BOARD, policy=base / "policy.toml", root=base)
    assert found.together[0].endswith("The entry names no training set in which its items could be looked for.")


def test_a_high_score_with_parts_of_items_or_a_set_that_was_read_in_part(tmp_path: Path) -> None:
    base = checkout(tmp_path)
    high = (base / "entries" / "clean.yaml").read_text().replace("55.0", "93.0")
    path = entry(base / "entries", high)
    item = json.loads((base / "orchard.jsonl").read_text().splitlines()[4])
    with (base / "data" / "clean.jsonl").open("a") as file:
        file.write(json.dumps({"text": f"{item['question'][:100]} and so they did."}) + "\n")
    found = check_entry(path, board=BOARD, policy=base / "policy.toml", root=base)
    assert "1 of its items have something like them in the training data" in found.together[0]
    (base / "data" / "clean.jsonl").write_text('{"text": "the ferry leaves at dawn"}\n{broken\n')
    found = check_entry(path, board=BOARD, policy=base / "policy.toml", root=base)
    assert found.together[0].endswith("None of its items was found in what could be scanned; not everything could.")


def test_an_outlier_with_a_flagged_ancestor_or_a_doubtful_size(tmp_path: Path) -> None:
    flagged = tmp_path / "flagged.txt"
    flagged.write_text("made-up-maple/Wren-base\n")
    text = "model: a/b-13b\nparams_b: 1.8\nbase_model: made-up-maple/Wren-base\n" \
        "scores: {Orchard: 35, Lantern: 90, Harbour: 57}\n"  # fmt: skip
    found = check_entry(entry(tmp_path, text), board=BOARD, flagged=flagged, root=tmp_path)
    assert any("may be inherited" in s for s in found.together)
    assert any("settle the count first" in s for s in found.together)


def test_what_is_written(example: CheckResult, tmp_path: Path) -> None:
    example.write(tmp_path / "out")
    names = sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file())
    pages = [e.page for e in example.entries]
    assert names == sorted(["findings.json", "matches.jsonl", "report.html", "report.md", "summary.json", *pages])
    run = read_run(tmp_path / "out")
    assert run.command == "check"
    assert list(run.findings) == example.findings
    assert run.summary["command"] == "check"
    told = run.summary["entries"][1]
    assert list(told)[:7] == ["entry", "model", "verdict", "complete", "findings", "evidence", "page"]
    assert list(told["evidence"]) == ["scores", "data", "lineage", "disclosure", "consistency"]
    assert told["evidence"]["data"]["status"] == "found"
    assert told["blocked_by"] == {STRONGER: 1, "data/question-and-answer": 5}
    assert run.summary["policy"]["benchmarks"]["required"] == ["Orchard", "Lantern", "Harbour"]
    assert {i["what"] for i in run.summary["inputs"]} == {"entry", "board", "policy"}
    assert len({m.item_id for m in read_matches(run.matches_path or "")}) == 5
    report = (tmp_path / "out" / "report.md").read_text()
    assert report.startswith("🔴 **BLOCK**: 3 entries checked, 1 block, 1 review, 1 pass.\n")


def test_equal_runs_give_equal_bytes_and_no_file_of_an_earlier_run_stays(example: CheckResult, tmp_path: Path) -> None:
    again = check_entries(list(ENTRIES.values()), board=BOARD, policy=POLICY, root=EXAMPLE)
    example.write(tmp_path / "one")
    again.write(tmp_path / "two")
    for path in (tmp_path / "one").rglob("*.*"):
        assert (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes() == path.read_bytes()
    check_entries([entry(tmp_path, "model: a/b-7b\n" + SCORES)], board=BOARD, root=tmp_path).write(tmp_path / "two")
    assert not (tmp_path / "two" / "matches.jsonl").exists()


def test_one_entry_has_its_page_as_the_report(tmp_path: Path) -> None:
    result = check_entries([ENTRIES["contaminated"]], board=BOARD, policy=POLICY, root=EXAMPLE)
    result.write(tmp_path)
    page = tmp_path / result.entries[0].page
    assert (tmp_path / "report.md").read_text() == page.read_text()
    assert page.read_text().startswith(
        "🔴 **BLOCK** `made-up-larch/Bittern-3.1B`. Do not merge it as it stands: 6 findings"
    )


def test_pages_of_entries_with_like_names_are_apart(tmp_path: Path) -> None:
    paths = []
    for name in ("a b.yaml", "a-b.json", "A-B.yaml", "…"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        text = '{"model": "a/b"}' if name.endswith("json") else "model: a/b\n"
        if name == "…":
            (tmp_path / name).mkdir()
            path = entry(tmp_path / name, text, "….yaml")
        else:
            path = entry(tmp_path, text, name)
        paths.append(path)
    result = check_entries(paths, root=tmp_path)
    pages = [e.page.lower() for e in result.entries]
    assert len(set(pages)) == 4
    assert all(p.isascii() and " " not in p for p in pages)


def test_an_accepted_finding_counts_for_nothing_and_a_stale_entry_is_told(example: CheckResult, tmp_path: Path) -> None:
    outlier = example.entries[2]
    path = tmp_path / "baseline.toml"
    write_baseline(path, outlier.findings)
    text = path.read_text().replace("TODO: say why this is accepted", "run again by us, the score stands")
    path.write_text(text + f'\n[[accepted]]\nfingerprint = "{"0" * 32}"\nreason = "gone"\n')
    result = check_entries([ENTRIES["outlier"]], board=BOARD, policy=POLICY, root=EXAMPLE, baseline=path)
    (found,) = result.entries
    assert found.verdict == "pass"
    assert all(f.baseline and f.evidence["effect"] == "pass" for f in found.findings)
    assert found.together == ("No line of evidence adds to another.",)
    told = result.summary["baseline"]
    assert (told["hidden"], [s["reason"] for s in told["stale"]]) == (len(found.findings), ["gone"])
    result.write(tmp_path / "out")
    report = (tmp_path / "out" / "report.md").read_text()
    assert "run again by us, the score stands" in report
    assert "1 of its 3 entries are stale" in report


def test_a_baseline_that_accepts_the_items_takes_the_stronger_finding_away(tmp_path: Path) -> None:
    plain = check_entry(ENTRIES["contaminated"], board=BOARD, policy=POLICY, root=EXAMPLE)
    path = tmp_path / "baseline.toml"
    write_baseline(path, [f for f in plain.findings if f.rule_id.startswith("data/")])
    path.write_text(path.read_text().replace("TODO: say why this is accepted", "a quiz page, removed since"))
    found = check_entry(ENTRIES["contaminated"], board=BOARD, policy=POLICY, root=EXAMPLE, baseline=path)
    assert STRONGER not in {f.rule_id for f in found.findings}
    assert found.verdict == "review"  # the score alone


def test_fingerprints_are_apart_and_stay_when_the_entry_moves(tmp_path: Path) -> None:
    text = "model: a/b\nscores:\n  - {benchmark: MMLU, score: 60}\n  - {benchmark: MMLU, score: 66}\n  - {benchmark: MMLU, score: 70}\n"
    first = check_entry(entry(tmp_path, text), root=tmp_path)
    prints = [f.fingerprint for f in first.findings]
    assert len(set(prints)) == len(prints)
    assert all(len(p) == 32 for p in prints)
    moved = check_entry(entry(tmp_path, "# a comment\n" + text, "other.yaml"), root=tmp_path)
    assert [f.fingerprint for f in moved.findings] == prints


def test_all_entries_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    one, two = entry(tmp_path, "a: 1\na: 2\n", "one.yaml"), entry(tmp_path, "x\n", "two.md")
    with pytest.raises(InputError) as error:
        check_entries([one, ENTRIES["clean"], two, tmp_path / "::error::.yaml"], root=tmp_path)
    lines = str(error.value).splitlines()
    assert lines[0] == "3 entries cannot be read:"
    assert all(line.startswith("- ") for line in lines[1:])
    assert "one.yaml, line 2" in lines[1]
    assert "two.md" in lines[2]


def test_an_entry_that_is_named_twice_is_checked_once() -> None:
    assert len(check_entries([ENTRIES["clean"], str(ENTRIES["clean"])], root=EXAMPLE).entries) == 1


def test_a_board_that_is_loaded_already_is_taken_as_it_is() -> None:
    from auditor.scores.config import ScoresConfig
    from auditor.scores.loaders import load_raw
    from auditor.scores.resolve import resolve_table

    table = resolve_table(load_raw(BOARD), ScoresConfig())
    loaded = check_entry(ENTRIES["outlier"], board=table, policy=POLICY, root=EXAMPLE)
    assert loaded.to_json() == check_entry(ENTRIES["outlier"], board=BOARD, policy=POLICY, root=EXAMPLE).to_json()


def test_the_example_is_made_by_its_script(tmp_path: Path) -> None:
    import subprocess
    import sys

    base = checkout(tmp_path)
    made = ["board.csv", "data/clean.jsonl", "data/contaminated.jsonl"]
    for name in made:
        (base / name).unlink()
    subprocess.run([sys.executable, base / "make.py"], check=True)
    for name in made:
        assert (base / name).read_bytes() == (EXAMPLE / name).read_bytes()
    assert json.loads((base / "orchard.jsonl").read_text().splitlines()[0])["id"] == "orchard-0"
