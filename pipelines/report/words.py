"""Units and settings as a reader should see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.wording import MISSING, number

UNITS = {
    "min": "minutes",
    "h": "hours",
    "D": "days",
    "B": "business days",
    "W": "weeks",
    "MS": "months",
    "ME": "months",
    "QS": "quarters",
    "QE": "quarters",
    "YS": "years",
    "YE": "years",
    "1": "steps",
}
"""Frequency to the name of its steps."""


def unit(freq: str) -> str:
    """Name the steps of a frequency.

    Args:
        freq: Frequency as text.

    Returns:
        Plural noun, or "steps of freq" for a frequency without one.

    Example:
        >>> unit("h"), unit("W-SUN"), unit("30min")
        ('hours', 'weeks', 'steps of 30min')
    """
    return UNITS.get(freq.split("-")[0], f"steps of {freq}")


def facts(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Flatten settings or a plan into names and texts.

    Args:
        values: JSON-able mapping, nested or not.
        prefix: Put before each name.

    Returns:
        Pairs of name and text.

    Example:
        >>> facts({"season_length": 24, "network": {"dilations": [1, 2, 4], "bias": True}})
        [('season length', '24'), ('network: dilations', '1, 2, 4'), ('network: bias', 'yes')]
    """
    pairs: list[tuple[str, str]] = []
    for key, value in values.items():
        name = prefix + str(key).replace("_", " ")
        if isinstance(value, Mapping):
            pairs.extend(facts(value, f"{name}: "))
        else:
            pairs.append((name, _text(value)))
    return pairs


def _text(value: Any) -> str:
    if value is None or value in ("", [], ()):
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return number(value, 0) if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:.3g}" if value and abs(value) < 1e-4 else number(value)
    if isinstance(value, (list, tuple)):
        shown = ", ".join(_text(item) for item in value[:24])
        return f"{shown}, … ({len(value)} in all)" if len(value) > 24 else shown
    return str(value)
