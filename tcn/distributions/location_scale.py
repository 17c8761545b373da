"""Distributions of values on the whole line that a location and a scale move and stretch."""

import math
from statistics import NormalDist
from typing import Any

import keras
import numpy as np
from keras import ops

from tcn.distributions.base import Distribution
from tcn.distributions.special import HALF_LOG_TWO_PI, positive, standardize

__all__ = ["Laplace", "LocationScale", "Normal"]

Tensor = Any


class LocationScale(Distribution):
    """Base of those distributions; subclasses know the one with location 0 and scale 1.

    Last axis:
        `loc`, any number, and `scale`, positive, in the units of the values; then those of the shape.
    """

    names: tuple[str, ...] = ("loc", "scale")

    def constrain(self, raw: Tensor) -> Tensor:
        """Leave the location; make the scale positive."""
        return ops.stack([raw[..., 0], positive(raw[..., 1])], axis=-1)

    def log_prob(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Logarithm of the density."""
        parameters, value = self.given(parameters, value)
        z, scale, shape = _standard(parameters, value)
        return self.standard_log_prob(z, *shape) - ops.log(scale)

    def mean(self, parameters: Tensor) -> Tensor:
        """Mean: the location."""
        return parameters[..., 0]

    def cdf(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Probability of a value or a smaller one."""
        parameters, value = self.given(parameters, value)
        z, _, shape = _standard(parameters, value)
        return self.standard_cdf(z, *shape)

    def variance(self, parameters: Tensor) -> Tensor:
        """Variance."""
        shape = _split(parameters)[2]
        return self.standard_variance(*shape) * ops.square(parameters[..., 1])

    def inverse_cdf(self, parameters: Tensor, probabilities: np.ndarray) -> Tensor:
        """Quantiles of parameters with an axis for them."""
        loc, scale, shape = _split(parameters)
        return loc + scale * self.standard_quantile(probabilities, *shape)

    def draw(self, parameters: Tensor, shape: tuple[Any, ...], seed: Any) -> Tensor:
        """Random values of parameters with an axis for them."""
        loc, scale, rest = _split(parameters)
        return loc + scale * self.standard_draw(shape, seed, *rest)

    def distance(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Expected absolute difference from a value."""
        parameters, value = self.given(parameters, value)
        z, scale, shape = _standard(parameters, value)
        excess = self.standard_excess(ops.absolute(z), *shape)
        return ops.absolute(value - parameters[..., 0]) + scale * excess

    def spread(self, parameters: Tensor) -> Tensor:
        """Half of the expected absolute difference of two values."""
        shape = _split(parameters)[2]
        return self.standard_spread(*shape) * parameters[..., 1]

    def rescale(self, parameters: Tensor, scale: Tensor, shift: Tensor | None = None) -> Tensor:
        """Parameters of `scale * X + shift`."""
        loc = parameters[..., 0] * scale
        loc = loc if shift is None else loc + shift
        moved = ops.stack([loc, parameters[..., 1] * scale], axis=-1)
        return ops.concatenate([moved, parameters[..., 2:]], axis=-1)

    def standard_log_prob(self, z: Tensor, *shape: Tensor) -> Tensor:
        """Logarithm of the density at `z`."""
        raise NotImplementedError

    def standard_cdf(self, z: Tensor, *shape: Tensor) -> Tensor:
        """Probability of `z` or a smaller value."""
        raise NotImplementedError

    def standard_variance(self, *shape: Tensor) -> Tensor:
        """Variance."""
        raise NotImplementedError

    def standard_quantile(self, probabilities: np.ndarray, *shape: Tensor) -> Tensor:
        """Quantiles."""
        raise NotImplementedError

    def standard_draw(self, shape_of_result: tuple[Any, ...], seed: Any, *shape: Tensor) -> Tensor:
        """Random values."""
        raise NotImplementedError

    def standard_excess(self, z: Tensor, *shape: Tensor) -> Tensor:
        """`E|X - z| - z` for `z` from 0 on; it vanishes far out, where the difference of both would not."""
        raise NotImplementedError

    def standard_spread(self, *shape: Tensor) -> Any:
        """`E|X - X'| / 2`."""
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="tcn")
class Normal(LocationScale):
    """Normal distribution.

    Last axis:
        `loc`, the mean, and `scale`, the standard deviation.

    Example:
        >>> import numpy as np
        >>> from tcn.distributions import Normal
        >>> standard = np.array([0.0, 1.0], "float32")
        >>> [round(float(q), 3) for q in Normal().quantile(standard, [0.1, 0.5, 0.9])]
        [-1.282, 0.0, 1.282]
        >>> round(float(Normal().crps(standard, 0.0)), 4)
        0.2337

    Reference:
        Jordan, Krueger, Lerch (2019), Evaluating Probabilistic Forecasts with scoringRules, for the CRPS.
    """

    def standard_log_prob(self, z: Tensor) -> Tensor:
        """Logarithm of the density at `z`."""
        return -0.5 * ops.square(z) - HALF_LOG_TWO_PI

    def standard_cdf(self, z: Tensor) -> Tensor:
        """Probability of `z` or a smaller value."""
        return 0.5 * ops.erfc(-z / math.sqrt(2.0))

    def standard_variance(self) -> float:
        """Variance."""
        return 1.0

    def standard_quantile(self, probabilities: np.ndarray) -> np.ndarray:
        """Quantiles."""
        return np.array([NormalDist().inv_cdf(p) for p in probabilities], "float32")

    def standard_draw(self, shape_of_result: tuple[Any, ...], seed: Any) -> Tensor:
        """Random values."""
        return keras.random.normal(shape_of_result, seed=seed)

    def standard_excess(self, z: Tensor) -> Tensor:
        """`E|X - z| - z`."""
        density = ops.exp(self.standard_log_prob(z))
        return 2.0 * density - z * ops.erfc(z / math.sqrt(2.0))

    def standard_spread(self) -> float:
        """`E|X - X'| / 2`."""
        return 1.0 / math.sqrt(math.pi)


@keras.saving.register_keras_serializable(package="tcn")
class Laplace(LocationScale):
    """Laplace distribution: its likelihood is the absolute error.

    Last axis:
        `loc`, the median, and `scale`, the mean absolute deviation.

    Example:
        >>> import numpy as np
        >>> from tcn.distributions import Laplace
        >>> round(float(Laplace().log_prob(np.array([0.0, 0.5], "float32"), 2.0)), 4)
        -4.0

    Reference:
        Jordan, Krueger, Lerch (2019), Evaluating Probabilistic Forecasts with scoringRules, for the CRPS.
    """

    def standard_log_prob(self, z: Tensor) -> Tensor:
        """Logarithm of the density at `z`."""
        return -ops.absolute(z) - math.log(2.0)

    def standard_cdf(self, z: Tensor) -> Tensor:
        """Probability of `z` or a smaller value."""
        tail = 0.5 * ops.exp(-ops.absolute(z))
        return ops.where(z < 0.0, tail, 1.0 - tail)

    def standard_variance(self) -> float:
        """Variance."""
        return 2.0

    def standard_quantile(self, probabilities: np.ndarray) -> np.ndarray:
        """Quantiles."""
        tail = np.minimum(probabilities, 1.0 - probabilities)
        return np.asarray(np.sign(0.5 - probabilities) * np.log(2.0 * tail), "float32")

    def standard_draw(self, shape_of_result: tuple[Any, ...], seed: Any) -> Tensor:
        """Random values: the difference of two exponential ones."""
        first = -ops.log1p(-keras.random.uniform(shape_of_result, seed=seed))
        return first + ops.log1p(-keras.random.uniform(shape_of_result, seed=seed))

    def standard_excess(self, z: Tensor) -> Tensor:
        """`E|X - z| - z`."""
        return ops.exp(-z)

    def standard_spread(self) -> float:
        """`E|X - X'| / 2`."""
        return 0.75


def _split(parameters: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Location, scale, and those of the shape."""
    return (
        parameters[..., 0],
        parameters[..., 1],
        [parameters[..., i] for i in range(2, parameters.shape[-1])],
    )


def _standard(parameters: Tensor, value: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Standardized value, scale, and parameters of the shape."""
    loc, scale, shape = _split(parameters)
    return standardize(value, loc, scale), scale, shape
