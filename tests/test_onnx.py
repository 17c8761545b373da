"""Forecasts on ONNX Runtime: those of Keras, without Keras, and never from a bundle that is not whole."""

import json
import logging
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from covariate_cases import cases, state_of, table_of
from hypothesis import given, settings
from small_forecasters import EXTREME, frame_of, training_frame, weekly
from typer.testing import CliRunner

from pipelines import BundleError, ConfigError, Forecaster, Panel
from pipelines.bundle import MANIFEST, checksum
from pipelines.cli import app
from pipelines.network import DeviceTable, export_network, forecast_last
from pipelines.runtime import TOLERANCE, gather, write_golden
from pipelines.windows import SeriesTable

FIXTURE = Path(__file__).parent / "fixtures" / "bundle-format-1"
FILES = [
    "config.json",
    "golden.parquet",
    "history.parquet",
    "manifest.json",
    "model.keras",
    "model.onnx",
    "static.parquet",
]
needs_onnx = pytest.mark.skipif(
    not all(map(find_spec, ("onnx", "tf2onnx", "onnxruntime"))), reason="needs the extras onnx and predict"
)


# What the network is shown


def same_as_on_the_device(table, before, horizon):
    """Compare at every row of the panel, and give the number of rows."""
    series = np.repeat(np.arange(table.n_series), np.diff(table.indptr))
    rows = np.arange(table.indptr[-1])
    ours = gather(table, series, rows, before)
    device = DeviceTable.from_table(table)
    where = series.astype(np.int32), rows.astype(np.int32)
    inputs, _ = device.chunk(*where, before, 0)
    theirs = {"series": inputs, **device.features(*where, 0)}
    assert sorted(ours) == sorted(theirs)
    for name, values in ours.items():
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, theirs[name].numpy(), strict=True)
    return len(rows)


@pytest.mark.parametrize("before", [1, 5, 120])
def test_rows_are_those_of_the_device(before):
    frame = pd.concat([training_frame(), frame_of(EXTREME)])
    assert same_as_on_the_device(SeriesTable.from_panel(Panel.from_frame(frame, "D"), 7), before, 4) > 500


@given(cases())
@settings(max_examples=25)
def test_covariates_are_those_of_the_device(case):
    covariates, horizon, rows, ahead, static = case
    state = state_of(covariates, rows, static, horizon)
    panel = Panel.from_frame(rows, "D", covariates=covariates, static=static)
    known = table_of(state, rows, ahead, static)
    fields = vars(SeriesTable.from_panel(panel, 3)) | {"covariates": known}
    assert same_as_on_the_device(SeriesTable(**fields), 6, horizon)


# Forecasts


@pytest.fixture(scope="module")
def keras():
    return Forecaster.load(FIXTURE)


@pytest.fixture(scope="module")
def saved(keras, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "bundle"
    keras.save(path, onnx=True)
    return path


@pytest.fixture(scope="module")
def onnx(saved):
    return Forecaster.load(saved, runtime="onnx")


@pytest.fixture
def bundle(saved, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(saved, tmp_path / "bundle")


def assert_alike(ours, theirs):
    """Equal to the tolerance, relative to the largest value of each series."""
    keys = ["unique_id", "ds"]
    pd.testing.assert_frame_equal(ours[keys], theirs[keys])
    size = theirs.drop(columns="ds").groupby("unique_id").transform(lambda column: column.abs().max())
    size = size.max(axis=1).to_numpy()[:, None]
    names = [name for name in theirs if name not in keys]
    with np.errstate(over="ignore"):
        gap = np.abs(ours[names].to_numpy() / 2 - theirs[names].to_numpy() / 2)
    assert list(ours) == list(theirs)
    assert (gap <= TOLERANCE * size / 2).all()


@needs_onnx
def test_forecasts_are_those_of_keras(keras, onnx):
    assert_alike(onnx.predict(), keras.predict())
    assert_alike(onnx.predict(levels=[50, 99]), keras.predict(levels=[50, 99]))


@needs_onnx
def test_the_log_of_tensorflow_stays_as_it_was(keras, onnx):  # and one of the two has been exported
    assert logging.getLogger("tensorflow").level != logging.ERROR


@needs_onnx
def test_forecasts_from_new_histories_are_those_of_keras(keras, onnx):
    many = {f"{i:03}": weekly(20 + i % 30, i, 10.0 ** (i % 7)) for i in range(300)}
    frame = frame_of({**many, **EXTREME}).assign(load=lambda frame: np.arange(len(frame)) % 11 - 5.0)
    static = frame[["unique_id"]].drop_duplicates().assign(kind="shop")
    assert_alike(onnx.predict(frame, static=static), keras.predict(frame, static=static))


@needs_onnx
def test_a_forecast_is_the_same_each_time(onnx, saved):
    again = Forecaster.load(saved, runtime="onnx")
    pd.testing.assert_frame_equal(onnx.predict(), again.predict(), check_exact=True)


@needs_onnx
def test_the_command_forecasts_without_tensorflow(keras, saved, tmp_path):
    program = """
import sys
from pipelines.cli import app
try:
    app(sys.argv[1:])
except SystemExit as end:
    assert end.code == 0
heavy = {"tensorflow", "keras", "tf2onnx", "mlflow", "scipy.signal", "sklearn", "plotly"} & {*sys.modules}
assert not heavy, heavy
"""
    output = tmp_path / "forecast.parquet"
    command = [
        sys.executable,
        "-W",
        "error",
        "-c",
        program,
        "predict",
        "--bundle",
        str(saved),
        "-o",
        str(output),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    assert_alike(pd.read_parquet(output), keras.predict())


@needs_onnx
@pytest.mark.parametrize("wanted", ["fit", "backtest", "save"])
def test_what_needs_keras_says_so(onnx, tmp_path, wanted):
    arguments = {"fit": [training_frame()], "backtest": [], "save": [tmp_path / "bundle"]}
    with pytest.raises(ConfigError, match=rf"with Keras to {wanted}\. .*use Forecaster\.load\(path\)"):
        getattr(onnx, wanted)(*arguments[wanted])


@pytest.mark.skipif(find_spec("onnxruntime") is None, reason="needs the extra predict")
def test_a_bundle_without_onnx_is_refused():
    with pytest.raises(BundleError, match=r"a bundle with model\.onnx\. .*load it with Keras and save it"):
        Forecaster.load(FIXTURE, runtime="onnx")


def test_other_runtimes_are_refused():
    with pytest.raises(ConfigError, match=r"must be 'keras' or 'onnx'\. Received: 'torch'"):
        Forecaster.load(FIXTURE, runtime="torch")


def test_a_missing_runtime_is_named(monkeypatch):
    monkeypatch.setattr("pipelines.runtime.onnx_network.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'tcn-forecasting\[predict\]'"):
        Forecaster.load(FIXTURE, runtime="onnx")


def test_without_the_packages_of_onnx_a_bundle_is_saved_and_says_so(keras, tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.network.export.find_spec", lambda name: None)
    with pytest.warns(UserWarning, match=r"no model\.onnx") as caught:
        keras.save(tmp_path / "bundle")
    assert len(caught) == 1
    assert sorted(entry.name for entry in (tmp_path / "bundle").iterdir()) == [
        name for name in FILES if name != "model.onnx"
    ]
    with pytest.raises(ConfigError, match=r"tcn-forecasting\[onnx\]"):
        keras.save(tmp_path / "other", onnx=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["bundle"]


# Damage


@needs_onnx
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["missing", "cut", "flipped"])
def test_a_damaged_file_ends_the_command_with_65(bundle, tmp_path, name, damage):
    assert sorted(entry.name for entry in bundle.iterdir()) == FILES
    content = bytearray((bundle / name).read_bytes())
    if damage == "missing":
        (bundle / name).unlink()
    elif damage == "cut":
        (bundle / name).write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2] ^= 1
        (bundle / name).write_bytes(content)
    output = tmp_path / "forecast.csv"
    result = CliRunner().invoke(app, ["predict", "--bundle", str(bundle), "-o", str(output), "--quiet"])
    assert result.exit_code == 65
    # A manifest that was changed may accuse another file.
    assert name in result.stderr or (name == MANIFEST and damage == "flipped")
    assert result.stderr.count("Error: ") == 1
    assert "Traceback" not in result.output
    assert not output.exists()


def reseal(bundle):
    """Make the manifest agree with the files again, as someone who means harm would."""
    files = {name: {"sha256": checksum(bundle / name)} for name in FILES if name != MANIFEST}
    (bundle / MANIFEST).write_text(json.dumps({"format": 2, "files": files}))


@needs_onnx
def test_another_network_than_the_one_that_was_saved_is_refused(bundle):
    other = Forecaster.load(FIXTURE)
    weights = other.network_.get_weights()
    other.network_.set_weights([1.01 * values for values in weights])
    export_network(other.network_, bundle / "model.onnx", "onnx")
    reseal(bundle)
    with pytest.raises(BundleError, match=r"must say what it said .*golden\.parquet"):
        Forecaster.load(bundle, runtime="onnx")


@needs_onnx
@pytest.mark.parametrize("content", [b"", b"no network"])
def test_what_is_no_network_is_refused(bundle, content):
    (bundle / "model.onnx").write_bytes(content)
    reseal(bundle)
    with pytest.raises(BundleError, match=r"model\.onnx"):
        Forecaster.load(bundle, runtime="onnx")


def test_golden_rows_are_what_keras_says(keras, tmp_path):
    panel = keras.panel_
    inputs = gather(
        keras._fitted.table(panel), np.arange(2), panel.indptr[1:] - 1, keras.network_.context + 1
    )
    quantiles = forecast_last(keras.network_, inputs)
    write_golden(tmp_path / "golden.parquet", inputs, quantiles)
    found = pq.read_table(tmp_path / "golden.parquet").to_pydict()
    assert sorted(found) == ["ahead", "quantiles", "series", "static"]
    np.testing.assert_array_equal(found["quantiles"], quantiles.reshape(2, -1))
    median = keras.network_.quantiles.index(0.5)
    table = keras._fitted.table(panel)
    expected = keras.predict()["TCN"].to_numpy().reshape(2, -1)
    np.testing.assert_allclose(
        quantiles[..., median] * table.unit[:, None] + table.base[:, None], expected, rtol=1e-5
    )


# Other formats


def test_a_saved_model_says_what_keras_says(keras, tmp_path):
    tf = pytest.importorskip("tensorflow")
    panel = keras.panel_
    inputs = gather(
        keras._fitted.table(panel), np.arange(2), panel.indptr[1:] - 1, keras.network_.context + 1
    )
    export_network(keras.network_, tmp_path / "network", "savedmodel")
    loaded = tf.saved_model.load(tmp_path / "network").signatures["serving_default"]
    found = loaded(**{name: tf.constant(values) for name, values in inputs.items()})["quantiles"].numpy()
    np.testing.assert_allclose(found, forecast_last(keras.network_, inputs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--format", "savedmodel"], 78), (["--format", "pickle"], 64)],
)
def test_exports_that_cannot_be_are_refused(tmp_path, arguments, code):
    (tmp_path / "taken").mkdir()
    command = ["export", "--bundle", str(FIXTURE), "-o", str(tmp_path / "taken"), *arguments]
    assert CliRunner().invoke(app, command).exit_code == code
    assert [*tmp_path.iterdir()] == [tmp_path / "taken"]
