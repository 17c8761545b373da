"""Distribution function of the beta distribution, from which those of others follow.

`keras.ops` has no incomplete beta function. This one is a short formula, so that it is compiled and
differentiated like any other, and takes what it needs in a form that loses no digits in float32.
"""

from typing import Any

import numpy as np
from keras import ops

__all__ = ["beta_cdf"]

Tensor = Any

# Nodes and weights of the double exponential rule for the integral of a decaying function from 0 to infinity.
_STEP = 0.2
_AT = np.arange(-2.6, 4.0, _STEP)
NODES = np.exp(_AT - np.exp(-_AT)).astype("float32")
WEIGHTS = (_STEP * np.exp(_AT - np.exp(-_AT)) * (1.0 + np.exp(-_AT))).astype("float32")
# As many widths of the integrand are one unit of the rule.
UNIT = 0.5


def beta_cdf(a: Tensor, b: Tensor, x: Tensor, y: Tensor, excess: Tensor, front: Tensor) -> Tensor:
    """Regularized incomplete beta function, exact to 1e-5, and relatively so where it is small.

    The logit of a beta variable has a log-concave density. Its tail is integrated from `x` outwards, on the
    side on which the mean is not.

    Args:
        a: First parameter, at least 0.5.
        b: Second parameter, at least 0.5.
        x: In [0, 1].
        y: `1 - x`, which float32 cannot tell from `x` near 1.
        excess: `a y - b x`, likewise.
        front: `x^a y^b / B(a, b)`.

    Returns:
        `I_x(a, b)`.

    Reference:
        Takahasi, Mori (1974), Double Exponential Formulas for Numerical Integration.
    """
    above = excess < 0.0
    slope, total = ops.where(above, -excess, excess), a + b
    # The integral does not depend on the unit of its variable, so that no gradient goes through it.
    width = ops.stop_gradient(2.0 * UNIT / (slope + ops.sqrt(ops.square(slope) + 2.0 * total * x * y)))
    s = width[..., None] * NODES
    less = ops.minimum(x, y)[..., None]
    direction = ops.where(ops.equal(x < y, above), 1.0, -1.0)[..., None]
    decay = slope[..., None] * s + total[..., None] * _log_mean_exp(direction * s, less)
    tail = front * width * ops.sum(ops.exp(-decay) * WEIGHTS, axis=-1)
    return ops.where(above, 1.0 - tail, tail)


def _log_mean_exp(z: Tensor, share: Tensor) -> Tensor:
    """`log(1 + share (e^z - 1)) - share z`, without the difference of what is nearly equal."""
    z = ops.minimum(z, 80.0)
    growth = ops.expm1(z)
    mean = share * growth
    series = 1 / 2 + z * (1 / 6 + z * (1 / 24 + z * (1 / 120 + z * (1 / 720 + z / 5040))))
    growth_beyond = ops.where(ops.absolute(z) < 0.3, ops.square(z) * series, growth - z)
    t = mean / (2.0 + mean)
    square = ops.square(t)
    log_lacks = t * (mean - 2.0 * square * (1 / 3 + square * (1 / 5 + square * (1 / 7 + square / 9))))
    near = share * growth_beyond - log_lacks
    return ops.where(ops.absolute(mean) < 0.3, near, ops.log1p(mean) - share * z)
