"""Figures of one series: the forecast with its intervals, and the backtest beside what happened.

Each trace says in ``meta`` what it shows, so the report can put another series into the same figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from pipelines.plots.frames import (
    DEFAULT_COLUMNS,
    Columns,
    joined,
    levels_of,
    models_of,
    rows_of,
    stamps_of,
    windows_of,
)
from pipelines.plots.style import LIGHT, VALUE, line, new_figure, plain

_OBSERVED: Final = {"color": LIGHT["ink"], "width": 1.6}


def history_length(horizon: int, season_length: int) -> int:
    """How many observed steps a fan chart shows: enough to see seasons, without dwarfing the forecast.

    Args:
        horizon: Steps ahead.
        season_length: Steps in a season.

    Returns:
        Number of steps.

    Example:
        >>> history_length(horizon=24, season_length=24), history_length(horizon=12, season_length=12)
        (96, 48)
    """
    return min(max(3 * horizon, 3 * season_length) + season_length, 6 * horizon + 60)


def fan_chart(
    forecast: pd.DataFrame,
    history: pd.DataFrame,
    series: Any = None,
    *,
    alias: str | None = None,
    season_length: int = 1,
    columns: Columns = DEFAULT_COLUMNS,
    title: str | None = None,
) -> go.Figure:
    """Draw what was observed, the median forecast and its intervals for one series.

    Args:
        forecast: Future rows with ``alias``, ``alias-lo-L`` and ``alias-hi-L``.
        history: Observed rows of at least the recent past.
        series: Id of the series; the first of the forecast by default.
        alias: Model to draw; the first of the forecast by default.
        season_length: Steps in a season, which decides how much of the past is shown.
        columns: Names of the id, time and target columns.
        title: Heading; the id of the series by default, none for an empty text.

    Returns:
        Figure with one trace for the observations, one for the median and two for each level.

    Raises:
        ValueError: No row of the forecast belongs to the series.

    Example:
        >>> history = pd.DataFrame({"unique_id": "a", "ds": [1, 2], "y": [1.0, 2.0]})
        >>> forecast = pd.DataFrame(
        ...     {"unique_id": "a", "ds": [3], "TCN": [3.0], "TCN-lo-80": [2.0], "TCN-hi-80": [4.0]}
        ... )
        >>> [trace.name for trace in fan_chart(forecast, history).data]
        ['80 % interval', '80 % interval', 'Observed', 'Forecast']
    """
    id_col, time_col, target_col = columns
    ahead = rows_of(forecast, series, columns)
    if ahead.empty:
        raise ValueError("'forecast' must have rows. Received an empty frame; predict first.")
    alias = alias or models_of(forecast, columns)[0]
    series = ahead[id_col].iloc[0]
    past = rows_of(history[history[id_col] == series], series, columns)
    past = past.tail(history_length(len(ahead), season_length))
    figure = new_figure(str(series) if title is None else title, "", target_col)
    stamps = stamps_of(ahead[time_col])
    _add_intervals(figure, ahead, stamps, alias, levels_of(forecast, alias))
    seen = {"x": stamps_of(past[time_col]), "y": past[target_col].tolist()}
    median = {"x": stamps, "y": ahead[alias].tolist()}
    _add_line(figure, seen, "Observed", "actual", _OBSERVED)
    _add_line(figure, median, "Forecast", "median", line(alias, alias))
    return figure


def _add_intervals(
    figure: go.Figure, ahead: pd.DataFrame, stamps: list[Any], alias: str, levels: Sequence[str]
) -> None:
    """Add two lines for each level, the area between them filled."""
    for place, level in enumerate(levels):
        low, high = ahead[f"{alias}-lo-{level}"].tolist(), ahead[f"{alias}-hi-{level}"].tolist()
        band = {"x": stamps, "name": f"{level} % interval", "legendgroup": level, "mode": "lines"}
        edge = {"width": 0, "color": LIGHT["model"]}
        figure.add_scatter(y=low, meta=f"lo-{level}", line=edge, showlegend=False, hoverinfo="skip", **band)
        figure.add_scatter(
            y=high,
            customdata=low,
            meta=f"hi-{level}",
            line=edge,
            fill="tonexty",
            fillcolor=_shade(place, len(levels)),
            hovertemplate=f"%{{customdata:{VALUE}}} to %{{y:{VALUE}}}",
            legendrank=1010 - place,
            **band,
        )


def backtest_chart(
    backtest: pd.DataFrame,
    series: Any = None,
    *,
    alias: str | None = None,
    compare: str = "SeasonalNaive",
    columns: Columns = DEFAULT_COLUMNS,
    title: str | None = None,
) -> go.Figure:
    """Draw past forecasts of one series over what then happened, at cutoffs whose windows do not overlap.

    Args:
        backtest: Rows with ``cutoff``, the target and the columns of each model.
        series: Id of the series; the first of the backtest by default.
        alias: Model to draw with its narrowest interval; the first of the backtest by default.
        compare: Baseline to draw beside it, where the backtest holds it.
        columns: Names of the id, time and target columns.
        title: Heading; the id of the series by default, none for an empty text.

    Returns:
        Figure with the observations, the model's median and interval, and the baseline.

    Raises:
        ValueError: No row of the backtest belongs to the series.

    Example:
        >>> backtest = pd.DataFrame(
        ...     {"unique_id": "a", "ds": [3, 4], "cutoff": 2, "y": [3.0, 4.0], "TCN": [3.1, 3.9], "Naive": 2}
        ... )
        >>> [trace.name for trace in backtest_chart(backtest, compare="Naive").data]
        ['Naive', 'Observed', 'TCN']
    """
    id_col, time_col, target_col = columns
    rows = rows_of(backtest, series, columns)
    if rows.empty:
        raise ValueError("'backtest' must have rows. Received an empty frame; backtest longer series.")
    alias = alias or models_of(backtest, columns)[0]
    windows = [rows.iloc[place] for place in windows_of(rows["cutoff"].tolist(), rows[time_col].tolist())]
    parts = [stamps_of(window[time_col]) for window in windows]
    stamps = joined(parts)
    figure = new_figure(str(rows[id_col].iloc[0]) if title is None else title, "", target_col)
    for level in levels_of(backtest, alias)[-1:]:
        _add_area(figure, windows, parts, alias, level)
    for meta, column, name, style in (
        ("compare", compare, compare, line(compare, alias)),
        ("actual", target_col, "Observed", _OBSERVED),
        ("median", alias, alias, line(alias, alias)),
    ):
        if column in backtest.columns:
            points = {"x": stamps, "y": joined(window[column].tolist() for window in windows)}
            _add_line(figure, points, name, meta, style)
    return figure


def _add_area(
    figure: go.Figure, windows: list[pd.DataFrame], parts: list[list[Any]], alias: str, level: str
) -> None:
    """Add the interval of each window as an area of its own."""
    low, high = f"{alias}-lo-{level}", f"{alias}-hi-{level}"
    figure.add_scatter(
        x=joined([*part, *part[::-1]] for part in parts),
        y=joined([*window[high].tolist(), *window[low].tolist()[::-1]] for window in windows),
        name=f"{level} % interval",
        meta="band",
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=_shade(0, 1),
        hoverinfo="skip",
        legendrank=1010,
    )


def _add_line(
    figure: go.Figure, points: dict[str, list[Any]], name: str, meta: str, style: dict[str, Any]
) -> None:
    """Add a line, or what is one point only as a point."""
    mode = "lines" if len(points["x"]) > 1 else "markers"
    hover = f"%{{y:{VALUE}}}"
    figure.add_scatter(**points, name=plain(name), meta=meta, mode=mode, line=style, hovertemplate=hover)


def _shade(place: int, count: int) -> str:
    """Fill of an interval, the widest (place 0) faintest, so that the legend tells them apart."""
    return f"{LIGHT['model']}{28 + round(32 * (place + 1) / count):02x}"
