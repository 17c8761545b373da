"""The face: parameters, frames in and out, errors, and what a fit leaves untouched."""

import inspect
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted
from small_forecasters import (
    HORIZON,
    SMALL,
    UNTRAINED,
    fitted,
    frame_of,
    training_frame,
    untrained_once,
    weekly,
)

from pipelines import ConfigError, Forecaster, NotFittedError, Panel, PanelError
from pipelines.network import forecast_origins
from pipelines.windows import SeriesTable

pytestmark = pytest.mark.usefixtures("eagerly")


def untrained(frame, **arguments):
    return Forecaster(**{**UNTRAINED, **arguments}).fit(frame)


# Parameters, as scikit-learn has them


def test_arguments_are_attributes_unchanged():
    levels, dilations = [90, 50], (1, 2)
    forecaster = Forecaster(horizon=np.int64(4), levels=levels, dilations=dilations, freq="h")
    assert forecaster.levels is levels
    assert forecaster.dilations is dilations
    assert type(forecaster.horizon) is np.int64
    assert list(forecaster.get_params()) == list(inspect.signature(Forecaster).parameters)
    assert not [name for name in vars(forecaster) if name.endswith("_")]


def test_clone_gives_an_unfitted_copy_of_the_arguments():
    copy = clone(fitted())
    assert copy is not fitted()
    assert copy.get_params() == fitted().get_params()
    with pytest.raises(NotFittedError):
        copy.predict()


def pipeline(forecaster):
    return Pipeline([("same", FunctionTransformer()), ("forecast", forecaster)])


def test_a_pipeline_passes_arguments_on_and_shows_them():
    made = clone(pipeline(Forecaster(horizon=4))).set_params(forecast__max_steps=7, forecast__levels=[50])
    assert made.get_params()["forecast__levels"] == [50]
    for shown in ({"print_changed_only": False}, {"display": "text"}):
        with sklearn.config_context(**shown):
            assert "max_steps=7" in repr(made)
    assert "Forecaster" in made._repr_html_()


def test_a_pipeline_forecasts_once_it_is_fitted():
    for unfitted in (Forecaster(horizon=4), pipeline(Forecaster(horizon=4))):
        with pytest.raises(sklearn.exceptions.NotFittedError):
            check_is_fitted(unfitted)
    frame = training_frame()
    pd.testing.assert_frame_equal(pipeline(fitted()).predict(frame), fitted().predict(frame))


def test_set_params_changes_all_or_nothing():
    forecaster = Forecaster(horizon=4)
    assert forecaster.set_params(horizon=6, alias="Net") is forecaster
    assert (forecaster.horizon, forecaster.alias) == (6, "Net")
    with pytest.raises(ConfigError, match=r"'horizon': .*greater than or equal to 1\. Received: 0"):
        forecaster.set_params(alias="Other", horizon=0)
    with pytest.raises(ConfigError, match=r"'horizn' is not a setting\. Known: horizon, freq,"):
        forecaster.set_params(alias="Other", horizn=4)
    assert (forecaster.horizon, forecaster.alias) == (6, "Net")


@pytest.mark.parametrize(
    "arguments",
    [
        {"horizon": 0},
        {"horizon": 2.5},
        {"horizon": True},
        {"season_length": 0},
        {"levels": 80},
        {"levels": [80, 80.0]},
        {"levels": [100]},
        {"levels": [99.9999999]},
        {"levels": [90, 90.0000001]},
        {"levels": ["80"]},
        {"levels": [True]},
        {"seed": -1},
        {"lookback": 1},
        {"architecture": "rnn"},
        {"dilations": []},
        {"dilations": [1, 0]},
        {"kernel_size": 1},
        {"head": "cauchy"},
        {"preset": "slow"},
        {"max_steps": -1},
        {"time_budget": 0},
        {"ensemble": 0},
        {"alias": ""},
        {"filters": "wide"},
    ],
)
def test_a_setting_that_is_not_allowed_is_named(arguments):
    (name, value) = next(iter(arguments.items()))
    with pytest.raises(ConfigError) as raised:
        Forecaster(**{"horizon": 4, **arguments})
    assert str(raised.value).startswith(f"'{name}': ")
    assert f"Received: {value!r}" in str(raised.value).replace("(80, 80.0)", "[80, 80.0]").replace(
        "()", "[]"
    ) or (isinstance(value, list))


def test_repr_shows_what_was_chosen():
    assert repr(Forecaster(horizon=4)) == "Forecaster(horizon=4)"
    forecaster = Forecaster(horizon=4, levels=[50], freq="h")
    assert repr(forecaster) == "Forecaster(horizon=4, freq='h', levels=[50])"
    assert eval(repr(forecaster)).get_params() == forecaster.get_params()


# Fitting


def test_fit_returns_itself_and_its_state():
    forecaster = fitted()
    assert forecaster.plan_.horizon == forecaster.horizon == HORIZON
    assert forecaster.panel_ == Panel.from_frame(training_frame())
    assert [record["step"] for record in forecaster.history_] == list(range(1, SMALL["max_steps"] + 1))
    assert forecaster.network_.horizon == HORIZON
    assert forecaster.plan_ == Forecaster(**SMALL).plan(training_frame())
    again = Forecaster(**UNTRAINED)
    assert again.fit(training_frame()) is again


@pytest.mark.parametrize("method", ["fit", "plan", "predict", "backtest"])
def test_the_frame_is_not_changed(method):
    frame = training_frame().sample(frac=1, random_state=1)
    frame.loc[frame.index[3], "y"] = np.nan
    before = frame.copy(deep=True)
    forecaster = Forecaster(**UNTRAINED) if method in ("fit", "plan") else fitted()
    getattr(forecaster, method)(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_a_panel_is_taken_as_it_is():
    panel = Panel.from_frame(training_frame())
    assert untrained(panel).panel_ is panel
    pd.testing.assert_frame_equal(fitted().predict(panel), fitted().predict(training_frame()))
    pd.testing.assert_frame_equal(
        fitted().predict(panel.before(7)), fitted().predict(panel.before(7).to_frame())
    )


def test_a_panel_of_another_frequency_is_refused():
    hourly = Panel.from_frame(frame_of({"a": weekly(30)}, freq="h"))
    with pytest.raises(PanelError, match=r"the forecaster's freq='D'\. Received: freq='h'; make"):
        fitted().predict(hourly)
    with pytest.raises(PanelError, match=r"freq='D'\. Received: freq='h'"):
        Forecaster(**SMALL, freq="D").fit(hourly)


def test_plan_needs_no_training_and_changes_nothing():
    forecaster = Forecaster(**SMALL)
    before = dict(vars(forecaster))
    plan = forecaster.plan(training_frame())
    assert vars(forecaster) == before
    assert (plan.horizon, plan.members, plan.steps, plan.series) == (HORIZON, 2, SMALL["max_steps"], 5)


@pytest.mark.parametrize("method", ["predict", "backtest"])
def test_methods_that_need_a_fit_say_so(method):
    with pytest.raises(NotFittedError, match=r"must be fitted first; call fit\(df\)"):
        getattr(Forecaster(horizon=4), method)()


def test_saving_needs_a_fit(tmp_path):
    with pytest.raises(NotFittedError, match="must be fitted first"):
        Forecaster(horizon=4).save(tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_seeds_make_different_networks():
    one, two, same = (untrained(training_frame(), seed=seed).network_ for seed in (0, 1, 0))
    for a, b in zip(one.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (one.long_kernel.kernel.numpy() != two.long_kernel.kernel.numpy()).all()


# Forecasts


def test_a_forecast_has_a_row_per_series_and_step_after_the_last_stamp():
    frame = training_frame()
    forecast = fitted().predict()
    assert list(forecast.columns) == [
        "unique_id",
        "ds",
        "TCN",
        "TCN-lo-80",
        "TCN-hi-80",
        "TCN-lo-95",
        "TCN-hi-95",
    ]
    last = frame.groupby("unique_id")["ds"].max()
    expected = [
        (name, stamp + pd.Timedelta(days=h + 1)) for name, stamp in last.items() for h in range(HORIZON)
    ]
    assert list(zip(forecast["unique_id"], forecast["ds"], strict=True)) == expected
    assert (forecast["TCN-lo-95"] < forecast["TCN-lo-80"]).all()
    assert (forecast["TCN-lo-80"] < forecast["TCN"]).all()
    assert (forecast["TCN"] < forecast["TCN-hi-80"]).all()
    assert isinstance(forecast.index, pd.RangeIndex)


def test_a_new_history_and_new_series_need_no_refit():
    frame = training_frame()
    shorter = frame[frame["ds"] < "2024-02-20"]
    network = fitted().network_
    forecast = fitted().predict(pd.concat([shorter, frame_of({"new": weekly(33, 9)})]))
    assert set(forecast["unique_id"]) == {*"abcde", "new"}
    assert forecast.groupby("unique_id")["ds"].min()["new"] == pd.Timestamp("2024-02-03")
    assert fitted().network_ is network
    usual = forecast[forecast["unique_id"] == "new"]
    assert usual["TCN"].between(35, 65).all()


def test_how_far_away_zero_is_does_not_matter():
    """Counters stand at levels a million times their changes; intervals are as wide as the changes ask."""
    changes = np.random.default_rng(0).integers(-3, 4, 60).astype(float)
    near, far = (fitted().predict(frame_of({"a": level + changes})) for level in (1e6, 2.0**40))
    for column in near.columns[2:]:
        np.testing.assert_allclose(near[column] - 1e6, far[column] - 2.0**40, rtol=1e-3, atol=1e-3)
    assert (near["TCN-hi-80"] - near["TCN-lo-80"]).between(0.1, 40).all()


def test_levels_can_be_asked_for_later():
    forecast = fitted().predict(levels=[99.9, 50])
    assert list(forecast.columns[2:]) == ["TCN", "TCN-lo-50", "TCN-hi-50", "TCN-lo-99.9", "TCN-hi-99.9"]
    np.testing.assert_array_equal(forecast["TCN"], fitted().predict()["TCN"])
    assert list(fitted().predict(levels=[]).columns) == ["unique_id", "ds", "TCN"]
    with pytest.raises(ConfigError, match="between 0 and 100"):
        fitted().predict(levels=[0])


def test_levels_of_the_network_are_its_quantiles():
    panel = fitted().panel_
    table = SeriesTable.from_panel(panel, fitted().plan_.season_length)
    table = forecast_origins(fitted().network_, table, np.arange(5), panel.indptr[1:] - 1)[:, 0]
    forecast = fitted().predict(levels=[80, 90, 98])
    for column, k in (("lo-98", 0), ("lo-90", 1), ("lo-80", 2), ("hi-80", 10), ("hi-90", 11), ("hi-98", 12)):
        np.testing.assert_array_equal(forecast[f"TCN-{column}"], table[..., k].ravel())


def test_blocks_of_series_do_not_change_the_forecast(monkeypatch):
    whole = fitted().backtest(n_windows=3, step=2)
    monkeypatch.setattr("pipelines.fitted._BLOCK", 2 * 3 * HORIZON * len(fitted().network_.quantiles))
    pd.testing.assert_frame_equal(fitted().backtest(n_windows=3, step=2), whole, rtol=1e-5)


def test_an_untrained_network_repeats_the_season_around_the_last_value():
    y = 50 + 5 * np.sin(np.arange(70) * 2 * np.pi / 7)
    forecast = untrained(frame_of({"a": y}), filters=2).predict()
    repeated = y[-7:][:HORIZON]
    last = y[-1]
    # 0.9 of the way from the last value to that of a season before, give or take what the weights start with.
    np.testing.assert_allclose(forecast["TCN"], last + 0.9 * (repeated - last), atol=5)
    assert np.corrcoef(forecast["TCN"], repeated)[0, 1] > 0.7


def test_what_never_was_negative_is_not_forecast_so():
    small = np.where(np.arange(60) % 7 == 3, 2.0, 0.0) + np.arange(60) % 2
    forecaster = untrained(frame_of({"a": small}))
    wide = forecaster.predict(levels=[99.99])
    assert (wide[["TCN", "TCN-lo-99.99"]] >= 0).all(axis=None)
    assert (wide["TCN-lo-99.99"] == 0).any()
    tested = forecaster.backtest(levels=[99.99])
    assert (tested["TCN-lo-99.99"] >= 0).all()
    # One negative value anywhere in the data of the fit, and the bounds are free.
    free = untrained(frame_of({"a": small, "b": small - 1})).predict(levels=[99.99])
    assert (free["TCN-lo-99.99"] < 0).any()


def test_what_has_been_negative_may_be_forecast_so():
    """The data of the fit never were, but the series to forecast has been."""
    forecaster = untrained(frame_of({"a": weekly(60, 1)}))
    y = weekly(60, 2, 20.0) - np.linspace(0, 40, 60)
    crossed = int(np.argmax(y < 0))
    assert 18 < crossed < 50
    tested = forecaster.backtest(frame_of({"a": y}), n_windows=40, step=1, levels=[99])
    origin = (tested["cutoff"] - pd.Timestamp("2024-01-01")).dt.days
    columns = ["TCN", "TCN-lo-99"]
    assert (tested.loc[origin < crossed, columns] >= 0).all(axis=None)
    assert (tested.loc[origin >= crossed, columns] < 0).any().all()
    below = forecaster.predict(frame_of({"a": np.r_[-5.0, np.full(20, -5.0)]}))
    assert (below["TCN"] == -5.0).all()


@pytest.mark.parametrize(
    "names", [{"alias": "y"}, {"alias": "cutoff"}, {"id_col": "ds"}, {"target_col": "v", "time_col": "v"}]
)
def test_columns_have_names_of_their_own(names):
    with pytest.raises(ConfigError, match="five names") as raised:
        Forecaster(horizon=4, **names)
    assert repr(next(iter(names.values()))) in str(raised.value)


# Backtests


def test_a_backtest_lays_windows_out_with_what_was_observed():
    frame = training_frame()
    tested = fitted().backtest(n_windows=3, step=2)
    assert list(tested.columns[:4]) == ["unique_id", "ds", "cutoff", "y"]
    assert list(tested.columns[4:]) == list(fitted().predict().columns[2:])
    assert len(tested) == 5 * 3 * HORIZON
    assert tested.equals(tested.sort_values(["unique_id", "cutoff", "ds"], ignore_index=True))
    for (name, cutoff), window in tested.groupby(["unique_id", "cutoff"]):
        assert list((window["ds"] - cutoff).dt.days) == [1, 2, 3, 4]
        truth = frame[(frame["unique_id"] == name) & frame["ds"].isin(window["ds"])]
        np.testing.assert_array_equal(window["y"], truth["y"])
    last = tested.groupby("unique_id")[["ds", "cutoff"]].max()
    assert (last["ds"] == frame.groupby("unique_id")["ds"].max()).all()
    assert (tested.groupby("unique_id")["cutoff"].nunique() == 3).all()


def test_the_default_is_one_window_of_the_horizon():
    tested = fitted().backtest()
    assert len(tested) == 5 * HORIZON
    two = fitted().backtest(n_windows=2)
    assert (two.groupby("unique_id")["cutoff"].agg(np.ptp) == pd.Timedelta(days=HORIZON)).all()


def test_a_short_series_gets_the_windows_that_it_has():
    frame = frame_of({"long": weekly(30), "short": weekly(6), "too short": weekly(4)})
    tested = fitted().backtest(frame, n_windows=5, step=1)
    assert tested.groupby("unique_id")["cutoff"].nunique().to_dict() == {"long": 5, "short": 2}
    with pytest.raises(ConfigError, match=r"more than horizon=4 rows\. Received: 4 rows in the longest"):
        fitted().backtest(frame_of({"too short": weekly(4)}))


@pytest.mark.parametrize(
    ("name", "value"), [("n_windows", 0), ("step", -1), ("n_windows", 1.5), ("step", "1")]
)
def test_counts_of_a_backtest_are_positive(name, value):
    with pytest.raises(ConfigError, match=f"{name} must be a positive integer"):
        fitted().backtest(**{name: value})


# Frames of all kinds


def test_own_column_names_come_back():
    frame = training_frame().rename(columns={"unique_id": "store", "ds": "day", "y": "sold"})
    own = untrained(frame, id_col="store", time_col="day", target_col="sold", alias="Net")
    plain = untrained_once()
    forecast, tested = own.predict(), own.backtest()
    assert list(forecast.columns[:4]) == ["store", "day", "Net", "Net-lo-80"]
    assert list(tested.columns[:5]) == ["store", "day", "cutoff", "sold", "Net"]
    np.testing.assert_array_equal(forecast["Net"], plain.predict()["TCN"])
    np.testing.assert_array_equal(tested["Net-hi-95"], plain.backtest()["TCN-hi-95"])
    own.set_params(id_col="shop", alias="Changed")  # what was learned stays
    assert list(own.predict(frame).columns[:3]) == ["store", "day", "Net"]


@pytest.mark.parametrize("kind", ["polars", "lazy", "pyarrow", "text", "index"])
def test_other_frames_give_the_same_forecast(kind):
    frame = training_frame()
    given = {
        "polars": lambda: pl.from_pandas(frame),
        "lazy": lambda: pl.from_pandas(frame).lazy(),
        "pyarrow": lambda: pa.Table.from_pandas(frame),
        "text": lambda: frame.assign(ds=frame["ds"].astype(str), y=frame["y"].astype(str)),
        "index": lambda: frame.set_index(["unique_id", "ds"]),
    }[kind]()
    forecast = fitted().predict(given)
    for column in fitted().predict().columns[2:]:
        np.testing.assert_array_equal(np.asarray(forecast[column]), fitted().predict()[column])


def test_integer_stamps():
    frame = training_frame()
    frame["ds"] = frame.groupby("unique_id").cumcount() * 2 + 100
    forecaster = untrained(frame, season_length=7)
    assert forecaster.plan_.freq == "2"
    assert forecaster.plan_.phases == 7
    forecast = forecaster.predict()
    assert forecast["ds"].dtype == np.int64
    assert list(forecast.loc[forecast["unique_id"] == "e", "ds"]) == [180, 182, 184, 186]
    pd.testing.assert_frame_equal(forecaster.predict(frame.iloc[::-1]), forecast)
    assert list(forecaster.backtest()["cutoff"].head(1)) == [100 + 2 * (90 - 1 - HORIZON)]


def test_time_zones_come_back():
    stamps = pd.date_range("2024-03-29", periods=80, freq="h", tz="Europe/Berlin")
    frame = pd.DataFrame({"unique_id": "a", "ds": stamps, "y": weekly(80)})
    forecaster = untrained(frame)
    forecast = forecaster.predict()
    expected = pd.date_range(stamps[-1], periods=HORIZON + 1, freq="h")[1:]
    assert list(forecast["ds"]) == list(expected)
    assert str(forecast["ds"].dt.tz) == str(forecaster.backtest()["cutoff"].dt.tz) == "Europe/Berlin"


def test_periods_are_taken():
    periods = pd.period_range("2018-01", periods=60, freq="M")
    frame = pd.DataFrame({"unique_id": 5, "ds": periods, "y": weekly(60)})
    forecast = untrained(frame).predict()
    assert list(forecast["unique_id"]) == [5] * HORIZON
    assert list(forecast["ds"].dt.strftime("%Y-%m")) == ["2023-01", "2023-02", "2023-03", "2023-04"]


@given(st.permutations(["b", 2, 1.5]))
@settings(max_examples=3)
def test_ids_of_any_type_come_back(names):
    forecast = fitted().predict(frame_of({name: weekly(20, i) for i, name in enumerate(names)}))
    plain = fitted().predict(frame_of({f"s{i}": weekly(20, i) for i in range(3)}))
    assert set(forecast["unique_id"]) == set(names)
    for i, name in enumerate(names):
        mine, same = forecast[forecast["unique_id"] == name], plain[plain["unique_id"] == f"s{i}"]
        np.testing.assert_array_equal(mine["TCN"], same["TCN"])


@pytest.mark.parametrize("method", ["fit", "plan"])
@pytest.mark.parametrize("frame", [pd.DataFrame({"unique_id": [], "ds": [], "y": []}), 3, None])
def test_what_is_no_frame_is_refused(method, frame):
    with pytest.raises(PanelError):
        getattr(Forecaster(**SMALL), method)(frame)


def test_nothing_is_warned_of(recwarn):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        fitted().predict(training_frame())
        fitted().fitted_values()
    assert [str(warning.message) for warning in recwarn] == []


def test_a_forecast_from_next_to_nothing_is_warned_of():
    days = pd.date_range("2024-05-01", periods=2)
    for y in ([4.0], [np.nan, np.nan]):
        told = pd.DataFrame({"unique_id": "new", "ds": days[: len(y)], "y": y})
        with pytest.warns(UserWarning, match=r"no value, or a single one, is known of 1 series \('new'\)"):
            found = fitted().predict(told)
        assert (found["TCN-hi-95"] == found["TCN-lo-95"]).all()
