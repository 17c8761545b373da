"""Which past steps matter: how an output changes when they are replaced."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from tcn.inspection.running import as_array, check_mask, check_sequences, pieces, run
from tcn.layers.checks import check_positive

__all__ = ["occlusion"]


def occlusion(
    model: Any,
    inputs: Any,
    width: int = 1,
    baseline: Any = "mean",
    output: Callable[[Any], Any] | None = None,
    mask: Any = None,
    batch_size: int = 256,
) -> np.ndarray:
    """Find which steps of the inputs an output depends on, by replacing them a stretch at a time.

    The value of step `t` is `y(x) - y(x')`, where `x'` is `x` with the stretch of `width` steps that holds
    `t` replaced by the baseline: what the stretch adds to the output. For a linear model
    `y = b + sum_t w_t x_t` and a width of 1 it is `w_t (x_t - baseline_t)`, exactly.

    Args:
        model: Any model or layer of one input.
        inputs: `(batch, time, channels)` or `(batch, time)`. Values that are not finite stay as they are.
        width: Steps that are replaced together. Stretches are counted from the last step, so the one at the
            beginning may be shorter. Wider ones cost less, and find what single steps share.
        baseline: What stands in their place: "mean", the mean of each series and channel over its observed
            steps; a number; or an array that broadcasts to the inputs.
        output: Function that makes of the model's outputs, as arrays, one number for each series,
            `(batch,)`. By default the output of the last step, which then has to be one number.
        mask: Boolean, `(batch, time)`, passed on to the model; False where nothing was observed.
        batch_size: Replaced sequences that the model computes at once.

    Returns:
        `(batch, time)`, signed. Each stretch costs one pass.

    Raises:
        ValueError: If the model returns several numbers and `output` does not choose, the inputs are no
            single array, or the baseline does not fit them.

    Example:
        >>> import numpy as np
        >>> from tcn.inspection import occlusion
        >>> from tcn.layers import CausalConv1D
        >>> layer = CausalConv1D(1, kernel_size=2, dilation_rate=2, kernel_initializer="ones")
        >>> occlusion(layer, np.array([[[5.0], [1.0], [7.0], [4.0]]]), baseline=0.0).tolist()
        [[0.0, 1.0, 0.0, 4.0]]

    Reference:
        Zeiler & Fergus (2014), Visualizing and Understanding Convolutional Networks, section 4.2.
    """
    check_positive(width=width)
    x = check_sequences(inputs)
    observed = check_mask(mask, x)
    stand_in = _baseline(baseline, x, observed)
    batch, steps = x.shape[:2]
    stretch_of_step = (steps - 1 - np.arange(steps)) // width
    stretches = int(stretch_of_step.max()) + 1

    def numbers(rows: np.ndarray, series: Any) -> np.ndarray:
        outputs = run(model, rows, None if observed is None else observed[series])
        return _numbers(keras.tree.map_structure(as_array, outputs), len(rows), output)

    whole = np.concatenate([numbers(x[rows], rows) for rows in pieces(batch, batch_size)])
    changed = np.empty(stretches * batch)
    for rows in pieces(stretches * batch, batch_size):
        stretch, series = np.divmod(np.arange(rows.start, rows.stop), batch)
        replaced = stretch_of_step == stretch[:, None]
        replaced = replaced.reshape(*replaced.shape, *[1] * (x.ndim - 2)) & np.isfinite(x[series])
        changed[rows] = numbers(np.where(replaced, stand_in[series], x[series]), series)
    change: np.ndarray = whole[:, None] - changed.reshape(stretches, batch).T[:, stretch_of_step]
    return change


def _baseline(baseline: Any, x: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """What stands in the place of the inputs, of their shape and type."""
    if not isinstance(baseline, str):
        try:
            return np.broadcast_to(np.asarray(baseline, x.dtype), x.shape)
        except ValueError:
            raise ValueError(
                f"'baseline' must broadcast to the inputs, {x.shape}. Received: shape {np.shape(baseline)}"
            ) from None
    if baseline != "mean":
        raise ValueError(f"'baseline' must be 'mean', a number or an array. Received: baseline={baseline!r}")
    if x.dtype.kind != "f":
        raise ValueError(
            f"Integers have no mean that is one of them. Received: inputs of {x.dtype}; pass baseline=0, or "
            "another one."
        )
    seen = np.isfinite(x)
    if mask is not None:
        seen &= mask.reshape(*mask.shape, *[1] * (x.ndim - 2))
    total = np.where(seen, x, 0).sum(axis=1, keepdims=True, dtype="float64")
    mean = total / np.maximum(seen.sum(axis=1, keepdims=True), 1)
    return np.broadcast_to(mean.astype(x.dtype), x.shape)


def _numbers(outputs: Any, batch: int, output: Callable[[Any], Any] | None) -> np.ndarray:
    """One number for each series."""
    if output is not None:
        chosen = np.asarray(output(outputs), "float64")
        if chosen.shape != (batch,):
            raise ValueError(
                f"'output' must return one number for each series, ({batch},). Received: {chosen.shape}"
            )
        return chosen
    if not isinstance(outputs, np.ndarray):
        raise ValueError(
            "The model must have one output, or 'output' has to choose. Received: a "
            f"{type(outputs).__name__} of outputs; pass output=lambda y: y[0][:, -1, 0], or y['name'] for a "
            "dict."
        )
    last = outputs[:, -1] if outputs.ndim > 2 else outputs
    if last.size != batch:
        raise ValueError(
            "The output of the last step must be one number, or 'output' has to choose. "
            f"Received: outputs of shape {outputs.shape}; pass output=lambda y: "
            f"y[:, -1{', 0' * (outputs.ndim - 2)}], or another one."
        )
    return last.reshape(batch).astype("float64")
