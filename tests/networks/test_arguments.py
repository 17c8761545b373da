"""Arguments of constructors: what is refused, and in which words; integers of NumPy are integers."""

import json
import re

import keras
import numpy as np
import pytest

from tcn.keras_tcn import compiled_tcn
from tcn.layers import (
    CausalConv1D,
    CausalDepthwiseConv1D,
    CausalDownsampling1D,
    CausalMaxPooling1D,
    CausalMeanScaling,
    CausalUpsampling1D,
    GatedBlock,
    GlobalPooling1D,
    InceptionBlock,
    ResidualBlock,
    SeparableBlock,
    WeightNormalization,
)
from tcn.models import (
    TCN,
    AutoregressiveWaveNet,
    BidirectionalTCN,
    ForkingTCN,
    InceptionTime,
    MultiRateTCN,
    SeparableTCN,
    SequenceClassifier,
    WaveNet,
)

LAYERS = {
    CausalConv1D: {"filters": 2, "kernel_size": 3, "dilation_rate": 2},
    CausalDepthwiseConv1D: {"kernel_size": 3, "dilation_rate": 2, "depth_multiplier": 2},
    CausalDownsampling1D: {"filters": 2, "factor": 3, "kernel_size": 4},
    CausalUpsampling1D: {"filters": 2, "factor": 3, "kernel_size": 4},
    CausalMaxPooling1D: {"pool_size": 3},
    CausalMeanScaling: {"window": 3},
    GatedBlock: {"filters": 2, "kernel_size": 3, "dilation_rate": 2, "skip_filters": 3, "seed": 1},
    InceptionBlock: {"filters": 2, "kernel_sizes": [2, 3], "bottleneck": 2, "dilation_rate": 2, "seed": 1},
    ResidualBlock: {"filters": 2, "kernel_size": 3, "dilation_rate": 2, "seed": 1},
    SeparableBlock: {"filters": 2, "kernel_size": 3, "expansion": 2, "dilation_rate": 2, "seed": 1},
    TCN: {"nb_filters": 2, "kernel_size": 3, "nb_stacks": 2, "dilations": [1, 2], "seed": 1},
    WaveNet: {
        "filters": 2,
        "kernel_size": 3,
        "dilations": [1, 2],
        "cycles": 2,
        "skip_filters": 3,
        "output_filters": 2,
        "seed": 1,
    },
    AutoregressiveWaveNet: {"classes": 3, "filters": 2, "dilations": [1, 2], "seed": 1},
    InceptionTime: {"filters": 2, "depth": 3, "kernel_sizes": [2, 3], "bottleneck": 2, "dilations": [1]},
    MultiRateTCN: {"filters": 2, "factors": [2, 3], "kernel_size": 2, "dilations": [1, 2], "seed": 1},
    SeparableTCN: {
        "filters": 2,
        "depth": 2,
        "kernel_size": 3,
        "dilations": [1, 2],
        "expansion": 2,
        "seed": 1,
    },
    ForkingTCN: {
        "horizon": 2,
        "quantiles": [0.1, 0.5, 0.9],
        "lookback": 4,
        "season_length": 2,
        "phases": 2,
        "filters": 2,
        "kernel_size": 2,
        "dilations": [1, 2],
        "width": 4,
        "hidden": 4,
        "members": 2,
        "seed": 1,
    },
}
COMPILED = {
    "num_feat": 1,
    "num_classes": 2,
    "nb_filters": 2,
    "kernel_size": 2,
    "dilations": [1, 2],
    "nb_stacks": 1,
    "max_len": None,
}
names = pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)


def with_numpy(value):
    """Numbers as NumPy has them."""
    return np.int64(value) if isinstance(value, int) else np.asarray(value)


@names
def test_numbers_of_numpy_make_the_same_layer(kind):
    usual, layer = kind(**LAYERS[kind]), kind(**{k: with_numpy(v) for k, v in LAYERS[kind].items()})
    # Not through keras.saving, which would turn them into Python's own.
    config = json.loads(json.dumps({**layer.get_config(), "dtype": None, "name": None}))
    assert config == json.loads(json.dumps({**usual.get_config(), "dtype": None, "name": None}))
    assert getattr(layer, "receptive_field", None) == getattr(usual, "receptive_field", None)


@names
def test_wrong_numbers_are_named(kind):
    for name, value in LAYERS[kind].items():
        if name == "quantiles":
            wrong = [[], [0.9, 0.5], [0.5, 1.0]]
        elif isinstance(value, list):
            wrong = [[], [0], [True], [1.0], "12", None, 0, [[1]]]
        else:
            wrong = [0, -1, True, 1.5, "2", [2]]
        for bad in wrong:
            if name == "seed" and bad == 0 and bad is not False:
                continue
            with pytest.raises(ValueError, match=f"'{name}' must .*Received: {name}="):
                kind(**LAYERS[kind] | {name: bad})


@pytest.mark.parametrize("bad", [1.0, 1, -0.1, True, "0.5", None, float("nan")], ids=str)
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (GatedBlock, "dropout"),
        (ResidualBlock, "dropout"),
        (SeparableBlock, "dropout"),
        (TCN, "dropout_rate"),
        (WaveNet, "dropout"),
        (AutoregressiveWaveNet, "dropout"),
        (MultiRateTCN, "dropout"),
        (SeparableTCN, "dropout"),
        (ForkingTCN, "dropout"),
    ],
)
def test_rates_are_shares_below_one(kind, name, bad):
    rule = re.escape(f"'{name}' must be at least 0 and below 1. Received: {name}={bad!r}")
    with pytest.raises(ValueError, match=rule):
        kind(**LAYERS[kind], **{name: bad})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda bad: ResidualBlock(2, 3, normalization=bad), "'normalization' must be one of"),
        (lambda bad: ResidualBlock(2, 3, padding=bad), "'padding' must be one of"),
        (
            lambda bad: InceptionBlock(2, normalization=bad),
            "'normalization' must be 'layer', 'batch' or None",
        ),
        (lambda bad: InceptionBlock(2, padding=bad), "'padding' must be 'causal' or 'same'"),
        (lambda bad: SeparableBlock(2, normalization=bad), "'normalization' must be"),
        (lambda bad: TCN(2, padding=bad), "'padding' must be one of"),
        (lambda bad: InceptionTime(2, normalization=bad), "'normalization' must be"),
        (lambda bad: MultiRateTCN(2, merge=bad), "'merge' must be one of"),
        (lambda bad: MultiRateTCN(2, normalization=bad), "'normalization' must be one of"),
        (lambda bad: BidirectionalTCN(TCN(2), merge_mode=bad), "'merge_mode' must be"),
        (lambda bad: GlobalPooling1D(bad), "'pooling' must be one of"),
        (lambda bad: SequenceClassifier(TCN(2), 2, pooling=bad), "'pooling' must be one of"),
        (lambda bad: compiled_tcn(**COMPILED, opt=bad), "'opt' must be 'adam' or 'rmsprop'"),
    ],
)
@pytest.mark.parametrize("bad", ["other", 1, ["layer"]], ids=str)
def test_names_are_those_that_there_are(make, message, bad):
    with pytest.raises(ValueError, match=f"{message}.*Received: [a-z_]+={re.escape(repr(bad))}"):
        make(bad)


@pytest.mark.parametrize(
    "kind", [CausalConv1D, ResidualBlock, InceptionBlock, SeparableBlock, TCN, InceptionTime]
)
def test_unknown_activations_are_named_by_keras(kind):
    with pytest.raises(ValueError, match=r"activation.*(Received|identifier): other"):
        kind(**LAYERS[kind], activation="other")


@pytest.mark.parametrize(
    "wrong", [{"num_feat": 0}, {"num_classes": True}, {"max_len": "5"}, {"output_len": 0, "regression": True}]
)
def test_compiled_models_have_positive_sizes(wrong):
    name = next(iter(wrong))
    with pytest.raises(ValueError, match=f"'{name}' must be a positive integer. Received: {name}="):
        compiled_tcn(**COMPILED | wrong)


@pytest.mark.parametrize("dilations", [[1, -1], [1, True], [1, 2.5], ["1"]], ids=str)
def test_compiled_models_have_dilations_or_their_exponents(dilations):
    with pytest.raises(ValueError, match=r"'dilations' must hold powers of two.*Received: dilations="):
        compiled_tcn(**COMPILED | {"dilations": dilations})


def test_one_axis_of_numpy_is_one_axis():
    layer = WeightNormalization(keras.layers.Dense(4), axis=np.int64(-1))
    layer.build((None, 3))
    assert json.loads(json.dumps(layer.axis)) == -1
    assert tuple(layer.gain.shape) == (4,)
