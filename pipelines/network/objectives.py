"""What training minimizes: errors of quantiles, and how much those of each size and quantile count."""

from __future__ import annotations

from typing import Any, Final

import tensorflow as tf

from pipelines.choices import Loss
from tcn.losses import pinball

# Of the units that weights count errors in: below that, errors count by their squares.
_BEND: Final = 0.1


def error_of(loss: Loss, target: Any, forecast: Any, quantiles: Any, weight: Any) -> Any:
    """Error of each forecast step, averaged over the quantiles.

    Args:
        loss: "quantile", the quantile loss; "huber", which counts small errors by their squares, and so asks
            less of what is nearly right; "center", which counts quantiles the more, the nearer they are to
            the median.
        target: ``(members, chunks, origins, horizon)``.
        forecast: ``(members, chunks, origins, horizon, quantiles)``.
        quantiles: ``(quantiles,)`` probabilities.
        weight: ``(members, chunks)`` weight of an error of one unit, which is still to be applied.

    Returns:
        Like ``target``, in its units.

    Reference:
        Dabney et al. (2018), Distributional Reinforcement Learning with Quantile Regression, for "huber";
        Gneiting, Ranjan (2011), Comparing Density Forecasts Using Threshold- and Quantile-Weighted Scoring
        Rules, for "center".
    """
    if loss == "quantile":
        return pinball(target, forecast, quantiles)
    away = target[..., None] - forecast
    size, share = tf.abs(away), tf.where(away >= 0, quantiles, 1.0 - quantiles)
    if loss == "huber":
        bend = _BEND / weight[..., None, None, None]
        small = tf.minimum(size, bend)
        size = small * (size - 0.5 * small) / bend
    else:
        middle = quantiles * (1.0 - quantiles)
        share *= middle / tf.reduce_mean(middle)
    return tf.reduce_mean(share * size, axis=-1)
