"""What the rephrase detector is measured on: rows with the item that each rephrases, among rows that hold none.

Every text is real or an LLM's rephrasing of a real item, of `../shared/data`; a few sets are of files that the project
may not carry (`--folder`). Nothing here depends on the detector.
"""

from __future__ import annotations

import json
import random
import re
import textwrap
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import auditor
from benchmarks.places import BENCHMARKS, SHARED, TRAINING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from auditor.types import Item

REPHRASED = SHARED / "data" / "rephrased"
PLACES = {
    "gsm8k": BENCHMARKS / "gsm8k/test.jsonl",
    "mmlu": BENCHMARKS / "mmlu/test",
    "humaneval": BENCHMARKS / "humaneval/HumanEval.jsonl.gz",
    "mbpp": BENCHMARKS / "mbpp/mbpp.jsonl",
    "arc": BENCHMARKS / "arc_challenge/ARC-Challenge-Test.jsonl",
    "truthfulqa": BENCHMARKS / "truthfulqa/TruthfulQA.csv",
}
ENGLISH = ("gsm8k", "mmlu", "humaneval")
DOLLY_CLEAN = 451
"""Dolly rows among the clean ones; those after it are what long records are made of."""
SAME_PROBLEM = frozenset({"problem understanding", "distraction insertion"})
"""Kinds of GSM-Plus that ask for the same: in other words, or with a sentence more that does not matter. The others are
other problems in the same words."""


OVERLAPS = {
    "Write a function to concatenate all elements of the given list into a string.": ("humaneval", "HumanEval/28"),
    "Write a python function to find the largest prime factor of a given number.": ("humaneval", "HumanEval/59"),
    "Write a function to check if the given integer is a prime number.": ("humaneval", "HumanEval/31"),
    "Write a function to find the greatest common divisor (gcd) of two integers by using recursion.":
        ("humaneval", "HumanEval/13"),
    "Write a function to solve the fibonacci sequence using recursion.": ("humaneval", "HumanEval/55"),
    "Write a python function to print positive numbers in a list.": ("humaneval", "HumanEval/30"),
    "Write a function to find length of the string.": ("humaneval", "HumanEval/23"),
    "Determine whether a given string is a palindrome or not.": ("humaneval", "HumanEval/48"),
    "Construct a JavaScript function to calculate the sum of two numbers.": ("humaneval", "HumanEval/53"),
    "Write a computer program to add up two numbers": ("humaneval", "HumanEval/53"),
    "Why is the sky blue?": ("mmlu", "astronomy/2"),
    "What are the functions of mitochondria in the human body?": ("mmlu", "miscellaneous/363"),
}  # fmt: skip
"""Instructions of MBPP and Alpaca that ask for what an item asks for, found by reading what was called among the clean
rows. Such a call is no false one; nor is the row one of the rephrases, so that missing it costs nothing."""


@dataclass(frozen=True)
class Row:
    """A training row, and the item that it rephrases: (benchmark, item id) or None."""

    record: dict[str, str]
    truth: tuple[str, str] | None
    number: int
    """Line of the file of rephrases; the odds were fitted on odd ones. -1 for a clean row."""
    part: str = ""
    """Which part of a set it is of, where parts are reported apart."""
    overlap: tuple[str, str] | None = None
    """The item that a row asks for by itself, though nobody put it there (see `OVERLAPS`)."""


@dataclass(frozen=True)
class RephraseSet:
    """Rows to be scanned against all items of some benchmarks."""

    name: str
    rows: tuple[Row, ...]
    benchmarks: tuple[str, ...] = ENGLISH
    model: str = "all-MiniLM-L6-v2"


def lines(path: Path) -> list[Any]:
    """Rows of a JSONL file."""
    # not splitlines: a text may hold other line ends, such as U+2028
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


@lru_cache
def items_of(benchmark: str) -> tuple[Item, ...]:
    """The items of a benchmark, in its order."""
    return auditor.load_benchmark(f"{benchmark}={PLACES[benchmark]}").items


def subject_items(subject: str) -> list[Item]:
    """The items of an MMLU subject, in its order."""
    return [item for item in items_of("mmlu") if item.subset == subject]


@lru_cache
def same_items(benchmark: str) -> dict[str, frozenset[str]]:
    """For each item, the ids of those that are the same but for spaces, case and the last sign: the question and, where
    there are options, one of them. "Which of the following is true?" is many items."""
    by_question: dict[str, list[Item]] = {}
    for item in items_of(benchmark):
        by_question.setdefault(plain(item.question), []).append(item)
    return {
        item.item_id: frozenset(
            other.item_id for other in alike
            if other is item or not item.choices or {plain(c) for c in item.choices} & {plain(c) for c in other.choices}
        )
        for alike in by_question.values() for item in alike
    }  # fmt: skip


def is_right(row: Row, benchmark: str, item_id: str) -> bool:
    """Whether an item is the one that a row rephrases or overlaps with, or the same as that."""
    own = row.truth or row.overlap
    return own is not None and benchmark == own[0] and item_id in same_items(benchmark)[own[1]]


def plain(text: str) -> str:
    """A text in lower case, without what does not change what it says."""
    return " ".join(text.casefold().split()).rstrip(".:;?! ")


def clean_rows(kinds: str) -> list[Row]:
    """Rows that hold no item: of "gsm8k" (or "gsm8k all"), "alpaca", "dolly", "chinese", "mbpp" and "asserts" (MBPP's
    programs with their tests), as named."""
    found: list[dict[str, Any]] = []
    if "gsm8k" in kinds:
        train = lines(TRAINING / "gsm8k/train.jsonl")[: None if "all" in kinds else 1000]
        found += [{"question": r["question"], "answer": r["answer"]} for r in train]
    if "alpaca" in kinds:
        found += array(TRAINING / "llamafactory/alpaca_en_demo.json")
    if "dolly" in kinds:
        found += array(TRAINING / "dolly/dolly_train.json")[:DOLLY_CLEAN]
    if "chinese" in kinds:
        found += array(TRAINING / "llamafactory/alpaca_zh_demo.json")
    if "mbpp" in kinds:
        found += [{"instruction": r["text"], "output": r["code"]} for r in lines(PLACES["mbpp"])]
    if "asserts" in kinds:
        found += [
            {"instruction": r["text"], "output": "\n".join([r["code"], "", *r["test_list"]])}
            for r in lines(PLACES["mbpp"])
        ]
    overlaps = (OVERLAPS.get(str(record.get("instruction", "")).strip()) for record in found)
    return [
        Row({k: str(v) for k, v in record.items()}, None, -1, overlap=overlap)
        for record, overlap in zip(found, overlaps, strict=True)
    ]


def array(path: Path) -> list[dict[str, Any]]:
    """Rows of a file that is one JSON array."""
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return rows


def aligned(texts: Sequence[str], items: Sequence[Item], benchmark: str, part: str = "") -> list[Row]:
    """Rows of texts that rephrase the items of the same number; empty ones are left out."""
    return [Row({"text": text}, (benchmark, items[i].item_id), i, part) for i, text in enumerate(texts) if text.strip()]


def texts_of(path: Path) -> list[str]:
    """The texts of a file of rephrases, in order, the empty ones too."""
    return [row["text"] or "" for row in lines(path)]


def subject_rows(subject: str, kind: str) -> list[Row]:
    """Rephrases of an MMLU subject's items; `kind` ends the file's name."""
    texts = texts_of(REPHRASED / f"mmlu/{subject}_test_{kind}.jsonl")
    return aligned(texts, subject_items(subject), "mmlu", "algebra" if subject == "abstract_algebra" else subject)


def mgsm_rows(language: str) -> list[Row]:
    """Translations of GSM8K items, by MGSM's English file, which is aligned with the others."""
    by_question = {item.question.strip(): item for item in items_of("gsm8k")}
    sides = [
        [line.split("\t")[0].strip() for line in (REPHRASED / f"mgsm/mgsm_{side}.tsv").read_text("utf-8").split("\n")]
        for side in ("en", language)
    ]
    pairs = [(by_question[en], other) for en, other in zip(*sides, strict=True) if other]
    return aligned([other for _, other in pairs], [item for item, _ in pairs], "gsm8k")


def inside_rows(way: str, count: int = 120, seed: int = 11) -> list[Row]:
    """Long clean records (300-900 words), half of them with a GSM8K rephrase in the middle: as a paragraph of its own,
    or inside one. Only rephrases that the odds were not fitted on; no passage stands in two records."""
    rng = random.Random(seed)
    pool = passages()
    rng.shuffle(pool)
    items = items_of("gsm8k")
    texts = [bare_question(text) for text in texts_of(REPHRASED / "gsm8k/rephrase_first660.jsonl")]
    chosen = rng.sample([i for i in range(0, len(texts), 2) if texts[i]], count)
    rows = []
    for number in range(2 * count):
        around: list[str] = []
        goal = rng.randint(300, 900)
        while pool and sum(len(passage.split()) for passage in around) < goal:
            around.append(pool.pop())
        if number < count:
            record = planted(around, texts[chosen[number]], way)
            rows.append(Row({"text": record}, ("gsm8k", items[chosen[number]].item_id), chosen[number]))
        elif around:
            rows.append(Row({"text": "\n\n".join(around)}, None, -1))
    return rows


def planted(around: Sequence[str], text: str, way: str) -> str:
    """Passages with a text in their middle; `way` is "paragraph", or "sentences" for inside a passage."""
    middle = len(around) // 2
    if way == "paragraph":
        return "\n\n".join([*around[:middle], text, *around[middle:]])
    sentences = re.split(r"(?<=[.!?])\s+", around[middle])
    cut = len(sentences) // 2
    host = " ".join([*sentences[:cut], text, *sentences[cut:]])
    return "\n\n".join([*around[:middle], host, *around[middle + 1 :]])


def file_rows(seed: int = 13, functions: int = 8) -> list[Row]:
    """HumanEval's rephrases that the odds were not fitted on, each among functions of MBPP in one file, every other of
    them as methods of a class; and as many files of MBPP's functions alone."""
    rng = random.Random(seed)
    clean = [str(row.record["output"]).replace("\r", "") for row in clean_rows("mbpp") if row.overlap is None]
    items = items_of("humaneval")
    texts = texts_of(REPHRASED / "humaneval/humaneval_python.jsonl")
    rows = []
    for number in range(0, len(texts), 2):
        if not texts[number].strip():
            continue
        around = rng.sample(clean, 2 * functions)
        mixed, alone = around[:functions], around[functions:]
        mixed.insert(rng.randint(1, functions), texts[number])
        written = [in_file(several, in_class=number % 4 == 0) for several in (mixed, alone)]
        rows.append(Row({"text": written[0]}, ("humaneval", items[number].item_id), number))
        rows.append(Row({"text": written[1]}, None, -1))
    return rows


def in_file(functions: Sequence[str], *, in_class: bool) -> str:
    """Functions one after another, or as the methods of a class."""
    text = "\n\n".join(function.strip("\n") for function in functions)
    return "class Solution:\n" + textwrap.indent(text, "    ") if in_class else text


def coded_rows(seed: int = 19, count: int = 200) -> list[Row]:
    """GSM8K's rephrases that the odds were not fitted on, and as many questions of its training set, each with a
    program below it in the same text, every other one in a fence."""
    rng = random.Random(seed)
    code = [str(row.record["output"]).replace("\r", "") for row in clean_rows("mbpp")]
    items = items_of("gsm8k")
    texts = [bare_question(text) for text in texts_of(REPHRASED / "gsm8k/rephrase_first660.jsonl")]
    chosen = rng.sample([i for i in range(0, len(texts), 2) if texts[i]], count)
    clean = rng.sample([str(row.record["question"]) for row in clean_rows("gsm8k")], count)
    rows = []
    for n, (number, other) in enumerate(zip(chosen, clean, strict=True)):
        for question, truth in ((texts[number], ("gsm8k", items[number].item_id)), (other, None)):
            program = rng.choice(code)
            below = f"```python\n{program}\n```" if n % 2 else program
            rows.append(Row({"text": f"{question}\n\n{below}"}, truth, number if truth else -1))
    return rows


def gsm_plus_rows() -> list[Row]:
    """All of GSM-Plus, each kind a part; only two kinds are rephrases (see `SAME_PROBLEM`)."""
    rows = []
    by_question = {item.question.strip(): item.item_id for item in items_of("gsm8k")}
    for number, row in enumerate(lines(REPHRASED / "gsm_plus/gsmplus_testmini.jsonl")):
        kind = row["perturbation_type"]
        truth = ("gsm8k", by_question[row["seed_question"].strip()]) if kind in SAME_PROBLEM else None
        # eight kinds of each seed follow one another
        rows.append(Row({"text": row["question"]}, truth, number // 8, kind))
    return rows


def bare_question(text: str) -> str:
    """A rephrased GSM8K item without its labels and its answer."""
    found = re.match(r"\s*Question:(.*?)(?:\nAnswer:|\Z)", text, re.DOTALL)
    return (found[1] if found else text.split("\nAnswer:", maxsplit=1)[0]).strip()


def passages() -> list[str]:
    """Clean paragraphs of 40 to 250 words: Dolly's answers and contexts, Wikipedia, C4."""
    dolly = array(TRAINING / "dolly/dolly_train.json")[DOLLY_CLEAN:]
    texts = [str(row[field]) for row in dolly for field in ("input", "output")]
    texts += (TRAINING / "llamafactory/wiki_demo.txt").read_text(encoding="utf-8").split("\n")
    texts += [row["text"] for row in lines(TRAINING / "llamafactory/c4_demo.jsonl")]
    parts = (part.strip() for text in texts for part in text.split("\n"))
    return sorted({part for part in parts if 40 <= len(part.split()) <= 250})


def english_sets(folder: Path | None) -> dict[str, Callable[[], RephraseSet]]:
    """The sets for the default model; the odds were fitted on half of some (see `FITTED`)."""
    clean = "gsm8k alpaca dolly"

    def made(name: str, rows: Sequence[Row]) -> RephraseSet:
        return RephraseSet(name, tuple(rows))

    def gsm8k() -> RephraseSet:
        texts = texts_of(REPHRASED / "gsm8k/rephrase_first660.jsonl")
        texts = [text if bare_question(text) else "" for text in texts]  # one is labels and an answer, and no question
        return made("gsm8k", [*aligned(texts, items_of("gsm8k"), "gsm8k"), *clean_rows(clean)])

    def mmlu() -> RephraseSet:
        subjects = ("abstract_algebra", "sociology")
        rows = [row for s in subjects for row in subject_rows(s, "rephrase_english_filtered_question")]
        return made("mmlu", [*rows, *clean_rows(clean)])

    def programs(name: str, path: Path) -> RephraseSet:
        return made(name, [*aligned(texts_of(path), items_of("humaneval"), "humaneval"),
                           *clean_rows("mbpp alpaca dolly")])  # fmt: skip

    def history(path: Path) -> RephraseSet:
        rows = aligned(texts_of(path), subject_items("high_school_us_history"), "mmlu")
        return made("us history", [*rows, *clean_rows(clean)])

    def gsm_plus() -> RephraseSet:
        return made("gsm-plus", [*gsm_plus_rows(), *clean_rows(clean)])

    found: dict[str, Callable[[], RephraseSet]] = {
        "gsm8k": gsm8k,
        "mmlu": mmlu,
        "humaneval": lambda: programs("humaneval", REPHRASED / "humaneval/humaneval_python.jsonl"),
        "inside paragraph": lambda: made("inside paragraph", [*inside_rows("paragraph"), *clean_rows("alpaca dolly")]),
        "inside sentences": lambda: made("inside sentences", [*inside_rows("sentences"), *clean_rows("alpaca dolly")]),
        "inside file": lambda: made("inside file", [*file_rows(), *clean_rows("alpaca dolly")]),
        "above code": lambda: made("above code", [*coded_rows(), *clean_rows("alpaca dolly")]),
        "gsm-plus": gsm_plus,
        "gsm8k train": lambda: made("gsm8k train", clean_rows("gsm8k all")),
        "alpaca": lambda: made("alpaca", clean_rows("alpaca")),
        "mbpp with tests": lambda: made("mbpp with tests", clean_rows("asserts")),
    }
    for name, path, maker in folder_files(folder, programs, history):
        found[name] = lambda name=name, path=path, maker=maker: maker(name, path)  # type: ignore[misc]
    return found


def folder_files(
    folder: Path | None, programs: Callable[[str, Path], RephraseSet], history: Callable[[Path], RephraseSet]
) -> Iterator[tuple[str, Path, Callable[[str, Path], RephraseSet]]]:
    """(set, file, maker) of the files of `--folder` that are there: llm-decontaminator's, first lines or all."""
    if folder is None:
        return
    for path in sorted(folder.glob("humaneval_*.jsonl")):
        yield f"humaneval {path.stem.removeprefix('humaneval_')}", path, programs
    path = folder / "high_school_us_history_test_rephrase_english_filtered_question.jsonl"
    if path.is_file():
        yield "us history", path, lambda _, path: history(path)


def multilingual_sets() -> dict[str, Callable[[], RephraseSet]]:
    """The sets for the multilingual model: translations, Chinese rows among the clean ones too."""
    clean = "gsm8k alpaca dolly chinese"

    def mgsm(language: str) -> RephraseSet:
        rows = [*mgsm_rows(language), *clean_rows(clean)]
        return RephraseSet(f"mgsm {language}", tuple(rows), ("gsm8k",), "multilingual")

    def chinese(name: str, kind: str) -> RephraseSet:
        rows = [row for s in ("abstract_algebra", "sociology") for row in subject_rows(s, kind)]
        return RephraseSet(name, (*rows, *clean_rows(clean)), ("mmlu",), "multilingual")

    def english() -> RephraseSet:
        return RephraseSet("gsm8k, multilingual model", english_sets(None)["gsm8k"]().rows, ("gsm8k",), "multilingual")

    return {
        "gsm8k, multilingual model": english,
        **{f"mgsm {language}": lambda language=language: mgsm(language) for language in ("de", "es", "zh")},  # type: ignore[misc]
        "mmlu chinese": lambda: chinese("mmlu chinese", "chinese_filtered_question"),
        "mmlu chinese answered": lambda: chinese("mmlu chinese answered", "chinese"),
    }


FITTED = frozenset(
    {
        "gsm8k", "mmlu", "humaneval", "humaneval c", "humaneval js", "gsm-plus", "mgsm de", "mgsm es", "mgsm zh",
        "mmlu chinese", "mmlu chinese answered",
    }
)  # fmt: skip
"""Sets whose odd-numbered half the odds were fitted on."""


def all_sets(folder: Path | None = None) -> dict[str, Callable[[], RephraseSet]]:
    """Every set by name; it is read when it is called."""
    return {**english_sets(folder), **multilingual_sets()}
