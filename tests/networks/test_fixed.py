"""Known kernels against NumPy, with gaps, and as the beginning of training."""

import keras
import numpy as np
import pytest
from backends import examples, to_numpy
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from tcn.layers.causal import CausalConv1D
from tcn.layers.fixed import (
    Difference,
    DifferenceKernel,
    ExponentialSmoothing,
    FixedKernel1D,
    IdentityKernel,
    MovingAverage,
    MovingAverageKernel,
    SeasonalDifference,
    SeasonalDifferenceKernel,
)
from tcn.layers.pooling import CausalAveragePooling1D

STEPS = 20


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def difference(x, order):
    return np.diff(x, n=order, axis=1)


def seasonal(x, length):
    return x[:, length:] - x[:, :-length]


def by_hand(taps, rate, x, observed):
    """Each output from its window: an average of what is there, or a comparison of all that it needs."""
    out, taps = np.zeros(x.shape), np.array(taps)
    for b, t in np.ndindex(*x.shape[:2]):
        steps = [t - (len(taps) - 1 - i) * rate for i in range(len(taps))]
        known = np.array([s >= 0 and observed[b, s] for s in steps])
        total = sum((taps[i] * x[b, s] for i, s in enumerate(steps) if known[i]), np.zeros(x.shape[2]))
        if (taps >= 0).all():
            weight = taps[known].sum()
            out[b, t] = total * taps.sum() / weight if weight else 0.0
        else:
            out[b, t] = total if known[taps != 0].all() else 0.0
    return out


KERNELS = [
    (MovingAverage(4), [0.25] * 4, 1),
    (ExponentialSmoothing(0.3, window=5), 0.7 ** np.arange(4, -1, -1), 1),
    (Difference(), [-1, 1], 1),
    (Difference(3), [-1, 3, -3, 1], 1),
    (SeasonalDifference(5), [-1, 1], 5),
    (FixedKernel1D([-1, 0, 1], dilation_rate=2), [-1, 0, 1], 2),
    (FixedKernel1D([0.5, 0, 2.0], dilation_rate=3), [0.5, 0, 2.0], 3),
]
kernels = pytest.mark.parametrize(
    ("layer", "taps", "rate"), KERNELS, ids=[type(layer).__name__ for layer, _, _ in KERNELS]
)


@kernels
@examples(8)
@given(share=st.sampled_from([0.2, 0.6, 1.0]), seed=st.integers(0, 99))
def test_what_is_missing_is_made_up_for_or_makes_it_zero(layer, taps, rate, share, seed):
    x = random(2, STEPS, 3, seed=seed)
    observed = np.random.default_rng(seed).random((2, STEPS)) < share
    spoiled = np.where(observed[..., None], x, np.nan).astype("float32")
    outputs = to_numpy(layer(spoiled, mask=ops.convert_to_tensor(observed)))
    taps = np.array(taps) / (np.sum(taps) if isinstance(layer, ExponentialSmoothing) else 1)
    np.testing.assert_allclose(outputs, by_hand(taps, rate, x, observed), rtol=1e-4, atol=1e-5)


@kernels
def test_steps_before_the_first_observation_are_as_if_they_were_not(layer, taps, rate):
    x = random(1, STEPS, 3)
    padded = np.concatenate([np.full((1, 7, 3), np.nan, "float32"), x], axis=1)
    mask = ops.convert_to_tensor(np.arange(STEPS + 7)[None] >= 7)
    np.testing.assert_array_equal(to_numpy(layer(padded, mask=mask))[:, 7:], to_numpy(layer(x)))


def test_differences_are_those_of_numpy():
    x = random(2, STEPS, 3)
    for order in (1, 2, 4):
        np.testing.assert_allclose(
            to_numpy(Difference(order)(x))[:, order:], difference(x, order), rtol=1e-4, atol=1e-5
        )
    np.testing.assert_array_equal(to_numpy(SeasonalDifference(7)(x))[:, 7:], seasonal(x, 7))


@examples(20)
@given(st.integers(1, 3), st.integers(0, 99))
def test_differences_are_undone(order, seed):
    x = random(2, 12, 3, seed=seed)
    layer = Difference(order)
    back = layer.inverse(layer(x)[:, order:], x[:, :order])
    np.testing.assert_allclose(to_numpy(back), x[:, order:], rtol=1e-3, atol=1e-4)


@examples(20)
@given(st.sampled_from([1, 3, 4]), st.sampled_from([1, 6, 7]), st.integers(0, 99))
def test_seasonal_differences_are_undone(length, steps, seed):
    x = random(2, length + steps, 3, seed=seed)
    layer = SeasonalDifference(length)
    back = layer.inverse(layer(x)[:, length:], x[:, :length])
    np.testing.assert_allclose(to_numpy(back), x[:, length:], rtol=1e-4, atol=1e-5)


def test_forecasts_of_changes_are_undone_along_the_horizon():
    changes, start = random(2, 9, 4, 1), random(2, 9, 3, 1)  # (batch, time, horizon, channels)
    back = to_numpy(SeasonalDifference(3).inverse(changes, start))
    np.testing.assert_allclose(back[..., :3, :], start + changes[..., :3, :], rtol=1e-6)
    np.testing.assert_allclose(back[..., 3, :], back[..., 0, :] + changes[..., 3, :], rtol=1e-5, atol=1e-6)


def test_a_moving_average_is_pooling():
    x = random(2, STEPS, 3)
    mask = ops.convert_to_tensor(np.random.default_rng(0).random((2, STEPS)) < 0.5)
    np.testing.assert_allclose(
        to_numpy(MovingAverage(6)(x, mask=mask)),
        to_numpy(CausalAveragePooling1D(6)(x, mask=mask)),
        rtol=1e-5,
        atol=1e-6,
    )


def test_exponential_smoothing_is_the_recursion_in_a_long_series():
    x, smoothing = random(1, 300, 2), 0.2
    state = np.zeros(2)
    for step in x[0].astype("float64"):
        state = (1 - smoothing) * state + smoothing * step
    layer = ExponentialSmoothing(smoothing, window=100)
    np.testing.assert_allclose(to_numpy(layer(x))[0, -1], state, rtol=1e-5, atol=1e-6)
    window = ExponentialSmoothing(smoothing).window
    assert (1 - smoothing) ** window <= 0.01 < (1 - smoothing) ** (window - 1)


def test_half_precision_does_not_round_what_is_compared():
    x = 1000.0 + random(1, STEPS, 1)
    changes = to_numpy(ops.cast(Difference(dtype="mixed_bfloat16")(x), "float32"))
    np.testing.assert_allclose(changes[:, 1:], difference(x, 1), rtol=1e-2, atol=1e-3)


class TestTraining:
    def fitted(self, layer):
        """Trained to give the value three steps back."""
        x = random(8, STEPS, 2)
        y = np.concatenate([np.zeros((8, 3, 2), "float32"), x[:, :-3]], axis=1)
        inputs = keras.Input((STEPS, 2))
        model = keras.Model(inputs, keras.layers.Dense(2)(layer(inputs)))
        before = to_numpy(layer.kernel.value)
        model.compile(keras.optimizers.Adam(0.05), loss="mse")
        losses = model.fit(x, y, epochs=20, verbose=0).history["loss"]
        return before, to_numpy(layer.kernel.value), losses

    def test_a_kernel_is_fixed_unless_it_may_train(self):
        before, after, _ = self.fitted(MovingAverage(4))
        np.testing.assert_array_equal(before, after)
        before, after, losses = self.fitted(MovingAverage(4, trainable=True))
        assert np.abs(after - before).max() > 0.1
        assert losses[-1] < 0.7 * losses[0]

    def test_whether_it_trains_is_kept(self):
        for trainable in (True, False):
            layer = Difference(2, trainable=trainable)
            assert Difference.from_config(layer.get_config()).trainable is trainable


class TestInitializers:
    @pytest.mark.parametrize(
        ("initializer", "kernel_size", "expected", "edge"),
        [
            (IdentityKernel(), 5, lambda x: x, 0),
            (MovingAverageKernel(), 4, lambda x: to_numpy(MovingAverage(4)(x)), 3),
            (DifferenceKernel(), 5, lambda x: to_numpy(Difference()(x)), 1),
            (DifferenceKernel(2), 3, lambda x: to_numpy(Difference(2)(x)), 2),
            (SeasonalDifferenceKernel(6), 7, lambda x: to_numpy(SeasonalDifference(6)(x)), 6),
        ],
    )
    @pytest.mark.parametrize("filters", [2, 3, 7])
    def test_a_convolution_starts_as_the_fixed_layer(self, initializer, kernel_size, expected, edge, filters):
        x = random(2, STEPS, 3)
        layer = CausalConv1D(filters, kernel_size, kernel_initializer=initializer)
        wanted = expected(x)[..., np.arange(filters) % 3]
        np.testing.assert_allclose(to_numpy(layer(x))[:, edge:], wanted[:, edge:], rtol=1e-5, atol=1e-5)

    def test_a_season_may_be_a_multiple_of_the_dilation(self):
        x = random(2, STEPS, 1)
        layer = CausalConv1D(1, 4, dilation_rate=2, kernel_initializer=SeasonalDifferenceKernel(3))
        np.testing.assert_allclose(to_numpy(layer(x))[:, 6:], seasonal(x, 6), rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("initializer", [DifferenceKernel(3), SeasonalDifferenceKernel(3)])
    def test_a_kernel_has_room(self, initializer):
        with pytest.raises(
            ValueError, match=r"'kernel_size' must be at least 4 for \w+\. Received: kernel_size=3"
        ):
            initializer((3, 1, 1))


@pytest.mark.parametrize("kernel", [[], [0.0, 0.0], [1.0, np.nan], [np.inf]])
def test_a_kernel_says_something(kernel):
    with pytest.raises(ValueError, match=r"finite numbers that are not all 0\. Received: kernel="):
        FixedKernel1D(kernel)


@pytest.mark.parametrize("smoothing", [0.0, 1.0, -0.5, 2.0])
def test_smoothing_is_a_share(smoothing):
    with pytest.raises(ValueError, match=rf"inside \(0, 1\)\. Received: smoothing={smoothing}"):
        ExponentialSmoothing(smoothing)


@pytest.mark.parametrize("make", [MovingAverage, Difference, SeasonalDifference, DifferenceKernel])
def test_lengths_are_positive_integers(make):
    with pytest.raises(ValueError, match="positive integer"):
        make(0)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX has no double precision unless told")
def test_taps_have_the_precision_of_the_layer():
    layer = FixedKernel1D([0.1, 0.2], dtype="float64")
    np.testing.assert_allclose(to_numpy(layer(np.ones((1, 3, 1))))[0, -1, 0], 0.3, rtol=1e-15)
