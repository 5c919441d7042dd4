"""Every threshold of a scan in one place, with its reason. Results carry the config that made them.

The numbers were set while looking at corpora with planted items of other benchmarks (`python -m benchmarks.accuracy
--development`) and at seeds 7, 1 and 23 of the yardstick; they were then left alone, and seeds 101, 202 and 303, which
nobody had looked at, were measured once (benchmarks/results/accuracy-unseen.json).
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from auditor.detectors import ALL_DETECTORS, DETECTORS
from auditor.errors import InputError

_MAY_BE_NEGATIVE = {"rephrase_floor": (-2.0, 1.0), "rephrase_prefilter": (-100.0, 100.0)}
"""A cosine and log odds: the least and the most that they may be."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold as a person is told of it."""

    name: str
    default: float | int
    reason: str


@dataclass(frozen=True, slots=True)
class ScanConfig:
    """How a scan finds and judges. Weights are in nats: a token in a share p of all texts weighs -log p.

    Raises InputError where a value is out of its range.
    """

    detectors: tuple[str, ...] = DETECTORS
    """Which detectors run."""
    model: str = "all-MiniLM-L6-v2"
    """Sentence-transformers model of the rephrase detector: a name, a folder, or "multilingual"."""

    # The candidate pass
    ngram_size: int = 5
    """Tokens in an n-gram of the candidate pass. Five survive an edit in every sixth word, and are rare enough that one
    text in ten thousand becomes a candidate by chance; eight would lose every question of seven words."""
    max_document_frequency: int = 64
    """An n-gram in more items than this is boilerplate of its benchmark, and names none of them."""
    candidate_share: float = 0.12
    """Share of an item's n-gram weight that a record must hold to be looked at closely. A third of an item, edited in
    every twelfth word, still holds it."""
    candidate_grams: float = 8.0
    """No item needs more n-grams than this, so that the question of a long passage is found without the passage."""
    learn_bytes: int = 16 << 20
    """Bytes of the corpus that word and n-gram frequencies are learnt from: some 10,000 records, 2 % of a gigabyte."""

    # The sketches
    sketch_permutations: int = 126
    """Hash values of a MinHash sketch: the error of an estimated Jaccard index is at most 0.045."""
    sketch_rows: int = 3
    """Hash values of a band. With 42 bands of three, a window that shares a Jaccard index of 0.4 with an item is
    compared with it in 94 of 100 cases, one that shares 0.1 in 4."""
    sketch_seed: int = 1
    """Seed of the permutations: datasketch's own default."""
    sketch_word_weight: float = 4.0
    """Nats from which a word is a shingle: those in at most one text in fifty. The others are in every window."""
    sketch_share: float = 0.5
    """Share of an item's shingles that a window must seem to hold to be looked at closely: one word in four replaced
    leaves three quarters, of which a window at a bad place misses some."""
    sketch_shared: float = 3.0
    """Shingles that it must seem to hold at the least; fewer are often chance."""

    # The verifier
    min_run: int = 3
    """Fewest tokens in a row that count as covered, wherever in the region they stand; two are often chance."""
    region_slack: float = 0.5
    """How much longer than the item its region may be: room for edits, labels and line noise."""
    contaminated_containment: float = 0.75
    """Weighted share of the question that must stand in one region. An edit in every twelfth word leaves 0.9, in every
    sixth about 0.8; the same template with other words stays under 0.7."""
    supported_containment: float = 0.55
    """The same where the answer or the options stand beside it."""
    short_coverage: float = 0.9
    """Share of a short item's words, each counting the same, that must stand there: "the official language of the
    Netherlands is Dutch" is no copy of "What is the official language of the Netherlands?"."""
    review_weight: float = 30.0
    """Nats that a variant, a passage, or a short question without its answer must carry to be shown to a person."""
    review_containment: float = 0.35
    """Share of the question's tokens that must stand there as one run for a cut copy to be shown: a third and more."""
    review_run: int = 6
    """Tokens that this run has at the least."""
    cut_containment: float = 0.25
    """Weighted share that a cut copy must hold: half of the words are a quarter of the weight when the rare ones come
    last."""
    cut_weight: float = 12.0
    """Nats that a cut copy must carry: about four content words."""
    rare_grams: int = 1
    """n-grams of a part of an item that must be rare in the corpus: "What is the difference between a" begins an
    item, and half of all questions."""
    rare_records: int = 2
    """Records, of those learnt from, in which an n-gram may stand and be rare."""
    reworded_containment: float = 0.5
    """Share of the question, in pieces of three words and more, that a reworded copy must hold: one word in four
    replaced leaves 0.55 and more."""
    reworded_weight: float = 22.0
    """Nats that it must carry."""
    reworded_density: float = 0.6
    """Share of its tokens, and of the question's, that are the same in both."""
    scattered_containment: float = 0.45
    """Share of the question that must stand in one region when it is neither whole nor one piece."""
    scattered_weight: float = 45.0
    """Nats that it must carry. Problems of one field share their phrases; below this, clean text is shown more often
    than edited copies."""
    ask_containment: float = 0.5
    """Share of the question's last sentence that must be there: a shared passage without what is asked is no item."""
    contaminated_weight: float = 38.0
    """Nats that a question must carry to be recognised by itself: about eight content words. Below it ("Which of the
    following is true?") the answer or the options have to be there too."""
    supported_weight: float = 18.0
    """Nats of question and answer together that a short item must carry."""
    answer_reach: int = 48
    """Tokens after the question within which its answer counts as standing beside it, besides the options' own."""

    # Rephrases. Cosines are in units of the model: 0 is how like an item is to its nearest sibling, 1 the same text
    fdr: float = 0.01
    """False discovery rate that rephrases called contaminated are kept within."""
    rephrase_review: float = 0.2
    """Probability from which on a rephrase is shown to a person."""
    rephrase_information: float = 9.0
    """Nats that the poorer of two texts must carry for them to be the same item: "What is inflation?" is asked by many.
    Below it the answer has to be there too."""
    rephrase_prefilter: float = -2.5
    """Log odds, by words and letters alone, from which on the model looks at a text, for one of 40 words and a
    benchmark of a thousand views. Less finds more, and takes more time: 1 more leaves two texts in three, and loses up
    to 2 rephrases in a hundred."""
    rephrase_floor: float = -0.6
    """Cosine below which nothing else is measured."""

    # Output
    excerpt_chars: int = 400
    """Characters of an excerpt: enough to judge by, too few to leak a long item again."""

    def __post_init__(self) -> None:
        unknown = set(self.detectors) - set(ALL_DETECTORS)
        if unknown or not self.detectors:
            raise InputError(
                f"unknown detector: {', '.join(sorted(unknown)) or '(none)'}; there are: {', '.join(ALL_DETECTORS)}"
            )
        if not 2 <= self.ngram_size <= 32:
            raise InputError(f"ngram_size must be from 2 to 32, not {self.ngram_size}")
        for name in (
            "candidate_share",
            "sketch_share",
            "contaminated_containment",
            "supported_containment",
            "review_containment",
            "ask_containment",
            "short_coverage",
            "cut_containment",
            "scattered_containment",
            "reworded_containment",
            "reworded_density",
        ):
            value = getattr(self, name)
            if not 0 < value <= 1:
                raise InputError(f"{name} must be above 0 and at most 1, not {value}")
        for field in fields(self):
            value = getattr(self, field.name)
            # NaN above all: every comparison with it is false, and nothing would be contaminated
            if not isinstance(value, int | float):
                continue
            if field.name in _MAY_BE_NEGATIVE:
                least, most = _MAY_BE_NEGATIVE[field.name]
                if not least <= value <= most:
                    raise InputError(f"{field.name} must be from {least:g} to {most:g}, not {value}")
            elif not 0 <= value < float("inf"):
                raise InputError(f"{field.name} must be a number of at least 0, not {value}")
        if self.sketch_rows != 3 or self.sketch_permutations < 3:
            raise InputError("sketches have bands of three hash values, and one band at the least")
        if self.sketch_shared <= 1:
            raise InputError(
                f"sketch_shared must be above 1, for pairs of shingles are looked up: not {self.sketch_shared}"
            )
        for name in ("min_run", "max_document_frequency", "excerpt_chars"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")

    @classmethod
    def thresholds(cls) -> list[Threshold]:
        """Every threshold with its default and its reason, which is read from the text under it in this file."""
        body = next(
            node.body
            for node in ast.parse(Path(__file__).read_text(encoding="utf-8")).body
            if isinstance(node, ast.ClassDef) and node.name == cls.__name__
        )
        reasons = {
            before.target.id: " ".join(after.value.value.split())
            for before, after in pairwise(body)
            if isinstance(before, ast.AnnAssign)
            and isinstance(before.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        }
        return [
            Threshold(f.name, f.default, reasons[f.name]) for f in fields(cls) if isinstance(f.default, int | float)
        ]

    def to_json(self) -> dict[str, Any]:
        """The values by name, for `summary.json`."""
        return {
            f.name: list(value) if isinstance(value := getattr(self, f.name), tuple) else value for f in fields(self)
        }
