"""lm-evaluation-harness task files: rendered in a sandbox over local data or the hub, and refused where they call code."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditor.errors import BenchmarkFormatError
from auditor.suites import load_benchmark, load_benchmarks
from auditor.types import Item

ROWS = [
    {"question": "Which planet is the largest?", "choices": ["Mars", "Jupiter"], "answer": 1, "story": "We look up."},
    {"question": "Which planet is red?", "choices": ["Mars", "Jupiter"], "answer": 0, "story": "We look up."},
]
LOCAL = "task: planets\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: planets.jsonl\ntest_split: test\n"


def write(tmp_path, body, head=LOCAL, rows=ROWS):
    (tmp_path / "planets.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "task.yaml").write_text(head + body)
    return tmp_path / "task.yaml"


def test_templates_fields_and_constants_are_rendered(tmp_path):
    path = write(
        tmp_path,
        'doc_to_text: "Q: {{question|trim}}\\nA:"\ndoc_to_choice: "{{choices}}"\ndoc_to_target: answer\nnum_fewshot: 0\n',
    )
    got = load_benchmark(path)
    assert got.name == "planets"
    assert got.items == (
        Item("0", "Q: Which planet is the largest?\nA:", ("Mars", "Jupiter"), ("Jupiter",), "We look up.", "test"),
        Item("1", "Q: Which planet is red?\nA:", ("Mars", "Jupiter"), ("Mars",), "We look up.", "test"),
    )


def test_the_decontamination_query_is_the_question_where_there_is_one(tmp_path):
    body = 'doc_to_text: "{{story}} {{question}}"\ndoc_to_target: "{{choices[answer]}}"\nshould_decontaminate: true\n'
    got = load_benchmark(write(tmp_path, body + "doc_to_decontamination_query: question\n"))
    assert (got.items[0].question, got.items[0].answers) == ("Which planet is the largest?", ("Jupiter",))


def test_letters_are_turned_into_the_choices_they_stand_for(tmp_path):
    body = (
        'doc_to_text: "{{question}}\\nA. {{choices[0]}}\\nB. {{choices[1]}}\\nAnswer:"\n'
        'doc_to_choice: ["A", "B"]\ndoc_to_target: "{{[\'A\', \'B\'][answer]}}"\n'
    )
    first = load_benchmark(write(tmp_path, body)).items[0]
    # the options are written out in the question and not given a second time
    assert first == Item(
        "0", "Which planet is the largest?\nA. Mars\nB. Jupiter\nAnswer:", (), ("Jupiter",), "We look up.", "test"
    )


def test_a_bare_letter_without_doc_to_choice_is_no_answer(tmp_path):
    body = "doc_to_text: question\ndoc_to_target: \"{{'AB'[answer]}}\"\n"
    assert load_benchmark(write(tmp_path, body)).items[0].answers == ("Jupiter",)


def test_lm_evals_own_filter_and_constant_lists(tmp_path):
    body = "doc_to_text: \"{{question|regex_replace('planet', 'one')}}\"\ndoc_to_choice: [\"{{choices[0]}}\", none of them]\ndoc_to_target: 1\n"
    first = load_benchmark(write(tmp_path, body)).items[0]
    assert (first.question, first.choices, first.answers) == (
        "Which one is the largest?",
        ("Mars", "none of them"),
        ("none of them",),
    )


def test_a_task_may_include_another_below_its_directory(tmp_path):
    (tmp_path / "_base.yaml").write_text(LOCAL + "doc_to_text: question\n")
    path = tmp_path / "task.yaml"
    write(tmp_path, "include: _base.yaml\ntask: mine\n", head="")
    assert load_benchmark(path).name == "mine"
    path.write_text("include: ../../etc/passwd\ntask: mine\n")
    with pytest.raises(BenchmarkFormatError, match="not below the task's own directory"):
        load_benchmark(path)
    path.write_text("include: task.yaml\ntask: mine\n")
    with pytest.raises(BenchmarkFormatError, match="not below the task's own directory"):
        load_benchmark(path)


def test_a_function_is_never_run_and_samples_are_asked_for(tmp_path):
    path = write(tmp_path, "doc_to_text: !function utils.doc_to_text\n")
    (tmp_path / "utils.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(BenchmarkFormatError, match=r"calls the Python function 'utils.doc_to_text'.*--log_samples"):
        load_benchmark(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ question.__init__.__globals__ }}",
        "{{ choices.append('x') }}",
        "{{ range(10**9)|list }}",
        "{{ nothing_there }}",
        "{{ 1 // 0 }}",
    ],
)
def test_templates_reach_nothing_outside_their_row(tmp_path, template):
    with pytest.raises(BenchmarkFormatError, match="templates fail on every row of json"):
        load_benchmark(write(tmp_path, f'doc_to_text: "{template}"\n'))


def test_rows_whose_template_fails_are_counted(tmp_path):
    rows = [
        *ROWS,
        {"question": "Whose moon is Io?", "choices": ["Mars"], "answer": 0},
        {"question": "", "choices": ["a", "b"]},
    ]
    got = load_benchmark(write(tmp_path, 'doc_to_text: "{{question if not choices[1] else question}}"\n', rows=rows))
    assert (len(got.items), got.skipped) == (2, {"empty_question": 1, "template_failed": 1})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[", "is not valid YAML"),
        ("- a", "holds no mapping"),
        ("group: g\ntask: [a, b]", "a group of tasks"),
        ("doc_to_text: q", "it has no `task`"),
        ("task: t\ndoc_to_text: q", "has no dataset_path"),
        ("task: t\ndataset_path: a/b\ntest_split: test", "has no doc_to_text"),
        ("task: t\ndataset_path: a/b\ndoc_to_text: q", "names no test_split"),
        ("task: t\ndataset_path: json\ntest_split: test\ndoc_to_text: q", "data_files names none"),
        ("task: t\ndataset_path: ../x/y\ntest_split: test\ndoc_to_text: q", "is no dataset of the hub"),
        (LOCAL.replace("test: planets", "dev: planets") + "doc_to_text: q", "data_files have no split 'test'"),
        (LOCAL.replace("planets.jsonl", "https://x/y.jsonl") + "doc_to_text: q", "reads its data from an address"),
        (
            LOCAL.replace("planets.jsonl", "gone.jsonl") + "doc_to_text: q",
            "neither beside it nor in the working directory",
        ),
        (LOCAL + 'doc_to_text: "{{question"', "is not valid"),
        (LOCAL + "doc_to_text: !!python/object/apply:os.system ['true']", "is not valid YAML"),
    ],
)
def test_task_files_that_cannot_be_used(tmp_path, content, says):
    path = write(tmp_path, content, head="")
    with pytest.raises(BenchmarkFormatError, match=says):
        load_benchmark(path)


def test_a_dataset_of_the_hub_is_fetched_into_the_cache(hub, tmp_path):
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), buffer)
    hub.add("some/planets", {"easy/validation-00000-of-00001.parquet": buffer.getvalue()})
    head = "task: planets\ndataset_path: some/planets\ndataset_name: easy\nvalidation_split: validation\n"
    path = write(tmp_path, "doc_to_text: question\n", head=head)
    got = load_benchmark(path, name="mine", cache_dir=tmp_path / "cache", endpoint=hub.endpoint)
    assert (got.name, len(got.items), got.source) == ("mine", 2, "hf://datasets/some/planets")
    assert got.revision == hub.commit("some/planets")
    assert load_benchmark(path, cache_dir=tmp_path / "cache", offline=True).items == got.items


def test_a_task_is_known_by_its_own_name_also_among_several(tmp_path):
    path = write(tmp_path, "doc_to_text: question\n")
    (tmp_path / "planets_other.jsonl").write_text(json.dumps(ROWS[0]))
    names = [benchmark.name for benchmark in load_benchmarks([path, f"again={path}", tmp_path / "planets_other.jsonl"])]
    assert names == ["planets", "again", "planets_other"]


@pytest.mark.parametrize("missing", ["yaml", "jinja2"])
def test_without_its_libraries_the_error_names_the_extra(tmp_path, missing):
    path = write(tmp_path, "doc_to_text: question\n")
    code = f"import sys; sys.modules[{missing!r}] = None\nfrom auditor.cli import main; main()"
    got = subprocess.run(
        [sys.executable, "-c", code, "suites", "show", str(path)], capture_output=True, text=True, check=False
    )
    assert (got.returncode, got.stdout) == (2, "")
    assert "pip install 'auditor[yaml]'" in got.stderr
