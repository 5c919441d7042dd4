"""The format of a sketch file: written in one pass, read in blocks, every byte of it under a checksum.

magic                 8 bytes
length of the header  4 bytes, little-endian
header                JSON: parameters, key id, sources, counts, lengths of the sections
payload               blocks of at most 65,536 n-grams: the lengths, first hash and number of n-grams of the block,
                      then the differences of the sorted hashes and their counts, both transposed into byte planes
                      and compressed with zstd: the low bytes are random, the high ones nearly constant
commitment            the root of every block of the training set (see `auditor.sketch.commitment`), as JSON in zstd
seal                  32 bytes: BLAKE2b of everything before
"""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import orjson
import zstandard

from auditor import __version__
from auditor.errors import IndexVersionError, InputError, OutputError
from auditor.kernels.grams import HASH_BITS
from auditor.sketch.commitment import DIGEST, BlockNode, SourceNode, root_of
from auditor.text import TEXT_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from auditor.sketch.runs import Counted

MAGIC = b"\x89AUDSKT\n"
"""The first byte is in no text, and the line feed shows a file that was sent as text."""
SKETCH_VERSION = 1
HASH = f"siphash-2-4/{HASH_BITS}"
GRAMS_IN_BLOCK = 1 << 16
_BLOCK = struct.Struct("<IIIQ")
"""Compressed lengths of hashes and of counts, number of n-grams, first hash."""
LEVEL = 9
LONGEST_HEADER = 1 << 28
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Parameters:
    """What two sketches must share to be compared or merged."""

    size: int
    """Tokens in an n-gram."""
    fraction: Fraction
    """Share of all n-grams that is in the sketch."""
    key_kind: str
    key_id: str
    reading: tuple[tuple[str, Any], ...]
    """How the training set was read, by name."""

    @property
    def bound(self) -> int:
        """Hashes below it are in the sketch."""
        return (self.fraction.numerator << HASH_BITS) // self.fraction.denominator

    def to_json(self) -> dict[str, Any]:
        """The parameters as JSON values."""
        return {
            "scheme": "fracminhash", "hash": HASH, "ngram_size": self.size,
            "fraction": [self.fraction.numerator, self.fraction.denominator], "text_version": TEXT_VERSION,
            "key": {"kind": self.key_kind, "id": self.key_id}, "reading": dict(self.reading),
        }  # fmt: skip


def differences(a: Parameters, b: Parameters) -> list[str]:
    """Names of the parameters in which two sketches differ, with both values."""
    one, other = a.to_json(), b.to_json()
    return [f"{name} ({_short(one[name])} and {_short(other[name])})" for name in one if one[name] != other[name]]


def _short(value: Any) -> str:
    if isinstance(value, list):
        return "/".join(map(str, value))
    return f"{value['kind']} {value['id']}".strip() if isinstance(value, dict) and "kind" in value else str(value)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a sketch says beside its n-grams."""

    parameters: Parameters
    sources: tuple[SourceNode, ...]
    """In the order of their names."""
    records: int
    skipped: dict[str, int]
    """Records and sources that are not in it, by reason."""
    complete: bool
    """Whether everything that was asked for was read."""
    root: bytes
    """Of the Merkle trees over the sources."""
    distinct: int = 0
    """n-grams in the sketch."""
    total: int = 0
    """Sum of their document frequencies."""


def is_sketch(path: str | os.PathLike[str]) -> bool:
    """Whether a local file begins as a sketch does."""
    try:
        if not Path(path).is_file():  # what is read from a pipe is gone from it
            return False
        with Path(path).open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except (OSError, ValueError):
        return False


def write_sketch(path: Path, contents: Contents, grams: Iterable[Counted]) -> bytes:
    """Write a sketch, whole or not at all; returns its seal. `distinct` and `total` of `contents` are counted here.

    Raises:
        OutputError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with tempfile.TemporaryFile(dir=path.parent) as payload, temporary.open("wb") as out:
            distinct = total = 0
            for hashes, counts in _in_blocks(grams):
                payload.write(_packed(hashes, counts))
                distinct += len(hashes)
                total += int(counts.sum())
            tree = zstandard.compress(orjson.dumps([_source_json(s) for s in contents.sources]), LEVEL)
            header = orjson.dumps(
                {
                    "format": "auditor sketch", "version": SKETCH_VERSION, "auditor": __version__,
                    "parameters": contents.parameters.to_json(), "records": contents.records,
                    "skipped": dict(sorted(contents.skipped.items())), "complete": contents.complete,
                    "distinct": distinct, "total": total, "root": contents.root.hex(),
                    "payload_bytes": payload.tell(), "commitment_bytes": len(tree),
                }
            )  # fmt: skip
            seal = hashlib.blake2b(digest_size=DIGEST)
            payload.seek(0)
            for chunk in _chunks([MAGIC, len(header).to_bytes(4, "little"), header], payload, [tree]):
                seal.update(chunk)
                out.write(chunk)
            out.write(seal.digest())
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}; make room or give another file with -o"
        ) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return seal.digest()


def _in_blocks(grams: Iterable[Counted]) -> Iterator[Counted]:
    """The same in blocks of one length, so that the file does not depend on how they came."""
    held: list[Counted] = []
    count = 0
    for part in grams:
        held.append(part)
        count += len(part[0])
        if count < GRAMS_IN_BLOCK:
            continue
        hashes, counts = (np.concatenate([h[i] for h in held]) for i in (0, 1))
        whole = count - count % GRAMS_IN_BLOCK
        for start in range(0, whole, GRAMS_IN_BLOCK):
            yield hashes[start : start + GRAMS_IN_BLOCK], counts[start : start + GRAMS_IN_BLOCK]
        held, count = [(hashes[whole:], counts[whole:])], count - whole
    if count:
        yield np.concatenate([h[0] for h in held]), np.concatenate([h[1] for h in held])


def _chunks(before: list[bytes], file: IO[bytes], after: list[bytes]) -> Iterator[bytes]:
    yield from before
    while chunk := file.read(CHUNK):
        yield chunk
    yield from after


def _source_json(s: SourceNode) -> list[Any]:
    # a name may hold bytes that are no UTF-8
    name = s.name.encode("utf-8", "surrogateescape").hex()
    return [name, s.records, s.bytes, s.digest, [[b.index, b.leaves, b.root.hex()] for b in s.blocks]]


def _planes(values: NDArray[np.uint64]) -> bytes:
    """Numbers as eight planes of bytes, compressed."""
    rows = np.ascontiguousarray(values, "<u8").view(np.uint8).reshape(-1, 8)
    return zstandard.compress(np.ascontiguousarray(rows.T).tobytes(), LEVEL)


def _numbers(data: bytes, count: int) -> NDArray[np.uint64]:
    planes = zstandard.ZstdDecompressor().decompress(data, max_output_size=8 * count)
    if len(planes) != 8 * count:
        raise ValueError("a block holds another number of n-grams than it says")
    rows = np.ascontiguousarray(np.frombuffer(planes, np.uint8).reshape(8, count).T)
    return rows.view("<u8").reshape(-1).astype(np.uint64)


def _packed(hashes: NDArray[np.uint64], counts: NDArray[np.uint64]) -> bytes:
    steps, numbers = _planes(np.diff(hashes)), _planes(counts - np.uint64(1))
    return _BLOCK.pack(len(steps), len(numbers), len(hashes), int(hashes[0])) + steps + numbers


class SketchFile:
    """A sketch on disk: its header and commitment in memory, its n-grams read as they are asked for.

    Raises InputError for what is no sketch, is cut, or was changed after it was written; IndexVersionError for another
    version of the format or of the text rules.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            self.seal = self._check_seal()
            with self.path.open("rb") as file:
                self._read_header(file)
        except OSError as error:
            raise InputError(f"cannot read the sketch {self.path}: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError, IndexError, ZeroDivisionError, zstandard.ZstdError) as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, what: str) -> InputError:
        return InputError(
            f"the sketch {self.path} is damaged or was changed ({what}): ask its author for it again, and compare its "
            "seal with the one that was published"
        )

    def _check_seal(self) -> bytes:
        """Hash the whole file: what is changed in it, or cut off, shows before anything of it is believed."""
        size = self.path.stat().st_size
        digest = hashlib.blake2b(digest_size=DIGEST)
        with self.path.open("rb") as file:
            head = file.read(len(MAGIC))
            if head != MAGIC:
                if head[:1] == MAGIC[:1] or MAGIC[1:7] in head:
                    raise self._damaged("it was sent as text, or cut")
                raise InputError(f"{self.path} is no sketch; make one with: auditor sketch TRAIN -o {self.path.name}")
            left = size - len(MAGIC) - DIGEST
            digest.update(head)
            while left > 0 and (chunk := file.read(min(CHUNK, left))):
                digest.update(chunk)
                left -= len(chunk)
            if left or digest.digest() != (seal := file.read()):
                raise self._damaged("its checksum does not fit: it was cut, or bytes of it differ")
        return seal

    def _read_header(self, file: IO[bytes]) -> None:
        file.seek(len(MAGIC))
        length = int.from_bytes(file.read(4), "little")
        header = orjson.loads(file.read(min(length, LONGEST_HEADER)))
        if header["version"] != SKETCH_VERSION:
            raise IndexVersionError(
                f"the sketch {self.path} has version {header['version']!r} (auditor {header.get('auditor', '?')}) and "
                f"this auditor {__version__} reads {SKETCH_VERSION}: use the version that wrote it, or sketch again"
            )
        p = header["parameters"]
        if (p["scheme"], p["hash"], p["text_version"]) != ("fracminhash", HASH, TEXT_VERSION):
            raise IndexVersionError(
                f"the sketch {self.path} was made with {p['scheme']}, {p['hash']} and text rules "
                f"{p['text_version']}; this auditor {__version__} compares fracminhash, {HASH}, {TEXT_VERSION}: "
                "use the version that wrote it, or sketch again"
            )
        reading = tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in sorted(p["reading"].items()))
        parameters = Parameters(
            int(p["ngram_size"]), Fraction(*p["fraction"]), p["key"]["kind"], p["key"]["id"], reading
        )
        if not (0 < parameters.fraction <= 1 and 2 <= parameters.size <= 32):
            raise ValueError("its fraction or n-gram size is out of range")
        self._payload = len(MAGIC) + 4 + length
        self._payload_end = self._payload + int(header["payload_bytes"])
        file.seek(self._payload_end)
        compressed = file.read(int(header["commitment_bytes"]))
        tree = orjson.loads(zstandard.ZstdDecompressor().decompress(compressed))
        sources = tuple(
            SourceNode(
                bytes.fromhex(name).decode("utf-8", "surrogateescape"), int(records), int(size), digest,
                tuple(BlockNode(int(index), int(leaves), bytes.fromhex(root)) for index, leaves, root in blocks),
            )
            for name, records, size, digest, blocks in tree
        )  # fmt: skip
        if sum(s.records for s in sources) != header["records"]:
            raise ValueError("its sources hold another number of records than it says")
        if header["root"] != root_of(sources).hex():
            raise ValueError("its root is not that of its blocks")
        self.contents = Contents(
            parameters, sources, int(header["records"]), dict(header["skipped"]), bool(header["complete"]),
            bytes.fromhex(header["root"]), int(header["distinct"]), int(header["total"]),
        )  # fmt: skip

    def grams(self) -> Iterator[Counted]:
        """(hashes, document frequencies), ascending, block by block.

        Raises InputError where they are not in order, out of range, or not as many as the header says: a seal can be
        made anew by whoever changes the file.
        """
        contents = self.contents
        distinct = total = 0
        last = -1
        try:
            with self.path.open("rb") as file:
                file.seek(self._payload)
                while file.tell() < self._payload_end:
                    steps, numbers, count, first = _BLOCK.unpack(file.read(_BLOCK.size))
                    if not 0 < count <= GRAMS_IN_BLOCK:
                        raise ValueError("a block holds no or too many n-grams")
                    deltas = _numbers(file.read(steps), count - 1)
                    hashes = np.cumsum(np.concatenate([np.array([first], np.uint64), deltas]), dtype=np.uint64)
                    counts = _numbers(file.read(numbers), count) + np.uint64(1)
                    bound = contents.parameters.bound
                    # a difference so large that the sum wraps around would lead back
                    ascending = int(hashes[0]) > last and bool((hashes[1:] > hashes[:-1]).all())
                    if not ascending or int(hashes[-1]) >= bound:
                        raise ValueError("its hashes are out of order or out of range")
                    last = int(hashes[-1])
                    distinct += count
                    total += int(counts.sum())
                    yield hashes, counts
        except OSError as error:
            raise InputError(f"cannot read the sketch {self.path}: {error.strerror or error}") from error
        except (ValueError, struct.error, zstandard.ZstdError) as error:
            raise self._damaged(str(error)) from error
        if (distinct, total) != (contents.distinct, contents.total):
            raise self._damaged("its counts do not add up to what its header says")
