"""Stored forecasts beside what was observed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.frequency import OFF_GRID, season_length_of
from pipelines.panel import Panel, read_stamps

if TYPE_CHECKING:
    from pipelines.nightly.records import Cutoff
    from pipelines.nightly.settings import JobSettings

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CUTOFF: Final = "cutoff"
"""Column of the last time stamp that a row of a forecast knew."""
MODEL: Final = "model"
"""Column of who made a row of a forecast."""
RAW: Final = "raw-"
"""What the names of columns begin with that hold what the networks gave, and who they were."""


@dataclass(frozen=True)
class Matched:
    """Rows of stored forecasts whose actual values are known.

    Args:
        cutoffs: Those of the nights, oldest first; also of nights of which nothing is known yet.
        night: ``(rows,)`` position of each row's night in ``cutoffs``.
        series: ``(rows,)`` position of its series in the panel.
        step: ``(rows,)`` steps ahead, from 1.
        position: ``(rows,)`` place of its time stamp on the grid of the frequency.
        y: ``(rows,)`` actual values.
        columns: Names of columns to their values ``(rows,)``.
    """

    cutoffs: tuple[Cutoff, ...]
    night: Ints
    series: Ints
    step: Ints
    position: Ints
    y: Floats
    columns: Mapping[str, npt.NDArray[Any]]

    def take(self, rows: npt.NDArray[np.bool_]) -> Matched:
        """Return some of the rows.

        Args:
            rows: ``(rows,)`` which.
        """
        parts = {name: getattr(self, name)[rows] for name in ("night", "series", "step", "position", "y")}
        columns = {name: values[rows] for name, values in self.columns.items()}
        return replace(self, **parts, columns=columns)


def read_actuals(actuals: pd.DataFrame, job: JobSettings) -> Panel:
    """Read what was observed.

    Args:
        actuals: Id, time and target column.
        job: Settings.

    Returns:
        The series.

    Raises:
        PanelError: If the rows cannot be used.
    """
    return Panel.from_frame(actuals, job.model.freq, *job.columns)


def season_of(panel: Panel, job: JobSettings) -> int:
    """Return the rows in the main season.

    Args:
        panel: The series.
        job: Settings.

    Returns:
        What the settings say, or what is usual at the frequency.
    """
    asked = job.model.season_length
    if asked == "auto":
        return season_length_of(panel.freq)
    return int(asked[0] if isinstance(asked, tuple) else asked)


def values_of(column: pd.Series[Any]) -> npt.NDArray[Any]:
    """Return a column as an array: numbers as floats, all else as objects.

    Args:
        column: A column.

    Returns:
        ``(rows,)`` values.
    """
    if pd.api.types.is_numeric_dtype(column.dtype):
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.asarray(column.to_numpy(dtype=object))


def as_made(
    nights: Sequence[tuple[Cutoff, pd.DataFrame]], job: JobSettings
) -> list[tuple[Cutoff, pd.DataFrame]]:
    """Return nights with what their networks have made, whether it was published or not.

    Args:
        nights: Cutoff and forecasts of each.
        job: Settings.

    Returns:
        The same, each with the columns ``raw-TCN``, by whatever name the forecast has, and ``raw-model``:
        where they are missing, those that were published.
    """
    alias, found = job.model.alias, []
    for cutoff, frame in nights:
        if alias in frame and f"{RAW}{MODEL}" not in frame:
            frame = frame.assign(**{f"{RAW}{name}": frame[name] for name in (alias, MODEL)})
        found.append((cutoff, frame))
    return found


def match(
    nights: Sequence[tuple[Cutoff, pd.DataFrame]], panel: Panel, job: JobSettings, columns: Sequence[str]
) -> Matched:
    """Lay what was observed beside what was forecast.

    Args:
        nights: Cutoff and forecasts of each, in any order of nights and rows.
        panel: What was observed.
        job: Settings.
        columns: Columns to keep; nights that lack one, as after a change of levels, are left out.

    Returns:
        The rows that are known.
    """
    found = sorted(
        ((cutoff, frame) for cutoff, frame in nights if {*columns} <= {*frame.columns}),
        key=lambda night: night[0],
    )
    parts = [*_parts([frame for _, frame in found], panel, job, columns)]
    names = ("night", "series", "step", "position")
    whole = {name: _joined([part[name] for part in parts], np.int64) for name in names}
    return Matched(
        cutoffs=tuple(cutoff for cutoff, _ in found),
        **whole,
        y=_joined([part["y"] for part in parts], np.float64),
        columns={name: _joined([part["columns"][name] for part in parts], np.float64) for name in columns},
    )


def _joined(parts: list[npt.NDArray[Any]], dtype: Any) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, dtype)


def _parts(
    frames: Sequence[pd.DataFrame], panel: Panel, job: JobSettings, columns: Sequence[str]
) -> Iterator[dict[str, Any]]:
    id_col, time_col, _ = job.columns
    ids = pd.Index(panel.ids.astype(object))
    first, phases = panel.freq.locate(panel.starts)
    for number, frame in enumerate(frames):
        codes, unique = pd.factorize(frame[id_col])
        series = ids.get_indexer(pd.Index(unique).astype(object))[codes]
        position, phase = _located(panel, frame[time_col])
        before, of_cutoff = _located(panel, frame[CUTOFF])
        offset = position - first[series]
        inside = (series >= 0) & (offset >= 0) & (offset < panel.lengths[series])
        rows = np.flatnonzero(inside & (phase == phases[series]) & (of_cutoff == phase))
        y = panel.values[panel.indptr[series[rows]] + offset[rows]]
        rows, y = rows[~np.isnan(y)], y[~np.isnan(y)]
        yield {
            "night": np.full(len(rows), number),
            "series": series[rows].astype(np.int64),
            "step": position[rows] - before[rows],
            "position": position[rows],
            "y": y,
            "columns": {name: values_of(frame[name])[rows] for name in columns},
        }


def _located(panel: Panel, column: pd.Series[Any]) -> tuple[Ints, Ints]:
    """Places and phases of time stamps on the grid of the panel; off the grid if they are of another kind."""
    stamps = read_stamps(column, period_ends=panel.freq.mark.endswith("end"))
    if stamps.is_integer != panel.freq.is_integer or (stamps.tz is None) != (panel.tz is None):
        return np.zeros_like(stamps.codes), np.full_like(stamps.codes, OFF_GRID)
    stamps = stamps if panel.freq.is_clock else stamps.in_wall_time()
    position, phase = panel.freq.locate(stamps.unique)
    return position[stamps.codes], np.broadcast_to(phase, position.shape)[stamps.codes]
