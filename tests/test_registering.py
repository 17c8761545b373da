"""``--register``: the bundle of a job becomes a version of a registered model, linked to its run."""

import json
import shutil
from itertools import count
from pathlib import Path

import jobs_stand_in
import pytest
from jobs_stand_in import StandIn, make_frame
from served_bundles import served_bundle, served_forecaster
from typer.testing import CliRunner

from pipelines.bundle import checksum
from pipelines.cli import app
from pipelines.errors import ConfigError
from pipelines.serving import Reference, Registry, load_registered
from pipelines.tracking import Tracker

pytestmark = pytest.mark.usefixtures("quick_stores")

FIT = ("fit", "sales.csv", "--horizon", "3", "--season-length", "6", "--bundle", "model")
FORECAST = ("forecast", "sales.csv", "--horizon", "3", "--season-length", "6", "--output", "runs")


class Saving(StandIn):
    """Saves a network that can be loaded, whatever it was fitted to; no two bundles are the same."""

    number = count()

    def save(self, path):
        path = Path(path)
        shutil.copytree(served_bundle(), path)
        config, manifest = path / "config.json", path / "manifest.json"
        config.write_text(config.read_text() + next(self.number) * "\n")
        content = json.loads(manifest.read_text())
        content["files"]["config.json"]["sha256"] = checksum(config)
        manifest.write_text(json.dumps(content))


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch, tmp_path):
    jobs_stand_in.install(monkeypatch.setattr)
    monkeypatch.setattr("pipelines.jobs.task.Forecaster", Saving)
    monkeypatch.chdir(tmp_path)
    make_frame().to_csv("sales.csv", index=False)


def tcn(*arguments):
    return CliRunner().invoke(app, [*arguments])


def test_the_first_version_is_the_champion_and_the_next_its_challenger(tmp_path):
    first = tcn(*FORECAST, "--register", "sales", "--json")
    assert first.exit_code == 0, first.stderr
    second = tcn(*FIT, "--register", "sales", "--tracking-uri", "runs", "--json")
    assert second.exit_code == 0, second.stderr
    answers = [json.loads(done.stdout) for done in (first, second)]
    made = [answer["registered"] for answer in answers]
    assert [(each["version"], each["aliases"]) for each in made] == [
        ("1", ["champion"]),
        ("2", ["challenger"]),
    ]
    assert [each["run_id"] for each in made] == [answer["tracking"]["run_id"] for answer in answers]
    bundles = (tmp_path / "runs" / "bundle", tmp_path / "model")
    assert [each["sha256"] for each in made] == [checksum(path / "manifest.json") for path in bundles]
    registry = Registry("runs")
    assert registry.find(Reference("sales", alias="champion")).version == "1"
    for each in made:
        run = registry.client.get_run(each["run_id"])
        assert run.info.status == "FINISHED"
        assert len(run.outputs.model_outputs) == 1
    found = load_registered("sales@champion", "runs").predict()
    assert found.equals(served_forecaster().predict())


def test_people_are_told_of_the_version():
    done = tcn(*FIT, "--register", "sales", "--tracking-uri", "runs")
    assert "Registered: sales version 1: champion" in done.stdout
    done = tcn(*FORECAST, "--register", "sales")
    assert "sales version 2: challenger" in done.stdout


def test_the_run_of_a_fit_says_what_was_learned(tmp_path):
    done = tcn(*FIT, "--tracking-uri", "runs", "--json")
    answer = json.loads(done.stdout)
    run = Tracker("runs")._client.get_run(answer["tracking"]["run_id"])
    assert answer["registered"] is None
    assert run.info.run_name == "sales fit"
    assert (run.data.params["series"], run.data.params["horizon"]) == ("3", "3")
    assert run.data.metrics["train/loss"] == 0.5
    assert "the fit has learned from all rows" in run.data.tags["mlflow.note.content"]
    assert run.inputs.dataset_inputs[0].dataset.name == "sales"


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ((*FIT, "--register", "sales"), 78, "needs a store of runs. Received: --register sales without one"),
        ((*FORECAST, "--no-track", "--register", "sales"), 78, "leave out --no-track"),
        ((*FIT, "--tracking-uri", "runs", "--register", "sa/les"), 78, "Received: 'sa/les'"),
        ((*FORECAST, "--register", "it's"), 78, 'Received: "it\'s"'),
        ((*FORECAST, "--register", " "), 78, "Received: ' '"),
        ((*FIT, "--tracking-uri", "http://127.0.0.1:9", "--register", "sales"), 75, "127.0.0.1:9"),
        (("fit", ".", "--bundle", "model", "--horizon", "3", "--tracking-uri", "runs"), 64, "tcn register"),
    ],
)
def test_mistakes_end_before_anything_is_trained(arguments, code, text, monkeypatch, tmp_path):
    monkeypatch.setattr(Saving, "fit", None)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    before = sorted(tmp_path.iterdir())
    done = tcn(*arguments)
    assert done.exit_code == code, done.stderr
    assert text in done.stderr
    assert [path.name for path in tmp_path.iterdir() if path not in before] in ([], ["unsent"])


def test_a_registry_that_fails_afterwards_costs_no_forecast(monkeypatch, tmp_path):
    def damaged(*arguments):
        raise ConfigError("The registry must know and allow what is asked of it.")

    monkeypatch.setattr("pipelines.serving.register_next", damaged)
    done = tcn(*FORECAST, "--register", "sales")
    assert done.exit_code == 75
    assert "The bundle is complete in" in done.stderr
    assert (tmp_path / "runs" / "bundle" / "manifest.json").exists()
    [run] = Tracker("runs")._client.search_runs([Tracker("runs").experiment_id])
    assert run.info.status == "FINISHED"
