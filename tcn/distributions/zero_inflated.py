"""Zero-inflated distributions."""

from typing import Any

import keras
import numpy as np
from keras import ops

from tcn.distributions.base import Distribution, get
from tcn.distributions.invert import invert, with_slope

__all__ = ["ZeroInflated"]

Tensor = Any


@keras.saving.register_keras_serializable(package="tcn")
class ZeroInflated(Distribution):
    """0 with some probability, otherwise a value of another distribution: for intermittent demand.

    Of a continuous distribution, the likelihood of a value that is exactly 0 is the probability of the 0.

    Last axis:
        `zero_logit`, any number: the probability of the extra zeros is its sigmoid; then those of the other
        distribution.

    Args:
        distribution: The other distribution or its name.

    Example:
        >>> import numpy as np
        >>> from tcn.distributions import ZeroInflated
        >>> demand = ZeroInflated("negative_binomial")
        >>> parameters = np.array([0.0, 10.0, 0.1], "float32")  # half of the days without demand
        >>> np.asarray(demand.quantile(parameters, [0.25, 0.5, 0.9])).tolist()
        [0.0, 0.0, 14.0]

    Reference:
        Lambert (1992), Zero-Inflated Poisson Regression.
    """

    def __init__(self, distribution: Any = "negative_binomial") -> None:
        self.distribution = get(distribution)
        self.names = ("zero_logit", *self.distribution.names)
        self.discrete = self.distribution.discrete

    def constrain(self, raw: Tensor) -> Tensor:
        """Leave the logit; constrain the others."""
        return ops.concatenate([raw[..., :1], self.distribution.constrain(raw[..., 1:])], axis=-1)

    def log_prob(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Logarithm of the density or of the probability."""
        parameters, value = self.given(parameters, value)
        logit, rest = parameters[..., 0], parameters[..., 1:]
        zero, other = ops.log_sigmoid(logit), ops.log_sigmoid(-logit)
        other = other + self.distribution.log_prob(rest, value)
        at_zero = zero
        if self.discrete:
            at_zero = ops.logaddexp(zero, ops.where(value == 0.0, other, zero))
        return ops.where(value == 0.0, at_zero, other)

    def mean(self, parameters: Tensor) -> Tensor:
        """Mean."""
        return ops.sigmoid(-parameters[..., 0]) * self.distribution.mean(parameters[..., 1:])

    def variance(self, parameters: Tensor) -> Tensor:
        """Variance."""
        zero, other = _chances(parameters)
        rest = parameters[..., 1:]
        return other * (self.distribution.variance(rest) + zero * ops.square(self.distribution.mean(rest)))

    def cdf(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Probability of a value or a smaller one."""
        parameters, value = self.given(parameters, value)
        zero, other = _chances(parameters)
        below = other * self.distribution.cdf(parameters[..., 1:], value)
        return below + ops.where(value >= 0.0, zero, 0.0)

    def inverse_cdf(self, parameters: Tensor, probabilities: np.ndarray) -> Tensor:
        """Quantiles of parameters with an axis for them: between 0 and those of the other distribution."""
        others = ops.stop_gradient(self.distribution.inverse_cdf(parameters[..., 1:], probabilities))
        low, high = ops.minimum(others, 0.0), ops.maximum(others, 0.0)
        target, fixed = probabilities.astype("float32"), ops.stop_gradient(parameters)
        if self.discrete:
            return invert(lambda x: self.cdf(fixed, x), target, low - 1.0, high, self.discrete)
        values = invert(lambda x: self.cdf(fixed, x), target, low, high)
        # Bisection ends near the step at 0, not on it.
        zero, _ = _chances(parameters)
        at_zero = self.cdf(parameters, ops.zeros_like(values))
        values = ops.where((at_zero >= target) & (at_zero - zero < target), 0.0, values)
        density = ops.where(values == 0.0, 0.0, ops.exp(self.log_prob(parameters, values)))
        return with_slope(values, self.cdf(parameters, values), density)

    def draw(self, parameters: Tensor, shape: tuple[Any, ...], seed: Any) -> Tensor:
        """Random values of parameters with an axis for them."""
        others = self.distribution.draw(parameters[..., 1:], shape, seed)
        extra = keras.random.uniform(shape, seed=seed) < _chances(parameters)[0]
        return ops.where(extra, 0.0, others)

    def distance(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Expected absolute difference from a value."""
        parameters, value = self.given(parameters, value)
        zero, other = _chances(parameters)
        return zero * ops.absolute(value) + other * self.distribution.distance(parameters[..., 1:], value)

    def spread(self, parameters: Tensor) -> Tensor:
        """Half of the expected absolute difference of two values."""
        zero, other = _chances(parameters)
        rest = parameters[..., 1:]
        # Counts are as far from 0 as they are large.
        counts = self.distribution.discrete
        from_zero = self.distribution.mean(rest) if counts else self.distribution.distance(rest, 0.0 * zero)
        return other * (zero * from_zero + other * self.distribution.spread(rest))

    def rescale(self, parameters: Tensor, scale: Tensor, shift: Tensor | None = None) -> Tensor:
        """Parameters of `scale * X`."""
        if shift is not None:
            raise ValueError(
                "Zeros cannot be shifted. Received: a shift; scale the series without centering."
            )
        rest = self.distribution.rescale(parameters[..., 1:], scale)
        return ops.concatenate([parameters[..., :1], rest], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"distribution": keras.saving.serialize_keras_object(self.distribution)}


def _chances(parameters: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities of the extra zeros and of the rest."""
    return ops.sigmoid(parameters[..., 0]), ops.sigmoid(-parameters[..., 0])
