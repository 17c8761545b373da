"""Runs made up for tests of figures and reports: seasonal series, a fair model, and baselines beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipelines.data_summary import summarize_panel
from pipelines.metrics import evaluate
from pipelines.panel import Panel
from pipelines.results import ForecastResult

SPREADS = {80: 1.2816, 95: 1.96}
ERRORS = {"TCN": 1.0, "SeasonalNaive": 1.5, "Naive": 2.6, "Drift": 2.8, "WindowAverage": 1.9}


def _parts(horizon: int) -> pd.DataFrame:
    """A network that looks at the last steps for the near and at seasons for the far future."""
    steps = np.arange(1, horizon + 1)
    sizes = {
        "seasons": 0.2 + steps / horizon,
        "look-back": np.ones(horizon),
        **{f"dilation {2**k}": 0.6 / (k + steps / 3) for k in range(4)},
    }
    rows = [pd.DataFrame({"part": name, "step": steps, "size": size}) for name, size in sizes.items()]
    return pd.concat(rows, ignore_index=True)


def make_result(
    ids: Sequence[Any] = ("a", "b", "c"),
    horizon: int = 14,
    n_history: int = 70,
    n_windows: int = 3,
    start: str | int = "2024-01-01",
    freq: str = "D",
    season_length: int = 7,
    seed: int = 0,
    columns: tuple[str, str, str] = ("unique_id", "ds", "y"),
    **fields: Any,
) -> ForecastResult:
    """Make a run whose frames and scores fit together; ``fields`` replace those of the result."""
    rng = np.random.default_rng(seed)
    n_rows = n_history + horizon
    if isinstance(start, int):
        stamps: Any = np.arange(start, start + n_rows)
    else:
        stamps = pd.date_range(start, periods=n_rows, freq=freq).to_numpy()
    sizes = 10.0 ** rng.uniform(0.5, 3, len(ids))
    phase = rng.uniform(0, 6, (len(ids), 1))
    wave = np.sin(2 * np.pi * np.arange(n_rows) / season_length + phase)
    noise = 0.1 * rng.standard_normal((len(ids), n_rows))
    truth = sizes[:, None] * (2 + wave + noise + 0.003 * np.arange(n_rows))
    scale = 0.1 * sizes[:, None] * rng.uniform(0.6, 2, (len(ids), 1))

    def block(first: int, length: int) -> pd.DataFrame:
        rows = np.arange(first, first + length)
        values = {
            columns[0]: np.repeat(np.asarray(ids, dtype=object), length),
            columns[1]: np.tile(stamps[rows], len(ids)),
        }
        return pd.DataFrame(values)

    def predicted(first: int, model: str) -> dict[str, np.ndarray]:
        part = truth[:, first : first + horizon]
        growth = np.sqrt(1 + np.arange(horizon) / horizon)
        spread = ERRORS[model] * scale * growth
        middle = part + 0.7 * spread * rng.standard_normal(part.shape)
        out = {model: middle.ravel()}
        for level, width in SPREADS.items():
            out[f"{model}-lo-{level}"] = (middle - 0.7 * width * spread).ravel()
            out[f"{model}-hi-{level}"] = (middle + 0.7 * width * spread).ravel()
        return out

    history = block(0, n_history).assign(**{columns[2]: truth[:, :n_history].ravel()})
    forecast = block(n_history, horizon).assign(**predicted(n_history, "TCN"))
    parts = []
    for window in range(n_windows):
        first = n_history - (n_windows - window) * horizon
        part = block(first, horizon)
        part["cutoff"] = stamps[first - 1]
        part[columns[2]] = truth[:, first : first + horizon].ravel()
        parts.append(
            part.assign(
                **{name: values for model in ERRORS for name, values in predicted(first, model).items()}
            )
        )
    backtest = (
        pd.concat(parts, ignore_index=True)
        if parts
        else forecast.iloc[:0].assign(cutoff=[], **{columns[2]: []})
    )
    scores = None
    if parts:
        names = dict(zip(("id_col", "time_col", "target_col"), columns, strict=True))
        step = 1 if isinstance(start, int) else freq
        scores = evaluate(backtest, history, season_length, freq=step, **names)  # type: ignore[arg-type]
    made: dict[str, Any] = {
        "name": "Visitors by shop",
        "forecast": forecast,
        "history": history,
        "backtest": backtest,
        "scores": scores,
        "horizon": horizon,
        "settings": {
            "horizon": horizon,
            "levels": [80, 95],
            "seed": 0,
            "preset": "default",
            "time_budget": None,
        },
        "plan": {
            "series": len(ids),
            "rows": len(history),
            "network": {"dilations": [1, 2, 4, 8], "filters": 32},
        },
        "versions": {"tcn-forecasting": "0.1.0", "keras": "3.15.1"},
        "training": [
            {"step": 100 * k, "loss": 0.2 + 0.5 / k, "learning_rate": 1e-3, "seconds": 2.0 * k}
            for k in range(1, 21)
        ],
        "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "columns": columns,
        "season_length": season_length,
        "freq": freq,
        "seconds": {"fit": 41.3, "backtest": 0.62, "forecast": 0.08},
        "parts": _parts(horizon),
        "data": summarize_panel(
            Panel.from_frame(history, 1 if isinstance(start, int) else freq, *columns), season_length
        ),
        "files": {"forecasts.csv": "0b" * 32, "bundle/manifest.json": "1c" * 32},
    }
    return ForecastResult(**(made | fields))
