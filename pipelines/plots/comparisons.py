"""Figures of pairs: a series and its changed copy, a full pass and a stream, training and validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from pipelines.plots.arrays import numbers, times_of
from pipelines.plots.panels import leave_legend_out, new_panels
from pipelines.plots.style import LIGHT, VALUE, new_figure


def augmentation_chart(series: Any, copies: Mapping[str, Any], *, title: str | None = None) -> go.Figure:
    """Draw what augmentation makes of a series: each copy over the series itself.

    Args:
        series: Values, `(time,)`; NaN where they are missing.
        copies: What became of it, `(time,)`, by the name of what was done; may be shorter than the series.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with a panel for each copy, two in a row.

    Raises:
        ValueError: There is no copy, or an array has other axes or an infinite value.

    Example:
        >>> figure = augmentation_chart([1.0, 2.0], {"sign": [-1.0, -2.0]})
        >>> [(trace.name, list(trace.y)) for trace in figure.data]
        [('Series', [1.0, 2.0]), ('sign', [-1.0, -2.0])]
    """
    values = numbers("series", series, "(time)", gaps=True)
    if not copies:
        raise ValueError("'copies' must hold a copy. Received: none; pass {'Jitter': changed}, for example.")
    columns = min(2, len(copies))
    rows = -(-len(copies) // columns)
    figure = new_panels(
        "A series and its augmented copies" if title is None else title,
        list(copies),
        rows=rows,
        columns=columns,
        shared_xaxes=True,
        shared_yaxes="all",
        vertical_spacing=0.32 / rows,
        horizontal_spacing=0.03,
    )
    for place, (name, copy) in enumerate(copies.items()):
        changed = numbers(name, copy, "(time)", gaps=True)
        lines = (("Series", values, "naive", 1.4), (name, changed, "model", 2))
        for what, drawn, color, width in lines:
            figure.add_scatter(
                x=times_of(None, len(drawn)),
                y=drawn.tolist(),
                name=what,
                mode="lines",
                line={"color": LIGHT[color], "width": width},
                hovertemplate=f"%{{y:{VALUE}}}",
                row=place // columns + 1,
                col=place % columns + 1,
            )
    leave_legend_out(figure)
    figure.update_layout(height=100 + 150 * rows)
    figure.update_xaxes(title_text="step", row=rows)
    return figure


def streaming_chart(full: Any, streamed: Any, *, stamps: Any = None, title: str | None = None) -> go.Figure:
    """Draw the outputs of a full pass and of a stream over each other, and their difference below.

    Args:
        full: Outputs of one pass, `(time,)`.
        streamed: Outputs of a stream of the same steps, `(time,)`.
        stamps: Time stamp of each step; the number of the step by default.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with both lines in the first panel and their difference in the second, which names the largest.

    Raises:
        ValueError: An array has other axes or is not finite, or they have different lengths.

    Example:
        >>> figure = streaming_chart([1.0, 2.0], [1.0, 2.5])
        >>> list(figure.data[2].y), figure.layout.annotations[0].text
        ([0.0, 0.5], 'difference, at most 0.5')
    """
    one, other = numbers("full", full, "(time)"), numbers("streamed", streamed, "(time)")
    if len(one) != len(other):
        raise ValueError(
            f"'full' and 'streamed' must have the same steps. Received: {len(one)} and {len(other)}; pass "
            "the outputs of the same inputs."
        )
    times = times_of(stamps, len(one))
    difference = other - one
    figure = new_panels(
        "One pass and a stream" if title is None else title,
        ["", f"difference, at most {np.abs(difference).max():.2g}"],
        rows=2,
        shared_xaxes=True,
        row_heights=[0.68, 0.32],
        vertical_spacing=0.14,
    )
    for name, values, style, row in (
        ("Full pass", one, {"color": LIGHT["naive"], "width": 6}, 1),
        ("Stream", other, {"color": LIGHT["model"], "width": 2}, 1),
        ("Difference", difference, {"color": LIGHT["season"], "width": 1.4}, 2),
    ):
        figure.add_scatter(
            x=times,
            y=values.tolist(),
            name=name,
            mode="lines",
            line=style,
            showlegend=row == 1,
            hovertemplate=f"%{{y:{VALUE}}}" if row == 1 else "%{y:.2e}",
            row=row,
            col=1,
        )
    figure.update_yaxes(title_text="output", row=1, col=1)
    figure.update_yaxes(exponentformat="e", nticks=4, row=2, col=1)
    figure.update_xaxes(title_text="step" if stamps is None else None, row=2, col=1)
    return figure


def history_chart(
    history: Mapping[str, Sequence[float]], metric: str = "loss", *, title: str | None = None
) -> go.Figure:
    """Draw how a loss or metric of Keras fell in training and in validation.

    Args:
        history: Numbers of each epoch by name, the ``history`` of what ``model.fit`` returns.
        metric: Name of a number for which smaller is better.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with a line for training, and where there was validation another one and its best epoch.

    Raises:
        ValueError: There is no such metric, or one of its numbers is not finite.

    Example:
        >>> figure = history_chart({"loss": [3.0, 2.0, 1.0], "val_loss": [3.0, 2.5, 2.7]})
        >>> [(trace.name, list(trace.x)) for trace in figure.data]
        [('Training', [1, 2, 3]), ('Validation', [1, 2, 3]), ('Best epoch', [2])]
    """
    if metric not in history:
        raise ValueError(f"'metric' must be one of {', '.join(history) or 'none'}. Received: {metric!r}")
    figure = new_figure("Training and validation" if title is None else title, "epoch", metric)
    lines = (("Training", metric, "naive"), ("Validation", f"val_{metric}", "model"))
    for name, column, color in lines:
        if column not in history:
            continue
        values = numbers(column, history[column], "(epochs)")
        figure.add_scatter(
            x=list(range(1, len(values) + 1)),
            y=values.tolist(),
            name=name,
            mode="lines+markers",
            marker={"size": 5},
            line={"color": LIGHT[color], "width": 2},
            hovertemplate=f"%{{y:{VALUE}}}",
        )
        if column != metric:
            best = int(values.argmin())
            figure.add_scatter(
                x=[best + 1],
                y=[float(values[best])],
                name="Best epoch",
                mode="markers",
                marker={"size": 13, "symbol": "circle-open", "color": LIGHT["season"], "line": {"width": 2}},
                hoverinfo="skip",
            )
    figure.update_xaxes(unifiedhovertitle={"text": "epoch %{x}"})
    return figure
