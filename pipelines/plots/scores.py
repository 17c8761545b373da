"""Figures of the scores: models beside baselines, error by step ahead, coverage, and the training loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from pipelines.plots.frames import joined
from pipelines.plots.style import LIGHT, VALUE, line, new_figure, plain

if TYPE_CHECKING:
    from pipelines.metrics import Scores

METRIC_NAMES = {
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "mape": "mean absolute percentage error",
    "smape": "symmetric percentage error",
    "mase": "mean absolute scaled error",
    "rmsse": "root mean squared scaled error",
    "wql": "weighted quantile loss",
}
"""Metric column to its name in words."""


def scores_chart(
    scores: Scores, metric: str = "mase", *, alias: str = "TCN", title: str | None = None
) -> go.Figure:
    """Draw one score of every model as bars, best on top.

    Args:
        scores: Scores of a backtest.
        metric: Column of ``scores.overall`` for which smaller is better.
        alias: Name of the forecaster, which stands out.
        title: Heading; the metric by default, none for an empty text.

    Returns:
        Figure with one bar for each model that has the score.

    Example:
        >>> import pandas as pd
        >>> from types import SimpleNamespace
        >>> overall = pd.DataFrame({"mase": [0.8, 1.0]}, index=["TCN", "SeasonalNaive"])
        >>> list(scores_chart(SimpleNamespace(overall=overall)).data[0].y)
        ['SeasonalNaive', 'TCN']
    """
    column = scores.overall[metric].dropna().sort_values(ascending=False)
    colors = [LIGHT["model" if model == alias else "naive"] for model in column.index]
    figure = new_figure(METRIC_NAMES.get(metric, metric).capitalize() if title is None else title, "", "")
    figure.add_bar(
        x=column.tolist(),
        y=[plain(model) for model in column.index],
        orientation="h",
        marker={"color": colors, "cornerradius": 3},
        texttemplate="%{x:.3~r}",
        textposition="outside",
        cliponaxis=False,
        hovertemplate=f"%{{y}}: %{{x:{VALUE}}}<extra></extra>",
    )
    figure.update_layout(hovermode="closest", bargap=0.35, margin_t=48 if title is None else 8, margin_r=56)
    figure.update_xaxes(rangemode="tozero", showline=False, showticklabels=False)
    figure.update_yaxes(showgrid=False, ticksuffix="  ")
    return figure


def error_by_step(
    scores: Scores, metric: str = "mae", *, alias: str = "TCN", title: str | None = None
) -> go.Figure:
    """Draw how an error grows with the steps ahead, one line for each model.

    Args:
        scores: Scores of a backtest.
        metric: Column of ``scores.by_step``.
        alias: Name of the forecaster, which stands out.
        title: Heading; the metric by default, none for an empty text.

    Returns:
        Figure with one line for each model.

    Example:
        >>> import pandas as pd
        >>> from types import SimpleNamespace
        >>> by_step = pd.DataFrame({"model": ["TCN", "TCN"], "step": [1, 2], "mae": [0.5, 0.7]})
        >>> list(error_by_step(SimpleNamespace(by_step=by_step)).data[0].y)
        [0.5, 0.7]
    """
    words = METRIC_NAMES.get(metric, metric)
    heading = f"{words} by step ahead".capitalize() if title is None else title
    figure = new_figure(heading, "steps ahead", words)
    for model, rows in _model_groups(scores.by_step, alias):
        rows = rows.sort_values("step")
        figure.add_scatter(
            x=rows["step"].tolist(),
            y=rows[metric].tolist(),
            name=plain(model),
            mode="lines" if len(rows) > 12 else "lines+markers",
            line=line(model, alias),
            hovertemplate=f"%{{y:{VALUE}}}",
        )
    figure.update_yaxes(rangemode="tozero")
    figure.update_xaxes(unifiedhovertitle={"text": "step %{x}"})
    return figure


def coverage_chart(scores: Scores, *, alias: str = "TCN", title: str | None = None) -> go.Figure:
    """Draw the share of outcomes inside each interval against the share that was promised.

    Args:
        scores: Scores of a backtest with ``coverage_L`` columns, as fractions.
        alias: Name of the forecaster, which stands out.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure in percent; points on the diagonal keep their promise, points below it are too sure.

    Example:
        >>> import pandas as pd
        >>> from types import SimpleNamespace
        >>> overall = pd.DataFrame({"coverage_80": [0.78], "coverage_95": [0.93]}, index=["TCN"])
        >>> [round(y) for y in coverage_chart(SimpleNamespace(overall=overall)).data[1].y]
        [78, 93]
    """
    names = [name for name in scores.overall.columns if str(name).startswith("coverage_")]
    levels = sorted(float(str(name).removeprefix("coverage_")) for name in names)
    names.sort(key=lambda name: float(str(name).removeprefix("coverage_")))
    heading = "Coverage of the intervals" if title is None else title
    figure = new_figure(heading, "level of the interval, %", "outcomes inside, %")
    values = scores.overall[names] * 100
    lowest = float(np.nanmin([*levels, *values.to_numpy().ravel(), 100.0]))
    floor = max(0.0, 10.0 * np.floor((lowest - 4) / 10))
    figure.add_scatter(
        x=[floor, 100],
        y=[floor, 100],
        name="Exact",
        mode="lines",
        hoverinfo="skip",
        line={"color": LIGHT["muted"], "width": 1, "dash": "dot"},
    )
    for model in sorted(map(str, values.index), key=lambda name: name == alias):
        row = values.loc[model]
        if row.notna().any():
            figure.add_scatter(
                x=levels,
                y=row.tolist(),
                name=plain(model),
                mode="lines+markers",
                line=line(model, alias),
                marker={"size": 10 if model == alias else 7},
                hovertemplate="%{y:.1f} %",
            )
    figure.update_xaxes(range=[floor, 100.5], tickvals=levels, unifiedhovertitle={"text": "%{x} % interval"})
    figure.update_yaxes(range=[floor, 100.5])
    return figure


def training_curve(training: Sequence[Mapping[str, float]], *, title: str | None = None) -> go.Figure:
    """Draw the training loss over the steps.

    Args:
        training: One record per epoch with ``step`` and ``loss``; where the step falls back, the next member
            of an ensemble begins.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with one line, broken between the members of an ensemble.

    Example:
        >>> list(training_curve([{"step": 10, "loss": 0.5}, {"step": 20, "loss": 0.4}]).data[0].y)
        [0.5, 0.4]
    """
    members: list[list[Mapping[str, float]]] = []
    for record in training:
        if not members or record["step"] <= members[-1][-1]["step"]:
            members.append([])
        members[-1].append(record)
    figure = new_figure("Training loss" if title is None else title, "step", "loss")
    figure.add_scatter(
        x=joined([record["step"] for record in member] for member in members),
        y=joined([record["loss"] for record in member] for member in members),
        name="Loss",
        mode="lines+markers",
        marker={"size": 5},
        line=line("loss", "loss"),
        hovertemplate=f"%{{y:{VALUE}}}",
    )
    figure.update_layout(margin_t=48 if title is None else 8)
    figure.update_xaxes(unifiedhovertitle={"text": "step %{x}"})
    return figure


def _model_groups(frame: Any, alias: str) -> list[tuple[str, Any]]:
    """Rows by model, the forecaster last so that its line lies on top."""
    groups = [(str(model), rows) for model, rows in frame.groupby("model", sort=False)]
    return sorted(groups, key=lambda pair: pair[0] == alias)
