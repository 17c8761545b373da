"""Figure of anomalies: a series, what was expected of it, and the intervals in which it was not so."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from pipelines.plots.frames import DEFAULT_COLUMNS, Columns, rows_of, stamps_of
from pipelines.plots.style import LIGHT, VALUE, new_figure

_SHADES: Final = {"high": LIGHT["season"], "low": LIGHT["drift"]}


def anomaly_chart(
    rows: pd.DataFrame,
    anomalies: pd.DataFrame,
    series: Any = None,
    *,
    columns: Columns = DEFAULT_COLUMNS,
    title: str | None = None,
) -> go.Figure:
    """Draw what was observed over what was expected, with intervals shaded by their direction.

    Args:
        rows: Rows that were searched, as ``pipelines.anomaly.Detection`` has them: id, time, target,
            ``expected``, ``low``, ``high``.
        anomalies: Intervals of any series: id, ``start``, ``end``, ``direction``.
        series: Id of the series; that of the strangest anomaly by default, or else the first of the rows.
        columns: Names of the id, time and target columns.
        title: Heading; the id of the series by default, none for an empty text.

    Returns:
        Figure with the band, the expectation, the observations, and a trace for each direction whose hover
        texts tell of the intervals.

    Raises:
        ValueError: No row belongs to the series.

    Example:
        >>> rows = pd.DataFrame({"unique_id": "a", "ds": [1, 2, 3], "y": [1.0, 9.0, 1.0]})
        >>> rows = rows.assign(expected=1.0, low=0.0, high=2.0)
        >>> found = pd.DataFrame({"unique_id": ["a"], "start": [2], "end": [2], "direction": "high"})
        >>> figure = anomaly_chart(rows, found)
        >>> [trace.name for trace in figure.data if trace.showlegend is not False], len(figure.layout.shapes)
        (['Expected range', 'Expected', 'Observed', 'Too high'], 1)
    """
    id_col, time_col, target_col = columns
    if series is None and len(anomalies):
        strangest = anomalies["score"].idxmax() if "score" in anomalies else anomalies.index[0]
        series = anomalies.loc[strangest, id_col]
    own = rows_of(rows, series, columns)
    if own.empty:
        raise ValueError("'rows' must have rows. Received an empty frame; search longer series.")
    series = own[id_col].iloc[0]
    found = anomalies[anomalies[id_col] == series]
    figure = new_figure(str(series) if title is None else title, "", target_col)
    stamps = stamps_of(own[time_col])
    _add_band(figure, own, stamps)
    lines = {"mode": "lines", "hovertemplate": f"%{{y:{VALUE}}}", "x": stamps}
    dashed = {"color": LIGHT["model"], "width": 1.6, "dash": "dot"}
    figure.add_scatter(y=own["expected"].tolist(), name="Expected", line=dashed, **lines)
    observed = own[target_col].astype(object).where(own[target_col].notna(), None)
    ink = {"color": LIGHT["ink"], "width": 1.6}
    figure.add_scatter(y=observed.tolist(), name="Observed", line=ink, connectgaps=False, **lines)
    for direction, color in _SHADES.items():
        _add_intervals(figure, own, found[found["direction"] == direction], direction, color, columns)
    return figure


def _add_band(figure: go.Figure, rows: pd.DataFrame, stamps: list[Any]) -> None:
    """Add the range in which most values were expected."""
    edge = {"x": stamps, "mode": "lines", "line": {"width": 0, "color": LIGHT["model"]}}
    low = rows["low"].tolist()
    figure.add_scatter(y=low, showlegend=False, hoverinfo="skip", **edge)
    figure.add_scatter(
        y=rows["high"].tolist(),
        name="Expected range",
        customdata=low,
        fill="tonexty",
        fillcolor=f"{LIGHT['model']}30",
        hovertemplate=f"%{{customdata:{VALUE}}} to %{{y:{VALUE}}}",
        **edge,
    )


def _add_intervals(
    figure: go.Figure, rows: pd.DataFrame, found: pd.DataFrame, direction: str, color: str, columns: Columns
) -> None:
    """Shade intervals from half a step before to half a step after, and mark their rows."""
    _, time_col, target_col = columns
    times = rows[time_col]
    found = found[(found["end"] >= times.min()) & (found["start"] <= times.max())]
    if found.empty:
        return
    half = times.diff().min() / 2 if len(times) > 1 else 0
    inside = pd.Series(False, index=rows.index)
    shade = {"type": "rect", "yref": "paper", "y0": 0, "y1": 1, "fillcolor": color, "opacity": 0.18}
    shapes = [*figure.layout.shapes]
    for start, end in zip(found["start"], found["end"], strict=True):
        left, right = stamps_of(pd.Index([start - half, end + half]))
        shapes.append({**shade, "x0": left, "x1": right, "line_width": 0, "layer": "below"})
        inside |= (times >= start) & (times <= end)
    figure.update_layout(shapes=shapes)
    some = rows[inside & rows[target_col].notna()]
    figure.add_scatter(
        x=stamps_of(some[time_col]),
        y=some[target_col].tolist(),
        name=f"Too {direction}",
        mode="markers",
        marker={
            "color": color,
            "size": 5,
            "symbol": "triangle-up" if direction == "high" else "triangle-down",
        },
        hoverinfo="skip",
    )
