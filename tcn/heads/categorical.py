"""Logits of classes for each step ahead."""

from typing import Any

import keras

from tcn.distributions.categorical import Categorical
from tcn.heads.base import HorizonHead

__all__ = ["CategoricalHead"]


@keras.saving.register_keras_serializable(package="tcn")
class CategoricalHead(HorizonHead):
    """Logits of classes for each step ahead: mu-law classes, bins, or states.

    Train it with `NegativeLogLikelihood(head.distribution)` or with
    `keras.losses.SparseCategoricalCrossentropy(from_logits=True)`.

    Args:
        horizon: Steps ahead.
        classes: Number of classes.
        **kwargs: `hidden`, `activation`, `kernel_initializer` and `bias_initializer`, as of `HorizonHead`.

    Input shape:
        `(batch, time, features)`, or any other first axes.

    Output shape:
        `(batch, time, horizon, classes)`.

    Raises:
        ValueError: If a size is not a positive integer.

    Example:
        >>> import numpy as np
        >>> from tcn.heads import CategoricalHead
        >>> tuple(CategoricalHead(horizon=1, classes=256)(np.ones((2, 10, 8), "float32")).shape)
        (2, 10, 1, 256)

    Reference:
        van den Oord et al. (2016), WaveNet: A Generative Model for Raw Audio.
    """

    def __init__(self, horizon: int, classes: int, **kwargs: Any) -> None:
        distribution = Categorical(classes)
        super().__init__(horizon, outputs=classes, **kwargs)
        self.distribution = distribution

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "classes": self.distribution.classes}
