"""Dilated causal convolution."""

from typing import Any

import keras
from keras import ops

from tcn.layers.checks import check_positive, known_channels
from tcn.memory import extend, observed_before

__all__ = ["CausalConv1D"]


@keras.saving.register_keras_serializable(package="tcn")
class CausalConv1D(keras.layers.Layer):
    """Convolution over time whose outputs depend on the present and the past alone.

    Args:
        filters: Output channels.
        kernel_size: Taps.
        dilation_rate: Steps between taps.
        activation: Name of a Keras activation or a function.
        use_bias: Whether to add a bias.
        kernel_initializer: Initializer of the kernel `(kernel_size, channels, filters)`, oldest tap first.
        bias_initializer: Initializer of the bias `(filters,)`.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        `(batch, time, filters)`.

    Raises:
        ValueError: If a size is not a positive integer.

    Example:
        >>> import numpy as np
        >>> from tcn.layers import CausalConv1D
        >>> layer = CausalConv1D(4, kernel_size=3, dilation_rate=2)
        >>> tuple(layer(np.ones((1, 10, 2), "float32")).shape)
        (1, 10, 4)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        dilation_rate: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        check_positive(filters=filters, kernel_size=kernel_size, dilation_rate=dilation_rate)
        self.filters = filters
        self.kernel_size = kernel_size
        self.dilation_rate = dilation_rate
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    @property
    def receptive_field(self) -> int:
        """Steps that an output depends on, its own included."""
        return 1 + (self.kernel_size - 1) * self.dilation_rate

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, known_channels(input_shape), self.filters),
            initializer=self.kernel_initializer,
        )
        self.bias = (
            self.add_weight(name="bias", shape=(self.filters,), initializer=self.bias_initializer)
            if self.use_bias
            else None
        )

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Convolve what was observed."""
        if mask is not None:
            inputs = ops.where(mask[..., None], inputs, ops.zeros_like(inputs))
        longer = extend(self, inputs, self.receptive_field - 1)
        outputs = ops.conv(longer, self.kernel, dilation_rate=self.dilation_rate, padding="valid")
        if mask is not None:
            outputs = outputs * ops.cast(self._share(mask), outputs.dtype)
        if self.bias is not None:
            outputs = outputs + self.bias
        return self.activation(outputs)

    def _share(self, mask: Any) -> Any:
        """Taps per observed tap, `(batch, time, 1)`; what stands before a series counts as observed."""
        begun = observed_before(self, mask)
        seen = ops.cast(ops.logical_or(mask, ops.logical_not(begun)), "float32")
        longer = extend(self, seen, self.receptive_field - 1, fill=1.0, name="observed")
        length = ops.shape(mask)[1]
        starts = range(0, self.receptive_field, self.dilation_rate)
        count = sum(longer[:, start : start + length] for start in starts)
        return ops.where(count > 0, self.kernel_size / ops.maximum(count, 1.0), 0.0)[..., None]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape with `filters` channels."""
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "dilation_rate": self.dilation_rate,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
