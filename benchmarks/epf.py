"""What covariates that are known ahead are worth: electricity prices of a day, forecast from load forecasts.

The hourly day-ahead prices of PJM, 2013 to 2018, with two load forecasts that are published before the
auction: for the system, and for the zone of Commonwealth Edison. They belong to the benchmark of Lago et al.
(2021), Forecasting day-ahead electricity prices, Applied Energy 293, and are not shipped: load them with its
toolbox (`epftoolbox.data.read_data`, from Zenodo), write `unique_id`, `ds`, `y`, `system_load_forecast` and
`comed_load_forecast` to `epf_pjm.parquet` (or .csv) of a folder, and pass the folder with `--data`.

The last 728 days are tested: at every midnight the 24 hours to come are forecast, by a network that is
trained once, on the days before them. The same settings, without covariates and with: prices have peaks of
many times their usual height, so they are transformed. Published on the same days, but trained again every
day: LEAR 3.01, DNN 2.86.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _data import load, parsed, parser
from _timing import row, timed

LOADS = ["system_load_forecast", "comed_load_forecast"]
DAY = 24


def main(data: Path | None, small: bool) -> None:
    """Print the mean absolute error of both, and of repeating the last day and the last week."""
    frame = synthetic(40 * DAY) if data is None else read(data)
    tiny = {"max_steps": 0, "ensemble": 1, "filters": 4, "dilations": (1,)}
    days, settings = (4, tiny) if small else (728, {"transform": "asinh"})
    truth = frame["y"].to_numpy()
    tested = slice(len(frame) - days * DAY, None)
    print(f"{days} days, 24 hours ahead at midnight, from {frame['ds'].iloc[tested].iloc[0]} on")
    for name, back in (("the last day", DAY), ("the last week", 7 * DAY)):
        error = np.abs(truth[tested] - np.roll(truth, back)[tested]).mean()
        row(f"{name} again", f"MAE {error:.3f}")
    without, seconds, held = forecast(frame, days, None, settings)
    row("without covariates", f"MAE {without:.3f}")
    row("", f"80 % held {held:.0%}, {seconds:.0f} s")
    with_them, seconds, held = forecast(frame, days, {"future": LOADS, "calendar": "auto"}, settings)
    row("with load forecasts and calendar", f"MAE {with_them:.3f}", with_them / without, "without")
    row("", f"80 % held {held:.0%}, {seconds:.0f} s")


def forecast(
    frame: pd.DataFrame, days: int, roles: dict[str, Any] | None, settings: dict[str, Any]
) -> tuple[float, float, float]:
    """Mean absolute error, seconds of the fit, and share of prices inside the 80 % interval."""
    from pipelines import Covariates, Forecaster

    covariates = None if roles is None else Covariates(**roles)
    forecaster = Forecaster(horizon=DAY, covariates=covariates, **settings)
    seconds = timed(lambda: forecaster.fit(frame[: -days * DAY]))
    tested = forecaster.backtest(frame, n_windows=days)
    error = (tested["y"] - tested["TCN"]).abs().mean()
    held = tested["y"].between(tested["TCN-lo-80"], tested["TCN-hi-80"]).mean()
    return float(error), seconds, float(held)


def read(folder: Path) -> pd.DataFrame:
    """The data, sorted by time."""
    frame = load(folder, "epf_pjm", ["unique_id", "ds", "y", *LOADS])
    return frame.sort_values("ds", ignore_index=True)


def synthetic(hours: int) -> pd.DataFrame:
    """Numbers of the same form, to see that the script runs."""
    rng = np.random.default_rng(0)
    stamps = pd.date_range("2024-01-01", periods=hours, freq="h")
    loads = rng.normal(size=(hours, len(LOADS))) + np.sin(2 * np.pi * stamps.hour / DAY).to_numpy()[:, None]
    prices = 30 + loads.sum(axis=1) + rng.normal(size=hours)
    return pd.DataFrame(
        {"unique_id": "PJM", "ds": stamps, "y": prices, **dict(zip(LOADS, loads.T, strict=True))}
    )


if __name__ == "__main__":
    given = parsed(parser(__doc__))
    main(given.data, given.small)
