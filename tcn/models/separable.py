"""A stack of separable blocks."""

from collections.abc import Sequence
from itertools import cycle, islice
from typing import Any

import keras
from keras import ops

from tcn.layers.checks import check_each_positive, check_positive, check_rate, check_seed
from tcn.layers.children import derived_seeds
from tcn.layers.separable import SeparableBlock

__all__ = ["SeparableTCN"]


@keras.saving.register_keras_serializable(package="tcn")
class SeparableTCN(keras.layers.Layer):
    """Few blocks with long depthwise kernels: a wide field from a shallow stack.

    A 1x1 convolution and `depth` blocks `x + W2 activation(W1 norm(depthwise(x)))`. What comes out is not
    normalized: it says how large the input is.

    Args:
        filters: Output channels.
        depth: Number of blocks.
        kernel_size: Taps of the depthwise convolutions.
        dilations: Dilation rates of the blocks, repeated from the first where there are fewer than blocks.
        expansion: Hidden channels of the feed-forward networks, in multiples of `filters`.
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
        >>> from tcn.models import SeparableTCN
        >>> backbone = SeparableTCN(8, depth=3, kernel_size=25, dilations=(1, 2))
        >>> tuple(backbone(np.ones((1, 50, 2), "float32")).shape)
        (1, 50, 8)
        >>> backbone.receptive_field
        97

    Reference:
        Luo, Wang (2024), ModernTCN: A Modern Pure Convolution Structure for General Time Series Analysis.
    """

    def __init__(
        self,
        filters: int = 64,
        depth: int = 4,
        kernel_size: int = 31,
        dilations: Sequence[int] = (1,),
        expansion: int = 2,
        dropout: float = 0.0,
        normalization: str | None = "layer",
        activation: Any = "gelu",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.filters, self.depth, self.kernel_size, self.expansion = check_positive(
            filters=filters, depth=depth, kernel_size=kernel_size, expansion=expansion
        )
        [self.dilations] = check_each_positive(dilations=dilations)
        [self.dropout] = check_rate(dropout=dropout)
        self.normalization = normalization
        self.activation = keras.activations.get(activation)
        self.seed = check_seed(seed)
        first, *seeds = derived_seeds(self.seed, self.depth + 1)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.stem = keras.layers.Dense(
            self.filters, kernel_initializer=keras.initializers.GlorotUniform(first), name="stem", **own
        )
        self.blocks = [
            SeparableBlock(
                self.filters,
                self.kernel_size,
                self.expansion,
                rate,
                self.dropout,
                normalization,
                activation,
                seed=child,
                name=f"block_{i}",
                **own,
            )
            for i, (child, rate) in enumerate(
                zip(seeds, islice(cycle(self.dilations), self.depth), strict=True)
            )
        ]

    @property
    def receptive_field(self) -> int:
        """Steps that an output depends on, its own included."""
        return 1 + sum(block.receptive_field - 1 for block in self.blocks)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        wide = self.compute_output_shape(input_shape)
        self.stem.build(input_shape)
        for block in self.blocks:
            block.build(wide)

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Run the blocks."""
        if mask is not None:
            inputs = ops.where(mask[..., None], inputs, ops.zeros_like(inputs))
        hidden = self.stem(inputs)
        for block in self.blocks:
            hidden = block(hidden, mask=mask, training=training)
        return hidden

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape with `filters` channels."""
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "depth": self.depth,
            "kernel_size": self.kernel_size,
            "dilations": list(self.dilations),
            "expansion": self.expansion,
            "dropout": self.dropout,
            "normalization": self.normalization,
            "activation": keras.activations.serialize(self.activation),
            "seed": self.seed,
        }
