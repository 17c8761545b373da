"""InceptionTime: a stack of inception blocks with shortcuts."""

from collections.abc import Sequence
from itertools import cycle, islice
from typing import Any

import keras

from tcn.layers.causal import CausalConv1D
from tcn.layers.checks import check_each_positive, check_positive, check_seed
from tcn.layers.children import apply_normalization, derived_seeds, make_normalization
from tcn.layers.inception import InceptionBlock

__all__ = ["InceptionTime"]

BLOCKS_PER_SHORTCUT = 3


@keras.saving.register_keras_serializable(package="tcn")
class InceptionTime(keras.layers.Layer):
    """Inception blocks, with a shortcut around every third of them.

    After blocks 3, 6, ... the output is `activation(h + norm(conv_1(x)))`, where `h` is what the last three
    blocks made of `x`.

    Args:
        filters: Output channels of each branch; a block has `len(kernel_sizes) + 1` branches.
        depth: Number of blocks.
        kernel_sizes: Taps of the convolutions of each block.
        bottleneck: Channels that the input of these convolutions is squeezed to, or None.
        dilations: Dilation rates of the blocks, repeated from the first where there are fewer than blocks.
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
        >>> from tcn.models import InceptionTime
        >>> backbone = InceptionTime(filters=4, depth=3, kernel_sizes=(3, 5, 9))
        >>> tuple(backbone(np.ones((1, 50, 2), "float32")).shape)
        (1, 50, 16)
        >>> backbone.receptive_field
        25

    Reference:
        Ismail Fawaz et al. (2020), InceptionTime: Finding AlexNet for Time Series Classification.
    """

    def __init__(
        self,
        filters: int = 32,
        depth: int = 6,
        kernel_sizes: Sequence[int] = (9, 19, 39),
        bottleneck: int | None = 32,
        dilations: Sequence[int] = (1,),
        padding: str = "causal",
        normalization: str | None = "batch",
        activation: Any = "relu",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.filters, self.depth = check_positive(filters=filters, depth=depth)
        self.dilations, self.kernel_sizes = check_each_positive(
            dilations=dilations, kernel_sizes=kernel_sizes
        )
        self.padding = padding
        self.normalization = normalization
        self.activation = keras.activations.get(activation)
        self.seed = check_seed(seed)
        seeds = derived_seeds(self.seed, self.depth + self.depth // BLOCKS_PER_SHORTCUT)
        self.blocks = [
            InceptionBlock(
                self.filters,
                self.kernel_sizes,
                bottleneck,
                dilation_rate=rate,
                padding=padding,
                normalization=normalization,
                activation=activation,
                seed=seeds.pop(0),
                name=f"block_{i}",
                dtype=self.dtype_policy,
            )
            for i, rate in enumerate(islice(cycle(self.dilations), self.depth))
        ]
        self.bottleneck = self.blocks[0].bottleneck
        self.shortcuts = [
            CausalConv1D(
                self.filters * (len(self.kernel_sizes) + 1),
                1,
                use_bias=normalization != "batch",
                kernel_initializer=keras.initializers.GlorotUniform(child),
                name=f"shortcut_{i}",
                dtype=self.dtype_policy,
            )
            for i, child in enumerate(seeds)
        ]
        self.norms = [
            make_normalization(normalization, momentum=0.9, name=f"norm_{i}", dtype=self.dtype_policy)
            for i in range(len(self.shortcuts))
        ]

    @property
    def receptive_field(self) -> int:
        """Steps that an output depends on, its own included."""
        return 1 + sum(block.receptive_field - 1 for block in self.blocks)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        wide = self.compute_output_shape(input_shape)
        for i, block in enumerate(self.blocks):
            block.build(wide if i else input_shape)
        for i, (shortcut, norm) in enumerate(zip(self.shortcuts, self.norms, strict=True)):
            shortcut.build(wide if i else input_shape)
            if norm is not None:
                norm.build(wide)

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Run the blocks."""
        hidden = around = inputs
        for i, block in enumerate(self.blocks):
            hidden = block(hidden, mask=mask, training=training)
            if i % BLOCKS_PER_SHORTCUT == BLOCKS_PER_SHORTCUT - 1:
                j = i // BLOCKS_PER_SHORTCUT
                around = self.shortcuts[j](around, mask=mask)
                around = apply_normalization(self.norms[j], around, mask, training)
                hidden = around = self.activation(hidden + around)
        return hidden

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape with the channels of a block."""
        return (*input_shape[:-1], self.filters * (len(self.kernel_sizes) + 1))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "depth": self.depth,
            "kernel_sizes": list(self.kernel_sizes),
            "bottleneck": self.bottleneck,
            "dilations": list(self.dilations),
            "padding": self.padding,
            "normalization": self.normalization,
            "activation": keras.activations.serialize(self.activation),
            "seed": self.seed,
        }
