"""Numbers of steps in the time of the data: "24 h" instead of 24."""

from __future__ import annotations

import math
from typing import Final

from pipelines.frequency import DAY, Freq

_HOUR: Final = DAY // 24
# From how many nanoseconds on a time is told in which unit.
_UNITS: Final = (
    (3 * DAY, "d", DAY),
    (3 * _HOUR, "h", _HOUR),
    (3 * _HOUR // 60, "min", _HOUR // 60),
    (0, "s", _HOUR // 3600),
)


def period(steps: float, freq: Freq) -> str:
    """Tell how long some steps take.

    Args:
        steps: How many; infinite for what does not come back.
        freq: Frequency of the data.

    Returns:
        Text.

    Example:
        >>> [period(n, Freq.parse("h")) for n in (1, 24, 168, 3.5)]
        ['1 h', '24 h', '7 d', '3.5 h']
        >>> period(12, Freq.parse("MS")), period(4, Freq.parse("QS")), period(7, Freq.parse(1))
        ('12 months', '12 months', '7 steps')
    """
    if math.isinf(steps):
        return "constant"
    length = steps * freq.step
    if freq.kind == "integer":
        return _counted(steps, "step")
    if freq.kind == "month":
        return _counted(length / 12, "year") if freq.step % 12 == 0 else _counted(length, "month")
    if freq.kind == "business":
        return _counted(length, "business day")
    if freq.text.startswith("W"):
        return _counted(length / (7 * DAY), "week")
    if not freq.is_clock:
        return f"{length / DAY:.3g} d"
    # One step of an hour is "1 h", not "60 min".
    unit, size = next((unit, size) for least, unit, size in _UNITS if length >= least or size == freq.step)
    return f"{length / size:.3g} {unit}"


def _counted(count: float, noun: str) -> str:
    return f"{count:.3g} {noun}{'' if count == 1 else 's'}"
