"""Distribution function of the beta distribution, from which those of many others follow.

`keras.ops` has no incomplete beta function. This one has a fixed number of steps, so that it is compiled and
differentiated like any other expression, and takes what it needs in a form that loses no digits in float32.
"""

import math
from typing import Any

from keras import ops

__all__ = ["beta_cdf", "beta_cdf_by_fraction"]

Tensor = Any

# With as many levels the fraction is exact to 3e-7 if the smaller parameter is at most MANY; above it the
# normal approximation is exact to 6e-6.
LEVELS = 20
MANY = 100.0


def beta_cdf(a: Tensor, b: Tensor, x: Tensor, y: Tensor, excess: Tensor, front: Tensor) -> Tensor:
    """Regularized incomplete beta function.

    Args:
        a: First parameter, positive.
        b: Second parameter, positive.
        x: In (0, 1).
        y: `1 - x`, which float32 cannot tell from `x` near 1.
        excess: `a y - b x`, likewise.
        front: `x^a y^b / B(a, b)`.

    Returns:
        `I_x(a, b)`, to 6e-6.
    """
    large = ops.minimum(a, b) > MANY

    # Either way of computing gets parameters that it can do with where its result is not used.
    def few(used: Tensor, unused: float) -> Tensor:
        return ops.where(large, unused, used)

    by_fraction = beta_cdf_by_fraction(
        few(a, 1.0), few(b, 1.0), few(x, 0.5), few(y, 0.5), few(excess, 0.0), few(front, 0.25)
    )
    p, q = ops.where(large, a / (a + b), 0.5), ops.where(large, b / (a + b), 0.5)
    deviate = _normal_deviate(p, q, ops.where(large, a + b, 2.0), ops.where(large, excess, 0.0))
    return ops.where(large, 0.5 * ops.erfc(-deviate / math.sqrt(2.0)), by_fraction)


def beta_cdf_by_fraction(a: Tensor, b: Tensor, x: Tensor, y: Tensor, excess: Tensor, front: Tensor) -> Tensor:
    """The same to 3e-7, and relatively so in the tails; only if `a` or `b` is at most 100.

    Args:
        a: First parameter, positive.
        b: Second parameter, positive.
        x: In (0, 1).
        y: `1 - x`.
        excess: `a y - b x`.
        front: `x^a y^b / B(a, b)`.

    Returns:
        `I_x(a, b)`.

    Reference:
        Didonato, Morris (1992), Algorithm 708: Significant Digit Computation of the Incomplete Beta Function
        Ratios; NIST Digital Library of Mathematical Functions, 8.17.22.
    """
    # The fraction converges fast below the mean. Above it, the other tail is taken.
    above = excess + y - x <= 0.0
    first, second = ops.where(above, b, a), ops.where(above, a, b)
    near, far = ops.where(above, y, x), ops.where(above, x, y)
    tail = front / first / _fraction(first, second, near, far, ops.where(above, -excess, excess))
    return ops.where(above, 1.0 - tail, tail)


def _fraction(a: Tensor, b: Tensor, x: Tensor, y: Tensor, excess: Tensor) -> Tensor:
    """Even part of the continued fraction, from its last level to its first."""
    a, b, x, y, excess = (ops.expand_dims(v, 0) for v in (a, b, x, y, excess))
    m = ops.reshape(ops.arange(LEVELS + 1, dtype=a.dtype), (-1, *[1] * (len(a.shape) - 1)))
    share = (a + m) / (a + 2.0 * m)
    odd = share * (a - excess + m * x) / (a + 2.0 * m + 1.0)
    even = m / ops.maximum(a + 2.0 * m - 1.0, a) * ((b - m) * x / (a + 2.0 * m))
    level = share * (1.0 + excess + m * (1.0 + y)) / (a + 2.0 * m + 1.0) + m / (a + 2.0 * m) + even
    levels, products = ops.unstack(level, axis=0), ops.unstack(odd[:-1] * even[1:], axis=0)
    value = levels[-1]
    for here, product in zip(levels[-2::-1], products[::-1], strict=True):
        value = here + product / value
    return value


def _normal_deviate(p: Tensor, q: Tensor, total: Tensor, excess: Tensor) -> Tensor:
    """Point where the normal distribution function has the value of the beta distribution's.

    The signed root of the deviance, corrected as by Barndorff-Nielsen; near the mean by its series.

    Reference:
        Temme (1992), Asymptotic Inversion of Incomplete Gamma Functions; Barndorff-Nielsen (1986), Inference
        on Full or Partial Parameters Based on the Standardized Signed Log Likelihood Ratio.
    """
    root = ops.sqrt(p * q)
    v = -excess / total / root
    skew = (q - p) / root
    near = ops.absolute(v) * (1.0 + ops.absolute(skew)) < 0.05
    # Series of log(eta / v) / v, where eta is the signed root of the deviance of one observation.
    near_v, near_skew = ops.where(near, v, 0.0), ops.where(near, skew, 0.0)
    bend = near_v * near_skew
    series = near_skew * (-1 / 3 + bend * (5 / 36 - bend * 67 / 810)) + near_v * (1 / 4 - bend * 7 / 30)
    far_v = ops.where(near, 1.0, v)
    step = ops.where(near, 0.0, v * root)
    # The logarithms of x / p and y / q; rounding may bring one to the end of its range.
    up, down = ops.maximum(step / p, -0.999999), ops.maximum(-step / q, -0.999999)
    deviance = -2.0 * (p * ops.log1p(up) + q * ops.log1p(down))
    eta = ops.sqrt(ops.where(near, 1.0, ops.maximum(deviance, 1e-30)))
    slope = ops.where(near, series, ops.log(eta / ops.absolute(far_v)) / far_v)
    ratio = ops.exp(slope * v)
    return ops.sqrt(total) * v * ratio - slope / ratio / ops.sqrt(total)
