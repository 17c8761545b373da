"""Stretches of series, each in its own units."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.panel import Panel

Ints = npt.NDArray[np.int64]

# Series in a batch, and stretches of each.
_SERIES: Final = 16
_OF_EACH: Final = 4


class Stretches(NamedTuple):
    """Values as an encoder takes them.

    Attributes:
        values: ``(stretches, length)``, of mean 0 and mean distance 1 from it; 0 where nothing was observed.
        observed: Whether a value was observed.
    """

    values: npt.NDArray[np.float32]
    observed: npt.NDArray[np.bool_]


def stretches(panel: Panel, series: Ints, end: Ints, length: int) -> Stretches:
    """Cut stretches out of series, each brought to the same mean and size.

    Args:
        panel: The series.
        series: ``(stretches,)`` positions of series.
        end: ``(stretches,)`` row one past the last one of each, counted from the first of the series.
        length: Rows; those before a series are not observed.

    Returns:
        The stretches. One that is constant is 0.

    Example:
        >>> import pandas as pd
        >>> panel = Panel.from_frame(pd.DataFrame({"unique_id": "A", "ds": [1, 2, 3], "y": [5.0, 7.0, 9.0]}))
        >>> stretches(panel, np.array([0]), np.array([3]), 2).values.tolist()
        [[-1.0, 1.0]]
    """
    row = end[:, None] + np.arange(-length, 0)
    taken = panel.values[np.maximum(panel.indptr[series][:, None] + row, 0)]
    observed = (row >= 0) & np.isfinite(taken)
    count = np.maximum(observed.sum(axis=1, keepdims=True), 1)
    with np.errstate(all="ignore"):  # what comes to nothing is 0
        largest = np.abs(np.where(observed, taken, 0)).max(axis=1, keepdims=True)
        away = np.where(observed, taken / largest, 0)
        away = np.where(observed, away - away.sum(axis=1, keepdims=True) / count, 0)
        size = np.abs(away).sum(axis=1, keepdims=True) / count
        # Rounding of equal values is no shape.
        scaled = np.where(size > 1e-12, away / size, 0)
    return Stretches(np.where(np.isfinite(scaled), scaled, 0).astype(np.float32), observed)


def batches(
    panel: Panel, length: int, steps: int, seed: int
) -> Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_], Ints]]:
    """Draw batches of stretches, some of each of some series.

    Args:
        panel: The series, each of more rows than a stretch.
        length: Rows of a stretch.
        steps: Number of batches.
        seed: Fixes them.

    Yields:
        Values, whether each was observed, and the series of each stretch.
    """
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        chosen = rng.choice(panel.n_series, min(_SERIES, panel.n_series), replace=False)
        series = np.repeat(chosen, _OF_EACH)
        cut = stretches(panel, series, rng.integers(length, panel.lengths[series], endpoint=True), length)
        yield *cut, series
