"""What is measured of a text and the item that it may be a rephrase of: the evidence that an embedding misses."""

from __future__ import annotations

import math
import re
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from rapidfuzz import fuzz

from auditor.rephrase.formulas import same_formulas
from auditor.rephrase.quantities import compare_quantities

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_WORD: Final = re.compile(r"[^\W\d_]+(?:'[a-z]+)?")
_NAME: Final = re.compile(r"(?<![.!?:\n]\s)(?<!^)\b[A-Z][a-zA-Z]+")
_STOP: Final = frozenset(
    "a an the of to in for on at by with and or is are was were be been being it its this that these those which what "
    "who whom whose when where why how do does did have has had will would can could may might must shall should as "
    "from into about than then there their they he she his her him them i you your we our not no nor if but so such "
    "each every any all some most more many much also only just per up out over after before between during "
    "following according using used use".split()
)
_NEGATION: Final = re.compile(
    r"\b(?:not|no|never|none|neither|nor|without|except|cannot|false|incorrect|least|untrue|unless)\b|n't\b",
    re.IGNORECASE,
)
_ENDINGS: Final = tuple(
    "ational ization fulness ingly edly ation ments ment ness ings ing ies ied ers est ed er es ly s e".split()
)
_QUESTION_MARKS: Final = re.compile(r"[?？؟]|_{3,}|\.{3}|…")
_ENDED: Final = re.compile(r"[.!。！][\"'”’)\]]*\s*$")
_ORDER: Final = re.compile(
    r"(?:^|[.!?:\n]\s+)(?:please\s+)?(?:answer|assess|calculate|check|choose|classify|compare|complete|compute|consider|count|"
    r"create|define|derive|describe|determine|discuss|estimate|evaluate|examine|explain|factor|fill|find|generate|give|"
    r"identify|implement|let|list|match|name|order|pick|predict|prove|provide|rank|return|select|show|simplify|solve|"
    r"specify|state|suggest|summarize|suppose|tell|write)\b",
    re.IGNORECASE,
)
_LATIN_RUN: Final = re.compile(r"[A-Za-z\u00c0-\u024f]{2,}")
_LATIN_WORD: Final = re.compile(r"[A-Za-z\u00c0-\u024f]+")
_FOREIGN: Final = re.compile(r"[\u0370-\u1fff\u3040-\ud7af]")
_HAN: Final = re.compile(r"[\u3400-\u9fff]")
_KANA_OR_HANGUL: Final = re.compile(r"[\u3040-\u30ff\uac00-\ud7af]")
_HAN_ASKS: Final = re.compile(
    r"[:：][ \t]*(?:\n|$)|"
    "什么|什麼|多少|如何|为什么|為什麼|哪|谁|誰|是否|怎|吗|嗎|呢|几|幾|请|"
    "請|求|找出|计算|計算|给出|給出|列出|写|寫|解释|解釋|描述|定义|定義|"
    "比较|比較|选择|選擇|判断|判斷|输出|輸出|说明|說明|设计|設計|制定|提供|"
    "生成|总结|總結|分析|创建|創建|创作|創作|答案"
)
"""What asks or orders in Chinese."""
FEW_WORDS: Final = 8
"""Words from which on the language shows."""
COMMON_SHARE: Final = 0.15
"""Share of a language's commonest words from which on a text is in it; in English prose they are two in five."""
_OTHER_STOP: Final = frozenset(
    "der die das und ist nicht ein eine einen einem einer mit für von zu den dem des auf sie er wie viel viele hat "
    "wird sich auch pro jede jeden el la los las de del que y en un una es por con para se su sus al cuánto cuántos "
    "cuántas tiene cada le les et est dans pour qui il elle une du au di che per non sono si o os do da em um uma "
    "com são".split()
)
"""Of German, Spanish, French, Italian and Portuguese."""
NUMBER_NATS: Final = 2.0
"""What a number that both state says."""
MAX_INFORMATION: Final = 60.0
"""Nats beyond which more words say nothing more on which item it is."""


@lru_cache(maxsize=1 << 17)
def stem(word: str) -> str:
    """A word without its commonest English ending, in lower case; crude, and the same on both sides."""
    word = word.lower().removesuffix("'s")
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


@lru_cache(maxsize=8192)
def content_words(text: str) -> frozenset[str]:
    """Stems of a text's words that carry meaning."""
    return frozenset(stem(word) for word in _WORD.findall(text) if word.lower() not in _STOP)


@lru_cache(maxsize=8192)
def _latin_words(text: str) -> frozenset[str]:
    """The same of words in Latin letters, which in other scripts may stand between two signs without a blank."""
    return frozenset(stem(word) for word in _LATIN_WORD.findall(text) if word.lower() not in _STOP)


@lru_cache(maxsize=8192)
def _names(text: str) -> frozenset[str]:
    """Stems of capitalised words inside sentences."""
    return frozenset(stem(word) for word in _NAME.findall(text) if word.lower() not in _STOP)


@lru_cache(maxsize=8192)
def is_latin(text: str) -> bool:
    """Whether more signs are of Latin words than of other scripts; single letters are the names of options and of what
    is unknown in any language."""
    return text.isascii() or sum(map(len, _LATIN_RUN.findall(text))) >= len(_FOREIGN.findall(text))


@lru_cache(maxsize=8192)
def _is_english(text: str) -> bool | None:
    """Whether a text is English or another language, by their commonest words; None where neither shows: code, lists
    and short texts have few such words."""
    words = [word.lower() for word in _WORD.findall(text)]
    if len(words) < FEW_WORDS:
        return None
    english = sum(word in _STOP for word in words) / len(words)
    other = sum(word in _OTHER_STOP for word in words) / len(words)
    if max(english, other) < COMMON_SHARE:
        return None
    return english >= other


def is_foreign(one: str, other: str) -> bool:
    """Whether two texts are in different languages, as far as scripts and English tell."""
    if is_latin(one) != is_latin(other):
        return True
    english = (_is_english(one), _is_english(other))
    return None not in english and english[0] != english[1]


@lru_cache(maxsize=8192)
def asks(text: str) -> bool:
    """Whether a text asks for something: by a question mark, a blank, an order, or a sentence that is left open.

    True of a text that is neither in English nor in Chinese: orders of other languages are not known.
    """
    if not is_latin(text):
        if not _HAN.search(text) or _KANA_OR_HANGUL.search(text):
            return True
        return bool(_QUESTION_MARKS.search(text) or not _ENDED.search(text) or _HAN_ASKS.search(text))
    if _QUESTION_MARKS.search(text) or not _ENDED.search(text) or _ORDER.search(text):
        return True
    return _is_english(text) is False


class Rarity:
    """How much each content word says among the items of a benchmark."""

    def __init__(self, texts: int, seen: Mapping[str, int]) -> None:
        self._texts = texts
        self._seen = seen

    def of(self, word: str) -> float:
        """Nats: -log of the share of items that have the word."""
        return math.log((self._texts + 1) / (self._seen.get(word, 0) + 0.5))

    def total(self, words: Iterable[str]) -> float:
        """Nats of all of `words`."""
        return sum(self.of(word) for word in words)


@dataclass(frozen=True, slots=True)
class RephraseSignals:
    """What was measured. Cosines are in units of the model: 0 is how like an item is to its nearest sibling in the
    median, or, where the languages differ, a text that says something else; 1 is the same text."""

    similarity: float
    """Of the record's view and the item's that it is compared with."""
    gap: float
    """How much nearer it is than the nearest other item of the benchmark that asks something else; negative where that
    one is nearer."""
    missing: float
    """Share of the item's numbers that the record does not state."""
    added: float
    """1 where the record states a number that the item does not, else 0."""
    names_missing: float
    """Share of the item's names that the record lacks."""
    names_added: float
    """Share of the record's names that the item lacks."""
    negation: float
    """1 where only one of the two denies something."""
    length: float
    """Absolute difference of what they say, in log nats."""
    overlap: float
    """Weighted share of the record's words that the item has."""
    alignment: float
    """rapidfuzz's token set ratio, in [0, 1]."""
    whole_alignment: float
    """rapidfuzz's token sort ratio, in [0, 1]: what only one of the two says counts against it too."""
    information: float
    """Log of the nats that the poorer of the two carries."""
    foreign: float
    """1 where the two are in different languages: words cannot be compared then."""
    numbers: int
    """Different numbers that the item states."""
    changed: bool
    """Whether other numbers stand in the place of the item's: it is another problem then."""
    purpose: float = 0.0
    """Of programs: cosine of what they are for; and of their lines, and of the whole."""
    body: float = 0.0
    whole: float = 0.0
    values: float = 0.0
    """Of programs: tens of nats of the literals that both have."""
    values_share: float = 0.0
    """The share of the item's."""
    name_share: float = 0.0
    """Share of the words of the item's function name."""
    structure: float = 0.0
    """Weighted share of the operators, keywords and calls that both have."""
    has_examples: bool = False
    """Of programs: whether the text has examples. Its items are compared by the same weights, then, with or without."""
    examples: float = 0.0
    """Of programs: tens of nats of the shapes of examples that both have (see `auditor.rephrase.examples`)."""
    examples_share: float = 0.0
    """Share of what the shapes of both sides' examples say."""
    examples_differ: float = 0.0
    """What is missing of that share, where both have examples."""
    is_program: bool = False
    tells: float = 0.0
    """1 where the item asks and the text only tells: what answers a question is not the question."""
    covered: float = 0.0
    """How much of the item the text says too, piece by piece, in units of the model; 0 before a close look."""
    warranted: float = 0.0
    """How much of the text the item says too."""
    formulas: float = 0.0
    """From -1, no formula is in both, to 1, all are; 0 where one of the two has none."""
    answered: float = 0.0
    """1 where what replies to the text is the item's answer, 0.5 where it has much of one in words, -1 where it is not;
    0 where that cannot be told."""
    parameters: float = 0.0
    """Of programs: 1 where no function of the one takes as many parameters as one of the other."""
    untranslated: float = 0.0
    """Of two languages: log of the nats of what both have that needs no translation: names, signs, numbers."""
    shorter: float = 0.0
    """How much fewer pieces the text has than the item, in log; 0 where it has more, or before a close look."""
    longer: float = 0.0
    """How much more."""

    def to_json(self) -> dict[str, Any]:
        """The signals as JSON values, to four decimals."""
        values = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {name: round(v, 4) if isinstance(v, float) else v for name, v in values}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> RephraseSignals:
        """The inverse of `to_json`; other keys are ignored, and what an older version did not measure is 0. Raises
        KeyError where one is missing that all have."""
        return cls(**{f.name: row[f.name] for f in fields(cls) if f.name in row or f.default is MISSING})


def numbers_changed(item: str, text: str, missing: int, added: int) -> bool:
    """Whether `text` says the same with other numbers.

    Where numbers of both sides find no partner, or where the words are the same in order and the numbers among them
    are not.
    """
    if missing and added:
        return True
    if fuzz.ratio(item, text) < 100 * NEARLY_VERBATIM:
        return False
    return _number_words(item) != _number_words(text)


NEARLY_VERBATIM: Final = 0.8
"""Share of characters in common, in order, from which on a number stands at the same place in both texts."""
_NUMBER_WORD: Final = re.compile(
    r"\d[\d,]*(?:\.\d+)?(?:/\d+)?|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|"
    r"fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|"
    r"thousand|half|third|quarter|twice|thrice|double|triple|quadruple)\b", re.IGNORECASE,
)  # fmt: skip
_SAME_WORD: Final = {
    word: str(n)
    for n, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
}


def _number_words(text: str) -> list[str]:
    found = (word.lower().replace(",", "") for word in _NUMBER_WORD.findall(text))
    return [_SAME_WORD.get(word, word.removesuffix(".0").removesuffix(".00")) for word in found]


def alignment(item: str, text: str) -> float:
    """rapidfuzz's token set ratio of two texts in any case, in [0, 1]."""
    return fuzz.token_set_ratio(item.lower(), text.lower()) / 100


def information(nats: float) -> float:
    """Log of what the poorer of two texts says."""
    return math.log(5 + min(nats, MAX_INFORMATION))


def measure(item: str, question: str, text: str, similarity: float, gap: float, rarity: Rarity) -> RephraseSignals:
    """Compare a text with a view of an item.

    Args:
        item: the view of the item that is nearest, such as the question with its options.
        question: the item's question by itself.
        text: the view of the record.
        similarity: cosine of the two, in units of the model (see `RephraseSignals`). gap: see there.
        rarity: of the item's benchmark.
    """
    foreign = is_foreign(question, text)
    of_item, of_text = content_words(item), content_words(text)
    in_item, in_text = rarity.total(of_item), rarity.total(of_text)
    numbers = compare_quantities(item, text, foreign=foreign)
    said = NUMBER_NATS * (numbers.stated - numbers.missing)
    names_item, names_text = _names(item), _names(text)
    changed = numbers_changed(question, text, numbers.missing, numbers.added)
    untranslated = information(rarity.total(of_item & _latin_words(text)) + said) if foreign else 0.0
    return RephraseSignals(
        similarity=similarity,
        gap=gap,
        missing=numbers.missing / numbers.stated if numbers.stated else 0.0,
        added=float(numbers.added > 0),
        names_missing=len(names_item - of_text) / len(names_item) if names_item and not foreign else 0.0,
        names_added=len(names_text - of_item) / len(names_text) if names_text and not foreign else 0.0,
        negation=float(bool(_NEGATION.search(item)) != bool(_NEGATION.search(text))) if not foreign else 0.0,
        length=abs(math.log((in_item + 5) / (in_text + 5))) if not foreign else 0.0,
        overlap=rarity.total(of_item & of_text) / in_text if in_text and not foreign else 0.0,
        alignment=alignment(item, text) if not foreign else 0.0,
        whole_alignment=fuzz.token_sort_ratio(item.lower(), text.lower()) / 100 if not foreign else 0.0,
        information=information(min(in_item + said, in_item if foreign else in_text + said)),
        foreign=float(foreign),
        numbers=numbers.stated,
        changed=changed,
        formulas=same_formulas(item, text),
        tells=float(asks(question) and not asks(text)),
        untranslated=untranslated,
    )
