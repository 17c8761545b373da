"""What the steps up to each step amount to: over a window of them, or over all so far."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from keras import ops

from tcn.memory import extend, keep, recall

__all__ = ["add_exactly", "aggregate", "total"]

Tensors = list[Any]
Combine = Callable[[Tensors, Tensors], Tensors]

# The work of a scan grows with the number of doublings in a block; five levels reach 16 ** 6 steps.
BLOCK = 16
LEVELS = 5


def aggregate(
    layer: Any, values: Tensors, combine: Combine, empty: Sequence[float], window: int | None = None
) -> Tensors:
    """Combine the steps up to each step in their order.

    Windows and sequences are split in halves again and again, so rounding grows with the logarithm of their
    length, and no output depends on what lies outside its window.

    Args:
        layer: The caller.
        values: What each step is, tensors `(batch, time, ...)`.
        combine: What two neighboring stretches, the older one first, amount to together; associative.
        empty: What no step amounts to, a number for each of the values; it changes nothing it is combined
            with.
        window: Steps that are combined; None for all so far.

    Returns:
        Tensors of the shapes of the values.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from tcn.layers.aggregate import aggregate
        >>> x = np.array([[[1.0], [4.0], [2.0], [3.0]]], "float32")
        >>> def largest(older, newer):
        ...     return [keras.ops.maximum(older[0], newer[0])]
        >>> for window in (2, None):
        ...     (y,) = aggregate(None, [x], largest, [-np.inf], window)
        ...     np.asarray(y).ravel().tolist()
        [1.0, 4.0, 4.0, 3.0]
        [1.0, 4.0, 4.0, 4.0]
    """
    if window is not None:
        longer = [extend(layer, v, window - 1, fill) for v, fill in zip(values, empty, strict=True)]
        return _rolling(longer, window, combine)
    begin = [
        recall(layer, "so_far", partial(ops.full_like, value[:, :1], fill))
        for value, fill in zip(values, empty, strict=True)
    ]
    results = combine([before for _, before in begin], _scan(values, combine, empty, LEVELS))
    for (key, _), result in zip(begin, results, strict=True):
        keep(key, result[:, -1:])
    return results


def total(layer: Any, values: Any, window: int | None = None) -> Any:
    """Sum of the steps up to each step.

    A sum of all so far carries what its additions rounded away, so that it does not drift in long sequences.

    Args:
        layer: The caller.
        values: `(batch, time, ...)`.
        window: Steps in a sum; None for all so far.

    Returns:
        Tensor of the shape of the values.
    """
    if window is not None:
        return aggregate(layer, [values], lambda a, b: [a[0] + b[0]], [0.0], window)[0]
    main, rest = aggregate(layer, [values, ops.zeros_like(values)], add_exactly, [0.0, 0.0])
    return main + rest


def add_exactly(older: Tensors, newer: Tensors) -> Tensors:
    """Add sums that consist of a number and of what its rounding left over (Knuth's two-sum).

    Args:
        older: Number and rest.
        newer: Number and rest.

    Returns:
        Number and rest of the sum.
    """
    a, b = older[0], newer[0]
    both = a + b
    part = both - a
    lost = (a - (both - part)) + (b - part)
    return [both, older[1] + newer[1] + lost]


def _rolling(values: Tensors, window: int, combine: Combine) -> Tensors:
    """Aggregate of each `window` neighboring steps, from those of 1, 2, 4, ... steps."""
    result: Tensors = []
    covered, width, parts = 0, 1, values
    while True:
        if window & width:
            # The steps that are not covered yet, nearest to the present.
            begin, end = window - covered - width, -covered or None
            piece = [p[:, begin:end] for p in parts]
            result = combine(piece, result) if result else piece
            covered += width
        if covered == window:
            return result
        parts = combine([p[:, :-width] for p in parts], [p[:, width:] for p in parts])
        width *= 2


def _scan(values: Tensors, combine: Combine, empty: Sequence[float], levels: int) -> Tensors:
    """Aggregate of all steps so far: within blocks, plus that of the blocks before."""
    batch, steps, *_ = ops.shape(values[0])
    if isinstance(steps, int) and steps == 1:
        return values
    if isinstance(steps, int) and steps <= BLOCK:
        levels = 0
    blocks = (steps + BLOCK - 1) // BLOCK
    parts = []
    for value, fill in zip(values, empty, strict=True):
        rest = ops.shape(value)[2:]
        tail = ops.full((batch, BLOCK - 1, *rest), fill, dtype=value.dtype)
        padded = ops.concatenate([value, tail], axis=1)[:, : blocks * BLOCK]
        parts.append(ops.reshape(padded, (batch, blocks, BLOCK, *rest)))
    width = 1
    while width < BLOCK:
        parts = combine([_later(p, width, fill, 2) for p, fill in zip(parts, empty, strict=True)], parts)
        width *= 2
    if levels:
        ends = _scan([p[:, :, -1] for p in parts], combine, empty, levels - 1)
        before = [_later(e, 1, fill, 1) for e, fill in zip(ends, empty, strict=True)]
        parts = combine([b[:, :, None] for b in before], parts)
    return [ops.reshape(part, (batch, blocks * BLOCK, *ops.shape(part)[3:]))[:, :steps] for part in parts]


def _later(value: Any, steps: int, fill: float, axis: int) -> Any:
    """Move along an axis, filling up in front."""
    index = (slice(None),) * axis
    gap = ops.full_like(value[(*index, slice(None, steps))], fill)
    return ops.concatenate([gap, value[(*index, slice(None, -steps))]], axis=axis)
