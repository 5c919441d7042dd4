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
