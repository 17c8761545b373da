"""Causal layers made to look to both sides."""

from typing import Any

from keras import ops

__all__ = ["centered"]


def centered(layer: Any, inputs: Any, mask: Any, ahead: int, zeros: bool = True) -> Any:
    """Apply a causal layer such that it sees steps after each step too.

    Args:
        layer: Maps `(batch, time, channels)` and a mask causally to as many steps.
        inputs: `(batch, time, channels)`.
        mask: Boolean, `(batch, time)`, or None.
        ahead: Steps of the layer's receptive field that come after each step.
        zeros: Whether steps after the last observed one count as zeros, as those before the first do in a
            convolution, rather than as missing.

    Returns:
        `(batch, time, ...)`, the layer's outputs of `ahead` steps later.
    """
    if mask is not None:
        inputs = ops.where(mask[..., None], inputs, ops.zeros_like(inputs))
        ended = ops.flip(ops.cumsum(ops.cast(ops.flip(mask, axis=1), "int32"), axis=1), axis=1) == 0
        mask = ops.logical_or(mask, ended) if zeros else mask
    elif not zeros:
        mask = ops.ones_like(inputs[..., 0], dtype="bool")
    if mask is not None:
        mask = ops.pad(ops.cast(mask, "int32"), ((0, 0), (0, ahead)), constant_values=int(zeros)) > 0
    return layer(ops.pad(inputs, ((0, 0), (0, ahead), (0, 0))), mask=mask)[:, ahead:]
