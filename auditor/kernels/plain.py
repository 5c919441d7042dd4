"""Plain Python twins of the candidate pass: slow, and right by other means than the kernels.

JSON is judged by `json.loads`, UTF-8 by `bytes.decode`, text by `auditor.text.tokenize`, and tables are dicts whose
keys are the words themselves. Tests hold the kernels of `auditor.kernels.seeds` and `auditor.kernels.build` to these
on random input; nothing else calls them. The twin of `tokens.tokenize` is `auditor.text.tokenize`, that of
`align.best_region` stands beside it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.kernels.grams import HASH_BITS
from auditor.kernels.seeds import MAX_DEPTH
from auditor.text import MASK64, tokenize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Gram = tuple[str, ...]
"""An n-gram as the folded forms of its tokens."""

GRAM_MULTIPLIER = 0xFF51AFD7ED558CCD

_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class PlainTable:
    """What `seeds.SeedTable` holds, by the words themselves."""

    size: int
    """Tokens in an n-gram."""
    postings: Mapping[Gram, frozenset[int]]
    """The item groups of each n-gram."""
    weight: Mapping[Gram, float]
    threshold: Sequence[float]
    """Weight in one record that makes each group a candidate."""


@dataclass(frozen=True, slots=True)
class PlainLine:
    """A line of JSONL as Python's own parser sees it."""

    errors: frozenset[str] = frozenset()
    """What is wrong with it, as reason codes. A line may be wrong in several ways; any of them may be reported."""
    blank: bool = False
    keys: frozenset[str] = frozenset()
    """Known top-level keys whose value is a string, a list or an object."""
    texts: tuple[str, ...] = ()
    """All strings below known keys, in order; those of repeated keys, too."""


@dataclass(slots=True)
class PlainPass:
    """What the candidate pass says of lines or texts."""

    groups: dict[int, set[int]] = field(default_factory=dict)
    """Row to the groups that reach their threshold in it."""
    errors: dict[int, frozenset[str]] = field(default_factory=dict)
    """Row to what is wrong with it."""
    keys: dict[frozenset[str], tuple[int, int]] = field(default_factory=dict)
    """Set of known keys to how many records have it, and the first one's row."""
    blank: int = 0


class _Members(list[tuple[str, Any]]):
    """An object as its members in order, repeated keys kept."""


def read_line(line: bytes, known_keys: Iterable[str]) -> PlainLine:
    """Judge one line, given without its line feed."""
    errors = set()
    try:
        decoded = line.decode("utf-8")
    except UnicodeDecodeError:
        errors.add("invalid_utf8")
        # bad bytes become lone surrogates, which may stand in a string, so that what else is wrong shows all the same
        decoded = line.decode("utf-8", "surrogateescape")
    if not decoded.strip(" \t\r"):
        return PlainLine(blank=True)
    value = None
    try:
        # an int of more than 4,300 digits is JSON, but Python refuses to make it a number
        value = json.loads(decoded, object_pairs_hook=_Members, parse_int=float)
        if not isinstance(value, _Members):
            errors.add("not_an_object")
    except ValueError:
        errors.add("invalid_json")
    except RecursionError:
        errors.add("too_deeply_nested")
    if _depth(decoded) > MAX_DEPTH:
        # what stands at the top shows only when all of it was read
        errors = {*errors, "too_deeply_nested"} - {"not_an_object"}
    if errors or not isinstance(value, _Members):
        return PlainLine(frozenset(errors))
    known = frozenset(known_keys)
    chosen = [(key, member) for key, member in value if key in known]
    return PlainLine(
        keys=frozenset(key for key, member in chosen if isinstance(member, str | list)),
        texts=tuple(string for _, member in chosen for string in _strings(member)),
    )


def _depth(decoded: str) -> int:
    """The deepest nesting of brackets outside strings."""
    deepest = depth = 0
    for mark in _JSON_STRING.sub("", decoded):
        depth += (mark in "[{") - (mark in "]}")
        deepest = max(deepest, depth)
    return deepest


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, _Members):
        for _, member in value:
            yield from _strings(member)
    elif isinstance(value, list):
        for member in value:
            yield from _strings(member)


def grams(text: str, size: int) -> Iterator[Gram]:
    """The n-grams of a text, in order."""
    forms = [token.form for token in tokenize(text)]
    for start in range(len(forms) - size + 1):
        yield tuple(forms[start : start + size])


def candidates(texts: Iterable[str], table: PlainTable) -> set[int]:
    """The groups whose distinct n-grams in the texts of one record weigh as much as their threshold."""
    mass: Counter[int] = Counter()
    for gram in {gram for text in texts for gram in grams(text, table.size)}:
        for group in table.postings.get(gram, ()):
            mass[group] += table.weight[gram]  # type: ignore[assignment]  # counts are weights here
    return {group for group, weight in mass.items() if weight > 0 and weight >= table.threshold[group]}


def scan_lines(data: bytes, known_keys: Sequence[str], table: PlainTable) -> PlainPass:
    """The twin of `seeds.scan_lines`, for bytes that end in a line feed."""
    result = PlainPass()
    for row, content in enumerate(data.split(b"\n")[:-1]):
        line = read_line(content, known_keys)
        if line.blank:
            result.blank += 1
        elif line.errors:
            result.errors[row] = line.errors
        else:
            count, first = result.keys.get(line.keys, (0, row))
            result.keys[line.keys] = count + 1, first
            if found := candidates(line.texts, table):
                result.groups[row] = found
    return result


def scan_texts(texts: Sequence[bytes], rows: Sequence[int], table: PlainTable) -> PlainPass:
    """The twin of `seeds.scan_texts`: the UTF-8 texts of the records `rows`, ascending."""
    result = PlainPass()
    good: dict[int, list[str]] = {}
    for data, row in zip(texts, rows, strict=True):
        try:
            good.setdefault(row, []).append(data.decode("utf-8"))
        except UnicodeDecodeError:
            result.errors[row] = frozenset({"invalid_utf8"})
    for row, readable in good.items():
        if found := candidates(readable, table):
            result.groups[row] = found
    return result


def count(
    records: Iterable[Sequence[str]], words: Iterable[str], table: PlainTable
) -> tuple[Counter[str], Counter[Gram]]:
    """The twin of `seeds.count`: in how many records each of `words` and each n-gram of the table stands."""
    word_df: Counter[str] = Counter(dict.fromkeys(words, 0))
    gram_df: Counter[Gram] = Counter(dict.fromkeys(table.postings, 0))
    for texts in records:
        word_df.update({token.form for text in texts for token in tokenize(text)} & word_df.keys())
        gram_df.update({gram for text in texts for gram in grams(text, table.size)} & gram_df.keys())
    return word_df, gram_df


def gram_keys(tokens: Sequence[int], starts: Sequence[int], size: int) -> list[tuple[int, int]]:
    """The twin of `build.gram_keys`: (key, text) of every n-gram, each key from its own tokens alone."""
    found = []
    for text in range(len(starts) - 1):
        for first in range(starts[text], starts[text + 1] - size + 1):
            key = 0
            for place, token in enumerate(tokens[first : first + size]):
                turns = size - 1 - place
                key ^= ((token << turns) | (token >> (64 - turns))) & MASK64
            found.append((key * GRAM_MULTIPLIER & MASK64, text))
    return found


def numbers_by_key(unique_keys: Iterable[int]) -> dict[int, int]:
    """The twin of the table that `build.fill_table` fills: the number of each key."""
    return {key: number for number, key in enumerate(unique_keys)}


def gram_numbers(tokens: Sequence[int], size: int, numbers: Mapping[tuple[int, ...], int]) -> list[int]:
    """The twin of `build.gram_numbers`, for n-grams as tuples of token hashes."""
    return [numbers.get(tuple(tokens[first : first + size]), -1) for first in range(len(tokens) - size + 1)]


def sip_hash(message: int, key: tuple[int, int]) -> int:
    """The twin of `grams.sip_hash`, from the algorithm's description: eight bytes are one word and a last one."""

    def turn(value: int, bits: int) -> int:
        return ((value << bits) | (value >> (64 - bits))) & MASK64

    v = [key[0] ^ 0x736F6D6570736575, key[1] ^ 0x646F72616E646F6D, key[0] ^ 0x6C7967656E657261, key[1]]
    v[3] ^= 0x7465646279746573

    def rounds(number: int) -> None:
        for _ in range(number):
            for a, b, left, right in ((0, 1, 13, 32), (2, 3, 16, 0), (0, 3, 21, 0), (2, 1, 17, 32)):
                v[a] = (v[a] + v[b]) & MASK64
                v[b] = turn(v[b], left) ^ v[a]
                if right:
                    v[a] = turn(v[a], right)

    for word in (message, 8 << 56):
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def sample(texts: Iterable[str], size: int, bound: int, key: tuple[int, int]) -> list[int]:
    """The twin of `grams.take_sample` over the texts of one record: hashes below the bound, in order."""
    found = []
    for text in texts:
        tokens = [token.hash for token in tokenize(text)]
        for gram, _ in gram_keys(tokens, [0, len(tokens)], size):
            keyed = sip_hash(gram, key) >> (64 - HASH_BITS)
            if keyed < bound:
                found.append(keyed)
    return found
