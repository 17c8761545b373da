"""Runs in PostgreSQL: a real server, an empty database that eight processes open at once, what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from at_once import open_at_once
from example_studies import make_study
from postgres_server import execute, postgres_server

from pipelines.errors import BusyError, ConfigError
from pipelines.redaction import redacted
from pipelines.tracking import StudyTracker, Tracker, TrackingStore, postgres, ui_command
from pipelines.tracking.store import prepare


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres_server() as address:
        yield address


@pytest.fixture(scope="module")
def database(server: str) -> str:
    execute(server, "CREATE DATABASE runs")
    return f"{server}/runs"


@pytest.mark.long
def test_eight_processes_start_at_once_on_an_empty_database(database: str, tmp_path: Path) -> None:
    assert open_at_once(database, str(tmp_path)) == [0] * 8
    tracker = Tracker(database, "shared")
    runs = tracker._client.search_runs([tracker.experiment_id])
    assert [(run.info.status, run.data.metrics) for run in runs] == [("FINISHED", {"train/loss": 0.5})] * 8
    assert len(list(tmp_path.glob("*/artifacts/file.txt"))) == 8


def test_a_study_is_written_and_found_again(database: str, tmp_path: Path) -> None:
    study = make_study(2)
    for _ in range(2):
        tracker = Tracker(database, "study", tmp_path)
        with StudyTracker(tracker) as observer:
            observer.begin(study)
            observer.end(study)
    runs = tracker._client.search_runs([tracker.experiment_id])
    assert len(runs) == 1 + 3 + 6
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_an_experiment_needs_a_place_for_artifacts_once(database: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must have a folder for its artifacts"):
        Tracker(database, "placed")
    first = Tracker(database, "placed", tmp_path)
    assert Tracker(database, "placed").experiment_id == first.experiment_id
    with first.start_run("run") as run:
        run.log_text("text", "file.txt")
    assert [path.read_text() for path in tmp_path.glob("*/artifacts/file.txt")] == ["text"]


def test_the_tables_are_waited_for(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = TrackingStore.parse(database)
    monkeypatch.setattr(postgres, "_LOCK_SECONDS", 1)
    with (
        postgres.creation_lock(place.uri, "here"),
        pytest.raises(BusyError, match="still makes the tables of"),
    ):
        prepare(place)
    prepare(place)


def test_what_is_wrong_is_said_without_the_password(server: str, database: str, tmp_path: Path) -> None:
    wrong = server.replace("ann@", "ann:secret@")
    with pytest.raises(ConfigError, match='"nothing" does not exist') as caught:
        Tracker(f"{wrong}/nothing")
    assert "secret" not in str(caught.value)
    assert "ann" not in str(caught.value)
    port = server.rpartition(":")[2]
    closed = wrong.replace(port, "1")
    with pytest.raises(BusyError, match="must answer within") as refused:
        Tracker(f"{closed}/runs")
    assert "secret" not in str(refused.value)
    assert Tracker(f"{wrong}/runs?application_name=tcn", "said", tmp_path).experiment_id


@pytest.mark.usefixtures("quick_stores")
def test_what_a_database_that_dies_no_longer_takes_waits(tmp_path: Path) -> None:
    with postgres_server() as server:
        execute(server, "CREATE DATABASE runs")
        tracker = Tracker(f"{server}/runs", artifacts=tmp_path / "artifacts", spool=tmp_path / "unsent")
        run = tracker.start_run("run")
        run.log_params({"before": "x"})
    with run:
        run.log_params({"after": "x"})
        run.log_epoch({"step": 1, "loss": 0.5})
    (folder,) = (tmp_path / "unsent").iterdir()
    kept = Tracker(folder)
    (rest,) = kept._client.search_runs([kept.experiment_id])
    assert rest.data.params == {"after": "x"}
    assert (rest.data.metrics, rest.info.status) == ({"train/loss": 0.5}, "FINISHED")
    assert rest.data.tags["tcn.continues"] == run.run_id


def test_addresses_are_read_as_people_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("postgresql://db/runs", "postgres://db/runs", "postgresql+psycopg://db/runs"):
        place = TrackingStore.parse(text)
        assert place.uri == "postgresql+psycopg://db/runs?connect_timeout=10"
        assert (place.database, place.directory, place.artifact_root) == (None, None, None)
    assert TrackingStore.parse("postgresql:///?connect_timeout=3").uri.endswith(":///?connect_timeout=3")
    assert (
        redacted("postgresql://db/runs?user=ann&password=s%20cret")
        == "postgresql://db/runs?user=ann&password=***"
    )


def test_the_ui_takes_a_database_and_shows_no_password_in_the_list_of_processes(tmp_path: Path) -> None:
    place = TrackingStore.parse("postgresql://ann:secret@db/runs", tmp_path)
    command = ui_command(place, 5000)
    assert not any("secret" in part for part in command)
    assert command[command.index("--default-artifact-root") + 1] == tmp_path.as_uri()
