"""Scaling by the mean size of the values."""

from typing import Any

import keras
from keras import ops

from tcn.layers.aggregate import total
from tcn.layers.scaling.base import CausalScaling

__all__ = ["CausalMeanScaling"]


@keras.saving.register_keras_serializable(package="tcn")
class CausalMeanScaling(CausalScaling):
    """Divide by the mean absolute value of the steps up to each step.

    `scale[t] = mean(|x[s]|)` over the observed steps `s <= t`, `location[t] = 0`: zeros stay zeros and signs
    stay signs, as counts and sales want it.

    Args:
        window: Steps that the mean is taken of; None for all so far.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        Three tensors `(batch, time, channels)`: scaled inputs, location, scale.

    Raises:
        ValueError: If `window` is neither a positive integer nor None.

    Example:
        >>> import numpy as np
        >>> from tcn.layers.scaling import CausalMeanScaling
        >>> layer = CausalMeanScaling(window=2)
        >>> scaled, location, scale = layer(np.array([[[2.0], [-4.0], [12.0]]], "float32"))
        >>> np.asarray(scale).ravel().tolist(), np.asarray(scaled).ravel().tolist()
        ([2.0, 3.0, 8.0], [1.0, -1.3333333730697632, 1.5])
        >>> np.asarray(layer.inverse(scaled, location, scale)).ravel().tolist()
        [2.0, -4.0, 12.0]

    Reference:
        Salinas et al. (2020), DeepAR, section 3.3, for scaling by the mean.
    """

    def statistics(self, values: Any, observed: Any) -> tuple[Any, Any, Any]:
        """Mean absolute values; see `CausalScaling`."""
        count = total(self, ops.cast(observed, values.dtype), self.window)
        size = total(self, ops.abs(values), self.window) / ops.maximum(count, 1.0)
        return values, ops.zeros_like(values), size
