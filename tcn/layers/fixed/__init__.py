"""Known kernels: layers that use them, and initializers to train from them."""

from tcn.layers.fixed.averages import ExponentialSmoothing, MovingAverage
from tcn.layers.fixed.differences import Difference, SeasonalDifference
from tcn.layers.fixed.initializers import (
    DifferenceKernel,
    IdentityKernel,
    MovingAverageKernel,
    SeasonalDifferenceKernel,
)
from tcn.layers.fixed.kernel import FixedKernel1D

__all__ = [
    "Difference",
    "DifferenceKernel",
    "ExponentialSmoothing",
    "FixedKernel1D",
    "IdentityKernel",
    "MovingAverage",
    "MovingAverageKernel",
    "SeasonalDifference",
    "SeasonalDifferenceKernel",
]
