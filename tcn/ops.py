"""Causal operations on the time axis, written with `keras.ops` alone.

All take and return tensors whose second-to-last or last axis is time, as each function says, and every output
position depends only on its own window of inputs, so that a value does not change with the length of the
sequence it is computed in.
"""

from typing import Any

from keras import ops

__all__ = ["frames", "rolling_sum"]

Tensor = Any


def rolling_sum(x: Tensor, window: int) -> Tensor:
    """Sum of the last `window` steps at each step that has them all.

    Adds partial sums of 1, 2, 4, ... steps, so the work grows with log2(window) and, unlike differences of a
    cumulative sum, the rounding of one output never depends on what lies outside its window.

    Args:
        x: Tensor `(..., time)`.
        window: Steps in a sum, at least 1 and at most `time`.

    Returns:
        Tensor `(..., time - window + 1)`; element 0 sums steps 0 to window - 1.

    Raises:
        ValueError: If `window` is smaller than 1.

    Example:
        >>> import numpy as np
        >>> from tcn.ops import rolling_sum
        >>> np.asarray(rolling_sum(np.array([1.0, 2.0, 3.0, 4.0]), 3)).tolist()
        [6.0, 9.0]
    """
    if window < 1:
        raise ValueError(f"'window' must be a positive integer. Received: window={window!r}")
    length = x.shape[-1] - window + 1
    total, covered, width, partial = None, 0, 1, x
    while True:
        if window & width:
            # The steps not yet covered nearest to the present: they start `covered + width - 1` steps back.
            begin = window - covered - width
            piece = partial[..., begin : begin + length]
            total = piece if total is None else total + piece
            covered += width
        if covered == window:
            return total
        partial = partial[..., :-width] + partial[..., width:]
        width *= 2


def frames(x: Tensor, window: int, stride: int = 1) -> Tensor:
    """Windows of `window` consecutive steps, oldest step first, `stride` steps apart.

    Args:
        x: Tensor `(..., time)`.
        window: Steps in a window.
        stride: Steps from one window to the next.

    Returns:
        Tensor `(..., (time - window) // stride + 1, window)`.

    Example:
        >>> import numpy as np
        >>> from tcn.ops import frames
        >>> np.asarray(frames(np.array([1.0, 2.0, 3.0]), 2)).tolist()
        [[1.0, 2.0], [2.0, 3.0]]
    """
    starts = ops.arange(0, x.shape[-1] - window + 1, stride)
    index = starts[:, None] + ops.arange(window)[None, :]
    return ops.take(x, index, axis=-1)
