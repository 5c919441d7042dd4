"""Open a source: find out what its bytes are, and hand them to the reader of that format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import SourceError
from auditor.sources import remote
from auditor.sources.lines import read_lines
from auditor.sources.raw import Peekable, StoredBytes, describe, open_local
from auditor.sources.stream import SourceStream

if TYPE_CHECKING:
    from auditor.sources.blocks import BlockStream
    from auditor.sources.discover import Source
    from auditor.sources.options import ReadOptions


def open_source(source: Source, options: ReadOptions) -> BlockStream:
    """The blocks of a source. Raises SourceError or MissingExtraError where it cannot be opened."""
    stored = _open_stored(source)
    stream = Peekable(stored)
    return SourceStream(source.name, stored, read_lines(stream, options, source.name), stream)


def _open_stored(source: Source) -> StoredBytes:
    if source.is_remote:
        file, size = remote.open_url(source.location)
        return StoredBytes(file, size)
    try:
        return open_local(source.location)
    except PermissionError:
        raise SourceError(f"no permission to read {source.name}; change its permissions or leave it out") from None
    except OSError as error:
        raise SourceError(f"cannot open {source.name}: {describe(error)}") from None
