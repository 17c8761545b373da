"""Changes since earlier steps, and their inverse."""

from typing import Any

import keras
from keras import ops

from tcn.layers.checks import check_positive
from tcn.layers.fixed.base import KnownKernel1D
from tcn.layers.fixed.initializers import difference_taps

__all__ = ["Difference", "SeasonalDifference"]


@keras.saving.register_keras_serializable(package="tcn")
class Difference(KnownKernel1D):
    """Change since the step before, `order` times over.

    `y[t] = sum_i (-1) ** i binomial(order, i) x[t - i]`; 0 unless all these steps were observed.

    Args:
        order: How often differences are taken.
        trainable: Whether training may change the kernel, in each channel by itself.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        That of the input.

    Raises:
        ValueError: If `order` is not a positive integer.

    Example:
        >>> import numpy as np
        >>> from tcn.layers.fixed import Difference
        >>> layer, x = Difference(), np.array([[[5.0], [7.0], [6.0]]], "float32")
        >>> changes = layer(x)
        >>> np.asarray(changes).ravel().tolist()
        [0.0, 2.0, -1.0]
        >>> np.asarray(layer.inverse(changes[:, 1:], x[:, :1])).ravel().tolist()
        [7.0, 6.0]
    """

    def __init__(self, order: int = 1, trainable: bool = False, **kwargs: Any) -> None:
        check_positive(order=order)
        super().__init__(difference_taps(order), 1, trainable=trainable, **kwargs)
        self.order = order

    def inverse(self, changes: Any, start: Any) -> Any:
        """Values whose changes are given; the kernel is taken as it was before any training.

        Args:
            changes: `(..., steps, channels)`.
            start: The `order` values before the first change, `(..., order, channels)`.

        Returns:
            Values `(..., steps, channels)`.
        """
        differences = [start]
        for _ in range(self.order - 1):
            last = differences[-1]
            differences.append(last[..., 1:, :] - last[..., :-1, :])
        for before in reversed(differences):
            changes = before[..., -1:, :] + ops.cumsum(changes, axis=-2)
        return changes

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "order": self.order}


@keras.saving.register_keras_serializable(package="tcn")
class SeasonalDifference(KnownKernel1D):
    """Change since the same step of the season before.

    `y[t] = x[t] - x[t - season_length]`; 0 unless both were observed.

    Args:
        season_length: Steps in a season.
        trainable: Whether training may change the two taps, in each channel by itself.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        That of the input.

    Raises:
        ValueError: If `season_length` is not a positive integer.

    Example:
        >>> import numpy as np
        >>> from tcn.layers.fixed import SeasonalDifference
        >>> layer, x = SeasonalDifference(2), np.array([[[1.0], [5.0], [2.0], [4.0]]], "float32")
        >>> changes = layer(x)
        >>> np.asarray(changes).ravel().tolist()
        [0.0, 0.0, 1.0, -1.0]
        >>> np.asarray(layer.inverse(changes[:, 2:], x[:, :2])).ravel().tolist()
        [2.0, 4.0]
    """

    def __init__(self, season_length: int, trainable: bool = False, **kwargs: Any) -> None:
        check_positive(season_length=season_length)
        super().__init__([-1.0, 1.0], season_length, trainable=trainable, **kwargs)
        self.season_length = season_length

    def inverse(self, changes: Any, start: Any) -> Any:
        """Values whose seasonal changes are given; the kernel is taken as it was before any training.

        Args:
            changes: `(..., steps, channels)`.
            start: The season before the first change, `(..., season_length, channels)`.

        Returns:
            Values `(..., steps, channels)`.
        """
        *batch, steps, channels = ops.shape(changes)
        length = self.season_length
        seasons = 1 + (steps + length - 1) // length
        joined = ops.concatenate([start, changes, ops.zeros_like(start)], axis=-2)[..., : seasons * length, :]
        values = ops.cumsum(ops.reshape(joined, (*batch, seasons, length, channels)), axis=-3)
        return ops.reshape(values, (*batch, seasons * length, channels))[..., length : length + steps, :]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "season_length": self.season_length}
