"""Whether a model computes in pieces what it computes in one pass."""

from collections.abc import Callable, Iterator
from itertools import combinations
from math import prod
from typing import Any

import keras
import numpy as np
from keras import ops

from tcn.memory import Memory

__all__ = ["find_hop", "refuse_by_name"]

# Reads a piece after a state, and returns the outputs and the next state; without a state it reads a whole.
Read = Callable[[Any, dict[str, Any] | None], tuple[list[Any], dict[str, Any]]]
Cut = Callable[[int, int], Any]

_CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.SeparableConv1D,
    keras.layers.DepthwiseConv1D,
    keras.layers.Conv1DTranspose,
)
_POOLING = (
    keras.layers.AveragePooling1D,
    keras.layers.MaxPooling1D,
    keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalMaxPooling1D,
)
_ATTENTION = (
    keras.layers.Attention,
    keras.layers.AdditiveAttention,
    keras.layers.MultiHeadAttention,
    keras.layers.GroupQueryAttention,
)
_REFUSED = [
    (_CONVOLUTIONS, "starts every piece from zeros; use tcn.layers.CausalConv1D"),
    (_POOLING, "pools steps of the piece alone; use the causal pooling of tcn.layers"),
    (_ATTENTION, "attends to the steps of the piece alone; use causal convolutions"),
    ((keras.layers.RNN, keras.layers.Bidirectional), "starts every piece anew; use causal convolutions"),
    ((keras.layers.Flatten,), "joins all steps; use a layer that acts on each step, such as Dense"),
    ((keras.layers.ZeroPadding1D, keras.layers.Cropping1D), "adds or removes steps of every piece"),
]

# A dilated convolution that pads with zeros is found out by sequences longer than its dilation.
_SHORTEST, _LONGEST = 32, 4096


def refuse_by_name(model: Any) -> None:
    """Raise if a layer is known to need more than what came before.

    Args:
        model: Keras layer or model.

    Raises:
        ValueError: If there is such a layer.
    """
    for layer in _layers_over_time(model):
        reason = _reason(layer)
        if reason:
            raise ValueError(
                "A stream needs layers that act on each step alone or look back through the memory of tcn. "
                f"Received: layer '{layer.name}' of class {type(layer).__name__}, which {reason}."
            )


def find_hop(model: Any, cut: Cut, read: Read, tolerance: float) -> tuple[int, list[bool]]:
    """Fewest steps such that pieces of a multiple of them give what the whole gives.

    Args:
        model: Keras layer or model. Where it or its layers have a `hop`, its multiples are looked at.
        cut: Returns the inputs from one step to another, of a sequence that is long enough for any.
        read: Applies the model.
        tolerance: Relative to the largest output.

    Returns:
        The number, and whether each output has an axis of time.

    Raises:
        ValueError: If there is none.
    """
    problem = ""
    candidates = _hops(model)
    for hop in candidates:
        try:
            return hop, compare(cut, read, hop, tolerance)
        except DiffersError as error:
            problem = str(error)
    raise ValueError(
        "A stream needs a model that computes in pieces what it computes in one pass. "
        f"Received: '{model.name}' of class {type(model).__name__}: {problem}. "
        f"{_first_wrong_layer(model, cut, candidates[-1], tolerance)}"
        "Use layers that act on each step alone, or that look back with tcn.memory.extend."
    )


class DiffersError(ValueError):
    """Pieces do not give what the whole gives."""


def compare(cut: Cut, read: Read, hop: int, tolerance: float) -> list[bool]:
    """Read two pieces of `hop` steps and a long one, and the whole.

    Args:
        cut: Returns the inputs from one step to another.
        read: Applies the model.
        hop: Steps.
        tolerance: Relative to the largest output.

    Returns:
        For each output, whether it has an axis of time. One that has none has to be the same for the last
        piece as for the whole.

    Raises:
        DiffersError: If outputs differ, or a layer cannot take such pieces.
    """
    pieces: list[list[np.ndarray]] = []
    state: dict[str, Any] = {}
    begin, end = 0, hop
    while len(pieces) < 3:
        try:
            outputs, state = read(cut(begin, end), state)
        except Exception as error:
            # What a layer raises that cannot take pieces of this length is its own affair.
            raise DiffersError(
                f"pieces of {end - begin} steps raise {type(error).__name__}: {error}"
            ) from error
        pieces.append(_exact(outputs))
        remembered = sum(value.shape[1] for value in state.values() if len(value.shape) > 2)
        longer = min(max(_SHORTEST, remembered), _LONGEST)
        begin, end = end, end + (hop if len(pieces) == 1 else hop * -(-longer // hop))
    whole = _exact(read(cut(0, begin), None)[0])
    timed = [y.shape != last.shape for y, last in zip(whole, pieces[-1], strict=True)]
    for i, (y, *parts) in enumerate(zip(whole, *pieces, strict=True)):
        if not _agree(y, np.concatenate(parts, axis=1) if timed[i] else parts[-1], tolerance):
            raise DiffersError(f"outputs of random inputs differ in pieces of a multiple of {hop}")
    return timed


def _agree(whole: np.ndarray, joined: np.ndarray, tolerance: float) -> bool:
    scale = np.max(np.abs(whole), initial=0.0, where=np.isfinite(whole))
    return joined.shape == whole.shape and np.allclose(
        joined, whole, rtol=tolerance, atol=tolerance * scale, equal_nan=True
    )


def _exact(outputs: list[Any]) -> list[np.ndarray]:
    exact = [ops.cast(o, "float32") for o in outputs]
    return [np.asarray(ops.convert_to_numpy(o)) for o in exact]


def _layers_over_time(layer: Any) -> Iterator[Any]:
    """A layer and those in it, without what is applied to each step by itself."""
    yield layer
    if not isinstance(layer, keras.layers.TimeDistributed):
        for child in layer._flatten_layers(include_self=False, recursive=False):
            yield from _layers_over_time(child)


def _reason(layer: Any) -> str | None:
    if getattr(layer, "kernel_size", None) == (1,) and getattr(layer, "strides", None) == (1,):
        return None
    for classes, reason in _REFUSED:
        if isinstance(layer, classes):
            return reason
    if getattr(layer, "padding", None) == "same":
        return "looks at later steps; use padding='causal'"
    return None


def _hops(model: Any) -> list[int]:
    own = getattr(model, "hop", None)
    if own:
        return [own]
    hops = [layer.hop for layer in _layers_over_time(model) if getattr(layer, "hop", 1) > 1]
    subsets = (chosen for size in range(len(hops) + 1) for chosen in combinations(hops, size))
    return sorted({prod(chosen) for chosen in subsets})


def _first_wrong_layer(model: Any, cut: Cut, hop: int, tolerance: float) -> str:
    """A sentence that names it, where the model is a graph of layers."""
    if not isinstance(model, keras.Sequential) and not hasattr(model, "operations"):
        return ""
    for layer in model.layers:
        if not isinstance(layer, keras.layers.InputLayer) and len(layer._inbound_nodes) == 1:
            part = keras.Model(model.inputs, layer.output)
            try:
                compare(cut, _reader(part), hop, tolerance)
            except DiffersError:
                return f"The first layer to do so is '{layer.name}' of class {type(layer).__name__}. "
    return ""


def _reader(model: Any) -> Read:
    def read(inputs: Any, state: dict[str, Any] | None) -> tuple[list[Any], dict[str, Any]]:
        if state is None:
            return keras.tree.flatten(model(inputs, training=False)), {}
        with Memory(state) as memory:
            outputs = model(inputs, training=False)
        return keras.tree.flatten(outputs), memory.next

    return read
