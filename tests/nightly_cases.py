"""Small jobs, panels and nights for tests of the scheduled job."""

import numpy as np
import pandas as pd

from pipelines.nightly import JobSettings
from pipelines.nightly.records import Night, Snapshot

DAYS = pd.date_range("2024-01-01", periods=400)


def job_of(horizon=7, levels=(80, 95), **tables):
    """A job of daily series with a weekly season."""
    model = {"horizon": horizon, "levels": levels, "freq": "D", "season_length": 7, **tables.pop("model", {})}
    return JobSettings(name="j", source={"path": "a"}, sink={"path": "b"}, model=model, **tables)


def history_of(n_series=3, n_rows=120, seed=0, level=100.0):
    """A long frame of noise about a level."""
    values = level + np.random.default_rng(seed).normal(0, 5, (n_series, n_rows))
    return pd.DataFrame(
        {
            "unique_id": np.repeat([f"s{i}" for i in range(n_series)], n_rows),
            "ds": np.tile(DAYS[:n_rows], n_series),
            "y": values.ravel(),
        }
    )


def snapshot_of(history=None, **other):
    """What is known at the cutoff of that history."""
    return Snapshot(history_of() if history is None else history, **other)


def night_of(rows=360, series=3, **record):
    """The night before."""
    return Night(DAYS[100], "f", rows, series, {"TCN v1": series}, record)


def forecasts_of(history, cutoff, horizon=7, seed=0, width=5.0, models=("TCN", "SeasonalNaive")):
    """A night's forecasts: means of the past with noise, and normal intervals of a standard deviation."""
    rng, known = np.random.default_rng([seed, cutoff.value % 2**32]), history[history["ds"] <= cutoff]
    means = known.groupby("unique_id")["y"].mean()
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(means.index.to_numpy(), horizon),
            "ds": np.tile(pd.date_range(cutoff + pd.Timedelta(days=1), periods=horizon), len(means)),
            "cutoff": cutoff,
        }
    )
    for number, model in enumerate(models):
        frame[model] = np.repeat(means.to_numpy(), horizon) + number * rng.normal(0, 3, len(frame))
        for level, normal in ((80, 1.2816), (95, 1.96)):
            frame[f"{model}-lo-{level}"] = frame[model] - normal * width
            frame[f"{model}-hi-{level}"] = frame[model] + normal * width
    for name in [name for name in frame.columns if name.startswith("TCN-")]:
        frame[f"raw-{name}"] = frame[name]
    return frame.assign(model="TCN v1")
