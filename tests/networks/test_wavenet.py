"""WaveNet against the formulas of its paper in NumPy, and what it can remember."""

import keras
import numpy as np
import pytest
from backends import BRIEFLY, gradients, to_numpy
from cases_wavenet import CASES
from keras import ops

from tcn.layers.gated import GatedBlock
from tcn.memory import Memory
from tcn.models.wavenet import WaveNet

CONDITIONS = {"none": None, "global": (2, 3), "local": (2, 24, 3)}


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def weights_of(layer):
    """Kernels and biases by the part of the path that tells them apart, with random biases."""
    rng = np.random.default_rng(7)
    for weight in layer.trainable_variables:
        if weight.path.endswith("bias"):
            weight.assign(rng.normal(size=weight.shape))
    inside = {w.path.split("/", 1)[1]: to_numpy(w.value).astype("float64") for w in layer.trainable_variables}
    assert len(inside) == len(layer.trainable_variables)
    return inside


def convolved(x, kernel, bias=0.0, rate=1):
    """Step by step and tap by tap."""
    outputs = np.zeros((*x.shape[:2], kernel.shape[-1]))
    for t in range(x.shape[1]):
        for k in range(len(kernel)):
            source = t - (len(kernel) - 1 - k) * rate
            if source >= 0:
                outputs[:, t] += x[:, source] @ kernel[k]
    return outputs + bias


def gated(x, weights, name, rate, condition=None):
    def of(part, *arguments):
        return convolved(*arguments, weights[f"{name}{part}/kernel"], weights.get(f"{name}{part}/bias", 0.0))

    gates = convolved(x, weights[f"{name}conv/kernel"], weights[f"{name}conv/bias"], rate)
    if condition is not None:
        steps = condition if condition.ndim == 3 else np.repeat(condition[:, None], x.shape[1], axis=1)
        gates = gates + of("conditioning", steps)
    signal, gate = np.split(gates, 2, axis=-1)
    z = np.tanh(signal) / (1 + np.exp(-gate))
    residual = x + of("residual", z) if f"{name}residual/kernel" in weights else None
    return residual, of("skip", z)


@pytest.mark.parametrize("shape", CONDITIONS.values(), ids=CONDITIONS)
def test_block_is_the_formula(shape):
    x, condition = normal(2, 24, 3), None if shape is None else normal(*shape, seed=1)
    block = GatedBlock(5, kernel_size=3, dilation_rate=2, skip_filters=4)
    block(x, condition=condition)
    wanted = gated(x.astype("float64"), weights_of(block), "", 2, condition)
    for a, b in zip(block(x, condition=condition), wanted, strict=True):
        np.testing.assert_allclose(to_numpy(a), b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", CONDITIONS.values(), ids=CONDITIONS)
def test_network_is_the_formula(shape):
    x, condition = normal(2, 24, 3), None if shape is None else normal(*shape, seed=1)
    network = WaveNet(5, kernel_size=2, dilations=(1, 3), cycles=2, skip_filters=4, output_filters=2)
    network(x, condition=condition)
    weights = weights_of(network)
    residual = convolved(x.astype("float64"), weights["first/kernel"], weights["first/bias"])
    total = 0.0
    for i, rate in enumerate((1, 3, 1, 3)):
        residual, skip = gated(residual, weights, f"block_{i}/", rate, condition)
        total = total + skip
    for name in ("hidden", "output"):
        total = convolved(np.maximum(total, 0), weights[f"{name}/kernel"], weights[f"{name}/bias"])
    np.testing.assert_allclose(to_numpy(network(x, condition=condition)), total, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kernel_size", "dilations", "cycles"), [(2, (1, 2, 4), 2), (3, (5, 1), 1), (4, (2,), 2), (1, (3, 6), 1)]
)
def test_receptive_field_is_what_moves_the_output(kernel_size, dilations, cycles):
    network = WaveNet(3, kernel_size, dilations, cycles, seed=0)
    assert network.receptive_field == 1 + (kernel_size - 1) * (1 + cycles * sum(dilations))
    x = normal(1, network.receptive_field + 3, 2)
    network(x)
    *_, slopes = gradients(network, x, lambda y: ops.sum(y[:, -1]))
    moves = np.abs(slopes[0]).sum(axis=-1) > 0
    assert not moves[:3].any()
    assert moves[3]
    assert moves[-1]


def test_receptive_field_of_the_paper():
    """Ten doubling dilations, with the causal convolution before them."""
    assert WaveNet().receptive_field == 1 + 1 + 1023
    assert WaveNet(cycles=3).receptive_field == 1 + 1 + 3 * 1023


def test_skip_outputs_are_an_exact_attribution():
    x, mask = normal(2, 24, 3), np.random.default_rng(1).random((2, 24)) < 0.8
    network = WaveNet(4, dilations=(1, 2, 4), cycles=2, skip_filters=6)
    with pytest.raises(ValueError, match="no weights yet"):
        network.skips(x)
    readout = keras.layers.Dense(1)
    for observed in (None, ops.convert_to_tensor(mask)):
        outputs = to_numpy(readout(network(x, mask=observed)))
        parts = to_numpy(network.skips(x, mask=observed)) @ to_numpy(readout.kernel.value)
        assert parts.shape == (2, 24, len(network.rates), 1)
        np.testing.assert_allclose(parts.sum(axis=2), outputs, rtol=1e-5, atol=1e-5)
        # A block sees as far as the blocks up to it do.
        changed = x.copy()
        changed[:, 12] += 1.0
        moved = network.skips(changed, mask=observed) - network.skips(x, mask=observed)
        reach = np.cumsum((1, *network.rates))[1:]
        for i, far in enumerate(reach):
            assert not to_numpy(moved)[:, 12 + far + 1 :, i].any()


def test_a_constant_condition_of_steps_is_a_condition_of_the_series():
    x, condition = normal(2, 24, 3), normal(2, 4, seed=1)
    network = WaveNet(4, dilations=(1, 2), seed=0)
    whole = network(x, condition=condition)
    steps = network(x, condition=np.repeat(condition[:, None], 24, axis=1))
    np.testing.assert_allclose(to_numpy(steps), to_numpy(whole), rtol=1e-5, atol=1e-6)
    other = network(x, condition=condition + 1)
    assert (np.abs(to_numpy(other) - to_numpy(whole)).max(axis=(1, 2)) > 1e-3).all()


def test_condition_is_settled_by_the_first_call():
    x, condition = normal(2, 24, 3), normal(2, 4)
    plain, conditioned = WaveNet(4, dilations=(1,)), WaveNet(4, dilations=(1,))
    plain(x)
    conditioned(x, condition=condition)
    with pytest.raises(ValueError, match="call with a condition to 'block_0', which was built without"):
        plain(x, condition=condition)
    with pytest.raises(ValueError, match="call without a condition to 'block_0', which was built with"):
        conditioned(x)
    with pytest.raises(ValueError, match="expected axis -1 of input shape to have value 4"):
        conditioned(x, condition=condition[:, :3])


@pytest.mark.parametrize("make", [GatedBlock, WaveNet])
@pytest.mark.parametrize("shape", [(None, 4), (None, None, 4)], ids=["global", "local"])
def test_conditioned_is_functional_and_saved(make, shape, tmp_path):
    layer = make(4, dropout=0.1, seed=0)
    x, h = keras.Input((None, 3)), keras.Input(shape[1:])
    symbolic = layer(x, condition=h)
    known = layer.compute_output_shape((None, None, 3), condition_shape=shape)
    assert keras.tree.flatten(known) == keras.tree.flatten([s.shape for s in keras.tree.flatten(symbolic)])
    model = keras.Model([x, h], symbolic)
    path = str(tmp_path / "model.keras")
    model.save(path)
    twin = keras.saving.load_model(path)
    for batch, steps in ((1, 24), (3, 50)):
        data = [normal(batch, steps, 3), normal(*(batch, steps)[: len(shape) - 1], 4, seed=1)]
        direct = layer(data[0], condition=data[1])
        for a, b, c in zip(*map(keras.tree.flatten, (direct, model(data), twin(data))), strict=True):
            assert tuple(a.shape[:2]) == (batch, steps)
            np.testing.assert_allclose(to_numpy(a), to_numpy(b), rtol=1e-5, atol=1e-6)
            np.testing.assert_array_equal(to_numpy(b), to_numpy(c))


@pytest.mark.parametrize("rank", [2, 3])
def test_masks_come_along_with_a_condition(rank):
    """Keras fills `mask` where a layer has one input, `inputs_mask` where it has several."""
    x = normal(2, 24, 3)
    x[:, 5:8] = 0.0
    mask = (x != 0).any(axis=-1)
    condition = normal(2, 24, 4, seed=1)
    condition[:, 5:8] = np.nan
    condition = condition if rank == 3 else condition[:, 0]
    network = WaveNet(4, dilations=(1, 2, 4), seed=0)
    explicit = network(x, condition=condition, mask=ops.convert_to_tensor(mask))
    inputs, h = keras.Input((None, 3)), keras.Input(condition.shape[1:])
    attached = keras.Model([inputs, h], network(keras.layers.Masking()(inputs), condition=h))([x, condition])
    np.testing.assert_allclose(to_numpy(attached), to_numpy(explicit), rtol=1e-5, atol=1e-6)
    assert np.isfinite(to_numpy(explicit)).all()
    np.testing.assert_array_equal(to_numpy(network.compute_mask(x, mask)), mask)
    plain = network(x, condition=np.nan_to_num(condition))
    assert not np.allclose(to_numpy(plain)[:, 8:], to_numpy(explicit)[:, 8:], atol=1e-3)


@pytest.mark.parametrize("make", [case.make for case in CASES[:4]], ids=[case.name for case in CASES[:4]])
def test_padding_on_the_left_changes_nothing(make):
    layer = make()
    x = normal(2, 20, 3)
    padded = np.concatenate([np.full((2, 9, 3), np.nan, "float32"), x], axis=1)
    mask = ops.convert_to_tensor(np.arange(29)[None].repeat(2, axis=0) >= 9)
    for a, b in zip(*map(keras.tree.flatten, (layer(x), layer(padded, mask=mask))), strict=True):
        np.testing.assert_allclose(to_numpy(b)[:, 9:], to_numpy(a), rtol=1e-5, atol=1e-6)


def test_a_conditioned_stream_is_the_full_pass():
    x, condition = normal(2, 24, 3), normal(2, 24, 4, seed=1)
    network = WaveNet(4, dilations=(1, 2, 4), cycles=2, output_filters=2, seed=0)
    whole, pieces, state = to_numpy(network(x, condition=condition)), [], {}
    for begin, end in ((0, 1), (1, 2), (2, 11), (11, 24)):
        with Memory(state) as memory:
            pieces.append(to_numpy(network(x[:, begin:end], condition=condition[:, begin:end])))
        state = memory.next
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, rtol=1e-5, atol=1e-5)


def test_both_outputs_of_a_block_train():
    """The contract trains on the first output alone, which the skip's kernel has no part in."""
    block, x = GatedBlock(4), normal(2, 24, 3)
    block(x, condition=normal(2, 2))
    weights = block.trainable_variables
    inputs, h = keras.Input((None, 3)), keras.Input((2,))
    model = keras.Model([inputs, h], list(block(inputs, condition=h)))
    model.compile(keras.optimizers.SGD(0.1), loss=["mse", "mse"])
    before = [to_numpy(w.value) for w in weights]
    targets = [normal(2, 24, 3, seed=2), normal(2, 24, 4, seed=3)]
    losses = [model.train_on_batch([x, normal(2, 2)], targets)[0] for _ in range(5)]
    assert losses[-1] < losses[0]
    assert all((to_numpy(w.value) != b).any() for w, b in zip(weights, before, strict=True))


def test_seed_fixes_all_weights_and_no_two_kernels_are_alike():
    x = normal(1, 8, 4)
    one, two, other = (WaveNet(4, dilations=(1, 1, 1), seed=s) for s in (3, 3, 4))
    for network in (one, two, other):
        network(x)
    for a, b, c in zip(*(network.get_weights() for network in (one, two, other)), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.ndim == 1 or (a != c).any()
    kernels = [w for w in one.get_weights() if w.ndim == 3]
    for i, a in enumerate(kernels):
        assert all(a.shape != b.shape or np.abs(a - b).max() > 0.01 for b in kernels[:i])


def test_weight_norm_starts_as_the_same_function_and_learns_lengths_apart():
    x, condition = normal(1, 8, 4), normal(1, 2)
    plain, normed = (
        WaveNet(4, dilations=(1, 2), output_filters=2, weight_norm=flag, seed=1) for flag in (False, True)
    )
    wanted = to_numpy(plain(x, condition=condition))
    np.testing.assert_allclose(to_numpy(normed(x, condition=condition)), wanted, rtol=1e-5, atol=1e-6)
    kernels = [w for w in normed.trainable_variables if w.path.endswith("kernel")]
    gains = [w for w in normed.trainable_variables if w.path.endswith("gain")]
    assert len(gains) == len(kernels) == len([w for w in plain.get_weights() if w.ndim == 3])
    for kernel in kernels:
        kernel.assign(3.0 * to_numpy(kernel.value))
    np.testing.assert_allclose(to_numpy(normed(x, condition=condition)), wanted, rtol=1e-5, atol=1e-6)


def test_dropout_acts_in_training_only_and_follows_the_seed():
    x = normal(1, 8, 4)
    networks = [WaveNet(8, dilations=(1, 2), dropout=0.5, seed=1) for _ in range(2)]
    for network in networks:
        network(x)
    calm = WaveNet(8, dilations=(1, 2), seed=1)
    np.testing.assert_array_equal(to_numpy(networks[0](x)), to_numpy(calm(x)))
    a, b = (to_numpy(network(x, training=True)) for network in networks)
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - to_numpy(networks[0](x))).max() > 1e-3


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (GatedBlock, {"filters": 0}, "'filters' must be a positive integer"),
        (GatedBlock, {"filters": 4, "skip_filters": 1.5}, "'skip_filters' must be a positive integer"),
        (GatedBlock, {"filters": 4, "dropout": 1.0}, "'dropout' must be at least 0 and below 1"),
        (WaveNet, {"dilations": ()}, "'dilations' must hold positive integers"),
        (WaveNet, {"cycles": 0}, "'cycles' must be a positive integer"),
        (WaveNet, {"output_filters": 0}, "'output_filters' must be a positive integer"),
        (WaveNet, {"dropout": -0.1}, "'dropout' must be at least 0 and below 1"),
    ],
)
def test_arguments_are_checked(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


@pytest.mark.long
def test_a_task_of_lag_40_needs_a_field_of_more():
    """Networks of equal size: dilations that grow by the kernel's size see 67 steps, others 16."""
    errors = {}
    noise, fresh = normal(4 * 80, 300, 1), normal(16, 300, 1, seed=1)
    for dilations in ((1, 4, 16), (1, 1, 2)):
        network = WaveNet(8, kernel_size=4, dilations=dilations, output_filters=1, seed=0)
        inputs = keras.Input((None, 1))
        model = keras.Model(inputs, network(inputs)[:, 40:])
        model.compile(keras.optimizers.Adam(0.01), loss="mse", **BRIEFLY)
        model.fit(noise, noise[:, :-40], batch_size=4, epochs=1, verbose=0)
        errors[network.receptive_field] = np.mean(np.square(to_numpy(model(fresh)) - fresh[:, :-40]))
    assert errors[67] < 0.05
    assert errors[16] > 0.9
