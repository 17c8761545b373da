"""Where origins may lie, and what the network is shown of each series.

Windows are never cut out and stored: a batch is a list of (series, newest origin) pairs, and the compiled
step gathers each chunk from the one array of all rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from pipelines.panel import Panel

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

# Far inside float32's range, so that sums over a window stay finite.
LARGEST = 1e30
# Part of a loss weight that follows how predictable a series is: 1 counts errors in units of its seasonal
# differences, 0 in units of its spread. The more predictable series would drown the others at 1.
_PREDICTABILITY_SHARE = 0.6
# A member of an ensemble is kept from learning one of at least as many parts of the time.
_LEAST_PARTS = 6


@dataclass(frozen=True)
class SeriesTable:
    """A panel as the network reads it, in 32 bits.

    A series is shown relative to its first observed value, in units of a power of two near its first change.
    Both are known from the first change on, and the division is exact, so that no later value moves a
    forecast by a bit. Before its first change a series is forecast without the network.

    Attributes:
        values: ``(rows,)`` conditioned values; where nothing was observed, the last one that was, or 0.
        observed: ``(rows,)`` whether a value was observed.
        change: ``(rows,)`` usual size of a change between observed values so far, recent ones counting more.
        phase: ``(rows,)`` calendar position of each row, from 0 to ``phases - 1``.
        phases: Number of calendar positions, 1 if there are none.
        indptr: ``(series + 1,)`` row pointers.
        seen: ``(series,)`` row of the first observed value; one past the last row where there is none.
        moved: ``(series,)`` row of the first value that differs from it; one past the last row likewise.
        negative: ``(series,)`` row of the first value below 0; one past the last row likewise.
        base: ``(series,)`` float64 first observed value; 0 where there is none.
        unit: ``(series,)`` float64 power of two; a forecast is ``base + unit * output``.
        weight: ``(series,)`` weight of an error of one unit in the loss.
        era: ``(rows,)`` position in time, from 0 to 255: each holds about as many rows of the panel.
        first_origin: ``(series,)`` first row that may be an origin in training, relative to the series: one
            with a season before it, if that leaves any, and with a change, as silence teaches nothing.
    """

    values: Floats
    observed: npt.NDArray[np.bool_]
    change: Floats
    phase: npt.NDArray[np.int16]
    phases: int
    indptr: npt.NDArray[np.int64]
    seen: npt.NDArray[np.int64]
    moved: npt.NDArray[np.int64]
    negative: npt.NDArray[np.int64]
    base: npt.NDArray[np.float64]
    unit: npt.NDArray[np.float64]
    weight: Floats
    era: npt.NDArray[np.uint8]
    first_origin: npt.NDArray[np.int64]

    @classmethod
    def from_panel(cls, panel: Panel, season_length: int) -> SeriesTable:
        """Condition a panel.

        Args:
            panel: The series.
            season_length: Steps in a season.

        Returns:
            The table.
        """
        owner = panel.series_of_rows
        observed = np.isfinite(panel.values)
        seen = _first_row(observed, panel.indptr)
        base = _at_row(panel.values, seen, panel.indptr)
        with np.errstate(over="ignore"):  # what overflows is clipped below
            away = panel.values - base[owner]
            moved = _first_row(observed & (away != 0), panel.indptr)
            step = np.abs(_at_row(away, moved, panel.indptr))
            step = np.where(step > 0, step, np.where(base != 0, np.abs(base), 1.0))
            unit = np.exp2(np.clip(np.round(np.log2(step)), -1000, 1000))
            away /= unit[owner]
        np.clip(away, -LARGEST, LARGEST, out=away)
        phase, phases = calendar_phase(panel, season_length)
        lengths = panel.lengths
        last = _last_observed_row(observed, panel.indptr)
        change = usual_change(away, panel.indptr, season_length)
        return cls(
            values=np.where(last >= 0, away[last], 0.0).astype(np.float32),
            observed=observed,
            change=np.where(last >= 0, change[last], 0.0).astype(np.float32),
            phase=phase,
            phases=phases,
            indptr=panel.indptr,
            seen=seen,
            moved=moved,
            negative=_first_row(panel.values < 0, panel.indptr),
            base=base,
            unit=unit,
            weight=loss_weights(away, panel.indptr, season_length),
            era=eras(panel),
            first_origin=np.maximum(np.minimum(season_length, lengths - 2), moved - panel.indptr[:-1]),
        )

    @property
    def n_series(self) -> int:
        """Number of series."""
        return len(self.base)

    @property
    def origins(self) -> npt.NDArray[np.int64]:
        """``(series,)`` rows of each series that may be origins in training: a target follows each."""
        return np.maximum(np.diff(self.indptr) - 1 - self.first_origin, 0)

    @property
    def offset(self) -> Floats:
        """``(series,)`` what to add to a conditioned value to get the level in the same units."""
        return (self.base / self.unit).astype(np.float32)


@dataclass(frozen=True)
class ChunkSampler:
    """Draws chunks of consecutive origins; every origin of a series is drawn equally often.

    Series are drawn in proportion to the root of their number of origins, so that long ones teach more
    without drowning the short ones.
    """

    table: SeriesTable
    origins_per_chunk: int

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Ints, Ints]:
        """Draw series and newest origin of as many chunks.

        Args:
            rng: Source of randomness.
            shape: Shape of the result.

        Returns:
            Positions of series, and rows of the newest origin. A newest origin may lie past the end of its
            series: such a chunk holds fewer origins, and without it the last ones would be drawn too rarely.
        """
        origins = self.table.origins
        odds = np.sqrt(origins)
        edges = np.cumsum(odds / odds.sum())
        edges[-1] = 1.0
        series = np.searchsorted(edges, rng.random(shape), side="right")
        span = origins[series] + self.origins_per_chunk - 1
        first = self.table.indptr[series] + self.table.first_origin[series]
        newest = first + np.floor(rng.random(shape) * span).astype(np.int64)
        return series.astype(np.int32), newest.astype(np.int32)


def calendar_phase(panel: Panel, season_length: int) -> tuple[npt.NDArray[np.int16], int]:
    """Position of each row in the calendar cycle that its frequency suggests.

    Hour of the week for steps shorter than a day, day of the week for days, week of the year, month, quarter;
    the position within the season for integer stamps.

    Args:
        panel: The series.
        season_length: Steps in a season, for integer stamps.

    Returns:
        ``(rows,)`` positions, and their number.
    """
    stamps = panel.all_stamps()
    if panel.freq.is_integer:
        if season_length > 512:
            return np.zeros(panel.n_rows, np.int16), 1
        return (stamps // panel.freq.step % season_length).astype(np.int16), season_length
    time: Any = panel.frame_time(stamps)
    if panel.freq.kind == "month":
        months = panel.freq.step
        if 12 % months or months == 12:
            return np.zeros(panel.n_rows, np.int16), 1
        return ((time.month.to_numpy() - 1) // months).astype(np.int16), 12 // months
    weekday = time.day_of_week.to_numpy()
    if panel.freq.kind == "business":
        return weekday.astype(np.int16), 7
    if panel.freq.is_clock:
        return (weekday * 24 + time.hour.to_numpy()).astype(np.int16), 168
    if panel.freq.text.startswith("W"):
        return np.minimum((time.day_of_year.to_numpy() - 1) // 7, 51).astype(np.int16), 52
    return weekday.astype(np.int16), 7


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
    rows = np.arange(panel.n_rows) + np.repeat(start - panel.indptr[:-1], panel.lengths)
    share: npt.NDArray[np.float64] = np.interp(rows, position, before) * (256 / panel.n_rows)
    return share.astype(np.uint8)


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
    for first, end in pairwise(begin):
        if end > first:
            change[first] = 0.0
            change[first:end] = lfilter([1.0], [1.0, -keep], change[first:end])
    age = np.arange(len(rows)) - np.repeat(begin[:-1], np.diff(begin))
    change /= np.maximum((1 - keep**age) / (1 - keep), 1.0)
    result = np.full(len(values), np.nan)
    result[rows] = change
    return result


def _last_observed_row(
    observed: npt.NDArray[np.bool_], indptr: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Newest row up to each row at which its series was observed, -1 where there is none."""
    last: npt.NDArray[np.int64] = np.maximum.accumulate(np.where(observed, np.arange(len(observed)), -1))
    last[last < np.repeat(indptr[:-1], np.diff(indptr))] = -1
    return last


def _first_row(mask: npt.NDArray[np.bool_], indptr: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """First row of each series at which the mask holds, one past its last where it never does."""
    rows = np.append(np.flatnonzero(mask), indptr[-1])
    first: npt.NDArray[np.int64] = np.minimum(rows[np.searchsorted(rows, indptr[:-1])], indptr[1:])
    return first


def _at_row(
    values: npt.NDArray[np.float64], row: npt.NDArray[np.int64], indptr: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Value of each series at its row, 0 where that is past its end."""
    return np.where(row < indptr[1:], values[np.minimum(row, len(values) - 1)], 0.0)


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
