"""Forecasters small enough for tests, each fitted once a session: compiling a network takes seconds."""

from functools import cache

import numpy as np
import pandas as pd

from pipelines import Forecaster

HORIZON, LOOKBACK = 4, 14
SMALL = {
    "horizon": HORIZON,
    "lookback": LOOKBACK,
    "filters": 8,
    "dilations": (1, 2),
    "ensemble": 2,
    "max_steps": 4,
}
UNTRAINED = {**SMALL, "max_steps": 0}
START = "2024-01-01"


def frame_of(series, start=START, freq="D"):
    """Long frame of id to values, all from the same stamp on."""
    parts = [
        pd.DataFrame({"unique_id": name, "ds": pd.date_range(start, periods=len(y), freq=freq), "y": y})
        for name, y in series.items()
    ]
    return pd.concat(parts, ignore_index=True)


def weekly(n, seed=0, level=50.0):
    """A weekly pattern with noise."""
    rng = np.random.default_rng(seed)
    return level + 5.0 * np.sin(np.arange(n) * 2 * np.pi / 7) + rng.normal(size=n)


def training_frame():
    """Five series of different lengths and levels: one negative, one with gaps."""
    gaps = weekly(80, 4, 200.0)
    gaps[[20, 21, 40, 70]] = np.nan
    return frame_of(
        {
            "a": weekly(90, 1),
            "b": 10 * weekly(70, 2),
            "c": weekly(60, 3) - 50,
            "d": gaps,
            "e": weekly(40, 5, 5.0) / 1000,
        }
    )


@cache
def fitted():
    """A forecaster fitted to the training frame; tests must not change it.

    Always with compiled functions: it serves modules that compute eagerly and others, to the bit.
    """
    import tensorflow as tf

    eager = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(False)
    try:
        return Forecaster(**SMALL).fit(training_frame())
    finally:
        tf.config.run_functions_eagerly(eager)


@cache
def untrained_once():
    """A forecaster of the training frame with the weights that it starts with; tests must not change it."""
    return Forecaster(**UNTRAINED).fit(training_frame())


# Values that are hard to forecast from: y of a daily series.
EXTREME = {
    "constant": np.full(30, 7.5),
    "zero": np.zeros(30),
    "huge": 1e300 * weekly(30, 1),
    "largest": np.where(np.arange(30) % 2, 1.7e308, -1.7e308),
    "tiny": 1e-300 * weekly(30, 2),
    "subnormal": np.where(np.arange(30) % 3, 5e-324, 0.0),
    "mixed": np.where(np.arange(30) % 4, 1e-300, 1e300),
    "jump": np.r_[np.full(20, 1e-9), np.full(10, 1e12)],
    "late": np.r_[np.zeros(28), 3.0, 4.0],
    "one": np.array([3.0]),
    "two": np.array([3.0, 4.0]),
    "one seen": np.r_[np.full(15, np.nan), 2.0, np.full(14, np.nan)],
    "nothing": np.full(30, np.nan),
    "gaps": np.where(np.arange(30) % 5 < 3, np.nan, weekly(30, 3)),
    "silent end": np.r_[weekly(10, 4), np.full(20, np.nan)],
    "level": 1e15 + np.arange(30) % 7,
}
