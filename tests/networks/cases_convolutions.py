"""Convolutions that the contract is checked for."""

import keras
from contract import Case

from tcn.layers.causal import CausalConv1D
from tcn.layers.depthwise import CausalDepthwiseConv1D
from tcn.layers.weight_norm import WeightNormalization


def wrapped_dense(**arguments):
    return WeightNormalization(keras.layers.Dense(4, "tanh", **arguments), **arguments)


def wrapped_convolution(**arguments):
    return WeightNormalization(CausalConv1D(4, 3, dilation_rate=2, **arguments), **arguments)


CASES = [
    Case("causal", lambda **kw: CausalConv1D(4, 3, dilation_rate=2, activation="relu", **kw)),
    Case("causal-pointwise", lambda **kw: CausalConv1D(4, 1, use_bias=False, **kw)),
    Case("causal-folded", lambda **kw: CausalConv1D(4, 2, dilation_rate=8, weight_norm=True, **kw)),
    Case("causal-filled-up", lambda **kw: CausalConv1D(4, 2, dilation_rate=16, **kw)),
    Case("depthwise-few-taps", lambda **kw: CausalDepthwiseConv1D(4, 2, weight_norm=True, **kw)),
    Case(
        "depthwise-blocks",
        lambda **kw: CausalDepthwiseConv1D(37, depth_multiplier=2, activation="gelu", **kw),
        steps=80,
    ),
    Case("weight-normalized-dense", wrapped_dense, masks=False),
    Case("weight-normalized-convolution", wrapped_convolution),
]
