"""JSON that is not lines (an array, objects over several lines) as a byte stream of lines; and telling them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import orjson

from auditor.kernels import json_array
from auditor.sources.raw import Failure

if TYPE_CHECKING:
    from auditor.sources.raw import ByteStream

CHUNK = 256 << 10
LINES = -1
"""The layout beside the two modes of the kernel: one value on each line."""


class ElementLines:
    """The elements of a JSON array (or values one after the other), each on a line of its own."""

    def __init__(self, stream: ByteStream, mode: int) -> None:
        self._stream = stream
        self._state = json_array.new_state(mode)
        self._chunk = bytearray(CHUNK)
        self._lines = bytearray(2 * CHUNK)
        self._data = np.frombuffer(self._chunk, np.uint8)
        self._out = np.frombuffer(self._lines, np.uint8)
        self._output = memoryview(b"")
        self._ended = False
        self._failure: Failure | None = None

    @property
    def failure(self) -> Failure | None:
        """See `ByteStream`."""
        return self._stream.failure or self._failure

    def readinto(self, view: memoryview) -> int:
        """See `ByteStream`."""
        while not self._output and not self._ended:
            self._fill()
        count = min(len(view), len(self._output))
        view[:count] = self._output[:count]
        self._output = self._output[count:]
        return count

    def _fill(self) -> None:
        count = self._stream.readinto(memoryview(self._chunk))
        if count:
            written = json_array.split_elements(self._data[:count], self._out, self._state)
            self._output = memoryview(self._lines)[:written]
        ended = self._state[json_array.ENDED]
        if ended == json_array.GARBAGE:
            self._failure = Failure("garbage_after_json_array", "something follows the end of the array")
        elif not count and ended == json_array.RUNNING:
            if self._state[json_array.MODE] == json_array.ARRAY:
                self._failure = Failure("unterminated_json_array", "the file ends before the array does")
            elif self._state[json_array.DEPTH]:
                self._failure = Failure("unterminated_json_value", "the file ends in the middle of a value")
        self._ended = not count or self._failure is not None


def json_layout(head: bytes) -> int:
    """How JSON is laid out, from its first bytes: `LINES`, or a mode of `auditor.kernels.json_array`."""
    text = head.lstrip(b" \t\r\n")
    line, break_, rest = text.partition(b"\n")
    following = rest.lstrip(b" \t\r\n")
    if text.startswith(b"["):
        return LINES if following and _is_json(line) else json_array.ARRAY
    if not text.startswith(b"{") or not break_ or _is_json(line):
        return LINES
    # An object that goes on over the next line, or a broken line? The next line of JSONL begins with an object.
    state = json_array.new_state(json_array.VALUES)
    json_array.split_elements(np.frombuffer(line, np.uint8), np.empty(2 * len(line), np.uint8), state)
    goes_on = state[json_array.DEPTH] > 0 and not state[json_array.IN_STRING]
    return json_array.VALUES if goes_on and not rest.startswith(b'{"') else LINES


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True
