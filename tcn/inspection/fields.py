"""How far back a network looks: what its layers let through, and what it makes use of."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import keras
import numpy as np
from keras import ops

from tcn._backend import gradient

__all__ = ["EffectiveField", "effective_field", "measured_receptive_field"]

Tensor = Any

# With more outputs, so many random combinations of them stand for all.
_EXACT = 16


@dataclass(frozen=True, eq=False)
class EffectiveField:
    """How the influence of the inputs on the last output is spread over time.

    Attributes:
        steps: Steps, the present one included, that have `share` of the influence.
        share: What was asked for.
        profile: Share of each step, `(steps of the inputs,)`: the present one first, then further and further
            back. Sums to 1.

    Example:
        >>> import numpy as np
        >>> from tcn.inspection import EffectiveField
        >>> EffectiveField(steps=2, share=0.9, profile=np.array([0.7, 0.25, 0.05])).profile.argmax().item()
        0
    """

    steps: int
    share: float
    profile: np.ndarray


def effective_field(model: Any, inputs: Any, share: float = 0.95, seed: int = 0) -> EffectiveField:
    """Find how far back a trained network makes use of its inputs.

    The influence of the step `lag` steps back is the mean over the sequences of
    `sum_(o,c) (s_c dy_o / dx_(lag,c))^2`, with outputs `y_o` of the last step and standard deviations `s_c`
    of the input channels. For a linear network on uncorrelated inputs it is the part of the outputs' variance
    that comes from that step.

    Args:
        model: Built Keras model or layer of one input, with outputs `(batch, time, ...)` or `(batch, size)`.
        inputs: Sequences of real data, `(batch, time, channels)`; a hundred of them or so, and longer than
            the receptive field. Channels that are constant in them have no influence.
        share: Share of the influence, above 0 and below 1.
        seed: Integer that fixes the random combinations of outputs, which stand for them where they are many.

    Returns:
        The field and the profile that it was read from.

    Raises:
        ValueError: If `share` is out of range, the inputs are no real numbers, or none has an influence.

    Example:
        >>> import numpy as np
        >>> from tcn.inspection import effective_field
        >>> from tcn.layers import CausalConv1D
        >>> layer = CausalConv1D(1, kernel_size=3, dilation_rate=4)
        >>> x = np.random.default_rng(0).normal(size=(8, 20, 1)).astype("float32")
        >>> _ = layer(x)
        >>> _ = layer.kernel.assign([[[1.0]], [[0.0]], [[3.0]]])
        >>> field = effective_field(layer, x)
        >>> field.steps, field.profile.round(2).tolist()[:10]
        (9, [0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.0])

    Reference:
        Luo, Li, Urtasun, Zemel (2016), Understanding the Effective Receptive Field in Deep Convolutional
        Neural Networks.
    """
    if not 0 < share < 1:
        raise ValueError(f"'share' must be above 0 and below 1. Received: share={share!r}")
    inputs = _sequences(inputs)
    slope = gradient(_combination(model))
    spread = inputs.std(axis=(0, 1), dtype="float64")
    influence = np.zeros(inputs.shape[1])
    for weights in _weights(len(inputs), _count(model, inputs), seed):
        influence += ((slope(inputs, weights, 0) * spread) ** 2).sum(axis=(0, 2))
    total = influence.sum()
    if not 0 < total < np.inf:
        raise ValueError(
            f"The inputs must have an influence on the last output. Received: an influence of {total}. "
            "Constant channels and integers have none; for a model of classes, begin after the embedding."
        )
    profile = influence[::-1] / total
    return EffectiveField(int(np.searchsorted(profile.cumsum(), share)) + 1, share, profile)


def measured_receptive_field(model: Any, inputs: Any, seed: int = 0) -> int:
    """Find how far back, and ahead, the outputs of one step can see, by the gradient at the inputs.

    It is what a `receptive_field` says if that is right: the steps from the oldest one with an influence on
    the output to the output's own, or to the newest one if that is later. Of `hop` outputs in the middle of
    the sequence the one that sees most counts. Outputs without steps are those of the newest one they see.

    Args:
        model: Built Keras model or layer of one input.
        inputs: Sequences of random numbers, `(batch, time, channels)`, more than twice as long as the field.
            Where a rectifier shuts a path for one sequence, it is open for another: a dozen are enough.
        seed: Integer that fixes how outputs are combined.

    Returns:
        The number of steps.

    Raises:
        ValueError: If outputs differ in length, no input has an influence, or the sequences are too short.

    Example:
        >>> import numpy as np
        >>> from tcn.inspection import measured_receptive_field
        >>> from tcn.layers import CausalConv1D
        >>> layer = CausalConv1D(2, kernel_size=3, dilation_rate=4)
        >>> x = np.random.default_rng(0).normal(size=(8, 40, 1)).astype("float32")
        >>> _ = layer(x)
        >>> measured_receptive_field(layer, x)
        9
    """
    inputs = _sequences(inputs)
    hop = getattr(model, "hop", 1)
    inputs = inputs[:, inputs.shape[1] % hop :]
    batch, steps, _ = inputs.shape
    lengths = {y.shape[1] if len(y.shape) > 2 else None for y in _outputs(model, inputs)}
    if len(lengths) != 1:
        raise ValueError(f"All outputs must have the same number of steps. Received: {lengths}")
    length = lengths.pop()
    slope = gradient(_combination(model))
    weights = np.random.default_rng(seed).normal(size=(batch, _count(model, inputs))).astype("float32")
    fields = []
    middle = range(1) if length is None else range(length // 2, length // 2 - (-hop * length // steps))
    for position in middle:
        back = 0 if length is None else length - 1 - position
        matters = np.flatnonzero((slope(inputs, weights, back) != 0).any(axis=(0, 2)))
        if len(matters) == 0:
            raise ValueError(
                "The inputs must have an influence on the outputs. Received: a model without any."
            )
        oldest, newest = matters[0], matters[-1]
        if oldest == 0 or (length is not None and newest == steps - 1):
            raise ValueError(
                "The sequences must be more than twice as long as the receptive field. "
                f"Received: {steps} steps, of which the outermost has an influence."
            )
        time = newest if length is None else position * steps // length
        fields.append(max(newest, time) - oldest + 1)
    return int(max(fields))


def _combination(model: Any) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Weighted sum of the outputs so many steps before the last one; of all outputs without steps."""

    def combination(inputs: Tensor, weights: Tensor, back: Tensor) -> Tensor:
        parts = [
            ops.take(y, y.shape[1] - 1 - back, axis=1) if len(y.shape) > 2 else y
            for y in _outputs(model, inputs)
        ]
        flat = [ops.cast(ops.reshape(y, (y.shape[0], -1)), "float32") for y in parts]
        return ops.sum(ops.concatenate(flat, axis=1) * weights)

    return combination


def _outputs(model: Any, inputs: Tensor) -> list[Tensor]:
    known = inspect.signature(model.call).parameters
    outputs = model(inputs, training=False) if "training" in known else model(inputs)
    return list(keras.tree.flatten(outputs))


def _count(model: Any, inputs: np.ndarray) -> int:
    """How many numbers the outputs of a step are."""
    shapes = [tuple(y.shape) for y in _outputs(model, inputs[:1])]
    return sum(prod(shape[2:] if len(shape) > 2 else shape[1:]) for shape in shapes)


def _weights(batch: int, outputs: int, seed: int) -> Iterator[np.ndarray]:
    """Weights `(batch, outputs)` of combinations whose squared slopes sum up to those of the outputs."""
    if outputs <= _EXACT:
        for row in np.eye(outputs, dtype="float32"):
            yield np.broadcast_to(row, (batch, outputs))
    else:
        rng = np.random.default_rng(seed)
        for _ in range(_EXACT):
            yield rng.choice(np.array([-1, 1], "float32"), size=(batch, outputs)) / np.float32(_EXACT) ** 0.5


def _sequences(inputs: Any) -> np.ndarray:
    array = np.asarray(inputs)
    if array.ndim != 3 or array.dtype.kind != "f" or not np.isfinite(array).all():
        raise ValueError(
            "The inputs must be finite real numbers (batch, time, channels). "
            f"Received: {array.dtype} {array.shape}"
        )
    return array.astype("float32")
