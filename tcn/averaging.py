"""Forecasts of one model averaged over several ways to look at the same series."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tcn.ensemble import call_with, outputs_belong_to_steps
from tcn.layers.checks import check_each_positive

__all__ = ["AverageOverLookbacks", "AverageOverSigns"]


class _Around(keras.layers.Layer):
    """Holds a model."""

    def __init__(self, model: Any, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)  # the model gets the inputs as they are
        self.supports_masking = True
        if not isinstance(model, keras.Layer):
            raise ValueError(f"'model' must be a Keras model or layer. Received: model={model!r}")
        self.model = model

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the model's weights."""
        if not self.model.built:
            self.model.build(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "model": keras.saving.serialize_keras_object(self.model)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "_Around":
        """Make one of the arguments that `get_config` returned."""
        return cls(**{**config, "model": keras.saving.deserialize_keras_object(config["model"])})


@keras.saving.register_keras_serializable(package="tcn")
class AverageOverLookbacks(_Around):
    """Forecast at the last step, averaged over several lengths of the past: mean over L of f(x(T-L+1..T)).

    Look-backs beyond the model's receptive field change nothing, unless it scales its input or attends to all
    of it. A past shorter than a look-back is taken as it is.

    Args:
        model: Model or layer of one input and one output that takes sequences of any length. Of outputs for
            each step, the last one counts.
        lookbacks: Steps of each look-back.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        The model's, without the axis of time if it has outputs for each step.

    Raises:
        ValueError: If a look-back is not a positive integer, or there are none.

    Example:
        >>> import numpy as np
        >>> import keras
        >>> from tcn.averaging import AverageOverLookbacks
        >>> mean = keras.layers.GlobalAveragePooling1D()
        >>> layer = AverageOverLookbacks(mean, lookbacks=[1, 3])
        >>> float(layer(np.array([[[5.0], [1.0], [2.0], [3.0]]], "float32"))[0, 0])
        2.5
    """

    def __init__(self, model: Any, lookbacks: Sequence[int], **kwargs: Any) -> None:
        super().__init__(model, **kwargs)
        [self.lookbacks] = check_each_positive(lookbacks=lookbacks)

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Average the last forecasts."""
        each_step = outputs_belong_to_steps(self.model, inputs.shape)
        total = 0.0
        for steps in self.lookbacks:
            seen = None if mask is None else mask[:, -steps:]
            outputs = call_with(self.model, inputs[:, -steps:], mask=seen, training=training)
            total = total + (outputs[:, -1] if each_step else outputs)
        return total / len(self.lookbacks)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """Return None: the output has no axis of time."""

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the model's shape, without time."""
        batch, *rest = self.model.compute_output_shape(input_shape)
        return (batch, *(rest[1:] if outputs_belong_to_steps(self.model, input_shape) else rest))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "lookbacks": self.lookbacks}


@keras.saving.register_keras_serializable(package="tcn")
class AverageOverSigns(_Around):
    """Forecast averaged over a series and its mirror image: (f(x) - f(-x)) / 2.

    The result is odd: the forecast of a mirrored series is the mirrored forecast. Of quantiles, the one at q
    is averaged with the one at 1 - q of the mirror image.

    Args:
        model: Model or layer of one input and one output, a forecast of values.
        channels: Indices of the input's channels that are mirrored: the series, not what describes time. All
            unless told.
        quantile_axis: Axis of the output along which quantiles stand in rising order, at levels symmetric
            about 0.5; None for point forecasts.

    Input shape:
        As the model's.

    Output shape:
        As the model's.

    Raises:
        ValueError: If a channel is not one of the input's, or the axis not one of the output's.

    Example:
        >>> import numpy as np
        >>> import keras
        >>> from tcn.averaging import AverageOverSigns
        >>> odd = AverageOverSigns(keras.layers.ReLU())
        >>> np.asarray(odd(np.array([[[-2.0], [4.0]]], "float32"))).ravel().tolist()
        [-1.0, 2.0]
    """

    def __init__(
        self,
        model: Any,
        channels: Sequence[int] | None = None,
        quantile_axis: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(model, **kwargs)
        self.channels = None if channels is None else tuple(channels)
        self.quantile_axis = quantile_axis

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Average over both signs."""
        mirrored = call_with(self.model, inputs * self._signs(inputs), mask=mask, training=training)
        if self.quantile_axis is not None:
            rank = len(mirrored.shape)
            if self.quantile_axis not in range(-rank, rank):
                raise ValueError(
                    f"'quantile_axis' must be an axis of the output, from {-rank} to {rank - 1}. "
                    f"Received: quantile_axis={self.quantile_axis!r}"
                )
            mirrored = ops.flip(mirrored, axis=self.quantile_axis)
        outputs = call_with(self.model, inputs, mask=mask, training=training)
        return (outputs - mirrored) / 2

    def _signs(self, inputs: Any) -> Any:
        count = inputs.shape[-1]
        mirrored = range(count) if self.channels is None else self.channels
        if not set(mirrored) <= set(range(count)):
            raise ValueError(
                f"'channels' must be indices of the input's {count} channels. Received: {self.channels}"
            )
        signs = [-1.0 if channel in mirrored else 1.0 for channel in range(count)]
        return ops.convert_to_tensor(signs, dtype=inputs.dtype)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask if each step has an output."""
        if mask is None or not outputs_belong_to_steps(self.model, inputs.shape):
            return None
        return mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the model's shape."""
        return self.model.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "channels": self.channels, "quantile_axis": self.quantile_axis}
