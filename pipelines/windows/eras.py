"""Stretches of time, and which of them a member of an ensemble must not learn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipelines.frequency import Freq
from pipelines.panel import Panel
from pipelines.windows.blocks import blocks_of_series

# A member of an ensemble is kept from learning one of at least as many parts of the time.
_LEAST_PARTS: Final = 6


@dataclass(frozen=True)
class TimeCoverage:
    """How many rows of a panel lie before each point in time.

    Attributes:
        position: Points in time where series begin or end.
        before: Rows before each of them, of all series.
    """

    position: npt.NDArray[np.int64]
    before: npt.NDArray[np.int64]

    @classmethod
    def of(cls, freq: Freq, starts: npt.NDArray[Any], lengths: npt.NDArray[np.int64]) -> TimeCoverage:
        """Count the rows of all series.

        Args:
            freq: Step from one row to the next.
            starts: ``(series,)`` stamp of each first row.
            lengths: ``(series,)`` rows of each.

        Returns:
            The coverage.
        """
        start, _ = freq.locate(starts)
        # Rows before a position in time: a sum over series that grows by 1 a step while a series lasts.
        position, change = np.unique(np.concatenate([start, start + lengths]), return_inverse=True)
        begun = np.bincount(change[: len(starts)], minlength=len(position))
        ended = np.bincount(change[len(starts) :], minlength=len(position))
        growth = np.cumsum(begun - ended)[:-1]
        return cls(position, np.concatenate([[0], np.cumsum(growth * np.diff(position))]))

    def eras(self, panel: Panel) -> npt.NDArray[np.uint8]:
        """Find the stretch of time of each row, of 256 with about as many rows.

        Args:
            panel: Some of the series.

        Returns:
            ``(rows,)`` number of the stretch.
        """
        start, _ = panel.freq.locate(panel.starts)
        found = np.empty(panel.n_rows, np.uint8)
        for some in blocks_of_series(panel.indptr):
            begin, end = panel.indptr[some.start], panel.indptr[some.stop]
            rows = np.arange(begin, end) + np.repeat((start - panel.indptr[:-1])[some], panel.lengths[some])
            found[begin:end] = np.interp(rows, self.position, self.before) * (256 / self.before[-1])
        return found


def eras(panel: Panel) -> npt.NDArray[np.uint8]:
    """Cut the time that a panel covers into 256 stretches, each with about as many of its rows.

    Args:
        panel: The series.

    Returns:
        ``(rows,)`` number of the stretch that each row lies in; rows of one time share it.
    """
    return TimeCoverage.of(panel.freq, panel.starts, panel.lengths).eras(panel)


def held_out_eras(members: int) -> npt.NDArray[np.int64]:
    """Stretch of time that each member of an ensemble must not learn the values of.

    What a member has not learned from shows how far its forecasts can be trusted, and members that differ
    err less together. A single one learns from everything.

    Args:
        members: Size of the ensemble.

    Returns:
        ``(members, 2)`` first era held out, and one past the last.

    Example:
        >>> held_out_eras(2).tolist(), held_out_eras(1).tolist()
        ([[0, 42], [128, 170]], [[0, 0]])
    """
    if members == 1:
        return np.zeros((1, 2), np.int64)
    parts = max(members, _LEAST_PARTS)
    own = np.arange(members) * parts // members
    return np.stack([256 * own // parts, 256 * (own + 1) // parts], axis=1)
