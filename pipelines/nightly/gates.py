"""What must hold of a forecast before it is published."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:
    from pipelines.nightly.settings import JobSettings

Floats = npt.NDArray[np.float64]

_FEW: Final = 10  # values that tell little of the range of a series
_LEAST: Final = 0.1  # least range of a series, as a share of its largest absolute value; 1 with few values


def failing_series(forecast: pd.DataFrame, history: pd.DataFrame, job: JobSettings) -> dict[Any, str]:
    """Find the series whose forecast must not be published.

    A forecast must be finite; its bounds in order, the outer ones outside; no further from the range of the
    series' history than ``gates.max_multiple`` of such ranges; and not negative where no value is, unless
    ``model.target`` is "real". A range counts as a tenth of the largest absolute value at least, and as
    that value where the history has less than ten values; where all are 0, as the median of other series.

    Args:
        forecast: Id, time, the forecast and the bounds of its intervals.
        history: Id, time and target column, in any order.
        job: Settings.

    Returns:
        Ids to what is wrong, in the order of the forecast.

    Example:
        >>> from pipelines.nightly import JobSettings
        >>> job = JobSettings(name="j", source={"path": "a"}, sink={"path": "b"},
        ...                   model={"horizon": 1, "levels": [80]})
        >>> history = pd.DataFrame({"unique_id": "A", "ds": range(20), "y": range(20)})
        >>> made = {"unique_id": ["A"], "ds": [20], "TCN": [99.0], "TCN-lo-80": [10.0], "TCN-hi-80": [99.0]}
        >>> failing_series(pd.DataFrame(made), history, job)
        {'A': 'which forecasts 99, where its history lies between 0 and 19'}
    """
    codes, found = pd.factorize(forecast[job.model.id_col])
    values = forecast[_in_order(job)].to_numpy(np.float64, na_value=np.nan)
    low, high, spread = _history(found, history, job)
    reach = job.gates.max_multiple * spread
    with np.errstate(invalid="ignore"):  # what is not finite has failed already
        far = (values < (low - reach)[codes]) | (values > (high + reach)[codes])
        negative = (values < 0) & never_negative(history, job)
        tests: list[tuple[npt.NDArray[np.bool_], Callable[[int], str]]] = [
            (~np.isfinite(values), lambda row: "which is not finite"),
            (
                np.diff(values, axis=1) < 0,
                lambda row: f"whose bounds cross: {', '.join(f'{value:.6g}' for value in values[row])}",
            ),
            (
                far,
                lambda row: (
                    f"which forecasts {values[row][far[row]][0]:.6g}, where its history lies between "
                    f"{low[codes[row], 0]:.6g} and {high[codes[row], 0]:.6g}"
                ),
            ),
            (negative, lambda row: f"which is negative: {values[row].min():.6g}"),
        ]
    reasons: dict[int, str] = {}
    for wrong, why in tests:
        rows = np.flatnonzero(wrong.any(axis=1))
        for code, at in zip(*np.unique(codes[rows], return_index=True), strict=True):
            reasons.setdefault(int(code), why(int(rows[at])))
    ids = pd.Index(found).astype(object)
    return {ids[code]: reasons[code] for code in sorted(reasons)}


def never_negative(history: pd.DataFrame, job: JobSettings) -> bool:
    """Tell whether forecasts must not be negative: where no value is, unless ``model.target`` is "real".

    Args:
        history: With the target column.
        job: Settings.
    """
    values = pd.to_numeric(history[job.model.target_col], errors="coerce")
    return job.model.target != "real" and not values.min() < 0


def _in_order(job: JobSettings) -> list[str]:
    """Columns of a forecast, from the lowest bound to the highest."""
    alias, levels = job.model.alias, sorted(job.model.levels)
    lower = [f"{alias}-lo-{level:g}" for level in reversed(levels)]
    return [*lower, alias, *(f"{alias}-hi-{level:g}" for level in levels)]


def _history(found: Any, history: pd.DataFrame, job: JobSettings) -> tuple[Floats, Floats, Floats]:
    """Least and largest value and range of each series, ``(series, 1)``, NaN without any."""
    values = pd.to_numeric(history[job.model.target_col], errors="coerce")
    ids = history[job.model.id_col]
    groups = values.groupby(ids.astype(object) if ids.dtype == "category" else ids, sort=False)
    stats = groups.agg(["min", "max", "count"])
    stats.index = stats.index.astype(object)
    low, high, count = stats.reindex(pd.Index(found).astype(object)).to_numpy(np.float64).T
    size = np.fmax(np.abs(low), np.abs(high))
    spread = np.fmax(high - low, np.where(count < _FEW, 1.0, _LEAST) * size)
    positive = spread[spread > 0]
    usual = float(np.median(positive)) if positive.size else 1.0
    spread = np.where(spread == 0, usual, spread)
    return low[:, None], high[:, None], spread[:, None]
