"""Scale-free channels of every time step, from rolling statistics of the steps before it."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tcn.members.origin import least_scale, member_mask
from tcn.ops import rolling_sum

__all__ = ["PositionFeatures"]


@keras.saving.register_keras_serializable(package="tcn")
class PositionFeatures(keras.layers.Layer):
    """Describe each step by its distance to the rolling season mean, its difference and seasonal differences.

    All are divided by the rolling mean distance from the season mean, with the usual change as one more
    observation, so that a causal stack can run over them once for all origins: no channel depends on which
    origin asks.

    Args:
        season_length: Steps in a season.
        clip: Bound on the channels.
        further_seasons: Steps in each further season, which adds a channel: the difference to one of it
            before.
        global_scale: For each member, whether it sees levels and differences as they are, relative to a level
            of 0 and in units of 1; None if no member does.

    Input shape:
        Four tensors `(members, batch, time)`: values (of any size where unobserved), observed, offset to the
        level, usual size of a change.

    Output shape:
        `(channels, center, scale)`: `(members, batch, steps, 4 + further seasons)` and twice `(members,
        batch, steps, 1)` with `steps = time - context`.

    Example:
        >>> import numpy as np
        >>> from tcn.members import PositionFeatures
        >>> layer, ones = PositionFeatures(season_length=4), np.ones((1, 2, 30))
        >>> channels, center, scale = layer(ones, ones, ones, ones)
        >>> channels.shape[-2] == 30 - layer.context, channels.shape[-1]
        (True, 4)
    """

    def __init__(
        self,
        season_length: int,
        clip: float = 10.0,
        further_seasons: Sequence[int] = (),
        global_scale: Sequence[bool] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if season_length < 1:
            raise ValueError(f"'season_length' must be at least 1. Received: season_length={season_length}")
        self.season_length = season_length
        self.clip = clip
        self.further_seasons = tuple(further_seasons)
        self.global_scale = global_scale
        self.center_window = max(season_length, 4)
        self.scale_window = max(season_length, 8)

    @property
    def context(self) -> int:
        """Steps before the first output that it depends on."""
        return max(self._rolling_context, *self.further_seasons, 0)

    @property
    def _rolling_context(self) -> int:
        """Steps before the first output that the rolling statistics need."""
        return self.center_window + self.scale_window - 2

    def call(self, values: Any, observed: Any, offset: Any, change: Any) -> tuple[Any, Any, Any]:
        """Describe every step that has its whole context."""
        begin = self.context - self._rolling_context
        away, center, scale = self._rolling(
            *(part[..., begin:] for part in (values, observed, offset, change))
        )
        if self.global_scale is not None:
            is_global = member_mask(self.global_scale, 3)
            level = offset[..., self.context :]
            away = ops.where(is_global, (values + offset)[..., self.context :], away)
            away = away * observed[..., self.context :]
            center = ops.where(is_global, -level, center)
            scale = ops.where(is_global, ops.ones_like(scale), scale)
        lags = (1, self.season_length, *self.further_seasons)
        changes = [self._change(values, observed, lag) for lag in lags]
        channels = [ops.clip(part / scale, -self.clip, self.clip) for part in (away, *changes)]
        channels.append(observed[..., self.context :])
        return ops.stack(channels, axis=-1), center[..., None], scale[..., None]

    def _rolling(self, values: Any, observed: Any, offset: Any, change: Any) -> tuple[Any, Any, Any]:
        """Distance from the rolling season mean, that mean, and the rolling mean distance from it."""
        center = rolling_sum(values * observed, self.center_window)
        center = center / ops.maximum(rolling_sum(observed, self.center_window), 1.0)
        recent = observed[..., self.center_window - 1 :]
        away = (values[..., self.center_window - 1 :] - center) * recent
        scale = rolling_sum(ops.abs(away), self.scale_window) + change[..., self._rolling_context :]
        scale = scale / (rolling_sum(recent, self.scale_window) + 1.0)

        away, center, level = (
            part[..., -scale.shape[-1] :]
            for part in (away, center, offset[..., self.center_window - 1 :] + center)
        )
        return away, center, ops.maximum(scale, least_scale(center, level))

    def _change(self, values: Any, observed: Any, lag: int) -> Any:
        """Difference to `lag` steps before, 0 where either end is unobserved."""
        begin, end = self.context, values.shape[-1]
        both = observed[..., begin:] * observed[..., begin - lag : end - lag]
        return (values[..., begin:] - values[..., begin - lag : end - lag]) * both

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "season_length": self.season_length,
            "clip": self.clip,
            "further_seasons": list(self.further_seasons),
            "global_scale": None if self.global_scale is None else list(self.global_scale),
        }
