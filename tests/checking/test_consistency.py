"""What in an entry does not fit together, each in an entry written for it."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from auditor import check_entry
from auditor.errors import InputError

from .board import BOARD, entry
from .test_readers import LM_EVAL, document

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.checking.check import EntryCheck


def rules(found: EntryCheck) -> list[str]:
    return sorted({f.rule_id for f in found.evidence["consistency"].findings})


def check(folder: Path, text: str, policy: str = "", board: Path | None = None) -> EntryCheck:
    (folder / "policy.toml").write_text("[disclosure]\nrequired = []\n" + policy, encoding="utf-8")
    return check_entry(entry(folder, text), policy=folder / "policy.toml", board=board, root=folder)


def only(found: EntryCheck, rule: str) -> dict[str, object]:
    assert rules(found) == [rule]
    (one,) = found.evidence["consistency"].findings
    return dict(one.evidence)


def test_an_entry_that_fits_together(tmp_path: Path) -> None:
    found = check(tmp_path, "model: a/b-7b\nparams_b: 7.6\nscores: {MMLU: 60, ARC: 55}\naverage: 57.5\n")
    assert (rules(found), found.verdict, found.complete) == ([], "pass", True)


def test_two_scores_on_one_benchmark(tmp_path: Path) -> None:
    text = "model: a/b\nscores:\n  - {benchmark: MMLU, score: 60}\n  - {benchmark: mmlu (5-shot), score: 66}\n"
    about = only(check(tmp_path, text), "consistency/contradicting-scores")
    assert (about["scores"], about["line"], about["key"]) == ([60.0, 66.0], 4, "scores[1]")
    # another number of shots is another score, and a hundredth is rounding
    fine = "model: a/b\nscores:\n  - {benchmark: MMLU, score: 60}\n  - {benchmark: MMLU, score: 66, shots: 5}\n"
    assert rules(check(tmp_path, fine)) == []
    fine = "model: a/b\nscores:\n  - {benchmark: MMLU, score: 60.1}\n  - {benchmark: MMLU, score: 60.11}\n"
    assert rules(check(tmp_path, fine)) == []


def test_scores_that_are_none_leave_the_check_incomplete(tmp_path: Path) -> None:
    found = check(tmp_path, "model: a/b\nscores: {MMLU: about 60, ARC: 160, GSM8K: 50}\n")
    assert rules(found) == ["consistency/score-not-a-number", "consistency/score-out-of-range"]
    assert found.missing == (
        "MMLU: the score on MMLU is no number: 'about 60'", "ARC: the score on ARC is 160",
    )  # fmt: skip
    assert (found.verdict, found.complete) == ("review", False)


def test_shares_among_points(tmp_path: Path) -> None:
    about = only(check(tmp_path, "model: a/b\nscores: {MMLU: 0.6, ARC: 55, GSM8K: 0}\n"), "consistency/mixed-scale")
    assert about["benchmarks"] == ["MMLU"]
    # of a benchmark without choices half a point is a score like others
    assert rules(check(tmp_path, "model: a/b\nscores: {MMLU: 26, ARC: 30, GSM8K: 0.6}\n")) == []
    half = check(tmp_path, "model: a/b\nscores: {GSM8K: 0.6, House: 51}\n")
    assert only(half, "consistency/mixed-scale")["benchmarks"] == ["GSM8K"]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("scores: {MMLU: 60, ARC: 50}\naverage: 55\n", False),
        ("scores: {MMLU: 60, ARC: 50}\naverage: 58\n", True),
        ("scores: {MMLU: 60, ARC: 50, Average: 62}\n", True),
        ("scores: {MMLU: 0.6, ARC: 0.5}\naverage: 0.55\n", False),
        ("scores: {MMLU: 60}\naverage: 70\n", False),
        ("scores: {MMLU: 60, ARC: 50}\naverage: none\n", False),
    ],
)
def test_an_average_that_is_not_that_of_the_scores(tmp_path: Path, text: str, wrong: bool) -> None:
    assert rules(check(tmp_path, f"model: a/b\n{text}")) == (["consistency/average"] if wrong else [])


def test_a_number_of_items_that_is_not_the_benchmarks(tmp_path: Path) -> None:
    text = "model: a/b\nscores:\n  - {benchmark: GSM8K, score: 60, items: %s}\n"
    assert rules(check(tmp_path, text % 1319)) == []
    assert only(check(tmp_path, text % 500), "consistency/item-count")["known"] == [1319]
    # the policy's number takes the catalog's place; of a benchmark that nobody knows nothing is said
    assert rules(check(tmp_path, text % 500, "[benchmarks.items]\ngsm8k = 500\n")) == []
    assert rules(check(tmp_path, text.replace("GSM8K", "House") % 500)) == []


def test_an_lm_eval_run_over_a_part_of_a_benchmark(tmp_path: Path) -> None:
    document(tmp_path, LM_EVAL, "run.json")
    found = check_entry(tmp_path / "run.json", root=tmp_path)
    about = [f for f in found.evidence["consistency"].findings if f.rule_id == "consistency/item-count"]
    assert [(f.evidence["benchmark"], f.evidence["items"], f.evidence["items_of"]) for f in about] == [
        ("GSM8K", 100, 1319),
        ("MMLU", 352, 352),  # two of its 57 subjects
    ]
    assert "100 items of the 1,319 that its harness had" in about[0].title


def test_shots_and_task_hashes_beside_the_policys(tmp_path: Path) -> None:
    policy = '[benchmarks.shots]\nmmlu = 5\n[benchmarks.task_hashes]\nMMLU = "aa"\n'
    text = "model: a/b\nscores:\n  - {benchmark: MMLU, score: 60, shots: %s, task_hash: %s}\n"
    assert rules(check(tmp_path, text % (5, "aa"), policy)) == []
    found = check(tmp_path, text % (0, "bb"), policy)
    assert rules(found) == ["consistency/shots", "consistency/task-hash"]
    assert [f.evidence["expected"] for f in found.evidence["consistency"].findings] == [[5], ["aa"]]


def rows_of_the_board() -> list[dict[str, str]]:
    with BOARD.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def with_columns(folder: Path, **more: list[str]) -> Path:
    """The example's board with other columns."""
    rows = rows_of_the_board()
    path = folder / "board.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*rows[0], *more])
        writer.writeheader()
        for number, row in enumerate(rows):
            writer.writerow(row | {k: v[number % len(v)] for k, v in more.items()})
    return path


def test_shots_beside_the_boards_own(tmp_path: Path) -> None:
    board = with_columns(tmp_path, shots=["5"])
    text = "model: a/b\nparams_b: 7\nscores:\n  - {benchmark: Orchard, score: 50, shots: %s}\n"
    assert rules(check(tmp_path, text % 5, board=board)) == []
    found = check(tmp_path, text % 0, board=board)
    assert only(found, "consistency/shots")["expected"] == [5]
    # and a score that was got as no other was is not judged by the others
    assert found.missing == ("Orchard: got by other means (shots 0) than any five comparable scores",)


@pytest.mark.parametrize(
    ("model", "params", "fits"),
    [
        ("a/b-7b", 7.2, True), ("a/gemma-2-2b", 2.6, True), ("a/b-7b", 13, False), ("a/b-70b", 7, False),
        ("a/b-30b-a3b", 3.3, True), ("a/b-8x7b", 46.7, True), ("a/b", 13, True), ("a/b-350m", 0.35, True),
    ],
)  # fmt: skip
def test_a_parameter_count_beside_the_name(tmp_path: Path, model: str, params: float, fits: bool) -> None:
    found = check(tmp_path, f"model: {model}\nparams_b: {params}\n")
    assert rules(found) == ([] if fits else ["consistency/size-differs-from-name"])


def test_a_parameter_count_beside_its_base_and_its_architecture(tmp_path: Path) -> None:
    board = with_columns(tmp_path, architecture=["OakForCausalLM"])
    base = "made-up-birch/Finch-34B"
    assert base in board.read_text()
    text = f"model: a/b\nparams_b: 7\nbase_model: {base}\n"
    assert only(check(tmp_path, text, board=board), "consistency/size-differs-from-base")["base_b"] == 34.0
    # of a merge no parent's size is expected
    assert rules(check(tmp_path, text.replace(base, f"[{base}, x/y]"), board=board)) == []
    text = "model: a/b\nparams_b: 700\narchitecture: oakforcausallm\n"
    about = only(check(tmp_path, text, board=board), "consistency/size-differs-from-architecture")
    assert (about["low_b"], about["high_b"], about["rows"]) == (0.5, 70.4, 60)
    assert rules(check(tmp_path, text.replace("oak", "fir"), board=board)) == []


def test_a_model_that_the_board_has_with_another_score(tmp_path: Path) -> None:
    row = rows_of_the_board()[0]
    said = f"model: {row['model']}\nparams_b: {row['params_b']}\nscores: {{Orchard: %s}}\n"
    assert rules(check(tmp_path, said % row["Orchard"], board=BOARD)) == []
    other = float(row["Orchard"]) + 9
    about = only(check(tmp_path, said % other, board=BOARD), "consistency/differs-from-board")
    assert about["board"] == float(row["Orchard"])
    # another precision is another row
    board = with_columns(tmp_path, precision=["4bit"])
    assert rules(check(tmp_path, said % other + "precision: bfloat16\n", board=board)) == []


def test_a_key_that_means_nothing_is_a_note_at_its_line(tmp_path: Path) -> None:
    found = check(tmp_path, "model: a/b\ntraining_set: x\n")
    about = only(found, "consistency/unknown-key")
    assert (about["unknown"], about["key"], about["line"]) == ("training_set", "training_set", 2)
    assert found.verdict == "pass"


def test_a_map_without_a_board_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no board was given"):
        check_entry(entry(tmp_path, "model: a/b\n"), mapping={"model": "Name"}, root=tmp_path)
