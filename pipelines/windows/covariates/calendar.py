"""What the calendar says of any stamp: its place in the day, week and year, and public holidays."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.covariates import holiday_days
from pipelines.errors import ConfigError
from pipelines.frequency import DAY, Freq
from pipelines.panel import Panel

Floats = npt.NDArray[np.float32]

_HOUR: Final = DAY // 24
_LENGTHS: Final = {"hour": _HOUR, "day": DAY, "week": 7 * DAY, "year": 365.2425 * DAY}


def step_length(freq: Freq) -> float:
    """Nanoseconds from one stamp to the next, on average; steps for integer stamps."""
    if freq.kind == "month":
        return freq.step * _LENGTHS["year"] / 12
    return freq.step * 7 * DAY / 5 if freq.kind == "business" else freq.step


def cycles_of(panel: Panel, season_length: int) -> tuple[str, ...]:
    """Cycles of the calendar that a panel can show the effect of.

    Args:
        panel: The rows of a fit.
        season_length: Steps in a season, the only cycle of integer stamps.

    Returns:
        Some of "hour", "day", "week" and "year", longer than two steps and seen twice by the longest series:
        what is seen once cannot be told from a trend. "season" for integer stamps.
    """
    if panel.freq.is_integer:
        return ("season",) if season_length > 2 else ()
    step, longest = step_length(panel.freq), int(panel.lengths.max())
    return tuple(name for name, length in _LENGTHS.items() if 2 * step < length <= longest * step / 2)


def longer_season(freq: Freq, season_length: int) -> int | None:
    """Steps of the next natural cycle after a season, if there is one of whole steps up to a week.

    Args:
        freq: Frequency.
        season_length: Steps in a season.

    Returns:
        The steps, or None.

    Example:
        >>> longer_season(Freq.parse("h"), 24), longer_season(Freq.parse("D"), 7)
        (168, None)
    """
    if freq.kind != "fixed":
        return None
    steps = (_LENGTHS[name] // freq.step for name in ("day", "week") if _LENGTHS[name] % freq.step == 0)
    return next((int(count) for count in steps if count > season_length), None)


def phases(time: Any, cycles: tuple[str, ...], season_length: int, step: int) -> Floats:
    """Sine and cosine of the place of each stamp in each cycle.

    Args:
        time: ``(rows,)`` times of the wall clock, or integers.
        cycles: Names that ``cycles_of`` gave.
        season_length: Steps in a season, for integer stamps.
        step: Difference of two neighboring integer stamps.

    Returns:
        ``(rows, 2 * cycles)``.
    """
    angles = np.empty((len(time), len(cycles)))
    for i, name in enumerate(cycles):
        angles[:, i] = 2 * np.pi * _place(time, name, season_length, step)
    both: Floats = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(len(time), -1)
    return both.astype(np.float32)


def is_holiday(time: Any, code: str) -> npt.NDArray[np.bool_]:
    """Whether each time lies on a public holiday.

    Args:
        time: ``(rows,)`` times of the wall clock.
        code: Country, or country and subdivision.

    Returns:
        ``(rows,)``.
    """
    days = pd.DatetimeIndex(time).tz_localize(None).normalize().to_numpy().astype("M8[D]")
    years = range(int(time.year.min()), int(time.year.max()) + 1)
    return np.isin(days, holiday_days(code, years))


def check_holidays(freq: Freq) -> None:
    """Check that stamps tell days apart.

    Args:
        freq: Frequency.

    Raises:
        ConfigError: If they do not.
    """
    if freq.is_integer or step_length(freq) >= 2 * DAY:
        raise ConfigError(
            f"holidays need a frequency of days or shorter steps. Received: freq={freq.text!r}; count the "
            "holidays of each step in a column of your own, and declare that as future."
        )


def _place(time: Any, cycle: str, season_length: int, step: int) -> npt.NDArray[np.float64]:
    """Place of each stamp in a cycle, from 0 to 1."""
    if cycle == "season":
        in_season: npt.NDArray[np.float64] = np.asarray(time) // step % season_length / season_length
        return in_season
    time = pd.DatetimeIndex(time).tz_localize(None)
    since_midnight = (time - time.normalize()).to_numpy().astype("m8[ns]").astype(np.int64)
    place: npt.NDArray[np.float64] = since_midnight / DAY
    if cycle == "hour":
        place = place * 24 % 1
    if cycle == "week":
        place = (time.day_of_week.to_numpy() + place) / 7
    if cycle == "year":
        place = (time.day_of_year.to_numpy() - 1 + place) / np.where(time.is_leap_year, 366, 365)
    return place
