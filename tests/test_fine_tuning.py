"""Going on from weights that were learned before."""

import numpy as np
import pytest
from small_forecasters import HORIZON, SMALL, fitted, training_frame

from pipelines import Forecaster, Panel
from pipelines.config import Settings
from pipelines.errors import ConfigError, NotFittedError
from pipelines.fine_tuning import prepare_tuning
from pipelines.network import build_network
from pipelines.preparing import prepare

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("before") / "bundle"
    fitted().save(path, onnx=False)
    return path


def weights(forecaster):
    return np.concatenate([values.ravel() for values in forecaster.network_.get_weights()])


def test_without_steps_the_forecasts_are_those_of_the_weights(bundle):
    tuned = Forecaster.load(bundle).set_params(max_steps=0).fit(training_frame(), initial="bundle")
    np.testing.assert_array_equal(weights(tuned), weights(fitted()))
    assert tuned.calibration_ == fitted().calibration_
    assert tuned.predict().equals(fitted().predict())


def test_steps_lead_on_from_the_weights(bundle):
    frame = training_frame()
    new = frame.assign(unique_id=frame["unique_id"] + " of another town", y=frame["y"] + 3.0)
    forecaster = Forecaster.load(bundle).set_params(max_steps=2, seed=1)
    start = build_network(forecaster.plan_, seed=1).get_weights()
    tuned = forecaster.fit(new, initial="bundle")
    assert tuned is forecaster
    moved = np.abs(weights(tuned) - weights(fitted())).mean()
    assert 0 < moved < 0.1 * np.abs(np.concatenate([w.ravel() for w in start]) - weights(fitted())).mean()
    assert set(tuned.predict()["unique_id"]) == set(new["unique_id"])
    assert any("goes on from weights" in note for note in tuned.plan_.notes)


def test_sizes_are_those_of_the_weights_and_steps_are_few_and_small():
    former, settings = fitted()._fitted, Settings.of({**SMALL, "lookback": "auto", "max_steps": "auto"})
    panel = Panel.from_frame(training_frame()).tail(4 * HORIZON)
    plan, anew = prepare_tuning(settings, panel, former).plan, prepare(settings, panel).plan
    assert plan.lookback == former.plan.lookback != anew.lookback
    assert plan.rows == panel.n_rows < former.plan.rows
    assert (plan.steps, plan.learning_rate) == (round(anew.steps / 4), anew.learning_rate / 4)


def test_an_interrupted_fit_leaves_what_was_learned(bundle):
    def stop(record):
        raise KeyboardInterrupt

    forecaster = Forecaster.load(bundle)
    with pytest.raises(KeyboardInterrupt):
        forecaster.fit(training_frame(), initial="bundle", callbacks=[stop])
    np.testing.assert_array_equal(weights(forecaster), weights(fitted()))
    assert forecaster.predict().equals(fitted().predict())


@pytest.mark.parametrize("other", [{"horizon": HORIZON + 1}, {"lookback": 5}, {"head": "normal"}])
def test_other_settings_than_those_of_the_weights_are_named(bundle, other):
    forecaster = Forecaster.load(bundle).set_params(**other)
    [(name, value)] = other.items()
    with pytest.raises(ConfigError, match=f"{name}={value!r}, where the weights have {name}="):
        forecaster.fit(training_frame(), initial="bundle")


def test_a_size_that_is_that_of_the_weights_may_be_said(bundle):
    plan = fitted().plan_
    forecaster = Forecaster.load(bundle).set_params(lookback=plan.lookback, max_steps=0)
    assert forecaster.fit(training_frame(), initial="bundle").plan_.lookback == plan.lookback


def test_another_frequency_is_named(bundle):
    forecaster = Forecaster.load(bundle).set_params(freq=None)
    frame = training_frame()
    frame["ds"] = np.arange(len(frame))
    with pytest.raises(ConfigError, match="freq="):
        forecaster.fit(frame, initial="bundle")


def test_there_must_be_weights():
    with pytest.raises(NotFittedError):
        Forecaster(HORIZON).fit(training_frame(), initial="bundle")
    with pytest.raises(ConfigError, match="initial must be 'bundle' or None"):
        Forecaster(HORIZON).fit(training_frame(), initial="weights")


def test_rows_of_both_fits_count_as_learned(bundle):
    frame = training_frame()
    earlier = frame[(frame["unique_id"] != "a") & (frame["ds"] < "2024-02-01")]
    tuned = Forecaster.load(bundle).set_params(max_steps=0).fit(earlier, initial="bundle")
    own, before = tuned._fitted.ends, fitted()._fitted.ends
    assert own.ids.tolist() == before.ids.tolist()
    np.testing.assert_array_equal(own.starts, before.starts)
    with pytest.warns(UserWarning, match="has learned from"):
        tuned.backtest(frame, n_windows=2)


def test_intervals_keep_their_calibration(bundle):
    frame = training_frame()
    later = frame.assign(unique_id=frame["unique_id"] + " later", y=1.5 * frame["y"])
    calibrated = Forecaster.load(bundle).calibrate(later)
    width = interval(calibrated.predict(frame))
    tuned = calibrated.set_params(max_steps=0).fit(frame, initial="bundle")
    np.testing.assert_array_equal(interval(tuned.predict(frame)), width)
    assert tuned.coverage_ is not None
    assert any("keep the calibration" in note for note in tuned.plan_.notes)


def test_a_calibration_apart_is_refused(bundle):
    with pytest.raises(ConfigError, match="no rows apart to calibrate on"):
        Forecaster.load(bundle).set_params(conformal="split").fit(training_frame(), initial="bundle")


def interval(forecast):
    return (forecast["TCN-hi-80"] - forecast["TCN-lo-80"]).to_numpy()
