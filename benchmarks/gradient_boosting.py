"""A network against gradient boosting, on the same origins of the shipped data sets.

Both learn from the rows before the last windows of each series and forecast those windows: a network, and
`RegressorForecaster` with scikit-learn's gradient boosting of histograms, one for each of five quantiles.
Neither is shown covariates; the calendar is known to both. `--preset` is that of the network.
"""

from __future__ import annotations

import argparse
from typing import Any

import pandas as pd
from _timing import row, timed

# Horizon, season and windows of each data set.
CASES = {"bike_sharing": (48, 24, 28), "nyc_airport_weather": (24, 24, 28), "us_unemployment": (12, 12, 4)}
TINY = {"max_steps": 0, "ensemble": 1, "filters": 4, "dilations": (1,), "lookback": 48}


def main(small: bool, preset: str) -> None:
    """Print errors and seconds of both."""
    from sklearn.linear_model import QuantileRegressor

    from pipelines import Forecaster, Panel, RegressorForecaster, datasets

    for name in ["us_unemployment"] if small else CASES:
        horizon, season, windows = CASES[name]
        frame = datasets.load(name)
        if small:
            frame, windows = frame.groupby("unique_id").tail(10 * season), 2
        panel = Panel.from_frame(frame)
        print(f"{name}: {panel.n_series} series, {horizon} steps ahead, {windows} windows")
        network = TINY if small else {"preset": preset}
        fast = {"regressor": QuantileRegressor(alpha=0.0), "max_rows": 20, "lookback": season + 1}
        boosting = fast if small else {}
        scores = {
            which: scored(made, panel, horizon, windows, season)
            for which, made in (
                ("network", Forecaster(horizon=horizon, season_length=season, **network)),
                ("gradient boosting", RegressorForecaster(horizon, season_length=season, **boosting)),
            )
        }
        for metric in ("mase", "wql", "coverage_80"):
            for which, (found, _) in scores.items():
                ratio = None if which == "network" else found[metric] / scores["network"][0][metric]
                row(f"{metric}, {which}", f"{found[metric]:.3f}", ratio, "the network's")
        for which, (_, seconds) in scores.items():
            ratio = None if which == "network" else seconds / scores["network"][1]
            row(f"fit and backtest, {which}", f"{seconds:.1f} s", ratio, "the network's")


def scored(made: Any, panel: Any, horizon: int, windows: int, season: int) -> tuple[pd.Series[Any], float]:
    """Scores of the last windows, and seconds."""
    from pipelines import evaluate

    frames = []
    seconds = timed(
        lambda: frames.append(made.fit(panel.before(horizon * windows)).backtest(panel, n_windows=windows))
    )
    return evaluate(frames[0], panel, season).overall.iloc[0], seconds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="tiny sizes, to see that the script runs")
    parser.add_argument("--preset", choices=("fast", "default", "best"), default="default")
    given = parser.parse_args()
    main(given.small, given.preset)
