"""Scaling against statistics of each step's own past in float64."""

import keras
import numpy as np
import pytest
from backends import BRIEFLY, examples, gradients, to_numpy
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from tcn.averaging import AverageOverLookbacks, AverageOverSigns
from tcn.ensemble import Ensemble
from tcn.layers.causal import CausalConv1D
from tcn.layers.scaling import CausalLastValueScaling, CausalMeanScaling, CausalRobustScaling, Scaled
from tcn.memory import Memory
from tcn.models.forecaster import SequenceForecaster

STEPS = 30


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def walk(seed=0, level=50.0):
    return (level + np.cumsum(random(2, STEPS, 3, seed=seed), axis=1)).astype("float32")


def by_mean(past):
    return past[-1], 0.0, np.mean(np.abs(past))


def by_median(past):
    location = np.median(past)
    away = np.abs(past - location)
    spread = 1.482602 * np.median(away)
    return past[-1] - location, location, spread or 1.253314 * np.mean(away)


def by_last(past):
    changes = np.diff(past)
    return (changes[-1] if len(changes) else 0.0), past[-1], np.mean(np.abs(changes)) if len(changes) else 0.0


def described(x, observed, window, function):
    """Scaled value, location and scale of each step from the observed steps of its window."""
    scaled, location, scale = np.zeros(x.shape), np.zeros(x.shape), np.ones(x.shape)
    for b, t, c in np.ndindex(*x.shape):
        begin = 0 if window is None else max(t - window + 1, 0)
        past = x[b, begin : t + 1, c][observed[b, begin : t + 1]].astype("float64")
        if len(past):
            distance, location[b, t, c], spread = function(past)
            scale[b, t, c] = max(spread, 1e-5 * abs(location[b, t, c])) or 1.0
            scaled[b, t, c] = distance / scale[b, t, c] if observed[b, t] else 0.0
    return scaled, location, scale


def run(layer, x, observed=None):
    mask = None if observed is None else ops.convert_to_tensor(observed)
    return [to_numpy(part) for part in layer(x, mask=mask)]


KINDS = [
    (CausalMeanScaling, by_mean, 6),
    (CausalMeanScaling, by_mean, None),
    (CausalRobustScaling, by_median, 6),
    (CausalRobustScaling, by_median, 7),
    (CausalLastValueScaling, by_last, 6),
    (CausalLastValueScaling, by_last, None),
]
kinds = pytest.mark.parametrize(
    ("kind", "function", "window"), KINDS, ids=[f"{k.__name__}-{w}" for k, _, w in KINDS]
)


@kinds
@examples(10)
@given(seed=st.integers(0, 999), share=st.sampled_from([0.1, 0.5, 0.9, 1.0]))
def test_each_step_is_described_by_its_own_past(kind, function, window, seed, share):
    x = walk(seed)
    observed = np.random.default_rng(seed).random((2, STEPS)) < share
    spoiled = np.where(observed[..., None], x, np.nan).astype("float32")
    wanted = described(x, observed, window, function)
    # The distance of two values is as exact as they are: a small scale makes that large.
    rounding = 4 * np.finfo("float32").eps * np.abs(x).max()
    bounds = (rounding / wanted[2] * (1 + np.abs(wanted[0])), rounding, rounding)
    for part, right, bound in zip(run(kind(window=window), spoiled, observed), wanted, bounds, strict=True):
        assert (np.abs(part - right) <= bound).all()


@kinds
@examples(10)
@given(
    seed=st.integers(0, 999),
    size=st.sampled_from([1e-30, 1e-3, -0.25, 7.0, -1e20, 1e30]),
    shift=st.sampled_from([0.0, -3.0, 40.0]),
)
def test_scaling_goes_along_with_level_and_size(kind, function, window, seed, size, shift):
    x = random(1, STEPS, 2, seed=seed)
    x[:, 0] = 5.0
    shift = 0.0 if kind is CausalMeanScaling else np.float32(shift)
    layer = kind(window=window)
    scaled, location, scale = run(layer, x)
    moved = run(layer, (np.float32(size) * (x + shift)).astype("float32"))
    # The first step alone has a scale of its level only.
    np.testing.assert_allclose(moved[0][:, 1:], np.sign(size) * scaled[:, 1:], rtol=1e-3, atol=1e-3)
    if kind is not CausalMeanScaling:
        np.testing.assert_allclose(moved[1] / size, location + shift, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(moved[2][:, 1:] / abs(size), scale[:, 1:], rtol=1e-3, atol=1e-7)


@kinds
@given(st.integers(0, 999))
@examples(10)
def test_the_inverse_gives_the_series_back(kind, function, window, seed):
    x = walk(seed)
    layer = kind(window=window)
    scaled, location, scale = layer(x)
    if kind is CausalLastValueScaling:
        back = layer.inverse(scaled[:, 1:], location[:, :-1], scale[:, 1:])
        np.testing.assert_allclose(to_numpy(back), x[:, 1:], rtol=1e-5)
        np.testing.assert_array_equal(to_numpy(location), x)
    else:
        np.testing.assert_allclose(to_numpy(layer.inverse(scaled, location, scale)), x, rtol=1e-5)


@pytest.mark.parametrize("more", [(), (4,), (4, 5)])
def test_forecasts_of_any_rank_are_turned_back(more):
    x, outputs = walk()[..., :1], random(2, STEPS, *more) if more else random(2, STEPS, 1)
    layer = CausalRobustScaling(5)
    _, location, scale = run(layer, x)
    of_step = (2, STEPS, *[1] * max(len(more), 1))
    wanted = location.reshape(of_step) + scale.reshape(of_step) * outputs
    np.testing.assert_allclose(to_numpy(layer.inverse(outputs, location, scale)), wanted, rtol=1e-6)


TIME = np.arange(STEPS, dtype="float64")
HARD = [
    np.full(STEPS, 1234.5),
    np.zeros(STEPS),
    1e30 * np.sin(TIME),
    1e-30 * np.sin(TIME),
    np.where(TIME < 15, 0.0, 1e30),
    np.where(TIME < 15, 1e30, 1e-30),
    np.where(TIME == 15, 1e30, 0.0),
    1e6 + 1e-3 * np.sin(TIME),
]


@kinds
@pytest.mark.parametrize("seen", ["all", "none", "one"])
def test_nothing_makes_it_zero_or_infinite(kind, function, window, seen):
    x = np.array(HARD, "float32")[..., None]
    observed = {"all": TIME >= 0, "none": TIME < 0, "one": TIME == 15}[seen][None].repeat(len(HARD), axis=0)
    spoiled = np.where(observed[..., None], x, np.nan).astype("float32")
    scaled, location, scale = run(kind(window=window), spoiled, observed)
    assert all(np.isfinite(part).all() for part in (scaled, location, scale))
    assert (scale > 0).all()
    # No step of a window of 30 is further from the others than 30 times their mean distance.
    assert np.abs(scaled).max() <= 30 / 1e-5
    if seen == "none":
        assert (scaled == 0).all()
        assert (location == 0).all()
        assert (scale == 1).all()


@kinds
def test_a_constant_series_is_level_zero_or_one(kind, function, window):
    scaled, location, scale = run(kind(window=window), np.full((1, STEPS, 1), 8.0, "float32"))
    np.testing.assert_allclose(scaled, 1.0 if kind is CausalMeanScaling else 0.0)
    np.testing.assert_allclose(location, 0.0 if kind is CausalMeanScaling else 8.0)
    np.testing.assert_allclose(scale, 8.0 if kind is CausalMeanScaling else 8e-5, rtol=1e-6)


@kinds
def test_the_future_moves_nothing_by_a_bit(kind, function, window):
    x, layer = walk(), kind(window=window)
    first = run(layer, x)
    for origin in (0, 14, 15, STEPS - 2):
        changed = x.copy()
        changed[:, origin + 1 :] = 1e6
        parts = run(layer, changed)
        for a, b in zip(first, parts, strict=True):
            np.testing.assert_array_equal(a[:, : origin + 1], b[:, : origin + 1])
        assert (parts[0] != first[0]).any()


@kinds
def test_an_origin_is_the_same_in_a_long_sequence_and_alone(kind, function, window):
    if window is None:
        return
    x, layer = walk(), kind(window=window)
    observed = np.random.default_rng(3).random((2, STEPS)) < 0.6
    whole = run(layer, x, observed)
    for end in range(window, STEPS + 1):
        piece = slice(end - window, end)
        for a, b in zip(whole, run(layer, x[:, piece], observed[:, piece]), strict=True):
            np.testing.assert_array_equal(a[:, end - 1], b[:, -1])


@pytest.mark.parametrize("kind", [CausalMeanScaling, CausalLastValueScaling])
def test_running_scales_do_not_drift_in_long_streams(kind):
    """A stream of 60,000 steps whose changes and values float32 adds up badly."""
    x = np.where(np.arange(60_000) % 2, 0.1, -0.1).astype("float32").reshape(1, -1, 1)
    layer, state = kind(), {}
    for piece in np.split(x, 3, axis=1):
        with Memory(state) as memory:
            _, _, scale = layer(piece)
        state = memory.next
    wanted = np.float32(0.1) * (1 if kind is CausalMeanScaling else 2)
    np.testing.assert_allclose(to_numpy(scale)[0, -1, 0], wanted, rtol=2e-7)
    plain = np.cumsum(np.abs(x), dtype="float32")[-1] / 60_000
    assert abs(plain / np.float32(0.1) - 1) > 1e-5


@kinds
def test_half_precision_loses_no_level(kind, function, window):
    x = walk(level=10_000.0)
    half = run(kind(window=window, dtype="mixed_float16"), x)
    for a, b in zip(half, run(kind(window=window), x), strict=True):
        np.testing.assert_array_equal(a, b)


@kinds
def test_gradients_are_finite_where_steps_are_missing(kind, function, window):
    x = walk()
    layer = kind(window=window)
    layer(x)
    _, _, slopes = gradients(layer, x, lambda parts: sum(ops.sum(part) for part in parts))
    assert np.isfinite(slopes).all()
    assert np.abs(slopes).max() > 0


@pytest.mark.parametrize("kind", [CausalMeanScaling, CausalRobustScaling, CausalLastValueScaling])
def test_a_window_has_a_step(kind):
    with pytest.raises(ValueError, match=r"positive integer\. Received: window=0"):
        kind(window=0)


class TestScaled:
    def network(self):
        return keras.Sequential([CausalConv1D(6, 3, activation="tanh"), CausalConv1D(4, 1)])

    @examples(5)
    @given(st.sampled_from([1e-20, 3.0, 1e25]), st.sampled_from([0.0, 64.0]))
    def test_forecasts_go_along_with_level_and_size(self, size, shift):
        keras.utils.set_random_seed(0)
        model = Scaled(self.network(), CausalLastValueScaling(window=8))
        x = random(2, STEPS, 1)
        outputs = to_numpy(model(x))
        other = to_numpy(model((size * (x + shift)).astype("float32")))
        np.testing.assert_allclose(other[:, 1:] / size, outputs[:, 1:] + shift, rtol=1e-3, atol=1e-3)

    def test_the_target_gives_level_and_size(self):
        x = np.concatenate([walk(level=3.0)[..., :1], walk(level=5e5)[..., :1]], axis=-1)
        means = [
            np.abs(to_numpy(Scaled(self.network(), CausalMeanScaling(), target)(x))).mean()
            for target in (0, 1)
        ]
        assert means[1] > 1e4 * means[0]

    def test_it_is_trained_and_sees_masks(self):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((None, 1))
        masked = keras.layers.Masking(mask_value=-1.0)(inputs)
        model = keras.Model(inputs, Scaled(self.network(), CausalLastValueScaling(window=8))(masked))
        model.compile(keras.optimizers.Adam(0.03), loss="mae", **BRIEFLY)
        series = 1e4 + 10.0 * np.sin(np.arange(68) * 2 * np.pi / 8)[None, :, None].astype("float32")
        x, y = series[:, :64], np.concatenate([series[:, i : i + 64] for i in (1, 2, 3, 4)], axis=-1)
        x[0, 20] = -1.0
        history = model.fit(x, y, epochs=40, verbose=0).history["loss"]
        assert history[-1] < 0.5 * history[0] < 100

    def test_its_field_is_that_of_both(self):
        assert Scaled(CausalConv1D(4, 3), CausalMeanScaling(7)).receptive_field == 9
        assert Scaled(CausalConv1D(4, 3), CausalMeanScaling()).receptive_field is None

    @pytest.mark.parametrize("target", [-1, 1.0, True])
    def test_a_target_is_an_index(self, target):
        with pytest.raises(ValueError, match=f"index of a channel. Received: target={target}"):
            Scaled(self.network(), CausalMeanScaling(), target)

    def test_a_target_is_one_of_the_channels(self):
        with pytest.raises(ValueError, match="Received: target=2 for inputs of shape"):
            Scaled(self.network(), CausalMeanScaling(), 2)(random(1, 5, 2))


@pytest.mark.parametrize("around", ["forecaster", "ensemble", "signs", "lookbacks"])
def test_models_around_scaling_keep_all_digits_in_mixed_precision(around):
    level = 50_000.0
    x = (level + np.cumsum(np.random.default_rng(0).normal(size=(2, 40, 1)), axis=1)).astype("float32")
    policy = keras.dtype_policies.DTypePolicy("mixed_bfloat16")
    scaled = Scaled(CausalConv1D(1, 3, dtype=policy), CausalLastValueScaling(window=24), dtype=policy)
    alone = to_numpy(scaled(x))
    if around == "forecaster":
        head = keras.layers.Dense(1, kernel_initializer="ones", dtype="float32")
        outputs = SequenceForecaster(scaled, head, dtype=policy)(x)
    else:
        made = {
            "ensemble": lambda: Ensemble([scaled], dtype=policy),
            "signs": lambda: AverageOverSigns(scaled, dtype=policy),
            "lookbacks": lambda: AverageOverLookbacks(scaled, [40], dtype=policy),
        }
        outputs = made[around]()(x)
        alone = alone[:, -1] if around == "lookbacks" else alone
    np.testing.assert_allclose(to_numpy(outputs), alone, rtol=1e-5)
    assert len(np.unique(to_numpy(outputs))) > 1
