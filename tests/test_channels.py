"""Series that see each other."""

import numpy as np
import pandas as pd
import pytest
from small_forecasters import frame_of, weekly

from pipelines import ConfigError, Covariates, Forecaster, Panel, PanelError
from pipelines.windows import add_channels, with_channels


def frame():
    late = frame_of({"b": weekly(20, 1)}, start="2024-01-11")
    return pd.concat([frame_of({"a": weekly(40)}), late, frame_of({"c": weekly(30, 2)})])


def test_each_row_holds_what_all_series_have_at_its_stamp():
    panel = Panel.from_frame(frame())
    names = add_channels(None, panel).past
    assert names == ("channel a", "channel b", "channel c")
    wide = frame().pivot(index="ds", columns="unique_id", values="y")
    beside = with_channels(panel, names)
    for column, name in zip(beside.covariates, "abc", strict=True):
        np.testing.assert_array_equal(column.values, wide.loc[panel.all_stamps(), name])
    [which] = beside.static
    assert [which.categories[code] for code in which.values] == list(names)


def test_they_come_after_what_else_is_asked_for():
    panel = Panel.from_frame(frame())
    asked = add_channels(Covariates(past=["x"], static=["kind"], calendar="auto", lags={"x": 2}), panel)
    assert asked.past == ("x", "channel a", "channel b", "channel c")
    assert (asked.static, asked.calendar, asked.lags) == (("kind", "channel"), "auto", {"x": 2})


def test_a_series_that_is_not_there_is_missing_and_one_that_was_not_is_refused():
    panel = Panel.from_frame(frame())
    names = add_channels(None, panel).past
    without = with_channels(panel.select([0, 2]), names)
    assert np.isnan(without.covariates[1].values).all()
    with pytest.raises(PanelError, match=r"fitted to\. Received: 'c'; leave it out"):
        with_channels(panel, names[:2])


def test_there_are_not_too_many_of_them():
    many = pd.DataFrame({"unique_id": np.arange(201), "ds": 1, "y": 1.0})
    with pytest.raises(ConfigError, match="at most 200 series"):
        add_channels(None, Panel.from_frame(many, freq=1))


@pytest.mark.long
def test_a_series_that_follows_another_is_forecast_from_it():
    noise = np.random.default_rng(0).normal(size=600)
    both = frame_of({"first": noise[3:], "follows": noise[:-3]})
    forecaster = Forecaster(
        horizon=2, season_length=1, lookback=8, filters=8, dilations=(1, 2), ensemble=1, max_steps=200,
        multivariate=True,
    ).fit(both[both["ds"] < "2025-05-01"])  # fmt: skip
    tested = forecaster.backtest(both, n_windows=100, step=1)
    tested = tested[tested["unique_id"] == "follows"]
    # Of its own past nothing follows: no forecast errs less than the best constant, but for chance.
    best_constant = (tested["y"] - tested["y"].median()).abs().mean()
    assert (tested["y"] - tested["TCN"]).abs().mean() < 0.8 * best_constant
