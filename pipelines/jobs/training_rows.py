"""How many of the values that a saved network is tested on it was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.backtesting import Origins, Windows, learned_targets, rows_of_fit

if TYPE_CHECKING:
    from pipelines.forecaster import Forecaster
    from pipelines.holding_out import HeldOut
    from pipelines.panel import Panel


def seen_targets(forecaster: Forecaster, tested: Panel, held: HeldOut, gap: int = 0) -> int:
    """Count the values to be forecast in a backtest that the network was trained on.

    A bundle of ``tcn forecast`` holds the full history to forecast from, and its network has learned from all
    but the last rows of each series.

    Args:
        forecaster: A fitted one.
        tested: The series of the backtest; one with the id of a series of the fit is taken for that series.
        held: Windows of the backtest.
        gap: Steps after each cutoff that are not forecast.

    Returns:
        Number of observed values; 0 if the test is an honest one.
    """
    fitted = forecaster.fitted_
    windows = Windows.of(fitted.plan.horizon, held.n_windows, held.step, gap=gap)
    return learned_targets(rows_of_fit(fitted, tested), tested, Origins.of(tested, windows), windows)
