"""Frequencies as arithmetic: from stamps to positions on a grid and back, for whole arrays at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.tseries.frequencies import to_offset

from pipelines.errors import ConfigError, PanelError

FreqLike: TypeAlias = "Freq | str | int | timedelta | pd.tseries.offsets.BaseOffset"
Ints: TypeAlias = npt.NDArray[np.int64]
Kind: TypeAlias = Literal["integer", "fixed", "month", "business"]

DAY: Final = 86_400_000_000_000  # nanoseconds
OFF_GRID: Final = -1
_WEEKDAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_CLOCK: Final = {
    "h": 3_600_000_000_000, "min": 60_000_000_000, "s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1,
}  # fmt: skip
# name -> (months in a unit, which day of the month carries the stamp, default anchor month)
_MONTHLY: Final = {
    f"{'B' * business}{unit}{edge}": (months, f"{'business ' * business}{mark}", anchor)
    for business in (0, 1)
    for unit, months in (("M", 1), ("Q", 3), ("Y", 12))
    for edge, mark, anchor in (("S", "start", "JAN"), ("E", "end", "DEC"))
}
# Spellings of earlier pandas releases, and lower case where it cannot be mistaken for another unit.
_ALIASES: Final = {
    "H": "h", "T": "min", "S": "s", "L": "ms", "U": "us", "N": "ns", "d": "D", "w": "W", "b": "B",
    "M": "ME", "Q": "QE", "A": "YE", "Y": "YE", "BM": "BME", "BQ": "BQE", "BA": "BYE", "BY": "BYE",
    "AS": "YS", "BAS": "BYS",
}  # fmt: skip
_RULE: Final = (
    "freq must be a pandas frequency such as 'h', '30min', 'D', 'B', 'W-SUN', 'MS', 'QE-DEC' or 'YS', "
    "or a positive integer where the stamps are integers."
)
# Positions and stamps keep this distance from the ends of int64, so that sums of two cannot overflow.
MAX_INTEGER: Final = 2**62


@dataclass(frozen=True)
class Freq:
    """Step from one stamp of a series to the next; make one with ``Freq.parse``.

    A stamp is a position on a grid plus a phase, which all stamps of a series share: hourly data
    stamped at half past the hour have a phase of 30 minutes. Stamps that no phase can bring onto the
    grid (the 2nd of a month at 'MS', a Sunday at 'B') have the phase -1.

    Attributes:
        text: Canonical spelling, as pandas writes it; digits for integer stamps.
        kind: "integer", "fixed" (a constant number of nanoseconds), "month" or "business" (Mon-Fri).
        step: Steps of the kind's unit: integers, nanoseconds, months or business days.
        cycle: Weekdays (7) or months (3, 12) among which the anchor picks one; 1 if any will do.
        anchor: Weekday (0 = Monday) of weekly stamps, month within the cycle (0 = January's) of
            quarterly and yearly ones.
        mark: Which day of the month carries the stamp: "start", "end", "business start",
            "business end"; "" for other kinds.
        is_clock: Whether steps are elapsed time, equal across changes of daylight saving; False if
            they follow the calendar of the time zone (a day and longer), and for integers.

    Example:
        >>> freq = Freq.parse("M")
        >>> freq.text
        'ME'
        >>> freq.advance(np.array(["2024-01-31"], "datetime64[ns]"), np.arange(3)).astype("M8[D]")
        array(['2024-01-31', '2024-02-29', '2024-03-31'], dtype='datetime64[D]')
    """

    text: str
    kind: Kind
    step: int
    cycle: int = 1
    anchor: int = 0
    mark: str = ""
    is_clock: bool = False

    @property
    def is_integer(self) -> bool:
        """Whether stamps are integers rather than times."""
        return self.kind == "integer"

    @property
    def offset(self) -> pd.tseries.offsets.BaseOffset | None:
        """The same frequency as a pandas offset; None for integer stamps."""
        return None if self.is_integer else to_offset(self.text)

    def __str__(self) -> str:
        """Return the canonical spelling."""
        return self.text

    @classmethod
    def parse(cls, value: FreqLike) -> Freq:
        """Read a frequency in any of its spellings.

        Args:
            value: A pandas alias (old ones such as "H", "T", "M", "Q", "A" too), a pandas offset, a
                time delta, or a positive integer for integer stamps.

        Returns:
            The frequency in canonical form: "60min" becomes "h", "Q" becomes "QE-DEC".

        Raises:
            ConfigError: If ``value`` is none of these.

        Example:
            >>> [Freq.parse(v).text for v in ("60T", "W", "QS", 1, timedelta(minutes=15))]
            ['h', 'W-SUN', 'QS-JAN', '1', '15min']
        """
        if isinstance(value, Freq):
            return value
        if isinstance(value, timedelta | np.timedelta64):
            return _fixed_clock(pd.Timedelta(value).as_unit("ns").value)
        text = value.freqstr if isinstance(value, pd.tseries.offsets.BaseOffset) else value
        if isinstance(text, int | np.integer) and not isinstance(text, bool):
            text = str(text)
        spelling = text.strip() if isinstance(text, str) else "?"
        match = re.fullmatch(r"(\d*)([A-Za-z]*)(?:-([A-Za-z]{3}))?", spelling)
        if match is None:
            raise ConfigError(f"{_RULE} Received: {value!r}.")
        count = int(match[1] or 1)
        name = _ALIASES.get(match[2], match[2])
        freq = _named(count, name, (match[3] or "").upper()) if match[1] or name else None
        if freq is None or not 0 < count <= MAX_INTEGER:
            raise ConfigError(f"{_RULE} Received: {value!r}.")
        return freq

    def locate(self, stamps: npt.NDArray[Any]) -> tuple[Ints, Ints]:
        """Split stamps into grid positions and phases; the inverse of ``at``.

        Args:
            stamps: int64 or datetime64 array of any shape. Integers are nanoseconds since 1970
                unless the frequency is one of integers.

        Returns:
            Positions, of which neighbors on the grid differ by one, and phases, -1 for off the grid.

        Example:
            >>> friday_to_monday = np.array(["2024-01-05", "2024-01-06", "2024-01-08"], "M8[ns]")
            >>> position, phase = Freq.parse("B").locate(friday_to_monday)
            >>> position[2] - position[0], phase
            (np.int64(1), array([ 0, -1,  0]))
        """
        t = _as_int(stamps)
        if self.kind in ("integer", "fixed"):
            position, phase = np.divmod(t, self.step)
            on_grid = weekday_of(t) == self.anchor if self.cycle > 1 else np.True_
        else:
            days, time_of_day = np.divmod(t, DAY)
            if self.kind == "month":
                unit = days.astype("M8[D]").astype("M8[M]").astype(np.int64)
                on_grid = (_marked_day(unit, self.mark) == days) & (unit % self.cycle == self.anchor)
            else:
                week, weekday = np.divmod(days + 3, 7)  # 1970-01-01 was a Thursday
                unit, on_grid = 5 * week + np.minimum(weekday, 4), weekday < 5
            position, residue = np.divmod(unit, self.step)
            phase = residue * DAY + time_of_day
        return position, np.where(on_grid, phase, OFF_GRID)

    def at(self, position: npt.NDArray[Any], phase: npt.NDArray[Any]) -> Ints:
        """Return the stamps at grid positions; the inverse of ``locate``.

        Args:
            position: int64 array.
            phase: int64 array that broadcasts with ``position``, without -1.

        Returns:
            int64 stamps: nanoseconds since 1970, or the integers themselves.

        Raises:
            PanelError: If a stamp lies outside the years that 64-bit nanoseconds can hold.
        """
        position = np.asarray(position, np.int64)
        unit_ns = {"integer": 1, "fixed": 1, "month": 31 * DAY, "business": 2 * DAY}[self.kind]
        limit = MAX_INTEGER * 2 // (unit_ns * self.step) - 2
        if position.size and (position.max() > limit or position.min() < -limit):
            farthest = max(int(position.max()), -int(position.min()))
            raise PanelError(
                "Stamps must lie between the years 1678 and 2262 (or below 2**63 as integers). Received: "
                f"{farthest} steps of {self.text!r} from zero; shorten the horizon or correct the stamps."
            )
        if self.kind in ("integer", "fixed"):
            stamps: Ints = position * self.step + phase
            return stamps
        residue, time_of_day = np.divmod(phase, DAY)
        unit = position * self.step + residue
        if self.kind == "month":
            return _marked_day(unit, self.mark) * DAY + time_of_day
        week, weekday = np.divmod(unit, 5)
        stamps = (7 * week + weekday - 3) * DAY + time_of_day
        return stamps

    def advance(self, start: npt.NDArray[Any], k: npt.NDArray[Any] | int) -> npt.NDArray[Any]:
        """Return the stamps ``k`` steps after ``start``.

        Args:
            start: Stamps on the grid, datetime64 or int64.
            k: Steps (negative ones go back) that broadcast with ``start``.

        Returns:
            Array of the broadcast shape: datetime64[ns], or int64 at an integer frequency.

        Raises:
            PanelError: If a start is off the grid or a result out of range.

        Example:
            >>> Freq.parse(10).advance(np.array([[3], [4]]), np.array([1, 2]))
            array([[13, 23],
                   [14, 24]])
        """
        position, phase = self.locate(np.asarray(start))
        if (phase == OFF_GRID).any():
            stray = np.asarray(start)[phase == OFF_GRID].ravel()[0]
            raise PanelError(
                f"Stamps must lie on the grid of freq={self.text!r}. Received: {stray}; choose one that fits."
            )
        stamps = self.at(position + np.asarray(k, np.int64), phase)
        return stamps if self.is_integer else stamps.view("M8[ns]")


def season_length_of(freq: FreqLike) -> int:
    """Return the natural season of a frequency, in steps.

    A day for minutes and hours, a week for days, a year for weeks, months and quarters, an hour for
    seconds. Where no whole number of steps makes a season (and for integers and years) it is 1.

    Args:
        freq: A frequency in any spelling that ``Freq.parse`` reads.

    Returns:
        Steps in a season, at least 1.

    Raises:
        ConfigError: If ``freq`` is not a frequency.

    Example:
        >>> [season_length_of(f) for f in ("h", "30min", "D", "B", "W", "MS", "QE", "Y", 1)]
        [24, 48, 7, 5, 52, 12, 4, 1, 1]
    """
    freq = Freq.parse(freq)
    if freq.kind == "integer":
        return 1
    if freq.kind == "month":
        season, step = 12, freq.step
    elif freq.kind == "business":
        season, step = 5, freq.step
    elif freq.step % (7 * DAY) == 0:
        season, step = 52, freq.step // (7 * DAY)
    else:
        step = freq.step
        minute, second = _CLOCK["min"], _CLOCK["s"]
        cycles = ((DAY, 7 * DAY), (minute, DAY), (second, 60 * minute), (1, second))
        season = next(length for at_least, length in cycles if step >= at_least)
    return season // step if season % step == 0 else 1


def weekday_of(stamps: Ints) -> Ints:
    """Return the weekdays (0 = Monday) of int64 nanoseconds since 1970."""
    weekday: Ints = (stamps // DAY + 3) % 7  # 1970-01-01 was a Thursday
    return weekday


def _named(count: int, name: str, anchor: str) -> Freq | None:
    """Return the frequency of a canonical name, or None if there is no such."""
    times = str(count) if count != 1 else ""
    if name in _MONTHLY:
        months, mark, default = _MONTHLY[name]
        if months == 1:
            return None if anchor else Freq(times + name, "month", count, mark=mark)
        anchor = anchor or default
        if anchor not in _MONTHS:
            return None
        return Freq(
            f"{times}{name}-{anchor}", "month", count * months, months, _MONTHS.index(anchor) % months, mark
        )
    if name == "W":
        anchor = anchor or "SUN"
        if anchor not in _WEEKDAYS:
            return None
        return Freq(f"{times}W-{anchor}", "fixed", count * 7 * DAY, 7, _WEEKDAYS.index(anchor))
    if anchor:
        return None
    if name in _CLOCK:
        return _fixed_clock(count * _CLOCK[name])
    if name == "":
        return Freq(str(count), "integer", count)
    return {"D": Freq(f"{times}D", "fixed", count * DAY), "B": Freq(f"{times}B", "business", count)}.get(name)


def _fixed_clock(step: int) -> Freq:
    """Return the frequency of a number of nanoseconds, spelled in the largest unit that divides it."""
    if step <= 0:
        raise ConfigError(f"{_RULE} Received: a step of {step} nanoseconds.")
    name, unit = next((name, unit) for name, unit in _CLOCK.items() if step % unit == 0)
    return Freq(f"{step // unit if step != unit else ''}{name}", "fixed", step, is_clock=True)


def _marked_day(month: Ints, mark: str) -> Ints:
    """Return the day since 1970 that carries the stamp of each month (both counted from 1970-01)."""
    is_end = mark.endswith("end")
    day: Ints = (month + is_end).astype("M8[M]").astype("M8[D]").astype(np.int64) - is_end
    if mark.startswith("business"):
        weekday = (day + 3) % 7
        shift = np.where(weekday == 5, -1, -2) if is_end else np.where(weekday == 5, 2, 1)
        day = day + np.where(weekday >= 5, shift, 0)
    return day


def _as_int(stamps: npt.NDArray[Any]) -> Ints:
    stamps = np.asarray(stamps)
    if stamps.dtype.kind == "M":
        stamps = stamps.astype("M8[ns]", copy=False).view(np.int64)
    return stamps.astype(np.int64, copy=False)
