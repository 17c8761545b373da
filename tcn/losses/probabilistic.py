"""Losses of forecasts that are distributions or quantiles."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from tcn.distributions.base import get
from tcn.losses.base import ForecastLoss
from tcn.losses.functions import pinball
from tcn.quantiles import checked_quantiles

__all__ = ["CRPSLoss", "NegativeLogLikelihood", "QuantileLoss"]


@keras.saving.register_keras_serializable(package="tcn")
class QuantileLoss(ForecastLoss):
    """Mean pinball loss of quantiles.

    Formula: the mean over the quantiles of `max(q (y - f), (q - 1) (y - f))`.

    Args:
        quantiles: Probabilities, strictly increasing in (0, 1).
        reduction: As of `ForecastLoss`.
        name: Name of the loss.

    Raises:
        ValueError: If the quantiles do not increase inside (0, 1).

    Example:
        >>> import numpy as np
        >>> from tcn.losses import QuantileLoss
        >>> target = np.array([[3.0, np.nan]])
        >>> forecast = np.ones((1, 2, 1))
        >>> round(float(QuantileLoss([0.9])(target, forecast)), 4)
        1.8

    Reference:
        Koenker, Bassett (1978), Regression Quantiles.
    """

    def __init__(self, quantiles: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.quantiles = checked_quantiles(quantiles)
        self.outputs = len(self.quantiles)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Losses of all elements."""
        return pinball(y_true, y_pred, np.array(self.quantiles, "float32"))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "quantiles": list(self.quantiles)}


class _DistributionLoss(ForecastLoss):
    """Base of those that take the parameters of a distribution."""

    def __init__(self, distribution: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.distribution = get(distribution)
        self.outputs = self.distribution.size

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        distribution = keras.saving.serialize_keras_object(self.distribution)
        return {**super().get_config(), "distribution": distribution}


@keras.saving.register_keras_serializable(package="tcn")
class NegativeLogLikelihood(_DistributionLoss):
    """Negative logarithm of the probability, or of the density, of what happened.

    Args:
        distribution: Distribution or its name; the forecasts are its parameters.
        reduction: As of `ForecastLoss`.
        name: Name of the loss.

    Example:
        >>> import numpy as np
        >>> from tcn.losses import NegativeLogLikelihood
        >>> loss = NegativeLogLikelihood("normal")
        >>> round(float(loss(np.zeros((1, 1)), np.array([[[0.0, 1.0]]]))), 4)  # log(2 pi) / 2
        0.9189
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Losses of all elements."""
        return -self.distribution.log_prob(y_pred, y_true)


@keras.saving.register_keras_serializable(package="tcn")
class CRPSLoss(_DistributionLoss):
    """Continuous ranked probability score: in the units of the target, and milder on outliers.

    Formula: the integral of `(F(x) - 1{x >= y})^2` over `x`, by the closed form of the distribution.

    Args:
        distribution: Distribution or its name; the forecasts are its parameters.
        reduction: As of `ForecastLoss`.
        name: Name of the loss.

    Example:
        >>> import numpy as np
        >>> from tcn.losses import CRPSLoss
        >>> round(float(CRPSLoss("normal")(np.zeros((1, 1)), np.array([[[0.0, 1.0]]]))), 4)
        0.2337

    Reference:
        Gneiting, Raftery (2007), Strictly Proper Scoring Rules, Prediction, and Estimation.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Losses of all elements."""
        return self.distribution.crps(y_pred, y_true)
