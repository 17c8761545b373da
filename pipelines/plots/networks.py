"""Figures of what a network computes: its first filters, its activations, what excites a unit.

They are made of the arrays that ``tcn.inspection`` returns, and of any that have the same axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
import plotly.graph_objects as go

from pipelines.plots.arrays import chosen, numbers, times_of
from pipelines.plots.panels import DIVERGING, leave_legend_out, new_panels
from pipelines.plots.style import LIGHT, VALUE, new_figure

_FILTERS: Final = 6
_LAYERS: Final = 12


class Filters(Protocol):
    """What is drawn of ``tcn.inspection.Filters``."""

    @property
    def kernel(self) -> Any:
        """Taps, `(taps, channels, filters)`, oldest first."""

    @property
    def dilation_rate(self) -> int:
        """Steps between taps."""


class Response(Protocol):
    """What is drawn of ``tcn.inspection.FrequencyResponse``."""

    @property
    def frequencies(self) -> Any:
        """In cycles a step, `(points,)`."""

    @property
    def magnitude(self) -> Any:
        """Factor on the amplitude, `(points, channels, filters)`."""


class Stretches(Protocol):
    """What is drawn of ``tcn.inspection.Stretches``."""

    @property
    def series(self) -> Any:
        """Row of the sequence, `(count,)`."""

    @property
    def end(self) -> Any:
        """Last step, `(count,)`."""

    @property
    def value(self) -> Any:
        """Of the unit, `(count,)`."""

    @property
    def inputs(self) -> Any:
        """Values, `(count, length, channels)`; NaN before the beginning of a sequence."""


def filters_chart(
    filters: Filters,
    response: Response,
    *,
    channel: int = 0,
    units: Sequence[int] | None = None,
    title: str | None = None,
) -> go.Figure:
    """Draw the filters of a convolution, and below each one which frequencies it lets through.

    Args:
        filters: As ``tcn.inspection.first_layer_filters`` returns them.
        response: As ``tcn.inspection.frequency_response`` returns it for their kernel.
        channel: Channel of the input that they read.
        units: Which filters; the six of the largest taps by default, largest first.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with a panel of taps and one of magnitudes for each filter.

    Raises:
        ValueError: An array has other axes or is not finite, kernel and response do not belong together, or
            there is no such channel or filter.

    Example:
        >>> import numpy as np
        >>> from types import SimpleNamespace
        >>> mean = SimpleNamespace(kernel=np.full((2, 1, 1), 0.5), dilation_rate=24)
        >>> response = SimpleNamespace(frequencies=[0, 0.5], magnitude=np.array([[[1.0]], [[0.0]]]))
        >>> taps, magnitudes = filters_chart(mean, response).data
        >>> list(taps.x), list(taps.y), list(magnitudes.y)
        ([-24, 0], [0.5, 0.5], [1.0, 0.0])
    """
    kernel = numbers("filters.kernel", filters.kernel, "(taps, channels, filters)")
    frequencies = numbers("response.frequencies", response.frequencies, "(points)")
    magnitude = numbers("response.magnitude", response.magnitude, "(points, channels, filters)")
    if magnitude.shape != (len(frequencies), *kernel.shape[1:]):
        raise ValueError(
            "'response' must be that of the kernel. Received: magnitudes of shape "
            f"{magnitude.shape} at {len(frequencies)} frequencies for a kernel {kernel.shape}; pass "
            "frequency_response(filters.kernel, filters.dilation_rate)."
        )
    channel = chosen("channel", channel, kernel.shape[1])
    if units is None:
        units = np.argsort(-np.square(kernel[:, channel]).sum(axis=0), kind="stable")[:_FILTERS].tolist()
    units = [chosen("units", unit, kernel.shape[2]) for unit in units]
    if not units:
        raise ValueError("'units' must name a filter. Received: none; leave it out for the strongest ones.")
    lags = [-filters.dilation_rate * back for back in range(len(kernel) - 1, -1, -1)]
    names = [f"filter {unit}" for unit in units]
    figure = new_panels(
        "Filters and the frequencies they let through" if title is None else title,
        names,
        rows=2,
        columns=len(units),
        shared_yaxes=True,
        vertical_spacing=0.24,
        horizontal_spacing=0.03,
    )
    for column, (unit, name) in enumerate(zip(units, names, strict=True), start=1):
        figure.add_bar(
            x=lags,
            y=kernel[:, channel, unit].tolist(),
            name=name,
            marker={"color": LIGHT["model"]},
            hovertemplate=f"tap %{{x}}: %{{y:{VALUE}}}<extra></extra>",
            row=1,
            col=column,
        )
        figure.add_scatter(
            x=frequencies.tolist(),
            y=magnitude[:, channel, unit].tolist(),
            customdata=[round(1 / f, 1) if f else "∞" for f in frequencies.tolist()],
            name=name,
            mode="lines",
            line={"color": LIGHT["season"], "width": 2},
            hovertemplate=f"period %{{customdata}}: factor %{{y:{VALUE}}}<extra></extra>",
            row=2,
            col=column,
        )
    leave_legend_out(figure)
    figure.update_layout(bargap=0.3)
    middle = (len(units) + 1) // 2
    figure.update_xaxes(title_text="steps back", row=1, col=middle)
    figure.update_xaxes(tickvals=[0, 0.25, 0.5], rangemode="tozero", row=2)
    figure.update_xaxes(title_text="cycles a step", row=2, col=middle)
    figure.update_yaxes(zeroline=True, zerolinecolor=LIGHT["muted"], row=1)
    figure.update_yaxes(title_text="tap", row=1, col=1)
    figure.update_yaxes(title_text="magnitude", rangemode="tozero", row=2, col=1)
    return figure


def activations_chart(
    activations: Mapping[str, Any],
    *,
    layers: Sequence[str] | None = None,
    series: int = 0,
    inputs: Any = None,
    stamps: Any = None,
    title: str | None = None,
) -> go.Figure:
    """Draw what layers put out for one series, a heat map of units over time for each.

    Args:
        activations: Arrays `(series, time, units)` by the path of the layer, as
            ``tcn.inspection.activations`` returns them.
        layers: Paths of the layers to draw, in their order; by default all whose array has these axes.
        series: Row of the series.
        inputs: Values of the series to draw above them, `(time,)`; NaN where they are missing.
        stamps: Time stamp of each step; the number of the step by default.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with a panel for each layer, whose largest activation has the full color.

    Raises:
        ValueError: There is no such layer or series, a figure would have more than twelve panels, an array
            has other axes or is not finite, or layers have different numbers of steps.

    Example:
        >>> import numpy as np
        >>> figure = activations_chart({"conv": np.array([[[0.0, 1.0], [-2.0, 3.0]]])})
        >>> [list(unit) for unit in figure.data[0].z], figure.layout.annotations[0].text
        ([[0.0, -2.0], [1.0, 3.0]], 'conv, up to 3')
    """
    if layers is None:
        layers = [path for path, values in activations.items() if getattr(values, "ndim", 0) == 3]
    unknown = [path for path in layers if path not in activations]
    if unknown or not 0 < len(layers) <= _LAYERS:
        received = f"{unknown[0]!r}" if unknown else f"{len(layers)} layers"
        raise ValueError(
            f"'layers' must name 1 to {_LAYERS} layers (series, time, units). Received: {received}; pass "
            f"some of {', '.join(list(activations)[:_LAYERS])}{' ...' * (len(activations) > _LAYERS)}"
        )
    arrays = {path: numbers(path, activations[path], "(series, time, units)") for path in layers}
    steps = {array.shape[1] for array in arrays.values()}
    if len(steps) > 1:
        raise ValueError(
            f"'layers' must have the same number of steps. Received: {sorted(steps)}; draw those of each "
            "rate by themselves."
        )
    times = times_of(stamps, steps.pop())
    above = 0 if inputs is None else 1
    shown = {}
    for path, array in arrays.items():
        shown[path] = array[chosen("series", series, len(array))].T
    limits = {path: float(np.abs(values).max()) for path, values in shown.items()}
    figure = new_panels(
        "Activations" if title is None else title,
        ["input"] * above + [f"{path}, up to {limit:.3g}" for path, limit in limits.items()],
        rows=above + len(shown),
        shared_xaxes=True,
        vertical_spacing=0.3 / (above + len(shown)),
    )
    if inputs is not None:
        values = numbers("inputs", inputs, "(time)", gaps=True)
        if len(values) != len(times):
            raise ValueError(
                f"'inputs' must be as long as the layers. Received: {len(values)} steps for {len(times)}; "
                "pass the series that the activations are of."
            )
        figure.add_scatter(
            x=times,
            y=values.tolist(),
            name="input",
            mode="lines",
            line={"color": LIGHT["ink"], "width": 1.6},
            hovertemplate=f"%{{y:{VALUE}}}",
            row=1,
            col=1,
        )
    for row, (path, values) in enumerate(shown.items(), start=1 + above):
        limit = limits[path] or 1.0
        figure.add_heatmap(
            x=times,
            y=list(range(len(values))),
            z=values.tolist(),
            name=path,
            zmin=-limit,
            zmax=limit,
            colorscale=DIVERGING,
            showscale=False,
            hovertemplate=f"unit %{{y}} at %{{x}}: %{{z:{VALUE}}}<extra></extra>",
            row=row,
            col=1,
        )
        figure.update_yaxes(showgrid=False, showticklabels=False, title_text="units", row=row, col=1)
    leave_legend_out(figure)
    figure.update_layout(height=120 + 110 * (above + len(shown)))
    figure.update_xaxes(title_text="step" if stamps is None else None, row=above + len(shown), col=1)
    return figure


def stretches_chart(stretches: Stretches, *, channel: int = 0, title: str | None = None) -> go.Figure:
    """Draw the stretches of input that excite a unit most over each other, and their mean.

    Args:
        stretches: As ``tcn.inspection.top_stretches`` returns them.
        channel: Channel of the input to draw.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with a line for each stretch, the most exciting first, and their mean as the last one.

    Raises:
        ValueError: An array has other axes or is not finite, or there is no such channel.

    Example:
        >>> import numpy as np
        >>> from types import SimpleNamespace
        >>> inputs = np.array([[[1.0], [3.0]], [[2.0], [5.0]]])
        >>> found = SimpleNamespace(series=[0, 0], end=[1, 4], value=[9.0, 8.0], inputs=inputs)
        >>> [list(trace.y) for trace in stretches_chart(found).data]
        [[1.0, 3.0], [2.0, 5.0], [1.5, 4.0]]
    """
    inputs = numbers("stretches.inputs", stretches.inputs, "(count, length, channels)", gaps=True)
    lines = inputs[..., chosen("channel", channel, inputs.shape[2])]
    about = [
        numbers(f"stretches.{name}", getattr(stretches, name), "(count)")
        for name in ("series", "end", "value")
    ]
    if any(len(values) != len(lines) for values in about):
        raise ValueError(
            f"'stretches' must be described one by one. Received: {len(lines)} stretches, and "
            f"{', '.join(str(len(values)) for values in about)} of series, end and value; pass what "
            "top_stretches returns."
        )
    back = list(range(1 - lines.shape[1], 1))
    figure = new_figure("What excites the unit most" if title is None else title, "steps back", "input")
    for place, (values, row, end, value) in enumerate(zip(lines, *about, strict=True)):
        figure.add_scatter(
            x=back,
            y=values.tolist(),
            name="Stretches",
            legendgroup="stretches",
            showlegend=place == 0,
            mode="lines",
            line={"color": LIGHT["naive"], "width": 1.2},
            hovertemplate=f"series {row:.0f}, up to step {end:.0f}: unit {value:.4g}<extra></extra>",
        )
    known = np.isfinite(lines)
    count = known.sum(axis=0)
    mean = np.where(count, np.where(known, lines, 0).sum(axis=0) / np.maximum(count, 1), np.nan)
    figure.add_scatter(
        x=back,
        y=mean.tolist(),
        name="Mean",
        mode="lines",
        line={"color": LIGHT["model"], "width": 3},
        hovertemplate=f"mean: %{{y:{VALUE}}}<extra></extra>",
    )
    figure.update_layout(hovermode="closest")
    return figure
