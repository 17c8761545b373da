"""Weight normalization: length and direction of a kernel learned apart."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
from keras import ops

__all__ = ["WeightNormalization", "initial_gain", "normalized"]

# Far below the squares of float32 weights that matter; keeps a kernel of zeros finite.
TINY = 1e-30


def normalized(direction: Any, gain: Any, axis: int | Sequence[int] = -1) -> Any:
    """Kernel of given lengths along given directions, `gain * direction / ||direction||`.

    Args:
        direction: Any shape.
        gain: Lengths, of the shape that `direction` has along `axis`.
        axis: Axes that each have lengths of their own; norms are taken over the others.

    Returns:
        A tensor of `direction`'s shape and type.

    Example:
        >>> import numpy as np
        >>> from tcn.layers.weight_norm import normalized
        >>> direction = np.array([[3.0], [4.0]], "float32")
        >>> np.asarray(normalized(direction, np.array([10.0]))).ravel().tolist()
        [6.0, 8.0]
    """
    kept = _kept(len(direction.shape), axis)
    shape = [size if i in kept else 1 for i, size in enumerate(direction.shape)]
    scale = ops.reshape(ops.cast(gain, "float32"), shape) / _norm(direction, kept)
    return direction * ops.cast(scale, direction.dtype)


def initial_gain(kernel: Any, axis: int | Sequence[int] = -1) -> Callable[..., Any]:
    """Initializer that makes the normalized kernel equal to a kernel as it is.

    Args:
        kernel: Variable.
        axis: As for `normalized`.

    Returns:
        A function of shape and type, for `add_weight`.
    """
    kept = _kept(len(kernel.shape), axis)
    return lambda shape, dtype=None: ops.cast(
        ops.reshape(_norm(ops.convert_to_tensor(kernel), kept), shape), dtype or "float32"
    )


def _kept(rank: int, axis: int | Sequence[int]) -> list[int]:
    """Axes from 0 up, in ascending order."""
    axes = list(axis) if isinstance(axis, Iterable) else [axis]
    if not axes or any(not -rank <= a < rank for a in axes):
        raise ValueError(f"'axis' must name axes of a kernel of rank {rank}. Received: axis={axis}")
    return sorted({a % rank for a in axes})


def _norm(direction: Any, kept: list[int]) -> Any:
    """Norms over all axes but `kept`, in float32."""
    over = [i for i in range(len(direction.shape)) if i not in kept]
    squares = ops.square(ops.cast(direction, "float32"))
    return ops.sqrt(ops.maximum(ops.sum(squares, axis=over, keepdims=True), TINY))


@keras.saving.register_keras_serializable(package="tcn")
class WeightNormalization(keras.layers.Wrapper):
    """Any layer with a `kernel`, which becomes `gain * v / ||v||`.

    The layer's own kernel variable is `v`; the gain starts as its norm, so that the function does not change
    when the layer is wrapped. `CausalConv1D` and `CausalDepthwiseConv1D` have `weight_norm=True` instead.

    Args:
        layer: Layer whose `kernel` is one variable, built or not: `Dense`, `Conv1D`, `EinsumDense`, ...
        axis: Axes of the kernel that each have a gain of their own: the outputs. Norms are taken over the
            other axes.

    Input shape:
        As for the layer.

    Output shape:
        As for the layer.

    Raises:
        ValueError: If the layer has no `kernel` of its own, or `axis` is not one of the kernel's.

    Example:
        >>> import keras, numpy as np
        >>> from tcn.layers import WeightNormalization
        >>> layer = WeightNormalization(keras.layers.Dense(4))
        >>> tuple(layer(np.ones((2, 3), "float32")).shape), tuple(layer.gain.shape)
        ((2, 4), (4,))

    Reference:
        Salimans & Kingma (2016), Weight Normalization: https://arxiv.org/abs/1602.07868
    """

    def __init__(self, layer: keras.Layer, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(layer, **{"dtype": layer.dtype_policy, **kwargs})
        self.axis = tuple(int(a) for a in axis) if isinstance(axis, Iterable) else int(axis)
        self.supports_masking = layer.supports_masking
        self._takes_mask = "mask" in inspect.signature(layer.call).parameters

    def build(self, input_shape: Any) -> None:
        """Build the layer, and create the gain."""
        super().build(input_shape)
        direction = getattr(self.layer, "kernel", None)
        if not isinstance(direction, keras.Variable):
            raise ValueError(
                "WeightNormalization wraps a layer whose 'kernel' is one variable. "
                f"Received: {self.layer.__class__.__name__} with kernel of type {type(direction).__name__}"
            )
        self._direction = direction
        self.gain = self.add_weight(
            name="gain",
            shape=tuple(direction.shape[i] for i in _kept(len(direction.shape), self.axis)),
            initializer=initial_gain(direction, self.axis),
        )

    @property
    def kernel(self) -> Any:
        """The kernel that the layer computes with."""
        return normalized(ops.convert_to_tensor(self._direction), self.gain, self.axis)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Call the layer with the normalized kernel in the place of its own."""
        # A scope hides the one around it, in which JAX has the values of a training step: map all variables.
        others = [v for v in self.layer.variables if v is not self._direction]
        values = [(v, ops.convert_to_tensor(v)) for v in others]
        with keras.StatelessScope([*values, (self._direction, self.kernel)], collect_losses=True) as scope:
            before = [scope.get_current_value(v) for v in others]
            outputs = self.layer(inputs, mask=mask) if self._takes_mask else self.layer(inputs)
        for variable, value in zip(others, before, strict=True):
            if scope.get_current_value(variable) is not value:
                variable.assign(scope.get_current_value(variable))
        for loss in scope.losses:
            self.add_loss(loss)
        return outputs

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the layer's mask."""
        return self.layer.compute_mask(inputs, previous_mask)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the layer's output shape."""
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "axis": self.axis}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "WeightNormalization":
        """Make one from a configuration, which Keras' own way would change."""
        made: WeightNormalization = super().from_config(dict(config), custom_objects)
        return made
