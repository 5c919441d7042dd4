"""Rows of every documented shape, as the tools write them, and the items they give."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import BenchmarkFormatError, InputError
from auditor.suites import load_benchmark
from auditor.suites.fields import AnswerIs, Choices, answer_style, right_choices, without_letters
from auditor.suites.generation import written_option
from auditor.suites.lmeval_samples import arguments_of, last_example, task_of
from auditor.suites.shapes import GENERIC, SHAPES, sniff
from auditor.suites.values import answer_forms, last_boxed, lookup, text_of, unwritten_list
from auditor.types import Item


def load(tmp_path, rows, **options):
    path = tmp_path / options.pop("file", "bench.jsonl")
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return load_benchmark(path, **options)


Q = "Which of these is the largest planet of our solar system?"
FOUR = ["Mars", "Jupiter", "Venus", "Saturn"]
PASSAGE = "The solar system has eight planets."

ITEMS = {
    "generic, all parts": (
        {"id": "x7", "question": Q, "choices": FOUR, "answer": "Jupiter", "passage": PASSAGE},
        Item("x7", Q, tuple(FOUR), ("Jupiter",), PASSAGE),
    ),
    "generic, question only": ({"question": Q}, Item("0", Q)),
    "generic, other names in other case": ({"Problem": Q, "Final Answer": 5.0}, Item("0", Q, (), ("5",))),
    "instruction and input": (
        {"instruction": "Name the planet.", "input": "It is large.", "output": "Jupiter"},
        Item("0", "Name the planet.\nIt is large.", (), ("Jupiter",)),
    ),
    "text only": ({"language": "en", "text": Q}, Item("0", Q)),
    "MMLU on the hub": (
        {"question": Q, "subject": "astronomy", "choices": FOUR, "answer": 1},
        Item("0", Q, tuple(FOUR), ("Jupiter",), subset="astronomy"),
    ),
    "MMLU-Pro": (
        {"question_id": 70, "question": Q, "options": FOUR, "answer": "B", "answer_index": 1, "category": "physics",
         "cot_content": ""},
        Item("70", Q, tuple(FOUR), ("Jupiter",), subset="physics"),
    ),
    "GSM8K": (
        {"question": "How many are 2 and 3?", "answer": "2 + 3 = <<2+3=5>>5\n#### 5"},
        Item("0", "How many are 2 and 3?", (), ("2 + 3 = <<2+3=5>>5", "5")),
    ),
    "HumanEval": (
        {"task_id": "HumanEval/3", "prompt": "def f():\n", "canonical_solution": "    return 1\n", "test": "t",
         "entry_point": "f"},
        Item("HumanEval/3", "def f():\n", (), ("    return 1\n",)),
    ),
    "MBPP": (
        {"task_id": 11, "text": "Write a function.", "code": "def f(): pass", "test_list": ["assert f()"]},
        Item("11", "Write a function.", (), ("def f(): pass",)),
    ),
    "MBPP, sanitized": (
        {"task_id": 12, "prompt": "Write a function.", "code": "def f(): pass", "test_list": []},
        Item("12", "Write a function.", (), ("def f(): pass",)),
    ),
    "BigCodeBench": (
        {"task_id": "B/0", "complete_prompt": "def g():", "instruct_prompt": "Write g.", "canonical_solution": " pass"},
        Item("B/0", "def g():", (), (" pass",)),
    ),
    "TruthfulQA CSV": (
        {"Type": "A", "Category": "Myths", "Question": Q, "Best Answer": "Jupiter",
         "Correct Answers": "It is Jupiter; Jupiter", "Incorrect Answers": "Mars; Venus", "Source": "s"},
        Item("0", Q, ("Jupiter", "It is Jupiter", "Mars", "Venus"), ("Jupiter", "It is Jupiter"), subset="Myths"),
    ),
    "TruthfulQA on the hub": (
        {"question": Q, "best_answer": "Jupiter", "correct_answers": ["Jupiter; always"], "incorrect_answers": ["Mars"]},
        Item("0", Q, ("Jupiter", "Jupiter; always", "Mars"), ("Jupiter", "Jupiter; always")),
    ),
    "TruthfulQA multiple choice": (
        {"question": Q, "mc1_targets": {"choices": FOUR, "labels": [0, 1, 0, 0]}},
        Item("0", Q, tuple(FOUR), ("Jupiter",)),
    ),
    "TruthfulQA multiple choice, as first published": (
        {"question": Q, "mc1_targets": {"Mars": 0, "Jupiter": 1}},
        Item("0", Q, ("Mars", "Jupiter"), ("Jupiter",)),
    ),
    "ARC as published": (
        {"id": "M_1", "question": {"stem": Q, "choices": [{"text": "Mars", "label": "A"}, {"text": "Jupiter", "label": "B"}]},
         "answerKey": "B"},
        Item("M_1", Q, ("Mars", "Jupiter"), ("Jupiter",)),
    ),
    "ARC on the hub, labels as numbers": (
        {"id": "M_2", "question": Q, "choices": {"text": FOUR, "label": ["1", "2", "3", "4"]}, "answerKey": "2"},
        Item("M_2", Q, tuple(FOUR), ("Jupiter",)),
    ),
    "OpenBookQA": (
        {"id": "7-1", "question_stem": Q, "choices": {"text": FOUR, "label": list("ABCD")}, "answerKey": "B"},
        Item("7-1", Q, tuple(FOUR), ("Jupiter",)),
    ),
    "HellaSwag": (
        {"ind": 4, "activity_label": "Astronomy", "ctx": "A man looks up. He", "endings": FOUR, "label": "1"},
        Item("0", "A man looks up. He", tuple(FOUR), ("Jupiter",), subset="Astronomy"),
    ),
    "HellaSwag without a label": (
        {"ctx": "A man looks up. He", "endings": FOUR, "label": ""},
        Item("0", "A man looks up. He", tuple(FOUR)),
    ),
    "WinoGrande": (
        {"sentence": "The cup beat the jug because _ was new.", "option1": "cup", "option2": "jug", "answer": "2"},
        Item("0", "The cup beat the jug because _ was new.", ("cup", "jug"), ("jug",)),
    ),
    "PIQA": (
        {"goal": "Open a jar", "sol1": "Hit it", "sol2": "Turn the lid", "label": 1},
        Item("0", "Open a jar", ("Hit it", "Turn the lid"), ("Turn the lid",)),
    ),
    "RACE": (
        {"example_id": "high1.txt", "article": PASSAGE, "question": Q, "options": FOUR, "answer": "B"},
        Item("0", Q, tuple(FOUR), ("Jupiter",), PASSAGE),
    ),
    "SciQ": (
        {"question": Q, "distractor1": "Mars", "distractor2": "Venus", "distractor3": "", "correct_answer": "Jupiter",
         "support": PASSAGE},
        Item("0", Q, ("Jupiter", "Mars", "Venus"), ("Jupiter",)),
    ),
    "GPQA": (
        {"Record ID": "rec1", "Question": Q, "Correct Answer": "Jupiter\n", "Incorrect Answer 1": "Mars",
         "Incorrect Answer 2": "Venus", "Incorrect Answer 3": "Saturn", "Subdomain": "Astronomy"},
        Item("rec1", Q, ("Jupiter", "Mars", "Venus", "Saturn"), ("Jupiter",), subset="Astronomy"),
    ),
    "BBH": (
        {"input": "Which?\nOptions:\n(A) the first \n(B) the second", "target": "(B)"},
        Item("0", "Which?\nOptions:\n(A) the first \n(B) the second", (), ("the second",)),
    ),
    "IFEval": (
        {"key": 1000, "prompt": "Write 300 words.", "instruction_id_list": ["l"], "kwargs": [{}]},
        Item("1000", "Write 300 words."),
    ),
    "MT-Bench": (
        {"question_id": 81, "category": "writing", "turns": ["Write a post.", "Make it short."], "reference": ["Post", "P"]},
        Item("81", "Write a post.\n\nMake it short.", (), ("Post", "P"), subset="writing"),
    ),
    "Arena-Hard": (
        {"question_id": "ab", "category": "hard", "turns": [{"content": "Write a post."}]},
        Item("ab", "Write a post.", subset="hard"),
    ),
    "SQuAD": (
        {"id": "5a", "context": PASSAGE, "question": "How many planets?", "answers": {"text": ["eight", "8"], "answer_start": [1, 2]}},
        Item("5a", "How many planets?", (), ("eight", "8"), PASSAGE),
    ),
    "MATH": (
        {"problem": "What is $1+1$?", "solution": "It is $\\boxed{\\frac{4}{2}}$.", "answer": "2", "subject": "Algebra",
         "unique_id": "test/algebra/1.json"},
        Item("test/algebra/1.json", "What is $1+1$?", (), ("It is $\\boxed{\\frac{4}{2}}$.", "\\frac{4}{2}", "2"), subset="Algebra"),
    ),
    "inspect": (
        {"id": "s1", "input": [{"role": "system", "content": "Answer."}, {"role": "user", "content": Q},
                               {"role": "assistant", "content": "Hm."}], "choices": FOUR, "target": "B", "metadata": {}},
        Item("s1", "Answer.\n" + Q, tuple(FOUR), ("Jupiter",)),
    ),
    "inspect without choices": (
        {"id": 3, "input": "How many planets?", "target": ["eight", "8"]},
        Item("3", "How many planets?", (), ("eight", "8")),
    ),
    "lighteval": (
        {"query": Q, "choices": ["(A) Mars", "(B) Jupiter"], "gold_index": [1]},
        Item("0", Q, ("Mars", "Jupiter"), ("Jupiter",)),
    ),
    "choices written out as a list, MuSR": (
        {"narrative": "n", "question": Q, "choices": "['Mars', 'Jupiter']", "answer_index": 1},
        Item("0", Q, ("Mars", "Jupiter"), ("Jupiter",)),
    ),
    "CRUXEval": (
        {"id": "sample_0", "code": "def f(a): return a", "input": "[1]", "output": "[1, 2]"},
        Item("sample_0", "def f(a): return a\n[1]", (), ("[1, 2]",)),
    ),
    "APPS": (
        {"problem_id": 3, "question": Q, "solutions": '["a = 1"]', "input_output": "{}", "difficulty": "interview"},
        Item("3", Q, (), ('["a = 1"]',), subset="interview"),
    ),
    "LiveCodeBench": (
        {"question_id": "1873_A", "question_title": "Cards", "question_content": Q, "starter_code": "", "platform": "codeforces"},
        Item("1873_A", Q, subset="codeforces"),
    ),
    "Social IQa": (
        {"context": PASSAGE, "question": "Why?", "answerA": "one", "answerB": "two", "answerC": "three", "label": "3"},
        Item("0", "Why?", ("one", "two", "three"), ("three",), PASSAGE),
    ),
    "MMLU columns of another name, the last one blank": (
        {"question": Q, "choice_1": "Mars", "choice_2": "Jupiter", "choice_3": "", "answer": "Jupiter"},
        Item("0", Q, ("Mars", "Jupiter"), ("Jupiter",)),
    ),
    "choices by letter, MedQA": (
        {"question": Q, "options": {"A": "Mars", "B": "Jupiter"}, "answer_idx": "B", "answer": "Jupiter"},
        Item("0", Q, ("Mars", "Jupiter"), ("Jupiter",)),
    ),
    "choices that are no list": ({"question": Q, "choices": None, "answer": "Jupiter"}, Item("0", Q, (), ("Jupiter",))),
    "several right choices": (
        {"question": Q, "choices": FOUR, "answer": ["A", "C"]},
        Item("0", Q, tuple(FOUR), ("Mars", "Venus")),
    ),
    "choices that are lists": (
        {"question": "What is ['Hi'] * 1?", "choices": ["['Hi']", "Hi"], "answer": "['Hi']"},
        Item("0", "What is ['Hi'] * 1?", ("['Hi']", "Hi"), ("['Hi']",)),
    ),
    "an answer with its letter": (
        {"question": Q, "choices": ["(A) Mars", "(B) Jupiter"], "answer": "(B) Jupiter"},
        Item("0", Q, ("Mars", "Jupiter"), ("Jupiter",)),
    ),
    "lm-eval sample with its document": (
        {"doc_id": 5, "doc": {"question": Q, "choices": FOUR, "answer": 1}, "target": "1", "resps": [], "doc_hash": "h",
         "arguments": [["Question: " + Q + "\nAnswer:", " Mars"], ["Question: " + Q + "\nAnswer:", " Jupiter"]]},
        Item("5", Q, tuple(FOUR), ("Jupiter",)),
    ),
    "lm-eval sample of an unknown document": (
        {"doc_id": 6, "doc": {"a": 1}, "target": 1,
         "arguments": {"gen_args_0": {"arg_0": "Q: one?\n\nQ: " + Q, "arg_1": " Mars"},
                       "gen_args_1": {"arg_0": "Q: one?\n\nQ: " + Q, "arg_1": " Jupiter"}}, "resps": []},
        Item("6", "Q: " + Q, ("Mars", "Jupiter"), ("Jupiter",)),
    ),
    "lm-eval sample whose document has no answer": (
        {"doc_id": 7, "doc": {"question": Q}, "target": "Jupiter", "arguments": [["p", {"until": ["\n"]}]], "resps": []},
        Item("7", Q, (), ("Jupiter",)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", ITEMS)
def test_a_row_of_each_shape_gives_its_item(tmp_path, shape):
    row, item = ITEMS[shape]
    assert load(tmp_path, [row]).items == (item,)


def test_every_shape_is_told_from_its_fields_in_a_test_here():
    seen = {sniff([(0, row)]).name for row, _ in ITEMS.values()}
    assert {shape.name for shape in (*SHAPES, GENERIC)} - seen == {"decon"}


@pytest.mark.parametrize(
    "row",
    [
        {"input": " ", "target": "x"},
        {"turns": [""]},
        {"Question": "", "Best Answer": "x", "Correct Answers": ""},
        {"question": "", "mc1_targets": {}},
        {"Question": "", "Correct Answer": "x", "Incorrect Answer 1": "y"},
        {"question": "", "A": "x", "B": "y", "answer": "A"},
    ],
)
def test_an_empty_question_is_counted_in_every_shape(tmp_path, row):
    whole = {key: "some text" if value in ("", " ") else value for key, value in row.items()}
    if "turns" in row:
        whole = {"turns": ["Hm?"]}
    got = load(tmp_path, [whole, row])
    assert (len(got.items), got.skipped) == (1, {"empty_question": 1})


def test_an_lm_eval_sample_of_nothing_is_counted(tmp_path):
    rows = [
        {"doc_id": 0, "doc": "", "target": "", "arguments": []},
        {"doc_id": 1, "doc": {"question": Q}, "target": "a b", "arguments": []},
    ]
    got = load(tmp_path, rows)
    assert (got.items, got.skipped) == ((Item("1", Q, (), ("a b",)),), {"empty_question": 1})


def test_decon_rows_become_one_item_for_each_question(tmp_path):
    base = {
        "eval_key": "arc",
        "config": "ARC-Challenge",
        "split": "test",
        "question": Q,
        "passage": "",
        "fingerprint": "f",
    }
    rows = [
        base | {"eval_instance_index": 4, "answer": answer, "doc_id": n, "is_correct": answer == "Jupiter"}
        for n, answer in enumerate(FOUR)
    ]
    rows += [
        base
        | {
            "eval_instance_index": 5,
            "question": "How many planets?",
            "answer": "eight",
            "doc_id": 9,
            "is_correct": None,
        },
        base | {"eval_instance_index": 6, "question": "", "answer": "a", "doc_id": 10, "is_correct": True},
        base | {"eval_instance_index": 6, "question": "", "answer": "b", "doc_id": 11, "is_correct": False},
    ]
    got = load(tmp_path, rows)
    assert got.items == (
        Item("4", Q, tuple(FOUR), ("Jupiter",), "", "test", "ARC-Challenge"),
        Item("5", "How many planets?", (), ("eight",), "", "test", "ARC-Challenge"),
    )
    assert got.skipped == {"empty_question": 2}
    several = load(tmp_path, [rows[4], rows[4] | {"eval_key": "other", "config": "default"}])
    assert [(item.item_id, item.subset) for item in several.items] == [
        ("arc/ARC-Challenge/5", "ARC-Challenge"),
        ("other/5", "other"),
    ]


def test_lm_eval_repeats_of_a_document_for_other_filters_are_counted(tmp_path):
    rows = [
        {"doc_id": n, "doc": {"question": f"What is {n}?", "answer": f"It is.\n#### {n}"}, "target": f"{n}", "resps": [],
         "arguments": [["p", {}]], "filter": name}
        for name in ("strict-match", "flexible-extract") for n in range(3)
    ]  # fmt: skip
    got = load(tmp_path, rows, file="samples_gsm8k_2024-06-01T12-00-00.123456.jsonl")
    assert (got.name, len(got.items), got.skipped) == ("gsm8k", 3, {"same_document_another_filter": 3})
    assert got.items[2] == Item("2", "What is 2?", (), ("It is.", "2"), subset="gsm8k")


MMLU_ROWS = [
    ["What is 1 + 1, as children learn it?", "1", "2", "3", "4", "B"],
    ["What is 3 + 1, as children learn it?", "1", "2", "3", "4", "D"],
    ["What, then, is no number at all?", "one", "two, or more", "a tree", "4", "C"],
]


HEADER = ["question", "A", "B", "C", "D", "answer"]


@pytest.mark.parametrize(
    ("header", "marks"),
    [(None, "ABCD"), (None, "0123")]
    + [(header, marks) for header in (HEADER, ["", *map(str.title, HEADER)]) for marks in ("ABCD", "0123", "1234")],
)
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_mmlu_tables_with_and_without_header(tmp_path, header, marks, delimiter):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    if header:
        writer.writerow(header)
    for number, row in enumerate(MMLU_ROWS):
        cells = [*row[:5], marks["ABCD".index(row[5])]]
        writer.writerow([number, *cells] if header and header[0] == "" else cells)
    path = tmp_path / ("arithmetic_test.csv" if delimiter == "," else "arithmetic_test.tsv")
    path.write_text(out.getvalue(), encoding="utf-8-sig")
    got = load_benchmark(path)
    assert [item.question for item in got.items] == [row[0] for row in MMLU_ROWS]
    assert [item.choices for item in got.items] == [tuple(row[1:5]) for row in MMLU_ROWS]
    assert [item.answers for item in got.items] == [("2",), ("4",), ("a tree",)]
    assert {(item.split, item.subset) for item in got.items} == {("test", "")}


def test_the_answers_of_all_files_tell_how_each_is_written(tmp_path):
    # alone, the first file's "1" is one of its choices, and would be taken for the text
    (tmp_path / "a_dev.csv").write_text(
        "question,A,B,C,D,answer\nWhat is left?,0,1,2,3,1\nAnd what is right?,3,2,1,0,1\n"
    )
    (tmp_path / "b_dev.csv").write_text("question,A,B,C,D,answer\nWho?,he,she,it,they,0\nWhere?,here,there,up,down,3\n")
    got = load_benchmark(tmp_path)
    assert [item.answers for item in got.items] == [("1",), ("2",), ("he",), ("down",)]
    assert [item.item_id for item in got.items] == ["a/0", "a/1", "b/0", "b/1"]


def test_a_schema_says_what_the_fields_are(tmp_path):
    rows = [{"frage": Q, "a1": "Mars", "a2": "Jupiter", "richtig": 2, "nr": "f1"}]
    with pytest.raises(
        BenchmarkFormatError,
        match=r"fit no known shape. The fields are: frage, a1, a2, richtig, nr\.\n(.|\n)*humaneval",
    ):
        load(tmp_path, rows)
    got = load(tmp_path, rows, schema="question=frage,choices=a1+a2,answer=richtig,answer_is=ordinal,item_id=nr")
    assert got.items == (Item("f1", Q, ("Mars", "Jupiter"), ("Jupiter",)),)
    assert load(tmp_path, [{"prompt": Q, "answer": "A"}], schema="generic").items[0].answers == ("A",)


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ("nonsense", "not a known shape"),
        ("question=", "is not PART=FIELD"),
        ("answer=x", "says nothing of the question"),
        ("question=a,colour=b", "no part of an item is called 'colour'"),
        ("question=a,answer=b+c", "answer takes one field"),
        ("question=a,answer_is=maybe", "answer_is must be one of"),
    ],
)
def test_a_malformed_schema_is_explained(tmp_path, schema, says):
    with pytest.raises(InputError, match=says):
        load(tmp_path, [{"a": "b"}], schema=schema)


@pytest.mark.parametrize(
    ("question", "target", "text"),
    [
        ("Which?\n(A) red\n(B) blue", "(B)", "blue"),
        ("Which?\n(A) red\n(B) blue", "B", "blue"),
        ("Which?\n(A) red\n(B) blue", "(C)", ""),
        ("Is it?\nOptions:\n- Yes\n- No", "No", "No"),
        ("Sort the letters", "A", "A"),
        ("Close the brackets", ") ]", ") ]"),
    ],
)
def test_options_written_in_the_question(question, target, text):
    assert written_option(question, target) == text


@given(
    st.lists(st.text(min_size=1, max_size=8).map(str.strip).filter(bool), min_size=2, max_size=6, unique=True),
    st.data(),
)
def test_a_right_choice_is_found_however_it_is_given(texts, data):
    choices = Choices(tuple(texts))
    right = data.draw(st.integers(0, len(texts) - 1))
    assert right_choices(choices, right, AnswerIs.INDEX) == [texts[right]]
    assert right_choices(choices, str(right + 1), AnswerIs.ORDINAL) == [texts[right]]
    assert right_choices(choices, chr(65 + right), AnswerIs.LETTER) == [texts[right]]
    assert right_choices(choices, texts[right], AnswerIs.TEXT) == [texts[right]]
    labelled = Choices(tuple(texts), tuple(f"label {n}" for n in range(len(texts))))
    assert right_choices(labelled, f"label {right}", AnswerIs.AUTO) == [texts[right]]


@given(st.integers(2, 6), st.lists(st.integers(0, 5), min_size=1), st.sampled_from(["letter", "index", "text"]))
def test_the_style_of_answers_is_told_from_the_rows(count, positions, style):
    texts = tuple(f"choice number {n}" for n in range(count))
    write = {"letter": lambda n: f"({chr(65 + n)})", "index": str, "text": lambda n: texts[n]}[style]
    sample = [(Choices(texts), write(position % count)) for position in positions]
    found = answer_style(sample)
    for position in positions:
        assert right_choices(Choices(texts), write(position % count), found) == [texts[position % count]]


@pytest.mark.parametrize("mark", ["E", "9", "(H)", "-1", ""])
def test_a_mark_that_stands_for_no_choice_is_no_answer(mark):
    assert right_choices(Choices(("Mars", "Venus")), mark, AnswerIs.AUTO) == []


def test_helpers_of_values():
    row = {"a.b": 1, "a": {"b": 2, "c": [10, {"d": "x"}]}, "Two Words": "", "list": []}
    assert lookup(row, "a.b") == 1
    assert lookup(row, "a.c.1.d") == "x"
    assert lookup(row, "Two Words|list|a.c.0") == 10
    assert lookup(row, "Two Words|nope") == ""
    assert [text_of(v) for v in (None, 3.0, 2.5, True, {"text": "t"}, {}, b"\xff", {"k": "é"})] == [
        "", "3", "2.5", "True", "t", "", "�", '{"k": "é"}']  # fmt: skip
    assert lookup({"a": "['x', 1]"}, "a[]") == ["x", 1]
    assert unwritten_list("[1, 2") == "[1, 2"
    assert unwritten_list("[not a list]") == "[not a list]"
    assert unwritten_list('["a", null]') == ["a", None]
    assert answer_forms(["", "x", "x", "#### 5"]) == ("x", "5")
    assert last_boxed(r"\boxed{1} and \boxed{a{b}c}") == "a{b}c"
    assert last_boxed(r"\boxed{open") == ""
    assert without_letters(("(A) red", "(B) blue")) == ("red", "blue")
    assert without_letters(("A) red", "A) blue")) == ("A) red", "A) blue")
    assert without_letters(("A. Lincoln",)) == ("A. Lincoln",)


def test_helpers_of_lm_eval_samples():
    assert task_of("samples_mmlu_anatomy_2024-06-01T12-00-00.1") == "mmlu_anatomy"
    assert task_of("samples_x") == "x"
    assert task_of("other") == ""
    assert arguments_of(None) == ("", ())
    assert arguments_of([[], ["p", " c"]]) == ("p", ())
    assert last_example("one block") == "one block"
    assert last_example("Q: a\nA: b\n\nQ: c\n\nmore of c") == "Q: c\n\nmore of c"
