"""Calls that benchmarks ask workers for: functions of a module, which other processes can import."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def forecast(seed: int, settings: dict[str, Any], folder: Path) -> Any:
    """Fit a forecaster and forecast; the process that does it leaves its id in a folder.

    Args:
        seed: Of the forecaster.
        settings: Its other arguments, but the horizon.
        folder: Gets a file ``SEED-TRY``.

    Returns:
        The point forecasts.
    """
    from pipelines import Forecaster, datasets

    tried = len(list(folder.glob(f"{seed}-*")))
    (folder / f"{seed}-{tried}").write_text(str(os.getpid()))
    frame = datasets.load("us_unemployment")
    return Forecaster(horizon=12, seed=seed, **settings).fit(frame).predict()["TCN"].to_numpy()
