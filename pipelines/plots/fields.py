"""Figures of how far back a network can see, and of how far it looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import plotly.graph_objects as go

from pipelines.plots.arrays import numbers
from pipelines.plots.frames import joined
from pipelines.plots.panels import leave_legend_out
from pipelines.plots.style import LIGHT, new_figure


class Field(Protocol):
    """What is drawn of ``tcn.inspection.EffectiveField``."""

    @property
    def steps(self) -> int:
        """Steps that have the share of the influence."""

    @property
    def share(self) -> float:
        """The share."""

    @property
    def profile(self) -> Any:
        """Share of each step, the present one first, `(steps of the inputs,)`."""


def effective_field_chart(
    field: Field, receptive_field: int | None = None, *, title: str | None = None
) -> go.Figure:
    """Draw the share of the influence of each step back, and where most of it ends.

    Args:
        field: As ``tcn.inspection.effective_field`` returns it.
        receptive_field: Steps that the network can see, the present one included, to mark beside it.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with a bar for each lag and a line of their running sum, in percent. A dashed line stands after
        the last lag of the effective field, a dotted one after that of the receptive field.

    Raises:
        ValueError: The profile has other axes, is not finite or negative, or a number is out of range.

    Example:
        >>> from types import SimpleNamespace
        >>> figure = effective_field_chart(SimpleNamespace(steps=2, share=0.95, profile=[0.9, 0.07, 0.03]), 3)
        >>> list(figure.data[0].y), [shape.x0 for shape in figure.layout.shapes]
        ([90.0, 7.0, 3.0], [1.5, 2.5])
    """
    profile = numbers("field.profile", field.profile, "(steps)")
    if (profile < 0).any() or not 0 < profile.sum() < 1 + 1e-6:
        raise ValueError(
            "'field.profile' must be shares that sum to 1. Received: values from "
            f"{profile.min():.3g}, a sum of {profile.sum():.3g}; divide them by their sum."
        )
    if not 1 <= field.steps <= len(profile) or (receptive_field is not None and receptive_field < 1):
        raise ValueError(
            "Fields must be positive numbers of steps, the effective one no longer than the profile. "
            f"Received: {field.steps} and {receptive_field} for {len(profile)} steps."
        )
    heading = "Influence on the last output, by lag" if title is None else title
    figure = new_figure(heading, "steps back", "share of the influence, %")
    # Beyond the receptive field all shares are zero.
    end = max(field.steps, len(profile) if receptive_field is None else min(receptive_field, len(profile)))
    figure.add_bar(
        x=list(range(end)),
        y=(100 * profile[:end]).round(12).tolist(),
        name="Share",
        marker={"color": LIGHT["model"], "line": {"width": 0}},
        hovertemplate="%{y:.3~g} %",
    )
    figure.add_scatter(
        x=list(range(end)),
        y=(100 * profile[:end].cumsum()).round(12).tolist(),
        name="Running sum",
        yaxis="y2",
        mode="lines",
        line={"color": LIGHT["average"], "width": 2, "shape": "hvh"},
        hovertemplate="%{y:.3~g} %",
    )
    marks = [(field.steps, f"{100 * field.share:.3g} % within {field.steps} steps", "dash", "season")]
    if receptive_field is not None:
        marks.append((receptive_field, f"receptive field: {receptive_field} steps", "dot", "muted"))
    for place, (steps, words, dash, color) in enumerate(marks):
        figure.add_vline(x=steps - 0.5, line={"color": LIGHT[color], "dash": dash, "width": 1.6})
        figure.add_annotation(
            x=steps - 0.5,
            y=0.55 - 0.1 * place,
            yref="paper",
            text=words,
            font={"color": LIGHT[color]},
            showarrow=False,
            xanchor="right" if steps > end / 2 else "left",
            xshift=-6 if steps > end / 2 else 6,
        )
    figure.update_layout(
        bargap=0.15 if end <= 80 else 0,
        yaxis_rangemode="tozero",
        yaxis2={"overlaying": "y", "side": "right", "range": [0, 100.5], "showgrid": False},
        yaxis2_tickvals=[0, 25, 50, 75, 100],
        yaxis2_title_text="running sum, %",
    )
    last = max(end, receptive_field or 0) - 1
    margin = 0.5 + 0.02 * last
    figure.update_xaxes(range=[-margin, last + margin], unifiedhovertitle={"text": "%{x} steps back"})
    return figure


def receptive_field_chart(
    kernel_size: int, dilations: Sequence[int], convolutions_per_block: int = 1, *, title: str | None = None
) -> go.Figure:
    """Draw a stack of dilated causal convolutions, and all that its newest output depends on.

    Args:
        kernel_size: Taps of every convolution.
        dilations: Dilation rate of each block.
        convolutions_per_block: Convolutions that share one block's dilation (2 in Bai et al., 1 in WaveNet).
        title: Heading; by default the length of the field, none for an empty text.

    Returns:
        Figure with the connections, and a point on each step of each convolution that has a part in the
        output; the inputs at the bottom.

    Raises:
        ValueError: A number is not a positive integer.

    Example:
        >>> figure = receptive_field_chart(3, [1, 2, 4])
        >>> figure.layout.title.text, min(figure.data[1].x)
        ('Receptive field: 15 steps', -14)

    Reference:
        Bai, Kolter, Koltun (2018), An Empirical Evaluation of Generic Convolutional and Recurrent Networks
        for Sequence Modeling, section 3.
    """
    for value in (kernel_size, convolutions_per_block, *dilations):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(
                "'kernel_size', 'dilations' and 'convolutions_per_block' must be positive integers. "
                f"Received: {value!r}"
            )
    rates = [rate for rate in dilations for _ in range(convolutions_per_block)]
    edges, points, steps = [], [(0, len(rates))], {0}
    for level in range(len(rates), 0, -1):
        below = set()
        for step in sorted(steps):
            for tap in range(kernel_size):
                source = step - tap * rates[level - 1]
                below.add(source)
                edges.append(((source, level - 1), (step, level)))
        steps = below
        points += [(step, level - 1) for step in sorted(steps)]
    figure = new_figure(
        f"Receptive field: {1 - min(steps)} steps" if title is None else title, "steps back", ""
    )
    figure.add_scatter(
        x=joined([start[0], end[0]] for start, end in edges),
        y=joined([start[1], end[1]] for start, end in edges),
        name="Connections",
        mode="lines",
        line={"color": LIGHT["model"], "width": 1},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=[step for step, _ in points],
        y=[level for _, level in points],
        name="Steps",
        mode="markers",
        marker={"color": LIGHT["model"], "size": 7 if 1 - min(steps) <= 64 else 4},
        hovertemplate="%{x} steps back<extra></extra>",
    )
    leave_legend_out(figure)
    names = ["inputs", *(f"dilation {rate}" for rate in rates)]
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names, ticksuffix="  ", showgrid=False)
    return figure
