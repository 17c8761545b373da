"""Inception block: kernels of several lengths side by side."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tcn.layers.causal import CausalConv1D
from tcn.layers.centered import centered
from tcn.layers.checks import check_each_positive, check_positive, check_seed, known_channels
from tcn.layers.children import (
    apply_normalization,
    check_normalization,
    derived_seeds,
    make_normalization,
)
from tcn.layers.pooling import CausalMaxPooling1D

__all__ = ["InceptionBlock"]

POOL_SIZE = 3


@keras.saving.register_keras_serializable(package="tcn")
class InceptionBlock(keras.layers.Layer):
    """Convolutions with kernels of several lengths, and a pooled branch, side by side.

    `activation(norm([conv_k1(z), conv_k2(z), ..., conv_1(maxpool_3(x))]))`, where `z` is `x` squeezed by a
    1x1 convolution.

    Args:
        filters: Output channels of each branch.
        kernel_sizes: Taps of each convolution.
        bottleneck: Channels that the input of the convolutions is squeezed to; None, or an input with no more
            of them, is not squeezed.
        dilation_rate: Steps between taps.
        padding: "causal", or "same" (as in the paper: kernels centered on their step, which see the future).
        normalization: "batch" (in training, its statistics span batch and time, the future too), "layer"
            (over the channels of each step: hides the size of the input, but is causal in training too) or
            None.
        activation: Name of a Keras activation or a function.
        seed: Integer that fixes the initial weights.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        `(batch, time, filters * (len(kernel_sizes) + 1))`.

    Raises:
        ValueError: If a size is not a positive integer, or there is no such normalization or
            padding.

    Example:
        >>> import numpy as np
        >>> from tcn.layers import InceptionBlock
        >>> block = InceptionBlock(8, kernel_sizes=(3, 5, 9))
        >>> tuple(block(np.ones((1, 20, 2), "float32")).shape)
        (1, 20, 32)
        >>> block.receptive_field
        9

    Reference:
        Ismail Fawaz et al. (2020), InceptionTime: Finding AlexNet for Time Series Classification.
    """

    def __init__(
        self,
        filters: int,
        kernel_sizes: Sequence[int] = (9, 19, 39),
        bottleneck: int | None = 32,
        dilation_rate: int = 1,
        padding: str = "causal",
        normalization: str | None = "batch",
        activation: Any = "relu",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.filters, self.dilation_rate = check_positive(filters=filters, dilation_rate=dilation_rate)
        [self.kernel_sizes] = check_each_positive(kernel_sizes=kernel_sizes)
        self.bottleneck = None
        if bottleneck is not None:
            [self.bottleneck] = check_positive(bottleneck=bottleneck)
        check_normalization(normalization)
        if padding not in ("causal", "same"):
            raise ValueError(f"'padding' must be 'causal' or 'same'. Received: padding={padding!r}")
        self.padding = padding
        self.normalization = normalization
        self.activation = keras.activations.get(activation)
        self.seed = check_seed(seed)

    @property
    def receptive_field(self) -> int:
        """Steps that an output depends on, its own included."""
        return 1 + max((max(self.kernel_sizes) - 1) * self.dilation_rate, POOL_SIZE - 1)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        channels = known_channels(input_shape)
        squeezes = self.bottleneck is not None and channels > self.bottleneck
        first, last, *seeds = derived_seeds(self.seed, 2 + len(self.kernel_sizes))
        # Statistics of a batch take a bias away again. Those of a step do not: with it, size is not all lost.
        free = self.normalization != "batch"
        self.squeeze = self._conv("squeeze", self.bottleneck, 1, False, first) if squeezes else None
        self.convs = [
            self._conv(f"conv_{i}", self.filters, size, free, seed)
            for i, (size, seed) in enumerate(zip(self.kernel_sizes, seeds, strict=True))
        ]
        self.pool = CausalMaxPooling1D(POOL_SIZE, name="pool", dtype=self.dtype_policy)
        self.mix = self._conv("mix", self.filters, 1, free, last)
        self.norm = make_normalization(self.normalization, momentum=0.9, name="norm", dtype=self.dtype_policy)
        if self.squeeze is not None:
            self.squeeze.build(input_shape)
        for conv in self.convs:
            conv.build((*input_shape[:-1], self.bottleneck if squeezes else channels))
        self.pool.build(input_shape)
        self.mix.build(input_shape)
        if self.norm is not None:
            self.norm.build(self.compute_output_shape(input_shape))

    def _conv(self, name: str, filters: Any, size: int, use_bias: bool, seed: int | None) -> CausalConv1D:
        return CausalConv1D(
            filters,
            size,
            dilation_rate=self.dilation_rate,
            use_bias=use_bias,
            kernel_initializer=keras.initializers.GlorotUniform(seed),
            name=name,
            dtype=self.dtype_policy,
        )

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Run the branches and join them."""
        hidden = inputs if self.squeeze is None else self.squeeze(inputs, mask=mask)
        branches = [self._aligned(conv, hidden, mask, conv.receptive_field) for conv in self.convs]
        highest = self._aligned(self.pool, inputs, mask, POOL_SIZE, zeros=False)
        joined = ops.concatenate([*branches, self.mix(highest, mask=mask)], axis=-1)
        return self.activation(apply_normalization(self.norm, joined, mask, training))

    def _aligned(self, layer: Any, inputs: Any, mask: Any, field: int, zeros: bool = True) -> Any:
        if self.padding == "causal":
            return layer(inputs, mask=mask)
        return centered(layer, inputs, mask, (field - 1) // 2, zeros)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape with the channels of all branches."""
        return (*input_shape[:-1], self.filters * (len(self.kernel_sizes) + 1))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_sizes": list(self.kernel_sizes),
            "bottleneck": self.bottleneck,
            "dilation_rate": self.dilation_rate,
            "padding": self.padding,
            "normalization": self.normalization,
            "activation": keras.activations.serialize(self.activation),
            "seed": self.seed,
        }
