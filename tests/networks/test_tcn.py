"""Residual blocks and TCNs: their formula, what they see, masks, and both directions."""

import keras
import numpy as np
import pytest
from backends import examples, gradients, to_numpy
from hypothesis import given
from hypothesis import strategies as st
from keras import ops
from oracles_blocks import convolve, layer_norm, weights_of

from tcn.layers.residual import ResidualBlock
from tcn.memory import Memory
from tcn.models.bidirectional import BidirectionalTCN
from tcn.models.tcn import TCN
from tcn.streaming import Streaming

ACTIVATIONS = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0), "linear": lambda x: x}


def series(steps=20, channels=3, batch=2, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, steps, channels)).astype("float32")


def shaken(layer, channels=3):
    """Built, and no weight at a round value."""
    layer.build((None, None, channels))
    rng = np.random.default_rng(0)
    layer.set_weights([w + 0.1 * np.abs(rng.normal(size=w.shape)) for w in layer.get_weights()])
    return layer


def called(layer, x):
    layer(x)
    return layer


def masked(layer, x, mask, **arguments):
    return to_numpy(layer(x, mask=ops.convert_to_tensor(mask), **arguments))


def small(**arguments):
    return TCN(**({"nb_filters": 4, "kernel_size": 2, "dilations": (1, 2)} | arguments))


def batch_norm(x, gamma, beta, mean, variance):
    return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta


def block_oracle(block, x):
    """Output and skip of one series, from the block's weights."""
    f = ACTIVATIONS[block.activation.__name__]
    reach = (block.kernel_size - 1) * block.dilation_rate
    ahead = reach - reach // 2 if block.padding == "same" else 0
    skip = x
    for conv, norm, _ in block.stages:
        skip = convolve(skip, *weights_of(conv), dilation=block.dilation_rate, ahead=ahead)
        if norm is not None:
            skip = {"batch": batch_norm, "layer": layer_norm}[block.normalization](skip, *weights_of(norm))
        skip = f(skip)
    skip = f(skip)
    wide = x if block.matching_conv1D is None else convolve(x, *weights_of(block.matching_conv1D))
    return f(wide + skip), skip


@examples(20)
@given(
    kernel_size=st.integers(1, 4),
    dilation=st.integers(1, 4),
    normalization=st.sampled_from(["batch", "layer", None]),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    padding=st.sampled_from(["causal", "same"]),
    channels=st.sampled_from([2, 3]),
)
def test_a_block_is_its_formula(kernel_size, dilation, normalization, activation, padding, channels):
    block = ResidualBlock(
        3, kernel_size, dilation, normalization, 0.3, activation, padding, "he_normal", return_skip=True
    )
    shaken(block, channels)
    x = series(15, channels)
    for ours, oracle in zip(block(x), block_oracle(block, x[1].astype("float64")), strict=True):
        np.testing.assert_allclose(to_numpy(ours)[1], oracle, rtol=2e-4, atol=2e-5)


def test_normalized_kernels_have_a_length_that_no_scale_changes():
    block = shaken(ResidualBlock(4, 3, 2, normalization="weight"))
    x = series()
    before = to_numpy(block(x))
    for conv, _, _ in block.stages:
        kernel = next(w for w in conv.weights if w.name == "kernel")
        kernel.assign(3.0 * kernel)
    np.testing.assert_allclose(to_numpy(block(x)), before, rtol=1e-5, atol=1e-5)
    plain = ResidualBlock(4, 3, 2, seed=1)
    weighted = ResidualBlock(4, 3, 2, normalization="weight", seed=1)
    np.testing.assert_allclose(to_numpy(weighted(x)), to_numpy(plain(x)), rtol=1e-5, atol=1e-5)


def test_skips_add_up_to_the_output():
    layer = shaken(small(nb_stacks=2, return_sequences=True))
    x = total = series()
    skips = []
    for block in layer.residual_blocks:
        total, skip = block(total)
        skips.append(to_numpy(skip))
    np.testing.assert_allclose(to_numpy(layer(x)), sum(skips), rtol=1e-5, atol=1e-5)
    plain = small(nb_stacks=2, return_sequences=True, use_skip_connections=False)
    plain.build(x.shape)
    plain.set_weights(layer.get_weights())
    np.testing.assert_allclose(to_numpy(plain(x)), to_numpy(total), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("kernel_size", "dilations", "nb_stacks", "field"),
    [
        (3, (1, 3, 5), 1, 37),
        (4, (1, 2, 4, 8, 16, 32), 1, 379),
        (3, (1, 2, 4, 8, 16, 32), 1, 253),
        (3, (1, 2, 4, 8), 2, 121),
        (5, (1, 2), 1, 25),
    ],
)
def test_an_output_depends_on_its_receptive_field_and_on_no_more(kernel_size, dilations, nb_stacks, field):
    layer = TCN(2, kernel_size, nb_stacks, dilations, kernel_initializer="ones")
    assert layer.receptive_field == field
    x = np.ones((1, field + 3, 1), "float32")
    _, _, slope = gradients(called(layer, x), x, lambda outputs: ops.sum(ops.log(outputs)))
    np.testing.assert_array_equal(slope[0, :, 0] != 0, np.arange(field + 3) >= 3)


@pytest.mark.parametrize(("padding", "steps", "step"), [("causal", 9, 8), ("same", 9, 4), ("same", 10, 5)])
def test_one_step_is_the_last_or_the_middle_one(padding, steps, step):
    layer = shaken(small(padding=padding, return_sequences=True, return_state=True))
    outputs, state = layer(series(steps))
    np.testing.assert_array_equal(to_numpy(outputs)[:, step], to_numpy(state))
    single = small(padding=padding)
    single.build((None, None, 3))
    single.set_weights(layer.get_weights())
    np.testing.assert_array_equal(to_numpy(single(series(steps))), to_numpy(state))


VARIANTS = {
    "last": {},
    "middle": {"padding": "same", "kernel_size": 3, "use_layer_norm": True},
    "all": {"return_sequences": True, "use_batch_norm": True},
    "all-same": {"return_sequences": True, "padding": "same"},
    "backwards": {"go_backwards": True},
    "all-backwards": {"return_sequences": True, "go_backwards": True, "use_skip_connections": False},
}


@examples(5)
@given(gaps=st.lists(st.booleans(), min_size=12, max_size=12), seed=st.integers(0, 99))
@pytest.mark.parametrize("name", [*VARIANTS, "both", "both-last"])
def test_padding_changes_nothing(name, gaps, seed):
    sequences = {"return_sequences": name == "both"}
    layer = BidirectionalTCN(small(**sequences)) if "both" in name else small(**VARIANTS[name])
    shaken(layer)
    x = series(12, seed=seed)
    gaps = np.array([True, *gaps[1:-1], True])
    before, after = 3, 5
    edges = ((0, 0), (before, after), (0, 0))
    padded = np.pad(np.where(gaps[:, None], x, np.nan), edges, constant_values=np.nan)
    mask = np.pad(np.tile(gaps, (2, 1)), edges[:2])
    alone, among = masked(layer, x, mask[:, before : before + 12]), masked(layer, padded, mask)
    if alone.ndim == 3:
        back = "backwards" in name
        among = among[:, ::-1][:, before : before + 12][:, ::-1] if back else among[:, before : before + 12]
        among, alone = (a[:, gaps[::-1] if back else gaps] for a in (among, alone))
    np.testing.assert_allclose(among, alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_step_returned_is_one_that_was_observed(name):
    arguments = VARIANTS[name] | {"return_sequences": True, "return_state": True}
    layer = shaken(small(**arguments))
    mask = np.array([[0, 1, 1, 0, 1, 0, 0], [1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1, 0], [0] * 7], bool)
    outputs, state = (to_numpy(o) for o in layer(series(7, batch=4), mask=ops.convert_to_tensor(mask)))
    for row, (observed, kept) in enumerate(zip(mask, state, strict=True)):
        steps = np.flatnonzero(observed[::-1] if layer.go_backwards else observed)
        if len(steps):
            step = steps[len(steps) // 2] if layer.padding == "same" else steps[-1]
            np.testing.assert_array_equal(kept, outputs[row, step])
    assert np.isfinite(state).all()


def test_what_is_not_observed_moves_no_weight():
    layer = shaken(small(use_layer_norm=True))
    x, mask = series(10), np.random.default_rng(1).random((2, 10)) < 0.6
    x[~mask] = np.nan
    model = keras.Sequential([keras.layers.Masking(), layer])
    x = np.where(mask[..., None], x, 0.0).astype("float32")
    _, through, _ = gradients(called(model, x), x, lambda y: ops.sum(ops.square(y)))
    assert all(np.isfinite(slope).all() for slope in through)
    longer = np.pad(x, ((0, 0), (3, 4), (0, 0)))
    _, among, _ = gradients(model, longer, lambda y: ops.sum(ops.square(y)))
    for a, b in zip(through, among, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_batch_statistics_are_of_what_was_observed():
    x = series(12)
    means = []
    for before, after in ((0, 0), (3, 5)):
        block = ResidualBlock(4, 2, normalization="batch", seed=0)
        mask = np.pad(np.ones((2, 12), bool), ((0, 0), (before, after)))
        padded = np.pad(x, ((0, 0), (before, after), (0, 0)), constant_values=9.0)
        masked(block, padded, mask, training=True)
        means.append([to_numpy(w.value) for w in block.non_trainable_variables if "moving" in w.path])
    assert len(means[0]) == 4
    for alone, among in zip(*means, strict=True):
        np.testing.assert_allclose(among, alone, rtol=1e-4, atol=1e-6)


def test_backwards_is_the_reversed_sequence():
    forward, backward = (shaken(small(return_sequences=True, go_backwards=b)) for b in (False, True))
    backward.set_weights(forward.get_weights())
    x = series()
    np.testing.assert_array_equal(to_numpy(backward(x)), to_numpy(forward(x[:, ::-1].copy())))
    mask = ops.convert_to_tensor(np.arange(20)[None] < [[13], [20]])
    np.testing.assert_array_equal(to_numpy(backward.compute_mask(x, mask)), to_numpy(mask)[:, ::-1])
    assert small(go_backwards=True).compute_mask(x, mask) is None


@pytest.mark.parametrize("sequences", [True, False])
@pytest.mark.parametrize("merge_mode", ["concat", "sum"])
def test_both_directions_are_those_of_keras(merge_mode, sequences):
    layer = shaken(BidirectionalTCN(small(return_sequences=sequences), merge_mode))
    keras_layer = keras.layers.Bidirectional(small(return_sequences=sequences), merge_mode)
    x, mask = series(), np.random.default_rng(2).random((2, 20)) < 0.7
    keras_layer(x)
    keras_layer.set_weights(layer.get_weights())
    np.testing.assert_array_equal(masked(layer, x, mask), masked(keras_layer, x, mask))
    weights = layer.get_weights()
    half = len(weights) // 2
    forward, backward = small(return_sequences=sequences), small(return_sequences=sequences)
    for part, own in ((forward, weights[:half]), (backward, weights[half:])):
        part.build(x.shape)
        part.set_weights(own)
    ahead, behind = to_numpy(forward(x)), to_numpy(backward(x[:, ::-1].copy()))
    behind = behind[:, ::-1] if sequences else behind
    merged = ahead + behind if merge_mode == "sum" else np.concatenate([ahead, behind], axis=-1)
    np.testing.assert_allclose(to_numpy(layer(x)), merged, rtol=1e-6, atol=1e-6)
    assert layer.receptive_field == 2 * forward.receptive_field - 1


def test_a_layer_with_weights_keeps_them_in_both_directions():
    forward = shaken(small())
    weights = forward.get_weights()
    layer = BidirectionalTCN(forward)
    layer(series())
    for kept, given_ in zip(layer.get_weights(), weights, strict=False):
        np.testing.assert_array_equal(kept, given_)


def test_each_kernel_has_numbers_of_its_own():
    for initializer, same in (
        ("he_normal", False),
        (keras.initializers.HeNormal(), False),
        (keras.initializers.HeNormal(seed=3), True),
    ):
        layer = called(small(nb_filters=3, kernel_initializer=initializer), series())
        kernels = [to_numpy(conv.kernel) for block in layer.residual_blocks for conv, _, _ in block.stages]
        alike = {(kernels[i] == kernels[0]).all() for i in range(1, 4)}
        assert alike == {same}


def test_a_seed_fixes_weights_and_dropout():
    def made(seed):
        layer = small(dropout_rate=0.5, return_sequences=True, seed=seed)
        return [*layer.get_weights(), to_numpy(layer(series(), training=True))]

    for a, b in zip(made(1), made(1), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (made(1)[-1] != made(2)[-1]).any()
    layer = BidirectionalTCN(small(seed=1))
    layer(series())
    assert (layer.forward.get_weights()[0] != layer.backward.get_weights()[0]).any()


def test_dropout_takes_whole_channels_differently_in_each_place():
    block = ResidualBlock(64, 1, dropout=0.5, return_skip=True, activation="linear", seed=0)
    x = series(6, 64, batch=1)
    dropped = (to_numpy(block(x, training=True)[1]) == 0)[0]
    assert (dropped == dropped[:1]).all()
    assert 16 < dropped[0].sum() < 48
    places = [
        (to_numpy(drop(np.ones((1, 1, 64), "float32"), training=True)) == 0).ravel()
        for made in shaken(small(nb_filters=64, dropout_rate=0.5, seed=0)).residual_blocks
        for _, _, drop in made.stages
    ]
    assert len({tuple(place) for place in places}) == 4
    np.testing.assert_array_equal(to_numpy(block(x)[0]), to_numpy(block(x, training=False)[0]))


def test_a_masked_stream_gives_what_one_pass_gives():
    layer = shaken(small(return_sequences=True, use_layer_norm=True))
    x, mask = series(), np.random.default_rng(3).random((2, 20)) < 0.6
    whole, state, pieces = masked(layer, x, mask), {}, []
    for begin, end in ((0, 1), (1, 4), (4, 9), (9, 20)):
        with Memory(state) as memory:
            pieces.append(masked(layer, x[:, begin:end], mask[:, begin:end]))
        state = memory.next
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, rtol=1e-5, atol=1e-5)


def test_what_looks_ahead_is_no_stream():
    assert Streaming(shaken(small(return_sequences=True))).hop == 1
    for arguments in ({"padding": "same", "kernel_size": 3}, {"go_backwards": True}):
        with pytest.raises(ValueError, match="A stream needs "):
            Streaming(shaken(small(return_sequences=True, **arguments)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"nb_filters": 0}, "'nb_filters' must hold positive integers"),
        ({"nb_filters": (4, 4, 4)}, "one for each dilation"),
        ({"nb_filters": (4, 5)}, "use_skip_connections=False"),
        ({"kernel_size": 1.5}, "'kernel_size' must be a positive integer"),
        ({"dilations": ()}, "'dilations' must hold positive integers"),
        ({"nb_stacks": 0}, "'nb_stacks' must be a positive integer"),
        ({"padding": "valid"}, "'padding' must be one of"),
        ({"dropout_rate": 1.5}, "must be at least 0 and below 1"),
        ({"use_weight_norm": True, "use_layer_norm": True}, "Received: weight, layer"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        small(**arguments)


def test_other_things_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="'normalization' must be one of"):
        ResidualBlock(4, 2, normalization="group")
    for shape in ((), (3,), (2, 3), (1, 2, 3, 4)):
        with pytest.raises(ValueError, match=f"expected ndim=3, found ndim={len(shape)}"):
            small()(np.ones(shape, "float32"))
    with pytest.raises(ValueError, match="takes no initial state"):
        small()(series(), initial_state=np.ones((2, 4), "float32"))
    for layer in (small(padding="same"), small(go_backwards=True), keras.layers.GRU(4)):
        with pytest.raises(ValueError, match="'layer' must be a TCN with padding='causal'"):
            BidirectionalTCN(layer)
    with pytest.raises(ValueError, match="'merge_mode' must be 'concat' or 'sum'"):
        BidirectionalTCN(small(), merge_mode="mul")
