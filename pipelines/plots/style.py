"""Colors, line styles and the layout that all figures share.

Every color is one of ``LIGHT``; a dark figure is the same figure with each color replaced by its partner in
``DARK``, so a page can switch themes by replacing text in the figure's JSON.
"""

from __future__ import annotations

import html
from typing import Any

import plotly.graph_objects as go

LIGHT = {
    "surface": "#ffffff",
    "ink": "#1c2733",
    "muted": "#586574",
    "grid": "#e4e9ef",
    "model": "#1f5fd0",
    "season": "#c05410",
    "naive": "#7b8794",
    "drift": "#7c57b8",
    "average": "#11806f",
    "other": "#a8426a",
}
"""Role to color on a light background."""

DARK = {
    "surface": "#171f29",
    "ink": "#e6ebf1",
    "muted": "#a0adbb",
    "grid": "#2a3440",
    "model": "#7fabff",
    "season": "#f59a5b",
    "naive": "#8c99a7",
    "drift": "#b99df2",
    "average": "#55c2ae",
    "other": "#e88fb2",
}
"""Role to color on a dark background."""

BASELINE_STYLE = {
    "SeasonalNaive": ("season", "solid"),
    "Naive": ("naive", "dot"),
    "Drift": ("drift", "dash"),
    "WindowAverage": ("average", "dashdot"),
}
"""Baseline to color role and dash; dashes keep the lines apart without color."""

VALUE = ",.6~r"
"""Number format of hover texts: six significant digits, thousands separated."""

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif"


def model_style(model: str, alias: str) -> tuple[str, str]:
    """Color and dash of a model's line: the forecaster stands out, baselines keep theirs in every figure.

    Args:
        model: Name of the model to draw.
        alias: Name of the forecaster.

    Returns:
        Hexadecimal color and plotly dash.

    Example:
        >>> model_style("TCN", "TCN")
        ('#1f5fd0', 'solid')
    """
    if model == alias:
        return LIGHT["model"], "solid"
    role, dash = BASELINE_STYLE.get(model, ("other", "longdash"))
    return LIGHT[role], dash


def _template() -> go.layout.Template:
    axis = {
        "gridcolor": LIGHT["grid"],
        "linecolor": LIGHT["grid"],
        "zeroline": False,
        "automargin": True,
        "ticks": "",
        "title": {"standoff": 10, "font": {"color": LIGHT["muted"], "size": 13}},
        "tickfont": {"color": LIGHT["muted"], "size": 12},
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": LIGHT["ink"]},
            "title": {"font": {"size": 16}, "x": 0, "xref": "paper", "xanchor": "left"},
            "paper_bgcolor": LIGHT["surface"],
            "plot_bgcolor": LIGHT["surface"],
            "xaxis": {**axis, "showgrid": False, "showline": True},
            "yaxis": axis,
            "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
            "hovermode": "x unified",
            "hoverlabel": {"namelength": -1, "bgcolor": LIGHT["surface"], "bordercolor": LIGHT["grid"]},
        }
    )


def plain(text: object) -> str:
    """Write a name that a user chose so that plotly shows it as it is, without reading markup in it.

    Args:
        text: Any name.

    Returns:
        The text with its markup characters escaped.

    Example:
        >>> plain("<b>north & south</b>")
        '&lt;b&gt;north &amp; south&lt;/b&gt;'
    """
    return html.escape(str(text), quote=False)


def new_figure(title: str, x_title: str, y_title: str) -> go.Figure:
    """Start a figure in the shared style.

    Args:
        title: Heading above the plot, shown as it is; an empty text leaves it out.
        x_title: Name of the horizontal axis, shown as it is.
        y_title: Name of the vertical axis, shown as it is.

    Returns:
        Figure without traces.

    Example:
        >>> new_figure("Loss", "step", "loss").layout.yaxis.title.text
        'loss'
    """
    figure = go.Figure()
    figure.update_layout(
        template=_template(),
        title={"text": plain(title)} if title else None,
        margin={"l": 8, "r": 8, "t": 84 if title else 36, "b": 8},
        xaxis_title_text=plain(x_title) or None,
        yaxis_title_text=plain(y_title) or None,
    )
    return figure


def line(model: str, alias: str) -> dict[str, Any]:
    """Line properties of a model, heavier for the forecaster.

    Args:
        model: Name of the model to draw.
        alias: Name of the forecaster.

    Returns:
        Value for the ``line`` property of a scatter trace.

    Example:
        >>> line("Naive", "TCN")["dash"]
        'dot'
    """
    color, dash = model_style(model, alias)
    return {"color": color, "dash": dash, "width": 2.6 if model == alias else 1.6}
