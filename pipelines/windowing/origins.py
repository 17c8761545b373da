"""Rows of a panel as origins: which there are, and where those of a frame lie."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.errors import PanelError
from pipelines.panel import Panel, read_stamps, show, take_columns
from pipelines.windows import SeriesTable

Ints = npt.NDArray[np.int64]

_NOWHERE: Final = -1


def origins_of(table: SeriesTable) -> tuple[Ints, Ints]:
    """Find the rows that a network would be trained on as origins.

    Args:
        table: The series.

    Returns:
        Positions of series and rows, ``(origins,)`` each: those with a season before them, if that leaves
        any, after the first change of the series, and with a row after them.
    """
    counts = table.origins
    series = np.repeat(np.arange(table.n_series), counts)
    within = np.arange(len(series)) - np.repeat(np.cumsum(counts) - counts, counts)
    return series, (table.indptr[:-1] + table.first_origin)[series] + within


def drawn_of(count: int, wanted: int, seed: int) -> Ints:
    """Draw some of many.

    Args:
        count: How many there are.
        wanted: How many to draw, no more than that.
        seed: Fixes which.

    Returns:
        ``(wanted,)`` distinct numbers below ``count``, sorted.
    """
    drawn = np.random.default_rng(seed).choice(count, wanted, replace=False, shuffle=False)
    return np.sort(drawn)


def targets_of(panel: Panel, series: Ints, rows: Ints, steps: Ints) -> npt.NDArray[np.float64]:
    """Return the values after origins.

    Args:
        panel: The series.
        series: ``(origins, ...)`` positions of series.
        rows: Rows of the origins, of the same shape.
        steps: Steps ahead, of a shape that spreads to it.

    Returns:
        Values; NaN where none was observed, or the series has ended.
    """
    target = rows + steps
    inside = target < panel.indptr[series + 1]
    return np.where(inside, panel.values[np.minimum(target, panel.n_rows - 1)], np.nan)


def located(panel: Panel, origins: Any) -> tuple[Ints, Ints]:
    """Find the rows of a panel that a frame names.

    Args:
        panel: The series.
        origins: Frame with the id and time columns of the panel, a row per origin.

    Returns:
        Positions of series and rows, ``(origins,)`` each.

    Raises:
        PanelError: If a row is not one of the panel.
    """
    names = panel.columns
    columns = take_columns(origins, {"id_col": names.id_col, "time_col": names.time_col})
    stamps = read_stamps(columns[names.time_col], period_ends=panel.freq.mark.endswith("end"))
    series = pd.Index(panel.ids).get_indexer(pd.Index(columns[names.id_col]))
    offset = np.full(len(series), _NOWHERE)
    if stamps.is_integer == panel.freq.is_integer:
        on_wall = stamps if panel.freq.is_clock else stamps.in_wall_time()
        position, phase = panel.freq.locate(on_wall.unique[on_wall.codes])
        first, own = panel.freq.locate(panel.starts)
        inside = (series >= 0) & (phase == own[series])
        offset = np.where(inside, position - first[series], _NOWHERE)
    wrong = (series < 0) | (offset < 0) | (offset >= panel.lengths[series])
    if wrong.any():
        row = int(np.argmax(wrong))
        raise PanelError(
            f"Every origin must be a row of the history. Received: {int(wrong.sum())} that are not, first "
            f"{stamps.text(stamps.codes[row])} in series {show(columns[names.id_col].iloc[row])}; pass the "
            "history that they are of."
        )
    return series, panel.indptr[series] + offset
