"""Calibrated intervals, quantiles and sample paths by the face of the package."""

import warnings
from copy import copy
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from small_forecasters import HORIZON, SMALL, UNTRAINED, fitted, frame_of, untrained_once, weekly

from pipelines import ConfigError, Forecaster, NotFittedError, Panel, PanelError

pytestmark = pytest.mark.usefixtures("eagerly")

OTHERS = {"x": 1.5 * weekly(160, 11), "y": 20 * weekly(140, 12), "z": weekly(150, 13) - 50}
METHODS = ("split", "adaptive")


def other_frame():
    """Series that no fit has seen."""
    return frame_of(OTHERS)


@cache
def calibrated(method):
    """A small forecaster, calibrated on series that it has not seen; tests must not change it."""
    return copy(fitted()).calibrate(other_frame(), method=method, step=2)


def own(frame):
    """Columns of the forecasts."""
    return [name for name in frame if name.startswith("TCN")]


def test_quantiles_are_columns_after_the_levels():
    found = fitted().predict(levels=[80], quantiles=[0.9, 0.025, 0.37])
    assert own(found) == ["TCN", "TCN-lo-80", "TCN-hi-80", "TCN-q-0.025", "TCN-q-0.37", "TCN-q-0.9"]
    np.testing.assert_array_equal(found["TCN-q-0.9"], found["TCN-hi-80"])
    assert (found["TCN-q-0.025"] <= found["TCN-lo-80"]).all()
    assert (found["TCN-q-0.37"] <= found["TCN"]).all()
    past = fitted().backtest(other_frame(), n_windows=2, levels=[], quantiles=(0.5, 0.00001))
    assert own(past) == ["TCN", "TCN-q-0.00001", "TCN-q-0.5"]
    np.testing.assert_array_equal(past["TCN-q-0.5"], past["TCN"])


@pytest.mark.parametrize("quantiles", [[0.0], [1], [0.1, 0.1], ["0.1"], 0.5, [True], [float("nan")]])
def test_wrong_quantiles_are_refused(quantiles):
    with pytest.raises(ConfigError, match="quantiles must"):
        fitted().predict(quantiles=quantiles)


@pytest.mark.parametrize("method", METHODS)
def test_coverage_before_and_after(method):
    coverage = calibrated(method).coverage_
    assert coverage["step"].tolist() == [*range(1, HORIZON + 1), "all"] * 2
    whole = coverage[coverage["step"] == "all"].set_index("level")
    gaps = whole.filter(like="coverage_").sub(whole.index.to_series() / 100, axis=0).abs()
    assert gaps["coverage_after"].max() < 0.05
    assert gaps["coverage_after"].mean() < gaps["coverage_before"].mean()
    assert (whole[["width_before", "width_after"]] > 0).all(axis=None)


def test_widths_are_in_units_of_the_target_whatever_the_transform():
    frame = other_frame()
    forecaster = Forecaster(**UNTRAINED, transform="asinh").fit(frame.groupby("unique_id").head(100))
    past = forecaster.backtest(frame, n_windows=5, levels=[80])
    whole = forecaster.calibrate(frame, n_windows=5, step=HORIZON).coverage_.query(
        "level == 80 and step == 'all'"
    )
    width = (past["TCN-hi-80"] - past["TCN-lo-80"]).mean()
    held = past["y"].between(past["TCN-lo-80"], past["TCN-hi-80"]).mean()
    assert whole["width_before"].item() == pytest.approx(width, rel=1e-5)
    assert whole["coverage_before"].item() == pytest.approx(held)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("method", METHODS)
def test_medians_stay_to_the_bit_and_nothing_crosses(method):
    columns = [0.001, 0.025, 0.1, 0.4, 0.6, 0.9, 0.975, 0.9999]
    found = calibrated(method).predict(other_frame(), quantiles=columns)
    before = fitted().predict(other_frame())
    np.testing.assert_array_equal(found["TCN"], before["TCN"])
    assert (found["TCN-lo-80"] != before["TCN-lo-80"]).all()
    names = [f"TCN-q-{column:g}" for column in columns]
    ordered = found[[*names[:4], "TCN", *names[4:]]].to_numpy()
    assert (np.diff(ordered, axis=1) >= 0).all()
    assert np.isfinite(ordered).all()


@pytest.mark.parametrize("method", METHODS)
def test_one_pass_is_a_loop_of_forecasts(method):
    """Whatever windows there are, the forecast at an origin is a function of the rows up to it."""
    forecaster, panel, n_windows, step = calibrated(method), Panel.from_frame(other_frame()), 4, 3
    past = forecaster.backtest(panel, n_windows=n_windows, step=step)
    for back in range(n_windows):
        known = panel.before(HORIZON + step * back)
        alone = forecaster.predict(known)
        ends = pd.Series(known.frame_time(known.last_stamps), index=known.ids)
        window = past[past["cutoff"].to_numpy() == past["unique_id"].map(ends).to_numpy()]
        assert len(window) == len(alone)
        scale = np.repeat([np.ptp(values) for values in OTHERS.values()], HORIZON)
        for name in own(alone):
            assert (np.abs(window[name].to_numpy() - alone[name].to_numpy()) < 1e-5 * scale).all()


def test_nothing_after_an_origin_moves_a_calibrated_forecast_by_a_bit():
    frame = other_frame()
    first = calibrated("adaptive").backtest(frame, n_windows=3, step=5)
    cutoff = first["cutoff"].min()
    moved = frame.assign(y=frame["y"].where(frame["ds"] <= cutoff, -7 * frame["y"] + 3))
    second = calibrated("adaptive").backtest(moved, n_windows=3, step=5)
    same = (first["cutoff"] <= cutoff).to_numpy()
    assert same.any()
    pd.testing.assert_frame_equal(first.loc[same, own(first)], second.loc[same, own(first)], check_exact=True)
    assert (first.loc[~same, "TCN-lo-80"] != second.loc[~same, "TCN-lo-80"]).any()


def test_forecasts_of_scaled_series_are_scaled():
    frame = other_frame()
    plain = calibrated("adaptive").predict(frame)
    larger = calibrated("adaptive").predict(frame.assign(y=frame["y"] * 2.0**20))
    np.testing.assert_allclose(larger[own(plain)], plain[own(plain)] * 2.0**20, rtol=1e-5)


def test_recent_errors_count_for_the_series_that_made_them():
    """A series that lately errs more than others gets wider intervals; its neighbors do not."""
    frame = other_frame()
    wild = frame["unique_id"].eq("x") & (frame["ds"] > frame["ds"].max() - pd.Timedelta("50D"))
    noise = np.random.default_rng(0).normal(size=len(frame)) * 30
    moved = frame.assign(y=frame["y"] + noise * wild)
    ratio = {}
    for method in METHODS:
        before, after = (calibrated(method).predict(each) for each in (frame, moved))
        plain = fitted().predict(moved)
        width = {k: f["TCN-hi-80"] - f["TCN-lo-80"] for k, f in {"after": after, "plain": plain}.items()}
        ratio[method] = (width["after"] / width["plain"])[after["unique_id"] == "x"].mean()
        others = after["unique_id"] != "x"
        pd.testing.assert_frame_equal(before[others], after[others])
    assert ratio["adaptive"] > ratio["split"]


def test_values_that_were_learned_do_not_count_as_errors():
    """After the fit, the adaptive forecast of a series of the fit is that of split calibration."""
    split, adaptive = (calibrated(method).predict() for method in METHODS)
    np.testing.assert_allclose(adaptive[own(split)], split[own(split)], rtol=1e-6)
    later = frame_of({"a": weekly(150, 1)})
    split, adaptive = (calibrated(method).predict(later) for method in METHODS)
    assert (adaptive["TCN-lo-80"] != split["TCN-lo-80"]).any()


def test_a_calibrated_bundle(tmp_path):
    forecaster = copy(calibrated("adaptive")).update(other_frame())
    forecaster.save(tmp_path / "bundle", onnx=False)
    loaded = Forecaster.load(tmp_path / "bundle")
    pd.testing.assert_frame_equal(loaded.predict(quantiles=[0.3]), forecaster.predict(quantiles=[0.3]))
    pd.testing.assert_frame_equal(loaded.coverage_, forecaster.coverage_)
    pd.testing.assert_frame_equal(loaded.sample_paths(3), forecaster.sample_paths(3))


def test_calibrated_forecasts_with_onnx_runtime(tmp_path):
    for package in ("onnxruntime", "tf2onnx"):
        pytest.importorskip(package)
    forecaster = copy(calibrated("adaptive")).update(other_frame())
    forecaster.save(tmp_path / "bundle", onnx=True)
    loaded = Forecaster.load(tmp_path / "bundle", runtime="onnx")
    for one, other in (
        (loaded.predict(), forecaster.predict()),
        (loaded.sample_paths(5), forecaster.sample_paths(5)),
    ):
        np.testing.assert_allclose(one[own(one)], other[own(one)], rtol=1e-4, atol=1e-2)
    with pytest.raises(ConfigError, match="Keras to calibrate"):
        loaded.calibrate(other_frame())


def test_calibration_needs_rows_that_were_not_learned():
    with pytest.raises(PanelError, match="rows after those of the fit"):
        copy(fitted()).calibrate(fitted().panel_)
    with pytest.warns(UserWarning, match="the weights have learned .* too narrow"):
        copy(fitted()).calibrate(fitted().panel_, n_windows=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        copy(fitted()).calibrate(other_frame(), n_windows=3)
    with pytest.raises(PanelError, match="values to compare"):
        copy(fitted()).calibrate(frame_of({"x": np.full(50, 3.0)}))
    with pytest.raises(ConfigError, match="method must"):
        copy(fitted()).calibrate(other_frame(), method="other")
    with pytest.raises(ConfigError, match="step must"):
        copy(fitted()).calibrate(other_frame(), step=0)
    with pytest.raises(NotFittedError, match="calibrate"):
        fitted().coverage_  # noqa: B018


def test_rows_after_those_of_the_fit_are_found_after_an_update():
    """Two forecasters calibrate alike: one that has the data of the fit, one that was given newer ones."""
    panel = Panel.from_frame(frame_of({"a": weekly(150, 1), "b": 10 * weekly(130, 2)}))
    one, other = copy(fitted()), copy(fitted()).update(panel)
    for each in (one, other):
        each.calibrate(panel)
    pd.testing.assert_frame_equal(one.coverage_, other.coverage_)


def test_a_fit_that_calibrates_forecasts_with_the_weights_of_one_that_does_not():
    forecaster = Forecaster(**UNTRAINED, conformal="split").fit(untrained_once().panel_)
    found, plain = forecaster.predict(), untrained_once().predict()
    np.testing.assert_array_equal(found["TCN"], plain["TCN"])
    assert (found["TCN-lo-80"] != plain["TCN-lo-80"]).any()
    assert len(forecaster.coverage_) == 2 * (HORIZON + 1)
    assert forecaster.get_params()["conformal"] == "split"
    again = copy(untrained_once()).calibrate_as(forecaster)
    pd.testing.assert_frame_equal(again.coverage_, forecaster.coverage_)
    with pytest.raises(PanelError, match="needs 8 more"):
        Forecaster(**UNTRAINED, conformal="split").fit(frame_of({"a": weekly(11)}))


def test_paths_have_the_quantiles_of_the_forecast():
    n = 2000
    forecast = fitted().predict()
    paths = fitted().sample_paths(n)
    assert paths.columns.tolist() == ["unique_id", "ds", "sample_id", "TCN"]
    assert paths.attrs["dependence"].startswith("eras")
    values = paths["TCN"].to_numpy().reshape(-1, n, HORIZON)
    ids = paths["unique_id"].to_numpy().reshape(-1, n, HORIZON)
    assert (ids == ids[:, :1, :1]).all()
    for name, probability in {"TCN-lo-80": 0.1, "TCN": 0.5, "TCN-hi-80": 0.9}.items():
        below = (values <= forecast[name].to_numpy().reshape(-1, 1, HORIZON)).mean(axis=1)
        assert np.abs(below - probability).max() < 4.5 * np.sqrt(probability * (1 - probability) / n)
    pd.testing.assert_frame_equal(fitted().sample_paths(n), paths)
    assert (fitted().sample_paths(n, seed=1)["TCN"] != paths["TCN"]).any()


def test_where_nothing_was_held_out_paths_say_so():
    assert untrained_once().sample_paths(2).attrs["dependence"] == "rows that were learned"
    assert calibrated("split").sample_paths(2).attrs["dependence"] == "windows of the calibration"


def widths_of_totals(forecaster, panel):
    """Width of the middle of the totals of paths, by series."""
    totals = forecaster.sample_paths(300, panel).groupby(["unique_id", "sample_id"])["TCN"].sum()
    return totals.groupby("unique_id").quantile(0.9) - totals.groupby("unique_id").quantile(0.1)


def test_totals_follow_the_recent_totals_of_their_series():
    """Errors of one sign at all steps of a window spread totals more than errors of changing signs."""
    frame, forecaster = other_frame(), calibrated("adaptive")
    place = frame.groupby("unique_id").cumcount(ascending=False)
    late = frame["unique_id"].eq("x") & place.lt(40)
    forecast = frame["y"].groupby(frame["unique_id"]).shift(7)
    widths = {}
    for name, sign in (("together", (-1.0) ** (place // HORIZON)), ("apart", (-1.0) ** place)):
        moved = frame.assign(y=np.where(late, forecast + 4 * sign, frame["y"]))
        widths[name] = widths_of_totals(forecaster, moved)
        marginal = forecaster.predict(moved)
        of_x = marginal["unique_id"] == "x"
        widths[name]["x"] /= (marginal["TCN-hi-80"] - marginal["TCN-lo-80"])[of_x].sum()
    assert widths["together"]["x"] > widths["apart"]["x"]
    for other in "yz":
        assert widths["together"][other] == widths["apart"][other]


def test_paths_keep_the_floor():
    forecaster = copy(untrained_once())
    forecaster._fitted = replace(forecaster._fitted, nonnegative=True)
    panel = Panel.from_frame(frame_of({"p": np.abs(weekly(60, 1) - 50), "q": weekly(60, 1) - 50}))
    lowest = forecaster.sample_paths(200, panel).groupby("unique_id")["TCN"].min()
    assert lowest["p"] == 0.0
    assert lowest["q"] < 0.0


@pytest.mark.parametrize("wrong", [{"n_paths": 0}, {"n_paths": 1.5}, {"seed": -1}])
def test_wrong_numbers_of_paths_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        fitted().sample_paths(**wrong)


def test_the_setting_is_checked():
    with pytest.raises(ConfigError, match="conformal"):
        Forecaster(**SMALL, conformal="other")
