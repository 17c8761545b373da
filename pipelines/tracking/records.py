"""What a run records of a forecast: params, metrics and tables, as plain data that any store could take."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from pipelines.tracking.names import PARAM_LENGTH, clip, flatten, legal_name, legal_names

if TYPE_CHECKING:
    from pipelines.metrics import Scores
    from pipelines.results import ForecastResult

# A chart of MLflow draws no more than this anyway; longer curves are thinned evenly, the tables hold every
# row.
MAX_POINTS = 200
WORST_SERIES = 50
PREVIEW_ROWS = 1000
_CERTIFIED = ("holds", "of_cutoffs", "compared", "moved", "bits")


class Point(NamedTuple):
    """One value of a metric.

    Args:
        name: Legal name of the metric.
        value: Finite value.
        step: Position on the chart's axis: training step, step ahead, or number of the backtest window.
    """

    name: str
    value: float
    step: int = 0


def params_of(result: ForecastResult) -> dict[str, str]:
    """Params of a run: the facts that people sort and filter by, then settings, plan and versions.

    Args:
        result: The forecast.

    Returns:
        Legal keys, with values of at most 6,000 characters.

    Example:
        >>> import pandas as pd
        >>> from pipelines.results import ForecastResult
        >>> rows = pd.DataFrame({"unique_id": ["a"], "ds": [3], "y": [1.0]})
        >>> result = ForecastResult("demo", rows, rows, rows, scores=None, horizon=2, settings={"seed": 7})
        >>> params = params_of(result)
        >>> params["horizon"], params["series"], params["cutoff"], params["settings.seed"]
        ('2', '1', '3', '7')
    """
    settings = flatten(result.settings, "settings")
    plan = flatten(result.plan, "plan")
    time = result.columns[1]
    facts: dict[str, Any] = {
        "data": result.name,
        "data_digest": result.digest,
        "series": result.n_series,
        "rows": result.rows or None,
        "cutoff": result.history[time].max() if len(result.history) else None,
        "freq": result.freq,
        "season_length": result.season_length,
        "horizon": result.horizon,
        "levels": list(result.levels),
        "alias": result.alias,
        "lookback": _leaf(plan, "lookback") or _leaf(settings, "lookback"),
        "receptive_field": _leaf(plan, "receptive_field"),
        "parameters": _leaf(plan, "parameters"),
        "preset": _leaf(settings, "preset"),
        "seed": _leaf(settings, "seed"),
    }
    known = {key: clip(str(value), PARAM_LENGTH) for key, value in facts.items() if value is not None}
    return known | settings | plan | flatten(result.versions, "versions")


def _leaf(flat: Mapping[str, str], name: str) -> str | None:
    return next((value for key, value in flat.items() if key.rpartition(".")[2] == name), None)


def epoch_points(record: Mapping[str, Any]) -> list[Point]:
    """Metrics of one epoch.

    Args:
        record: The record that fit callbacks receive: ``step`` and any numbers.

    Returns:
        One point for each finite number, named ``train/NAME``.

    Example:
        >>> epoch_points({"step": 50, "loss": 0.25, "learning_rate": float("nan")})
        [Point(name='train/loss', value=0.25, step=50)]
    """
    step = int(record["step"])
    return finite_points((f"train/{key}", value, step) for key, value in record.items() if key != "step")


def metrics_of(result: ForecastResult) -> list[Point]:
    """Metrics of a run: scores (overall, skill, by step ahead, by window), calibration, seconds of stages.

    The forecast model's metrics have plain names (``mase``, ``mase_by_step``), so runs compare whatever the
    alias; those of a baseline stand under its name (``SeasonalNaive/mase``).

    Args:
        result: The forecast.

    Returns:
        Finite values only: what is undefined is left out.
    """
    points = finite_points((f"seconds/{stage}", seconds, 0) for stage, seconds in result.seconds.items())
    points += finite_points((f"calibration/{name}", factor, 0) for name, factor in result.calibration.items())
    certified = certificate_of(result)
    numbers = ((name, certified[name]) for name in _CERTIFIED if name in certified)
    points += finite_points((f"certificate/{name}", number, 0) for name, number in numbers)
    scores = result.scores
    if scores is None or result.backtest.empty:
        return points
    models = [str(model) for model in scores.overall.index]
    prefixes = {model: f"{name}/" for model, name in legal_names(m.replace("/", "_") for m in models).items()}
    prefix = {model: "" if model == result.alias else prefixes[model.replace("/", "_")] for model in models}
    for frame in (scores.overall, scores.skill):
        for column in _numeric(frame):
            own = ((str(m), value) for m, value in frame[column].items() if str(m) in prefix)
            points += finite_points((f"{prefix[m]}{column}", value, 0) for m, value in own)
    points += _curves(scores.by_step, "step", prefix)
    # Windows of the baselines are in the tables: as metrics they would multiply what is written for little
    # insight.
    points += _curves(scores.by_cutoff, "cutoff", {result.alias: ""})
    return points


def certificate_of(result: ForecastResult) -> Mapping[str, Any]:
    """What a leakage certificate says of the backtest.

    Args:
        result: The forecast.

    Returns:
        Fields of ``pipelines.backtesting.Certificate``; none where no certificate was asked for.
    """
    found: Mapping[str, Any] = result.backtest.attrs.get("certificate") or {}
    return found


def _curves(frame: pd.DataFrame, axis: str, prefix: Mapping[str, str]) -> Iterator[Point]:
    stops = frame[axis].drop_duplicates().sort_values()
    numbers = stops.to_numpy() if axis == "step" else np.arange(len(stops))
    at = dict(zip(stops, numbers, strict=True))
    thin = np.unique(np.linspace(0, len(stops) - 1, min(len(stops), MAX_POINTS)).round().astype(int))
    kept = frame[frame[axis].isin(stops.iloc[thin]) & frame["model"].astype(str).isin(list(prefix))]
    for column in _numeric(kept.drop(columns=[axis, "model"])):
        rows = zip(kept["model"].astype(str), kept[axis], kept[column], strict=True)
        yield from finite_points(
            (f"{prefix[m]}{column}_by_{axis}", value, int(at[stop])) for m, stop, value in rows
        )


def _numeric(frame: pd.DataFrame) -> list[str]:
    return [str(column) for column in frame.select_dtypes(include=["number", "bool"]).columns]


def finite_points(values: Iterable[tuple[str, Any, int]]) -> list[Point]:
    """Make points of what is a finite number, and leave out the rest.

    Args:
        values: Name, value and step of each.

    Returns:
        Points with legal names.

    Example:
        >>> finite_points([("coverage 80%", 0.8, 0), ("mase", float("nan"), 0), ("mae", None, 0)])
        [Point(name='coverage 80_', value=0.8, step=0)]
    """
    points = []
    for name, value, step in values:
        if value is None or value is pd.NA or isinstance(value, str):
            continue
        number = float(value)
        if math.isfinite(number):
            points.append(Point(legal_name(name), number, step))
    return points


def tables_of(result: ForecastResult) -> dict[str, pd.DataFrame]:
    """Tables of a run in a form that Parquet takes.

    Args:
        result: The forecast.

    Returns:
        Name to frame: ``forecast``, ``backtest``, ``recent_history`` (the tail that charts show),
        ``training``, ``parts`` and the score tables.
    """
    frames: dict[str, pd.DataFrame | None] = {
        "forecast": result.forecast,
        "backtest": result.backtest,
        "recent_history": result.history,
        "training": pd.DataFrame([dict(record) for record in result.training]),
        "parts": result.parts,
    }
    if result.scores is not None:
        frames |= {
            "scores": scores_table(result.scores),
            "scores_by_series": result.scores.by_series,
            "scores_by_step": result.scores.by_step,
            "scores_by_cutoff": result.scores.by_cutoff,
        }
    return {name: _plain(frame) for name, frame in frames.items() if frame is not None and not frame.empty}


def previews_of(result: ForecastResult) -> dict[str, pd.DataFrame]:
    """Tables short enough for the table view of the UI: scores, worst series, first rows of the forecast.

    Args:
        result: The forecast.

    Returns:
        Name to frame.
    """
    previews = {"forecast": _plain(result.forecast.head(PREVIEW_ROWS))}
    if result.scores is not None and not result.scores.overall.empty:
        tables = {
            "scores": scores_table(result.scores),
            "worst_series": worst_series(result.scores, result.alias),
        }
        previews = {name: _plain(table) for name, table in tables.items()} | previews
    return {name: frame for name, frame in previews.items() if not frame.empty}


def scores_table(scores: Scores) -> pd.DataFrame:
    """Overall scores beside the skill, one row per model.

    Args:
        scores: Scores of a backtest.

    Returns:
        Column ``model``, then the columns of both tables.
    """
    skill = scores.skill.drop(columns=scores.overall.columns, errors="ignore")
    return scores.overall.join(skill).rename_axis("model").reset_index()


def worst_series(scores: Scores, alias: str) -> pd.DataFrame:
    """Series that the model forecasts worst, worst first.

    Args:
        scores: Scores of a backtest.
        alias: Name of the model.

    Returns:
        At most 50 rows of the scores by series, ordered by MASE, or by MAE where it is missing.
    """
    own = scores.by_series[scores.by_series["model"].astype(str) == alias]
    metric = next((name for name in ("mase", "mae") if name in own), None)
    if metric is None:
        return own.head(WORST_SERIES)
    return own.sort_values(metric, ascending=False, kind="stable").head(WORST_SERIES)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    # Parquet wants one type per column; ids may be integers beside strings, and a period is an object to it.
    columns = {}
    for name, column in frame.items():
        period = isinstance(column.dtype, pd.PeriodDtype)
        mixed = column.dtype == object and pd.api.types.infer_dtype(column).startswith("mixed")
        columns[name] = column.astype("string") if period or mixed else column
    return pd.DataFrame(columns).reset_index(drop=True)
