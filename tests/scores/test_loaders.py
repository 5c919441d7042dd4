"""Every shape of "Leaderboard tables and entries", from real files on disk."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditor.errors import InputError, NoRecordsError, SourceError
from auditor.scores.config import ScoresConfig
from auditor.scores.loaders import load_raw
from auditor.scores.resolve import resolve_table

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.scores.table import ScoreTable


def load(path: Path, **options: Any) -> ScoreTable:
    return resolve_table(load_raw(path), ScoresConfig(), **options)


def write(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


ROWS = [{"model": "a/x-7b", "params_b": 7, "MMLU": 0.6}, {"model": "a/y-13b", "params_b": 13, "MMLU": 0.7}]


@pytest.mark.parametrize(
    "document",
    [
        ROWS,
        {"rows": [{"row_idx": i, "row": r} for i, r in enumerate(ROWS)]},
        {"data": ROWS},
        {k: [r[k] for r in ROWS] for k in ROWS[0]},
        {k: {str(i): r[k] for i, r in enumerate(ROWS)} for k in ROWS[0]},
        {r["model"]: {k: v for k, v in r.items() if k != "model"} for r in ROWS},
        "\n".join(json.dumps(r) for r in ROWS),
    ],
)
def test_json_of_any_orientation(tmp_path: Path, document: Any) -> None:
    table = load(write(tmp_path / "board.json", document))
    assert table.models == ("a/x-7b", "a/y-13b")
    assert table.scores[:, 0].tolist() == [0.6, 0.7]
    assert table.params_b.tolist() == [7.0, 13.0]


def test_csv_with_semicolons_bom_and_a_short_row(tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    path.write_bytes("\ufeffModel;Size (B);MMLU\na;7;61,5\nb;13;70,1\nbroken;1\n".encode())
    table = load(path)
    assert table.scores[:, 0] == pytest.approx([0.615, 0.701])
    assert table.skips == {"wrong_number_of_columns": 1}


def test_latin1_csv_is_read(tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    path.write_bytes("model,params,MMLU\nmodèle,7,60\nb,7,61\n".encode("cp1252"))
    assert load(path).models[0] == "modèle"


def test_parquet_called_csv_is_parquet(tmp_path: Path) -> None:
    path = tmp_path / "board.csv"
    pq.write_table(pa.Table.from_pylist(ROWS), path)
    table = load(path)
    assert table.models == ("a/x-7b", "a/y-13b")
    assert any("Parquet file in spite of its name" in n for n in table.notes)


def test_broken_parquet_is_named(tmp_path: Path) -> None:
    path = tmp_path / "b.parquet"
    path.write_bytes(b"PAR1 and nothing more")
    with pytest.raises(SourceError, match="cannot be read as one"):
        load_raw(path)


def test_v1_header_and_v2_contents(tmp_path: Path) -> None:
    v1 = "T,Model,Average ⬆️,ARC,MMLU,Type,Precision,#Params (B),Hub ❤️,Model sha,Flagged,date\n"
    v1 += "x,a/b,60,55.1,61.2,chat,float16,7,3,abc,True,2024-01-02\nx,c/d,60,56,63,chat,float16,13,3,abd,True,2024-01-03\n"
    table = load(write(tmp_path / "v1.csv", v1))
    assert table.benchmark_names == ("ARC", "MMLU")
    assert table.weights_hash == ("abc", "abd")
    assert table.precision == ("float16", "float16")
    v2 = [
        {"eval_name": f"m{i}_bfloat16", "Precision": "bfloat16", "Model": f'<a href="https://huggingface.co/o/m{i}">o/m{i}</a>',
         "fullname": f"o/m{i}", "Average ⬆️": 30.0, "#Params (B)": 7.2, "IFEval": 40.0, "IFEval Raw": 0.4, "BBH": 30.0,
         "BBH Raw": 0.5, "MMLU-PRO": 10.0, "MMLU-PRO Raw": 0.2 + i / 10, "Chat Template": i == 0, "Upload To Hub Date": "2024-06-01",
         "Submission Date": "2024-07-01", "Base Model": "o/base", "Merged": False, "MoE": False, "Flagged": False, "CO₂ cost (kg)": 1.0}
        for i in range(2)
    ]  # fmt: skip
    table = load(write(tmp_path / "v2.json", v2))
    assert table.models == ("o/m0", "o/m1")
    assert table.benchmark_names == ("IFEval", "BBH", "MMLU-PRO")
    assert table.scores[:, 2] == pytest.approx([0.2, 0.3])
    assert table.base_models == (("o/base",), ("o/base",))
    assert {table.mean_labels[k] for k in table.means[:, 0]} == {"chat template True", "chat template False"}
    assert table.dates[0] == 19875.0


def v1_result(model: str, mmlu: float) -> dict[str, Any]:
    tasks = {f"harness|hendrycksTest-{s}|5": {"acc": mmlu + d, "acc_norm": 0.9} for s, d in (("a", -0.1), ("b", 0.1))}
    return {
        "config_general": {"model_name": model, "model_sha": "s" + model, "model_dtype": "torch.float16", "model_size": "13 GB"},
        "results": tasks | {"harness|arc:challenge|25": {"acc": 0.4, "acc_norm": 0.5}, "harness|truthfulqa:mc|0": {"mc1": 0.3, "mc2": 0.44},
                            "all": {"acc": 0.5}},
    }  # fmt: skip


def test_directory_of_v1_results(tmp_path: Path) -> None:
    for k in range(3):
        write(tmp_path / f"o/m{k}/results_2023-08-09T10-55-12.{k}.json", v1_result(f"o/m{k}", 0.5 + k / 10))
    write(tmp_path / "o/m0/broken.json", "{")
    write(tmp_path / "o/m0/other.json", {"hello": 1})
    write(tmp_path / "o/m0/list.json", [1])
    table = load(tmp_path)
    assert table.models == ("o/m0", "o/m1", "o/m2")
    assert dict(zip(table.benchmark_names, table.scores[1], strict=True)) == pytest.approx(
        {"MMLU": 0.6, "ARC": 0.5, "TruthfulQA": 0.44}
    )
    assert table.skips == {"invalid_json": 1, "not_a_result": 2}
    assert "acc_norm, 25 shots" in table.mean_labels
    assert table.dates[0] == pytest.approx(19578.45, abs=0.01)
    assert load(tmp_path / "o/m1/results_2023-08-09T10-55-12.1.json").models == ("o/m1",)


def test_lm_eval_results_with_a_v2_request_beside_them(tmp_path: Path) -> None:
    result = {
        "results": {"mmlu": {"acc,none": 0.61, "acc_stderr,none": 0.004, "alias": "mmlu"}, "mmlu_abstract_algebra": {"acc,none": 0.3},
                    "gsm8k": {"exact_match,strict-match": 0.5, "exact_match,flexible-extract": 0.52}},
        "groups": {"mmlu": {"acc,none": 0.61}}, "configs": {}, "versions": {}, "n-shot": {"mmlu": 5, "gsm8k": 5},
        "n-samples": {}, "config": {"model": "hf", "model_args": "pretrained=o/big,dtype=float16", "model_dtype": "torch.bfloat16"},
        "git_hash": "abc123", "date": 1_718_000_000.5,
    }  # fmt: skip
    write(tmp_path / "results/results_1.json", result)
    write(tmp_path / "requests/o/big.json", {"model": "o/big", "base_model": "o/base", "params": 7.24, "precision": "bfloat16",
                                            "status": "FINISHED", "submitted_time": "2024-06-12T00:00:00Z", "use_chat_template": False})  # fmt: skip
    table = load(tmp_path)
    assert table.models == ("o/big",)
    assert table.params_b.tolist() == [7.24]
    assert table.base_models == (("o/base",),)
    assert table.benchmark_names == ("MMLU", "GSM8K")
    assert table.scores[0].tolist() == [0.61, 0.5]
    assert any("harness abc123" in label and "5 shots" in label for label in table.mean_labels)


CARD = """---
license: mit
base_model: [o/base-a, o/base-b]
model-index:
- name: o/merged
  results:
  - task: {type: text-generation}
    dataset: {name: MMLU (5-Shot), type: cais/mmlu, config: all, split: test, args: {num_few_shot: 5}}
    metrics: [{type: acc, value: 64.2, name: accuracy}]
    source: {url: 'https://huggingface.co'}
  - dataset: {name: AI2 Reasoning Challenge (25-Shot), type: ai2_arc, config: ARC-Challenge}
    metrics: [{type: acc_norm, value: 61.1}]
  - dataset: {name: odd}
    metrics: [{type: acc, value: none}]
---
# text
"""


def test_model_cards(tmp_path: Path) -> None:
    table = load(write(tmp_path / "README.md", CARD))
    assert table.models == ("o/merged",)
    assert table.base_models == (("o/base-a", "o/base-b"),)
    assert dict(zip(table.benchmark_names, table.scores[0], strict=True)) == pytest.approx(
        {"MMLU": 0.642, "ARC": 0.611}
    )
    assert any("could not be read" in n for n in table.notes)
    assert any("5 shots" in label for label in table.mean_labels)
    write(tmp_path / "b/README.md", CARD.replace("o/merged", "o/other").replace("64.2", "0.7").replace("61.1", "0.5"))
    write(tmp_path / "c/README.md", "# no front matter")
    both = load(tmp_path)
    assert both.models == ("o/merged", "o/other")
    assert both.scores[1, 0] == pytest.approx(0.7)
    assert both.skips == {"unreadable_card": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# nothing", "without YAML front matter"), ("---\na: 1\n", "no closing line"), ("---\n- a\n---\n", "not a mapping"),
        ("---\na: &x [1]\nb: *x\n---\n", "aliases"), ("---\na: [" + "[" * 60 + "]" * 60 + "]\n---\n", "nested deeper"),
        ("---\na: !!python/object/apply:os.system [x]\n---\n", "not readable YAML"), ("---\na: {b\n---\n", "not readable YAML"),
        ("---\nlicense: mit\n---\n", "no `model-index`"), ("---\na: '" + "x" * 1_100_000 + "'\n---\n", "at most"),
    ],
)  # fmt: skip
def test_hostile_and_empty_cards(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_raw(write(tmp_path / "README.md", text))


def test_mteb_folder(tmp_path: Path) -> None:
    folder = tmp_path / "results/o__embed/rev1"
    write(folder / "model_meta.json", {"name": "o/embed", "revision": "rev1", "release_date": "2024-02-01", "n_parameters": 33_360_000,
                                       "adapted_from": "o/bert", "open_weights": True})  # fmt: skip
    write(folder / "Banking77.json", {"task_name": "Banking77Classification", "mteb_version": "1.12", "scores":
          {"test": [{"main_score": 0.8, "hf_subset": "default"}, {"main_score": 0.6}]}})  # fmt: skip
    write(tmp_path / "results/o__empty/r/model_meta.json", {"name": "o/empty"})
    table = load(tmp_path)
    assert table.models == ("o/embed",)
    assert table.params_b == pytest.approx([0.03336])
    assert table.scores[0, 0] == pytest.approx(0.7)
    assert table.base_models == (("o/bert",),)
    assert table.skips == {"no_scores": 1}


def test_evalplus(tmp_path: Path) -> None:
    document = {
        "GPT-X": {"link": "l", "open-data": "NONE", "pass@1": {"humaneval": 90.2, "humaneval+": 86.6, "mbpp": None}, "prompted": True,
                  "size": None},
        "code-7b": {"link": "l", "open-data": "Full", "pass@1": {"humaneval": 40.2, "humaneval+": 36.6, "mbpp": 50.0}, "prompted": False,
                    "size": 7},
    }  # fmt: skip
    table = load(write(tmp_path / "results.json", document))
    assert table.models == ("GPT-X", "code-7b")
    assert table.benchmark_names == ("HumanEval", "HumanEval+", "MBPP")
    assert np.isnan(table.scores[0, 2])
    assert np.isnan(table.params_b[0])
    assert len(set(table.means[:, 0])) == 2


def test_own_entry(tmp_path: Path) -> None:
    entry = "model: o/new\nparams_b: 7\nbase_model: o/base\nscores:\n  - {benchmark: MMLU, score: 66.1, shots: 5, harness: v0.4}\n  - {benchmark: ARC, score: 60}\n"
    table = load(write(tmp_path / "entry.yaml", entry))
    assert (table.models, table.params_b.tolist()) == (("o/new",), [7.0])
    assert table.scores[0] == pytest.approx([0.661, 0.6])
    write(tmp_path / "e2.yml", "model: o/new\nscores: {MMLU: 0.5, ARC: 0.6}\nparams_b: 7B\n")
    assert load(tmp_path / "e2.yml").scores[0].tolist() == [0.5, 0.6]
    with pytest.raises(InputError, match="not an entry"):
        load_raw(write(tmp_path / "bad.yaml", "a: 1"))


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("a.csv", "", InputError, "empty"), ("a.csv", "one\ntwo\n", InputError, "two or more columns"),
        ("a.json", "[1, 2]", InputError, "without objects"), ("a.json", '{"a": 1}', InputError, "no known shape"),
        ("a.json", "{broken", InputError, "not JSON"), ("a.csv.gz", "\x1f\x8b", InputError, "."),
        ("a.json", '"text"', InputError, "."),
    ],
)  # fmt: skip
def test_what_is_no_table_is_said(
    tmp_path: Path, name: str, content: str, error: type[Exception], message: str
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(error, match=message):
        load_raw(path)


def test_missing_paths_and_empty_directories(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        load_raw(tmp_path / "none.csv")
    with pytest.raises(NoRecordsError, match="no result file"):
        load_raw(tmp_path)
    path = tmp_path / "z.gz"
    path.write_bytes(b"\x1f\x8b\x08rest")
    with pytest.raises(InputError, match="unpack"):
        load_raw(path)
    path.write_bytes(b"a,b\n\x00\xff\xfe,\n")
    with pytest.raises(InputError, match="binary"):
        load_raw(path)


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside/results_x.json", v1_result("o/secret", 0.5))
    inside = tmp_path / "in"
    write(inside / "results_y.json", v1_result("o/open", 0.5))
    (inside / "link.json").symlink_to(outside)
    (inside / "dir").symlink_to(outside.parent)
    assert load(inside).models == ("o/open",)
