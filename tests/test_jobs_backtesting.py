"""Jobs that train anew for every window, certify, and compare with statistical models."""

import json

import jobs_stand_in
import numpy as np
import pandas as pd
import pytest
from jobs_stand_in import StandIn, make_frame
from typer.testing import CliRunner

from pipelines.backtesting import forecast_digest
from pipelines.cli import app
from pipelines.fitted import Fitted
from pipelines.forecaster import Forecaster
from pipelines.jobs import Backtesting, Request, run_backtest, run_forecast

HORIZON = 6
ASKED = {"horizon": HORIZON, "season_length": 6}


def repeat(self, table, series, newest, wanted, count, step):
    """The last season, in the place of a network."""
    origins = newest[:, None] - step * np.arange(count - 1, -1, -1)
    rows = np.clip(origins[..., None] - HORIZON + np.arange(1, HORIZON + 1), 0, None)
    values = np.nan_to_num(table[rows]) + 0.01 * self.plan.rows
    return {name: values + 5 * (probability - 0.5) for name, probability in wanted.items()}


def mean(name, history, horizon, season_length, levels):
    """In the place of a statistical model."""
    parts = ["", *(f"-{side}-{level:g}" for level in levels for side in ("lo", "hi"))]
    return {part: np.full(horizon, history.mean()) for part in parts}


@pytest.fixture
def data(monkeypatch, tmp_path):
    jobs_stand_in.install(monkeypatch.setattr)
    monkeypatch.setattr(StandIn, "backtest", Forecaster.backtest)
    monkeypatch.setattr(StandIn, "_check_keras", lambda self, wanted: None)
    monkeypatch.setattr(Fitted, "table", lambda self, panel: panel.values)
    monkeypatch.setattr(Fitted, "forecast", repeat)
    monkeypatch.setattr("pipelines.statistical.find_spec", lambda name: object())
    monkeypatch.setattr("pipelines.statistical._forecast", mean)
    monkeypatch.chdir(tmp_path)
    make_frame((60, 60, 20)).to_csv("sales.csv", index=False)
    return Request("sales.csv", **ASKED)


def test_every_window_is_forecast_with_a_training_of_its_own(data):
    how = Backtesting(refit=1, gap=1, certificate=True)
    tested = run_backtest(data, n_windows=3, step=4, how=how)
    frame = tested.backtest
    assert frame.groupby("unique_id")["cutoff"].nunique().tolist() == [3, 3, 3]
    assert len(frame) == 9 * (HORIZON - 1)
    rows = pd.read_csv("sales.csv")
    for (name, cutoff), window in frame.groupby(["unique_id", "cutoff"]):
        own = rows[(rows["unique_id"] == name) & (rows["ds"] <= cutoff)]["y"].to_numpy()
        known = (rows["ds"] <= cutoff).sum()
        np.testing.assert_allclose(window["TCN"], own[-HORIZON:][1:] + 0.01 * known)
    assert tested.seen_in_training == 0
    assert frame.attrs["certificate"]["holds"]
    assert frame.attrs["certificate"]["sha256"] == forecast_digest(
        frame, ["TCN", "TCN-lo-80", "TCN-hi-80", "TCN-lo-95", "TCN-hi-95"]
    )


def test_what_was_found_lies_beside_the_backtest(data, tmp_path):
    how = Backtesting(certificate=True, against=("AutoETS",))
    tested = run_backtest(data, output="past.csv", how=how)
    assert {path.name for path in tmp_path.iterdir()} == {
        "sales.csv", "past.csv", "past.certificate.json", "past.leaderboard.csv", "past.leaderboard.json",
    }  # fmt: skip
    assert (
        json.loads((tmp_path / "past.certificate.json").read_text()) == tested.backtest.attrs["certificate"]
    )
    board = pd.read_csv("past.leaderboard.csv").set_index("model")
    assert {"TCN", "AutoETS", "SeasonalNaive"} <= {*board.index}
    pd.testing.assert_frame_equal(board, tested.leaderboard, check_index_type=False, check_dtype=False)
    records = json.loads((tmp_path / "past.leaderboard.json").read_text())
    assert [record["model"] for record in records] == [*board.index]


def test_the_main_job_keeps_both_among_its_results(data, tmp_path):
    how = Backtesting(certificate=True, against=("AutoETS",))
    outcome = run_forecast(data, "output", store="output", how=how)
    names = {"certificate.json", "leaderboard.csv", "leaderboard.json"}
    assert names <= {path.name for path in outcome.files}
    listed = json.loads((tmp_path / "output" / "manifest.json").read_text())["files"]
    assert names <= {*listed}
    kept = {path.name for path in (tmp_path / "output" / "artifacts").rglob("*.*")}
    assert names <= kept


def test_a_command_answers_with_certificate_and_leaderboard(data):
    windows = "--n-windows 2 --refit 2 --window 30 --certificate --against AutoETS,AutoTheta"
    asked = ["backtest", "sales.csv", "--horizon", "6", "--season-length", "6", *windows.split()]
    shown = CliRunner().invoke(app, [*asked, "--json"])
    assert shown.exit_code == 0, shown.output
    record = json.loads(shown.stdout)
    assert record["certificate"]["holds"]
    assert {"TCN", "AutoETS", "AutoTheta"} <= {*record["leaderboard"]}
    shown = CliRunner().invoke(app, asked)
    words = " ".join(shown.output.split())
    assert "In order of MASE" in words
    assert "what came after 4 cutoffs was replaced, and none of 390 forecasts" in words


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--window", "30"], 78, "window must be a positive integer"),
        (["--gap", "6"], 78, "gap must be an integer from 0 to 5"),
        (["--against", "Prophet"], 78, "must be among AutoARIMA"),
        (["--refit", "0"], 64, "--refit"),
    ],
)
@pytest.mark.usefixtures("data")
def test_wrong_options_end_with_one_message(arguments, code, text):
    asked = ["backtest", "sales.csv", "--horizon", "6", "--season-length", "6", *arguments]
    shown = CliRunner().invoke(app, asked)
    assert shown.exit_code == code, shown.output
    assert text in " ".join(shown.output.replace("│", " ").split())
