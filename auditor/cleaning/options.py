"""What a cleaning does: one frozen object, and what it says of each record that it touched."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.types import Match

MASK = "[benchmark item removed]"
"""Stands where a masked span stood: words that no benchmark item is made of, and that a person understands."""
MASKABLE = frozenset({"ngram", "minhash"})
"""Detectors whose spans are of the copied words. One that compares meanings marks a whole text."""


class Action(StrEnum):
    """What is done to a contaminated record."""

    DROP = "drop"
    """The record goes."""
    MASK = "mask"
    """The span goes, the record stays."""
    DROP_TURN = "drop-turn"
    """The turn of the conversation goes, and where it asks, its answer; the record where nothing is left."""


class Done(StrEnum):
    """What was done to a record, in `removed.jsonl`."""

    DROPPED = "dropped"
    MASKED = "masked"
    TURNS_DROPPED = "turns_dropped"


@dataclass(frozen=True, slots=True)
class CleanOptions:
    """How a training set is cleaned. Raises InputError where a value is out of its range."""

    action: Action = Action.DROP
    mask: str = MASK
    include_review: bool = False
    """Also touch the records of matches that a person should look at."""

    def __post_init__(self) -> None:
        if not self.mask.strip() or "\n" in self.mask or "\r" in self.mask:
            raise InputError("the mask must be a text of one line that is not blank; give another --mask-text")
        try:
            self.mask.encode()
        except UnicodeEncodeError:
            raise InputError("the mask text is not valid Unicode; give another --mask-text") from None


@dataclass(frozen=True, slots=True)
class Touched:
    """A record that was touched: a line of `removed.jsonl`. It holds no text of the record."""

    source: str
    row: int
    """0-based number of the record in the source as it was scanned."""
    done: Done
    matches: tuple[Match, ...]
    note: str = ""
    """Why something else was done than what was asked for; empty where it was done."""

    def to_json(self) -> dict[str, Any]:
        """The line of `removed.jsonl`."""
        return {
            "source": self.source,
            "row": self.row,
            "done": self.done.value,
            "note": self.note,
            "items": [_item(match) for match in self.matches],
        }


def _item(match: Match) -> dict[str, Any]:
    return {
        "benchmark": match.benchmark,
        "split": match.split,
        "item_id": match.item_id,
        "detector": match.detector,
        "verdict": match.verdict.value,
        "score": match.score,
        "field": match.field,
        "train_span": list(match.train_span),
        "reason": match.reason,
    }


def refuse_unmaskable(matches: Sequence[Match]) -> None:
    """Raise InputError where a span cannot be masked, because its detector marks no words."""
    others = sorted({match.detector for match in matches} - MASKABLE)
    if others:
        raise InputError(
            f"--mask works on the matches of {' and '.join(sorted(MASKABLE))} only, and some are of "
            f"{', '.join(others)}, whose spans are of meaning and not of words; use --drop or --drop-turn"
        )
