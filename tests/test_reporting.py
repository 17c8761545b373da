"""A report made again: of results as they lie in a folder, and of a saved network on data."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_forecasters import SMALL, frame_of, weekly
from typer.testing import CliRunner

from pipelines import Forecaster
from pipelines.cli import app
from pipelines.errors import BundleError, ConfigError, PanelError
from pipelines.jobs import Request, run_forecast, run_report
from pipelines.jobs.run_facts import FACTS

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, eagerly: None) -> Path:
    """Results of a small forecast, and the data beside them."""
    folder = tmp_path_factory.mktemp("results")
    frame = frame_of({"a": weekly(60, 1), "b": 10 * weekly(60, 2)})
    frame.to_parquet(folder / "data.parquet", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.network.can_export_onnx", lambda: False)
        asked = Request(str(folder / "data.parquet"), horizon=4, preset="fast", max_steps=4)
        run_forecast(asked, folder / "output")
    return folder


def test_the_report_of_results_is_the_same_page(results: Path, tmp_path: Path) -> None:
    made = run_report(results / "output", tmp_path / "again.html")
    assert made.again
    assert made.path.read_bytes() == (results / "output" / "report.html").read_bytes()


def test_changed_results_are_refused(results: Path, tmp_path: Path) -> None:
    facts = results / "output" / FACTS
    before = facts.read_text()
    facts.write_text(before.replace("TCN", "TCM"))
    try:
        with pytest.raises(PanelError, match=r"manifest\.json names"):
            run_report(results / "output", tmp_path / "again.html")
    finally:
        facts.write_text(before)
    assert not (tmp_path / "again.html").exists()


def test_a_bundle_on_later_data_is_tested_and_forecast(results: Path, tmp_path: Path) -> None:
    frame = frame_of({"a": weekly(90, 1), "b": 10 * weekly(90, 2)})
    frame.to_csv(tmp_path / "later.csv", index=False)
    page, data = tmp_path / "later.html", str(tmp_path / "later.csv")
    made = run_report(results / "output", page, data=data, n_windows=2, certificate=True)
    assert not made.again
    assert made.result.scores is not None
    assert made.result.backtest["cutoff"].nunique() == 2
    assert made.result.forecast["ds"].min() == frame["ds"].max() + pd.Timedelta(days=1)
    text = made.path.read_text()
    assert "forecasts that moved" in text
    assert "2 of 2" in text
    forecaster = Forecaster.load(results / "output" / "bundle")
    expected = forecaster.predict(frame)
    np.testing.assert_array_equal(made.result.forecast["TCN"], expected["TCN"])


def test_rows_that_were_learned_have_no_scores(tmp_path: Path) -> None:
    frame = frame_of({"a": weekly(60, 1), "b": weekly(60, 2)})
    Forecaster(**{**SMALL, "max_steps": 0}).fit(frame).save(tmp_path / "bundle", onnx=False)
    made = run_report(tmp_path / "bundle", tmp_path / "report.html")
    assert made.result.scores is None
    assert re.search(r"was trained on [\d,]+ of the values", made.result.reason)
    assert made.result.reason in made.path.read_text()


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"output": "report.txt"}, ConfigError, "an .html file"),
        ({"output": "nowhere/report.html"}, ConfigError, "folder that exists"),
        ({"source": "nowhere"}, BundleError, "nowhere"),
        ({"future": "prices.csv"}, ConfigError, "--data"),
    ],
)
def test_errors_say_what_to_do(results, tmp_path, monkeypatch, arguments, error, text):
    monkeypatch.chdir(tmp_path)
    given = {"source": results / "output", "output": "report.html", **arguments}
    with pytest.raises(error, match=text):
        run_report(given.pop("source"), given.pop("output"), **given)
    assert not [*tmp_path.iterdir()]


def test_a_file_of_the_results_is_not_replaced(results: Path) -> None:
    with pytest.raises(ConfigError, match="earlier results"):
        run_report(results / "output", results / "output" / "report.html")


def test_a_page_of_somebody_else_stays(results: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text("<p>mine")
    with pytest.raises(ConfigError, match="a page that is none"):
        run_report(results / "output", page)
    assert page.read_text() == "<p>mine"
    page.write_bytes((results / "output" / "report.html").read_bytes())
    assert run_report(results / "output", page).path == page  # a report may be replaced


@pytest.mark.parametrize("source", ["nowhere", "empty", "file.csv"])
def test_what_holds_no_results_is_named_before_anything_is_loaded(source: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.csv").write_text("unique_id,ds,y\n")
    with pytest.raises(BundleError, match=rf"made of a folder of results.*Received: .*{source}"):
        run_report(tmp_path / source, tmp_path / "report.html")
    with pytest.raises(BundleError, match="must be a directory"):
        Forecaster.load(tmp_path / source)


def test_the_command_answers_people_and_machines(results: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = CliRunner().invoke(app, ["report", str(results / "output"), "-o", str(page), "--json"])
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout.splitlines()[-1])
    assert (answer["command"], answer["as_it_was"], answer["series"]) == ("report", True, 2)
    assert answer["bytes"] == page.stat().st_size
    done = CliRunner().invoke(app, ["report", str(results / "output"), "-o", str(page)])
    assert "Report:" in done.stdout
    assert CliRunner().invoke(app, ["report", str(tmp_path / "none")]).exit_code == 65
