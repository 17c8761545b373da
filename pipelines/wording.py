"""Numbers as a reader should see them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

MISSING: Final = "\N{EN DASH}"
"""Stands for a number that there is not."""
_MOST_DECIMALS: Final = 6
_LARGE: Final = 1e15  # from here on floats have no units


def decimals_for(values: Iterable[float]) -> int:
    """Decimals with which a middling one of some numbers shows three significant digits.

    Args:
        values: Numbers of one column; zeros and values that are not finite are ignored.

    Returns:
        Between 0 and 6.

    Example:
        >>> decimals_for([0.0123, 0.45, 4.5]), decimals_for([1234.5]), decimals_for([])
        (3, 0, 0)
    """
    sizes = sorted(abs(value) for value in values if math.isfinite(value) and value != 0)
    if not sizes:
        return 0
    return min(_MOST_DECIMALS, max(0, 2 - math.floor(math.log10(sizes[len(sizes) // 2]))))


def number(value: float, decimals: int | None = None, suffix: str = "") -> str:
    """Write a number with thousands separated; a dash where there is none.

    Args:
        value: Number to write.
        decimals: Digits after the point; by default enough for three significant ones.
        suffix: Put after the number.

    Returns:
        Text.

    Example:
        >>> number(1234567.8), number(0.012345), number(2.0, 1), number(1e300, 0)
        ('1,234,568', '0.0123', '2.0', '1.00e+300')
    """
    if not math.isfinite(value):
        return (
            MISSING if math.isnan(value) else ("\N{INFINITY}" if value > 0 else "\N{MINUS SIGN}\N{INFINITY}")
        )
    decimals = decimals_for([value]) if decimals is None else decimals
    # Digits that are all zeros, or more of them than anybody reads.
    is_extreme = abs(value) >= _LARGE or (
        decimals >= _MOST_DECIMALS and 0 < abs(value) < 0.5 * 10.0**-decimals
    )
    text = f"{value:.2e}" if is_extreme else f"{value:,.{decimals}f}"
    return text.replace("-", "\N{MINUS SIGN}") + suffix


def percent(fraction: float, decimals: int = 1) -> str:
    """Write a fraction in percent.

    Args:
        fraction: 1 is 100 %.
        decimals: Digits after the point.

    Returns:
        Text.

    Example:
        >>> percent(0.2346)
        '23.5 %'
    """
    return number(100 * fraction, decimals, " %")


def counted(number: int, noun: str) -> str:
    """Write how many there are of something.

    Args:
        number: How many.
        noun: Their name in the singular.

    Returns:
        Text.

    Example:
        >>> counted(1, "row"), counted(1234, "row")
        ('1 row', '1,234 rows')
    """
    return f"{number:,} {noun}{'s' * (number != 1)}"
