"""Forms of the dilated causal convolution, and the choice among them."""

from typing import Any

import keras
from keras import ops

__all__ = ["convolve"]

Tensor = Any


def convolve(inputs: Tensor, kernel: Tensor, dilation_rate: int = 1) -> Tensor:
    """Dilated convolution without padding, in the form that is fast for the shape.

    `outputs[t] = sum over taps i of inputs[t + i * dilation_rate] @ kernel[i]`

    Args:
        inputs: `(batch, past + time, channels)` with `past = (taps - 1) * dilation_rate`.
        kernel: `(taps, channels, filters)`, oldest tap first.
        dilation_rate: Steps between taps.

    Returns:
        `(batch, time, filters)`.

    Example:
        >>> import numpy as np
        >>> from tcn.layers.convolve import convolve
        >>> steps = np.arange(6, dtype="float32").reshape(1, 6, 1)
        >>> change = np.array([-1, 1], "float32").reshape(2, 1, 1)
        >>> np.asarray(convolve(steps, change, dilation_rate=3)).ravel().tolist()
        [3.0, 3.0, 3.0]
    """
    taps = kernel.shape[0]
    rate = dilation_rate if taps > 1 else 1
    time = None if inputs.shape[1] is None else inputs.shape[1] - (taps - 1) * rate
    if time is not None and (time < rate or time == 1):
        return _of_few_steps(inputs, kernel, rate, time)
    if time is not None and _folding_pays(kernel.shape, rate, time):
        return _folded(inputs, kernel, rate, time)
    return ops.conv(inputs, kernel, padding="valid", data_format="channels_last", dilation_rate=rate)


def _folding_pays(shape: tuple[int, int, int], rate: int, time: int) -> bool:
    """As measured by benchmarks/causal_conv1d.py.

    TensorFlow moves all steps of a dilated convolution, those before the input too, to other places and back,
    which folding saves; JAX does not. In return the products of short rows are slower, and rows may have to
    be filled up.
    """
    if keras.backend.backend() != "tensorflow" or rate < (16 if time % rate else 8):
        return False
    taps, channels, filters = shape
    products_per_move = 2 * taps * channels * filters / (channels + filters)
    return products_per_move <= 300 * (1 + 4 * (taps - 1) * rate / time)


def _of_few_steps(inputs: Tensor, kernel: Tensor, rate: int, time: int) -> Tensor:
    """Read the steps under the taps alone, and multiply once: as a stream does."""
    taps, channels, filters = kernel.shape
    if time == 1:
        read = inputs[:, ::rate]
    else:
        edges = [edge for start in range(0, taps * rate, rate) for edge in (start, start + time)]
        read = ops.concatenate(ops.split(inputs, edges[1:-1], axis=1)[::2], axis=-1)
    outputs = ops.matmul(
        ops.reshape(read, (-1, taps * channels)), ops.reshape(kernel, (taps * channels, filters))
    )
    return ops.reshape(outputs, (-1, time, filters))


def _folded(inputs: Tensor, kernel: Tensor, rate: int, time: int) -> Tensor:
    """Write the steps in rows of `rate`, so that the taps of each stand in its column.

    What is left to do is a convolution along the columns, which is not dilated.
    """
    taps, channels, filters = kernel.shape
    lacking = -time % rate
    rows = (time + lacking) // rate + taps - 1
    if lacking:
        inputs = ops.pad(inputs, [(0, 0), (lacking, 0), (0, 0)])
    grid = ops.reshape(inputs, (-1, rows, rate, channels))
    columns = ops.reshape(kernel, (taps, 1, channels, filters))
    outputs = ops.conv(grid, columns, padding="valid", data_format="channels_last")
    outputs = ops.reshape(outputs, (-1, time + lacking, filters))
    # TensorFlow computes the gradient of a split far faster than that of a slice.
    return ops.split(outputs, [lacking], axis=1)[1] if lacking else outputs
