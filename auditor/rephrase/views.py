"""Views: the texts under which an item and a record are looked at.

Embedded whole, the passage above a question hides the question, and a long record hides all that it holds. So an item
is also looked at without its passage, with its options and with its answer, and a program by what it is for; a record
by its fields, its paragraphs and windows of sentences, and code by its functions and by what is said around it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from auditor.rephrase.code import MAX_AFTER, MAX_CODE, Program, functions_in, program_in, prose_around

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.sources import TextField
    from auditor.types import Item

QUESTION, ASK, OPTIONS, ANSWERED, PURPOSE, BODY, WHOLE = range(7)
"""Kinds of an item's views."""

MAX_VIEW: Final = 1200
"""Characters of a view: some 256 tokens, all that MiniLM reads."""
LONG_QUESTION: Final = 60
"""Words from which on a question is looked for without what stands before its last sentence."""
WINDOW_WORDS: Final = 70
"""Words of a window: most questions of benchmarks have fewer."""
SHORT_WINDOW_WORDS: Final = 25
"""Words of a short window: in a long one, a question of ten words is drowned by what stands around it."""
ORDINARY_WORDS: Final = 140
"""Words of a text of ordinary length, such as an instruction with its answer."""
MAX_REPLY: Final = 4000
"""Characters of a reply that are read."""
MIN_PROSE_WORDS: Final = 8
"""Words of what is said around a program that is looked at by itself."""
MIN_VIEW_WORDS: Final = 3
"""Words that a view has at the least."""

_SENTENCE_END: Final = re.compile(r"(?<=[.!?。！？])[\"')\]]*\s+|(?<=[。！？])|\n+")
_PARAGRAPH: Final = re.compile(r"\n\s*\n")
_LABEL: Final = re.compile(
    r"^[ \t]*(?:\#+[ \t]*)?(?:question|problem|q|instruction|prompt|input|user|human|"
    r"frage|aufgabe|pregunta|problema|problème|问题|問題|题目|題目|问|問|题|題|指令|输入|輸入|用户|質問|"
    r"(?P<reply>answer|a|response|reply|output|assistant|solution|explanation|"
    r"antwort|lösung|respuesta|solución|réponse|答案|回答|解答|答|解|输出|輸出|助手|\#{4}))"
    r"[ \t]*(?:\d+[ \t]*)?[:：][ \t]*|"
    r"^(?P<final>\#{4})[ \t]+",
    re.IGNORECASE | re.MULTILINE,
)
_WORD: Final = re.compile(r"[^\W_]+")
_LETTERS_AND_DIGITS: Final = bytes(c if bytes([c]).isalnum() else ord(" ") for c in range(256))
"""Of ASCII: translates all that is in no word to a blank, which is three times as fast as `_WORD`."""
_NO_SPACES: Final = re.compile(r"[\u3400-\u9fff\u3040-\u30ff]")
_SOME_WORDS: Final = re.compile(rf"(?:[^\W_]++[\W_]++){{{MIN_VIEW_WORDS - 1}}}[^\W_]")


@dataclass(frozen=True, slots=True)
class ItemView:
    """A text that stands for an item."""

    kind: int
    text: str


def item_views(item: Item) -> tuple[ItemView, ...]:
    """The views of an item, the question itself (or what a program is for) first."""
    question = item.question.strip()
    if (program := program_of(item)) is not None:
        views = [ItemView(PURPOSE, program.purpose), ItemView(WHOLE, question), ItemView(BODY, program.body)]
        return tuple(_shortened(v) for v in views if v.text.strip())
    views = [ItemView(QUESTION, question)]
    if (ask := last_part(question)) != question:
        views.append(ItemView(ASK, ask))
    if item.choices:
        views.append(ItemView(OPTIONS, ask + "\n" + "\n".join(item.choices)))
    if item.answers and item.choices:
        views.append(ItemView(ANSWERED, f"{ask} {item.answers[0]}"))
    return tuple(_shortened(v) for v in views if v.text.strip())


def program_of(item: Item) -> Program | None:
    """The program that an item is, its solution included; None where it is none."""
    return program_in(item.question.strip() + "\n" + (item.answers[0] if item.answers else ""))


def _shortened(view: ItemView) -> ItemView:
    return ItemView(view.kind, view.text[:MAX_VIEW].strip())


def last_part(question: str) -> str:
    """A long question without its passage: the last paragraph if that asks it by itself, else the last sentence."""
    if word_count(question) < LONG_QUESTION:
        return question
    for pattern in (_PARAGRAPH, re.compile(r"\n")):
        last = pattern.split(question.rstrip())[-1].strip()
        if last != question and MIN_VIEW_WORDS < word_count(last) < LONG_QUESTION:
            return last
    sentences = [s for s in _SENTENCE_END.split(question) if s and s.strip()]
    last = sentences[-1].strip() if sentences else question
    return last if word_count(last) > MIN_VIEW_WORDS else question


def word_count(text: str) -> int:
    """Words of a text; two characters of a script without spaces count as one."""
    if text.isascii():
        return len(text.encode().translate(_LETTERS_AND_DIGITS).split())
    return len(_WORD.findall(text)) + len(_NO_SPACES.findall(text)) // 2


@dataclass(frozen=True, slots=True)
class RecordView:
    """A part of a record."""

    field: int
    """Which of the record's texts it is of."""
    begin: int
    end: int
    """Character offsets in that text."""
    text: str
    source: str
    """That text, whole."""
    may_be_program: bool = True
    """False where it is known to hold none."""
    is_program: bool = False
    """Whether it is a whole program, or a function of one: the rest of it is read too, not only what the model sees."""
    is_short: bool = False
    """Whether it is a short window, of a sentence or two."""
    fields: Sequence[TextField] = ()
    """All texts of the record."""

    @property
    def is_part(self) -> bool:
        """Whether it is one function of several in a text."""
        return self.is_program and self.end - self.begin < len(self.source.strip())

    def program(self) -> Program | None:
        """The program that it holds; None where it holds none."""
        if self.is_program:
            return program_in(self.source[self.begin : self.end], self.source[self.end : self.end + MAX_AFTER])
        return program_in(self.text) if self.may_be_program else None

    def reply(self) -> str:
        """The beginning of what the record replies to it: what stands after the next label of an answer in the same
        text, or else the assistant's next text; empty where there is neither, and of a reply itself."""
        labels = _labels(self.source)
        first = bisect_right(labels, self.begin, key=lambda label: label.begin)
        if first and labels[first - 1].is_reply:
            return ""
        if first < len(labels) and labels[first].is_reply:
            after = (labels[i].begin for i in range(first, len(labels)) if not labels[i].is_reply)
            begin = labels[first].end
            return self.source[begin : min(next(after, len(self.source)), begin + MAX_REPLY)].strip()
        if not self.fields or self.fields[self.field].role == "assistant":
            return ""
        replies = (field.text for field in self.fields[self.field + 1 :] if field.role == "assistant")
        return next(replies, "")[:MAX_REPLY]

    def around(self, size: int) -> str:
        """The part with up to `size` characters on each side."""
        return self.source[max(0, self.begin - size) : self.end + size]


def record_views(fields: Sequence[TextField]) -> list[RecordView]:
    """The views of a record: each field, its parts and windows, and an instruction together with its input."""
    views: list[RecordView] = []
    for number, field in enumerate(fields):
        views += _of_text(number, field.text, fields)
    for number, (field, after) in enumerate(pairwise(fields)):
        short = word_count(field.text[:MAX_VIEW]) < WINDOW_WORDS
        both = field.text.strip() and after.text.strip()
        if field.role == after.role == "user" and short and both and "[" not in after.name:
            joined = f"{field.text.strip()}\n{after.text.strip()}"[:MAX_VIEW].strip()
            if word_count(joined) < MIN_VIEW_WORDS:
                continue
            views.append(RecordView(number, 0, len(field.text), joined, joined, fields=fields))
    return views


def texts_in(fields: Sequence[TextField]) -> int:
    """How many texts of ordinary length a record is: each may be taken for an item by chance."""
    return max(1, sum(word_count(field.text) for field in fields) // ORDINARY_WORDS)


def _of_text(number: int, text: str, fields: Sequence[TextField]) -> Iterator[RecordView]:
    if word_count(text) < MIN_VIEW_WORDS:
        return
    if program_in(text) is None:
        yield from _of_prose(number, text, (0, len(text)), fields)
        return
    spans = [(0, len(text))]
    if len(functions := functions_in(text)) > 1 and len(text) > MAX_VIEW:
        spans += functions
    # of a program so much is read; what comes then may be anything
    unread = [(begin + MAX_CODE, end) for begin, end in spans[1:] or spans if end - begin > MAX_CODE]
    for begin, end in spans:
        view = _view(number, text, begin, end, fields, may_be_program=True, is_program=True)
        if view is not None:
            yield view
    for begin, end in (*prose_around(text), *unread):
        if word_count(text[begin:end]) >= MIN_PROSE_WORDS:
            yield from _of_prose(number, text, (begin, end), fields)


def _of_prose(
    number: int, text: str, bounds: tuple[int, int], fields: Sequence[TextField]
) -> Iterator[RecordView]:  # fmt: skip
    """The views of a text, or of a part of it, that is no program."""
    first = bounds[0]
    part = text[slice(*bounds)]
    spans = dict.fromkeys([(0, len(part)), *_labelled(part)])
    longer = len(spans)
    if word_count(part) > WINDOW_WORDS or len(part) > MAX_VIEW:
        ends, sizes = _sentences(part)
        spans |= dict.fromkeys([*_paragraphs(part), *_windows(WINDOW_WORDS, ends, sizes)])
        longer = len(spans)
        spans |= dict.fromkeys(_windows(SHORT_WINDOW_WORDS, ends, sizes))
    seen: set[str] = set()
    for place, (begin, end) in enumerate(spans):
        # of a very long text not all was looked at
        view = _view(
            number, text, first + begin, first + end, fields, may_be_program=len(text) > MAX_CODE,
            is_short=place >= longer,
        )  # fmt: skip
        if view is not None and view.text not in seen:
            seen.add(view.text)
            yield view


def _view(
    number: int,
    text: str,
    begin: int,
    end: int,
    fields: Sequence[TextField],
    *,
    may_be_program: bool,
    is_program: bool = False,
    is_short: bool = False,
) -> RecordView | None:
    part = text[begin:end]
    lead = len(part) - len(part.lstrip())
    stripped = part.strip()
    shown = stripped[:MAX_VIEW]
    if not _SOME_WORDS.search(shown) and word_count(shown) < MIN_VIEW_WORDS:
        return None
    begin += lead
    return RecordView(
        number, begin, begin + len(stripped), shown, text, may_be_program, is_program, is_short, fields
    )  # fmt: skip


class _Label(NamedTuple):
    begin: int
    end: int
    is_reply: bool


@lru_cache(maxsize=4)
def _labels(text: str) -> tuple[_Label, ...]:
    """Where labels such as "Question:" and "Answer:" stand: of a long text once, not once for each part of it."""
    return tuple(
        _Label(found.start(), found.end(), found["reply"] is not None or found["final"] is not None)
        for found in _LABEL.finditer(text)
    )


def _labelled(text: str) -> Iterator[tuple[int, int]]:
    """Parts that labels such as "Question:" and "Answer:" set off."""
    labels = _labels(text)
    if not labels:
        return
    ends = [label.begin for label in labels[1:]] + [len(text)]
    if labels[0].begin > 0:
        yield 0, labels[0].begin
    for label, end in zip(labels, ends, strict=True):
        if end > label.end:
            yield label.end, end


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Parts between blank lines that are no longer than a view."""
    begin = 0
    for found in [*_PARAGRAPH.finditer(text), None]:
        end = len(text) if found is None else found.start()
        if begin < end <= begin + MAX_VIEW:
            yield begin, end
        begin = end if found is None else found.end()


def _sentences(text: str) -> tuple[list[int], list[int]]:
    """(where sentences begin, and the end of the text; the words of each)."""
    bounds = [0]
    for found in _SENTENCE_END.finditer(text):
        if found.end() > bounds[-1]:
            bounds.append(found.end())
    if bounds[-1] < len(text):
        bounds.append(len(text))
    return bounds, [word_count(text[a:b]) for a, b in pairwise(bounds)]


def _windows(limit: int, bounds: Sequence[int], words_in: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Runs of sentences of about `limit` words, each beginning half a window after the one before."""
    # where hardly a word stands (rules, long addresses), by characters: no window is longer than a view
    sizes = [max(n, (b - a) * limit // MAX_VIEW) for n, (a, b) in zip(words_in, pairwise(bounds), strict=True)]
    first = 0
    while first < len(sizes):
        last, words = first, 0
        while last < len(sizes) and (last == first or words + sizes[last] <= limit):
            words += sizes[last]
            last += 1
        yield from _cut(bounds[first], bounds[last], words, limit)
        if last >= len(sizes):
            return
        passed = 0
        step = first
        while step < last and (step == first or passed + sizes[step] <= limit // 2):
            passed += sizes[step]
            step += 1
        first = step


def _cut(begin: int, end: int, words: int, limit: int) -> Iterator[tuple[int, int]]:
    """A window, or pieces of one that is a single endless sentence."""
    if words <= 2 * limit:
        yield begin, end
        return
    size = max(1, (end - begin) * limit // words)
    for start in range(begin, end, max(1, size // 2)):
        yield start, min(end, start + size)
        if start + size >= end:
            return
