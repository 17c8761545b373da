"""Where runs are kept: addresses, the first start of a database, and what can be wrong with either."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from at_once import open_at_once
from filelock import FileLock

from pipelines.errors import BusyError, ConfigError
from pipelines.redaction import redacted
from pipelines.tracking import Tracker, TrackingStore, sqlite_file, store
from pipelines.tracking.store import connect

ROOT = str(Path(store.__file__).parents[2])


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("template")
    Tracker(directory, "template")
    return directory / "mlflow.db"


@pytest.fixture
def existing(template: Path, tmp_path: Path) -> Path:
    """A directory with a database, made in a moment."""
    directory = tmp_path / "existing"
    directory.mkdir()
    shutil.copy(template, directory)
    return directory


@pytest.fixture
def empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    directory = tmp_path / "cwd"
    directory.mkdir()
    monkeypatch.chdir(directory)
    yield directory
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("text", ["runs", "./runs/", "sqlite:///runs/mlflow.db"])
def test_relative_locations_become_absolute(text: str, empty_working_directory: Path) -> None:
    parsed = TrackingStore.parse(text)
    assert parsed.database == empty_working_directory / "runs" / "mlflow.db"
    assert parsed.uri == f"sqlite:///{parsed.database}"
    assert parsed.artifact_root == (empty_working_directory / "runs" / "artifacts").as_uri()


def test_the_address_of_a_server_is_kept() -> None:
    parsed = TrackingStore.parse("https://ann:secret@mlflow.example/team/")
    assert (parsed.uri, parsed.directory, parsed.artifact_root) == (
        "https://ann:secret@mlflow.example/team",
        None,
        None,
    )


@pytest.mark.parametrize(
    "text",
    [
        "mysql://ann:secret@db/mlflow",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:x",
        "s3://bucket",
        "a?b",
    ],
)
def test_other_locations_are_refused_without_showing_credentials(text: str) -> None:
    with pytest.raises(ConfigError, match="must") as caught:
        TrackingStore.parse(text)
    assert "secret" not in str(caught.value)


def test_a_file_is_refused_with_the_way_to_name_it(tmp_path: Path) -> None:
    path = tmp_path / "team.db"
    path.touch()
    with pytest.raises(ConfigError, match="write sqlite:///"):
        TrackingStore.parse(path)


@pytest.mark.parametrize("name", ["läufe/my runs", "100% [a] #1;&'"])
def test_any_directory_name_works(name: str, tmp_path: Path, empty_working_directory: Path) -> None:
    directory = tmp_path / name
    with Tracker(directory).start_run("run") as run:
        run._client.log_text(run.run_id, "text", "file.txt")
    assert {path.name for path in directory.iterdir()} - {"mlflow.db.lock"} == {"mlflow.db", "artifacts"}
    assert [path.read_text() for path in directory.glob("artifacts/*/artifacts/file.txt")] == ["text"]


@pytest.mark.long
def test_eight_processes_start_at_once_on_an_empty_directory(tmp_path: Path) -> None:
    assert open_at_once(str(tmp_path / "runs")) == [0] * 8
    tracker = Tracker(tmp_path / "runs", "shared")
    runs = tracker._client.search_runs([tracker.experiment_id])
    assert len({run.info.run_id for run in runs}) == 8
    assert all(run.info.status == "FINISHED" and run.data.metrics["train/loss"] == 0.5 for run in runs)


FIRST_START = """
import json, logging, os, sys, threading
before = dict(os.environ), logging.getLogger().handlers[:], logging.getLogger().level
from pipelines.tracking import Tracker
lazy = "mlflow" not in sys.modules
with Tracker(sys.argv[1]).start_run("run") as run:
    run.log_epoch({"step": 1, "loss": 0.5})
import mlflow
from mlflow.telemetry import get_telemetry_client
environment = {k: v for k, v in os.environ.items() if k != "_RJEM_MALLOC_CONF"}  # set by an import of polars
print(json.dumps({
    "lazy": lazy,
    "unchanged": (environment, logging.getLogger().handlers, logging.getLogger().level) == before,
    "telemetry": get_telemetry_client() is not None,
    "tracking_uri": mlflow.get_tracking_uri(),
    "active_run": mlflow.active_run() is not None,
    "threads": [thread.name for thread in threading.enumerate()],
    "tensorflow": "tensorflow" in sys.modules,
}))
"""


def test_the_first_start_is_silent_and_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    # Without the marks of a test run or of CI, which switch MLflow's telemetry off by themselves.
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    environment = kept | {"HOME": str(tmp_path / "home"), "PYTHONPATH": ROOT}
    working = tmp_path / "cwd"
    working.mkdir()
    command = [sys.executable, "-c", FIRST_START, str(tmp_path / "runs")]
    done = subprocess.run(command, cwd=working, env=environment, capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found.pop("tracking_uri") == f"sqlite:///{working}/mlflow.db"  # the default, which nothing opened
    assert found == {
        "lazy": True,
        "unchanged": True,
        "telemetry": False,
        "active_run": False,
        "threads": ["MainThread"],
        "tensorflow": False,
    }
    assert list(working.iterdir()) == []
    assert not (tmp_path / "home").exists()


def test_what_a_killed_process_left_behind_does_no_harm(tmp_path: Path) -> None:
    for name in ("mlflow.db.new", "mlflow.db.new-journal", "mlflow.db-journal", "mlflow.db.lock"):
        (tmp_path / name).write_bytes(b"half-written")
    (tmp_path / "mlflow.db").touch()
    with Tracker(tmp_path).start_run("run") as run:
        pass
    assert run.status == "FINISHED"
    assert {path.name for path in tmp_path.iterdir()} - {"mlflow.db.lock"} == {"mlflow.db"}


HOT_JOURNAL = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("CREATE TABLE t (x)")
database.executemany("INSERT INTO t VALUES (?)", [("a" * 500,)] * 2000)
database.commit()
database.execute("PRAGMA cache_size = 5")
database.execute("UPDATE t SET x = x || 'b'")
os._exit(0)
"""


@pytest.mark.parametrize("words", ["database or disk is full", "disk I/O error"])
def test_a_full_disk_leaves_no_half_of_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    def half(uri: str, artifacts: str) -> None:
        Path(uri.removeprefix("sqlite:///")).write_bytes(b"SQLite format 3")
        raise sqlite3.OperationalError(f"{words}\n[SQL: CREATE TABLE runs]")

    monkeypatch.setattr(store, "_open", half)
    with pytest.raises(ConfigError, match=rf"disk with space.*\({words}\)"):
        connect(TrackingStore.parse(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} <= {"mlflow.db.lock"}


def test_the_journal_of_a_deleted_database_is_not_played_into_the_new_one(tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    subprocess.run([sys.executable, "-c", HOT_JOURNAL, str(database)], check=True, timeout=60)
    database.unlink()
    assert (tmp_path / "mlflow.db-journal").stat().st_size > 0
    with Tracker(tmp_path).start_run("run") as run:
        pass
    assert run.status == "FINISHED"


def test_a_store_deleted_under_a_running_process_is_made_again(tmp_path: Path) -> None:
    directory = tmp_path / "runs"
    Tracker(directory).start_run("lost")
    shutil.rmtree(directory)
    tracker = Tracker(directory)
    with tracker.start_run("kept"):
        pass
    assert [run.info.run_name for run in tracker._client.search_runs([tracker.experiment_id])] == ["kept"]


def test_the_default_experiment_keeps_its_artifacts_in_the_directory_too(tmp_path: Path) -> None:
    client = connect(TrackingStore.parse(tmp_path))
    assert client.get_experiment("0").artifact_location.startswith((tmp_path / "artifacts").as_uri())


def test_a_lock_that_stays_held_is_a_matter_of_trying_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_LOCK_SECONDS", 0.1)
    with FileLock(tmp_path / "mlflow.db.lock"), pytest.raises(BusyError, match="Another process still holds"):
        Tracker(tmp_path)


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("a letter")
    with pytest.raises(ConfigError, match="must be an SQLite database"):
        Tracker(tmp_path)
    assert (tmp_path / "mlflow.db").read_text() == "a letter"


def test_a_database_of_another_mlflow_is_refused_with_the_cure(existing: Path) -> None:
    with sqlite3.connect(existing / "mlflow.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'older'")
    database.close()
    with pytest.raises(ConfigError, match="mlflow db upgrade"):
        Tracker(existing)


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="must be writable"):
        Tracker(tmp_path / "file" / "runs")


def test_a_deleted_experiment_is_refused_with_the_cure(existing: Path) -> None:
    tracker = Tracker(existing, "gone")
    tracker._client.delete_experiment(tracker.experiment_id)
    with pytest.raises(
        ConfigError, match=f"mlflow experiments restore --experiment-id {tracker.experiment_id}"
    ):
        Tracker(existing, "gone")


def written(directory: Path, name: str, experiment: str = "shared") -> str:
    """Write a run with an artifact; return its id."""
    with Tracker(directory, experiment).start_run(name) as run:
        run._client.log_text(run.run_id, name, "file.txt")
    return run.run_id


def read(directory: Path, run_id: str) -> str:
    """The artifact of a run, by the way that the UI takes."""
    client = connect(TrackingStore.parse(directory))
    return Path(client.download_artifacts(run_id, "file.txt")).read_text()


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("action", ["copy", "move", "copy, then delete the original"])
def test_a_directory_that_was_moved_or_copied_is_carried_on(
    action: str, existing: Path, tmp_path: Path
) -> None:
    first = written(existing, "first")
    default = connect(TrackingStore.parse(existing)).create_run("0").info.run_id
    second = tmp_path / "läufe 2"
    if action == "move":
        existing.rename(second)
    else:
        shutil.copytree(existing, second)
    if action == "copy":
        (existing / "artifacts" / first / "artifacts" / "file.txt").write_text("of the original")
        before = contents(existing)
    elif existing.exists():
        shutil.rmtree(existing)
    later = written(second, "later")
    assert read(second, first) == "first"  # also where the original has another text
    assert read(second, later) == "later"
    assert (second / "artifacts" / later / "artifacts" / "file.txt").exists()
    client = connect(TrackingStore.parse(second))
    for number in ("0", "1"):
        assert client.get_experiment(number).artifact_location.startswith((second / "artifacts").as_uri())
    assert client.get_run(default).info.artifact_uri.startswith((second / "artifacts").as_uri())
    if action == "copy":
        assert contents(existing) == before
        assert read(existing, first) == "of the original"
    else:
        assert not existing.exists()


def test_a_directory_can_move_again_and_again(existing: Path, tmp_path: Path) -> None:
    place, runs = existing, {}
    for name in ("a", "b", "a", "c"):
        place = place.rename(tmp_path / name)
        runs[written(place, name)] = name
    assert {run: read(place, run) for run in runs} == runs


def test_a_database_copied_without_artifacts_finds_the_old_ones(existing: Path, tmp_path: Path) -> None:
    first = written(existing, "first")
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(existing / "mlflow.db", alone)
    before = contents(existing / "artifacts")
    later = written(alone, "later")
    assert read(alone, first) == "first"
    assert (alone / "artifacts" / later / "artifacts" / "file.txt").read_text() == "later"
    assert contents(existing / "artifacts") == before


def test_artifacts_that_someone_keeps_elsewhere_stay_there(existing: Path, tmp_path: Path) -> None:
    elsewhere = (tmp_path / "large disk").as_uri()
    connect(TrackingStore.parse(existing)).create_experiment("own", artifact_location=elsewhere)
    run = written(existing, "text", "own")
    assert (tmp_path / "large disk" / run / "artifacts" / "file.txt").read_text() == "text"


@pytest.fixture
def protected(existing: Path) -> Iterator[Path]:
    """A directory whose database nobody can write to, not even root."""
    database = existing / "mlflow.db"
    if os.geteuid():
        database.chmod(0o444)
    elif shutil.which("chattr") is None or subprocess.run(["chattr", "+i", database], check=False).returncode:
        pytest.skip("root may write to any file of this disk")
    yield existing
    if not os.geteuid():
        subprocess.run(["chattr", "-i", database], check=True)


def test_a_database_that_cannot_be_written_to_is_refused_with_the_cure(protected: Path) -> None:
    with pytest.raises(ConfigError, match=r"must be writable.*mlflow\.db.*name another directory") as caught:
        Tracker(protected)
    assert caught.value.exit_code == 78
    assert "SQL" not in str(caught.value)


def test_a_database_that_stays_locked_is_a_matter_of_trying_later(
    existing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "_BUSY_SECONDS", 0.1)
    with contextlib.closing(sqlite3.connect(existing / "mlflow.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(BusyError, match="locked; try again") as caught:
            Tracker(existing)
    assert caught.value.exit_code == 75
    assert written(existing, "later")


def test_a_server_that_does_not_answer_is_reported_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and never listening
        began = time.monotonic()
        with pytest.raises(BusyError, match="must answer") as caught:
            Tracker(f"http://ann:secret@127.0.0.1:{taken.getsockname()[1]}")
    assert time.monotonic() - began < 10
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("password", ["sec/ret", "sec#ret", "sec?ret", "sec@ret", "sec:ret"])
@pytest.mark.parametrize("scheme", ["http", "postgresql", "ftp"])
def test_credentials_are_hidden_whatever_signs_they_hold(scheme: str, password: str) -> None:
    message = f"no answer of {scheme}://ann:{password}@host:5000/x, see ann@example.org"
    assert redacted(message) == f"no answer of {scheme}://***@host:5000/x, see ann@example.org"
    assert redacted(path := "sqlite:////home/ann@example.org/mlflow.db") == path


@pytest.mark.parametrize("address", ["http://ann:sec/ret@host", "http://[::1", "https://", "http://host:x"])
def test_an_address_that_is_none_is_refused_with_the_cure(address: str) -> None:
    with pytest.raises(ConfigError, match=r"must be http.*; write signs such as") as caught:
        TrackingStore.parse(address)
    assert "sec" not in str(caught.value)


def test_credentials_are_hidden_even_when_they_hold_an_escaped_at_sign() -> None:
    assert redacted("http://ann:se%40cret@host/x") == "http://***@host/x"
