"""Compiled kernels (numba), each beside a plain Python twin that tests hold it to.

Kernels know arrays and nothing of this project's types. They release the GIL and are compiled at their first call; the
machine code is kept in numba's cache, so that later processes only load it.
"""
