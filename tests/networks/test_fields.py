"""Fields found by gradients, against networks whose influence is known in closed form."""

import keras
import numpy as np
import pytest
from keras import ops

from tcn.inspection import effective_field, measured_receptive_field
from tcn.layers.causal import CausalConv1D
from tcn.layers.resampling import CausalDownsampling1D, CausalUpsampling1D
from tcn.memory import keep, recall
from tcn.receptive_field import receptive_field, resampled_receptive_field

RNG = np.random.default_rng(0)


def noise(batch=8, steps=40, channels=2):
    return RNG.normal(size=(batch, steps, channels)).astype("float32")


def convolution(kernel, dilation_rate=1):
    """Linear, with the kernel `(taps, channels, filters)`, oldest tap first."""
    layer = CausalConv1D(kernel.shape[2], kernel.shape[0], dilation_rate=dilation_rate)
    layer.build((None, None, kernel.shape[1]))
    layer.kernel.assign(kernel)
    return layer


class Average(keras.layers.Layer):
    """Exponentially weighted: each step has the weight `1 - keep` and those before lose the rest."""

    def call(self, inputs):
        lags = np.arange(60)[::-1]
        kernel = (0.2 * 0.8**lags).astype("float32")[:, None, None]
        return ops.conv(ops.pad(inputs, ((0, 0), (59, 0), (0, 0))), kernel, padding="valid")


@pytest.mark.parametrize("filters", [3, 40], ids=["each output", "combinations"])
def test_the_profile_of_a_convolution_is_its_squared_kernel(filters):
    kernel = RNG.normal(size=(4, 2, filters)).astype("float32")
    x = noise(batch=64) * np.array([1.0, 5.0], "float32")
    expected = np.zeros(40)
    expected[:12:3] = ((kernel * x.std(axis=(0, 1))[:, None]) ** 2).sum(axis=(1, 2))[::-1]
    field = effective_field(convolution(kernel, dilation_rate=3), x)
    # Combinations of outputs: 1,024 signs leave an error of sqrt(2 / 1024).
    tolerance = 1e-5 if filters == 3 else 0.15
    np.testing.assert_allclose(field.profile, expected / expected.sum(), rtol=tolerance, atol=1e-12)
    assert field.steps == 10
    assert field.profile.sum() == pytest.approx(1)


def test_the_profile_of_a_stack_is_that_of_the_convolved_kernel():
    first, second = RNG.normal(size=(2, 3, 1, 1)).astype("float32")
    stack = keras.Sequential([keras.Input((None, 1)), convolution(first, 4), convolution(second, 1)])
    spread = np.zeros(9)
    spread[::4] = first.ravel()
    expected = np.convolve(spread, second.ravel())[::-1] ** 2
    field = effective_field(stack, noise(channels=1))
    np.testing.assert_allclose(field.profile[:11], expected / expected.sum(), rtol=1e-4, atol=1e-9)
    assert (field.profile[11:] == 0).all()


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_an_exponential_average_looks_back_as_its_formula_says(share):
    layer, x = Average(), noise(steps=60, channels=1)
    layer(x)
    # Squared weights fall by 0.8^2 a step: 1 - 0.8^(2 n) of their sum is within n steps.
    steps = int(np.ceil(np.log(1 - share) / np.log(0.8**2)))
    field = effective_field(layer, x, share)
    assert (field.steps, field.share) == (steps, share)
    np.testing.assert_allclose(field.profile[1:20] / field.profile[:19], 0.64, rtol=1e-4)


def test_a_nonlinear_network_is_looked_at_where_the_data_are():
    kernel = np.array([[[1.0]], [[1.0]]], "float32")
    model = keras.Sequential([keras.Input((None, 1)), convolution(kernel), keras.layers.ReLU()])
    x = noise(batch=200, channels=1)
    open_share = (x[:, -2:, 0].sum(axis=1) > 0).mean()
    assert 0.3 < open_share < 0.7
    np.testing.assert_allclose(effective_field(model, x).profile[:3], [0.5, 0.5, 0], atol=1e-6)
    with pytest.raises(ValueError, match=r"influence on the last output. Received: an influence of 0.0"):
        effective_field(model, -np.abs(x))


def test_all_outputs_of_a_model_count():
    x = keras.Input((None, 2))
    near = convolution(np.ones((1, 2, 1), "float32"))
    lagged = convolution(np.concatenate([np.full((1, 2, 1), 2.0), np.zeros((3, 2, 1))]).astype("float32"))
    model = keras.Model(
        x, {"now": near(x), "before": keras.layers.GlobalAveragePooling1D()(lagged(x))[:, :1]}
    )
    data = noise(batch=2, steps=10)
    field = effective_field(model, data)
    # The mean over 10 steps has slopes of 2 / 10 from lag 3 on, the output of now a slope of 1 at lag 0.
    expected = np.array([1.0, 0, 0, *[0.04] * 7])
    np.testing.assert_allclose(field.profile, expected / expected.sum(), rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("share", [0, 1, -0.5, 95])
def test_the_share_is_part_of_the_whole(share):
    with pytest.raises(ValueError, match=f"'share' must be above 0 and below 1. Received: share={share}"):
        effective_field(convolution(np.ones((2, 2, 1), "float32")), noise(), share)


@pytest.mark.parametrize("inputs", [np.ones((2, 5)), np.ones((2, 5, 1), "int32"), np.full((2, 5, 1), np.nan)])
def test_inputs_are_real_numbers(inputs):
    with pytest.raises(ValueError, match=r"must be finite real numbers \(batch, time, channels\)"):
        effective_field(convolution(np.ones((2, 1, 1), "float32")), inputs)


@pytest.mark.parametrize(("kernel_size", "dilations"), [(3, (1, 2, 4)), (2, (1, 2, 4, 8, 1, 2)), (1, (1,))])
def test_the_measured_field_of_a_deep_stack_is_the_exact_one(kernel_size, dilations):
    model = keras.Sequential(
        [keras.Input((None, 2))]
        + [
            CausalConv1D(
                8,
                kernel_size,
                dilation_rate=rate,
                activation="relu",
                kernel_initializer=keras.initializers.HeNormal(seed=10 * rate + i),
            )
            for rate in dilations
            for i in range(2)
        ]
    )
    exact = receptive_field(kernel_size, dilations, convolutions_per_block=2)
    assert measured_receptive_field(model, noise(16, 2 * exact + 3)) == exact


def test_steps_ahead_are_seen_too():
    layer = keras.layers.Conv1D(2, 5, padding="same")
    x = noise()
    layer(x)
    assert measured_receptive_field(layer, x) == 5


MULTI_RATE = {
    "coarse": [(4, 1, 2, 1), (3, 1, 3, 1)],
    "back to the rate": [(3, 2, 1, 1), (4, 1, 4, 1), (2, 1, 1, 1), (4, 1, 1, 4)],
    "longer kernels": [(5, 1, 3, 1), (7, 1, 1, 3), (2, 1, 1, 1)],
    "two levels": [(2, 1, 2, 1), (3, 1, 3, 1), (5, 1, 1, 3), (2, 1, 1, 2), (3, 1, 1, 1)],
    "finer than the input": [(3, 1, 1, 1), (5, 1, 1, 2), (4, 1, 1, 1)],
}


@pytest.mark.parametrize("layers", MULTI_RATE.values(), ids=MULTI_RATE)
def test_the_measured_field_of_several_rates_is_the_exact_one(layers):
    x = outputs = keras.Input((None, 1))
    for kernel_size, rate, stride, factor in layers:
        if factor > 1:
            outputs = CausalUpsampling1D(2, factor, kernel_size)(outputs)
        elif stride > 1:
            outputs = CausalDownsampling1D(2, stride, kernel_size)(outputs)
        else:
            outputs = CausalConv1D(2, kernel_size, dilation_rate=rate)(outputs)
    model = keras.Model(x, outputs)
    model.hop = int(np.prod([stride for _, _, stride, _ in layers]))
    exact = resampled_receptive_field(layers)
    steps = 6 * (2 * exact // 6 + 4)
    assert measured_receptive_field(model, noise(4, steps, 1)) == exact


class Sum(keras.layers.Layer):
    """Of all steps so far: no finite field."""

    def call(self, inputs):
        key, before = recall(self, "sum", lambda: ops.zeros_like(inputs[:, :1]))
        sums = before + ops.cumsum(inputs, axis=1)
        keep(key, sums[:, -1:])
        return sums


def test_the_last_step_has_the_field_of_every_step():
    x = keras.Input((None, 2))
    stack = CausalConv1D(3, 3, dilation_rate=4)(CausalConv1D(3, 2)(x))
    two = keras.Model(x, [stack, keras.layers.Dense(5)(stack)])
    last = keras.Model(x, stack[:, -1])
    assert measured_receptive_field(two, noise()) == measured_receptive_field(last, noise()) == 10


def test_what_cannot_be_measured_is_refused():
    x = noise(steps=16)
    for layer in (Sum(), keras.layers.GlobalAveragePooling1D()):
        with pytest.raises(
            ValueError, match=r"more than twice as long as the receptive field. Received: 16 st"
        ):
            measured_receptive_field(layer, x)
    with pytest.raises(ValueError, match=r"influence on the outputs. Received: a model without any"):
        measured_receptive_field(keras.layers.Rescaling(0.0), x)
    inputs = keras.Input((None, 2))
    two = keras.Model(inputs, [inputs, inputs[:, ::2]])
    with pytest.raises(ValueError, match=r"must have the same number of steps. Received: {(8, 16|16, 8)}"):
        measured_receptive_field(two, x)
