"""Blocks of time: what is counted where neighboring rows are alike, so that no row counts by itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.panel import Panel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Blocks(NamedTuple):
    """What was seen in blocks of time.

    Attributes:
        largest: ``(blocks, features)`` largest value of each feature.
        mean: ``(blocks, features)`` its mean.
        ids: Id of the series of each block, as text.
    """

    largest: Floats
    mean: Floats
    ids: tuple[str, ...]

    @classmethod
    def of(cls, values: Floats, numbers: Ints, steps: int, name: str) -> Blocks:
        """Take the largest and the mean values of blocks of one series.

        Args:
            values: ``(rows, features)``, NaN where nothing was judged.
            numbers: ``(rows,)`` number of the block of each row, not decreasing.
            steps: Rows of a block.
            name: Id of the series.

        Returns:
            Those blocks at least half of whose rows were judged by all features.

        Example:
            >>> values = np.array([[1.0], [3.0], [2.0], [5.0], [np.nan]])
            >>> Blocks.of(values, np.array([6, 6, 6, 7, 7]), 3, "A")
            Blocks(largest=array([[3.]]), mean=array([[2.]]), ids=('A',))
        """
        begins = np.flatnonzero(np.diff(numbers, prepend=numbers[:1] - 1))
        judged = ~np.isnan(values)
        seen = np.add.reduceat(judged, begins, axis=0, dtype=np.int64)
        total = np.add.reduceat(np.where(judged, values, 0.0), begins, axis=0)
        enough = (2 * seen >= steps).all(axis=1)
        largest = np.fmax.reduceat(values, begins, axis=0)[enough]
        return cls(largest, (total / np.maximum(seen, 1))[enough], (name,) * len(largest))

    @classmethod
    def joined(cls, parts: Iterable[Blocks]) -> Blocks:
        """Put the blocks of several series together."""
        largest, mean, ids = zip(*parts, strict=True)
        return cls(
            np.concatenate(largest), np.concatenate(mean), tuple(name for part in ids for name in part)
        )


def block_numbers(panel: Panel, series: int, steps: int, first: int, end: int) -> Ints:
    """Number the block that each row lies in: that of its place in time, which all series share.

    Args:
        panel: The series.
        series: Position of one of them.
        steps: Rows of a block.
        first: First row, counted from the start of the series.
        end: One past the last.

    Returns:
        ``(end - first,)`` numbers.
    """
    [start], _ = panel.freq.locate(panel.starts[[series]])
    numbers: Ints = (int(start) + np.arange(first, end)) // steps
    return numbers
