"""Student's t distribution."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from tcn.distributions.beta import beta_cdf
from tcn.distributions.invert import invert, with_slope
from tcn.distributions.location_scale import LocationScale
from tcn.distributions.special import log_gamma_half_step, positive

__all__ = ["StudentT"]

Tensor = Any

# A head's tails are no heavier than those of 2 degrees of freedom, so that there is a variance.
FEWEST, MOST = 2.001, 1e6
# sinh of it is farther than any quantile of a float32 probability. As many bisections come near enough for
# Newton's method.
REACH, BISECTIONS = 34.0, 14


@keras.saving.register_keras_serializable(package="tcn")
class StudentT(LocationScale):
    """Student's t distribution, for noise with outliers.

    Last axis:
        `loc`, `scale` and `df`, the degrees of freedom. A head gives more than 2 of them; the mean and the
        CRPS need more than 1, the variance more than 2.

    Example:
        >>> import numpy as np
        >>> from tcn.distributions import StudentT
        >>> cauchy = np.array([0.0, 1.0, 1.0], "float32")
        >>> [round(float(q), 4) for q in StudentT().quantile(cauchy, [0.25, 0.75])]
        [-1.0, 1.0]

    Reference:
        Jordan, Krueger, Lerch (2019), Evaluating Probabilistic Forecasts with scoringRules, for the CRPS.
    """

    names = ("loc", "scale", "df")

    def constrain(self, raw: Tensor) -> Tensor:
        """Leave the location; make the scale positive and the degrees of freedom more than 2."""
        df = ops.minimum(FEWEST + ops.softplus(raw[..., 2] + 3.0), MOST)
        return ops.stack([raw[..., 0], positive(raw[..., 1]), df], axis=-1)

    def mean(self, parameters: Tensor) -> Tensor:
        """Mean: the location, NaN if there is none."""
        return ops.where(parameters[..., 2] > 1.0, parameters[..., 0], math.nan)

    def standard_log_prob(self, z: Tensor, df: Tensor) -> Tensor:
        """Logarithm of the density at `z`."""
        return _log_peak(df) - 0.5 * (df + 1.0) * ops.log1p(ops.square(z) / df)

    def standard_cdf(self, z: Tensor, df: Tensor) -> Tensor:
        """Probability of `z` or a smaller value."""
        tail = _tail(ops.absolute(z), df)
        return ops.where(z < 0.0, tail, 1.0 - tail)

    def standard_variance(self, df: Tensor) -> Tensor:
        """Variance; infinite or NaN if there is none."""
        finite = df / ops.where(df > 2.0, df - 2.0, 1.0)
        return ops.where(df > 2.0, finite, ops.where(df > 1.0, math.inf, math.nan))

    def standard_quantile(self, probabilities: np.ndarray, df: Tensor) -> Tensor:
        """Quantiles, by bisection and Newton's method on an axis on which far ones are near."""
        side = np.sign(probabilities - 0.5).astype("float32")
        target = np.minimum(probabilities, 1.0 - probabilities).astype("float32")
        high = REACH + ops.zeros_like(df * target)
        fixed = ops.stop_gradient(df)
        u = invert(lambda u: -_tail(ops.sinh(u), fixed), -target, 0.0, high, steps=BISECTIONS)
        for _ in range(2):
            tail, density = _tail(ops.sinh(u), fixed), ops.exp(self.standard_log_prob(ops.sinh(u), fixed))
            u = u + ops.log(tail / target) * tail / (density * ops.cosh(u))
        z = side * ops.sinh(u)
        return with_slope(z, self.standard_cdf(z, df), ops.exp(self.standard_log_prob(z, df)))

    def standard_draw(self, shape_of_result: tuple[Any, ...], seed: Any, df: Tensor) -> Tensor:
        """Random values: normal ones divided by the root of chi-squared ones."""
        half = 0.5 * df + ops.zeros(shape_of_result)
        chi = keras.random.gamma(shape_of_result, half, seed=seed) / half
        return keras.random.normal(shape_of_result, seed=seed) / ops.sqrt(ops.maximum(chi, 1e-30))

    def standard_excess(self, z: Tensor, df: Tensor) -> Tensor:
        """`E|X - z| - z`."""
        beyond = ops.exp(_log_peak(df) - 0.5 * (df - 1.0) * ops.log1p(ops.square(z) / df))
        return 2.0 * beyond * (df / (df - 1.0)) - 2.0 * z * _tail(z, df)

    def standard_spread(self, df: Tensor) -> Tensor:
        """`E|X - X'| / 2`."""
        betas = 2.0 * log_gamma_half_step(0.5 * df) - log_gamma_half_step(df - 0.5)
        return 2.0 * ops.sqrt(df) / (df - 1.0) * ops.exp(betas - 0.5 * math.log(math.pi))


def _log_peak(df: Tensor) -> Tensor:
    """Logarithm of the density at 0."""
    return log_gamma_half_step(0.5 * df) - 0.5 * ops.log(math.pi * df)


def _tail(z: Tensor, df: Tensor) -> Tensor:
    """Probability of more than `z`, which is at least 0."""
    square = ops.square(z)
    x, y = df / (df + square), square / (df + square)
    # x^a y^b / B(a, b) with a = df / 2 and b = 1/2.
    power = ops.exp(log_gamma_half_step(0.5 * df) - 0.5 * df * ops.log1p(square / df))
    front = power * z / ops.sqrt(math.pi * (df + square))
    return 0.5 * beta_cdf(0.5 * df, 0.5, x, y, 0.5 * (df * y - x), front)
