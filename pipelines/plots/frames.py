"""Small readings of long forecast frames: models, interval levels, one series, its stamps and windows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import pandas as pd

Columns = tuple[str, str, str]
DEFAULT_COLUMNS: Columns = ("unique_id", "ds", "y")


def models_of(frame: pd.DataFrame, columns: Columns = DEFAULT_COLUMNS) -> list[str]:
    """Names of the models whose forecasts a frame holds.

    Args:
        frame: Forecast or backtest frame.
        columns: Names of the id, time and target columns.

    Returns:
        Model names in the order of their columns.

    Example:
        >>> models_of(pd.DataFrame(columns=["unique_id", "ds", "cutoff", "y", "TCN", "TCN-lo-80", "Naive"]))
        ['TCN', 'Naive']
    """
    plain = [str(name) for name in frame.columns if name not in (*columns, "cutoff")]
    return [name for name in plain if not re.search(r"-(lo|hi|q)-[0-9.]+$", name)]


def levels_of(frame: pd.DataFrame, model: str) -> list[str]:
    """Interval levels of a model, widest first, written as in the column names.

    Args:
        frame: Forecast or backtest frame.
        model: Name of the model.

    Returns:
        Levels as text, such as ``["95", "80"]``.

    Example:
        >>> names = ["TCN", "TCN-lo-80", "TCN-hi-80", "TCN-lo-95", "TCN-hi-95"]
        >>> levels_of(pd.DataFrame(columns=names), "TCN")
        ['95', '80']
    """
    start = f"{model}-lo-"
    found = [str(name).removeprefix(start) for name in frame.columns if str(name).startswith(start)]
    whole = [level for level in found if f"{model}-hi-{level}" in frame.columns]
    return sorted(whole, key=float, reverse=True)


def rows_of(frame: pd.DataFrame, series: Any, columns: Columns = DEFAULT_COLUMNS) -> pd.DataFrame:
    """Rows of one series in the order of time.

    Args:
        frame: Long frame.
        series: Id of the series; None takes the first of the frame.
        columns: Names of the id, time and target columns.

    Returns:
        The rows of the series; empty when the frame is empty.

    Raises:
        ValueError: The frame has rows but none of this series.

    Example:
        >>> frame = pd.DataFrame({"unique_id": ["a", "b", "a"], "ds": [2, 1, 1], "y": [20.0, 1.0, 10.0]})
        >>> rows_of(frame, "a")["y"].tolist()
        [10.0, 20.0]
    """
    if frame.empty:
        return frame
    ids = frame[columns[0]]
    wanted = ids.iloc[0] if series is None else series
    rows = frame[ids == wanted]
    if rows.empty:
        raise ValueError(
            f"'series' must be an id of the frame. Received: {wanted!r}; pass one of column {columns[0]!r}."
        )
    return rows.sort_values([name for name in ("cutoff", columns[1]) if name in rows.columns])


def stamps_of(stamps: Any) -> list[Any]:
    """Stamps as plotly reads them: whole numbers, or ISO texts that are no longer than they must be.

    Args:
        stamps: Integers or timestamps; a time zone is dropped and the wall time kept.

    Returns:
        List of int or str.

    Example:
        >>> stamps_of(pd.to_datetime(["2024-01-01", "2024-02-01"]))
        ['2024-01-01', '2024-02-01']
        >>> stamps_of(pd.to_datetime(["2024-01-01 00:00", "2024-01-01 06:00"]))
        ['2024-01-01 00:00', '2024-01-01 06:00']
    """
    values = pd.Index(stamps)
    if pd.api.types.is_numeric_dtype(values):
        return list(values.tolist())
    if isinstance(values, pd.PeriodIndex):
        values = values.to_timestamp()
    wall = pd.DatetimeIndex(values).tz_localize(None).to_numpy().astype("datetime64[ns]")
    unit = next((u for u in ("D", "m", "s", "ms") if (wall.astype(f"datetime64[{u}]") == wall).all()), "ns")
    return [text.replace("T", " ") for text in wall.astype(f"datetime64[{unit}]").astype(str).tolist()]


def windows_of(cutoffs: Sequence[Any], stamps: Sequence[Any], max_rows: int = 600) -> list[list[int]]:
    """Backtest windows of one series that do not overlap, chosen from the latest backwards.

    Drawn on one axis, overlapping windows hide each other. One-step windows are joined to a single one.

    Args:
        cutoffs: Cutoff of each row; rows are in the order of cutoff and time.
        stamps: Stamp of each row.
        max_rows: Stop once this many rows are chosen; at least one window is.

    Returns:
        Positions of the rows of each window, in the order of time.

    Example:
        >>> windows_of(cutoffs=[1, 1, 2, 2, 3, 3], stamps=[2, 3, 3, 4, 4, 5])
        [[0, 1], [4, 5]]
    """
    starts = [row for row in range(len(cutoffs)) if row == 0 or cutoffs[row] != cutoffs[row - 1]]
    windows = [list(range(*ends)) for ends in pairwise([*starts, len(cutoffs)])]
    chosen: list[list[int]] = []
    taken = 0
    for window in reversed(windows):
        if chosen and not stamps[window[-1]] < stamps[chosen[-1][0]]:
            continue
        if chosen and taken + len(window) > max_rows:
            break
        chosen.append(window)
        taken += len(window)
    chosen.reverse()
    if all(len(window) == 1 for window in chosen):
        return [[row for window in chosen for row in window]]
    return chosen


def joined(parts: Iterable[list[Any]]) -> list[Any]:
    """Concatenate lists with a None between them, which breaks a line.

    Args:
        parts: Lists to join.

    Returns:
        One list.

    Example:
        >>> joined([[1, 2], [3]])
        [1, 2, None, 3]
    """
    out: list[Any] = []
    for part in parts:
        out.extend([*([None] if out else []), *part])
    return out
