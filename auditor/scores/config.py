"""Every threshold of the score audit, with its reason."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ScoresConfig:
    """Thresholds of `auditor scores`; `to_json` goes into every result."""

    bucket_edges_b: tuple[float, ...] = (0.5, 1.5, 3.0, 5.0, 9.0, 16.0, 40.0, 80.0)
    """Edges of the size buckets in billions; a bucket holds its lower edge. They lie between the sizes that models
    cluster at (1, 2, 3-4, 7-8, 13, 34, 70), so that a rounding of the size changes no bucket."""
    bucket_alpha: float = 0.01
    """One-sided level at which the leave-one-out t is called high in the bucket view."""
    min_bucket: int = 5
    """Below this a bucket gives no verdict; below `alone_bucket` only the pooled model judges."""
    alone_bucket: int = 10
    review_q: float = 0.10
    strong_q: float = 0.01
    strong_z: float = 4.0
    """z from which one independent line of evidence makes a finding strong."""
    min_excess: float = 3.0
    """Points. Below it nothing is flagged: prompt wording and harness versions move scores as far."""
    agree_z: float = 3.0
    """The two fits agree that a score is high when both are above this; `strong` needs it, unless only one can judge or
    something else speaks against the model."""
    recipe_z: float = 1.5
    """A line of models whose other members' median z is above this shares the excess: a recipe, not an entry."""
    recipe_members: int = 2
    """Siblings with scores of their own that it takes to speak of a recipe."""
    low_z: float = -4.0
    """Shown as unusually low at or below this."""
    min_families: int = 15
    """Families without which no regression is fitted and the bucket view judges alone."""
    min_mean_rows: int = 5
    """Scores got by the same means that it takes to fit a term for these means."""
    floor_points: float = 2.0
    """Smallest SD, in points, that an expectation is credited with: copies of copies otherwise make every rounding an
    outlier. Below `min_excess`, so that it never hides what could be flagged."""
    sizes_from_names: bool = False
    """Whether a size that only the name states is used (and said so)."""
    max_benchmarks: int = 100
    """More candidate columns than this need `--benchmark`."""

    def to_json(self) -> dict[str, Any]:
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
