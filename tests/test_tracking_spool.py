"""A server that is down loses no run: it waits in a folder, and arrives whole and once."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from example_studies import make_study
from mlflow_http import HttpServer, http_server
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.errors import BusyError
from pipelines.jobs.recording import recorded
from pipelines.jobs.stages import Stages
from pipelines.tracking import StudyTracker, TrackedRun, Tracker, send_all, sending
from pipelines.tracking.quiet import quiet

pytestmark = pytest.mark.usefixtures("quick_stores")


@pytest.fixture(scope="module")
def http() -> Iterator[HttpServer]:
    with http_server() as server:
        os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
        yield server


@pytest.fixture
def server(http: HttpServer) -> Iterator[HttpServer]:
    http.start()
    yield http
    http.stop()


def write(run: TrackedRun, number: int) -> None:
    run.log_params({f"p{number}": "x"})
    run.log_epoch({"step": number, "loss": 1 / number})
    run.log_data("sales", "abc", {"num_rows": 3})
    run.log_text(f"text {number}", f"notes/{number}.txt")
    run.log_tags({"team": "sales"})


def read(tracker: Tracker, name: str) -> Any:
    """The one run of a name, as plain values."""
    client = tracker._client
    (run,) = (r for r in client.search_runs([tracker.experiment_id]) if r.info.run_name == name)
    losses = client.get_metric_history(run.info.run_id, "train/loss")
    return {
        "status": run.info.status,
        "params": run.data.params,
        "losses": [(point.step, point.value) for point in losses],
        "files": sorted(file.path for file in client.list_artifacts(run.info.run_id, "notes")),
        "data": [one.dataset.name for one in run.inputs.dataset_inputs],
        "team": run.data.tags["team"],
        "error": run.data.tags.get("error"),
        "times": (run.info.start_time, run.info.end_time, losses[0].timestamp),
    }


def expected(*numbers: int) -> dict[str, Any]:
    return {
        "status": "FINISHED",
        "params": {f"p{n}": "x" for n in numbers},
        "losses": [(n, 1 / n) for n in numbers],
        "files": [f"notes/{n}.txt" for n in numbers],
        "data": ["sales"],
        "team": "sales",
        "error": None,
    }


def without_times(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "times"}


def test_runs_of_a_server_that_is_down_are_sent_at_the_next_start(
    http: HttpServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = tmp_path / "unsent"
    tracker = Tracker(http.address.replace("//", "//ann:secret@"), "down", spool=spool)
    with tracker.start_run("first") as run:
        write(run, 1)
    (warning,) = caplog.messages
    assert "does not answer. Its runs wait in" in warning
    assert "secret" not in warning
    (folder,) = spool.iterdir()
    assert "secret" not in (folder / "destination.json").read_text()
    local = Tracker(folder, "down")
    waiting = read(local, "first")
    with pytest.raises(BusyError, match="must answer within"):
        Tracker(http.address, "down")  # strict
    http.start()
    try:
        other = Tracker(http.address, "down", spool=tmp_path / "elsewhere")
        assert list(other.find_runs("team", "sales")) == []
        tracker = Tracker(http.address, "down", spool=spool)
        assert read(tracker, "first") == waiting
        assert without_times(waiting) == expected(1)
    finally:
        http.stop()
    assert not spool.exists()


def test_a_server_that_dies_amid_a_run_gets_the_rest_later(
    http: HttpServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = tmp_path / "unsent"
    http.start()
    tracker = Tracker(http.address, "dies", spool=spool)
    with tracker.start_run("whole") as run:
        write(run, 1)
        http.stop()
        write(run, 2)
        assert len(caplog.messages) == 1
        assert send_all(spool) == 0  # it is being written
    with tracker.start_run("after") as run:
        write(run, 3)
    assert len(caplog.messages) == 1
    assert CliRunner().invoke(app, ["sync", str(tmp_path)]).exit_code == 75
    http.start()
    try:
        sent = CliRunner().invoke(app, ["sync", str(tmp_path), "--json"])
        assert (sent.exit_code, json.loads(sent.stdout)) == (0, {"command": "sync", "sent": 2})
        fresh = Tracker(http.address, "dies")
        assert without_times(read(fresh, "whole")) == expected(1, 2)
        assert without_times(read(fresh, "after")) == expected(3)
        assert len(list(fresh.find_runs("team", "sales"))) == 2
    finally:
        http.stop()
    assert not spool.exists()
    with tracker.start_run("much later") as run:  # what it kept has been sent, so it waits anew
        write(run, 4)
    assert len(list(spool.iterdir())) == 1


def test_what_arrived_by_half_is_sent_again_and_is_there_once(
    http: HttpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = tmp_path / "unsent"
    tracker = Tracker(http.address, "half", spool=spool)
    for number in (1, 2):
        with tracker.start_run(f"run {number}") as run:
            write(run, number)
    http.start()
    try:
        for stop_at in (1, 2):
            calls = []

            def failing(*arguments: Any, stop_at: int = stop_at, calls: list[Any] = calls) -> None:
                calls.append(arguments)
                if len(calls) == stop_at:
                    raise BusyError("A run must arrive whole.")

            with monkeypatch.context() as patch:
                patch.setattr(sending, "_check", failing)
                with pytest.raises(BusyError, match="must arrive whole"):
                    send_all(spool)
        assert send_all(spool) == 2
        fresh = Tracker(http.address, "half")
        for number in (1, 2):
            assert without_times(read(fresh, f"run {number}")) == expected(number)
        assert len(fresh._client.search_runs([fresh.experiment_id])) == 2
    finally:
        http.stop()


@pytest.mark.long
def test_a_study_goes_on_where_its_server_dies_and_is_one_tree_in_the_end(
    http: HttpServer, tmp_path: Path
) -> None:
    spool, study = tmp_path / "unsent", make_study(3, study_id="dying")
    http.start()
    with StudyTracker(Tracker(http.address, "study", spool=spool)) as observer:
        observer.begin(replace(study, trials=()))
        observer.trial_began(study.trials[0])
        observer.trial_ended(study.trials[0])
        observer.trial_began(study.trials[1])
        http.stop()
        observer.trial_ended(study.trials[1])
        with pytest.raises(ValueError, match="power"):
            raise ValueError("power failure")
    # Resumed while the server is down: what ended before is told again.
    with StudyTracker(Tracker(http.address, "study", spool=spool)) as observer:
        observer.begin(replace(study, trials=study.trials[:2]))
        observer.trial_began(study.trials[2])
        observer.trial_ended(study.trials[2])
        observer.end(study)
    http.start()
    try:
        tracker = Tracker(http.address, "study", spool=spool)
        runs = tracker._client.search_runs([tracker.experiment_id])
        assert {run.info.status for run in runs} == {"FINISHED"}
        names = sorted((run.info.run_name, run.data.tags["tcn.kind"]) for run in runs)
        trials = [("default", "trial"), *((f"trial {n}", "trial") for n in range(1, 4))]
        folds = [("fold 0", "fold"), ("fold 1", "fold")] * 4
        assert names == sorted([*trials, *folds, (study.name, "study")])
        by_id = {run.info.run_id: run for run in runs}
        kinds = {"study": None, "trial": "study", "fold": "trial"}
        for run in runs:
            parent = by_id.get(run.data.tags.get("mlflow.parentRunId", ""))
            assert (parent.data.tags["tcn.kind"] if parent else None) == kinds[run.data.tags["tcn.kind"]]
        (trial,) = (run for run in runs if run.info.run_name == "trial 2")
        wql = tracker._client.get_metric_history(trial.info.run_id, "wql_by_fold")
        assert [point.step for point in wql] == [0, 1]
    finally:
        http.stop()


def test_what_a_killed_process_kept_is_sent_too(http: HttpServer, tmp_path: Path) -> None:
    tracker = Tracker(http.address, "killed", spool=tmp_path)
    tracker.start_run("lost").log_params({"p1": "x"})
    http.start()
    try:
        assert send_all(tmp_path) == 0
        tracker._client._waiting._lock.release()  # as the system does when a process ends
        tracker = Tracker(http.address, "killed", spool=tmp_path)
        (run,) = tracker._client.search_runs([tracker.experiment_id])
    finally:
        http.stop()
    assert (run.info.status, run.data.params) == ("KILLED", {"p1": "x"})


def test_a_job_keeps_its_run_beside_its_results_unless_strict(http: HttpServer, tmp_path: Path) -> None:
    with recorded(http.address, "job", Stages(), tmp_path) as recorder:
        recorder.log_epoch({"step": 1, "loss": 0.5})
        recorder.end(tmp_path)
    assert [path.parent.name for path in tmp_path.glob("*/*/mlflow.db")] != []
    assert {path.name for path in tmp_path.iterdir()} == {"unsent"}
    with (
        pytest.raises(BusyError, match="must answer"),
        recorded(http.address, "job", Stages(), tmp_path, strict=True),
    ):
        pytest.fail("nothing was to be trained")


def test_the_machine_is_measured_where_the_run_is(
    server: HttpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.1")
    with recorded(server.address, "job", Stages(), tmp_path, system=True) as recorder:
        time.sleep(0.4)
        recorder.end(tmp_path)
    tracker = Tracker(server.address)
    assert recorder.run_id
    metrics = tracker._client.get_run(recorder.run_id).data.metrics
    assert 0 < metrics["system/system_memory_usage_percentage"] < 100
    assert "system/cpu_utilization_percentage" in metrics


def test_what_a_server_refuses_is_an_error_as_ever(server: HttpServer, tmp_path: Path) -> None:
    tracker = Tracker(server.address, "refuses", spool=tmp_path)
    with quiet():
        from mlflow.exceptions import MlflowException
    for key in ("", "x" * 300):
        with pytest.raises(MlflowException, match="INVALID_PARAMETER_VALUE"), tracker.start_run("run") as run:
            run.log_params({key: "x"})
        assert (run.status, list(tmp_path.iterdir())) == ("FAILED", [])
