"""What series of little history gain from neighbors: forecasts with and without a borrowed past.

A quarter of the series of a panel, 100 at most, is kept from training. Each of these is then cut down to its
last quarter, half, one and two seasons before the last horizon, and forecast by the same network without and
with `pipelines.similarity.ColdStart`. Beside them: the last season again (the mean of what there is where it
is shorter), and a borrowed past of ten series drawn at random in the place of those most alike, which tells
what choosing them is worth.

MASE is measured in errors of the seasonal naive method on the whole history, which the forecasts do not know.
In brackets the 95 % interval of its ratio, by drawing series again. WQL is that of the quantiles 0.1, 0.5 and
0.9 over the panel.

The panels are not shipped: pass a folder of Parquet or CSV files with the columns `unique_id`, `ds` and `y`,
named `tourism_monthly` (R package Tcomp), `m4_hourly` (M4 competition, `ds` from 1 on), `hospital`
(expsmooth), `m1_monthly` and `m1_quarterly` (Mcomp), `aus_tourism_hier` (tsibble), `m5_store_dept` (M5,
stores by department), `walmart_stores`. Those that are there are measured.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from _data import load, parsed, parser
from _timing import row

# Horizon, freq and season of each panel.
PANELS = {
    "tourism_monthly": (24, "MS", 12),
    "m4_hourly": (48, 1, 24),
    "hospital": (12, "MS", 12),
    "m1_monthly": (18, "MS", 12),
    "m1_quarterly": (8, "QS", 4),
    "aus_tourism_hier": (8, "QS", 4),
    "m5_store_dept": (28, "D", 7),
    "walmart_stores": (13, "W-FRI", 52),
}
SEASONS = (0.25, 0.5, 1.0, 2.0)
MOST_HELD_OUT = 100
QUANTILES = np.array([0.1, 0.5, 0.9])


class Score(NamedTuple):
    """How good forecasts are.

    Attributes:
        mase: Of each series.
        wql: Of all.
        held: Share of values inside the 80 % interval.
    """

    mase: Any
    wql: float
    held: float


def main(data: Path | None, small: bool, preset: str) -> None:
    """Measure every panel that is there."""
    if small:
        tiny = {"max_steps": 0, "ensemble": 1, "filters": 4, "dilations": (1,)}
        measure("made up", synthetic(), 4, "D", 7, tiny, seasons=(0.5,))
        return
    for name, (horizon, freq, season) in PANELS.items():
        if data is not None and any(data.glob(f"{name}.*")):
            measure(name, load(data, name), horizon, freq, season, {"preset": preset})


def measure(
    name: str,
    frame: pd.DataFrame,
    horizon: int,
    freq: str | int,
    season: int,
    settings: dict[str, Any],
    seasons: tuple[float, ...] = SEASONS,
) -> None:
    """Fit once, and forecast series that the fit did not see."""
    from pipelines import Forecaster, Panel
    from pipelines.similarity import ColdStart

    panel = Panel.from_frame(frame.astype({"unique_id": str}), freq)
    rng = np.random.default_rng(0)
    held_out = np.zeros(panel.n_series, bool)
    held_out[rng.permutation(panel.n_series)[: max(min(panel.n_series // 4, MOST_HELD_OUT), 1)]] = True
    known = panel.select(~held_out).before(horizon)
    whole = panel.select(held_out & (panel.lengths > horizon + max(seasons) * season))
    forecaster = Forecaster(horizon=horizon, freq=freq, season_length=season, levels=[80], **settings).fit(
        known
    )
    some = rng.permutation(known.n_series)[:10]
    ways = {
        "without neighbors": forecaster.predict,
        "with neighbors": ColdStart(forecaster).predict,
        "with ten at random": ColdStart(forecaster, known.select(some)).predict,
    }
    print(f"{name}: {known.n_series:,} series learned from, {whole.n_series:,} held out, {horizon} ahead")
    for share in seasons:
        rows = max(int(np.ceil(share * season)), 1)
        print(f"  {share:g} seasons, {rows} row{'s' * (rows > 1)}")
        new = whole.before(horizon).tail(rows)
        again = np.stack([last_season(new.series(i), season, horizon) for i in range(new.n_series)])
        scores = {"last season again": score(whole, season, np.repeat(again[..., None], 3, axis=-1))}
        scores |= {
            way: score(whole, season, quantiles_of(predict(new), horizon)) for way, predict in ways.items()
        }
        before = scores["without neighbors"]
        for way, found in scores.items():
            ratio = found.mase.mean() / before.mase.mean()
            low, high = interval(found.mase, before.mase)
            better = (found.mase < before.mase).mean()
            row(f"  {way}: MASE", f"{found.mase.mean():.3f}", ratio, f"without ({low:.2f} to {high:.2f})")
            row("    WQL", f"{found.wql:.4f}", found.wql / before.wql, "without")
            row("    better than without; 80 % held", f"{better:.0%} of series; {found.held:.0%}")


def last_season(values: Any, season: int, horizon: int) -> Any:
    """The last season again and again; the mean of what there is where it is shorter."""
    seen = pd.Series(values).ffill().bfill().to_numpy()
    return np.resize(seen[-season:], horizon) if len(seen) >= season else np.full(horizon, seen.mean())


def quantiles_of(forecast: pd.DataFrame, horizon: int) -> Any:
    """``(series, horizon, 3)``."""
    return forecast[["TCN-lo-80", "TCN", "TCN-hi-80"]].to_numpy().reshape(-1, horizon, 3)


def score(whole: Any, season: int, quantiles: Any) -> Score:
    """Compare with the last horizon of each series."""
    horizon = quantiles.shape[1]
    each = [whole.series(i) for i in range(whole.n_series)]
    truth = np.stack([values[-horizon:] for values in each])
    scale = np.array([np.nanmean(np.abs(v[season:-horizon] - v[: -season - horizon])) for v in each])
    error = truth[..., None] - quantiles
    pinball = np.maximum(QUANTILES * error, (QUANTILES - 1) * error)
    mase = np.nanmean(np.abs(error[..., 1]), axis=1) / np.where(scale > 0, scale, np.nan)
    known = np.isfinite(truth)
    inside = (error[..., 0] >= 0) & (error[..., 2] <= 0)
    wql = 2 * np.nansum(pinball) / len(QUANTILES) / np.nansum(np.abs(truth))
    return Score(mase[np.isfinite(mase)], float(wql), float(inside[known].mean()))


def interval(mase: Any, before: Any) -> tuple[float, float]:
    """95 % interval of the ratio of two means, by drawing series again."""
    drawn = np.random.default_rng(0).integers(len(mase), size=(2000, len(mase)))
    low, high = np.quantile(mase[drawn].mean(axis=1) / before[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def synthetic() -> pd.DataFrame:
    """Weeks of two shapes, to see that the script runs."""
    rng = np.random.default_rng(0)
    weeks, days = rng.uniform(1, 2, (2, 7)), pd.date_range("2024-01-01", periods=60)
    series = [weeks[i % 2][days.day_of_week] * rng.uniform(0.9, 1.1, 60) for i in range(16)]
    return pd.concat(
        [pd.DataFrame({"unique_id": f"s{i:02}", "ds": days, "y": y}) for i, y in enumerate(series)],
        ignore_index=True,
    )


if __name__ == "__main__":
    arguments = parser(__doc__)
    arguments.add_argument(
        "--preset", default="fast", help="how much training to spend: fast, default or best"
    )
    given = parsed(arguments)
    main(given.data, given.small, given.preset)
