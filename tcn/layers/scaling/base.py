"""What all kinds of scaling have in common."""

from abc import abstractmethod
from typing import Any

import keras
from keras import ops

from tcn.layers.checks import check_positive

__all__ = ["RELATIVE_FLOOR", "CausalScaling"]

# A spread below this share of the level is rounding: float32 holds seven digits.
RELATIVE_FLOOR = 1e-5
# Below this nothing but zeros was seen: the smallest normal numbers of float32 are near 1e-38.
ZERO = 1e-36


class CausalScaling(keras.layers.Layer):
    """Base of layers that make a series free of level and size, step by step.

    Each step is described by statistics of the observed steps up to it. The scale is never 0: at least a
    hundred-thousandth of the location's size, and 1 where nothing but zeros has been observed. Everything is
    computed in float32 or better, under mixed precision too.

    A layer returns three tensors: the scaled inputs, 0 where masked, and the location and the scale of each
    step, defined where masked too. What a network forecasts at a step is turned back by `inverse`.

    Args:
        window: Steps that the statistics are taken of; None for all so far. With a window what is made of a
            step does not depend on where the sequence begins before it.

    Example:
        >>> import numpy as np
        >>> from tcn.layers import CausalMeanScaling
        >>> layer, x = CausalMeanScaling(), np.array([[[2.0], [4.0], [6.0]]], "float32")
        >>> scaled, location, scale = layer(x)
        >>> bool(np.allclose(layer.inverse(scaled, location, scale), x))
        True
    """

    def __init__(self, window: int | None = None, **kwargs: Any) -> None:
        # Half precision would lose the level, or have no room for it, before it is taken off.
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True
        self.window = None
        if window is not None:
            [self.window] = check_positive(window=window)

    @property
    def receptive_field(self) -> int | None:
        """Steps that an output depends on, its own included; None if that is all so far."""
        return self.window

    @abstractmethod
    def statistics(self, values: Any, observed: Any) -> tuple[Any, Any, Any]:
        """Describe every step by the steps up to it.

        Args:
            values: `(batch, time, channels)`, 0 where not observed.
            observed: Boolean, `(batch, time, 1)`.

        Returns:
            Distance of each value to what it is compared with, location and spread, `(batch, time, channels)`
            each. The spread may be 0.
        """

    def call(self, inputs: Any, mask: Any = None) -> tuple[Any, Any, Any]:
        """Return scaled inputs, location and scale."""
        values = ops.cast(inputs, keras.backend.result_type(self.compute_dtype, "float32"))
        observed = ops.ones_like(values[..., :1], dtype="bool") if mask is None else mask[..., None]
        distance, location, spread = self.statistics(ops.where(observed, values, 0.0), observed)
        scale = ops.maximum(spread, RELATIVE_FLOOR * ops.abs(location))
        scale = ops.where(scale < ZERO, 1.0, scale)
        return ops.where(observed, distance / scale, 0.0), location, scale

    def inverse(self, outputs: Any, location: Any, scale: Any) -> Any:
        """Turn what is in units of the scale into the original units.

        Args:
            outputs: `(batch, time, ...)`, for example one value for each step of a horizon.
            location: `(batch, time, channels)` as returned by the layer, of the channels that the outputs
                belong to: its third axis is matched with theirs, or has size 1.
            scale: As `location`.

        Returns:
            `location + scale * outputs`.
        """
        more = (None,) * (len(outputs.shape) - len(location.shape))
        return location[(..., *more)] + scale[(..., *more)] * ops.cast(outputs, scale.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[tuple[int | None, ...], ...]:
        """Return the input's shape three times."""
        return (tuple(input_shape),) * 3

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "window": self.window}
