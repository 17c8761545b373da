"""From what a network says to the units of the data."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.windows.table import SeriesTable


def in_original_units(
    out: npt.NDArray[np.float32] | npt.NDArray[np.float64],
    table: SeriesTable,
    series: npt.NDArray[np.int64],
    origins: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Undo the conditioning of a table.

    Until a series has changed for the first time, its forecast is the value that it has had so far, and 0
    before there is one.

    Args:
        out: ``(runs, count, horizon, quantiles)`` what the network says.
        table: The series.
        series: ``(runs,)`` positions of series.
        origins: ``(runs, count)`` rows of the origins.

    Returns:
        The forecasts, of the shape of ``out``.
    """
    forecast = out.astype(np.float64)
    largest = np.finfo(np.float64).max
    with np.errstate(over="ignore"):
        forecast *= table.unit[series, None, None, None]
        forecast[origins < table.moved[series, None]] = 0.0
        forecast += table.base[series, None, None, None]
        forecast[origins < table.seen[series, None]] = 0.0
    return np.clip(forecast, -largest, largest, out=forecast)
