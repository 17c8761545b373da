"""How often a detector may be wrong: false alarms a year, and the share of blocks that they fall on."""

from __future__ import annotations

from typing import Final

from pipelines.errors import ConfigError
from pipelines.frequency import DAY, Freq, FreqLike

_DAYS: Final = 365.25
_WEEKDAYS: Final = _DAYS * 5 / 7


def steps_per_year(freq: FreqLike) -> float:
    """Count the steps of a frequency in a year.

    Args:
        freq: A frequency of times.

    Returns:
        Steps, on average.

    Raises:
        ConfigError: If stamps are integers, which no year is known of.

    Example:
        >>> [round(steps_per_year(freq), 1) for freq in ("h", "D", "B", "MS")]
        [8766.0, 365.2, 260.9, 12.0]
    """
    freq = Freq.parse(freq)
    if freq.is_integer:
        raise ConfigError(
            "False alarms a year need stamps that are times. Received: integers; pass alpha= instead, the "
            "chance of a false alarm in each stretch of a horizon."
        )
    if freq.kind == "month":
        return 12 / freq.step
    return _WEEKDAYS / freq.step if freq.kind == "business" else _DAYS * DAY / freq.step


def alpha_of(false_alarms: float, freq: FreqLike, block: int) -> float:
    """Turn false alarms a year into the chance of one in each block of steps.

    Args:
        false_alarms: Expected number in a year of one series.
        freq: Step between stamps.
        block: Steps in a block.

    Returns:
        Chance of a false alarm in a block.

    Raises:
        ConfigError: If it is not between 0 and 1/2, or stamps are integers.

    Example:
        >>> round(alpha_of(12, "h", block=24), 4)
        0.0329
    """
    blocks = steps_per_year(freq) / block
    alpha = false_alarms / blocks
    if not 0 < alpha <= 0.5:
        raise ConfigError(
            f"false_alarms must be above 0 and at most {blocks / 2:.4g} a year, one in every other stretch "
            f"of {block} steps at freq={Freq.parse(freq).text!r}. Received: {false_alarms!r}."
        )
    return alpha


def false_alarms_of(alpha: float, freq: FreqLike, block: int) -> float | None:
    """Turn the chance of a false alarm in each block into false alarms a year, the reverse of ``alpha_of``.

    Args:
        alpha: Chance of a false alarm in a block.
        freq: Step between stamps.
        block: Steps in a block.

    Returns:
        Expected number in a year of one series; None if stamps are integers.

    Example:
        >>> round(false_alarms_of(0.05, "D", block=7), 1), false_alarms_of(0.05, 1, block=7)
        (2.6, None)
    """
    return None if Freq.parse(freq).is_integer else alpha * steps_per_year(freq) / block
