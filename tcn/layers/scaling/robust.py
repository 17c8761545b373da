"""Scaling by median and median distance from it."""

from typing import Any

import keras
from keras import ops

from tcn.layers.scaling.base import RELATIVE_FLOOR, CausalScaling
from tcn.memory import extend

__all__ = ["CausalRobustScaling"]

# What makes a median and a mean absolute deviation estimates of a normal distribution's standard deviation.
OF_MEDIAN, OF_MEAN = 1.482602, 1.253314


@keras.saving.register_keras_serializable(package="tcn")
class CausalRobustScaling(CausalScaling):
    """Subtract the median of the last `window` steps and divide by their median absolute deviation.

    `location[t] = median(x)`, `scale[t] = 1.4826 median(|x - location[t]|)` over the observed steps of the
    window that ends at `t`: the standard deviation if values are normal, and unmoved by outliers as long as
    they are fewer than half. Where more than half of the values are equal, which leaves no median deviation,
    it is 1.2533 times the mean one.

    The window is sorted at every step, so memory and work grow with its length.

    Args:
        window: Steps that the medians are taken of.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        Three tensors `(batch, time, channels)`: scaled inputs, location, scale.

    Raises:
        ValueError: If `window` is not a positive integer.

    Example:
        >>> import numpy as np
        >>> from tcn.layers.scaling import CausalRobustScaling
        >>> layer = CausalRobustScaling(window=5)
        >>> x = np.array([[[2.0], [4.0], [3.0], [1.0], [1000.0]]], "float32")
        >>> scaled, location, scale = layer(x)
        >>> float(location[0, -1, 0]), round(float(scale[0, -1, 0]), 4)
        (3.0, 1.4826)

    Reference:
        Iglewicz and Hoaglin (1993), How to Detect and Handle Outliers, for both constants.
    """

    def __init__(self, window: int, **kwargs: Any) -> None:
        super().__init__(window, **kwargs)

    def statistics(self, values: Any, observed: Any) -> tuple[Any, Any, Any]:
        """Medians; see `CausalScaling`."""
        assert self.window is not None
        # What was not observed is sorted behind everything else.
        longer = extend(self, ops.where(observed, values, float("inf")), self.window - 1, fill=float("inf"))
        starts = ops.arange(ops.shape(values)[1], dtype="int32")
        windows = ops.take(longer, starts[:, None] + ops.arange(self.window, dtype="int32"), axis=1)
        known = ops.isfinite(windows)
        count = ops.sum(ops.cast(known, "int32"), axis=2, keepdims=True)
        location = self._median(windows, count)
        away = ops.abs(windows - location)
        by_median = self._median(away, count)
        number = ops.maximum(ops.cast(count, values.dtype), 1.0)
        by_mean = ops.sum(ops.where(known, away, 0.0), axis=2, keepdims=True) / number
        least = RELATIVE_FLOOR * ops.maximum(by_mean, ops.abs(location))
        spread = ops.where(by_median > least, OF_MEDIAN * by_median, OF_MEAN * by_mean)
        return values - location[:, :, 0], location[:, :, 0], spread[:, :, 0]

    def _median(self, windows: Any, count: Any) -> Any:
        """Median of the `count` smallest values of each window, 0 if there are none."""
        assert self.window is not None
        ordered = ops.sort(windows, axis=2)
        lower = ops.take_along_axis(ordered, ops.maximum(count - 1, 0) // 2, axis=2)
        upper = ops.take_along_axis(ordered, ops.minimum(count // 2, self.window - 1), axis=2)
        return ops.where(count > 0, lower / 2 + upper / 2, 0.0)
