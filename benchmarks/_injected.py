"""Anomalies of five kinds, put into series where their places are then known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

Change = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


def spike(y: np.ndarray, unit: float, rng: np.random.Generator) -> np.ndarray:
    """One row three units off."""
    return y + rng.choice([-3, 3]) * unit


def shift(y: np.ndarray, unit: float, rng: np.random.Generator) -> np.ndarray:
    """A level one unit off."""
    return y + rng.choice([-1, 1]) * unit


def flat(y: np.ndarray, unit: float, rng: np.random.Generator) -> np.ndarray:
    """A sensor that stays at what it said first."""
    return np.full_like(y, y[0])


def shape(y: np.ndarray, unit: float, rng: np.random.Generator) -> np.ndarray:
    """The same values, the last first."""
    return y[::-1]


def noise(y: np.ndarray, unit: float, rng: np.random.Generator) -> np.ndarray:
    """A unit of noise."""
    return y + rng.normal(0, unit, len(y))


APART = 30  # horizons for each change
# Kind to how to change rows, and how many of a horizon.
KINDS: dict[str, tuple[Change, float]] = {
    "spike": (spike, 0.0),
    "shift": (shift, 0.5),
    "flat": (flat, 1.0),
    "shape": (shape, 1.0),
    "noise": (noise, 0.5),
}


def injected(panel: Any, kind: str, horizon: int, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Change one stretch in thirty horizons of the newer half of each series.

    The unit of a series is the standard deviation of its values, by their deciles.

    Args:
        panel: The series; those with fewer than thirty horizons to change are left as they are.
        kind: One of ``KINDS``.
        horizon: Steps of a forecast.
        seed: Fixes the places.

    Returns:
        The frame, and where it was changed: id, ``start``, ``end``.
    """
    change, share = KINDS[kind]
    length = max(round(share * horizon), 1)
    values, events = panel.values.copy(), []
    for i in range(panel.n_series):
        rng = np.random.default_rng([seed, i])
        y, stamps = values[panel.indptr[i] : panel.indptr[i + 1]], panel.frame_time(panel.stamps(i))
        unit = float(np.subtract(*np.nanquantile(y, (0.9, 0.1)))) / 2.56
        begin = len(y) // 2 + horizon
        for first in range(begin, len(y) - APART * horizon, APART * horizon):
            row = first + int(rng.integers(0, APART * horizon - length))
            own = slice(row, row + length)
            if np.isfinite(y[own]).all():
                y[own] = change(y[own], unit, rng)
                events.append((panel.ids[i], stamps[row], stamps[row + length - 1]))
    frame = panel.to_frame()
    frame[panel.columns.target_col] = values
    return frame, pd.DataFrame(events, columns=[panel.columns.id_col, "start", "end"])
