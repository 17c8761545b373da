"""Figures of several panels in the shared style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pipelines.plots.style import LIGHT, new_figure, plain

DIVERGING = [[0.0, LIGHT["season"]], [0.5, LIGHT["surface"]], [1.0, LIGHT["model"]]]
"""Color scale of signed numbers around zero, which vanishes into the background."""

SEQUENTIAL = [[0.0, LIGHT["model"]], [0.5, LIGHT["naive"]], [1.0, LIGHT["season"]]]
"""Color scale of numbers from small to large, all of it visible on the background."""

ROLES = ("model", "season", "average", "drift", "other", "naive")
"""Color roles of things of one kind, in the order in which they are given."""


def new_panels(
    title: str, names: Sequence[str], rows: int, columns: int = 1, **arrangement: Any
) -> go.Figure:
    """Start a figure of panels.

    Args:
        title: Heading above them, shown as it is; an empty text leaves it out.
        names: Name of each panel, row by row, shown as it is; an empty text leaves it out.
        rows: Panels below each other.
        columns: Panels beside each other.
        **arrangement: Further arguments of ``plotly.subplots.make_subplots``.

    Returns:
        Figure without traces.

    Example:
        >>> figure = new_panels("Both", ["one", "two"], rows=2)
        >>> [note.text for note in figure.layout.annotations]
        ['one', 'two']
    """
    figure = make_subplots(
        rows=rows,
        cols=columns,
        figure=new_figure(title, "", ""),
        subplot_titles=[plain(name) for name in names],
        **arrangement,
    )
    figure.update_annotations(font={"size": 12, "color": LIGHT["muted"]})
    return figure


def leave_legend_out(figure: go.Figure) -> None:
    """Give the room of the legend to the plot, and show the text of the point under the pointer alone.

    Args:
        figure: Figure in the shared style, which is changed.

    Example:
        >>> figure = new_figure("Loss", "step", "loss")
        >>> leave_legend_out(figure)
        >>> figure.layout.showlegend, figure.layout.margin.t
        (False, 56)
    """
    figure.update_layout(showlegend=False, hovermode="closest", margin_t=figure.layout.margin.t - 28)
