"""Lines of evidence against the example's board: scores, training sets, lineage, disclosure."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest

from auditor import check_entries, check_entry
from auditor.errors import InputError

from .board import BOARD, ENTRIES, EXAMPLE, POLICY, SAID, SCORES, checkout, entry
from .test_readers import mteb

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Hub

    from auditor.checking.check import EntryCheck

QUIET = "[disclosure]\nrequired = []\n"


def check(folder: Path, text: str, policy: str = QUIET, **options: object) -> EntryCheck:
    (folder / "policy.toml").write_text(policy, encoding="utf-8")
    return check_entry(entry(folder, text), policy=folder / "policy.toml", root=folder, **options)


def rules(found: EntryCheck, kind: str) -> list[str]:
    return [f.rule_id for f in found.evidence[kind].findings]


# scores


def test_the_outlier_of_the_example_is_found_and_its_other_scores_are_not() -> None:
    found = check_entry(ENTRIES["outlier"], board=BOARD, policy=POLICY, root=EXAMPLE)
    rows = {r["benchmark"]: r for r in found.evidence["scores"].facts["judged"]}
    assert {name: r["verdict"] for name, r in rows.items()} == {
        "Orchard": "none",
        "Lantern": "strong",
        "Harbour": "none",
    }
    assert rows["Lantern"]["expected"] == pytest.approx(46.4, abs=1)
    (outlier,) = found.evidence["scores"].findings
    assert (outlier.rule_id, outlier.subject) == ("score/outlier", "made-up-poplar/Whimbrel-1.8B")
    assert (outlier.evidence["key"], outlier.evidence["line"]) == ("scores[1]", 12)
    assert len(outlier.fingerprint) == 32


def test_an_entry_is_left_out_of_the_fit_that_judges_it(tmp_path: Path) -> None:
    outlier = "model: made-up-wren/Odd-2B\nparams_b: 2\nscores: {Orchard: 35, Lantern: %s, Harbour: 57}\n"
    expected = [
        check(tmp_path, outlier % score, board=BOARD).evidence["scores"].facts["judged"][1]["expected"]
        for score in (45, 95)
    ]
    assert expected[0] == expected[1]
    # also where the board lists it already: its own row has no say
    with BOARD.open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    board = tmp_path / "board.csv"
    with board.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([*rows, ["made-up-wren/Odd-2B", "2", "", "", "35", "95", "57"]])
    listed = check(tmp_path, outlier % 95, board=board).evidence["scores"].facts["judged"][1]
    assert listed["expected"] == expected[0]


def test_an_entrys_verdict_does_not_depend_on_the_others(tmp_path: Path) -> None:
    alone = check_entry(ENTRIES["clean"], board=BOARD, policy=POLICY, root=EXAMPLE)
    among = check_entries(list(ENTRIES.values()), board=BOARD, policy=POLICY, root=EXAMPLE).entries[0]
    assert among.to_json() == alone.to_json()


def test_a_score_that_is_unusual_for_one_entry_alone(tmp_path: Path) -> None:
    policy = QUIET + "[scores]\nreview_q = 1e-12\nstrong_q = 1e-13\nentry_p = %s\n"
    text = "model: made-up-wren/Odd-2B\nparams_b: 2\nscores: {Orchard: 35, Lantern: 88, Harbour: 57}\n"
    found = check(tmp_path, text, policy % 0.01, board=BOARD)
    assert rules(found, "scores") == ["check/unusual-for-one-entry"]
    about = found.findings[0].evidence
    assert (about["benchmark"], about["effect"]) == ("Lantern", "review")
    assert about["p_of_entry"] == pytest.approx(3 * about["p_value"], rel=0.01)
    assert rules(check(tmp_path, text, policy % 0.0, board=BOARD), "scores") == []


def test_a_size_from_the_name_is_used_and_said_or_the_score_is_not_judged(tmp_path: Path) -> None:
    text = "model: a/thing-7b\n" + SCORES
    found = check(tmp_path, text, board=BOARD)
    assert found.complete
    assert "Size taken from the model's name" in found.evidence["scores"].says
    strict = check(tmp_path, text, QUIET + "[scores]\nsizes_from_names = false\n", board=BOARD)
    assert strict.missing == ("Orchard: size unknown", "Lantern: size unknown", "Harbour: size unknown")
    assert (strict.verdict, strict.evidence["scores"].status) == ("review", "incomplete")


def test_what_the_policy_judges_is_judged_and_no_more(tmp_path: Path) -> None:
    text = "model: a/b-7b\nscores: {Orchard: 55, Lantern: 62, House: 10}\n"
    found = check(tmp_path, text, QUIET + "[benchmarks]\njudge = ['lantern', 'House']\n", board=BOARD)
    assert [r["benchmark"] for r in found.evidence["scores"].facts["judged"]] == ["Lantern"]
    assert found.missing == ("House: the board has no such benchmark",)
    every = check(tmp_path, text, board=BOARD)
    assert every.complete
    assert every.evidence["scores"].facts["not_on_the_board"] == ["House"]


def test_nothing_to_judge_is_said(tmp_path: Path) -> None:
    none = check(tmp_path, "model: a/b-7b\nscores: {House: 10}\n", board=BOARD)
    assert none.missing == ("none of its 1 scores is on a benchmark of the board that is judged",)
    assert check(tmp_path, "model: a/b-7b\n", board=BOARD).evidence["scores"].status == "not_asked"
    without = check(tmp_path, "model: a/b-7b\n" + SCORES)
    assert (without.evidence["scores"].status, without.verdict) == ("not_asked", "pass")


def test_a_low_score_is_a_note_and_passes(tmp_path: Path) -> None:
    found = check(tmp_path, "model: a/b-7b\nscores: {Orchard: 55, Lantern: 3, Harbour: 70}\n", board=BOARD)
    assert ("score/low-outlier", "pass") in [(f.rule_id, f.evidence["effect"]) for f in found.findings]
    assert (found.verdict, found.evidence["scores"].status) == ("pass", "clear")


# training sets


def test_items_in_a_training_set_block_and_point_at_the_entry(tmp_path: Path) -> None:
    found = check_entry(ENTRIES["contaminated"], policy=POLICY, root=EXAMPLE)
    assert found.verdict == "block"
    data = found.evidence["data"]
    assert data.facts["benchmarks"]["Orchard"] == {"contaminated_items": 5, "review_items": 0, "items": 16}
    assert {f.evidence["item_id"] for f in data.findings} == {f"orchard-{n}" for n in (1, 4, 9, 12, 15)}
    about = data.findings[0]
    assert (about.rule_id, about.subject) == ("data/question-and-answer", "data/contaminated.jsonl")
    assert (about.evidence["source"], about.evidence["key"], about.evidence["line"]) == (
        "data/contaminated.jsonl", "training_sets[0]", 15,
    )  # fmt: skip
    assert about.evidence["entry"] == str(ENTRIES["contaminated"])
    assert str(EXAMPLE) not in json.dumps([f.to_json() for f in data.findings]).replace(
        str(ENTRIES["contaminated"]), ""
    )
    assert {m.source for m in found.matches} == {"data/contaminated.jsonl"}


def test_fewer_items_than_the_policy_blocks_at_are_for_review(tmp_path: Path) -> None:
    base = checkout(tmp_path)
    policy = (base / "policy.toml").read_text() + "[data]\nblock_items = 6\n"
    (base / "policy.toml").write_text(policy)
    found = check_entry(base / "entries" / "contaminated.yaml", policy=base / "policy.toml", root=base)
    assert found.verdict == "review"


def test_a_benchmark_from_the_command_line_takes_the_place_of_the_policys(tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    rows = [
        {"id": n, "question": f"What did the {n}th of the old cartographers engrave beneath the compass rose?"}
        for n in range(5)
    ]
    other.write_text("".join(json.dumps(r) + "\n" for r in rows))
    result = check_entries([ENTRIES["contaminated"]], policy=POLICY, root=EXAMPLE, benchmarks=[f"Orchard={other}"])
    assert result.summary["benchmarks"]["Orchard"]["items"] == 5
    assert result.entries[0].evidence["data"].facts["benchmarks"]["Orchard"]["contaminated_items"] == 0


def test_a_set_that_cannot_be_read_is_never_a_pass(tmp_path: Path) -> None:
    base = checkout(tmp_path)
    sets = [
        "../data/gone.jsonl",
        "org/hub-set",
        "https://example.org/x.jsonl",
        "../../out.jsonl",
        "/etc/passwd",
        "../data/notes.bin",
    ]
    (base / "data" / "notes.bin").write_bytes(bytes(range(256)))
    text = "model: a/b-7b\ntraining_sets:\n" + "".join(f"  - {s}\n" for s in sets)
    path = entry(base / "entries", text)
    found = check_entry(path, policy=base / "policy.toml", root=base)
    facts = found.evidence["data"].facts
    assert (facts["named"], facts["scanned"], facts["not_scanned"]) == (6, 0, 6)
    assert [s["status"] for s in facts["sets"]] == [
        "not_scanned",
        "not_scanned",
        "refused",
        "refused",
        "refused",
        "not_scanned",
    ]
    assert not found.complete
    assert found.verdict == "review"
    assert len(found.evidence["data"].missing) == 6
    refused = [f for f in found.findings if f.rule_id == "check/training-set-refused"]
    assert [f.evidence["line"] for f in refused] == [5, 6, 7]
    # the policy may say that such a set is no more than a note
    (base / "policy.toml").write_text((base / "policy.toml").read_text() + '[data]\nunreadable = "note"\n')
    noted = check_entry(path, policy=base / "policy.toml", root=base)
    assert noted.complete
    assert {f.severity for f in noted.evidence["data"].findings} == {"note"}


def test_ten_thousand_training_sets_are_capped_and_that_is_said(tmp_path: Path) -> None:
    base = checkout(tmp_path)
    for n in range(30):
        (base / "data" / f"{n}.jsonl").write_text(json.dumps({"text": f"the ferry number {n} leaves at dawn"}) + "\n")
    sets = [f"../data/{n}.jsonl" for n in range(10_000)]
    path = entry(base / "entries", "model: a/b-7b\ntraining_sets:\n" + "".join(f"  - {s}\n" for s in sets))
    (base / "policy.toml").write_text((base / "policy.toml").read_text() + "[data]\nmax_sets = 3\n")
    found = check_entry(path, policy=base / "policy.toml", root=base)
    facts = found.evidence["data"].facts
    assert (facts["named"], facts["scanned"], facts["not_scanned"]) == (10_000, 3, 9_997)
    assert len(facts["sets"]) <= 100
    assert not found.complete
    assert len(found.evidence["data"].findings) <= 22
    assert found.missing[-2:] == (
        "950 training sets more: 950 × there is no such file or folder",
        "9,027 training sets more: the policy scans at most 3 sets of one entry (max_sets)",
    )


def test_limits_of_bytes_and_seconds_leave_it_incomplete(tmp_path: Path) -> None:
    base = checkout(tmp_path)
    path = entry(base / "entries", "model: a/b-7b\ntraining_sets: [../data/clean.jsonl, ../data/contaminated.jsonl]\n")
    plain = (base / "policy.toml").read_text()
    (base / "policy.toml").write_text(plain + "[data]\nmax_bytes = 100\n")
    found = check_entry(path, policy=base / "policy.toml", root=base)
    statuses = [(s["set"], s["status"]) for s in found.evidence["data"].facts["sets"]]
    assert statuses[1] == ("data/contaminated.jsonl", "not_scanned")
    assert "max_bytes is used up" in found.missing[-1]
    assert not found.complete
    (base / "policy.toml").write_text(plain + "[data]\nmax_seconds = 1e-9\n")
    found = check_entry(path, policy=base / "policy.toml", root=base)
    assert [s["status"] for s in found.evidence["data"].facts["sets"]] == ["not_scanned", "not_scanned"]
    assert all("max_seconds are used up" in m for m in found.missing)


def test_a_large_set_is_scanned_until_the_limit(tmp_path: Path) -> None:
    base = checkout(tmp_path)
    line = json.dumps({"text": "the ferry leaves at dawn " * 400}) + "\n"
    with (base / "data" / "large.jsonl").open("w") as file:
        file.write((base / "data" / "contaminated.jsonl").read_text())
        file.writelines(line for _ in range(8000))
    path = entry(base / "entries", "model: a/b-7b\ntraining_sets: [../data/large.jsonl]\n")
    (base / "policy.toml").write_text((base / "policy.toml").read_text() + "[data]\nmax_bytes = 1000\n")
    found = check_entry(path, policy=base / "policy.toml", root=base)
    (only,) = found.evidence["data"].facts["sets"]
    # whether it was stopped in time depends on the machine; whatever was not read is said
    if only["status"] == "partly_scanned":
        assert "max_bytes was reached" in only["reason"]
        assert not found.complete
    else:
        assert (only["status"], found.complete) == ("scanned", True)


def test_a_broken_record_makes_a_set_scanned_in_part(tmp_path: Path) -> None:
    base = checkout(tmp_path)
    with (base / "data" / "contaminated.jsonl").open("a") as file:
        file.write("{broken\n")
    found = check_entry(base / "entries" / "contaminated.yaml", policy=base / "policy.toml", root=base)
    (only,) = found.evidence["data"].facts["sets"]
    assert (only["status"], only["reason"]) == ("partly_scanned", "some of it could not be read: 1 × invalid json")
    assert (found.verdict, found.complete) == ("block", False)


def test_one_set_under_two_names_is_scanned_once(tmp_path: Path) -> None:
    base = checkout(tmp_path)
    path = entry(base / "entries", "model: a/b-7b\ntraining_sets: [../data/clean.jsonl, ./../data/clean.jsonl]\n")
    found = check_entry(path, policy=base / "policy.toml", root=base)
    assert [s["status"] for s in found.evidence["data"].facts["sets"]] == ["scanned", "same"]
    assert found.complete


def test_a_url_that_the_policy_lists_is_scanned(tmp_path: Path, hub: Hub) -> None:
    base = checkout(tmp_path)
    hub.add("org/set", {"train.jsonl": (EXAMPLE / "data" / "contaminated.jsonl").read_bytes()})
    url = f"{hub.endpoint}/datasets/org/set/resolve/main/train.jsonl"
    path = entry(base / "entries", f"model: a/b-7b\ntraining_sets: [{url}]\n")
    plain = (base / "policy.toml").read_text()
    refused = check_entry(path, policy=base / "policy.toml", root=base)
    assert refused.evidence["data"].facts["sets"][0]["status"] == "refused"
    assert not hub.requests
    (base / "policy.toml").write_text(f'{plain}[data]\nallowed_urls = ["{hub.endpoint}/datasets/org/"]\n')
    found = check_entry(path, policy=base / "policy.toml", root=base)
    assert found.evidence["data"].facts["benchmarks"]["Orchard"]["contaminated_items"] == 5
    assert {f.subject for f in found.evidence["data"].findings} == {url}


def test_no_benchmark_to_look_for_is_said(tmp_path: Path) -> None:
    found = check(tmp_path, SAID)
    assert found.evidence["data"].status == "not_asked"
    assert "none was scanned, as no benchmark to look for was given" in found.evidence["data"].says
    assert found.complete


def test_a_training_set_that_is_named_like_a_benchmark(tmp_path: Path) -> None:
    found = check_entry(mteb(tmp_path), root=tmp_path)
    (about,) = found.evidence["data"].findings
    assert about.rule_id == "check/declared-training-on-benchmark"
    assert about.evidence["benchmark"] == "Banking77Classification"
    card = "---\ndatasets: [openai/gsm8k]\nmodel-index:\n  - name: a/b\n    results:\n" \
        "      - dataset: {type: openai/gsm8k}\n        metrics: [{type: acc, value: 50}]\n---\n"  # fmt: skip
    found = check_entry(entry(tmp_path, card, "README.md"), root=tmp_path)
    assert "check/declared-training-on-benchmark" in rules(found, "data")


# lineage


def test_a_flagged_ancestor_is_found_through_the_board(tmp_path: Path) -> None:
    flagged = tmp_path / "flagged.csv"
    flagged.write_text("model,comment\nmade-up-maple/Wren-base,held test items\n")
    text = "model: a/b-7b\nbase_model: made-up-maple/Wren-0.5B\n"
    found = check(tmp_path, text, board=BOARD, flagged=flagged)
    (about,) = found.evidence["lineage"].findings
    assert about.rule_id == "lineage/flagged-ancestor"
    assert about.evidence["path"] == ["a/b-7b", "made-up-maple/Wren-0.5B", "made-up-maple/Wren-base"]
    assert (about.evidence["line"], about.evidence["key"]) == (2, "base_model")
    assert "held test items" in about.message
    assert found.verdict == "review"


def test_a_merge_parent_and_the_model_itself(tmp_path: Path) -> None:
    flagged = tmp_path / "flagged.txt"
    flagged.write_text("bad/parent\nbad/self\n")
    parent = check(tmp_path, "model: a/b\nmerged_from: [good/one, bad/parent]\n", flagged=flagged)
    assert rules(parent, "lineage") == ["lineage/flagged-ancestor", "lineage/unknown-base"]
    assert [f.evidence["line"] for f in parent.findings] == [2, 2]
    itself = check(tmp_path, "model: BAD/self\n", flagged=flagged)
    assert rules(itself, "lineage") == ["lineage/flagged-model"]
    assert itself.verdict == "block"
    clean = check(tmp_path, "model: a/b\nbase_model: none\n", flagged=flagged)
    assert (rules(clean, "lineage"), clean.evidence["lineage"].says) == ([], "It names no base model.")


def test_a_copy_of_a_flagged_model_is_known_by_its_scores(tmp_path: Path) -> None:
    with BOARD.open(encoding="utf-8") as file:
        row = list(csv.DictReader(file))[3]
    flagged = tmp_path / "flagged.txt"
    flagged.write_text(row["model"] + "\n")
    scores = ", ".join(f"{b}: {row[b]}" for b in ("Orchard", "Lantern", "Harbour"))
    found = check(tmp_path, f"model: a/copy\nparams_b: 3.2\nscores: {{{scores}}}\n", board=BOARD, flagged=flagged)
    (about,) = found.evidence["lineage"].findings
    assert (about.evidence["kind"], about.evidence["flagged"]) == ("copy", row["model"])


def test_unknown_base_models_are_a_note(tmp_path: Path) -> None:
    text = "model: a/b-7b\nbase_model: who/knows\n"
    found = check(tmp_path, text, board=BOARD)
    assert rules(found, "lineage") == ["lineage/unknown-base"]
    assert (found.verdict, found.evidence["lineage"].status) == ("pass", "clear")
    assert found.evidence["lineage"].says == "Nothing is known here of its base model."
    assert rules(check(tmp_path, text, QUIET + "[lineage]\nnote_unknown = false\n", board=BOARD), "lineage") == []
    assert check(tmp_path, text).evidence["lineage"].status == "not_asked"


# disclosure


def test_what_is_asked_for_and_not_said(tmp_path: Path) -> None:
    policy = """[benchmarks]
required = ["Orchard", "mmlu"]
[disclosure]
required = ["params_b", "base_model", "training_sets", "license", "links", "scores", "scores.shots", "scores.items"]
"""
    text = "model: a/b\nlicense: TBD\nscores:\n  - {benchmark: Orchard, score: 55, shots: 5}\n"
    found = check(tmp_path, text, policy)
    said = [
        (f.rule_id, f.evidence.get("field", f.evidence.get("benchmark"))) for f in found.evidence["disclosure"].findings
    ]
    assert said == [
        ("disclosure/missing", "params_b"), ("disclosure/missing", "base_model"), ("disclosure/missing", "training_sets"),
        ("disclosure/missing", "license"), ("disclosure/missing", "links"), ("disclosure/missing", "scores.items"),
        ("disclosure/missing-score", "mmlu"),
    ]  # fmt: skip
    lines = {
        f.evidence["field"]: f.evidence["line"] for f in found.evidence["disclosure"].findings if "field" in f.evidence
    }
    assert (lines["license"], lines["params_b"], lines["scores.items"]) == (2, 1, 4)
    full = """model: a/b
params_b: 7
base_model: none
training_sets: [x.jsonl]
license: mit
links: {home: https://example.org}
scores:
  - {benchmark: Orchard, score: 55, shots: 5, items: 16}
  - {benchmark: MMLU, score: 55, shots: 5, items: 14042}
"""
    assert rules(check(tmp_path, full, policy), "disclosure") == []
    assert check(tmp_path, full, QUIET).evidence["disclosure"].status == "not_asked"


def test_a_root_that_is_no_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a directory"):
        check_entry(entry(tmp_path, SAID), root=tmp_path / "entry.yaml")
    with pytest.raises(InputError, match="at least one entry"):
        check_entries([])
