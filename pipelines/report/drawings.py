"""Small drawings as SVG inside the page: there without a script, on paper, and in either color scheme."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

_WIDTH, _HEIGHT, _EDGE = 240.0, 56.0, 3.0


def sketch(values: Sequence[float | None], label: str) -> Markup:
    """Draw a line without axes, broken where there is nothing.

    Args:
        values: Points from left to right at even distances.
        label: What a screen reader says.

    Returns:
        An ``svg`` element that takes its colors from the page.

    Example:
        >>> "M3,53L120,28L237,3" in sketch([0.0, 1.0, 2.0], "Sales of shop 7")
        True
    """
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    halves = high / 2 - low / 2  # the whole range may be too large for a number
    step = (_WIDTH - 2 * _EDGE) / max(len(values) - 1, 1)
    path, pen_down = "", False
    for place, value in enumerate(values):
        if value is not None:
            share = (value / 2 - low / 2) / halves if halves else 0.5
            y = _HEIGHT - _EDGE - share * (_HEIGHT - 2 * _EDGE)
            path += f"{'L' if pen_down else 'M'}{_EDGE + place * step:.4g},{y:.4g}"
            if not pen_down and (place + 1 == len(values) or values[place + 1] is None):
                path += "h0"  # a point by itself
        pen_down = value is not None
    return Markup(
        '<svg class="sketch" role="img" aria-label="{}" viewBox="0 0 {:g} {:g}" preserveAspectRatio="none">'
        '<path d="{}"/></svg>'
    ).format(label, _WIDTH, _HEIGHT, path)
