"""Losses for forecasts over a horizon."""

from typing import Any

from keras import ops

__all__ = ["pinball"]


def pinball(target: Any, forecast: Any, quantiles: Any) -> Any:
    """Quantile loss of each forecast step, averaged over the quantiles.

    Args:
        target: `(..., horizon)`.
        forecast: `(..., horizon, quantiles)`.
        quantiles: Probabilities, `(quantiles,)`.

    Returns:
        `(..., horizon)`, in the units of the target.

    Example:
        >>> import numpy as np
        >>> from tcn.losses import pinball
        >>> float(pinball(np.array([3.0]), np.array([[1.0]]), np.array([0.9]))[0])
        1.8

    Reference:
        Koenker, Bassett (1978), Regression Quantiles.
    """
    error = ops.expand_dims(target, -1) - forecast
    return ops.mean(ops.maximum(quantiles * error, (quantiles - 1.0) * error), axis=-1)
