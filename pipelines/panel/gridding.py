"""Lays the rows of a frame on regular grids, one per series: sorts, finds the frequency, opens the gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.errors import PanelError
from pipelines.frequency import DAY, OFF_GRID, Freq, Ints
from pipelines.panel.frame_columns import Columns, show
from pipelines.panel.inference import MAX_GROWTH, fitting_freq, infer_freq
from pipelines.panel.time_column import Stamps

# Gaps are filled freely up to these sizes; beyond, they must not multiply the rows by MAX_GROWTH. A
# single series may be longer than the sparse ones of a small panel, for a large panel has room for it.
_FREE_PANEL_ROWS: Final = 1_000
_FREE_SERIES_ROWS: Final = 50_000
# Lengths in nanoseconds that irregular stamps may be meant to have.
_UNITS: Final = {"7D": 7 * DAY, "D": DAY, "h": DAY // 24, "min": DAY // 1_440}
# Least and largest times of the years 1980 to 2100, counted in seconds, and what other units make of them.
_EPOCH: Final = (315_532_800, 4_102_444_800)
_EPOCH_UNITS: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@dataclass(frozen=True)
class Grid:
    """Where the rows of a frame lie on the regular grids of their series.

    Attributes:
        freq: The common frequency.
        starts: ``(series,)`` first stamps, int64 or datetime64[ns].
        indptr: ``(series + 1,)`` row pointers of the regular series.
        inserted: ``(series,)`` number of regular rows that the frame lacks.
        order: ``(rows in,)`` rows of the frame in sorted order.
        target: ``(rows in,)`` regular row of each sorted row.
    """

    freq: Freq
    starts: npt.NDArray[Any]
    indptr: Ints
    inserted: Ints
    order: Ints | slice
    target: Ints | slice

    def place(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the values of the frame's rows in regular rows, NaN where there was none."""
        placed = np.full(self.indptr[-1], np.nan)
        placed[self.target] = values[self.order]
        return placed


@dataclass(frozen=True)
class _Rows:
    """Rows sorted by series and stamp.

    Attributes:
        ids: ``(series,)`` ids.
        series: ``(rows,)`` series of each row.
        moment: ``(rows,)`` position of each row's stamp in ``stamps.unique``.
        same_series: ``(rows - 1,)`` whether rows i and i + 1 are of one series.
        order: Row of the frame of each sorted row.
        stamps: The stamps of the frame.
        columns: Their names, for messages.
    """

    ids: npt.NDArray[Any]
    series: Ints
    moment: Ints
    same_series: npt.NDArray[np.bool_]
    order: Ints | slice
    stamps: Stamps
    columns: Columns

    def frame_row(self, row: int) -> int:
        return row if isinstance(self.order, slice) else int(self.order[row])

    def stamp(self, row: int) -> str:
        return self.stamps.text(int(self.moment[row]))

    def where(self, row: int) -> str:
        return f"{self.stamp(row)} (row {self.frame_row(row)}, counted from 0)"


def lay_on_grid(
    ids: npt.NDArray[Any], codes: Ints, stamps: Stamps, freq: Freq | None, columns: Columns
) -> Grid:
    """Find the regular row of each row of a frame.

    Args:
        ids: ``(series,)`` ids.
        codes: ``(rows,)`` series of each row.
        stamps: Stamps of the rows.
        freq: The frequency, or None to infer it.
        columns: Names for messages.

    Returns:
        The grid.

    Raises:
        PanelError: If a stamp repeats within a series or is off the grid, if no frequency can be
            inferred, or if the gaps are implausibly long.
    """
    rows = _sort(ids, codes, stamps, columns)
    if freq is not None and freq.is_integer != stamps.is_integer:
        raise _wrong_kind(rows, freq)
    is_inferred = freq is None
    freq = freq or _infer(rows)
    position, phase = freq.locate((stamps if freq.is_clock else stamps.in_wall_time()).unique)
    _check_phases(rows, freq, phase, is_inferred)
    first = np.flatnonzero(np.concatenate(([True], ~rows.same_series)))
    last = np.append(first[1:], len(codes)) - 1
    starts = freq.at(position[rows.moment[first]], phase[rows.moment[first]])
    position = position[rows.moment]
    if stamps.tz is not None and not freq.is_clock:  # two moments can show the same wall time
        repeated = np.flatnonzero((position[1:] <= position[:-1]) & rows.same_series)
        if len(repeated):
            raise _duplicate(rows, len(repeated), repeated[0] + np.arange(2))
    counts, lengths = last - first + 1, position[last] - position[first] + 1
    _check_growth(rows, freq, first, last, counts, lengths)
    indptr = np.concatenate(([0], np.cumsum(lengths)))
    target: Ints | slice = slice(None)
    if indptr[-1] > len(codes):
        target = position - np.repeat(position[first] - indptr[:-1], counts)
    starts = starts if freq.is_integer else starts.view("M8[ns]")
    return Grid(freq, starts, indptr, lengths - counts, rows.order, target)


def _sort(ids: npt.NDArray[Any], codes: Ints, stamps: Stamps, columns: Columns) -> _Rows:
    key = codes * len(stamps.unique) + stamps.codes
    order: Ints | slice = slice(None)
    if not (key[1:] > key[:-1]).all():
        order = np.argsort(key)
        key = key[order]
    series, moment = np.divmod(key, len(stamps.unique))
    rows = _Rows(ids, series, moment, series[1:] == series[:-1], order, stamps, columns)
    is_repeated = key[1:] == key[:-1]
    if is_repeated.any():
        alike = np.flatnonzero(key == key[np.argmax(is_repeated)])
        raise _duplicate(rows, int(is_repeated.sum()), alike)
    return rows


def _infer(rows: _Rows) -> Freq:
    stamps, name = rows.stamps, rows.columns.time_col
    if stamps.is_integer and (pattern := _date_pattern(stamps.unique)):
        raise PanelError(
            f"Integer stamps must count steps. Received: {name}={stamps.text(0)}, {stamps.text(1)}, ..., "
            f"which look like dates; convert them with pandas.to_datetime(df[{name!r}], format={pattern!r}), "
            "or pass freq=1 if they do count steps."
        )
    if stamps.is_integer and (unit := _epoch_unit(stamps.unique)):
        raise PanelError(
            f"Integer stamps must count steps. Received: {name}={stamps.text(0)}, {stamps.text(1)}, ..., "
            f"which look like times since 1970; convert them with pandas.to_datetime(df[{name!r}], "
            f"unit={unit!r}), or pass freq, the difference of two, if they do count steps."
        )
    freq = infer_freq(stamps.in_wall_time().unique[rows.moment], rows.same_series, stamps.is_integer)
    if freq is not None and freq.is_clock and stamps.tz is not None:
        freq = infer_freq(stamps.unique[rows.moment], rows.same_series, stamps.is_integer)
    if freq is None:
        raise PanelError(
            "To infer freq, a series must have two stamps. Received: one row in each of "
            f"{len(rows.ids)} series; pass freq, e.g. freq={1 if stamps.is_integer else 'D'!r}."
        )
    return freq


def _date_pattern(unique: Ints) -> str | None:
    """Return the format of integers that are all dates such as 20241231 or 202412, or None."""
    for pattern, shift in (("%Y%m%d", 100), ("%Y%m", 1)):
        month, day = unique // shift % 100, unique % shift + (shift == 1)
        year = unique // (shift * 100)
        plausible = (year >= 1900) & (year <= 2199) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
        if plausible.all() and len(np.unique(unique // shift)) > 1:
            return pattern
    return None


def _epoch_unit(unique: Ints) -> str | None:
    """Return the unit of integers that are all whole minutes since 1970, as data have them, or None."""
    for unit, size in _EPOCH_UNITS.items():
        least, most = (bound * size for bound in _EPOCH)
        if least <= unique[0] and unique[-1] <= most and len(unique) > 1:
            return None if (unique % (60 * size)).any() else unit
    return None


def _check_phases(rows: _Rows, freq: Freq, phase: Ints, is_inferred: bool) -> None:
    if phase[0] != OFF_GRID and (phase == phase[0]).all():
        return
    phase = phase[rows.moment]
    is_off = (phase[1:] != phase[:-1]) & rows.same_series
    is_off |= phase[1:] == OFF_GRID
    if phase[0] != OFF_GRID and not is_off.any():
        return
    wrong = 0 if phase[0] == OFF_GRID else int(np.argmax(is_off)) + 1
    of_series = np.flatnonzero(rows.series == rows.series[wrong])
    found = pd.Series(phase[of_series])
    valid = found[found != OFF_GRID]
    common = valid.value_counts().sort_index().idxmax() if len(valid) else OFF_GRID - 1
    stray = of_series[np.argmax(found.to_numpy() != common)]
    name, fitting = rows.columns.time_col, _fitting(rows)
    if fitting:
        cure = f"freq={fitting.text if not fitting.is_integer else int(fitting.text)!r} fits"
    else:
        rounding = _rounding(rows, freq, is_inferred)
        cure = f"no frequency fits all; drop stray rows, or round: df[{name!r}].dt.{rounding}"
        if rows.stamps.tz is not None:
            cure += (
                ", once they are in the time zone whose days they count: "
                f"df[{name!r}].dt.tz_convert('Europe/Berlin')"
            )
    grid = f"the grid of freq={freq.text!r}{' (inferred)' * is_inferred}"
    if is_inferred and freq.kind == "fixed" and freq.step % _UNITS["min"] and not fitting:
        grid = "a regular grid"  # the distance of some two stamps says nothing
    raise PanelError(
        f"Stamps must lie on {grid}. Received: in series {show(rows.ids[rows.series[stray]])}, "
        f"{name}={rows.where(stray)} is off the grid; {cure}."
    )


def _rounding(rows: _Rows, freq: Freq, is_inferred: bool) -> str:
    """Return what rounds stamps down: to the frequency, or to the unit that is nearest to their distance."""
    if is_inferred:
        size = float(np.median(np.diff(rows.stamps.unique[rows.moment])[rows.same_series]))
        unit = next((name for name, length in _UNITS.items() if size >= 0.75 * length), "s")
    else:
        size, unit = freq.step if freq.kind == "fixed" else 0, "D" if freq.kind == "business" else freq.text
    is_monthly = freq.kind == "month" or size >= 28 * DAY
    return "to_period('M').dt.to_timestamp()" if is_monthly else f"floor({unit!r})"


def _fitting(rows: _Rows) -> Freq | None:
    """Return a frequency that fits all stamps, by wall time if its steps are days or longer."""
    for stamps in (rows.stamps.in_wall_time(), rows.stamps):
        freq = fitting_freq(stamps.unique[rows.moment], rows.same_series, stamps.is_integer)
        if freq is not None and (rows.stamps.tz is None or freq.is_clock == (stamps is rows.stamps)):
            return freq
    return None


def _check_growth(rows: _Rows, freq: Freq, first: Ints, last: Ints, counts: Ints, lengths: Ints) -> None:
    growth = lengths / counts
    total = float(lengths.sum(dtype=np.float64))
    if total > max(MAX_GROWTH * len(rows.series), _FREE_PANEL_ROWS):
        worst = int(np.argmax(lengths))
    elif ((growth > MAX_GROWTH) & (lengths > _FREE_SERIES_ROWS)).any():
        worst = int(np.argmax(np.where(growth > MAX_GROWTH, lengths, 0)))
    else:
        return
    raise PanelError(
        f"Filling gaps must not multiply rows by more than {MAX_GROWTH}. Received: at freq={freq.text!r}, "
        f"series {show(rows.ids[worst])} spans {rows.stamp(first[worst])} to {rows.stamp(last[worst])}, "
        f"which is {lengths[worst]} rows for {counts[worst]} given; drop stray stamps or pass a coarser freq."
    )


def _wrong_kind(rows: _Rows, freq: Freq) -> PanelError:
    name, fitting = rows.columns.time_col, _fitting(rows)
    example = f", e.g. freq={fitting.text!r}" if fitting else ""
    if freq.is_integer:
        return PanelError(
            f"freq={freq.text} must go with integer stamps. Received: {name}={rows.where(0)}; "
            f"pass the frequency of these times{example} (or freq=None to infer it)."
        )
    return PanelError(
        f"freq={freq.text!r} must go with times. Received: integers, {name}={rows.where(0)}; "
        f"pass freq={fitting.text if fitting else 1}, or convert them with "
        f"pandas.to_datetime(df[{name!r}], unit=... or format=...)."
    )


def _duplicate(rows: _Rows, count: int, alike: Ints) -> PanelError:
    id_col, time_col, target_col = rows.columns
    row, other = sorted(rows.frame_row(i) for i in alike.tolist())[:2]
    cure = (
        f"aggregate them, e.g. df.groupby([{id_col!r}, {time_col!r}], as_index=False)[{target_col!r}].sum()"
    )
    if not rows.stamps.is_integer and rows.stamps.tz is None:
        cure += "; where clocks went back, give local times a time zone first"
    return PanelError(
        f"A series must have one row per stamp. Received: {count} repeated, the first in series "
        f"{show(rows.ids[rows.series[alike[0]]])} at {rows.stamp(int(alike[0]))} (rows {row} and {other}, "
        f"counted from 0); {cure}."
    )
