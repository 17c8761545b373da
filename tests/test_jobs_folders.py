"""Folders of data on the command line: fitted and forecast through a store, which may be kept."""

import json

import pandas as pd
import pytest
from small_forecasters import HORIZON, frame_of, training_frame, weekly
from typer.testing import CliRunner

from pipelines import ConfigError, Forecaster, ForecastingError, PanelError, PanelStore
from pipelines.cli import app
from pipelines.jobs import Request, is_folder, run_fit_folder, run_predict_folder


def request(source, **asked):
    return Request(str(source), horizon=HORIZON, max_steps=0, preset="fast", **asked)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder of data in months."""
    folder = tmp_path_factory.mktemp("folders") / "data"
    training_frame().assign(month=lambda f: f.ds.dt.month).to_parquet(folder, partition_cols=["month"])
    return folder


@pytest.fixture(scope="module")
def bundle(data):
    run_fit_folder(request(data), data.parent / "bundle", data.parent / "kept")
    return data.parent / "bundle"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_fit_keeps_the_store_that_is_asked_for_and_nothing_else(bundle):
    assert names(bundle.parent) == ["bundle", "data", "kept"]
    assert PanelStore.open(bundle.parent / "kept").n_series == 5
    assert Forecaster.load(bundle).plan_.rows == 340


def test_a_folder_is_forecast(data, bundle, tmp_path):
    given = ["--bundle", str(bundle), "--data", str(data), "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(app, ["predict", *given, "--levels", "50", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["rows"] == 5 * HORIZON
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["part-00000.parquet"]
    expected = Forecaster.load(bundle).predict(training_frame(), levels=[50])
    found = pd.read_parquet(tmp_path / "out" / "part-00000.parquet")
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_a_forecast_that_fails_leaves_nothing(bundle, tmp_path, monkeypatch):
    def fails(self, store, levels):
        yield Forecaster.load(bundle).predict(training_frame())
        raise ForecastingError("stop")

    monkeypatch.setattr(Forecaster, "predict_parts", fails)
    with pytest.raises(ForecastingError, match="stop"):
        run_predict_folder(bundle, tmp_path / "out", str(bundle.parent / "kept"))
    assert names(tmp_path) == []


def test_a_fit_that_fails_leaves_nothing(tmp_path):
    frame_of({"a": weekly(20)}).assign(y="x").to_parquet(tmp_path / "data", partition_cols=["unique_id"])
    with pytest.raises(PanelError, match="'y'"):
        run_fit_folder(request(tmp_path / "data"), tmp_path / "bundle")
    assert names(tmp_path) == ["data"]


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["fit", "{data}", "--bundle", "{data}/bundle"], "must not lie in the data", 78),
        (["fit", "{data}", "--bundle", "{new}", "--store", "{data}/store"], "must not lie in the data", 78),
        (["fit", "{kept}", "--bundle", "{new}", "--store", "{new}s"], "leave out --store", 78),
        (["fit", "{data}", "--bundle", "{new}", "--store", "{kept}"], "holds something", 78),
        (["fit", "{data}", "--bundle", "{new}", "--calendar", "auto"], "must do without covariates", 78),
        (["fit", "us_unemployment", "--bundle", "{new}", "--store", "{new}s"], "--store", 64),
        (["fit", "{data}", "--bundle", "{new}", "--initial", "{bundle}"], "--initial", 64),
        (["predict", "--bundle", "{bundle}", "--data", "{kept}", "-o", "{kept}"], "must not lie", 78),
        (["predict", "--bundle", "{bundle}", "--data", "{kept}", "-o", "{data}"], "holds something", 78),
        (["predict", "--bundle", "{bundle}", "-o", "{new}.csv"], "keeps no history", 65),
        (["predict", "--static", "s", "--bundle", "{bundle}", "--data", "{kept}", "-o", "x"], "--stat", 64),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(arguments, words, code, data, bundle, tmp_path):
    places = {"data": data, "bundle": bundle, "kept": data.parent / "kept", "new": tmp_path / "new"}
    done = CliRunner().invoke(app, [each.format(**places) for each in arguments])
    assert done.exit_code == code, done.output
    assert words in " ".join(done.output.split())
    assert names(tmp_path) == []
    assert names(data.parent) == ["bundle", "data", "kept"]


def test_what_is_a_folder(data, tmp_path, monkeypatch):
    assert is_folder(str(data))
    assert not is_folder(None)
    assert not is_folder(str(data / "no"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bike_sharing").mkdir()
    assert not is_folder("bike_sharing")  # a data set goes first, as everywhere
    with pytest.raises(ConfigError, match="static"):
        run_fit_folder(request(data, static="s.csv"), tmp_path / "bundle")
