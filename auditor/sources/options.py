"""How sources are read: one frozen object, each of its values with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.errors import InputError

SCHEMAS = ("text", "messages", "sharegpt", "alpaca", "prompt", "instruction")
"""Names of record shapes that `ReadOptions.schema` takes; `auditor.sources.shapes` says what each reads."""

FORMATS = ("json", "jsonl", "csv", "tsv", "txt", "parquet", "arrow")
"""Names that `ReadOptions.format` takes."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How training sources are read. Block boundaries depend on these and on the bytes, on nothing else.

    Raises InputError where a value is out of its range.
    """

    text_fields: tuple[str, ...] = ()
    """Dotted paths of the only fields to read, such as `a` or `b.c`; lists on the way are expanded. Empty: the known
    shapes decide, record by record."""
    schema: str | None = None
    """Read only this shape's fields (one of `SCHEMAS`), for a file whose other fields mislead. None: all shapes."""
    format: str | None = None
    """Read every source as this format (one of `FORMATS`), for files whose names and contents do not tell."""
    block_bytes: int = 4 << 20
    """Bytes of a block: large enough that taking a lock for each costs nothing, small enough to stay in a core's
    share of the cache, and for progress and resuming to be fine-grained."""
    max_record_bytes: int = 16 << 20
    """A longer record is read in overlapping pieces, so that memory stays flat whatever is in the file. 16 MiB is above
    any book: only logs, base64 and broken files are longer."""
    piece_chars: int = 1 << 20
    """Characters of a piece: 32 times its overlap, so that scanning the overlap twice costs 3 %."""
    piece_overlap: int = 32 << 10
    """Characters that two pieces share: more than any benchmark item with its passage, so that none is cut in two."""
    max_expansion: int = 200
    """Bytes out for each byte in at which a compressed file is a bomb, once 64 MiB came out. Training text compresses
    3 to 10 times, logs and templates up to 100; deflate's own limit is 1032, zstd's about 30,000."""
    encoding: str = "utf-8"
    """Encoding of text files that are not UTF-8, by its Python name."""

    def __post_init__(self) -> None:
        if self.schema is not None and self.schema not in SCHEMAS:
            raise InputError(f"unknown schema {self.schema!r}; it is one of: {', '.join(SCHEMAS)}")
        if self.format is not None and self.format not in FORMATS:
            raise InputError(f"unknown format {self.format!r}; it is one of: {', '.join(FORMATS)}")
        if self.block_bytes < 1 or self.max_record_bytes < 1 or self.max_expansion < 1:
            raise InputError("block_bytes, max_record_bytes and max_expansion must be at least 1")
        if not 0 <= self.piece_overlap < self.piece_chars:
            raise InputError(
                f"piece_overlap ({self.piece_overlap}) must be at least 0 and below piece_chars ({self.piece_chars})"
            )
        try:
            "".encode(self.encoding)
        except LookupError:
            raise InputError(
                f"unknown encoding {self.encoding!r}; use a Python name such as utf-16 or cp1252"
            ) from None
        if any(not part for name in self.text_fields for part in name.split(".")):
            raise InputError(f"a text field is a dotted path such as a or b.c, not {self.text_fields!r}")
