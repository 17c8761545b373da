import json

import keras
import numpy as np
import pytest
from backends import examples, gradients, to_numpy
from hypothesis import given
from hypothesis import strategies as st
from keras import ops
from scipy import stats

from tcn.distributions import get
from tcn.heads import DistributionHead, PointHead, QuantileHead
from tcn.losses import (
    CRPSLoss,
    HuberForecastLoss,
    MASELoss,
    Masked,
    NegativeLogLikelihood,
    QuantileLoss,
    SMAPELoss,
    crps_from_quantiles,
    crps_from_samples,
    mase_scale,
    pinball,
    symmetric_error,
    with_scale,
)

few = examples(10)
BATCH, STEPS, HORIZON = 3, 5, 4


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def norm_nll(y, f):
    return -stats.norm(f[..., 0].astype("float64"), f[..., 1]).logpdf(y)


def norm_crps(y, f):
    loc, scale = f[..., 0].astype("float64"), f[..., 1]
    z = (y - loc) / scale
    return scale * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))


def pinball_each(y, f):
    error = y[..., None] - f.astype("float64")
    return np.maximum(np.array([0.1, 0.5, 0.9]) * error, np.array([-0.9, -0.5, -0.1]) * error).mean(-1)


def huber_each(y, f):
    error = np.abs(y - f[..., 0].astype("float64"))
    return np.where(error < 0.5, 0.5 * error**2, 0.5 * error - 0.125)


# Loss, forecasts made of random numbers, and the loss of each element by NumPy.
LOSSES = {
    "quantile": (QuantileLoss((0.1, 0.5, 0.9)), lambda r: np.sort(r[..., :3], axis=-1), pinball_each),
    "nll": (NegativeLogLikelihood("normal"), lambda r: np.abs(r[..., :2]) + 0.2, norm_nll),
    "crps": (CRPSLoss("normal"), lambda r: np.abs(r[..., :2]) + 0.2, norm_crps),
    "smape": (
        SMAPELoss(),
        lambda r: r[..., :1],
        lambda y, f: np.abs(y - f[..., 0]) / (np.abs(y) + np.abs(f[..., 0])),
    ),
    "mse": (Masked("mse"), lambda r: r[..., :1], lambda y, f: (y - f[..., 0].astype("float64")) ** 2),
    "huber": (HuberForecastLoss(0.5), lambda r: r[..., :1], huber_each),
}
of_each = pytest.mark.parametrize("name", LOSSES)


def example(name, seed=0):
    rng = np.random.default_rng(seed)
    loss, forecast, each = LOSSES[name]
    y = rng.normal(size=(BATCH, STEPS, HORIZON)).astype("float32")
    y[rng.random(y.shape) < 0.3] = np.nan
    return loss, y, forecast(rng.normal(size=(*y.shape, 4)).astype("float32")), each


@of_each
def test_it_is_the_mean_over_what_was_observed(name):
    loss, y, forecast, each = example(name)
    np.testing.assert_allclose(float(loss(y, forecast)), np.nanmean(each(y, forecast)), rtol=1e-4)


@of_each
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_weights_are_those_of_a_weighted_mean(name, axes):
    loss, y, forecast, each = example(name)
    weights = np.random.default_rng(1).uniform(0, 2, size=y.shape[:axes]).astype("float32")
    weights[0] = 0.0
    wide = weights.reshape(weights.shape + (1,) * (3 - axes)) * ~np.isnan(y)
    known = np.nansum(wide * each(y, forecast)) / wide.sum()
    np.testing.assert_allclose(float(loss(y, forecast, weights)), known, rtol=1e-4)


@of_each
def test_what_does_not_count_moves_neither_value_nor_gradient(name):
    loss, y, forecast, _ = example(name)
    weights = np.ones((BATCH, STEPS), "float32")
    weights[1, 2] = 0.0
    ignored = np.isnan(y) | (weights[..., None] == 0)
    identity = keras.layers.Identity()
    value, _, slopes = gradients(identity, forecast, lambda f: loss(y, f, weights))
    assert np.isfinite(slopes).all()
    assert (slopes[ignored] == 0).all()
    assert (np.abs(slopes[~ignored]).max(axis=-1) > 0).mean() > 0.5
    spoiled = forecast.copy()
    for number in (np.nan, np.inf, -1e30, 0.0):
        spoiled[ignored] = number
        again, _, same = gradients(identity, spoiled, lambda f: loss(y, f, weights))
        assert again == value
        np.testing.assert_array_equal(same, slopes)


@of_each
def test_without_observations_it_is_zero_and_so_is_the_gradient(name):
    loss, y, forecast, _ = example(name)
    value, _, slopes = gradients(
        keras.layers.Identity(), forecast, lambda f: loss(np.full_like(y, np.nan), f)
    )
    assert value == 0
    assert (slopes == 0).all()


@of_each
def test_configuration_comes_back(name):
    loss, y, forecast, _ = example(name)
    stored = json.loads(json.dumps(keras.losses.serialize(loss)))
    twin = keras.losses.deserialize(stored)
    assert json.loads(json.dumps(keras.losses.serialize(twin))) == stored
    assert float(twin(y, forecast)) == float(loss(y, forecast))


def test_other_reductions_are_those_of_keras():
    _, y, forecast, each = example("quantile")
    known = np.nan_to_num(each(y, forecast))
    quantiles = (0.1, 0.5, 0.9)
    np.testing.assert_allclose(
        to_numpy(QuantileLoss(quantiles, reduction="none")(y, forecast)), known, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        float(QuantileLoss(quantiles, reduction="sum")(y, forecast)), known.sum(), 1e-5
    )


def test_a_mask_leaves_steps_out():
    inputs = keras.Input((None, 2))
    model = keras.Model(inputs, PointHead(HORIZON)(keras.layers.Masking()(inputs)))
    x, y = random(BATCH, STEPS, 2), random(BATCH, STEPS, HORIZON, seed=1)
    x[0, 3:] = 0.0
    model.compile("sgd", loss=Masked("mse"), jit_compile=False)
    forecast = to_numpy(model(x))[..., 0]
    seen = (x != 0).any(-1)
    known = np.mean((y - forecast)[seen] ** 2)
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), known, rtol=1e-5)


def test_scaled_errors_are_in_units_of_the_scale():
    rng = np.random.default_rng(0)
    y, forecast = rng.normal(size=(2, BATCH, STEPS, HORIZON)).astype("float32")
    scale = np.float32([2.0, 0.0, 0.5])
    target = with_scale(y, scale)
    known = np.mean(np.abs(y - forecast)[[0, 2]] / scale[[0, 2], None, None])
    for shape in ((*y.shape, 1), y.shape):
        np.testing.assert_allclose(float(MASELoss()(target, forecast.reshape(shape))), known, rtol=1e-5)
    value, _, slopes = gradients(
        keras.layers.Identity(), forecast[..., None], lambda f: MASELoss()(target, f)
    )
    assert np.isfinite(value)
    assert np.isfinite(slopes).all()
    assert (slopes[1] == 0).all()
    with pytest.raises(ValueError, match="must hold targets and scale"):
        MASELoss()(y, forecast)
    twin = keras.losses.deserialize(keras.losses.serialize(MASELoss(name="scaled")))
    assert isinstance(twin, MASELoss)
    assert twin.name == "scaled"


@few
@given(st.integers(1, 5), st.integers(0, 10_000))
def test_the_scale_is_the_error_of_seasonal_naive(season, seed):
    rng = np.random.default_rng(seed)
    history = rng.normal(size=(3, 20))
    history[rng.random(history.shape) < 0.3] = np.nan
    history[2] = np.nan
    with np.errstate(invalid="ignore"):
        change = np.abs(history[:, season:] - history[:, :-season])
    got = to_numpy(mase_scale(history.astype("float32"), season))
    np.testing.assert_allclose(got[:2], np.nanmean(change[:2], axis=1), rtol=1e-5)
    assert np.isnan(got[2])


def test_a_season_is_a_number_of_steps():
    with pytest.raises(
        ValueError, match=r"'season_length' must be a positive integer. Received: season_length=0"
    ):
        mase_scale(np.ones(3), 0)


def test_symmetric_errors_are_finite_at_zero_and_far_out():
    numbers = np.float32([0.0, 0.0, 3e38, -3e38, 1.0])
    forecasts = np.float32([0.0, 1.0, -3e38, -3e38, 3.0])
    np.testing.assert_allclose(to_numpy(symmetric_error(numbers, forecasts)), [0.0, 1.0, 1.0, 0.0, 0.5])
    slopes = gradients(
        keras.layers.Identity(),
        forecasts,
        lambda f: ops.sum(symmetric_error(ops.convert_to_tensor(numbers), f)),
    )[2]
    assert np.isfinite(slopes).all()


@few
@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=30), st.floats(-100, 100, width=32))
def test_crps_of_samples_is_the_integral_for_their_empirical_distribution(samples, target):
    ordered = np.sort(np.float64([*samples, target]))
    widths, middles = np.diff(ordered), 0.5 * (ordered[1:] + ordered[:-1])
    steps = (np.float64(samples)[:, None] <= middles).mean(axis=0)
    known = np.sum((steps - (middles >= target)) ** 2 * widths)
    got = crps_from_samples(np.float32([target]), np.float32([samples]))
    np.testing.assert_allclose(to_numpy(got)[0], known, rtol=1e-4, atol=1e-3)


def test_crps_of_many_quantiles_is_that_of_their_distribution():
    levels = (np.arange(400) + 0.5) / 400
    quantiles = stats.norm.ppf(levels)[None].astype("float32")
    parameters = np.float32([[0.0, 1.0]])
    for value in (-2.0, 0.3, 5.0):
        got = to_numpy(crps_from_quantiles(np.float32([value]), quantiles, levels.astype("float32")))[0]
        known = to_numpy(get("normal").crps(parameters, np.float32([value])))[0]
        np.testing.assert_allclose(got, known, rtol=5e-3)


def test_delta_is_positive():
    with pytest.raises(ValueError, match="'delta' must be positive"):
        HuberForecastLoss(0.0)


def test_shapes_that_do_not_belong_together_are_named():
    y, point = random(3, 4), random(3, 4, 1)
    assert np.isfinite(float(Masked("mae")(y, point[..., 0])))
    with pytest.raises(
        ValueError, match=r"shape of 'y_true' and an axis of outputs. Received: y_true of shape \(3, 4\)"
    ):
        Masked("mae")(y, random(3, 5, 1))
    with pytest.raises(ValueError, match="must have 3 outputs in its last axis"):
        QuantileLoss((0.1, 0.5, 0.9))(y, point)
    with pytest.raises(ValueError, match="shape of 'y_true'"):
        QuantileLoss((0.1, 0.5, 0.9))(random(3, 2, 4), random(3, 4, 3))
    # One step ahead, with the axis that it is written with elsewhere.
    loss = QuantileLoss((0.1, 0.9))
    y, forecast = random(3, 4), random(3, 4, 2)
    assert float(loss(y[..., None], forecast)) == float(loss(y, forecast))


@pytest.mark.parametrize("name", ["quantile", "nll", "crps", "smape", "huber"])
def test_a_model_is_trained_saved_and_loaded_with_it(name, tmp_path):
    loss = LOSSES[name][0]
    heads = {
        "quantile": QuantileHead(HORIZON, (0.1, 0.5, 0.9)),
        "smape": PointHead(HORIZON),
        "huber": PointHead(HORIZON),
    }
    head = heads.get(name) or DistributionHead(HORIZON, "normal")
    inputs = keras.Input((None, 2))
    model = keras.Model(inputs, head(inputs))
    model.compile(keras.optimizers.Adam(0.05), loss=loss)
    x = random(16, STEPS, 2)
    y = 2.0 * x[..., :1] + 1.0 + 0.1 * random(16, STEPS, HORIZON, seed=1)
    y[0] = np.nan
    history = model.fit(x, y, sample_weight=np.ones(16), epochs=12, batch_size=8, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert history[-1] < history[0]
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(twin.evaluate(x, y, verbose=0), model.evaluate(x, y, verbose=0), rtol=1e-5)


def test_a_long_formula_is_compiled_and_differentiated():
    inputs = keras.Input((None, 2))
    model = keras.Model(inputs, DistributionHead(2, "student_t")(inputs))
    model.compile("adam", loss=CRPSLoss("student_t"), jit_compile=True)
    history = model.fit(random(4, 5, 2), random(4, 5, 2, seed=1), verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert all(np.isfinite(to_numpy(w)).all() for w in model.weights)


def test_classes_are_trained_with_a_loss_of_keras():
    y = np.float32([[0.0, np.nan, 2.0]])
    logits = random(1, 3, 4)
    got = float(Masked(keras.losses.SparseCategoricalCrossentropy(from_logits=True))(y, logits))
    log = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    np.testing.assert_allclose(got, -(log[0, 0, 0] + log[0, 2, 2]) / 2, rtol=1e-5)


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_quantiles_may_be_any_sequence(kind):
    target, forecast = random(2, 3), random(2, 3, 3)
    wanted = pinball(target, forecast, np.array([0.1, 0.5, 0.9], "float32"))
    np.testing.assert_array_equal(
        to_numpy(pinball(target, forecast, kind([0.1, 0.5, 0.9]))), to_numpy(wanted)
    )


@pytest.mark.parametrize(
    "loss", ["categorical_crossentropy", "kl_divergence", keras.losses.CosineSimilarity()]
)
def test_losses_of_whole_vectors_are_refused(loss):
    with pytest.raises(ValueError, match="'loss' must compare numbers one by one"):
        Masked(loss)


def test_axes_that_do_not_belong_together_are_named():
    y = random(2, 3)
    for wrong in (random(2, 3), random(2, 3, 4), random(2, 4, 3)):
        with pytest.raises(ValueError, match=r"target of shape \(2, 3\), forecast .* for 3 quantiles"):
            pinball(y, wrong, [0.1, 0.5, 0.9])
    for wrong in (random(2, 3), random(2, 4, 10)):
        with pytest.raises(ValueError, match=r"last one of samples.* target of shape \(2, 3\), samples of"):
            crps_from_samples(y, wrong)
    for wrong in (random(3), random(2, 4), random(2, 3, 1)):
        with pytest.raises(ValueError, match=r"one number for each series.* target of shape \(2, 3\), scale"):
            with_scale(y, wrong)
    # The same samples for all series.
    np.testing.assert_array_equal(
        to_numpy(crps_from_samples(y, random(1, 3, 5))),
        to_numpy(crps_from_samples(y, np.tile(random(1, 3, 5), (2, 1, 1)))),
    )
