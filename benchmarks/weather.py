"""What weather and calendar are worth: bicycles rented by the hour, electricity of Victoria by the half-hour.

The bicycles are those of the UCI repository (Fanaee-T, Gama 2013; CC BY 4.0), with the weather of each hour;
the electricity is `vic_elec` of R's package tsibbledata (GPL-3), with the temperature of Melbourne and
public holidays. They are not shipped in this form: write each to a CSV or Parquet file with `unique_id`,
`ds`, `y` and the columns below, `bike_sharing_hourly` and `vic_elec`, and pass their folder with `--data`.

The last windows are forecast by a network that is trained once, on the rows before them: the same settings,
without covariates and with. The weather is the one that was measured, as if its forecast were perfect.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _data import load, parsed, parser
from _timing import row, timed

# Columns known ahead, horizon, windows, and rows from one window to the next.
CASES: dict[str, tuple[list[str], int, int, int]] = {
    "bike_sharing_hourly": (["temp", "hum", "windspeed", "weathersit", "holiday", "workingday"], 48, 56, 24),
    "vic_elec": (["temperature", "holiday"], 48, 56, 48),
}
TINY = {"max_steps": 0, "ensemble": 1, "filters": 4, "dilations": (1,), "lookback": 48}


def main(data: Path | None, small: bool, preset: str) -> None:
    """Print the mean absolute error without covariates and with."""
    settings = TINY if small else {"preset": preset}
    for name, (columns, horizon, windows, step) in CASES.items():
        frame = synthetic(columns, 30 * step) if data is None else read(data, name, columns)
        windows = 2 if small else windows
        print(f"{name}: {horizon} steps ahead, {windows} windows, {step} rows apart")
        without, seconds, held = forecast(frame, horizon, windows, step, None, settings)
        row("without covariates", f"MAE {without:.4g}")
        row("", f"80 % held {held:.0%}, {seconds:.0f} s")
        roles = {"future": columns, "calendar": "auto"}
        with_them, seconds, held = forecast(frame, horizon, windows, step, roles, settings)
        row("with weather, holidays and calendar", f"MAE {with_them:.4g}", with_them / without, "without")
        row("", f"80 % held {held:.0%}, {seconds:.0f} s")


def forecast(
    frame: pd.DataFrame,
    horizon: int,
    windows: int,
    step: int,
    roles: dict[str, Any] | None,
    settings: dict[str, Any],
) -> tuple[float, float, float]:
    """Mean absolute error, seconds of the fit, and share of values inside the 80 % interval."""
    from pipelines import Covariates, Forecaster

    covariates = None if roles is None else Covariates(**roles)
    forecaster = Forecaster(horizon=horizon, covariates=covariates, **settings)
    seconds = timed(lambda: forecaster.fit(frame[: -(windows - 1) * step - horizon]))
    tested = forecaster.backtest(frame, n_windows=windows, step=step).dropna(subset=["y"])
    error = (tested["y"] - tested["TCN"]).abs().mean()
    held = tested["y"].between(tested["TCN-lo-80"], tested["TCN-hi-80"]).mean()
    return float(error), seconds, float(held)


def read(folder: Path, name: str, columns: list[str]) -> pd.DataFrame:
    """A data set, sorted by time, on its whole grid: hours that the source lacks have no value."""
    frame = load(folder, name, ["unique_id", "ds", "y", *columns]).set_index("ds").sort_index()
    grid = pd.date_range(
        frame.index[0], frame.index[-1], freq=frame.index.to_series().diff().min(), name="ds"
    )
    frame = frame.reindex(grid)
    known = [name for name in frame if name != "y"]
    frame[known] = frame[known].ffill()
    return frame.reset_index()


def synthetic(columns: list[str], rows: int) -> pd.DataFrame:
    """Numbers of the same form, to see that the script runs."""
    rng = np.random.default_rng(0)
    weather = rng.normal(size=(rows, len(columns)))
    stamps = pd.date_range("2024-01-01", periods=rows, freq="h")
    values = 30 + weather.sum(axis=1) + rng.normal(size=rows)
    return pd.DataFrame(
        {"unique_id": "A", "ds": stamps, "y": values, **dict(zip(columns, weather.T, strict=True))}
    )


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument(
        "--preset", default="default", help="how much training to spend: fast, default, best"
    )
    given = parsed(options)
    main(given.data, given.small, given.preset)
