"""How large a report is, and how long it takes to write: hourly series, 48 steps ahead, noise, 80 and 95 %.

Noise compresses worst. A page carries plotly.js, whatever it shows; beyond some hundred series it leaves out
old windows, then series, and says so.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _timing import wants_small

from pipelines.metrics import evaluate
from pipelines.report import write_report
from pipelines.results import ForecastResult

HORIZON, SEASON, LEVELS = 48, 24, (80, 95)


def main(small: bool) -> None:
    """Print a line for each number of series."""
    windows = 1 if small else 28
    for n_series in (1, 3) if small else (1, 100, 1000, 10_000):
        n_windows = windows if n_series < 10_000 else 4
        result = made(n_series, n_windows)
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            size = write_report(result, Path(folder) / "report.html").stat().st_size
            took = time.perf_counter() - began
        print(
            f"{n_series:>6,} series x {n_windows:>2} windows of the past: {size / 1e6:.2f} MB, {took:.1f} s"
        )


def made(n_series: int, n_windows: int) -> ForecastResult:
    """A run of noise."""
    rng = np.random.default_rng(0)
    length = 5 * SEASON + (n_windows + 1) * HORIZON
    ids = np.array([f"item-{place:05d}" for place in range(n_series)])
    stamps = pd.date_range("2024-01-01", periods=length + HORIZON, freq="h").to_numpy()
    truth = 100 + 10 * rng.standard_normal((n_series, length))

    def rows(first: int, count: int, **columns: np.ndarray) -> pd.DataFrame:
        at = stamps[first : first + count]
        frame = {"unique_id": ids.repeat(count), "ds": np.tile(at, n_series)}
        return pd.DataFrame(frame | {name: values.ravel() for name, values in columns.items()})

    def forecasts(model: str, count: int) -> dict[str, np.ndarray]:
        middle = 100 + 10 * rng.standard_normal((n_series, count))
        bounds = {f"{model}-{side}-{level}": middle + sign * level / 8 + rng.random(middle.shape)
                  for level in LEVELS for side, sign in (("lo", -1), ("hi", 1))}  # fmt: skip
        return {model: middle, **bounds}

    tested = []
    for window in range(n_windows):
        first = length - (n_windows - window) * HORIZON
        models = forecasts("TCN", HORIZON) | forecasts("SeasonalNaive", HORIZON)
        part = rows(first, HORIZON, y=truth[:, first : first + HORIZON], **models)
        tested.append(part.assign(cutoff=stamps[first - 1]))
    backtest, history = pd.concat(tested, ignore_index=True), rows(0, length, y=truth)
    return ForecastResult(
        "noise",
        forecast=rows(length, HORIZON, **forecasts("TCN", HORIZON)),
        history=history,
        backtest=backtest,
        scores=evaluate(backtest, history, SEASON, freq="h"),
        horizon=HORIZON,
        season_length=SEASON,
        freq="h",
    )


if __name__ == "__main__":
    main(wants_small(__doc__))
