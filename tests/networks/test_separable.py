import numpy as np
import pytest
from backends import examples, gradients, to_numpy
from hypothesis import given
from hypothesis import strategies as st
from keras import ops
from oracles_blocks import gelu, layer_norm, weights_of

from tcn.layers.separable import SeparableBlock
from tcn.models.separable import SeparableTCN


def shaken(layer, channels=3):
    """Built, and no weight at a round value."""
    layer.build((None, None, channels))
    rng = np.random.default_rng(0)
    layer.set_weights([w + 0.1 * rng.normal(size=w.shape) for w in layer.get_weights()])
    return layer


def series(steps=20, channels=3, batch=1, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, steps, channels)).astype("float32")


def block_oracle(block, x):
    """From the block's weights, by children, on one series."""
    kernel, bias = weights_of(block.depthwise)
    kernel = kernel.reshape(block.kernel_size, x.shape[-1])
    past = np.concatenate([np.zeros((block.receptive_field - 1, x.shape[-1])), x])
    h = bias + sum(kernel[k] * past[k * block.dilation_rate :][: len(x)] for k in range(block.kernel_size))
    h = h if block.norm is None else layer_norm(h, *weights_of(block.norm))
    up, up_bias = weights_of(block.up)
    down, down_bias = weights_of(block.down)
    h = gelu(h @ up + up_bias) @ down + down_bias
    if block.widen is None:
        return x + h
    kernel, bias = weights_of(block.widen)
    return x @ kernel + bias + h


@examples(6)
@given(
    st.integers(1, 9),
    st.integers(1, 3),
    st.integers(1, 4),
    st.sampled_from([3, 5]),
    st.sampled_from(["layer", None]),
)
def test_a_block_is_its_formula(kernel_size, dilation, expansion, filters, normalization):
    block = shaken(SeparableBlock(filters, kernel_size, expansion, dilation, normalization=normalization))
    x = series()
    wanted = block_oracle(block, x[0].astype("float64"))
    np.testing.assert_allclose(to_numpy(block(x))[0], wanted, rtol=2e-4, atol=2e-5)


def test_a_stack_is_its_formula():
    net = shaken(SeparableTCN(4, depth=3, kernel_size=5, dilations=(1, 2)))
    x = series()
    kernel, bias = weights_of(net.stem)
    h = x[0].astype("float64") @ kernel + bias
    for block in net.blocks:
        h = block_oracle(block, h)
    np.testing.assert_allclose(to_numpy(net(x))[0], h, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize(
    ("kernel_size", "depth", "dilations"), [(1, 2, (1,)), (9, 1, (2,)), (4, 4, (1, 3)), (5, 2, (1, 2, 4))]
)
def test_the_receptive_field_is_exact(kernel_size, depth, dilations):
    net = SeparableTCN(4, depth, kernel_size, dilations, seed=0)
    last = net.receptive_field
    x = series(last + 3)
    net(x)
    _, _, slopes = gradients(net, x, lambda y: ops.sum(y[:, last] * np.arange(1.0, 5.0)))
    felt = np.flatnonzero(np.abs(slopes).max(axis=(0, 2)) > 0)
    rates = [dilations[i % len(dilations)] for i in range(depth)]
    assert last == 1 + (kernel_size - 1) * sum(rates)
    assert (felt.min(), felt.max()) == (1, last)


@pytest.mark.parametrize("before", [0, 5])
def test_masked_padding_changes_nothing(before):
    net = shaken(SeparableTCN(4, 2, 7))
    x = series(12)
    padded = np.concatenate([np.full((1, before, 3), np.nan), x, np.full((1, 7, 3), np.nan)], axis=1)
    mask = np.zeros((1, before + 12 + 7), bool)
    mask[:, before : before + 12] = True
    y = net(padded.astype("float32"), mask=ops.convert_to_tensor(mask))
    np.testing.assert_allclose(to_numpy(y)[:, before : before + 12], to_numpy(net(x)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("normalization", "holds"), [("layer", True), (None, True), ("batch", False)])
def test_only_statistics_of_a_batch_see_the_future_in_training(normalization, holds):
    net = shaken(SeparableTCN(4, 2, 7, normalization=normalization))
    x = series(20)
    later = x.copy()
    later[:, 12:] = 3 * series(20, seed=1)[:, 12:]
    a, b = (to_numpy(net(v, training=True))[:, :12] for v in (x, later))
    assert (a == b).all() == holds


def test_dropout_is_of_whole_channels_and_in_training_only():
    block = shaken(SeparableBlock(3, 5, dropout=0.5, seed=0))
    still = np.repeat(series(1), 20, axis=1)
    trained = to_numpy(block(still, training=True))[0, 6:]
    assert not np.allclose(trained, to_numpy(block(still))[0, 6:], atol=1e-3)
    np.testing.assert_allclose(trained, trained[:1].repeat(14, axis=0), rtol=1e-5, atol=1e-6)


def test_a_seed_fixes_weights_and_dropout():
    nets = [shaken(SeparableTCN(4, 2, 5, dropout=0.5, seed=seed)) for seed in (1, 1, 2)]
    one, twin, other = (to_numpy(net(series(), training=True)) for net in nets)
    np.testing.assert_array_equal(one, twin)
    assert not np.allclose(one, other, atol=1e-2)
    first, second = (block.up.get_weights()[0] for block in nets[0].blocks)
    assert not np.allclose(first, second, atol=1e-2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 0}, "'filters' must be a positive integer. Received: filters=0"),
        ({"kernel_size": 2.5}, "'kernel_size' must be a positive integer. Received: kernel_size=2.5"),
        ({"expansion": 0}, "'expansion' must be a positive integer. Received: expansion=0"),
        ({"dropout": 1.0}, "'dropout' must be at least 0 and below 1. Received: dropout=1.0"),
        ({"normalization": "group"}, "'normalization' must be 'layer', 'batch' or None"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        SeparableBlock(**{"filters": 4, **arguments})
    with pytest.raises(ValueError, match=message):
        SeparableTCN(**arguments)


def test_wrong_stacks():
    with pytest.raises(ValueError, match="'depth' must be a positive integer"):
        SeparableTCN(depth=0)
    with pytest.raises(ValueError, match="'dilations' must hold positive integers"):
        SeparableTCN(dilations=(0,))
