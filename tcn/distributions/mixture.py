"""Mixtures of distributions."""

from typing import Any

import keras
import numpy as np
from keras import ops

from tcn.distributions.base import Distribution, get
from tcn.distributions.invert import invert, with_slope
from tcn.distributions.location_scale import Normal
from tcn.layers.checks import check_positive

__all__ = ["Mixture"]

Tensor = Any


@keras.saving.register_keras_serializable(package="tcn")
class Mixture(Distribution):
    """Each value is from one of several distributions of a kind: for more than one mode.

    Last axis:
        A logit of each component, any number: their softmax are the weights; then the parameters of the first
        component, of the second, and so on.

    Args:
        component: Distribution of the components or its name.
        components: Number of components.

    Raises:
        ValueError: If the number is not a positive integer.

    Example:
        >>> import numpy as np
        >>> from tcn.distributions import Mixture
        >>> two = Mixture("normal", components=2)
        >>> parameters = np.array([0.0, 0.0, -3.0, 1.0, 3.0, 1.0], "float32")
        >>> float(two.mean(parameters)), float(two.variance(parameters))
        (0.0, 10.0)

    Reference:
        Bishop (1994), Mixture Density Networks; Grimit et al. (2006), The Continuous Ranked Probability Score
        for Circular Variables and Its Application to Mesoscale Forecast Ensemble Verification.
    """

    def __init__(self, component: Any = "normal", components: int = 3) -> None:
        check_positive(components=components)
        self.component = get(component)
        self.components = components
        self.discrete = self.component.discrete
        numbers = range(1, components + 1)
        self.names = (
            *(f"logit_{i}" for i in numbers),
            *(f"{name}_{i}" for i in numbers for name in self.component.names),
        )

    def constrain(self, raw: Tensor) -> Tensor:
        """Leave the logits; constrain the others."""
        logits, rest = self._split(raw)
        parts = [self.component.constrain(rest[..., i, :]) for i in range(self.components)]
        return ops.concatenate([logits, *parts], axis=-1)

    def log_prob(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Logarithm of the density or of the probability."""
        parameters, value = self.given(parameters, value)
        logits, rest = self._split(parameters)
        each = self.component.log_prob(rest, ops.expand_dims(value, -1))
        return ops.logsumexp(ops.log_softmax(logits) + each, axis=-1)

    def mean(self, parameters: Tensor) -> Tensor:
        """Mean."""
        logits, rest = self._split(parameters)
        return ops.sum(ops.softmax(logits) * self.component.mean(rest), axis=-1)

    def variance(self, parameters: Tensor) -> Tensor:
        """Variance."""
        logits, rest = self._split(parameters)
        means = self.component.mean(rest)
        apart = ops.square(means - ops.expand_dims(self.mean(parameters), -1))
        return ops.sum(ops.softmax(logits) * (self.component.variance(rest) + apart), axis=-1)

    def cdf(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Probability of a value or a smaller one."""
        parameters, value = self.given(parameters, value)
        logits, rest = self._split(parameters)
        return ops.sum(ops.softmax(logits) * self.component.cdf(rest, ops.expand_dims(value, -1)), axis=-1)

    def inverse_cdf(self, parameters: Tensor, probabilities: np.ndarray) -> Tensor:
        """Quantiles of parameters with an axis for them: between those of the components; by bisection."""
        _, rest = self._split(parameters)
        each = [self.component.inverse_cdf(rest[..., i, :], probabilities) for i in range(self.components)]
        bounds = ops.stop_gradient(ops.stack(each))
        low, high = ops.min(bounds, axis=0), ops.max(bounds, axis=0)
        target, fixed = probabilities.astype("float32"), ops.stop_gradient(parameters)
        if self.discrete:
            return invert(lambda x: self.cdf(fixed, x), target, low - 1.0, high, self.discrete)
        values = invert(lambda x: self.cdf(fixed, x), target, low, high)
        density = ops.exp(self.log_prob(parameters, values))
        return with_slope(values, self.cdf(parameters, values), density)

    def draw(self, parameters: Tensor, shape: tuple[Any, ...], seed: Any) -> Tensor:
        """Random values of parameters with an axis for them."""
        logits, rest = self._split(parameters)
        each = [self.component.draw(rest[..., i, :], shape, seed) for i in range(self.components)]
        ends = ops.cumsum(ops.softmax(logits), axis=-1)[..., :-1]
        below = ops.expand_dims(keras.random.uniform(shape, seed=seed), -1) >= ends
        which = ops.sum(ops.cast(below, "int32"), axis=-1)
        return ops.sum(ops.where(ops.one_hot(which, self.components) > 0, ops.stack(each, axis=-1), 0.0), -1)

    def distance(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Expected absolute difference from a value."""
        parameters, value = self.given(parameters, value)
        logits, rest = self._split(parameters)
        each = self.component.distance(rest, ops.expand_dims(value, -1))
        return ops.sum(ops.softmax(logits) * each, axis=-1)

    def spread(self, parameters: Tensor) -> Tensor:
        """Half of the expected absolute difference of two values.

        Raises:
            NotImplementedError: If the components are not normal.
        """
        if not isinstance(self.component, Normal):
            raise NotImplementedError(
                "The CRPS of a mixture has a closed form for normal components only. "
                f"Received: {type(self.component).__name__}. "
                "Use tcn.losses.crps_from_quantiles with the mixture's quantiles, or NegativeLogLikelihood."
            )
        logits, rest = self._split(parameters)
        weights, loc, scale = ops.softmax(logits), rest[..., 0], rest[..., 1]
        # Differences of two normal values are normal.
        between = ops.stack(
            [
                loc[..., :, None] - loc[..., None, :],
                ops.hypot(scale[..., :, None], scale[..., None, :]),
            ],
            axis=-1,
        )
        each = self.component.distance(between, 0.0)
        return 0.5 * ops.sum(weights[..., :, None] * weights[..., None, :] * each, axis=(-2, -1))

    def rescale(self, parameters: Tensor, scale: Tensor, shift: Tensor | None = None) -> Tensor:
        """Parameters of `scale * X + shift`."""
        logits, rest = self._split(parameters)
        parts = [self.component.rescale(rest[..., i, :], scale, shift) for i in range(self.components)]
        return ops.concatenate([logits, *parts], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        component = keras.saving.serialize_keras_object(self.component)
        return {"component": component, "components": self.components}

    def _split(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `(..., components)`, and parameters `(..., components, size)`."""
        logits, rest = parameters[..., : self.components], parameters[..., self.components :]
        size = self.component.size
        parts = [rest[..., i * size : (i + 1) * size] for i in range(self.components)]
        return logits, ops.stack(parts, axis=-2)
