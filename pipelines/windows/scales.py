"""Sizes of series: what windows are scaled by, and how much their errors count."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

# Part of a loss weight that follows how predictable a series is: 1 counts errors in units of its seasonal
# differences, 0 in units of its spread. The more predictable series would drown the others at 1.
_PREDICTABILITY_SHARE: Final = 0.6
_MANY_ROWS: Final = 1_000_000


def usual_change(
    values: npt.NDArray[np.float64], indptr: npt.NDArray[np.int64], season_length: int
) -> npt.NDArray[np.float64]:
    """Exponentially weighted mean of the absolute changes of each series up to each row.

    It is what a window without change or without values is scaled by: a weight halves every four seasons, and
    every 32 observed values at least, so that long silence makes it small.

    Args:
        values: ``(rows,)`` finite values, NaN where nothing was observed.
        indptr: ``(series + 1,)`` row pointers.
        season_length: Steps in a season.

    Returns:
        ``(rows,)``: 0 at the first observed value of a series, NaN where nothing was observed.

    Example:
        >>> usual_change(np.array([1.0, 3.0, np.nan, 3.0]), np.array([0, 4]), season_length=1).round(2)
        array([0.  , 2.  ,  nan, 0.99])
    """
    keep = 0.5 ** (1 / max(4 * season_length, 32))
    rows = np.flatnonzero(np.isfinite(values))
    begin = np.searchsorted(rows, indptr)
    change = np.abs(np.diff(values[rows], prepend=0.0))
    sums = _decaying_sums_of_many if len(rows) > _MANY_ROWS else _decaying_sums
    for first, end in pairwise(begin):
        if end > first:
            change[first] = 0.0
            change[first:end] = sums(change[first:end], keep)
    age = np.arange(len(rows)) - np.repeat(begin[:-1], np.diff(begin))
    change /= np.maximum((1 - keep**age) / (1 - keep), 1.0)
    result = np.full(len(values), np.nan)
    result[rows] = change
    return result


def _decaying_sums(values: npt.NDArray[np.float64], keep: float) -> list[float]:
    return [*accumulate(values.tolist(), lambda total, new: keep * total + new)]


def _decaying_sums_of_many(values: npt.NDArray[np.float64], keep: float) -> npt.NDArray[np.float64]:
    from scipy.signal import lfilter  # twenty times as fast, but takes a second to import

    sums: npt.NDArray[np.float64] = lfilter([1.0], [1.0, -keep], values)
    return sums


def loss_weights(
    values: npt.NDArray[np.float64], indptr: npt.NDArray[np.int64], season_length: int
) -> Floats:
    """Weight of each series' errors, so that series of all sizes teach alike.

    Args:
        values: ``(rows,)`` values of any size, NaN where nothing was observed.
        indptr: ``(series + 1,)`` row pointers.
        season_length: Steps in a season.

    Returns:
        ``(series,)``: one over a geometric mean of the series' mean absolute seasonal difference (of one step
        where a season does not fit) and its mean absolute deviation from its mean; 1 if it never moves.
    """
    owner = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    center = _mean_per_series(values, owner, indptr)
    spread = _mean_per_series(np.abs(values - center[owner]), owner, indptr)
    seasonal = _mean_change(values, owner, indptr, season_length)
    change = np.where(seasonal > 0, seasonal, _mean_change(values, owner, indptr, 1))
    spread = np.where(spread > 0, spread, 1.0)
    share = np.where(change > 0, np.maximum(change / spread, 0.01), 1.0)
    return (1.0 / (spread * share**_PREDICTABILITY_SHARE)).astype(np.float32)


def _mean_change(
    values: npt.NDArray[np.float64], owner: npt.NDArray[np.int64], indptr: npt.NDArray[np.int64], lag: int
) -> npt.NDArray[np.float64]:
    """Mean absolute difference to ``lag`` rows before within each series, NaN where there is no pair."""
    change = np.full(len(values), np.nan)
    within = owner[lag:] == owner[:-lag]
    change[lag:][within] = np.abs(values[lag:] - values[:-lag])[within]
    return _mean_per_series(change, owner, indptr)


def _mean_per_series(
    values: npt.NDArray[np.float64], owner: npt.NDArray[np.int64], indptr: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Mean of each series' values that are not NaN, NaN where there is none."""
    known = np.isfinite(values)
    count = np.bincount(owner[known], minlength=len(indptr) - 1)
    total = np.bincount(owner[known], values[known], len(indptr) - 1)
    mean = np.full(len(count), np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean
