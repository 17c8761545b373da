"""An encoder and decoder in time: convolutions at several rates, causal at all of them."""

from collections.abc import Sequence
from math import prod
from typing import Any

import keras
from keras import ops

from tcn.layers.checks import check_each_positive, check_positive, check_rate, check_seed
from tcn.layers.children import derived_seeds
from tcn.layers.resampling import CausalDownsampling1D, CausalUpsampling1D
from tcn.layers.residual import ResidualBlock
from tcn.receptive_field import receptive_field

__all__ = ["MultiRateTCN"]

MERGES = ("add", "concatenate")


@keras.saving.register_keras_serializable(package="tcn")
class MultiRateTCN(keras.layers.Layer):
    """Residual blocks at the rate of the input and at lower ones, joined by skip connections.

    On the way down each rate has a stack of residual blocks, and a strided convolution that leads to the next
    one; on the way up a transposed convolution leads back, meets what the way down had at its rate, and a
    second stack follows. A block at a rate of 1/8 sees eight times as far as one at the rate of the input, at
    an eighth of the cost.

    It is causal: a coarse step is made of the steps up to the first one of its block, and used from there on.
    So where the blocks begin matters. Outputs do not change when the sequence begins `hop` steps earlier or
    later, or a multiple of it; other shifts move the blocks, and the outputs with them. Pieces of a stream
    have a multiple of `hop` steps.

    Args:
        filters: Output channels, and channels at every rate.
        factors: How many times fewer steps each rate has than the one before.
        kernel_size: Taps of the convolutions in the residual blocks.
        dilations: Dilation rate of each block of a stack.
        merge: "add" to add what comes back to what was there, "concatenate" to put them side by side.
        normalization: "layer" (over the channels of each step), "weight" (of the kernels), "batch" (over
            batch and time: in training, its statistics see the future) or None, which lets the outputs of
            many blocks start large.
        dropout: Rate at which whole channels are dropped in training, after each convolution.
        activation: Name of a Keras activation or a function.
        seed: Integer that fixes initial weights and dropout.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        `(batch, time, filters)`.

    Raises:
        ValueError: If a size is not a positive integer, `dropout` not a rate, or there is no such
            normalization or way to merge.

    Example:
        >>> import numpy as np
        >>> from tcn.models.multirate import MultiRateTCN
        >>> backbone = MultiRateTCN(8, factors=(2, 4), kernel_size=3, dilations=(1, 2))
        >>> tuple(backbone(np.ones((1, 50, 2), "float32")).shape)
        (1, 50, 8)
        >>> backbone.hop, backbone.receptive_field
        (8, 183)

    Reference:
        Ronneberger, Fischer, Brox (2015), U-Net: Convolutional Networks for Biomedical Image Segmentation;
        Stoller et al. (2018), Wave-U-Net, for series.
    """

    def __init__(
        self,
        filters: int = 64,
        factors: Sequence[int] = (2, 4),
        kernel_size: int = 3,
        dilations: Sequence[int] = (1, 2),
        merge: str = "add",
        normalization: str | None = "layer",
        dropout: float = 0.0,
        activation: Any = "relu",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.filters, self.kernel_size = check_positive(filters=filters, kernel_size=kernel_size)
        self.factors, self.dilations = check_each_positive(factors=factors, dilations=dilations)
        if merge not in MERGES:
            raise ValueError(f"'merge' must be one of {MERGES}. Received: merge={merge!r}")
        self.merge = merge
        self.normalization = normalization
        [self.dropout] = check_rate(dropout=dropout)
        self.activation = keras.activations.get(activation)
        self.seed = check_seed(seed)
        levels = len(self.factors)
        seeds = iter(derived_seeds(self.seed, (2 * levels + 1) * (len(self.dilations) + 1)))
        self.encoders = [self._stack(f"encoder_{i}", seeds) for i in range(levels + 1)]
        self.decoders = [self._stack(f"decoder_{i}", seeds) for i in range(levels)]
        self.downs = [
            self._resampling(CausalDownsampling1D, f, f"down_{i}", seeds) for i, f in enumerate(self.factors)
        ]
        self.ups = [
            self._resampling(CausalUpsampling1D, f, f"up_{i}", seeds) for i, f in enumerate(self.factors)
        ]

    def _resampling(self, kind: Any, factor: int, name: str, seeds: Any) -> Any:
        initializer = keras.initializers.GlorotUniform(next(seeds))
        return kind(self.filters, factor, kernel_initializer=initializer, name=name, dtype=self.dtype_policy)

    def _stack(self, name: str, seeds: Any) -> list[ResidualBlock]:
        return [
            ResidualBlock(
                self.filters,
                self.kernel_size,
                rate,
                self.normalization,
                self.dropout,
                self.activation,
                seed=next(seeds),
                name=f"{name}_{i}",
                dtype=self.dtype_policy,
            )
            for i, rate in enumerate(self.dilations)
        ]

    @property
    def hop(self) -> int:
        """Steps of a block at the lowest rate."""
        return prod(self.factors)

    @property
    def receptive_field(self) -> int:
        """Steps that an output depends on, its own included; the most that any output of a block does."""
        reach = receptive_field(self.kernel_size, self.dilations, convolutions_per_block=2) - 1
        return 1 + max(t - _earliest(t, reach, self.factors) for t in range(self.hop))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        wide = (*input_shape[:-1], self.filters)
        joined = (*input_shape[:-1], self.filters * (1 if self.merge == "add" else 2))
        for i, stack in enumerate(self.encoders):
            _build(stack, input_shape if i == 0 else wide, wide)
        for stack in self.decoders:
            _build(stack, joined, wide)
        for layer in (*self.downs, *self.ups):
            layer.build(wide)

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Go down, and up again."""
        first, *lower = self.encoders
        hidden = _run(first, inputs, mask, training)
        passed = []
        for down, stack in zip(self.downs, lower, strict=True):
            passed.append((hidden, mask))
            coarse = down.compute_mask(hidden, mask)
            hidden = down(hidden, mask=mask)
            mask = coarse
            hidden = _run(stack, hidden, mask, training)
        for up, stack in reversed(list(zip(self.ups, self.decoders, strict=True))):
            beside, fine = passed.pop()
            hidden = up(hidden, mask=mask)[:, : ops.shape(beside)[1]]
            mask = fine
            hidden = beside + hidden if self.merge == "add" else ops.concatenate([beside, hidden], axis=-1)
            hidden = _run(stack, hidden, mask, training)
        return hidden

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape with `filters` channels."""
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "factors": self.factors,
            "kernel_size": self.kernel_size,
            "dilations": self.dilations,
            "merge": self.merge,
            "normalization": self.normalization,
            "dropout": self.dropout,
            "activation": keras.activations.serialize(self.activation),
            "seed": self.seed,
        }


def _build(stack: list[ResidualBlock], shape: tuple[int | None, ...], wide: tuple[int | None, ...]) -> None:
    for i, block in enumerate(stack):
        block.build(wide if i else shape)


def _run(stack: list[ResidualBlock], hidden: Any, mask: Any, training: bool | None) -> Any:
    for block in stack:
        hidden = block(hidden, mask=mask, training=training)
    return hidden


def _earliest(t: int, reach: int, factors: tuple[int, ...]) -> int:
    """First step of the input that output `t` depends on, where each stack of blocks looks `reach` back."""
    if not factors:
        return t - reach
    factor, *lower = factors
    up = (t - reach) // factor
    down = _earliest(up, reach, tuple(lower)) * factor - (factor - 1)
    return min(t - reach, down) - reach
