"""Tables in JSON: rows as records, columns or split into both, and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import pandas as pd

from pipelines.errors import PanelError
from pipelines.serving.kinds import check_names
from pipelines.serving.problems import WrongColumn

_PLAIN: Final = {str, int, float, bool, type(None)}


def frame_of(table: Any, known: Sequence[str], name: str) -> pd.DataFrame:
    """Read a table.

    Args:
        table: A list of records, or a dictionary of columns.
        known: Columns that it may have.
        name: What a message calls it.

    Returns:
        A frame.

    Raises:
        PanelError: If it is neither, has another column, or a value that is not plain.

    Example:
        >>> frame_of([{"ds": 1, "y": 2.5}, {"ds": 2}], ["ds", "y"], "rows")
           ds    y
        0   1  2.5
        1   2  NaN
    """
    if isinstance(table, list):
        odd = next((i for i, record in enumerate(table) if not isinstance(record, dict)), None)
        if odd is not None:
            raise PanelError(
                f"Records of {name!r} must be objects. Received: {type(table[odd]).__name__} as record {odd} "
                '(counted from 0); send {"column": value}.'
            )
        names = list(dict.fromkeys(key for record in table for key in record))
        _check_filled(table, name)
        check_names(names, known, f"Columns of {name}")
        columns = {key: [record.get(key) for record in table] for key in names}
    elif isinstance(table, dict):
        check_names([*table], known, f"Columns of {name}")
        columns = table
    else:
        raise PanelError(
            f"{name!r} must be a list of records, or an object of columns. Received: "
            f"{type(table).__name__}; send one of these."
        )
    return _frame(columns, name)


def split_frame(table: Any, known: Sequence[str], name: str) -> pd.DataFrame:
    """Read a table whose names and values are apart, as pandas' ``orient="split"`` writes it.

    Args:
        table: An object with "columns" and "data", and maybe "index", which does not matter.
        known: As for ``frame_of``.
        name: As for ``frame_of``.

    Returns:
        A frame.

    Raises:
        PanelError: As for ``frame_of``.
    """
    if not isinstance(table, dict) or not {"columns", "data"} <= {*table} <= {"columns", "data", "index"}:
        raise PanelError(
            f"{name!r} must be an object with 'columns' and 'data'. Received: another one; send frames as "
            'frame.to_json(orient="split") writes them.'
        )
    names, data = table["columns"], table["data"]
    is_table = isinstance(names, list) and isinstance(data, list)
    if not is_table or any(not isinstance(row, list) or len(row) != len(names) for row in data):
        raise PanelError(
            f"Rows of {name!r} must be lists as long as 'columns'. Received: others; send one value for each "
            "column."
        )
    if not all(isinstance(each, str) for each in names):
        raise PanelError(f"Columns of {name!r} must be text. Received: others; name them.")
    _check_filled(data, name)
    check_names(names, known, f"Columns of {name}")
    return _frame({key: [row[i] for row in data] for i, key in enumerate(names)}, name)


def records_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Write a forecast as records, times and dates as ISO 8601 text.

    Args:
        frame: A forecast.

    Returns:
        A record per row.

    Example:
        >>> records_of(pd.DataFrame({"ds": [pd.Timestamp("2024-01-01")], "TCN": [1.5]}))
        [{'ds': '2024-01-01T00:00:00', 'TCN': 1.5}]
    """
    columns = {name: [_text(value) for value in frame[name].tolist()] for name in frame}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def columns_of(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Write a forecast as columns; see ``records_of``."""
    return {name: [_text(value) for value in frame[name].tolist()] for name in frame}


def _check_filled(records: Sequence[Any], name: str) -> None:
    """Refuse records without any column, which would be rows of nothing."""
    empty = next((i for i, record in enumerate(records) if not record), None)
    if empty is not None:
        raise PanelError(
            f"Records of {name!r} must have columns. Received: none in record {empty} (counted from 0); "
            "leave it out."
        )


def _frame(columns: dict[str, Any], name: str) -> pd.DataFrame:
    """Make a frame of columns that are known."""
    for key, values in columns.items():
        if not isinstance(values, list):
            raise PanelError(
                f"Column {key!r} of {name!r} must be a list. Received: {type(values).__name__}; send a list "
                "of its values."
            )
        odd = {type(value) for value in values} - _PLAIN
        if odd:
            raise PanelError(
                f"Column {key!r} of {name!r} must hold numbers, text, true, false or null. Received: "
                f"{min(kind.__name__ for kind in odd)}; send one value for each row."
            )
    _check_lengths({key: len(values) for key, values in columns.items()}, name)
    return pd.DataFrame(columns)


def _check_lengths(lengths: dict[str, int], name: str) -> None:
    """Refuse columns of several lengths, and name the one that is not as long as most."""
    counts = Counter(lengths.values()).most_common()
    if len(counts) < 2:
        return
    is_plain = counts[0][1] > counts[1][1]
    odd = next(key for key, length in lengths.items() if length != counts[0][0]) if is_plain else None
    raise WrongColumn(
        f"Columns of {name!r} must be of one length. Received: "
        f"{', '.join(f'{length} in {key!r}' for key, length in lengths.items())}; send a value or null "
        "for each row.",
        odd,
    )


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
