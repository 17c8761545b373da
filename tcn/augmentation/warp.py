"""Augmentation of the speed at which time passes."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tcn.augmentation.base import SelectiveAugmentation, Tensor
from tcn.augmentation.checks import check_not_negative
from tcn.augmentation.statistics import at_steps
from tcn.layers.checks import check_positive

__all__ = ["TimeWarp"]


@keras.saving.register_keras_serializable(package="tcn")
class TimeWarp(SelectiveAugmentation):
    """Series read at a speed that changes smoothly: y(t) = x(w(t)), with w smooth, rising, w(0)=0, w(T)=T.

    The logarithm of the speed is linear between knots spread evenly over the series, where it is drawn from a
    normal distribution; w is the running sum of the speed, scaled to end where the series ends. Between steps
    the series is interpolated; a step made of a missing one is missing.

    Args:
        strength: Standard deviation of the logarithm of the speed at a knot.
        knots: Number of knots, the two ends included.
        rate: Share of the series that are changed, each by a draw of its own.
        channels: Indices of the channels that are changed, all by one warp; all unless told.
        seed: Integer that fixes the changes, one after the other.

    Input shape:
        `(batch, time, channels)` or a pair of those, past and future; any floating type, which is kept.

    Output shape:
        As the input.

    Raises:
        ValueError: If `strength` is negative, `knots` not an integer of 2 or more, or `rate` not a share.

    Example:
        >>> import numpy as np
        >>> from tcn.augmentation import TimeWarp
        >>> x = np.arange(20.0).reshape(1, 20, 1)
        >>> y = np.asarray(TimeWarp(0.5, seed=0)(x, training=True)).ravel()
        >>> float(y[0]), float(y[-1]), bool(np.all(np.diff(y) > 0))
        (0.0, 19.0, True)

    Reference:
        Um et al. (2017), Data Augmentation of Wearable Sensor Data for Parkinson's Disease Monitoring using
        Convolutional Neural Networks.
    """

    def __init__(
        self,
        strength: float = 0.2,
        knots: int = 4,
        rate: float = 1.0,
        channels: Sequence[int] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, channels, seed, **kwargs)
        check_not_negative(strength=strength)
        check_positive(knots=knots)
        if knots < 2:
            raise ValueError(f"'knots' must be 2 or more: the two ends. Received: knots={knots}")
        self.strength = strength
        self.knots = knots

    def augment(self, values: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """Read at other places."""
        steps = ops.shape(values)[1]
        place = self._places(ops.shape(values)[0], steps)
        before = ops.clip(ops.cast(ops.floor(place), "int32"), 0, steps - 1)
        after = ops.minimum(before + 1, steps - 1)
        share = (place - ops.cast(before, place.dtype))[..., None]
        weight = ops.cast(share, values.dtype)
        warped = (1 - weight) * at_steps(values, before) + weight * at_steps(values, after)
        there = ops.logical_and(
            ops.logical_or(at_steps(observed, before), share >= 1),
            ops.logical_or(at_steps(observed, after), share <= 0),
        )
        return warped, there

    def _places(self, batch: Tensor, steps: Tensor) -> Tensor:
        """Where each step is read, `(batch, time)`, from 0 to time - 1."""
        clock = ops.cast(ops.arange(steps), "float32")
        end = ops.maximum(ops.cast(steps, "float32") - 1, 1.0)
        distance = ops.abs(
            (clock * (self.knots - 1) / end)[None] - ops.arange(self.knots, dtype="float32")[:, None]
        )
        speed = ops.exp(self.strength * self.draw_normal(batch, self.knots) @ ops.maximum(1 - distance, 0.0))
        passed = ops.cumsum((speed[:, 1:] + speed[:, :-1]) / 2, axis=1)
        passed = ops.concatenate([ops.zeros_like(speed[:, :1]), passed], axis=1)
        whole = passed[:, -1:]
        places = passed / ops.where(whole > 0, whole, ops.ones_like(whole)) * end
        # The last step stays exactly where it is, whatever a compiler makes of the division.
        return ops.where(clock == end, end, places)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "strength": self.strength, "knots": self.knots}
