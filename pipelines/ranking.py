"""One table of models that forecast the same windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from pipelines.baselines import add_baselines
from pipelines.metrics import evaluate, levels_in
from pipelines.panel import Panel
from pipelines.skill import compare
from pipelines.statistical import add_statistical

if TYPE_CHECKING:
    from pipelines.metrics import Scores

_ERRORS: Final = ("mase", "wql", "smape", "rmsse", "mae")


def leaderboard(
    backtest: pd.DataFrame,
    train: Panel | pd.DataFrame,
    season_length: int,
    against: Sequence[str] = (),
    *,
    freq: str | int | None = None,
    id_col: str = "unique_id",
    time_col: str = "ds",
    target_col: str = "y",
) -> pd.DataFrame:
    """Rank a forecaster among baselines and statistical models, on the windows of its backtest.

    Args:
        backtest: What ``Forecaster.backtest`` returns; it may hold columns of further models.
        train: The history that it was made from: a panel, or a frame that ``Panel.from_frame`` takes.
        season_length: Rows in a season.
        against: Statistical models to fit at every cutoff, such as "AutoETS"; they need the extra ``stats``.
        freq: Frequency of ``train`` if it is a frame; inferred by default.
        id_col: Column of ids, if ``train`` is a frame; a panel knows its own names, also of the next two.
        time_col: Column of stamps.
        target_col: Column of actual values.

    Returns:
        See ``ranked``.

    Raises:
        PanelError: If the backtest is not one of this history, or has nothing to score.
        ConfigError: If there is no such model, or its package is not installed.

    Example:
        >>> history = pd.DataFrame({"unique_id": "a", "ds": range(1, 9), "y": [1.0, 3, 2, 4, 3, 5, 4, 6]})
        >>> backtest = history.tail(2).assign(cutoff=6, TCN=[4.0, 6.0])
        >>> leaderboard(backtest, history, season_length=2, freq=1)["rank"].head(2)
        model
        TCN      1
        Naive    2
        Name: rank, dtype: int64
    """
    panel = (
        train
        if isinstance(train, Panel)
        else Panel.from_frame(train, freq=freq, id_col=id_col, time_col=time_col, target_col=target_col)
    )
    levels = levels_in(backtest)
    frame = add_baselines(backtest, panel, season_length, levels)
    frame = add_statistical(frame, panel, season_length, against, levels)
    return ranked(evaluate(frame, panel, season_length))


def ranked(scores: Scores) -> pd.DataFrame:
    """Order models by MASE, or by MAE where no series has a scale; equal ones by WQL.

    Args:
        scores: Scores of a backtest.

    Returns:
        A row per model (the index), the best first: ``rank``, ``mase``, ``wql``, ``smape`` (percent),
        ``rmsse``, ``mae``, ``coverage_L`` for each level L, ``skill`` (1 - MAE / MAE of SeasonalNaive) and
        ``p_first``, the p-value of a Diebold-Mariano test of equal errors with the first model; NaN where
        there are too few windows, see ``pipelines.skill.skill_table``.

    Example:
        >>> import pandas as pd
        >>> from pipelines.metrics import evaluate
        >>> history = pd.DataFrame({"unique_id": "a", "ds": [1, 2, 3, 4], "y": [1.0, 3.0, 2.0, 4.0]})
        >>> backtest = history.tail(2).assign(cutoff=2, TCN=[3.0, 4.0], Naive=[3.0, 3.0], SeasonalNaive=3.0)
        >>> ranked(evaluate(backtest, history, season_length=1, freq=1)).index[0]
        'TCN'
    """
    overall = scores.overall
    by = "mase" if overall["mase"].notna().all() else "mae"
    table = overall.sort_values([by, "wql"], kind="stable")
    kept = [*_ERRORS, *(name for name in table.columns if str(name).startswith("coverage_"))]
    table = table[kept].assign(skill=scores.skill["skill_mae"].reindex(table.index))
    first = scores.losses.get(str(table.index[0]))
    table["p_first"] = [
        np.nan
        if first is None or scores.losses[model] is first
        else compare(scores.losses[model], first, scores.overlap)[0]
        for model in map(str, table.index)
    ]
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return table
