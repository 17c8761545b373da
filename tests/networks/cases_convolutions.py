"""Convolutions that the contract is checked for."""

from contract import Case

from tcn.layers import CausalConv1D

CASES = [
    Case("causal", lambda **kw: CausalConv1D(4, 3, dilation_rate=2, activation="relu", **kw)),
    Case("causal-pointwise", lambda **kw: CausalConv1D(4, 1, use_bias=False, **kw)),
]
