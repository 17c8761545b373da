"""Quantiles by bisection, where there is no formula for them."""

from collections.abc import Callable
from typing import Any

from keras import ops

__all__ = ["invert", "with_slope"]

Tensor = Any

MOST_STEPS = 100


def invert(
    cdf: Callable[[Tensor], Tensor],
    target: Tensor,
    low: Tensor,
    high: Tensor,
    discrete: bool = False,
    steps: int = MOST_STEPS,
) -> Tensor:
    """Smallest value at which a non-decreasing function reaches a target.

    Args:
        cdf: The function, element by element.
        target: Of a shape that goes with the bounds.
        low: Where the function is below the target, or just reaches it.
        high: Where it reaches the target, of the shape of the result.
        discrete: Whether the value is an integer.
        steps: Most bisections; fewer are done when nothing is left to halve.

    Returns:
        The value, without a gradient.
    """
    high = ops.stop_gradient(high)
    low = ops.stop_gradient(low) + ops.zeros_like(high)

    def middle_of(low: Tensor, high: Tensor) -> Tensor:
        middle = low + 0.5 * (high - low)
        return ops.floor(middle) if discrete else middle

    def unfinished(low: Tensor, high: Tensor) -> Tensor:
        middle = middle_of(low, high)
        return ops.any(ops.logical_and(low < middle, middle < high))

    def halve(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        middle = middle_of(low, high)
        reached = cdf(middle) >= target
        return ops.where(reached, low, middle), ops.where(reached, middle, high)

    return ops.stop_gradient(ops.while_loop(unfinished, halve, (low, high), maximum_iterations=steps)[1])


def with_slope(value: Tensor, cdf: Tensor, density: Tensor) -> Tensor:
    """Give a quantile the gradient that follows from its definition, `cdf(quantile) = probability`.

    Args:
        value: The quantile, without a gradient.
        cdf: The distribution function at it, with gradients to the parameters.
        density: The density at it.

    Returns:
        The value, with its gradient; 0 where there is no density.
    """
    there = density > 0.0
    change = ops.where(there, cdf, 0.0) / ops.stop_gradient(ops.where(there, density, 1.0))
    return value - (change - ops.stop_gradient(change))
