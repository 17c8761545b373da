"""Parameters of a distribution for each step ahead."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tcn.distributions.base import get
from tcn.distributions.mixture import Mixture
from tcn.heads.base import HorizonHead, observed
from tcn.quantiles import checked_quantiles

__all__ = ["DistributionHead", "DistributionQuantiles", "MixtureHead"]


@keras.saving.register_keras_serializable(package="tcn")
class DistributionHead(HorizonHead):
    """Parameters of a distribution for each step ahead.

    They are an ordinary tensor, which `NegativeLogLikelihood`, `CRPSLoss`, `DistributionQuantiles` and the
    distribution itself (`head.distribution.mean(parameters)`) read.

    Args:
        horizon: Steps ahead.
        distribution: Distribution or its name, see `tcn.distributions`.
        **kwargs: `hidden`, `activation`, `kernel_initializer` and `bias_initializer`, as of `HorizonHead`.

    Input shape:
        `(batch, time, features)`, or any other first axes.

    Output shape:
        `(batch, time, horizon, parameters)`.

    Raises:
        ValueError: If there is no such distribution or a size is not a positive integer.

    Example:
        >>> import numpy as np
        >>> from tcn.heads import DistributionHead
        >>> head = DistributionHead(horizon=3, distribution="student_t")
        >>> tuple(head(np.ones((2, 10, 8), "float32")).shape), head.distribution.names
        ((2, 10, 3, 3), ('loc', 'scale', 'df'))

    Reference:
        Salinas et al. (2020), DeepAR: Probabilistic Forecasting with Autoregressive Recurrent Networks.
    """

    def __init__(self, horizon: int, distribution: Any = "normal", **kwargs: Any) -> None:
        distribution = get(distribution)
        super().__init__(horizon, outputs=distribution.size, **kwargs)
        self.distribution = distribution

    def valid(self, raw: Any) -> Any:
        """Map the outputs to valid parameters."""
        return self.distribution.constrain(raw)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        distribution = keras.saving.serialize_keras_object(self.distribution)
        return {**super().get_config(), "distribution": distribution}


@keras.saving.register_keras_serializable(package="tcn")
class MixtureHead(HorizonHead):
    """Parameters of a mixture of distributions for each step ahead: for forecasts with more than one mode.

    Args:
        horizon: Steps ahead.
        components: Number of components.
        component: Distribution of the components or its name.
        **kwargs: `hidden`, `activation`, `kernel_initializer` and `bias_initializer`, as of `HorizonHead`.

    Input shape:
        `(batch, time, features)`, or any other first axes.

    Output shape:
        `(batch, time, horizon, parameters)`: those of `Mixture(component, components)`.

    Raises:
        ValueError: If there is no such distribution or a size is not a positive integer.

    Example:
        >>> import numpy as np
        >>> from tcn.heads import MixtureHead
        >>> tuple(MixtureHead(horizon=3, components=2)(np.ones((2, 10, 8), "float32")).shape)
        (2, 10, 3, 6)

    Reference:
        Bishop (1994), Mixture Density Networks.
    """

    def __init__(self, horizon: int, components: int = 3, component: Any = "normal", **kwargs: Any) -> None:
        distribution = Mixture(component, components)
        super().__init__(horizon, outputs=distribution.size, **kwargs)
        self.distribution = distribution

    def valid(self, raw: Any) -> Any:
        """Map the outputs to valid parameters."""
        return self.distribution.constrain(raw)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), **self.distribution.get_config()}


@keras.saving.register_keras_serializable(package="tcn")
class DistributionQuantiles(keras.layers.Layer):
    """Turns parameters of a distribution into its quantiles, behind a trained `DistributionHead`.

    Args:
        distribution: Distribution or its name.
        quantiles: Probabilities, strictly increasing in (0, 1).

    Input shape:
        `(..., parameters)`.

    Output shape:
        `(..., quantiles)`.

    Raises:
        ValueError: If there is no such distribution or the quantiles do not increase inside (0, 1).

    Example:
        >>> import numpy as np
        >>> from tcn.heads import DistributionQuantiles
        >>> parameters = np.array([[5.0, 2.0]], "float32")
        >>> quantiles = DistributionQuantiles("normal", [0.1, 0.9])(parameters)
        >>> [round(float(q), 2) for q in quantiles[0]]
        [2.44, 7.56]
    """

    def __init__(self, distribution: Any, quantiles: Sequence[float], **kwargs: Any) -> None:
        # Parameters would lose digits in half precision.
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True
        self.distribution = get(distribution)
        self.quantiles = checked_quantiles(quantiles)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Compute the quantiles."""
        parameters = observed(ops.cast(inputs, "float32"), mask, 1.0)
        return self.distribution.quantile(parameters, self.quantiles)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape with the quantiles in place of the parameters."""
        return (*input_shape[:-1], len(self.quantiles))

    def compute_output_spec(self, inputs: Any, mask: Any = None) -> Any:
        """Return the shape and the type of the output."""
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "distribution": keras.saving.serialize_keras_object(self.distribution),
            "quantiles": list(self.quantiles),
        }
