"""Forecast frames: from quantiles at origins to columns of levels."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipelines.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.panel import Panel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def origin_runs(panel: Panel, horizon: int, n_windows: int, step: int) -> tuple[Ints, Ints, int]:
    """Choose the origins of a backtest: the last window of each series ends with the series.

    Args:
        panel: The series.
        horizon: Steps ahead.
        n_windows: Windows per series; a shorter series gets as many as follow one row at least.
        step: Rows from one origin to the next.

    Returns:
        Positions of the series that have a window, row of the newest origin of each, and the largest number
        of windows that any has.

    Raises:
        ConfigError: If no series is longer than the horizon.
    """
    series = np.flatnonzero(panel.lengths > horizon)
    if not len(series):
        raise ConfigError(
            f"A backtest needs a series of more than horizon={horizon} rows. "
            f"Received: {int(panel.lengths.max())} rows in the longest; choose a smaller horizon."
        )
    newest = panel.indptr[series + 1] - 1 - horizon
    longest = int(panel.lengths.max()) - horizon
    return series, newest, min(n_windows, -(-longest // step))


def backtest_frame(
    panel: Panel, series: Ints, newest: Ints, step: int, columns: dict[str, Floats], gap: int = 0
) -> pd.DataFrame:
    """Lay the forecasts of many origins out in a long frame with cutoffs and what was observed.

    Args:
        panel: The series.
        series: ``(runs,)`` positions of series.
        newest: ``(runs,)`` rows of the newest origins.
        step: Rows from one origin to the next.
        columns: Name to ``(runs, windows, horizon)`` values.
        gap: Steps after each cutoff to leave out.

    Returns:
        Rows sorted by series, cutoff and stamp: id, time, ``cutoff``, target and the given columns.
    """
    columns = {name: values[..., gap:] for name, values in columns.items()}
    shape = next(iter(columns.values())).shape
    _, windows, horizon = shape
    cutoff = newest[:, None] - step * np.arange(windows - 1, -1, -1)
    valid = cutoff >= panel.indptr[series][:, None]
    rows = (cutoff[..., None] + np.arange(gap + 1, gap + horizon + 1))[valid].ravel()
    owner = np.broadcast_to(series[:, None, None], shape)[valid].ravel()
    known = np.repeat(cutoff[valid], horizon)
    first = panel.indptr[owner]
    frame = panel.key_frame(owner, panel.freq.advance(panel.starts[owner], rows - first))
    frame["cutoff"] = panel.frame_time(panel.freq.advance(panel.starts[owner], known - first))
    frame[panel.columns.target_col] = panel.values[rows]
    for name, values in columns.items():
        frame[name] = values[valid].ravel()
    return frame


def column_probabilities(
    alias: str, levels: Sequence[float], quantiles: Sequence[float] = ()
) -> dict[str, float]:
    """Columns of a forecast: the median, the bounds of central intervals, and quantiles.

    Args:
        alias: Name of the model.
        levels: Levels in percent.
        quantiles: Probabilities.

    Returns:
        ``alias``, ``alias-lo-L`` and ``alias-hi-L`` for each level, ``alias-q-P`` for each quantile, and the
        probability that each is a quantile of.

    Example:
        >>> column_probabilities("TCN", [50], [0.1])
        {'TCN': 0.5, 'TCN-lo-50': 0.25, 'TCN-hi-50': 0.75, 'TCN-q-0.1': 0.1}
    """
    columns = {alias: 0.5}
    for level in levels:
        columns[f"{alias}-lo-{level:g}"] = 0.5 - level / 200
        columns[f"{alias}-hi-{level:g}"] = 0.5 + level / 200
    names = (np.format_float_positional(probability, trim="-") for probability in quantiles)
    return columns | {f"{alias}-q-{name}": p for name, p in zip(names, quantiles, strict=True)}


def at_probability(quantiles: Floats, probabilities: Sequence[float], wanted: float) -> Floats:
    """One quantile of forecasts.

    Between the probabilities that the network was trained on, and beyond them, a quantile is interpolated
    linearly against the quantile of a normal distribution; this keeps the order of quantiles.

    Args:
        quantiles: ``(..., probabilities)``, not decreasing along the last axis.
        probabilities: What they are quantiles of, increasing, 0.5 among them.
        wanted: Probability.

    Returns:
        The quantile, without the last axis.

    Example:
        >>> at_probability(np.array([[10.0, 20.0, 30.0]]), [0.1, 0.5, 0.9], 0.9).tolist()
        [30.0]
    """
    known = np.asarray(probabilities)
    match = np.flatnonzero(np.isclose(known, wanted, rtol=0, atol=1e-9))
    if len(match):
        return quantiles[..., match[0]]
    right = int(np.clip(np.searchsorted(known, wanted), 1, len(known) - 1))
    normal = NormalDist().inv_cdf
    below, above = normal(known[right - 1]), normal(known[right])
    share = (normal(wanted) - below) / (above - below)
    low, high = quantiles[..., right - 1], quantiles[..., right]
    with np.errstate(over="ignore"):
        result = low + share * (high - low)
    # Rounding must not carry it past its neighbors, nor a large number out of what a float can hold.
    largest = float(np.finfo(np.float64).max)
    least, most = (-largest, low) if share < 0 else (low, high) if share <= 1 else (high, largest)
    bounded: Floats = np.clip(result, least, most)
    return bounded
