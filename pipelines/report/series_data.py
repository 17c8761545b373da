"""Which series a report embeds, and their numbers in a compact form for its script."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipelines.plots.frames import Columns, levels_of, rows_of, stamps_of, windows_of
from pipelines.plots.series import history_length
from pipelines.report.words import REFERENCE
from pipelines.results import ForecastResult

if TYPE_CHECKING:
    from pipelines.metrics import Scores

MAX_NUMBERS = 600_000
"""Numbers embedded at most, about 2 MB of the file once compressed."""

N_WORST = 10
"""Series of the worst-series table."""


@dataclass(frozen=True)
class Ranking:
    """Series by their error.

    Args:
        metric: Score that ranks them; empty when there is none.
        ids: Series, worst first; those without a score last.
        scores: Their scores.
    """

    metric: str
    ids: list[Any]
    scores: list[float]

    @property
    def n_scored(self) -> int:
        """Number of series that have a score.

        Returns:
            Count.

        Example:
            >>> Ranking("mase", ["b", "a"], [1.0, float("nan")]).n_scored
            1
        """
        return sum(math.isfinite(score) for score in self.scores)


def series_scores(scores: Scores, model: str, id_col: str) -> pd.DataFrame:
    """Scores by series of one model.

    Args:
        scores: Scores of a backtest.
        model: Name of the model.
        id_col: Name of the id column.

    Returns:
        Frame with the ids as its index.

    Example:
        >>> from types import SimpleNamespace
        >>> by_series = pd.DataFrame({"model": ["TCN"], "unique_id": ["a"], "mae": [1.0]})
        >>> series_scores(SimpleNamespace(by_series=by_series), "TCN", "unique_id")["mae"].to_dict()
        {'a': 1.0}
    """
    frame = scores.by_series
    return frame[frame["model"] == model].set_index(id_col).drop(columns="model")


def rank_series(result: ForecastResult) -> Ranking:
    """Order the series of a forecast by the error of the backtest, worst first.

    MASE compares series of different size; where no series has one, the mean absolute error ranks them.

    Args:
        result: Run to rank.

    Returns:
        Every series of the forecast once.

    Example:
        >>> from types import SimpleNamespace
        >>> by_series = pd.DataFrame({"model": "TCN", "unique_id": ["a", "b"], "mase": [0.5, 0.9]})
        >>> forecast = pd.DataFrame({"unique_id": ["a", "b", "c"]})
        >>> scores = SimpleNamespace(by_series=by_series)
        >>> rank_series(ForecastResult("demo", forecast, forecast, forecast, scores, horizon=1)).ids
        ['b', 'a', 'c']
    """
    ids = list(result.forecast[result.columns[0]].unique())
    if result.scores is None:
        return Ranking("", ids, [math.nan] * len(ids))
    scores = series_scores(result.scores, result.alias, result.columns[0])
    usable = [name for name in ("mase", "mae") if name in scores.columns and scores[name].notna().any()]
    if not usable:
        return Ranking("", ids, [math.nan] * len(ids))
    values = scores[usable[0]].reindex(ids).astype(float).replace([np.inf, -np.inf], np.nan)
    order = np.argsort(-values.to_numpy(), kind="stable")  # NaN sorts last
    return Ranking(usable[0], [ids[place] for place in order], values.to_numpy()[order].tolist())


def choose_series(result: ForecastResult, ranking: Ranking, max_numbers: int = MAX_NUMBERS) -> list[int]:
    """Places in the ranking of the series to embed: all that fit, else the worst ten and an even spread.

    Args:
        result: Run to report.
        ranking: Its series.
        max_numbers: Numbers that may be embedded.

    Returns:
        Places in increasing order; worst, median and best are always among them.

    Example:
        >>> forecast = pd.DataFrame({"unique_id": range(1000), "ds": 1, "TCN": 1.0})
        >>> result = ForecastResult("demo", forecast, forecast, pd.DataFrame(), scores=None, horizon=1)
        >>> ranking = Ranking("mase", list(range(1000)), [1.0] * 1000)
        >>> len(choose_series(result, ranking)), len(choose_series(result, ranking, max_numbers=200))
        (1000, 25)
    """
    n_series = len(ranking.ids)
    shown = min(history_length(result.horizon, result.season_length), len(result.history) // max(n_series, 1))
    tested = min(600, len(result.backtest) // max(n_series, 1))
    each = 2 * shown + result.horizon * (2 + 2 * len(result.levels)) + 6 * tested
    n_fit = max_numbers // max(each, 1)
    if n_fit >= n_series:
        return list(range(n_series))
    spread = np.linspace(0, n_series - 1, max(n_fit - N_WORST, 3)).round().astype(int).tolist()
    return sorted({*spread, *range(min(N_WORST, n_series)), *landmarks(ranking).values()})


def landmarks(ranking: Ranking) -> dict[str, int]:
    """Places of the worst, the median and the best series.

    Args:
        ranking: Series, worst first.

    Returns:
        Name to place; empty when no series has a score or there is one only.

    Example:
        >>> landmarks(Ranking("mase", ["c", "b", "a"], [3.0, 2.0, 1.0]))
        {'Worst': 0, 'Median': 1, 'Best': 2}
    """
    last = ranking.n_scored - 1
    return {"Worst": 0, "Median": last // 2, "Best": last} if last > 0 else {}


@dataclass
class _Stamps:
    """Time axes, each kept once however many series share it."""

    axes: list[list[Any]] = field(default_factory=list)
    places: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def place(self, stamps: Any) -> int:
        axis = stamps_of(stamps)
        place = self.places.setdefault(tuple(axis), len(self.axes))
        if place == len(self.axes):
            self.axes.append(axis)
        return place


def embed_series(result: ForecastResult, ranking: Ranking, places: list[int]) -> dict[str, Any]:
    """Numbers of some series as the report's script reads them.

    Args:
        result: Run to report.
        ranking: Its series.
        places: Places in the ranking to embed.

    Returns:
        ``stamps`` (time axes) and ``series``, each with ``id``, ``place``, ``score``, ``past``, ``ahead`` and
        ``windows``, which name their time axis by number. JSON-able.

    Example:
        >>> forecast = pd.DataFrame({"unique_id": ["a"], "ds": [2], "TCN": [1.23456789]})
        >>> history = pd.DataFrame({"unique_id": ["a"], "ds": [1], "y": [1.0]})
        >>> result = ForecastResult("demo", forecast, history, pd.DataFrame(), scores=None, horizon=1)
        >>> data = embed_series(result, Ranking("", ["a"], [float("nan")]), [0])
        >>> data["stamps"], data["series"][0]["ahead"]
        ([[1], [2]], {'x': 1, 'median': [1.2346]})
    """
    _, time_col, target_col = result.columns
    wanted = {ranking.ids[place] for place in places}
    frames = (result.history, result.forecast, result.backtest)
    past, ahead, tested = (_by_series(frame, wanted, result.columns) for frame in frames)
    shown = history_length(result.horizon, result.season_length)
    alias, stamps, series = result.alias, _Stamps(), []
    levels, tested_levels = levels_of(result.forecast, alias), levels_of(result.backtest, alias)[-1:]
    fan = {f"{side}-{level}": f"{alias}-{side}-{level}" for level in levels for side in ("lo", "hi")}
    fan = {"median": alias, **fan}
    drawn = {"actual": target_col, "median": alias, "compare": REFERENCE}
    drawn |= {side: f"{alias}-{side}-{level}" for level in tested_levels for side in ("lo", "hi")}
    for place in places:
        name = ranking.ids[place]
        seen, future = past.get(name, result.history.iloc[:0]).tail(shown), ahead[name]
        windows = windows_of(tested[name], time_col) if name in tested else []
        series.append(
            {
                "id": str(name),
                "place": place,
                "score": _compact([ranking.scores[place]])[0],
                "past": {"x": stamps.place(seen[time_col]), "actual": _compact(seen[target_col])},
                "ahead": {"x": stamps.place(future[time_col]), **_columns(future, fan)},
                "windows": [{"x": stamps.place(one[time_col]), **_columns(one, drawn)} for one in windows],
            }
        )
    return {"stamps": stamps.axes, "series": series}


def _by_series(frame: pd.DataFrame, wanted: set[Any], columns: Columns) -> dict[Any, pd.DataFrame]:
    if frame.empty:
        return {}
    groups = frame[frame[columns[0]].isin(wanted)].groupby(columns[0], sort=False, observed=True)
    return {name: rows_of(rows, name, columns) for name, rows in groups}


def _columns(rows: pd.DataFrame, names: dict[str, str]) -> dict[str, list[float | None]]:
    return {short: _compact(rows[name]) for short, name in names.items() if name in rows.columns}


def _compact(values: Any) -> list[float | None]:
    """Numbers of five significant digits, null where there is none."""
    exact = np.asarray(values, dtype=float)
    finite = np.isfinite(exact)
    sizes = np.floor(np.log10(np.abs(exact), where=finite & (exact != 0), out=np.zeros_like(exact)))
    scale = 10.0 ** np.clip(4 - sizes, -300, 300)
    rounded = np.where(finite, np.round(np.where(finite, exact, 0.0) * scale) / scale, np.nan)
    return [None if value != value else value for value in rounded.tolist()]
