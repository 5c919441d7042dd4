"""The candidate pass: which records may hold which items, straight over the bytes of JSON lines or of text.

For every n-gram of tokens of a record one bit of a filter is looked at, and for the few that pass, a hash table. What
is found there adds weight to the n-gram's items; an item that reaches its threshold in a record is a candidate. JSON
is checked as strictly as Python's own parser does, so that a broken line is known without ever being parsed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditor.kernels.grams import GRAM_MULTIPLIER, NO_SAMPLE, Sample, gram_key, roll, take_sample
from auditor.kernels.jit import kernel
from auditor.kernels.sketch_table import MINHASH_BIT
from auditor.kernels.sketches import look_up_sketches
from auditor.kernels.tokens import BAD_DEPTH, BAD_JSON, OK, char_hash, find, next_code_point, tokenize, turn
from auditor.text import TOKEN_SEED

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_DEPTH = 500
"""Nesting of JSON that is still read; Python's own parser gives up near 1,000."""
NOT_AN_OBJECT = 4
"""Error code of a line that is valid JSON but holds no record."""
EMPTY_GRAM = np.int32(-1)

_SEED = np.uint64(TOKEN_SEED)
_ONE = np.uint64(1)
_U63 = np.uint64(63)
_SIX = np.uint64(6)


class SeedTable(NamedTuple):
    """The n-grams of all items, as arrays that can be memory-mapped."""

    size: int
    """Tokens in an n-gram."""
    filter_bits: NDArray[np.uint64]
    """One bit for each n-gram, at the highest bits of its hash: a quick "no" for nearly everything."""
    filter_shift: int
    """64 - log2(bits of the filter)."""
    keys: NDArray[np.uint64]
    """Open-addressing table of n-gram hashes; its length is a power of two."""
    grams: NDArray[np.int32]
    """n-gram number in each slot; EMPTY_GRAM where there is none."""
    key_shift: int
    """64 - log2(slots)."""
    posting_start: NDArray[np.int64]
    """Where each n-gram's items begin in `posting_item`; one more entry than there are n-grams."""
    posting_item: NDArray[np.int32]
    weight: NDArray[np.float32]
    """Weight of each n-gram; 0 for boilerplate."""
    threshold: NDArray[np.float32]
    """Weight in one record that makes each item a candidate."""


class SeedState(NamedTuple):
    """What a worker keeps while it scans; reset by record numbers that only grow."""

    serial: NDArray[np.int64]
    """Shape (1,): number of the last record seen by this worker."""
    gram_seen: NDArray[np.int64]
    """Record in which each n-gram was last counted."""
    item_seen: NDArray[np.int64]
    """Record in which each item last gathered weight."""
    mass: NDArray[np.float32]
    """Weight gathered by each item in that record; -1 once it is a candidate."""
    hashes: NDArray[np.uint64]
    """Tokens of the text at hand."""
    offsets: NDArray[np.int64]
    """Shape (1,): stands in for token offsets, which this pass does not need."""


class Candidates(NamedTuple):
    """What the pass found, in arrays that are filled from the start."""

    line: NDArray[np.int64]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    item: NDArray[np.int32]
    detector: NDArray[np.uint8]
    """NGRAM or MINHASH."""
    bad_line: NDArray[np.int64]
    bad_code: NDArray[np.int64]
    mask: NDArray[np.uint64]
    """Sets of known keys that records had, a bit a key."""
    mask_count: NDArray[np.int64]
    mask_line: NDArray[np.int64]
    """First line with that set."""
    used: NDArray[np.int64]
    """Shape (6,): candidates, bad lines, masks, lines seen, blank lines, and where the next line begins."""


class Frequencies(NamedTuple):
    """In how many records words and n-grams stand; filled by a pass that counts instead of searching."""

    word_keys: NDArray[np.uint64]
    """Open-addressing table of the words of all items."""
    word_slots: NDArray[np.int32]
    word_shift: int
    word_seen: NDArray[np.int64]
    word_df: NDArray[np.int64]
    gram_df: NDArray[np.int64]
    sample: Sample = NO_SAMPLE
    """Filled in place of the rest where its bound is not 0."""


CANDIDATES, BAD_LINES, MASKS, LINES, BLANKS, NEXT = range(6)

NGRAM, MINHASH, COUNT, SAMPLE = 1, MINHASH_BIT, 4, 8
"""What a pass does, as bits: look for n-grams, look for sketches, count frequencies, or sample n-grams."""


def new_state(table: SeedTable, longest_text: int) -> SeedState:
    """A worker's state for texts of at most `longest_text` bytes."""
    return SeedState(
        serial=np.zeros(1, np.int64),
        gram_seen=np.zeros(len(table.weight), np.int64),
        item_seen=np.zeros(len(table.threshold), np.int64),
        mass=np.zeros(len(table.threshold), np.float32),
        hashes=np.empty(longest_text + 1, np.uint64),
        offsets=np.zeros(1, np.int64),
    )


def new_candidates(table: SeedTable, room: int = 4096) -> Candidates:
    """Empty arrays. A record can name every item once for each detector, so that much is kept free; the pass stops
    where less is."""
    capacity = 2 * len(table.threshold) + room
    return Candidates(
        line=np.empty(capacity, np.int64),
        begin=np.empty(capacity, np.int64),
        end=np.empty(capacity, np.int64),
        item=np.empty(capacity, np.int32),
        detector=np.empty(capacity, np.uint8),
        bad_line=np.empty(room, np.int64),
        bad_code=np.empty(room, np.int64),
        mask=np.empty(256, np.uint64),
        mask_count=np.empty(256, np.int64),
        mask_line=np.empty(256, np.int64),
        used=np.zeros(6, np.int64),
    )


@kernel
def gram_number(key, keys, grams, key_shift):
    """Number of the n-gram with that key, or -1."""
    last = len(keys) - 1
    slot = np.int64(key >> np.uint64(key_shift))
    while grams[slot] != EMPTY_GRAM:
        if keys[slot] == key:
            return np.int64(grams[slot])
        slot = (slot + 1) & last
    return np.int64(-1)


@kernel
def add_weight(gram, table, state, record, line, begin, end, found, count):
    """Give the items of an n-gram its weight; returns the number of candidates so far."""
    if state.gram_seen[gram] == record:
        return count
    state.gram_seen[gram] = record
    weight = table.weight[gram]
    if weight == np.float32(0):
        return count
    for p in range(table.posting_start[gram], table.posting_start[gram + 1]):
        item = table.posting_item[p]
        if state.item_seen[item] != record:
            state.item_seen[item] = record
            state.mass[item] = np.float32(0)
        mass = state.mass[item]
        if mass < np.float32(0):
            continue
        mass += weight
        if mass >= table.threshold[item] and count < len(found.line):
            found.line[count] = line
            found.begin[count] = begin
            found.end[count] = end
            found.item[count] = item
            found.detector[count] = NGRAM
            count += 1
            mass = np.float32(-1)
        state.mass[item] = mass
    return count


@kernel
def look_up(k, table, state, record, line, begin, end, found, count):
    """Look up every n-gram of the `k` tokens in `state.hashes`; returns the number of candidates so far."""
    hashes = state.hashes
    bits = table.filter_bits
    shift = np.uint64(table.filter_shift)
    size = table.size
    turns = np.uint64(size)
    if k < size:
        return count
    h = np.uint64(0)
    for j in range(size - 1):
        h = roll(h, hashes[j], np.uint64(0), turns)
    leaving = np.uint64(0)
    for j in range(size - 1, k):
        h = roll(h, hashes[j], leaving, turns)
        leaving = hashes[j - size + 1]
        key = h * GRAM_MULTIPLIER
        position = key >> shift
        if bits[position >> _SIX] & (_ONE << (position & _U63)):
            gram = gram_number(key, table.keys, table.grams, table.key_shift)
            if gram >= 0:
                count = add_weight(gram, table, state, record, line, begin, end, found, count)
    return count


@kernel
def count(k, table, state, record, frequencies):
    """Count the record for every word and n-gram among the `k` tokens in `state.hashes` that an item has."""
    hashes = state.hashes
    bits = table.filter_bits
    shift = np.uint64(table.filter_shift)
    size = table.size
    turns = np.uint64(size)
    h = np.uint64(0)
    for j in range(k):
        word = gram_number(hashes[j], frequencies.word_keys, frequencies.word_slots, frequencies.word_shift)
        if word >= 0 and frequencies.word_seen[word] != record:
            frequencies.word_seen[word] = record
            frequencies.word_df[word] += 1
        h = roll(h, hashes[j], hashes[j - size] if j >= size else np.uint64(0), turns)
        if j >= size - 1:
            key = gram_key(h)
            position = key >> shift
            if bits[position >> _SIX] & (_ONE << (position & _U63)):
                gram = gram_number(key, table.keys, table.grams, table.key_shift)
                if gram >= 0 and state.gram_seen[gram] != record:
                    state.gram_seen[gram] = record
                    frequencies.gram_df[gram] += 1


# What may come next in a JSON text.
VALUE, KEY_OR_END, KEY, COLON, COMMA_OR_END, VALUE_OR_END, DONE = range(7)
_OBJECT, _ARRAY = 1, 2


@kernel
def literal_end(buf, i, n):
    """End of the number or word (true, false, null, NaN, Infinity) at `i`, or -1 for what is none."""
    b = buf[i]
    negative = b == 45
    if negative:
        i += 1
        b = buf[i]
    if 48 <= b <= 57:
        i += 1
        if b != 48:
            while 48 <= buf[i] <= 57:
                i += 1
        if buf[i] == 46 and 48 <= buf[i + 1] <= 57:
            i += 2
            while 48 <= buf[i] <= 57:
                i += 1
        if buf[i] == 101 or buf[i] == 69:
            j = i + 1
            if buf[j] == 43 or buf[j] == 45:
                j += 1
            if 48 <= buf[j] <= 57:
                while 48 <= buf[j] <= 57:
                    j += 1
                i = j
        return i
    if b == 73:
        return word_end(buf, i, n, _INFINITY)
    if negative:
        return -1
    if b == 116:
        return word_end(buf, i, n, _TRUE)
    if b == 102:
        return word_end(buf, i, n, _FALSE)
    if b == 110:
        return word_end(buf, i, n, _NULL)
    if b == 78:
        return word_end(buf, i, n, _NAN)
    return -1


_TRUE = np.frombuffer(b"true", np.uint8)
_FALSE = np.frombuffer(b"false", np.uint8)
_NULL = np.frombuffer(b"null", np.uint8)
_NAN = np.frombuffer(b"NaN", np.uint8)
_INFINITY = np.frombuffer(b"Infinity", np.uint8)


@kernel
def word_end(buf, i, n, word):
    if i + len(word) > n:
        return -1
    for k in range(len(word)):
        if buf[i + k] != word[k]:
            return -1
    return i + len(word)


@kernel
def key_end(buf, i, n, json, tables):
    """Closing quote of the key whose text begins at `i`, its hash, and an error code."""
    h = _SEED
    while i < n:
        b = buf[i]
        if b == 34:
            return i, h, OK
        if b < 128 and b != 92:
            if b < 32:
                return i, h, BAD_JSON
            h = turn(h, b, tables.char_hash_cased)
            i += 1
            continue
        c, j = next_code_point(buf, i, n, json)
        if c < 0:
            return i, h, -c - 1  # INVALID is BAD_UTF8, BROKEN_ESCAPE is BAD_JSON
        unit = tables.char_hash_cased[c] if c < 128 else char_hash(c)
        h = ((h << np.uint64(9)) | (h >> np.uint64(55))) ^ unit
        i = j
    return i, h, BAD_JSON


@kernel
def scan_lines(
    buf,
    i,
    n,
    classes,
    tables,
    key_hashes,
    key_bits,
    table,
    state,
    stack,
    found,
    frequencies,
    sketches,
    sketch_state,
    mode,
):
    """Find the candidates of the JSON lines in buf[i:n], every one of which ends in a newline.

    Args:
        buf: uint8 array.
        classes: `byte_classes(True)`.
        tables: `TextTables`.
        key_hashes: name table of the top-level keys that can hold text; only their strings are looked at.
        key_bits: uint64, the bit of the key in each slot.
        stack: uint8 array of MAX_DEPTH + 1 entries.
        found: `Candidates`, appended to. The call ends early, at the end of a line, when it is nearly full.
        frequencies: `Frequencies`, filled if `mode` has COUNT; its sample, if it has SAMPLE.
        sketches, sketch_state: `SketchTable` and `SketchState`, looked for if `mode` has MINHASH.
        mode: what to do with the texts: NGRAM, MINHASH, COUNT, SAMPLE, added up.

    Returns:
        True if everything was scanned, else False: empty `found` and call again from `found.used[NEXT]`.
    """
    used = found.used[CANDIDATES]
    bad = found.used[BAD_LINES]
    masks = found.used[MASKS]
    line = found.used[LINES]
    while i < n:
        if used + 2 * len(table.threshold) > len(found.line) or bad >= len(found.bad_line) or masks >= len(found.mask):
            break
        begin = i
        first = used
        record = state.serial[0] + 1
        state.serial[0] = record
        depth = 0
        expect = VALUE
        error = OK
        mask = np.uint64(0)
        bit = np.uint64(0)
        top = 0
        while True:
            b = buf[i]
            if b == 10:
                break
            if b == 32 or b == 9 or b == 13:
                i += 1
                continue
            if b == 34:
                if expect == KEY or expect == KEY_OR_END:
                    i, h, error = key_end(buf, i + 1, n, classes.json, tables)
                    if error != OK:
                        break
                    i += 1
                    expect = COLON
                    if depth == 1:
                        bit = np.uint64(0)
                        slot = find(key_hashes, h)
                        if slot >= 0:
                            bit = key_bits[slot]
                elif expect == VALUE or expect == VALUE_OR_END:
                    mask |= bit
                    i, k, error = tokenize(buf, i + 1, n, classes, tables, state.hashes, state.offsets, state.offsets)
                    if error != OK:
                        break
                    i += 1
                    if bit != np.uint64(0):
                        if mode & COUNT:
                            count(k, table, state, record, frequencies)
                        if mode & SAMPLE:
                            take_sample(k, state.hashes, record, frequencies.sample)
                        if mode & NGRAM:
                            used = look_up(k, table, state, record, line, begin, begin, found, used)
                        if mode & MINHASH:
                            used = look_up_sketches(
                                state.hashes, k, sketches, sketch_state, record, line, begin, begin, found, used
                            )
                    expect = COMMA_OR_END
                else:
                    error = BAD_JSON
                    break
            elif b == 58:
                if expect != COLON:
                    error = BAD_JSON
                    break
                expect = VALUE
                i += 1
            elif b == 44:
                if expect != COMMA_OR_END or depth == 0:
                    error = BAD_JSON
                    break
                expect = KEY if stack[depth] == _OBJECT else VALUE
                i += 1
            elif b == 123 or b == 91:
                if expect != VALUE and expect != VALUE_OR_END:
                    error = BAD_JSON
                    break
                mask |= bit
                depth += 1
                if depth > MAX_DEPTH:
                    error = BAD_DEPTH
                    break
                stack[depth] = _OBJECT if b == 123 else _ARRAY
                if depth == 1:
                    top = stack[1]
                expect = KEY_OR_END if b == 123 else VALUE_OR_END
                i += 1
            elif b == 125 or b == 93:
                ends = KEY_OR_END if b == 125 else VALUE_OR_END
                kind = _OBJECT if b == 125 else _ARRAY
                if depth == 0 or stack[depth] != kind or (expect != COMMA_OR_END and expect != ends):
                    error = BAD_JSON
                    break
                depth -= 1
                expect = COMMA_OR_END
                i += 1
            else:
                if expect != VALUE and expect != VALUE_OR_END:
                    error = BAD_JSON
                    break
                i = literal_end(buf, i, n)
                if i < 0:
                    i = begin
                    error = BAD_JSON
                    break
                expect = COMMA_OR_END
        # The line is over, or broken: find its end.
        while buf[i] != 10:
            i += 1
        if error == OK and expect == VALUE and depth == 0:
            found.used[BLANKS] += 1
        else:
            if error == OK and (depth != 0 or expect != COMMA_OR_END):
                error = BAD_JSON
            if error == OK and top != _OBJECT:
                error = NOT_AN_OBJECT
            if error != OK:
                found.bad_line[bad] = line
                found.bad_code[bad] = error
                bad += 1
                used = first  # a broken line is a skip, not a candidate
            else:
                for p in range(first, used):
                    found.end[p] = i
                slot = 0
                while slot < masks and found.mask[slot] != mask:
                    slot += 1
                if slot == masks:
                    found.mask[slot] = mask
                    found.mask_count[slot] = 0
                    found.mask_line[slot] = line
                    masks += 1
                found.mask_count[slot] += 1
        i += 1
        line += 1
    found.used[CANDIDATES] = used
    found.used[BAD_LINES] = bad
    found.used[MASKS] = masks
    found.used[LINES] = line
    found.used[NEXT] = i
    return i >= n


@kernel
def scan_texts(
    buf, starts, ends, rows, classes, tables, table, state, found, frequencies, sketches, sketch_state, mode
):
    """Find the candidates of the UTF-8 texts buf[starts[t]:ends[t]], which belong to the records `rows`, in order.

    Weight adds up over the texts of one record. `found.line` is the row, `found.used[NEXT]` the next text; a text
    that is no UTF-8 makes its row a bad line. Returns whether everything was scanned, as `scan_lines` does.
    """
    used = found.used[CANDIDATES]
    bad = found.used[BAD_LINES]
    t = found.used[NEXT]
    last_row = -1
    while t < len(starts):
        if rows[t] != last_row:
            if used + 2 * len(table.threshold) > len(found.line) or bad >= len(found.bad_line):
                break
            state.serial[0] += 1
            last_row = rows[t]
        _, k, error = tokenize(buf, starts[t], ends[t], classes, tables, state.hashes, state.offsets, state.offsets)
        if error != OK:
            if bad == found.used[BAD_LINES] or found.bad_line[bad - 1] != last_row:
                found.bad_line[bad] = last_row
                found.bad_code[bad] = error
                bad += 1
        else:
            record = state.serial[0]
            if mode & COUNT:
                count(k, table, state, record, frequencies)
            if mode & SAMPLE:
                take_sample(k, state.hashes, record, frequencies.sample)
            if mode & NGRAM:
                used = look_up(k, table, state, record, last_row, starts[t], ends[t], found, used)
            if mode & MINHASH:
                used = look_up_sketches(
                    state.hashes, k, sketches, sketch_state, record, last_row, starts[t], ends[t], found, used
                )
        t += 1
    found.used[CANDIDATES] = used
    found.used[BAD_LINES] = bad
    found.used[NEXT] = t
    return t >= len(starts)


def empty(found: Candidates) -> None:
    """Forget what was found, keeping how far the pass came."""
    found.used[[CANDIDATES, BAD_LINES, MASKS, BLANKS]] = 0
