"""Transforms of the target: monotone, the way back, what is learned and from which rows."""

import json
from functools import cache
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from small_forecasters import EXTREME, frame_of, weekly

from pipelines import ConfigError, Forecaster, Panel, PanelError
from pipelines.config import Settings
from pipelines.network import ChunkGatherer
from pipelines.plan import make_plan
from pipelines.transforms import TargetTransform, series_table
from pipelines.windows import in_original_units

pytestmark = pytest.mark.usefixtures("eagerly")

NAMES = ["log", "asinh", "box-cox", "difference"]
SEASON = 7


def panel_of(series):
    return Panel.from_frame(frame_of(series))


def positive(n=60, seed=0):
    return np.exp(0.2 * weekly(n, seed, level=10.0))


def usual():
    gaps = positive(50, 3)
    gaps[[0, 4, 20, 21]] = np.nan
    return panel_of({"a": positive(), "b": 1e3 * positive(45, 1), "c": gaps})


def transform_of(name, panel, one_scale=False):
    return TargetTransform.fit(name, panel, SEASON, one_scale)


def back(inverses, forecast, series, origins):
    for inverse in reversed(inverses):
        forecast = inverse(forecast, series, origins)
    return forecast


@cache
def ways_back(name):
    panel = usual()
    return panel, transform_of(name, panel, one_scale=name is None).apply(panel)[1]


@pytest.mark.parametrize("one_scale", [False, True])
@pytest.mark.parametrize("name", ["log", "asinh", "box-cox"])
def test_the_way_back_leads_to_the_values(name, one_scale):
    panel = usual()
    shown, inverses = transform_of(name, panel, one_scale).apply(panel)
    np.testing.assert_array_equal(np.isnan(shown.values), np.isnan(panel.values))
    for i in range(panel.n_series):
        found = back(inverses, shown.series(i)[None, None, :, None], np.array([i]), np.array([[0]]))
        np.testing.assert_allclose(found.ravel(), panel.series(i), rtol=1e-9)


def test_logarithms_asinh_and_powers_are_what_they_are_called():
    panel = usual()
    values, known = panel.series(0), np.isfinite(panel.series(0))
    np.testing.assert_array_equal(transform_of("log", panel).apply(panel)[0].series(0), np.log(values))
    center = np.median(values)
    spread = 1.4826 * np.median(np.abs(values - center))
    np.testing.assert_allclose(
        transform_of("asinh", panel).apply(panel)[0].series(0), np.arcsinh((values - center) / spread)
    )
    transform = transform_of("box-cox", panel)
    exponent = transform.steps[0][1].exponent
    expected = (values**exponent - 1) / exponent if exponent else np.log(values)
    np.testing.assert_allclose(transform.apply(panel)[0].series(0)[known], expected[known])


@pytest.mark.parametrize(("power", "low", "high"), [(1.0, 0.7, 1.0), (0.5, 0.35, 0.65), (0.0, 0.0, 0.15)])
def test_the_exponent_is_the_one_that_makes_noise_normal(power, low, high):
    noise = 20 + np.random.default_rng(0).normal(size=(3, 400))
    values = np.exp(noise / 4) if power == 0 else (noise if power == 1 else noise * 2) ** (1 / power)
    panel = panel_of(dict(zip("abc", values * [[1], [1e5], [1e-5]], strict=True)))
    exponent = transform_of("box-cox", panel).steps[0][1].exponent
    assert low <= exponent <= high


def test_series_too_short_to_say_have_no_exponent():
    assert transform_of("box-cox", panel_of({"a": np.arange(1.0, 9.0)})).steps[0][1].exponent == 1.0


@given(
    st.sampled_from([*NAMES, None]),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2),
)
@settings(max_examples=60)
def test_any_forecast_has_a_finite_way_back_that_keeps_its_order(name, numbers):
    panel, inverses = ways_back(name)
    forecast = np.sort(numbers)[None, None, None, :]
    found = back(inverses, forecast, np.array([1]), np.array([[panel.indptr[2] - 1]]))
    assert np.isfinite(found).all()
    assert (found[..., 1:] >= found[..., :-1]).all()


@pytest.mark.parametrize("name", ["asinh", "difference", None])
def test_any_series_becomes_finite_numbers(name):
    panel = panel_of(EXTREME)
    for fitted_to in (panel, usual()):
        shown, _ = transform_of(name, fitted_to, one_scale=name is None).apply(panel)
        assert not np.isinf(shown.values).any()


@pytest.mark.parametrize("name", ["log", "box-cox"])
def test_what_has_no_logarithm_is_named(name):
    values = positive(10)
    values[[3, 5]] = 0.0
    panel = panel_of({"a": positive(10), "b": values})
    with pytest.raises(PanelError, match=rf"'{name}'.*: 0 in series 'b' at 2024-01-04.*1 more.*asinh"):
        transform_of(name, panel).apply(panel)


@pytest.mark.parametrize("name", NAMES)
def test_values_after_a_row_do_not_change_what_is_shown_of_it(name):
    panel = usual()
    transform = transform_of(name, panel)
    cut = panel.before(10)
    long, short = (series_table(each, (SEASON,), transform) for each in (panel, cut))
    for i in range(panel.n_series):
        rows = slice(panel.indptr[i], panel.indptr[i] + cut.lengths[i])
        own = slice(cut.indptr[i], cut.indptr[i + 1])
        for field in ("values", "observed", "change"):
            np.testing.assert_array_equal(getattr(long, field)[rows], getattr(short, field)[own])
    np.testing.assert_array_equal(long.base, short.base)
    np.testing.assert_array_equal(long.unit, short.unit)


def test_series_that_the_fit_did_not_see_are_read_with_the_usual_center_and_spread():
    known = usual()
    transform = transform_of("asinh", known)
    other = panel_of({"a": positive(), "z": positive()})
    scale = transform.steps[0][1]
    shown = transform.apply(other)[0]
    np.testing.assert_allclose(
        shown.series(1), np.arcsinh((other.series(1) - np.median(scale.center)) / np.median(scale.spread))
    )
    np.testing.assert_array_equal(shown.series(0), transform.apply(known)[0].series(0))


@pytest.mark.parametrize("one_scale", [False, True])
@pytest.mark.parametrize("name", [*NAMES, None])
def test_what_was_learned_goes_through_json(name, one_scale):
    panel = usual()
    transform = transform_of(name, panel, one_scale)
    if transform is None:
        assert (name, one_scale) == (None, False)
        return
    again = TargetTransform.from_list(json.loads(json.dumps(transform.to_list())))
    assert again == transform
    np.testing.assert_array_equal(again.apply(panel)[0].values, transform.apply(panel)[0].values)


# Differences


def last_of_season(values, row, lag):
    """The slow and obvious way."""
    while row >= 0:
        if np.isfinite(values[row]):
            return values[row]
        row -= lag
    return np.nan


def test_differences_are_to_the_last_value_of_the_season():
    panel = usual()
    shown, _ = transform_of("difference", panel).apply(panel)
    for i in range(panel.n_series):
        values = panel.series(i)
        expected = [y - last_of_season(values, row - SEASON, SEASON) for row, y in enumerate(values)]
        np.testing.assert_array_equal(shown.series(i), expected)


@pytest.mark.parametrize("horizon", [3, 7, 17])
def test_targets_are_sums_of_differences_and_lead_back_to_the_values(horizon):
    panel = usual()
    wanted = Settings(horizon=horizon, season_length=SEASON, transform="difference", lookback=14, ensemble=1)
    transform = transform_of("difference", panel)
    table = series_table(panel, (SEASON,), transform)
    gatherer = ChunkGatherer.of(table, make_plan(wanted, panel, table), context=20)
    series = np.arange(3, dtype=np.int32)
    newest = (panel.indptr[1:] - 1 - horizon).astype(np.int32)
    chunk = gatherer.gather(tf.constant(series[None]), tf.constant(newest[None]))
    origins = newest[:, None] + np.arange(1 - gatherer.origins, 1)
    forecast = in_original_units(chunk.target[0].numpy()[..., None], table, series, origins)
    found = table.invert(forecast, series, origins)[..., 0]
    known = chunk.known.numpy()[0]
    assert known.mean() > 0.8
    values = panel.values[origins[..., None] + np.arange(1, horizon + 1)]
    np.testing.assert_allclose(found[known], values[known], rtol=1e-4)


def test_a_straight_line_goes_on():
    line = frame_of({"a": 3.0 * np.arange(30), "b": weekly(30)})
    forecaster = Forecaster(
        horizon=10, season_length=4, transform="difference", lookback=8, filters=2, dilations=(1,),
        ensemble=1, max_steps=0,
    )  # fmt: skip
    forecast = forecaster.fit(line).predict()
    np.testing.assert_allclose(forecast["TCN"][:10], 3.0 * np.arange(30, 40))


@pytest.mark.parametrize("name", ["log", "asinh", "box-cox"])
def test_series_that_never_moved_keep_their_value_to_the_last_digit(name):
    frame = frame_of({"a": positive(), "still": np.full(30, 5.1), "empty": np.full(30, np.nan)})
    forecaster = Forecaster(
        horizon=3, transform=name, lookback=8, filters=2, dilations=(1,), ensemble=1, max_steps=0
    )
    forecast = forecaster.fit(frame).predict().set_index("unique_id").drop(columns="ds")
    assert (forecast.loc["still"] == 5.1).all(axis=None)
    assert (forecast.loc["empty"] == 0.0).all(axis=None)


# The face


@pytest.fixture(scope="module")
def transformed():
    """All at once: members of both scales, two seasons, series that see each other."""
    frame = frame_of({"a": weekly(60), "b": 100 * weekly(60, 1), "c": weekly(40, 2)})
    return Forecaster(
        horizon=4, season_length=[7, 14], transform="asinh", scaling="mixed", multivariate=True, lookback=16,
        filters=4, dilations=(1, 2), ensemble=2, max_steps=3,
    ).fit(frame), frame  # fmt: skip


def test_one_pass_equals_a_forecast_from_each_origin_and_nothing_later_moves_it(transformed):
    forecaster, frame = transformed
    tested = forecaster.backtest(frame, n_windows=12, step=1)
    spoiled = frame.copy()
    cutoff = pd.Timestamp("2024-02-22")
    spoiled.loc[spoiled["ds"] > cutoff, "y"] *= -1e9
    with pytest.warns(UserWarning, match="farther than a global scale can see"):
        with_other_future = forecaster.backtest(spoiled, n_windows=12, step=1)
    past = tested["cutoff"] <= cutoff
    columns = ["TCN", "TCN-lo-80", "TCN-hi-95"]
    assert past.sum() > 20
    pd.testing.assert_frame_equal(
        tested.loc[past, columns], with_other_future.loc[past, columns], check_exact=True
    )
    cut = forecaster.predict(frame[frame["ds"] <= cutoff])
    alone = tested[tested["cutoff"] == cutoff].merge(cut, on=["unique_id", "ds"], suffixes=("", "-alone"))
    assert len(alone) == 8
    np.testing.assert_allclose(alone["TCN"], alone["TCN-alone"], rtol=1e-4)


def test_a_bundle_keeps_all_of_it(transformed, tmp_path):
    forecaster, frame = transformed
    forecaster.save(tmp_path / "bundle", onnx=False)
    again = Forecaster.load(tmp_path / "bundle")
    assert again.plan_ == forecaster.plan_
    assert again.plan_.seasons == (7, 14)
    assert again.plan_.global_scale == (False, True)
    pd.testing.assert_frame_equal(again.predict(frame), forecaster.predict(frame), check_exact=True)


@pytest.mark.skipif(
    not all(map(find_spec, ("onnx", "tf2onnx", "onnxruntime"))), reason="needs the extras onnx and predict"
)
def test_forecasts_on_onnx_runtime_are_those_of_keras(transformed, tmp_path):
    forecaster, frame = transformed
    forecaster.save(tmp_path / "bundle", onnx=True)
    onnx = Forecaster.load(tmp_path / "bundle", runtime="onnx")
    pd.testing.assert_frame_equal(onnx.predict(frame), forecaster.predict(frame), rtol=1e-4)


def test_levels_beyond_a_global_scale_are_warned_of(transformed):
    forecaster, frame = transformed
    far = frame.assign(y=frame["y"].where(frame["unique_id"] != "b", frame["y"] * 1e20))
    with pytest.warns(UserWarning, match=r"the level of 1 series \('b'\) is more than 10 spreads"):
        assert np.isfinite(forecaster.predict(far)["TCN"]).all()


def test_channels_are_those_of_the_fit(transformed):
    forecaster, frame = transformed
    with pytest.raises(PanelError, match=r"series that it was fitted to\. Received: 'z'"):
        forecaster.predict(frame.replace("c", "z"))
    with pytest.warns(UserWarning, match="'channel b'"):
        without = forecaster.predict(frame[frame["unique_id"] != "b"])
    assert np.isfinite(without["TCN"]).all()


def test_levels_are_seen_where_something_is_known_of_them_and_the_fit_has_one_series():
    frame = frame_of({"a": weekly(40), "b": weekly(40, 1)}).assign(x=1.0, z=2.0)
    for covariates, ids, seen in (
        ({"future": ["x"]}, ["a"], (False, True)),
        ({"future": ["x"]}, ["a", "b"], ()),
        ({"past": ["z"], "calendar": "auto"}, ["a"], ()),
    ):
        forecaster = Forecaster(horizon=4, ensemble=2, covariates=covariates)
        assert forecaster.plan(frame[frame["unique_id"].isin(ids)]).global_scale == seen


def test_settings_that_do_not_go_together_are_refused():
    with pytest.raises(ConfigError, match="season_length"):
        Forecaster(horizon=4, season_length=[7, 7])
    with pytest.raises(ConfigError, match="transform"):
        Forecaster(horizon=4, transform="sqrt")
    with pytest.raises(ConfigError, match=r"head='hurdle'.*transform='asinh'"):
        Forecaster(horizon=4, head="hurdle", transform="asinh")
