"""A network between scaling and its inverse."""

from typing import Any

import keras

from tcn.layers.scaling.base import CausalScaling

__all__ = ["Scaled"]


@keras.saving.register_keras_serializable(package="tcn")
class Scaled(keras.Model):
    """Scale the inputs, run a network, and turn its outputs back into the original units.

    What the network learns holds for series of all levels and sizes. The scaling is a part of the model:
    nothing has to be fitted before training or kept for prediction.

    Args:
        network: Layer or model from `(batch, time, channels)` to `(batch, time, horizon, ...)`, causal if the
            whole is to be. Its outputs are values, such as points or quantiles, not parameters of
            distributions. It gets the mask of the inputs as Keras passes it on.
        scaling: A `CausalScaling`.
        target: Channel that is forecast: its location and scale turn the outputs back.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        That of the network.

    Raises:
        ValueError: If `target` is not a channel.

    Example:
        >>> import numpy as np
        >>> from tcn.layers.causal import CausalConv1D
        >>> from tcn.layers.scaling import CausalLastValueScaling, Scaled
        >>> network = CausalConv1D(filters=3, kernel_size=2, kernel_initializer="zeros")  # 3 steps ahead
        >>> model = Scaled(network, CausalLastValueScaling(window=8))
        >>> x = np.array([[[10.0], [12.0], [11.0]]], "float32")
        >>> np.asarray(model(x))[0].tolist()
        [[10.0, 10.0, 10.0], [12.0, 12.0, 12.0], [11.0, 11.0, 11.0]]
    """

    def __init__(self, network: Any, scaling: CausalScaling, target: int = 0, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True
        if isinstance(target, bool) or not isinstance(target, int) or target < 0:
            raise ValueError(f"'target' must be the index of a channel. Received: target={target!r}")
        if isinstance(network, keras.Sequential | keras.Function):
            # They pass masks on to their layers, but Keras warns that they do not.
            network.supports_masking = True
        self.network = network
        self.scaling = scaling
        self.target = target

    @property
    def receptive_field(self) -> int | None:
        """Steps that an output depends on, its own included; None if that is all so far."""
        window, field = self.scaling.receptive_field, self.network.receptive_field
        return None if window is None or field is None else int(field) + window - 1

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        if input_shape[-1] is not None and self.target >= input_shape[-1]:
            raise ValueError(
                f"'target' must be the index of a channel. "
                f"Received: target={self.target} for inputs of shape {tuple(input_shape)}"
            )
        if not self.network.built:
            self.network.build(input_shape)
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Scale, run the network, turn back."""
        scaled, location, scale = self.scaling(inputs, mask=mask)
        # The scaled inputs carry the mask: a network whose call takes none can be used, too.
        outputs = self.network(scaled)
        channel = slice(self.target, self.target + 1)
        return self.scaling.inverse(outputs, location[..., channel], scale[..., channel])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> Any:
        """Return the network's output shape."""
        return self.network.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "network": keras.saving.serialize_keras_object(self.network),
            "scaling": keras.saving.serialize_keras_object(self.scaling),
            "target": self.target,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Scaled":
        """Make one from what `get_config` returned."""
        parts = {
            name: keras.saving.deserialize_keras_object(config[name], custom_objects)
            for name in ("network", "scaling")
        }
        return cls(**{**config, **parts})
