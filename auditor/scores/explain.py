"""Innocent explanations that apply to a model, what to check next, and the reason column in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from auditor.scores.recipes import known_recipe
from auditor.scores.verdicts import NONE, NOT_JUDGED

if TYPE_CHECKING:
    from auditor.scores.audit import BenchmarkAudit, ScoresAudit

_DISTILLED = re.compile(r"distil|orca|openhermes|ultra-?chat|gpt-?4|teacher", re.I)
_RECIPES = re.compile(r"\bphi(?=-|\d|\b)|qwen|textbook|smollm|minicpm", re.I)
_MERGED = re.compile(r"merge|slerp|ties|dare|passthrough|frank|moe", re.I)
_MATH = re.compile(r"math|gsm|arith", re.I)
_BIG_TOKENS_PER_PARAMETER = 200.0
"""Ten times the 20 of Hoffmann et al. 2022: trained far beyond what its size is usually given."""


def innocent_explanations(audit: ScoresAudit, found: BenchmarkAudit, i: int) -> tuple[str, ...]:
    """Reasons other than contamination that apply to this row, most specific first."""
    table, judgement = audit.table, found.judgement
    name = table.models[i]
    told: list[str] = []
    published = known_recipe(name)
    if published:
        told.append(published)
    elif judgement.recipe[i]:
        family = audit.families.names[audit.families.codes[i]]
        told.append(
            f"Its family ({family}) scores high as a whole: a training recipe or a base model shared by all of "
            f"them explains "
            "more than this entry alone could."
        )
    tokens, size = table.tokens_t[i], table.params_b[i]
    if np.isfinite(tokens) and 1e3 * tokens / size >= _BIG_TOKENS_PER_PARAMETER:
        told.append(
            f"It was trained on {1e3 * tokens / size:,.0f} tokens for each parameter, far more than most models "
            f"of its size."
        )
    elif not np.isfinite(tokens) and not np.isfinite(table.flops[i]):
        told.append("The table tells nothing of its training tokens or compute; long training raises scores honestly.")
    if _RECIPES.search(name) and not published:
        told.append(
            "Models of this line are known for synthetic, textbook-like training data, which lifts knowledge "
            "benchmarks."
        )
    elif _DISTILLED.search(name):
        told.append(
            "Its name points to training on a stronger model's answers, which lifts scores without the test items."
        )
    if _MERGED.search(name):
        told.append(
            "It seems to be a merge; merges inherit the best of their parents and are selected on leaderboards."
        )
    if found.name == "GSM8K":
        told.append(
            "GSM8K has a public training split of 7,473 problems in the same style; training on it, or on data "
            "made from it, "
            "is common and allowed" + (", and the name points to mathematics." if _MATH.search(name) else ".")
        )
    if found.name == "TruthfulQA":
        told.append("Preference tuning for truthful answers raises TruthfulQA's multiple-choice score by style alone.")
    if judgement.unsupported[i] or judgement.disagree[i]:
        told.append(
            "Its other benchmarks may be too low (a broken prompt or tokenizer), which makes this one look high."
        )
    if found.buckets.n[i] < audit.config.alone_bucket:
        told.append(
            f"Only {found.buckets.n[i]} models of its size are on the board, so its size class is poorly known."
        )
    if table.sizes_floored:
        told.append(
            f"Sizes on this board are cut to whole billions; the model may have up to {table.params_b[i] + 1:g}B "
            f"parameters."
        )
    if table.size_notes[i]:
        told.append(f"The size is uncertain: {table.size_notes[i]}.")
    if len(table.mean_labels) == 1 and not table.mean_labels[0]:
        told.append(
            "The table does not say how scores were got (shots, chat template, harness version); differences move them."
        )
    return tuple(told)


def next_steps(audit: ScoresAudit, found: BenchmarkAudit, i: int) -> tuple[str, ...]:
    """What a moderator could do next about this row."""
    name = found.name
    steps = [
        f"Ask the author which data the model was trained on, and scan it for {name} (auditor scan TRAIN -b "
        f"{name.lower()}).",
        f"Evaluate it again on {name} with the board's harness, and on a rephrased or newer set of the same kind.",
        "Compare its per-item results with those of models of like score: leaked items are answered right and "
        "sure together.",
    ]
    if audit.table.base_models[i]:
        steps.append("Look at its base models: an excess that they have too is theirs.")
    elif not any(audit.table.base_models):
        steps.append("Find out its base model (the table does not tell), and whether that is flagged.")
    if found.judgement.disagree[i]:
        steps.append("Check the scores of the other benchmarks first: the two expectations disagree.")
    return tuple(steps)


def _points(value: float) -> str:
    return f"{100.0 * value:.1f}"


def reasons_of(audit: ScoresAudit, found: BenchmarkAudit) -> list[str]:
    """The `reason` column: a few words for what is ordinary, a sentence for what is not."""
    table, judged = audit.table, found.judgement
    notes = [f"; {note}" if note else "" for note in table.size_notes]
    ordinary = [f"as expected from {basis}" for basis in judged.basis]
    reasons = [
        f"{found.not_judged[i]}{notes[i]}" if v == NOT_JUDGED else f"{ordinary[judged.basis_of[i]]}{notes[i]}"
        for i, v in enumerate(judged.verdict)
    ]
    special = (judged.verdict != NONE) & (judged.verdict != NOT_JUDGED)
    for mark in (judged.low_outlier, judged.explained, judged.unsupported, judged.recipe & (judged.verdict == NONE)):
        special = special | mark
    for i in np.flatnonzero(special):
        reasons[i] = _sentence(audit, found, int(i)) + notes[i]
    return reasons


def _sentence(audit: ScoresAudit, found: BenchmarkAudit, i: int) -> str:
    judged, config = found.judgement, audit.config
    basis = judged.basis[judged.basis_of[i]]
    if judged.low_outlier[i]:
        return f"unusually low: {-judged.excess[i]:.1f} points below what {basis} lead to expect"
    if judged.verdict[i] == NONE and judged.explained[i]:
        label = audit.table.mean_labels[audit.table.means[i, found.column]]
        return f"high, and explained by how the score was got ({label})"
    if judged.verdict[i] == NONE and judged.unsupported[i]:
        return "high beside its other benchmarks only, and ordinary for its size: look at the other scores"
    parts = [f"{judged.excess[i]:+.1f} points on what {basis} lead to expect, q = {judged.q[i]:.2g}"]
    if found.adjusted is not None and found.adjusted.others is not None and np.isfinite(found.adjusted.others.z[i]):
        size_z = found.adjusted.size.z[i]
        parts.append(f"z {found.adjusted.others.z[i]:.1f} beside its other benchmarks, {size_z:.1f} for its size")
    if judged.disagree[i]:
        parts.append("the two disagree")
    if judged.recipe[i]:
        parts.append(
            "its makers publish a recipe that explains it"
            if known_recipe(audit.table.models[i])
            else "its family shares the excess"
        )
    if not found.buckets.stable[i]:
        parts.append("the bucket's verdict changes when its edges shift")
    if found.buckets.n[i] < config.min_bucket:
        parts.append(f"only {found.buckets.n[i]} of its size")
    return "; ".join(parts)
