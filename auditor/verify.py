"""The verifier: aligns a record with an item that a detector proposes, and measures what the verdict rests on."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from rapidfuzz.distance import LCSseq

from auditor.index import Tokens, tokens_of
from auditor.kernels.align import best_region
from auditor.kernels.build import gram_numbers
from auditor.types import Match, Verdict
from auditor.verdict import Decision, Signals, decide

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from auditor.config import ScanConfig
    from auditor.index import BenchmarkIndex, Weights
    from auditor.sources import TextField
    from auditor.types import Item

EDGE = 8
"""Tokens before and after a region that are aligned too: words at the edge stand there alone or in pairs."""
LOCAL_GAP = 6
"""Tokens of a gap within which a number is taken to stand in place of another."""
ASK_TOKENS = 4
"""A last sentence of fewer tokens is taken together with the one before it."""
LONG_ANSWER = 8
"""Tokens from which an answer may be edited and is looked for by alignment, not word for word."""
LONG_ANSWER_SHARE = 0.6
"""Share of a long answer that has to be there."""
SHORT_ANSWER = 3
"""Answers of fewer tokens are easily there by chance."""
LATER_FIELDS = 2
"""Fields after the question's in which its answer may stand: the next turns of a chat."""
EXPLAINED_SHARE = 0.5
"""A partial match is another item's if this share of its region lies in that item's region."""

_SENTENCE_END = re.compile(r"(?<=[.?!])[\"'”’)\]]*\s+|(?<=[。？！])|\n+")
_NUMBER_WORDS = {
    word: str(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
} | {"thirty": "30", "forty": "40", "fifty": "50", "hundred": "100", "thousand": "1000", "twice": "2", "half": "0.5"}


@dataclass(frozen=True, slots=True)
class ItemText:
    """An item's texts as tokens."""

    item: Item
    question: Tokens
    ask: int
    """Token of the question that its last sentence begins at."""
    answers: tuple[Tokens, ...]
    answer_weights: tuple[float, ...]
    """Nats of each answer."""
    choices: tuple[Tokens, ...]
    passage: Tokens


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the verifier found of one item in one record."""

    item: int
    """Number in the index."""
    group: int
    """Number of its group."""
    is_decoy: bool
    field: TextField
    region: tuple[int, int]
    """Characters of the field's text."""
    item_region: tuple[int, int]
    """Characters of the item's question."""
    signals: Signals
    decision: Decision


class Verifier:
    """Judges records against items. Holds only what the index and the corpus gave; may be shared by threads."""

    def __init__(self, index: BenchmarkIndex, weights: Weights, config: ScanConfig) -> None:
        self._index = index
        self._weights = weights
        self._config = config
        self._item_text = functools.lru_cache(maxsize=4096)(self._read_item)

    def judge(self, fields: Sequence[TextField], groups: Sequence[int]) -> list[Judgement]:
        """What is worth showing of the item groups in a record's fields, in the order of the items."""
        tokens = [tokens_of(field.text) for field in fields]
        found: list[Judgement] = []
        for group in groups:
            found += self._judge_group(fields, tokens, group)
        return _without_explained(sorted(found, key=lambda j: j.item))

    def _judge_group(self, fields: Sequence[TextField], tokens: list[Tokens], group: int) -> list[Judgement]:
        hashes, word_numbers = self._index.group_tokens(group)
        if not len(hashes):
            return []
        weights = self._weights.word[word_numbers]
        covered = np.zeros(len(hashes), np.uint8)
        scratch = np.zeros(len(hashes), np.int32)
        min_run = min(self._config.min_run, len(hashes))
        width = len(hashes) + max(EDGE, int(len(hashes) * self._config.region_slack))
        best = (0.0, 0, 0, 0)
        for position, text in enumerate(tokens):
            begin, end, weight = best_region(text.hashes, hashes, weights, min_run, width, covered, scratch)
            if weight > best[0]:
                best = (float(weight), position, int(begin), int(end))
        if best[0] == 0.0:
            return []
        _, position, begin, end = best
        text = tokens[position]
        begin, end, _ = best_region(text.hashes, hashes, weights, min_run, width, covered, scratch)
        first = self._item_text(int(self._index.group(group)[0]))
        begin, end, covered, changed, run = _align(text, (int(begin), int(end)), first.question, covered)
        judgements = []
        for number in self._index.group(group):
            item = self._item_text(int(number))
            signals = self._signals(item, group, weights, covered, changed, run, tokens, position, (begin, end))
            decision = decide(signals, self._config)
            if decision.verdict is not None:
                where = np.flatnonzero(covered)
                judgements.append(
                    Judgement(
                        item=int(number),
                        group=group,
                        is_decoy=self._index.is_decoy(int(number)),
                        field=fields[position],
                        region=text.char_span(begin, end),
                        item_region=item.question.char_span(int(where[0]), int(where[-1]) + 1),
                        signals=signals,
                        decision=decision,
                    )
                )
        return _best_supported(judgements)

    def _signals(
        self, item: ItemText, group: int, weights: NDArray[np.float32], covered: NDArray[np.uint8],
        changed: int, run: int,
        tokens: list[Tokens], position: int, region: tuple[int, int],
    ) -> Signals:  # fmt: skip
        is_covered = covered.astype(bool)
        weight, total = float(weights[is_covered].sum()), float(weights.sum())
        ask = weights[item.ask :]
        zone, anywhere = _zones(item, tokens, position, region, self._config.answer_reach)
        answer, answer_weight, answer_share = "none", 0.0, 0.0
        for form, form_weight in zip(item.answers, item.answer_weights, strict=True):
            share = _share(anywhere, form)
            answer_share = max(answer_share, share)
            if share >= LONG_ANSWER_SHARE:
                answer = "full" if len(form) >= SHORT_ANSWER else "short"
                answer_weight = form_weight
                break
        choices_found = sum(_share(zone, choice) >= LONG_ANSWER_SHARE for choice in item.choices)
        return Signals(
            containment=weight / total if total else 0.0,
            weight=weight,
            ask=float(ask[is_covered[item.ask :]].sum()) / float(ask.sum()) if float(ask.sum()) else 1.0,
            item_tokens=len(item.question),
            covered_tokens=int(is_covered.sum()),
            region_tokens=region[1] - region[0],
            longest_run=run,
            rare_grams=self._rare_grams(group, is_covered),
            anchored=_is_anchored(tokens[position], region, is_covered),
            numbers_changed=changed,
            answer=answer,
            answer_weight=answer_weight,
            answer_share=answer_share,
            choices_found=choices_found,
            choices=len(item.choices),
            passage=_share([t.hashes for t in tokens], item.passage),
        )

    def _rare_grams(self, group: int, is_covered: NDArray[np.bool_]) -> int:
        """n-grams whose tokens are all covered and that stand in few records of the corpus."""
        tokens, _ = self._index.group_tokens(group)
        table = self._weights.table
        count = len(tokens) - table.size + 1
        if count <= 0:
            return 0
        numbers = np.empty(count, np.int64)
        gram_numbers(tokens, table.size, table.keys, table.grams, table.key_shift, numbers)
        whole = np.convolve(is_covered, np.ones(table.size), "valid") == table.size
        known = numbers[whole & (numbers >= 0)]
        return int((self._weights.gram_df[known] <= self._config.rare_records).sum())

    def _weight_of(self, text: Tokens) -> float:
        """Nats of a text; words that no question has count as unknown."""
        arrays = self._index.arrays
        keys, slots = arrays["word_keys"], arrays["word_slots"]
        shift = 64 - (len(keys) - 1).bit_length()
        total = 0.0
        for token in {int(t) for t in text.hashes[:64]}:
            slot = token >> shift
            while slots[slot] >= 0 and int(keys[slot]) != token:
                slot = (slot + 1) & (len(keys) - 1)
            total += float(self._weights.word[slots[slot]]) if slots[slot] >= 0 else self._weights.unknown_word
        return total

    def _read_item(self, number: int) -> ItemText:
        item = self._index.item(number)
        question = tokens_of(item.question)
        answers = tuple(tokens_of(a) for a in item.answers)
        return ItemText(
            item=item,
            question=question,
            ask=_ask(item.question, question),
            answers=answers,
            answer_weights=tuple(map(self._weight_of, answers)),
            choices=tuple(tokens_of(c) for c in item.choices),
            passage=tokens_of(item.passage),
        )

    def match(self, judgement: Judgement, detector: str, source: str, row: int) -> Match:
        """The match of a judgement, for the record `row` of `source`."""
        info = self._index.benchmark_of(judgement.item)
        item = self._item_text(judgement.item).item
        s, decision = judgement.signals, judgement.decision
        return Match(
            source=source,
            row=row,
            field=judgement.field.name,
            role=judgement.field.role,
            benchmark=info.name,
            split=item.split,
            item_id=item.item_id,
            detector=detector,
            score=round(s.containment, 4),
            verdict=decision.verdict or Verdict.REVIEW,
            answer_present=s.answer != "none",
            train_span=judgement.region,
            item_span=judgement.item_region,
            train_excerpt=excerpt(judgement.field.text, judgement.region, self._config.excerpt_chars),
            item_excerpt=excerpt(item.question, judgement.item_region, self._config.excerpt_chars),
            reason=decision.reason,
            signals={"kind": decision.kind, **s.to_json()},
        )


def excerpt(text: str, span: tuple[int, int], limit: int) -> str:
    """At most `limit` characters of `text` from the beginning of `span`, an ellipsis where it was cut."""
    part = text[span[0] : span[1]]
    return part if len(part) <= limit else part[: limit - 1] + "…"


def _ask(question: str, tokens: Tokens) -> int:
    """Token at which the question's last sentence begins; 0 where it is one sentence or a short text."""
    cuts = [0, *(m.end() for m in _SENTENCE_END.finditer(question) if m.end() < len(question.rstrip()))]
    for cut in reversed(cuts):
        first = int(np.searchsorted(tokens.starts, len(question[:cut].encode("utf-8", "replace"))))
        if len(tokens) - first >= ASK_TOKENS:
            return first
    return 0


def _align(
    record: Tokens, region: tuple[int, int], item: Tokens, covered: NDArray[np.uint8]
) -> tuple[int, int, NDArray[np.uint8], int, int]:
    """Align the region with the item word by word (longest common subsequence, rapidfuzz).

    Returns:
        (begin, end, covered, numbers changed, longest run): the region with the words found at its edges, and the
        item's tokens that are covered by it now.
    """
    low, high = max(0, region[0] - EDGE), min(len(record), region[1] + EDGE)
    blocks = [
        (op.src_start + low, op.src_end + low, op.dest_start)
        for op in LCSseq.opcodes(record.hashes[low:high].tolist(), item.hashes.tolist())
        if op.tag == "equal"
    ]
    begin, end = region
    result = covered.copy()
    run = 0
    for start, stop, at in blocks:
        length = stop - start
        run = max(run, length)
        if length >= 2:
            result[at : at + length] = 1
            begin, end = min(begin, start), max(end, stop)
    changed = 0
    for (_, stop, at_stop), (start, _, at) in zip(((a, b, c + b - a) for a, b, c in blocks), blocks[1:], strict=False):
        if 0 < start - stop <= LOCAL_GAP and 0 < at - at_stop <= LOCAL_GAP:
            gone = [p for p in range(at_stop, at) if not result[p]]
            changed += _numbers_changed(_numbers(record, range(stop, start)), _numbers(item, gone))
    return begin, end, result, changed, run


def _is_anchored(text: Tokens, region: tuple[int, int], is_covered: NDArray[np.bool_]) -> bool:
    """Whether a part of an item lies as a cut copy would: from the item's first words on, where something new begins
    in the record; or to its last words, from the record's first."""
    begin = int(text.starts[region[0]])
    before = text.data[:begin].rstrip(b" \t")
    begins_anew = not before or before[-1:] in b"\n\r.:;!?\"'()[]{}<>*#|=-" or before[-1] >= 128
    if is_covered[:2].any() and begins_anew:
        return True
    return bool(is_covered[-2:].any()) and region[0] == 0


def _numbers(text: Tokens, positions: Iterable[int]) -> list[str]:
    numbers = []
    for position in positions:
        form = text.form(position).casefold()
        digits = "".join(c for c in form if c.isdigit())
        if digits:
            numbers.append(digits)
        elif form in _NUMBER_WORDS:
            numbers.append(_NUMBER_WORDS[form])
    return numbers


def _numbers_changed(record: list[str], item: list[str]) -> int:
    """How many of the item's numbers are not in the record's gap, where that has other numbers in their place."""
    missing = [n for n in item if n not in record]
    other = [n for n in record if n not in item]
    return min(len(missing), len(other))


Zone = list["NDArray[np.uint64]"]


def _zones(
    item: ItemText, tokens: list[Tokens], position: int, region: tuple[int, int], reach: int
) -> tuple[Zone, Zone]:
    """Where options and where answers are looked for: around the region, and in the fields after it."""
    options = sum(map(len, item.choices)) + 2 * len(item.choices)
    longest = max(map(len, item.answers), default=0)
    text = tokens[position].hashes
    # an answer that repeats words of the question may have drawn the region over itself
    asked = min(region[1], region[0] + len(item.question))
    later = [t.hashes for t in tokens[position + 1 : position + 1 + LATER_FIELDS]]
    around = [text[max(0, region[0] - reach - options) : region[1] + reach + options], *later]
    after = [text[asked : region[1] + reach + options + longest + longest // 2], *later]
    return around, after


def _share(zone: Zone, phrase: Tokens) -> float:
    """Share of the phrase that stands in a text of the zone: all of it word for word, or if it is long, parts of it."""
    if not len(phrase):
        return 0.0
    return max((_share_in(text, phrase.hashes) for text in zone), default=0.0)


def _share_in(text: NDArray[np.uint64], phrase: NDArray[np.uint64]) -> float:
    size = len(phrase)
    for start in np.flatnonzero(text[: max(0, len(text) - size + 1)] == phrase[0]):
        if np.array_equal(text[start : start + size], phrase):
            return 1.0
    if size < LONG_ANSWER or not len(text):
        return 0.0
    weights = np.ones(size, np.float32)
    _, _, weight = best_region(text, phrase, weights, 3, 2 * size, np.zeros(size, np.uint8), np.zeros(size, np.int32))
    return float(weight) / size


def _best_supported(judgements: list[Judgement]) -> list[Judgement]:
    """Of items that ask the same, those whose answer or options stand in the record; all of them if none do."""

    def support(judgement: Judgement) -> tuple[int, int]:
        s = judgement.signals
        return s.choices_found, ("none", "short", "full").index(s.answer)

    best = max(map(support, judgements), default=(0, 0))
    return [j for j in judgements if support(j) == best]


def _without_explained(judgements: list[Judgement]) -> list[Judgement]:
    """Leave out partial matches in places where another item stands whole, and decoys where there is any match."""
    real = [j for j in judgements if not j.is_decoy]

    def shared(judgement: Judgement, other: Judgement) -> float:
        (low, high), (other_low, other_high) = judgement.region, other.region
        same_text = judgement.field.name == other.field.name
        return (min(high, other_high) - max(low, other_low)) / max(1, high - low) if same_text else 0.0

    def explained(judgement: Judgement) -> bool:
        if judgement.is_decoy:
            return any(shared(judgement, other) > 0 for other in real)
        return judgement.decision.verdict is not Verdict.CONTAMINATED and any(
            other.decision.verdict is Verdict.CONTAMINATED
            and other.signals.containment > judgement.signals.containment
            and shared(judgement, other) >= EXPLAINED_SHARE
            for other in real
        )

    return [j for j in judgements if not explained(j)]
