"""What a search has found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.panel import Columns

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Detection:
    """Anomalies, and what they were found by.

    Attributes:
        anomalies: A row per interval, see ``Detector.detect``.
        rows: A row per row that was searched: id, time, target; ``expected``, ``low`` and ``high``, one step
            ahead, and in an interval from before it; ``score`` and ``p_value`` of the strangest stretch that
            ends there; ``is_anomaly``, whether it lies in an interval.
        skipped: Ids of series that could not be searched.
        columns: Names of the id, time and target columns.
        horizon: Rows of the longest stretch, and of a block.
        expected_false_alarms: How many there should be by chance in all rows together; None where the limit
            is a share of what is found.

    Example:
        >>> from pipelines.anomaly import Detector
        >>> Detector(forecaster).calibrate(df).search(newer).expected_false_alarms  # doctest: +SKIP
        2.1
    """

    anomalies: pd.DataFrame
    rows: pd.DataFrame
    skipped: tuple[Any, ...]
    columns: Columns
    horizon: int
    expected_false_alarms: float | None
