"""Checks of the settings of augmentations."""

__all__ = ["check_not_negative", "check_share"]


def check_share(**values: float) -> None:
    """Raise unless every value is a share.

    Args:
        **values: Values by the name of their argument.

    Raises:
        ValueError: If one is not.

    Example:
        >>> check_share(rate=1.5)
        Traceback (most recent call last):
        ValueError: 'rate' must be a number from 0 to 1. Received: rate=1.5
    """
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f"'{name}' must be a number from 0 to 1. Received: {name}={value!r}")


def check_not_negative(**values: float) -> None:
    """Raise unless every value is 0 or more, and finite.

    Args:
        **values: Values by the name of their argument.

    Raises:
        ValueError: If one is not.

    Example:
        >>> check_not_negative(strength=-1.0)
        Traceback (most recent call last):
        ValueError: 'strength' must be a number of 0 or more. Received: strength=-1.0
    """
    for name, value in values.items():
        if not 0 <= value < float("inf"):
            raise ValueError(f"'{name}' must be a number of 0 or more. Received: {name}={value!r}")
