"""Axes of values of any kind: numbers on a scale that suits them, all else in the order in which it comes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from typing import Any

from pipelines.plots.style import plain

_DECADES = 20  # numbers that span more are drawn on a logarithmic axis
_TICKS = 6  # a number that has no more values has a tick for each


def axis_of(values: Sequence[Any]) -> dict[str, Any]:
    """Choose an axis.

    Args:
        values: What is drawn on it, at least one.

    Returns:
        Type and ticks, as properties of a plotly axis.

    Example:
        >>> axis_of([16, 64, 16]), axis_of(["a", "b"]), axis_of([1e-4, 1e-2])["type"]
        ({'type': 'linear', 'tickvals': [16, 64]}, {'type': 'category', 'tickvals': None}, 'log')
    """
    if not _is_numeric(values):
        return {"type": "category", "tickvals": None}
    return {"type": "log" if _is_wide(values) else "linear", "tickvals": _few(values)}


def dimension_of(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """Place values on an axis of parallel coordinates, which knows numbers only.

    Args:
        name: What stands above it, shown as it is.
        values: What is drawn on it, at least one.

    Returns:
        Properties of a dimension of plotly's ``parcoords``.

    Example:
        >>> dimension_of("head", ["a", "b", "a"])["values"]
        [0, 1, 0]
        >>> dimension_of("rate", [0.01, 1.0])["values"]
        [-2.0, 0.0]
    """
    if not _is_numeric(values):
        texts = list(dict.fromkeys(map(as_text, values)))
        return {
            "label": plain(name),
            "values": [texts.index(as_text(value)) for value in values],
            "tickvals": list(range(len(texts))),
            "ticktext": [plain(text) for text in texts],
        }
    ticks = _few(values)
    if not _is_wide(values):
        return {"label": plain(name), "values": list(values), "tickvals": ticks}
    ticks = ticks or [10.0**n for n in range(floor(log10(min(values))), ceil(log10(max(values))) + 1)]
    return {
        "label": plain(name),
        "values": [log10(value) for value in values],
        "tickvals": [log10(tick) for tick in ticks],
        "ticktext": [f"{tick:.3g}" for tick in ticks],
    }


def as_text(value: Any) -> str:
    """Write a value as a person would.

    Args:
        value: Any value.

    Returns:
        Sequences and mappings as JSON.

    Example:
        >>> as_text((1, 2)), as_text("quantile")
        ('[1, 2]', 'quantile')
    """
    return json.dumps(value) if isinstance(value, list | tuple | Mapping) else str(value)


def drawable(values: Sequence[Any]) -> list[Any]:
    """Values as an axis of `axis_of` takes them: numbers as they are, all else as text.

    Args:
        values: The values.

    Returns:
        Numbers or texts.

    Example:
        >>> drawable([1, 2.5]), drawable([1, None])
        ([1, 2.5], ['1', 'None'])
    """
    return list(values) if _is_numeric(values) else [as_text(value) for value in values]


def _is_numeric(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _is_wide(values: Sequence[Any]) -> bool:
    return bool(min(values) > 0 and max(values) / min(values) > _DECADES)


def _few(values: Sequence[Any]) -> list[Any] | None:
    different = set(values)
    return sorted(different) if len(different) <= _TICKS else None
