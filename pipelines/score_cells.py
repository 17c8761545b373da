"""Sums of losses over the cells of a backtest, and the metrics that follow from them.

The losses are those of ``utilsforecast.losses``, taken once for each cell (a series at a step ahead, or a
series at a cutoff); sums of cells give every coarser table without another pass over the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import pandas as pd
from utilsforecast import losses

if TYPE_CHECKING:
    from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.float64]"
Ints: TypeAlias = "NDArray[np.int64]"
Sums: TypeAlias = dict[str, Floats]
"""Name of a loss to its sum in each cell; also ``rows``, ``nonzero`` (rows with y != 0) and ``size`` of y."""
Forecasts: TypeAlias = dict[str, dict[str, Floats]]
"""Name of a model to its columns: "" for the point forecast, "lo-80" and "hi-80" for bounds of a level."""

_CELL: Final = "cell"
_Y: Final = "y"
_BLOCK_ROWS: Final = 2**19  # at a time, so that what utilsforecast copies does not grow with the backtest
_NO_CUTOFF: Final = ""  # utilsforecast groups by a second column if it is there; this one never is


def cell_sums(forecasts: Forecasts, y: Floats, cell: Ints, n_cells: int) -> dict[str, Sums]:
    """Sum the losses of each model over the rows of each cell.

    Args:
        forecasts: Name of a model to its columns: "" for the point forecast, "lo-80" and "hi-80" for the
            bounds of a level, each ``(rows,)`` and finite.
        y: Actual values ``(rows,)``, all known.
        cell: Number of the cell of each row.
        n_cells: Number of cells; some may have no row.

    Returns:
        Name of a model to its sums, each ``(n_cells,)``.

    Example:
        >>> import numpy as np
        >>> forecast = {"TCN": {"": np.array([1.0, 2.0, 2.0])}}
        >>> sums = cell_sums(forecast, np.array([1.0, 4.0, 3.0]), np.array([0, 0, 1]), 2)
        >>> sums["TCN"]["absolute"], sums["TCN"]["rows"]
        (array([2., 1.]), array([2., 1.]))
    """
    sums: dict[str, Sums] = {model: {} for model in forecasts}
    for begin in range(0, len(y), _BLOCK_ROWS):
        rows = slice(begin, begin + _BLOCK_ROWS)
        block = {
            model: {part: column[rows] for part, column in parts.items()}
            for model, parts in forecasts.items()
        }
        _add_block(sums, block, y[rows], cell[rows], n_cells)
    return sums


def _add_block(sums: dict[str, Sums], forecasts: Forecasts, y: Floats, cell: Ints, n_cells: int) -> None:
    short = {model: f"m{number}" for number, model in enumerate(forecasts)}  # no clash with the columns below
    columns = {
        _column(short[model], part): values
        for model, parts in forecasts.items()
        for part, values in parts.items()
    }
    frame = pd.DataFrame({_CELL: cell, _Y: y, **columns}, copy=False)
    place, local = np.unique(cell, return_inverse=True)
    rows = total_by(local, np.ones(len(y)), len(place))
    nonzero = total_by(local, (y != 0).astype(np.float64), len(place))
    size = total_by(local, np.abs(y), len(place))
    options = {"id_col": _CELL, "target_col": _Y, "cutoff_col": _NO_CUTOFF}

    def add(model: str, name: str, values: Floats) -> None:
        sums[model].setdefault(name, np.zeros(n_cells))[place] += values

    def add_means(name: str, means: pd.DataFrame, number: Floats) -> None:
        """Add means, which come in the order of ``place``, as sums; NaN is the mean of nothing."""
        for model in forecasts:
            if short[model] in means:
                mean = means[short[model]].to_numpy(dtype=np.float64)
                add(model, name, np.where(number > 0, mean, 0.0) * number)

    for model in forecasts:
        add(model, "rows", rows)
        add(model, "nonzero", nonzero)
        add(model, "size", size)
    points = [*short.values()]
    add_means("absolute", losses.mae(frame, points, **options), rows)
    add_means("squared", losses.mse(frame, points, **options), rows)
    add_means("percent", losses.mape(frame, points, **options), nonzero)
    add_means("symmetric", losses.smape(frame, points, **options), rows)
    median = losses.quantile_loss(frame, {point: point for point in points}, q=0.5, **options)
    add_means("pinball", median, rows)
    for level in sorted({level for parts in forecasts.values() for level in levels_of(parts)}, key=float):
        has = [model for model, parts in forecasts.items() if f"lo-{level}" in parts]
        for part, q in ((f"lo-{level}", 0.5 - float(level) / 200), (f"hi-{level}", 0.5 + float(level) / 200)):
            bound = {short[model]: _column(short[model], part) for model in has}
            add_means("pinball", losses.quantile_loss(frame, bound, q=q, **options), rows)
        # The level serves utilsforecast to name columns only, so a fractional one does too.
        inside = losses.coverage(frame, [short[model] for model in has], level, **options)  # type: ignore[arg-type]
        add_means(f"covered_{level}", inside, rows)
        for model in has:
            width = forecasts[model][f"hi-{level}"] - forecasts[model][f"lo-{level}"]
            add(model, f"width_{level}", total_by(local, width, len(place)))


def levels_of(parts: Mapping[str, object]) -> tuple[str, ...]:
    """Return the levels that have both bounds, as the column names spell them, smallest first."""
    return tuple(sorted((part[3:] for part in parts if part.startswith("lo-")), key=float))


def summarize(
    cells: Sums, levels: tuple[str, ...], group: Ints, n_groups: int, scales: tuple[Floats, Floats]
) -> Sums:
    """Return the metrics of each group of cells.

    Args:
        cells: Sums of one model, each ``(cells,)``.
        levels: Levels of its intervals.
        group: Number of the group of each cell.
        n_groups: Number of groups.
        scales: What MASE and RMSSE divide by: mean absolute and root mean squared error of the seasonal naive
            method within the sample, for the series of each cell; NaN where it is undefined.

    Returns:
        Name of a metric to its values ``(n_groups,)``; NaN where a group has nothing to average.
    """
    sums = {name: total_by(group, values, n_groups) for name, values in cells.items()}
    rows = sums["rows"]
    mae = _ratio(cells["absolute"], cells["rows"]) / scales[0]
    rmse = np.sqrt(_ratio(cells["squared"], cells["rows"])) / scales[1]
    metrics = {
        "mae": _ratio(sums["absolute"], rows),
        "rmse": np.sqrt(_ratio(sums["squared"], rows)),
        "mape": 100 * _ratio(sums["percent"], sums["nonzero"]),
        "smape": 200 * _ratio(sums["symmetric"], rows),
        "mase": _mean_of_known(mae, group, n_groups),
        "rmsse": _mean_of_known(rmse, group, n_groups),
        "wql": 2 * _ratio(sums["pinball"], sums["size"]) / (1 + 2 * len(levels)),
    }
    for level in levels:
        metrics[f"coverage_{level}"] = _ratio(sums[f"covered_{level}"], rows)
        metrics[f"width_{level}"] = _ratio(sums[f"width_{level}"], rows)
    return metrics


def total_by(group: Ints, values: Floats, n_groups: int) -> Floats:
    """Return the sum of ``values`` in each group; 0 where a group has none."""
    return np.bincount(group, values, n_groups).astype(np.float64, copy=False)


def mean_of_cells(total: Floats, number: Floats, group: Ints, n_groups: int) -> Floats:
    """Return the sum of ``total`` over that of ``number`` in each group of cells; NaN where that is 0."""
    return _ratio(total_by(group, total, n_groups), total_by(group, number, n_groups))


def _column(model: str, part: str) -> str:
    return f"{model}-{part}" if part else model


def _ratio(total: Floats, number: Floats) -> Floats:
    ratio = np.full(len(total), np.nan)
    np.divide(total, number, out=ratio, where=number > 0)
    return ratio


def _mean_of_known(values: Floats, group: Ints, n_groups: int) -> Floats:
    known = np.isfinite(values)
    total = total_by(group[known], values[known], n_groups)
    return _ratio(total, total_by(group[known], np.ones(int(known.sum())), n_groups))
