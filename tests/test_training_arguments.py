"""What users may set of the training itself: its step size, and noise on what is looked back on."""

import numpy as np
import pytest
import tensorflow as tf
from small_forecasters import SMALL, frame_of, weekly

from pipelines import ConfigError, Forecaster
from pipelines.training import jittered

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
    ],
)
def test_rates_and_noise_are_checked(name, value):
    with pytest.raises(ConfigError, match=f"'{name}'.*Received"):
        Forecaster(horizon=2, **{name: value})
