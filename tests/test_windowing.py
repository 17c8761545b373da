"""Windows for any regressor: against a slow, obvious computation, and as parts of scikit-learn."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import QuantileRegressor, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_forecasters import frame_of, training_frame, weekly

from pipelines import Covariates, Panel, evaluate, leaderboard
from pipelines.errors import ConfigError, PanelError
from pipelines.windowing import RegressorForecaster, RollingOriginSplit, WindowTransformer
from pipelines.windows import usual_change

HORIZON, LOOKBACK = 3, 14
ROLES = {"past": ["load"], "future": ["price"], "static": ["kind"], "lags": {"load": 2}}


def rich_frame(n=60):
    """Two series with a covariate of each role."""
    rng = np.random.default_rng(5)
    frame = frame_of({"a": weekly(n, 1), "b": weekly(n - 10, 2, 5.0)})
    return frame.assign(
        load=rng.normal(size=len(frame)), price=rng.normal(size=len(frame)), kind=frame["unique_id"] + "!"
    )


def windows(**settings):
    return WindowTransformer(**{"horizon": HORIZON, "lookback": LOOKBACK, **settings})


def named(transformer, matrix):
    return pd.DataFrame(matrix, columns=transformer.get_feature_names_out())


def test_features_are_those_of_an_oracle_that_looks_at_one_origin_at_a_time():
    frame = frame_of({"a": weekly(40, 1), "b": 1000 * weekly(25, 2)})
    transformer = windows().fit(frame)
    found = named(transformer, transformer.transform(frame))
    for position in (0, 3, 9, 20, 39, 40, 47, 64):
        name = frame["unique_id"][position]
        y = frame[frame["unique_id"] == name]["y"].to_numpy()
        t = position - (0 if name == "a" else 40)
        unit = usual_change(y, np.array([0, len(y)]), 7)[t]

        def shown(row, y=y, t=t, unit=unit):
            return (y[max(row, 0)] - y[t]) / (unit or 1.0)

        window = [shown(t - back) for back in range(LOOKBACK)]
        expected = {f"lag {back}": window[back] for back in range(8)}
        for span in (7, LOOKBACK):
            for statistic in ("mean", "std", "min", "max"):
                expected[f"{statistic} of {span}"] = getattr(np, statistic)(window[:span])
        expected["rows known"] = min(t + 1, LOOKBACK)
        for step in range(1, HORIZON + 1):
            for back in range(1, 4):
                row = t + step - 7 * (math.ceil(step / 7) + back - 1)
                expected[f"{back} of season 7, step {step}"] = shown(max(row, t - LOOKBACK + 1))
        same = found.loc[position, list(expected)]
        np.testing.assert_allclose(same, list(expected.values()), rtol=1e-4, atol=1e-4)
    calendar = [name for name in found if name.startswith("ahead")]
    monday = pd.to_datetime(frame["ds"]).dt.day_of_week.to_numpy()
    np.testing.assert_allclose(
        found["ahead sine of week, step 1"], np.sin(2 * np.pi * (monday + 1) / 7), atol=1e-6
    )
    assert len(found.columns) == len(expected) + len(calendar)


def test_targets_are_what_follows_in_units_of_the_origin_and_come_back():
    frame = training_frame()
    transformer = windows(history=frame)
    origins = transformer.origins()
    targets = transformer.targets(origins)
    assert np.isfinite(targets).all()
    place = frame.set_index(["unique_id", "ds"])["y"]
    ahead = [pd.to_timedelta(step, "D") for step in range(1, HORIZON + 1)]
    truth = [[place[name, stamp + step] for step in ahead] for name, stamp in origins.to_numpy()]
    np.testing.assert_allclose(transformer.restore(origins, targets), truth, rtol=1e-4, atol=1e-5)
    plain = windows(history=frame, scaling=None)
    np.testing.assert_array_equal(plain.targets(origins), truth)


@pytest.mark.parametrize("scaling", ["origin", None])
def test_nothing_after_an_origin_moves_its_features(scaling):
    frame = rich_frame()
    rng = np.random.default_rng(0)
    origin = frame[frame["unique_id"] == "a"].iloc[[30]]
    later = (frame["unique_id"] == "a") & (frame["ds"] > origin["ds"].iloc[0])
    other = frame.copy()
    for column in ("y", "load"):
        other.loc[later, column] = rng.normal(size=later.sum()) * 1e6
    beyond = later & (frame["ds"] > origin["ds"].iloc[0] + pd.to_timedelta(HORIZON, "D"))
    other.loc[beyond, "price"] = 1e6
    unsaid = (frame["unique_id"] == "a") & frame["ds"].between(
        *(origin["ds"].iloc[0] - pd.to_timedelta([1, 0], "D"))
    )
    other.loc[unsaid, "load"] = 1e6  # published two rows late
    made = [windows(history=each, covariates=ROLES, scaling=scaling).fit(origin) for each in (frame, other)]
    before, after = (each.transform(origin) for each in made)
    assert np.isfinite(before).all()
    np.testing.assert_array_equal(before, after)
    names = made[0].get_feature_names_out()
    moved = windows(
        history=frame.assign(price=frame["price"] + later), covariates=ROLES, scaling=scaling
    ).fit(origin)
    changed = names[(moved.transform(origin) != before)[0]]
    assert len(changed)
    assert all("price" in name for name in changed)


def test_order_and_names_of_series_change_nothing():
    frame = rich_frame()
    transformer = windows(covariates=Covariates(**ROLES)).fit(frame)
    expected = transformer.transform(frame)
    shuffled = frame.sample(frac=1, random_state=1)
    again = clone(transformer).fit(shuffled).transform(shuffled)
    np.testing.assert_array_equal(again, expected[shuffled.index])
    renamed = frame.assign(unique_id=frame["unique_id"].map({"a": "z", "b": "b"}))
    np.testing.assert_array_equal(clone(transformer).fit(renamed).transform(renamed), expected)


def test_origins_are_those_of_networks_and_some_of_them_can_be_drawn():
    frame = training_frame()
    transformer = windows(history=frame)
    origins = transformer.origins()
    assert origins["unique_id"].value_counts()["a"] == 90 - 7 - HORIZON
    gaps = origins.loc[origins["unique_id"] == "d", "ds"]
    missing = frame.loc[(frame["unique_id"] == "d") & frame["y"].isna(), "ds"].iloc[0]
    assert not gaps.between(missing - pd.to_timedelta(HORIZON, "D"), missing, inclusive="left").any()
    some = transformer.origins(at_most=20, seed=1)
    assert len(some.merge(origins)) == len(some) == 20
    pd.testing.assert_frame_equal(some, transformer.origins(at_most=20, seed=1))
    assert len(transformer.origins(at_most=10_000)) == len(origins)


def test_output_can_be_a_frame():
    frame = training_frame().set_index(np.arange(100, 440))
    transformer = windows().set_output(transform="pandas")
    found = transformer.fit_transform(frame)
    assert found.columns.tolist() == transformer.get_feature_names_out().tolist()
    assert found.index.equals(frame.index)


def test_origins_must_be_rows_of_the_history():
    frame = training_frame()
    transformer = windows(history=frame).fit(frame)
    strange = frame.tail(1)
    for wrong in (
        strange.assign(unique_id="x"),
        strange.assign(ds=pd.Timestamp("2030-01-01")),
        strange.assign(ds=strange["ds"] + pd.to_timedelta(1, "h")),
        strange.assign(ds=5),
    ):
        with pytest.raises(PanelError, match="must be a row of the history"):
            transformer.transform(wrong)


@pytest.mark.parametrize("made", [windows, RegressorForecaster])
def test_settings_are_checked_by_fit(made):
    with pytest.raises(ConfigError, match="scaling must be 'origin' or None"):
        made(horizon=2, scaling="global").fit(training_frame())
    with pytest.raises(ConfigError, match="lookback"):
        made(horizon=2, lookback=1).fit(training_frame())


def test_params_make_the_same_again():
    for one in (
        windows(history=Panel.from_frame(training_frame()), covariates=ROLES),
        RegressorForecaster(horizon=2, regressor=make_pipeline(StandardScaler(), Ridge(2.0)), levels=[80]),
    ):
        copy = clone(one)
        assert {n: repr(v) for n, v in copy.get_params().items()} == {
            n: repr(v) for n, v in one.get_params().items()
        }
        assert repr(copy) == repr(one)
    nested = RegressorForecaster(horizon=2, regressor=Ridge()).set_params(regressor__alpha=3.0)
    assert nested.regressor.alpha == 3.0


@pytest.mark.parametrize(("horizon", "n_origins"), [(1, 1), (3, None), (4, 2)])
def test_folds_learn_from_what_is_known_at_their_first_test(horizon, n_origins):
    origins = windows(horizon=horizon, history=training_frame()).origins()
    origins = origins.sample(frac=1, random_state=0)
    folds = [*RollingOriginSplit(horizon, 3, n_origins).split(origins)]
    assert len(folds) == 3
    tested = [origins["ds"].iloc[test] for _, test in folds]
    for (train, _), stamps in zip(folds, tested, strict=True):
        assert stamps.nunique() == (n_origins or horizon)
        last = origins["ds"].iloc[train].max() + pd.to_timedelta(horizon, "D")
        assert last == stamps.min()
    assert all(early.max() < late.min() for early, late in pairwise(tested))
    assert tested[-1].max() == origins["ds"].max()
    by_groups = RollingOriginSplit(horizon, 3, n_origins).split(
        np.empty((len(origins), 1)), groups=origins["ds"]
    )
    for (train, test), (other_train, other_test) in zip(folds, by_groups, strict=True):
        np.testing.assert_array_equal(train, other_train)
        np.testing.assert_array_equal(test, other_test)


def test_folds_need_stamps():
    with pytest.raises(PanelError, match="ask for fewer folds"):
        next(RollingOriginSplit(2, 3).split(pd.DataFrame({"ds": range(7)})))
    with pytest.raises(ConfigError, match="n_splits"):
        RollingOriginSplit(2, 0)


def test_folds_need_a_frame_or_the_stamps():
    with pytest.raises(PanelError, match=r"must be a frame with a column 'ds'.*Received: ndarray"):
        next(RollingOriginSplit(2, 3).split(np.ones((20, 2))))
    assert len([*RollingOriginSplit(2, 3).split(np.ones((20, 2)), groups=range(20))]) == 3


def test_a_pipeline_is_searched_over_look_backs_on_the_same_folds():
    frame = training_frame()
    step = windows(history=Panel.from_frame(frame))
    origins = step.origins()
    model = make_pipeline(step, StandardScaler(), Ridge())
    folds = RollingOriginSplit(HORIZON, n_splits=2)
    grid = {"windowtransformer__lookback": [7, 14]}
    search = GridSearchCV(model, grid, cv=folds, scoring="neg_mean_absolute_error", error_score="raise")
    search.fit(origins, step.targets(origins))
    forecast = step.restore(origins, search.predict(origins))
    assert forecast.shape == (len(origins), HORIZON)
    naive = make_pipeline(step, DummyRegressor(strategy="constant", constant=[0.0] * HORIZON))
    scores = cross_val_score(
        naive, origins, step.targets(origins), cv=folds, scoring="neg_mean_absolute_error"
    )
    assert search.best_score_ > scores.mean(), "no better than the last value"


def test_a_forecaster_repeats_a_pattern_that_it_has_seen():
    frame = frame_of({"a": weekly(80, 1), "b": 100 + np.arange(70) % 7, "c": np.full(40, 3.0)})
    forecaster = RegressorForecaster(HORIZON, Ridge(1e-3), lookback=LOOKBACK, alias="Ridge").fit(frame)
    forecast = forecaster.predict()
    assert forecast.columns.tolist() == ["unique_id", "ds", "Ridge"]
    found = forecast.groupby("unique_id")["Ridge"].apply(list)
    np.testing.assert_allclose(found["b"], [100, 101, 102], atol=0.2)
    assert found["c"] == [3.0, 3.0, 3.0]


def test_frames_are_those_of_scores_and_leaderboards():
    frame = training_frame()
    panel = Panel.from_frame(frame)
    forecaster = RegressorForecaster(
        HORIZON, QuantileRegressor(alpha=0.0), lookback=7, levels=[50], max_rows=200
    )
    forecaster.fit(panel.before(2 * HORIZON))
    backtest = forecaster.backtest(frame, n_windows=2)
    assert backtest.columns.tolist() == [
        *("unique_id", "ds", "cutoff", "y", "Regressor", "Regressor-lo-50", "Regressor-hi-50")
    ]
    assert (backtest["Regressor-lo-50"] <= backtest["Regressor"]).all()
    assert (backtest["Regressor"] <= backtest["Regressor-hi-50"]).all()
    assert evaluate(backtest, panel, 7).overall.loc["Regressor", "mase"] > 0
    assert "Regressor" in leaderboard(backtest, panel, season_length=7).index
    last = backtest[backtest["cutoff"] == backtest.groupby("unique_id")["cutoff"].transform("max")]
    from_there = forecaster.predict(panel.before(HORIZON))
    np.testing.assert_allclose(from_there["Regressor-hi-50"], last["Regressor-hi-50"], rtol=1e-12)
    with pytest.warns(UserWarning, match="learned from"):
        forecaster.backtest(frame, n_windows=3)


def test_a_regressor_without_quantiles_has_no_intervals():
    forecaster = RegressorForecaster(HORIZON, Ridge(), lookback=7).fit(training_frame())
    with pytest.raises(ConfigError, match="quantile loss"):
        forecaster.predict(levels=[80])


def test_covariates_ahead_are_read_and_needed():
    frame = rich_frame(90)
    frame["y"] = frame["y"] + 30 * frame["price"]
    known, rest = frame[frame["ds"] < "2024-02-15"], frame[frame["ds"] >= "2024-02-15"]
    settings = {"horizon": HORIZON, "regressor": Ridge(), "lookback": 7}
    forecaster = RegressorForecaster(covariates=ROLES, **settings).fit(known)
    with pytest.raises(PanelError, match="price"):
        forecaster.predict()
    both = forecaster.predict(future=rest).merge(rest, on=["unique_id", "ds"])
    without = RegressorForecaster(**settings).fit(known).predict().merge(rest, on=["unique_id", "ds"])
    errors = [(each["y"] - each["Regressor"]).abs().mean() for each in (both, without)]
    assert errors[0] < errors[1] / 2
    with pytest.raises(ConfigError, match="future"):
        RegressorForecaster(**settings).fit(known).predict(future=rest)


def test_what_is_drawn_depends_on_the_seed_alone():
    frame = training_frame()
    settings = {"horizon": HORIZON, "regressor": Ridge(), "lookback": 7, "max_rows": 50}
    one, two, other = (
        RegressorForecaster(seed=seed, **settings).fit(rows).predict()["Regressor"]
        for seed, rows in ((1, frame), (1, frame.sample(frac=1, random_state=3)), (2, frame))
    )
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()


def test_forecasts_of_what_is_never_negative_are_not_negative():
    rng = np.random.default_rng(0)
    frame = frame_of({"a": rng.poisson(0.3, 80).astype(float), "b": np.zeros(30)})
    forecaster = RegressorForecaster(HORIZON, QuantileRegressor(alpha=0.0), lookback=7, max_rows=100).fit(
        frame
    )
    assert (forecaster.predict().drop(columns=["unique_id", "ds"]) >= 0).all(axis=None)


@pytest.mark.parametrize("y", [5.0, np.nan])
def test_a_regressor_needs_series_that_change(y):
    with pytest.raises(PanelError, match=r"must have values to learn from.*; fit it to series that change"):
        RegressorForecaster(horizon=2, regressor=Ridge()).fit(training_frame().assign(y=y))


@pytest.mark.parametrize("regressor", ["ridge", Ridge, StandardScaler()])
def test_what_is_no_regressor_is_refused(regressor):
    with pytest.raises(ConfigError, match="regressor must be one of scikit-learn"):
        RegressorForecaster(horizon=2, regressor=regressor).fit(training_frame())


def test_forecasts_come_back_row_by_row_or_not_at_all():
    one_step = windows(horizon=1, history=training_frame())
    origins = one_step.origins().tail(4)
    flat = one_step.targets(origins).ravel()  # as regressors of one target predict it
    assert one_step.restore(origins, flat).shape == (4, 1)
    np.testing.assert_array_equal(one_step.restore(origins, flat), one_step.restore(origins, flat[:, None]))
    for wrong in (flat[:3], np.ones((4, 4)), 0.0):
        with pytest.raises(PanelError, match=r"must be of shape \(4, 1\).*Received: \("):
            one_step.restore(origins, wrong)
