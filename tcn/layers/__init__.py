"""Keras layers of temporal convolutions."""

from tcn.layers.dense import MemberDense
from tcn.layers.gated import GatedBlock, MemberRMSNorm
from tcn.layers.origin import OriginView, OriginWindow
from tcn.layers.position import PositionFeatures

__all__ = ["GatedBlock", "MemberDense", "MemberRMSNorm", "OriginView", "OriginWindow", "PositionFeatures"]
