"""Checks of arguments and shapes that several layers share."""

__all__ = ["check_positive", "known_channels"]


def check_positive(**values: object) -> None:
    """Raise unless every value is a positive integer.

    Args:
        **values: Values by the name of their argument.

    Raises:
        ValueError: If one is not.

    Example:
        >>> check_positive(filters=8, kernel_size=0)
        Traceback (most recent call last):
        ValueError: 'kernel_size' must be a positive integer. Received: kernel_size=0
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"'{name}' must be a positive integer. Received: {name}={value!r}")


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
