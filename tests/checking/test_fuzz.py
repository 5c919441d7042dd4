"""Whatever an entry holds, it is checked or refused with a message; nothing else happens."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.checking.check import check_entries
from auditor.checking.readers.own import ALIASES, PLAIN
from auditor.errors import InputError

from .board import BOARD
from .test_readers import LM_EVAL, V1

TEXT = st.sampled_from(
    ["", "MMLU", "org/name", "7B", "78.3%", "../x", "https://e.example/x", "none", "\n::error::", "\ud83d\ude00"]
)
SCALAR = st.one_of(st.none(), st.booleans(), st.integers(-5, 10**20), st.floats(), TEXT)
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)
SCORE = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("benchmark", "score", "value", "shots", "items", "harness", "method", "task_hash"), VALUE),
)
OWN = st.fixed_dictionaries(
    {"model": TEXT},
    optional={
        **{k: VALUE for names in ALIASES.values() for k in names[:1]},
        **{k: VALUE for k in PLAIN if k != "model"},
        "scores": st.lists(SCORE, max_size=4) | VALUE,
    },
)


def checked_or_refused(value: object, name: str, text: str = "") -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(text or json.dumps(value), encoding="utf-8")
        try:
            result = check_entries([path], root=folder)
        except InputError as error:
            said = str(error)
        else:
            result.write(Path(folder) / "out")
            said = (Path(folder) / "out" / "report.md").read_text(encoding="utf-8")
        # a refusal names the file, and so does a page
        assert path.name in said


@settings(max_examples=80)
@given(OWN)
def test_our_own_entry(value: object) -> None:
    checked_or_refused(value, "entry.json")


@settings(max_examples=60)
@given(st.data())
def test_result_files_with_one_value_replaced(data: st.DataObject) -> None:
    value = json.loads(json.dumps(data.draw(st.sampled_from([LM_EVAL, V1]))))
    place = value
    while isinstance(place, dict) and place:
        key = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or not place[key] or data.draw(st.booleans()):
            place[key] = data.draw(VALUE)
            break
        place = place[key]
    checked_or_refused(value, "results.json")


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(["model-index", "base_model", "datasets", "license", "model_name"]), VALUE))
def test_model_cards(card: dict[str, object]) -> None:
    checked_or_refused(None, "card.md", f"---\n{json.dumps(card)}\n---\n# Card\n")


@settings(max_examples=40)
@given(st.text(alphabet="ab:-[]{}&*!|>'\"\n #%@\\\t", max_size=60))
def test_any_text_as_yaml(text: str) -> None:
    checked_or_refused(None, "entry.yaml", f"model: a/b\n{text}\n")


@settings(max_examples=12)
@given(
    st.lists(st.tuples(st.sampled_from(["Orchard", "Lantern", "Harbour", "House"]), SCALAR), min_size=1, max_size=4),
    SCALAR,
)
def test_any_score_against_a_board(scores: list[tuple[str, object]], size: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "entry.json"
        listed = [{"benchmark": name, "score": score} for name, score in scores]
        path.write_text(json.dumps({"model": "a/b", "params_b": size, "scores": listed}), encoding="utf-8")
        result = check_entries([path], board=BOARD, root=folder)
        assert result.entries[0].verdict in ("pass", "review", "block")
