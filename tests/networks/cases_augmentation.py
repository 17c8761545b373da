"""Augmentations, ensembles and averages that the contract is checked for."""

from contract import Case

from tcn.augmentation import (
    FrequencyMask,
    FrequencyMix,
    Jitter,
    RandomCrop,
    RandomScale,
    RandomShift,
    RandomSign,
    SeriesMix,
    TimeWarp,
    WindowMix,
)
from tcn.averaging import AverageOverLookbacks, AverageOverSigns
from tcn.ensemble import Ensemble
from tcn.layers.causal import CausalConv1D
from tcn.models.tcn import TCN


def convolution(**kw):
    return CausalConv1D(4, 3, activation="relu", **kw)


def pooled(**kw):
    return TCN(8, 2, dilations=(1, 2), activation="tanh", seed=0, **kw)


AUGMENTATIONS = {
    "jitter": lambda **kw: Jitter(0.1, rate=0.5, channels=[0, 2], seed=1, **kw),
    "random-scale": lambda **kw: RandomScale(0.3, seed=1, **kw),
    "random-sign": lambda **kw: RandomSign(seed=1, **kw),
    "random-shift": lambda **kw: RandomShift(3, fill="missing", seed=1, **kw),
    "random-crop": lambda **kw: RandomCrop(16, seed=1, **kw),
    "time-warp": lambda **kw: TimeWarp(0.3, knots=5, seed=1, **kw),
    "window-mix": lambda **kw: WindowMix(0.4, seed=1, **kw),
    "series-mix": lambda **kw: SeriesMix(4, concentration=1.0, seed=1, **kw),
    "frequency-mask": lambda **kw: FrequencyMask(0.3, seed=1, **kw),
    "frequency-mix": lambda **kw: FrequencyMix(0.3, seed=1, **kw),
}

CASES = [
    *(Case(name, make, trains=False) for name, make in AUGMENTATIONS.items()),
    Case("ensemble", lambda **kw: Ensemble([convolution(**kw) for _ in range(3)], **kw)),
    Case(
        "ensemble-pooled",
        lambda **kw: Ensemble([pooled(**kw) for _ in range(2)], **kw),
        kind="pooled",
        causal=False,
        hop=None,
    ),
    Case(
        "average-over-lookbacks",
        lambda **kw: AverageOverLookbacks(convolution(**kw), [1, 2, 24], **kw),
        kind="pooled",
        hop=None,
    ),
    Case(
        "average-over-lookbacks-pooled",
        lambda **kw: AverageOverLookbacks(pooled(**kw), [12, 24], **kw),
        kind="pooled",
        hop=None,
    ),
    Case(
        "average-over-signs",
        lambda **kw: AverageOverSigns(convolution(**kw), channels=[0, 1], quantile_axis=-1, **kw),
    ),
]
