"""Series of a run by how well they were forecast."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipelines.results import ForecastResult

if TYPE_CHECKING:
    from pipelines.metrics import Scores


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
    values = scores[usable[0]].reindex(ids).astype(float)
    order = np.argsort(-values.to_numpy(), kind="stable")  # NaN sorts last
    return Ranking(usable[0], [ids[place] for place in order], values.to_numpy()[order].tolist())


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
