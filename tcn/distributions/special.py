"""Special functions that `keras.ops` has not, each the part of it that is stable in float32.

Differences of `lgamma` are where likelihoods lose their digits: of two numbers of the size of a million,
little is left. So what stands here are the differences themselves.
"""

import math
from typing import Any

from keras import ops

__all__ = ["HALF_LOG_TWO_PI", "log_gamma_half_step", "positive", "standardize", "stirling_error"]

HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
# Above it the asymptotic series are exact to float32.
LARGE = 4.0
# Squares of it, and quotients of them by the smallest scale, are finite in float32.
FARTHEST = 1e15
SMALLEST, LARGEST = 1e-6, 1e30


def positive(raw: Any, most: float = LARGEST) -> Any:
    """Map any number to a positive one; 0 becomes 1.

    Args:
        raw: Any shape.
        most: Upper limit.

    Returns:
        `softplus(raw + log(e - 1)) + 1e-6`, at most `most`.

    Example:
        >>> from tcn.distributions.special import positive
        >>> round(float(positive(0.0)), 4)
        1.0
    """
    return ops.minimum(ops.softplus(raw + math.log(math.e - 1.0)) + SMALLEST, most)


def standardize(value: Any, location: Any, scale: Any) -> Any:
    """Distance from a location in units of a scale, at most 1e15, with finite gradients.

    Args:
        value: Any shape.
        location: Of a shape that goes with it.
        scale: Positive.

    Returns:
        `(value - location) / scale`, cut to the range from -1e15 to 1e15.
    """
    error = value - location
    far = ops.absolute(error) > FARTHEST * scale
    # Both are replaced where the quotient is not used: the gradient of a number too large is not one.
    near = ops.where(far, 0.0, error) / ops.where(far, 1.0, scale)
    return ops.where(far, FARTHEST * ops.sign(error), near)


def stirling_error(x: Any) -> Any:
    """What Stirling's formula lacks: `lgamma(x) - ((x - 1/2) log(x) - x + log(2 pi) / 2)`.

    Args:
        x: Positive.

    Returns:
        Of the shape of `x`.

    Example:
        >>> from tcn.distributions.special import stirling_error
        >>> round(float(stirling_error(10.0)), 6)
        0.008331
    """
    small = x < LARGE
    larger = ops.where(small, x + LARGE, x)
    inverse = 1.0 / larger
    square = inverse * inverse
    series = inverse * (
        1 / 12 + square * (-1 / 360 + square * (1 / 1260 + square * (-1 / 1680 + square / 1188)))
    )
    # lgamma(x) = lgamma(x + 4) - log(x (x + 1) (x + 2) (x + 3))
    x = ops.where(small, x, 1.0)
    product = ops.log(x) + ops.log((x + 1.0) * (x + 2.0) * (x + 3.0))
    shift = (x + 3.5) * ops.log(x + 4.0) - (x - 0.5) * ops.log(x) - 4.0 - product
    return series + ops.where(small, shift, 0.0)


def log_gamma_half_step(x: Any) -> Any:
    """`lgamma(x + 1/2) - lgamma(x)`.

    Args:
        x: Positive.

    Returns:
        Of the shape of `x`.

    Example:
        >>> from tcn.distributions.special import log_gamma_half_step
        >>> round(float(log_gamma_half_step(0.5)), 4)  # -log(pi) / 2
        -0.5724
    """
    inverse = 1.0 / (x + LARGE)
    square = inverse * inverse
    series = inverse * (-1 / 8 + square * (1 / 192 + square * (-1 / 640 + square * 17 / 14336)))
    quotients = [1.0 + 0.5 / (x + shift) for shift in range(int(LARGE))]
    product = quotients[0] * quotients[1] * quotients[2] * quotients[3]
    return 0.5 * ops.log(x + LARGE) + series - ops.log(product)
