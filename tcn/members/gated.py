"""Gated dilated causal convolution blocks with ensemble members."""

from typing import Any

import keras
from keras import ops

from tcn.members.dense import MemberDense

__all__ = ["MemberGLUBlock"]


@keras.saving.register_keras_serializable(package="tcn")
class MemberGLUBlock(keras.layers.Layer):
    """Pre-normalized residual block: RMS norm, dilated causal convolution, GLU, 1x1 convolution.

    The convolution is "valid": it consumes `(kernel_size - 1) * dilation_rate` steps of context instead of
    padding, so a step's output is the same in a long sequence and in one just long enough for it.

    Args:
        filters: Channels of the block, equal to those of its input.
        kernel_size: Taps of the convolution.
        dilation_rate: Steps between taps.
        members: Independent copies of the block.
        seed: Integer that fixes the initial weights.

    Input shape:
        `(members, batch, time, filters)`.

    Output shape:
        `(members, batch, time - (kernel_size - 1) * dilation_rate, filters)`.

    Example:
        >>> import numpy as np
        >>> from tcn.members import MemberGLUBlock
        >>> block = MemberGLUBlock(8, kernel_size=3, dilation_rate=2, members=2)
        >>> tuple(block(np.ones((2, 1, 10, 8), "float32")).shape)
        (2, 1, 6, 8)

    Reference:
        van den Oord et al. (2016), WaveNet; Dauphin et al. (2017), Language Modeling with Gated Convolutional
        Networks, for the linear gate.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        dilation_rate: int = 1,
        members: int = 1,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if min(filters, kernel_size, dilation_rate) < 1:
            raise ValueError(
                "'filters', 'kernel_size' and 'dilation_rate' must be positive. "
                f"Received: filters={filters}, kernel_size={kernel_size}, dilation_rate={dilation_rate}"
            )
        self.filters = filters
        self.kernel_size = kernel_size
        self.dilation_rate = dilation_rate
        self.members = members
        self.seed = seed
        seeds = (None, None) if seed is None else (2 * seed, 2 * seed + 1)
        self.norm = MemberRMSNorm(members, dtype=self.dtype_policy, name="norm")
        self.conv = MemberDense(2 * filters, members, seed=seeds[0], dtype=self.dtype_policy, name="conv")
        self.mix = MemberDense(filters, members, seed=seeds[1], dtype=self.dtype_policy, name="mix")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        channels = input_shape[-1]
        if channels != self.filters:
            raise ValueError(
                f"The input must have filters={self.filters} channels. Received: shape {input_shape}"
            )
        self.norm.build(input_shape)
        self.conv.build((*input_shape[:-1], channels * self.kernel_size))
        self.mix.build((*input_shape[:-1], self.filters))

    def call(self, inputs: Any) -> Any:
        """Add what the gated convolution makes of the last steps to the newest of them."""
        length = ops.shape(inputs)[-2] - (self.kernel_size - 1) * self.dilation_rate
        normal = self.norm(inputs)
        taps = [
            normal[..., k * self.dilation_rate : k * self.dilation_rate + length, :]
            for k in range(self.kernel_size)
        ]
        signal, gate = ops.split(self.conv(ops.concatenate(taps, axis=-1)), 2, axis=-1)
        return inputs[..., -length:, :] + self.mix(signal * ops.sigmoid(gate))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape with its time axis shortened by the context."""
        *lead, time, _ = input_shape
        shrunk = None if time is None else time - (self.kernel_size - 1) * self.dilation_rate
        return (*lead, shrunk, self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "dilation_rate": self.dilation_rate,
            "members": self.members,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="tcn")
class MemberRMSNorm(keras.layers.Layer):
    """Root-mean-square normalization over channels with one gain vector per ensemble member.

    Args:
        members: Leading size of the input.

    Input shape:
        `(members, ..., channels)`.

    Output shape:
        As the input.

    Example:
        >>> import numpy as np
        >>> from tcn.members import MemberRMSNorm
        >>> np.asarray(MemberRMSNorm()(np.array([[[3.0, -3.0]]]))).round(3).tolist()
        [[[1.0, -1.0]]]

    Reference:
        Zhang, Sennrich (2019), Root Mean Square Layer Normalization.
    """

    def __init__(self, members: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.members = members

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        ones = (1,) * (len(input_shape) - 2)
        self.gain = self.add_weight(
            name="gain", shape=(self.members, *ones, input_shape[-1]), initializer="ones"
        )

    def call(self, inputs: Any) -> Any:
        """Divide each step by its root mean square over channels."""
        return inputs * self.factor(inputs) * self.gain

    def factor(self, inputs: Any) -> Any:
        """What inputs are multiplied by before the gain.

        Args:
            inputs: `(members, ..., channels)`.

        Returns:
            `(members, ..., 1)`, positive.
        """
        power = ops.mean(ops.square(inputs), axis=-1, keepdims=True)
        return ops.rsqrt(power + 1e-6)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "members": self.members}
