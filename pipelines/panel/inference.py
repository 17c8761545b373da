"""Finds the frequency of stamps: the one that most differences speak for, anchored as the stamps are."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.frequency import DAY, OFF_GRID, Freq, Ints, weekday_of

MAX_GROWTH: Final = 20  # a frequency that makes this many times more rows of a panel is not meant
_EVIDENCE: Final = 0.25  # share of the differences that a finer step than the most common one needs
_MONTH_MARKS: Final = ("MS", "ME", "BMS", "BME")
_MONTH_NAMES: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAY_NAMES: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


def infer_freq(stamps: Ints, same_series: npt.NDArray[np.bool_], is_integer: bool) -> Freq | None:
    """Infer the frequency of a panel from the differences between neighboring stamps.

    The most common difference decides; a finer one that divides all differences is taken if at
    least a quarter of them equal it (often every other stamp is missing). Days become 'B' if no stamp is
    on a weekend and one Friday is followed by a Monday; weeks, months, quarters and years are
    anchored where most stamps are.

    Args:
        stamps: int64 stamps (integers, or nanoseconds since 1970), strictly increasing in a series.
        same_series: Whether rows i and i + 1 belong to the same series, ``(rows - 1,)``.
        is_integer: Whether stamps are integers rather than times.

    Returns:
        The frequency, or None if no series has two stamps.

    Example:
        >>> stamps = np.array(["2024-02-29", "2024-05-31", "2024-08-31"], "M8[ns]").view("int64")
        >>> infer_freq(stamps, np.array([True, True]), is_integer=False).text
        'QE-NOV'
    """
    steps = np.diff(stamps)[same_series]
    if not len(steps):
        return None
    step = _common_step(steps)
    if is_integer:
        return Freq.parse(step)
    if step % DAY:
        return _fixed(step)
    if step == DAY:
        return Freq.parse("B" if _skips_weekends(stamps, steps, same_series) else "D")
    if step >= 28 * DAY and (monthly := _infer_months(stamps, same_series)):
        return monthly
    weekdays = np.unique(weekday_of(stamps))
    if step % (7 * DAY) == 0 and len(weekdays) == 1:
        return Freq.parse(f"{step // (7 * DAY)}W-{_WEEKDAY_NAMES[weekdays[0]]}")
    return _fixed(step)


def fitting_freq(stamps: Ints, same_series: npt.NDArray[np.bool_], is_integer: bool) -> Freq | None:
    """Return a frequency whose grid holds all stamps and is not much finer than they are, if there is one.

    Args:
        stamps: As for ``infer_freq``.
        same_series: As for ``infer_freq``.
        is_integer: As for ``infer_freq``.

    Returns:
        The inferred frequency if it fits, else the largest step that divides all differences.

    Example:
        >>> fitting_freq(np.array([0, 4, 8, 12, 18]), np.full(4, True), is_integer=True).text
        '2'
    """
    inferred = infer_freq(stamps, same_series, is_integer)
    if inferred is None or is_on_grid(inferred, stamps, same_series):
        return inferred
    steps = np.diff(stamps)[same_series]
    divisor = int(np.gcd.reduce(steps))
    if float(steps.sum(dtype=np.float64)) > MAX_GROWTH * divisor * len(steps):
        return None
    return Freq.parse(divisor) if is_integer else _fixed(divisor)


def is_on_grid(freq: Freq, stamps: Ints, same_series: npt.NDArray[np.bool_]) -> bool:
    """Return whether every stamp is on the grid that its series' first stamp starts.

    Args:
        freq: The frequency to try.
        stamps: As for ``infer_freq``.
        same_series: As for ``infer_freq``.

    Example:
        >>> is_on_grid(Freq.parse(2), np.array([1, 3, 6]), np.array([True, False]))
        True
    """
    _, phase = freq.locate(stamps)
    return bool((phase != OFF_GRID).all() and (phase[1:] == phase[:-1])[same_series].all())


def _common_step(steps: npt.NDArray[Any]) -> int:
    counts = pd.Series(steps).value_counts().sort_index()  # ties go to the smallest step
    divisor = int(np.gcd.reduce(counts.index.to_numpy()))
    common = int(counts.idxmax())
    is_finer = counts.get(divisor, 0) >= _EVIDENCE * len(steps) and common <= MAX_GROWTH * divisor
    return divisor if is_finer else common


def _fixed(step: int) -> Freq:
    return Freq.parse(f"{step}ns" if step % DAY else f"{step // DAY}D")


def _skips_weekends(stamps: Ints, steps: Ints, same_series: npt.NDArray[np.bool_]) -> bool:
    if weekday_of(pd.unique(stamps)).max() >= 5:
        return False
    before_three_days = stamps[:-1][same_series][steps == 3 * DAY]
    return bool((weekday_of(before_three_days) == 4).any())


def _infer_months(stamps: Ints, same_series: npt.NDArray[np.bool_]) -> Freq | None:
    """Return the frequency of stamps a month or longer apart, or None if they mark no day of the month."""
    located = {name: Freq.parse(name).locate(stamps) for name in _MONTH_MARKS}
    share = {name: float((phase != OFF_GRID).mean()) for name, (_, phase) in located.items()}
    mark = max(_MONTH_MARKS, key=share.__getitem__)
    if share[mark] < 0.5:
        return None
    month, _ = located[mark]
    between = np.diff(month)[same_series]
    step = _common_step(between[between > 0]) if (between > 0).any() else 1
    for cycle, unit in ((12, "Y"), (3, "Q")):
        residues = np.unique(month % cycle)
        if step % cycle == 0 and len(residues) == 1:
            # Four names mean the same grid of quarters; QS-JAN and QE-DEC are the customary ones.
            anchor = residues[0] if mark.endswith("S") or cycle == 12 else 9 + residues[0]
            return Freq.parse(f"{step // cycle}{mark.replace('M', unit)}-{_MONTH_NAMES[anchor]}")
    return Freq.parse(f"{step}{mark}")
