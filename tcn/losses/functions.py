"""Errors of forecasts over a horizon, element by element."""

from typing import Any

import numpy as np
from keras import ops

__all__ = [
    "crps_from_quantiles",
    "crps_from_samples",
    "mase_scale",
    "pinball",
    "symmetric_error",
    "with_scale",
]


def pinball(target: Any, forecast: Any, quantiles: Any) -> Any:
    """Quantile loss of each forecast step, averaged over the quantiles.

    Args:
        target: `(..., horizon)`.
        forecast: `(..., horizon, quantiles)`.
        quantiles: Probabilities, `(quantiles,)`; a sequence or an array.

    Returns:
        `(..., horizon)`, in the units of the target.

    Raises:
        ValueError: If the shapes do not belong together.

    Example:
        >>> import numpy as np
        >>> from tcn.losses import pinball
        >>> round(float(pinball(np.array([3.0]), np.array([[1.0]]), np.array([0.9]))[0]), 3)
        1.8

    Reference:
        Koenker, Bassett (1978), Regression Quantiles.
    """
    _check_axes(target, "forecast", forecast, (*np.shape(target), *np.shape(quantiles)), "quantiles")
    error = ops.expand_dims(target, -1) - forecast
    quantiles = ops.convert_to_tensor(quantiles, error.dtype)
    return ops.mean(ops.maximum(quantiles * error, (quantiles - 1.0) * error), axis=-1)


def crps_from_quantiles(target: Any, forecast: Any, quantiles: Any) -> Any:
    """Continuous ranked probability score of evenly spread quantiles: twice their mean pinball loss.

    Args:
        target: `(..., horizon)`.
        forecast: `(..., horizon, quantiles)`.
        quantiles: Probabilities, `(quantiles,)`; the score is near that of the distribution if there are many
            and the same distance lies between any two.

    Returns:
        `(..., horizon)`, in the units of the target.

    Example:
        >>> import numpy as np
        >>> from tcn.losses import crps_from_quantiles
        >>> even = (np.arange(100) + 0.5) / 100  # quantiles of the uniform distribution on (0, 1)
        >>> round(float(crps_from_quantiles(np.array([0.5]), even[None], even)[0]), 3)  # exactly 1/12
        0.083

    Reference:
        Gneiting, Ranjan (2011), Comparing Density Forecasts Using Threshold- and Quantile-Weighted Scoring
        Rules.
    """
    return 2.0 * pinball(target, forecast, quantiles)


def crps_from_samples(target: Any, samples: Any) -> Any:
    """Continuous ranked probability score of the empirical distribution of samples.

    It is greater than that of the distribution they are from, on average by a half of the expected difference
    of two samples, divided by the number of samples.

    Args:
        target: `(..., horizon)`.
        samples: `(..., horizon, samples)`.

    Returns:
        `(..., horizon)`, in the units of the target.

    Raises:
        ValueError: If the shapes do not belong together.

    Example:
        >>> import numpy as np
        >>> from tcn.losses import crps_from_samples
        >>> float(crps_from_samples(np.array([1.0]), np.array([[0.0, 2.0]]))[0])
        0.5

    Reference:
        Jordan, Krueger, Lerch (2019), Evaluating Probabilistic Forecasts with scoringRules.
    """
    _check_axes(target, "samples", samples, (*np.shape(target), None), "samples")
    error = ops.sort(samples - ops.expand_dims(target, -1), axis=-1)
    count = error.shape[-1]
    # E|X - X'| / 2, from the ranks.
    ranks = (2.0 * ops.arange(count, dtype=error.dtype) - (count - 1.0)) / count
    return ops.mean(ops.absolute(error) - ranks * error, axis=-1)


def symmetric_error(target: Any, forecast: Any) -> Any:
    """Absolute error as a share of the sum of the absolute values of both; 0 if both are 0.

    Its mean is the sMAPE of `utilsforecast`; that of the M4 competition is 200 times as large.

    Args:
        target: Any shape.
        forecast: Of the same shape.

    Returns:
        Of that shape, from 0 to 1.

    Example:
        >>> from tcn.losses import symmetric_error
        >>> float(symmetric_error(3.0, 1.0))
        0.5

    Reference:
        Makridakis, Spiliotis, Assimakopoulos (2020), The M4 Competition.
    """
    # Halves: the sum of two large numbers is finite.
    total = 0.5 * ops.absolute(target) + 0.5 * ops.absolute(forecast)
    error = ops.absolute(0.5 * target - 0.5 * forecast)
    return ops.where(total > 0.0, error / ops.where(total > 0.0, total, 1.0), 0.0)


def mase_scale(history: Any, season_length: int = 1) -> Any:
    """Mean absolute error of the seasonal naive forecast within a history: what MASE is measured in.

    Args:
        history: `(..., time)`; NaN where nothing was observed.
        season_length: Steps in a season.

    Returns:
        `(...)`; NaN if no two observations are a season apart.

    Raises:
        ValueError: If the season is not a positive integer.

    Example:
        >>> import numpy as np
        >>> from tcn.losses import mase_scale
        >>> float(mase_scale(np.array([1.0, 2.0, np.nan, 5.0, 3.0])))
        1.5

    Reference:
        Hyndman, Koehler (2006), Another Look at Measures of Forecast Accuracy.
    """
    if isinstance(season_length, bool) or not isinstance(season_length, int) or season_length < 1:
        raise ValueError(
            f"'season_length' must be a positive integer. Received: season_length={season_length!r}"
        )
    change = ops.absolute(history[..., season_length:] - history[..., :-season_length])
    there = ops.logical_not(ops.isnan(change))
    count = ops.sum(ops.cast(there, change.dtype), axis=-1)
    return ops.sum(ops.where(there, change, 0.0), axis=-1) / ops.where(count > 0.0, count, float("nan"))


def with_scale(target: Any, scale: Any) -> Any:
    """Targets and the scale of their series in one tensor, as `MASELoss` and `MASE` take them.

    Args:
        target: `(batch, ..., horizon)`.
        scale: `(batch,)`, or with further axes of the target.

    Returns:
        `(batch, ..., horizon, 2)`.

    Raises:
        ValueError: If there is not one scale for each series.

    Example:
        >>> import numpy as np
        >>> from tcn.losses import with_scale
        >>> tuple(with_scale(np.ones((8, 24, 4)), np.ones(8)).shape)
        (8, 24, 4, 2)
    """
    target, scale = ops.convert_to_tensor(target), ops.convert_to_tensor(scale)
    if not _fits(scale.shape, target.shape[: len(scale.shape)]):
        raise ValueError(
            "'scale' must have one number for each series, the first axis of 'target', or more of its axes. "
            f"Received: target of shape {tuple(target.shape)}, scale of shape {tuple(scale.shape)}"
        )
    while len(scale.shape) < len(target.shape):
        scale = ops.expand_dims(scale, -1)
    return ops.stack([target, ops.cast(scale, target.dtype) + ops.zeros_like(target)], axis=-1)


def _check_axes(target: Any, name: str, values: Any, wanted: tuple[int | None, ...], last: str) -> None:
    """Raise unless values have the axes of the target and one more, as far as sizes are known."""
    if not _fits(np.shape(values), wanted):
        raise ValueError(
            f"'{name}' must have the axes of 'target' and a last one of {last}, (..., horizon, {last}). "
            f"Received: target of shape {tuple(np.shape(target))}, {name} of shape {tuple(np.shape(values))}"
            + (f" for {wanted[-1]} {last}" if wanted[-1] is not None else "")
        )


def _fits(shape: Any, wanted: Any) -> bool:
    """Whether a shape is another one, but for axes of size 1, which are repeated."""
    pairs = zip(shape, wanted, strict=False)
    return len(shape) == len(wanted) and all(a == b or 1 in (a, b) or None in (a, b) for a, b in pairs)
