"""Forms of the dilated depthwise convolution, and the choice among them."""

from typing import Any

from keras import ops

__all__ = ["convolve_depthwise"]

Tensor = Any

# Measured by benchmarks/causal_conv1d.py: what Keras has is slow for large kernels, very slow with XLA.
_FEW_TAPS = 5
_BLOCK = 32


def convolve_depthwise(inputs: Tensor, kernel: Tensor, dilation_rate: int = 1) -> Tensor:
    """Dilated convolution of each channel by itself, without padding, in the form that is fast for the shape.

    `outputs[t, o] = sum over taps i of inputs[t + i * dilation_rate, o // multiplier] * kernel[i, 0, o]`

    Args:
        inputs: `(batch, past + time, channels)` with `past = (taps - 1) * dilation_rate`; finite.
        kernel: `(taps, 1, channels * multiplier)`, oldest tap first.
        dilation_rate: Steps between taps.

    Returns:
        `(batch, time, channels * multiplier)`.

    Example:
        >>> import numpy as np
        >>> from tcn.layers.convolve_depthwise import convolve_depthwise
        >>> steps = np.arange(6, dtype="float32").reshape(1, 3, 2)
        >>> kernel = np.array([[-1, 0], [1, 10]], "float32").reshape(2, 1, 2)
        >>> np.asarray(convolve_depthwise(steps, kernel)).tolist()
        [[[2.0, 30.0], [2.0, 50.0]]]
    """
    taps, _, outputs = kernel.shape
    multiplier = outputs // inputs.shape[-1]
    if inputs.shape[1] is None:
        kernel = ops.reshape(kernel, (taps, inputs.shape[-1], multiplier))
        return ops.depthwise_conv(
            inputs, kernel, padding="valid", data_format="channels_last", dilation_rate=dilation_rate
        )
    time = inputs.shape[1] - (taps - 1) * dilation_rate
    kernel = ops.reshape(kernel, (taps, outputs))
    if multiplier > 1:
        inputs = ops.repeat(inputs, multiplier, axis=-1)
    if time == 1:
        return ops.sum(inputs[:, ::dilation_rate] * kernel, axis=1, keepdims=True)
    if taps <= _FEW_TAPS or time < _BLOCK * dilation_rate:
        return _shifted(inputs, kernel, dilation_rate, time)
    return _in_blocks(inputs, kernel, dilation_rate, time)


def _shifted(inputs: Tensor, kernel: Tensor, dilation_rate: int, time: int) -> Tensor:
    """Sum of as many products as there are taps."""
    size = (ops.shape(inputs)[0], time, inputs.shape[-1])
    rows = ops.split(kernel, kernel.shape[0], axis=0)
    return sum(ops.slice(inputs, (0, i * dilation_rate, 0), size) * row for i, row in enumerate(rows))


def _in_blocks(inputs: Tensor, kernel: Tensor, dilation_rate: int, time: int) -> Tensor:
    """One matrix product per channel: of blocks, each behind those that it depends on, and a band matrix."""
    taps, channels = kernel.shape
    before = -(-(taps - 1) // _BLOCK)
    lacking = -time % (_BLOCK * dilation_rate)
    blocks = (time + lacking) // (_BLOCK * dilation_rate)
    more = (before * _BLOCK - (taps - 1)) * dilation_rate + lacking
    inputs = ops.pad(inputs, [(0, 0), (more, 0), (0, 0)])
    grid = ops.reshape(inputs, (-1, before + blocks, _BLOCK, dilation_rate, channels))
    grid = ops.transpose(grid, (4, 0, 3, 1, 2))
    size = (channels, ops.shape(inputs)[0], dilation_rate, blocks, _BLOCK)
    frames = ops.concatenate([ops.slice(grid, (0, 0, 0, i, 0), size) for i in range(before + 1)], axis=-1)
    frames = ops.reshape(frames, (channels, -1, (before + 1) * _BLOCK))
    outputs = ops.matmul(frames, _band(kernel, (before + 1) * _BLOCK))
    outputs = ops.reshape(outputs, (channels, -1, dilation_rate, blocks, _BLOCK))
    outputs = ops.reshape(ops.transpose(outputs, (1, 3, 4, 2, 0)), (-1, time + lacking, channels))
    return ops.split(outputs, [lacking], axis=1)[1] if lacking else outputs


def _band(kernel: Tensor, rows: int) -> Tensor:
    """Matrices `(channels, rows, _BLOCK)` with the kernel in each column, in each one a row lower.

    Made without gathering: lines of one element more than there are rows, repeated and cut anew, move by one
    from line to line.
    """
    taps, channels = kernel.shape
    line = ops.pad(ops.transpose(kernel), [(0, 0), (rows - _BLOCK - (taps - 1), _BLOCK)])
    lines = ops.reshape(ops.tile(line, (1, _BLOCK)), (channels, _BLOCK * (rows + 1)))
    lines = ops.split(lines, [_BLOCK * rows], axis=1)[0]
    return ops.transpose(ops.reshape(lines, (channels, _BLOCK, rows)), (0, 2, 1))
