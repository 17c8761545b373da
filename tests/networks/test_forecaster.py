import keras
import numpy as np
import pytest
from backends import BRIEFLY, examples, to_numpy
from hypothesis import given
from hypothesis import strategies as st

from tcn.heads import PointHead, QuantileHead
from tcn.losses import Masked, QuantileLoss
from tcn.models.forecaster import SequenceForecaster, targets
from tcn.models.inception_time import InceptionTime
from tcn.models.separable import SeparableTCN

QUANTILES = (0.1, 0.5, 0.9)


def series(steps=40, channels=2, batch=3, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, steps, channels)).astype("float32")


def forecaster(seed=0):
    head = QuantileHead(4, QUANTILES, kernel_initializer=keras.initializers.GlorotUniform(seed))
    return SequenceForecaster(SeparableTCN(8, 2, 5, dilations=(1, 2), seed=seed), head)


@examples(15)
@given(st.integers(1, 4), st.integers(1, 12), st.integers(1, 5), st.integers(0, 10**6))
def test_targets_are_the_steps_after_each_origin(batch, steps, horizon, seed):
    y = np.random.default_rng(seed).normal(size=(batch, steps))
    y[0, steps // 2] = np.nan
    made = to_numpy(targets(y, horizon))
    assert made.shape == (batch, steps, horizon)
    for b, t, h in np.ndindex(made.shape):
        wanted = y[b, t + 1 + h] if t + 1 + h < steps else np.nan
        np.testing.assert_allclose(made[b, t, h], wanted, rtol=1e-6)


def test_wrong_targets():
    with pytest.raises(ValueError, match=r"'y' must be \(batch, time\). Received: shape \(2, 3, 1\)"):
        targets(np.ones((2, 3, 1)), 2)
    with pytest.raises(ValueError, match="'horizon' must be a positive integer"):
        targets(np.ones((2, 3)), 0)


def test_a_forecast_is_that_of_its_window():
    model = forecaster()
    x = series()
    every = to_numpy(model(x))
    field = model.receptive_field
    assert field == 13
    for origin in (field - 1, 25, 39):
        window = to_numpy(model(x[:, origin - field + 1 : origin + 1]))[:, -1]
        np.testing.assert_allclose(every[:, origin], window, rtol=1e-5, atol=1e-5)


@pytest.mark.long
def test_the_series_itself_are_targets_enough():
    x = series()
    results = []
    for y in (x[..., 0], to_numpy(targets(x[..., 0], 4))):
        model = forecaster()
        model.compile(
            keras.optimizers.SGD(0.1), QuantileLoss(QUANTILES), metrics=[QuantileLoss(QUANTILES)], **BRIEFLY
        )
        history = model.fit(x, y, epochs=2, shuffle=False, verbose=0, validation_data=(x, y)).history
        results.append([*history.values(), *model.get_weights()])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.isfinite(results[0][0]).all()


def test_masked_padding_has_no_part_in_the_loss():
    x = series()
    model = keras.Sequential([keras.layers.Masking(-9.0), forecaster()])
    model.compile("sgd", QuantileLoss(QUANTILES), **BRIEFLY)
    longer = np.pad(x, ((0, 0), (0, 7), (0, 0)), constant_values=-9.0)
    y = to_numpy(targets(x[..., 0], 4))
    padded = np.pad(y, ((0, 0), (0, 7), (0, 0)), constant_values=5.0)
    wanted = model.evaluate(x, y, verbose=0)
    np.testing.assert_allclose(model.evaluate(longer, padded, verbose=0), wanted, rtol=1e-5)


@pytest.mark.long
def test_it_learns_to_forecast_waves():
    rng = np.random.default_rng(0)
    turns = np.arange(120) / 12 + rng.uniform(0, 1, (48, 1))
    y = (np.sin(2 * np.pi * turns) * rng.uniform(0.5, 2, (48, 1))).astype("float32")
    head = PointHead(6, kernel_initializer=keras.initializers.GlorotUniform(0))
    model = SequenceForecaster(InceptionTime(4, 3, (3, 9), seed=0), head)
    model.compile(keras.optimizers.Adam(0.01), Masked("mse"), **BRIEFLY)
    model.fit(y[:32, :, None], y[:32], batch_size=16, epochs=20, shuffle=False, verbose=0)
    forecast = to_numpy(model(y[32:, :, None]))[:, 40:, :, 0]
    truth = to_numpy(targets(y[32:], 6))[:, 40:]
    naive = y[32:, 40:, None]
    assert np.nanmean((forecast - truth) ** 2) < 0.02 * np.nanmean((naive - truth) ** 2)


def test_it_comes_back_with_both_parts(tmp_path):
    model = forecaster(seed=3)
    y = to_numpy(model(series()))
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(y, to_numpy(keras.saving.load_model(tmp_path / "model.keras")(series())))


def test_wrong_parts():
    with pytest.raises(ValueError, match="Received: head='point'"):
        SequenceForecaster(SeparableTCN(4, 1), "point")
    with pytest.raises(AttributeError, match=r"must have a 'receptive_field'.* of class Conv1D"):
        SequenceForecaster(keras.layers.Conv1D(3, 3, padding="causal"), PointHead(2)).receptive_field  # noqa: B018
