"""Dilated causal convolution."""

from typing import Any

import keras
from keras import ops

from tcn.layers.checks import check_positive, known_channels
from tcn.layers.convolve import convolve
from tcn.layers.weight_norm import initial_gain, normalized
from tcn.memory import extend_dilated, observed_before

__all__ = ["CausalConv1D", "CausalConvolution"]


class CausalConvolution(keras.layers.Layer):
    """What causal convolutions have in common; a subclass says which kernel and how it is applied.

    Args:
        kernel_size: Taps.
        dilation_rate: Steps between taps.
        activation: Name of a Keras activation or a function.
        use_bias: Whether to add a bias.
        weight_norm: Whether to learn length and direction of the kernel apart.
        kernel_initializer: Initializer of the kernel `(kernel_size, inputs per output, outputs)`.
        bias_initializer: Initializer of the bias.
        kernel_regularizer: Regularizer of the kernel.
        bias_regularizer: Regularizer of the bias.
        kernel_constraint: Constraint on the kernel.
    """

    def __init__(
        self,
        kernel_size: int,
        dilation_rate: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        weight_norm: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.kernel_size, self.dilation_rate = check_positive(
            kernel_size=kernel_size, dilation_rate=dilation_rate
        )
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.weight_norm = weight_norm
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.input_spec = keras.layers.InputSpec(ndim=3)

    @property
    def receptive_field(self) -> int:
        """Steps that an output depends on, its own included."""
        return 1 + (self.kernel_size - 1) * self.dilation_rate

    def kernel_shape(self, channels: int) -> tuple[int, int, int]:
        """Return the kernel's shape for a number of input channels; outputs are its last axis."""
        raise NotImplementedError

    def convolve(self, inputs: Any, kernel: Any, dilation_rate: int) -> Any:
        """Return the convolution without padding: it is shorter than the input by what stands before."""
        raise NotImplementedError

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        channels = known_channels(input_shape)
        self.input_spec = keras.layers.InputSpec(ndim=3, axes={-1: channels})
        shape = self.kernel_shape(channels)
        self._kernel = self.add_weight(
            name="kernel",
            shape=shape,
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.weight_norm:
            self.gain = self.add_weight(name="gain", shape=shape[-1:], initializer=initial_gain(self._kernel))
        self.bias = (
            self.add_weight(
                name="bias",
                shape=shape[-1:],
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
            )
            if self.use_bias
            else None
        )

    @property
    def kernel(self) -> Any:
        """The kernel that is applied: the variable, or a tensor made of it by `weight_norm`."""
        return (
            normalized(ops.convert_to_tensor(self._kernel), self.gain) if self.weight_norm else self._kernel
        )

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Convolve what was observed."""
        if mask is not None:
            inputs = ops.where(mask[..., None], inputs, ops.zeros_like(inputs))
        longer, rate = extend_dilated(self, inputs, self.kernel_size, self.dilation_rate)
        outputs = self.convolve(longer, ops.convert_to_tensor(self.kernel), rate)
        if mask is not None:
            outputs = outputs * ops.cast(self._share(mask), outputs.dtype)
        if self.bias is not None:
            outputs = ops.add(outputs, self.bias)  # not `+`: Keras makes of it TensorFlow's faster BiasAdd
        return self.activation(outputs)

    def _share(self, mask: Any) -> Any:
        """Taps per observed tap, `(batch, time, 1)`; what stands before a series counts as observed."""
        begun = observed_before(self, mask)
        seen = ops.cast(ops.logical_or(mask, ops.logical_not(begun)), "float32")[..., None]
        longer, rate = extend_dilated(
            self, seen, self.kernel_size, self.dilation_rate, fill=1.0, name="observed"
        )
        count = convolve(longer, ops.ones((self.kernel_size, 1, 1), "float32"), rate)
        return ops.where(count > 0, self.kernel_size / ops.maximum(count, 1.0), 0.0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape with the channels of the output."""
        return (*input_shape[:-1], self.kernel_shape(known_channels(input_shape))[-1])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "dilation_rate": self.dilation_rate,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "weight_norm": self.weight_norm,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
        }


@keras.saving.register_keras_serializable(package="tcn")
class CausalConv1D(CausalConvolution):
    """Convolution over time whose outputs depend on the present and the past alone.

    `outputs[t] = bias + sum over i < kernel_size of inputs[t - i * dilation_rate] @ kernel[-1 - i]`

    Equal to `keras.layers.Conv1D(padding="causal")`, in the form that is fast for the shape. It reads masks:
    where steps are missing, the sum is scaled up to what the observed taps stand for.

    Args:
        filters: Output channels.
        kernel_size: Taps.
        dilation_rate: Steps between taps.
        activation: Name of a Keras activation or a function.
        use_bias: Whether to add a bias.
        weight_norm: Whether to learn length and direction of the kernel apart (`WeightNormalization`).
        kernel_initializer: Initializer of the kernel `(kernel_size, channels, filters)`, oldest tap first.
        bias_initializer: Initializer of the bias `(filters,)`.
        kernel_regularizer: Regularizer of the kernel; with `weight_norm`, of its direction.
        bias_regularizer: Regularizer of the bias.
        kernel_constraint: Constraint on the kernel; with `weight_norm`, on its direction.

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

    Reference:
        van den Oord et al. (2016), WaveNet: https://arxiv.org/abs/1609.03499; masks as in Liu et al. (2018),
        Image Inpainting for Irregular Holes Using Partial Convolutions: https://arxiv.org/abs/1804.07723
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        dilation_rate: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        weight_norm: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size,
            dilation_rate,
            activation,
            use_bias,
            weight_norm,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            kernel_constraint,
            **kwargs,
        )
        [self.filters] = check_positive(filters=filters)

    def kernel_shape(self, channels: int) -> tuple[int, int, int]:
        """Return `(kernel_size, channels, filters)`."""
        return (self.kernel_size, channels, self.filters)

    def convolve(self, inputs: Any, kernel: Any, dilation_rate: int) -> Any:
        """Return the convolution without padding."""
        return convolve(inputs, kernel, dilation_rate)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "filters": self.filters}
