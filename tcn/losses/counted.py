"""The one rule of what counts, for losses and metrics alike.

A target that is NaN, a weight of 0 and a masked step do not count: they change neither the value nor a
gradient, whatever the forecast is there.
"""

from typing import Any

import keras
from keras import ops

__all__ = ["counted", "divided_by_scale", "mask_of"]

Tensor = Any

# Stands in for what does not count: a valid parameter of every distribution, with finite slopes.
UNCOUNTED_FORECAST = 2.0


class _MaskReader(keras.layers.Layer):
    """Returns the mask that comes with its input, which Keras hands to layers and to nothing else."""

    def __init__(self) -> None:
        super().__init__(autocast=False, name="mask_reader")

    def call(self, inputs: Any, mask: Any = None) -> Any:
        return ops.ones((), "bool") if mask is None else ops.cast(mask, "bool")

    def compute_mask(self, inputs: Any, previous_mask: Any) -> None:
        return None


_read = _MaskReader()


def mask_of(y_pred: Any) -> Tensor:
    """Mask that came through the model to its output.

    Args:
        y_pred: Output of a model.

    Returns:
        Boolean, of the first axes of the output; a single True if there is no mask.
    """
    return _read(y_pred)


def counted(
    y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = True, outputs: int | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Targets, forecasts and weights, with what does not count replaced by numbers.

    Args:
        y_true: `(..., horizon)`.
        y_pred: `(..., horizon, outputs)`; of point forecasts the last axis may be missing.
        sample_weight: `(batch,)`, `(batch, time)`, `(batch, time, horizon)`, or none.
        mask: Boolean, of the first axes of the targets.
        outputs: Size of the last axis; None if it does not matter.

    Returns:
        Targets `(..., horizon)`, forecasts `(..., horizon, outputs)`, weights `(..., horizon)`.

    Raises:
        ValueError: If the shapes do not belong together.
    """
    y_true = ops.convert_to_tensor(y_true, "float32")
    y_pred = ops.convert_to_tensor(y_pred, "float32")
    received = f"Received: y_true of shape {tuple(y_true.shape)}, y_pred of shape {tuple(y_pred.shape)}"
    if len(y_true.shape) == len(y_pred.shape):
        if outputs in (1, None):
            y_pred = ops.expand_dims(y_pred, -1)
        elif y_true.shape[-1] == 1:
            y_true = ops.squeeze(y_true, -1)
    same = len(y_pred.shape) == len(y_true.shape) + 1 and all(
        a == b or None in (a, b) for a, b in zip(y_true.shape, y_pred.shape, strict=False)
    )
    if not same:
        raise ValueError(f"'y_pred' must have the shape of 'y_true' and an axis of outputs. {received}")
    if outputs not in (None, y_pred.shape[-1]):
        raise ValueError(f"'y_pred' must have {outputs} outputs in its last axis. {received}")

    mask = _widened(ops.convert_to_tensor(mask, "bool"), y_true)
    counts = ops.logical_and(ops.logical_not(ops.isnan(y_true)), mask)
    weights = ops.cast(counts, "float32")
    if sample_weight is not None:
        given = _widened(ops.convert_to_tensor(sample_weight, "float32"), y_true)
        counts = ops.logical_and(counts, given != 0.0)
        weights = ops.where(counts, given, 0.0)
    y_true = ops.where(counts, y_true, 0.0)
    y_pred = ops.where(ops.expand_dims(counts, -1), y_pred, UNCOUNTED_FORECAST)
    return y_true, y_pred, weights


def divided_by_scale(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Targets and point forecasts in units of the scale that comes with the targets.

    Args:
        y_true: Targets and scale, `(..., horizon, 2)`.
        y_pred: `(..., horizon, 1)` or `(..., horizon)`.

    Returns:
        Targets `(..., horizon)`, NaN where the scale is not positive, and forecasts of the shape of `y_pred`.

    Raises:
        ValueError: If there is no scale.
    """
    y_true = ops.convert_to_tensor(y_true, "float32")
    y_pred = ops.convert_to_tensor(y_pred, "float32")
    if y_true.shape[-1] != 2:
        raise ValueError(
            "'y_true' must hold targets and scale, (..., horizon, 2), as tcn.losses.with_scale makes it. "
            f"Received: shape {tuple(y_true.shape)}"
        )
    target, scale = y_true[..., 0], y_true[..., 1]
    valid = scale > 0.0
    safe = ops.where(valid, scale, 1.0)
    target = ops.where(valid, target / safe, float("nan"))
    return target, y_pred / (ops.expand_dims(safe, -1) if len(y_pred.shape) > len(safe.shape) else safe)


def _widened(value: Tensor, like: Tensor) -> Tensor:
    """Give a tensor the later axes that another has."""
    while len(value.shape) < len(like.shape):
        value = ops.expand_dims(value, -1)
    return value
