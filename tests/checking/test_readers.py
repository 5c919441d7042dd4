"""Entries of every shape that a leaderboard receives, read from real files."""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING

import pytest

from auditor.checking.readers import read_entry
from auditor.checking.readers.own import MAX_TRAINING_SETS
from auditor.errors import InputError, SourceError

from .board import document, entry

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.checking.entry import Entry


def points(found: Entry) -> dict[str, float | None]:
    return {c.name: found.points(c) for c in found.scores}


def test_our_own_entry_with_all_it_can_say(tmp_path: Path) -> None:
    path = entry(
        tmp_path,
        """model: org/thing-7b
parameters: 7.2B
base_model: [org/a, org/b]
commit: abc123
license: mit
date: 2025-11-03
tokens_t: 2e12
flops: 3e22
harness: lm-eval 0.4.9
scores:
  - benchmark: MMLU (5-shot)
    score: 63.2
    shots: "5"
    items: 14042
    chat_template: false
    task_hash: ffee
  - {benchmark: gsm8k, value: "78.3%", harness: own, method: flexible}
training_sets:
  - data/train.jsonl
  - org/dataset
  - https://example.org/x.jsonl
  - {path: plain}
  - {name: some.set}
tags: [x]
""",
    )
    found = read_entry(path, tmp_path)
    assert (found.model, found.params_b, found.revision, found.date) == ("org/thing-7b", 7.2, "abc123", "2025-11-03")
    assert (found.tokens_t, found.flops) == (2.0, 30.0)
    assert found.base_models == ("org/a", "org/b")
    assert found.is_merge
    assert points(found) == {"MMLU": 63.2, "GSM8K": 78.3}
    first, second = found.scores
    assert (first.shots, first.items, first.task_hash, first.harness) == (5, 14042, "ffee", "lm-eval 0.4.9")
    assert first.label == "harness lm-eval 0.4.9; shots 5; chat template False"
    assert (second.harness, second.method) == ("own", "flexible")
    assert [(s.kind, s.name) for s in found.training_sets] == [
        ("path", "data/train.jsonl"), ("id", "org/dataset"), ("url", "https://example.org/x.jsonl"),
        ("path", "plain"), ("id", "some.set"),
    ]  # fmt: skip
    assert found.line("scores[1].value") == 17
    assert found.line(found.training_sets[2].key) == 21
    assert found.line("params_b") == 2  # by our name of the field, whatever the entry calls it
    assert found.line("scores[9].nothing") == 10
    assert found.line("nowhere") is None
    assert found.unknown_keys == ("tags",)
    assert found.unread == ()
    assert found.sha256


def test_the_same_keys_as_json(tmp_path: Path) -> None:
    path = document(tmp_path, {"model": "a/b", "params_b": "350M", "scores": {"MMLU": 0.5, "ARC": {"score": 1.0}}})
    found = read_entry(path, tmp_path)
    assert found.params_b == pytest.approx(0.35)
    assert points(found) == {"MMLU": 50.0, "ARC": 100.0}


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ("{A: 0.5, B: 1}", {"A": 50.0, "B": 100.0}),
        ("{A: 0.5, B: 61}", {"A": 0.5, "B": 61.0}),
        ("{A: 0.5, B: 61%}", {"A": 50.0, "B": 61.0}),
        ("{A: 78.3 ± 0.4, B: '78,3'}", {"A": 78.3, "B": 78.3}),
        ("{A: .nan, B: .inf, C: true, D: about 60, E: [1], F: 60}",
         {"A": None, "B": None, "C": None, "D": None, "E": None, "F": 60.0}),
        ("{A: -3, B: 104}", {"A": None, "B": None}),
    ],
)  # fmt: skip
def test_scores_as_people_write_them(tmp_path: Path, scores: str, expected: dict[str, float | None]) -> None:
    assert points(read_entry(entry(tmp_path, f"model: a/b\nscores: {scores}\n"), tmp_path)) == expected


def test_scores_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    found = read_entry(entry(tmp_path, "model: a/b\nparams_b: many\nscores: [{score: 3}, 4]\n"), tmp_path)
    assert found.unread == (
        "`params_b` is no number of parameters: 'many'",
        "scores[0] names no `benchmark`",
        "scores[1] names no `benchmark`",
    )
    assert read_entry(entry(tmp_path, "model: a/b\nscores: 7\n"), tmp_path).unread == (
        "`scores` is neither a mapping of benchmark to score nor a list",
    )
    many = "".join(f"  b{n}: 1\n" for n in range(2003))
    found = read_entry(entry(tmp_path, f"model: a/b\nscores:\n{many}"), tmp_path)
    assert len(found.scores) == 2000
    assert found.unread == ("3 of its 2,003 scores: at most 2,000 are read",)


def test_ten_thousand_training_sets_are_counted_and_not_kept(tmp_path: Path) -> None:
    sets = "".join(f"  - data/{n}.jsonl\n" for n in range(10_000))
    found = read_entry(entry(tmp_path, f"model: a/b\ntraining_sets:\n{sets}"), tmp_path)
    assert (len(found.training_sets), found.more_training_sets) == (MAX_TRAINING_SETS, 10_000 - MAX_TRAINING_SETS)


@pytest.mark.parametrize("nothing", ["none", "''", "[]", "not disclosed", "[TBD, n/a]", "null", "{a: 1}", "7"])
def test_words_that_leave_a_field_empty_name_no_training_set(tmp_path: Path, nothing: str) -> None:
    assert read_entry(entry(tmp_path, f"model: a/b\ntraining_sets: {nothing}\n"), tmp_path).training_sets == ()


CARD = """
---
license: apache-2.0
base_model: org/base
datasets: [org/one, gsm8k]
model-index:
  - name: org/thing-7b
    results:
      - task: {type: text-generation}
        dataset: {name: "MMLU (5-Shot)", type: cais/mmlu, args: {num_few_shot: 5}}
        metrics: [{type: acc, value: 0.632}, {type: f1, value: 0.1}]
      - dataset: {name: My Set, type: own/set}
        metrics: [{type: acc, value: about half}]
      - dataset: {type: openai/gsm8k}
        metrics: [{type: acc, value: 0.5}]
      - dataset: {name: Empty}
        metrics: []
      - nonsense
---
# Thing
"""


def test_a_model_card(tmp_path: Path) -> None:
    found = read_entry(entry(tmp_path, CARD.lstrip(), "README.md"), tmp_path)
    assert (found.form, found.model, found.base_models) == ("model card", "org/thing-7b", ("org/base",))
    assert points(found) == {"MMLU": 63.2, "My Set": None, "GSM8K": 50.0}
    assert (found.scores[0].shots, found.scores[0].method) == (5, "acc")
    assert found.scores[1].text == "about half"
    assert [s.name for s in found.training_sets] == ["org/one", "gsm8k"]
    assert found.line(found.scores[0].key) == 10
    assert found.line("training_sets") == 4
    assert found.unread == ("2 results of the model-index, which name no benchmark or no metric with a value",)
    later = read_entry(entry(tmp_path, CARD, "README.md"), tmp_path)
    assert later.line("base_model") == 4  # a blank line before the front matter counts


def test_only_the_first_model_of_a_card_is_checked_and_that_is_said(tmp_path: Path) -> None:
    card = "---\nparams_b: 7\nmodel-index:\n  - {name: a}\n  - {name: b}\n---\n"
    found = read_entry(entry(tmp_path, card, "README.md"), tmp_path)
    assert (found.model, found.params_b) == ("a", 7.0)
    assert found.unread == ("1 more of the 2 models of its model-index: only the first is checked",)
    odd = read_entry(entry(tmp_path, "---\nmodel-index: 3\n---\n", "README.md"), tmp_path)
    assert odd.unread == ("`model-index` is not a list of models",)
    assert odd.model == tmp_path.name


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("# Just a title\n", "a model card without YAML front matter: its first line must be ---"),
        ("---\nlicense: mit\n", "begun on line 1, has no closing line of ---"),
        ("---\n- a\n---\n", "the front matter is not a mapping"),
        ("--- x\n", "line 1: the front matter must begin with a line of ---"),
        ("---\na: 1\na: 2\n---\n", "line 3: the key 'a' stands here and on line 2"),
    ],
)
def test_broken_cards_say_how(tmp_path: Path, card: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        read_entry(entry(tmp_path, card, "README.md"), tmp_path)
    assert said in str(error.value)


def test_a_leaderboard_request(tmp_path: Path) -> None:
    path = document(
        tmp_path,
        {"model": "org/thing-7b", "base_model": "org/base", "revision": "main", "precision": "bfloat16", "params": 7.2,
         "architectures": "LlamaForCausalLM", "weight_type": "Original", "status": "PENDING",
         "submitted_time": "2024-06-01T00:00:00Z", "use_chat_template": True},
    )  # fmt: skip
    found = read_entry(path, tmp_path)
    assert (found.form, found.params_b, found.architecture) == ("Open LLM Leaderboard request", 7.2, "LlamaForCausalLM")
    assert found.base_models == ("org/base",)
    assert found.scores == ()
    assert found.line("params_b") == 1


V1 = {
    "config_general": {"model_name": "org/thing-7b", "model_sha": "abc", "model_dtype": "float16"},
    "results": {
        "harness|arc:challenge|25": {"acc": 0.5, "acc_norm": 0.55},
        "harness|hendrycksTest-astronomy|5": {"acc": 0.6},
        "harness|hendrycksTest-law|5": {"acc": 0.4},
        "harness|drop|3": {"f1": 1.5},
    },
    "summary_tasks": {"harness|arc:challenge|25": {"hashes": {"hash_examples": "1234"}}},
}


def test_a_result_of_the_first_leaderboard(tmp_path: Path) -> None:
    found = read_entry(document(tmp_path, V1, "results_2023-08-09T10-55-12.1.json"), tmp_path)
    assert (found.model, found.revision, found.date) == ("org/thing-7b", "abc", "2023-08-09T10:55:12")
    assert points(found) == {"ARC": pytest.approx(55.0), "DROP": None, "MMLU": pytest.approx(50.0)}
    by_name = {c.name: c for c in found.scores}
    assert (by_name["ARC"].shots, by_name["ARC"].task_hash, by_name["MMLU"].shots) == (25, "1234", 5)
    assert found.line(by_name["ARC"].key)


LM_EVAL = {
    "model_name": "org/thing-7b",
    "results": {
        "gsm8k": {"alias": "gsm8k", "exact_match,strict-match": 0.71, "exact_match_stderr,strict-match": 0.01},
        "mmlu": {"acc,none": 0.61},
        "mmlu_astronomy": {"acc,none": 0.7},
        "mmlu_law": {"acc,none": 0.5},
        "own_task": {"acc,none": 0.3},
    },
    "groups": {"mmlu": {"acc,none": 0.61}},
    "n-shot": {"gsm8k": 5, "own_task": 0},
    "n-samples": {
        "gsm8k": {"original": 1319, "effective": 100},
        "mmlu_astronomy": {"original": 152, "effective": 152},
        "mmlu_law": {"original": 200, "effective": 200},
    },
    "task_hashes": {"gsm8k": "cafe"},
    "config": {"model_num_parameters": 7_240_000_000, "model_dtype": "torch.bfloat16"},
    "lm_eval_version": "0.4.9",
    "chat_template_sha": "00",
}


def test_an_lm_eval_result(tmp_path: Path) -> None:
    found = read_entry(document(tmp_path, LM_EVAL), tmp_path)
    assert (found.form, found.params_b) == ("lm-eval result", pytest.approx(7.24))
    by_name = {c.name: c for c in found.scores}
    assert set(by_name) == {"GSM8K", "MMLU", "own_task"}
    assert found.points(by_name["GSM8K"]) == pytest.approx(71.0)
    gsm8k, mmlu = by_name["GSM8K"], by_name["MMLU"]
    assert (gsm8k.items, gsm8k.items_of, gsm8k.shots, gsm8k.task_hash, gsm8k.harness) == (100, 1319, 5, "cafe", "0.4.9")
    assert (mmlu.items, mmlu.items_of, mmlu.shots) == (352, 352, None)
    assert by_name["own_task"].chat_template == "True"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([1, 2], "a list; an entry is one object"),
        ({"results": {"x": {"acc": 0.1}}, "config": []}, "names no model"),
        ({"results": {"x": {"acc": 0.1}}, "config": "text"}, "not as its harness writes it (AttributeError"),
        ({"results": {"a|b|c": {"acc": 0.1}}, "config_general": {}}, "without `config_general.model_name`"),
        ({"title": "no entry"}, "must be a mapping with a key `model`"),
        ({"model": ["a"], "scores": {}}, "must be a mapping with a key `model`"),
        ({"model": "a", "commit": "1", "revision": "2"}, "`revision` and `commit` are two names of one field"),
    ],
)
def test_json_that_is_no_entry_says_why(tmp_path: Path, value: object, said: str) -> None:
    with pytest.raises(InputError) as error:
        read_entry(document(tmp_path, value), tmp_path)
    assert said in str(error.value)


def mteb(folder: Path, **meta: object) -> Path:
    place = folder / "org__embed" / "abc"
    place.mkdir(parents=True)
    facts = {"name": "org/embed", "revision": "abc", "release_date": "2024-01-01", "n_parameters": 335_000_000,
             "training_datasets": {"MSMARCO": ["train"], "Banking77Classification": ["train"]}, **meta}  # fmt: skip
    (place / "model_meta.json").write_text(json.dumps(facts))
    (place / "Banking77Classification.json").write_text(
        json.dumps(
            {"mteb_version": "1", "task_name": "Banking77Classification", "scores": {"test": [{"main_score": 0.85}]}}
        )
    )
    return folder / "org__embed"


def test_an_mteb_folder(tmp_path: Path) -> None:
    found = read_entry(mteb(tmp_path), tmp_path)
    assert (found.model, found.revision, found.params_b) == ("org/embed", "abc", pytest.approx(0.335))
    assert points(found) == {"Banking77Classification": pytest.approx(85.0)}
    assert [(s.name, s.kind) for s in found.training_sets] == [("MSMARCO", "id"), ("Banking77Classification", "id")]


def test_a_folder_of_lm_eval_runs_is_one_entry(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    other = {**LM_EVAL, "results": {"hellaswag": {"acc_norm,none": 0.8}}, "groups": {}, "n-shot": {"hellaswag": 10}}
    document(folder, LM_EVAL, "results_1.json")
    document(folder, other, "results_2.json")
    (folder / "broken.json").write_text("{")
    found = read_entry(folder, tmp_path)
    assert points(found)["HellaSwag"] == pytest.approx(80.0)
    assert points(found)["GSM8K"] == pytest.approx(71.0)
    by_name = {c.name: c for c in found.scores}
    assert (by_name["HellaSwag"].shots, by_name["HellaSwag"].harness) == (10, "0.4.9")
    assert (by_name["HellaSwag"].method, by_name["HellaSwag"].chat_template) == ("acc_norm", "True")
    assert found.unread == ("broken.json: invalid json",)


def test_a_folder_of_several_models_or_revisions_is_no_entry(tmp_path: Path) -> None:
    mteb(tmp_path)
    second = tmp_path / "org__embed" / "def"
    second.mkdir()
    (second / "model_meta.json").write_text(json.dumps({"name": "org/embed", "revision": "def"}))
    (second / "T.json").write_text(
        json.dumps({"mteb_version": "1", "task_name": "T", "scores": {"test": [{"main_score": 1}]}})
    )
    with pytest.raises(InputError, match=r"holds 2 revisions \(abc, def\)"):
        read_entry(tmp_path / "org__embed", tmp_path)
    document(second, {**LM_EVAL, "model_name": "x/y"}, "results.json")
    with pytest.raises(InputError, match=r"holds 2 models \(org/embed, x/y\)"):
        read_entry(tmp_path / "org__embed", tmp_path)


def test_what_is_no_entry_at_all(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such entry"):
        read_entry(tmp_path / "nothing.yaml", tmp_path)
    with pytest.raises(InputError, match="the file is empty"):
        read_entry(entry(tmp_path, " \n"), tmp_path)
    with pytest.raises(InputError, match="no shape of an entry that is known"):
        read_entry(entry(tmp_path, "hello", "notes.txt"), tmp_path)
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        read_entry(tmp_path / "pipe.yaml", tmp_path)
    (tmp_path / "latin.yaml").write_bytes("model: é".encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8 at byte 7"):
        read_entry(tmp_path / "latin.yaml", tmp_path)
    large = tmp_path / "large.yaml"
    with large.open("wb") as file:
        file.truncate(64_000_001)
    with pytest.raises(InputError, match="more than the 64 MB"):
        read_entry(large, tmp_path)


def test_a_link_out_of_the_checkout_is_not_read(tmp_path: Path) -> None:
    root = tmp_path / "checkout"
    (root / "entries").mkdir(parents=True)
    secret = entry(tmp_path, "model: secret\n", "secret.yaml")
    (root / "entries" / "link.yaml").symlink_to(secret)
    (root / "folder").symlink_to(tmp_path)
    for path in (root / "entries" / "link.yaml", root / "folder" / "secret.yaml"):
        with pytest.raises(InputError, match="symbolic link that leads out of"):
            read_entry(path, root)
    inside = entry(root, "model: a/b\n")
    (root / "entries" / "inside.yaml").symlink_to(inside)
    assert read_entry(root / "entries" / "inside.yaml", root).model == "a/b"
    # a file that the caller names outside of the root is the caller's own choice
    assert read_entry(secret, root).model == "secret"


def test_a_name_that_is_a_workflow_command_is_shown_and_does_nothing(tmp_path: Path) -> None:
    path = entry(tmp_path, "a: 1\na: 2\n", "x\n::error::boo.yaml")
    with pytest.raises(InputError) as error:
        read_entry(path, tmp_path)
    assert "\n" not in str(error.value)
    assert "⟨U+000A⟩::error::boo.yaml, line 2" in str(error.value)
    good = read_entry(entry(tmp_path, "model: a/b\n", "x\n::error::boo.yaml"), tmp_path)
    assert good.path == str(path)  # results keep the name as it was given


def test_a_size_that_is_not_said_is_not_a_number(tmp_path: Path) -> None:
    assert math.isnan(read_entry(entry(tmp_path, "model: a/b\n"), tmp_path).params_b)
