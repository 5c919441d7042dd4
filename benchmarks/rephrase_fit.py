"""Fit the odds of the rephrase detector (`auditor.rephrase.scoring`), and say how well they carry over.

    python -m benchmarks.rephrase_fit collect PAIRS.pkl [--model NAME] [--folder FOLDER] [--benchmarks NAME...]
    python -m benchmarks.rephrase_fit fit PAIRS.pkl [--foreign PAIRS.pkl...]
    python -m benchmarks.rephrase_fit rough PAIRS.pkl...

`collect` runs the detector's own cascade over rephrases and clean rows with its bars lowered, and keeps the signals of
every pair. `fit` fits the logistic regressions to the odd-numbered half of the rows and prints them as they stand in
`auditor/rephrase/scoring.py`, and, to show how they carry over, what they find in the even half, in each benchmark when
fitted without it, and in sets that are never fitted on. The rough odds, which say what is looked at closely, stay;
`rough` fits those of translations again, from pairs of a multilingual model.
"""

from __future__ import annotations

import argparse
import math
import pickle
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import auditor
from auditor.config import ScanConfig
from auditor.embedding import load_embedder
from auditor.index import BenchmarkIndex
from auditor.rephrase.bank import bank_of
from auditor.rephrase.calibration import BINS, CLEAN_RATE, FOREIGN_CLEAN_RATE, bin_of, calibrate, threshold
from auditor.rephrase.detector import WORTH_A_CLOSE_LOOK, Candidate, Rephraser
from auditor.rephrase.scoring import ROUGH_FOREIGN, rough_log_odds, unfitted
from auditor.rephrase.views import record_views, texts_in
from auditor.sources.options import ReadOptions
from auditor.sources.shapes import text_fields
from benchmarks.places import TRAINING
from benchmarks.rephrase_sets import DOLLY_CLEAN, PLACES, Row, all_sets, array, clean_rows, is_right, passages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from auditor.rephrase.signals import RephraseSignals

TEXT_SIGNALS = ("similarity", "gap", "missing", "added", "names_missing", "names_added", "negation", "length",
                "overlap", "alignment", "whole_alignment", "information", "covered", "tells",
                "formulas")  # fmt: skip
PROGRAM_SIGNALS = ("similarity", "purpose", "body", "whole", "values", "values_share", "overlap", "name_share",
                   "structure", "alignment", "whole_alignment", "covered", "warranted")  # fmt: skip
EXEMPLIFIED_SIGNALS = (*PROGRAM_SIGNALS, "examples", "examples_share", "examples_differ")
FOREIGN_SIGNALS = ("gap", "missing", "added", "information", "covered", "warranted", "shorter", "longer", "tells",
                   "formulas", "untranslated")  # fmt: skip
FLOOR = -5.0
"""Rough log odds below which no pair is kept."""
CLOSE_FLOOR = -2.5
"""Those from which on a pair is measured closely."""
ROUNDS = 3
"""How often the pairs that are fitted to are chosen again with what was fitted."""
ROUGH_SHARE = 0.99
"""Of translations that pass the rough odds."""
OPEN = -3.5
"""Prefilter of the fit: more passes than in a scan."""


@dataclass(frozen=True)
class Kept:
    """A pair that was measured."""

    set: str
    row: int
    number: int
    """Of the row in its set: odd ones are fitted on."""
    benchmark: str
    right: bool
    """Whether the row rephrases the item."""
    is_clean: bool
    signals: RephraseSignals
    text: str
    item: str


def sets(folder: Path | None, model: str) -> dict[str, list[Row]]:
    """The rows of each set, the clean ones too."""
    found: dict[str, list[Row]] = {}
    for name, made in all_sets(folder).items():
        if name.startswith(("inside", "above", "gsm8k train", "alpaca", "gsm8k, ", "mbpp")):
            continue
        given = made()
        if given.model == model:
            found[name] = [row for row in given.rows if row.truth and row.part != "distraction insertion"]
    kinds = ("chinese",) if model == "multilingual" else ("gsm8k", "alpaca", "dolly", "mbpp", "asserts")
    found |= {f"clean {kind}": [row for row in clean_rows(kind) if not row.overlap] for kind in kinds}
    if model == "multilingual":
        return found
    more = [{"text": text} for text in passages()]
    more += array(TRAINING / "dolly/dolly_train.json")[DOLLY_CLEAN:]
    # so many that the odd half is enough: what is a near miss of a benchmark is rare
    return found | {"clean more": [Row({k: str(v) for k, v in r.items()}, None, -1) for r in more]}


def collect(path: Path, model: str, folder: Path | None, chosen_benchmarks: Sequence[str]) -> None:
    """Measure all pairs of all sets and keep them."""
    config = replace(ScanConfig(detectors=("rephrase",), model=model), rephrase_prefilter=OPEN)
    benchmarks = [auditor.load_benchmark(f"{b}={PLACES[b]}") for b in chosen_benchmarks]
    index = BenchmarkIndex.build(benchmarks, config)
    embedder = load_embedder(model)
    names = [b.name for b in benchmarks]
    bank = bank_of(index, embedder)
    rephraser = Rephraser(bank, embedder, names, config)
    ids = [[index.item(number).item_id for number in unit] for unit in bank.units]
    options = ReadOptions()
    kept: list[Kept] = []
    texts: dict[str, int] = {}
    counts: dict[str, int] = {}
    for name, rows in sets(folder, model).items():
        if any(row.truth and row.truth[0] not in names for row in rows):
            continue
        fields = [text_fields(row.record, options) for row in rows]
        texts[name], counts[name] = sum(texts_in(f) for f in fields), len(rows)
        views = [(i, view) for i, f in enumerate(fields) for view in record_views(f)]
        chosen = [views[i] for i in rephraser.worth_encoding(views)]
        best: dict[tuple[int, int], Candidate] = {}
        for begin in range(0, len(chosen), 512):
            for found in rephraser.candidates(chosen[begin : begin + 512], FLOOR):
                key = (found.row, found.pair.unit)
                if key not in best or found.pair.odds > best[key].pair.odds:
                    best[key] = found
        rough = [c for c in best.values() if c.pair.odds < CLOSE_FLOOR]
        close = rephraser.closely([c for c in best.values() if c.pair.odds >= CLOSE_FLOOR])
        for found in (*rough, *close):
            row, benchmark = rows[found.row], names[found.benchmark]
            right = any(is_right(row, benchmark, item_id) for item_id in ids[found.pair.unit])
            number = row.number if row.number >= 0 else found.row
            kept.append(Kept(name, found.row, number, benchmark, right, row.truth is None, found.pair.signals,
                             found.looked.text, rephraser.verifier.text_of(found.pair)))  # fmt: skip
        print(name, len(rows), "rows", len(views), "views", len(chosen), "encoded", len(best), "pairs",
              len({k.row for k in kept if k.set == name and k.right}), "right", flush=True)  # fmt: skip
        path.write_bytes(pickle.dumps((kept, texts, counts)))


def best_of_each(kept: list[Kept], key: Callable[[Kept], float]) -> list[Kept]:
    """The best pair of each row and benchmark."""
    best: dict[tuple[str, int, str], Kept] = {}
    for pair in kept:
        place = (pair.set, pair.row, pair.benchmark)
        if place not in best or key(pair) > key(best[place]):
            best[place] = pair
    return list(best.values())


def odds_of(pair: Kept, weights: Weights) -> float:
    """Log odds of a pair."""
    return weights.odds(pair.signals)


@dataclass(frozen=True)
class Weights:
    """A logistic regression: log odds of a rephrase against the nearest item of a clean text."""

    of: dict[str, float]
    intercept: float

    def odds(self, signals: RephraseSignals) -> float:
        """Log odds of a pair."""
        fitted = sum(w * float(getattr(signals, name)) for name, w in self.of.items())
        return self.intercept + fitted + unfitted(signals)

    def __str__(self) -> str:
        shown = ", ".join(f'"{name}": {w:.2f}' for name, w in self.of.items())
        return f"{{{shown}}}  {self.intercept:.2f}"


def fitted(
    pairs: list[Kept], names: Sequence[str], sizes: Mapping[str, float], chances: float, strength: float
) -> Weights:
    """Fit right pairs against those of clean rows.

    Args:
        pairs: the best of each row and benchmark, of those that passed the bar.
        names: the signals.
        sizes: rephrases in each set; each set weighs the same.
        chances: clean texts times benchmarks: how many pairs might have passed the bar.
        strength: C of the regression.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    pairs = [p for p in pairs if (p.right or p.is_clean) and not p.signals.changed]
    y = np.array([p.right for p in pairs])
    x = np.array([[float(getattr(p.signals, name)) for name in names] for p in pairs])
    found = {name: sum(p.set == name for p in pairs if p.right) for name in sizes}
    found = {name: n for name, n in found.items() if n}
    weight = np.array([500 / found[p.set] / len(found) if p.right else 500 / (~y).sum() for p in pairs])
    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=strength, max_iter=5000).fit(scaler.transform(x), y, sample_weight=weight)
    of = model.coef_[0] / scaler.scale_
    passed = float(np.mean([found[name] / sizes[name] for name in found]))
    # as many of each passed: the odds of all are those of the passed times how much likelier a rephrase passes
    intercept = model.intercept_[0] - of @ scaler.mean_ + math.log(passed) - math.log((~y).sum() / chances)
    return Weights(dict(zip(names, of.tolist(), strict=True)), float(intercept))


def report(
    label: str, pairs: list[Kept], odds: Callable[[Kept], float], size: int, texts: int, clean_rate: float
) -> None:  # fmt: skip
    """What the odds find: F1 at the threshold of a run with the rate 0.01, with review, and in hindsight."""
    best = best_of_each(pairs, odds)
    scores = np.array([odds(p) for p in best])
    counted = np.array([not p.signals.changed for p in best])
    histogram = np.zeros(BINS, np.int64)
    for score in scores[counted]:
        histogram[bin_of(float(score))] += 1
    calibration = calibrate(texts, histogram, clean_rate)
    least = math.log(5 + ScanConfig().rephrase_information)
    certain = counted & np.array([p.signals.is_program or p.signals.information >= least for p in best])
    probabilities = np.array([calibration.probability(float(s)) for s in scores])
    lowest, stated = threshold([p for p in probabilities[certain] if p >= 0.5], 0.01)
    right = np.array([p.right for p in best])
    called = certain & (probabilities >= max(lowest, 0.5))
    shown = counted & (probabilities >= 0.2)
    order = np.argsort(-np.where(counted, scores, -99), kind="stable")
    hits = np.cumsum(right[order] & counted[order])
    hindsight = (2 * hits / (np.arange(1, len(order) + 1) + size)).max()
    f1 = [2 * (right & m).sum() / (m.sum() + size) for m in (called, shown)]
    print(f"  {label:34s} called F1 {f1[0]:.3f} ({(right & called).sum()} of {size}, {(~right & called).sum()} wrong, "
          f"stated {stated:.3f}) with review {f1[1]:.3f} hindsight {hindsight:.3f}")  # fmt: skip


TEXT_SETS = {"gsm8k": "gsm8k", "gsm-plus": "gsm8k", "mmlu": "mmlu"}
"""The benchmark of each set."""
TEXT_CLEAN = ("clean gsm8k", "clean alpaca", "clean dolly", "clean more")
PROGRAM_CLEAN = ("clean mbpp", "clean asserts", "clean alpaca", "clean dolly", "clean more")


def kind_of(signals: RephraseSignals) -> str:
    """Which weights a pair is scored with."""
    if signals.is_program:
        return "exemplified" if signals.has_examples else "program"
    return "foreign" if signals.foreign else "text"


@dataclass(frozen=True)
class Kind:
    """What is fitted together."""

    sets: Mapping[str, str]
    """Sets of rephrases, and the benchmark of each."""
    clean: Sequence[str]
    forms: Mapping[str, Sequence[str]]
    """The signals, of each form that a pair is scored in."""
    strength: float
    """C of the regression: the more rephrases and near misses there are, the less it need be held back."""
    clean_rate: float = CLEAN_RATE
    """Of a run's calibration."""

    def has(self, pair: Kept, form: str) -> bool:
        """Whether a pair is fitted to as one of a form: right, or of a clean row. The first form of a kind is of all
        its pairs, the others of their own: what only some have tells nothing of the rest."""
        own = kind_of(pair.signals)
        if own not in self.forms or (form != own and form != next(iter(self.forms))):
            return False
        known = pair.set in self.clean or (pair.right and self.sets.get(pair.set) == pair.benchmark)
        return known and pair.benchmark in self.sets.values()


def fit(
    kind: Kind, kept: list[Kept], texts: Mapping[str, int], counts: Mapping[str, int], weights: dict[str, Weights],
    held_out: Sequence[str] = (),
) -> None:  # fmt: skip
    """Fit a kind, keep it in `weights`, and report, also of sets that are not fitted on."""
    chances = len(set(kind.sets.values())) * sum(texts[name] for name in kind.clean) / 2
    sizes = {name: counts[name] / 2 for name in kind.sets}
    passed = [p for p in kept if rough_log_odds(p.signals) >= WORTH_A_CLOSE_LOOK]

    def fit_without(left_out: str = "") -> dict[str, Weights]:
        return {form: fit_form(form, left_out) for form in kind.forms}

    def fit_form(form: str, left_out: str) -> Weights:
        names = kind.forms[form]
        several = len(set(kind.sets.values())) > 1
        of = {name: n for name, n in sizes.items() if (kind.sets[name] if several else name) != left_out}
        training = [p for p in passed if p.number % 2 and kind.has(p, form) and (p.set in of or p.is_clean)]
        best = best_of_each(training, lambda p: rough_log_odds(p.signals))
        clean = sum(p.is_clean for p in best)
        print(f"  {form}: {len(best) - clean} rephrases, {clean} near misses, {clean / chances:.4f} of each clean text")
        made = fitted(best, names, sizes, chances, kind.strength)
        for _ in range(ROUNDS):
            # of a clean row's pairs, the one that a scan would take
            best = best_of_each(training, partial(odds_of, weights=made))
            made = fitted(best, names, sizes, chances, kind.strength)
        return made

    weights |= fit_without()
    for form in kind.forms:
        print(f"{form}: {weights[form]}")

    def scored(pair: Kept, alone: Mapping[str, Weights] = weights) -> float:
        return (weights | alone)[kind_of(pair.signals)].odds(pair.signals)

    known = [name for name in held_out if name in counts]
    for name in (*kind.sets, *known):
        benchmark = kind.sets.get(name, {"us history": "mmlu"}.get(name, "humaneval"))
        rows = (name, *(c for c in kind.clean if c != "clean more"))
        every = [p for p in passed if p.set in rows and p.benchmark == benchmark]
        amount = sum(texts[c] for c in rows)
        report(name, every, scored, counts[name], amount, kind.clean_rate)
        if name in kind.sets:
            even = [p for p in every if p.number % 2 == 0]
            report(f"{name}, even half", even, scored, counts[name] // 2, amount // 2, kind.clean_rate)
        if name in kind.sets and len(kind.sets) > 1:
            # another benchmark, or where all are of one, another language
            alone = fit_without(benchmark if len(set(kind.sets.values())) > 1 else name)
            without = partial(scored, alone=alone)
            report(f"{name}, fitted without", every, without, counts[name], amount, kind.clean_rate)


def fit_all(path: Path, foreign: Sequence[Path]) -> None:
    """Fit all kinds; `foreign` are the pairs of a multilingual model, of one benchmark or more each."""
    kept, texts, counts = pickle.loads(path.read_bytes())  # noqa: S301 - a file that `collect` wrote
    programs = {name: "humaneval" for name in sorted(counts) if name.startswith("humaneval")}
    weights: dict[str, Weights] = {name: Weights({}, -99.0) for name in ("text", "program", "exemplified", "foreign")}
    fit(Kind(TEXT_SETS, TEXT_CLEAN, {"text": TEXT_SIGNALS}, 10.0), kept, texts, counts, weights, ["us history"])
    forms = {"program": PROGRAM_SIGNALS, "exemplified": EXEMPLIFIED_SIGNALS}
    fit(Kind(programs, PROGRAM_CLEAN, forms, 0.3), kept, texts, counts, weights)
    if foreign:
        kept = []
        for one in foreign:
            more, of_more, counts_of_more = pickle.loads(one.read_bytes())  # noqa: S301
            kept, texts, counts = kept + more, texts | of_more, counts | counts_of_more
        counts = {name: n for name, n in counts.items() if any(pair.set == name for pair in kept)}
        sets = {name: name.split()[0].replace("mgsm", "gsm8k") for name in counts if not name.startswith("clean")}
        kind = Kind(sets, ("clean chinese",), {"foreign": FOREIGN_SIGNALS}, 10.0, FOREIGN_CLEAN_RATE)
        fit(kind, kept, texts, counts, weights)


def fit_rough(paths: Sequence[Path]) -> None:
    """Fit the rough odds of translations to the odd half, shifted so that the bar passes `ROUGH_SHARE` of it, and say
    what they and those that ship let through of the even half."""
    kept: list[Kept] = []
    for path in paths:
        kept += pickle.loads(path.read_bytes())[0]  # noqa: S301 - a file that `collect` wrote
    foreign = [p for p in kept if p.signals.foreign and not p.signals.changed and (p.right or p.is_clean)]

    def half(odd: int, odds: Callable[[RephraseSignals], float]) -> list[Kept]:
        return best_of_each([p for p in foreign if p.number % 2 == odd], lambda pair: odds(pair.signals))

    best = half(1, rough_log_odds)
    sizes = dict.fromkeys(sorted({p.set for p in best if p.right}), 1.0)
    made = fitted(best, tuple(ROUGH_FOREIGN.of), sizes, 1.0, 10.0)
    for _ in range(ROUNDS):
        best = half(1, made.odds)
        made = fitted(best, tuple(ROUGH_FOREIGN.of), sizes, 1.0, 10.0)
    passed = np.quantile([made.odds(p.signals) for p in best if p.right], 1 - ROUGH_SHARE)
    made = Weights(made.of, made.intercept + WORTH_A_CLOSE_LOOK - float(passed))
    print(f"rough foreign: {made}")
    for label, odds in (("fitted", made.odds), ("as it ships", rough_log_odds)):
        even = half(0, odds)
        through = [p for p in even if odds(p.signals) >= WORTH_A_CLOSE_LOOK]
        for name in sizes:
            print(f"  {label}, even half of {name}: {sum(p.set == name for p in through)} of "
                  f"{sum(p.set == name for p in even if p.right)} pass")  # fmt: skip
        for name in sorted({p.benchmark for p in even}):
            print(f"  {label}, near misses of {name}: {sum(p.is_clean and p.benchmark == name for p in through)}")


def main() -> None:
    """Collect, or fit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("collect")
    one.add_argument("pairs", type=Path)
    one.add_argument("--model", default="all-MiniLM-L6-v2")
    one.add_argument("--folder", type=Path)
    one.add_argument("--benchmarks", nargs="+", default=["gsm8k", "mmlu", "humaneval"], choices=list(PLACES))
    two = commands.add_parser("fit")
    two.add_argument("pairs", type=Path)
    two.add_argument("--foreign", type=Path, nargs="*", default=[])
    three = commands.add_parser("rough")
    three.add_argument("pairs", type=Path, nargs="+")
    given = parser.parse_args()
    if given.command == "collect":
        collect(given.pairs, given.model, given.folder, given.benchmarks)
    elif given.command == "rough":
        fit_rough(given.pairs)
    else:
        fit_all(given.pairs, given.foreign)


if __name__ == "__main__":
    main()
