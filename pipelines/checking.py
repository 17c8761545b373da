"""What checked settings have in common: plain values in, one line per mistake out."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError


def plain(value: Any) -> Any:
    """Python's own type for a NumPy scalar, a tuple for a list or array, also inside a mapping.

    Args:
        value: Argument of a constructor.

    Returns:
        The value as pydantic's strict types know it.

    Example:
        >>> import numpy as np
        >>> plain(np.array([1, 2])), plain({"load": np.int64(6)})
        ((1, 2), {'load': 6})
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


def explain(error: ValidationError) -> str:
    """One line per setting that is not allowed: the rule, then what was received.

    Args:
        error: What pydantic raised.

    Returns:
        The lines.
    """
    rules: dict[str, list[str]] = {}
    received: dict[str, Any] = {}
    whole: list[str] = []
    for problem in error.errors():
        if not problem["loc"]:
            whole.append(problem["msg"].removeprefix("Value error, "))
            continue
        name = str(problem["loc"][0])
        message = problem["msg"].removeprefix("Value error, ")
        rules.setdefault(name, []).append(message[:1].lower() + message[1:])
        # Problems inside a list or of one choice among several share the first part of their place.
        received.setdefault(name, problem["input"])
    return "\n".join((*(_line(name, found, received[name]) for name, found in rules.items()), *whole))


def _line(name: str, rules: list[str], received: Any) -> str:
    rule = " or ".join(dict.fromkeys(rules))
    return f"'{name}': {rule}" + ("" if "Received:" in rule else f". Received: {received!r}.")
