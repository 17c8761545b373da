"""Kinds of scaling that the contract is checked for."""

import keras
from contract import Case

from tcn.layers.causal import CausalConv1D
from tcn.layers.scaling import CausalLastValueScaling, CausalMeanScaling, CausalRobustScaling, Scaled


def scaled(scaling, **kw):
    network = keras.Sequential([CausalConv1D(6, 3, activation="tanh", **kw), CausalConv1D(4, 1, **kw)])
    return Scaled(network, scaling(**kw), target=1, **kw)


# The location of scaling by means is always 0, so it moves with nothing: see test_scaling.py for causality.
CASES = [
    Case("mean-scaling", lambda **kw: CausalMeanScaling(7, **kw), trains=False, causal=False),
    Case("mean-scaling-so-far", lambda **kw: CausalMeanScaling(**kw), trains=False, causal=False),
    Case("robust-scaling", lambda **kw: CausalRobustScaling(6, **kw), trains=False),
    Case("last-value-scaling", lambda **kw: CausalLastValueScaling(7, **kw), trains=False),
    Case("last-value-scaling-so-far", lambda **kw: CausalLastValueScaling(**kw), trains=False, steps=40),
    Case("scaled", lambda **kw: scaled(lambda **p: CausalRobustScaling(5, **p), **kw)),
    Case("scaled-so-far", lambda **kw: scaled(CausalLastValueScaling, **kw)),
]
