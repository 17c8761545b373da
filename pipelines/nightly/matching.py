"""Stored forecasts beside what was observed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.frequency import OFF_GRID, season_length_of
from pipelines.panel import Panel, read_stamps

if TYPE_CHECKING:
    from pathlib import Path

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
class Known:
    """Rows of a stored night whose actual values are known.

    Args:
        cutoff: That of the night.
        series: ``(rows,)`` position of each row's series in the panel, in its order.
        step: ``(rows,)`` steps ahead, from 1.
        position: ``(rows,)`` place of its time stamp on the grid of the frequency.
        y: ``(rows,)`` actual values.
        columns: Names of columns to their values ``(rows,)``.
    """

    cutoff: Cutoff
    series: Ints
    step: Ints
    position: Ints
    y: Floats
    columns: Mapping[str, npt.NDArray[Any]]

    def take(self, rows: npt.NDArray[np.bool_] | slice) -> Known:
        """Return some of the rows.

        Args:
            rows: ``(rows,)`` which.
        """
        parts = {name: getattr(self, name)[rows] for name in ("series", "step", "position", "y")}
        columns = {name: values[rows] for name, values in self.columns.items()}
        return replace(self, **parts, columns=columns)

    def between(self, begin: int, end: int) -> Known:
        """Return the rows of some of the series, which are counted from the first of them.

        Args:
            begin: Position of the first series.
            end: Position after the last one.
        """
        part = self.take(slice(*np.searchsorted(self.series, [begin, end])))
        return replace(part, series=part.series - begin)


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


def read_nights(
    files: Iterable[tuple[Cutoff, Path]], job: JobSettings, part: Panel | None = None
) -> Iterator[tuple[Cutoff, pd.DataFrame]]:
    """Read stored forecasts, one night after the other.

    Args:
        files: Cutoff and file of each.
        job: Settings.
        part: The series that are asked for; others may come, too. None for all.

    Yields:
        Cutoff and forecasts.
    """
    import pyarrow as pa

    within = None
    if part is not None:
        within = [(job.model.id_col, ">=", part.ids[0]), (job.model.id_col, "<=", part.ids[-1])]
    for cutoff, file in files:
        try:
            frame = pd.read_parquet(file, filters=within)
        except pa.ArrowException:  # ids of another kind than they were
            frame = pd.read_parquet(file)
        yield cutoff, frame


def known_rows(
    nights: Iterable[tuple[Cutoff, pd.DataFrame]], panel: Panel, job: JobSettings, columns: Sequence[str]
) -> Iterator[Known]:
    """Lay what was observed beside what was forecast, one night after the other.

    Args:
        nights: Cutoff and forecasts of each, the oldest first; a sequence may have them in any order.
        panel: What was observed.
        job: Settings.
        columns: Columns to keep; nights that lack one, as after a change of levels, are left out.

    Yields:
        The rows of a night that are known; nothing for a night of which none is.
    """
    if isinstance(nights, Sequence):
        nights = sorted(nights, key=lambda night: night[0])
    id_col, time_col, _ = job.columns
    ids = pd.Index(panel.ids.astype(object))
    first, phases = panel.freq.locate(panel.starts)
    for cutoff, stored in nights:
        frame = _as_made(stored, job)
        if not len(frame) or not {*columns} <= {*frame.columns}:
            continue
        codes, unique = pd.factorize(frame[id_col])
        series = ids.get_indexer(pd.Index(unique).astype(object))[codes]
        position, phase = _located(panel, frame[time_col])
        before, of_cutoff = _located(panel, frame[CUTOFF])
        offset = position - first[series]
        inside = (series >= 0) & (offset >= 0) & (offset < panel.lengths[series])
        rows = np.flatnonzero(inside & (phase == phases[series]) & (of_cutoff == phase))
        if (np.diff(series[rows]) < 0).any():
            rows = rows[np.argsort(series[rows], kind="stable")]
        y = panel.values[panel.indptr[series[rows]] + offset[rows]]
        rows, y = rows[~np.isnan(y)], y[~np.isnan(y)]
        if len(rows):
            yield Known(
                cutoff=cutoff,
                series=series[rows].astype(np.int64),
                step=position[rows] - before[rows],
                position=position[rows],
                y=y,
                columns={name: values_of(frame[name])[rows] for name in columns},
            )


def _as_made(frame: pd.DataFrame, job: JobSettings) -> pd.DataFrame:
    """Complete a night by what its networks have made, where only what was published is stored."""
    alias = job.model.alias
    if alias not in frame or f"{RAW}{MODEL}" in frame:
        return frame
    return frame.assign(**{f"{RAW}{name}": frame[name] for name in (alias, MODEL) if name in frame})


def _located(panel: Panel, column: pd.Series[Any]) -> tuple[Ints, Ints]:
    """Places and phases of time stamps on the grid of the panel; off the grid if they are of another kind."""
    stamps = read_stamps(column, period_ends=panel.freq.mark.endswith("end"))
    if stamps.is_integer != panel.freq.is_integer or (stamps.tz is None) != (panel.tz is None):
        return np.zeros_like(stamps.codes), np.full_like(stamps.codes, OFF_GRID)
    stamps = stamps if panel.freq.is_clock else stamps.in_wall_time()
    position, phase = panel.freq.locate(stamps.unique)
    return position[stamps.codes], np.broadcast_to(phase, position.shape)[stamps.codes]
