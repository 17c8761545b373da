"""What models of a backbone and a head have in common."""

from typing import Any

import keras

__all__ = ["TaskModel"]


class TaskModel(keras.Model):
    """A model around a backbone, which it saves and loads as a part of itself.

    Args:
        backbone: Layer or model, `(batch, time, channels)` to `(batch, time, features)`; one that is built
            already keeps its weights.

    Raises:
        ValueError: If the backbone is not a Keras layer, or, when built, does not return a sequence.
    """

    def __init__(self, backbone: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.autocast = False  # the backbone gets the inputs as they are: scaling layers want all digits
        self.supports_masking = True
        check_layer(backbone=backbone)
        self.backbone = backbone

    @property
    def receptive_field(self) -> int:
        """Steps that a feature of the backbone depends on, its own included."""
        field = getattr(self.backbone, "receptive_field", None)
        if field is None:
            raise AttributeError(
                "The backbone must have a 'receptive_field'. "
                f"Received: backbone={self.backbone.name!r} of class {type(self.backbone).__name__}"
            )
        return int(field)

    def build_backbone(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Create the backbone's weights unless it has them.

        Args:
            input_shape: `(batch, time, channels)`.

        Returns:
            The shape of its features.
        """
        if not self.backbone.built:
            self.backbone.build(input_shape)
        features = tuple(self.backbone.compute_output_shape(input_shape))
        if len(features) != 3:
            raise ValueError(
                "The backbone must return (batch, time, features); a TCN does with return_sequences=True. "
                f"Received: output shape {features} for input shape {tuple(input_shape)}"
            )
        return features

    def features(self, inputs: Any, mask: Any = None) -> Any:
        """What the backbone makes of a sequence, `(batch, time, features)`, with its mask attached."""
        return self.backbone(inputs) if mask is None else self.backbone(inputs, mask=mask)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "backbone": keras.saving.serialize_keras_object(self.backbone)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Make a model of what `get_config` gave."""
        parts: dict[str, Any] = {
            name: keras.saving.deserialize_keras_object(config[name], custom_objects=custom_objects)
            for name in ("backbone", "head")
            if name in config
        }
        return cls(**{**config, **parts})


def check_layer(**values: object) -> None:
    """Raise unless every value is a Keras layer.

    Args:
        **values: Values by the name of their argument.

    Raises:
        ValueError: If one is not.
    """
    for name, value in values.items():
        if not isinstance(value, keras.layers.Layer):
            raise ValueError(f"'{name}' must be a Keras layer or model. Received: {name}={value!r}")
