"""Parts of a model from its input to its output, and which of them train."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import keras

from tcn.transfer.order import in_order_of_calls

__all__ = [
    "blocks_by_depth",
    "freeze",
    "freeze_batch_norm",
    "restore_trainable",
    "trainable_state",
    "unfreeze",
]

Layer = Any


def blocks_by_depth(model: Layer) -> list[Layer]:
    """The parts of a model that depth is counted in, from its input to its output.

    A block is a layer with weights that holds no other such layers, or the innermost layer that holds
    several: a dense layer, a convolution, a residual block with all its convolutions and norms. Models, and
    layers that hold blocks, are looked into. Blocks stand in the order in which they are first called, and
    branches one after the other. If the model cannot be called on one input of the shape that it was built
    with, they stand in the order in which they were made.

    Args:
        model: A built model or layer.

    Returns:
        The blocks. Together they have all weights but those that the model has of its own, which count with
        the last block.

    Raises:
        ValueError: If the model is not built, or is none.

    Example:
        >>> import keras
        >>> from tcn.layers import CausalConv1D
        >>> from tcn.transfer import blocks_by_depth
        >>> parts = [CausalConv1D(4, 3, name="first"), keras.layers.ReLU(), CausalConv1D(1, 1, name="last")]
        >>> [block.name for block in blocks_by_depth(keras.Sequential([keras.Input((None, 1)), *parts]))]
        ['first', 'last']
    """
    if not isinstance(model, keras.Layer):
        raise ValueError(f"'model' must be a Keras model or layer. Received: {model!r}")
    if not model.built:
        raise ValueError(
            f"A model must be built before its blocks are known; call it on a batch. Received: {model.name!r}"
        )
    blocks = [block for layer in _weighted(model) for block in _blocks(layer)]
    return in_order_of_calls(model, blocks) if blocks else [model]


def freeze(model: Layer, depth: int | None = None) -> None:
    """Keep the first blocks as they are in training.

    Frozen batch normalization uses its stored statistics, and keeps them. Compile the model afterwards.

    Args:
        model: A built model or layer.
        depth: Number of blocks (see `blocks_by_depth`), from the input; a negative number counts from the
            output, so that -1 freezes all but the last block. All unless told.

    Raises:
        ValueError: If the model is not built, or the depth is no integer.

    Example:
        >>> import keras
        >>> from tcn.transfer import freeze
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1)])
        >>> freeze(model, depth=-1)
        >>> [layer.trainable for layer in model.layers]
        [False, True]
    """
    blocks = blocks_by_depth(model)
    _check_depth(depth)
    first = blocks[:depth]
    for layer in [model] if len(first) == len(blocks) else first:
        layer.trainable = False


def unfreeze(model: Layer, depth: int | None = None) -> None:
    """Let all blocks but the first train again; the first stay as they are.

    Kernels of `tcn.layers.fixed` that were not made to train stay fixed. Compile the model afterwards.

    Args:
        model: A built model or layer.
        depth: Number of blocks that are left as they are, counted as `freeze` counts; none unless told.

    Raises:
        ValueError: If the model is not built, or the depth is no integer.

    Example:
        >>> import keras
        >>> from tcn.transfer import freeze, unfreeze
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1)])
        >>> freeze(model)
        >>> unfreeze(model, depth=1)
        >>> [layer.trainable for layer in model.layers]
        [False, True]
    """
    _check_depth(depth)
    later = blocks_by_depth(model)[depth:]
    trains = {id(layer) for block in later for layer in block._flatten_layers()}
    # Models that hold a block have to train for it to train; Keras would hand their flag down to all blocks.
    restore_trainable(
        model,
        [layer.trainable or _holds(layer, trains) for layer in model._flatten_layers()],
    )


def freeze_batch_norm(model: Layer) -> int:
    """Keep every batch normalization as it is in training: statistics, scale and shift.

    In training the layers then compute what they compute otherwise, from the stored statistics. Compile the
    model afterwards.

    Args:
        model: A built model or layer.

    Returns:
        How many there are.

    Example:
        >>> import keras
        >>> from tcn.transfer import freeze_batch_norm
        >>> layers = [keras.layers.Dense(4), keras.layers.BatchNormalization()]
        >>> model = keras.Sequential([keras.Input((3,)), *layers])
        >>> freeze_batch_norm(model), len(model.trainable_variables)
        (1, 2)
    """
    norms = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    for norm in norms:
        norm.trainable = False
    return len(norms)


def trainable_state(model: Layer) -> list[bool]:
    """Whether each layer trains, to be given back by `restore_trainable`.

    Args:
        model: A built model or layer.

    Returns:
        A flag for the model and each layer that it holds.

    Example:
        >>> from tcn import PointHead, SequenceForecaster, TCN
        >>> backbone = TCN(4, 2, dilations=(1, 2), return_sequences=True)
        >>> model = SequenceForecaster(backbone, PointHead(horizon=1))
        >>> model.build((None, None, 1))
        >>> from tcn.transfer import freeze, restore_trainable, trainable_state
        >>> before = trainable_state(model)
        >>> freeze(model, depth=-1)
        >>> restore_trainable(model, before)
        >>> trainable_state(model) == before
        True
    """
    return [layer.trainable for layer in model._flatten_layers()]


def restore_trainable(model: Layer, state: Sequence[bool]) -> None:
    """Let those layers train that did when the state was taken; compile the model afterwards.

    Args:
        model: A built model or layer.
        state: As `trainable_state` gave it.

    Raises:
        ValueError: If the state is that of another model.

    Example:
        >>> import keras
        >>> from tcn.transfer import freeze, restore_trainable, trainable_state
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1)])
        >>> before = trainable_state(model)
        >>> freeze(model)
        >>> restore_trainable(model, before)
        >>> [layer.trainable for layer in model.layers]
        [True, True]
    """
    layers = model._flatten_layers()
    if len(state) != len(layers):
        raise ValueError(
            f"A state must have a flag for each of the {len(layers)} layers. Received: {len(state)} flags; "
            "take it from the same model by trainable_state(model)."
        )
    # A layer's flag is handed down to all that it holds: those that hold others come first.
    for holds_others in (True, False):
        for layer, trains in zip(layers, state, strict=True):
            if bool(_children(layer)) == holds_others:
                layer.trainable = trains


def _check_depth(depth: object) -> None:
    if isinstance(depth, bool) or not isinstance(depth, Integral | None):
        raise ValueError(
            f"'depth' must be a number of blocks, an integer, or None. Received: depth={depth!r}"
        )


def _holds(layer: Layer, some: set[int]) -> bool:
    """Whether it, or a layer that it holds, is one of some."""
    return any(id(inner) in some for inner in layer._flatten_layers())


def _blocks(layer: Layer) -> list[Layer]:
    inside = _weighted(layer)
    owned = {id(weight) for child in inside for weight in child.weights}
    if any(id(weight) not in owned for weight in layer.weights):
        return [layer]
    if not isinstance(layer, keras.Model) and all(_is_single(child) for child in inside):
        return [layer]
    return [block for child in inside for block in _blocks(child)]


def _is_single(layer: Layer) -> bool:
    """Whether it holds no more than one layer with weights."""
    inside = _weighted(layer)
    return not inside or (len(inside) == 1 and _is_single(inside[0]))


def _weighted(layer: Layer) -> list[Layer]:
    return [child for child in _children(layer) if child.weights]


def _children(layer: Layer) -> list[Layer]:
    found: list[Layer] = layer._flatten_layers(include_self=False, recursive=False)
    return found
