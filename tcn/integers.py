"""Checks of integers, without any deep-learning framework."""

from collections.abc import Iterable
from numbers import Integral

__all__ = ["check_each_positive", "check_positive", "is_integer"]


def check_positive(**values: object) -> list[int]:
    """Raise unless every value is a positive integer.

    Args:
        **values: Values by the name of their argument.

    Returns:
        The values as integers of Python, which JSON knows.

    Raises:
        ValueError: If one is not.

    Example:
        >>> check_positive(filters=8, kernel_size=3)
        [8, 3]
        >>> check_positive(filters=8, kernel_size=0)
        Traceback (most recent call last):
        ValueError: 'kernel_size' must be a positive integer. Received: kernel_size=0
    """
    for name, value in values.items():
        if not is_integer(value, minimum=1):
            raise ValueError(f"'{name}' must be a positive integer. Received: {name}={value!r}")
    return [int(value) for value in values.values()]  # type: ignore[call-overload]


def check_each_positive(**sequences: object) -> list[tuple[int, ...]]:
    """Raise unless every sequence holds positive integers, one at least.

    Args:
        **sequences: Sequences by the name of their argument.

    Returns:
        The sequences as tuples of integers of Python.

    Raises:
        ValueError: If one does not.

    Example:
        >>> check_each_positive(dilations=[1, 2])
        [(1, 2)]
        >>> check_each_positive(dilations=(1, 0))
        Traceback (most recent call last):
        ValueError: 'dilations' must hold positive integers, one at least. Received: dilations=(1, 0)
    """
    checked = []
    for name, values in sequences.items():
        each = tuple(values) if isinstance(values, Iterable) else ()
        if not each or not all(is_integer(value, minimum=1) for value in each):
            raise ValueError(
                f"'{name}' must hold positive integers, one at least. Received: {name}={values!r}"
            )
        checked.append(tuple(int(value) for value in each))
    return checked


def is_integer(value: object, minimum: int) -> bool:
    """Whether a value is an integer from a minimum on, and no boolean.

    Args:
        value: Anything.
        minimum: Smallest integer.

    Returns:
        The answer.

    Example:
        >>> is_integer(1, minimum=1), is_integer(True, minimum=1), is_integer(1.0, minimum=1)
        (True, False, False)
    """
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= minimum
