"""Known kernels to start training from."""

from abc import abstractmethod
from math import comb
from typing import Any

import keras
import numpy as np
from keras import ops

from tcn.layers.checks import check_positive

__all__ = [
    "DifferenceKernel",
    "IdentityKernel",
    "MovingAverageKernel",
    "SeasonalDifferenceKernel",
    "difference_taps",
]


def difference_taps(order: int) -> list[float]:
    """Taps of a difference that is taken `order` times, the oldest first.

    Args:
        order: 0 for the step itself.

    Returns:
        `order + 1` taps.

    Example:
        >>> difference_taps(2)
        [1.0, -2.0, 1.0]
    """
    return [float((-1) ** lag * comb(order, lag)) for lag in range(order, -1, -1)]


class _KnownTaps(keras.initializers.Initializer):
    """Gives each filter one channel and the same taps: filter `f` has channel `f` modulo their number."""

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """Return a kernel `(kernel_size, channels, filters)`."""
        kernel_size, channels, filters = shape
        taps = self.taps(kernel_size)
        missing = kernel_size - len(taps)
        if missing < 0:
            raise ValueError(
                f"'kernel_size' must be at least {len(taps)} for {type(self).__name__}. "
                f"Received: kernel_size={kernel_size}"
            )
        one_channel = np.arange(channels)[:, None] == np.arange(filters) % channels
        kernel = np.pad(taps, (missing, 0))[:, None, None] * one_channel
        return ops.convert_to_tensor(kernel, dtype=dtype or keras.backend.floatx())

    @abstractmethod
    def taps(self, kernel_size: int) -> list[float]:
        """Taps up to the present one, the oldest first."""


@keras.saving.register_keras_serializable(package="tcn")
class IdentityKernel(_KnownTaps):
    """Kernel that passes the present step through (a Dirac impulse): filter `f` is channel `f`.

    With more filters than channels these are repeated; with fewer the first ones are passed.

    Example:
        >>> import numpy as np
        >>> from tcn.layers.causal import CausalConv1D
        >>> from tcn.layers.fixed import IdentityKernel
        >>> layer = CausalConv1D(1, kernel_size=5, kernel_initializer=IdentityKernel())
        >>> np.asarray(layer(np.array([[[3.0], [1.0], [2.0]]], "float32"))).ravel().tolist()
        [3.0, 1.0, 2.0]
    """

    def taps(self, kernel_size: int) -> list[float]:
        """One tap."""
        return difference_taps(0)


@keras.saving.register_keras_serializable(package="tcn")
class MovingAverageKernel(_KnownTaps):
    """Kernel whose taps are all `1 / kernel_size`: filter `f` is the mean of channel `f`.

    Example:
        >>> import numpy as np
        >>> from tcn.layers.fixed import MovingAverageKernel
        >>> np.asarray(MovingAverageKernel()((4, 1, 1))).ravel().tolist()
        [0.25, 0.25, 0.25, 0.25]
    """

    def taps(self, kernel_size: int) -> list[float]:
        """As many taps as the kernel has."""
        return [1 / kernel_size] * kernel_size


@keras.saving.register_keras_serializable(package="tcn")
class DifferenceKernel(_KnownTaps):
    """Kernel of a change since the step before, `order` times over: filter `f` is that of channel `f`.

    Args:
        order: How often differences are taken; the kernel needs one tap more.

    Example:
        >>> import numpy as np
        >>> from tcn.layers.fixed import DifferenceKernel
        >>> np.asarray(DifferenceKernel()((3, 1, 1))).ravel().tolist()
        [0.0, -1.0, 1.0]
    """

    def __init__(self, order: int = 1) -> None:
        check_positive(order=order)
        self.order = order

    def taps(self, kernel_size: int) -> list[float]:
        """Binomial coefficients of alternating sign."""
        return difference_taps(self.order)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"order": self.order}


@keras.saving.register_keras_serializable(package="tcn")
class SeasonalDifferenceKernel(_KnownTaps):
    """Kernel of a change since the season before: filter `f` is that of channel `f`.

    Args:
        lag: Taps from one season to the next, the steps of a season divided by the layer's dilation rate; the
            kernel needs one tap more.

    Example:
        >>> import numpy as np
        >>> from tcn.layers.fixed import SeasonalDifferenceKernel
        >>> np.asarray(SeasonalDifferenceKernel(3)((4, 1, 1))).ravel().tolist()
        [-1.0, 0.0, 0.0, 1.0]
    """

    def __init__(self, lag: int) -> None:
        check_positive(lag=lag)
        self.lag = lag

    def taps(self, kernel_size: int) -> list[float]:
        """Minus one, zeros, one."""
        return [-1.0] + [0.0] * (self.lag - 1) + [1.0]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"lag": self.lag}
