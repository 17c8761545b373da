"""Distributions over classes and bins."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tcn.distributions.base import Distribution
from tcn.layers.checks import check_positive

__all__ = ["Binned", "Categorical"]

Tensor = Any


@keras.saving.register_keras_serializable(package="tcn")
class Categorical(Distribution):
    """A class out of 0, 1, ..., of any probabilities.

    The classes are taken as numbers: there are means and quantiles, and the CRPS is the ranked probability
    score.

    Last axis:
        A logit of each class, any number: their softmax are the probabilities.

    Args:
        classes: Number of classes.

    Raises:
        ValueError: If the number is not a positive integer.

    Example:
        >>> import numpy as np
        >>> from tcn.distributions import Categorical
        >>> float(Categorical(5).mean(np.zeros(5, "float32")))
        2.0

    Reference:
        van den Oord et al. (2016), WaveNet, for series of classes; Epstein (1969), A Scoring System for
        Probability Forecasts of Ranked Categories.
    """

    discrete = True

    def __init__(self, classes: int) -> None:
        check_positive(classes=classes)
        self.classes = classes
        self.names = tuple(f"logit_{i}" for i in range(classes))
        self.values = np.arange(classes, dtype="float32")

    def constrain(self, raw: Tensor) -> Tensor:
        """Leave the logits."""
        return raw

    def log_prob(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Logarithm of the probability of the class; one that there is not has none."""
        parameters, value = self.given(parameters, value)
        is_class = ops.equal(ops.expand_dims(value, -1), self.values)
        found = ops.sum(ops.where(is_class, ops.log_softmax(parameters), 0.0), axis=-1)
        return ops.where(ops.any(is_class, axis=-1), found, -np.inf)

    def mean(self, parameters: Tensor) -> Tensor:
        """Mean."""
        return ops.sum(ops.softmax(parameters) * self.values, axis=-1)

    def variance(self, parameters: Tensor) -> Tensor:
        """Variance."""
        apart = ops.square(self.values - ops.expand_dims(self.mean(parameters), -1))
        return ops.sum(ops.softmax(parameters) * apart, axis=-1)

    def cdf(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Probability of a class or a smaller one."""
        parameters, value = self.given(parameters, value)
        there = self.values <= ops.expand_dims(value, -1)
        return ops.sum(ops.where(there, ops.softmax(parameters), 0.0), axis=-1)

    def inverse_cdf(self, parameters: Tensor, probabilities: np.ndarray) -> Tensor:
        """Quantiles of parameters with an axis for them."""
        below = ops.cumsum(ops.softmax(parameters), axis=-1)[..., :-1]
        target = probabilities[:, None].astype("float32")
        return ops.sum(ops.cast(below < target, below.dtype), axis=-1)

    def draw(self, parameters: Tensor, shape: tuple[Any, ...], seed: Any) -> Tensor:
        """Random classes of parameters with an axis for them."""
        below = ops.cumsum(ops.softmax(parameters), axis=-1)[..., :-1]
        target = ops.expand_dims(keras.random.uniform(shape, seed=seed), -1)
        return ops.sum(ops.cast(below <= target, below.dtype), axis=-1)

    def distance(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Expected absolute difference from a value."""
        parameters, value = self.given(parameters, value)
        return ops.sum(
            ops.softmax(parameters) * ops.absolute(self.values - ops.expand_dims(value, -1)), axis=-1
        )

    def spread(self, parameters: Tensor) -> Tensor:
        """Half of the expected absolute difference of two values."""
        below = ops.cumsum(ops.softmax(parameters), axis=-1)[..., :-1]
        return ops.sum(below * (1.0 - below), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"classes": self.classes}


@keras.saving.register_keras_serializable(package="tcn")
class Binned(Distribution):
    """Any probabilities of bins, and an even density inside each: for shapes that no formula has.

    Values outside count for the likelihood as in the outermost bin.

    Last axis:
        A logit of each bin, any number: their softmax are the probabilities.

    Args:
        edges: Borders of the bins, increasing; one more than there are bins.

    Raises:
        ValueError: If there are not two increasing edges or more.

    Example:
        >>> import numpy as np
        >>> from tcn.distributions import Binned
        >>> even = Binned([0.0, 1.0, 3.0])
        >>> np.asarray(even.quantile(np.zeros(2, "float32"), [0.25, 0.75])).tolist()
        [0.5, 2.0]

    Reference:
        Rabanser et al. (2020), The Effectiveness of Discretization in Forecasting.
    """

    def __init__(self, edges: Sequence[float]) -> None:
        self.edges = tuple(float(edge) for edge in edges)
        exact = np.asarray(self.edges, "float32")
        if len(exact) < 2 or not np.all(np.diff(exact) > 0) or not np.all(np.isfinite(exact)):
            raise ValueError(
                f"'edges' must be two or more increasing float32 numbers. Received: edges={edges!r}"
            )
        self.bins = len(exact) - 1
        self.names = tuple(f"logit_{i}" for i in range(self.bins))
        self.lower, self.upper = exact[:-1], exact[1:]
        self.widths = self.upper - self.lower
        self.centers = self.lower + 0.5 * self.widths

    def constrain(self, raw: Tensor) -> Tensor:
        """Leave the logits."""
        return raw

    def log_prob(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Logarithm of the density."""
        parameters, value = self.given(parameters, value)
        inner = self.upper[:-1] <= ops.expand_dims(value, -1)
        number = ops.sum(ops.cast(inner, "int32"), axis=-1)
        density = ops.log_softmax(parameters) - np.log(self.widths)
        return ops.sum(ops.where(ops.one_hot(number, self.bins) > 0, density, 0.0), axis=-1)

    def mean(self, parameters: Tensor) -> Tensor:
        """Mean."""
        return ops.sum(ops.softmax(parameters) * self.centers, axis=-1)

    def variance(self, parameters: Tensor) -> Tensor:
        """Variance."""
        apart = ops.square(self.centers - ops.expand_dims(self.mean(parameters), -1))
        return ops.sum(ops.softmax(parameters) * (apart + np.square(self.widths) / 12.0), axis=-1)

    def cdf(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Probability of a value or a smaller one."""
        parameters, value = self.given(parameters, value)
        inside = ops.clip((ops.expand_dims(value, -1) - self.lower) / self.widths, 0.0, 1.0)
        return ops.sum(ops.softmax(parameters) * inside, axis=-1)

    def inverse_cdf(self, parameters: Tensor, probabilities: np.ndarray) -> Tensor:
        """Quantiles of parameters with an axis for them."""
        return self._invert(parameters, probabilities[:, None].astype("float32"))

    def draw(self, parameters: Tensor, shape: tuple[Any, ...], seed: Any) -> Tensor:
        """Random values of parameters with an axis for them."""
        return self._invert(parameters, ops.expand_dims(keras.random.uniform(shape, seed=seed), -1))

    def distance(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Expected absolute difference from a value."""
        parameters, value = self.given(parameters, value)
        value = ops.expand_dims(value, -1)
        apart = ops.absolute(value - self.centers)
        # Inside a bin: the mean over both of its parts.
        inside = ops.maximum(0.5 * self.widths - apart, 0.0)
        return ops.sum(ops.softmax(parameters) * (apart + ops.square(inside) / self.widths), axis=-1)

    def spread(self, parameters: Tensor) -> Tensor:
        """Half of the expected absolute difference of two values."""
        weights = ops.softmax(parameters)
        below = ops.cumsum(weights, axis=-1)[..., :-1]
        between = ops.sum(below * (1.0 - below) * np.diff(self.centers), axis=-1)
        return between + ops.sum(ops.square(weights) * self.widths, axis=-1) / 6.0

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"edges": list(self.edges)}

    def _invert(self, parameters: Tensor, probabilities: Any) -> Tensor:
        """Sum of the parts of all bins that lie below the quantiles."""
        weights = ops.softmax(parameters)
        before = ops.cumsum(weights, axis=-1) - weights
        part = ops.clip((probabilities - before) / ops.maximum(weights, 1e-30), 0.0, 1.0)
        return self.lower[0] + ops.sum(part * self.widths, axis=-1)
