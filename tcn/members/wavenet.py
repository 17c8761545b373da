"""WaveNet's gated blocks with ensemble members."""

from typing import Any

import keras
from keras import ops

from tcn.layers.checks import check_positive
from tcn.members.dense import MemberDense

__all__ = ["MemberWaveNetBlock"]


@keras.saving.register_keras_serializable(package="tcn")
class MemberWaveNetBlock(keras.layers.Layer):
    """Gated dilated convolution with a residual and a skip output: what `GatedBlock` computes, by member.

    With the gated convolution `z = tanh(f) * sigmoid(g)`, the residual output is `x + W_r z + b_r` and the
    skip output `W_s z + b_s`. The convolution is "valid": it consumes `(kernel_size - 1) * dilation_rate`
    steps of context instead of padding.

    Args:
        filters: Channels of the block, equal to those of its input.
        kernel_size: Taps of the convolution.
        dilation_rate: Steps between taps.
        members: Independent copies of the block.
        use_residual: Whether there is a residual output; the last block of a stack needs none.
        seed: Integer that fixes the initial weights.

    Input shape:
        `(members, batch, time, filters)`.

    Output shape:
        Twice `(members, batch, time - (kernel_size - 1) * dilation_rate, filters)`, residual and skip; the
        skip alone if `use_residual` is False.

    Raises:
        ValueError: If a size is not a positive integer, or the input has other channels.

    Example:
        >>> import numpy as np
        >>> from tcn.members import MemberWaveNetBlock
        >>> block = MemberWaveNetBlock(8, kernel_size=3, dilation_rate=2, members=2)
        >>> residual, skip = block(np.ones((2, 1, 10, 8), "float32"))
        >>> tuple(residual.shape), tuple(skip.shape)
        ((2, 1, 6, 8), (2, 1, 6, 8))

    Reference:
        van den Oord et al. (2016), WaveNet: A Generative Model for Raw Audio, sections 2.3 and 2.4.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        dilation_rate: int = 1,
        members: int = 1,
        use_residual: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.dilation_rate, self.members = check_positive(
            filters=filters, kernel_size=kernel_size, dilation_rate=dilation_rate, members=members
        )
        self.use_residual = use_residual
        self.seed = seed
        seeds = [None] * 3 if seed is None else [3 * seed + i for i in range(3)]
        own: dict[str, Any] = {"members": members, "dtype": self.dtype_policy}
        self.conv = MemberDense(2 * filters, seed=seeds[0], name="conv", **own)
        self.skip = MemberDense(filters, seed=seeds[1], name="skip", **own)
        self.residual = MemberDense(filters, seed=seeds[2], name="residual", **own) if use_residual else None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        channels = input_shape[-1]
        if channels != self.filters:
            raise ValueError(
                f"The input must have filters={self.filters} channels. Received: shape {input_shape}"
            )
        self.conv.build((*input_shape[:-1], self.filters * self.kernel_size))
        for layer in (self.skip, *([] if self.residual is None else [self.residual])):
            layer.build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Gate the last steps, add them to the newest, and pass them on beside."""
        length = ops.shape(inputs)[-2] - (self.kernel_size - 1) * self.dilation_rate
        taps = [
            inputs[..., k * self.dilation_rate : k * self.dilation_rate + length, :]
            for k in range(self.kernel_size)
        ]
        signal, gate = ops.split(self.conv(ops.concatenate(taps, axis=-1)), 2, axis=-1)
        gated = ops.tanh(signal) * ops.sigmoid(gate)
        skip = self.skip(gated)
        return skip if self.residual is None else (taps[-1] + self.residual(gated), skip)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> Any:
        """Return the input's shape with its time axis shortened by the context, of each output."""
        *lead, time, _ = input_shape
        shrunk = None if time is None else time - (self.kernel_size - 1) * self.dilation_rate
        shape = (*lead, shrunk, self.filters)
        return (shape, shape) if self.use_residual else shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "dilation_rate": self.dilation_rate,
            "members": self.members,
            "use_residual": self.use_residual,
            "seed": self.seed,
        }
