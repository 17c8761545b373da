"""Augmentations of the values at each step."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tcn.augmentation.base import SelectiveAugmentation, Tensor
from tcn.augmentation.checks import check_not_negative
from tcn.augmentation.statistics import spread

__all__ = ["Jitter", "RandomScale", "RandomSign"]


@keras.saving.register_keras_serializable(package="tcn")
class Jitter(SelectiveAugmentation):
    """Noise in proportion to the spread of a series: y = x + strength · std(x) · e, with e standard normal.

    Args:
        strength: Standard deviation of the noise, in standard deviations of the series (and channel).
        rate: Share of the series that are changed, each by a draw of its own.
        channels: Indices of the channels that are changed; all unless told.
        seed: Integer that fixes the changes, one after the other.

    Input shape:
        `(batch, time, channels)` or a pair of those, past and future; any floating type, which is kept.

    Output shape:
        As the input.

    Raises:
        ValueError: If `strength` is negative, or `rate` is not a share.

    Example:
        >>> import numpy as np
        >>> from tcn.augmentation import Jitter
        >>> layer, x = Jitter(0.1, seed=0), np.sin(np.arange(50, dtype="float32")).reshape(1, 50, 1)
        >>> [bool(np.all(np.asarray(layer(x, training=training)) == x)) for training in (False, True)]
        [True, False]

    Reference:
        Um et al. (2017), Data Augmentation of Wearable Sensor Data for Parkinson's Disease Monitoring using
        Convolutional Neural Networks.
    """

    def __init__(
        self,
        strength: float = 0.05,
        rate: float = 1.0,
        channels: Sequence[int] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, channels, seed, **kwargs)
        check_not_negative(strength=strength)
        self.strength = strength

    def augment(self, values: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """Add noise."""
        noise = ops.cast(self.draw_normal(*ops.shape(values)), values.dtype)
        return values + self.strength * spread(values, observed) * noise, observed

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "strength": self.strength}


@keras.saving.register_keras_serializable(package="tcn")
class RandomScale(SelectiveAugmentation):
    """A factor for each series: y = exp(strength · e) · x, with e standard normal.

    A network that scales its input by itself sees no difference.

    Args:
        strength: Standard deviation of the logarithm of the factor.
        rate: Share of the series that are changed, each by a draw of its own.
        channels: Indices of the channels that are changed, all by one factor; all unless told.
        seed: Integer that fixes the changes, one after the other.

    Input shape:
        `(batch, time, channels)` or a pair of those, past and future; any floating type, which is kept.

    Output shape:
        As the input.

    Raises:
        ValueError: If `strength` is negative, or `rate` is not a share.

    Example:
        >>> import numpy as np
        >>> from tcn.augmentation import RandomScale
        >>> y = np.asarray(RandomScale(0.5, seed=0)(np.ones((1, 5, 1)), training=True))
        >>> bool(np.all(y == y[0, 0, 0])), bool(y[0, 0, 0] == 1)
        (True, False)

    Reference:
        Um et al. (2017), Data Augmentation of Wearable Sensor Data for Parkinson's Disease Monitoring using
        Convolutional Neural Networks.
    """

    def __init__(
        self,
        strength: float = 0.2,
        rate: float = 1.0,
        channels: Sequence[int] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, channels, seed, **kwargs)
        check_not_negative(strength=strength)
        self.strength = strength

    def augment(self, values: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """Multiply."""
        factor = ops.exp(self.strength * self.draw_normal(ops.shape(values)[0], 1, 1))
        return values * ops.cast(factor, values.dtype), observed

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "strength": self.strength}


@keras.saving.register_keras_serializable(package="tcn")
class RandomSign(SelectiveAugmentation):
    """Some series turned over: y = -x.

    Args:
        rate: Share of the series that are turned over, each by a draw of its own.
        channels: Indices of the channels that are turned over; all unless told.
        seed: Integer that fixes the changes, one after the other.

    Input shape:
        `(batch, time, channels)` or a pair of those, past and future; any floating type, which is kept.

    Output shape:
        As the input.

    Raises:
        ValueError: If `rate` is not a share.

    Example:
        >>> import numpy as np
        >>> from tcn.augmentation import RandomSign
        >>> y = np.asarray(RandomSign(seed=0)(np.ones((100, 5, 1)), training=True))
        >>> sorted(set(y.ravel().tolist()))
        [-1.0, 1.0]

    Reference:
        Iwana, Uchida (2021), An Empirical Survey of Data Augmentation for Time Series Classification with
        Neural Networks ("flipping").
    """

    def __init__(
        self,
        rate: float = 0.5,
        channels: Sequence[int] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, channels, seed, **kwargs)

    def augment(self, values: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """Turn over."""
        return -values, observed
