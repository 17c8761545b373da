"""Small drawings for pages without scripts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH, HEIGHT = 340.0, 170.0
"""Size of a drawing in its own units; it is shown as wide as there is room."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 8.0, 10.0, 24.0
_TICKS: Final = 4


@dataclass(frozen=True)
class Line:
    """One line of a drawing.

    Args:
        name: What it shows.
        style: Class that colors it.
        values: One for each place; NaN where there is none.
        texts: What is said of each place when it is pointed at.
    """

    name: str
    style: str
    values: Sequence[float]
    texts: Sequence[str]


@dataclass(frozen=True)
class Mark:
    """A tick or a point: where it is, and what it says."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Path:
    """A line as it is drawn."""

    name: str
    style: str
    path: str
    points: tuple[Mark, ...]


@dataclass(frozen=True)
class Drawing:
    """Lines over the same places, with what a template needs to draw them.

    Args:
        label: What it shows, for those who cannot see it.
        paths: The lines.
        y_ticks: Ticks of the values.
        x_ticks: Ticks of the first and last place.
    """

    label: str
    paths: tuple[Path, ...]
    y_ticks: tuple[Mark, ...]
    x_ticks: tuple[Mark, ...]
    width: float = WIDTH
    height: float = HEIGHT
    left: float = _LEFT
    right: float = WIDTH - _RIGHT


def draw(label: str, lines: Sequence[Line], ends: tuple[str, str], suffix: str = "") -> Drawing | None:
    """Lay out lines over the same places.

    Args:
        label: What they show.
        lines: The lines; all as long.
        ends: Names of the first and last place.
        suffix: Put after the values of ticks.

    Returns:
        The drawing; None if there is no value.

    Example:
        >>> drawing = draw("Error", [Line("TCN", "model", [1.0, 3.0], ["1", "3"])], ("May 1", "May 2"))
        >>> drawing.paths[0].path, [tick.text for tick in drawing.y_ticks]
        ('M46.0 100.7L332.0 10.0', ['0', '1', '2', '3'])
    """
    known = [value for line in lines for value in line.values if math.isfinite(value)]
    if not known:
        return None
    ticks = _ticks(min(*known, 0.0), max(known))
    low, high, count = ticks[0], ticks[-1], max(len(line.values) for line in lines)
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM

    def x(place: int) -> float:
        return _LEFT + (right - _LEFT) * (place / (count - 1) if count > 1 else 0.5)

    def y(value: float) -> float:
        return bottom - (bottom - _TOP) * (value - low) / (high - low)

    def path(line: Line) -> Path:
        points = tuple(
            Mark(x(place), y(value), text)
            for place, (value, text) in enumerate(zip(line.values, line.texts, strict=True))
            if math.isfinite(value)
        )
        moves = (f"{'L' if place else 'M'}{at.x:.1f} {at.y:.1f}" for place, at in enumerate(points))
        return Path(line.name, line.style, "".join(moves), points)

    return Drawing(
        label,
        tuple(path(line) for line in lines),
        tuple(Mark(_LEFT, y(tick), f"{tick:g}{suffix}") for tick in ticks),
        (Mark(x(0), bottom, ends[0]), Mark(x(count - 1), bottom, ends[1]))[: min(count, 2)],
    )


def _ticks(low: float, high: float) -> list[float]:
    """Round values from below the least to above the largest."""
    span = (high - low) or abs(high) or 1.0
    step = 10.0 ** math.floor(math.log10(span / _TICKS))
    step = next(step * factor for factor in (1, 2, 2.5, 5, 10) if span / (step * factor) <= _TICKS)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(place * step, 12) for place in range(first, max(last, first + 1) + 1)]
