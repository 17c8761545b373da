"""Whether it helps to fill in missing values before a network learns from them: it need not.

Hourly series with gaps: counts of pedestrians in Melbourne, fine dust in Beijing, traffic on an interstate.
They are not shipped: write `unique_id`, `ds` and `y` to `pedestrian.parquet`, `beijing_pm25.parquet` and
`metro_traffic_volume.parquet` (or .csv) of a folder, and pass it with `--data`. Sources: the R package
tsibble (`pedestrian`), and the UCI repository (Beijing PM2.5 Data; Metro Interstate Traffic Volume).

The last 28 windows are tested, once as the data are and once for each way of filling: straight lines between
the neighbors of a gap, the value one day before, and the last value. What is filled in is learned from like
any other value. A forecast rests on what can be filled in at its origin: a line there ends with the last
value. Errors are those of observed values alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _data import load, parsed, parser
from _timing import row, timed

DAY = 24
HORIZONS = {"pedestrian": 48, "beijing_pm25": 48, "metro_traffic_volume": 168}
LEVELS = (20, 40, 60, 80)
DECILES = np.arange(1, 10) / 10
Fill = Callable[[pd.Series], pd.Series]


def main(data: Path | None, only: list[str], settings: dict[str, Any], seeds: int, small: bool) -> None:
    """Print the errors of each way, and how many times those of the data as they are."""
    ways = WAYS
    if small:
        only, ways = only[:1], dict(list(WAYS.items())[:2])
        settings = {"max_steps": 0, "ensemble": 1, "filters": 4, "dilations": (1,), "lookback": 30}
    for name in only:
        horizon, windows = (6, 2) if small else (HORIZONS[name], 28)
        panel = read(synthetic() if data is None else load(data, name))
        share = np.isnan(panel.values).mean()
        print(f"{name}: {panel.n_rows:,} rows, {share:.1%} without a value; {windows} windows of {horizon}")
        plain: dict[str, float] = {}
        for way, fill in ways.items():
            runs = [scores(panel, fill, horizon, windows, {**settings, "seed": i}) for i in range(seeds)]
            found = {metric: float(np.mean([run[metric] for run in runs])) for metric in runs[0]}
            plain = plain or found
            for metric in ("MAE", "MASE", "WQL"):
                ratio = found[metric] / plain[metric]
                row(f"{way}: {metric}", f"{found[metric]:.4f}", ratio, "as they are")
            row("", f"80 % held {found['held']:.0%}, fit {found['seconds']:.0f} s")


def scores(panel: Any, fill: Fill, horizon: int, windows: int, settings: dict[str, Any]) -> dict[str, float]:
    """Errors of a network that knows a panel filled in, over the values that were observed."""
    from pipelines import Forecaster

    forecaster = Forecaster(horizon=horizon, season_length=DAY, levels=LEVELS, **settings)
    seconds = timed(lambda: forecaster.fit(filled(panel.before(windows * horizon), fill)))
    names = [f"TCN-lo-{level}" for level in LEVELS[::-1]] + ["TCN"] + [f"TCN-hi-{level}" for level in LEVELS]
    parts = []
    for left in range(windows * horizon, 0, -horizon):
        forecast = forecaster.predict(filled(panel.before(left), fill))
        parts.append(forecast[names].to_numpy().reshape(panel.n_series, horizon, len(names)))
    quantiles = np.concatenate(parts, axis=1)
    truth = panel.tail(windows * horizon).values.reshape(panel.n_series, -1)
    error = truth[..., None] - quantiles
    absolute = np.abs(error[..., len(LEVELS)])
    known = panel.before(windows * horizon)
    scale = [np.nanmean(np.abs(y[DAY:] - y[:-DAY])) for y in map(known.series, range(panel.n_series))]
    pinball = np.nanmean(np.maximum(DECILES * error, (DECILES - 1) * error))
    held = (truth >= quantiles[..., 0]) & (truth <= quantiles[..., -1])
    return {
        "MAE": float(np.nanmean(absolute)),
        "MASE": float(np.mean(np.nanmean(absolute, axis=1) / scale)),
        "WQL": float(2 * pinball / np.nanmean(np.abs(truth))),
        "held": float(held[np.isfinite(truth)].mean()),
        "seconds": seconds,
    }


def filled(panel: Any, fill: Fill) -> Any:
    """The panel with each series filled in by itself."""
    values = [fill(pd.Series(panel.series(i))).to_numpy() for i in range(panel.n_series)]
    return replace(panel, values=np.concatenate(values))


def last_season(values: pd.Series) -> pd.Series:
    """Each missing value is the one a day before, itself filled in if need be."""
    return values.groupby(np.arange(len(values)) % DAY).ffill()


WAYS: dict[str, Fill] = {
    "as they are": lambda values: values,
    "straight lines": lambda values: values.interpolate(),
    "the day before": last_season,
    "the last value": lambda values: values.ffill(),
}


def read(frame: pd.DataFrame) -> Any:
    """The frame on a grid of hours."""
    from pipelines import Panel

    return Panel.from_frame(frame, "h")


def synthetic() -> pd.DataFrame:
    """Numbers of the same form, to see that the script runs."""
    rng = np.random.default_rng(0)
    stamps = pd.date_range("2024-01-01", periods=20 * DAY, freq="h")
    values = 10 + 5 * np.sin(2 * np.pi * stamps.hour / DAY) + rng.normal(size=len(stamps))
    frame = pd.DataFrame({"unique_id": "A", "ds": stamps, "y": values})
    frame.loc[100:160, "y"] = np.nan
    return frame


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--only", nargs="+", choices=HORIZONS, default=list(HORIZONS), help="some of them")
    options.add_argument("--preset", default="default", help="how much training to spend")
    options.add_argument("--seeds", type=int, default=1, help="fits to average over")
    given = parsed(options)
    main(given.data, given.only, {"preset": given.preset}, given.seeds, given.small)
