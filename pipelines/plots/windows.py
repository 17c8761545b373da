"""Figure of the errors of a backtest over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from pipelines.plots.frames import stamps_of
from pipelines.plots.scores import METRIC_NAMES
from pipelines.plots.style import VALUE, line, new_figure, plain
from pipelines.skill import REFERENCE

if TYPE_CHECKING:
    from pipelines.metrics import Scores


def error_by_cutoff(
    scores: Scores, metric: str = "mae", *, alias: str = "TCN", title: str | None = None
) -> go.Figure:
    """Draw an error by the cutoff of the forecast, beside that of seasonal naive: when it went wrong.

    Args:
        scores: Scores of a backtest.
        metric: Column of ``scores.by_cutoff``.
        alias: Name of the forecaster, which stands out.
        title: Heading; the metric by default, none for an empty text.

    Returns:
        Figure with one line for each of the two.

    Example:
        >>> import pandas as pd
        >>> from types import SimpleNamespace
        >>> by_cutoff = pd.DataFrame({"model": "TCN", "cutoff": [10, 20], "mae": [0.5, 0.7]})
        >>> list(error_by_cutoff(SimpleNamespace(by_cutoff=by_cutoff)).data[0].y)
        [0.5, 0.7]
    """
    words = METRIC_NAMES.get(metric, metric)
    figure = new_figure(f"{words} by cutoff".capitalize() if title is None else title, "", words)
    for model in (REFERENCE, alias):
        rows = scores.by_cutoff[scores.by_cutoff["model"] == model].sort_values("cutoff")
        if len(rows):
            figure.add_scatter(
                x=stamps_of(rows["cutoff"]),
                y=rows[metric].tolist(),
                name=plain(model),
                mode="lines+markers",
                marker={"size": 7 if model == alias else 5},
                line=line(model, alias),
                hovertemplate=f"%{{y:{VALUE}}}",
            )
    figure.update_yaxes(rangemode="tozero")
    return figure
