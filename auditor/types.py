"""The words of this project as types: items, benchmarks, matches, findings, skips."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as default
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Verdict(StrEnum):
    """What a match means for the person who reads it."""

    CONTAMINATED = "contaminated"
    """The item is in the record."""
    REVIEW = "review"
    """A person should look: part of the item, boilerplate, or a variant with other numbers."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a benchmark."""

    item_id: str
    """The item's own id where it has one, else its 0-based number in its file, as text."""
    question: str
    """What the model is asked, without choices and without the passage where the source keeps them apart."""
    choices: tuple[str, ...] = ()
    """Options of a multiple-choice item, without letters."""
    answers: tuple[str, ...] = ()
    """Forms of the right answer, fullest first: GSM8K's worked solution then its final number; the text of the right
    choice, never its bare letter; a program's canonical solution."""
    passage: str = ""
    """Context that several items may share, where the source keeps it apart from the question."""
    split: str = ""
    """Split of the benchmark the item is in, such as "test"; empty where unknown."""
    subset: str = ""
    """Subject, task or configuration, such as MMLU's "abstract_algebra"; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark's items and where they came from."""

    name: str
    items: tuple[Item, ...]
    source: str
    """Path or hub id that the items were read from."""
    sha256: str
    """Hash of the bytes that the items were read from, over all files in sorted order."""
    revision: str = ""
    """Pinned hub revision, when it came from the hub."""
    licence: str = ""
    skipped: Mapping[str, int] = default(default_factory=dict)
    """Rows that gave no item, by reason."""
    warnings: tuple[str, ...] = ()
    """What a reader of the report should know, such as a number of items that is not the catalog's."""


@dataclass(frozen=True, slots=True)
class Match:
    """One record, one item, one detector. Its fields are the columns of `matches.jsonl` (see `to_json`)."""

    source: str
    row: int
    """0-based number of the record in its source."""
    field: str
    """Name of the text field in the record, with list positions: `messages[1].content`."""
    benchmark: str
    split: str
    item_id: str
    detector: str
    score: float
    """In [0, 1]: weighted containment of the item's question in the region of the record."""
    verdict: Verdict
    answer_present: bool
    train_span: tuple[int, int]
    """Character offsets into the field's text."""
    item_span: tuple[int, int]
    """Character offsets into the item's question."""
    train_excerpt: str
    item_excerpt: str
    reason: str
    """Why this verdict, in words."""
    role: str = ""
    """Role of the message the text is in, such as "user"; empty where there is none."""
    signals: Mapping[str, float | int | str | bool] = default(default_factory=dict)
    """What the verdict was decided on, so that results can be re-thresholded without another scan."""

    def to_json(self) -> dict[str, Any]:
        """The row of `matches.jsonl`, in the contract's column order, with our own columns after it."""
        return {
            "source": self.source,
            "row": self.row,
            "field": self.field,
            "benchmark": self.benchmark,
            "split": self.split,
            "item_id": self.item_id,
            "detector": self.detector,
            "score": self.score,
            "verdict": self.verdict.value,
            "answer_present": self.answer_present,
            "train_span": list(self.train_span),
            "item_span": list(self.item_span),
            "train_excerpt": self.train_excerpt,
            "item_excerpt": self.item_excerpt,
            "reason": self.reason,
            "role": self.role,
            "signals": dict(self.signals),
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Match:
        """The inverse of `to_json`. Raises KeyError or ValueError where the row is not one of ours."""
        return cls(
            source=row["source"],
            row=int(row["row"]),
            field=row["field"],
            benchmark=row["benchmark"],
            split=row["split"],
            item_id=row["item_id"],
            detector=row["detector"],
            score=float(row["score"]),
            verdict=Verdict(row["verdict"]),
            answer_present=bool(row["answer_present"]),
            train_span=(int(row["train_span"][0]), int(row["train_span"][1])),
            item_span=(int(row["item_span"][0]), int(row["item_span"][1])),
            train_excerpt=row["train_excerpt"],
            item_excerpt=row["item_excerpt"],
            reason=row["reason"],
            role=row.get("role", ""),
            signals=row.get("signals", {}),
        )


@dataclass(frozen=True, slots=True)
class Skip:
    """Something that was not read or not judged, with its reason. Skips are results."""

    source: str
    reason: str
    """One of the fixed reason codes, such as "invalid_json" or "truncated_gzip"."""
    row: int | None = None
    """0-based record number; None when the skip is of the source or of the rest of it."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a person acts on."""

    rule_id: str
    """Stable, such as "data/item-contaminated" or "score/outlier"."""
    severity: str
    """"error", "warning" or "note": SARIF's levels."""
    verdict: str
    """"contaminated", "review", "strong", …: the verdict in the vocabulary of the command that made it."""
    subject: str
    """What it is about: the training source or the model."""
    title: str
    """One line for a list."""
    message: str
    """One paragraph: what was found, where, how sure it is."""
    evidence: Mapping[str, Any] = default(default_factory=dict)
    """JSON values."""
    innocent_explanations: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    fingerprint: str = ""
    """Stays the same from run to run while the finding is the same one."""
    baseline: Mapping[str, str] | None = None
    """Why a baseline accepts it (`reason`, and `date` and `author` where they are given); None where none does."""

    def to_json(self) -> dict[str, Any]:
        """A JSON object with keys in a fixed order."""
        accepted = {} if self.baseline is None else {"baseline": dict(self.baseline)}
        return {
            "rule_id": self.rule_id,
            "severity": self.severity,
            "verdict": self.verdict,
            "subject": self.subject,
            "title": self.title,
            "message": self.message,
            "evidence": dict(self.evidence),
            "innocent_explanations": list(self.innocent_explanations),
            "next_steps": list(self.next_steps),
            "fingerprint": self.fingerprint,
            **accepted,
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Finding:
        """The inverse of `to_json`. Raises KeyError or TypeError where the object is not one of ours."""
        return cls(
            rule_id=row["rule_id"],
            severity=row["severity"],
            verdict=row["verdict"],
            subject=row["subject"],
            title=row["title"],
            message=row["message"],
            evidence=row["evidence"],
            innocent_explanations=tuple(row["innocent_explanations"]),
            next_steps=tuple(row["next_steps"]),
            fingerprint=row["fingerprint"],
            baseline=row.get("baseline"),
        )
