"""Backtests that train anew, gaps and certificates: against plain loops, with a forecaster of one line."""

import hashlib
import logging
import warnings
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_forecasters import HORIZON, UNTRAINED, fitted, frame_of, untrained_once, weekly

from pipelines import ConfigError, Covariates, Forecaster, ForecastingError, NotFittedError, Panel, PanelError
from pipelines.backtesting import Asked, Windows, backtest_fitted, backtest_refitted, forecast_digest
from pipelines.config import Settings
from pipelines.windows import CovariateState

DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Simple:
    """Forecasts the value at the origin, and carries what it was fitted on."""

    panel: Panel
    settings: Settings
    bias: float = 0.0
    learned = None
    reads: Any = None  # further rows, columns or whole series: what an honest one does not read
    covariates: Any = None

    @property
    def plan(self):
        return SimpleNamespace(rows=self.panel.n_rows)

    def columns(self, levels, quantiles):
        return {"TCN": 0.5}

    def table(self, panel):
        return panel

    def forecast(self, table, series, newest, wanted, count, step):
        origins = newest[:, None] - step * np.arange(count - 1, -1, -1)
        rows = np.clip(origins, 0, None)
        values = np.nan_to_num(table.values[rows]) + self.bias
        if self.reads is not None:
            values = values + np.nan_to_num(self.reads(table, rows))
        return {"TCN": values[..., None] + np.arange(1, self.settings.horizon + 1)}


def learned_of(panel):
    """A number that tells apart what was fitted on, and grows without bound with nothing."""
    return float(np.nansum(panel.values * (1 + np.arange(panel.n_rows) % 5)) + 1000 * panel.n_rows)


def asked_for(horizon=HORIZON, **arguments):
    return Settings.of({"horizon": horizon, **arguments})


def fit_of(asked, calls=None):
    def fit(rows, report):
        if calls is not None:
            calls.append(rows)
        report({"step": 1.0, "loss": 0.5})
        return Simple(rows, asked, learned_of(rows))

    return fit


# What would have happened


def told_by_loops(frame, horizon, n_windows, step, refit, gap, window):
    """Rows (series, stamp, cutoff, target, forecast), found one after the other."""
    of_series = {name: rows.reset_index(drop=True) for name, rows in frame.groupby("unique_id")}
    cutoffs = {
        name: [
            rows["ds"][len(rows) - 1 - horizon - k * step]
            for k in range(n_windows)
            if len(rows) - 1 - horizon - k * step >= 0
        ]
        for name, rows in of_series.items()
    }
    every = sorted({cutoff for found in cutoffs.values() for cutoff in found})
    trained = []
    for cutoff in every:
        if not trained or cutoff >= trained[-1] + refit * step * DAY:
            trained.append(cutoff)
    told = []
    for name, rows in of_series.items():
        for cutoff in sorted(cutoffs[name]):
            last = max(t for t in trained if t <= cutoff)
            seen = frame[frame["ds"] <= last]
            if window is not None:
                seen = seen.groupby("unique_id").tail(window)
            model = learned_of(Panel.from_frame(seen, "D"))
            here = rows.set_index("ds")["y"]
            for k in range(gap + 1, horizon + 1):
                value = np.nan_to_num(here[cutoff]) + model + k
                told.append((name, cutoff + k * DAY, cutoff, here[cutoff + k * DAY], value))
    return pd.DataFrame(told, columns=["unique_id", "ds", "cutoff", "y", "TCN"])


@st.composite
def panels(draw):
    parts = []
    for name in draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True)):
        n, start = draw(st.integers(1, 18)), draw(st.integers(0, 6))
        y = draw(st.lists(st.none() | st.integers(-9, 9), min_size=n, max_size=n))
        days = pd.date_range("2024-01-01", periods=n) + start * DAY
        parts.append(pd.DataFrame({"unique_id": name, "ds": days, "y": np.array(y, float)}))
    return pd.concat(parts, ignore_index=True)


@given(panels(), st.data())
@settings(max_examples=60)
def test_every_forecast_is_that_of_a_network_of_its_time(frame, data):
    horizon = data.draw(st.integers(1, 4), "horizon")
    n_windows, step = data.draw(st.integers(1, 6), "n_windows"), data.draw(st.integers(1, 5), "step")
    refit, gap = data.draw(st.integers(1, 3), "refit"), data.draw(st.integers(0, horizon - 1), "gap")
    window = data.draw(st.none() | st.integers(1, 8), "window")
    panel, asked = Panel.from_frame(frame, "D"), asked_for(horizon)
    room = -(-(int(panel.lengths.max()) - horizon) // step)
    n_windows = min(n_windows, max(room, 1))
    windows = Windows.of(horizon, n_windows, step, refit, gap, window)
    if panel.lengths.max() <= horizon:
        with pytest.raises(ConfigError, match="needs a series of more than"):
            backtest_refitted(fit_of(asked), asked, panel, windows, Asked())
        return
    found = backtest_refitted(fit_of(asked), asked, panel, windows, Asked(), certificate=True)
    told = told_by_loops(frame, horizon, n_windows, step, refit, gap, window)
    told = told.sort_values(["unique_id", "cutoff", "ds"], ignore_index=True)
    pd.testing.assert_frame_equal(found, told, check_dtype=False, check_exact=True)
    assert found.attrs["certificate"]["holds"]


def test_more_windows_than_fit_are_refused():
    panel = Panel.from_frame(frame_of({"a": weekly(40), "b": weekly(20)}))
    asked, room = asked_for(), -(-(40 - HORIZON) // 3)
    with pytest.raises(ConfigError, match=f"n_windows={room + 1} and step=3, .* has room for {room}; ask"):
        backtest_refitted(fit_of(asked), asked, panel, Windows.of(HORIZON, room + 1, 3, 99), Asked())


@pytest.mark.parametrize(("refit", "trainings"), [(True, 6), (2, 3), (4, 2), (6, 1), (99, 1)])
def test_series_that_end_together_are_trained_before_every_nth_window(refit, trainings):
    panel = Panel.from_frame(
        pd.concat([frame_of({"a": weekly(40)}), frame_of({"b": weekly(20)}, start="2024-01-21")])
    )
    calls, records = [], []
    asked, windows = asked_for(), Windows.of(HORIZON, 6, 3, refit)
    backtest_refitted(fit_of(asked, calls), asked, panel, windows, Asked(), callbacks=[records.append])
    assert len(calls) == trainings
    assert [(r["training"], r["trainings"]) for r in records] == [
        (k, trainings) for k in range(1, trainings + 1)
    ]
    assert {rows.last_stamps.max() for rows in calls} == {rows.last_stamps.min() for rows in calls}


def test_what_is_published_later_is_not_learned_from():
    rows = frame_of({"a": weekly(30), "b": weekly(12)})
    rows = rows.assign(load=np.arange(len(rows)) * 1.0, temp=1.0)
    asked = asked_for(covariates=Covariates(past=["load"], future=["temp"], lags={"load": 3}))
    panel = Panel.from_frame(rows, covariates=asked.covariates)
    calls = []
    windows = Windows.of(HORIZON, 1, 1, refit=True)
    backtest_refitted(fit_of(asked, calls), asked, panel, windows, Asked(), certificate=True)
    for seen in calls:  # at the last cutoffs of b and of a
        load = seen.to_frame().merge(rows, on=["unique_id", "ds"], suffixes=("", "_all"))
        cutoff = load["ds"].max()
        known = load["ds"] <= cutoff - 3 * DAY
        np.testing.assert_array_equal(load["load"], load["load_all"].where(known))
        assert load["temp"].notna().all()
    assert len(calls) == 2  # nothing is trained again for the certificate


def test_a_scale_does_not_depend_on_what_is_published_later():
    rows = frame_of({"a": weekly(30)}).assign(load=np.arange(30.0))
    late = rows.assign(load=rows["load"].where(rows.index < 27))
    asked = Covariates(past=["load"], lags={"load": 3})
    panels = (Panel.from_frame(frame, covariates=asked) for frame in (rows, late))
    one, two = (CovariateState.fit(asked, panel, HORIZON, 7) for panel in panels)
    assert one == two
    assert not one.scales[0].has_missing


def test_what_is_logged_of_many_compilations_is_left_out(caplog):
    logger, asked = logging.getLogger("tensorflow"), asked_for()
    caplog.set_level(logging.WARNING, logger.name)

    def fit(rows, report):
        logger.warning("5 calls triggered tf.function retracing")
        logger.warning("something else")
        return Simple(rows, asked)

    panel = Panel.from_frame(frame_of({"a": weekly(30)}))
    backtest_refitted(fit, asked, panel, Windows.of(HORIZON, 1, 1, refit=True), Asked())
    logger.warning("retracing")
    assert [record.getMessage() for record in caplog.records] == ["something else", "retracing"]


def test_errors_of_a_training_name_its_cutoff():
    def fit(rows, report):
        raise PanelError("A panel must be large. Received: a small one.")

    panel, asked = Panel.from_frame(frame_of({"a": weekly(30)})), asked_for()
    with pytest.raises(PanelError, match="At cutoff 2024-01-26 00:00:00 of the backtest: A panel must be"):
        backtest_refitted(fit, asked, panel, Windows.of(HORIZON, 1, 1, refit=True), Asked())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_windows": 0}, "n_windows must be a positive integer. Received: 0"),
        ({"n_windows": True}, "n_windows must be a positive integer. Received: True"),
        ({"step": 1.5}, "step must be a positive integer. Received: 1.5"),
        ({"refit": 0}, "refit must be True or False, or a positive integer .* Received: 0"),
        ({"refit": "yes"}, "Received: 'yes'"),
        ({"gap": HORIZON}, f"gap must be an integer from 0 to {HORIZON - 1}.* Received: {HORIZON} with"),
        ({"gap": -1}, "Received: -1"),
        ({"window": 20}, "window must be a positive integer.*refit=False; pass refit=True"),
        ({"window": 0, "refit": True}, "Received: window=0"),
    ],
)
def test_wrong_numbers_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        fitted().backtest(**arguments)


def test_without_weights_nor_data_there_is_nothing_to_test():
    for arguments in ({}, {"refit": True}, {"df": frame_of({"a": weekly(30)})}):
        with pytest.raises(NotFittedError):
            Forecaster(**UNTRAINED).backtest(**arguments)


# Certificates


@pytest.mark.parametrize(
    "reads",
    [
        lambda panel, rows: panel.values[np.minimum(rows + 1, panel.n_rows - 1)],
        lambda panel, rows: np.full(rows.shape, np.isnan(panel.values).sum()),
        lambda panel, rows: np.sign(panel.values[-1]) * np.ones(rows.shape),
        lambda panel, rows: panel.covariates[0].values[np.maximum(rows - 1, 0)],  # published two rows late
        lambda panel, rows: panel.covariates[1].values[np.minimum(rows + 4, panel.n_rows - 1)],
        lambda panel, rows: panel.covariates[2].values[np.minimum(rows + 5, panel.n_rows - 1)],
    ],
    ids=["next row", "gaps anywhere", "last row", "late past", "late future", "beyond the horizon"],
)
def test_a_certificate_is_refused_to_what_peeks(reads):
    rng = np.random.default_rng(0)
    rows = frame_of({"a": weekly(30), "b": weekly(20)})
    rows = rows.assign(
        load=rng.normal(size=50), temp=rng.normal(size=50), kind=rng.choice(["dry", "rain", "snow"], 50)
    )
    covariates = Covariates(past=["load"], future=["temp", "kind"], lags={"load": 2, "temp": 1})
    asked = asked_for(covariates=covariates)
    panel = Panel.from_frame(rows, covariates=covariates)
    windows, nothing = Windows.of(HORIZON, 5, 2), Panel.from_frame(frame_of({"other": [1.0, 2.0]}))
    honest = [
        lambda panel, rows: panel.covariates[0].values[np.maximum(rows - 2, 0)],
        lambda panel, rows: panel.covariates[1].values[np.minimum(rows + 3, panel.n_rows - 1)],
        lambda panel, rows: panel.covariates[2].values[np.minimum(rows + 4, panel.n_rows - 1)],
    ]
    for allowed in honest:
        tested = backtest_fitted(Simple(nothing, asked, reads=allowed), panel, windows, Asked(), True)
        assert tested.attrs["certificate"]["holds"]
    with pytest.raises(ForecastingError, match=r"must not move .* moved \([\d,]+ bits\), first 'TCN' of s"):
        backtest_fitted(Simple(nothing, asked, reads=reads), panel, windows, Asked(), True)


def test_a_certificate_says_what_was_tried():
    asked, panel = asked_for(seed=7), Panel.from_frame(frame_of({"a": weekly(90), "b": weekly(60)}))
    nothing = Panel.from_frame(frame_of({"other": [1.0, 2.0]}))
    frame = backtest_fitted(Simple(nothing, asked), panel, Windows.of(HORIZON, 40, 1, gap=1), Asked(), True)
    found = frame.attrs["certificate"]
    cutoffs = np.array(sorted({*frame["cutoff"]}))
    tried = pd.to_datetime(list(found["cutoffs"]))
    assert (found["of_cutoffs"], len(tried), found["seed"]) == (len(cutoffs), 16, 7)
    assert {*tried} < {*cutoffs}
    assert (tried[0], tried[-1]) == (cutoffs[0], cutoffs[-1])
    pairs = frame[["unique_id", "cutoff"]].drop_duplicates()
    assert found["compared"] == HORIZON * sum((pairs["cutoff"] <= stamp).sum() for stamp in tried)
    assert (found["holds"], found["moved"], found["bits"]) == (True, 0, 0)
    values = hashlib.sha256(b"TCN" + frame["TCN"].to_numpy("<f8").tobytes()).hexdigest()
    assert found["sha256"] == forecast_digest(frame, ["TCN"]) == values


# The face


def test_a_forecaster_says_what_it_has_learned_from():
    frame = frame_of({"a": weekly(30, 1), "new": weekly(30, 2)}, start="2024-03-20")
    # Of "a" the rows up to 10 were learned; five windows reach back to it.
    for n_windows, count in ((2, 0), (5, 1)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            untrained_once().backtest(frame, n_windows=n_windows)
        texts = [str(each.message) for each in caught if "learned from" in str(each.message)]
        assert len(texts) == count
    assert texts[0].startswith("the fit has learned from 1 value of this backtest")
    with pytest.warns(UserWarning, match="has learned from 79 values of this backtest"):  # one is missing
        untrained_once().backtest(n_windows=4)


def test_training_anew_is_fitting_and_predicting_at_the_time():
    frame = frame_of({"a": weekly(60, 1), "b": weekly(45, 2, 500.0)})
    end = frame.groupby("unique_id")["ds"].transform("max")
    frame["ds"] += frame["ds"].max() - end  # both end together
    arguments = {**UNTRAINED, "max_steps": 2, "ensemble": 1}
    forecaster = untrained_once()
    before = forecaster._fitted
    records = []
    tested = Forecaster(**arguments).backtest(
        frame, refit=True, gap=1, window=30, levels=[90], certificate=True, callbacks=[records.append]
    )
    assert [record["step"] for record in records] == [1.0, 2.0]
    history = frame[frame["ds"] <= tested["cutoff"].iloc[0]]
    then = Forecaster(**arguments).fit(history.groupby("unique_id").tail(30)).predict(history, levels=[90])
    columns = ["unique_id", "ds", "TCN", "TCN-lo-90", "TCN-hi-90"]
    kept = then.groupby("unique_id").cumcount() >= 1
    pd.testing.assert_frame_equal(tested[columns], then[kept].reset_index(drop=True), rtol=1e-6)
    assert tested.attrs["certificate"]["holds"]
    assert forecaster._fitted is before


def test_what_a_forecaster_has_learned_stays_when_it_is_tested():
    forecaster = Forecaster(**{**UNTRAINED, "ensemble": 1}).fit(frame_of({"a": weekly(40)}))
    before, weights = forecaster._fitted, forecaster.network_.get_weights()
    tested = forecaster.set_params(horizon=9).backtest(frame_of({"a": weekly(40)}), refit=True)
    assert forecaster._fitted is before
    assert all(map(np.array_equal, weights, forecaster.network_.get_weights()))
    assert len(tested) == HORIZON  # with the settings of the fit
