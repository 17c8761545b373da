"""Gated residual block of WaveNet."""

from typing import Any

import keras
from keras import ops

from tcn.layers.causal import CausalConv1D
from tcn.layers.checks import check_positive, check_rate, check_seed, known_channels
from tcn.layers.children import derived_seeds

__all__ = ["GatedBlock"]


@keras.saving.register_keras_serializable(package="tcn")
class GatedBlock(keras.layers.Layer):
    """Gated dilated causal convolution with a residual and a skip output, conditioned if asked for.

    With `*` the dilated causal convolution, `h` the condition, and matrices for 1x1 convolutions::

        z        = tanh(W_f * x + V_f h) · sigmoid(W_g * x + V_g h)
        residual = x + W_r z
        skip     = W_s z

    The condition is one vector for a series (global) or one for each step (local). A block is built with a
    condition or without, by how it is called first.

    Args:
        filters: Channels of `z`.
        kernel_size: Taps of the convolution.
        dilation_rate: Steps between taps.
        skip_filters: Channels of the skip output; by default `filters`.
        dropout: Share of the channels of `x` that the convolution does not see in training.
        weight_norm: Whether to learn length and direction of each kernel apart.
        use_residual: Whether there is a residual output; the last block of a stack needs none.
        seed: Integer that fixes the initial weights and dropout.

    Input shape:
        `(batch, time, channels)`; any length. `condition`: `(batch, size)` or `(batch, time, size)`.

    Output shape:
        Two tensors, `(batch, time, channels)` and `(batch, time, skip_filters)`; the second alone if
        `use_residual` is False.

    Raises:
        ValueError: If a size is not a positive integer or `dropout` not a rate, or if a block that was built
            with a condition is called without, or the other way round.

    Example:
        >>> import numpy as np
        >>> from tcn.layers import GatedBlock
        >>> block = GatedBlock(8, dilation_rate=4, skip_filters=16)
        >>> x, speaker = np.ones((1, 10, 3), "float32"), np.ones((1, 2), "float32")
        >>> residual, skip = block(x, condition=speaker)
        >>> tuple(residual.shape), tuple(skip.shape)
        ((1, 10, 3), (1, 10, 16))

    Reference:
        van den Oord et al. (2016), WaveNet: A Generative Model for Raw Audio, sections 2.3 to 2.5.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 2,
        dilation_rate: int = 1,
        skip_filters: int | None = None,
        dropout: float = 0.0,
        weight_norm: bool = False,
        use_residual: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.filters, self.kernel_size, self.dilation_rate = check_positive(
            filters=filters, kernel_size=kernel_size, dilation_rate=dilation_rate
        )
        self.skip_filters = None
        if skip_filters is not None:
            [self.skip_filters] = check_positive(skip_filters=skip_filters)
        [self.dropout] = check_rate(dropout=dropout)
        self.weight_norm = weight_norm
        self.use_residual = use_residual
        self.seed = check_seed(seed)

    @property
    def receptive_field(self) -> int:
        """Steps that an output depends on, its own included."""
        return 1 + (self.kernel_size - 1) * self.dilation_rate

    def build(
        self, inputs_shape: tuple[int | None, ...], condition_shape: tuple[int | None, ...] | None = None
    ) -> None:
        """Create the weights, for a condition too if its shape is given."""
        channels = known_channels(inputs_shape)
        inner_shape = (*inputs_shape[:-1], self.filters)
        seeds = derived_seeds(self.seed, 5)
        self.drop = keras.layers.SpatialDropout1D(self.dropout, seeds[0], dtype=self.dtype_policy)
        self.conv = self._convolution(
            "conv", 2 * self.filters, self.kernel_size, seeds[1], dilation_rate=self.dilation_rate
        )
        self.conv.build(inputs_shape)
        self.skip = self._convolution("skip", self.skip_filters or self.filters, 1, seeds[2])
        self.skip.build(inner_shape)
        self.residual: Any = None
        if self.use_residual:
            self.residual = self._convolution("residual", channels, 1, seeds[3])
            self.residual.build(inner_shape)
        self.conditioning: Any = None
        if condition_shape is not None:
            self.conditioning = self._convolution(
                "conditioning", 2 * self.filters, 1, seeds[4], use_bias=False
            )
            self.conditioning.build(condition_shape)

    def _convolution(
        self, name: str, filters: int, kernel_size: int, seed: int | None, **arguments: Any
    ) -> CausalConv1D:
        return CausalConv1D(
            filters,
            kernel_size,
            weight_norm=self.weight_norm,
            kernel_initializer=keras.initializers.GlorotUniform(seed),
            dtype=self.dtype_policy,
            name=name,
            **arguments,
        )

    def call(self, inputs: Any, condition: Any = None, mask: Any = None, inputs_mask: Any = None) -> Any:
        """Gate what was observed; beside a condition, Keras passes the mask as `inputs_mask`."""
        if (condition is None) != (self.conditioning is None):
            built, called = ("without", "with") if self.conditioning is None else ("with", "without")
            raise ValueError(
                f"A block is built by its first call, with a condition or without, and called alike. "
                f"Received: a call {called} a condition to {self.name!r}, which was built {built}"
            )
        mask = inputs_mask if mask is None else mask
        if mask is not None:
            inputs = ops.where(mask[..., None], inputs, ops.zeros_like(inputs))
        gates = self.conv(self.drop(inputs), mask=mask)
        if condition is not None:
            gates = gates + self._conditioned(condition, mask)
        signal, gate = ops.split(gates, 2, axis=-1)
        z = ops.tanh(signal) * ops.sigmoid(gate)
        skip = self.skip(z)
        return skip if self.residual is None else (inputs + self.residual(z), skip)

    def _conditioned(self, condition: Any, mask: Any) -> Any:
        """What a condition adds to the gates, `(batch, time or 1, 2 * filters)`."""
        if len(condition.shape) == 2:
            condition = condition[:, None]
        elif mask is not None:
            condition = ops.where(mask[..., None], condition, ops.zeros_like(condition))
        return self.conditioning(condition)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask for each output."""
        return (previous_mask, previous_mask) if self.use_residual else previous_mask

    def compute_output_shape(
        self, inputs_shape: tuple[int | None, ...], condition_shape: tuple[int | None, ...] | None = None
    ) -> Any:
        """Return the input's shape, and that with `skip_filters` channels."""
        skip = (*inputs_shape[:-1], self.skip_filters or self.filters)
        return (tuple(inputs_shape), skip) if self.use_residual else skip

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "dilation_rate": self.dilation_rate,
            "skip_filters": self.skip_filters,
            "dropout": self.dropout,
            "weight_norm": self.weight_norm,
            "use_residual": self.use_residual,
            "seed": self.seed,
        }
