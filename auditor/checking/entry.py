"""What a leaderboard receives, whatever shape it came in: an `Entry` with its scores and the sets it was trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from auditor.scores.known import benchmark_key, facts_of
from auditor.scores.values import clean_name, parse_number

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SCORES = 2000
"""Scores of one entry that are read; the largest board that is known has 112 tasks, an MMTEB run about 600."""
UNSAID = ("", "none given", "not disclosed", "undisclosed", "not specified", "unspecified", "private", "closed",
          "proprietary", "unknown", "n/a", "na", "tbd", "todo", "?", "-", "…", "...")  # fmt: skip
"""What people write into a field to leave it empty."""


@dataclass(frozen=True, slots=True)
class ScoreClaim:
    """One score that an entry reports."""

    benchmark: str
    """As the entry names it; `name` gives the board's word for it."""
    value: float | None
    """The number as it is written, before its scale is known; None where there is none."""
    text: str
    """What stands in the entry."""
    key: str
    """Dotted path of the field in the file."""
    percent: bool = False
    """Whether a percent sign says that it is in points."""
    shots: int | None = None
    harness: str = ""
    chat_template: str = ""
    method: str = ""
    items: int | None = None
    """Items that were scored, where the entry says it."""
    items_of: int | None = None
    """Items that there were, where the entry says that too (lm-eval's `original`)."""
    task_hash: str = ""

    @property
    def name(self) -> str:
        """The well-known benchmark's name, else the entry's own word."""
        facts = facts_of(self.benchmark)
        return facts.name if facts else self.benchmark

    @property
    def label(self) -> str:
        """How it was got, in the words of `ScoreTable.mean_labels`."""
        parts = (("harness", self.harness), ("shots", self.shots), ("chat template", self.chat_template),
                 ("method", self.method))  # fmt: skip
        return "; ".join(f"{name} {value}" for name, value in parts if value not in ("", None))


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """A training set that an entry names."""

    name: str
    """As written."""
    kind: str
    """"path", "url", or "id" for a name that says not where it lies."""
    key: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, read."""

    path: str
    """As it was given on the command line."""
    form: str
    """The shape it was read as, in words."""
    sha256: str
    model: str
    params_b: float = math.nan
    """Total parameters in billions; NaN where it does not say."""
    base_models: tuple[str, ...] = ()
    """Base models and merge parents."""
    is_merge: bool = False
    architecture: str = ""
    precision: str = ""
    revision: str = ""
    date: str = ""
    tokens_t: float = math.nan
    flops: float = math.nan
    scores: tuple[ScoreClaim, ...] = ()
    in_points: bool | None = None
    """Whether its numbers are points (0-100), for shapes whose scale is fixed; None where the numbers tell."""
    training_sets: tuple[TrainingSet, ...] = ()
    more_training_sets: int = 0
    """Named beyond the number that is kept."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What it says, by our names of the fields; for the check of what is disclosed."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """Dotted path of a field to its 1-based line."""
    unknown_keys: tuple[str, ...] = ()
    """Keys that mean nothing in an entry: misspelled, or of another tool."""
    unread: tuple[str, ...] = ()
    """What of it could not be read, in words: with any of it the check is incomplete."""

    def line(self, key: str) -> int | None:
        """The line of a field, or of the nearest field around it that has one."""
        while key:
            if key in self.lines:
                return self.lines[key]
            cut = max(key.rfind("."), key.rfind("["))
            key = key[:cut] if cut > 0 else ""
        return None

    @property
    def scale(self) -> float:
        """What a bare number is divided by to lie in [0, 1]: 1 where every number of the entry is at most 1, else 100.

        Model cards and entries come in both scales, and one number alone does not tell; see `points`.
        """
        if self.in_points is not None:
            return 100.0 if self.in_points else 1.0
        bare = [c.value for c in self.scores if c.value is not None and not c.percent]
        return 1.0 if bare and max(bare) <= 1.0 else 100.0

    def points(self, claim: ScoreClaim) -> float | None:
        """A score in points, 0 to 100; None where it is no number or lies outside."""
        if claim.value is None:
            return None
        found = claim.value * (1.0 if claim.percent else 100.0 / self.scale)
        return found if 0.0 <= found <= 100.0 else None

    def first_of(self, benchmark: str) -> ScoreClaim | None:
        """The first usable score on a benchmark, by any of its names."""
        wanted = same_benchmark(benchmark)
        return next(
            (c for c in self.scores if same_benchmark(c.benchmark) == wanted and self.points(c) is not None), None
        )


@lru_cache(maxsize=8192)
def same_benchmark(name: str) -> str:
    """A key that is equal for two names of one benchmark, whether it is well known or not."""
    facts = facts_of(name) or facts_of(name.rsplit("/", 1)[-1])
    return benchmark_key(facts.name) if facts else benchmark_key(name) or name


def read_number(value: Any) -> tuple[float | None, bool]:
    """A score's number and whether a percent sign stands by it; "78.3%", "78.3 ± 0.4" and "78,3" are numbers."""
    number = parse_number(value) if not isinstance(value, list | dict) else None
    if number is None or not math.isfinite(number):
        return None, False
    return number, isinstance(value, str) and "%" in value


def whole(value: Any) -> int | None:
    """A count, as a number or as text; None where it is none."""
    number = parse_number(value) if isinstance(value, int | float | str) else None
    return int(number) if number is not None and math.isfinite(number) and number == int(number) >= 0 else None


def words(value: Any, limit: int = 300) -> str:
    """A scalar as one line of text; "" for what is no scalar."""
    return clean_name(value)[:limit] if isinstance(value, str | int | float | bool) else ""


def is_said(value: Any) -> bool:
    """Whether a field says anything: not empty, and none of the words that people leave it empty with."""
    if value is None or value in ([], {}, ()):
        return False
    if isinstance(value, str):
        return value.strip().lower() not in UNSAID
    if isinstance(value, list | tuple):
        return any(is_said(v) for v in value)
    return not (isinstance(value, float) and math.isnan(value))
