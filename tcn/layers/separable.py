"""Separable block: a long kernel per channel, then a feed-forward network per step."""

from typing import Any

import keras
from keras import ops

from tcn.layers.checks import check_positive, check_rate, check_seed, known_channels
from tcn.layers.children import (
    apply_normalization,
    check_normalization,
    derived_seeds,
    make_normalization,
)
from tcn.layers.depthwise import CausalDepthwiseConv1D

__all__ = ["SeparableBlock"]


@keras.saving.register_keras_serializable(package="tcn")
class SeparableBlock(keras.layers.Layer):
    """Residual block that mixes time and channels apart: long kernels at the price of short ones.

    `x + W2 activation(W1 norm(depthwise(x)))`: each channel is convolved with a long kernel of its own, then
    two 1x1 convolutions mix the channels of each step. The residual is a 1x1 convolution where widths differ.

    Args:
        filters: Output channels.
        kernel_size: Taps of the depthwise convolution.
        expansion: Hidden channels of the feed-forward network, in multiples of `filters`.
        dilation_rate: Steps between taps.
        dropout: Share of hidden channels that training switches off, at all steps of a sequence alike.
        normalization: "layer" (over channels: causal in training too), "batch" (in training, its statistics
            span time and batch) or None.
        activation: Name of a Keras activation or a function.
        seed: Integer that fixes the initial weights and the dropout.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        `(batch, time, filters)`.

    Raises:
        ValueError: If a size is not a positive integer, `dropout` not a rate, or there is no such
            normalization.

    Example:
        >>> import numpy as np
        >>> from tcn.layers import SeparableBlock
        >>> block = SeparableBlock(8, kernel_size=25, dilation_rate=2)
        >>> tuple(block(np.ones((1, 60, 8), "float32")).shape)
        (1, 60, 8)
        >>> block.receptive_field
        49

    Reference:
        Luo, Wang (2024), ModernTCN: A Modern Pure Convolution Structure for General Time Series Analysis;
        Liu et al. (2022), A ConvNet for the 2020s, for the order of the parts.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 31,
        expansion: int = 2,
        dilation_rate: int = 1,
        dropout: float = 0.0,
        normalization: str | None = "layer",
        activation: Any = "gelu",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.filters, self.kernel_size, self.expansion, self.dilation_rate = check_positive(
            filters=filters, kernel_size=kernel_size, expansion=expansion, dilation_rate=dilation_rate
        )
        [self.dropout] = check_rate(dropout=dropout)
        check_normalization(normalization)
        self.normalization = normalization
        self.activation = keras.activations.get(activation)
        self.seed = check_seed(seed)
        seeds = derived_seeds(self.seed, 4)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.depthwise = CausalDepthwiseConv1D(
            self.kernel_size,
            dilation_rate=self.dilation_rate,
            kernel_initializer=keras.initializers.LecunUniform(seeds[0]),
            name="depthwise",
            **own,
        )
        self.norm = make_normalization(normalization, momentum=0.9, name="norm", **own)
        self.up = self._pointwise("up", self.expansion * self.filters, seeds[1], activation)
        self.drop = keras.layers.SpatialDropout1D(self.dropout, seed=seeds[2], name="drop", **own)
        self.down = self._pointwise("down", self.filters, seeds[3])

    def _pointwise(self, name: str, filters: int, seed: int | None, activation: Any = None) -> Any:
        return keras.layers.Dense(
            filters,
            activation=activation,
            kernel_initializer=keras.initializers.GlorotUniform(seed),
            name=name,
            dtype=self.dtype_policy,
        )

    @property
    def receptive_field(self) -> int:
        """Steps that an output depends on, its own included."""
        return 1 + (self.kernel_size - 1) * self.dilation_rate

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        lead = input_shape[:-1]
        widens = known_channels(input_shape) != self.filters
        self.widen = (
            self._pointwise("widen", self.filters, derived_seeds(self.seed, 5)[4]) if widens else None
        )
        self.depthwise.build(input_shape)
        if self.norm is not None:
            self.norm.build(input_shape)
        self.up.build(input_shape)
        self.down.build((*lead, self.expansion * self.filters))
        if self.widen is not None:
            self.widen.build(input_shape)

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Add what the two mixtures make of the input to it."""
        if mask is not None:
            inputs = ops.where(mask[..., None], inputs, ops.zeros_like(inputs))
        hidden = self.depthwise(inputs, mask=mask)
        hidden = apply_normalization(self.norm, hidden, mask, training)
        hidden = self.down(self.drop(self.up(hidden), training=training))
        return hidden + (inputs if self.widen is None else self.widen(inputs))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape with `filters` channels."""
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "expansion": self.expansion,
            "dilation_rate": self.dilation_rate,
            "dropout": self.dropout,
            "normalization": self.normalization,
            "activation": keras.activations.serialize(self.activation),
            "seed": self.seed,
        }
