"""Naive, seasonal naive, drift and window average: what any forecaster has to beat.

Every forecast uses the rows of its own series up to its cutoff and nothing else. Missing values are stepped
over: a forecast made from a value that is ``d`` rows older than its target gets the interval for ``d`` steps
ahead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import pandas as pd

from pipelines.errors import ConfigError, PanelError
from pipelines.folds import BASELINES, Folds
from pipelines.panel import show
from pipelines.residuals import Residuals, same_season

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipelines.panel import Panel

Floats: TypeAlias = "NDArray[np.float64]"
Ints: TypeAlias = "NDArray[np.int64]"

_TINY: Final = 2.0**-600  # brings squares of any values into range, and multiplies by it without rounding


def add_baselines(
    backtest: pd.DataFrame, panel: Panel, season_length: int, levels: Sequence[float] = (80, 95)
) -> pd.DataFrame:
    """Forecast the rows of a backtest with every baseline, from the rows of the panel up to each cutoff.

    The intervals are those of Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 3rd
    edition, section 5.5 (https://otexts.com/fpp3/prediction-intervals.html): normal quantiles around the
    point forecast, from the residuals within the sample. WindowAverage, which the book has no formula for,
    has the spread of its one-step residuals at every step. A series with one observation leaves no
    residuals, so its intervals have no width; before the first observation every forecast is 0, also without
    width.

    Args:
        backtest: Columns of the panel and ``cutoff``; other columns are kept.
        panel: History that holds every cutoff.
        season_length: Rows in a season, at least 1; also the window of WindowAverage.
        levels: Central intervals in percent, each between 0 and 100.

    Returns:
        A new frame: the backtest, then ``Naive``, ``Naive-lo-80``, ``Naive-hi-80`` and so on.

    Raises:
        PanelError: If the backtest is not one of this panel.
        ConfigError: If ``season_length`` or ``levels`` is out of range.

    Example:
        >>> import pandas as pd
        >>> from pipelines.panel import Panel
        >>> history = pd.DataFrame({"unique_id": "a", "ds": range(1, 6), "y": [1.0, 5.0, 2.0, 6.0, 3.0]})
        >>> panel = Panel.from_frame(history, freq=1)
        >>> backtest = history.tail(1).assign(cutoff=4)
        >>> add_baselines(backtest, panel, season_length=2, levels=[80])[["Naive", "SeasonalNaive", "Drift"]]
           Naive  SeasonalNaive     Drift
        4    6.0            2.0  7.666667
    """
    _check(season_length, levels)
    folds = Folds.from_frame(backtest, panel)
    unknown = np.flatnonzero(folds.pair_row < 0)
    if unknown.size:
        series = folds.ids[folds.pair_series[unknown[0]]]
        cutoff = folds.cutoffs[folds.pair_cutoff[unknown[0]]]
        raise PanelError(
            "Every cutoff of a backtest must be a stamp of its series in the panel. Received: "
            f"{unknown.size} that are not, first {cutoff} in series {show(series)}; pass the panel that the "
            "backtest was made from."
        )
    columns = _forecast(panel, folds.pair_row, folds.pair, folds.step, season_length, levels)
    return with_columns(backtest, columns)


def with_columns(backtest: pd.DataFrame, columns: Mapping[str, Floats]) -> pd.DataFrame:
    """Return a backtest with further columns, in the place of those of the same names.

    Args:
        backtest: Any columns.
        columns: Name to a value for each row.

    Returns:
        A new frame with the attributes of the backtest.
    """
    kept = backtest.drop(columns=[name for name in columns if name in backtest.columns])
    joined = pd.concat([kept, pd.DataFrame(columns, index=backtest.index, copy=False)], axis=1)
    joined.attrs = dict(backtest.attrs)
    return joined


def forecast_baselines(
    panel: Panel, horizon: int, season_length: int, levels: Sequence[float] = (80, 95)
) -> pd.DataFrame:
    """Forecast the steps after the end of every series with every baseline; see ``add_baselines``.

    Args:
        panel: History; forecasts start after the last row of each series.
        horizon: Steps ahead, at least 1.
        season_length: Rows in a season, at least 1; also the window of WindowAverage.
        levels: Central intervals in percent, each between 0 and 100.

    Returns:
        One row for each series and step: id, stamp, ``Naive``, ``Naive-lo-80``, ``Naive-hi-80`` and so on.

    Raises:
        ConfigError: If ``horizon``, ``season_length`` or ``levels`` is out of range.

    Example:
        >>> import pandas as pd
        >>> from pipelines.panel import Panel
        >>> history = pd.DataFrame({"unique_id": "a", "ds": range(1, 6), "y": [1.0, 5.0, 2.0, 6.0, 3.0]})
        >>> panel = Panel.from_frame(history, freq=1)
        >>> forecast_baselines(panel, 2, season_length=2, levels=[])
          unique_id  ds  Naive  SeasonalNaive  Drift  WindowAverage
        0         a   6    3.0            6.0    3.5            4.5
        1         a   7    3.0            3.0    4.0            4.5
    """
    _check(season_length, levels)
    if horizon < 1:
        raise ConfigError(f"horizon must be a positive number of steps. Received: {horizon}.")
    pair, step = np.divmod(np.arange(panel.n_series * horizon), horizon)
    columns = _forecast(panel, panel.indptr[1:] - 1, pair, step + 1, season_length, levels)
    keys = panel.key_frame(pair, panel.future_stamps(horizon).ravel())
    return pd.concat([keys, pd.DataFrame(columns, copy=False)], axis=1)


def _check(season_length: int, levels: Sequence[float]) -> None:
    if season_length < 1:
        raise ConfigError(f"season_length must be a positive number of rows. Received: {season_length}.")
    if wrong := [level for level in levels if not 0 < level < 100]:
        raise ConfigError(f"levels must be percentages between 0 and 100. Received: {wrong}.")


def _forecast(
    panel: Panel, pair_row: Ints, pair: Ints, step: Ints, season_length: int, levels: Sequence[float]
) -> dict[str, Floats]:
    """Return the columns of all baselines, ``step`` rows after the panel's row ``pair_row[pair]``.

    Where squares leave the range of numbers, all is computed again in units that keep them inside; what
    is out of range itself becomes the largest number.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        columns = _forecast_in_range(panel, pair_row, pair, step, season_length, levels)
        wrong = np.zeros(len(pair), dtype=bool)
        for values in columns.values():
            wrong |= ~np.isfinite(values)
        if wrong.any():
            small = replace(panel, values=panel.values * _TINY)
            again = _forecast_in_range(small, pair_row, pair[wrong], step[wrong], season_length, levels)
            largest = np.finfo(np.float64).max
            for name, values in again.items():
                columns[name][wrong] = np.clip(values / _TINY, -largest, largest)
    return columns


def _forecast_in_range(
    panel: Panel, pair_row: Ints, pair: Ints, step: Ints, season_length: int, levels: Sequence[float]
) -> dict[str, Floats]:
    past = Residuals.of(panel, pair_row, season_length)
    blank = past.source[pair] < 0
    columns: dict[str, Floats] = {}
    for name, method in zip(BASELINES, (_naive, _seasonal_naive, _drift, _window_average), strict=True):
        point, variance = method(panel.values, past, pair, step, season_length)
        point[blank], variance[blank] = 0.0, 0.0
        spread = np.sqrt(variance)
        columns[name] = point
        for level in sorted(levels):
            width = NormalDist().inv_cdf(0.5 + level / 200) * spread
            columns[f"{name}-lo-{level:g}"] = point - width
            columns[f"{name}-hi-{level:g}"] = point + width
    return columns


def _naive(
    values: Floats, past: Residuals, pair: Ints, step: Ints, season_length: int
) -> tuple[Floats, Floats]:
    """Last observed value, with the variance of a random walk."""
    ahead = (past.row - past.source)[pair] + step
    return values[past.source][pair], _walk_variance(past)[pair] * ahead


def _drift(
    values: Floats, past: Residuals, pair: Ints, step: Ints, season_length: int
) -> tuple[Floats, Floats]:
    """Line through the first and the last observed value."""
    span = np.maximum(past.source - past.first, 1)
    slope = (values[past.source] - values[past.first]) / span
    # The sum of squares around the mean step; the slope takes one degree of freedom.
    around = np.maximum(past.walk_total - slope**2 * span, 0.0) / np.maximum(past.walk_count - 1, 1)
    variance = np.where(past.walk_count > 1, around, _walk_variance(past))
    ahead = (past.row - past.source)[pair] + step
    point = values[past.source][pair] + slope[pair] * ahead
    return point, variance[pair] * ahead * (1 + ahead / span[pair])


def _seasonal_naive(
    values: Floats, past: Residuals, pair: Ints, step: Ints, season_length: int
) -> tuple[Floats, Floats]:
    """Last observed value of the same season position; the last observed value where there is none."""
    target = past.row[pair] + step
    seasons = -(-step // season_length)
    source = same_season(values, target - seasons * season_length, past.start[pair], season_length)
    is_seasonal = source >= 0
    source = np.where(is_seasonal, source, past.source[pair])
    per_season = (past.season_total / np.maximum(past.season_count, 1))[pair]
    seasonal = per_season * ((target - source) // season_length)
    walk = _walk_variance(past)[pair] * (target - source)
    return values[source], np.where(is_seasonal & (past.season_count[pair] > 0), seasonal, walk)


def _window_average(
    values: Floats, past: Residuals, pair: Ints, step: Ints, season_length: int
) -> tuple[Floats, Floats]:
    """Mean of the last season, with the variance of its one-step residuals."""
    return past.mean[pair], past.mean_variance[pair]


def _walk_variance(past: Residuals) -> Floats:
    variance: Floats = past.walk_total / np.maximum(past.walk_count, 1)
    return variance
