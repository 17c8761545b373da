"""Inspection, against models of which everything is known in closed form."""

import keras
import numpy as np
import pytest
from backends import to_numpy

from tcn.inspection import occlusion
from tcn.layers.causal import CausalConv1D

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
        assert (found[:, 3:] == 0).all() and (found[:, :3] != 0).all()

    def test_a_model_of_several_outputs_needs_a_choice(self):
        x = keras.Input((None, 2))
        layer, weights = linear()
        model = keras.Model(x, {"a": layer(x), "b": keras.layers.GlobalAveragePooling1D()(x)})
        data = noise()
        with pytest.raises(ValueError, match="'output' has to choose. Received: a dict of outputs"):
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
        with pytest.raises(ValueError, match="Integers have no mean .* pass baseline=0"):
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
