"""The normal distribution, by SciPy, whose import takes a third of a second and waits until it is needed."""

from __future__ import annotations

from typing import Any


def ndtr(scores: Any) -> Any:
    """Probability below each normal score.

    Args:
        scores: Numbers of any shape.

    Returns:
        Probabilities of the same shape.

    Example:
        >>> float(ndtr(0.0))
        0.5
    """
    from scipy import special

    return special.ndtr(scores)


def ndtri(probabilities: Any) -> Any:
    """Normal score of each probability: the inverse of ``ndtr``.

    Args:
        probabilities: Numbers from 0 to 1 of any shape.

    Returns:
        Scores of the same shape.

    Example:
        >>> float(ndtri(0.5))
        0.0
    """
    from scipy import special

    return special.ndtri(probabilities)
