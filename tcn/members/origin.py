"""Scaling of each origin's own window: causal, masked and invertible."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from tcn.ops import frames

__all__ = ["OriginView", "OriginWindow"]

# A window whose spread is below this share of its distance from the first value of its series counts as
# constant: float32 holds seven digits. So does one below this share of its level, where that is smaller.
RELATIVE_FLOOR = 1e-6
# Smallest normal numbers of float32 are near 1e-38; the floor must stay invertible.
ABSOLUTE_FLOOR = 1e-30


class OriginView(NamedTuple):
    """What an origin knows of its window; every field has the axes `(members, batch, origins, ...)`.

    Attributes:
        window: Values relative to `location` in units of `scale`, clipped, 0 where unobserved:
            `(..., lookback)`.
        observed: 1 where a value was observed: `(..., lookback)`.
        location: Last observed value, one from before the window if need be; a level of 0 for members with a
            global scale: `(..., 1)`.
        scale: Mean distance of the window from `location`, never 0; 1 with a global scale: `(..., 1)`.
        facts: Scale-free descriptions of the window: `(..., 4 + further seasons)`.
        last: Last observed value relative to `location` in units of `scale`: `(..., 1)`.

    Example:
        >>> import numpy as np
        >>> from tcn.members import OriginWindow
        >>> values, ones = np.array([[[1.0, 2.0, 4.0]]]), np.ones((1, 1, 3))
        >>> view = OriginWindow(lookback=2)(values, ones, values, ones)
        >>> np.asarray(view.location).ravel().tolist()
        [2.0, 4.0]
    """

    window: Any
    observed: Any
    location: Any
    scale: Any
    facts: Any
    last: Any


@keras.saving.register_keras_serializable(package="tcn")
class OriginWindow(keras.layers.Layer):
    """Cut and normalize the look-back window of every origin.

    The location is the last observed value, the scale the mean absolute distance to it, with the usual change
    as one more observation: a window that is constant or empty is scaled by what came before it. An origin is
    seen the same way in a long sequence and in one that ends there.

    Args:
        lookback: Steps in a window, at least 2.
        season_length: Lag of the seasonal difference that the scale is compared with.
        clip: Bound on the normalized values.
        further_seasons: Lags of further ones.
        global_scale: For each member, whether it sees values as they are, relative to a level of 0 and in
            units of 1; None if no member does.

    Input shape:
        Four tensors `(members, batch, time)`: values (the last observed one where unobserved), observed (0 or
        1), the distance from each value to the level in the original units, and the usual size of a change.

    Output shape:
        An `OriginView` for the origins `lookback - 1, lookback - 1 + stride, ...` of the input.

    Example:
        >>> import numpy as np
        >>> from tcn.members import OriginWindow
        >>> values, ones = np.array([[[1.0, 2.0, 4.0]]]), np.ones((1, 1, 3))
        >>> view = OriginWindow(lookback=2)(values, ones, values, ones)
        >>> tuple(view.window.shape), tuple(view.scale.shape)  # of two origins
        ((1, 1, 2, 2), (1, 1, 2, 1))
    """

    def __init__(
        self,
        lookback: int,
        season_length: int = 1,
        clip: float = 10.0,
        further_seasons: Sequence[int] = (),
        global_scale: Sequence[bool] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if lookback < 2 or season_length < 1:
            raise ValueError(
                "'lookback' must be at least 2 and 'season_length' at least 1. "
                f"Received: lookback={lookback}, season_length={season_length}"
            )
        self.lookback = lookback
        self.season_length = season_length
        self.clip = clip
        self.further_seasons = tuple(further_seasons)
        self.global_scale = global_scale

    def call(self, values: Any, observed: Any, offset: Any, change: Any, stride: int = 1) -> OriginView:
        """Describe every `stride`-th origin that has its whole window."""
        length = self.lookback
        window, known = frames(values, length, stride), frames(observed, length, stride)
        location = window[..., -1:]
        count = ops.sum(known, axis=-1, keepdims=True)
        away = (window - location) * known
        level = location + offset[..., length - 1 :: stride, None]
        floor = least_scale(location, level)
        spread = ops.sum(ops.abs(away), axis=-1, keepdims=True) + change[..., length - 1 :: stride, None]
        spread = spread / (count + 1.0)
        scale, last = ops.maximum(spread, floor), ops.zeros_like(level)
        if self.global_scale is not None:
            is_global = member_mask(self.global_scale, 4)
            center = -offset[..., length - 1 :: stride, None]
            away = ops.where(is_global, (window - center) * known, away)
            scale = ops.where(is_global, ops.ones_like(scale), scale)
            last = ops.where(is_global, level, last)
            location = ops.where(is_global, center, location)
        lags = (self.season_length, *self.further_seasons)
        steps = [self._seasonal_step(window, known, lag) for lag in lags]
        against_seasons = [ops.clip(ops.log(scale / ops.maximum(step, floor)), -3.0, 3.0) for step in steps]
        facts = [
            ops.log(1.0 + count) / 3.0,
            ops.clip(level / scale, -10.0, 10.0) / 5.0,
            against_seasons[0],
            ops.cast(count < length, values.dtype),
            *against_seasons[1:],
        ]
        return OriginView(
            window=ops.clip(away / scale, -self.clip, self.clip),
            observed=known,
            location=location,
            scale=scale,
            facts=ops.concatenate(facts, axis=-1),
            last=last,
        )

    def _seasonal_step(self, window: Any, known: Any, lag: int) -> Any:
        """Mean absolute seasonal difference inside each window, 0 where it holds no pair."""
        lag = min(lag, self.lookback - 1)
        pair = known[..., lag:] * known[..., :-lag]
        step = ops.abs(window[..., lag:] - window[..., :-lag]) * pair
        return ops.sum(step, axis=-1, keepdims=True) / ops.maximum(ops.sum(pair, axis=-1, keepdims=True), 1.0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "lookback": self.lookback,
            "season_length": self.season_length,
            "clip": self.clip,
            "further_seasons": list(self.further_seasons),
            "global_scale": None if self.global_scale is None else list(self.global_scale),
        }


def least_scale(location: Any, level: Any) -> Any:
    """Smallest scale that a window may have.

    Args:
        location: Where it is, relative to the first value of its series.
        level: Where it is in the original units.

    Returns:
        A tensor of their shape, positive.
    """
    return RELATIVE_FLOOR * ops.minimum(ops.abs(location), ops.abs(level)) + ABSOLUTE_FLOOR


def member_mask(flags: Sequence[bool], rank: int) -> np.ndarray:
    """Flags of members as a constant that broadcasts over the other axes.

    Args:
        flags: One for each member.
        rank: Axes of what it is to meet, that of the members the first.

    Returns:
        `(members, 1, ..., 1)`.
    """
    return np.array(flags, bool).reshape(-1, *(1,) * (rank - 1))
