"""Stretches in which a series stays at one value for much longer than it otherwise does."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pipelines.panel.panel import Panel

Ints = npt.NDArray[np.int64]

# A shorter stretch can be part of the season: a night, a weekend.
_SEASONS: Final = 2
# Of demand that comes by chance, zeros last that long once in some ten thousand times.
_USUAL_RUNS: Final = 20


class SilentStretch(NamedTuple):
    """A stretch of one value.

    Attributes:
        series: Id of the series.
        value: What it stays at.
        first: First stamp.
        last: Last stamp.
        rows: Values observed in it.
    """

    series: Hashable
    value: float
    first: str
    last: str
    rows: int


class Stretches(NamedTuple):
    """Rows of such stretches.

    Attributes:
        series: Position of each one's series.
        first: Its first row.
        last: Its last row.
        rows: Values observed in it.
    """

    series: Ints
    first: Ints
    last: Ints
    rows: Ints


def find_silence(values: npt.NDArray[np.float64], indptr: Ints, season_length: int) -> Stretches:
    """Find stretches of one value that are long for their series: dead sensors, closed shops.

    A stretch counts as silent if it holds two seasons of observed values at least, and twenty times as many
    as the runs of equal values of its series do on average. So zeros between the sales of a slow mover, and
    prices that change twice a year, are not silence. A series that never changes is none either.

    Args:
        values: ``(rows,)`` values, NaN where nothing was observed; such rows do not end a stretch.
        indptr: ``(series + 1,)`` row pointers.
        season_length: Steps in a season.

    Returns:
        The stretches, by series and time.

    Example:
        >>> values = np.r_[np.arange(50.0), np.zeros(40), np.arange(50.0)]
        >>> find_silence(values, np.array([0, 140]), season_length=7)[1:]
        (array([50]), array([90]), array([41]))
    """
    observed = np.isfinite(values)
    rows = None if observed.all() else np.flatnonzero(observed)
    seen, begin = (values, indptr) if rows is None else (values[rows], np.searchsorted(rows, indptr))
    starts = np.ones(len(seen), bool)
    starts[1:] = seen[1:] != seen[:-1]
    starts[begin[:-1][begin[:-1] < len(seen)]] = True
    first = np.flatnonzero(starts)
    length = np.diff(first, append=len(seen))
    runs = np.diff(np.searchsorted(first, begin))
    usual = np.diff(begin) / np.maximum(runs, 1)
    series = np.repeat(np.arange(len(runs)), runs)
    silent = length >= np.maximum(_SEASONS * season_length, _USUAL_RUNS * usual)[series]
    first, length = first[silent], length[silent]
    last = first + length - 1
    if rows is not None:
        first, last = rows[first], rows[last]
    return Stretches(series[silent], first, last, length)


def silent_stretches(panel: Panel, season_length: int) -> tuple[SilentStretch, ...]:
    """Name the silent stretches of a panel as a reader knows them; see ``find_silence``.

    Args:
        panel: The series.
        season_length: Steps in a season.

    Returns:
        The stretches, by series and time.
    """
    series, first, last, rows = find_silence(panel.values, panel.indptr, season_length)
    begin = panel.indptr[series]
    ends: list[Any] = [
        [str(stamp) for stamp in panel.frame_time(panel.freq.advance(panel.starts[series], row - begin))]
        for row in (first, last)
    ]
    parts = (panel.ids[series].tolist(), panel.values[first].tolist(), *ends, rows.tolist())
    return tuple(SilentStretch(*part) for part in zip(*parts, strict=True))
