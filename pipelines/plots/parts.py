"""Figure of the parts of a network that forecasts come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from pipelines.plots.style import LIGHT, new_figure

if TYPE_CHECKING:
    import pandas as pd


def parts_chart(parts: pd.DataFrame, *, title: str | None = None) -> go.Figure:
    """Draw which parts of a network forecasts come from, by step ahead: seasons, look-back, dilations.

    Args:
        parts: ``part``, ``step``, ``size``, as ``pipelines.forecast_parts`` gives them.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Map of shares in percent: a row for each part, a column for each step.

    Example:
        >>> import pandas as pd
        >>> rows = [("seasons", 1, 3.0), ("dilation 1", 1, 1.0), ("seasons", 2, 2.0), ("dilation 1", 2, 2.0)]
        >>> figure = parts_chart(pd.DataFrame(rows, columns=["part", "step", "size"]))
        >>> list(figure.data[0].y), [list(row) for row in figure.data[0].z]
        (['seasons', 'dilation 1'], [[75.0, 50.0], [25.0, 50.0]])
    """
    names = parts["part"].drop_duplicates().tolist()
    sizes = parts.pivot(index="part", columns="step", values="size").loc[names]
    total = sizes.sum()
    shares = 100 * sizes / total.where(total > 0, 1.0)
    heading = "What forecasts are made of" if title is None else title
    figure = new_figure(heading, "steps ahead", "")
    figure.add_heatmap(
        x=shares.columns.tolist(),
        y=names,
        z=shares.to_numpy().tolist(),
        zmin=0,
        colorscale=[[0, LIGHT["surface"]], [1, LIGHT["model"]]],
        colorbar={"title": {"text": "share, %"}},
        hovertemplate="%{y}, step %{x}: %{z:.1f} %<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(hovermode="closest")
    return figure
