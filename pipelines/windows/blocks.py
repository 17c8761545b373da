"""Some series at a time, so that work on all rows takes little memory beside its result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

_ROWS: Final = 2**20


def blocks_of_series(indptr: npt.NDArray[np.int64]) -> Iterator[slice]:
    """Cut a panel into blocks of about a million rows.

    Args:
        indptr: ``(series + 1,)`` row pointers.

    Yields:
        Positions of neighboring series; one longer than a block is a block of its own.

    Example:
        >>> list(blocks_of_series(np.array([0, 700_000, 1_200_000, 1_300_000])))
        [slice(0, 1, None), slice(1, 3, None)]
    """
    begin = 0
    while begin < len(indptr) - 1:
        end = int(np.searchsorted(indptr, indptr[begin] + _ROWS, side="right")) - 1
        end = max(end, begin + 1)
        yield slice(begin, end)
        begin = end
