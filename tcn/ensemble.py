"""Members trained side by side in one model, whose outputs are averaged."""

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

import keras
from keras import ops

from tcn.layers.checks import is_like

__all__ = ["Ensemble", "call_with", "outputs_belong_to_steps"]


@keras.saving.register_keras_serializable(package="tcn")
class Ensemble(keras.Model):
    """Models with the same inputs, each trained by itself, that answer with the mean of their outputs.

    In `fit` every member has its own loss on the same batch, with the same targets and weights of samples,
    and its own gradient, as if it were trained alone (by an optimizer that treats each weight by itself;
    clipping by a global norm does not). The loss that is shown is the mean of theirs. Everywhere else, in
    metrics, in validation, in `predict` and inside other models, the outputs are averaged.

    Averaged quantiles keep their order; averaged probabilities sum to 1. Of parameters of distributions, the
    mean is not the mixture.

    Args:
        members: Models or layers with the same inputs and outputs and no weights in common. They should
            differ in their initial weights: give each a seed of its own.

    Input shape:
        As the members'.

    Output shape:
        As the members'.

    Raises:
        ValueError: If there are no members, one is no model, or two have a weight in common or outputs of
            different shapes.

    Example:
        >>> import keras, numpy as np
        >>> from tcn.ensemble import Ensemble
        >>> from tcn.layers import CausalConv1D
        >>> def make(seed):
        ...     kernel = keras.initializers.GlorotUniform(seed)
        ...     return CausalConv1D(1, 3, kernel_initializer=kernel)
        >>> model = Ensemble([make(seed) for seed in range(5)])
        >>> model.compile("adam", loss="mse")
        >>> x = np.ones((4, 10, 1), "float32")
        >>> _ = model.fit(x, x, verbose=0)
        >>> one_by_one = [np.asarray(member(x)) for member in model.members]
        >>> bool(np.allclose(np.mean(one_by_one, axis=0), model.predict(x, verbose=0), atol=1e-6))
        True

    Reference:
        Hansen, Salamon (1990), Neural Network Ensembles; Lakshminarayanan, Pritzel, Blundell (2017), Simple
        and Scalable Predictive Uncertainty Estimation using Deep Ensembles.
    """

    def __init__(self, members: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        each = list(members) if isinstance(members, Iterable) else []
        if not each or not all(isinstance(member, keras.Layer) for member in each):
            raise ValueError(
                "'members' must be a sequence of Keras models or layers, one at least. "
                f"Received: members={members!r}"
            )
        self.supports_masking = True
        self.autocast = False  # members get the inputs as they are
        self.members = each
        self._one_by_one = False

    def build(self, input_shape: Any) -> None:
        """Create the members' weights."""
        for member in self.members:
            if not member.built:
                member.build(input_shape)
        weights = [weight for member in self.members for weight in member.weights]
        different = len({id(weight) for weight in weights})
        if different < len(weights):
            raise ValueError(
                f"Members must have no weights in common. Received: {len(weights)} weights of which "
                f"{len(weights) - different} belong to several members; make each member anew."
            )

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Average the outputs; in a step of `fit`, return them one by one."""
        outputs = [call_with(member, inputs, mask=mask, training=training) for member in self.members]
        return outputs if self._one_by_one else _mean(outputs)

    def train_step(self, *arguments: Any) -> Any:
        """Train each member; the arguments are those of the backend."""
        self._one_by_one = True
        try:
            return super().train_step(*arguments)
        finally:
            self._one_by_one = False

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Mean of the members' losses, with the gradient of their sum."""
        if not self._one_by_one:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        losses = [super(Ensemble, self).compute_loss(x, y, own, sample_weight, training) for own in y_pred]
        # What regularizers add is in each of them for all members together.
        added = sum(self.losses, start=ops.zeros(()))
        together = sum(losses[1:], start=losses[0]) - (len(losses) - 1) * added
        return together - ops.stop_gradient(together - together / len(losses))

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Metrics of the mean."""
        outputs = _mean(y_pred) if self._one_by_one else y_pred
        return super().compute_metrics(x, y, outputs, sample_weight)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask if each step has an output; members' outputs, one by one, have their own."""
        one_mask = mask is not None and not keras.tree.is_nested(mask)
        if one_mask and not self._one_by_one and outputs_belong_to_steps(self, inputs.shape):
            return mask
        return None

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the members' shape."""
        return self.members[0].compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        members = [keras.saving.serialize_keras_object(member) for member in self.members]
        return {**super().get_config(), "members": members}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Ensemble":
        """Make one of the arguments that `get_config` returned."""
        members = [
            keras.saving.deserialize_keras_object(member, custom_objects=custom_objects)
            for member in config["members"]
        ]
        return cls(**{**config, "members": members})


def call_with(model: Any, inputs: Any, **arguments: Any) -> Any:
    """Call a model with those arguments that are known and that it takes.

    Keras would pass them on by itself, but not from a model that JAX trains.

    Args:
        model: A model or layer.
        inputs: Its inputs.
        **arguments: Arguments by name; None, or a structure of None, for what is not known.

    Returns:
        What the model returns.

    Example:
        >>> import keras
        >>> from tcn.ensemble import call_with
        >>> import numpy as np
        >>> tuple(call_with(keras.layers.Dense(4), np.ones((1, 3)), training=True, mask=None).shape)
        (1, 4)
    """
    taken = inspect.signature(model.call).parameters
    known = {
        name: value
        for name, value in arguments.items()
        if name in taken and any(part is not None for part in keras.tree.flatten(value))
    }
    return model(inputs, **known)


def outputs_belong_to_steps(model: Any, input_shape: Sequence[int | None]) -> bool:
    """Whether a model has one output for each step, however many there are.

    Args:
        model: A model or layer of one input and one output.
        input_shape: Shape of its input, `(batch, time, ...)`.

    Returns:
        Whether the second axis of its output is that of its input.

    Example:
        >>> import keras
        >>> from tcn.ensemble import outputs_belong_to_steps
        >>> layers = [keras.layers.Dense(4), keras.layers.GlobalAveragePooling1D()]
        >>> [outputs_belong_to_steps(layer, (1, 10, 2)) for layer in layers]
        [True, False]
    """
    batch, _, *rest = input_shape
    output_shape = model.compute_output_shape((batch, None, *rest))
    return len(output_shape) > 1 and output_shape[1] is None


def _mean(outputs: Sequence[Any]) -> Any:
    return keras.tree.map_structure(_mean_of_alike, *outputs)


def _mean_of_alike(*parts: Any) -> Any:
    shapes = [tuple(part.shape) for part in parts]
    if not all(is_like(shape, shapes[0]) for shape in shapes):
        raise ValueError(
            "Members must have outputs of one shape, of which the mean is taken. "
            f"Received: shapes {', '.join(map(str, shapes))}"
        )
    return ops.mean(ops.stack(parts), axis=0)
