"""Scaling by statistics of the past: causal, masked and invertible."""

from tcn.layers.scaling.base import CausalScaling
from tcn.layers.scaling.last_value import CausalLastValueScaling
from tcn.layers.scaling.mean import CausalMeanScaling
from tcn.layers.scaling.robust import CausalRobustScaling
from tcn.layers.scaling.scaled import Scaled

__all__ = [
    "CausalLastValueScaling",
    "CausalMeanScaling",
    "CausalRobustScaling",
    "CausalScaling",
    "Scaled",
]
