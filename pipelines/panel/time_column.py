"""Reads a time column, whatever stamps it holds, into integers, and integers back into times."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Any, Final

import numpy as np
import pandas as pd

from pipelines.errors import PanelError
from pipelines.frequency import DAY, MAX_INTEGER, Ints
from pipelines.offsets import minutes_of, with_offsets
from pipelines.panel.frame_columns import at_row, factorize, first_row, show

_SLASHED: Final = r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})"  # 31/12/2024 or 12/31/2024, with any of / . -
_OFFSET: Final = r":\d\d(?:\.\d+)?(Z|[+-]\d\d(?::?\d\d)?)$"
_TIME_OF_DAY: Final = ("", " %H:%M", " %H:%M:%S")


@dataclass(frozen=True)
class Stamps:
    """The time column: one entry of ``unique`` per distinct stamp, and which of them each row has.

    Attributes:
        codes: ``(rows,)`` positions in ``unique``.
        unique: ``(stamps,)`` sorted int64: integers, or nanoseconds since 1970 (of UTC if ``tz``).
        is_integer: Whether the stamps are integers rather than times.
        tz: Time zone that the stamps came with, or None.
    """

    codes: Ints
    unique: Ints
    is_integer: bool
    tz: str | None

    def in_wall_time(self) -> Stamps:
        """Return the stamps as the clock on a wall in their time zone shows them."""
        if self.tz is None:
            return self
        return Stamps(self.codes, _wall_time(self.unique, self.tz), self.is_integer, self.tz)

    def text(self, code: int) -> str:
        """Return a stamp as messages show it."""
        stamp = self.unique[code : code + 1]
        if self.is_integer:
            return str(stamp[0])
        times = (
            pd.DatetimeIndex(stamp.view("M8[ns]"))
            if self.tz is None
            else localize(stamp, self.tz, is_utc=True)
        )
        whole_days = self.tz is None and not (self.unique % DAY).any()
        return str(times[0].date() if whole_days else times[0])


def read_stamps(column: pd.Series[Any], period_ends: bool) -> Stamps:
    """Return the stamps of a time column.

    Args:
        column: Timestamps with or without time zone, dates, periods, ISO 8601 strings (or day, month
            and year where their order is beyond doubt), or integers.
        period_ends: Whether periods are stamped with their last day instead of their start.

    Returns:
        The stamps.

    Raises:
        PanelError: If a stamp is missing, cannot be read, or is outside the years 1678 to 2261.
    """
    codes, unique = factorize(column)
    if unique.dtype.kind in "iuf" or _holds(unique, (int, np.integer)):
        stamps, place = np.unique(_whole_numbers(column, codes, unique), return_inverse=True)
        return Stamps(place[codes], stamps, True, None)
    if isinstance(unique, pd.PeriodIndex) or _holds(unique, pd.Period):
        periods = pd.PeriodIndex(unique)
        times = periods.to_timestamp(how="end").normalize() if period_ends else periods.to_timestamp()
    elif unique.dtype.kind == "M":
        times = pd.DatetimeIndex(unique)
    else:
        times = _parse_times(column, codes, unique)
    try:
        nanoseconds = (times if times.tz is None else times.tz_convert(None)).as_unit("ns").asi8
    except pd.errors.OutOfBoundsDatetime:
        row = first_row(codes == np.argmax(np.abs(times.year - 1970)))
        raise PanelError(
            f"Stamps must lie between the years 1678 and 2261. Received: {column.iloc[row]} in column "
            f"{column.name!r}, {at_row(row)}; remove rows whose stamp only stands for 'none'."
        ) from None
    stamps, place = np.unique(nanoseconds, return_inverse=True)
    return Stamps(place[codes], stamps, False, None if times.tz is None else _name_of(times.tz))


def localize(stamps: Ints, tz: str, is_utc: bool) -> pd.DatetimeIndex:
    """Return stamps in their time zone.

    Args:
        stamps: int64 nanoseconds since 1970.
        tz: Name of the time zone.
        is_utc: Whether ``stamps`` are in UTC. Otherwise they are wall time, of which stamps that a
            change of the clocks skips move on to its end, and repeated ones mean the first.

    Returns:
        Timestamps with time zone.
    """
    times = pd.DatetimeIndex(stamps.view("M8[ns]"))
    if is_utc:
        return times.tz_localize("UTC").tz_convert(tz)
    return times.tz_localize(tz, ambiguous=np.ones(len(times), bool), nonexistent="shift_forward")


def _holds(unique: pd.Index[Any], types: Any) -> bool:
    """Return whether an index of objects holds these types only."""
    return unique.dtype == np.object_ and all(
        isinstance(v, types) and not isinstance(v, bool) for v in unique
    )


def _whole_numbers(column: pd.Series[Any], codes: Ints, unique: pd.Index[Any]) -> Ints:
    numbers = unique.to_numpy(dtype=np.float64)
    bad = (np.abs(numbers) >= MAX_INTEGER) | (numbers != np.floor(numbers))
    if bad.any():
        row = first_row(codes == first_row(bad))
        raise PanelError(
            f"Column {column.name!r} must hold whole numbers below 2**62 if it holds numbers. Received: "
            f"{show(column.iloc[row])} in {at_row(row)}; convert it to integers or timestamps."
        )
    whole: Ints = unique.to_numpy(dtype=np.int64)
    return whole


def _parse_times(column: pd.Series[Any], codes: Ints, unique: pd.Index[Any]) -> pd.DatetimeIndex:
    """Parse strings, dates and mixtures of them, refusing what could be read in two ways."""

    def unreadable(code: int, why: str) -> PanelError:
        row = first_row(codes == code)
        return PanelError(
            f"Column {column.name!r} must hold timestamps, dates, periods, integers or ISO 8601 strings "
            f"such as '2024-12-31 23:00'. Received: {show(column.iloc[row])} in {at_row(row)}, which {why}; "
            f"convert the column, e.g. with pandas.to_datetime(df[{column.name!r}], format=...)."
        )

    objects = unique.astype(object)
    foreign = np.array([not isinstance(v, str | date | np.datetime64) for v in objects])
    if foreign.any():
        raise unreadable(first_row(foreign), f"is of type {type(objects[first_row(foreign)]).__name__}")
    texts = pd.Series([v if isinstance(v, str) else "" for v in objects], dtype="str")
    if texts.str.fullmatch(_SLASHED + r"( \d{1,2}:\d\d(:\d\d)?)?").all():
        readings = _day_and_month_readings(texts)
        if len(readings) > 1:
            raise unreadable(0, "names day and month in an order that cannot be told")
        times = readings[0]
    else:
        offsets = [o if isinstance(o, str) else None for o in texts.str.extract(_OFFSET, expand=False)]
        zones = [getattr(v, "tzinfo", None) or o for v, o in zip(objects, offsets, strict=True)]
        if len(set(zones)) > 1 and None in zones:
            raise unreadable(zones.index(None), "has no offset from UTC where others have one")
        several = len(set(zones)) > 1
        times = pd.to_datetime(objects, format="ISO8601", errors="coerce", utc=several)
        if several and all(offsets) and times.notna().all():
            times = with_offsets(times, np.array([minutes_of(str(offset)) for offset in offsets]))
    if times.isna().any():
        wrong = first_row(times.isna())
        raise unreadable(wrong, _why_no_time(str(objects[wrong])))
    return times


def _why_no_time(text: str) -> str:
    """Say what keeps a text from being read as the others of its column."""
    orders = ({"dayfirst": True}, {"dayfirst": False})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the order of day and month, of which both are tried
        read = [pd.to_datetime(text, errors="coerce", format="mixed", **order) for order in orders]
    if all(pd.isna(time) for time in read):
        return "is no time of the calendar from 1678 to 2261"
    return "is not written as ISO 8601, or not as the rows before it"


def _day_and_month_readings(texts: pd.Series[Any]) -> list[pd.DatetimeIndex]:
    """Return the readings of dates like 31/12/2024 that fit all of them, or the best if none does."""
    separator = texts.str.extract(_SLASHED)[1].iloc[0]
    orders = (f"%d{separator}%m{separator}%Y", f"%m{separator}%d{separator}%Y")
    tried = [
        pd.DatetimeIndex(pd.to_datetime(texts, format=order + time_of_day, errors="coerce"))
        for order in orders
        for time_of_day in _TIME_OF_DAY
    ]
    fitting = [times for times in tried if times.notna().all()]
    if len(fitting) == 2 and fitting[0].equals(fitting[1]):
        return fitting[:1]
    return fitting or [max(tried, key=lambda times: int(times.notna().sum()))]


def _name_of(tz: tzinfo) -> str:
    """Return a name that pandas knows the time zone by; 'UTC' if it has none."""
    try:
        pd.Timestamp(0, tz=str(tz))
    except (KeyError, ValueError):
        return "UTC"
    return str(tz)


def _wall_time(stamps: Ints, tz: str) -> Ints:
    """Return UTC stamps as wall time; days that start at 01:00, as clocks go forward, start at 00:00."""
    utc = pd.DatetimeIndex(stamps.view("M8[ns]")).tz_localize("UTC")
    wall = utc.tz_convert(tz).tz_localize(None)
    midnight = wall.normalize().asi8
    starts_day = localize(midnight, tz, is_utc=False) == utc
    shown: Ints = np.where(starts_day, midnight, wall.asi8)
    return shown
