"""Scaling by the last value and the mean size of changes."""

from typing import Any

import keras
from keras import ops

from tcn.layers.aggregate import add_exactly, aggregate
from tcn.layers.scaling.base import CausalScaling

__all__ = ["CausalLastValueScaling"]


@keras.saving.register_keras_serializable(package="tcn")
class CausalLastValueScaling(CausalScaling):
    """Measure from the last observed value, in units of the mean absolute change.

    `location[t]` is the last value observed up to `t`, `scale[t]` the mean distance between neighboring
    observed values. What is forecast at `t` starts from the present: an output of 0 repeats the last value. A
    step itself is told as its change, `(x[t] - location[t - 1]) / scale[t]`; the first one is 0. So
    `inverse` gives step `t` back with the location of step `t - 1`.

    Changes are those between one observed value and the next one, whatever lies between.

    Args:
        window: Steps that values and changes are taken from; None for all so far.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        Three tensors `(batch, time, channels)`: scaled inputs, location, scale.

    Raises:
        ValueError: If `window` is neither a positive integer nor None.

    Example:
        >>> import numpy as np
        >>> from tcn.layers.scaling import CausalLastValueScaling
        >>> layer = CausalLastValueScaling()
        >>> scaled, location, scale = layer(np.array([[[100.0], [101.0], [104.0]]], "float32"))
        >>> np.asarray(scaled).ravel().tolist(), float(location[0, -1, 0]), float(scale[0, -1, 0])
        ([0.0, 1.0, 1.5], 104.0, 2.0)
        >>> forecast = np.array([[[0.0, 0.5]] * 3], "float32")  # (batch, time, horizon)
        >>> np.asarray(layer.inverse(forecast, location, scale))[0, -1].tolist()
        [104.0, 105.0]
    """

    def statistics(self, values: Any, observed: Any) -> tuple[Any, Any, Any]:
        """Last values and changes; see `CausalScaling`."""
        zeros, seen = ops.zeros_like(values), ops.cast(observed, values.dtype)
        step = [values, values, seen, zeros, zeros, zeros, ops.zeros_like(seen)]
        parts = aggregate(self, step, _join, [0.0] * len(step), self.window)
        _, last, _, change, main, rest, count = parts
        return change, last, (main + rest) / ops.maximum(count, 1.0)


def _join(older: list[Any], newer: list[Any]) -> list[Any]:
    """What two neighboring stretches amount to together.

    A stretch is described by its first and last value and whether there is one, its last change, the sum of
    its absolute changes in two parts, and the number of its changes.
    """
    a_first, a_last, a_seen, a_change, a_main, a_rest, a_count = older
    b_first, b_last, b_seen, b_change, b_main, b_rest, b_count = newer
    meet = a_seen * b_seen
    between = (b_first - a_last) * meet
    main, rest = add_exactly([a_main, a_rest], [b_main, b_rest])
    main, rest = add_exactly([main, rest], [ops.abs(between), 0.0])
    return [
        ops.where(a_seen > 0, a_first, b_first),
        ops.where(b_seen > 0, b_last, a_last),
        ops.maximum(a_seen, b_seen),
        ops.where(b_count > 0, b_change, ops.where(meet > 0, between, a_change)),
        main,
        rest,
        a_count + b_count + meet,
    ]
