import json
import math
import pkgutil
import signal
from contextlib import nullcontext

import jobs_stand_in
import numpy as np
import pandas as pd
import pytest
from jobs_stand_in import StandIn, make_frame

from pipelines.errors import BundleError, BusyError, ConfigError, ForecastingError, PanelError
from pipelines.jobs import Request, run_backtest, run_fit, run_forecast, run_plan, run_predict
from pipelines.jobs import memory as memory_module
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
        self.stages, self.epochs, self.plans, self.notes = [], [], [], []

    def stage(self, name):
        self.stages.append(name)
        return nullcontext()

    def loading(self, library):
        return self.stage(f"load {library}")

    def planned(self, plan):
        self.plans.append(plan)

    def note(self, text):
        self.notes.append(text)

    def epoch(self, record):
        self.epochs.append(record["step"])


def test_everything_that_is_promised_is_there_and_fits_together(tmp_path, request_for):
    output = tmp_path / "output"
    frame = make_frame()
    outcome = run_forecast(request_for(frame), output)
    assert sorted(path.name for path in outcome.files) == [
        "backtest.parquet", "bundle", "facts.json", "forecasts.csv", "forecasts.parquet", "report.html",
        "scores.json",
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
    assert "takes a series of 18 rows, and the longest has 17" in outcome.result.reason
    assert StandIn.fitted_on.n_rows == 20
    assert len(outcome.result.forecast) == 2 * HORIZON
    assert json.loads((tmp_path / "output" / "scores.json").read_text())["reason"] == outcome.result.reason
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
    assert "no value was observed" in outcome.result.reason
    assert outcome.result.reason in (tmp_path / "output" / "report.html").read_text()
    assert np.isfinite(outcome.result.forecast["TCN"]).all()


def test_forecasts_that_are_no_numbers_are_not_published(tmp_path, request_for, monkeypatch):
    request = request_for(make_frame())
    run_forecast(request, tmp_path / "output")
    before = digests(tmp_path / "output")
    predict = StandIn.predict
    monkeypatch.setattr(StandIn, "predict", lambda self, **own: predict(self, **own).assign(TCN=math.nan))
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

    def fail(self, df, **how):
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
    request = request_for(make_frame())
    with pytest.raises(BusyError, match=r"OSError: disk is gone\. The forecast itself is complete in"):
        run_forecast(request, tmp_path / "output", store=tmp_path / "runs")
    run_forecast(request, tmp_path / "untracked")
    names = ("forecasts.csv", "scores.json", "backtest.parquet")
    assert digests_of(tmp_path / "output", names) == digests_of(tmp_path / "untracked", names)
    assert status_of(tmp_path / "runs") == "FAILED"


def digests_of(folder, names):
    return {name: digests(folder)[name] for name in names}


def status_of(store):
    from mlflow import MlflowClient

    (run,) = MlflowClient(f"sqlite:///{store}/mlflow.db").search_runs(["1"])
    return run.info.status


@pytest.mark.parametrize(
    ("target", "complete", "status"),
    [
        ("pipelines.jobs.main_job._write", False, "KILLED"),
        ("pipelines.tracking.TrackedRun.log_result", False, "KILLED"),
        ("pipelines.jobs.results_folder.ResultsFolder.publish", True, "FINISHED"),
        ("pipelines.tracking.TrackedRun.end", True, "FINISHED"),
    ],
)
def test_whenever_ctrl_c_comes_files_and_run_tell_the_same(
    tmp_path, request_for, monkeypatch, target, complete, status
):
    owner, _, name = target.rpartition(".")
    owner = pkgutil.resolve_name(owner.replace(".ResultsFolder", ":ResultsFolder").replace(".Tr", ":Tr"))
    original, sent = getattr(owner, name), []

    def interrupted(*args):
        if not sent:
            sent.append(signal.raise_signal(signal.SIGINT))
        return original(*args)

    monkeypatch.setattr(owner, name, interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        run_forecast(request_for(make_frame()), tmp_path / "output", store=tmp_path / "runs")
    assert (tmp_path / "output" / MANIFEST).exists() is complete
    assert ("is complete in" in str(caught.value)) is complete
    assert status_of(tmp_path / "runs") == status


def test_a_run_that_cannot_be_ended_costs_no_forecast(tmp_path, request_for, monkeypatch):
    from pipelines.tracking import TrackedRun

    def fail(self, *args):
        raise OSError("disk is gone")

    monkeypatch.setattr(TrackedRun, "end", fail)
    with pytest.raises(BusyError, match="The forecast itself is complete in"):
        run_forecast(request_for(make_frame()), tmp_path / "output", store=tmp_path / "runs")
    assert (tmp_path / "output" / MANIFEST).exists()


def test_a_store_with_an_impossible_path_is_refused_with_the_cure(tmp_path, request_for):
    output = tmp_path / "what?"
    with pytest.raises(ConfigError, match=r"another store with --tracking-uri, or use --no-track\.$"):
        run_forecast(request_for(make_frame()), output, store=output)
    assert StandIn.fitted_on is None
    run_forecast(request_for(make_frame()), output)


@pytest.mark.parametrize("name", ["report.html", "forecasts.csv", "bundle"])
def test_files_of_others_are_refused_before_the_fit(tmp_path, request_for, name):
    output = tmp_path / "output"
    (output / name).mkdir(parents=True)
    (output / name / "thesis.txt").write_text("precious")
    with pytest.raises(ConfigError, match=f"has written '{name}'"):
        run_forecast(request_for(make_frame()), output)
    assert StandIn.fitted_on is None
    assert (output / name / "thesis.txt").read_text() == "precious"


def test_the_data_are_not_overwritten_by_their_forecast(tmp_path, request_for):
    output = tmp_path / "output"
    run_forecast(request_for(make_frame()), output)
    make_frame().to_csv(output / "forecasts.csv", index=False)
    before = digests(output)
    StandIn.fitted_on = None
    with pytest.raises(ConfigError, match="must not replace the data"):
        run_forecast(Request(str(output / "forecasts.csv"), horizon=6), output)
    assert StandIn.fitted_on is None
    assert digests(output) == before


@pytest.mark.parametrize("job", ["forecast", "fit", "backtest"])
def test_a_fit_that_the_machine_cannot_hold_does_not_start(tmp_path, request_for, monkeypatch, job):
    monkeypatch.setattr(memory_module, "memory_limit", lambda: 2**20)
    jobs = {
        "forecast": lambda request: run_forecast(request, tmp_path / "output"),
        "fit": lambda request: run_fit(request, tmp_path / "bundle"),
        "backtest": run_backtest,
    }
    with pytest.raises(ConfigError, match="must fit into the memory"):
        jobs[job](request_for(make_frame()))
    assert StandIn.fitted_on is None


def test_a_plan_that_the_machine_cannot_hold_says_so(request_for):
    _, plan, _ = run_plan(request_for(make_frame(), horizon=99_999_999))
    assert "choose a shorter horizon" in plan.notes[-1]


def test_stages_come_in_the_order_of_the_data(tmp_path, request_for):
    watcher = Watcher()
    outcome = run_forecast(request_for(make_frame()), tmp_path / "o", refit=True, progress=watcher)
    assert watcher.stages == [
        "read the data", "plan", "load TensorFlow", "fit", "backtest", "plan", "load TensorFlow", "fit",
        "forecast", "write", "track", "publish",
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


def test_a_folder_of_others_is_no_place_for_a_bundle(tmp_path, request_for, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")

    def no_fit(*arguments, **options):
        raise AssertionError("must be refused before the fit")

    monkeypatch.setattr("pipelines.jobs.model_jobs.fit", no_fit)
    with pytest.raises(BundleError, match=r"holds something else \(thesis\.txt\)"):
        run_fit(request_for(make_frame()), tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"


def test_a_fit_for_a_bundle_sees_all_rows(tmp_path, request_for):
    run_fit(request_for(make_frame()), tmp_path / "bundle")
    assert StandIn.fitted_on.n_rows == 180
    assert (tmp_path / "bundle" / "manifest.json").exists()


def test_a_fit_goes_on_from_a_bundle_with_its_settings(tmp_path, request_for):
    run_fit(request_for(make_frame()), tmp_path / "before")
    more = request_for(make_frame((90, 80)), horizon=None, season_length=None, max_steps=3)
    tuned = run_fit(more, tmp_path / "after", initial=tmp_path / "before").forecaster
    assert (tuned.began_with, tuned.horizon, tuned.max_steps) == ("bundle", HORIZON, 3)
    assert StandIn.fitted_on.n_rows == 170
    assert (tmp_path / "after" / "manifest.json").exists()
    with pytest.raises(ConfigError, match=r"--horizon 7 \(the bundle has 6\)"):
        run_fit(request_for(make_frame(), horizon=7), tmp_path / "other", initial=tmp_path / "before")
    assert not (tmp_path / "other").exists()


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


def bundle_of(job, request, tmp_path):
    """A saved network that has been trained on all rows, or on those before the held-out ones."""
    if job == "fit":
        run_fit(request, tmp_path / "bundle")
        return tmp_path / "bundle"
    run_forecast(request, tmp_path / "output", refit=job == "refit")
    return tmp_path / "output" / "bundle"


@pytest.mark.parametrize(("job", "seen"), [("forecast", False), ("refit", True), ("fit", True)])
def test_a_backtest_knows_what_the_saved_network_was_trained_on(tmp_path, request_for, job, seen):
    request = request_for(make_frame())
    bundle = bundle_of(job, request, tmp_path)
    tested = run_backtest(request, bundle=bundle)
    targets = tested.backtest.drop_duplicates(["unique_id", "ds"])
    assert tested.seen_in_training == len(targets) * seen


@pytest.mark.parametrize("extra", [0, 3, 40])
def test_rows_that_came_after_the_fit_are_an_honest_test(tmp_path, request_for, extra):
    bundle = bundle_of("fit", request_for(make_frame()), tmp_path)
    tested = run_backtest(request_for(make_frame((60 + extra,) * 3)), bundle=bundle, n_windows=1)
    assert tested.seen_in_training == 3 * max(HORIZON - extra, 0)


def test_a_saved_network_is_tested_on_few_rows(tmp_path, request_for):
    """It has nothing to learn from them: a season before the first window is enough."""
    bundle = bundle_of("fit", request_for(make_frame()), tmp_path)
    later = make_frame((60 + SEASON + HORIZON,) * 3).groupby("unique_id").tail(SEASON + HORIZON)
    tested = run_backtest(request_for(later), bundle=bundle)
    assert (tested.held.n_windows, tested.seen_in_training) == (1, 0)
    with pytest.raises(PanelError, match=r"takes a series of 12 rows, and the longest has 11\. Add the rows"):
        run_backtest(request_for(later.groupby("unique_id").tail(SEASON + HORIZON - 1)), bundle=bundle)


@pytest.mark.parametrize(
    "asked",
    [
        {"horizon": 7}, {"season_length": 7}, {"freq": "2"}, {"seed": 0}, {"preset": "default"},
        {"max_steps": 5}, {"id_col": "shop"},
    ],
)  # fmt: skip
def test_settings_that_a_saved_network_cannot_follow_are_refused_by_name(tmp_path, request_for, asked):
    bundle = bundle_of("fit", request_for(make_frame()), tmp_path)
    (name,) = asked
    source = str(tmp_path / "data.parquet")
    with pytest.raises(ConfigError, match=rf"--{name.replace('_', '-')} .*leave out --bundle"):
        run_backtest(Request(source, **asked), bundle=bundle)
    same = {"horizon": HORIZON, "season_length": SEASON, "freq": "1"}
    run_backtest(Request(source, **{key: same[key] for key in asked if key in same}), bundle=bundle)


@pytest.mark.parametrize("job", ["predict", "backtest"])
def test_a_file_of_forecasts_is_not_that_of_the_data(tmp_path, request_for, job):
    request = request_for(make_frame())
    bundle = bundle_of("fit", request, tmp_path)
    before = digests(tmp_path)
    alias = tmp_path / "alias.parquet"
    alias.symlink_to(request.source)
    for output in (request.source, alias):
        with pytest.raises(ConfigError, match="must not replace the data"):
            _ = (
                run_predict(bundle, output, source=request.source)
                if job == "predict"
                else run_backtest(request, output=output)
            )
    alias.unlink()
    assert digests(tmp_path) == before


def test_forecasts_are_not_written_over_those_that_a_manifest_names(tmp_path, request_for):
    bundle = bundle_of("forecast", request_for(make_frame()), tmp_path)
    for path in (tmp_path / "output" / "forecasts.csv", tmp_path / "output" / "forecasts.parquet"):
        with pytest.raises(ConfigError, match="earlier results"):
            run_predict(bundle, path)


@pytest.mark.parametrize(("every", "noted"), [(1, False), (2, False), (7, True)])
def test_data_that_are_mostly_gaps_are_noted(tmp_path, request_for, every, noted):
    bundle = bundle_of("fit", request_for(make_frame(), freq="1"), tmp_path)
    sparse = make_frame().query("ds % @every == 0")
    sparse.to_parquet(tmp_path / "sparse.parquet", index=False)
    watcher = Watcher()
    run_predict(bundle, tmp_path / "next.csv", source=str(tmp_path / "sparse.parquet"), progress=watcher)
    assert any("rows have no value at the frequency '1'" in note for note in watcher.notes) is noted
