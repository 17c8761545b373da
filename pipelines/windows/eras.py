"""Stretches of time, and which of them a member of an ensemble must not learn from."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from pipelines.panel import Panel
from pipelines.windows.blocks import blocks_of_series

# A member of an ensemble is kept from learning one of at least as many parts of the time.
_LEAST_PARTS: Final = 6


def eras(panel: Panel) -> npt.NDArray[np.uint8]:
    """Cut the time that a panel covers into 256 stretches, each with about as many of its rows.

    Args:
        panel: The series.

    Returns:
        ``(rows,)`` number of the stretch that each row lies in; rows of one time share it.
    """
    start, _ = panel.freq.locate(panel.starts)
    # Rows before a position in time: a sum over series that grows by 1 a step while a series lasts.
    position, change = np.unique(np.concatenate([start, start + panel.lengths]), return_inverse=True)
    begun = np.bincount(change[: panel.n_series], minlength=len(position))
    ended = np.bincount(change[panel.n_series :], minlength=len(position))
    growth = np.cumsum(begun - ended)[:-1]
    before = np.concatenate([[0], np.cumsum(growth * np.diff(position))])
    found = np.empty(panel.n_rows, np.uint8)
    for some in blocks_of_series(panel.indptr):
        begin, end = panel.indptr[some.start], panel.indptr[some.stop]
        rows = np.arange(begin, end) + np.repeat((start - panel.indptr[:-1])[some], panel.lengths[some])
        found[begin:end] = np.interp(rows, position, before) * (256 / panel.n_rows)
    return found


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
