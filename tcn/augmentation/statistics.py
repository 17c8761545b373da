"""Statistics of what was observed, and rows and steps by index."""

from typing import Any

from keras import ops

__all__ = ["at_steps", "level", "ratio", "size", "spread"]

Tensor = Any


def level(values: Tensor, observed: Tensor) -> Tensor:
    """Mean of each series and channel, `(batch, 1, channels)`; 0 where nothing was observed.

    Args:
        values: `(batch, time, channels)`, 0 where nothing was observed.
        observed: Boolean, of the same shape.
    """
    return ops.sum(values, axis=1, keepdims=True) / _count(values, observed)


def spread(values: Tensor, observed: Tensor) -> Tensor:
    """Standard deviation of each series and channel, `(batch, 1, channels)`; arguments as for `level`."""
    away = ops.where(observed, values - level(values, observed), ops.zeros_like(values))
    return ops.sqrt(ops.sum(away * away, axis=1, keepdims=True) / _count(values, observed))


def size(values: Tensor, observed: Tensor) -> Tensor:
    """Mean absolute value of each series and channel, `(batch, 1, channels)`; arguments as for `level`."""
    return level(ops.abs(values), observed)


def ratio(above: Tensor, below: Tensor) -> Tensor:
    """Quotient of two numbers that are not negative; 0 where the lower one is 0."""
    zero = below <= 0
    return ops.where(zero, ops.zeros_like(above), above / ops.where(zero, ops.ones_like(below), below))


def at_steps(series: Tensor, index: Tensor) -> Tensor:
    """Steps of each series by index.

    Args:
        series: `(batch, time, channels)`.
        index: Integers from 0 to time - 1, `(batch, steps)`.

    Returns:
        `(batch, steps, channels)`.
    """
    batch, steps = ops.shape(index)
    wide = ops.broadcast_to(index[..., None], (batch, steps, series.shape[-1]))
    return ops.take_along_axis(series, wide, axis=1)


def _count(values: Tensor, observed: Tensor) -> Tensor:
    count = ops.sum(ops.cast(observed, values.dtype), axis=1, keepdims=True)
    return ops.maximum(count, ops.ones_like(count))
