"""Augmentations that mix the series of a batch."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tcn.augmentation.base import Augmentation, SelectiveAugmentation, Tensor
from tcn.augmentation.checks import check_share
from tcn.augmentation.statistics import ratio, size
from tcn.layers.checks import check_positive

__all__ = ["SeriesMix", "WindowMix", "partners"]


def partners(layer: Augmentation, batch: Tensor) -> Tensor:
    """For each series of a batch the index of another one, `(batch,)`; its own if it is alone."""
    step = 1 + layer.draw_index(batch - 1, batch)
    return (ops.arange(batch, dtype="int32") + step) % batch


def _alike(values: Tensor, observed: Tensor, partner: Tensor) -> tuple[Tensor, Tensor]:
    """Series by index, each brought to the size of the series whose partner it is, and what is observed."""
    own = size(values, observed)
    factor = ratio(own, ops.take(own, partner, axis=0))
    return factor * ops.take(values, partner, axis=0), ops.take(observed, partner, axis=0)


@keras.saving.register_keras_serializable(package="tcn")
class WindowMix(SelectiveAugmentation):
    """A window of each series replaced by the same window of another series of the batch.

    The other series is first brought to the size (the mean absolute value) of the one it replaces. A window's
    length is drawn evenly up to `max_share` of the series, then its place.

    Args:
        max_share: Longest window, as a share of the series.
        rate: Share of the series that are changed, each by a draw of its own.
        channels: Indices of the channels that are changed, all in one window; all unless told.
        seed: Integer that fixes the changes, one after the other.

    Input shape:
        `(batch, time, channels)` or a pair of those, past and future; any floating type, which is kept.

    Output shape:
        As the input.

    Raises:
        ValueError: If `max_share` or `rate` is not a share.

    Example:
        >>> import numpy as np
        >>> from tcn.augmentation import WindowMix
        >>> x = np.ones((2, 8, 1)) * np.array([1.0, -1.0]).reshape(2, 1, 1)
        >>> y = np.asarray(WindowMix(0.5, seed=0)(x, training=True))
        >>> int(np.sum(y[0] != x[0])) <= 4
        True

    Reference:
        Yun et al. (2019), CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
        Features, along time.
    """

    def __init__(
        self,
        max_share: float = 0.3,
        rate: float = 1.0,
        channels: Sequence[int] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, channels, seed, **kwargs)
        check_share(max_share=max_share)
        self.max_share = max_share

    def augment(self, values: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """Replace windows."""
        batch, steps = ops.shape(values)[:2]
        other, other_observed = _alike(values, observed, partners(self, batch))
        longest = ops.cast(ops.floor(self.max_share * ops.cast(steps, "float32")), "int32")
        length = 1 + self.draw_index(longest, batch, 1)
        start = self.draw_index(steps - length + 1, batch, 1)
        clock = ops.arange(steps, dtype="int32")[None]
        inside = ops.logical_and(clock >= start, clock < start + length)[..., None]
        return ops.where(inside, other, values), ops.where(inside, other_observed, observed)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "max_share": self.max_share}


@keras.saving.register_keras_serializable(package="tcn")
class SeriesMix(SelectiveAugmentation):
    """Each series mixed with others of the batch: y = size(x) · sum of w_i · x_i / size(x_i), x_1 being x.

    The size of a series is its mean absolute value. How many series are mixed is drawn from 1 to
    `max_series`, their weights from a Dirichlet distribution. A step is observed where it is in all of them.

    Class labels are not mixed: the layer is for series that are their own target.

    Args:
        max_series: Series that are mixed at most, 2 as in mixup or more.
        concentration: Parameter of the Dirichlet distribution, a multiple of 0.5: small for one series that
            outweighs the others, large for equal weights.
        rate: Share of the series that are changed, each by a draw of its own.
        channels: Indices of the channels that are changed, all by the same weights; all unless told.
        seed: Integer that fixes the changes, one after the other.

    Input shape:
        `(batch, time, channels)` or a pair of those, past and future; any floating type, which is kept.

    Output shape:
        As the input.

    Raises:
        ValueError: If `max_series` is not a positive integer, `concentration` not a positive multiple of 0.5,
            or `rate` not a share.

    Example:
        >>> import numpy as np
        >>> from tcn.augmentation import SeriesMix
        >>> x = np.stack([np.ones((5, 1)), 4 * np.ones((5, 1))])
        >>> np.asarray(SeriesMix(seed=0)(x, training=True))[:, 0, 0].round(4).tolist()
        [1.0, 4.0]

    Reference:
        Zhang et al. (2018), mixup: Beyond Empirical Risk Minimization; Ansari et al. (2024), Chronos:
        Learning the Language of Time Series, algorithm 1 (TSMix).
    """

    def __init__(
        self,
        max_series: int = 3,
        concentration: float = 1.5,
        rate: float = 1.0,
        channels: Sequence[int] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, channels, seed, **kwargs)
        check_positive(max_series=max_series)
        if concentration <= 0 or 2 * concentration != int(2 * concentration):
            raise ValueError(
                "'concentration' must be a positive multiple of 0.5. "
                f"Received: concentration={concentration!r}"
            )
        self.max_series = max_series
        self.concentration = concentration

    def augment(self, values: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """Mix."""
        batch = ops.shape(values)[0]
        weights = ops.cast(self._weights(batch), values.dtype)[..., None, None]
        mixed = weights[:, 0] * values
        for i in range(1, self.max_series):
            other, other_observed = _alike(values, observed, partners(self, batch))
            mixed = mixed + weights[:, i] * other
            observed = ops.logical_and(observed, ops.logical_or(other_observed, weights[:, i] == 0))
        return mixed, observed

    def _weights(self, batch: Tensor) -> Tensor:
        """Numbers that sum to 1, `(batch, max_series)`; 0 for series that are not mixed."""
        # Half a sum of squares of normal numbers is gamma distributed; gammas are not drawn under XLA.
        parts = self.draw_normal(batch, self.max_series, int(2 * self.concentration))
        gammas = ops.sum(parts * parts, axis=-1)
        mixed = ops.arange(self.max_series)[None] <= self.draw_index(self.max_series, batch, 1)
        gammas = ops.where(mixed, gammas, ops.zeros_like(gammas))
        return gammas / ops.sum(gammas, axis=1, keepdims=True)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "max_series": self.max_series,
            "concentration": self.concentration,
        }
