"""A study in the MLflow UI, in a real browser: the tree, the comparison, the figures and the data set.

These tests exist where a Chromium is installed. They take the pictures of docs/how-to/mlflow.md, and put them
there where ``PICTURES=docs/assets/mlflow`` says so; otherwise they are gone with the tests, and one
figure alone is opened: their pages differ in nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from chromium import Chromium, find_chromium
from example_studies import make_study

from pipelines.plots import study_figures
from pipelines.tracking import StudyTracker, Tracker
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
def shown(quick_stores: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    assert EXECUTABLE
    folder = tmp_path_factory.mktemp("studies")
    pictures = Path(os.environ.get("PICTURES", folder / "pictures"))
    pictures.mkdir(parents=True, exist_ok=True)
    tracker = Tracker(folder, "bike_sharing")
    with StudyTracker(tracker, study_figures) as observer:
        observer.begin(STUDY)
        observer.end(STUDY)
    assert observer.run_id
    with serve_ui(folder, 0) as (address, _), Chromium(EXECUTABLE) as browser:
        script = f"for (const [k, v] of Object.entries({json.dumps(STORED)})) localStorage.setItem(k, v)"
        browser.send("Page.addScriptToEvaluateOnNewDocument", source=script)
        yield Shown(browser, address, tracker, observer.run_id, pictures)


ROWS = "[...new Set([...document.querySelectorAll('.ag-row')].map(row => row.getAttribute('row-id')))]"
OPENERS = "[...document.querySelectorAll('.ag-row button[data-component-id*=runnamecellrenderer]')]"
NAMES = (
    "[...document.querySelectorAll('.ag-row a[href*=\"/runs/\"]')]"
    ".map(link => [link.textContent, link.getBoundingClientRect().left])"
)


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
        assert {f"trial {number}" for number in range(6)} | {"default", "fold 0", "fold 1"} < set(left)
        assert left[STUDY.name] < left["trial 5"] == left["default"] < left["fold 0"] == left["fold 1"]
        assert "20 matching runs" in browser.run("document.body.innerText")

    def test_the_overview_tells_the_story_and_names_the_data(self, shown: Shown) -> None:
        experiment = shown.tracker.experiment_id
        text = shown.open(
            f"experiments/{experiment}/runs/{shown.run_id}?workflowType=machine_learning",
            "['0.81 against', 'Datasets', 'trial 0'].every(one => document.body?.innerText.includes(one))",
        )
        shown.keep("overview")
        assert f"bike_sharing ({STUDY.digest[:12]})" in text
        assert all(f"trial {number}" in text for number in range(6))
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
