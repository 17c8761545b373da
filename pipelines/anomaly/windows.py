"""Stretches of several lengths, each judged by the forecast that was made just before it began."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def window_lengths(horizon: int) -> tuple[int, ...]:
    """Choose the lengths of stretches: they double, so that one of them fits half of any other at least.

    Args:
        horizon: The longest.

    Returns:
        Lengths from 1 to the horizon.

    Example:
        >>> window_lengths(48), window_lengths(7)
        ((1, 2, 4, 8, 16, 32, 48), (1, 2, 4, 7))
    """
    return (*(2**i for i in range(horizon.bit_length()) if 2**i < horizon), horizon)


def feature_lengths(horizon: int) -> npt.NDArray[np.int64]:
    """Return the rows of the stretch that each feature of ``window_features`` measures, ``(features,)``."""
    lengths = window_lengths(horizon)
    return np.array([*lengths, *lengths[1:]])


def window_features(residuals: Floats) -> Floats:
    """Measure the stretches that end with each row, by residuals of the forecasts made before them.

    A stretch of w rows is compared with steps 1 to w of the forecast from the row before it: nothing in the
    stretch has moved what it is compared with. Two things are measured: the size of the mean residual, which
    finds shifts, and the mean size of residuals, which finds changes of shape and of spread.

    Args:
        residuals: ``(rows, horizon)``: entry ``[j, k]`` is the normal score of row ``j + k`` in the forecast
            from the row before ``j``; NaN where nothing was observed.

    Returns:
        ``(rows, features)``: first the sizes of mean residuals by length, then, from length 2 on, the mean
        sizes. NaN for stretches that begin before the first row, whose last row was not observed, or less
        than half of whose rows were.

    Example:
        >>> residuals = np.zeros((4, 2))
        >>> residuals[3, 0] = residuals[2, 1] = 8.0  # the last row, one step ahead and two
        >>> window_features(residuals)[3].tolist(), feature_lengths(2).tolist()
        ([8.0, 4.0, 4.0], [1, 2, 2])
    """
    rows, horizon = residuals.shape
    lengths = window_lengths(horizon)
    known = np.isfinite(residuals)
    filled = np.where(known, residuals, 0.0)
    count = np.cumsum(known, axis=1)
    totals = np.abs(np.cumsum(filled, axis=1)), np.cumsum(np.abs(filled), axis=1)
    means: list[Floats] = []
    for total in totals:
        for length in lengths:
            begin, last = slice(0, max(rows - length + 1, 0)), length - 1
            judged = known[begin, last] & (2 * count[begin, last] >= length)
            mean = np.full(rows, np.nan)
            mean[last:] = np.where(judged, total[begin, last] / np.maximum(count[begin, last], 1), np.nan)
            means.append(mean)
    del means[len(lengths)]  # of one row, both are the same
    return np.stack(means, axis=1)
