"""The MLflow UI as a child process: it answers on the loopback interface and leaves nothing running.

A study is shown in a real browser where a Chromium is installed: the tree, the comparison, the figures, the
data set. These tests take the pictures of docs/how-to/mlflow.md, and put them there where
``PICTURES=docs/assets/mlflow`` says so; otherwise they are gone with the tests, and one figure alone is
opened: their pages differ in nothing else.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from chromium import Chromium, find_chromium
from example_studies import make_study

from pipelines.errors import BusyError, ConfigError
from pipelines.plots import study_figures
from pipelines.tracking import StudyTracker, Tracker, TrackingStore, ui, ui_command
from pipelines.tracking.ui import serve_ui

EXECUTABLE = find_chromium()
STUDY = make_study(6, failed=(4,))
FIGURES = sorted(study_figures(STUDY))
SIZE = (1280, 800)
# The panel of a language model stays closed.
STORED = {
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
    "mlflow.assistant.panelOpen_v1": "false",
}
# Answers like MLflow's server, with a child as that has, and starts in no time.
LIGHT = """
import http.server, subprocess, sys
subprocess.Popen(["sleep", "60"])
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"OK")
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
# A shell starts its background jobs with SIGINT ignored, and they pass that on.
SERVE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from pipelines.tracking import open_ui, ui
ui.prepare = lambda store: None
ui.ui_command = lambda store, port: [sys.executable, "-c", sys.argv[3], str(port)]
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


class Served(NamedTuple):
    address: str
    folder: Path
    tracker: Tracker
    run_id: str


@pytest.fixture(scope="module")
def served(quick_stores: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The UI of a folder with a study; when it has ended, nothing of it is left."""
    folder = tmp_path_factory.mktemp("studies")
    tracker = Tracker(folder, "bike_sharing")
    with StudyTracker(tracker, study_figures) as observer:
        observer.begin(STUDY)
        observer.end(STUDY)
    assert observer.run_id
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    with serve_ui(folder, 0) as (address, process):
        yield Served(address, folder, tracker, observer.run_id)
    assert group_is_gone(process.pid)
    assert before == {number: signal.getsignal(number) for number in before}


@pytest.mark.long
def test_the_ui_shows_runs_and_artifacts_and_takes_some(served: Served) -> None:
    address = served.address
    assert address.startswith("http://127.0.0.1:")
    assert "<html" in get(address)
    with Tracker(served.folder, "shown").start_run("first") as run:
        run._client.log_text(run.run_id, "hello", "folder/note.txt")
    found = json.loads(get(f"{address}/api/2.0/mlflow/runs/get?run_id={run.run_id}"))
    assert found["run"]["info"]["run_name"] == "first"
    assert get(f"{address}/get-artifact?path=folder/note.txt&run_uuid={run.run_id}") == "hello"
    with Tracker(address, "over http").start_run("second") as second:
        second._client.log_text(second.run_id, "there", "note.txt")
    assert {path.name for path in served.folder.iterdir()} - {"mlflow.db.lock"} == {"mlflow.db", "artifacts"}
    notes = [path.read_text() for path in served.folder.glob("artifacts/**/note.txt")]
    assert notes.count("there") == 1


@pytest.mark.long
def test_an_interrupted_ui_leaves_no_process_behind(tmp_path: Path) -> None:
    endings = {signal.SIGINT: -signal.SIGINT, signal.SIGTERM: 143}
    callers: dict[signal.Signals, subprocess.Popen[str]] = {}
    root = str(Path(ui.__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": root}
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]  # in use, so that each takes a free one
        for number in endings:
            callers[number] = subprocess.Popen(
                [sys.executable, "-c", SERVE, str(tmp_path), str(port), LIGHT],
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


class Shown(NamedTuple):
    browser: Chromium
    address: str
    tracker: Tracker
    run_id: str
    pictures: Path

    def open(self, page: str, ready: str) -> str:
        """Open a page of the experiment, wait until something is on it, and return its text."""
        self.browser.open("about:blank", *SIZE)  # else another page of the same application may stay as it is
        self.browser.open(f"{self.address}/#/{page}", *SIZE)
        self.browser.wait_for(ready, seconds=60)
        return str(self.browser.run("document.body.innerText"))

    def keep(self, name: str) -> bytes:
        """Take a picture."""
        path = self.pictures / f"{name}.png"
        self.browser.screenshot(path, whole=False)
        return path.read_bytes()


@pytest.fixture(scope="module")
def shown(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    assert EXECUTABLE
    pictures = Path(os.environ.get("PICTURES", tmp_path_factory.mktemp("pictures")))
    pictures.mkdir(parents=True, exist_ok=True)
    with Chromium(EXECUTABLE) as browser:
        script = f"for (const [k, v] of Object.entries({json.dumps(STORED)})) localStorage.setItem(k, v)"
        browser.send("Page.addScriptToEvaluateOnNewDocument", source=script)
        yield Shown(browser, served.address, served.tracker, served.run_id, pictures)


ROWS = "[...new Set([...document.querySelectorAll('.ag-row')].map(row => row.getAttribute('row-id')))]"
OPENERS = "[...document.querySelectorAll('.ag-row button[data-component-id*=runnamecellrenderer]')]"
NAMES = (
    "[...document.querySelectorAll('.ag-row a[href*=\"/runs/\"]')]"
    ".map(link => [link.textContent, link.getBoundingClientRect().left])"
)


@pytest.mark.long
class TestStudy:
    __test__ = EXECUTABLE is not None

    def test_the_list_shows_the_tree(self, shown: Shown) -> None:
        experiment, browser = shown.tracker.experiment_id, shown.browser
        shown.open(f"experiments/{experiment}/runs?workflowType=machine_learning", f"{OPENERS}.length === 1")
        browser.run(f"{OPENERS}[0].click()")
        browser.wait_for(f"{ROWS}.length === 1 + 7")
        browser.run(f"{OPENERS}[2].click()")
        browser.wait_for(f"{ROWS}.length === 1 + 7 + 2")
        shown.keep("tree")
        left = dict(browser.run(NAMES))
        assert {f"trial {number}" for number in range(1, 7)} | {"default", "fold 0", "fold 1"} < set(left)
        assert left[STUDY.name] < left["trial 6"] == left["default"] < left["fold 0"] == left["fold 1"]
        assert "20 matching runs" in browser.run("document.body.innerText")

    def test_the_overview_tells_the_story_and_names_the_data(self, shown: Shown) -> None:
        experiment = shown.tracker.experiment_id
        text = shown.open(
            f"experiments/{experiment}/runs/{shown.run_id}?workflowType=machine_learning",
            "['0.81 against', 'Datasets', 'trial 1'].every(one => document.body?.innerText.includes(one))",
        )
        shown.keep("overview")
        assert f"bike_sharing ({STUDY.digest[:12]})" in text
        assert all(f"trial {number}" in text for number in range(1, 7))
        assert "trials of random search (seed 0)" in text

    def test_trials_are_compared_in_a_chart(self, shown: Shown) -> None:
        runs = [run.info.run_id for run in shown.tracker.find_runs("tcn.kind", "trial")]
        asked = f"runs={json.dumps(runs)}&experiments={json.dumps([shown.tracker.experiment_id])}"
        text = shown.open(
            f"compare-runs?{asked}&workflowType=machine_learning".replace(" ", ""),
            "document.querySelector('.js-plotly-plot .parcoords')",
        )
        shown.keep("compare")
        assert "Comparing 7 Runs" in text
        assert "Parallel Coordinates Plot" in text
        assert shown.browser.run("document.querySelectorAll('canvas.gl-canvas').length") >= 1

    @pytest.mark.parametrize("name", FIGURES if "PICTURES" in os.environ else FIGURES[:1])
    def test_figures_are_drawn_in_the_run(self, shown: Shown, name: str) -> None:
        experiment = shown.tracker.experiment_id
        page = f"experiments/{experiment}/runs/{shown.run_id}/artifacts/figures/{name}.html"
        shown.open(f"{page}?workflowType=machine_learning", "document.querySelector('iframe')")
        title = json.dumps(study_figures(STUDY)[name].layout.title.text)
        shown.browser.run_in_frame(f"document.querySelector('.main-svg .gtitle')?.textContent === {title}")
        shown.keep(name)

    def test_nothing_is_asked_of_anybody_else(self, shown: Shown) -> None:
        experiment = shown.tracker.experiment_id
        shown.open(
            f"experiments/{experiment}/runs?workflowType=machine_learning",
            "document.querySelector('.ag-row')",
        )
        asked = [
            one for one in shown.browser.requests if not one.startswith((shown.address, "data:", "blob:"))
        ]
        assert asked == []
