"""Initial weights of what is made of several kernels: all differ, and a seed fixes them."""

import keras
import numpy as np
import pytest

from tcn.layers import GatedBlock, InceptionBlock, ResidualBlock, SeparableBlock
from tcn.layers.children import own_initializer
from tcn.models import (
    TCN,
    AutoregressiveWaveNet,
    BidirectionalTCN,
    ForkingTCN,
    InceptionTime,
    MultiRateTCN,
    SeparableTCN,
    WaveNet,
)

COMPOSITES = {
    "residual": lambda **a: ResidualBlock(3, 2, **a),
    "gated": lambda **a: GatedBlock(3, skip_filters=3, **a),
    "inception": lambda **a: InceptionBlock(3, (4, 4), **a),
    "separable": lambda **a: SeparableBlock(3, 4, expansion=1, **a),
    "tcn": lambda **a: TCN(3, 2, dilations=(1, 2), **a),
    "bidirectional": lambda **a: BidirectionalTCN(TCN(3, 2, dilations=(1, 2), **a)),
    "wavenet": lambda **a: WaveNet(3, dilations=(1, 2), output_filters=3, **a),
    "inception time": lambda **a: InceptionTime(3, 6, (4, 4), **a),
    "several rates": lambda **a: MultiRateTCN(3, (2, 2), 2, (1, 2), **a),
    "separable tcn": lambda **a: SeparableTCN(3, 2, 4, **a),
    "autoregressive": lambda **a: AutoregressiveWaveNet(3, 3, dilations=(1, 2), **a),
}
SHARING = ("residual", "tcn", "bidirectional")


def kernels(layer):
    layer.build((None, None, 1 if isinstance(layer, AutoregressiveWaveNet) else 3))
    return [np.asarray(w) for w in layer.weights if w.name == "kernel"]


def assert_all_differ(arrays):
    for i, a in enumerate(arrays):
        assert not any(a.shape == b.shape and np.array_equal(a, b) for b in arrays[:i])


@pytest.mark.parametrize("name", COMPOSITES)
def test_kernels_differ_and_a_seed_fixes_them(name):
    one, same, other = (kernels(COMPOSITES[name](seed=seed)) for seed in (3, 3, 4))
    assert len(one) > 1
    for drawn in (one, kernels(COMPOSITES[name]())):
        assert_all_differ(drawn)
    for a, b in zip(one, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert_all_differ([*one, *other])


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("name", SHARING)
def test_children_that_share_an_initializer_do_not_share_numbers(name, seed):
    for initializer in (
        "glorot_normal",
        keras.initializers.Orthogonal(),
        keras.initializers.HeNormal(seed=keras.random.SeedGenerator(5)),
    ):
        assert_all_differ(kernels(COMPOSITES[name](kernel_initializer=initializer, seed=seed)))


class Given(keras.initializers.Initializer):
    """Cannot be made anew: its configuration does not tell its argument."""

    def __init__(self, value):
        self.value = value

    def __call__(self, shape, dtype=None):
        return keras.ops.full(shape, self.value, dtype)


def test_initializers_that_know_no_seed_are_taken_as_they_are():
    for initializer in (Given(2.0), lambda shape, dtype=None: keras.ops.full(shape, 2.0, dtype)):
        assert own_initializer(initializer, seed=3) is initializer
        assert all((w == 2.0).all() for w in kernels(ResidualBlock(3, 2, kernel_initializer=initializer)))


def test_members_that_are_trained_side_by_side_differ():
    network = ForkingTCN(2, (0.5,), 4, dilations=(1, 2), filters=3, width=3, hidden=3, members=2)
    network.build((None, None, 5))
    for weight in network.weights:
        first, second = np.asarray(weight)[:2] if len(weight.shape) == 3 else (0, 1)
        if weight.name == "kernel":
            assert not np.array_equal(first, second)
