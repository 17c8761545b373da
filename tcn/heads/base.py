"""What heads have in common."""

from typing import Any

import keras
from keras import ops

from tcn.layers.checks import check_positive, known_channels
from tcn.layers.children import own_initializer

__all__ = ["HorizonHead", "observed"]

# Sums of as large numbers, and of their products with weights, are finite in float32.
LARGEST = 1e30


def observed(inputs: Any, mask: Any, fill: float) -> Any:
    """Replace what stands at masked steps.

    Args:
        inputs: `(batch, time, ...)`.
        mask: Boolean, `(batch, time)`, or None.
        fill: What to put there.

    Returns:
        Of the shape of the inputs.
    """
    if mask is None:
        return inputs
    while len(mask.shape) < len(inputs.shape):
        mask = ops.expand_dims(mask, -1)
    return ops.where(mask, inputs, fill)


class HorizonHead(keras.layers.Layer):
    """Turns the features of each origin into some outputs for each step ahead, in float32 or finer.

    Half precision would round forecasts to two or three digits, so a head computes in float32 also where the
    rest of a model does not.

    Args:
        horizon: Steps ahead.
        outputs: Numbers for each of them.
        hidden: Units of a layer before the outputs; none if None.
        activation: Of that layer, name of a Keras activation or a function.
        kernel_initializer: Initializer of the kernels.
        bias_initializer: Initializer of the biases.

    Example:
        >>> import numpy as np
        >>> from tcn.heads.base import HorizonHead
        >>> tuple(HorizonHead(horizon=3, outputs=2)(np.ones((4, 10, 8))).shape)
        (4, 10, 3, 2)
    """

    def __init__(
        self,
        horizon: int,
        outputs: int,
        hidden: int | None = None,
        activation: Any = "relu",
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.horizon, self.outputs = check_positive(horizon=horizon, outputs=outputs)
        self.hidden = None
        if hidden is not None:
            [self.hidden] = check_positive(hidden=hidden)
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.exact_dtype = keras.backend.result_type(self.compute_dtype, "float32")
        policy = self.dtype_policy if self.exact_dtype == self.compute_dtype else self.exact_dtype
        self.before = None
        if self.hidden is not None:
            self.before = self._dense(self.hidden, "before", policy, activation=self.activation)
        self.out = self._dense(self.horizon * self.outputs, "out", policy)

    def _dense(self, units: int, name: str, policy: Any, **arguments: Any) -> Any:
        return keras.layers.Dense(
            units,
            kernel_initializer=own_initializer(self.kernel_initializer, None),
            bias_initializer=own_initializer(self.bias_initializer, None),
            dtype=policy,
            name=name,
            **arguments,
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        channels: int | None = known_channels(input_shape)
        if self.before is not None:
            self.before.build((*input_shape[:-1], channels))
            channels = self.hidden
        self.out.build((*input_shape[:-1], channels))

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Compute the outputs of every origin."""
        state = _finite(observed(ops.cast(inputs, self.exact_dtype), mask, 0.0))
        if self.before is not None:
            state = _finite(self.before(state))
        raw = _finite(self.out(state))
        return self.valid(ops.reshape(raw, (*ops.shape(raw)[:-1], self.horizon, self.outputs)))

    def valid(self, raw: Any) -> Any:
        """Make outputs of any numbers.

        Args:
            raw: `(..., horizon, outputs)`.

        Returns:
            `(..., horizon, outputs)`.
        """
        return raw

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape with `(horizon, outputs)` in place of the features."""
        return (*input_shape[:-1], self.horizon, self.outputs)

    def compute_output_spec(self, inputs: Any, mask: Any = None) -> Any:
        """Return the shape and the type of the output."""
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.exact_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that all heads have."""
        return {
            **super().get_config(),
            "horizon": self.horizon,
            "hidden": self.hidden,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }


def _finite(x: Any) -> Any:
    return ops.clip(x, -LARGEST, LARGEST)
