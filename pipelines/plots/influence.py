"""Figures of what an output is made of: by past steps, and by dilation levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import plotly.graph_objects as go

from pipelines.plots.arrays import chosen, numbers, times_of
from pipelines.plots.panels import DIVERGING, ROLES, leave_legend_out
from pipelines.plots.style import LIGHT, VALUE, new_figure


class Contributions(Protocol):
    """What is drawn of ``tcn.inspection.Contributions``."""

    @property
    def levels(self) -> Mapping[int, Any]:
        """Contribution of each dilation rate, of the output's shape."""

    @property
    def offset(self) -> Any:
        """What is there without any block, of the output's shape."""

    @property
    def output(self) -> Any:
        """What is divided, `(series, time, ...)`."""


def occlusion_chart(series: Any, change: Any, *, stamps: Any = None, title: str | None = None) -> go.Figure:
    """Draw a series whose steps are colored by what each of them adds to an output.

    Args:
        series: Values, `(time,)`; NaN where they are missing.
        change: What each step adds, `(time,)`: a row of what ``tcn.inspection.occlusion`` returns.
        stamps: Time stamp of each step; the number of the step by default.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with the line of the series and a colored point on each step. Steps without influence have
        the color of the background.

    Raises:
        ValueError: An array has other axes or is not finite, or they have different lengths.

    Example:
        >>> line, points = occlusion_chart([1.0, 5.0, 2.0], [0.0, -0.3, 0.1]).data
        >>> list(line.y), list(points.marker.color), points.marker.cmax
        ([1.0, 5.0, 2.0], [0.0, -0.3, 0.1], 0.3)
    """
    values = numbers("series", series, "(time)", gaps=True)
    changes = numbers("change", change, "(time)")
    if len(values) != len(changes):
        raise ValueError(
            f"'change' must be one number for each step. Received: {len(changes)} for {len(values)} steps; "
            "pass the row of the series."
        )
    times = times_of(stamps, len(values))
    limit = float(np.abs(changes).max()) or 1.0
    figure = new_figure(
        "What each step adds to the output" if title is None else title,
        "step" if stamps is None else "",
        "value",
    )
    figure.add_scatter(
        x=times,
        y=values.tolist(),
        name="Series",
        mode="lines",
        line={"color": LIGHT["naive"], "width": 1.2},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=times,
        y=values.tolist(),
        name="Steps",
        mode="markers",
        marker={
            "color": changes.tolist(),
            "colorscale": DIVERGING,
            "cmin": -limit,
            "cmax": limit,
            "size": 8,
            "line": {"color": LIGHT["naive"], "width": 0.5},
            "colorbar": {
                "title": {"text": "adds", "font": {"color": LIGHT["muted"], "size": 13}},
                "tickfont": {"color": LIGHT["muted"]},
                "outlinewidth": 0,
                "thickness": 12,
            },
        },
        hovertemplate=f"%{{y:{VALUE}}} adds %{{marker.color:{VALUE}}}<extra></extra>",
    )
    leave_legend_out(figure)
    return figure


def contributions_chart(
    parts: Contributions,
    *,
    series: int = 0,
    output: Sequence[int] | None = None,
    stamps: Any = None,
    title: str | None = None,
) -> go.Figure:
    """Draw what each dilation level adds to an output over time, as bars that add up to it.

    Args:
        parts: As ``tcn.inspection.contributions`` returns them, for an output at every step.
        series: Row of the series.
        output: Which output of a step, an index for each axis after time; needed where there are several.
        stamps: Time stamp of each step; the number of the step by default.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with bars of the offset and of each level, from the smallest dilation up, and the output.

    Raises:
        ValueError: An array has other axes or is not finite, or there is no such series or output.

    Example:
        >>> import numpy as np
        >>> from types import SimpleNamespace
        >>> one, two, offset = (np.full((1, 2, 1), value) for value in (1.0, -3.0, 0.5))
        >>> parts = SimpleNamespace(levels={1: one, 2: two}, offset=offset, output=one + two + offset)
        >>> [(trace.name, list(trace.y)) for trace in contributions_chart(parts).data][1:]
        [('Dilation 1', [1.0, 1.0]), ('Dilation 2', [-3.0, -3.0]), ('Output', [-1.5, -1.5])]
    """
    whole = numbers("parts.output", parts.output, "(series, time, ...)")
    row = chosen("series", series, len(whole))
    drawn: Any = (row, slice(None), *_inner(output, whole.shape[2:]))
    named = {"Offset": parts.offset} | {f"Dilation {rate}": values for rate, values in parts.levels.items()}
    times = times_of(stamps, whole.shape[1])
    figure = new_figure(
        "What each dilation level adds to the output" if title is None else title,
        "step" if stamps is None else "",
        "output",
    )
    colors = ("muted", *(ROLES[level % len(ROLES)] for level in range(len(named))))
    for (name, values), color in zip(named.items(), colors, strict=False):
        array = numbers(name, values, "(series, time, ...)")
        if array.shape != whole.shape:
            raise ValueError(
                f"'{name}' must have the shape of the output. Received: {array.shape} for {whole.shape}; "
                "pass what contributions returns."
            )
        figure.add_bar(
            x=times,
            y=array[drawn].tolist(),
            name=name,
            marker={"color": LIGHT[color], "line": {"width": 0}},
            hovertemplate=f"%{{y:{VALUE}}}",
        )
    figure.add_scatter(
        x=times,
        y=whole[drawn].tolist(),
        name="Output",
        mode="lines",
        line={"color": LIGHT["ink"], "width": 2},
        hovertemplate=f"%{{y:{VALUE}}}",
    )
    figure.update_layout(barmode="relative", bargap=0)
    return figure


def _inner(output: Sequence[int] | None, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Index of one output of a step."""
    if output is None and np.prod(shape, dtype=int) == 1:
        return (0,) * len(shape)
    if output is None or len(output) != len(shape):
        received = "none" if output is None else f"{tuple(output)}"
        raise ValueError(
            f"'output' must choose one of the outputs of a step, {shape}. Received: {received}; pass "
            f"output={(0,) * len(shape)}, or another one."
        )
    return tuple(chosen("output", index, count) for index, count in zip(output, shape, strict=True))
