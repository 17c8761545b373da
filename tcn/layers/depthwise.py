"""Dilated causal convolution of each channel by itself."""

from typing import Any

import keras

from tcn.layers.causal import CausalConvolution
from tcn.layers.checks import check_positive
from tcn.layers.convolve_depthwise import convolve_depthwise

__all__ = ["CausalDepthwiseConv1D"]


@keras.saving.register_keras_serializable(package="tcn")
class CausalDepthwiseConv1D(CausalConvolution):
    """Causal convolution over time of each channel by itself, for kernels of any size.

    `outputs[t, o] = bias[o] + sum over i of inputs[t - i * dilation_rate, c] * kernel[-1 - i, 0, o]`, where
    output `o` is of channel `c = o // depth_multiplier`.

    Kernels of 50 taps are affordable on a CPU. Up to 32 steps are computed together, so an input that is not
    finite spoils up to 31 outputs before it too, `dilation_rate` steps apart: mask what is missing. Masks are
    read as `CausalConv1D` does.

    Args:
        kernel_size: Taps.
        dilation_rate: Steps between taps.
        depth_multiplier: Outputs per input channel.
        activation: Name of a Keras activation or a function.
        use_bias: Whether to add a bias.
        weight_norm: Whether to learn length and direction of the kernel apart (`WeightNormalization`).
        kernel_initializer: Initializer of the kernel `(kernel_size, 1, channels * depth_multiplier)`, oldest
            tap first. The default keeps the variance of the inputs.
        bias_initializer: Initializer of the bias `(channels * depth_multiplier,)`.
        kernel_regularizer: Regularizer of the kernel; with `weight_norm`, of its direction.
        bias_regularizer: Regularizer of the bias.
        kernel_constraint: Constraint on the kernel; with `weight_norm`, on its direction.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        `(batch, time, channels * depth_multiplier)`.

    Raises:
        ValueError: If a size is not a positive integer.

    Example:
        >>> import numpy as np
        >>> from tcn.layers import CausalDepthwiseConv1D
        >>> layer = CausalDepthwiseConv1D(kernel_size=51, depth_multiplier=2)
        >>> tuple(layer(np.ones((1, 100, 3), "float32")).shape)
        (1, 100, 6)

    Reference:
        Luo & Wang (2024), ModernTCN: A Modern Pure Convolution Structure for General Time Series Analysis.
    """

    def __init__(
        self,
        kernel_size: int,
        dilation_rate: int = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        weight_norm: bool = False,
        kernel_initializer: Any = "lecun_uniform",
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
        [self.depth_multiplier] = check_positive(depth_multiplier=depth_multiplier)

    def kernel_shape(self, channels: int) -> tuple[int, int, int]:
        """Return `(kernel_size, 1, channels * depth_multiplier)`."""
        return (self.kernel_size, 1, channels * self.depth_multiplier)

    def convolve(self, inputs: Any, kernel: Any, dilation_rate: int) -> Any:
        """Return the convolution without padding."""
        return convolve_depthwise(inputs, kernel, dilation_rate)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "depth_multiplier": self.depth_multiplier}
