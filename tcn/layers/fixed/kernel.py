"""A kernel made by hand."""

import math
from collections.abc import Sequence
from typing import Any

import keras

from tcn.layers.checks import check_positive
from tcn.layers.fixed.base import KnownKernel1D

__all__ = ["FixedKernel1D"]


@keras.saving.register_keras_serializable(package="tcn")
class FixedKernel1D(KnownKernel1D):
    """Convolve each channel with a kernel made by hand.

    Steps that are missing, masked or before the beginning, are made up for as the kernel demands. With no
    negative tap it is an average: its sum is taken over what was observed and scaled to the sum of all taps.
    With negative taps it compares steps, and the output is 0 unless all of them were observed.

    Args:
        kernel: Taps, the oldest first.
        dilation_rate: Steps between taps.
        trainable: Whether training may change the kernel, in each channel by itself.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        That of the input.

    Raises:
        ValueError: If the kernel has no tap other than 0 or one that is not finite, or the rate is not a
            positive integer.

    Example:
        >>> import numpy as np
        >>> from tcn.layers.fixed import FixedKernel1D
        >>> edges = FixedKernel1D([-1.0, 0.0, 1.0])
        >>> x = np.array([[[1.0], [1.0], [1.0], [5.0], [5.0]]], "float32")
        >>> np.asarray(edges(x)).ravel().tolist()
        [0.0, 0.0, 0.0, 4.0, 4.0]
    """

    def __init__(
        self, kernel: Sequence[float], dilation_rate: int = 1, trainable: bool = False, **kwargs: Any
    ) -> None:
        check_positive(dilation_rate=dilation_rate)
        taps = [float(tap) for tap in kernel]
        if not any(taps) or not all(math.isfinite(tap) for tap in taps):
            raise ValueError(
                f"'kernel' must hold finite numbers that are not all 0. Received: kernel={kernel!r}"
            )
        super().__init__(taps, dilation_rate, trainable=trainable, **kwargs)
        self.taps = taps
        self.dilation_rate = dilation_rate

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "kernel": list(self.taps), "dilation_rate": self.dilation_rate}
