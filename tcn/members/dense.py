"""Affine maps of several ensemble members at once."""

from typing import Any

import keras
from keras import ops

from tcn.layers.checks import known_channels

__all__ = ["MemberDense"]


@keras.saving.register_keras_serializable(package="tcn")
class MemberDense(keras.layers.Layer):
    """A dense layer per ensemble member, computed as one batched matrix product.

    Args:
        units: Output channels, at least 1.
        members: Independent copies of the layer, at least 1.
        use_bias: Whether each member adds a bias.
        scale: Factor on the Glorot-uniform initial kernel; 0 starts at zero.
        seed: Integer that fixes the initial kernel.

    Input shape:
        `(members or 1, ..., channels)`; a leading axis of 1 is shown to every member.

    Output shape:
        `(members, ..., units)`.

    Raises:
        ValueError: If `units` or `members` is smaller than 1.

    Example:
        >>> import numpy as np
        >>> from tcn.members import MemberDense
        >>> tuple(MemberDense(4, members=3, seed=0)(np.ones((1, 5, 2), "float32")).shape)
        (3, 5, 4)
    """

    def __init__(
        self,
        units: int,
        members: int = 1,
        use_bias: bool = True,
        scale: float = 1.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if units < 1 or members < 1:
            raise ValueError(
                f"'units' and 'members' must be positive. Received: units={units}, members={members}"
            )
        self.units = units
        self.members = members
        self.use_bias = use_bias
        self.scale = scale
        self.seed = seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        channels = known_channels(input_shape)
        limit = self.scale * (6.0 / (channels + self.units)) ** 0.5
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.members, channels, self.units),
            initializer=keras.initializers.RandomUniform(-limit, limit, seed=self.seed),
        )
        self.bias = (
            self.add_weight(name="bias", shape=(self.members, 1, self.units), initializer="zeros")
            if self.use_bias
            else None
        )

    def call(self, inputs: Any) -> Any:
        """Map each step of each member by that member's weights."""
        lead, *inner, channels = ops.shape(inputs)
        outputs = ops.matmul(ops.reshape(inputs, (lead, -1, channels)), self.kernel)
        if self.bias is not None:
            outputs = outputs + self.bias
        return ops.reshape(outputs, (self.members, *inner, self.units))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape that `call` gives for an input shape."""
        return (self.members, *input_shape[1:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "units": self.units,
            "members": self.members,
            "use_bias": self.use_bias,
            "scale": self.scale,
            "seed": self.seed,
        }
