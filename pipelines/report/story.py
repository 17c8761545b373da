"""What a run says, in sentences and bars that need no knowledge of metrics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from pipelines.plots.frames import stamps_of
from pipelines.report.ranking import Ranking
from pipelines.report.words import unit
from pipelines.results import ForecastResult
from pipelines.wording import counted, decimals_for, number, percent

if TYPE_CHECKING:
    from pipelines.metrics import Scores

_MIDNIGHT: Final = " 00:00:00"
_MANY: Final = 1.5  # times the usual error that are worth a sentence


@dataclass(frozen=True)
class Bar:
    """One bar of a comparison.

    Args:
        name: What it stands for.
        text: Its value in words.
        share: Its length as a share of the longest, in percent.
        marked: Whether it stands out.
    """

    name: str
    text: str
    share: float
    marked: bool = False


def asked(result: ForecastResult) -> str:
    """Say what was forecast.

    Args:
        result: The run.

    Returns:
        A sentence; empty without a forecast.

    Example:
        >>> days = pd.date_range("2024-01-01", periods=2)
        >>> forecast = pd.DataFrame({"unique_id": "a", "ds": days, "TCN": 1.0})
        >>> asked(ForecastResult("demo", forecast, forecast, forecast, None, horizon=2, freq="D"))
        'The next 2 days of 1 series, from 2024-01-01 to 2024-01-02.'
    """
    if result.forecast.empty:
        return ""
    stamps = result.forecast[result.columns[1]]
    first, last = stamps_of(pd.Index([stamps.min(), stamps.max()]))
    return f"The next {_steps(result)} of {result.n_series:,} series, from {first} to {last}."


def comparison(scores: Scores, alias: str) -> list[Bar]:
    """Compare the mean absolute errors of all models, smallest first.

    Args:
        scores: Scores of a backtest.
        alias: Name of the forecaster.

    Returns:
        A bar for each model whose error is a number.

    Example:
        >>> from types import SimpleNamespace
        >>> overall = pd.DataFrame({"mae": [3.0, 4.0]}, index=["TCN", "SeasonalNaive"])
        >>> [(bar.name, bar.text, bar.share) for bar in comparison(SimpleNamespace(overall=overall), "TCN")]
        [('TCN', '3.00', 75.0), ('SeasonalNaive', '4.00', 100.0)]
    """
    errors = scores.overall["mae"].astype(float).sort_values(kind="stable")
    errors = errors[np.isfinite(errors)]
    decimals, longest = decimals_for(errors.tolist()), float(errors.max()) if len(errors) else 0.0
    return [
        Bar(str(model), number(error, decimals), round(100 * error / longest, 1) if longest else 0.0,
            model == alias)
        for model, error in errors.items()
    ]  # fmt: skip


def where_it_errs(result: ForecastResult, scores: Scores, ranking: Ranking) -> list[str]:
    """Say at which distance, in which series and at which time errors are large.

    Args:
        result: The run.
        scores: Its scores.
        ranking: Its series, worst first.

    Returns:
        Sentences.
    """
    said = []
    steps = _own(scores.by_step, result.alias).set_index("step")["mae"] if len(scores.by_step) else None
    if steps is not None and len(steps) > 1:
        ends = steps.iloc[[0, -1]].to_numpy(dtype=float)
        first, last = (number(float(value), decimals_for(ends)) for value in ends)
        said.append(f"Off by {first} on average one step ahead, by {last} at step {int(steps.index[-1]):,}.")
    known = [score for score in ranking.scores if math.isfinite(score)]
    if len(known) > 2:
        half = number(float(np.median(known)))
        said.append(f"Worst for {ranking.ids[0]} ({ranking.metric.upper()} {number(known[0])}); half of the "
                    f"series are below {half}.")  # fmt: skip
    by_time = _own(scores.by_cutoff, result.alias)[["cutoff", "mae"]].dropna()
    if len(by_time) > 2:
        usual, worst = float(by_time["mae"].median()), by_time.loc[by_time["mae"].idxmax()]
        if worst["mae"] > _MANY * usual > 0:
            (after,) = stamps_of(pd.Index([worst["cutoff"]]))
            times = number(float(worst["mae"]) / usual, 1)
            said.append(f"The forecast made after {after} was the worst: {times} times the usual error.")
    return said


def how_sure(result: ForecastResult, scores: Scores) -> list[str]:
    """Say in whole numbers what the intervals held, and how wide they are.

    Args:
        result: The run.
        scores: Its scores.

    Returns:
        A sentence for each level.

    Example:
        >>> from types import SimpleNamespace
        >>> overall = pd.DataFrame({"coverage_80": [0.731], "width_80": [12.0]}, index=["TCN"])
        >>> rows = pd.DataFrame({"unique_id": [], "ds": [], "TCN": []})
        >>> result = ForecastResult("demo", rows, rows, rows, None, horizon=1, levels=[80])
        >>> how_sure(result, SimpleNamespace(overall=overall))
        ['Of 100 outcomes, 73 lay in the 80 % interval, which is 12.0 wide on average.']
    """
    own, said = scores.overall.loc[result.alias], []
    for level in sorted(result.levels):
        held = float(own.get(f"coverage_{level:g}", math.nan))
        if math.isfinite(held):
            width = number(float(own.get(f"width_{level:g}", math.nan)))
            inside = f"Of 100 outcomes, {100 * held:.0f} lay in the {level:g} % interval"
            said.append(f"{inside}, which is {width} wide on average.")
    return said


def drivers(parts: pd.DataFrame) -> list[Bar]:
    """Compare what the parts of the network add to forecasts, over all steps ahead.

    Args:
        parts: ``part``, ``step`` and ``size``, see ``pipelines.results.ForecastResult``.

    Returns:
        A bar for each part, in the order of the network.

    Example:
        >>> parts = pd.DataFrame({"part": ["seasons", "dilation 1"], "step": 1, "size": [3.0, 1.0]})
        >>> [(bar.name, bar.text) for bar in drivers(parts)]
        [('seasons', '75 %'), ('dilation 1', '25 %')]
    """
    sizes = parts.groupby("part", sort=False)["size"].mean()
    total, longest = float(sizes.sum()), float(sizes.max())
    if not total > 0:
        return []
    return [
        Bar(str(name), percent(size / total, 0), round(100 * size / longest, 1))
        for name, size in sizes.items()
    ]


def data_facts(data: dict[str, Any]) -> list[tuple[str, str]]:
    """Name what ``pipelines.data_summary.summarize_panel`` found.

    Args:
        data: The summary.

    Returns:
        Pairs of name and text; what there is nothing of is left out.

    Example:
        >>> data_facts({"series": 2, "rows": 3000, "missing": 0.0, "first": "1", "last": "9"})
        [('series', '2'), ('rows', '3,000'), ('span', '1 to 9')]
    """
    pairs: list[tuple[str, str]] = []
    pairs += [(name, number(data[name], 0)) for name in ("series", "rows") if name in data]
    if "first" in data:
        ends = [data["first"], data["last"]]
        if all(end.endswith(_MIDNIGHT) for end in ends):
            ends = [end.removesuffix(_MIDNIGHT) for end in ends]
        pairs.append(("span", " to ".join(ends)))
    if data.get("series", 1) > 1 and "median" in data:
        lengths = [number(data[name], 0) for name in ("shortest", "median", "longest")]
        pairs.append(("rows of a series: shortest, median, longest", ", ".join(lengths)))
    if data.get("smallest") is not None:
        pairs.append(("values", f"{number(data['smallest'])} to {number(data['largest'])}"))
    shares = {"missing": "without a value", "zero": "exactly zero"}
    pairs += [(name, percent(data[key])) for key, name in shares.items() if data.get(key)]
    if data.get("seasonality") is not None:
        pairs.append(("variance that the season explains", percent(data["seasonality"], 0)))
    counts = {"constant": "constant", "short": "shorter than two seasons"}
    pairs += [
        (f"series that are {name}", number(data[key], 0)) for key, name in counts.items() if data.get(key)
    ]
    if data.get("silences"):
        pairs.append(("long silences", number(data["silences"], 0)))
    if data.get("covariates"):
        pairs.append(("covariates", ", ".join(data["covariates"])))
    return pairs


def _own(frame: pd.DataFrame, alias: str) -> pd.DataFrame:
    return frame[frame["model"] == alias]


def _steps(result: ForecastResult) -> str:
    name = unit(result.freq)
    if name.startswith("steps of"):
        return f"{counted(result.horizon, 'step')}{name.removeprefix('steps')}"
    return counted(result.horizon, name.removesuffix("s"))
