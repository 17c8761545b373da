"""Pooling that looks back: over the last steps, or over all so far."""

from typing import Any

import keras
from keras import ops

from tcn.layers.aggregate import aggregate, total
from tcn.layers.checks import check_positive

__all__ = ["CausalAveragePooling1D", "CausalMaxPooling1D"]


class _CausalPooling1D(keras.layers.Layer):
    """What both kinds of pooling have in common."""

    def __init__(self, pool_size: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.pool_size = None
        if pool_size is not None:
            [self.pool_size] = check_positive(pool_size=pool_size)

    @property
    def receptive_field(self) -> int | None:
        """Steps that an output depends on, its own included; None if that is all so far."""
        return self.pool_size

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "pool_size": self.pool_size}


@keras.saving.register_keras_serializable(package="tcn")
class CausalMaxPooling1D(_CausalPooling1D):
    """Largest value of the last `pool_size` steps, at each step.

    `y[t] = max(x[t - pool_size + 1], ..., x[t])`. Neither what lies before the beginning nor masked steps
    count. Where nothing counts the output is 0.

    Args:
        pool_size: Steps that are pooled; None for all so far. The last step then has what
            `keras.layers.GlobalMaxPooling1D` gives.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        That of the input: the window moves by one step. `CausalDownsampling1D` makes fewer steps.

    Raises:
        ValueError: If `pool_size` is neither a positive integer nor None.

    Example:
        >>> import numpy as np
        >>> from tcn.layers.pooling import CausalMaxPooling1D
        >>> x = np.array([[[-3.0], [-1.0], [-2.0], [-4.0]]], "float32")
        >>> np.asarray(CausalMaxPooling1D(2)(x)).ravel().tolist()
        [-3.0, -1.0, -1.0, -2.0]
    """

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Pool what was observed."""
        nothing = -float("inf")
        if mask is not None:
            inputs = ops.where(mask[..., None], inputs, nothing)
        (largest,) = aggregate(self, [inputs], _larger, [nothing], self.pool_size)
        if mask is not None:
            largest = ops.where(largest == nothing, 0.0, largest)  # NaN stays NaN
        return largest


@keras.saving.register_keras_serializable(package="tcn")
class CausalAveragePooling1D(_CausalPooling1D):
    """Mean of the last `pool_size` steps, at each step.

    It is the mean of what was observed: neither what lies before the beginning nor masked steps count. Where
    nothing counts the output is 0. A mean of all so far is as exact after 100,000 steps as after 10, in one
    pass and in a stream: the sum carries along what its additions round away.

    Args:
        pool_size: Steps that are pooled; None for all so far. The last step then has what
            `keras.layers.GlobalAveragePooling1D` gives.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        That of the input: the window moves by one step. `CausalDownsampling1D` makes fewer steps.

    Raises:
        ValueError: If `pool_size` is neither a positive integer nor None.

    Example:
        >>> import numpy as np
        >>> from tcn.layers.pooling import CausalAveragePooling1D
        >>> x = np.array([[[3.0], [1.0], [2.0], [4.0]]], "float32")
        >>> np.asarray(CausalAveragePooling1D(2)(x)).ravel().tolist()
        [3.0, 2.0, 1.5, 3.0]
    """

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Pool what was observed."""
        # Sums in half precision would lose most of what they add up.
        precise = keras.backend.result_type(self.compute_dtype, "float32")
        values = ops.cast(inputs, precise)
        observed = ops.ones_like(values[..., :1])
        if mask is not None:
            observed = ops.cast(mask[..., None], precise)
            values = ops.where(mask[..., None], values, 0.0)
        count = total(self, observed, self.pool_size)
        average = total(self, values, self.pool_size) / ops.maximum(count, 1.0)
        return ops.cast(average, self.compute_dtype)


def _larger(older: Any, newer: Any) -> Any:
    return [ops.maximum(older[0], newer[0])]
