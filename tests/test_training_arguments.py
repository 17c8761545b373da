"""What users may set of the training itself: step size, loss, and how what it sees is varied."""

import numpy as np
import pytest
import tensorflow as tf
from small_forecasters import SMALL, frame_of, weekly

from pipelines import ConfigError, Forecaster
from pipelines.network import error_of, jittered, stretched
from pipelines.network.chunks import Chunk
from tcn.models import ForkingTCN

pytestmark = pytest.mark.usefixtures("eagerly")

TRAINED = {**SMALL, "max_steps": 4, "ensemble": 1}


@pytest.fixture(scope="module")
def frame():
    return frame_of({"a": weekly(60, 1), "b": weekly(60, 2)})


def test_noise_moves_values_alone_by_its_share_of_the_usual_change():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(2, 30, 40, 6)).astype("float32")
    inputs[..., 4] = np.where(rng.random((2, 30, 40)) < 0.5, 3.0, 0.0)
    changed = jittered(tf.constant(inputs), 0.2, 1, 0).numpy()
    np.testing.assert_array_equal(changed[..., 1:], inputs[..., 1:])
    moved = changed[..., 0] - inputs[..., 0]
    still = inputs[..., 4] == 0
    assert not moved[still].any()
    assert moved[~still].std() == pytest.approx(0.2 * 3, rel=0.1)
    assert abs(moved[~still].mean()) < 0.06


def test_noise_depends_on_seed_and_step_alone():
    inputs = tf.ones((1, 2, 8, 5))
    draws = [jittered(inputs, 1.0, seed, step).numpy() for seed, step in ((0, 0), (0, 0), (0, 1), (1, 0))]
    assert (draws[0] == draws[1]).all()
    assert (draws[0] != draws[2])[..., 0].all()
    assert (draws[0] != draws[3])[..., 0].all()
    jittered(inputs, 1.0, 2**32 - 1, 2)


def chunk_of(seed=0, chunks=40, offset=None):
    """Chunks of one member: some rows with a past channel, two origins, three steps ahead."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(1, chunks, 14, 6)).astype("float32")
    inputs[..., 1], inputs[..., 4] = 1, 0.5
    inputs[..., 2] = rng.normal() if offset is None else offset
    target = rng.normal(size=(1, chunks, 2, 3)).astype("float32")
    weight = rng.uniform(0.5, 2, (1, chunks)).astype("float32")
    everything = np.ones(target.shape, bool)
    return Chunk(
        *map(tf.constant, (inputs,)), {}, tf.constant(target), everything, ~everything, tf.constant(weight)
    )


def test_what_is_stretched_is_a_chunk_as_a_whole_and_teaches_as_much():
    before = chunk_of(chunks=2000)
    after = stretched(before, 0.3, 1, 0)
    factor = (before.weight / after.weight).numpy()
    for channel in range(6):
        grown = factor[..., None] if channel in (0, 4) else 1.0
        np.testing.assert_allclose(after.inputs[..., channel], before.inputs[..., channel] * grown, rtol=1e-6)
    np.testing.assert_allclose(after.target, before.target * factor[..., None, None], rtol=1e-6)
    assert np.log(factor).std() == pytest.approx(0.3, rel=0.1)
    assert abs(np.log(factor).mean()) < 0.03
    assert after[3:5] == before[3:5]


def test_what_is_stretched_is_forecast_as_much_larger():
    """By a network that scales each window by itself, and where values are levels."""
    network = ForkingTCN(3, (0.1, 0.5, 0.9), lookback=5, dilations=(1,), filters=4, width=8, past_channels=1)
    network.build((None, None, 6))
    before = chunk_of(offset=0.0)
    after = stretched(before, 0.5, 3, 7)
    small, large = (network.forecast_members(chunk.inputs).numpy() for chunk in (before, after))
    factor = (before.weight / after.weight).numpy()[..., None, None, None]
    np.testing.assert_allclose(large, small * factor, rtol=1e-3, atol=1e-4)
    assert np.ptp(factor) > 0.5


def test_factors_depend_on_seed_and_step_alone_and_not_on_noise():
    chunk = chunk_of()
    draws = [
        stretched(chunk, 1.0, seed, step).weight.numpy() for seed, step in ((0, 0), (0, 0), (0, 1), (1, 0))
    ]
    assert (draws[0] == draws[1]).all()
    assert (draws[0] != draws[2]).all()
    assert (draws[0] != draws[3]).all()
    drawn = np.log(chunk.weight / draws[0]).ravel()
    ones = tf.ones((1, len(drawn), 1, 5))
    noise = (jittered(ones, 1.0, 0, 0) - ones)[..., 0].numpy().ravel()
    assert not np.isclose(drawn, noise, atol=1e-3).any()
    stretched(chunk, 0.1, 2**32 - 1, 2)


def loss_by_hand(loss, target, forecast, quantiles, weight):
    """One error after the other."""
    found = np.zeros(target.shape)
    for place in np.ndindex(target.shape):
        bend = 0.1 / weight[place[:2]]
        errors = []
        for q, quantile in enumerate(quantiles):
            away = float(target[place]) - float(forecast[(*place, q)])
            size = abs(away)
            if loss == "huber":
                size = size**2 / (2 * bend) if size < bend else size - bend / 2
            if loss == "center":
                size *= quantile * (1 - quantile) / np.mean([p * (1 - p) for p in quantiles])
            errors.append((quantile if away >= 0 else 1 - quantile) * size)
        found[place] = np.mean(errors)
    return found


@pytest.mark.parametrize("loss", ["quantile", "huber", "center"])
def test_losses_are_those_of_a_loop(loss):
    rng = np.random.default_rng(0)
    quantiles = np.array([0.05, 0.3, 0.5, 0.9], "float32")
    target = rng.normal(size=(2, 3, 4, 5)).astype("float32")
    forecast = (
        target[..., None] + rng.choice([0.02, 1.0], (2, 3, 4, 5, 4)) * rng.normal(size=(2, 3, 4, 5, 4))
    ).astype("float32")
    weight = rng.uniform(0.5, 2, (2, 3)).astype("float32")
    found = error_of(loss, target, forecast, tf.constant(quantiles), tf.constant(weight))
    np.testing.assert_allclose(
        found, loss_by_hand(loss, target, forecast, quantiles, weight), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("loss", ["huber", "center"])
def test_slopes_of_any_error_are_finite(loss):
    forecast = tf.constant([0.0, 1e-30, -1e-3, 1e10, -1e30])[None, None, None, :, None] * tf.ones((3,))
    with tf.GradientTape() as tape:
        tape.watch(forecast)
        target = tf.zeros((1, 1, 1, 5))
        error = error_of(loss, target, forecast, tf.constant([0.1, 0.5, 0.9]), tf.ones((1, 1)))
    assert np.isfinite(error).all()
    slopes = tape.gradient(error, forecast).numpy()
    assert np.isfinite(slopes).all()
    assert (np.sign(slopes[0, 0, 0, 2:]) == [[-1] * 3, [1] * 3, [-1] * 3]).all()


@pytest.mark.parametrize(
    "change", [{"loss": "huber"}, {"loss": "center"}, {"stretch": 0.5, "scaling": "global"}]
)
def test_a_training_follows_what_is_asked_of_it(frame, change):
    shared = {**TRAINED, "max_steps": 1, "learning_rate": 1e-9}
    plain = Forecaster(**shared, **{name: value for name, value in change.items() if name == "scaling"}).fit(
        frame
    )
    other = Forecaster(**shared, **change).fit(frame)
    assert other.plan_.loss == change.get("loss", "quantile")
    assert other.plan_.stretch == change.get("stretch", 0.0)
    assert other.history_[0]["loss"] != pytest.approx(plain.history_[0]["loss"], rel=1e-3)
    for a, b in zip(plain.network_.get_weights(), other.network_.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=0.3 if a.shape == () else 1e-6)  # but for what calibrates


@pytest.mark.parametrize("other", [{"head": "hurdle"}, {"transform": "difference"}])
def test_what_cannot_be_stretched_is_not(other):
    with pytest.raises(
        ConfigError, match=r"stretch multiplies values .*Received: stretch=0.2, .*; leave it out"
    ):
        Forecaster(horizon=2, stretch=0.2, **other)


def test_a_training_follows_both(frame):
    """One step at a rate so small that the weights stay, with noise that the loss tells of."""
    plain, noisy = (
        Forecaster(**{**TRAINED, "max_steps": 1, "learning_rate": 1e-9}, jitter=jitter).fit(frame)
        for jitter in (0.0, 3.0)
    )
    assert plain.history_[0]["learning_rate"] == pytest.approx(1e-9)
    assert noisy.history_[0]["loss"] > 1.05 * plain.history_[0]["loss"]
    for a, b in zip(plain.network_.get_weights(), noisy.network_.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=0.3 if a.shape == () else 1e-6)  # but for what calibrates


def test_a_fit_that_goes_on_takes_the_rate_that_is_given(frame):
    forecaster = Forecaster(**{**TRAINED, "max_steps": 0}).fit(frame)
    usual = forecaster.plan(frame).learning_rate
    assert forecaster.plan(frame, initial="bundle").learning_rate == usual / 4
    forecaster.set_params(learning_rate=0.01)
    assert forecaster.plan(frame, initial="bundle").learning_rate == 0.01


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", 0),
        ("learning_rate", -1e-3),
        ("learning_rate", 2),
        ("learning_rate", "fast"),
        ("jitter", -1),
        ("stretch", -0.1),
        ("stretch", 3),
        ("loss", "mse"),
    ],
)
def test_rates_and_noise_are_checked(name, value):
    with pytest.raises(ConfigError, match=f"'{name}'.*Received"):
        Forecaster(horizon=2, **{name: value})
