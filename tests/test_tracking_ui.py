"""The MLflow UI as a child process: it answers on the loopback interface and leaves nothing running."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from pipelines.errors import BusyError, ConfigError
from pipelines.tracking import Tracker, TrackingStore, ui, ui_command
from pipelines.tracking.ui import serve_ui

# A shell starts its background jobs with SIGINT ignored, and they pass that on.
SERVE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from pipelines.tracking import open_ui
open_ui(sys.argv[1], int(sys.argv[2]), on_ready=lambda address: print(address, flush=True))
"""


def group_is_gone(group: int) -> bool:
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def get(address: str) -> str:
    with urllib.request.urlopen(address, timeout=20) as answer:
        return str(answer.read().decode())


def test_the_command_stays_on_the_loopback_interface(tmp_path: Path) -> None:
    command = ui_command(TrackingStore.parse(tmp_path), 5999)
    options = dict(zip(command[4::2], command[5::2], strict=True))
    assert command[:4] == [sys.executable, "-m", "mlflow", "server"]
    assert options["--host"] == "127.0.0.1"
    assert options["--port"] == "5999"
    assert options["--backend-store-uri"] == f"sqlite:///{tmp_path}/mlflow.db"


def test_a_server_needs_no_second_one() -> None:
    with pytest.raises(ConfigError, match=r"\*\*\*@host"):
        ui_command(TrackingStore.parse("http://ann:secret@host"))


def test_a_port_in_use_is_replaced_by_a_free_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert ui.free_port(port) not in (0, port)
    assert ui.free_port(port) == port


def test_the_ui_shows_runs_and_artifacts_and_stops(tmp_path: Path) -> None:
    tracker = Tracker(tmp_path, "shown")
    with tracker.start_run("first") as run:
        run._client.log_text(run.run_id, "hello", "folder/note.txt")
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    with serve_ui(tmp_path, 0) as (address, process):
        assert address.startswith("http://127.0.0.1:")
        assert "<html" in get(address)
        found = json.loads(get(f"{address}/api/2.0/mlflow/runs/get?run_id={run.run_id}"))
        assert found["run"]["info"]["run_name"] == "first"
        assert get(f"{address}/get-artifact?path=folder/note.txt&run_uuid={run.run_id}") == "hello"
        with Tracker(address, "over http").start_run("second") as second:
            second._client.log_text(second.run_id, "there", "note.txt")
    assert group_is_gone(process.pid)
    assert before == {number: signal.getsignal(number) for number in before}
    assert {path.name for path in tmp_path.iterdir()} - {"mlflow.db.lock"} == {"mlflow.db", "artifacts"}
    assert [path.read_text() for path in tmp_path.glob("artifacts/**/note.txt")].count("there") == 1


def test_an_interrupted_ui_leaves_no_process_behind(tmp_path: Path) -> None:
    endings = {signal.SIGINT: -signal.SIGINT, signal.SIGTERM: 143}
    callers: dict[signal.Signals, subprocess.Popen[str]] = {}
    root = str(Path(ui.__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": root}
    Tracker(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]  # in use, so that each takes a free one
        for number in endings:
            callers[number] = subprocess.Popen(
                [sys.executable, "-c", SERVE, str(tmp_path), str(port)],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        for number, caller in callers.items():
            assert caller.stdout is not None
            address, _, page = caller.stdout.readline().strip().partition("/#/")
            assert page == "experiments?workflowType=machine_learning"
            assert get(f"{address}/health") == "OK"
            (server,) = children_of(caller.pid)
            caller.send_signal(number)
            _, errors = caller.communicate(timeout=30)
            assert caller.returncode == endings[number], errors
            assert group_is_gone(server)
            with pytest.raises(OSError, match=r"refused|reset"):
                get(f"{address}/health")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_that_would_end_the_process_at_once_let_it_clean_up(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as caught, ui._signals_raise():
        signal.raise_signal(number)
    assert caught.value.code == 128 + number
    assert signal.getsignal(number) == before


def children_of(process: int) -> list[int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True, check=False
    )
    return [int(line) for line in listed.stdout.split()]


def test_a_server_that_dies_is_reported_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such option')"]
    monkeypatch.setattr(ui, "ui_command", lambda store, port: command)
    monkeypatch.setattr(ui, "prepare", lambda store: None)
    with pytest.raises(BusyError, match="no such option"), serve_ui(tmp_path):
        pytest.fail("the server cannot be ready")


def test_a_server_that_ignores_the_request_to_stop_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True)\n"
    process = subprocess.Popen(
        [sys.executable, "-c", stubborn + "time.sleep(60)"], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    with process.stdout as output:
        output.readline()
        monkeypatch.setattr(ui, "_STOP_SECONDS", 0.2)
        ui._stop(process)
    assert process.returncode == -signal.SIGKILL
    assert group_is_gone(process.pid)
