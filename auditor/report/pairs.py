"""A training text and a benchmark item side by side: which words they share, which numbers differ, how much to show."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from enum import Enum
from itertools import groupby, pairwise

from auditor.report.escape import html_text, truncate

SHORTEST_EXCERPT, LONGEST_EXCERPT = 24, 240
"""Code points of an item that a report shows, and never more than half of it: a report that quotes a benchmark in full
leaks it again."""
LONGEST_TEXT = 4_000
"""Code points shown of each side when the full text is asked for."""

# punctuation is not compared, operators are; scripts without spaces (Han, kana, Thai, Lao, Myanmar, Khmer) are
# compared by character
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+(?:[.,][0-9]+)*|[-+*/=<>^%×÷]")
_MOST_WORDS = 4_000
"""Words aligned on each side; alignment takes time in proportion to the product."""


class Part(Enum):
    """What a stretch of one side is."""

    SAME = "same"
    NUMBER = "number"
    """A number between shared words where the other side has something else."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of one side's text."""

    text: str
    part: Part


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides, cut into stretches that join to the texts; and the numbers that differ, as (training, item)."""

    train: tuple[Stretch, ...]
    item: tuple[Stretch, ...]
    numbers: tuple[tuple[str, str], ...]
    visible_train: int
    """Code points of the training text that may be shown when the item is shown as an excerpt."""
    visible_item: int


@dataclass(frozen=True, slots=True)
class _Run:
    """Shared words: `size` of them from word `train` on one side and `item` on the other."""

    train: int
    item: int
    size: int


def align(train: str, item: str) -> Pair:
    """Find what two texts share, word by word, whatever the case, spacing and punctuation between the words.

    Shared words count in runs of three or more, or near such a run: a lone "the" that both texts have is no evidence.
    """
    train_words = list(_WORD.finditer(train))[:_MOST_WORDS]
    item_words = list(_WORD.finditer(item))[:_MOST_WORDS]
    runs = _shared_runs(_folded(train_words), _folded(item_words))
    train_parts = [Part.OTHER] * len(train_words)
    item_parts = [Part.OTHER] * len(item_words)
    for run in runs:
        train_parts[run.train : run.train + run.size] = [Part.SAME] * run.size
        item_parts[run.item : run.item + run.size] = [Part.SAME] * run.size
    numbers = []
    for before, after in pairwise(runs):
        train_gap = range(before.train + before.size, after.train)
        item_gap = range(before.item + before.size, after.item)
        here = [index for index in train_gap if _is_number(train_words[index][0])]
        there = [index for index in item_gap if _is_number(item_words[index][0])]
        if not (train_gap and item_gap and (here or there)):
            continue
        for index in here:
            train_parts[index] = Part.NUMBER
        for index in there:
            item_parts[index] = Part.NUMBER
        if here and there:
            numbers.append((" ".join(train_words[i][0] for i in here), " ".join(item_words[i][0] for i in there)))
    visible_item = _half(item, item_words)
    return Pair(
        train=_stretches(train, train_words, train_parts),
        item=_stretches(item, item_words, item_parts),
        numbers=tuple(numbers),
        visible_train=_opposite(runs, train_words, item_words, visible_item),
        visible_item=visible_item,
    )


def cut(stretches: tuple[Stretch, ...], limit: int) -> list[Stretch]:
    """The stretches as far as `limit` code points go, the last one ending in `…` where something was cut."""
    shown: list[Stretch] = []
    left = limit
    for stretch in stretches:
        if left <= 0:
            break
        text = truncate(stretch.text, left)
        left -= len(stretch.text)
        if left <= 0 and stretch is not stretches[-1] and not text.endswith("…"):
            text += "…"
        shown.append(Stretch(text, stretch.part))
    return shown


def side_html(stretches: tuple[Stretch, ...], limit: int) -> str:
    """One side as HTML for a table's cell: shared words in `<mark>`, differing numbers bold and underlined.

    All elements are among those that GitHub keeps. Code and other indented text is set in `<samp>`: `<code>` would
    lose its line breaks there.
    """
    pieces: list[str] = []
    for stretch in cut(stretches, limit):
        shown = html_text(stretch.text, continued=bool(pieces) and not pieces[-1].endswith("<br>"))
        if stretch.part is Part.SAME:
            shown = f"<mark>{shown}</mark>"
        elif stretch.part is Part.NUMBER:
            shown = f"<b><ins>{shown}</ins></b>"
        pieces.append(shown)
    joined = "".join(pieces)
    indented = any(re.search(r"\n[ \t]+\S", stretch.text) for stretch in stretches)
    return f"<samp>{joined}</samp>" if indented else joined


def _folded(words: list[re.Match[str]]) -> list[str]:
    return [word[0].casefold() for word in words]


def _is_number(word: str) -> bool:
    return any(character.isdigit() for character in word)


def _shared_runs(train: list[str], item: list[str]) -> list[_Run]:
    """The longest common subsequence as runs, less those that are short and far from any longer one."""
    from rapidfuzz.distance import LCSseq

    ids: dict[str, int] = {}
    train_ids = [ids.setdefault(word, len(ids)) for word in train]
    item_ids = [ids.setdefault(word, len(ids)) for word in item]
    runs = [
        _Run(code.src_start, code.dest_start, code.src_end - code.src_start)
        for code in LCSseq.opcodes(train_ids, item_ids)
        if code.tag == "equal"
    ]
    long = [_is_long(train[run.train : run.train + run.size]) or run.size == len(item) for run in runs]
    grown = _grown([run for run, is_long in zip(runs, long, strict=True) if is_long], train_ids, item_ids)
    rest = [run for run, is_long in zip(runs, long, strict=True) if not is_long]
    runs = sorted([*grown, *(run for run in rest if not any(_meet(run, taken) for taken in grown))], key=_place)
    keep = [run in grown for run in runs]
    for order in (range(1, len(runs)), range(len(runs) - 2, -1, -1)):
        for index in order:
            first = index - 1 if order.step == 1 else index
            if keep[index - order.step] and _near(runs[first], runs[first + 1]):
                keep[index] = True
    return [run for run, kept in zip(runs, keep, strict=True) if kept]


def _place(run: _Run) -> int:
    return run.train


def _meet(one: _Run, other: _Run) -> bool:
    """Whether two runs have a word of either side in common."""
    return (one.train < other.train + other.size and other.train < one.train + one.size) or (
        one.item < other.item + other.size and other.item < one.item + one.size
    )


def _grown(runs: list[_Run], train: list[int], item: list[int]) -> list[_Run]:
    """Runs with the equal words at their ends: the subsequence may have spent those on a stray word further off."""
    grown: list[_Run] = []
    for index, run in enumerate(runs):
        begin, begin_item, end, end_item = run.train, run.item, run.train + run.size, run.item + run.size
        floor, floor_item = (grown[-1].train + grown[-1].size, grown[-1].item + grown[-1].size) if grown else (0, 0)
        while begin > floor and begin_item > floor_item and train[begin - 1] == item[begin_item - 1]:
            begin, begin_item = begin - 1, begin_item - 1
        last = index + 1 == len(runs)
        ceiling, ceiling_item = (len(train), len(item)) if last else (runs[index + 1].train, runs[index + 1].item)
        while end < ceiling and end_item < ceiling_item and train[end] == item[end_item]:
            end, end_item = end + 1, end_item + 1
        grown.append(_Run(begin, begin_item, end - begin))
    return grown


def _is_long(words: list[str]) -> bool:
    # a word of more than one character is all letters and digits, so its first one tells
    return sum(word[0].isalnum() for word in words) >= 3


def _near(first: _Run, second: _Run) -> bool:
    return (
        second.train - first.train - first.size <= 3  # a number with a sign and a unit
        and second.item - first.item - first.size <= 3
    )


def _half(item: str, words: list[re.Match[str]]) -> int:
    """How many code points of an item may be shown, to the end of a word where there is one."""
    most = min(LONGEST_EXCERPT, max(SHORTEST_EXCERPT, len(item) // 2))
    ends = [word.end() for word in words if SHORTEST_EXCERPT <= word.end() < most]
    return ends[-1] + 1 if ends else most


def _end(word: re.Match[str]) -> int:
    return word.end()


def _opposite(
    runs: list[_Run], train_words: list[re.Match[str]], item_words: list[re.Match[str]], visible_item: int
) -> int:
    """Where to cut the training text so that it shows no more of the item than the item's own excerpt does."""
    end = 0
    hides = False
    shown = bisect_right(item_words, visible_item, key=_end)
    for run in runs:
        inside = min(run.size, shown - run.item)
        if inside > 0:
            end = train_words[run.train + inside - 1].end()
        hides = hides or inside < run.size
    return min(LONGEST_EXCERPT, end + 1) if hides and end else LONGEST_EXCERPT


def _stretches(text: str, words: list[re.Match[str]], parts: list[Part]) -> tuple[Stretch, ...]:
    """`text` cut where the part changes; what stands between two words belongs to them when both are of one part."""
    stretches: list[Stretch] = []
    end = 0
    index = 0
    for part, group in groupby(parts):
        first, index = index, index + sum(1 for _ in group)
        if part is Part.OTHER:
            continue
        begin = words[first].start()
        stretches.append(Stretch(text[end:begin], Part.OTHER))
        end = words[index - 1].end()
        stretches.append(Stretch(text[begin:end], part))
    stretches.append(Stretch(text[end:], Part.OTHER))
    return tuple(stretch for stretch in stretches if stretch.text)
