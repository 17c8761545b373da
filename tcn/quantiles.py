"""Checks of probabilities that several classes share."""

from collections.abc import Iterable, Sequence

__all__ = ["checked_quantiles", "position_of"]


def checked_quantiles(quantiles: Sequence[float]) -> tuple[float, ...]:
    """Probabilities as a tuple.

    Args:
        quantiles: Probabilities.

    Returns:
        The same.

    Raises:
        ValueError: If they do not increase strictly inside (0, 1), or are no sequence.

    Example:
        >>> from tcn.quantiles import checked_quantiles
        >>> checked_quantiles([0.1, 0.9])
        (0.1, 0.9)
    """
    values = tuple(float(q) for q in quantiles) if isinstance(quantiles, Iterable) else ()
    ordered = all(a < b for a, b in zip((0.0, *values), (*values, 1.0), strict=True))
    if not ordered or not values:
        raise ValueError(
            "'quantiles' must increase strictly inside (0, 1), in a sequence such as [0.1, 0.9] or [0.5]. "
            f"Received: quantiles={quantiles!r}"
        )
    return values


def position_of(probability: float, quantiles: Sequence[float]) -> int:
    """Index of a probability.

    Args:
        probability: One of the quantiles.
        quantiles: Probabilities.

    Returns:
        Its index.

    Raises:
        ValueError: If it is not among them.

    Example:
        >>> from tcn.quantiles import position_of
        >>> position_of(0.5, (0.1, 0.5, 0.9))
        1
    """
    for index, q in enumerate(quantiles):
        if abs(q - probability) < 1e-9:
            return index
    raise ValueError(f"'quantiles' must hold {probability:g}. Received: quantiles={tuple(quantiles)!r}")
