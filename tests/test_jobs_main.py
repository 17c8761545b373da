import json
import math
from contextlib import nullcontext

import jobs_stand_in
import numpy as np
import pandas as pd
import pytest
from jobs_stand_in import StandIn, make_frame

from pipelines.errors import BusyError, ForecastingError
from pipelines.jobs import Request, run_backtest, run_fit, run_forecast, run_plan
from pipelines.jobs.results_folder import MANIFEST, digests
from pipelines.metrics import evaluate

HORIZON, SEASON = 6, 6


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch):
    monkeypatch.setattr(StandIn, "fitted_on", None)
    jobs_stand_in.install(monkeypatch.setattr)


@pytest.fixture
def request_for(tmp_path):
    def make(frame, **settings):
        path = tmp_path / "data.parquet"
        frame.to_parquet(path, index=False)
        return Request(str(path), **{"horizon": HORIZON, "season_length": SEASON, **settings})

    return make


class Watcher:
    """Keeps what a job tells."""

    def __init__(self):
        self.stages, self.epochs, self.plans = [], [], []

    def stage(self, name):
        self.stages.append(name)
        return nullcontext()

    def loading(self, library):
        return self.stage(f"load {library}")

    def planned(self, plan):
        self.plans.append(plan)

    def epoch(self, record):
        self.epochs.append(record["step"])


def test_everything_that_is_promised_is_there_and_fits_together(tmp_path, request_for):
    output = tmp_path / "output"
    frame = make_frame()
    outcome = run_forecast(request_for(frame), output)
    assert sorted(path.name for path in outcome.files) == [
        "backtest.parquet", "bundle", "forecasts.csv", "forecasts.parquet", "report.html", "scores.json",
    ]  # fmt: skip
    manifest = json.loads((output / MANIFEST).read_text())
    found = digests(output)
    assert manifest["files"] == {k: v for k, v in found.items() if k not in (MANIFEST, ".lock")}
    assert manifest["data_sha256"] == outcome.result.digest

    forecast = pd.read_parquet(output / "forecasts.parquet")
    pd.testing.assert_frame_equal(forecast, pd.read_csv(output / "forecasts.csv"), check_dtype=False)
    assert forecast.groupby("unique_id")["ds"].agg(["min", "max"]).to_numpy().tolist() == [[60, 65]] * 3

    backtest = pd.read_parquet(output / "backtest.parquet")
    again = evaluate(backtest, frame, SEASON, freq=1)
    pd.testing.assert_frame_equal(again.overall, outcome.result.scores.overall)
    written = json.loads((output / "scores.json").read_text())
    assert written["overall"]["TCN"]["mase"] == pytest.approx(again.overall.loc["TCN", "mase"], rel=1e-12)
    assert json.loads((output / "bundle" / "manifest.json").read_text()) == {"rows": 180}


def test_the_fit_sees_the_rows_before_the_first_cutoff_and_no_others(tmp_path, request_for):
    outcome = run_forecast(request_for(make_frame((60, 50))), tmp_path / "output")
    cutoffs = outcome.result.backtest.groupby("unique_id")["cutoff"].min()
    seen = StandIn.fitted_on
    assert dict(zip(seen.ids, seen.last_stamps, strict=True)) == cutoffs.to_dict()


def test_a_refit_sees_all_rows_and_leaves_the_backtest_as_it_was(tmp_path, request_for):
    request = request_for(make_frame())
    plain = run_forecast(request, tmp_path / "1")
    assert StandIn.fitted_on.n_rows < 180
    refitted = run_forecast(request, tmp_path / "2", refit=True)
    assert StandIn.fitted_on.n_rows == 180
    pd.testing.assert_frame_equal(plain.result.backtest, refitted.result.backtest)


def test_the_same_request_gives_the_same_bytes(tmp_path, request_for):
    request = request_for(make_frame())
    for name in ("1", "2"):
        run_forecast(request, tmp_path / name)
    for name in ("forecasts.csv", "forecasts.parquet", "backtest.parquet", "scores.json"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_series_too_short_to_test_are_forecast_and_the_scores_say_why(tmp_path, request_for):
    frame = make_frame((3, 17))  # season + 2 x horizon = 18 rows
    outcome = run_forecast(request_for(frame), tmp_path / "output")
    assert outcome.result.scores is None
    assert outcome.result.backtest.empty
    assert "takes a series of 18 rows, and the longest has 17" in outcome.reason
    assert StandIn.fitted_on.n_rows == 20
    assert len(outcome.result.forecast) == 2 * HORIZON
    assert json.loads((tmp_path / "output" / "scores.json").read_text())["reason"] == outcome.reason
    assert not (tmp_path / "output" / "backtest.parquet").exists()


def test_short_series_beside_long_ones_are_forecast_but_not_tested(tmp_path, request_for):
    outcome = run_forecast(request_for(make_frame((60, 10, 60))), tmp_path / "output")
    assert set(outcome.result.backtest["unique_id"]) == {"s0", "s2"}
    assert set(outcome.result.forecast["unique_id"]) == {"s0", "s1", "s2"}


def test_held_out_rows_without_a_value_have_no_scores(tmp_path, request_for):
    frame = make_frame((60,))
    frame.loc[frame["ds"] >= 40, "y"] = math.nan
    outcome = run_forecast(request_for(frame), tmp_path / "output")
    assert outcome.result.scores is None
    assert "no value was observed" in outcome.reason
    assert outcome.reason == outcome.result.reason
    assert outcome.reason in (tmp_path / "output" / "report.html").read_text()
    assert np.isfinite(outcome.result.forecast["TCN"]).all()


def test_forecasts_that_are_no_numbers_are_not_published(tmp_path, request_for, monkeypatch):
    request = request_for(make_frame())
    run_forecast(request, tmp_path / "output")
    before = digests(tmp_path / "output")
    predict = StandIn.predict
    monkeypatch.setattr(StandIn, "predict", lambda self, *args: predict(self, *args).assign(TCN=math.nan))
    with pytest.raises(ForecastingError, match="must be finite"):
        run_forecast(request, tmp_path / "output")
    assert digests(tmp_path / "output") == before


def test_one_format_leaves_no_stale_file_of_the_other(tmp_path, request_for):
    request = request_for(make_frame())
    run_forecast(request, tmp_path)
    run_forecast(request, tmp_path, formats=("csv",))
    assert (tmp_path / "forecasts.csv").exists()
    assert not (tmp_path / "forecasts.parquet").exists()


def test_the_run_in_mlflow_is_that_of_the_result(tmp_path, request_for):
    from mlflow import MlflowClient

    output = tmp_path / "output"
    outcome = run_forecast(request_for(make_frame(), name="demo"), output, store=output)
    run = MlflowClient(f"sqlite:///{output}/mlflow.db").get_run(outcome.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["mase"] == pytest.approx(outcome.result.scores.overall.loc["TCN", "mase"])
    assert run.data.params["data_digest"] == outcome.result.digest
    assert run.data.params["settings.n_windows"] == str(outcome.held.n_windows)
    assert run.data.params["rows"] == "180"
    assert run.data.metrics["calibration/widen"] == 1.2
    logged = {path.name for path in (output / "artifacts" / outcome.run_id / "artifacts").rglob("*")}
    assert {"report.html", "forecast.html", "coverage.html", "backtest.parquet"} <= logged


def test_a_fit_that_fails_is_a_failed_run_and_publishes_nothing(tmp_path, request_for, monkeypatch):
    from mlflow import MlflowClient

    def fail(self, df, callbacks=()):
        raise MemoryError("too large")

    monkeypatch.setattr(StandIn, "fit", fail)
    with pytest.raises(MemoryError):
        run_forecast(request_for(make_frame()), tmp_path / "output", store=tmp_path / "runs")
    (run,) = MlflowClient(f"sqlite:///{tmp_path}/runs/mlflow.db").search_runs(["1"])
    assert run.info.status == "FAILED"
    assert [path.name for path in (tmp_path / "output").iterdir()] == [".lock"]


def test_a_store_that_fails_at_the_end_costs_no_forecast(tmp_path, request_for, monkeypatch):
    from pipelines.tracking import TrackedRun

    def fail(self, *args):
        raise OSError("disk is gone")

    monkeypatch.setattr(TrackedRun, "log_result", fail)
    with pytest.raises(BusyError, match=r"OSError: disk is gone\. The forecast itself is complete in"):
        run_forecast(request_for(make_frame()), tmp_path / "output", store=tmp_path / "runs")
    assert (tmp_path / "output" / MANIFEST).exists()


def test_stages_come_in_the_order_of_the_data(tmp_path, request_for):
    watcher = Watcher()
    outcome = run_forecast(request_for(make_frame()), tmp_path / "o", refit=True, progress=watcher)
    assert watcher.stages == [
        "read the data", "plan", "load TensorFlow", "fit", "backtest", "plan", "load TensorFlow", "fit",
        "forecast", "write", "track",
    ]  # fmt: skip
    assert watcher.epochs == [10, 20] * 2
    assert watcher.plans[0].rows < watcher.plans[1].rows == 180
    assert list(outcome.result.seconds) == [
        "read the data", "plan", "load TensorFlow", "fit", "backtest", "forecast",
    ]  # fmt: skip


def test_a_plan_is_that_of_the_fit_and_needs_no_fit(request_for):
    request = request_for(make_frame())
    task, plan, held = run_plan(request)
    assert StandIn.fitted_on is None
    assert plan.rows == task.panel.n_rows - 3 * held.rows


def test_a_fit_for_a_bundle_sees_all_rows(tmp_path, request_for):
    run_fit(request_for(make_frame()), tmp_path / "bundle")
    assert StandIn.fitted_on.n_rows == 180
    assert (tmp_path / "bundle" / "manifest.json").exists()


def test_a_backtest_alone_is_that_of_the_main_job(tmp_path, request_for):
    request = request_for(make_frame())
    tested = run_backtest(request, output=tmp_path / "past.csv")
    outcome = run_forecast(request, tmp_path / "output")
    pd.testing.assert_frame_equal(tested.backtest, outcome.result.backtest)
    assert len(pd.read_csv(tmp_path / "past.csv")) == len(tested.backtest)


def test_a_backtest_of_too_short_series_is_an_error(request_for):
    with pytest.raises(ForecastingError, match="takes a series of 18 rows") as caught:
        run_backtest(request_for(make_frame((17,))))
    assert caught.value.exit_code == 65
