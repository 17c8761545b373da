"""Calibration on what members were kept from learning: its factors, and what they do to forecasts."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_forecasters import SMALL, fitted, frame_of, training_frame, weekly

from pipelines import Forecaster, Panel
from pipelines.calibration import Samples, best_factors, calibrate, ensemble_factors
from pipelines.config import Settings
from pipelines.plan import QUANTILES, make_plan
from pipelines.windows import SeriesTable

DECILES = np.arange(1, 10, dtype="float32") / 10


def samples(seed, n=400, signal=1.0, scale=1.0):
    """What `best_factors` takes: forecasts of which the median is off by a factor, and the spread too."""
    rng = np.random.default_rng(seed)
    ahead = rng.normal(size=n)
    location = rng.normal(size=n)
    truth = location + signal * ahead + rng.normal(size=n)
    spread = scale * np.quantile(rng.normal(size=5000), DECILES)
    forecast = (location + ahead)[:, None] + spread - spread[4]
    weight = rng.uniform(0.5, 2.0, n)
    return [part.astype("float32") for part in (forecast, location, truth, weight)]


def loss_of(parts, shrink, widen):
    """Weighted quantile loss by the definition, in float64."""
    forecast, location, truth, weight = (part.astype(float) for part in parts)
    median = forecast[:, 4:5]
    moved = location[:, None] + shrink * (median - location[:, None]) + widen * (forecast - median)
    error = truth[:, None] - moved
    return float(weight @ np.where(error >= 0, DECILES * error, (DECILES - 1) * error).sum(axis=1))


@given(st.integers(0, 99), st.floats(-0.5, 1.5), st.floats(0.2, 3.0))
@settings(max_examples=30)
def test_factors_are_the_best_of_a_grid(seed, signal, scale):
    parts = samples(seed, signal=signal, scale=scale)
    shrink, widen = best_factors(*parts, DECILES)
    grid = min(loss_of(parts, a, c) for a in np.linspace(0, 1.5, 16) for c in np.linspace(0.3, 3, 28))
    assert loss_of(parts, shrink, widen) <= grid * 1.001


def test_intervals_that_are_too_narrow_are_widened():
    narrow = best_factors(*samples(1, scale=0.5), DECILES)
    wide = best_factors(*samples(1, scale=1.6), DECILES)
    assert narrow[1] == pytest.approx(2.0, rel=0.15)
    assert wide[1] == pytest.approx(1 / 1.6, rel=0.15)


def test_medians_that_know_nothing_stay_at_the_last_value():
    assert best_factors(*samples(2, signal=0.0), DECILES)[0] < 0.15
    assert best_factors(*samples(2, signal=1.0), DECILES)[0] > 0.85


@pytest.mark.parametrize("gain", [0.7, 1.0])
def test_an_ensemble_is_spared_what_averaging_gains(gain):
    """Strangers need twice the width, and a better ensemble less of it; half of the way is gone."""
    strange, location, target, weight = samples(3, n=4000, scale=0.5)
    single = samples(3, n=4000, scale=1.0)[0]
    median = target + (single[:, 4] - target) * np.float32(gain)
    ensemble = median[:, None] + single - single[:, 4:5]
    found = Samples(strange, single, ensemble, location, target, weight)
    shrink, widen = ensemble_factors(found, DECILES)
    assert widen == pytest.approx((2 * gain) ** 0.5, rel=0.05)
    assert shrink == 1.0


def test_only_a_strong_pull_to_the_last_value_counts():
    def factors(signal):
        strange, location, target, weight = samples(4, n=4000, signal=signal)
        return ensemble_factors(Samples(strange, strange, strange, location, target, weight), DECILES)

    assert factors(0.95)[0] == 1.0
    assert factors(0.5)[0] == pytest.approx(0.5, abs=0.06)
    assert 0.0 <= factors(0.0)[0] < 0.1
    assert factors(1.3)[0] == 1.0


def test_factors_reach_the_network_and_are_those_of_the_fit():
    forecaster = fitted()
    assert set(forecaster.calibration_) == {"shrink", "widen"}
    for name, value in forecaster.calibration_.items():
        assert float(getattr(forecaster.network_, name)) == np.float32(value)
    assert forecaster.calibration_["widen"] != 1.0


@pytest.fixture(scope="module")
def own():
    """A forecaster that these tests may change."""
    return Forecaster(**SMALL).fit(training_frame())


def test_calibrating_again_changes_nothing(own):
    table = SeriesTable.from_panel(own.panel_, own.plan_.season_length)
    assert calibrate(own.network_, table, own.plan_, seed=0).factors == own.calibration_


def test_factors_move_forecasts_as_they_say(own):
    network = own.network_
    last = own.panel_.values[own.panel_.indptr[1:] - 1].repeat(SMALL["horizon"])
    columns = ["TCN", "TCN-lo-80", "TCN-hi-80"]

    def forecast(shrink, widen):
        network.shrink.assign(shrink)
        network.widen.assign(widen)
        own._fitted = replace(own._fitted, nonnegative=False)
        return own.predict(levels=[80])[columns].to_numpy()

    plain, nearer, wider = forecast(1, 1), forecast(0.5, 1), forecast(1, 2)
    largest = np.abs(plain).max()
    np.testing.assert_allclose(nearer[:, 0], (plain[:, 0] + last) / 2, atol=1e-5 * largest)
    np.testing.assert_allclose(wider[:, 0], plain[:, 0], atol=1e-6 * largest)
    np.testing.assert_allclose(
        wider[:, 1:] - wider[:, :1], 2 * (plain[:, 1:] - plain[:, :1]), atol=1e-5 * largest
    )


@pytest.mark.parametrize("change", [{"members": 1}, {"steps": 0}])
def test_without_anything_held_out_nothing_changes(change):
    panel = Panel.from_frame(frame_of({"a": weekly(40)}))
    table = SeriesTable.from_panel(panel, 7)
    plan = replace(make_plan(Settings(horizon=3), panel, table), **change)

    class Factors:
        shrink = widen = property(lambda self: self)
        quantiles = QUANTILES

        def assign(self, value):
            assert value == 1.0

    assert calibrate(Factors(), table, plan, seed=0) == ({"shrink": 1.0, "widen": 1.0}, None)
