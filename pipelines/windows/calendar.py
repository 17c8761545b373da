"""Positions in the calendar."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.panel import Panel


def calendar_phase(panel: Panel, season_length: int) -> tuple[npt.NDArray[np.int16], int]:
    """Position of each row in the calendar cycle that its frequency suggests.

    Hour of the week for steps shorter than a day, day of the week for days, week of the year, month, quarter;
    the position within the season for integer stamps.

    Args:
        panel: The series.
        season_length: Steps in a season, for integer stamps.

    Returns:
        ``(rows,)`` positions, and their number.
    """
    stamps = panel.all_stamps()
    if panel.freq.is_integer:
        if season_length > 512:
            return np.zeros(panel.n_rows, np.int16), 1
        return (stamps // panel.freq.step % season_length).astype(np.int16), season_length
    time: Any = panel.frame_time(stamps)
    if panel.freq.kind == "month":
        months = panel.freq.step
        if 12 % months or months == 12:
            return np.zeros(panel.n_rows, np.int16), 1
        return ((time.month.to_numpy() - 1) // months).astype(np.int16), 12 // months
    weekday = time.day_of_week.to_numpy()
    if panel.freq.kind == "business":
        return weekday.astype(np.int16), 7
    if panel.freq.is_clock:
        return (weekday * 24 + time.hour.to_numpy()).astype(np.int16), 168
    if panel.freq.text.startswith("W"):
        return np.minimum((time.day_of_year.to_numpy() - 1) // 7, 51).astype(np.int16), 52
    return weekday.astype(np.int16), 7
