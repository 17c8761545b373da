"""Jobs whose sources and sinks lie wherever a test wants them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipelines.nightly import JobSettings

MANIFEST = {
    "job": "nights",
    "night": "20240103T000000",
    "cutoff": "2024-01-03",
    "fingerprint": "f",
    "key": "k",
}
NIGHT = pd.Timestamp("2024-01-03")


def job_of(source: Any = None, sink: Any = None, **changes: Any) -> JobSettings:
    """A job over a path, or a table of settings."""
    model = {"horizon": 2, **changes.pop("model", {})}
    places = {
        "source": source if isinstance(source, dict) else {"path": str(source or "a.csv")},
        "sink": sink if isinstance(sink, dict) else {"path": str(sink or "f.csv")},
    }
    limits = {"attempts": 3, "first_wait": 0.01, **changes.pop("limits", {})}
    return JobSettings(name="nights", model=model, limits=limits, **places, **changes)


def rows_of(*series: str, days: int = 6) -> pd.DataFrame:
    """Daily rows of each series from 2024-01-01 on, with two covariates."""
    parts = [
        pd.DataFrame(
            {
                "unique_id": name,
                "ds": pd.date_range("2024-01-01", periods=days),
                "y": [10.0 * i + day for day in range(days)],
                "price": [float(i + day) for day in range(days)],
                "load": [0.5 * day for day in range(days)],
                "unasked": "x",
            }
        )
        for i, name in enumerate(series)
    ]
    return pd.concat(parts, ignore_index=True)


def forecast_of(*series: str, cutoff: Any = NIGHT, shift: float = 0.0) -> pd.DataFrame:
    """A forecast of two steps for each series."""
    step = 1 if isinstance(cutoff, int) else pd.Timedelta(days=1)
    rows = [
        {"unique_id": name, "ds": cutoff + step * ahead, "cutoff": cutoff, "TCN": float(i + ahead + shift),
         "TCN-lo-80": i + ahead - 0.1, "TCN-hi-80": i + ahead + 1 / 3, "model": "TCN v1"}
        for i, name in enumerate(series)
        for ahead in (1, 2)
    ]  # fmt: skip
    return pd.DataFrame(rows)


ODD_IDS = (
    '"; DROP TABLE sales; --',
    "it's",
    'a "b", c',
    "søppel 日本 🦉",
    "new\nline",
    "back\\slash",
    "007",
    "NA",
    "",
)
