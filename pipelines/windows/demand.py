"""Demand that comes now and then: how often, and how much its sizes differ."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

CLASSES: Final = ("smooth", "erratic", "intermittent", "lumpy")
"""Classes of demand; positions in it are what ``demand_classes`` gives."""

# Where Croston's method errs less than exponential smoothing, by Syntetos, Boylan and Croston.
_INTERVAL: Final = 1.32
_VARIATION: Final = 0.49


def demand_classes(values: npt.NDArray[np.float64], indptr: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Sort series by the mean interval between values that are not zero, and by how much these vary.

    Args:
        values: ``(rows,)`` values from 0 on, NaN where nothing was observed.
        indptr: ``(series + 1,)`` row pointers.

    Returns:
        ``(series,)``: 0 smooth, 1 erratic (sizes vary), 2 intermittent (intervals are long), 3 lumpy (both);
        -1 for a series without a value above zero.

    Example:
        >>> values = np.array([5.0, 6.0, 5.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0])
        >>> demand_classes(values, np.array([0, 3, 7, 9])).tolist()
        [0, 2, -1]

    Reference:
        Syntetos, Boylan, Croston (2005), On the Categorization of Demand Patterns.
    """
    count = len(indptr) - 1
    owner = np.repeat(np.arange(count), np.diff(indptr))
    rows = np.flatnonzero(values > 0)
    demands = np.bincount(owner[rows], minlength=count)
    observed = np.bincount(owner[np.isfinite(values)], minlength=count)
    some = demands > 0
    # Sizes are compared with the largest, so that their squares stay in range.
    largest = np.zeros(count)
    np.maximum.at(largest, owner[rows], values[rows])
    size = values[rows] / largest[owner[rows]]
    mean = np.bincount(owner[rows], size, count) / np.maximum(demands, 1)
    square = np.bincount(owner[rows], (size - mean[owner[rows]]) ** 2, count) / np.maximum(demands, 1)
    varies = square > _VARIATION * mean**2
    rare = observed > _INTERVAL * demands
    return np.where(some, varies + 2 * rare, -1)


def demand_counts(
    values: npt.NDArray[np.float64], indptr: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64] | None:
    """Count the series of each class.

    Args:
        values: ``(rows,)`` values, NaN where nothing was observed.
        indptr: ``(series + 1,)`` row pointers.

    Returns:
        ``(classes,)``; None if a value is below zero, which no demand is.
    """
    if (values < 0).any():
        return None
    return np.bincount(demand_classes(values, indptr) + 1, minlength=len(CLASSES) + 1)[1:]


def demand_note(counts: npt.NDArray[np.int64] | None) -> str | None:
    """Say of which classes the series of a panel are, if zeros are many in some of them.

    Args:
        counts: ``(classes,)`` number of series of each; see ``demand_counts``.

    Returns:
        Text; None if values are no demand, or no series is intermittent or lumpy.

    Example:
        >>> demand_note(demand_counts(np.array([0.0, 0.0, 5.0, 0.0, 0.0, 5.0]), np.array([0, 6])))
        'demand: 1 intermittent series'
    """
    if counts is None or not counts[2:].any():
        return None
    parts = [f"{count:,} {name}" for name, count in zip(CLASSES, counts.tolist(), strict=True) if count]
    return f"demand: {', '.join(parts)} series"
