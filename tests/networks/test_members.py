import keras
import numpy as np
import pytest
import tensorflow as tf
from backends import gradients, to_numpy
from hypothesis import given
from hypothesis import strategies as st
from keras import ops
from layer_oracles import check_layer, origin_window, position_features

from tcn.layers import GatedBlock
from tcn.members import (
    MemberAhead,
    MemberDense,
    MemberGLUBlock,
    MemberQuantileHead,
    MemberRMSNorm,
    MemberWaveNetBlock,
    OriginWindow,
    PositionFeatures,
)
from tcn.members.head import SPREAD_BIAS

DECILES = (0.1, 0.3, 0.5, 0.7, 0.9)


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def series(steps, share=0.7, seed=0):
    """Values, observed, offset and change of two members and three series, as the network is given them."""
    rng = np.random.default_rng(seed)
    observed = (rng.random((2, 3, steps)) < share).astype("float32")
    values = rng.normal(size=(2, 3, steps)).astype("float32")
    for t in range(1, steps):
        values[..., t] = np.where(observed[..., t], values[..., t], values[..., t - 1])
    offset = np.broadcast_to(rng.normal(size=(2, 3, 1)) * [[[0.0], [5.0], [1e7]]], values.shape)
    change = np.abs(rng.normal(size=values.shape)) * [[[0.0], [0.1], [3.0]]]
    return values, observed, offset.astype("float32"), change.astype("float32")


def vary(layer, seed=0):
    """Give every weight a value of its own: zeros and ones hide mistakes."""
    rng = np.random.default_rng(seed)
    layer.set_weights([w + 0.3 * rng.normal(size=w.shape) for w in layer.get_weights()])
    return layer


class TestMemberDense:
    def test_contract(self, tmp_path):
        check_layer(tmp_path, MemberDense, {"units": 4, "members": 3, "seed": 7}, random(3, 2, 5, 6))
        bare = {"units": 2, "members": 1, "use_bias": False, "scale": 0.5, "seed": 1}
        check_layer(tmp_path, MemberDense, bare, random(1, 4, 3))

    @given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.booleans(), st.booleans())
    def test_is_a_matrix_product_per_member(self, members, channels, units, bias, shared):
        x = random(1 if shared else members, 2, 3, channels)
        layer = MemberDense(units, members, use_bias=bias, seed=0)
        layer.build(x.shape)
        vary(layer)
        kernel, *rest = layer.get_weights()
        expected = np.stack(
            [x[0 if shared else m] @ kernel[m] + (rest[0][m] if bias else 0) for m in range(members)]
        )
        np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-5)

    def test_members_are_independent(self):
        x = random(3, 2, 5, 6)
        layer = MemberDense(4, 3, seed=0)
        first = to_numpy(layer(x))
        kernel, bias = layer.get_weights()
        assert len({kernel[m].tobytes() for m in range(3)}) == 3
        kernel[1] += 1.0
        x[1] *= 2.0
        layer.set_weights([kernel, bias])
        second = to_numpy(layer(x))
        np.testing.assert_array_equal(first[[0, 2]], second[[0, 2]])
        assert (first[1] != second[1]).all()

    def test_scale_bounds_the_initial_kernel(self):
        kernels = {}
        for scale in (0.0, 0.5, 1.0):
            layer = MemberDense(60, members=2, scale=scale, seed=0)
            layer.build((2, 5, 40))
            kernels[scale] = np.abs(layer.get_weights()[0]).max()
        limit = (6 / 100) ** 0.5
        assert kernels[0.0] == 0
        assert 0.98 * limit < kernels[1.0] <= limit
        assert kernels[0.5] == pytest.approx(kernels[1.0] / 2)

    @pytest.mark.parametrize("sizes", [(0, 1), (3, 0)])
    def test_sizes_are_positive(self, sizes):
        with pytest.raises(ValueError, match=f"positive. Received: units={sizes[0]}, members={sizes[1]}"):
            MemberDense(*sizes)

    def test_channels_must_be_known(self):
        with pytest.raises(ValueError, match=r"known size. Received: shape \(1, 4, None\)"):
            MemberDense(3).build((1, 4, None))


class TestMemberRMSNorm:
    def test_contract(self, tmp_path):
        check_layer(tmp_path, MemberRMSNorm, {"members": 3}, random(3, 2, 5, 6))

    def test_divides_by_the_root_mean_square(self):
        x = random(2, 3, 4, 5) * np.float32([1e-4, 1.0, 1e6])[None, :, None, None]
        layer = MemberRMSNorm(2)
        layer.build(x.shape)
        vary(layer)
        wide = x.astype("float64")
        power = np.sqrt((wide**2).mean(-1, keepdims=True) + 1e-6)
        np.testing.assert_allclose(layer(x), wide / power * layer.get_weights()[0], rtol=1e-5, atol=1e-6)


def convolution_of(block, member, padding):
    """Keras' own layers with the weights of one member of a block."""
    gain, kernel, bias, mix, mix_bias = (w[member] for w in block.get_weights())
    channels = gain.shape[-1]
    conv = keras.layers.Conv1D(
        2 * channels, block.kernel_size, dilation_rate=block.dilation_rate, padding=padding
    )
    dense = keras.layers.Conv1D(channels, 1)
    conv.build((None, None, channels))
    dense.build((None, None, channels))
    conv.set_weights([kernel.reshape(block.kernel_size, channels, 2 * channels), bias[0]])
    dense.set_weights([mix[None], mix_bias[0]])

    def apply(x):
        normal = x * tf.math.rsqrt(tf.reduce_mean(x**2, axis=-1, keepdims=True) + 1e-6) * gain
        signal, gate = tf.split(conv(normal), 2, axis=-1)
        out = dense(signal * tf.sigmoid(gate))
        return x[:, x.shape[1] - out.shape[1] :] + out

    return apply, conv.kernel.value, dense.kernel.value


class TestMemberGLUBlock:
    def test_contract(self, tmp_path):
        arguments = {"filters": 4, "kernel_size": 3, "dilation_rate": 2, "members": 2, "seed": 5}
        layer = check_layer(tmp_path, MemberGLUBlock, arguments, random(2, 3, 9, 4))
        assert layer.compute_output_shape((2, None, None, 4)) == (2, None, None, 4)
        assert layer.compute_output_shape((2, 3, 9, 4)) == (2, 3, 5, 4)

    @pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="compared with its operations")
    @pytest.mark.parametrize("padding", ["valid", "causal"])
    @pytest.mark.parametrize(("kernel_size", "dilation_rate"), [(1, 1), (2, 1), (3, 4), (5, 2), (2, 7)])
    def test_equals_conv1d_in_value_and_gradient(self, kernel_size, dilation_rate, padding):
        members, filters, steps = 2, 6, 24
        context = (kernel_size - 1) * dilation_rate
        x = tf.constant(random(members, 3, steps, filters))
        block = MemberGLUBlock(filters, kernel_size, dilation_rate, members, seed=0)
        block.build(x.shape)
        vary(block)
        weights = random(members, 3, steps - context if padding == "valid" else steps, filters, seed=1)
        # "causal" is "valid" on what comes after as many zeros.
        lead = 0 if padding == "valid" else context
        with tf.GradientTape() as tape:
            tape.watch(x)
            out = block(tf.pad(x, ((0, 0), (0, 0), (lead, 0), (0, 0))))
            total = tf.reduce_sum(out * weights)
        slopes = tape.gradient(total, [x, block.conv.kernel.value, block.mix.kernel.value])
        for m in range(members):
            apply, kernel, mix = convolution_of(block, m, padding)
            one = x[m]
            with tf.GradientTape() as tape:
                tape.watch(one)
                expected = apply(one)
                total = tf.reduce_sum(expected * weights[m])
            found = [slopes[0][m], tf.reshape(slopes[1][m], kernel.shape), slopes[2][m][None]]
            for a, b in zip(
                [out[m], *found], [expected, *tape.gradient(total, [one, kernel, mix])], strict=True
            ):
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max())

    @given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 6))
    def test_a_step_knows_its_taps_and_nothing_else(self, kernel_size, dilation_rate, more):
        context = (kernel_size - 1) * dilation_rate
        x = random(1, 1, context + more + 1, 3)
        block = MemberGLUBlock(3, kernel_size, dilation_rate, seed=0)
        block.build(x.shape)
        slope = gradients(block, x, lambda outputs: ops.sum(outputs[..., -1, :]))[2]
        touched = np.abs(slope).sum((0, 1, 3)) > 0
        taps = {context + more - k * dilation_rate for k in range(kernel_size)}
        assert set(np.flatnonzero(touched)) == taps
        alone = block(x[..., -context - 1 :, :])
        np.testing.assert_allclose(block(x)[..., -1:, :], alone, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("name", ["filters", "kernel_size", "dilation_rate"])
    def test_sizes_are_positive(self, name):
        with pytest.raises(ValueError, match=f"must be positive.*{name}=0"):
            MemberGLUBlock(**{"filters": 2, name: 0})

    def test_channels_must_be_the_filters(self):
        with pytest.raises(ValueError, match=r"filters=4 channels. Received: shape \(1, 2, 9, 3\)"):
            MemberGLUBlock(4).build((1, 2, 9, 3))


class TestMemberWaveNetBlock:
    def test_contract(self, tmp_path):
        arguments = {"filters": 4, "kernel_size": 3, "dilation_rate": 2, "members": 2, "seed": 5}
        layer = check_layer(tmp_path, MemberWaveNetBlock, arguments, random(2, 3, 9, 4))
        assert layer.compute_output_shape((2, 3, 9, 4)) == ((2, 3, 5, 4),) * 2
        last = check_layer(
            tmp_path, MemberWaveNetBlock, {**arguments, "use_residual": False}, random(2, 3, 9, 4)
        )
        assert last.compute_output_shape((2, None, None, 4)) == (2, None, None, 4)

    @pytest.mark.parametrize(("kernel_size", "dilation_rate"), [(1, 1), (2, 1), (3, 4), (2, 7)])
    def test_each_member_is_a_gated_block(self, kernel_size, dilation_rate):
        members, filters = 2, 5
        x = random(members, 3, 24, filters)
        block = MemberWaveNetBlock(filters, kernel_size, dilation_rate, members, seed=0)
        block.build(x.shape)
        vary(block)
        found = [to_numpy(part) for part in block(x)]
        for m in range(members):
            one = GatedBlock(filters, kernel_size, dilation_rate)
            one.build(x[m].shape)
            conv, skip, residual = (
                [to_numpy(layer.kernel)[m], to_numpy(layer.bias)[m, 0]]
                for layer in (block.conv, block.skip, block.residual)
            )
            conv[0] = conv[0].reshape(kernel_size, filters, 2 * filters)
            one.conv.set_weights(conv)
            one.skip.set_weights([skip[0][None], skip[1]])
            one.residual.set_weights([residual[0][None], residual[1]])
            context = (kernel_size - 1) * dilation_rate
            for part, expected in zip(found, one(x[m]), strict=True):
                np.testing.assert_allclose(part[m], to_numpy(expected)[:, context:], rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize("name", ["filters", "kernel_size", "dilation_rate", "members"])
    def test_sizes_are_positive(self, name):
        with pytest.raises(ValueError, match=f"{name}=0"):
            MemberWaveNetBlock(**{"filters": 2, name: 0})

    def test_channels_must_be_the_filters(self):
        with pytest.raises(ValueError, match=r"filters=4 channels. Received: shape \(1, 2, 9, 3\)"):
            MemberWaveNetBlock(4).build((1, 2, 9, 3))


class TestOriginWindow:
    def test_contract(self, tmp_path):
        check_layer(tmp_path, OriginWindow, {"lookback": 5, "season_length": 2, "clip": 4.0}, *series(9))

    @given(
        st.integers(2, 7),
        st.integers(1, 8),
        st.integers(0, 5),
        st.integers(1, 3),
        st.sampled_from([0, 0.4, 1]),
    )
    def test_equals_a_loop_over_origins(self, lookback, season_length, more, stride, share):
        values, observed, offset, change = series(lookback + more, share)
        layer = OriginWindow(lookback, season_length, clip=2.0)
        view = layer(values, observed, offset, change, stride=stride)
        for m in range(2):
            for b in range(3):
                for k, start in enumerate(range(0, more + 1, stride)):
                    window = slice(start, start + lookback)
                    expected = origin_window(
                        values[m, b, window].astype(float),
                        observed[m, b, window],
                        float(offset[m, b, start + lookback - 1]),
                        float(change[m, b, start + lookback - 1]),
                        lookback,
                        season_length,
                        bound=2.0,
                    )
                    for field, found, wanted in zip(view._fields, view, expected, strict=True):
                        np.testing.assert_allclose(
                            found[m, b, k], wanted, rtol=2e-5, atol=1e-5, err_msg=f"{field} {m} {b} {k}"
                        )

    @pytest.mark.parametrize("arguments", [{"lookback": 1}, {"lookback": 4, "season_length": 0}])
    def test_sizes_are_checked(self, arguments):
        with pytest.raises(ValueError, match="'lookback' must be at least 2 and 'season_length' at least 1"):
            OriginWindow(**arguments)


class TestPositionFeatures:
    def test_contract(self, tmp_path):
        check_layer(tmp_path, PositionFeatures, {"season_length": 3, "clip": 4.0}, *series(16))

    @given(st.integers(1, 10), st.integers(0, 4), st.sampled_from([0, 0.4, 1]))
    def test_equals_a_loop_over_steps(self, season_length, more, share):
        layer = PositionFeatures(season_length, clip=2.0)
        values, observed, offset, change = series(layer.context + 1 + more, share)
        parts = layer(values, observed, offset, change)
        for m in range(2):
            for b in range(3):
                for k in range(more + 1):
                    window = slice(k, k + layer.context + 1)
                    expected = position_features(
                        values[m, b, window].astype(float),
                        observed[m, b, window],
                        float(offset[m, b, k + layer.context]),
                        float(change[m, b, k + layer.context]),
                        season_length,
                        bound=2.0,
                    )
                    for found, wanted in zip(parts, expected, strict=True):
                        np.testing.assert_allclose(found[m, b, k], wanted, rtol=2e-5, atol=2e-5)

    def test_a_season_has_a_step(self):
        with pytest.raises(ValueError, match=r"at least 1\. Received: season_length=0"):
            PositionFeatures(0)


def head(**arguments):
    layer = MemberQuantileHead(horizon=3, quantiles=DECILES, hidden=8, members=2, **arguments)
    layer.build((2, None, None, 6))
    return vary(layer)


class TestMemberQuantileHead:
    def test_contract(self, tmp_path):
        arguments = {
            "horizon": 3,
            "quantiles": list(DECILES),
            "hidden": 8,
            "blocks": 1,
            "members": 2,
            "seed": 3,
        }
        check_layer(tmp_path, MemberQuantileHead, arguments, random(2, 3, 4, 6), random(2, 3, 4, 3))

    def test_equals_a_loop_over_members(self):
        layer, state, baseline = head(blocks=2), random(2, 3, 4, 6), random(2, 3, 4, 3, seed=1)
        weights = {v.path.split("/", 1)[1]: to_numpy(v).astype(float) for v in layer.trainable_variables}

        def normal(x, name, m):
            return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * weights[f"{name}/gain"][m]

        def dense(x, name, m):
            return x @ weights[f"{name}/kernel"][m] + weights[f"{name}/bias"][m]

        for m in range(2):
            x = state[m].astype(float)
            for i in range(2):
                up = dense(normal(x, f"norm_{i}", m), f"up_{i}", m)
                x = x + dense(up / (1 + np.exp(-up)), f"down_{i}", m)
            out = dense(normal(x, "norm_2", m), "out", m).reshape(3, 4, 3, 5)
            spread = np.log1p(np.exp(out - SPREAD_BIAS))
            expected = np.empty_like(out)
            expected[..., 2] = out[..., 2] + baseline[m]
            for i in (3, 4):
                expected[..., i] = expected[..., i - 1] + spread[..., i]
            for i in (1, 0):
                expected[..., i] = expected[..., i + 1] - spread[..., i]
            np.testing.assert_allclose(layer(state, baseline)[m], expected, rtol=1e-4, atol=1e-5)

    @given(st.integers(0, 1000), st.sampled_from([0.0, 1e-6, 1.0, 1e3, 1e12]))
    def test_quantiles_do_not_cross_whatever_the_weights(self, seed, size):
        layer = MemberQuantileHead(horizon=3, quantiles=DECILES, hidden=8, members=2, seed=seed)
        layer.build((2, None, None, 6))
        rng = np.random.default_rng(seed)
        layer.set_weights([size * rng.normal(size=w.shape) for w in layer.get_weights()])
        out = to_numpy(layer(random(2, 3, 4, 6, seed=seed), 1e4 * random(2, 3, 4, 3, seed=seed)))
        assert np.isfinite(out).all()
        assert (np.diff(out, axis=-1) >= 0).all()

    def test_dropout_is_for_training_and_the_same_at_all_origins(self):
        layer = head(dropout=0.5)
        state = np.broadcast_to(random(2, 3, 1, 6), (2, 3, 4, 6))
        baseline = np.zeros((2, 3, 4, 3), "float32")
        calm, calm_again, wild = (
            layer(state, baseline),
            layer(state, baseline),
            layer(state, baseline, training=True),
        )
        np.testing.assert_array_equal(calm, calm_again)
        assert np.abs(wild - calm).max() > 0.01
        np.testing.assert_allclose(wild, np.broadcast_to(wild[:, :, :1], wild.shape), rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize(
        "quantiles", [(0.1, 0.9), (0.1, 0.4, 0.9), (0.5, 0.5, 0.9), (0.9, 0.5, 0.1), (0.0, 0.5, 1.0), ()]
    )
    def test_quantiles_increase_around_the_median(self, quantiles):
        with pytest.raises(ValueError, match=r"strictly inside \(0, 1\) with 0.5 in the middle. Received"):
            MemberQuantileHead(3, quantiles)

    def test_a_horizon_has_a_step(self):
        with pytest.raises(ValueError, match=r"at least 1\. Received: horizon=0"):
            MemberQuantileHead(0, DECILES)


def ahead_layer(known_steps=None, **arguments):
    layer = MemberAhead(
        3, 5, linear_output=2, known_steps=known_steps, filters=4, hidden=7, members=2, **arguments
    )
    layer.build((2, None, None, 6), (2, None, None, 3))
    return vary(layer)


class TestMemberAhead:
    def test_contract(self, tmp_path):
        arguments = {
            "horizon": 3,
            "outputs": 5,
            "linear_output": 2,
            "known_steps": [3, 1, 2],
            "filters": 4,
            "hidden": 7,
            "members": 2,
            "seed": 3,
        }
        check_layer(tmp_path, MemberAhead, arguments, random(2, 3, 4, 6), random(1, 3, 6, 3))

    @pytest.mark.parametrize("known_steps", [None, (3, 3, 1), (1, 2, 3)])
    @pytest.mark.parametrize("stride", [1, 2])
    @pytest.mark.parametrize("shared", [False, True])
    def test_equals_a_loop_over_origins_and_steps(self, known_steps, stride, shared):
        layer, origins = ahead_layer(known_steps), 4
        state = random(2, 3, origins, 6)
        features = random(1 if shared else 2, 3, (origins - 1) * stride + 3, 3, seed=1)
        found = to_numpy(layer(state, features, stride=stride))
        weights = {v.path.split("/", 1)[1]: to_numpy(v).astype(float) for v in layer.trainable_variables}

        def normal(x, name, m):
            return x / np.sqrt((x**2).mean() + 1e-6) * weights[f"{name}/gain"][m].ravel()

        def dense(x, name, m):
            return x @ weights[f"{name}/kernel"][m] + weights.get(f"{name}/bias", np.zeros((2, 1, 1)))[m, 0]

        def silu(x):
            return x / (1 + np.exp(-x))

        assert found.shape == (2, 3, origins, 3, 5)
        for m, b, o, k in np.ndindex(2, 3, origins, 3):
            question = dense(normal(state[m, b, o], "state_norm", m), "ask", m)[4 * k : 4 * k + 4]
            seen = features[0 if shared else m, b, o * stride + k].astype(float)
            seen = seen * [k < steps for steps in known_steps or (3, 3, 3)]
            code = normal(dense(silu(dense(seen, "up", m)), "down", m), "code_norm", m)
            expected = dense(silu(dense(code, "place", m) + dense(question, "meet", m)), "out", m)
            expected[2] += seen @ weights["linear"][m, k]
            np.testing.assert_allclose(found[m, b, o, k], expected, rtol=1e-4, atol=1e-5)

    def test_what_is_not_known_yet_does_not_matter_and_the_rest_does(self):
        layer, state, features = ahead_layer((3, 1, 2)), random(2, 1, 1, 6), random(1, 1, 3, 3)
        first = to_numpy(layer(state, features))
        for step, feature in np.ndindex(3, 3):
            spoiled = features.copy()
            spoiled[0, 0, step, feature] = np.nan if step >= (3, 1, 2)[feature] else 9.0
            changed = (to_numpy(layer(state, spoiled)) != first).any(axis=(0, 1, 2, 4))
            assert changed.tolist() == [k == step and step < (3, 1, 2)[feature] for k in range(3)]

    def test_a_step_is_read_once_for_each_set_of_known_features(self, monkeypatch):
        layer, read = ahead_layer((3, 1, 1)), []
        monkeypatch.setattr(layer, "down", lambda x, down=layer.down: read.append(x.shape) or down(x))
        layer(random(2, 3, 4, 6), random(1, 3, 6, 3))
        assert read == [(2, 3, 6, 4), (2, 3, 6, 4)]

    def test_the_linear_function_starts_at_zero(self):
        layer = MemberAhead(3, 5, members=2)
        layer.build((2, None, None, 6), (2, None, None, 3))
        assert not to_numpy(layer.linear).any()

    def test_dropout_is_for_training_and_the_same_at_all_origins(self):
        layer = ahead_layer(dropout=0.5)
        state = np.broadcast_to(random(2, 3, 1, 6), (2, 3, 4, 6))
        features = np.broadcast_to(random(1, 3, 1, 3), (1, 3, 6, 3))
        calm, again, wild = (to_numpy(layer(state, features, training=mode)) for mode in (False, False, True))
        np.testing.assert_array_equal(calm, again)
        assert np.abs(wild - calm).max() > 0.01
        np.testing.assert_allclose(wild, np.broadcast_to(wild[:, :, :1], wild.shape), rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize("name", ["horizon", "outputs", "filters", "hidden", "members"])
    def test_sizes_are_positive(self, name):
        with pytest.raises(ValueError, match=f"must be positive.*{name}=0"):
            MemberAhead(**{"horizon": 2, "outputs": 3, name: 0})

    def test_each_feature_is_known_for_a_number_of_steps(self):
        with pytest.raises(ValueError, match="'known_steps' must hold positive integers"):
            MemberAhead(2, 3, known_steps=(2, 0))
        with pytest.raises(ValueError, match=r"number for each of the 3 features\. Received: known_steps="):
            MemberAhead(2, 3, known_steps=(2, 1)).build((1, None, None, 6), (1, None, None, 3))


class TestWhatIsKnownOfTheStepsAhead:
    def test_it_is_added_to_what_median_and_spreads_are_made_of(self):
        layer, state, baseline = head(blocks=1), random(2, 3, 4, 6), random(2, 3, 4, 3)
        known = random(2, 3, 4, 3, 5)
        plain, moved = to_numpy(layer(state, baseline)), to_numpy(layer(state, baseline, known))
        median = plain[..., 2] + known[..., 2]
        np.testing.assert_allclose(moved[..., 2], median, rtol=1e-5, atol=1e-5)

        def made_of(quantiles):
            return np.log(np.expm1(np.diff(quantiles.astype(float), axis=-1)))

        np.testing.assert_allclose(
            made_of(moved) - made_of(plain), known[..., [0, 1, 3, 4]], rtol=1e-3, atol=1e-3
        )

    def test_quantiles_do_not_cross_whatever_it_is(self):
        known = 1e4 * random(2, 3, 4, 3, 5)
        out = to_numpy(head()(random(2, 3, 4, 6), random(2, 3, 4, 3), known))
        assert np.isfinite(out).all()
        assert (np.diff(out, axis=-1) >= 0).all()
