"""What every distribution is."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

__all__ = ["Distribution", "get"]

Tensor = Any

# Classes that names stand for, with their default arguments.
_CLASSES = {
    "laplace": "Laplace",
    "mixture": "Mixture",
    "negative_binomial": "NegativeBinomial",
    "normal": "Normal",
    "student_t": "StudentT",
}
_INFLATED = "zero_inflated_"


class Distribution:
    """A family of distributions, which says what tensors of parameters mean.

    It holds no tensors: parameters are the last axis of an ordinary tensor, as a head gives them, so that
    models return them, save them and stream them like anything else.

    Attributes:
        names: Names of the parameters, in the order of the last axis.
        discrete: Whether all values are counts: 0, 1, 2, ...

    Example:
        >>> import numpy as np
        >>> from tcn.distributions import get
        >>> normal = get("normal")
        >>> normal.names, np.asarray(normal.mean(np.array([[3.0, 1.0]]))).tolist()
        (('loc', 'scale'), [3.0])
    """

    names: tuple[str, ...]
    discrete = False

    @property
    def size(self) -> int:
        """Number of parameters."""
        return len(self.names)

    def check(self, parameters: Tensor) -> None:
        """Raise if the last axis cannot hold the parameters.

        Args:
            parameters: `(..., size)`.

        Raises:
            ValueError: If it has another size.
        """
        shape = tuple(np.shape(parameters))
        if shape[-1:] not in ((self.size,), (None,)):
            names = (*self.names[:6], "...") if self.size > 6 else self.names
            raise ValueError(
                f"The last axis of the parameters must hold the {self.size} of {type(self).__name__}, "
                f"{', '.join(names)}. Received: shape {shape}"
            )

    def given(self, parameters: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Check parameters, and bring a value to their floating type.

        Args:
            parameters: `(..., size)`.
            value: `(...)`, of any type: forecasts of a model have 32 bits, arrays of NumPy mostly 64.

        Returns:
            Both as tensors.

        Raises:
            ValueError: If the last axis of the parameters has another size.
        """
        self.check(parameters)
        parameters = ops.convert_to_tensor(parameters)
        return parameters, ops.cast(value, parameters.dtype)

    def constrain(self, raw: Tensor) -> Tensor:
        """Map any numbers to valid parameters.

        Args:
            raw: `(..., size)`.

        Returns:
            Parameters, `(..., size)`.
        """
        raise NotImplementedError

    def log_prob(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Logarithm of the density, or of the probability if the distribution is discrete.

        Args:
            parameters: `(..., size)`.
            value: `(...)`.

        Returns:
            `(...)`.
        """
        raise NotImplementedError

    def mean(self, parameters: Tensor) -> Tensor:
        """Mean.

        Args:
            parameters: `(..., size)`.

        Returns:
            `(...)`.
        """
        raise NotImplementedError

    def variance(self, parameters: Tensor) -> Tensor:
        """Variance.

        Args:
            parameters: `(..., size)`.

        Returns:
            `(...)`.
        """
        raise NotImplementedError

    def cdf(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Probability of a value or a smaller one.

        Args:
            parameters: `(..., size)`.
            value: `(...)`.

        Returns:
            `(...)`.
        """
        raise NotImplementedError

    def quantile(self, parameters: Tensor, probabilities: Sequence[float]) -> Tensor:
        """Smallest values with at least these probabilities of them or smaller ones.

        Args:
            parameters: `(..., size)`.
            probabilities: In (0, 1), known before the tensors are.

        Returns:
            `(..., len(probabilities))`.

        Raises:
            ValueError: If a probability is not in (0, 1), or the parameters are not as many.
        """
        self.check(parameters)
        asked = np.asarray(probabilities, "float64")
        if asked.ndim != 1 or not np.all((asked > 0) & (asked < 1)):
            raise ValueError(
                f"'probabilities' must be a sequence of numbers in (0, 1). Received: {probabilities!r}"
            )
        return self.inverse_cdf(ops.expand_dims(parameters, -2), asked)

    def inverse_cdf(self, parameters: Tensor, probabilities: np.ndarray) -> Tensor:
        """The same for parameters that have an axis for the quantiles.

        Args:
            parameters: `(..., 1, size)`.
            probabilities: `(quantiles,)`.

        Returns:
            `(..., quantiles)`.
        """
        raise NotImplementedError

    def sample(self, parameters: Tensor, samples: int, seed: Any) -> Tensor:
        """Independent random values.

        Args:
            parameters: `(..., size)`.
            samples: Number of values.
            seed: A `keras.random.SeedGenerator`; outside of compiled functions also an integer.

        Returns:
            `(..., samples)`.
        """
        self.check(parameters)
        generator = seed if isinstance(seed, keras.random.SeedGenerator) else keras.random.SeedGenerator(seed)
        shape = (*ops.shape(parameters)[:-1], samples)
        return self.draw(ops.expand_dims(parameters, -2), shape, generator)

    def draw(self, parameters: Tensor, shape: tuple[Any, ...], seed: Any) -> Tensor:
        """The same for parameters that have an axis for the samples.

        Args:
            parameters: `(..., 1, size)`.
            shape: Of the result, `(..., samples)`.
            seed: A `keras.random.SeedGenerator`.

        Returns:
            `(..., samples)`.
        """
        raise NotImplementedError

    def crps(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Continuous ranked probability score, `E|X - value| - E|X - X'| / 2`; the least is the best.

        Args:
            parameters: `(..., size)`.
            value: `(...)`.

        Returns:
            `(...)`, in the units of the value.

        Reference:
            Gneiting, Raftery (2007), Strictly Proper Scoring Rules, Prediction, and Estimation.
        """
        return self.distance(parameters, value) - self.spread(parameters)

    def distance(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Expected absolute difference from a value, `E|X - value|`.

        Args:
            parameters: `(..., size)`.
            value: `(...)`.

        Returns:
            `(...)`.
        """
        raise NotImplementedError

    def spread(self, parameters: Tensor) -> Tensor:
        """Half of the expected absolute difference of two independent values, `E|X - X'| / 2`.

        Args:
            parameters: `(..., size)`.

        Returns:
            `(...)`.
        """
        raise NotImplementedError

    def rescale(self, parameters: Tensor, scale: Tensor, shift: Tensor | None = None) -> Tensor:
        """Parameters of `scale * X + shift`, by which a forecast of scaled values becomes one of the values.

        Args:
            parameters: `(..., size)`.
            scale: Positive, `(...)`.
            shift: `(...)`; none where 0 has a meaning.

        Returns:
            `(..., size)`.

        Raises:
            ValueError: If there is a shift and the distribution cannot be shifted.
        """
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Distribution":
        """Make one from the arguments of its constructor.

        Args:
            config: As `get_config` gave it.

        Returns:
            The distribution.
        """
        return cls(**config)


def get(identifier: Any) -> Distribution:
    """Distribution that an argument stands for.

    Args:
        identifier: A distribution, its name, or what `keras.saving.serialize_keras_object` made of it. A name
            with `"zero_inflated_"` before it stands for the zero-inflated distribution.

    Returns:
        The distribution.

    Raises:
        ValueError: If there is none of that name.

    Example:
        >>> from tcn.distributions import get
        >>> get("student_t").names
        ('loc', 'scale', 'df')
    """
    if isinstance(identifier, Distribution):
        return identifier
    if isinstance(identifier, dict):
        return get(keras.saving.deserialize_keras_object(identifier))
    name = identifier.removeprefix(_INFLATED) if isinstance(identifier, str) else None
    if name not in _CLASSES:
        raise ValueError(
            f"'distribution' must be a distribution or one of {sorted(_CLASSES)}, with or without "
            f"{_INFLATED!r} before it. Received: {identifier!r}"
        )
    plain: Distribution = _registered(_CLASSES[name])()
    return plain if name == identifier else _registered("ZeroInflated")(plain)


def _registered(name: str) -> Any:
    """Class of this package; its module is imported with the package."""
    return keras.saving.get_registered_object(f"tcn>{name}")
