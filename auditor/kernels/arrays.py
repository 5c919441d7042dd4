"""Arrays as kernels take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """The same array, not to be written to.

    numba compiles a kernel once for arrays that may be written to and once for others. What kernels only read is
    frozen, so that they are compiled once whether it was built just now or mapped from a file.
    """
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view


def distinct(values: NDArray[Any]) -> NDArray[Any]:
    """The distinct values of a flat array, ascending, which is sorted in place.

    `numpy.unique` does the same by a hash table from numpy 2.3 on, which takes six times as long with many values.
    """
    values.sort()
    first = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=first[1:])
    chosen: NDArray[Any] = values[first]
    return chosen
