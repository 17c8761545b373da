"""Errors as a client reads them: the message, the series and column that it names, and the cure."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final

from pipelines.errors import ForecastingError, PanelError
from pipelines.serving.wording import for_clients

_LONGEST: Final = 2000
_SERIES: Final = re.compile(r"series ('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|-?\d+)")


class Refused(ForecastingError, ValueError):
    """A request that is answered with an error.

    Args:
        status: HTTP status.
        message: The rule, what was received, the cure.

    Example:
        >>> Refused(404, "There is no such page.").status
        404
    """

    exit_code = 65

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class WrongColumn(PanelError):
    """A table whose columns are not those that it may have.

    Args:
        message: The rule, what was received, the cure.
        column: The column that is wrong; None if it is not a matter of one.

    Example:
        >>> WrongColumn("Columns must be of one length. Received: 3 in 'y'; send 2.", "y").column
        'y'
    """

    def __init__(self, message: str, column: str | None) -> None:
        super().__init__(message)
        self.column = column


def describe(error: Exception, columns: Collection[str] = ()) -> dict[str, Any]:
    """Describe an error of this project, whose messages have one grammar.

    Args:
        error: Rule, what was received, cure: "... must ... Received: ...; do that."
        columns: Names of columns to look for.

    Returns:
        ``error``, the whole message; ``cure``, ``series`` and ``column`` as far as it names them.

    Example:
        >>> message = "Column 'y' must hold numbers. Received: 'x' in series 'A', row 0; correct it."
        >>> describe(ValueError(message), ["ds", "y"])
        {'error': ..., 'series': 'A', 'column': 'y', 'cure': 'correct it.'}
    """
    message = for_clients(str(error))
    found: dict[str, Any] = {"error": _clipped(message)}
    rule, _, received = message.partition("Received: ")
    if series := _SERIES.search(received) or _SERIES.search(rule):
        text = series[1]
        found["series"] = _clipped(text[1:-1]) if text[0] in "'\"" else int(text)
    column = error.column if isinstance(error, WrongColumn) else _named(message, rule, columns)
    if column is not None:
        found["column"] = _clipped(column)
    _, semicolon, cure = received.partition("; ")
    if semicolon:
        found["cure"] = _clipped(cure)
    return found


def _named(message: str, rule: str, columns: Collection[str]) -> str | None:
    """The column that a message names first, in its rule if there is one; None if it names none."""
    named = [name for name in columns if _names(rule, name)] or [n for n in columns if _names(message, n)]
    return min(named, key=lambda name: _place(message, name), default=None)


def _names(text: str, column: str) -> bool:
    return _place(text, column) < len(text)


def _place(text: str, column: str) -> int:
    """Where a text names a column, in quotes or as in ``ds=2024-01-01``; its length where it does not."""
    places = [text.find(repr(column)), text.find(f" {column}=")]
    return min((place for place in places if place >= 0), default=len(text))


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"
