"""What the rephrase measurements are built from: the counts, the sets, the paper's threshold, and the page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from auditor.types import Match, Verdict
from benchmarks.places import RESULTS, ROOT, SHARED
from benchmarks.rephrase import SHOWN, SURE, counted, f1, of_part
from benchmarks.rephrase_page import page, table
from benchmarks.rephrase_paper import CORRECTED, MISSED, STRICT, average_precision, best_f1
from benchmarks.rephrase_sets import (
    OVERLAPS,
    REPHRASED,
    Row,
    all_sets,
    bare_question,
    clean_rows,
    coded_rows,
    file_rows,
    inside_rows,
    is_right,
    items_of,
    lines,
    mgsm_rows,
    plain,
    planted,
    same_items,
    subject_items,
    subject_rows,
    texts_of,
)  # fmt: skip
from benchmarks.rephrase_speed import instruction_rows, sentences

if TYPE_CHECKING:
    from pathlib import Path

needs_data = pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="the shared data is not beside the clone")


def match(row: int, item_id: str, verdict: str = "contaminated", benchmark: str = "gsm8k") -> Match:
    return Match("train.jsonl", row, "text", benchmark, "", item_id, "rephrase", 0.99, Verdict(verdict), False, (0, 1),
                 (0, 1), "", "", "", "user", {"kind": "rephrase"})  # fmt: skip


def rows(*truths: str | None, part: str = "") -> list[Row]:
    return [Row({"text": "-"}, None if truth is None else ("gsm8k", truth), i, part) for i, truth in enumerate(truths)]


def test_f1_is_that_of_precision_and_recall() -> None:
    precision, recall = 8 / 10, 8 / 16
    assert f1(8, 2, 16) == pytest.approx(2 * precision * recall / (precision + recall))
    assert f1(0, 3, 5) == 0.0
    assert f1(5, 0, 5) == 1.0


@needs_data
def test_a_wrong_item_is_a_miss_and_a_false_call() -> None:
    given = rows("0", "1", "2", None, None)
    called = [match(0, "0"), match(0, "7"), match(1, "5"), match(2, "2", "review"), match(3, "9")]
    assert counted(called, given, SURE) == {"found": 1, "of": 3, "wrong": 2, "wrong_clean": 1, "f1": 0.333}
    assert counted(called, given, SHOWN) == {"found": 2, "of": 3, "wrong": 2, "wrong_clean": 1, "f1": 0.571}
    # of the even half: row 1 is neither wanted nor wrong
    half = counted(called, given, SHOWN, only=frozenset({0, 2, 3, 4}))
    assert half == {"found": 2, "of": 2, "wrong": 1, "wrong_clean": 1, "f1": 0.8}


@needs_data
def test_a_part_is_counted_among_the_same_clean_rows() -> None:
    given = [*rows("0", "1", part="a"), *rows("2", part="b"), *rows(None), *rows(None, None, part="variants")]
    called = [match(0, "0"), match(2, "5"), match(3, "9"), match(4, "3"), match(5, "3", "review")]
    assert of_part(called, given, "a")["contaminated"] == {"found": 1, "of": 2, "wrong": 1, "wrong_clean": 1, "f1": 0.5}
    assert of_part(called, given, "b")["contaminated"]["f1"] == 0.0
    assert of_part(called, given, "variants") == {"rows": 2, "called_contaminated": 1, "called_either": 2}


def test_the_best_threshold_weighs_negatives() -> None:
    positives, negatives = [3.0, 2.0, 0.5, MISSED], [1.0, MISSED, MISSED]
    assert best_f1(positives, negatives, 1.0) == pytest.approx((3 / 4, 0.5))
    assert best_f1(positives, negatives, 4.0) == pytest.approx((2 / 3, 2.0))
    # an empty one is found whatever the threshold, one that is never shown is never found
    assert best_f1([float("inf"), MISSED], [], 1.0) == pytest.approx((2 / 3, float("inf")))
    assert best_f1([MISSED], [0.0], 1.0) == (0.0, MISSED)


def test_average_precision_gives_no_credit_for_ties() -> None:
    assert average_precision([4, 3, 2, 1], [True, False, True, False]) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([MISSED] * 4, [True, False, False, True]) == pytest.approx(1 / 2)
    assert average_precision([1.0], [False]) == 0.0


def test_texts_are_put_into_the_middle() -> None:
    around = ["One. Two.", "Three. Four. Five. Six.", "Seven."]
    assert planted(around, "HERE?", "paragraph").split("\n\n") == [around[0], "HERE?", *around[1:]]
    assert planted(around, "HERE?", "sentences").split("\n\n")[1] == "Three. Four. HERE? Five. Six."


def test_labels_and_answers_are_cut_off() -> None:
    assert bare_question("Question: How many\nin all?\nAnswer: \n#### 3") == "How many\nin all?"
    assert bare_question("Question: \nAnswer: \n#### 3") == ""
    assert bare_question("How many?\nAnswer: 3") == "How many?"
    assert plain(" What  IS it?: ") == "what is it"
    assert sentences("One. Two!\n\nThree") == ["One.", "Two!", "Three"]
    assert sentences("") == [""]


def test_lines_of_other_kinds_end_no_row(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a\u2028b"}\n\n{"text": null}\n', encoding="utf-8")
    assert lines(tmp_path / "a.jsonl") == [{"text": "a\u2028b"}, {"text": None}]
    assert texts_of(tmp_path / "a.jsonl") == ["a\u2028b", ""]


def test_a_table_has_as_many_cells_as_its_head() -> None:
    assert list(table(["a", "b"], [[1, 2.5]])) == ["| a | b |", "|:--|--:|", "| 1 | 2.5 |"]


@needs_data
def test_the_same_question_with_other_options_is_another_item() -> None:
    generic = next(i for i in items_of("mmlu") if i.item_id == "abstract_algebra/92")
    assert plain(generic.question) == "which of the following statements is true"
    assert same_items("mmlu")["abstract_algebra/92"] == {"abstract_algebra/92"}
    twins = [ids for ids in same_items("mmlu").values() if len(ids) > 1]
    assert 50 < len(twins) < 400
    row = Row({"text": "-"}, ("mmlu", "abstract_algebra/92"), 0)
    assert is_right(row, "mmlu", "abstract_algebra/92")
    assert not is_right(row, "mmlu", "high_school_macroeconomics/52")
    assert not is_right(row, "gsm8k", "0")
    assert not is_right(Row({}, None, -1), "gsm8k", "0")


@needs_data
def test_a_row_that_overlaps_is_neither_wanted_nor_wrong() -> None:
    clean = clean_rows("alpaca dolly mbpp")
    overlapping = [row for row in clean if row.overlap is not None]
    assert len({row.overlap for row in overlapping}) == len(set(OVERLAPS.values()))
    assert all(item in {i.item_id for i in items_of(benchmark)} for benchmark, item in OVERLAPS.values())
    row = next(row for row in overlapping if row.overlap == ("mmlu", "astronomy/2"))
    called = [match(0, "astronomy/2", benchmark="mmlu")]
    nothing = {"found": 0, "of": 0, "wrong": 0, "wrong_clean": 0, "f1": 0.0}
    assert counted(called, [row], SURE) == nothing
    assert counted([match(0, "0")], [row], SURE) == {**nothing, "wrong": 1, "wrong_clean": 1}


@needs_data
@pytest.mark.parametrize(("subject", "count"), [("abstract_algebra", 100), ("sociology", 201)])
def test_rephrases_of_a_subject_are_aligned(subject: str, count: int) -> None:
    kind = "rephrase_english_filtered_question"
    assert len(subject_items(subject)) == count == len(texts_of(REPHRASED / f"mmlu/{subject}_test_{kind}.jsonl"))
    found = subject_rows(subject, kind)
    assert len(found) == count - 4
    asked = {item.item_id: set(plain(item.question).split()) for item in subject_items(subject)}

    def likeness(row: Row, shift: int) -> int:
        assert row.truth is not None
        item = f"{subject}/{(int(row.truth[1].rsplit('/', 1)[-1]) + shift) % count}"
        return len(asked[item] & set(plain(row.record["text"]).split()))

    # words in common with the own item, and with the neighbour's
    assert sum(likeness(row, 0) for row in found) > 1.5 * sum(likeness(row, 1) for row in found)


@needs_data
@pytest.mark.parametrize("language", ["de", "es", "zh"])
def test_translations_are_aligned_by_their_numbers(language: str) -> None:
    found = mgsm_rows(language)
    assert len(found) == 250
    answers = {item.item_id: item.answers[-1].replace(",", "") for item in items_of("gsm8k")}
    told = (REPHRASED / f"mgsm/mgsm_{language}.tsv").read_text("utf-8").split("\n")
    for row, line in zip(found, told, strict=False):
        assert row.truth is not None
        assert line.split("\t")[1].replace(",", "").strip() == answers[row.truth[1]]


@needs_data
def test_long_records_hold_their_rephrase_once() -> None:
    found = inside_rows("sentences", count=20)
    planted_rows = [row for row in found if row.truth is not None]
    assert len(planted_rows) == 20
    assert len(found) == 40
    texts = texts_of(REPHRASED / "gsm8k/rephrase_first660.jsonl")
    for row in planted_rows:
        assert row.number % 2 == 0
        assert row.record["text"].count(bare_question(texts[row.number])) == 1
        assert len(row.record["text"].split()) >= 300
    assert found == inside_rows("sentences", count=20)


@needs_data
def test_files_hold_their_program_once() -> None:
    found = file_rows()
    texts = texts_of(REPHRASED / "humaneval/humaneval_python.jsonl")
    planted_rows = [row for row in found if row.truth is not None]
    assert len(found) == 2 * len(planted_rows) > 100
    for row in planted_rows:
        assert row.number % 2 == 0
        assert row.truth == ("humaneval", f"HumanEval/{row.number}")
        text, own = (" ".join(each.split()) for each in (row.record["text"], texts[row.number]))
        assert text.startswith("class Solution:") == (row.number % 4 == 0)
        assert text.count(own) == 1
        assert text.index(own) > len("class Solution: ")
    assert found == file_rows()


@needs_data
def test_questions_stand_above_code() -> None:
    found = coded_rows(count=10)
    assert [row.truth is None for row in found] == [False, True] * 10
    assert ["```" in row.record["text"] for row in found] == [False, False, True, True] * 5
    assert all("def " in row.record["text"] for row in found)
    assert found == coded_rows(count=10)


@needs_data
def test_sets_are_read_with_and_without_the_folder(tmp_path: Path) -> None:
    assert not {"us history", "humaneval js"} & all_sets().keys()
    (tmp_path / "humaneval_js.jsonl").write_text('{"text": "function f() {}"}\n{"text": ""}\n{"text": "let a"}\n')
    history = tmp_path / "high_school_us_history_test_rephrase_english_filtered_question.jsonl"
    history.write_text('{"text": "Who?"}\n')
    sets = all_sets(tmp_path)
    programs = [row for row in sets["humaneval js"]().rows if row.truth is not None]
    assert [row.truth for row in programs] == [("humaneval", "HumanEval/0"), ("humaneval", "HumanEval/2")]
    assert sets["us history"]().rows[0].truth == ("mmlu", "high_school_us_history/0")
    assert sum(row.truth is not None for row in sets["gsm8k"]().rows) == 659  # one of 660 has no question
    plus = sets["gsm-plus"]().rows
    assert sum(row.truth is not None for row in plus) == 600
    assert len({row.part for row in plus}) == 9  # eight kinds, and the clean rows
    assert not any(row.truth for row in sets["alpaca"]().rows)


@needs_data
def test_no_text_of_the_speed_rows_stands_twice() -> None:
    made = instruction_rows(4000)
    assert len(made) == 4000
    assert made == instruction_rows(4000)
    real = {row["instruction"] for row in instruction_rows(2999)}
    spliced = [row for row in made if row["instruction"] not in real]
    assert len(spliced) == 1001
    assert len({row["instruction"] for row in spliced}) == len({row["output"] for row in spliced}) == 1001


@needs_data
def test_the_labels_that_are_called_wrong_are_what_they_are_said_to_be() -> None:
    labels = [any(pair["results"]) for pair in lines(REPHRASED / "codealpaca/humaneval_pairs.jsonl")]
    assert (len(labels), sum(labels)) == (31, 9)
    assert all(labels[pair] != right for pair, (right, _) in CORRECTED.items())
    assert all(labels[pair] for pair in STRICT)


def test_the_page_is_what_the_results_give() -> None:
    assert (ROOT / "benchmarks" / "rephrase.md").read_text(encoding="utf-8") == page()
    found: dict[str, Any] = json.loads((RESULTS / "rephrase.json").read_text(encoding="utf-8"))
    for name, one in found["sets"].items():
        assert one["set"] == name
        sure = one["contaminated"]
        assert sure["f1"] == round(f1(sure["found"], sure["wrong"], sure["of"]), 3)
