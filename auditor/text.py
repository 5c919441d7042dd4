"""Normalise text the way people disguise it, and cut it into tokens: the rules, as tables and as plain Python.

What counts as the same text: case, punctuation, Unicode forms (NFKC, accents, full-width and mathematical letters,
look-alike Cyrillic and Greek letters), typographic quotes, zero-width characters, HTML entities and common tags,
Markdown marks, line breaks, LaTeX spacing, and thousands separators. A token is a run of letters and digits; in
scripts written without spaces (Han, kana, Thai, Lao, Khmer, Myanmar) each character is one.

The tables serve two implementations: `tokenize` here, plain and slow, says what is right; `auditor.kernels.tokens` is
the compiled one, and a test holds it to this one on random text. Tokens are known by a 64-bit hash of their folded
form.
"""

from __future__ import annotations

import functools
import html.entities
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

TEXT_VERSION = 1
"""Raised whenever the same text would give other tokens: indexes of another version are refused."""

MASK64 = (1 << 64) - 1
TOKEN_SEED = 0x9E3779B97F4A7C15
MIX_MULTIPLIER = 0xD6E8FEB86659FD93
ROTATION = 9
"""Bits that a token's hash turns for each character; odd, so that 64 characters pass before positions repeat."""

SEPARATOR = 0
IGNORED = 1
STANDALONE_FLAG = 1 << 31
"""Set in the fold table for a character that is a token of its own."""
EXPANSION_FLAG = 1 << 30
"""Set in the fold table for a character that folds to several: the low bits are its row in the expansions."""
CODE_POINT_BITS = (1 << 21) - 1

FOLD_SIZE = 0x20000
"""Code points that the fold table covers; above it there are only ideographs (to 0x3FFFF) and separators."""
IDEOGRAPH_END = 0x40000
MAX_EXPANSION = 8

ENTITY_MAX = 10
"""Characters of an HTML entity's name that are looked at; "thinsp", "CounterClockwise…" are not used as disguise."""
TAGS = frozenset(
    [
        "a",
        "b",
        "i",
        "u",
        "s",
        "p",
        "em",
        "br",
        "hr",
        "li",
        "ul",
        "ol",
        "dl",
        "dt",
        "dd",
        "td",
        "tr",
        "th",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "sub",
        "sup",
        "tt",
        "code",
        "pre",
        "kbd",
        "samp",
        "var",
        "div",
        "span",
        "font",
        "strong",
        "small",
        "mark",
        "table",
        "tbody",
        "thead",
        "center",
        "blockquote",
    ]
)
LATEX_SPACES = frozenset({"quad", "qquad", "thinspace", "enspace", "hspace", "vspace", "newline", "displaystyle"})
COMMAND_MAX = 12

_HAN = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF))
_STANDALONE = frozenset(
    code_point
    for low, high in (
        (0x0E00, 0x0EFF),  # Thai, Lao
        (0x1000, 0x109F),  # Myanmar
        (0x1780, 0x17FF),  # Khmer
        (0x3040, 0x30FF),  # kana
        (0x3100, 0x312F),  # Bopomofo
        *_HAN,
    )
    for code_point in range(low, high + 1)
)
_MARKS = frozenset(
    code_point
    for low, high in (
        (0x0300, 0x036F),  # combining accents
        (0x064B, 0x065F),  # Arabic vowel marks
        (0x0591, 0x05BD),  # Hebrew points
        (0x1AB0, 0x1AFF),
        (0x1DC0, 0x1DFF),
        (0x20D0, 0x20FF),
        (0xFE00, 0xFE0F),  # variation selectors
        (0xFE20, 0xFE2F),
    )
    for code_point in range(low, high + 1)
)
_IGNORED = frozenset("'\u2018\u2019\u201b\u02bc\u02b9\u00ad\u0640\u200b\u200c\u200d\u2060\ufeff\u180e\u200e\u200f")
"""Apostrophes (don't, don’t, dont are one word), soft hyphens, and what has no width."""
_LOOK_ALIKES = dict(zip("аеорсухіѕјԁԛԝһӏοανρικυτηωγς", "aeopcyxisjdqwhlovpikutnwys", strict=False))
"""Cyrillic and Greek letters that are drawn as Latin ones. Their own languages fold the same way on both sides."""


def _fold_slowly(code_point: int) -> tuple[int, ...] | int:
    """What one code point becomes: `SEPARATOR`, `IGNORED`, or the folded code points (0 in them separates)."""
    char = chr(code_point)
    if char in _IGNORED or code_point in _MARKS:
        return IGNORED
    if code_point in _STANDALONE:
        return (code_point,) if unicodedata.category(char)[0] in "LMN" else SEPARATOR
    kind = unicodedata.category(char)[0]
    if kind == "C":
        return SEPARATOR
    if char.isalpha() and not unicodedata.decomposition(char) and char.casefold() == char:
        look_alike = _LOOK_ALIKES.get(char)
        return (ord(look_alike) if look_alike else code_point,)
    folded: list[int] = []
    for part in unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", char).casefold()):
        part_code = ord(part)
        if part in _IGNORED or part_code in _MARKS:
            continue
        if unicodedata.category(part)[0] not in "LMN":
            folded.append(SEPARATOR)
            continue
        digit = unicodedata.decimal(part, None)
        look_alike = _LOOK_ALIKES.get(part)
        folded.append(ord(str(digit)) if digit is not None else ord(look_alike) if look_alike else part_code)
    if not any(folded):
        return SEPARATOR
    return tuple(folded[:MAX_EXPANSION])


class TextTables(NamedTuple):
    """The rules as arrays, shared by the plain and the compiled tokenizer."""

    fold: NDArray[np.uint32]
    """Shape (FOLD_SIZE,): SEPARATOR, IGNORED, or a folded code point with flags."""
    expansions: NDArray[np.uint32]
    """Shape (rows, MAX_EXPANSION): code points that one folds to, ended by `END`; 0 separates."""
    char_hash: NDArray[np.uint64]
    """Shape (128,): hash of what each ASCII character folds to."""
    char_hash_cased: NDArray[np.uint64]
    """Shape (128,): hash of each ASCII character as it is, for the names of entities, tags and keys."""
    entity_hash: NDArray[np.uint64]
    """Name table (see `name_table`) of the HTML entities."""
    entity_value: NDArray[np.uint32]
    """The code point of the entity in each slot."""
    tag_hash: NDArray[np.uint64]
    """Name table of the HTML tags that are skipped."""
    command_hash: NDArray[np.uint64]
    """Name table of the LaTeX commands that only make space."""


END = 0xFFFFFFFF


def char_hash(code_point: int) -> int:
    """64-bit hash of a folded character (splitmix64 of its code point)."""
    z = (code_point * TOKEN_SEED + 0x632BE59BD9B4E019) & MASK64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
    return z ^ (z >> 31)


def _turn(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (64 - bits))) & MASK64


def token_hash(form: str) -> int:
    """64-bit hash of a token's folded form; equal in both tokenizers."""
    h = TOKEN_SEED
    for char in form:
        h = _turn(h, ROTATION) ^ char_hash(ord(char))
    h = (h * MIX_MULTIPLIER) & MASK64
    return h ^ (h >> 32)


def name_hash(name: str) -> int:
    """Hash of a name (entity, tag, command, key of a record), case kept."""
    h = TOKEN_SEED
    for char in name:
        h = _turn(h, ROTATION) ^ char_hash(ord(char))
    return h


def name_table(values: Mapping[str, int]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """A small open-addressing table of names, sparse enough that the first slot nearly always decides.

    Returns:
        (hashes, values), each of a power of two of slots: `name_hash` of the name in the slot or 0, and its value.
    """
    slots = 8
    while slots < 8 * len(values):
        slots *= 2
    hashes, numbers = np.zeros(slots, np.uint64), np.zeros(slots, np.uint64)
    for name in sorted(values):
        slot = name_hash(name) & (slots - 1)
        while hashes[slot]:
            slot = (slot + 1) & (slots - 1)
        hashes[slot], numbers[slot] = name_hash(name), values[name]
    return hashes, numbers


@functools.cache
def tables() -> TextTables:
    """Build the tables (some 70 ms, once for each process)."""
    fold = np.zeros(FOLD_SIZE, np.uint32)
    expansions: list[list[int]] = []
    for low, high in _HAN:
        fold[low : high + 1] = np.arange(low, high + 1, dtype=np.uint32) | np.uint32(STANDALONE_FLAG)
    fold[0xAC00:0xD7A4] = np.arange(0xAC00, 0xD7A4, dtype=np.uint32)
    slow_ranges = (
        range(0, 0x3400), range(0x4DC0, 0x4E00), range(0xA000, 0xAC00), range(0xD7B0, 0xD800),
        range(0xF900, 0x10000), range(0x10000, 0x10D00), range(0x1D400, 0x1D800), range(0x1F100, 0x1F200),
    )  # fmt: skip
    for code_points in slow_ranges:
        for code_point in code_points:
            folded = _fold_slowly(code_point)
            if isinstance(folded, int):
                fold[code_point] = folded
            elif len(folded) == 1:
                alone = folded[0] in _STANDALONE
                fold[code_point] = folded[0] | (STANDALONE_FLAG if alone else 0)
            else:
                fold[code_point] = EXPANSION_FLAG | len(expansions)
                expansions.append([*folded, *[END] * (MAX_EXPANSION + 1 - len(folded))])
    entities: dict[str, int] = {}
    for name, value in html.entities.html5.items():
        bare = name.removesuffix(";")
        if len(value) == 1 and len(bare) <= ENTITY_MAX and bare + ";" in html.entities.html5:
            entities[bare] = ord(value)
    entity_hashes, entity_values = name_table(entities)
    return TextTables(
        fold=fold,
        expansions=np.array(expansions, np.uint32),
        char_hash=np.array([char_hash(int(fold[c])) for c in range(128)], np.uint64),
        char_hash_cased=np.array([char_hash(c) for c in range(128)], np.uint64),
        entity_hash=entity_hashes,
        entity_value=entity_values.astype(np.uint32),
        tag_hash=name_table(dict.fromkeys(TAGS, 1))[0],
        command_hash=name_table(dict.fromkeys(LATEX_SPACES, 1))[0],
    )


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a text."""

    form: str
    """Folded form."""
    start: int
    """Offset of its first character in the text."""
    end: int
    """Offset after its last character."""

    @property
    def hash(self) -> int:
        """64-bit hash of the form."""
        return token_hash(self.form)


def _entity(text: str, at: int) -> tuple[int, int]:
    """The code point named by the HTML entity whose name starts at `at`, after "&", and its end; (-1, at) if none."""
    i = at
    if i < len(text) and text[i] == "#":
        i += 1
        digits = "0123456789"
        if i < len(text) and text[i] in "xX":
            digits, i = "0123456789abcdefABCDEF", i + 1
        start = i
        while i < len(text) and i - start < 7 and text[i] in digits:
            i += 1
        if i > start and i < len(text) and text[i] == ";":
            value = int(text[start:i], len(digits) if len(digits) == 10 else 16)
            if value < 0x110000:
                return value, i + 1
        return -1, at
    while i < len(text) and i - at <= ENTITY_MAX and text[i].isascii() and text[i].isalnum():
        i += 1
    if i < len(text) and text[i] == ";" and i - at <= ENTITY_MAX:
        value_text = html.entities.html5.get(text[at:i] + ";", "")
        if len(value_text) == 1:
            return ord(value_text), i + 1
    return -1, at


def _tag_end(text: str, at: int) -> int:
    """Where the HTML tag at `text[at] == "<"` ends, or `at` if what stands there is no bare tag that we know.

    A tag with attributes is left as it is: what is skipped unread would be a place to hide text in.
    """
    i = at + 1
    if i < len(text) and text[i] == "/":
        i += 1
    start = i
    while i < len(text) and i - start <= COMMAND_MAX and text[i].isascii() and text[i].isalnum():
        i += 1
    if text[start:i].lower() not in TAGS:
        return at
    if i < len(text) and text[i] == " ":
        i += 1
    if i < len(text) and text[i] == "/":
        i += 1
    return i + 1 if i < len(text) and text[i] == ">" else at


def _command_end(text: str, at: int) -> int:
    """Where the LaTeX spacing command at `text[at] == "\\"` ends, or `at` if there is none."""
    i = at + 1
    while i < len(text) and i - at <= COMMAND_MAX + 1 and text[i].isascii() and text[i].isalpha():
        i += 1
    return i if text[at + 1 : i] in LATEX_SPACES else at


def _is_digit(text: str, at: int) -> bool:
    return at < len(text) and text[at] in "0123456789"


def _joins_digits(text: str, at: int) -> bool:
    """Whether the mark at `at`, after a digit, is inside a number: 3.5, 12:30, 1,000,000 (but not [1,2])."""
    if not _is_digit(text, at + 1):
        return False
    if text[at] != ",":
        return True
    return _is_digit(text, at + 2) and _is_digit(text, at + 3) and not _is_digit(text, at + 4)


def fold_code_point(code_point: int) -> int:
    """The fold table's entry for any code point; surrogates and the unassigned separate."""
    if code_point < FOLD_SIZE:
        return int(tables().fold[code_point])
    return code_point | STANDALONE_FLAG if code_point < IDEOGRAPH_END else SEPARATOR


def tokenize(text: str) -> Iterator[Token]:
    """Tokens of `text` in order: the plain reference implementation.

    Yields:
        Token: its folded form, and the offsets of its characters in `text`.
    """
    expansions = tables().expansions
    form, start, end = "", 0, 0
    after_digit = False  # the character before was a digit, written as such
    i = 0
    while i < len(text):
        char, next_i = text[i], i + 1
        code_point = ord(char)
        was_digit, after_digit = after_digit, False
        if char == "&":
            entity, entity_end = _entity(text, next_i)
            while entity >= 0:
                code_point, next_i = entity, entity_end
                # text that was escaped twice says "&amp;nbsp;"
                entity, entity_end = _entity(text, next_i) if entity == ord("&") else (-1, next_i)
        elif char == "<":
            next_i = max(_tag_end(text, i), i + 1)
        elif char == "\\":
            next_i = max(_command_end(text, i), i + 1)
        elif char in ".,:" and was_digit and _joins_digits(text, i):
            i = next_i
            continue
        folded = fold_code_point(code_point)
        if folded == IGNORED:
            i = next_i
            continue
        if folded & EXPANSION_FLAG:
            pieces = [int(p) for p in expansions[folded & CODE_POINT_BITS] if p != END]
        else:
            pieces = [folded]
        for piece in pieces:
            if piece == SEPARATOR or piece & STANDALONE_FLAG:
                if form:
                    yield Token(form, start, end)
                    form = ""
            if piece == SEPARATOR:
                continue
            if piece & STANDALONE_FLAG:
                yield Token(chr(piece & CODE_POINT_BITS), i, next_i)
                continue
            if not form:
                start = i
            form += chr(piece)
            end = next_i
            after_digit = next_i == i + 1 and char in "0123456789"
        i = next_i
    if form:
        yield Token(form, start, end)
