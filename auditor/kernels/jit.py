"""The decorator of compiled kernels: numba, without the GIL, machine code cached by the content of all kernels.

Numba's own cache looks at the time stamp of the file that a function stands in, so a change in another file that the
function is compiled from leaves stale code in use, and it wants to write beside the source. Ours is a folder in the
user's cache, named by a hash of every source that kernels are made of.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba
import numba.core.config
from numba.core.caching import FunctionCache

from auditor.cache import cache_directory

if TYPE_CHECKING:
    from collections.abc import Callable


def _sources_digest() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    here = Path(__file__).parent
    for path in [here.parent / "text.py", *sorted(here.glob("*.py"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


_FOLDER = str(cache_directory() / "kernels" / _sources_digest())


class _Cache(FunctionCache):
    """Machine code on disk, where there is room for it."""

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep compiled code for the next run; on a full disk that run compiles again, and this one goes on."""
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` at its first call, for the types it is called with."""
    return _compiled(function, inline=False)


def inlined(function: Callable[..., Any]) -> Any:
    """As `kernel`, for a part of a kernel that is written into its caller, and never compiled by itself.

    A call that passes a dozen arrays costs more than the few bytes that such a part looks at.
    """
    return _compiled(function, inline=True)


def _compiled(function: Callable[..., Any], *, inline: bool) -> Any:
    config: Any = numba.core.config
    before = config.CACHE_DIR
    config.CACHE_DIR = _FOLDER
    try:
        compiled: Any = numba.njit(nogil=True, boundscheck=False, inline="always" if inline else "never")(function)
        compiled._cache = _Cache(function)
    finally:
        config.CACHE_DIR = before
    return compiled
