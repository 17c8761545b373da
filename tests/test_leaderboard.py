"""One table of models on the same windows, statistical ones among them."""

import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from small_forecasters import HORIZON, frame_of, weekly

from pipelines import ConfigError, Panel, leaderboard
from pipelines.baselines import add_baselines
from pipelines.metrics import evaluate
from pipelines.ranking import ranked
from pipelines.skill import diebold_mariano
from pipelines.statistical import add_statistical, check_statistical


def history():
    gaps = weekly(60, 2)
    gaps[[0, 1, 20, 59 - HORIZON]] = np.nan
    return frame_of({"a": weekly(60, 1), "b": gaps})


def backtest_of(frame, windows=6, error=0.5):
    """A forecaster that knows what will come, up to a little noise."""
    rng = np.random.default_rng(0)
    parts = []
    for _, rows in frame.groupby("unique_id"):
        for k in range(windows, 0, -1):
            last = len(rows) - k * HORIZON
            window = rows.iloc[last : last + HORIZON]
            y = window["y"].fillna(50.0).to_numpy() + rng.normal(0, error, HORIZON)
            bounds = {"TCN-lo-80": y - 1, "TCN-hi-80": y + 1}
            parts.append(window.assign(cutoff=rows["ds"].iloc[last - 1], TCN=y, **bounds))
    return pd.concat(parts, ignore_index=True)


class Mean:
    """In the place of a statistical model: the mean, with bounds; it cannot be fitted to four values."""

    seen: list = []  # noqa: RUF012

    def __init__(self, season_length):
        assert season_length == 7

    def forecast(self, y, h, level):
        Mean.seen.append(y.copy())
        if len(y) < 5:
            raise ValueError("too short")
        made = {"mean": np.full(h, y.mean())}
        for each in level or []:
            made |= {f"lo-{each}": made["mean"] - each, f"hi-{each}": made["mean"] + each}
        return made


@pytest.fixture
def _statistical(monkeypatch):
    models = ModuleType("statsforecast.models")
    models.AutoETS = models.AutoTheta = Mean
    package = ModuleType("statsforecast")
    package.models, package.__spec__ = models, object()
    monkeypatch.setitem(sys.modules, "statsforecast", package)
    monkeypatch.setitem(sys.modules, "statsforecast.models", models)
    monkeypatch.setattr("pipelines.statistical.find_spec", lambda name: object())
    Mean.seen.clear()


@pytest.mark.usefixtures("_statistical")
def test_a_statistical_model_sees_what_was_known_and_nothing_else():
    frame, backtest = history(), backtest_of(history())
    tested = add_statistical(backtest, Panel.from_frame(frame), 7, ["AutoETS"], [80, 99.5])
    assert len(Mean.seen) == 12
    pd.testing.assert_frame_equal(tested[backtest.columns], backtest)
    for (name, cutoff), window in tested.groupby(["unique_id", "cutoff"]):
        known = frame[(frame["unique_id"] == name) & (frame["ds"] <= cutoff)].set_index("ds")["y"]
        mean = known.loc[known.first_valid_index() :].interpolate().mean()
        np.testing.assert_allclose(window["AutoETS"], mean)
        np.testing.assert_allclose(window["AutoETS-hi-99.5"] - window["AutoETS-lo-80"], 179.5)


@pytest.mark.usefixtures("_statistical")
def test_where_a_model_cannot_be_fitted_the_last_value_stands():
    frame = frame_of({"a": [3.0, 5.0, np.nan, 4.0, 6.0, 8.0], "b": weekly(6)})
    backtest = frame.groupby("unique_id").tail(2).assign(cutoff=pd.Timestamp("2024-01-04"), TCN=1.0)
    with pytest.warns(UserWarning, match="AutoETS could not be fitted at 2 cutoffs of a series, of 2"):
        tested = add_statistical(backtest, Panel.from_frame(frame), 7, ["AutoETS"], [80])
    assert tested["AutoETS"].tolist()[:2] == tested["AutoETS-lo-80"].tolist()[:2] == [4.0, 4.0]
    nothing = Panel.from_frame(frame.assign(y=np.nan), "D")
    with pytest.warns(UserWarning, match="the last value stands"):
        assert (add_statistical(backtest, nothing, 7, ["AutoETS"])["AutoETS"] == 0).all()


@pytest.mark.usefixtures("_statistical")
def test_a_leaderboard_ranks_all_models_of_the_same_windows():
    frame, backtest = history(), backtest_of(history())
    table = leaderboard(backtest, frame, 7, ["AutoETS"])
    assert {*table.index} == {"TCN", "AutoETS", "Naive", "SeasonalNaive", "Drift", "WindowAverage"}
    assert table["rank"].tolist() == [*range(1, 7)]
    assert table.index[0] == "TCN"
    assert table["mase"].is_monotonic_increasing
    panel = Panel.from_frame(frame)
    full = add_statistical(add_baselines(backtest, panel, 7, [80]), panel, 7, ["AutoETS"], [80])
    scores = evaluate(full, panel, 7)
    for name in ("mase", "wql", "smape", "rmsse", "coverage_80"):
        np.testing.assert_array_equal(table[name], scores.overall.loc[table.index, name])
    errors = (full["y"] - full["Naive"]).abs() - (full["y"] - full["TCN"]).abs()
    by_window = errors.groupby(full["cutoff"]).mean().to_numpy()
    assert table.loc["Naive", "p_first"] == pytest.approx(diebold_mariano(by_window)[1])
    assert np.isnan(table.loc["TCN", "p_first"])
    reference = scores.overall.loc["SeasonalNaive", "mae"]
    assert table.loc["TCN", "skill"] == pytest.approx(1 - scores.overall.loc["TCN", "mae"] / reference)


def test_few_windows_are_ranked_without_a_test():
    table = leaderboard(backtest_of(history(), windows=2), history(), 7)
    assert table["p_first"].isna().all()


def test_series_without_a_scale_are_ranked_by_their_error():
    frame = frame_of({"a": [4.0] * 20})
    frame.loc[18:, "y"] = 5.0
    backtest = frame.tail(2).assign(cutoff=frame["ds"].iloc[17], TCN=4.9)
    table = leaderboard(backtest, frame, 7)
    assert table["mase"].isna().all()
    assert (table.index[0], table["rank"].iloc[0]) == ("TCN", 1)


def test_equal_scores_of_another_source_are_ranked_too():
    scores = evaluate(backtest_of(history()), history(), 7)
    assert ranked(scores).index.tolist() == ["TCN"]


def test_what_cannot_be_compared_with_is_refused(monkeypatch):
    with pytest.raises(ConfigError, match=r"among AutoARIMA, AutoCES, AutoETS, AutoTheta\. Received: 'ETS'"):
        check_statistical(["ETS"])
    monkeypatch.setattr("pipelines.statistical.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'tcn-forecasting\[stats\]'"):
        check_statistical(["AutoETS"])


def test_statsforecast_itself_is_understood():
    pytest.importorskip("statsforecast", reason="wants a pandas below 3: make test-peers runs it")
    frame = history()
    tested = add_statistical(
        backtest_of(frame, 1), Panel.from_frame(frame), 7, ["AutoTheta", "AutoETS"], [80]
    )
    for name in ("AutoTheta", "AutoETS"):
        assert np.isfinite(tested[name]).all()
        assert (tested[f"{name}-lo-80"] < tested[name]).all()
        assert (tested[name] < tested[f"{name}-hi-80"]).all()
        assert (tested[name] - 50).abs().max() < 10
