"""Forecasts, backtest and scores as files; the same results give the same bytes."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipelines.errors import ConfigError, ForecastingError
from pipelines.panel import show

if TYPE_CHECKING:
    from pipelines.metrics import Scores

FORMATS = ("csv", "parquet")


def table_path(path: str | Path) -> Path:
    """Check the path of a table that will be written, before the work that leads to it.

    Args:
        path: Path of a ``.csv`` or ``.parquet`` file in a folder that exists.

    Returns:
        The path.

    Raises:
        ConfigError: If it ends otherwise, or there is no such folder.

    Example:
        >>> table_path("forecasts.xlsx")
        Traceback (most recent call last):
        pipelines.errors.ConfigError: A table must be a .csv or .parquet file. Received: 'forecasts.xlsx'.
    """
    path = Path(path)
    if path.suffix.lower() not in (".csv", ".parquet") or path.is_dir():
        raise ConfigError(f"A table must be a .csv or .parquet file. Received: {str(path)!r}.")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"A table must go to a folder that exists. Received: {str(path)!r}; make it first.")
    return path


def write_frame(frame: pd.DataFrame, path: Path) -> Path:
    """Write a frame as CSV or Parquet; a file that is there is replaced as a whole or not at all.

    Args:
        frame: Any frame; ids of mixed types become text in a Parquet file, which has one type for a column.
        path: File that ends in ``.csv`` or ``.parquet``, which decides the format.

    Returns:
        The path.

    Raises:
        ConfigError: If the file cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if path.suffix.lower() == ".csv":
            frame.to_csv(draft, index=False)
        else:
            one_type_each(frame).to_parquet(draft, index=False)
        os.replace(draft, path)
    except OSError as error:
        raise ConfigError(
            f"A table must be written to a folder with permission and space. Received: {error.strerror} "
            f"for {str(path)!r}; name another one."
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return path


def check_finite(forecast: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Refuse a forecast that is not a number everywhere.

    Args:
        forecast: Forecast frame.
        columns: Its id, time and target columns.

    Returns:
        The frame itself.

    Raises:
        ForecastingError: If a forecast is NaN or infinite.

    Example:
        >>> forecast = pd.DataFrame({"unique_id": ["a"], "ds": [3], "TCN": [np.nan]})
        >>> check_finite(forecast, ["unique_id", "ds", "y"])
        Traceback (most recent call last):
        pipelines.errors.ForecastingError: A forecast must be finite. Received: nan for TCN, series 'a', ...
    """
    id_col, time_col, _ = columns
    for name in forecast.columns.difference([id_col, time_col], sort=False):
        bad = ~np.isfinite(forecast[name].to_numpy(dtype=float))
        if bad.any():
            row = forecast.iloc[int(np.argmax(bad))]
            raise ForecastingError(
                f"A forecast must be finite. Received: {row[name]} for {name}, series {show(row[id_col])}, "
                f"{time_col} {row[time_col]}, and {int(bad.sum()) - 1} more. Nothing was published; look for "
                "values in this series that are out of all proportion."
            )
    return forecast


def scores_record(scores: Scores | None, reason: str = "") -> dict[str, Any]:
    """Scores as plain data.

    Args:
        scores: Scores of a backtest, or None.
        reason: Why there are none.

    Returns:
        Tables by name: ``overall`` and ``skill`` by model, ``by_step`` by model and metric, ``shift`` and
        ``counts``; each None without scores. JSON-able; what is undefined is None.
    """
    if scores is None:
        return {"reason": reason, **dict.fromkeys(("overall", "skill", "by_step", "shift", "counts"))}
    by_step = {
        str(model): rows.drop(columns="model").to_dict("list")
        for model, rows in scores.by_step.groupby("model", sort=False)
    }
    tables = {
        "overall": scores.overall.to_dict("index"),
        "skill": scores.skill.to_dict("index"),
        "by_step": by_step,
    }
    return plain({"reason": "", **tables, "shift": scores.shift, "counts": scores.counts})  # type: ignore[no-any-return]


def write_json(record: Any, path: Path) -> Path:
    """Write plain data as strict JSON.

    Args:
        record: JSON-able data.
        path: The file.

    Returns:
        The path.
    """
    text = json.dumps(record, indent=2, allow_nan=False, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")
    return path


def plain(value: Any) -> Any:
    """Turn data into what JSON knows: NumPy numbers into Python's, NaN and infinity into None.

    Args:
        value: Nested mappings, sequences and values.

    Returns:
        Dictionaries with text keys, lists, text, numbers, booleans and None.

    Example:
        >>> plain({"mae": np.float64(0.5), "levels": (80, np.nan), 3: pd.Timestamp("2024-01-01")})
        {'mae': 0.5, 'levels': [80, None], '3': '2024-01-01 00:00:00'}
    """
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)


def one_type_each(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn columns of mixed types, such as ids that are numbers and text, into text.

    Args:
        frame: Any frame.

    Returns:
        A frame that Parquet can hold.

    Example:
        >>> one_type_each(pd.DataFrame({"unique_id": [7, "b"]}))["unique_id"].tolist()
        ['7', 'b']
    """
    mixed = [
        name
        for name in frame.columns
        if frame[name].dtype == object and pd.api.types.infer_dtype(frame[name]).startswith("mixed")
    ]
    return frame.astype(dict.fromkeys(mixed, "string"))
