"""Scale-free channels of every time step, from rolling statistics of the steps before it."""

from typing import Any

import keras
from keras import ops

from tcn.members.origin import ABSOLUTE_FLOOR, RELATIVE_FLOOR
from tcn.ops import rolling_sum

__all__ = ["PositionFeatures"]


@keras.saving.register_keras_serializable(package="tcn")
class PositionFeatures(keras.layers.Layer):
    """Describe each step by its distance to the rolling season mean, its difference and seasonal difference.

    All three are divided by the rolling mean distance from the season mean, with the usual change as one more
    observation, so that a causal stack can run over them once for all origins: no channel depends on which
    origin asks.

    Args:
        season_length: Steps in a season.
        clip: Bound on the channels.

    Input shape:
        Four tensors `(members, batch, time)`: values (of any size where unobserved), observed, offset to the
        level, usual size of a change.

    Output shape:
        `(channels, center, scale)`: `(members, batch, steps, 4)` and twice `(members, batch, steps, 1)` with
        `steps = time - context`.
    """

    def __init__(self, season_length: int, clip: float = 10.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if season_length < 1:
            raise ValueError(f"'season_length' must be at least 1. Received: season_length={season_length}")
        self.season_length = season_length
        self.clip = clip
        self.center_window = max(season_length, 4)
        self.scale_window = max(season_length, 8)

    @property
    def context(self) -> int:
        """Steps before the first output that the rolling statistics need."""
        return self.center_window + self.scale_window - 2

    def call(self, values: Any, observed: Any, offset: Any, change: Any) -> tuple[Any, Any, Any]:
        """Describe every step that has its whole context."""
        center = rolling_sum(values * observed, self.center_window)
        center = center / ops.maximum(rolling_sum(observed, self.center_window), 1.0)
        recent = observed[..., self.center_window - 1 :]
        away = (values[..., self.center_window - 1 :] - center) * recent
        scale = rolling_sum(ops.abs(away), self.scale_window) + change[..., self.context :]
        scale = scale / (rolling_sum(recent, self.scale_window) + 1.0)

        away, center, level = (
            part[..., -scale.shape[-1] :]
            for part in (away, center, offset[..., self.center_window - 1 :] + center)
        )
        scale = ops.maximum(scale, RELATIVE_FLOOR * ops.abs(level) + ABSOLUTE_FLOOR)
        changes = [self._change(values, observed, lag) for lag in (1, self.season_length)]
        channels = [ops.clip(part / scale, -self.clip, self.clip) for part in (away, *changes)]
        channels.append(observed[..., self.context :])
        return ops.stack(channels, axis=-1), center[..., None], scale[..., None]

    def _change(self, values: Any, observed: Any, lag: int) -> Any:
        """Difference to `lag` steps before, 0 where either end is unobserved."""
        begin, end = self.context, values.shape[-1]
        both = observed[..., begin:] * observed[..., begin - lag : end - lag]
        return (values[..., begin:] - values[..., begin - lag : end - lag]) * both

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "season_length": self.season_length, "clip": self.clip}
