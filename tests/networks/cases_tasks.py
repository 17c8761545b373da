"""Models of backbone and head that the contract is checked for."""

import keras
from contract import Case

from tcn.layers.global_pooling import GlobalPooling1D
from tcn.models.classifier import SequenceClassifier
from tcn.models.encoder import SequenceEncoder
from tcn.models.forecaster import SequenceForecaster
from tcn.models.inception_time import InceptionTime
from tcn.models.separable import SeparableTCN


def classifier(pooling, multi_label=False, padding="causal", **kw):
    backbone = InceptionTime(2, 2, (2, 4), 2, padding=padding, activation="gelu", seed=0, **kw)
    return SequenceClassifier(backbone, 3, multi_label, pooling, dropout=0.1, seed=0, **kw)


def encoder(**kw):
    return SequenceEncoder(SeparableTCN(4, 2, 5, seed=0, **kw), 3, seed=0, **kw)


def forecaster(**kw):
    head = keras.layers.Dense(6, kernel_initializer=keras.initializers.GlorotUniform(0), **kw)
    return SequenceForecaster(SeparableTCN(8, 2, 5, seed=0, **kw), head, **kw)


def pooled(name, make, **facts):
    return Case(name, make, kind="pooled", causal=False, hop=None, **facts)


CASES = [
    pooled("global-average", lambda **kw: GlobalPooling1D("average", **kw), trains=False),
    pooled("global-max", lambda **kw: GlobalPooling1D("max", **kw), trains=False),
    pooled("global-last", lambda **kw: GlobalPooling1D("last", **kw), trains=False),
    pooled("classifier", lambda **kw: classifier("average", **kw)),
    pooled("classifier-labels", lambda **kw: classifier("max", multi_label=True, padding="same", **kw)),
    pooled("classifier-last", lambda **kw: classifier("last", **kw)),
    pooled("encoder", encoder),
    Case("forecaster", forecaster),
]
