"""Augmentations of the spectrum."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tcn.augmentation.base import SelectiveAugmentation, Tensor
from tcn.augmentation.checks import check_share
from tcn.augmentation.mixing import partners
from tcn.augmentation.statistics import level, ratio, spread

__all__ = ["FrequencyMask", "FrequencyMix"]


class _FrequencyAugmentation(SelectiveAugmentation):
    """Changes some frequencies, the same in all channels of a series; the level (frequency 0) is kept."""

    def __init__(
        self,
        share: float = 0.1,
        rate: float = 1.0,
        channels: Sequence[int] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, channels, seed, **kwargs)
        check_share(share=share)
        self.share = share

    def augment(self, values: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """Exchange the drawn frequencies."""
        steps = ops.shape(values)[1]
        mean = level(values, observed)
        centered = ops.where(observed, values - mean, ops.zeros_like(values))
        real, imaginary = ops.rfft(ops.transpose(centered, (0, 2, 1)))
        batch, _, bins = ops.shape(real)
        drawn = ops.logical_and(self.draw(batch, 1, bins) < self.share, ops.arange(bins)[None, None] > 0)
        factor, index = self.replacement(values, observed)
        spectrum = tuple(
            ops.where(drawn, factor * ops.take(part, index, axis=0), part) for part in (real, imaginary)
        )
        return mean + ops.transpose(ops.irfft(spectrum, steps), (0, 2, 1)), observed

    def replacement(self, values: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """For each series a factor, `(batch, channels, 1)`, and the index of the series it belongs to."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "share": self.share}


@keras.saving.register_keras_serializable(package="tcn")
class FrequencyMask(_FrequencyAugmentation):
    """Some frequencies of each series removed: y = irfft(keep · rfft(x)), keep being 0 or 1.

    Missing values count as the mean of the series; the mean itself is kept.

    Args:
        share: Chance of each frequency to be removed.
        rate: Share of the series that are changed, each by a draw of its own.
        channels: Indices of the channels that are changed, all at the same frequencies; all unless told.
        seed: Integer that fixes the changes, one after the other.

    Input shape:
        `(batch, time, channels)` or a pair of those, past and future; any floating type, which is kept.

    Output shape:
        As the input.

    Raises:
        ValueError: If `share` or `rate` is not a share.

    Example:
        >>> import numpy as np
        >>> from tcn.augmentation import FrequencyMask
        >>> x = (3 + np.sin(np.arange(24) * 2 * np.pi / 12)).reshape(1, 24, 1)
        >>> np.asarray(FrequencyMask(1.0, seed=0)(x, training=True)).round(4)[0, :3, 0].tolist()
        [3.0, 3.0, 3.0]

    Reference:
        Chen et al. (2023), FrAug: Frequency Domain Augmentation for Time Series Forecasting.
    """

    def replacement(self, values: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """Nothing of the series itself."""
        batch, _, channels = ops.shape(values)
        return ops.zeros((batch, channels, 1), dtype=values.dtype), ops.arange(batch)


@keras.saving.register_keras_serializable(package="tcn")
class FrequencyMix(_FrequencyAugmentation):
    """Some frequencies of each series taken from another: y = irfft(where(drawn, rfft(x'), rfft(x))).

    The other series of the batch, x', is first brought to the standard deviation of x. Missing values count
    as the mean of the series; the mean itself is kept.

    Args:
        share: Chance of each frequency to be taken from the other series.
        rate: Share of the series that are changed, each by a draw of its own.
        channels: Indices of the channels that are changed, all at the same frequencies; all unless told.
        seed: Integer that fixes the changes, one after the other.

    Input shape:
        `(batch, time, channels)` or a pair of those, past and future; any floating type, which is kept.

    Output shape:
        As the input.

    Raises:
        ValueError: If `share` or `rate` is not a share.

    Example:
        >>> import numpy as np
        >>> from tcn.augmentation import FrequencyMix
        >>> waves = [np.sin(np.arange(24) * 2 * np.pi / period) for period in (12, 6)]
        >>> y = np.asarray(FrequencyMix(1.0, seed=0)(np.stack(waves)[..., None], training=True))
        >>> bool(np.allclose(y[0, :, 0], waves[1], atol=1e-5))
        True

    Reference:
        Chen et al. (2023), FrAug: Frequency Domain Augmentation for Time Series Forecasting.
    """

    def replacement(self, values: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """Another series at the own standard deviation."""
        own = ops.transpose(spread(values, observed), (0, 2, 1))
        index = partners(self, ops.shape(values)[0])
        return ratio(own, ops.take(own, index, axis=0)), index
