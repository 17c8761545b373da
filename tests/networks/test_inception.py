import numpy as np
import pytest
from backends import examples, gradients, to_numpy
from hypothesis import given
from hypothesis import strategies as st
from keras import ops
from oracles_blocks import convolve, highest, layer_norm, weights_of

from tcn.layers.inception import InceptionBlock
from tcn.models.inception_time import InceptionTime


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
    centered = block.padding == "same"
    z = x if block.squeeze is None else convolve(x, *weights_of(block.squeeze))
    branches = []
    for conv in block.convs:
        kernel, *bias = weights_of(conv)
        ahead = (len(kernel) - 1) * conv.dilation_rate // 2 if centered else 0
        branches.append(convolve(z, kernel, *bias, dilation=conv.dilation_rate, ahead=ahead))
    branches.append(convolve(highest(x, 3, ahead=int(centered)), *weights_of(block.mix)))
    y = np.concatenate(branches, axis=-1)
    return y if block.norm is None else layer_norm(y, *weights_of(block.norm))


@examples(6)
@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=3),
    st.sampled_from([None, 2, 5]),
    st.integers(1, 3),
    st.sampled_from(["causal", "same"]),
    st.sampled_from(["layer", None]),
)
def test_a_block_is_its_formula(kernel_sizes, bottleneck, dilation, padding, normalization):
    block = shaken(
        InceptionBlock(2, kernel_sizes, bottleneck, dilation, padding, normalization, activation=None)
    )
    x = series()
    np.testing.assert_allclose(
        to_numpy(block(x))[0], block_oracle(block, x[0].astype("float64")), rtol=2e-4, atol=2e-5
    )


def test_every_third_block_has_a_shortcut():
    net = shaken(InceptionTime(2, 4, (2, 3), bottleneck=4, normalization="layer", activation="tanh"))
    x = series()
    h = x[0].astype("float64")
    for block in net.blocks[:3]:
        h = np.tanh(block_oracle(block, h))
    around = layer_norm(
        convolve(x[0].astype("float64"), *weights_of(net.shortcuts[0])), *weights_of(net.norms[0])
    )
    h = np.tanh(block_oracle(net.blocks[3], np.tanh(h + around)))
    assert len(net.shortcuts) == 1
    np.testing.assert_allclose(to_numpy(net(x))[0], h, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize(
    ("kernel_sizes", "depth", "dilations", "padding"),
    [
        ((3,), 1, (1,), "causal"),
        ((2, 5), 4, (1, 3), "causal"),
        ((4, 1), 3, (2, 1), "same"),
        ((5, 3), 2, (1, 2, 4), "same"),
    ],
)
def test_the_receptive_field_is_exact(kernel_sizes, depth, dilations, padding):
    net = InceptionTime(2, depth, kernel_sizes, 2, dilations, padding, activation="tanh", seed=0)
    here = net.receptive_field
    x = series(2 * here + 3)
    net(x)
    _, _, slopes = gradients(net, x, lambda y: ops.sum(y[:, here] * np.arange(1.0, y.shape[-1] + 1)))
    felt = np.flatnonzero(np.abs(slopes).max(axis=(0, 2)) > 0)
    rates = [dilations[i % len(dilations)] for i in range(depth)]
    assert felt.max() - felt.min() + 1 == here == 1 + (max(kernel_sizes) - 1) * sum(rates)
    if padding == "causal":
        assert felt.max() == here


def test_pooling_sees_three_steps():
    block = InceptionBlock(2, (1,), normalization=None, activation=None)
    falling = np.repeat(np.arange(9.0, 0.0, -1.0, "float32")[None, :, None], 3, axis=-1)
    block(falling)
    _, _, slopes = gradients(block, falling, lambda y: ops.sum(y[:, 5]))
    assert np.flatnonzero(np.abs(slopes).max(axis=(0, 2))).tolist() == [3, 5]
    assert block.receptive_field == 3


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("padding", ["causal", "same"])
@pytest.mark.parametrize("before", [0, 5])
def test_masked_padding_changes_nothing(padding, before, training):
    net = shaken(InceptionTime(2, 3, (3, 6), 2, padding=padding))
    x = series(12)
    padded = np.concatenate([np.full((1, before, 3), np.nan), x, np.full((1, 7, 3), np.nan)], axis=1)
    mask = np.zeros((1, before + 12 + 7), bool)
    mask[:, before : before + 12] = True
    y = net(padded.astype("float32"), mask=ops.convert_to_tensor(mask), training=training)
    alone = to_numpy(net(x, training=training))
    np.testing.assert_allclose(to_numpy(y)[:, before : before + 12], alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("normalization", "holds"), [("layer", True), (None, True), ("batch", False)])
def test_only_statistics_of_a_batch_see_the_future_in_training(normalization, holds):
    net = shaken(InceptionTime(2, 3, (3, 6), 2, normalization=normalization))
    x = series(20)
    later = x.copy()
    later[:, 12:] = 3 * series(20, seed=1)[:, 12:]
    a, b = (to_numpy(net(v, training=True))[:, :12] for v in (x, later))
    assert (a == b).all() == holds


def test_an_input_that_is_narrow_already_is_not_squeezed():
    for channels, squeezed in ((4, False), (5, True)):
        assert (shaken(InceptionBlock(2, (3,), bottleneck=4), channels).squeeze is not None) == squeezed


def test_a_seed_fixes_the_weights_and_no_two_children_share_theirs():
    make = lambda seed: shaken(InceptionTime(2, 3, (3, 3), 2, seed=seed))  # noqa: E731
    one, twin, other = make(1), make(1), make(2)
    for a, b in zip(one.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(one.get_weights(), other.get_weights(), strict=True))
    kernels = [w for w in one.get_weights() if w.ndim == 3]
    alike = [(a.shape == b.shape) and np.allclose(a, b, atol=0.01) for a in kernels for b in kernels]
    assert sum(alike) == len(kernels)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 0}, "'filters' must be a positive integer. Received: filters=0"),
        ({"filters": 2, "kernel_sizes": ()}, "'kernel_sizes' must hold positive integers, one at least"),
        ({"filters": 2, "kernel_sizes": (3, 0)}, r"Received: kernel_sizes=\(3, 0\)"),
        ({"filters": 2, "kernel_sizes": 3}, "Received: kernel_sizes=3"),
        ({"filters": 2, "bottleneck": 0}, "'bottleneck' must be a positive integer. Received: bottleneck=0"),
        (
            {"filters": 2, "padding": "valid"},
            "'padding' must be 'causal' or 'same'. Received: padding='valid'",
        ),
        ({"filters": 2, "normalization": "group"}, "'normalization' must be 'layer', 'batch' or None"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        InceptionBlock(**arguments)
    with pytest.raises(ValueError, match=message):
        InceptionTime(**arguments)


def test_wrong_stacks():
    with pytest.raises(ValueError, match="'depth' must be a positive integer"):
        InceptionTime(depth=0)
    with pytest.raises(ValueError, match="'dilations' must hold positive integers"):
        InceptionTime(dilations=())
