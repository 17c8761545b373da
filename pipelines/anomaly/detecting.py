"""Anomalies of a frame in one call."""

from __future__ import annotations

from typing import Any

from pipelines.anomaly.detector import Detector
from pipelines.forecaster import Forecaster


def detect(
    df: Any,
    horizon: int,
    alpha: float | None = None,
    false_alarms: float | None = None,
    fdr: float | None = None,
    static: Any = None,
    **settings: Any,
) -> Any:
    """Find anomalies in the newer half of a frame, with what its older half teaches.

    A forecaster learns from the first third of the rows and is calibrated on the next sixth, as it would
    have been at that time. To search other rows, to keep what was learned, or to go on row by row, use
    ``Detector``.

    Args:
        df: Long frame, a row per series and stamp: pandas, polars or pyarrow. It is not changed.
        horizon: Steps of the longest stretch that is judged as a whole, such as a season.
        alpha: Chance of a false alarm in each stretch of a horizon, of one series; None for 0.02, unless
            there is another limit.
        false_alarms: The same in false alarms a year of one series.
        fdr: The limit for many series: expected share of false ones among those that are reported for the
            same stretch of time.
        static: Frame of static covariates, as for ``Forecaster.fit``.
        **settings: Further arguments of ``Forecaster``.

    Returns:
        As ``Detector.detect``.

    Raises:
        PanelError: If the frame cannot be used, or its series are too short.
        ConfigError: If an argument is not allowed.

    Example:
        >>> import pandas as pd
        >>> days = pd.date_range("2024-01-01", periods=60)
        >>> detect(pd.DataFrame({"unique_id": "A", "ds": days, "y": 1.0}), horizon=28)
        Traceback (most recent call last):
        pipelines.errors.PanelError: A search of a frame takes 168 rows at horizon 28, ...
    """
    forecaster = Forecaster(horizon, **settings)
    limits = {"alpha": alpha, "false_alarms": false_alarms, "fdr": fdr}
    return Detector.learn(df, forecaster, static, **limits).detect(df, static)
