"""Covariates from the constructor to the bundle: fit, predict, backtest, plan, save, load, command line."""

import json
from dataclasses import replace
from functools import cache

import jobs_stand_in
import numpy as np
import pandas as pd
import pytest
from jobs_stand_in import make_frame
from sklearn.base import clone
from small_forecasters import HORIZON, START, UNTRAINED, frame_of, training_frame, weekly
from typer.testing import CliRunner

from pipelines import ConfigError, Covariates, Forecaster, Panel, PanelError
from pipelines.cli import app
from pipelines.jobs import Request, run_backtest, run_fit, run_forecast, run_plan, run_predict
from pipelines.jobs.task import Task

SMALL = {**UNTRAINED, "ensemble": 1}
COVARIATES = Covariates(
    past=["load"], future=["temp", "kind"], static=["region"], holidays="US", lags={"load": 2, "temp": 1}
)
REGIONS = pd.DataFrame({"unique_id": ["a", "b"], "region": ["north", "south"]})


def rows_of(n=60, seed=0, names="ab"):
    """Rows whose values follow the temperature of the same day."""
    rng = np.random.default_rng(seed)
    frame = frame_of({name: weekly(n, seed + i) for i, name in enumerate(names)})
    temp = rng.normal(size=len(frame))
    return frame.assign(
        y=frame["y"] + 5 * temp,
        temp=temp,
        kind=np.where(temp > 0, "warm", "cold"),
        load=rng.normal(size=len(frame)),
    )


def split(rows, n):
    """Rows up to the n-th of each series, and what is known of the horizon after it."""
    place = rows.groupby("unique_id").cumcount()
    ahead = rows[(place >= n) & (place < n + HORIZON)].drop(columns=["y", "load"])
    return rows[place < n], ahead


def prepared(rows, covariates, static=None):
    """A forecaster with the weights that it starts with: they read covariates, too."""
    return Forecaster(**SMALL, covariates=covariates).fit(rows, static=static)


@cache
def learned():
    """A forecaster with covariates of every role; tests must not change it."""
    return prepared(rows_of(), COVARIATES, REGIONS)


# Forecasts


def test_a_backtest_forecasts_what_a_forecast_of_the_time_did():
    rows = rows_of(70, seed=5)
    tested = learned().backtest(rows, n_windows=3, step=5)
    for cutoff, found in tested.groupby("cutoff"):
        n = (cutoff - pd.Timestamp(START)).days + 1
        history, ahead = split(rows, n)
        then = learned().predict(history, future=ahead)
        columns = ["TCN", "TCN-lo-80", "TCN-hi-95"]
        np.testing.assert_allclose(found[columns], then[columns], rtol=1e-4, atol=1e-4)


def test_a_forecast_reads_the_future_and_nothing_that_is_not_known_yet():
    rows = rows_of(60)
    last = rows.groupby("unique_id").cumcount() >= 58
    history, ahead = rows, split(rows_of(70, seed=9), 60)[1]
    usual = learned().predict(history, future=ahead)
    warmer = ahead.assign(temp=ahead["temp"] + 3)
    assert not learned().predict(history, future=warmer).equals(usual)
    # The load of the last two days, and the temperature of the last day ahead, are published later.
    late = rows.assign(load=rows["load"].where(~last, 99.0))
    unpublished = ahead.groupby("unique_id").cumcount() == HORIZON - 1
    later = ahead.assign(temp=ahead["temp"].where(~unpublished, np.nan))
    assert learned().predict(late, future=later).equals(usual)
    # What nobody asked for does not matter, nor what lies before or after the steps.
    more = pd.concat([ahead.assign(ds=ahead["ds"] + pd.Timedelta(days=7)), ahead]).assign(other="x")
    shuffled = more.sample(frac=1, random_state=0)
    assert learned().predict(history.assign(other=1), future=shuffled).equals(usual)


def test_a_forecast_without_its_future_says_what_it_needs():
    with pytest.raises(PanelError) as raised:
        learned().predict()
    assert str(raised.value) == (
        "A forecast needs 'temp' for every step ahead. Received: no future frame for series 'a' from "
        "2024-03-01 00:00:00 to 2024-03-03 00:00:00, and 1 more series; pass future= (--future), a row per "
        "series and step ahead."
    )


def test_frames_that_nobody_asked_for_are_refused():
    plain = prepared(rows_of(20), Covariates(past=["load"]))
    for arguments in ({"future": rows_of(20)}, {"static": REGIONS}):
        with pytest.raises(ConfigError, match=r"A (future|static) frame must hold \1 covariates"):
            plain.predict(**arguments)
    with pytest.raises(ConfigError, match="A static frame must hold static covariates"):
        Forecaster(**SMALL).fit(rows_of(20), static=REGIONS)
    with pytest.raises(ConfigError, match="A future frame must hold future covariates"):
        prepared(rows_of(20), None).predict(future=rows_of(20))


def test_a_backtest_beyond_the_known_future_is_refused():
    rows = rows_of(60)
    rows.loc[rows["ds"] > "2024-02-27", "temp"] = np.nan
    with pytest.raises(PanelError, match=r"needs 'temp' .* series 'a' from 2024-02-28 .* to 2024-02-28"):
        learned().backtest(rows)
    rows.loc[rows["ds"] <= "2024-02-28", "temp"] = 0.0  # the last value of all is published too late anyway
    with pytest.warns(UserWarning, match=r"column 'temp' has 2 missing values, and had none in the fit"):
        assert len(learned().backtest(rows)) == 2 * HORIZON


def test_what_was_missing_in_the_fit_may_be_missing_later():
    rows = rows_of(40)
    rows.loc[[3, 50], ["temp", "kind"]] = None
    history, ahead = split(rows, 36)
    forecaster = prepared(history, COVARIATES, REGIONS)
    assert len(forecaster.predict(future=ahead.assign(temp=np.nan, kind=None))) == 2 * HORIZON
    rows.loc[rows["ds"] > "2024-02-01", "temp"] = np.nan
    assert len(forecaster.backtest(rows)) == 2 * HORIZON


def test_unseen_categories_are_noted():
    history, ahead = split(rows_of(60), 56)
    with pytest.warns(UserWarning, match=r"column 'kind' has 1 value that the fit did not see \('odd'\)"):
        learned().predict(history, future=ahead.assign(kind="odd"))


# What is static


def test_static_values_of_the_fit_are_those_of_its_series_later():
    history, ahead = split(rows_of(60, seed=3), 56)
    known = learned().predict(history, future=ahead)
    for arguments in (
        {"df": history, "static": REGIONS},
        {"df": history.merge(REGIONS)},
        {"df": Panel.from_frame(history, covariates=COVARIATES)},
        {"df": Panel.from_frame(history, covariates=COVARIATES), "static": REGIONS},
    ):
        assert learned().predict(future=ahead, **arguments).equals(known)
    new = [frame.assign(unique_id=frame["unique_id"] + "2") for frame in (history, ahead, REGIONS)]
    with pytest.raises(PanelError, match=r"did not see .* none for series 'a2' and 1 more; pass static="):
        learned().predict(new[0], future=new[1])
    forecast = learned().predict(new[0], future=new[1], static=new[2])
    assert forecast.drop(columns="unique_id").equals(known.drop(columns="unique_id"))
    south = REGIONS.assign(region="south")
    changed = learned().predict(history, future=ahead, static=south)
    assert changed["unique_id"].equals(known["unique_id"])
    assert not changed.equals(known)


# Settings


def test_without_covariates_nothing_is_different():
    plain = prepared(training_frame(), Covariates())
    assert plain.covariates_ is None
    assert plain.plan_ == Forecaster(**SMALL).plan(training_frame())
    assert plain._fitted.table(plain.panel_).covariates is None


def test_covariates_are_parameters_like_the_others(tmp_path):
    forecaster = Forecaster(horizon=4, covariates=COVARIATES)
    assert clone(forecaster).covariates == COVARIATES
    assert eval(repr(forecaster)).get_params() == forecaster.get_params()
    assert forecaster.set_params(covariates=None).covariates is None
    with pytest.raises(ConfigError, match=r"lags\['temp'\]=1 with horizon=1; declare it past"):
        forecaster.set_params(covariates=COVARIATES, horizon=1)
    rows = rows_of(30)
    as_mapping = prepared(rows, COVARIATES.to_dict(), REGIONS)
    assert as_mapping.covariates_ == prepared(rows, COVARIATES, REGIONS).covariates_


def test_a_plan_tells_of_covariates():
    rows = rows_of(40)
    rows.loc[[5, 6, 39, 79], ["y", "load"]] = np.nan
    notes = Forecaster(**SMALL, covariates=COVARIATES).plan(rows, REGIONS).notes
    assert notes[-3] == (
        "covariates: past load (2 rows late); future temp (1 row late), kind, holidays US; static region"
    )
    assert notes[-2] == "4 rows without a value of 'load'"
    steps = SMALL["horizon"]
    assert f"a forecast needs temp, kind for the {steps} steps ahead (future=, --future FILE)" in notes
    assert notes[-1] == (
        "2 series end in rows with future covariates but without a value: forecasts begin after them; to "
        "forecast these rows, pass them as future= instead"
    )


# Bundles


def test_a_bundle_keeps_all_that_is_known(tmp_path):
    ahead = split(rows_of(70, seed=9), 60)[1]
    learned().save(tmp_path / "bundle", onnx=False)
    loaded = Forecaster.load(tmp_path / "bundle")
    assert loaded.panel_ == learned().panel_
    assert loaded.covariates_ == learned().covariates_
    assert loaded.covariates == COVARIATES
    assert loaded.predict(future=ahead).equals(learned().predict(future=ahead))
    history, ahead = split(rows_of(60, seed=3), 56)
    assert loaded.predict(history, ahead).equals(learned().predict(history, ahead))
    loaded.save(tmp_path / "again", onnx=False)
    for name in ("config.json", "history.parquet", "static.parquet"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "bundle" / name).read_bytes()


# The command line


@pytest.fixture
def _files(monkeypatch, tmp_path):
    jobs_stand_in.install(monkeypatch.setattr)
    monkeypatch.chdir(tmp_path)
    rows = make_frame()
    rows["temp"], rows["load"] = np.arange(len(rows)) % 7 * 1.0, np.arange(len(rows)) % 5 * 1.0
    rows.to_csv("sales.csv", index=False)
    ahead = pd.concat([rows.groupby("unique_id").tail(6)])
    ahead.assign(ds=ahead["ds"] + 6)[["unique_id", "ds", "temp"]].to_csv("ahead.csv", index=False)
    shops = pd.DataFrame({"unique_id": ["s0", "s1", "s2"], "region": ["n", "s", "n"]})
    shops.to_csv("shops.csv", index=False)


def tcn(*arguments):
    common = ("--horizon", "6", "--season-length", "6") if arguments[0] != "predict" else ()
    return CliRunner().invoke(app, [*arguments, *common])


ASKED = ("--future-col", "temp", "--past-col", "load", "--lag", "load=2", "--static-col", "region")


@pytest.mark.usefixtures("_files")
def test_options_of_the_command_line_are_the_settings():
    shown = tcn("plan", "sales.csv", *ASKED, "--calendar", "auto", "--static", "shops.csv", "--json")
    assert shown.exit_code == 0, shown.output
    notes = json.loads(shown.stdout)["plan"]["notes"]
    assert "covariates: past load (2 rows late); future temp; static region; calendar season" in notes


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["forecast", "sales.csv", "--future-col", "temp"], 65, "no future frame for series 's0' from 60"),
        (["forecast", "sales.csv", "--past-col", "tmp"], 65, "must have a column 'tmp' (covariate)"),
        (["plan", "sales.csv", "--past-col", "load", "--lag", "load"], 64, "load=6. Received: 'load'"),
        (["plan", "sales.csv", "--past-col", "load", "--lag", "temp=1"], 78, "lags['temp']=1"),
        (["plan", "sales.csv", "--holidays", "XX"], 78, "Received: 'XX'"),
        (["plan", "sales.csv", "--holidays", "US"], 78, "frequency of days or shorter"),
        (["plan", "sales.csv", "--static", "shops.csv"], 78, "name its columns with --static-col"),
        (["forecast", "sales.csv", "--future", "ahead.csv"], 78, "name its columns with --future-col"),
        (["backtest", "sales.csv", "--static-col", "region"], 65, "pass static=, a row per series"),
        (["predict", "--bundle", "b", "-o", "ahead.csv", "--future", "ahead.csv"], 78, "must not replace"),
    ],
)
@pytest.mark.usefixtures("_files")
def test_wrong_covariates_end_with_one_message(arguments, code, text):
    shown = tcn(*arguments)
    assert (shown.exit_code, shown.stdout) == (code, "")
    assert text in " ".join(shown.stderr.replace("│", " ").split())


@pytest.mark.usefixtures("_files")
def test_jobs_pass_covariates_on(monkeypatch):
    asked = Covariates(past=["load"], future=["temp"], static=["region"])
    request = Request(
        "sales.csv", 6, season_length=6, covariates=asked, static="shops.csv", future="ahead.csv"
    )
    task = Task.load(request)
    assert task.forecaster().covariates == asked
    columns = (*task.panel.covariates, *task.panel.static)
    assert [column.name for column in columns] == ["load", "temp", "region"]
    digests = [Task.load(each).digest() for each in (request, Request("sales.csv"))]
    sales = pd.read_csv("sales.csv")
    sales.loc[3, "load"] += 1
    sales.to_csv("changed.csv", index=False)
    digests.append(Task.load(replace(request, source="changed.csv")).digest())
    assert len(set(digests)) == 3
    asked_for = []
    predict = jobs_stand_in.StandIn.predict

    def spy(self, df=None, future=None, static=None, levels=None):
        asked_for.append((future, static))
        return predict(self, df, future, static, levels)

    monkeypatch.setattr(jobs_stand_in.StandIn, "predict", spy)
    outcome = run_forecast(request, "output", store=None)
    assert [*outcome.result.history.columns] == ["unique_id", "ds", "y"]
    assert [*asked_for[-1][0].columns] == ["unique_id", "ds", "temp"]
    run_fit(request, "bundle")
    run_predict("bundle", "next.csv", source="sales.csv", future="ahead.csv", static="shops.csv")
    assert [*asked_for[-1][1].columns] == ["unique_id", "region"]
    run_predict("bundle", "next.csv")
    assert asked_for[-1] == (None, None)
    tested = run_backtest(Request("sales.csv"), bundle="bundle")
    assert tested.n_series == 3
    with pytest.raises(ConfigError, match=r"covariates Covariates\(past=\['temp'\]\) \(the bundle has"):
        run_backtest(Request("sales.csv", covariates=Covariates(past=["temp"])), bundle="bundle")
    assert run_plan(request)[1].series == 3
