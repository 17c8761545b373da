"""What is infinite or missing without a mask must not show before its time, nor vanish after it."""

import keras
import numpy as np
import pytest
from backends import to_numpy

from tcn.layers import (
    CausalAveragePooling1D,
    CausalConv1D,
    CausalDepthwiseConv1D,
    CausalDownsampling1D,
    CausalLastValueScaling,
    CausalMaxPooling1D,
    CausalMeanScaling,
    CausalRobustScaling,
    CausalUpsampling1D,
    GatedBlock,
    GlobalPooling1D,
    InceptionBlock,
    ResidualBlock,
    SeparableBlock,
)
from tcn.models import TCN, InceptionTime, MultiRateTCN, WaveNet

STEPS, WHEN = 96, 63
LAYERS = {
    "convolution": lambda: CausalConv1D(2, 3, 2),
    "folded convolution": lambda: CausalConv1D(2, 3, 16, weight_norm=True),
    "long dilation": lambda: CausalConv1D(2, 2, 100),
    "depthwise of few taps": lambda: CausalDepthwiseConv1D(5, 2),
    "depthwise of few steps": lambda: CausalDepthwiseConv1D(9, 4),
    "residual": lambda: ResidualBlock(2, 3, 2, normalization="layer"),
    "gated": lambda: GatedBlock(2, 2, 4, use_residual=False),
    "inception": lambda: InceptionBlock(2, (3, 7)),
    "separable": lambda: SeparableBlock(2, 4),
    "max": lambda: CausalMaxPooling1D(5),
    "max so far": CausalMaxPooling1D,
    "average": lambda: CausalAveragePooling1D(5),
    "average so far": CausalAveragePooling1D,
    "down": lambda: CausalDownsampling1D(2, 3, 5),
    "up": lambda: CausalUpsampling1D(2, 3, 5),
    "mean scaling": CausalMeanScaling,
    "last-value scaling": CausalLastValueScaling,
    "robust scaling": lambda: CausalRobustScaling(7),
    "TCN": lambda: TCN(2, 3, dilations=(1, 16), return_sequences=True),
    "WaveNet": lambda: WaveNet(2, dilations=(1, 8)),
    "InceptionTime": lambda: InceptionTime(2, 3, (3, 4)),
    "several rates": lambda: MultiRateTCN(2, (3,)),
}


def outputs_of(layer, bad, mask):
    x = np.random.default_rng(0).normal(size=(1, STEPS, 2)).astype("float32")
    x[:, WHEN] = bad
    outputs = layer(x) if mask is None else layer(x, mask=mask)
    return [to_numpy(y) for y in keras.tree.flatten(outputs)]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_what_is_not_finite_does_not_show_before_its_time(name, masked):
    layer = LAYERS[name]()
    mask = np.arange(STEPS)[None] % 5 != 0 if masked else None
    usual = outputs_of(layer, 0.0, mask)
    for bad in (np.inf, np.nan):
        spoiled = outputs_of(layer, bad, mask)
        for y, z in zip(usual, spoiled, strict=True):
            before = WHEN * y.shape[1] // STEPS
            assert np.isfinite(y).all()
            np.testing.assert_array_equal(y[:, :before], z[:, :before])
        if np.isnan(bad):
            assert any(np.isnan(z).any() for z in spoiled)


@pytest.mark.parametrize("pooling", ["average", "max", "last"])
@pytest.mark.parametrize("mask", [None, np.array([[True, True, False, True]])])
def test_pooling_does_not_hide_what_is_no_number(pooling, mask):
    x = np.array([[[1.0, 1.0], [5.0, 2.0], [np.nan, 3.0], [2.0, np.nan]]], "float32")
    pooled = to_numpy(GlobalPooling1D(pooling)(x, mask=mask))[0]
    assert np.isnan(pooled).tolist() == [mask is None and pooling != "last", True]


def test_the_highest_so_far_stays_no_number_once_it_is_none():
    x = np.array([[[1.0], [np.nan], [3.0]]], "float32")
    for mask in (None, np.ones((1, 3), "bool")):
        highest = to_numpy(CausalMaxPooling1D()(x, mask=mask))[0, :, 0]
        np.testing.assert_array_equal(highest, [1.0, np.nan, np.nan])
