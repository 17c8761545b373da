"""Does a model forecast, or does it hand back what was there before?

A model that repeats the last value or the last season draws a plausible line one step late. Errors alone do
not give it away where neighbors are alike, so its path is laid beside both copies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from pipelines.folds import Folds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipelines.panel import Panel

Floats: TypeAlias = "NDArray[np.float64]"
Ints: TypeAlias = "NDArray[np.int64]"

COPY: Final = 0.1
"""Distance below which a path is a copy."""
NEAR_COPY: Final = 0.25
"""Distance below which it is one if its correlation with the actuals peaks where a copy's does."""
_PEAK: Final = 0.98
_MARGIN: Final = 0.02
_MIN_ROWS: Final = 10  # fewer say nothing about a correlation
_MAX_ROWS: Final = 200_000
_MAX_TERMS: Final = 20_000_000  # rows x lags, about a second


def shift_diagnostic(
    model: str, forecast: Floats, y: Floats, folds: Folds, panel: Panel, season_length: int
) -> dict[str, Any]:
    """Compare forecasts with the last value and the last season repeated.

    The distance to a copy is the sum of ``|forecast - copy|`` over that of ``|y - copy|``, the median over
    series: 0 for the copy itself, about 1 for a forecast that moves as far from it as the actuals do, 0.7
    for the best forecast of a season under independent noise. The correlation is that of the forecasts with
    the actuals ``lag`` rows before the stamp that was forecast, as far as they were known, in units of each
    series' spread.

    Args:
        model: Name of the model, for the sentence.
        forecast: Point forecasts ``(rows,)``.
        y: Actual values ``(rows,)``, all known.
        folds: Where the rows belong.
        panel: History with the rows before the cutoffs; cutoffs that it lacks are not compared.
        season_length: Rows in a season; 1 compares with the last value only.

    Returns:
        ``verdict`` ("ok", "repeats last value" or "repeats last season"), ``text`` (a sentence), ``model``,
        ``distance_last_value``, ``distance_last_season``, ``correlation`` (at lag 0), ``best_lag`` and
        ``best_correlation`` (at the lag from 0 to a season where it is highest). None stands for what cannot
        be told from the data.

    Example:
        >>> import pandas as pd
        >>> from pipelines.folds import Folds
        >>> from pipelines.panel import Panel
        >>> history = pd.DataFrame({"unique_id": "a", "ds": range(6), "y": [1.0, 5.0, 2.0, 6.0, 3.0, 7.0]})
        >>> panel = Panel.from_frame(history, freq=1)
        >>> backtest = history.tail(2).assign(cutoff=3)
        >>> folds = Folds.from_frame(backtest, panel)
        >>> y = backtest["y"].to_numpy()
        >>> shift_diagnostic("TCN", np.array([6.0, 6.0]), y, folds, panel, season_length=2)["verdict"]
        'repeats last value'
    """
    rows = _sample(folds, season_length)
    past = _Past(panel, folds, rows)
    forecast, y, series, step = forecast[rows], y[rows], folds.series[rows], folds.step[rows]
    to_value = _distance(forecast, y, past.value(step), series)
    to_season = np.nan
    if season_length > 1:
        to_season = _distance(forecast, y, past.value(-(-step // season_length) * season_length), series)
    correlations = _Correlations(forecast, y, past)
    by_lag = np.array([correlations.at(lag)[0] for lag in range(season_length + 1)])
    best = None if np.isnan(by_lag).all() else int(np.nanargmax(by_lag))

    def copies(distance: float, lag: int) -> bool:
        if not distance < NEAR_COPY:
            return False
        shifted, straight = correlations.at(lag)
        return distance < COPY or (shifted >= _PEAK and shifted > straight + _MARGIN)

    repeats = {
        "last value": to_value if copies(to_value, 1) else np.inf,
        "last season": to_season if copies(to_season, season_length) else np.inf,
    }
    nearest = min(repeats, key=lambda copy: repeats[copy])
    verdict = f"repeats {nearest}" if np.isfinite(repeats[nearest]) else "ok"
    figures = {
        "distance_last_value": _figure(to_value),
        "distance_last_season": _figure(to_season),
        "correlation": _figure(by_lag[0]),
        "best_lag": best,
        "best_correlation": None if best is None else _figure(by_lag[best]),
    }
    own_lag = {"last value": 1, "last season": season_length}[nearest]
    text = _sentence(model, verdict, repeats[nearest], own_lag, figures)
    return {"verdict": verdict, "text": text, "model": model, **figures}


def _sentence(model: str, verdict: str, distance: float, own_lag: int, figures: dict[str, Any]) -> str:
    if verdict != "ok":
        peak = ""
        if figures["best_lag"] == own_lag:
            peak = f", and it correlates best with what was {own_lag} step{'s' * (own_lag > 1)} earlier"
        return (
            f"{model} {verdict.replace('last', 'the last')}: its path departs from a plain copy by only "
            f"{100 * distance:.0f} % of what the actual values do{peak}. It adds little to that copy."
        )
    compared = [
        f"{100 * figures[f'distance_{name}']:.0f} % as far from the {name.replace('_', ' ')} repeated"
        for name in ("last_value", "last_season")
        if figures[f"distance_{name}"] is not None
    ]
    if not compared:
        return f"Whether {model} repeats the past cannot be told: the actual values themselves do."
    return f"{model} is no shifted copy: its path lies {' and '.join(compared)} as the actual values do."


class _Past:
    """Actual values before the cutoffs, by their distance in rows to the stamp that was forecast."""

    def __init__(self, panel: Panel, folds: Folds, rows: Ints) -> None:
        pair = folds.pair[rows]
        self.cutoff = folds.pair_row[pair]
        self.target = self.cutoff + folds.step[rows]
        self.start = panel.indptr[folds.pair_owner[pair]]
        self.values: Floats = panel.values
        center, spread = np.full(len(folds.ids), np.nan), np.full(len(folds.ids), np.nan)
        _, first = np.unique(folds.pair_series, return_index=True)
        for series in np.unique(folds.series[rows]):
            begin = panel.indptr[folds.pair_owner[first[series]]]
            known = panel.values[begin : begin + folds.pair_known[first[series]]]
            known = known[~np.isnan(known)]
            if known.size and np.ptp(known) > 0:
                center[series], spread[series] = known.mean(), known.std()
        self.center, self.spread = center[folds.series[rows]], spread[folds.series[rows]]

    def value(self, lag: Ints | int) -> Floats:
        """Return the value ``lag`` rows before each target; NaN if it was not known at the cutoff."""
        row = self.target - lag
        known = (self.cutoff >= 0) & (row >= self.start) & (row <= self.cutoff)
        return np.where(known, self.values[np.where(known, row, 0)], np.nan)


class _Correlations:
    """Correlations of forecasts with earlier actual values, each in units of its series' spread."""

    def __init__(self, forecast: Floats, y: Floats, past: _Past) -> None:
        self.past = past
        self.forecast = (forecast - past.center) / past.spread
        self.y = (y - past.center) / past.spread

    def at(self, lag: int) -> tuple[float, float]:
        """Return the correlation with the values ``lag`` rows before, and that of the same rows at lag 0."""
        earlier = self.y if lag == 0 else (self.past.value(lag) - self.past.center) / self.past.spread
        both = ~np.isnan(earlier) & ~np.isnan(self.forecast)
        forecast = self.forecast[both]
        return _correlation(forecast, earlier[both]), _correlation(forecast, self.y[both])


def _correlation(a: Floats, b: Floats) -> float:
    if len(a) < _MIN_ROWS or not np.ptp(a) or not np.ptp(b):
        return np.nan
    return float(np.corrcoef(a, b)[0, 1])


def _distance(forecast: Floats, y: Floats, copy: Floats, series: Ints) -> float:
    """Return how far the forecasts lie from a copy by how far the actuals do, the median over series."""
    known = ~np.isnan(copy)
    number = int(series.max()) + 1
    ours = np.bincount(series[known], np.abs(forecast - copy)[known], number)
    actual = np.bincount(series[known], np.abs(y - copy)[known], number)
    usable = (actual > 0) & np.isfinite(ours) & np.isfinite(actual)
    return float(np.median(ours[usable] / actual[usable])) if usable.any() else np.nan


def _sample(folds: Folds, season_length: int) -> Ints:
    """Return all rows, or as many at random as can be compared at every lag within about a second."""
    most = min(_MAX_ROWS, max(_MAX_TERMS // (season_length + 1), 1000))
    rows = np.arange(len(folds.step))
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, most, replace=False))


def _figure(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
