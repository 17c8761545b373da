"""Draw the explanatory pictures of the documentation as SVG; the same code gives the same bytes.

A tool for developers, run by hand when a drawing changes::

    .venv/bin/python docs/make_drawings.py
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from pipelines.plots.style import FONT, LIGHT
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


def svg(width: float, height: float, parts: Iterable[str]) -> str:
    """Put parts on a surface of their own, so that they can be read on any page."""
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FONT}" font-size="15">'
    surface = f'<rect width="100%" height="100%" rx="6" fill="{LIGHT["surface"]}"/>'
    return "\n".join([opening, surface, *parts, "</svg>"]) + "\n"


def line(start: tuple[float, float], end: tuple[float, float], color: str, width: float) -> str:
    """Draw a line."""
    ends = f'x1="{start[0]:g}" y1="{start[1]:g}" x2="{end[0]:g}" y2="{end[1]:g}"'
    return f'<line {ends} stroke="{color}" stroke-width="{width:g}"/>'


def dot(center: tuple[float, float], color: str) -> str:
    """Draw a dot."""
    return f'<circle cx="{center[0]:g}" cy="{center[1]:g}" r="8" fill="{color}"/>'


def box(x: float, y: float, size: float, color: str) -> str:
    """Draw a square with rounded corners."""
    return f'<rect x="{x:g}" y="{y:g}" width="{size:g}" height="{size:g}" rx="3" fill="{color}"/>'


def text(place: tuple[float, float], words: str, dx: float = 0, anchor: str = "middle") -> str:
    """Write a line of text at the height of a dot's middle."""
    at = f'x="{place[0] + dx:g}" y="{place[1] + 5:g}"'
    return f'<text {at} text-anchor="{anchor}" fill="{LIGHT["ink"]}">{words}</text>'


DRAWINGS: dict[str, Callable[[], str]] = {
    "receptive_field.svg": receptive_field_drawing,
    "one_pass.svg": one_pass_drawing,
}
"""File name in ``docs/assets`` to the function that draws it."""


if __name__ == "__main__":
    ASSETS.mkdir(exist_ok=True)
    for name, draw in DRAWINGS.items():
        (ASSETS / name).write_text(draw(), encoding="utf-8")
