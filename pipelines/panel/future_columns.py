"""Covariates of the steps to forecast, from a frame of their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.errors import LackingError, PanelError
from pipelines.frequency import Ints
from pipelines.panel.covariate_columns import CovariateColumn
from pipelines.panel.frame_columns import place_ids, read_ids, show, take_columns
from pipelines.panel.time_column import Stamps, read_stamps

if TYPE_CHECKING:
    from pipelines.panel.panel import Panel


def read_future(
    panel: Panel, frame: Any, steps: Mapping[str, int], horizon: int, may_miss: Collection[str] = ()
) -> tuple[CovariateColumn, ...]:
    """Read what is known of the steps after each series' last row.

    Args:
        panel: The history that the steps follow.
        frame: Any frame with the id and time columns of the panel, and the columns that are asked for; rows
            of other series, and before or after the steps, are ignored.
        steps: Column to the number of steps ahead, up to ``horizon``, that it must hold.
        horizon: Steps ahead.
        may_miss: Columns whose values may be missing in a row.

    Returns:
        Columns of ``(series * horizon,)`` values, missing beyond the steps of the column.

    Raises:
        PanelError: If a column, a row or a value is missing; the message names column, series and span.
    """
    columns = {"id_col": panel.columns.id_col, "time_col": panel.columns.time_col}
    taken = take_columns(frame, columns, (*steps,))
    found, codes = read_ids(taken.pop(panel.columns.id_col))
    stamps = read_stamps(taken.pop(panel.columns.time_col), panel.freq.mark.endswith("end"))
    series = place_ids(found, panel.ids)[codes]
    rows = np.flatnonzero(series >= 0)
    series = series[rows]
    ahead = _steps_ahead(panel, stamps, rows, series)
    inside = (ahead >= 1) & (ahead <= horizon)
    rows, target = rows[inside], (series * horizon + ahead - 1)[inside]
    _check_unique(panel, target, rows, horizon)
    present = np.zeros(panel.n_series * horizon, bool)
    present[target] = True
    read = []
    for name, needed in steps.items():
        column = CovariateColumn.read(taken[name], found, codes).place(len(present), target, rows)
        wanted = np.tile(np.arange(horizon) < needed, panel.n_series)
        lacks = ~present if name in may_miss else column.missing
        check_known(panel, name, (wanted & lacks).reshape(-1, horizon), present.reshape(-1, horizon))
        known = np.flatnonzero(wanted)
        read.append(column.place(len(present), known, known).take(slice(None)))
    return tuple(read)


def check_known(
    panel: Panel, name: str, lacks: npt.NDArray[np.bool_], present: npt.NDArray[np.bool_] | None = None
) -> None:
    """Refuse to forecast without values that the fit had.

    Args:
        panel: The history.
        name: A future column.
        lacks: ``(series, horizon)`` whether a step after the last row of a series lacks a value of it.
        present: ``(series, horizon)`` whether the future frame has a row for it; None without such a frame.

    Raises:
        LackingError: If any is lacking; the message names column, series and the first missing span.
    """
    wrong = np.flatnonzero(lacks.any(axis=1))
    if not len(wrong):
        return
    i = int(wrong[0])
    first = int(np.argmax(lacks[i]))
    last = first + int(np.argmin(np.append(lacks[i, first:], False))) - 1
    steps = panel.freq.advance(panel.last_stamps[i], np.array([first, last]) + 1)
    begin, end = (str(stamp) for stamp in panel.frame_time(steps))
    span = f"at {begin}" if first == last else f"from {begin} to {end}"
    others = f", and {len(wrong) - 1} more series" * (len(wrong) > 1)
    if present is None:
        what, cure = "no future frame", "pass future= (--future), a row per series and step ahead"
    elif present[i, first]:
        what, cure = "a row without one", "fill it in (it was never missing in the fit)"
    else:
        what, cure = "no row", "add the rows"
    if np.isnan(panel.values[panel.indptr[i + 1] - 1]):
        cure += (
            "; rows at its end that have no value count as history: where they are the steps to forecast, "
            "they go to future= (--future) alone"
        )
    raise LackingError(
        f"A forecast needs {name!r} for every step ahead. Received: {what} for series {show(panel.ids[i])} "
        f"{span}{others}; {cure}.",
        (*panel.ids[wrong].tolist(),),
    )


def _steps_ahead(panel: Panel, stamps: Stamps, rows: Ints, series: Ints) -> Ints:
    """Steps from the last row of each series to the rows of a frame."""
    name = panel.columns.time_col
    if stamps.is_integer != panel.freq.is_integer or (stamps.tz is None) != (panel.tz is None):
        kinds = [
            "integers" if is_integer else "times with time zone" if tz else "times without time zone"
            for is_integer, tz in ((panel.freq.is_integer, panel.tz), (stamps.is_integer, stamps.tz))
        ]
        raise PanelError(
            f"Column {name!r} of a future frame must hold {kinds[0]}, as the data do. Received: {kinds[1]}; "
            "convert it."
        )
    unique = (stamps if panel.freq.is_clock else stamps.in_wall_time()).unique
    position, phase = (part[stamps.codes[rows]] for part in panel.freq.locate(unique))
    last, own_phase = panel.freq.locate(panel.last_stamps)
    off = phase != own_phase[series]
    if off.any():
        row = int(np.argmax(off))
        raise PanelError(
            f"Stamps of a future frame must lie on the grid of the data, freq={panel.freq.text!r}. Received: "
            f"{name}={stamps.text(int(stamps.codes[rows[row]]))} in series {show(panel.ids[series[row]])}; "
            "drop or round it."
        )
    ahead: Ints = position - last[series]
    return ahead


def _check_unique(panel: Panel, target: Ints, rows: Ints, horizon: int) -> None:
    order = np.argsort(target, kind="stable")
    again = np.flatnonzero(np.diff(target[order]) == 0)
    if len(again):
        first, second = rows[order[again[0] : again[0] + 2]]
        series = show(panel.ids[target[order[again[0]]] // horizon])
        raise PanelError(
            f"A future frame must have one row per series and stamp. Received: series {series} twice, in "
            f"rows {first} and {second} (counted from 0); keep one."
        )
