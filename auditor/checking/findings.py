"""Rules of `auditor check`, and findings about an entry that point at its lines."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from auditor.types import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.checking.entry import Entry


@dataclass(frozen=True, slots=True)
class Rule:
    """What a rule id of a check means."""

    severity: str
    summary: str
    """In a few words, for the table of rules."""
    innocent: str
    ask: str
    """What a moderator could ask the author, or do, next."""


RULES: dict[str, Rule] = {
    "check/outlier-on-contaminated-benchmark": Rule(
        "error",
        "a score is too good on the very benchmark whose items are in the training data",
        "The records may be few, or quote the benchmark in another setting, and the score may have another cause.",
        "Ask for the score without the contaminated items, and for a model trained without these records.",
    ),
    "check/declared-training-on-benchmark": Rule(
        "warning",
        "a training set it names is a benchmark that it reports a score on",
        "Many benchmarks have a public training split, and training on that is allowed.",
        "Ask which split was used, and how test items were kept out.",
    ),
    "check/unusual-for-one-entry": Rule(
        "warning",
        "a score is unusual for one entry alone, though not among all models of the board",
        "One honest entry in some hundreds looks like this by chance.",
        "Run the benchmark again yourself; ask what in its training explains the score.",
    ),
    "check/training-set-not-scanned": Rule(
        "warning",
        "a training set that it names was not scanned",
        "Large and private training sets are usual.",
        "Ask for the set, or for a sketch of it (`auditor sketch`), which shows no text, for `auditor scan`.",
    ),
    "check/training-set-refused": Rule(
        "warning",
        "a training set that it names lies where nothing is read",
        "An absolute path is often left over from the author's own machine.",
        "Ask for a path inside the submission, or a URL that the policy allows.",
    ),
    "disclosure/missing": Rule(
        "warning",
        "something that the policy asks for is not said",
        "The author may not know that it is asked for, or not be free to say it.",
        "Ask the author to add it.",
    ),
    "disclosure/missing-score": Rule(
        "warning",
        "a benchmark that the policy asks for has no score",
        "The benchmark may not fit the model's language or task.",
        "Ask for the score, or for the reason that there is none.",
    ),
    "consistency/unknown-key": Rule(
        "note",
        "it has a key that means nothing in an entry",
        "Other tools have keys of their own.",
        "Look whether it is a misspelled key, whose content was then not read.",
    ),
    "consistency/contradicting-scores": Rule(
        "warning",
        "one benchmark has two scores that differ",
        "They may be of two set-ups that the entry does not tell apart.",
        "Ask which of them is meant, and how the other was got.",
    ),
    "consistency/differs-from-board": Rule(
        "warning",
        "the board lists this model with another score",
        "The board's row may be of another revision, precision or harness.",
        "Ask what changed; compare the revisions.",
    ),
    "consistency/score-not-a-number": Rule(
        "warning",
        "a score is no number",
        "A typing mistake, or a note in place of a number.",
        "Ask for the number.",
    ),
    "consistency/score-out-of-range": Rule(
        "warning",
        "a score lies outside of 0 to 100",
        "Some scores (perplexity, Elo) have no such range, and do not belong on this board.",
        "Ask which metric it is.",
    ),
    "consistency/mixed-scale": Rule(
        "warning",
        "some scores seem to be shares (0 to 1) and others points (0 to 100)",
        "A score below one point is possible on a very hard benchmark.",
        "Ask for all of them in points.",
    ),
    "consistency/average": Rule(
        "warning",
        "the average is not that of the scores",
        "It may be over benchmarks that are not listed here.",
        "Ask what it is the average of.",
    ),
    "consistency/item-count": Rule(
        "warning",
        "the number of items is not the benchmark's",
        "A corrected or translated edition has another number of items.",
        "Ask for a score over all items of the edition that the board uses.",
    ),
    "consistency/size-differs-from-name": Rule(
        "warning",
        "the parameter count does not fit the model's name",
        "Names are rounded; some count active parameters, others leave embeddings out.",
        "Read the count from the weights (safetensors lists them), and judge the scores by that.",
    ),
    "consistency/size-differs-from-base": Rule(
        "warning",
        "the parameter count is not that of its base model",
        "Pruned, extended and quantised models have other counts than what they were made from.",
        "Ask how the model was made from its base.",
    ),
    "consistency/size-differs-from-architecture": Rule(
        "warning",
        "no model of its architecture on the board is near its size",
        "It may be the first of its size.",
        "Read the model's config.json.",
    ),
    "consistency/shots": Rule(
        "warning",
        "a score was got with another number of shots than the board's",
        "Some models are published with another number of shots.",
        "Ask for the score with the board's number of shots.",
    ),
    "consistency/task-hash": Rule(
        "warning",
        "the task's data has another hash than the policy's",
        "Another version of the harness formats the same items in another way.",
        "Ask for a run with the board's version of the harness.",
    ),
    "lineage/flagged-model": Rule(
        "error",
        "the model itself is flagged",
        "A flag may be for something else than contamination; read its reason.",
        "Read why it is flagged, and whether that was settled.",
    ),
    "lineage/flagged-ancestor": Rule(
        "warning",
        "it descends from a flagged model",
        "A flag may be for something else than contamination; read its reason.",
        "Read why the ancestor is flagged, and whether it was settled.",
    ),
    "lineage/unknown-base": Rule(
        "note",
        "neither the board nor the list knows a base model of it",
        "Base models need not be on a board.",
        "Look the base model up where it is published.",
    ),
}
"""Rule ids never change their meaning: policies and baselines name them."""


def finding(
    entry: Entry, rule_id: str, title: str, message: str, *, key: str = "", identity: tuple[str, ...] = (),
    severity: str | None = None, verdict: str = "review", evidence: Mapping[str, Any] | None = None,
) -> Finding:  # fmt: skip
    """A finding about an entry.

    Args:
        entry: the entry.
        rule_id: one of `RULES`.
        title: one line.
        message: one paragraph.
        key: dotted path of the field that it is about; its line goes with it.
        identity: what sets it apart from others of its rule about the same model; numbers that move do not belong here.
        severity: instead of the rule's.
        verdict: the finding's own, in the words of its kind.
        evidence: more JSON values.
    """
    rule = RULES[rule_id]
    return Finding(
        rule_id=rule_id,
        severity=severity or rule.severity,
        verdict=verdict,
        subject=entry.model,
        title=title,
        message=message,
        evidence={**place(entry, key), **(evidence or {})},
        innocent_explanations=(rule.innocent,),
        next_steps=(rule.ask,),
        fingerprint=fingerprint(rule_id, entry.model, *identity),
    )


def place(entry: Entry, key: str) -> dict[str, Any]:
    """Where in the entry a finding points: `entry`, and `key` and `line` where they are known."""
    found: dict[str, Any] = {"entry": entry.path}
    line = entry.line(key)
    if key:
        found["key"] = key
    if line is not None:
        found["line"] = line
    return found


def of_entry(found: Finding, entry: Entry, key: str, fingerprint: str | None = None) -> Finding:
    """A finding of a scan or of a score audit, pointing at the entry that led to it."""
    evidence = {**place(entry, key), **found.evidence}
    return replace(found, evidence=evidence, fingerprint=fingerprint or found.fingerprint)


def fingerprint(*parts: str) -> str:
    """32 hexadecimal digits, as baselines name them, that stay the same while the parts do."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
