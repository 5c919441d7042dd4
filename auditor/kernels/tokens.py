"""The compiled tokenizer: UTF-8 bytes, or the inside of a raw JSON string, to token hashes.

It does what `auditor.text.tokenize` does, over bytes that nobody decoded. In JSON mode escapes are understood and the
text ends at the closing quote; otherwise it ends with the buffer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditor import text as rules
from auditor.kernels.jit import inlined, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

OK = 0
BAD_UTF8 = 1
BAD_JSON = 2
BAD_DEPTH = 3

END_OF_TEXT = -1
INVALID = -2
BROKEN_ESCAPE = -3

_SEED = np.uint64(rules.TOKEN_SEED)
_MIX = np.uint64(rules.MIX_MULTIPLIER)
_TURN = np.uint64(rules.ROTATION)
_TURN_BACK = np.uint64(64 - rules.ROTATION)
_NO_NAME = np.uint64(0)
_U30 = np.uint64(30)
_U27 = np.uint64(27)
_U31 = np.uint64(31)
_U32 = np.uint64(32)
_SM1 = np.uint64(0x632BE59BD9B4E019)
_SM2 = np.uint64(0xBF58476D1CE4E5B9)
_SM3 = np.uint64(0x94D049BB133111EB)
_FOLD_SIZE = rules.FOLD_SIZE
_IDEOGRAPH_END = rules.IDEOGRAPH_END
_SEPARATOR = rules.SEPARATOR
_IGNORED = rules.IGNORED
_ALONE = rules.STANDALONE_FLAG
_EXPANDS = rules.EXPANSION_FLAG
_CODE_POINT = rules.CODE_POINT_BITS
_END = rules.END
_ENTITY_MAX = rules.ENTITY_MAX
_COMMAND_MAX = rules.COMMAND_MAX

# What the fast loop may do with a byte: go on with a word, end one, or leave it to the slow path.
WORD, SPLIT, QUOTE, SLOW, SKIPPED, CONTROL = range(6)

# What the byte after it says about a byte.
_OTHER, _ESCAPE_LETTER, _LETTER, _DIGIT, _BACKSLASH, _QUOTE, _SLASH, _HASH = range(8)
_AFTER_BACKSLASH, _AFTER_DIGIT = 1, 2


class ByteClasses(NamedTuple):
    """What a byte means, from itself and its two neighbours: kinds[before[previous] + after[next] + byte]."""

    before: NDArray[np.int64]
    """Shape (256,): offset that the previous byte selects."""
    after: NDArray[np.int64]
    """Shape (256,): offset that the next byte selects."""
    kinds: NDArray[np.uint8]
    """Shape (3 * 8 * 256,)."""
    after_digit: int
    """The offset in `before` of a digit."""
    json: bool
    """Whether they are those of the inside of a JSON string."""


def byte_classes(json: bool) -> ByteClasses:
    """The table of the fast loop, for the inside of a JSON string or for plain UTF-8.

    In JSON a raw control character is an error, a quote ends the text and a backslash begins an escape.
    """
    fold = rules.tables().fold
    letters = [*range(65, 91), *range(97, 123)]
    after = np.zeros(256, np.int64)
    after[letters] = _LETTER
    if json:
        after[list(b"nrtbf")] = _ESCAPE_LETTER
        after[ord("\\")] = _BACKSLASH
    after[48:58] = _DIGIT
    after[ord('"')], after[ord("/")], after[ord("#")] = _QUOTE, _SLASH, _HASH
    before = np.zeros(256, np.int64)
    before[48:58] = _AFTER_DIGIT
    if json:
        before[ord("\\")] = _AFTER_BACKSLASH

    kinds = np.full((3, 8, 256), SPLIT, np.uint8)
    for byte in range(128):
        kinds[:, :, byte] = SPLIT if fold[byte] == _SEPARATOR else SKIPPED if fold[byte] == _IGNORED else WORD
    kinds[:, :, 128:] = SLOW
    kinds[:, [_LETTER, _ESCAPE_LETTER, _HASH, _BACKSLASH], ord("&")] = SLOW
    kinds[:, [_LETTER, _ESCAPE_LETTER, _SLASH, _BACKSLASH], ord("<")] = SLOW
    for mark in b".,:":
        kinds[_AFTER_DIGIT, [_DIGIT, _BACKSLASH], mark] = SLOW
    if json:
        kinds[:, :, :32] = CONTROL
        kinds[:, :, ord('"')] = QUOTE
        kinds[:, :, ord("\\")] = SLOW
        # a plain escape separates, with both its bytes; that what follows is one has been seen at the backslash
        kinds[:, [_ESCAPE_LETTER, _QUOTE, _SLASH], ord("\\")] = SPLIT
        kinds[_AFTER_BACKSLASH, :, list(b'nrtbf"/')] = SPLIT
    else:
        kinds[:, [_LETTER, _ESCAPE_LETTER], ord("\\")] = SLOW
    return ByteClasses(
        before=before * (8 * 256),
        after=after * 256,
        kinds=kinds.reshape(-1),
        after_digit=_AFTER_DIGIT * 8 * 256,
        json=json,
    )


@inlined
def char_hash(code_point):
    z = np.uint64(code_point) * _SEED + _SM1
    z = (z ^ (z >> _U30)) * _SM2
    z = (z ^ (z >> _U27)) * _SM3
    return z ^ (z >> _U31)


@inlined
def finish(h):
    h = h * _MIX
    return h ^ (h >> _U32)


@inlined
def find(names, h):
    """Slot of the hash `h` in a name table, or -1."""
    last = len(names) - 1
    slot = np.int64(h & np.uint64(last))
    while names[slot] != _NO_NAME:
        if names[slot] == h:
            return slot
        slot = (slot + 1) & last
    return np.int64(-1)


@kernel
def decode(buf, i, n):
    """Code point of the UTF-8 sequence at `i` and its end; (INVALID, i) for what is no UTF-8."""
    b0 = np.int64(buf[i])
    if b0 < 0x80:
        return b0, i + 1
    if b0 < 0xC2 or b0 > 0xF4:
        return INVALID, i
    length = 2 if b0 < 0xE0 else 3 if b0 < 0xF0 else 4
    if i + length > n:
        return INVALID, i
    code_point = b0 & (0xFF >> (length + 1))
    for k in range(1, length):
        b = np.int64(buf[i + k])
        if b & 0xC0 != 0x80:
            return INVALID, i
        code_point = (code_point << 6) | (b & 0x3F)
    if length == 3 and (code_point < 0x800 or 0xD800 <= code_point < 0xE000):
        return INVALID, i
    if length == 4 and (code_point < 0x10000 or code_point >= 0x110000):
        return INVALID, i
    return code_point, i + length


@inlined
def hex_value(b):
    if 48 <= b <= 57:
        return np.int64(b) - 48
    if 65 <= b <= 70:
        return np.int64(b) - 55
    if 97 <= b <= 102:
        return np.int64(b) - 87
    return np.int64(-1)


@kernel
def hex4(buf, i, n):
    """Value of the four hexadecimal digits at `i`, or -1."""
    if i + 4 > n:
        return np.int64(-1)
    value = np.int64(0)
    for k in range(4):
        digit = hex_value(buf[i + k])
        if digit < 0:
            return np.int64(-1)
        value = value * 16 + digit
    return value


@kernel
def next_code_point(buf, i, n, json):
    """The code point at `i`, escapes understood in JSON, and its end. Negative code points are the module's codes."""
    if i >= n:
        return np.int64(END_OF_TEXT), i
    b = buf[i]
    if json:
        if b == 34:
            return np.int64(END_OF_TEXT), i
        if b < 32:
            return np.int64(BROKEN_ESCAPE), i
        if b == 92:
            if i + 1 >= n:
                return np.int64(BROKEN_ESCAPE), i
            e = buf[i + 1]
            if e == 117:  # \u
                value = hex4(buf, i + 2, n)
                if value < 0:
                    return np.int64(BROKEN_ESCAPE), i
                if 0xD800 <= value < 0xDC00 and i + 7 < n and buf[i + 6] == 92 and buf[i + 7] == 117:
                    low = hex4(buf, i + 8, n)
                    if 0xDC00 <= low < 0xE000:
                        return 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00), i + 12
                return value, i + 6
            if e == 110:
                return np.int64(10), i + 2
            if e == 34 or e == 92 or e == 47:
                return np.int64(e), i + 2
            if e == 116:
                return np.int64(9), i + 2
            if e == 114:
                return np.int64(13), i + 2
            if e == 98:
                return np.int64(8), i + 2
            if e == 102:
                return np.int64(12), i + 2
            return np.int64(BROKEN_ESCAPE), i
    return decode(buf, i, n)


@inlined
def is_alnum(c):
    return 48 <= c <= 57 or 65 <= c <= 90 or 97 <= c <= 122


@inlined
def turn(h, code_point, char_hashes):
    return ((h << _TURN) | (h >> _TURN_BACK)) ^ char_hashes[code_point]


@inlined
def entity(buf, at, n, json, char_hashes, entity_hashes, entity_values):
    """The code point named by the HTML entity whose name starts at `at`, and its end; (-1, at) if there is none."""
    c, i = next_code_point(buf, at, n, json)
    if c == 35:
        base = 10
        c, i = next_code_point(buf, i, n, json)
        if c == 120 or c == 88:
            base = 16
            c, i = next_code_point(buf, i, n, json)
        value = np.int64(0)
        digits = 0
        while digits < 7 and 0 <= c < 128:
            digit = hex_value(np.uint8(c))
            if digit < 0 or digit >= base:
                break
            value = value * base + digit
            digits += 1
            c, i = next_code_point(buf, i, n, json)
        if digits > 0 and c == 59 and value < 0x110000:
            return value, i
        return np.int64(-1), at
    h = _SEED
    length = 0
    while length <= _ENTITY_MAX and is_alnum(c):
        h = turn(h, c, char_hashes)
        length += 1
        c, i = next_code_point(buf, i, n, json)
    if c == 59 and 0 < length <= _ENTITY_MAX:
        k = find(entity_hashes, h)
        if k >= 0:
            return np.int64(entity_values[k]), i
    return np.int64(-1), at


@inlined
def tag_end(buf, at, n, json, char_hashes, tag_hashes):
    """Where the HTML tag whose "<" ended at `at` ends, or `at` if what stands there is no bare tag that we know."""
    c, i = next_code_point(buf, at, n, json)
    if c == 47:
        c, i = next_code_point(buf, i, n, json)
    h = _SEED
    length = 0
    while length <= _COMMAND_MAX and is_alnum(c):
        h = turn(h, c + 32 if 65 <= c <= 90 else c, char_hashes)
        length += 1
        c, i = next_code_point(buf, i, n, json)
    if length == 0 or find(tag_hashes, h) < 0:
        return at
    if c == 32:
        c, i = next_code_point(buf, i, n, json)
    if c == 47:
        c, i = next_code_point(buf, i, n, json)
    return i if c == 62 else at


@inlined
def command_end(buf, at, n, json, char_hashes, command_hashes):
    """Where the LaTeX spacing command whose backslash ended at `at` ends, or `at` if there is none."""
    h = _SEED
    length = 0
    end = at
    c, i = next_code_point(buf, at, n, json)
    while length <= _COMMAND_MAX and (65 <= c <= 90 or 97 <= c <= 122):
        h = turn(h, c, char_hashes)
        length += 1
        end = i
        c, i = next_code_point(buf, i, n, json)
    return end if length > 0 and find(command_hashes, h) >= 0 else at


@inlined
def digit_at(buf, i, n, json):
    c, after = next_code_point(buf, i, n, json)
    return 48 <= c <= 57, after


@inlined
def joins_digits(buf, mark, at, n, json):
    """Whether the mark that ended at `at`, after a digit, is inside a number: 3.5, 12:30, 1,000,000 (but not [1,2])."""
    ok, at = digit_at(buf, at, n, json)
    if not ok or mark != 44:
        return ok
    ok, at = digit_at(buf, at, n, json)
    if not ok:
        return False
    ok, at = digit_at(buf, at, n, json)
    if not ok:
        return False
    ok, at = digit_at(buf, at, n, json)
    return not ok


@kernel
def tokenize(buf, i, n, classes, tables, hashes, starts, ends):
    """Tokens of the text at buf[i:n]; in JSON, of the string whose opening quote is before `i`.

    Args:
        buf: uint8 array, of which [i, n) is looked at; in JSON the string must end before `n` to be whole.
        classes: `byte_classes(json)`: they say what kind of text it is.
        tables: `TextTables`.
        hashes: uint64 array to fill; it must hold n - i + 1 entries.
        starts, ends: int64 arrays as long as `hashes`, to fill with byte offsets; of another length, they are left.

    Returns:
        (end, tokens, error): where the text ends (the closing quote in JSON), how many tokens were written, and OK,
        BAD_UTF8 or BAD_JSON.
    """
    # from the arguments, and not arguments themselves: numba would compile all this once more for each constant
    json = classes.json
    offsets = len(starts) == len(hashes)
    char_hashes = tables.char_hash
    cased = tables.char_hash_cased
    fold = tables.fold
    expansions = tables.expansions
    entity_hashes = tables.entity_hash
    entity_values = tables.entity_value
    tag_hashes = tables.tag_hash
    command_hashes = tables.command_hash
    kinds = classes.kinds
    kinds_before = classes.before
    kinds_after = classes.after
    h = _SEED
    k = 0
    in_word = 0
    start = i
    end = i
    digit_end = -1  # where the last character ended, if it was a digit that was written as one
    error = OK
    while i < n:
        # The fast loop: bytes that are a word's or a separator. It has no branch on which of the two, because the
        # lengths of words cannot be predicted and a wrong guess costs more than all the rest.
        begin = i
        kind = 0
        context = classes.after_digit if digit_end == i else 0
        byte = np.int64(buf[i])
        while True:
            following_byte = np.int64(buf[i + 1]) if i + 1 < n else 0
            kind = np.int64(kinds[context + kinds_after[following_byte] + byte])
            if kind > SPLIT:
                break
            hashes[k] = h
            if offsets:
                if kind == WORD:
                    if in_word == 0:
                        start = i
                    end = i + 1
                starts[k] = start
                ends[k] = end
            k += in_word & kind
            in_word = 1 - kind
            following = ((h << _TURN) | (h >> _TURN_BACK)) ^ char_hashes[byte & 127]
            h = following if kind == WORD else _SEED
            context = kinds_before[byte]
            byte = following_byte
            i += 1
            if i >= n:
                break
        if i > begin and 48 <= buf[i - 1] <= 57:
            digit_end = i
        if i >= n or kind == QUOTE:
            break
        if kind == SKIPPED:
            i += 1
            continue
        if kind == CONTROL:
            error = BAD_JSON
            break
        # What is left is rare, and its neighbours do not decide it.
        begin = i
        c, i = next_code_point(buf, i, n, json)
        if c < 0:
            error = BAD_UTF8 if c == INVALID else BAD_JSON
            break
        literal = c
        if c == 38:
            while True:
                value, after = entity(buf, i, n, json, cased, entity_hashes, entity_values)
                if value < 0:
                    break
                c = value
                i = after
                if c != 38:
                    break
        elif c == 60:
            i = tag_end(buf, i, n, json, cased, tag_hashes)
        elif c == 92:
            i = command_end(buf, i, n, json, cased, command_hashes)
        elif (c == 46 or c == 44 or c == 58) and digit_end == begin and joins_digits(buf, c, i, n, json):
            continue
        if c < _FOLD_SIZE:
            folded = np.int64(fold[c])
        elif c < _IDEOGRAPH_END:
            folded = c | _ALONE
        else:
            folded = np.int64(_SEPARATOR)
        if folded == _IGNORED:
            continue
        row = -1
        column = 0
        if folded & _EXPANDS and not folded & _ALONE:
            row = folded & _CODE_POINT
            folded = np.int64(expansions[row, 0])
        while True:
            if folded == _SEPARATOR or folded & _ALONE:
                if in_word:
                    hashes[k] = h
                    if offsets:
                        starts[k] = start
                        ends[k] = end
                    k += 1
                    h = _SEED
                    in_word = 0
                if folded & _ALONE:
                    hashes[k] = ((h << _TURN) | (h >> _TURN_BACK)) ^ char_hash(folded & _CODE_POINT)
                    if offsets:
                        starts[k] = begin
                        ends[k] = i
                    k += 1
            else:
                if not in_word:
                    in_word = 1
                    start = begin
                unit = char_hashes[folded] if folded < 128 else char_hash(folded)
                h = ((h << _TURN) | (h >> _TURN_BACK)) ^ unit
                end = i
            if row < 0:
                break
            column += 1
            folded = np.int64(expansions[row, column])
            if folded == _END:
                break
        if 48 <= literal <= 57:
            digit_end = i
    if in_word:
        hashes[k] = h
        if offsets:
            starts[k] = start
            ends[k] = end
        k += 1
    for j in range(k):
        hashes[j] = finish(hashes[j])
    return i, k, error
