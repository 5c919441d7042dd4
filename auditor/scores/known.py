"""What is known of well-known benchmarks: how many items, and what guessing scores."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import sqrt

DEFAULT_ITEMS = 1000
"""Items assumed for a benchmark that is not known: a sampling error of 1.6 points at 50 %."""


@dataclass(frozen=True, slots=True)
class BenchmarkFacts:
    """A benchmark as the statistics need it."""

    name: str
    items: int
    """Number of scored items; sets the sampling variance of a score."""
    chance: float
    """Score of guessing, in [0, 1]; 0 where guessing gets nothing or nobody knows."""
    known: bool = True
    """False where items and chance are assumptions."""

    @property
    def chance_ceiling(self) -> float:
        """Scores at or below this are guessing: c + 3 sqrt(c (1 - c) / n); 0 where chance is 0."""
        return self.chance + 3.0 * sqrt(self.chance * (1.0 - self.chance) / self.items) if self.chance else 0.0


_FACTS = (
    ("MMLU", 14042, 0.25, ("mmlu", "hendryckstest", "hendryckstest*", "massivemultitasklanguageunderstanding")),
    ("MMLU-PRO", 12032, 0.1, ("mmlupro", "mmlupro5shot")),
    ("ARC", 1172, 0.25, ("arc", "arcc", "arcchallenge", "ai2arc")),
    ("ARC-Easy", 2376, 0.25, ("arce", "arceasy")),
    ("HellaSwag", 10042, 0.25, ("hellaswag",)),
    # MC2 is a share of probability, not a count of right answers: it has no chance level that holds for every model
    ("TruthfulQA", 817, 0.0, ("truthfulqa", "truthfulqamc", "truthfulqamc2")),
    ("Winogrande", 1267, 0.5, ("winogrande",)),
    ("Winograd", 1267, 0.5, ("winograd", "wsc")),
    ("XWinograd", 3008, 0.5, ("xwinograd", "xwinogrande")),
    ("GSM8K", 1319, 0.0, ("gsm8k", "gsm8kcot")),
    ("HumanEval", 164, 0.0, ("humaneval", "humanevalpass1")),
    ("HumanEval+", 164, 0.0, ("humanevalplus",)),
    ("MBPP", 378, 0.0, ("mbpp",)),
    ("MBPP+", 378, 0.0, ("mbppplus",)),
    ("BBH", 6511, 0.0, ("bbh", "bigbenchhard", "leaderboardbbh")),
    ("IFEval", 541, 0.0, ("ifeval", "leaderboardifeval")),
    ("MATH Lvl 5", 1324, 0.0, ("mathlvl5", "mathhard", "leaderboardmathhard")),
    ("MATH", 5000, 0.0, ("math", "minervamath", "hendrycksmath")),
    ("GPQA", 1192, 0.25, ("gpqa", "leaderboardgpqa")),
    ("MUSR", 756, 0.0, ("musr", "leaderboardmusr")),
    ("DROP", 9536, 0.0, ("drop",)),
    ("TriviaQA", 17944, 0.0, ("triviaqa",)),
    ("PIQA", 1838, 0.5, ("piqa",)),
    ("BoolQ", 3270, 0.5, ("boolq",)),
    ("OpenBookQA", 500, 0.25, ("openbookqa", "obqa")),
    ("LAMBADA", 5153, 0.0, ("lambada", "lambadaopenai")),
    ("AGIEval", 2546, 0.0, ("agieval",)),
    ("C-Eval", 12342, 0.25, ("ceval",)),
    ("CMMLU", 11528, 0.25, ("cmmlu",)),
)
_BY_KEY = {key: BenchmarkFacts(name, items, chance) for name, items, chance, keys in _FACTS for key in keys}
_BY_KEY["leaderboardmmlupro"] = _BY_KEY["mmlupro"]


def benchmark_key(name: str) -> str:
    """Name without case, punctuation, shot counts and metric names, to compare benchmarks by.

    >>> benchmark_key("MMLU (5-shot, acc)")
    'mmlu'
    """
    plain = re.sub(r"\(?\b\d+[\s_-]*shots?\b\)?", " ", name.lower())
    plain = re.sub(r"[\s,_(:|-]+(?:acc|acc_norm|accuracy|exact_match|em|strict|flexible|score|mc2)\b\)?", " ", plain)
    return re.sub(r"[^a-z0-9*+]", "", plain).replace("+", "plus")


def facts_of(name: str) -> BenchmarkFacts | None:
    """What is known of the benchmark of that name; None for an unknown one."""
    return _BY_KEY.get(benchmark_key(name))


def assumed_facts(name: str) -> BenchmarkFacts:
    """Facts to work with for a benchmark that is not known."""
    return BenchmarkFacts(name, DEFAULT_ITEMS, 0.0, known=False)
