"""The catalog: every entry is whole and sensible, and a wrong one is refused with its name."""

from __future__ import annotations

import pytest

from auditor.errors import InputError
from auditor.suites import catalog, find_entry
from auditor.suites.catalog import KINDS, nearest_names, parse_catalog
from auditor.suites.fields import AnswerIs
from auditor.suites.shapes import shape_named

CITED = (
    "mmlu mmlu-pro arc-challenge arc-easy hellaswag winogrande piqa social-iqa openbookqa commonsense-qa boolq truthfulqa gsm8k "
    "math math-500 mgsm humaneval humaneval-plus mbpp mbpp-plus bigcodebench livecodebench apps gpqa-diamond bbh musr ifeval "
    "mt-bench arena-hard alpaca-eval lambada triviaqa nq-open squad drop race-high sciq medqa medmcqa pubmedqa aime-2024 "
    "aime-2025 hle simpleqa supergpqa swe-bench-verified agieval-lsat-lr cmmlu ceval belebele anli rte copa wic"
).split()


def test_the_catalog_has_the_benchmarks_that_people_cite():
    names = {entry.name for entry in catalog()}
    assert set(CITED) <= names
    assert len(names) == len(catalog()) >= 100


@pytest.mark.parametrize("entry", catalog(), ids=lambda entry: entry.name)
def test_every_entry_is_whole(entry):
    # either the shape or the fields say how it is read; parse_catalog has checked types and ranges
    assert (entry.fields is None) != (entry.schema == "")
    assert entry.schema == "" or shape_named(entry.schema) is not None
    assert entry.kind in KINDS
    assert entry.title
    assert entry.splits
    assert entry.chance is None or entry.chance == pytest.approx(1 / round(1 / entry.chance), abs=1e-3)
    if entry.kind == "multiple-choice" and entry.fields is not None:
        assert entry.fields.choices
        assert entry.fields.answer
        listed = len(entry.fields.choices)
        assert listed == 1 or entry.chance == pytest.approx(1 / listed, abs=1e-3)
    for name in (entry.name, *entry.aliases):
        assert find_entry(name) == entry
    # a commit is never invented: an entry is pinned only with all 40 digits
    assert len(entry.revision) in {0, 40}


@pytest.mark.parametrize(
    ("name", "items"),
    [
        ("mmlu", 14042), ("gsm8k", 1319), ("humaneval", 164), ("arc-challenge", 1172), ("hellaswag", 10042), ("truthfulqa", 817),
        ("winogrande", 1267), ("gpqa-diamond", 198), ("math", 5000), ("mbpp", 500), ("bbh", 6511), ("ifeval", 541),
        ("mmlu-pro", 12032), ("boolq", 3270), ("piqa", 1838), ("openbookqa", 500), ("livecodebench", None),
    ],
)  # fmt: skip
def test_known_numbers_of_items(name, items):
    assert find_entry(name).items == items


def test_names_are_found_in_any_case_and_by_hub_id():
    assert find_entry("Human_Eval").name == "humaneval"
    assert find_entry("cais/mmlu").name == "mmlu"
    # two entries are of this dataset, so that its id names neither
    assert find_entry("allenai/ai2_arc") is None
    assert find_entry("nothing") is None


def test_the_nearest_names_come_first():
    assert nearest_names("gsmk8")[0] == "gsm8k"
    assert nearest_names("hellaswg")[0] == "hellaswag"
    assert nearest_names("arc-challange")[0] == "arc-challenge"
    assert nearest_names("qqqqqqqqq") == []


GOOD = {"name": '"x"', "title": '"X"', "kind": '"code"', "hub": '"a/b"', "splits": '["test"]'}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": '"Not A Name"'}, "name = 'Not A Name' cannot be"),
        ({"kind": '"quiz"'}, "x: kind = 'quiz' cannot be"),
        ({"hub": '"no-owner"'}, "hub = 'no-owner' cannot be"),
        ({"revision": '"abc"'}, "revision = 'abc' cannot be"),
        ({"items": "0"}, "items = 0 cannot be"),
        ({"items": '"many"'}, "items must be of type int"),
        ({"chance": "1.5"}, "chance = 1.5 cannot be"),
        ({"arxiv": '"1"'}, "arxiv = '1' cannot be"),
        ({"homepage": '"http://x"'}, "homepage = 'http://x' cannot be"),
        ({"splits": "[]"}, "x: splits is missing"),
        ({"splits": "[1]"}, "splits must be a list of names"),
        ({"colour": '"red"'}, "unknown key 'colour'"),
        ({"fields": "{ answer = 'a' }"}, "says nothing of the question"),
        ({"fields": "{ question = [] }"}, "says nothing of the question"),
        ({"fields": "{ question = 5 }"}, "question must be a field's name or a list"),
    ],
)
def test_a_wrong_entry_is_refused(change, says):
    text = "[[benchmark]]\n" + "".join(f"{key} = {value}\n" for key, value in (GOOD | change).items())
    with pytest.raises(InputError, match=says):
        parse_catalog(text)


def test_a_whole_entry_is_read():
    text = "[[benchmark]]\n" + "".join(f"{key} = {value}\n" for key, value in GOOD.items())
    (entry,) = parse_catalog(
        text + 'revision = "' + "0" * 40 + '"\nfields = { question = "q", answer = "a", answer_is = "index" }\n'
    )
    assert (entry.revision, entry.fields.question, entry.fields.answer_is) == ("0" * 40, ("q",), AnswerIs.INDEX)
    with pytest.raises(InputError, match="x and x share the name 'x'"):
        parse_catalog(text + text)
    with pytest.raises(InputError, match="not valid TOML"):
        parse_catalog("[[")
