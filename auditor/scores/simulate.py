"""Boards made up without any leak, to measure false alarms on; used by the tests and the calibration experiment."""

from __future__ import annotations

import numpy as np

from auditor.scores.known import BenchmarkFacts, assumed_facts, facts_of
from auditor.scores.pooled.covariates import expit
from auditor.scores.table import ScoreTable

BENCHMARKS = ("MMLU", "ARC", "HellaSwag", "GSM8K")


def null_board(
    families: int,
    *,
    seed: int,
    correlation: float = 0.8,
    heavy: bool = False,
    chance: bool = False,
    duplicates: bool = False,
    alone: bool = False,
) -> ScoreTable:
    """A board of `families` families on which every score is what its ability and luck give.

    Args:
        families: how many; each has 1 to 6 members, or one where `alone`.
        seed: of the random numbers.
        correlation: intraclass correlation of abilities within families.
        heavy: residuals from a t with 3 degrees of freedom in place of a Gaussian.
        chance: a third of the models guess.
        duplicates: a fifth of the rows stand twice, under another name.
        alone: families of one.
    """
    rng = np.random.default_rng(seed)
    sizes = np.ones(families, dtype=np.int64) if alone else rng.integers(1, 7, families)
    family = np.repeat(np.arange(families), sizes)
    n = len(family)
    log_size = rng.uniform(-0.3, 1.9, families)[family] + rng.normal(0, 0.15, n)

    def residual(scale: float, shape: int) -> np.ndarray:
        return scale * (rng.standard_t(3, shape) / np.sqrt(3.0) if heavy else rng.standard_normal(shape))

    own, shared = np.sqrt(1 - correlation), np.sqrt(correlation)
    ability = 0.8 * log_size + shared * 0.5 * rng.standard_normal(families)[family] + own * 0.5 * rng.standard_normal(n)
    if chance:
        ability[rng.random(n) < 1 / 3] = -9.0
    columns = []
    for name, slope, offset in zip(BENCHMARKS, (1.2, 1.0, 0.9, 1.6), (-0.6, -0.4, 0.2, -1.6), strict=True):
        facts = facts_of(name) or assumed_facts(name)
        y = offset + slope * ability + residual(0.15 * shared, families)[family] + residual(0.15 * own, n)
        p = facts.chance + (1 - facts.chance) * expit(y)
        columns.append(rng.binomial(facts.items, np.clip(p, 0, 1)) / facts.items)
    scores, size = np.column_stack(columns), 10**log_size
    names = [f"org{k}/line{k}" + f"-{i}" for i, k in enumerate(family)]
    if duplicates:
        again = rng.choice(n, n // 5, replace=False)
        scores, size, family = (
            np.vstack([scores, scores[again]]),
            np.append(size, size[again]),
            np.append(family, family[again]),
        )
        names += [f"copier/again-{i}" for i in again]
    return board_of(names, BENCHMARKS, scores, size, [f"line{k}" for k in family])


def board_of(
    models: list[str], benchmarks: tuple[str, ...], scores: np.ndarray, params_b: np.ndarray, families: list[str]
) -> ScoreTable:
    """A ScoreTable of arrays, everything else unknown."""
    n = len(models)
    empty, unknown = ("",) * n, np.full(n, np.nan)
    facts: tuple[BenchmarkFacts, ...] = tuple(facts_of(b) or assumed_facts(b) for b in benchmarks)
    return ScoreTable(
        models=tuple(models), benchmarks=facts, scores=np.asarray(scores, dtype=np.float64),
        params_b=np.asarray(params_b, dtype=np.float64), active_b=unknown, size_notes=empty, base_models=((),) * n,
        family_column=tuple(families), precision=empty, revision=empty, weights_hash=empty, architecture=empty,
        means=np.zeros((n, len(benchmarks)), dtype=np.int64), mean_labels=("",), dates=unknown, tokens_t=unknown,
        flops=unknown, flagged=np.full(n, -1, dtype=np.int8), row_numbers=np.arange(n), sizes_floored=False,
        source="simulated", sha256="", form="simulated", skips={}, skip_examples=(), notes=(),
    )  # fmt: skip
