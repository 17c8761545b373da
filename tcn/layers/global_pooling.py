"""Pooling over all of a sequence."""

from functools import partial
from typing import Any

import keras
from keras import ops

from tcn.memory import keep, recall

__all__ = ["GlobalPooling1D"]

POOLINGS = ("average", "max", "last")


@keras.saving.register_keras_serializable(package="tcn")
class GlobalPooling1D(keras.layers.Layer):
    """What was observed of a sequence as one step: its mean, its largest values or its last step.

    Read piece by piece, the output is that of all so far.

    Args:
        pooling: "average", "max" or "last". Masked steps do not count; where none counts the output is 0.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        `(batch, channels)`.

    Raises:
        ValueError: If there is no such pooling.

    Example:
        >>> import numpy as np
        >>> from tcn.layers import GlobalPooling1D
        >>> x = np.array([[[1.0], [5.0], [3.0], [99.0]]], "float32")
        >>> mask = np.array([[True, True, True, False]])
        >>> [float(GlobalPooling1D(p)(x, mask=mask)[0, 0]) for p in ("average", "max", "last")]
        [3.0, 5.0, 3.0]
    """

    def __init__(self, pooling: str = "average", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        if pooling not in POOLINGS:
            raise ValueError(f"'pooling' must be one of {POOLINGS}. Received: pooling={pooling!r}")
        self.pooling = pooling

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Pool what was observed."""
        pool = {"average": self._average, "max": self._largest, "last": self._last}[self.pooling]
        return ops.cast(pool(inputs, mask), self.compute_dtype)

    def _average(self, inputs: Any, mask: Any) -> Any:
        # Sums in half precision would lose most of what they add up.
        values = ops.cast(inputs, keras.backend.result_type(self.compute_dtype, "float32"))
        observed = ops.ones_like(values[..., :1])
        if mask is not None:
            observed = ops.cast(mask[..., None], values.dtype)
            values = ops.where(mask[..., None], values, 0.0)
        sums = []
        for name, part in (("sum", values), ("count", observed)):
            key, before = recall(self, name, partial(ops.zeros_like, part[:, 0]))
            sums.append(before + ops.sum(part, axis=1))
            keep(key, sums[-1])
        return sums[0] / ops.maximum(sums[1], 1.0)

    def _largest(self, inputs: Any, mask: Any) -> Any:
        nothing = -float("inf")
        if mask is not None:
            inputs = ops.where(mask[..., None], inputs, nothing)
        key, before = recall(self, "max", lambda: ops.full_like(inputs[:, 0], nothing))
        largest = ops.maximum(before, ops.max(inputs, axis=1))
        keep(key, largest)
        return ops.where(largest == nothing, 0.0, largest)  # NaN stays NaN

    def _last(self, inputs: Any, mask: Any) -> Any:
        key, before = recall(self, "last", lambda: ops.zeros_like(inputs[:, 0]))
        last = inputs[:, -1]
        if mask is not None:
            steps = ops.arange(1, ops.shape(inputs)[1] + 1)
            newest = ops.max(ops.where(mask, steps, 0), axis=1)[:, None]
            last = ops.take_along_axis(inputs, ops.maximum(newest - 1, 0)[..., None], axis=1)[:, 0]
            last = ops.where(newest > 0, last, before)
        keep(key, last)
        return last

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """Return None: time is gone."""
        return None

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape without time."""
        return (input_shape[0], *input_shape[2:])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "pooling": self.pooling}
