"""Heads: layers that turn features of each origin into forecasts over a horizon."""

from tcn.heads.base import HorizonHead
from tcn.heads.categorical import CategoricalHead
from tcn.heads.distribution import DistributionHead, DistributionQuantiles, MixtureHead
from tcn.heads.point import PointHead
from tcn.heads.quantile import QuantileHead

__all__ = [
    "CategoricalHead",
    "DistributionHead",
    "DistributionQuantiles",
    "HorizonHead",
    "MixtureHead",
    "PointHead",
    "QuantileHead",
]
