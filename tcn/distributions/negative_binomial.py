"""Negative binomial distribution."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from tcn.distributions.base import Distribution
from tcn.distributions.beta import beta_cdf
from tcn.distributions.invert import invert
from tcn.distributions.special import SMALLEST, positive, stirling_error

__all__ = ["NegativeBinomial"]

Tensor = Any

# What is computed from means and dispersions within these limits is finite in float32.
LARGEST_MEAN, LARGEST_DISPERSION, LARGEST_COUNT = 1e15, 1e3, 1e15
# Nodes of the trapezoidal rule for E|X - X'|; its error is that of float32.
NODES, STEP = 42, 0.35


@keras.saving.register_keras_serializable(package="tcn")
class NegativeBinomial(Distribution):
    """Negative binomial distribution, for counts that vary more than those of a Poisson distribution.

    Last axis:
        `mean`, positive, and `dispersion`, positive: the variance is `mean + dispersion * mean^2`. Dispersion
        1e-6, a head's least, is as good as Poisson for means up to ten thousand.

    Values are 0, 1, 2, ...; a negative one has probability 0, and a fraction the likelihood that the formula
    gives between its neighbors.

    Example:
        >>> import numpy as np
        >>> from tcn.distributions import NegativeBinomial
        >>> parameters = np.array([1.0, 1.0], "float32")  # a coin's tails before the first head
        >>> log_prob = NegativeBinomial().log_prob(parameters, np.arange(3.0, dtype="float32"))
        >>> [round(float(np.exp(p)), 4) for p in log_prob]
        [0.5, 0.25, 0.125]

    Reference:
        Loader (2000), Fast and Accurate Computation of Binomial Probabilities; Wei, Held (2014), Calibration
        Tests for Count Data, for the CRPS; Salinas et al. (2020), DeepAR, for forecasts.
    """

    names = ("mean", "dispersion")
    discrete = True

    def constrain(self, raw: Tensor) -> Tensor:
        """Make both positive."""
        mean, dispersion = positive(raw[..., 0], LARGEST_MEAN), positive(raw[..., 1], LARGEST_DISPERSION)
        return ops.stack([mean, dispersion], axis=-1)

    def log_prob(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Logarithm of the probability."""
        parameters, value = self.given(parameters, value)
        mean, alpha = parameters[..., 0], parameters[..., 1]
        value = value + ops.zeros_like(mean)
        of_zero = -ops.log1p(alpha * mean) / alpha
        count = ops.where(value > 0.0, ops.minimum(value, LARGEST_COUNT), 1.0)
        of_count = _log_prob_above_zero(count, mean, alpha)
        return ops.where(value > 0.0, of_count, ops.where(value < 0.0, -math.inf, of_zero))

    def mean(self, parameters: Tensor) -> Tensor:
        """Mean."""
        return parameters[..., 0]

    def variance(self, parameters: Tensor) -> Tensor:
        """Variance."""
        return parameters[..., 0] * (1.0 + parameters[..., 1] * parameters[..., 0])

    def cdf(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Probability of a value or a smaller one."""
        parameters, value = self.given(parameters, value)
        mean, alpha = parameters[..., 0], parameters[..., 1]
        value = value + ops.zeros_like(mean)
        count = ops.floor(ops.clip(value, 0.0, LARGEST_COUNT))
        odds = alpha * mean
        x, y = 1.0 / (1.0 + odds), odds / (1.0 + odds)
        # I_x(r, k + 1) with r = 1 / alpha, by way of r + 1: what r gives more is a term like a probability.
        log_more = (
            self.log_prob(parameters, count) + ops.log(odds) + ops.log1p(alpha * count) - ops.log1p(odds)
        )
        log_front = log_more - ops.log1p(odds) + ops.log1p(alpha * (count + 1.0)) - ops.log(alpha)
        excess = (mean * (1.0 + alpha) - count - 1.0) / (1.0 + odds)
        below = beta_cdf(1.0 + 1.0 / alpha, count + 1.0, x, y, excess, ops.exp(log_front))
        below = below + ops.exp(log_more)
        return ops.where(value < 0.0, 0.0, ops.clip(below, 0.0, 1.0))

    def inverse_cdf(self, parameters: Tensor, probabilities: Any) -> Tensor:
        """Quantiles of parameters with an axis for them; by bisection, without gradients."""
        # Cantelli's inequality: no quantile is farther above the mean.
        ratio = ops.convert_to_tensor(probabilities, parameters.dtype)
        ratio = ops.sqrt(ratio / ops.maximum(1.0 - ratio, 1e-7))
        high = ops.ceil(parameters[..., 0] + ratio * self._deviation(parameters))
        fixed = ops.stop_gradient(parameters)
        found = invert(lambda k: self.cdf(fixed, k), probabilities, -1.0, high, discrete=True)
        return ops.maximum(found, 0.0)

    def draw(self, parameters: Tensor, shape: tuple[Any, ...], seed: Any) -> Tensor:
        """Random values of parameters with an axis for them: quantiles of random probabilities."""
        return self.inverse_cdf(parameters, keras.random.uniform(shape, seed=seed))

    def distance(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Expected absolute difference from a count."""
        parameters, value = self.given(parameters, value)
        mean, alpha = parameters[..., 0], parameters[..., 1]
        value = value + ops.zeros_like(mean)
        count = ops.clip(value, 0.0, LARGEST_COUNT)
        log_change = self.log_prob(parameters, count) + ops.log(mean) + ops.log1p(alpha * count)
        inside = (count - mean) * (2.0 * self.cdf(parameters, count) - 1.0) + 2.0 * ops.exp(log_change)
        return ops.where(value < 0.0, mean - value, inside + (value - count))

    def spread(self, parameters: Tensor) -> Tensor:
        """Half of the expected absolute difference of two values.

        An integral over the squared characteristic function `(1 + 4 c sin^2)^(-1 / dispersion)`, after
        partial integration and with the tangent of the angle as the variable.
        """
        mean, alpha = parameters[..., 0], parameters[..., 1]
        variance, c = self.variance(parameters), alpha * mean * (1.0 + alpha * mean)
        width = 1.0 / ops.sqrt(1.0 + 4.0 * (c + variance))
        share = 4.0 * c / (1.0 + 4.0 * (c + variance))
        nodes = STEP * np.arange(NODES)
        tangents = np.sinh(nodes).astype("float32")
        weights = STEP * np.cosh(nodes) * np.where(nodes == 0.0, 0.5, 1.0)
        squares = ops.square(width[..., None] * tangents)
        decay = ops.log1p(share[..., None] * np.square(tangents) / (1.0 + squares))
        powers = ops.exp(-(1.0 + 1.0 / alpha[..., None]) * decay) / ops.square(1.0 + squares)
        return (4.0 / math.pi) * variance * width * ops.sum(powers * weights.astype("float32"), axis=-1)

    def rescale(self, parameters: Tensor, scale: Tensor, shift: Tensor | None = None) -> Tensor:
        """Multiply the mean; the dispersion, which tells relative deviations, stays."""
        if shift is not None:
            raise ValueError(
                "Counts cannot be shifted. Received: a shift; scale the series without centering."
            )
        return ops.stack([ops.maximum(parameters[..., 0] * scale, SMALLEST), parameters[..., 1]], axis=-1)

    def _deviation(self, parameters: Tensor) -> Tensor:
        return ops.sqrt(self.variance(parameters))


def _log_prob_above_zero(count: Tensor, mean: Tensor, alpha: Tensor) -> Tensor:
    """Loader's form: errors of Stirling's formula, and a deviance that is 0 where the count is the mean."""
    size = 1.0 / alpha
    change = count - mean
    # Quotients of the count and of the size by what is expected of them; log1p where they are near 1.
    near_count = ops.absolute(change) < 0.5 * mean * (1.0 + alpha * count)
    near_size = alpha * ops.absolute(change) < 0.5 * (1.0 + alpha * count)
    spread = ops.log1p(alpha * mean) - ops.log1p(alpha * count)
    of_count = ops.where(
        near_count,
        ops.log1p(ops.where(near_count, change, 0.0) / mean / (1.0 + alpha * count)),
        ops.log(count) - ops.log(mean) + spread,
    )
    of_size = ops.where(
        near_size, ops.log1p(ops.where(near_size, -alpha * change, 0.0) / (1.0 + alpha * count)), spread
    )
    stirling = stirling_error(count + size) - stirling_error(size) - stirling_error(count)
    peak = -0.5 * (ops.log(2.0 * math.pi * count) + ops.log1p(alpha * count))
    return peak + stirling - count * of_count - size * of_size
