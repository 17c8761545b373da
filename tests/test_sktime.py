"""The adapter for sktime: its own checks, and that forecasts are those of the forecaster."""

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
from page_code import run_code_of
from small_forecasters import weekly

import pipelines.network
from pipelines import Covariates, Forecaster, PanelError

pytest.importorskip("sktime", reason="wants a pandas below 3.1: make test-peers runs it")

from sktime.utils.estimator_checks import check_estimator

from pipelines.sktime import TCNForecaster

UNTRAINED = TCNForecaster.get_test_params()[1]
DAYS = pd.period_range("2024-01-01", periods=60, freq="D")
Y = pd.Series(weekly(60), DAYS, name="sold")
# They fit hundreds of times for the sake of combinations; benchmarks/sktime_checks.py runs them too.
COMBINATIONS = [
    "test_predict_time_index",
    "test_predict_time_index_with_X",
    "test_predict_interval",
    "test_update_predict_predicted_index",
    "test_doctest_examples",
]


@pytest.fixture(autouse=True)
def one_network_for_each_size(monkeypatch):
    """What is not trained never changes: networks of a size can be the same one, compiled once."""
    monkeypatch.setattr(pipelines.network, "build_network", same_network)


NETWORKS, BUILD = {}, pipelines.network.build_network


def same_network(plan, seed):
    assert plan.steps == 0
    sizes = {**plan.to_dict(), "seed": seed}
    for name in ("series", "rows", "observations", "origins", "memory_mb", "seconds", "notes"):
        del sizes[name]
    key = repr(sizes)
    if key not in NETWORKS:
        NETWORKS[key] = BUILD(plan, seed)
    return NETWORKS[key]


def untrained(**settings):
    return TCNForecaster(**{**UNTRAINED, **settings})


def long(y, **columns):
    stamps = y.index.to_timestamp() if isinstance(y.index, pd.PeriodIndex) else y.index
    return pd.DataFrame({"unique_id": "a", "ds": stamps, "y": y.to_numpy(), **columns})


def reference(horizon, **settings):
    return Forecaster(horizon, **{**UNTRAINED, **settings})


@pytest.mark.filterwarnings("ignore")
def test_it_passes_the_checks_of_sktime(monkeypatch):
    import tensorflow as tf

    # Compiling for each combination of lengths would take minutes.
    tf.config.run_functions_eagerly(True)
    try:
        results = check_estimator(untrained(), verbose=False, tests_to_exclude=COMBINATIONS)
    finally:
        tf.config.run_functions_eagerly(False)
    assert len(results) > 200
    assert {name: error for name, error in results.items() if error != "PASSED"} == {}


def test_it_has_the_settings_of_the_forecaster():
    def settings(kind):
        return {name: p.default for name, p in inspect.signature(kind).parameters.items()}

    ours = settings(Forecaster)
    # The horizon is that of fh, levels are those of predict_interval, and sktime has no names of columns.
    for name in ("horizon", "levels", "alias", "id_col", "time_col", "target_col"):
        del ours[name]
    assert settings(TCNForecaster) == ours


def test_forecasts_are_those_of_the_forecaster():
    f = untrained().fit(Y, fh=[1, 4])
    expected = reference(4).fit(long(Y)).predict(levels=[90], quantiles=[0.3])
    predicted = f.predict()
    assert predicted.name == "sold"
    assert predicted.index.astype(str).tolist() == ["2024-03-01", "2024-03-04"]
    np.testing.assert_array_equal(predicted, expected["TCN"].iloc[[0, 3]])
    np.testing.assert_array_equal(
        f.predict_interval(coverage=0.9), expected[["TCN-lo-90", "TCN-hi-90"]].iloc[[0, 3]]
    )
    quantiles = f.predict_quantiles(alpha=[0.95, 0.3])
    columns = ["TCN-hi-90", "TCN-q-0.3"]
    np.testing.assert_array_equal(quantiles, expected[columns].iloc[[0, 3]])


@pytest.mark.parametrize("freq", ["M", "Q-NOV", "Y-DEC", "W-WED", "30min"])
def test_periods_of_any_frequency(freq):
    y = Y.set_axis(pd.period_range("2000-01-01", periods=60, freq=freq))
    predicted = untrained(season_length=2).fit(y, fh=[1, 2]).predict()
    assert predicted.index.tolist() == [y.index[-1] + 1, y.index[-1] + 2]


def test_in_sample_forecasts_are_those_of_one_step():
    f = untrained().fit(Y, fh=list(range(-59, 2)))
    predicted = f.predict().to_numpy()
    reference_ = reference(1).fit(long(Y))
    assert np.isnan(predicted[0])
    np.testing.assert_array_equal(predicted[1:60], reference_.fitted_values()["TCN"])
    np.testing.assert_array_equal(predicted[60:], reference_.predict()["TCN"])


def test_columns_and_instances_are_series_of_one_network():
    keys = pd.MultiIndex.from_product([["n", "s"], ["x", "y"], DAYS], names=["area", "shop", "day"])
    rng = np.random.default_rng(0)
    y = pd.DataFrame({"a": rng.normal(size=len(keys)), 7: rng.normal(size=len(keys))}, keys)
    y.columns = y.columns.map(str)
    # One ends ten days before the others.
    short = y.index.get_level_values("shop") == "y"
    y = y[~(short & (y.index.get_level_values("area") == "s") & (y.index.get_level_values("day") > DAYS[49]))]
    f = untrained().fit(y, fh=[2, 3])
    predicted = f.predict()
    assert predicted.index.names == y.index.names
    assert set(predicted.index.get_level_values("day")) == {DAYS[-1] + 2, DAYS[-1] + 3}
    for area, shop in (("n", "x"), ("s", "y")):
        for column in y:
            series = y.loc[(area, shop), column].reindex(DAYS)
            expected = f.forecaster_.predict(rename(long(series)))["TCN"].iloc[1:]
            np.testing.assert_allclose(predicted.loc[(area, shop), column], expected, rtol=1e-5)


def rename(frame):
    return frame.set_axis(["sktime series", "sktime time", "sktime y"], axis=1)


def test_columns_of_x_are_known_ahead():
    X = pd.DataFrame({"price": weekly(63, 1), "promotion": np.where(np.arange(63) % 5, "no", "yes")})
    X.index = pd.period_range(DAYS[0], periods=63, freq="D")
    f = untrained().fit(Y, X[:60], fh=[1, 2, 3])
    covariates = Covariates(future=["price", "promotion"])
    expected = reference(3, covariates=covariates)
    expected.fit(long(Y, price=X["price"].to_numpy()[:60], promotion=X["promotion"].to_numpy()[:60]))
    ahead = X[60:].assign(unique_id="a", ds=X.index[60:].to_timestamp())
    np.testing.assert_array_equal(f.predict(X=X[60:]), expected.predict(future=ahead)["TCN"])
    assert f.forecaster_.settings_.covariates == covariates
    with pytest.raises(PanelError, match="'price'"):
        f.predict()
    with pytest.raises(PanelError, match="'price'"):
        f.predict(X=X[60:62])


def test_roles_may_be_given():
    X = pd.DataFrame({"load": weekly(60, 1)}, DAYS)
    f = untrained(covariates=Covariates(past=["load"], calendar="auto")).fit(Y, X, fh=[1])
    assert np.isfinite(f.predict()).all()
    assert np.isfinite(f.predict(X=X)).all()


def test_an_update_moves_the_origin_and_not_the_weights():
    f = untrained().fit(Y[:40], fh=[1, 2])
    network = f.forecaster_.network_
    f.update(Y[40:])
    assert f.forecaster_.network_ is network
    expected = reference(2).fit(long(Y[:40])).predict(long(Y))
    np.testing.assert_array_equal(f.predict(), expected["TCN"])
    assert f.predict().index[0] == DAYS[-1] + 1


def test_a_backtest_sees_nothing_after_its_cutoffs():
    from sktime.split import ExpandingWindowSplitter

    cv = ExpandingWindowSplitter(fh=[1, 2], initial_window=30, step_length=10)
    f = untrained().fit(Y, fh=[1, 2])
    found = f.update_predict(Y, cv)
    changed = Y.where(np.arange(60) < 50, 1e3)
    again = f.update_predict(changed, cv)
    both = [frame.dropna(axis=1, how="all").to_numpy() for frame in (found, again)]
    # Columns are cutoffs: after 30, 40 and 50 days.
    np.testing.assert_array_equal(both[0], both[1])
    np.testing.assert_array_equal(f.predict(), untrained().fit(Y, fh=[1, 2]).predict())


def test_gaps_are_taken_as_they_are():
    y = Y.where(np.arange(60) % 7 > 1)
    predicted = untrained().fit(y, fh=[1, 2]).predict()
    np.testing.assert_array_equal(predicted, reference(2).fit(long(y)).predict()["TCN"])


def test_it_can_be_pickled():
    f = untrained().fit(Y, fh=[1, 2])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(f)).predict(), f.predict())


def test_the_page_says_what_is_so(monkeypatch):
    monkeypatch.setattr(pipelines.network, "build_network", BUILD)
    assert run_code_of("how-to/interoperation.md", monkeypatch) == 1
