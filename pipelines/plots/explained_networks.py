"""Figures of what a forecaster's network has learned to see, and of whether its explanation holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from pipelines.plots.frames import Columns
from pipelines.plots.panels import leave_legend_out, new_panels
from pipelines.plots.style import LIGHT, VALUE, new_figure, plain

if TYPE_CHECKING:
    import pandas as pd

_ORDERS = {
    "gradient": ("Largest gradients first", "model", "solid"),
    "hidden": ("Largest changes first", "season", "solid"),
    "random": ("Random steps", "naive", "dot"),
}
# Ticks of a frequency axis that are nearer to each other cannot be read.
_APART = 0.03


def responses_chart(
    filters: pd.DataFrame, ticks: Mapping[float, str], *, title: str | None = None
) -> go.Figure:
    """Draw which periods the first filters of a network let through.

    Args:
        filters: ``Explanation.filters``; of a layer with several channels, that of the largest magnitudes is
            drawn for each filter.
        ticks: Period in steps to its name, for the axis.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with a panel for each layer, in it a line for each filter and a heavy one for the root of their
        mean square.

    Example:
        >>> import pandas as pd
        >>> rows = [("seasons", 3, "y", 0.0, "constant", 1.0), ("seasons", 3, "y", 0.5, "2 h", 0.0)]
        >>> names = ["layer", "filter", "channel", "frequency", "label", "magnitude"]
        >>> figure = responses_chart(pd.DataFrame(rows, columns=names), {2.0: "2 h"})
        >>> list(figure.data[0].y), figure.layout.xaxis.ticktext
        ([1.0, 0.0], ('∞', '2 h'))
    """
    layers = filters["layer"].drop_duplicates().tolist()
    figure = new_panels(
        "Which periods the first filters let through" if title is None else title,
        [f"{layer} path" for layer in layers],
        rows=1,
        columns=len(layers),
        horizontal_spacing=0.09,
    )
    places, names = [0.0], ["\N{INFINITY}"]
    for steps, name in ticks.items():
        if 1 / steps - places[-1] > _APART:
            places.append(1 / steps)
            names.append(name)
    for column, layer in enumerate(layers, start=1):
        own, drawn = filters[filters["layer"] == layer], []
        for number, rows in own.groupby("filter", sort=False):
            sizes = rows.groupby("channel", sort=False)["magnitude"].max()
            line = rows[rows["channel"] == sizes.idxmax()]
            about = plain(f"filter {number}" + f" of {sizes.idxmax()}" * (len(sizes) > 1))
            figure.add_scatter(
                x=line["frequency"].tolist(),
                y=line["magnitude"].round(6).tolist(),
                customdata=line["label"].tolist(),
                name=plain(f"filter {number}"),
                mode="lines",
                line={"color": LIGHT["naive"], "width": 0.8},
                hovertemplate=f"{about}, %{{customdata}}: %{{y:{VALUE}}}<extra></extra>",
                row=1,
                col=column,
            )
            drawn.append(line["magnitude"].to_numpy())
        figure.add_scatter(
            x=line["frequency"].tolist(),
            y=np.sqrt(np.mean(np.square(drawn), axis=0)).round(6).tolist(),
            customdata=line["label"].tolist(),
            name="all",
            mode="lines",
            line={"color": LIGHT["model"], "width": 2.4},
            hovertemplate=f"%{{customdata}}: %{{y:{VALUE}}}<extra></extra>",
            row=1,
            col=column,
        )
        figure.update_xaxes(tickvals=places, ticktext=names, title_text="period", row=1, col=column)
    figure.update_yaxes(rangemode="tozero")
    figure.update_yaxes(title_text="factor", row=1, col=1)
    leave_legend_out(figure)
    return figure


def excited_chart(stretches: pd.DataFrame, columns: Columns, *, title: str | None = None) -> go.Figure:
    """Draw the stretches of data that excite units of a network most.

    Args:
        stretches: ``Explanation.stretches``.
        columns: Names of the id, time and target columns.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with a panel for each unit and a line for each stretch, the most exciting one heavier; of
        several series in units of the stretch's own spread.

    Example:
        >>> import pandas as pd
        >>> rows = [("unit 0", 1, 9.0, "a", 7, -1, 1.0), ("unit 0", 1, 9.0, "a", 8, 0, 3.0)]
        >>> names = ["unit", "rank", "activation", "unique_id", "ds", "row", "y"]
        >>> figure = excited_chart(pd.DataFrame(rows, columns=names), ("unique_id", "ds", "y"))
        >>> list(figure.data[0].x), list(figure.data[0].y)
        ([-1, 0], [1.0, 3.0])
    """
    id_col, time_col, target = columns
    units = stretches["unit"].drop_duplicates().tolist()
    several = stretches[id_col].nunique() > 1
    figure = new_panels(
        "What excites units of the network most" if title is None else title,
        units,
        rows=1,
        columns=max(1, len(units)),
        horizontal_spacing=0.05,
    )
    for column, unit in enumerate(units, start=1):
        for rank, rows in stretches[stretches["unit"] == unit].groupby("rank"):
            values = rows[target]
            if several:
                values = (values - values.mean()) / (values.std(ddof=0) or 1.0)
            end = f"{rows[id_col].iloc[-1]}, up to {rows[time_col].iloc[-1]}"
            figure.add_scatter(
                x=rows["row"].tolist(),
                y=[None if value != value else value for value in values.round(6).tolist()],
                name=plain(end),
                mode="lines",
                line={
                    "color": LIGHT["model" if rank == 1 else "naive"],
                    "width": 2.4 if rank == 1 else 1.2,
                },
                hovertemplate=plain(end) + f": %{{y:{VALUE}}}<extra></extra>",
                row=1,
                col=column,
            )
    leave_legend_out(figure)
    figure.update_xaxes(title_text="steps back")
    figure.update_yaxes(title_text="in units of its spread" if several else plain(target), row=1, col=1)
    return figure


def deletion_chart(deletion: pd.DataFrame, *, title: str | None = None) -> go.Figure:
    """Draw how far forecasts move when ever more of the past is hidden, in three orders.

    Args:
        deletion: ``Explanation.deletion``; several series are scaled to the largest change of each.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with a line for each order.

    Example:
        >>> import pandas as pd
        >>> rows = [("a", "gradient", 0.1, 3.0), ("a", "random", 0.1, 1.0)]
        >>> figure = deletion_chart(pd.DataFrame(rows, columns=["unique_id", "order", "share", "change"]))
        >>> [(trace.name, list(trace.y)) for trace in figure.data]
        [('Largest gradients first', [100.0]), ('Random steps', [33.3])]
    """
    id_col = next(name for name in deletion.columns if name not in ("order", "share", "change"))
    most = deletion.groupby(id_col)["change"].transform("max")
    scaled = deletion.assign(change=100 * deletion["change"] / most.where(most > 0, 1.0))
    figure = new_figure(
        "Does hiding what matters move the forecast?" if title is None else title,
        "% of the past steps hidden",
        "change, % of the largest",
    )
    for order, rows in scaled.groupby("order", sort=False):
        name, color, dash = _ORDERS[str(order)]
        mean = rows.groupby("share")["change"].mean()
        figure.add_scatter(
            x=(100 * mean.index.to_numpy()).round(2).tolist(),
            y=mean.round(1).tolist(),
            name=name,
            mode="lines+markers",
            line={"color": LIGHT[color], "dash": dash, "width": 2},
            hovertemplate="%{y:.0f} %",
        )
    figure.update_yaxes(rangemode="tozero")
    return figure
