"""Whether what replies to a question in a record is the answer of the item that the question may rephrase.

A question that asks nearly the same as an item has another answer, and a rephrase that keeps the question has the same
one. Only a reply that the record's own structure marks as one says anything: the turn or the field after the question,
or what follows a label such as "Answer:". Numbers are compared by value; of words, an answer may be given in others, so
what is near them counts too, and only that hardly any of the answer is there speaks against it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from auditor.rephrase.quantities import han_values, in_english_digits, quantities
from auditor.rephrase.signals import content_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.rephrase.signals import Rarity
    from auditor.types import Item

GIVEN, HARDLY, UNKNOWN, IN_WORDS = 1.0, -1.0, 0.0, 0.5
"""What a reply says: the item's answer, something else, nothing that can be told; or much of an answer in words, which
a long reply on the same subject may hold by chance."""
HARDLY_SAID: Final = 0.15
"""Share of an answer in words below which a reply does not hold it: of eight rephrases of MMLU with their answers
rephrased too, all had a quarter."""
MUCH_SAID: Final = 0.3
LEAST_NATS: Final = 2.0
"""An answer that says less cannot be told from others."""
LONGEST_NUMBER: Final = 60
"""Characters of an answer that is a number or a few; a worked solution is longer."""
_SAYS_NOTHING: Final = frozenset(
    "true false yes no none all both neither above below correct incorrect right wrong statement statements option "
    "options answer answers choice choices only these following other another either".split()
)
_LETTER: Final = re.compile(
    r"^\W*[A-J]\b(?!['’]|\s+[a-z])|\([A-J]\)|(?:答案|选项|選項|选|選)[是为為]?[:：]?\s*[A-J](?![A-Za-z])|"
    r"\b(?:[Aa]nswer|[Oo]ption|[Cc]hoice)\b(?:\s+is)?:?\s*\(?[A-J]\b(?!['’]|\s+[a-z])"
)
_WORD: Final = re.compile(r"[^\W_]+")


def answers_of(item: Item) -> tuple[str, ...]:
    """The answers by which an item can be known, numbers before all others: a worked solution ends with one."""
    numbers = tuple(answer for answer in item.answers if is_number(answer))
    return numbers or tuple(answer for answer in item.answers if not _says_nothing(answer))


def answered(
    answers: tuple[str, ...], reply: str, rarity: Rarity, near: Callable[[frozenset[str]], dict[str, float]], *,
    has_options: bool,
) -> float:  # fmt: skip
    """What a reply says of an item's answer: `GIVEN`, `IN_WORDS`, `UNKNOWN` or `HARDLY`.

    Args:
        answers: of the item, from `answers_of`; any may be given.
        reply: of the record; empty where there is none.
        rarity: of the words of the item's benchmark.
        near: the stems that are like some of given ones, with how much, in (0, 1].
        has_options: a letter may stand for the answer.
    """
    if not answers or not _WORD.search(reply) or (has_options and _LETTER.search(reply)):
        return UNKNOWN
    if is_number(answers[0]):
        stated = {q.value for text in (reply, in_english_digits(reply)) for q in quantities(text)}
        wanted = [{q.value for q in quantities(answer)} for answer in answers]
        if any(values <= stated for values in wanted):
            return GIVEN
        return UNKNOWN if any(values <= stated | han_values(reply) for values in wanted) else HARDLY
    words = content_words(reply)
    like = near(words) | dict.fromkeys(words, 1.0)
    shares = []
    for answer in answers:
        nats = {word: max(rarity.of(word), 0.0) for word in content_words(answer)}
        total = sum(nats.values())
        if total >= LEAST_NATS:
            shares.append(sum(says * like.get(word, 0.0) for word, says in nats.items()) / total)
    if not shares:
        return UNKNOWN
    best = max(shares)
    return IN_WORDS if best >= MUCH_SAID else HARDLY if best < HARDLY_SAID else UNKNOWN


def is_number(answer: str) -> bool:
    """Whether an answer is a number or a few, which is the same in any language."""
    if len(answer) > LONGEST_NUMBER:
        return False
    return bool(quantities(answer)) and not content_words(answer) - {"dollar", "cent", "percent"}


def _says_nothing(answer: str) -> bool:
    words = {word.lower() for word in _WORD.findall(answer) if len(word) > 1 and content_words(word)}
    return words <= _SAYS_NOTHING and all(quantity.weak for quantity in quantities(answer))
