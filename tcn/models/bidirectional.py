"""A TCN that reads in both directions."""

from typing import Any

import keras
from keras import ops

from tcn.layers.children import derived_seeds
from tcn.models.tcn import TCN

__all__ = ["BidirectionalTCN"]


@keras.saving.register_keras_serializable(package="tcn")
class BidirectionalTCN(keras.layers.Layer):
    """Two networks over a sequence, one from each end: for classifying or labeling, never for forecasting.

    The output at a step is made of the steps before it and of those after it, so it must not be used to
    forecast from that step. Padding at either end of a masked sequence is padding for both directions: a
    sequence gives the same alone and among longer ones.

    Args:
        layer: The network that reads forward, causal; the one that reads backward is made of its arguments,
            with weights of its own.
        merge_mode: "concat" to put the channels of both side by side, "sum" to add them.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        `(batch, time, filters)`, or `(batch, filters)` if `layer` has `return_sequences=False`: then the last
        step of each direction. With "concat", twice as many filters.

    Raises:
        ValueError: If `layer` is not a TCN that reads forward, or there is no such merge mode.

    Example:
        >>> import numpy as np
        >>> from tcn import TCN, BidirectionalTCN
        >>> layer = BidirectionalTCN(TCN(8, dilations=(1, 2, 4), return_sequences=True))
        >>> tuple(layer(np.ones((1, 50, 2), "float32")).shape)
        (1, 50, 16)

    Reference:
        Schuster, Paliwal (1997), Bidirectional Recurrent Neural Networks.
    """

    def __init__(self, layer: TCN, merge_mode: str = "concat", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        forward = isinstance(layer, TCN) and layer.padding == "causal" and not layer.go_backwards
        if not forward or layer.return_state:
            raise ValueError(
                "'layer' must be a TCN with padding='causal', go_backwards=False and return_state=False. "
                f"Received: layer={layer!r}"
            )
        if merge_mode not in ("concat", "sum"):
            raise ValueError(f"'merge_mode' must be 'concat' or 'sum'. Received: merge_mode={merge_mode!r}")
        self.merge_mode = merge_mode
        self.forward = layer
        [seed] = derived_seeds(layer.seed, 1)
        own = {"go_backwards": True, "seed": seed, "name": f"{layer.name}_backward"}
        # The initializer itself: a copy of one with a generator would draw the same numbers again.
        own["kernel_initializer"] = layer.kernel_initializer
        self.backward = TCN.from_config({**layer.get_config(), **own})

    @property
    def receptive_field(self) -> int:
        """Steps that an output of a sequence depends on: those before it, its own and those after it."""
        return 2 * self.forward.receptive_field - 1

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        for layer in (self.forward, self.backward):
            if not layer.built:  # the one that is given may have weights
                layer.build(input_shape)

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Read in both directions."""
        forward = self.forward(inputs, mask=mask, training=training)
        backward = self.backward(inputs, mask=mask, training=training)
        if self.forward.return_sequences:
            backward = ops.flip(backward, axis=1)
        return (
            forward + backward if self.merge_mode == "sum" else ops.concatenate([forward, backward], axis=-1)
        )

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask if all steps are returned."""
        return mask if self.forward.return_sequences else None

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the merged outputs."""
        *lead, channels = self.forward.compute_output_shape(input_shape)
        return (*lead, channels if self.merge_mode == "sum" else 2 * channels)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        layer = keras.saving.serialize_keras_object(self.forward)
        return {**super().get_config(), "layer": layer, "merge_mode": self.merge_mode}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "BidirectionalTCN":
        """Make one of what `get_config` gave."""
        return cls(**{**config, "layer": keras.saving.deserialize_keras_object(config["layer"])})
