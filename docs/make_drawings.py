"""Draw the explanatory pictures of the documentation as SVG; the same code gives the same bytes.

A tool for developers, run by hand when a drawing changes::

    .venv/bin/python docs/make_drawings.py
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from _svg import box, dot, line, svg, text

from pipelines.plots.style import LIGHT
from tcn.receptive_field import receptive_field

ASSETS = Path(__file__).parent / "assets"
KERNEL, DILATIONS = 3, (1, 2, 4)


def receptive_field_drawing() -> str:
    """Draw a stack of dilated causal convolutions, and the steps that its newest output depends on."""
    field = receptive_field(KERNEL, DILATIONS)
    steps, gap_x, gap_y, left, top = field + 3, 38, 66, 150, 46
    rows = len(DILATIONS)

    def place(layer: int, step: int) -> tuple[float, float]:
        return left + gap_x * step, top + gap_y * (rows - layer)

    newest = steps - 1
    lines, used = [], {(rows, newest)}
    for layer in range(rows, 0, -1):
        for step in sorted(step for at, step in used if at == layer):
            for tap in range(KERNEL):
                source = step - tap * DILATIONS[layer - 1]
                used.add((layer - 1, source))
                lines.append(line(place(layer - 1, source), place(layer, step), LIGHT["model"], 1.5))
    dots = [
        dot(place(layer, step), LIGHT["model"] if (layer, step) in used else LIGHT["grid"])
        for layer in range(rows + 1)
        for step in range(steps)
    ]
    names = ["values", *(f"dilation {rate}" for rate in DILATIONS)]
    words = [text(place(layer, 0), name, dx=-24, anchor="end") for layer, name in enumerate(names)]
    first, last = place(0, newest - field + 1)[0], place(0, newest)[0]
    under = place(0, 0)[1] + 30
    words += [
        text((last, top - 24), "state at the origin", anchor="end"),
        text(((first + last) / 2, under + 22), f"receptive field: {field} steps, the origin included"),
    ]
    brace = [line((first, under), (last, under), LIGHT["muted"], 1.5)]
    brace += [line((x, under - 6), (x, under), LIGHT["muted"], 1.5) for x in (first, last)]
    return svg(left + gap_x * steps, under + 36, [*lines, *dots, *brace, *words])


def one_pass_drawing() -> str:
    """Draw four forecasts made window by window, and the same from one pass."""
    context, horizon, origins, cell, left = 8, 3, 4, 26, 40
    steps = context + origins - 1
    parts: list[str] = []

    def cells(first: int, count: int, y: float, color: str) -> Iterable[str]:
        return [box(left + cell * (first + k), y, cell - 4, color) for k in range(count)]

    parts.append(text((left, 30), f"Window by window: {origins * context} steps computed", anchor="start"))
    for k in range(origins):
        parts += cells(k, context - 1, 44 + 32 * k, LIGHT["naive"])
        parts += cells(k + context - 1, 1, 44 + 32 * k, LIGHT["model"])
        parts += cells(k + context, horizon, 44 + 32 * k, LIGHT["season"])
    middle = 44 + 32 * origins + 44
    parts.append(text((left, middle - 14), f"One pass: {steps} steps computed", anchor="start"))
    parts += cells(0, context - 1, middle, LIGHT["naive"])
    parts += cells(context - 1, origins, middle, LIGHT["model"])
    for k in range(origins):
        y = middle + 40 + 32 * (origins - 1 - k)  # the newest on top, so that no line crosses a forecast
        x = left + cell * (context - 1 + k) + (cell - 4) / 2
        corner = (x, y + (cell - 4) / 2)
        parts.append(line((x, middle + cell - 4), corner, LIGHT["model"], 1.5))
        parts.append(line(corner, (left + cell * (context + k), corner[1]), LIGHT["model"], 1.5))
        parts += cells(context + k, horizon, y, LIGHT["season"])
    width = left * 2 + cell * (steps + horizon)
    bottom = middle + 40 + 32 * origins + 20
    legend = (("naive", "context"), ("model", "origin"), ("season", "forecast"))
    for k, (role, name) in enumerate(legend):
        x = left + 110 * k
        parts += [box(x, bottom - 14, 14, LIGHT[role]), text((x + 22, bottom - 7), name, anchor="start")]
    return svg(width, bottom + 20, parts)


def causal_convolution_drawing() -> str:
    """Draw where the taps of a causal convolution lie, and what they never reach."""
    steps, cell, left, top = 10, 44, 140, 60
    at = 6
    values, states = top + 120, top

    def middle(step: int) -> float:
        return left + cell * step + 16

    taps = [at - tap for tap in range(KERNEL)]
    parts = [
        *(box(left + cell * k, values, 32, LIGHT["season" if k in taps else "grid"]) for k in range(steps)),
        *(box(left + cell * k, states, 32, LIGHT["model" if k == at else "grid"]) for k in range(steps)),
    ]
    weights = ("weight of now", "one step ago", "two steps ago")
    for tap, name in zip(taps, weights, strict=True):
        parts.append(line((middle(tap), values), (middle(at), states + 32), LIGHT["model"], 2))
        parts.append(text((middle(tap), values + 52 + 22 * ((at - tap) % 2)), name))
    parts += [
        text((left - 16, values + 16), "values", anchor="end"),
        text((left - 16, states + 16), "outputs", anchor="end"),
        text((middle(at), states - 22), "output at t"),
        text((middle(steps - 2), values - 42), "the future:"),
        text((middle(steps - 2), values - 22), "never read"),
    ]
    return svg(left + cell * steps + 24, values + 100, parts)


def dilations_drawing() -> str:
    """Draw which past steps three taps read at growing dilations."""
    cell, left, top, rates = 30, 150, 52, (1, 2, 4, 8)
    steps = 2 * rates[-1] + 2
    parts = []
    for row, rate in enumerate(rates):
        y, newest = top + 52 * row, steps - 1
        read = [newest - tap * rate for tap in range(KERNEL)]
        parts.append(text((left - 16, y + 12), f"dilation {rate}", anchor="end"))
        parts += [box(left + cell * k, y, 24, LIGHT["model" if k in read else "grid"]) for k in range(steps)]
        span = f"spans {receptive_field(KERNEL, (rate,))} steps"
        parts.append(text((left + cell * steps + 12, y + 12), span, anchor="start"))
    parts.append(text((left + cell * steps - 6, top - 24), "now", anchor="end"))
    return svg(left + cell * steps + 150, top + 52 * len(rates) + 4, parts)


def calibration_drawing() -> str:
    """Draw intervals that hold too few outcomes, and the same ones wide enough to hold their share."""
    outcomes = (-18, 25, 8, -40, 12, 33, -6, -27, 46, 3, -13, 21, -36, 15, -52)
    cell, height, gap, top = 22, 130, 90, 70
    width = cell * len(outcomes)
    parts = []
    for panel, (half, name) in enumerate(((22, "as the network says"), (42, "after calibration"))):
        left, middle = 30 + panel * (width + gap), top + height / 2
        inside = [abs(offset) <= half for offset in outcomes]
        parts.append(text((left + width / 2, 28), f"80 % interval {name}"))
        parts.append(
            f'<rect x="{left}" y="{middle - half:g}" width="{width}" height="{2 * half}" rx="4" '
            f'fill="{LIGHT["model"]}" fill-opacity="0.2"/>'
        )
        parts.append(line((left, middle), (left + width, middle), LIGHT["model"], 2))
        parts += [
            dot((left + cell * (k + 0.5), middle + offset), LIGHT["ink" if kept else "season"], 5)
            for k, (offset, kept) in enumerate(zip(outcomes, inside, strict=True))
        ]
        share = f"{sum(inside)} of {len(outcomes)} outcomes inside"
        parts.append(text((left + width / 2, top + height + 22), share))
    return svg(60 + 2 * width + gap, top + height + 50, parts)


DRAWINGS: dict[str, Callable[[], str]] = {
    "receptive_field.svg": receptive_field_drawing,
    "one_pass.svg": one_pass_drawing,
    "causal_convolution.svg": causal_convolution_drawing,
    "dilations.svg": dilations_drawing,
    "calibration.svg": calibration_drawing,
}
"""File name in ``docs/assets`` to the function that draws it."""


if __name__ == "__main__":
    ASSETS.mkdir(exist_ok=True)
    for name, draw in DRAWINGS.items():
        (ASSETS / name).write_text(draw(), encoding="utf-8")
