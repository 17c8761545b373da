"""Tables in Markdown, as the descriptions of runs hold them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from pipelines.tracking.names import clip

_CELL_LENGTH = 80


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Write a table.

    Args:
        columns: Names of the columns.
        rows: Values of each row.

    Returns:
        Lines of Markdown.

    Example:
        >>> print(markdown_table(["model", "mase"], [("TCN", 0.81234), ("Naive", float("nan"))]))
        | model | mase |
        | --- | --- |
        | TCN | 0.8123 |
        | Naive |  |
    """
    lines = [columns, ["---"] * len(columns), *([cell(value) for value in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cell(value: Any) -> str:
    """Write a value so that it stays in its cell: on one line, without bars, four digits of a number.

    Args:
        value: Any value.

    Returns:
        At most 80 characters; nothing for numbers that are not finite.

    Example:
        >>> cell(0.123456), cell("two  spaces"), cell(float("inf"))
        ('0.1235', 'two spaces', '')
    """
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else ""
    return clip(" ".join(str(value).split()), _CELL_LENGTH).replace("|", "\\|")
