"""Forecasts and backtests go unchanged into utilsforecast."""

from functools import partial

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pytest
from small_forecasters import fitted, training_frame
from utilsforecast import losses
from utilsforecast.evaluation import evaluate
from utilsforecast.plotting import plot_series

METRICS = [losses.mae, losses.rmse, losses.smape, losses.mqloss, losses.coverage, losses.scaled_crps]
KINDS = {"pandas": lambda frame: frame, "polars": pl.from_pandas}


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def given(request):
    """Series without gaps, whose errors are all known."""
    frame = training_frame()
    return request.param(frame[frame["unique_id"] != "d"])


def column(frame, name):
    return np.asarray(frame[name])


def test_a_backtest_is_evaluated_with_its_cutoffs(given):
    backtest = fitted().backtest(given, n_windows=3)
    scores = evaluate(backtest, METRICS, level=[80, 95], models=["TCN"])
    assert type(scores) is type(backtest)
    assert set(column(scores, "metric")) >= {
        "mae",
        "rmse",
        "smape",
        "mqloss",
        "coverage_level80",
        "scaled_crps",
    }
    assert len(scores) == 4 * 3 * len(set(column(scores, "metric")))
    assert np.isfinite(column(scores, "TCN")).all()
    error = np.abs(column(backtest, "y") - column(backtest, "TCN"))
    of_mae = column(scores, "TCN")[column(scores, "metric") == "mae"]
    assert of_mae.mean() == pytest.approx(error.mean())


def test_errors_are_scaled_by_training_rows(given):
    backtest = fitted().backtest(given)
    mase = partial(losses.mase, seasonality=7)
    scores = evaluate(backtest, [mase], models=["TCN"], train_df=given)
    assert len(scores) == 4
    assert (column(scores, "TCN") > 0).all()


def test_a_forecast_joins_what_happened(given):
    history = (
        given.groupby("unique_id").head(30)
        if hasattr(given, "groupby")
        else given.group_by("unique_id", maintain_order=True).head(30)
    )
    forecast = fitted().predict(history)
    keys = ["unique_id", "ds"]
    known = forecast.merge(given) if hasattr(forecast, "merge") else forecast.join(given, on=keys)
    assert len(known) == len(forecast)
    assert np.isfinite(column(evaluate(known, [losses.mae]), "TCN")).all()


def test_a_forecast_is_plotted_with_its_levels(given):
    figure = plot_series(given, fitted().predict(given), engine="plotly", level=[80, 95])
    assert isinstance(figure, go.Figure)
    assert {"y", "TCN", "TCN_level_80", "TCN_level_95"} <= {trace.name for trace in figure.data}
