"""Arrays as figures take them: checked once, with the rule, what was received and the cure in the message."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.plots.frames import stamps_of


def numbers(name: str, values: Any, axes: str, *, gaps: bool = False) -> np.ndarray:
    """Read real numbers of known axes.

    Args:
        name: What the message calls them.
        values: Anything that NumPy reads.
        axes: Names of the axes, "(series, time)"; "(steps, ...)" for any number after the first ones.
        gaps: Whether NaN may stand for what is missing, as long as not all of it is.

    Returns:
        Array of float64.

    Raises:
        ValueError: The axes are others, there is no number, or one is not finite.

    Example:
        >>> numbers("series", [1, 2], "(time)").tolist()
        [1.0, 2.0]
        >>> numbers("series", [[1, 2]], "(time)")
        Traceback (most recent call last):
        ValueError: 'series' must be numbers of axes (time). Received: shape (1, 2); choose by an index, ...
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"'{name}' must be real numbers of axes {axes}. Received: {array.dtype}; convert them to float."
        )
    named = axes.count(",") + 1 - axes.count("...")
    if array.ndim < named or (array.ndim > named and "..." not in axes):
        raise ValueError(
            f"'{name}' must be numbers of axes {axes}. Received: shape {array.shape}; choose by an index, or "
            "add an axis with None."
        )
    array = array.astype("float64")
    known = np.isfinite(array) | (gaps & np.isnan(array))
    if array.size == 0 or not np.isfinite(array).any():
        raise ValueError(
            f"'{name}' must hold a number. Received: shape {array.shape}, without any finite value; pass at "
            "least one that was observed."
        )
    if not known.all():
        raise ValueError(
            f"'{name}' must be {'numbers or NaN' if gaps else 'finite'}. Received: {int((~known).sum())} of "
            f"{array.size} values {'infinite' if gaps else 'NaN or infinite'}; leave those series out, or "
            "train a network whose outputs are finite."
        )
    return array


def chosen(name: str, index: int, count: int) -> int:
    """Check an index that chooses one of so many.

    Args:
        name: What the message calls it.
        index: From 0.
        count: How many there are.

    Returns:
        The index.

    Raises:
        ValueError: It is out of range.

    Example:
        >>> chosen("unit", 2, 3)
        2
    """
    if isinstance(index, bool) or not isinstance(index, int | np.integer) or not 0 <= index < count:
        raise ValueError(f"'{name}' must be an integer from 0 to {count - 1}. Received: {name}={index!r}")
    return int(index)


def times_of(stamps: Any, steps: int) -> list[Any]:
    """Places of the steps on the horizontal axis.

    Args:
        stamps: Time stamp of each step; None counts them from 0.
        steps: How many there are.

    Returns:
        Whole numbers, or ISO texts.

    Raises:
        ValueError: There are more or fewer stamps than steps.

    Example:
        >>> times_of(None, 3)
        [0, 1, 2]
    """
    if stamps is None:
        return list(range(steps))
    found = stamps_of(stamps)
    if len(found) != steps:
        raise ValueError(
            f"'stamps' must be one for each step. Received: {len(found)} for {steps} steps; pass those of "
            "the stretch that is drawn."
        )
    return found
