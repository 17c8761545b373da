"""What stands where nothing was observed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def filled(values: Floats, indptr: Ints, season_length: int, last: Ints) -> Floats:
    """Put in the place of each missing value the last one of the same phase, or the last of all without one.

    Args:
        values: ``(rows,)`` values, NaN where nothing was observed.
        indptr: ``(series + 1,)`` row pointers.
        season_length: Steps in a season.
        last: ``(rows,)`` newest row up to each row at which its series was observed, -1 where there is none.

    Returns:
        ``(rows,)`` values, 0 before the first one of a series.
    """
    result = np.where(last >= 0, values[last], 0.0)
    missing = np.isnan(values) & (last >= 0)
    if not missing.any():
        return result
    owner = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    phase = (np.arange(len(values)) - indptr[owner]) % season_length
    order = np.lexsort((phase, owner))  # rows of a series and phase side by side, in time
    group = (owner * season_length + phase)[order]
    seen = np.maximum.accumulate(np.where(np.isfinite(values[order]), np.arange(len(order)), -1))
    twins = (seen >= 0) & (group[seen] == group) & missing[order]
    result[order[twins]] = values[order[seen[twins]]]
    return result
