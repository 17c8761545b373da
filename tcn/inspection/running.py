"""A model in inference mode, on one array of sequences, with a mask if there is one."""

import inspect
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from tcn.layers.checks import check_positive

__all__ = ["as_array", "check_mask", "check_sequences", "pieces", "run"]


def run(model: Any, inputs: Any, mask: Any = None) -> Any:
    """Call a model or a layer as in inference.

    Args:
        model: Model or layer.
        inputs: What it takes.
        mask: Boolean, `(batch, time)`, or None.

    Returns:
        What it returns, as tensors.

    Raises:
        ValueError: If there is a mask and the model does not take one.
    """
    known = inspect.signature(model.call).parameters
    arguments: dict[str, Any] = {"training": False} if "training" in known else {}
    if mask is not None:
        if "mask" not in known:
            raise ValueError(
                f"A mask is for models whose call takes one. Received: a mask for {model.name!r} of class "
                f"{type(model).__name__}; let a Masking layer at its start make the mask."
            )
        arguments["mask"] = ops.convert_to_tensor(mask, dtype="bool")
    return model(keras.tree.map_structure(ops.convert_to_tensor, inputs), **arguments)


def as_array(output: Any) -> np.ndarray:
    """Make an array of a tensor; of one in half precision an array in float32, which NumPy can read.

    Args:
        output: Tensor.

    Returns:
        The array.
    """
    array = np.asarray(ops.convert_to_numpy(output))
    return array.astype("float32") if array.dtype.kind == "V" or array.dtype.itemsize == 2 else array


def check_sequences(inputs: Any) -> np.ndarray:
    """Return the inputs as an array, real numbers in float32.

    Args:
        inputs: `(batch, time)` or `(batch, time, channels)`.

    Returns:
        The array.

    Raises:
        ValueError: If they are no single array of numbers of such a shape, or empty.
    """
    several = isinstance(inputs, dict) or (
        isinstance(inputs, list | tuple) and len(inputs) > 0 and hasattr(inputs[0], "shape")
    )
    array = None if several else np.asarray(inputs)
    if array is None or array.ndim not in (2, 3) or array.dtype.kind not in "fiub" or array.size == 0:
        received = f"a {type(inputs).__name__}" if array is None else f"{array.dtype} {array.shape}"
        raise ValueError(
            f"The inputs must be one array of numbers, (batch, time, channels). Received: {received}; "
            "for a model of several inputs, inspect a model of one of them."
        )
    return array.astype("float32") if array.dtype.kind == "f" else array


def check_mask(mask: Any, inputs: np.ndarray) -> np.ndarray | None:
    """Return the mask as an array.

    Args:
        mask: Boolean, `(batch, time)`, or None.
        inputs: What it belongs to.

    Returns:
        The array, or None.

    Raises:
        ValueError: If its shape is another one.
    """
    if mask is None:
        return None
    array: np.ndarray = np.asarray(mask, dtype=bool)
    if array.shape != inputs.shape[:2]:
        raise ValueError(
            f"A mask must be (batch, time). Received: shape {array.shape} for inputs of shape {inputs.shape}"
        )
    return array


def pieces(count: int, batch_size: int) -> Iterator[slice]:
    """Divide rows into batches.

    Args:
        count: Rows.
        batch_size: Rows of a batch, of the last one fewer.

    Yields:
        Slices.

    Raises:
        ValueError: If `batch_size` is not a positive integer.
    """
    check_positive(batch_size=batch_size)
    for begin in range(0, count, batch_size):
        yield slice(begin, min(begin + batch_size, count))
