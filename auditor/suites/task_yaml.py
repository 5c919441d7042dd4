"""Task files of lm-evaluation-harness: its prompts rendered in a sandbox, over data that is fetched or local."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import BenchmarkFormatError, MissingExtraError
from auditor.suites.catalog import CatalogEntry
from auditor.suites.fields import EMPTY_QUESTION, AnswerIs, Choices, Outcome, right_choices
from auditor.suites.files import BenchmarkFile
from auditor.suites.load import Part, finish, read_parts
from auditor.suites.shape import Shape
from auditor.suites.shapes import sniff
from auditor.suites.values import answer_forms, text_of, texts_of, unwritten_list
from auditor.types import Item

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from auditor.suites.fields import NumberedRow
    from auditor.suites.spec import BenchmarkSpec
    from auditor.suites.values import Row
    from auditor.types import Benchmark

LOCAL_LOADERS = frozenset({"json", "csv", "parquet", "arrow"})
"""Values of `dataset_path` that stand for files beside the task, named in `dataset_kwargs.data_files`."""

TEMPLATE_FAILED = "template_failed"
_MOST_INCLUDES = 10
_BARE = re.compile(r"[(\[]?[A-Za-z0-9][)\].:]?")


@dataclass(frozen=True, slots=True)
class Task:
    """What a task file says of its items."""

    path: Path
    name: str
    dataset: str
    config: str
    split: str
    data_files: tuple[str, ...]
    """Local files of the split, where the task does not name a dataset on the hub."""
    text: Any
    target: Any
    choice: Any
    query: str
    """`doc_to_decontamination_query`: the text by which the harness itself looks for contamination."""


def load_task(
    path: Path,
    spec: BenchmarkSpec,
    *,
    split: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    offline: bool = False,
    endpoint: str | None = None,
) -> Benchmark:
    """The benchmark that a task file describes. Its name is the task's, unless the spec gives another.

    Raises what `load_benchmark` does; BenchmarkFormatError for a task that calls Python functions, since running the
    code of a benchmark is never safe: its per-sample log, which lm-eval writes with --log_samples, is asked for.
    """
    task = read_task(path)
    shape = Shape(f"task {task.name}", "as the task file says", (), read=_reader(task))
    name = spec.name if spec.named else task.name
    revision = ""
    if task.data_files:
        files = [_local(task, name) for name in task.data_files]
        parts = [Part(BenchmarkFile(file, file.name), task.split, "") for file in files]
        source = str(path)
    else:
        from auditor.suites.hub import cached_or_fetched

        cached = cached_or_fetched(_entry(task), cache_dir=cache_dir, offline=offline, endpoint=endpoint)
        parts, revision, source = cached.parts(), cached.commit, f"hf://datasets/{task.dataset}"
    return finish(name, read_parts(parts, shape), source, split=split, revision=revision)


def _entry(task: Task) -> CatalogEntry:
    """The task's dataset as the catalog would list it, so that it is fetched and cached in the same way."""
    slug = re.sub(r"[^a-z0-9]+", "-", f"{task.dataset} {task.config} {task.split}".lower()).strip("-")
    return CatalogEntry(
        name=f"task-{slug}",
        title=task.name,
        kind="generation",
        hub=task.dataset,
        splits=(task.split,),
        configs=(task.config,) if task.config else (),
    )


def _local(task: Task, name: str) -> Path:
    beside = task.path.parent / name
    if beside.is_file():
        return beside
    if Path(name).is_file():
        return Path(name)
    raise BenchmarkFormatError(f"{task.path}: its data file {name} is neither beside it nor in the working directory")


def read_task(path: Path) -> Task:
    """Read a task file and those it includes. Raises BenchmarkFormatError where it is none, or needs code to be run."""
    config = _read_yaml(path, path.parent.resolve(), 0)
    if not isinstance(config.get("task"), str):
        what = (
            "a group of tasks: give the task files it lists" if "group" in config else "no task file: it has no `task`"
        )
        raise BenchmarkFormatError(f"{path}: is {what}")
    dataset = text_of(config.get("dataset_path"))
    if not dataset:
        raise BenchmarkFormatError(f"{path}: has no dataset_path, so that there is nothing to read")
    if config.get("doc_to_text") is None and config.get("doc_to_decontamination_query") is None:
        raise BenchmarkFormatError(f"{path}: has no doc_to_text, so that its questions are not known")
    split = next(
        (text_of(config[key]) for key in ("test_split", "validation_split", "training_split") if config.get(key)), ""
    )
    data_files: tuple[str, ...] = ()
    if dataset in LOCAL_LOADERS:
        given = (config.get("dataset_kwargs") or {}).get("data_files")
        if isinstance(given, dict):
            if split not in given:
                raise BenchmarkFormatError(
                    f"{path}: its data_files have no split {split!r}; they have {', '.join(given)}"
                )
            given = given[split]
        data_files = tuple(texts_of(given))
        if not data_files:
            raise BenchmarkFormatError(f"{path}: reads local {dataset} files, but dataset_kwargs.data_files names none")
        if any("://" in name for name in data_files):
            raise BenchmarkFormatError(f"{path}: reads its data from an address; download the file and name it instead")
    elif not re.fullmatch(r"[\w.-]+(?:/[\w.-]+)?", dataset):
        raise BenchmarkFormatError(f"{path}: dataset_path {dataset!r} is no dataset of the hub")
    if not split:
        raise BenchmarkFormatError(f"{path}: names no test_split, validation_split or training_split")
    return Task(
        path=path,
        name=config["task"],
        dataset=dataset,
        config=text_of(config.get("dataset_name")),
        split=split,
        data_files=data_files,
        text=config.get("doc_to_text"),
        target=config.get("doc_to_target"),
        choice=config.get("doc_to_choice"),
        query=text_of(config.get("doc_to_decontamination_query")) if config.get("should_decontaminate", True) else "",
    )


def _read_yaml(path: Path, root: Path, depth: int) -> dict[str, Any]:
    try:
        import yaml
    except ImportError:
        raise MissingExtraError("reading an lm-eval task file", "yaml") from None

    class Loader(yaml.SafeLoader):
        """Plain YAML, in which `!function` is an error that says what to do instead."""

    def refuse(_: yaml.SafeLoader, node: yaml.Node) -> None:
        raise BenchmarkFormatError(
            f"{path}: calls the Python function {node.value!r}, and code that comes with a benchmark is never run "
            "here. Run lm-eval with --log_samples and give its samples_<task>_<date>.jsonl instead"
        )

    Loader.add_constructor("!function", refuse)
    try:
        config = yaml.load(path.read_text(encoding="utf-8"), Loader)  # noqa: S506 - a SafeLoader with one more error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise BenchmarkFormatError(f"{path}: is not valid YAML: {' '.join(str(error).split())[:300]}") from None
    except OSError as error:
        raise BenchmarkFormatError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not isinstance(config, dict):
        raise BenchmarkFormatError(f"{path}: is no task file: it holds no mapping")
    included = config.pop("include", None)
    if included is None:
        return config
    base = (path.parent / text_of(included)).resolve()
    if depth >= _MOST_INCLUDES or not base.is_relative_to(root):
        raise BenchmarkFormatError(f"{path}: includes {included!r}, which is not below the task's own directory")
    return _read_yaml(base, root, depth + 1) | config


def _regex_replace(text: str, pattern: str, by: str = "", count: int = 0) -> str:
    """The filter that lm-eval adds to Jinja's own."""
    return re.sub(pattern, by, text, count=count)


class _Renderer:
    """The task's templates, compiled in a sandbox that lets them change nothing and call nothing of Python's."""

    def __init__(self, task: Task) -> None:
        try:
            from jinja2 import StrictUndefined
            from jinja2.sandbox import ImmutableSandboxedEnvironment
        except ImportError:
            raise MissingExtraError("reading an lm-eval task file", "yaml") from None
        self.task = task
        self.environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
        self.environment.filters["regex_replace"] = _regex_replace
        self.compiled: dict[str, Any] = {}

    def value(self, template: Any, row: Mapping[str, Any]) -> Any:
        """What a `doc_to_*` entry gives for a row: the field it names, its template rendered, or a constant."""
        if isinstance(template, list):
            return [self.value(member, row) for member in template]
        if not isinstance(template, str):
            return template
        if template in row:
            return row[template]
        return self.text(template, row)

    def text(self, template: str, row: Mapping[str, Any]) -> str:
        """A template rendered for a row. Raises BenchmarkFormatError for an invalid one, ValueError where it fails."""
        from jinja2 import TemplateError, TemplateSyntaxError

        try:
            if template not in self.compiled:
                self.compiled[template] = self.environment.from_string(template)
            return str(self.compiled[template].render(**row))
        except TemplateSyntaxError as error:
            raise BenchmarkFormatError(f"{self.task.path}: the template {template!r} is not valid: {error}") from None
        except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, OverflowError) as error:
            raise ValueError(str(error)) from None


def _reader(task: Task) -> Any:
    renderer = _Renderer(task)

    def read(rows: Sequence[NumberedRow]) -> Iterator[tuple[int, Outcome]]:
        shape = sniff(rows)
        known = dict(shape.outcomes(rows)) if shape else {}
        problems: dict[str, int] = {}
        for number, row in rows:
            try:
                yield number, _item(task, renderer, row, known.get(number))
            except ValueError as error:
                problems[str(error)] = problems.get(str(error), 0) + 1
                yield number, TEMPLATE_FAILED
        if sum(problems.values()) == len(rows):
            first = next(iter(problems))
            raise BenchmarkFormatError(f"{task.path}: its templates fail on every row of {task.dataset}: {first}")

    return read


def _item(task: Task, renderer: _Renderer, row: Row, document: Outcome | None) -> Outcome:
    """The item of a row: the question as the task asks it; choices and answers as it gives them, or, where it gives
    only letters, as the row itself has them."""
    plain = document if isinstance(document, Item) else Item("", "")
    asked = text_of(renderer.value(task.query or task.text, row))
    if not asked.strip():
        return EMPTY_QUESTION
    choices: tuple[str, ...] = ()
    if task.choice is not None:
        choices = tuple(texts_of(unwritten_list(renderer.value(task.choice, row))))
    target = unwritten_list(renderer.value(task.target, row)) if task.target is not None else None
    only_letters = bool(choices) and all(map(_BARE.fullmatch, choices))
    if only_letters and plain.choices:
        found = right_choices(Choices(plain.choices, choices), target, AnswerIs.AUTO)
        # a target that is one of the letters was turned into the choice; a row's own answer covers the rest
        answers = answer_forms(found) or plain.answers
    elif choices:
        answers = answer_forms(right_choices(Choices(choices), target, AnswerIs.AUTO))
    else:
        answers = answer_forms(text for text in texts_of(target) if not _letter_of(text, plain)) or plain.answers
    offered = plain.choices if only_letters or not choices else choices
    written_out = bool(offered) and all(choice in asked for choice in offered)
    return replace(plain, question=asked, choices=() if written_out else offered, answers=answers)


def _letter_of(text: str, plain: Item) -> bool:
    """Whether a target is only the mark of one of the row's choices."""
    return bool(plain.choices) and _BARE.fullmatch(text.strip()) is not None and text not in plain.choices
