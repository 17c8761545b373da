"""Augmentations that move series in time."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tcn.augmentation.base import Augmentation, SelectiveAugmentation, Tensor
from tcn.augmentation.statistics import at_steps
from tcn.layers.checks import check_positive

__all__ = ["RandomCrop", "RandomShift"]


@keras.saving.register_keras_serializable(package="tcn")
class RandomShift(SelectiveAugmentation):
    """Series moved in time: y(t) = x(t - s), with s a whole number from -max_shift to max_shift.

    Args:
        max_shift: Steps that a series is moved by at most, to either side.
        fill: What comes in at the end: "edge" repeats the last step there is, "missing" leaves a gap: masked
            steps where the input has a mask, NaN where it has none.
        rate: Share of the series that are changed, each by a draw of its own.
        channels: Indices of the channels that are changed, all by one shift; all unless told.
        seed: Integer that fixes the changes, one after the other.

    Input shape:
        `(batch, time, channels)` or a pair of those, past and future; any floating type, which is kept.

    Output shape:
        As the input.

    Raises:
        ValueError: If `max_shift` is not a positive integer, `rate` not a share, or there is no such `fill`.

    Example:
        >>> import numpy as np
        >>> from tcn.augmentation import RandomShift
        >>> layer, x = RandomShift(2, fill="missing", seed=1), np.arange(1.0, 6.0).reshape(1, 5, 1)
        >>> y = np.asarray(layer(x, training=True)).ravel()
        >>> kept = y[~np.isnan(y)]
        >>> len(kept) >= 3 and bool(np.all(np.diff(kept) == 1))
        True

    Reference:
        Iwana, Uchida (2021), An Empirical Survey of Data Augmentation for Time Series Classification with
        Neural Networks.
    """

    def __init__(
        self,
        max_shift: int,
        fill: str = "edge",
        rate: float = 1.0,
        channels: Sequence[int] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, channels, seed, **kwargs)
        check_positive(max_shift=max_shift)
        if fill not in ("edge", "missing"):
            raise ValueError(f"'fill' must be 'edge' or 'missing'. Received: fill={fill!r}")
        self.max_shift = max_shift
        self.fill = fill

    def augment(self, values: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """Move."""
        batch, steps = ops.shape(values)[:2]
        shift = self.draw_index(2 * self.max_shift + 1, batch, 1) - self.max_shift
        source = ops.arange(steps, dtype="int32")[None] - shift
        inside = ops.clip(source, 0, steps - 1)
        observed = at_steps(observed, inside)
        if self.fill == "missing":
            observed = ops.logical_and(observed, (source == inside)[..., None])
        return at_steps(values, inside), observed

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "max_shift": self.max_shift, "fill": self.fill}


@keras.saving.register_keras_serializable(package="tcn")
class RandomCrop(Augmentation):
    """A stretch of each series: y(t) = x(t + s), `length` steps long; outside training, the whole series.

    A stretch begins before the first observed step only if the series is too short otherwise, so that little
    of it is the padding of a short series. Of a pair, the future keeps its length.

    Args:
        length: Steps of a stretch; shorter series cannot be cropped.
        seed: Integer that fixes the changes, one after the other.

    Input shape:
        `(batch, time, channels)` or a pair of those, past and future; any floating type, which is kept.

    Output shape:
        `(batch, length, channels)` in training, otherwise as the input. A model that crops has to take
        sequences of any length.

    Raises:
        ValueError: If `length` is not a positive integer, or, in training, longer than the input, or not
            longer than the future of a pair.

    Example:
        >>> import numpy as np
        >>> from tcn.augmentation import RandomCrop
        >>> y = np.asarray(RandomCrop(3, seed=0)(np.arange(10.0).reshape(1, 10, 1), training=True))
        >>> y.shape, bool(np.all(np.diff(y[0, :, 0]) == 1))
        ((1, 3, 1), True)

    Reference:
        Le Guennec, Malinowski, Tavenard (2016), Data Augmentation for Time Series Classification using
        Convolutional Neural Networks ("window slicing").
    """

    def __init__(self, length: int, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        check_positive(length=length)
        self.length = length

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Crop in training."""
        if training and isinstance(inputs, (list, tuple)):
            future = inputs[1].shape[1]
            if future is not None and future >= self.length:
                raise ValueError(
                    "'length' must leave a past before the future, which keeps its length. "
                    f"Received: length={self.length} for a future of {future} steps"
                )
        return super().call(inputs, mask, training)

    def transform(self, values: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """Crop."""
        batch, steps = ops.shape(values)[:2]
        if isinstance(steps, int) and steps < self.length:
            raise ValueError(
                f"'length' must be no more than the steps of the input. "
                f"Received: length={self.length} for {steps} steps"
            )
        latest = steps - self.length
        first = ops.argmax(ops.cast(ops.any(observed, axis=-1), "int32"), axis=1)
        earliest = ops.minimum(ops.cast(first, "int32"), latest)[:, None]
        start = earliest + self.draw_index(latest - earliest + 1, batch, 1)
        index = start + ops.arange(self.length, dtype="int32")[None]
        return at_steps(values, index), at_steps(observed, index)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "length": self.length}
