"""Figures of where forecasts come from: past steps, covariates, and parts of the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import plotly.graph_objects as go

from pipelines.plots.explained_networks import deletion_chart, excited_chart, responses_chart
from pipelines.plots.fields import effective_field_chart
from pipelines.plots.frames import Columns, rows_of, stamps_of
from pipelines.plots.panels import DIVERGING, ROLES, leave_legend_out, new_panels
from pipelines.plots.parts import parts_chart
from pipelines.plots.style import LIGHT, VALUE, new_figure, plain

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.explaining import Explanation

_LEVELS: Final = ("season before", "level")
# Parts that are drawn by themselves; the others are put together.
_PARTS: Final = 6
_TICKS: Final = 8
_COVARIATES: Final = 20


def explanation_figures(explanation: Explanation) -> dict[str, go.Figure]:
    """Draw all that an explanation holds.

    Args:
        explanation: As ``pipelines.explain`` returns it.

    Returns:
        Name to figure; see ``Explanation.figures``.
    """
    columns, only = explanation.columns, len(explanation.ids) == 1
    figures = {
        "steps": steps_chart(explanation.steps, columns),
        "distance": distance_chart(explanation.by_distance(), explanation.seasons),
    }
    if len(explanation.covariates):
        figures["covariates"] = covariates_chart(explanation.by_covariate())
    parts = explanation.parts
    if only:
        figures["parts"] = added_chart(explanation.forecast, parts, explanation.alias, columns)
    else:
        sizes = parts[~parts["part"].isin(_LEVELS)].assign(size=lambda rows: rows["value"].abs())
        sizes["size"] /= sizes.groupby(columns.id_col)["size"].transform("sum").replace(0, 1)
        mean = sizes.groupby(["part", "step"], sort=False)["size"].mean().reset_index()
        figures["parts"] = parts_chart(mean)
    if explanation.field.profile:
        field = explanation.field
        figures["field"] = effective_field_chart(field, field.nominal)
    ticks = {steps: explanation.period(steps) for steps in _natural_periods(explanation.seasons)}
    figures["filters"] = responses_chart(explanation.filters, ticks)
    figures["stretches"] = excited_chart(explanation.stretches, columns)
    figures["deletion"] = deletion_chart(explanation.deletion)
    return figures


def steps_chart(
    steps: pd.DataFrame, columns: Columns, series: Any = None, *, title: str | None = None
) -> go.Figure:
    """Draw a series, and below it how far each of its steps moves the forecast of each step ahead.

    Args:
        steps: ``Explanation.steps``.
        columns: Names of the id, time and target columns.
        series: Id of the series; the first by default.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with the line of the series above a map of integrated gradients.

    Example:
        >>> import pandas as pd
        >>> rows = [(1, 10, 5.0, 0.5), (2, 10, 5.0, 0.1), (1, 11, 7.0, -2.0), (2, 11, 7.0, 1.0)]
        >>> steps = pd.DataFrame(rows, columns=["step", "ds", "y", "gradient"]).assign(unique_id="a")
        >>> figure = steps_chart(steps, ("unique_id", "ds", "y"))
        >>> list(figure.data[0].y), [list(row) for row in figure.data[1].z]
        ([5.0, 7.0], [[0.5, -2.0], [0.1, 1.0]])
    """
    id_col, time_col, target = columns
    rows = rows_of(steps, series, columns)
    wide = rows.pivot(index="step", columns=time_col, values="gradient")
    past = rows.drop_duplicates(time_col)
    times = stamps_of(past[time_col])
    limit = float(np.nanmax(np.abs(wide.to_numpy()))) or 1.0
    name = str(rows[id_col].iloc[0])
    figure = new_panels(
        f"Which past steps move the forecast of {name}" if title is None else title,
        ["", "how far each step moves the forecast, by steps ahead"],
        rows=2,
        shared_xaxes=True,
        vertical_spacing=0.12,
        row_heights=[0.4, 0.6],
    )
    figure.add_scatter(
        x=times,
        y=past[target].tolist(),
        name=plain(target),
        mode="lines",
        line={"color": LIGHT["ink"], "width": 1.6},
        hovertemplate=f"%{{y:{VALUE}}}<extra></extra>",
        row=1,
        col=1,
    )
    figure.add_heatmap(
        x=times,
        y=wide.index.tolist(),
        z=_rounded(wide.to_numpy()),
        zmin=-limit,
        zmax=limit,
        colorscale=DIVERGING,
        colorbar={"len": 0.55, "y": 0.25, "thickness": 12, "outlinewidth": 0},
        hovertemplate=f"%{{x}}, step %{{y}} ahead: %{{z:{VALUE}}}<extra></extra>",
        row=2,
        col=1,
    )
    leave_legend_out(figure)
    figure.update_layout(height=480)
    figure.update_yaxes(title_text=plain(target), row=1, col=1)
    figure.update_yaxes(title_text="steps ahead", showgrid=False, row=2, col=1)
    return figure


def distance_chart(shares: pd.DataFrame, seasons: tuple[int, ...], *, title: str | None = None) -> go.Figure:
    """Draw how much steps matter by how far they lie before the one that is forecast.

    Args:
        shares: ``Explanation.by_distance()``.
        seasons: Steps in each season, the main one first, whose multiples are marked.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with bars of the gradients' shares, and a line of what hiding changes.

    Example:
        >>> import pandas as pd
        >>> rows = [(1, "1 h", 0.75, 0.5), (2, "2 h", 0.25, 0.5)]
        >>> shares = pd.DataFrame(rows, columns=["distance", "label", "gradient", "hidden"])
        >>> bars, line = distance_chart(shares, (2,)).data
        >>> list(bars.y), list(line.y)
        ([75.0, 25.0], [50.0, 50.0])
    """
    figure = new_figure(
        "Which past steps matter" if title is None else title,
        "how far before the step that is forecast",
        "share, %",
    )
    far, labels = shares["distance"].tolist(), shares["label"].tolist()
    figure.add_bar(
        x=far,
        y=(100 * shares["gradient"]).round(4).tolist(),
        customdata=labels,
        name="Integrated gradients",
        marker={"color": LIGHT["model"], "line": {"width": 0}},
        hovertemplate="%{customdata} before: %{y:.1f} %",
    )
    figure.add_scatter(
        x=far,
        y=(100 * shares["hidden"]).round(4).tolist(),
        customdata=labels,
        name="Change when hidden",
        mode="lines",
        line={"color": LIGHT["season"], "width": 1.6},
        hovertemplate="%{customdata} before: %{y:.1f} %",
    )
    named = dict(zip(far, labels, strict=True))
    season = seasons[0]
    apart = season * max(1, -(-max(far) // (season * _TICKS)))
    ticks = [tick for tick in dict.fromkeys((season, *range(apart, max(far) + 1, apart))) if tick in named]
    if season > 1 and ticks:
        figure.update_xaxes(tickvals=ticks, ticktext=[named[tick] for tick in ticks])
    figure.update_layout(bargap=0, hovermode="x")
    figure.update_yaxes(rangemode="tozero")
    return figure


def covariates_chart(shares: pd.DataFrame, *, title: str | None = None) -> go.Figure:
    """Draw how far forecasts move without each covariate.

    Args:
        shares: ``Explanation.by_covariate()``.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with a bar for each covariate, the largest on top, by its role; of many the twenty largest.

    Example:
        >>> import pandas as pd
        >>> rows = [("y", "target", 0.9, None), ("price", "future", 0.1, 0.25)]
        >>> shares = pd.DataFrame(rows, columns=["covariate", "role", "gradient", "hidden"])
        >>> bar = covariates_chart(shares).data[0]
        >>> bar.name, list(bar.x), list(bar.y)
        ('future', [25.0], ['price'])
    """
    beside = shares[shares["role"] != "target"].head(_COVARIATES)
    figure = new_figure(
        "How far forecasts move without each covariate" if title is None else title,
        "% of the series' mean distance from its mean",
        "",
    )
    roles = beside["role"].drop_duplicates().tolist()
    for color, role in zip((ROLES * len(roles))[: len(roles)], roles, strict=True):
        own = beside[beside["role"] == role]
        figure.add_bar(
            x=(100 * own["hidden"]).round(4).tolist(),
            y=[plain(name) for name in own["covariate"]],
            name=role,
            orientation="h",
            marker={"color": LIGHT[color], "line": {"width": 0}},
            hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
        )
    order = [plain(name) for name in beside["covariate"]]
    figure.update_yaxes(categoryorder="array", categoryarray=order[::-1], showgrid=False)
    figure.update_layout(hovermode="closest", height=160 + 28 * len(order), barmode="overlay")
    return figure


def added_chart(
    forecast: pd.DataFrame,
    parts: pd.DataFrame,
    alias: str,
    columns: Columns,
    *,
    title: str | None = None,
) -> go.Figure:
    """Draw what each part of the network adds to the level that a forecast begins at.

    Args:
        forecast: ``Explanation.forecast`` of one series.
        parts: ``Explanation.parts`` of it.
        alias: Name of the forecast.
        columns: Names of the id, time and target columns.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with bars that add up to the forecast less its level, which is the line.

    Example:
        >>> import pandas as pd
        >>> forecast = pd.DataFrame({"unique_id": "a", "ds": [5], "step": [1], "TCN": [12.0]})
        >>> rows = [("a", 1, "level", 10.0), ("a", 1, "seasons", 3.0), ("a", 1, "look-back", -1.0)]
        >>> parts = pd.DataFrame(rows, columns=["unique_id", "step", "part", "value"])
        >>> figure = added_chart(forecast, parts, "TCN", ("unique_id", "ds", "y"))
        >>> [(trace.name, list(trace.y)) for trace in figure.data]
        [('seasons', [3.0]), ('look-back', [-1.0]), ('Forecast less its level', [2.0])]
    """
    wide = parts.pivot(index="step", columns="part", values="value").fillna(0.0)
    names = parts["part"].drop_duplicates().tolist()
    level = wide[[name for name in names if name in _LEVELS]].sum(axis=1)
    names = [name for name in names if name not in _LEVELS]
    largest = wide[names].abs().mean().sort_values(ascending=False, kind="stable").index[:_PARTS]
    drawn = {name: wide[name] for name in names if name in largest}
    rest = [name for name in names if name not in largest]
    if rest:
        drawn["others"] = wide[rest].sum(axis=1)
    times = stamps_of(forecast[columns[1]])
    figure = new_figure(
        "What each part of the network adds to the level" if title is None else title, "", columns[2]
    )
    for (name, values), color in zip(drawn.items(), (*ROLES, "muted"), strict=False):
        figure.add_bar(
            x=times,
            y=values.tolist(),
            name=name,
            marker={"color": LIGHT[color], "line": {"width": 0}},
            hovertemplate=f"%{{y:{VALUE}}}",
        )
    figure.add_scatter(
        x=times,
        y=(forecast[alias].to_numpy() - level.to_numpy()).tolist(),
        name="Forecast less its level",
        mode="lines" if len(times) > 1 else "markers",
        line={"color": LIGHT["ink"], "width": 2},
        hovertemplate=f"%{{y:{VALUE}}}",
    )
    figure.update_layout(barmode="relative", bargap=0.1, legend={"y": -0.18, "yanchor": "top"})
    return figure


def _natural_periods(seasons: tuple[int, ...]) -> list[float]:
    """Periods that are worth a tick: seasons, their halves and thirds, and the shortest that there is."""
    found = {season / part for season in seasons for part in (1, 2, 3)}
    return sorted({2.0, *(steps for steps in found if steps >= 2)}, reverse=True)


def _rounded(values: Any) -> list[list[float]]:
    """Numbers of four digits, which keeps a page small."""
    limit = float(np.nanmax(np.abs(values))) or 1.0
    decimals = 4 - int(np.floor(np.log10(limit)))
    rounded: list[list[float]] = np.round(values, decimals).tolist()
    return rounded
