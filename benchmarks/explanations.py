"""Do explanations find what is so? On series of which it is known, and how long one takes.

Each value depends on the one of `lag` steps before it, on a column that is known ahead, and on chance; two
other columns are chance alone. For each seed, which is another lag, other data and another network, the lag
is found if it has the largest share of all distances, by integrated gradients and by hiding; useless columns
are ignored if each matters less than a third as much as the useful one, by either way. Deletion curves say
how far forecasts move when the steps that matter most are hidden first, against random ones.

The time is that of one series at default settings: `bike_sharing`, 48 hours ahead, after one training step.
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from _timing import row, timed

LAGS = range(4, 13)
SERIES, ROWS, HORIZON = 6, 400, 3


class Found(NamedTuple):
    """What an explanation says of series with a known lag."""

    lag: int
    by_gradient: int
    by_hiding: int
    shares: tuple[float, float]
    useful: tuple[float, float]
    useless: tuple[float, float]
    deletion: dict[str, float]

    @property
    def is_right(self) -> bool:
        """Whether the lag was found and the useless columns ignored."""
        ignored = all(3 * bad < good for bad, good in zip(self.useless, self.useful, strict=True))
        return self.lag == self.by_gradient == self.by_hiding and ignored


def main(seeds: int, steps: int, with_time: bool) -> None:
    """Print a line for each seed, the sums, and the time."""
    print(f"{seeds} seeds: {SERIES} series of {ROWS} rows, {HORIZON} steps ahead, {steps} training steps")
    print("  seed  lag  found by gradients, hiding   useful column   useless ones   deletion over random")
    every = []
    for seed in range(seeds):
        found = study(seed, steps)
        every.append(found)
        far = "   ".join(f"{d:>2} ({s:.0%})" for d, s in zip(found[1:3], found.shares, strict=True))
        columns = "   ".join(f"{g:>4.0%} {h:>4.0%}" for g, h in (found.useful, found.useless))
        moved = "   ".join(f"{found.deletion[name]:.2f}" for name in ("gradient", "hidden"))
        print(f"  {seed:>4} {found.lag:>4}  {far:<27} {columns:<31} {moved}", flush=True)
    right = sum(found.is_right for found in every)
    row("lag found, useless columns ignored", f"{right} of {seeds}")
    for name, text in (("gradient", "largest gradients first"), ("hidden", "largest changes first")):
        ratios = [found.deletion[name] for found in every]
        above = f"{sum(ratio > 1 for ratio in ratios)} of {seeds} above 1"
        row(f"deletion, {text}", above, float(np.mean(ratios)), "random")
    if with_time:
        time_at_defaults()


def study(seed: int, steps: int, **settings: Any) -> Found:
    """Fit a network to series with a known lag, and explain a forecast of each of them.

    Args:
        seed: Of data and network.
        steps: Training steps.
        **settings: Of the forecaster, in the place of small ones.

    Returns:
        What was found.
    """
    from pipelines import Covariates, Forecaster, explain

    lag = LAGS[seed % len(LAGS)]
    frame = series_with_lag(lag, seed)
    small = {"lookback": 24, "filters": 8, "dilations": (1, 2, 4), "ensemble": 2, "scaling": "origin"}
    forecaster = Forecaster(
        HORIZON, freq=1, season_length=1, seed=seed, max_steps=steps, **{**small, **settings},
        covariates=Covariates(future=["useful", "useless"], past=["useless before"]),
    )  # fmt: skip
    forecaster.fit(frame[frame["ds"] < ROWS - HORIZON])
    found = explain(forecaster, frame, cutoff=ROWS - HORIZON - 1)
    far, beside = found.by_distance().set_index("distance"), found.by_covariate().set_index("covariate")
    bad = beside.loc[["useless", "useless before"], ["gradient", "hidden"]].max()
    return Found(
        lag=lag,
        by_gradient=int(far["gradient"].idxmax()),
        by_hiding=int(far["hidden"].idxmax()),
        shares=(float(far["gradient"].max()), float(far["hidden"].max())),
        useful=tuple(beside.loc["useful", ["gradient", "hidden"]].tolist()),
        useless=tuple(bad.tolist()),
        deletion=found.faithful(),
    )


def series_with_lag(lag: int, seed: int) -> pd.DataFrame:
    """Series in which each value depends on the one of `lag` steps before, on a column, and on chance."""
    rng = np.random.default_rng(seed)
    parts = []
    for i in range(SERIES):
        chance, useful = rng.normal(size=(2, ROWS + 100))
        y = np.zeros(ROWS + 100)
        for t in range(lag, len(y)):
            y[t] = 0.8 * y[t - lag] + useful[t] + chance[t]
        columns = {
            "unique_id": f"series {i}",
            "ds": np.arange(ROWS),
            "y": 20 + y[-ROWS:],
            "useful": useful[-ROWS:],
            "useless": rng.normal(size=ROWS),
            "useless before": rng.normal(size=ROWS),
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def time_at_defaults() -> None:
    """Print the seconds that an explanation takes, the first time and again."""
    from pipelines import Forecaster, datasets, explain

    forecaster = Forecaster(48, max_steps=1).fit(datasets.load("bike_sharing"))
    for name in ("explanation of bike_sharing, the first", "another one"):
        row(name, f"{timed(lambda: explain(forecaster)):.1f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=300, help="training steps of each network")
    parser.add_argument("--small", action="store_true", help="one seed, few steps, to see that it runs")
    given = parser.parse_args()
    main(1 if given.small else given.seeds, 2 if given.small else given.steps, not given.small)
