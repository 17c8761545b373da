"""Layers that compute the members of an ensemble side by side: the first axis counts members."""

from tcn.members.ahead import MemberAhead
from tcn.members.dense import MemberDense
from tcn.members.gated import MemberGLUBlock, MemberRMSNorm
from tcn.members.head import MemberHead, MemberQuantileHead
from tcn.members.hurdle import MemberHurdleHead
from tcn.members.location_scale import MemberLocationScaleHead
from tcn.members.origin import OriginView, OriginWindow
from tcn.members.position import PositionFeatures
from tcn.members.wavenet import MemberWaveNetBlock

__all__ = [
    "MemberAhead",
    "MemberDense",
    "MemberGLUBlock",
    "MemberHead",
    "MemberHurdleHead",
    "MemberLocationScaleHead",
    "MemberQuantileHead",
    "MemberRMSNorm",
    "MemberWaveNetBlock",
    "OriginView",
    "OriginWindow",
    "PositionFeatures",
]
