"""Inspection, against models of which everything is known in closed form."""

import keras
import numpy as np
import pytest
import scipy.signal
import scipy.spatial
from backends import examples, to_numpy
from hypothesis import given
from hypothesis import strategies as st

from tcn.heads.point import PointHead
from tcn.inspection import (
    activations,
    contributions,
    embeddings,
    first_layer_filters,
    frequency_response,
    layers_by_path,
    nearest,
    occlusion,
    top_stretches,
)
from tcn.layers.causal import CausalConv1D
from tcn.layers.fixed import MovingAverage
from tcn.layers.gated import GatedBlock
from tcn.layers.scaling import CausalMeanScaling, Scaled
from tcn.layers.weight_norm import WeightNormalization
from tcn.models.classifier import SequenceClassifier
from tcn.models.forecaster import SequenceForecaster
from tcn.models.forking import ForkingTCN
from tcn.models.inception_time import InceptionTime
from tcn.models.tcn import TCN
from tcn.models.wavenet import WaveNet

RNG = np.random.default_rng(0)


def noise(batch=3, steps=20, channels=2):
    return RNG.normal(size=(batch, steps, channels)).astype("float32")


def convolution(kernel, dilation_rate=1, bias=0.0, **arguments):
    """Linear unless told, with the kernel `(taps, channels, filters)`, oldest tap first."""
    layer = CausalConv1D(kernel.shape[2], kernel.shape[0], dilation_rate=dilation_rate, **arguments)
    layer.build((None, None, kernel.shape[1]))
    layer.kernel.assign(kernel)
    layer.bias.assign(np.broadcast_to(np.float32(bias), layer.bias.shape))
    return layer


def forking():
    """Two members, without bias."""
    model = ForkingTCN(2, (0.5,), lookback=6, dilations=(1, 2), filters=4, width=5, hidden=3, members=2)
    model.build((None, None, 5))
    return model


def forking_series():
    """Observed, at level 0, in the phase 0, with changes of size 1."""
    return np.concatenate([noise(channels=1), np.broadcast_to(np.float32([1, 0, 0, 1]), (3, 20, 4))], axis=-1)


def linear(dilation_rate=3, taps=4, channels=2):
    """A convolution of one output and the weights of the steps back from the last one, newest first."""
    kernel = RNG.normal(size=(taps, channels, 1)).astype("float32")
    weights = np.zeros((20, channels))
    weights[: taps * dilation_rate : dilation_rate] = kernel[::-1, :, 0]
    return convolution(kernel, dilation_rate, bias=0.7), weights


class TestOcclusion:
    def test_of_a_linear_model_it_is_weight_times_distance_from_the_mean(self):
        layer, weights = linear()
        x = noise()
        expected = (weights[::-1] * (x - x.mean(axis=1, keepdims=True))).sum(axis=-1)
        np.testing.assert_allclose(occlusion(layer, x), expected, atol=1e-5)

    @pytest.mark.parametrize("baseline", [0.0, 1.5, np.array([1.0, -2.0]), noise(steps=1)], ids=str)
    @pytest.mark.parametrize("width", [1, 3, 6, 50])
    def test_stretches_are_counted_from_the_last_step(self, width, baseline):
        layer, weights = linear()
        x = noise()
        single = (weights[::-1] * (x - baseline)).sum(axis=-1)
        expected = np.empty_like(single)
        for end in range(20, 0, -width):
            part = slice(max(end - width, 0), end)
            expected[:, part] = single[:, part].sum(axis=1, keepdims=True)
        found = occlusion(layer, x, width, baseline, batch_size=7)
        np.testing.assert_allclose(found, expected, atol=1e-5)

    def test_a_nonlinear_model_is_what_a_loop_over_series_and_steps_finds(self):
        model = keras.Sequential([keras.Input((None, 2)), CausalConv1D(8, 3, activation="tanh")])
        x = noise(steps=6)

        def number(y):
            return to_numpy(y)[:, 2, 1] ** 2

        expected = np.zeros((3, 6))
        for series in range(3):
            for step in range(6):
                other = x.copy()
                other[series, step] = x[series].mean(axis=0)
                expected[series, step] = (number(model(x)) - number(model(other)))[series]
        found = occlusion(model, x, output=number)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        np.testing.assert_array_equal(found != 0, np.broadcast_to(np.arange(6) < 3, (3, 6)))

    def test_a_model_of_several_outputs_needs_a_choice(self):
        x = keras.Input((None, 2))
        layer, weights = linear()
        model = keras.Model(x, {"a": layer(x), "b": keras.layers.GlobalAveragePooling1D()(x)})
        data = noise()
        with pytest.raises(ValueError, match=r"'output' has to choose. Received: a dict of outputs"):
            occlusion(model, data)
        found = occlusion(model, data, baseline=0, output=lambda y: y["a"][:, -1, 0])
        np.testing.assert_allclose(found, (weights[::-1] * data).sum(axis=-1), atol=1e-5)
        found = occlusion(model, data, baseline=0, output=lambda y: y["b"][:, 1])
        np.testing.assert_allclose(found, data[:, :, 1] / 20, atol=1e-5)

    def test_masked_steps_do_not_matter_and_are_not_in_the_mean(self):
        layer, _ = linear(dilation_rate=1)
        x = noise()
        mask = np.ones((3, 20), bool)
        mask[:, 17] = mask[:, :5] = False
        x[~mask] = np.nan
        found = occlusion(layer, x, mask=mask)
        assert (found[~mask] == 0).all()
        # Of four taps three are observed, and stand for the fourth.
        kernel = to_numpy(layer.kernel)[:, :, 0]
        mean = np.nanmean(x, axis=1)
        for step, tap in ((16, 0), (18, 2), (19, 3)):
            expected = 4 / 3 * ((x[:, step] - mean) @ kernel[tap])
            np.testing.assert_allclose(found[:, step], expected, atol=1e-5)

    def test_series_of_classes_have_a_baseline_of_their_own(self):
        embedding = keras.layers.Embedding(5, 1)
        x = RNG.integers(1, 5, size=(2, 6))
        model = keras.Sequential([embedding, convolution(np.ones((2, 1, 1), "float32"))])
        with pytest.raises(ValueError, match=r"Integers have no mean .* pass baseline=0"):
            occlusion(model, x)
        found = occlusion(model, x, baseline=0)
        table = to_numpy(embedding.embeddings)[:, 0]
        np.testing.assert_allclose(found[:, 4:], table[x[:, 4:]] - table[0], atol=1e-6)
        assert (found[:, :4] == 0).all()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"width": 0}, "'width' must be a positive integer. Received: width=0"),
            ({"batch_size": 0}, "'batch_size' must be a positive integer"),
            ({"baseline": "median"}, "'baseline' must be 'mean', a number or an array. Received: .*'median'"),
            ({"baseline": np.ones(3)}, r"must broadcast to the inputs, \(3, 20, 2\). Received: shape \(3,\)"),
            ({"inputs": {"a": noise()}}, "must be one array of numbers, .* Received: a dict"),
            ({"inputs": [noise(), noise()]}, "must be one array of numbers, .* Received: a list"),
            ({"inputs": np.ones(5)}, r"must be one array of numbers, .* Received: float64 \(5,\)"),
            ({"mask": np.ones((3, 4))}, r"A mask must be \(batch, time\). Received: shape \(3, 4\)"),
            ({"output": lambda y: y}, r"one number for each series, \(3,\). Received: \(3, 20, 1\)"),
        ],
    )
    def test_errors_name_the_cure(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            occlusion(**{"model": linear()[0], "inputs": noise(), **arguments})

    def test_several_numbers_of_a_step_need_a_choice(self):
        with pytest.raises(ValueError, match=r"shape \(3, 20, 4\); pass output=lambda y: y\[:, -1, 0\]"):
            occlusion(convolution(np.ones((2, 2, 4), "float32")), noise())

    def test_a_model_that_takes_no_mask_says_so(self):
        layer = keras.layers.Conv1D(1, 2)
        with pytest.raises(ValueError, match="A mask is for models whose call takes one"):
            occlusion(layer, noise(), mask=np.ones((3, 20)))


def lively(layer, channels=2):
    """Built, with weights of a size at which all blocks say something, biases too."""
    if not layer.built:
        layer.build((None, None, channels))
    rng = np.random.default_rng(4)
    for weight in layer.trainable_variables:
        weight.assign(0.6 * rng.normal(size=weight.shape))
    return layer


def relu(x):
    return np.maximum(x, 0)


def check_sum(parts, output):
    output = to_numpy(output)
    np.testing.assert_allclose(parts.output, output, atol=1e-6)
    np.testing.assert_allclose(parts.offset + parts.values.sum(axis=0), output, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(parts.offset + sum(parts.levels.values()), output, rtol=1e-5, atol=1e-5)


class TestContributions:
    def test_under_a_linear_readout_each_is_the_skip_times_the_kernel(self):
        network = lively(WaveNet(4, dilations=(1, 2, 4), cycles=2, skip_filters=5))
        dense = keras.layers.Dense(3)
        model = keras.Sequential([keras.Input((None, 2)), network, dense])
        lively(dense)
        x = noise()
        parts = contributions(model, x, readout=dense)
        assert parts.dilations == (1, 2, 4, 1, 2, 4)
        skips = np.moveaxis(to_numpy(network.skips(x)), 2, 0)
        np.testing.assert_allclose(parts.values, skips @ to_numpy(dense.kernel), atol=1e-5)
        np.testing.assert_allclose(parts.offset, np.broadcast_to(to_numpy(dense.bias), (3, 20, 3)), atol=1e-6)
        np.testing.assert_allclose(parts.levels[2], parts.values[1] + parts.values[4], atol=1e-6)
        check_sum(parts, model(x))

    def test_without_a_readout_the_sum_of_the_skips_is_divided(self):
        network = lively(WaveNet(4, dilations=(1, 2)))
        x = noise()
        parts = contributions(network, x)
        check_sum(parts, network(x))
        assert (parts.offset == 0).all()
        assert parts.values.shape == (2, 3, 20, 4)

    def test_rectifiers_are_switches(self):
        network = lively(WaveNet(4, dilations=(1, 2, 4), output_filters=2))
        x = noise()
        parts = contributions(network, x)
        check_sum(parts, network(x))
        skips = np.moveaxis(to_numpy(network.skips(x)), 2, 0)
        (k1, b1), (k2, b2) = ([to_numpy(w)[:] for w in (f.kernel, f.bias)] for f in network.final)
        total = skips.sum(axis=0)
        hidden = relu(total) @ k1[0] + b1
        for part, skip in zip(parts.values, skips, strict=True):
            expected = ((skip * (total > 0)) @ k1[0] * (hidden > 0)) @ k2[0]
            np.testing.assert_allclose(part, expected, atol=1e-5)
        np.testing.assert_allclose(parts.offset, (b1 * (hidden > 0)) @ k2[0] + b2, atol=1e-5)
        assert len({(h > 0).tobytes() for h in hidden.reshape(-1, 4)}) > 2

    @pytest.mark.parametrize("padding", ["causal", "same"])
    @pytest.mark.parametrize("return_sequences", [True, False])
    @pytest.mark.parametrize("masked", [False, True])
    def test_a_tcn_is_divided_among_its_skips(self, padding, return_sequences, masked):
        network = TCN(4, 2, 2, (1, 2), padding, return_sequences=return_sequences, go_backwards=masked)
        lively(network)
        x = noise()
        mask = RNG.random((3, 20)) < 0.7 if masked else None
        parts = contributions(network, x, mask=mask)
        assert parts.dilations == (1, 2, 1, 2)
        assert all(np.abs(level).max() > 0.1 for level in parts.levels.values())
        check_sum(parts, network(x, mask=mask) if masked else network(x))

    def test_a_forecaster_is_read_out_by_its_head(self):
        model = lively(SequenceForecaster(WaveNet(4, dilations=(1, 2)), PointHead(horizon=3)))
        x = noise()
        parts = contributions(model, x)
        assert parts.values.shape == (2, *model(x).shape)
        check_sum(parts, model(x))

    def test_a_silent_level_contributes_nothing(self):
        model = lively(SequenceForecaster(WaveNet(4, dilations=(1, 2, 4)), PointHead(horizon=1)))
        for weight in model.backbone.blocks[1].skip.weights:
            weight.assign(np.zeros(weight.shape))
        levels = contributions(model, noise()).levels
        assert {rate: bool((level != 0).any()) for rate, level in levels.items()} == {1: 1, 2: 0, 4: 1}

    def test_a_network_with_a_condition_is_inspected_inside_its_model(self):
        x, condition = keras.Input((None, 2)), keras.Input((3,))
        network = WaveNet(4, dilations=(1, 2), output_filters=1)
        model = keras.Model([x, condition], network(x, condition))
        lively(network)
        data = [noise(), RNG.normal(size=(3, 3)).astype("float32")]
        check_sum(contributions(model, data), model(data))

    @pytest.mark.parametrize(
        ("model", "message"),
        [
            (lambda: TCN(4, use_skip_connections=False), "with use_skip_connections=False"),
            (lambda: GatedBlock(4), "must hold one WaveNet, or one TCN. Received: none in"),
            (lambda: WaveNet(4, dilations=(1,), dtype="mixed_bfloat16"), "computes in bfloat16; copy its"),
            (
                lambda: SequenceForecaster(WaveNet(4, dilations=(1, 2)), PointHead(1, hidden=3)),
                "must be affine, a layer without activation. Received: 'point_head.*', whose",
            ),
        ],
    )
    def test_errors_name_the_cause(self, model, message):
        with pytest.raises(ValueError, match=message):
            contributions(lively(model()), noise())
        with pytest.raises(ValueError, match="must be built before its layers are known; call it on a batch"):
            contributions(WaveNet(), noise())


class Composite(keras.Model):
    """Subclassed, with a layer that is called twice, another of several outputs, and two of one name."""

    def __init__(self):
        super().__init__(name="composite")
        self.twice = CausalConv1D(2, 2, name="conv")
        self.gated = GatedBlock(3, name="gated")
        self.last = keras.layers.Dense(1, name="conv")

    def build(self, shape):
        for layer in (self.twice, self.gated, self.last):
            layer.build(shape if layer is not self.last else (*shape[:-1], 3))

    def call(self, inputs):
        _, skip = self.gated(self.twice(self.twice(inputs)))
        return self.last(skip)


class TestActivations:
    def test_of_a_subclassed_composite_are_those_of_its_parts_called_one_by_one(self):
        model = Composite()
        model.build((None, None, 2))
        x = noise()
        found = activations(model, x)
        once = model.twice(x)
        again = model.twice(once)
        np.testing.assert_allclose(found["conv"], once, atol=1e-6)
        residual, skip = model.gated(again)
        np.testing.assert_allclose(found["gated"][0], residual, atol=1e-6)
        np.testing.assert_allclose(found["gated"][1], skip, atol=1e-6)
        np.testing.assert_allclose(found["gated/conv"], model.gated.conv(again), atol=1e-6)
        np.testing.assert_allclose(found["composite"], model(x), atol=1e-6)
        assert list(found)[-1] == "composite"
        assert found["gated/conv"].shape == (3, 20, 6)

    def test_the_model_stays_as_it_is(self):
        model = SequenceForecaster(WaveNet(4, dilations=(1, 2)), PointHead(horizon=2))
        x = noise()
        before = to_numpy(model(x))
        layers = model._flatten_layers()
        attributes = [set(layer.__dict__) for layer in layers]
        config = model.get_config()
        activations(model, x)
        with pytest.raises(ValueError, match="expected axis -1"):
            activations(model, x[..., :1])
        assert [set(layer.__dict__) for layer in layers] == attributes
        assert model.get_config() == config
        np.testing.assert_array_equal(model(x), before)

    def test_nested_functional_and_sequential_models_show_their_layers(self):
        inner = keras.Sequential(
            [keras.Input((None, 2)), TCN(4, 2, dilations=(1, 2), return_sequences=True, name="tcn")],
            name="in",
        )
        x = keras.Input((None, 2))
        model = keras.Model(x, keras.layers.Dense(1, name="out")(inner(x)), name="whole")
        data = noise()
        found = activations(model, data)
        assert {"in", "in/tcn", "in/tcn/residual_block_1/conv1D_1", "out", "whole"} <= set(found)
        np.testing.assert_allclose(found["in/tcn"], inner(data), atol=1e-6)
        np.testing.assert_allclose(found["out"], model(data), atol=1e-6)
        block = inner.layers[0].residual_blocks[0]
        np.testing.assert_allclose(found["in/tcn/residual_block_0"][1], block(data)[1], atol=1e-6)

    def test_dropout_is_off_masks_go_on_and_half_precision_is_readable(self):
        layer = TCN(4, 2, dilations=(1, 2), dropout_rate=0.5, return_sequences=True, dtype="mixed_bfloat16")
        layer.build((None, None, 2))
        x = noise()
        mask = RNG.random((3, 20)) < 0.7
        first, second = (activations(layer, np.where(mask[..., None], x, n), mask) for n in (0, np.nan))
        for path, value in first.items():
            for a, b in zip(keras.tree.flatten(value), keras.tree.flatten(second[path]), strict=True):
                assert a.dtype == np.float32
                np.testing.assert_array_equal(a[mask], b[mask])

    def test_a_layer_with_a_call_of_its_own_keeps_it(self):
        layer = convolution(np.ones((1, 2, 1), "float32"), name="f")
        object.__setattr__(layer, "call", lambda inputs, mask=None: 2 * inputs)
        kept, x = layer.__dict__["call"], noise()
        np.testing.assert_allclose(activations(layer, x)["f"], 2 * x)
        assert layer.__dict__["call"] is kept

    def test_what_runs_step_by_step_inside_a_layer_is_left_out(self):
        recurrent = keras.layers.Bidirectional(
            keras.layers.GRU(2, return_sequences=True, name="gru"), name="b"
        )
        each = keras.layers.TimeDistributed(keras.layers.Dense(1), name="each")
        model = keras.Sequential([keras.Input((5, 2)), recurrent, each], name="model")
        x = noise(steps=5)
        found = activations(model, x)
        assert list(found) == ["b/forward_gru", "b/backward_gru", "b", "each", "model"]
        np.testing.assert_allclose(found["each"], model(x), atol=1e-6)
        np.testing.assert_allclose(found["b/forward_gru"], found["b"][..., :2], atol=1e-6)
        assert list(activations(each, found["b"])) == ["each"]

    def test_paths_tell_layers_apart(self):
        model = Composite()
        model.build((None, None, 2))
        paths = layers_by_path(model)
        assert paths["composite"] is model
        assert {id(paths["conv"]), id(paths["conv:2"])} == {id(model.twice), id(model.last)}
        assert paths["gated/skip"] is model.gated.skip


class TestFilters:
    @given(taps=st.integers(1, 9), dilation_rate=st.integers(1, 5), points=st.integers(2, 40))
    @examples(20)
    def test_the_response_is_that_of_scipy(self, taps, dilation_rate, points):
        kernel = np.random.default_rng(taps).normal(size=(taps, 2, 3))
        found = frequency_response(kernel, dilation_rate, points)
        assert found.response.shape == (points, 2, 3)
        for c in range(2):
            for f in range(3):
                spread = np.zeros((taps - 1) * dilation_rate + 1)
                spread[::dilation_rate] = kernel[::-1, c, f]
                w, expected = scipy.signal.freqz(spread, worN=points, include_nyquist=True)
                np.testing.assert_allclose(found.frequencies, w / (2 * np.pi), atol=1e-12)
                np.testing.assert_allclose(found.response[:, c, f], expected, atol=1e-9)

    def test_the_response_is_the_fourier_transform_of_the_padded_kernel(self):
        kernel = RNG.normal(size=(7, 4))
        padded = np.concatenate([kernel[::-1], np.zeros((57, 4))])
        found = frequency_response(kernel, points=33)
        expected = np.fft.rfft(padded, axis=0)
        np.testing.assert_allclose(found.magnitude, np.abs(expected), atol=1e-12)
        np.testing.assert_allclose(np.cos(found.phase), np.cos(np.angle(expected)), atol=1e-9)
        np.testing.assert_allclose(np.sin(found.phase), np.sin(np.angle(expected)), atol=1e-9)

    @pytest.mark.parametrize("taps", [2, 5, 24])
    def test_a_moving_average_is_a_dirichlet_kernel_and_delays_by_half_its_length(self, taps):
        found = frequency_response(np.full(taps, 1 / taps), points=200)
        f = found.frequencies[1:]
        expected = np.abs(np.sin(np.pi * f * taps) / (taps * np.sin(np.pi * f)))
        np.testing.assert_allclose(found.magnitude, [1, *expected], atol=1e-9)
        early = f < 0.9 / taps
        np.testing.assert_allclose(found.phase[1:][early], -np.pi * f[early] * (taps - 1), atol=1e-9)

    def test_a_seasonal_difference_lets_nothing_of_the_season_through(self):
        found = frequency_response([-1.0, 1.0], dilation_rate=12, points=25)
        np.testing.assert_allclose(
            found.magnitude, 2 * np.abs(np.sin(np.pi * 12 * found.frequencies)), atol=1e-9
        )
        assert found.frequencies[4] == pytest.approx(1 / 12)
        assert found.magnitude[4] < 1e-12

    def test_a_wave_comes_out_as_the_response_says(self):
        layer = convolution(RNG.normal(size=(4, 1, 1)).astype("float32"), dilation_rate=3)
        found = first_layer_filters(layer)
        response = frequency_response(found.kernel, found.dilation_rate, points=11)
        t = np.arange(60)
        for i, f in enumerate(response.frequencies):
            wave = np.cos(2 * np.pi * f * t)
            shifted = np.cos(2 * np.pi * f * t + response.phase[i, 0, 0]) * response.magnitude[i, 0, 0]
            came_out = to_numpy(layer(wave[None, :, None].astype("float32")))[0, :, 0]
            np.testing.assert_allclose(came_out[9:], shifted[9:], atol=1e-4)

    @pytest.mark.parametrize(
        ("model", "path", "rate"),
        [
            (lambda: WaveNet(4, 3, dilations=(2,)), "first", 1),
            (lambda: SequenceForecaster(TCN(4, 3, return_sequences=True), PointHead(2)), None, 1),
            (lambda: keras.layers.Conv1D(4, 3, dilation_rate=5, name="c"), "c", 5),
            (lambda: keras.layers.DepthwiseConv1D(3, name="c"), "c", 1),
            (lambda: InceptionTime(2, depth=1, kernel_sizes=(3, 5), bottleneck=1), "blocks/conv_0", 1),
            (lambda: keras.Sequential([CausalConv1D(3, 1), CausalConv1D(2, 3, 4, name="c")]), "c", 4),
            (lambda: keras.Sequential([MovingAverage(5), CausalConv1D(2, 3, name="c")]), "c", 1),
        ],
    )
    def test_the_first_convolution_over_time_is_found(self, model, path, rate):
        model = model()
        model.build((None, None, 2))
        found = first_layer_filters(model)
        layer = layers_by_path(model)[found.path]
        if path is None:
            assert layer is model.backbone.residual_blocks[0].conv1D_0
        else:
            assert found.path.split("/")[-1] == path.split("/")[-1]
        np.testing.assert_array_equal(found.kernel, layer.kernel)
        assert (found.kernel.shape[0], found.dilation_rate) == (3, rate)

    @pytest.mark.parametrize("member", [0, 1])
    def test_of_members_the_kernel_computes_what_the_layer_does(self, member):
        model = forking()
        found = first_layer_filters(model, member)
        assert found.path == "long_kernel"
        x = forking_series()
        windows = activations(model, x)["windows"]
        channels = np.stack([windows.window[0], windows.observed[0]], axis=-1)
        by_hand = np.einsum("btlc,lcf->btf", channels, found.kernel)
        np.testing.assert_allclose(activations(model, x)["long_kernel"][member], by_hand, atol=1e-4)

        block = model.blocks[1]
        found = first_layer_filters(block, member)
        assert (found.path, found.dilation_rate, found.kernel.shape) == ("conv", 2, (3, 4, 8))
        hidden = RNG.normal(size=(2, 3, 20, 4)).astype("float32")
        causal = convolution(found.kernel, found.dilation_rate)
        expected = to_numpy(causal(to_numpy(block.norm(hidden))[member]))[:, 4:]
        np.testing.assert_allclose(activations(block, hidden)["conv"][member], expected, atol=1e-5)
        with pytest.raises(ValueError, match=r"'member' must be from 0 to 1\. Received: member=2"):
            first_layer_filters(model, member=2)

    def test_of_a_separable_convolution_it_is_the_depthwise_kernel(self):
        layer = keras.layers.SeparableConv1D(4, 3)
        layer.build((None, None, 2))
        np.testing.assert_array_equal(first_layer_filters(layer).kernel, layer.depthwise_kernel)

    def test_of_a_normalized_layer_the_kernel_that_is_applied_is_found(self):
        for layer in (
            WeightNormalization(keras.layers.Conv1D(1, 3)),
            CausalConv1D(1, 3, weight_norm=True),
        ):
            layer.build((None, None, 1))
            layer.gain.assign([2.0])
            pulse = np.zeros((1, 5, 1), "float32")
            pulse[0, 2] = 1
            found = first_layer_filters(layer).kernel[:, 0, 0]
            assert np.linalg.norm(found) == pytest.approx(2)
            out = to_numpy(layer(pulse))[0, -3:, 0]
            np.testing.assert_allclose(out, found[::-1], atol=1e-6)

    def test_errors_name_the_cause(self):
        dense = keras.layers.Dense(2, name="dense")
        dense.build((None, 3))
        with pytest.raises(ValueError, match=r"of more than one tap. Received: 'dense' without any"):
            first_layer_filters(dense)
        with pytest.raises(ValueError, match=r"at least 2 points.*shape \(\), points=257"):
            frequency_response(1.0)
        with pytest.raises(ValueError, match=r"at least 2 points.*points=1"):
            frequency_response([1.0], points=1)
        with pytest.raises(ValueError, match="'dilation_rate' must be a positive integer"):
            frequency_response([1.0], dilation_rate=0)


def slow_stretches(values, length, count):
    """Sort everything, and take what does not overlap with what was taken."""
    order = sorted(np.ndindex(values.shape), key=lambda place: -values[place])
    taken = []
    for series, end in order:
        free = all(series != s or abs(end - e) >= length for s, e in taken)
        if free and np.isfinite(values[series, end]) and len(taken) < count:
            taken.append((series, end))
    return taken


class TestStretches:
    @given(seed=st.integers(0, 1000), length=st.integers(1, 25), count=st.integers(1, 40))
    @examples(20)
    def test_they_are_what_sorting_finds(self, seed, length, count):
        x = np.random.default_rng(seed).normal(size=(3, 20, 2)).astype("float32")
        layer = convolution(np.array([[[0.5, 1], [-1, 2]], [[1.0, 2], [1, 0.3]]], "float32"))
        found = top_stretches(layer, x, layer.name, 1, count, length, batch_size=2)
        expected = slow_stretches(to_numpy(layer(x))[..., 1], length, count)
        assert list(zip(found.series.tolist(), found.end.tolist(), strict=True)) == expected
        for (series, end), value, stretch in zip(expected, found.value, found.inputs, strict=True):
            assert value == pytest.approx(float(to_numpy(layer(x))[series, end, 1]), abs=1e-6)
            known = min(length, end + 1)
            np.testing.assert_array_equal(stretch[length - known :], x[series, end + 1 - known : end + 1])
            assert np.isnan(stretch[: length - known]).all()

    def test_a_matched_filter_finds_its_pattern(self):
        pattern = np.array([1.0, -2, 3, 1], "float32")
        x = 0.05 * noise(4, 30, 1)
        for series, begin in ((1, 5), (3, 0), (3, 20)):
            x[series, begin : begin + 4, 0] += pattern
        network = keras.Sequential([keras.Input((None, 1)), convolution(pattern[:, None, None], name="f")])
        found = top_stretches(network, x, "f", unit=0, count=3, length=4)
        assert {*zip(found.series.tolist(), found.end.tolist(), strict=True)} == {(1, 8), (3, 3), (3, 23)}
        np.testing.assert_allclose(found.inputs[..., 0], [pattern] * 3, atol=0.3)
        assert (np.diff(found.value) <= 0).all()

    def test_a_stretch_is_as_long_as_what_the_layer_sees(self):
        network = lively(WaveNet(4, 3, dilations=(1, 2, 4), output_filters=1))
        lengths = {
            path: top_stretches(network, noise(), path, 0, 1).inputs.shape[1]
            for path in ("first", "block_0/conv", "block_1/skip", "block_2/conv", network.name)
        }
        assert list(lengths.values()) == [3, 5, 9, 17, 17]
        assert network.receptive_field == 17

    def test_a_unit_of_a_member_sees_the_whole_look_back(self):
        model, x = forking(), forking_series()
        found = top_stretches(model, x, "long_kernel", unit=5, count=1)
        values = activations(model, x)["long_kernel"][
            1, :, :, 0
        ]  # five units of the first member come before
        assert values[found.series[0], found.end[0]] == pytest.approx(values.max(), abs=1e-5)
        assert found.inputs.shape == (1, model.lookback, 5)

    def test_masked_steps_are_not_chosen(self):
        layer, x = convolution(np.ones((1, 2, 1), "float32"), name="f"), noise()
        mask = RNG.random((3, 20)) < 0.5
        found = top_stretches(layer, x, "f", 0, 100, length=1, mask=mask)
        assert len(found.series) == mask.sum()
        assert mask[found.series, found.end].all()
        with pytest.raises(ValueError, match="need a step at which the unit has a value"):
            top_stretches(layer, x, "f", 0, mask=np.zeros((3, 20)))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"layer": "nothing"}, "'layer' must be one of .*tcn.*residual_block_0/conv1D_0.*'nothing'"),
            ({"layer": "tcn/residual_block_0"}, "must have one output. .* with 2; choose a layer inside it"),
            ({"unit": 4}, "'unit' must be from 0 to 3. Received: unit=4"),
            ({"count": 0}, "'count' must be a positive integer"),
            ({"length": None}, "must have a 'receptive_field', .*; pass length="),
        ],
    )
    def test_errors_name_the_cure(self, arguments, message):
        network = TCN(4, 2, dilations=(1, 2), return_sequences=True, name="tcn")
        model = keras.Sequential([keras.Input((None, 2)), network])
        arguments = {"layer": "tcn/residual_block_0/conv1D_0", "unit": 0, "length": 3, **arguments}
        with pytest.raises(ValueError, match=message):
            top_stretches(model, noise(), **arguments)


class TestEmbeddings:
    @pytest.mark.parametrize("pooling", ["average", "max", "last"])
    @pytest.mark.parametrize("masked", [False, True])
    def test_they_are_a_loop_over_series_and_observed_steps(self, pooling, masked):
        network = lively(TCN(4, 2, dilations=(1, 2), return_sequences=True))
        x = noise(7)
        mask = RNG.random((7, 20)) < 0.6 if masked else None
        found = embeddings(network, x, pooling=pooling, mask=mask, batch_size=3)
        features = to_numpy(network(x, mask=mask) if masked else network(x))
        for i, row in enumerate(found):
            seen = features[i] if mask is None else features[i, mask[i]]
            expected = {"average": seen.mean(axis=0), "max": seen.max(axis=0), "last": seen[-1]}[pooling]
            np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-5)

    def test_a_classifier_is_embedded_by_its_backbone(self):
        model = SequenceClassifier(InceptionTime(2, depth=2, kernel_sizes=(3, 5)), classes=3)
        model.build((None, None, 2))
        x = noise()
        np.testing.assert_allclose(embeddings(model, x), model.embed(x), atol=1e-5)
        probabilities = embeddings(model, x, layer=model.name)
        np.testing.assert_allclose(probabilities, model(x), atol=1e-6)

    def test_a_model_inside_another_is_embedded_by_its_backbone(self):
        inner = SequenceForecaster(CausalConv1D(2, 2, name="b"), PointHead(2))
        model = Scaled(inner, CausalMeanScaling(8))
        x = noise()
        model(x)
        scaled, _, _ = model.scaling(x)
        expected = to_numpy(inner.backbone(scaled)).mean(axis=1)
        np.testing.assert_allclose(embeddings(model, x), expected, atol=1e-5)

    def test_members_stand_side_by_side(self):
        model, x = forking(), forking_series()
        first, second = activations(model, x)["project"]
        expected = np.concatenate([first, second], axis=-1).mean(axis=1)
        np.testing.assert_allclose(embeddings(model, x, layer="project"), expected, atol=1e-5)

    @given(
        seed=st.integers(0, 1000), count=st.integers(1, 30), metric=st.sampled_from(["euclidean", "cosine"])
    )
    @examples(20)
    def test_the_nearest_are_those_of_scipy(self, seed, count, metric):
        rng = np.random.default_rng(seed)
        points, queries = rng.normal(size=(20, 3)), rng.normal(size=(4, 3))
        found = nearest(points, queries, count, metric)
        distances = scipy.spatial.distance.cdist(queries, points, metric)
        expected = np.argsort(distances, axis=1)[:, :count]
        np.testing.assert_array_equal(found.rows, expected)
        np.testing.assert_allclose(
            found.distances, np.take_along_axis(distances, expected, axis=1), atol=1e-12
        )

    def test_each_is_its_own_nearest_neighbor_and_size_does_not_turn_directions(self):
        points = RNG.normal(size=(50, 4)) + 1e6
        rows, distances = nearest(points, points, count=1)
        np.testing.assert_array_equal(rows[:, 0], np.arange(50))
        assert (distances == 0).all()
        rows, distances = nearest([[1.0, 0], [0, 1], [-1, 0]], [[5.0, 0]], 3, "cosine")
        np.testing.assert_array_equal(rows, [[0, 1, 2]])
        np.testing.assert_allclose(distances, [[0, 1, 2]], atol=1e-12)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"query": np.ones(2)}, r"shapes \(3, 2\) and \(2,\); pass a single vector as query\[None\]"),
            ({"query": np.ones((1, 3))}, r"shapes \(3, 2\) and \(1, 3\)"),
            ({"query": [[np.nan, 0]]}, "must be finite"),
            ({"query": [[0, 0]], "metric": "cosine"}, "zeros in row 0; use metric='euclidean'"),
            ({"metric": "manhattan"}, "'metric' must be one of .*Received: metric='manhattan'"),
            ({"count": 0}, "'count' must be a positive integer"),
        ],
    )
    def test_errors_of_nearest(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            nearest(**{"embeddings": np.eye(3, 2) + 1, "query": np.ones((1, 2)), **arguments})

    def test_errors_of_embeddings(self):
        layer = convolution(np.ones((2, 2, 1), "float32"), name="f")
        with pytest.raises(ValueError, match=r"'pooling' must be one of .* Received: pooling='sum'"):
            embeddings(layer, noise(), pooling="sum")
        with pytest.raises(ValueError, match="without any for the series in row 1"):
            embeddings(layer, noise(), mask=np.ones((3, 20)) * [[1], [0], [1]])
        forecaster = SequenceForecaster(CausalConv1D(2, 2, name="b"), PointHead(2, name="h"))
        forecaster.build((None, None, 2))
        with pytest.raises(ValueError, match=r"layer='h' with outputs of shape \(3, 20, 2, 1\)"):
            embeddings(forecaster, noise(), layer="h")
