"""Columns matched by meaning, scales recognised, duplicates resolved, and the clear errors where that cannot be done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auditor.errors import InputError, NoRecordsError
from auditor.scores.columns import header_key, header_unit, parse_mapping
from auditor.scores.config import ScoresConfig
from auditor.scores.resolve import resolve_table
from auditor.scores.table import RawTable, ScoreTable


def resolve(columns: dict[str, list[Any]], **options: Any) -> ScoreTable:
    config = options.pop("config", ScoresConfig())
    return resolve_table(RawTable(columns, "board.csv", "0" * 64, "test"), config, **options)


def test_headers_lose_case_units_arrows_and_emoji() -> None:
    assert [header_key(h) for h in ("#Params (B)", "Average ⬆️", "params_b", "Model Size (B)", "Hub ❤️")] == [
        "params", "average", "params", "model size", "hub likes"]  # fmt: skip
    assert [header_unit(h) for h in ("Size (B)", "Size (M)", "params_b", "Size [in millions]", "Size")] == [
        1,
        1e-3,
        1,
        1e-3,
        None,
    ]


def test_scales_are_told_by_column() -> None:
    table = resolve({"model": ["a", "b", "c"], "params": [7, 8, 9], "MMLU": [61.0, 0.9, 70.0], "ARC": [0.5, 0.6, 1.0]})
    assert table.scores[:, 0] == pytest.approx([0.61, 0.009, 0.7])
    assert table.scores[:, 1] == pytest.approx([0.5, 0.6, 1.0])


def test_scores_out_of_range_and_text_are_counted_and_left_out() -> None:
    table = resolve(
        {"model": list("abcd"), "params": [7] * 4, "MMLU": ["61", "112", "-3", "great"], "ARC": [50, 51, 52, 53]}
    )
    assert table.skips == {"score_not_a_number": 1, "score_out_of_range": 2}
    assert np.isnan(table.scores[1:, 0]).all()
    assert {s.reason for s in table.skip_examples} == set(table.skips)
    assert "great" in next(s.detail for s in table.skip_examples if s.reason == "score_not_a_number")


def test_two_columns_that_could_be_mmlu_need_a_map() -> None:
    columns = {"model": ["a"], "MMLU": [60], "mmlu (0-shot)": [61], "params": [7]}
    with pytest.raises(InputError, match=r"2 columns could be MMLU.*--map MMLU=COLUMN"):
        resolve(columns)
    table = resolve(columns, mapping={"MMLU": "mmlu (0-shot)"})
    assert table.scores[0, table.benchmark_names.index("MMLU")] == pytest.approx(0.61)


def test_two_models_columns_and_two_size_columns() -> None:
    with pytest.raises(InputError, match="two columns could be params_b"):
        resolve({"model": ["a"], "Params": [7], "#Params (B)": [7], "MMLU": [60]})


def test_ten_thousand_columns_need_a_choice() -> None:
    columns: dict[str, list[Any]] = {"model": ["a", "b"], "params": [7, 8]} | {
        f"task {k}": [50, 51] for k in range(10_000)
    }
    with pytest.raises(InputError, match=r"10,002 columns.*--benchmark"):
        resolve(columns)
    table = resolve(columns, benchmarks=["task 7", "task 9"])
    assert table.benchmark_names == ("task 7", "task 9")


def test_missing_columns_are_named_with_what_there_is() -> None:
    with pytest.raises(InputError, match=r"no column that could be the model's name.*'thing'"):
        resolve({"thing": ["a"], "MMLU": [60]})
    with pytest.raises(InputError, match="no column that could be a benchmark"):
        resolve({"model": ["a"], "comment": ["x"]})
    with pytest.raises(InputError, match="has no benchmark 'GSM8K'"):
        resolve({"model": ["a"], "MMLU": [60], "params": [7]}, benchmarks=["GSM8K"])
    with pytest.raises(InputError, match="no column 'nope'"):
        resolve({"model": ["a"], "MMLU": [60]}, mapping={"params_b": "nope"})
    with pytest.raises(NoRecordsError, match="no rows"):
        resolve({"model": [], "MMLU": []})
    with pytest.raises(NoRecordsError, match="none of its 1 rows"):
        resolve({"model": [""], "MMLU": [60]})
    with pytest.raises(InputError, match="not NAME=COLUMN"):
        parse_mapping(["MMLU"])
    assert parse_mapping(["MMLU=a=b"]) == {"MMLU": "a=b"}


def test_no_size_column_is_a_note_and_sizes_are_not_taken_from_names_unasked() -> None:
    columns = {"model": ["a/x-7b", "a/y"], "MMLU": [60, 61]}
    table = resolve(columns)
    assert np.isnan(table.params_b).all()
    assert any("no column of sizes" in n for n in table.notes)
    asked = resolve(columns, config=ScoresConfig(sizes_from_names=True))
    assert asked.params_b[0] == 7.0
    assert "model's name" in asked.size_notes[0]
    assert np.isnan(asked.params_b[1])


def test_sizes_of_every_spelling_in_one_column() -> None:
    table = resolve(
        {
            "model": list("abcdef"),
            "Size": ["7B", "8x7B", "350M", "1.1e9", "large", 13],
            "MMLU": [50 + k for k in range(6)],
        }
    )
    assert table.params_b[:4] == pytest.approx([7.0, 46.7, 0.35, 1.1])
    assert table.active_b[1] == pytest.approx(12.9)
    assert np.isnan(table.params_b[4])
    assert table.skips == {"size_not_a_number": 1}
    assert resolve({"model": ["a"], "Size (M)": [350], "MMLU": [50]}).params_b[0] == pytest.approx(0.35)


def test_floored_sizes_are_said_and_stand_for_their_interval() -> None:
    n = 40
    table = resolve(
        {
            "model": [f"m{k}" for k in range(n)],
            "#Params (B)": [k % 4 for k in range(n)],
            "MMLU": [50.0 + k for k in range(n)],
        }
    )
    assert table.sizes_floored
    assert np.isnan(table.params_b[0])
    assert table.params_b[1] == 1.0
    assert table.effective_b[1] == 1.5
    assert any("10 rows, is unknown or below 1" in n for n in table.notes)


def test_inverted_flags_are_never_used_in_silence() -> None:
    columns = {
        "model": list("abcde"),
        "params": [7] * 5,
        "MMLU": [50, 51, 52, 53, 54],
        "Flagged": ["True"] * 4 + ["False"],
    }
    table = resolve(columns)
    assert (table.flagged == -1).all()
    assert any("--flagged-inverted" in n for n in table.notes)
    assert resolve(columns, flagged_inverted=True).flagged.tolist() == [0, 0, 0, 0, 1]
    normal = resolve(columns | {"Flagged": [False] * 4 + [True]})
    assert normal.flagged.tolist() == [0, 0, 0, 0, 1]
    with pytest.raises(InputError, match="no column of flags"):
        resolve({"model": ["a"], "MMLU": [50]}, flagged_inverted=True)


def test_duplicates_keep_the_fullest_then_the_latest() -> None:
    table = resolve({
        "model": ["a", "a", "a", "b"], "params": [7] * 4, "MMLU": [50, 51, 52, 53], "ARC": [None, 41, 42, 43],
        "date": ["2024-01-03", "2024-01-01", "2024-01-02", ""], "precision": ["bf16"] * 4,
    })  # fmt: skip
    assert table.models == ("a", "b")
    assert table.scores[0] == pytest.approx([0.52, 0.42])
    assert table.skips["duplicate_row"] == 2
    assert any("most scores is kept" in n for n in table.notes)
    apart = resolve({"model": ["a", "a"], "params": [7, 7], "MMLU": [50, 51], "precision": ["bf16", "4bit"]})
    assert len(apart) == 2


def test_mixed_scales_are_noticed() -> None:
    table = resolve(
        {"model": [f"m{k}" for k in range(10)], "params": [7] * 10, "MMLU": [0.6] * 4 + [60.0 + k for k in range(6)]}
    )
    assert any("mix two scales" in n for n in table.notes)


SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "leaderboards"


@pytest.mark.skipif(not SHARED.exists(), reason="the leaderboards of ../shared are not here")
def test_the_real_boards_are_read() -> None:
    from auditor.scores.loaders import load_raw

    v1 = resolve_table(load_raw(SHARED / "open_llm_leaderboard_v1.csv"), ScoresConfig(), flagged_inverted=True)
    assert len(v1) == 7169
    assert v1.benchmark_names == ("ARC", "HellaSwag", "MMLU", "TruthfulQA", "Winogrande", "GSM8K")
    assert int((v1.flagged == 1).sum()) == 109
    assert v1.sizes_floored
    assert int(np.isnan(v1.params_b).sum()) == 624
    base = resolve_table(load_raw(SHARED / "obs_scaling_base.csv"), ScoresConfig())
    assert len(base) == 148
    assert len(set(base.family_column)) == 47
    assert int(np.isfinite(base.flops).sum()) == 123
