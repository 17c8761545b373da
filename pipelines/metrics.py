"""Scores of a backtest: per model, series, step ahead and cutoff, with skill and a check for shifted copies.

WQL, coverage and width follow the M5 and fev benchmarks; the other definitions are those of Hyndman and
Athanasopoulos, "Forecasting: Principles and Practice", https://otexts.com/fpp3/accuracy.html.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pandas as pd

from pipelines.errors import ConfigError, PanelError
from pipelines.folds import BASELINES, Folds
from pipelines.panel import Panel, show
from pipelines.score_cells import Forecasts, cell_sums, levels_of, mean_of_cells, summarize
from pipelines.shift import shift_diagnostic
from pipelines.skill import Losses, skill_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.float64]"
Ints: TypeAlias = "NDArray[np.int64]"

_BOUND: Final = re.compile(r"(?P<model>.+)-(?P<side>lo|hi)-(?P<level>\d+(\.\d+)?)")
_DERIVED: Final = re.compile(r".+-(lo|hi|q)-\d+(\.\d+)?")
_ROUNDING: Final = 1e-12  # differences this small beside the values are the rounding of equal ones


@dataclass(frozen=True)
class Scores:
    """What a backtest says about each model.

    The metrics are ``mae``, ``rmse``, ``mape`` and ``smape`` (percent), ``mase``, ``rmsse``, ``wql``, and
    for each level L ``coverage_L`` (fraction of actuals inside) and ``width_L`` (mean width of the interval).

    Attributes:
        overall: One row per model (the index), one column per metric.
        by_series: One row per model and series: ``model``, the id column, the metrics.
        by_step: One row per model and number of steps ahead: ``model``, ``step``, the metrics.
        by_cutoff: One row per model and cutoff: ``model``, ``cutoff``, the metrics.
        skill: One row per model (the index), see ``pipelines.skill.skill_table``.
        shift: Whether the first model that is no baseline repeats the past, see
            ``pipelines.shift.shift_diagnostic``.
        counts: ``rows``, ``rows_without_y`` (skipped), ``rows_with_zero_y`` (left out of MAPE), ``series``,
            ``series_without_scale`` (left out of MASE and RMSSE).
        losses: Errors of each model by series and window, for further comparisons.
        overlap: How many consecutive windows of a series a target can lie in.

    Example:
        >>> history = pd.DataFrame({"unique_id": "a", "ds": [1, 2, 3, 4], "y": [1.0, 3.0, 2.0, 4.0]})
        >>> backtest = history.tail(2).assign(cutoff=2, TCN=[3.0, 4.0])
        >>> scores = evaluate(backtest, history, season_length=1, freq=1)
        >>> scores.by_step[["step", "mae"]].values.tolist()
        [[1.0, 1.0], [2.0, 0.0]]
    """

    overall: pd.DataFrame
    by_series: pd.DataFrame
    by_step: pd.DataFrame
    by_cutoff: pd.DataFrame
    skill: pd.DataFrame
    shift: dict[str, Any]
    counts: dict[str, int] = field(default_factory=dict)
    losses: dict[str, Losses] = field(default_factory=dict)
    overlap: int = 1


def evaluate(
    backtest: pd.DataFrame,
    train: Panel | pd.DataFrame,
    season_length: int,
    models: Sequence[str] | None = None,
    *,
    freq: str | int | None = None,
    id_col: str = "unique_id",
    time_col: str = "ds",
    target_col: str = "y",
) -> Scores:
    """Score every model of a backtest.

    MAE, RMSE, MAPE, sMAPE, coverage and width are means over rows; MASE and RMSSE are means over series of
    the series' error divided by the error of the seasonal naive method within ``train`` up to the first
    cutoff. WQL is the mean over the quantiles at hand (the bounds of the levels, and the point forecast as
    the median) of twice the summed pinball loss, divided by the sum of ``|y|``. Rows without ``y`` are
    skipped.

    Args:
        backtest: Columns of id, time, target and ``cutoff`` (last known stamp), and per model ``NAME``,
            ``NAME-lo-L`` and ``NAME-hi-L``.
        train: History as a panel, or as a frame that ``Panel.from_frame`` takes. Rows after the first cutoff
            do no harm: they only serve to look up what the forecasts might repeat.
        season_length: Rows in a season, at least 1.
        models: Names to score, in this order; by default all that the columns name.
        freq: Frequency of ``train`` if it is a frame; inferred by default.
        id_col: Column of ids, if ``train`` is a frame; a panel knows its own names, also of the next two.
        time_col: Column of stamps.
        target_col: Column of actual values.

    Returns:
        The scores.

    Raises:
        PanelError: If the backtest has no known ``y``, a forecast is missing, or columns do not fit together.
        ConfigError: If ``season_length`` is out of range.

    Example:
        >>> import pandas as pd
        >>> history = pd.DataFrame({"unique_id": "a", "ds": [1, 2, 3, 4], "y": [1.0, 3.0, 2.0, 4.0]})
        >>> backtest = history.tail(2).assign(cutoff=2, TCN=[3.0, 4.0])
        >>> scores = evaluate(backtest, history, season_length=1, freq=1)
        >>> scores.overall.round(2).loc["TCN", ["mae", "smape", "mase"]]
        mae       0.50
        smape    20.00
        mase      0.25
        Name: TCN, dtype: float64
    """
    if season_length < 1:
        raise ConfigError(f"season_length must be a positive number of rows. Received: {season_length}.")
    panel = (
        train
        if isinstance(train, Panel)
        else Panel.from_frame(train, freq=freq, id_col=id_col, time_col=time_col, target_col=target_col)
    )
    with np.errstate(over="ignore", invalid="ignore"):  # errors out of the range of numbers are infinite
        return _scores(backtest, panel, season_length, models)


def levels_in(backtest: pd.DataFrame) -> tuple[float, ...]:
    """Levels of the intervals that a backtest holds, sorted.

    Args:
        backtest: Columns such as ``TCN-lo-80``.

    Returns:
        Percent.

    Example:
        >>> levels_in(pd.DataFrame(columns=["unique_id", "TCN", "TCN-lo-80", "TCN-hi-80"]))
        (80.0,)
    """
    found = [_BOUND.fullmatch(str(name)) for name in backtest.columns]
    return tuple(sorted({float(match["level"]) for match in found if match}))


def _scores(backtest: pd.DataFrame, panel: Panel, season_length: int, models: Sequence[str] | None) -> Scores:
    folds = Folds.from_frame(backtest, panel)
    y = backtest[panel.columns.target_col].to_numpy(dtype=np.float64, na_value=np.nan)
    known = ~np.isnan(y)
    if not known.any():
        raise PanelError(
            f"A backtest must have at least one row with a known {panel.columns.target_col!r}. "
            f"Received: {len(y)} rows without; choose earlier cutoffs."
        )
    forecasts = _forecasts(backtest, panel, folds, known, models)
    scales = _scales(panel, folds, season_length)
    counts = {
        "rows": len(y),
        "rows_without_y": int((~known).sum()),
        "rows_with_zero_y": int((y == 0).sum()),
        "series": len(folds.ids),
        "series_without_scale": int(np.isnan(scales[0]).sum()),
    }
    folds, y = folds.take(known), y[known]
    (overall, by_series, by_step, by_cutoff), losses = _tables(
        forecasts, y, folds, scales, panel.columns.id_col
    )
    overlap = _overlap(folds)
    main = next((model for model in forecasts if model not in BASELINES), next(iter(forecasts)))
    return Scores(
        overall,
        by_series,
        by_step,
        by_cutoff,
        skill=skill_table(losses, overlap),
        shift=shift_diagnostic(main, forecasts[main][""], y, folds, panel, season_length),
        counts=counts,
        losses=losses,
        overlap=overlap,
    )


def seasonal_scale(values: Floats, season_length: int) -> tuple[float, float]:
    """Return the errors of the seasonal naive method within a series: the units of MASE and RMSSE.

    Hyndman and Koehler (2006), "Another look at measures of forecast accuracy",
    https://doi.org/10.1016/j.ijforecast.2006.03.001.

    Args:
        values: The series ``(rows,)`` on a regular grid; NaN where it was not observed.
        season_length: Rows in a season.

    Returns:
        Mean absolute and root mean squared difference to the value a season before; both NaN where there is
        no such pair of values, all are equal or their squares are out of the range of numbers, for then no
        error can be measured in them.

    Example:
        >>> import numpy as np
        >>> seasonal_scale(np.array([1.0, 5.0, 2.0, np.nan, 4.0]), season_length=2)
        (1.5, 1.5811388300841898)
    """
    with np.errstate(over="ignore"):
        difference = values[season_length:] - values[:-season_length]
        difference = difference[~np.isnan(difference)]
        if not difference.size or np.abs(difference).max() <= _ROUNDING * np.nanmax(np.abs(values)):
            return np.nan, np.nan
        scales = float(np.abs(difference).mean()), float(np.sqrt((difference**2).mean()))
    return scales if np.isfinite(scales).all() else (np.nan, np.nan)


def _forecasts(
    backtest: pd.DataFrame, panel: Panel, folds: Folds, known: NDArray[np.bool_], models: Sequence[str] | None
) -> Forecasts:
    """Return the columns of each model in the rows with known y, by what follows the model's name."""
    columns = [str(name) for name in backtest.columns if name not in (*panel.columns, "cutoff")]
    if models is None:
        plain = [name for name in columns if not _DERIVED.fullmatch(name)]
        models = [name for name in plain if pd.api.types.is_numeric_dtype(backtest[name].dtype)]
    absent = [name for name in models if name not in columns]
    if absent or not models:
        raise PanelError(
            "A backtest must have a column of numbers for each model. Received: none "
            f"{f'for {absent}' if absent else 'at all'}, but {columns}; add forecasts."
        )
    all_known = bool(known.all())  # then the columns need no copies
    found: Forecasts = {}
    for model in models:
        bounds = [match for name in columns if (match := _BOUND.fullmatch(name)) and match["model"] == model]
        sides = {side: {match["level"] for match in bounds if match["side"] == side} for side in ("lo", "hi")}
        if lone := sides["lo"] ^ sides["hi"]:
            raise PanelError(
                f"Intervals must have both a '-lo-' and a '-hi-' column. Received: one of them for model "
                f"{model!r}, level {', '.join(sorted(lone))}; add the other."
            )
        parts = {"": model, **{f"{match['side']}-{match['level']}": match.string for match in bounds}}
        found[model] = {}
        for part, name in parts.items():
            values = backtest[name].to_numpy(dtype=np.float64, na_value=np.nan)
            values = values if all_known else values[known]
            if not np.isfinite(values).all():
                row = int(np.flatnonzero(known)[np.argmin(np.isfinite(values))])
                raise PanelError(
                    "Forecasts must be finite wherever the actual value is known. Received: "
                    f"{int((~np.isfinite(values)).sum())} missing or infinite ones in column {name!r}, first "
                    f"in series {show(folds.ids[folds.series[row]])}, step {folds.step[row]}; fill them, or "
                    "drop those rows for all models."
                )
            found[model][part] = values
    return found


def _tables(
    forecasts: Forecasts, y: Floats, folds: Folds, scales: tuple[Floats, Floats], id_col: str
) -> tuple[tuple[pd.DataFrame, ...], dict[str, Losses]]:
    """Return the tables of scores (overall, by series, step and cutoff) and what skill is computed from."""
    series, horizon = len(folds.ids), folds.horizon
    of_step = cell_sums(forecasts, y, folds.series * horizon + folds.step - 1, series * horizon)
    of_pair = cell_sums(forecasts, y, folds.pair, len(folds.pair_series))
    each = np.arange(series)
    last_pair = np.searchsorted(folds.pair_series, each, side="right") - 1
    back = last_pair[folds.pair_series] - np.arange(len(folds.pair_series))
    window, n_windows = back.max() - back, int(back.max()) + 1
    rows: list[list[pd.DataFrame]] = [[], [], [], []]
    losses: dict[str, Losses] = {}
    for model, parts in forecasts.items():
        levels = levels_of(parts)
        of_series = {name: cells.reshape(series, -1).sum(axis=1) for name, cells in of_step[model].items()}
        overall, by_series, by_step, by_cutoff = (
            summarize(sums, levels, group, size, (scales[0][owner], scales[1][owner]))
            for sums, group, size, owner in (
                (of_series, np.zeros(series, dtype=np.int64), 1, each),
                (of_series, each, series, each),
                (of_step[model], np.tile(np.arange(horizon), series), horizon, np.repeat(each, horizon)),
                (of_pair[model], folds.pair_cutoff, len(folds.cutoffs), folds.pair_series),
            )
        )
        keys: tuple[dict[str, Any], ...] = (
            {},
            {id_col: folds.ids},
            {"step": np.arange(1, horizon + 1)},
            {"cutoff": folds.cutoffs},
        )
        for table, key, metrics in zip(rows, keys, (overall, by_series, by_step, by_cutoff), strict=True):
            table.append(pd.DataFrame({"model": model, **key, **metrics}))
        by_window = mean_of_cells(of_pair[model]["absolute"], of_pair[model]["rows"], window, n_windows)
        losses[model] = Losses(
            float(overall["mae"][0]), float(overall["wql"][0]), levels, by_series["mae"], by_window
        )
    frames = [pd.concat(table, ignore_index=True) for table in rows]
    return (frames[0].set_index("model"), *frames[1:]), losses


def _scales(panel: Panel, folds: Folds, season_length: int) -> tuple[Floats, Floats]:
    """Return the units of MASE and RMSSE of each series, from its rows up to its first cutoff."""
    _, first = np.unique(folds.pair_series, return_index=True)
    begin = panel.indptr[folds.pair_owner[first]]
    end = begin + folds.pair_known[first]
    pairs = [seasonal_scale(panel.values[a:b], season_length) for a, b in zip(begin, end, strict=True)]
    scales = np.array(pairs, dtype=np.float64)
    return scales[:, 0], scales[:, 1]


def _overlap(folds: Folds) -> int:
    """Return how many consecutive windows of a series a target can lie in."""
    same = folds.pair_series[1:] == folds.pair_series[:-1]
    spacing = np.diff(folds.pair_position)[same]
    return -(-folds.horizon // int(spacing.min())) if spacing.size else 1
