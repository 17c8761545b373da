"""Averages over the last steps."""

import math
from typing import Any

import keras
import numpy as np

from tcn.layers.checks import check_positive
from tcn.layers.fixed.base import KnownKernel1D

__all__ = ["ExponentialSmoothing", "MovingAverage"]


@keras.saving.register_keras_serializable(package="tcn")
class MovingAverage(KnownKernel1D):
    """Mean of the last `window` steps of each channel: of those that were observed.

    The same as `CausalAveragePooling1D`, whose work grows with the logarithm of the window, but with a kernel
    that may be trained from there.

    Args:
        window: Steps in a mean.
        trainable: Whether training may change the kernel, in each channel by itself.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        That of the input.

    Raises:
        ValueError: If `window` is not a positive integer.

    Example:
        >>> import numpy as np
        >>> from tcn.layers.fixed import MovingAverage
        >>> np.asarray(MovingAverage(2)(np.array([[[3.0], [1.0], [2.0]]], "float32"))).ravel().tolist()
        [3.0, 2.0, 1.5]
    """

    def __init__(self, window: int, trainable: bool = False, **kwargs: Any) -> None:
        check_positive(window=window)
        super().__init__([1 / window] * window, 1, trainable=trainable, **kwargs)
        self.window = window

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "window": self.window}


@keras.saving.register_keras_serializable(package="tcn")
class ExponentialSmoothing(KnownKernel1D):
    """Mean in which a step counts less by a constant factor with each step of its age.

    `y[t] = sum_i w[i] x[t - i] / sum_i w[i]` with `w[i] = (1 - smoothing) ** i` over the steps that were
    observed, cut off after `window` steps.

    Args:
        smoothing: Weight of the present step in a long series, inside (0, 1).
        window: Steps that are taken into account; None for as many as hold 99 % of the weight.
        trainable: Whether training may change the kernel, in each channel by itself.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        That of the input.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> import numpy as np
        >>> from tcn.layers.fixed import ExponentialSmoothing
        >>> layer = ExponentialSmoothing(0.5)
        >>> layer.receptive_field
        7
        >>> np.asarray(layer(np.array([[[4.0], [1.0]]], "float32"))).ravel().round(6).tolist()
        [4.0, 2.0]

    Reference:
        Brown (1959), Statistical Forecasting for Inventory Control.
    """

    def __init__(
        self, smoothing: float, window: int | None = None, trainable: bool = False, **kwargs: Any
    ) -> None:
        if not 0 < smoothing < 1:
            raise ValueError(f"'smoothing' must lie strictly inside (0, 1). Received: smoothing={smoothing}")
        window = math.ceil(math.log(0.01) / math.log(1 - smoothing)) if window is None else window
        check_positive(window=window)
        weights = (1 - smoothing) ** np.arange(window - 1, -1, -1)
        super().__init__(weights / weights.sum(), 1, trainable=trainable, **kwargs)
        self.smoothing = smoothing
        self.window = window

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "smoothing": self.smoothing, "window": self.window}
