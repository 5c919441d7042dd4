"""The protocol of the field's paper (arXiv 2311.04850, Tables 5 and 6), and its real pairs out of CodeAlpaca.

The paper asks of each pair by itself whether it is the same problem: 100 aligned pairs that are, and 100 pairs among 15
random items that are not; empty rephrases count as found; the threshold is set on the same data. Here, the score of a
pair is the log odds that a scan gives it against an index of just those items. Its negatives are harder: each of the
100 items is a text of its own against the 50 of the other half, and the best of its pairs counts. They are weighed as
15 texts (`f1`), which is the paper's number of items, and as 100 (`f1_hard`).
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.rephrase_sets import PLACES, REPHRASED, lines, texts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from auditor.types import Item, Match

ALIGNED = 100
DRAWN = 15
"""Items that the paper draws its negatives among."""
MISSED = float("-inf")
"""The log odds of a pair that a scan does not show: they are below the detector's own floor."""
PUBLISHED = {
    "algebra": {
        "10-gram": (0.926, 0.0, 0.0), "multi-QA BERT": (0.990, 0.985, 0.179),
        "multilingual BERT": (0.939, 0.934, 0.939), "GPT-4": (1.0, 0.960, 0.990),
    },
    "sociology": {
        "10-gram": (1.0, 0.0, 0.0), "multi-QA BERT": (0.995, 0.985, 0.020),
        "multilingual BERT": (1.0, 0.985, 1.0), "GPT-4": (1.0, 0.940, 0.950),
    },
    "us history": {
        "10-gram": (0.816, 0.0, 0.0), "multi-QA BERT": (0.980, 0.805, 0.0),
        "multilingual BERT": (0.990, 0.111, 0.985), "GPT-4": (1.0, 0.970, 0.980),
    },
    "humaneval": {
        "10-gram": (0.0, 0.0, 0.0), "multi-QA BERT": (0.938, 0.774, 0.788), "GPT-4": (0.995, 0.974, 0.980),
    },
}  # fmt: skip
"""F1 in the paper: test set, rephrased, Chinese; for HumanEval Python, C, JS."""
COLUMNS = {"algebra": ("test set", "rephrased", "chinese"), "humaneval": ("python", "c", "js")}
SUBJECTS = {"algebra": "abstract_algebra", "sociology": "sociology", "us history": "high_school_us_history"}

CORRECTED = {
    8: (True, "counts distinct characters, as the item does; only the case is treated otherwise, and pair 26, where it "
              "is too, is labelled true"),
}  # fmt: skip
"""Pairs whose label is wrong, with the label that is right and why."""
STRICT = {5: "adds more than it must to 'cata'", 26: "leaves capital vowels"}
"""Pairs that are labelled true, and whose program would fail the item's examples."""


def measure_paper(folder: Path | None) -> Iterator[dict[str, Any]]:
    """Our cells, by model and subject: all that are there so far, after each subject."""
    found: dict[str, Any] = {}
    for model in ("all-MiniLM-L6-v2", "multilingual"):
        cells = found.setdefault(model, {})
        for name in (*SUBJECTS, *(["humaneval"] if model != "multilingual" else [])):
            is_code = name == "humaneval"
            items = humaneval_items() if is_code else subject_items(name)
            cells[name] = cells_of(items, humaneval_texts(folder) if is_code else subject_texts(name, folder), model)
            print(model, name, json.dumps(cells[name]), flush=True)
            yield {"cells": found}


def subject_items(name: str) -> list[Item]:
    """The first 100 items of a subject."""
    import auditor

    items = auditor.load_benchmark(f"mmlu={PLACES['mmlu']}").items
    return [item for item in items if item.subset == SUBJECTS[name]][:ALIGNED]


def subject_texts(name: str, folder: Path | None) -> dict[str, list[str]]:
    """Texts that rephrase the items, by column, cut as the paper's scripts do. Its embeddings were given Chinese with
    the options, its GPT-4 without: both are here."""
    subject = SUBJECTS[name]
    texts = {}
    for column, kind, label in (
        ("rephrased", "rephrase_english_filtered_question", "\nAnswer:"),
        ("chinese", "chinese", "\n答"),
        ("chinese with options", "chinese_filtered_question", "\n答"),
    ):
        for place in (REPHRASED / "mmlu", folder):
            if place is not None and (path := place / f"{subject}_test_{kind}.jsonl").is_file():
                texts[column] = [text.split(label)[0] for text in texts_of(path)[:ALIGNED]]
                break
    return texts


def humaneval_items() -> list[Item]:
    """The first 100 programs."""
    import auditor

    return list(auditor.load_benchmark(f"humaneval={PLACES['humaneval']}").items[:ALIGNED])


def humaneval_texts(folder: Path | None) -> dict[str, list[str]]:
    """Programs written again, by language."""
    files = {"python": REPHRASED / "humaneval/humaneval_python.jsonl"}
    if folder is not None:
        files |= {language: folder / f"humaneval_{language}.jsonl" for language in ("c", "js")}
    return {language: texts_of(path)[:ALIGNED] for language, path in files.items() if path.is_file()}


def cells_of(items: Sequence[Item], texts: Mapping[str, Sequence[str]], model: str) -> dict[str, Any]:
    """F1 for each column of texts that are aligned with the items, and for the items themselves ("test set")."""
    originals = [whole(item) for item in items]
    halves = [[i for i in range(len(items)) if i % 2 == side] for side in (0, 1)]
    negatives: list[float] = []
    for side in (0, 1):
        against = [items[i] for i in halves[1 - side]]
        pairs = pair_scores([originals[i] for i in halves[side]], against, model)
        negatives += [max(scores.values(), default=MISSED) for scores in pairs]
    columns = {"test set": originals, **texts}
    flat = [(column, i, text) for column, column_texts in columns.items() for i, text in enumerate(column_texts)]
    scores = pair_scores([text or "-" for _, _, text in flat], items, model)
    positives: dict[str, list[float]] = {column: [] for column in columns}
    for (column, i, text), own in zip(flat, scores, strict=True):
        # an empty rephrase is found, whatever the threshold
        positives[column].append(own.get(i, MISSED) if text.strip() else float("inf"))
    return {
        column: {
            "pairs": len(found), "empty": sum(score == float("inf") for score in found),
            "f1": round(best_f1(found, negatives, DRAWN / len(negatives))[0], 3),
            "f1_hard": round(best_f1(found, negatives, 1.0)[0], 3),
            "threshold": round(best_f1(found, negatives, DRAWN / len(negatives))[1], 2),
        }
        for column, found in positives.items()
    }  # fmt: skip


def whole(item: Item) -> str:
    """An item as a training text: its question; a program with its solution, as the paper has it."""
    is_program = item.item_id.startswith("HumanEval/")
    return item.question + (item.answers[0] if is_program else "")


def pair_scores(texts: Sequence[str], items: Sequence[Item], model: str) -> list[dict[int, float]]:
    """For each text, the log odds of the items that a scan shows it with, whatever their probability; the items are
    numbered in their order, and variants are left out."""
    rows = [
        {"id": f"item-{i}", "question": item.question, "choices": list(item.choices), "answer": answer}
        for i, item in enumerate(items)
        for answer in (item.answers[:1] or ("",))[:1]
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "items.jsonl"
        place.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        matches = all_pairs(texts, f"items={place}", model)
    scores: list[dict[int, float]] = [{} for _ in texts]
    for match in matches:
        scores[match.row][int(match.item_id.removeprefix("item-"))] = float(match.signals["log_odds"])
    return scores


def all_pairs(texts: Sequence[str], benchmark: str, model: str, prefilter: float = -100.0) -> list[Match]:
    """What a scan finds near the texts, however improbable; variants are left out. No text is passed over before the
    model, unless `prefilter` says so."""
    import auditor
    from auditor.config import ScanConfig

    config = ScanConfig(
        detectors=("rephrase",), model=model, rephrase_review=0.0, rephrase_prefilter=prefilter, rephrase_floor=-2.0
    )
    with tempfile.TemporaryDirectory() as folder:
        train = Path(folder) / "train.jsonl"
        train.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        result = auditor.scan(train, [benchmark], config=config, workers=1)
    return [match for match in result.matches if match.signals["kind"] == "rephrase"]


def best_f1(positives: Sequence[float], negatives: Sequence[float], weight: float) -> tuple[float, float]:
    """(the best F1 that any threshold gives, that threshold); a negative counts as `weight` false positives."""
    best, at = 0.0, MISSED
    for threshold in sorted({score for score in (*positives, *negatives) if score > MISSED}):
        found = sum(score >= threshold for score in positives)
        false = weight * sum(score >= threshold for score in negatives)
        f1 = 2 * found / (found + false + len(positives)) if found else 0.0
        if f1 > best:
            best, at = f1, threshold
    return best, at


def average_precision(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """Mean over the true ones of the precision at their place; those of one score share the last place of it."""
    total = 0.0
    for score, label in zip(scores, labels, strict=True):
        if label:
            above = [other for own, other in zip(scores, labels, strict=True) if own >= score]
            total += sum(above) / len(above)
    return total / sum(labels) if any(labels) else 0.0


def measure_codealpaca() -> dict[str, Any]:
    """Average precision over the 31 pairs of a HumanEval item and its nearest CodeAlpaca row: by the labels that came
    with them, by the corrected ones, and by whether the program would pass the item's examples."""
    pairs = lines(REPHRASED / "codealpaca/humaneval_pairs.jsonl")
    labels = [any(pair["results"]) for pair in pairs]
    by_labels: dict[str, list[bool]] = {
        "as they came": labels,
        "corrected": [CORRECTED[i][0] if i in CORRECTED else label for i, label in enumerate(labels)],
        "strict": [label and i not in STRICT for i, label in enumerate(labels)],
    }
    found: dict[str, Any] = {"pairs": len(pairs), "true": {name: sum(own) for name, own in by_labels.items()}}
    texts = [pair["train"][0] for pair in pairs]
    ways: dict[str, Callable[[], list[Match]]] = {
        "all pairs": lambda: all_pairs(texts, f"humaneval={PLACES['humaneval']}", "all-MiniLM-L6-v2"),
        "as scanned": lambda: all_pairs(texts, f"humaneval={PLACES['humaneval']}", "all-MiniLM-L6-v2", default_bar()),
    }
    for way, scan in ways.items():
        scores = [MISSED] * len(pairs)
        for match in scan():
            if match.item_id == f"HumanEval/{pairs[match.row]['humaneval_index']}":
                scores[match.row] = float(match.signals["log_odds"])
        found[way] = {
            "average_precision": {n: round(average_precision(scores, own), 3) for n, own in by_labels.items()},
            "scores": [None if score == MISSED else round(score, 2) for score in scores],
        }
    found["labels"] = labels
    print(json.dumps(found), flush=True)
    return found


def default_bar() -> float:
    """The prefilter's threshold as it ships."""
    from auditor.config import ScanConfig

    return ScanConfig().rephrase_prefilter
