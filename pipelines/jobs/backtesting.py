"""Forecasts of held-out rows, the baselines beside them, and their scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.baselines import add_baselines
from pipelines.metrics import Scores, evaluate

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.forecaster import Forecaster
    from pipelines.jobs.holding_out import HeldOut
    from pipelines.panel import Panel


def backtest_held_out(
    forecaster: Forecaster, panel: Panel, held: HeldOut, levels: tuple[float, ...]
) -> pd.DataFrame:
    """Forecast the held-out rows, with the network and with every baseline.

    Args:
        forecaster: Fitted on the rows before them.
        panel: The whole data.
        held: Which rows were held out.
        levels: Interval levels in percent.

    Returns:
        The backtest frame; without rows if nothing was held out.
    """
    if not held.n_windows:
        return panel.tail(1).to_frame().iloc[:0][list(panel.columns)]
    tested = held.tested(panel)
    backtest = forecaster.backtest(tested, held.n_windows, held.step, levels=levels)
    return add_baselines(backtest, tested, forecaster.plan_.season_length, levels)


def score(backtest: pd.DataFrame, panel: Panel, season_length: int) -> Scores | None:
    """Score every model of a backtest.

    Args:
        backtest: Forecasts of the past; may be empty.
        panel: The whole data.
        season_length: Steps in a season.

    Returns:
        The scores; None if nothing was forecast, or nothing of it was observed.
    """
    if not backtest[panel.columns.target_col].notna().any():
        return None
    return evaluate(backtest, panel, season_length)
