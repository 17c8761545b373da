"""Times that were written with an offset from UTC, and no name of a time zone."""

from __future__ import annotations

from datetime import timedelta, timezone
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

_DAY: Final = 86_400 * 10**9
_MINUTE: Final = 60 * 10**9
_ENDING: Final = r"^.*?(Z|[+-]\d\d(?::?\d\d)?)$"


def with_offsets(utc: pd.DatetimeIndex, minutes: npt.NDArray[np.int64]) -> pd.DatetimeIndex:
    """Return times as they were written, as far as one time zone can.

    Args:
        utc: The moments, in UTC.
        minutes: ``(times,)`` offset of each from UTC.

    Returns:
        With one offset, the same moments in it. With several, as of a place whose clocks are set forward and
        back: the days without a time zone, if each begins at midnight there; otherwise the moments in UTC.

    Example:
        >>> utc = pd.to_datetime(["2024-03-30 23:00", "2024-03-31 22:00"], utc=True)
        >>> [str(day) for day in with_offsets(utc, np.array([60, 120])).date]
        ['2024-03-31', '2024-04-01']
    """
    if len(minutes) and (minutes == minutes[0]).all():
        offset = timedelta(minutes=int(minutes[0]))
        return utc.tz_convert(timezone(offset)) if offset else utc
    wall = utc.as_unit("ns").asi8 + minutes * _MINUTE
    return utc if (wall % _DAY).any() else pd.DatetimeIndex(wall.view("M8[ns]"))


def as_written(path: Path, column: pd.Series[Any]) -> pd.Series[Any]:
    """Give times of a CSV file, which Arrow reads as UTC, the offset that stands there.

    Args:
        path: The file.
        column: A column of it, in UTC.

    Returns:
        The column, as ``with_offsets`` gives it.
    """
    name = str(column.name)
    as_text = pa_csv.ConvertOptions(column_types={name: pa.string()}, include_columns=[name])
    text = pa_csv.read_csv(path, convert_options=as_text).column(0)
    offset = pc.replace_substring_regex(text, pattern=_ENDING, replacement=r"\1").to_pandas()
    known = column.notna()
    codes, unique = pd.factorize(offset[known])
    minutes = np.array([minutes_of(each) for each in unique], np.int64)[codes]
    times = with_offsets(pd.DatetimeIndex(column[known]), minutes)
    return pd.Series(times, column.index[known], name=name).reindex(column.index)


def minutes_of(offset: str) -> int:
    """Return the minutes of an offset as ISO 8601 writes it.

    Args:
        offset: ``Z``, ``+05:30``, ``-0330`` or ``+02``.

    Returns:
        Minutes east of UTC.

    Example:
        >>> minutes_of("+05:30"), minutes_of("-0330"), minutes_of("+02"), minutes_of("Z")
        (330, -210, 120, 0)
    """
    if offset == "Z":
        return 0
    digits = offset[1:].replace(":", "")
    minutes = 60 * int(digits[:2]) + int(digits[2:] or 0)
    return -minutes if offset[0] == "-" else minutes
