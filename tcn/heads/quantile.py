"""Quantiles that never cross."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import keras
import numpy as np
from keras import ops

from tcn.heads.base import HorizonHead
from tcn.quantiles import checked_quantiles

__all__ = ["QuantileHead"]


@keras.saving.register_keras_serializable(package="tcn")
class QuantileHead(HorizonHead):
    """Quantiles of each step ahead: the one nearest the median, and steps of one sign to the others.

    Formula: `f_m = r_m`, and above it `f_k = f_m + sum over j = m+1..k of softplus(r_j + c_j)`, likewise
    below. The constants `c_j` are such that outputs `r` of 0 stand for the quantiles of the standard normal
    distribution. The sums are made one after another, so that rounding cannot make quantiles cross either.

    Args:
        horizon: Steps ahead.
        quantiles: Probabilities, strictly increasing in (0, 1); any number of them, with 0.5 or without.
        **kwargs: `hidden`, `activation`, `kernel_initializer` and `bias_initializer`, as of `HorizonHead`.

    Input shape:
        `(batch, time, features)`, or any other first axes.

    Output shape:
        `(batch, time, horizon, quantiles)`, not decreasing along the last axis.

    Raises:
        ValueError: If the quantiles do not increase inside (0, 1) or a size is not a positive integer.

    Example:
        >>> import numpy as np
        >>> from tcn.heads import QuantileHead
        >>> head = QuantileHead(horizon=3, quantiles=[0.1, 0.5, 0.9], kernel_initializer="zeros")
        >>> [round(float(q), 3) for q in head(np.ones((2, 10, 8), "float32"))[0, 0, 0]]
        [-1.282, 0.0, 1.282]

    Reference:
        Park et al. (2022), Learning Quantile Functions without Quantile Crossing for Distribution-free Time
        Series Forecasting.
    """

    def __init__(self, horizon: int, quantiles: Sequence[float], **kwargs: Any) -> None:
        checked = checked_quantiles(quantiles)
        super().__init__(horizon, outputs=len(checked), **kwargs)
        self.quantiles = checked
        self.anchor = min(range(len(self.quantiles)), key=lambda i: abs(self.quantiles[i] - 0.5))
        # softplus(log(exp(gap) - 1)) is the gap.
        normal = [NormalDist().inv_cdf(q) for q in self.quantiles]
        self.offsets = [math.log(math.expm1(b - a)) for a, b in pairwise(normal)]

    def valid(self, raw: Any) -> Any:
        """Add up the steps away from the anchor."""
        middle = self.anchor
        offsets = np.array([*self.offsets[:middle], 0.0, *self.offsets[middle:]], "float32")
        steps = ops.unstack(ops.softplus(raw + offsets), axis=-1)
        center = raw[..., middle]
        forecasts = [center]
        for side, sign in ((steps[middle + 1 :], 1.0), (steps[:middle][::-1], -1.0)):
            total = ops.zeros_like(center)
            for step in side:
                total = total + step
                forecasts.append(center + sign * total)
        above, below = forecasts[: len(steps) - middle], forecasts[len(steps) - middle :]
        return ops.stack([*below[::-1], *above], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "quantiles": list(self.quantiles)}
