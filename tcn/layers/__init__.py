"""Keras layers of temporal convolutions."""

from tcn.layers.causal import CausalConv1D
from tcn.layers.depthwise import CausalDepthwiseConv1D
from tcn.layers.fixed import (
    Difference,
    DifferenceKernel,
    ExponentialSmoothing,
    FixedKernel1D,
    IdentityKernel,
    MovingAverage,
    MovingAverageKernel,
    SeasonalDifference,
    SeasonalDifferenceKernel,
)
from tcn.layers.gated import GatedBlock
from tcn.layers.global_pooling import GlobalPooling1D
from tcn.layers.inception import InceptionBlock
from tcn.layers.pooling import CausalAveragePooling1D, CausalMaxPooling1D
from tcn.layers.resampling import CausalDownsampling1D, CausalUpsampling1D, CropLike1D
from tcn.layers.residual import ResidualBlock
from tcn.layers.scaling import (
    CausalLastValueScaling,
    CausalMeanScaling,
    CausalRobustScaling,
    CausalScaling,
    Scaled,
)
from tcn.layers.separable import SeparableBlock
from tcn.layers.weight_norm import WeightNormalization

__all__ = [
    "CausalAveragePooling1D",
    "CausalConv1D",
    "CausalDepthwiseConv1D",
    "CausalDownsampling1D",
    "CausalLastValueScaling",
    "CausalMaxPooling1D",
    "CausalMeanScaling",
    "CausalRobustScaling",
    "CausalScaling",
    "CausalUpsampling1D",
    "CropLike1D",
    "Difference",
    "DifferenceKernel",
    "ExponentialSmoothing",
    "FixedKernel1D",
    "GatedBlock",
    "GlobalPooling1D",
    "IdentityKernel",
    "InceptionBlock",
    "MovingAverage",
    "MovingAverageKernel",
    "ResidualBlock",
    "Scaled",
    "SeasonalDifference",
    "SeasonalDifferenceKernel",
    "SeparableBlock",
    "WeightNormalization",
]
