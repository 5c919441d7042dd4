"""Byte streams for what is written: compression and encoding as in the source, hashed on the way."""

from __future__ import annotations

import codecs
import os
import sys
import zlib
from typing import IO, TYPE_CHECKING, Any

import xxhash

from auditor.errors import InputError
from auditor.report.files import output_error

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.sources.raw import ByteStream, Failure

CHUNK = 1 << 20
ZSTD_LEVEL = 3
"""zstd's default; a frame does not say at which level it was made."""
GZIP_LEVELS = {2: 9, 4: 1}
"""What the header of a gzip file says of its level (RFC 1952, XFL) to that level; else the default."""
GZIP_DEFAULT = 6
GZIP_XFL = 8


class OutputFile:
    """A new file. Every failure to write it is an OutputError that names the file that it is to become.

    Args:
        path: where it is written.
        name: the path that it will have.
    """

    def __init__(self, path: Path, name: Path) -> None:
        self._name = name
        self._hash = xxhash.xxh3_128()
        self.size = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = path.open("xb", buffering=0)
        except OSError as error:
            raise output_error(name, error) from error

    def write(self, data: bytes | memoryview) -> None:
        """Take all bytes."""
        view = memoryview(data).cast("B")
        self._hash.update(view)
        self.size += len(view)
        try:
            while view:
                view = view[self._file.write(view) or 0 :]
        except OSError as error:
            raise output_error(self._name, error) from error

    def finish(self) -> None:
        """Write what is on its way to the disk, and close."""
        try:
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            raise output_error(self._name, error) from error

    def close(self) -> None:
        """Close a file that is not to be kept."""
        self._file.close()

    def digest(self) -> str:
        """Hexadecimal xxh3_128 of what was written."""
        return self._hash.hexdigest()


class Compressor:
    """Compresses on the way to a file, in one member or frame.

    Args:
        file: where it goes.
        codec: "gzip", "zstd", or None to pass bytes on as they are.
        head: the first bytes of the source as stored, which may tell the level.
    """

    def __init__(self, file: OutputFile, codec: str | None, head: bytes) -> None:
        self._file = file
        self._compressor: Any = None
        if codec == "gzip":
            level = GZIP_LEVELS.get(head[GZIP_XFL] if len(head) > GZIP_XFL else 0, GZIP_DEFAULT)
            # the header's time stays 0: equal runs give equal bytes
            self._compressor = zlib.compressobj(level, zlib.DEFLATED, 31)
        elif codec == "zstd":
            import zstandard

            self._compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_checksum=True).compressobj()

    def write(self, data: bytes | memoryview) -> None:
        """Take all bytes."""
        self._file.write(data if self._compressor is None else self._compressor.compress(data))

    def finish(self) -> None:
        """End the member or frame, and the file."""
        if self._compressor is not None:
            self._file.write(self._compressor.flush())
        self._file.finish()


class Decoded:
    """Text in another encoding as UTF-8, its byte order mark kept as text; remembers whether it could be written back.

    `auditor.sources.plain_text.Transcoded` reads for a scan and replaces what it cannot decode. This one is for text
    that is written again: `check` refuses an encoding in which two byte sequences stand for one text.
    """

    def __init__(self, stream: ByteStream, encoding: str, source: str) -> None:
        self._stream = stream
        self._source = source
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)("strict")
        self._encoder = codecs.getincrementalencoder(encoding)("strict")
        self._read, self._again = xxhash.xxh3_128(), xxhash.xxh3_128()
        self._buffer = bytearray(CHUNK)
        self._output = memoryview(b"")
        self._ended = False

    @property
    def failure(self) -> Failure | None:
        """See `auditor.sources.raw.ByteStream`."""
        return self._stream.failure

    def readinto(self, view: memoryview) -> int:
        """See `auditor.sources.raw.ByteStream`. Raises InputError where the bytes are not of the encoding."""
        while not self._output and not self._ended:
            count = self._stream.readinto(memoryview(self._buffer))
            self._ended = not count
            data = bytes(self._buffer[:count])
            try:
                text = self._decoder.decode(data, final=self._ended)
                again = self._encoder.encode(text, final=self._ended)
            except UnicodeError as error:
                raise self._refusal(f"its bytes are not {self._encoding} ({error.__class__.__name__})") from None
            self._read.update(data)
            self._again.update(again)
            self._output = memoryview(text.encode("utf-8", "surrogatepass"))
        count = min(len(view), len(self._output))
        view[:count] = self._output[:count]
        self._output = self._output[count:]
        return count

    def check(self) -> None:
        """Raise InputError where the text that was read does not become the same bytes again."""
        if self._read.digest() != self._again.digest():
            raise self._refusal(f"{self._encoding} has several ways to write its text")

    def _refusal(self, why: str) -> InputError:
        return InputError(
            f"{self._source} cannot be written back byte for byte: {why}; convert it to UTF-8 and scan it again"
        )


class Encoder:
    """UTF-8 into another encoding, on the way to a compressor. Raises InputError for a mask that it cannot write."""

    def __init__(self, sink: Compressor, encoding: str) -> None:
        self._sink = sink
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._encoder = codecs.getincrementalencoder(encoding)("strict")

    def write(self, data: bytes | memoryview) -> None:
        """Take all bytes."""
        try:
            self._sink.write(self._encoder.encode(self._decoder.decode(bytes(data))))
        except UnicodeEncodeError as error:
            raise InputError(
                f"the mask text cannot be written in {self._encoding} ({error.reason}); give another --mask-text"
            ) from None

    def finish(self) -> None:
        """End the text."""
        self._sink.write(self._encoder.encode("", final=True))
        self._sink.finish()


def exact_encoding(encoding: str, head: bytes) -> str:
    """The encoding under which text with a byte order mark is the same bytes when it is written again."""
    name = codecs.lookup(encoding).name
    if name == "utf-8-sig":
        return "utf-8"
    for mark, exact in ((b"\xff\xfe\0\0", "utf-32-le"), (b"\0\0\xfe\xff", "utf-32-be")):
        if name == "utf-32" and head.startswith(mark):
            return exact
    for mark, exact in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if name == "utf-16" and head.startswith(mark):
            return exact
    # without a mark, Python takes the machine's own order, and would write a mark
    return f"{name}-{'le' if sys.byteorder == 'little' else 'be'}" if name in ("utf-16", "utf-32") else name
