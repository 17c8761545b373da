"""Inspection, against models of which everything is known in closed form."""

import keras
import numpy as np
import pytest
from backends import to_numpy

from tcn.heads.point import PointHead
from tcn.inspection import activations, contributions, layers_by_path, occlusion
from tcn.layers.causal import CausalConv1D
from tcn.layers.gated import GatedBlock
from tcn.models.forecaster import SequenceForecaster
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
        inner = keras.Sequential([keras.Input((None, 2)), TCN(4, 2, dilations=(1, 2), name="tcn")], name="in")
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

    def test_paths_tell_layers_apart(self):
        model = Composite()
        model.build((None, None, 2))
        paths = layers_by_path(model)
        assert paths["composite"] is model
        assert {id(paths["conv"]), id(paths["conv:2"])} == {id(model.twice), id(model.last)}
        assert paths["gated/skip"] is model.gated.skip
