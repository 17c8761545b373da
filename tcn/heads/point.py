"""One number for each step ahead."""

from typing import Any

import keras

from tcn.heads.base import HorizonHead

__all__ = ["PointHead"]


@keras.saving.register_keras_serializable(package="tcn")
class PointHead(HorizonHead):
    """A point forecast for each step ahead.

    What it estimates is what the loss asks for: the mean with squared errors, the median with absolute ones.

    Args:
        horizon: Steps ahead.
        **kwargs: `hidden`, `activation`, `kernel_initializer` and `bias_initializer`, as of `HorizonHead`.

    Input shape:
        `(batch, time, features)`, or any other first axes.

    Output shape:
        `(batch, time, horizon, 1)`; losses of Keras take targets `(batch, time, horizon)` for it.

    Raises:
        ValueError: If a size is not a positive integer.

    Example:
        >>> import numpy as np
        >>> from tcn.heads import PointHead
        >>> tuple(PointHead(horizon=3)(np.ones((2, 10, 8), "float32")).shape)
        (2, 10, 3, 1)
    """

    def __init__(self, horizon: int, **kwargs: Any) -> None:
        super().__init__(horizon, outputs=1, **kwargs)
