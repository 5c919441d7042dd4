"""What a judge is told: a prompt from a file, two texts as data, and answer words that no text can know.

A training record may say "answer True". So each request has a code and three answer words of its own, drawn when it is
sent: no text written before can hold them, and a reply without them counts as no answer. The texts are JSON strings on
one line each, in which marks of chat templates are escaped, so that they cannot end the message that they stand in.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import secrets
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError

if TYPE_CHECKING:
    import os

SAME, DIFFERENT, UNSURE = "same", "different", "unsure"
INVALID = "invalid"
"""A reply that holds no answer to the request."""

_TEXTS = "{{texts}}"
_LABELS = (SAME, DIFFERENT, UNSURE)
_LONGEST_PROMPT = 100_000
_LONGEST_TEXT = 8_000
"""Code points of a text that are sent; what is cut off is marked with an ellipsis."""
_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"

# written as \u escapes: what cannot be seen (also the tag characters and variation selectors that smuggle text), and
# the brackets of chat templates' marks (<|im_end|>, </s>, [INST]), which servers may read as marks wherever they stand
_ESCAPED = re.compile(
    "[\x7f-\x9f\xad\u061c\u115f\u1160\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e0fff]"
    r"|<(?=[|｜/A-Za-z_])|\[(?=/?[A-Z_]{3,}\])"
)
_THOUGHT = re.compile(r"\A\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
_FENCE = re.compile(r"\A```(?:json)?\s*\n(.*)\n\s*```\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a judge said of one pair of texts."""

    answer: str
    """"same", "different", "unsure" or "invalid"."""
    probability: float | None = None
    """That they are the same problem, as the judge puts it, in [0, 1]; None where it gave none."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """The code and the answer words of one request. They are secret until it is sent and have no part in a result."""

    nonce: str
    words: tuple[str, str, str]
    """For same, different and unsure."""

    @classmethod
    def draw(cls, *texts: str) -> Challenge:
        """A new one, from the system's source of randomness; none of it stands in the texts."""
        while True:
            nonce = secrets.token_hex(6)
            words = (_word(), _word(), _word())
            folded = [text.casefold() for text in texts]
            if len(set(words)) == 3 and not any(part in text for part in (nonce, *words) for text in folded):
                return cls(nonce, words)

    def read(self, content: object) -> Reply:
        """The answer in a reply; "invalid" unless it is one JSON object with the code and one of the words.

        A model's thoughts before it (`<think>…</think>`) and a code fence around it are put aside.
        """
        if not isinstance(content, str):
            return Reply(INVALID)
        text = _THOUGHT.sub("", content, count=1).strip()
        if fenced := _FENCE.match(text):
            text = fenced[1]
        try:
            said = json.loads(text, object_pairs_hook=_without_repeats)
        except (ValueError, RecursionError):
            return Reply(INVALID)
        if not isinstance(said, dict) or said.get("id") != self.nonce or said.get("answer") not in self.words:
            return Reply(INVALID)
        return Reply(_LABELS[self.words.index(said["answer"])], probability(said.get("probability")))

    def schema(self) -> dict[str, Any]:
        """The JSON schema of a reply. The code is not in it: a reply has to bring it."""
        return {
            "type": "object",
            "properties": {
                "id": {"type": "string"},
                "answer": {"type": "string", "enum": sorted(self.words)},
                "probability": {"type": "number"},
            },
            "required": ["id", "answer", "probability"],
            "additionalProperties": False,
        }


@dataclass(frozen=True, slots=True)
class Prompt:
    """What stands before the two texts, as the system's message, and behind them, and the hash of it all."""

    before: str
    after: str
    sha256: str

    @classmethod
    def read(cls, path: str | os.PathLike[str] | None = None) -> Prompt:
        """The prompt of a file, or the one that comes with this package (`auditor/judging/prompt.txt`).

        Raises:
            InputError: the file cannot be read, or lacks a place that has to be in it.
        """
        try:
            data = (files("auditor.judging") / "prompt.txt" if path is None else Path(path)).read_bytes()
            text = data.decode("utf-8")
        except OSError as error:
            raise InputError(f"cannot read the judge's prompt {path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise InputError(f"the judge's prompt {path} is not UTF-8: {error}") from error
        if len(text) > _LONGEST_PROMPT:
            raise InputError(f"the judge's prompt {path} is longer than {_LONGEST_PROMPT:,} characters")
        before, mark, after = text.partition(_TEXTS)
        missing = [place for place in ("nonce", *_LABELS) if f"{{{{{place}}}}}" not in text]
        if missing or not mark or _TEXTS in after:
            lacks = ", ".join(f"{{{{{place}}}}}" for place in missing)
            what = f"lacks {lacks}" if missing else "must have {{texts}} once, where the two texts go"
            raise InputError(
                f"the judge's prompt {path} {what}; write {{{{same}}}}, {{{{different}}}} and {{{{unsure}}}} for the "
                "words to answer with, {{nonce}} for the code of the request, and {{texts}} for the place of the texts"
            )
        return cls(before.strip(), after.strip(), hashlib.sha256(data).hexdigest())

    def messages(self, train: str, item: str, challenge: Challenge) -> list[dict[str, str]]:
        """The chat messages that ask about two texts."""
        blocks = [
            f"-----BEGIN {name}-----\n{json_string(text)}\n-----END {name}-----"
            for name, text in ((f"TEXT A {challenge.nonce}", train), (f"TEXT B {challenge.nonce}", item))
        ]
        # the texts are put in last: nothing in them is a place to fill
        asked = [*blocks, self._filled(self.after, challenge)]
        return [
            {"role": "system", "content": self._filled(self.before, challenge)},
            {"role": "user", "content": "\n\n".join(part for part in asked if part)},
        ]

    @staticmethod
    def _filled(text: str, challenge: Challenge) -> str:
        values = {"nonce": challenge.nonce, **dict(zip(_LABELS, challenge.words, strict=True))}
        return re.sub(r"\{\{(\w+)\}\}", lambda place: values.get(place[1], place[0]), text)


def json_string(text: str) -> str:
    """A text as a JSON string on one line that shows every character, and no mark of a chat template."""
    cut = text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
    return _ESCAPED.sub(_escape, json.dumps(cut, ensure_ascii=False))


def probability(value: object) -> float | None:
    """A number in [0, 1] to four decimals, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return round(float(value), 4) if math.isfinite(value) and 0 <= value <= 1 else None


def _escape(found: re.Match[str]) -> str:
    # astral characters as two surrogates, as JSON has it
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _word() -> str:
    return "".join(secrets.choice(letters) for letters in (_CONSONANTS, _VOWELS) * 4)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)
