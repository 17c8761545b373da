"""Checks of arguments and shapes that several layers share."""

from collections.abc import Sequence
from numbers import Real

from tcn.integers import check_each_positive, check_positive, is_integer

__all__ = [
    "check_each_positive",
    "check_positive",
    "check_rate",
    "check_seed",
    "is_like",
    "known_channels",
]


def check_rate(**values: object) -> list[float]:
    """Raise unless every value is a share that may be switched off.

    Args:
        **values: Values by the name of their argument.

    Returns:
        The values as floating-point numbers of Python.

    Raises:
        ValueError: If one is not.

    Example:
        >>> check_rate(dropout=1.5)
        Traceback (most recent call last):
        ValueError: 'dropout' must be at least 0 and below 1. Received: dropout=1.5
    """
    rates = []
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) < 1:
            raise ValueError(f"'{name}' must be at least 0 and below 1. Received: {name}={value!r}")
        rates.append(float(value))
    return rates


def check_seed(seed: object) -> int | None:
    """Raise unless there is no seed or it is an integer from 0.

    Args:
        seed: Integer or None.

    Returns:
        The same, as an integer of Python.

    Raises:
        ValueError: If it is neither.

    Example:
        >>> check_seed(-1)
        Traceback (most recent call last):
        ValueError: 'seed' must be an integer from 0, or None to differ from run to run. Received: seed=-1
    """
    if seed is None:
        return None
    if not is_integer(seed, minimum=0):
        raise ValueError(
            f"'seed' must be an integer from 0, or None to differ from run to run. Received: seed={seed!r}"
        )
    return int(seed)  # type: ignore[call-overload, no-any-return]


def known_channels(shape: tuple[int | None, ...]) -> int:
    """Size of the last axis, which weights are made for.

    Args:
        shape: Shape of an input.

    Returns:
        The size.

    Raises:
        ValueError: If it is not known.
    """
    channels = shape[-1]
    if channels is None:
        raise ValueError(f"The last axis of the input must have a known size. Received: shape {shape}")
    return channels


def is_like(shape: Sequence[int | None], other: Sequence[int | None]) -> bool:
    """Whether two shapes are the same, as far as their sizes are known.

    Args:
        shape: Sizes; None for one that is not known.
        other: Likewise.

    Returns:
        The answer.

    Example:
        >>> is_like((None, 3), (8, 3)), is_like((8, 3), (8, 4)), is_like((8,), (8, 1))
        (True, False, False)
    """
    return len(shape) == len(other) and all(
        a == b or None in (a, b) for a, b in zip(shape, other, strict=True)
    )
