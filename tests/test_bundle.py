"""Saved forecasters: equal when they come back, refused when damaged, never half-written, without code."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_forecasters import UNTRAINED, fitted, frame_of, training_frame, untrained_once, weekly

from pipelines import BundleError, Forecaster
from pipelines.bundle import MANIFEST, checksum, read_bundle, write_bundle
from pipelines.network import save_network

FILES = ["config.json", "golden.parquet", "history.parquet", "manifest.json", "model.keras"]
FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundles") / "new" / "bundle"
    fitted().save(path, onnx=False)
    return path


@pytest.fixture
def bundle(saved, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(saved, tmp_path / "bundle")


def reseal(bundle):
    """Make the manifest agree with the files again, as someone who means harm would."""
    files = {name: {"sha256": checksum(bundle / name)} for name in FILES if name != MANIFEST}
    (bundle / MANIFEST).write_text(json.dumps({"format": 2, "files": files}))


# Round trips


def test_what_comes_back_is_equal_to_the_bit(saved):
    loaded, kept = Forecaster.load(saved), fitted()
    assert loaded.predict().equals(kept.predict())
    assert loaded.backtest().equals(kept.backtest())
    other = training_frame().assign(
        unique_id=lambda frame: frame["unique_id"] + "2", y=lambda frame: -frame["y"]
    )
    assert loaded.predict(other, levels=[50]).equals(kept.predict(other, levels=[50]))
    assert loaded.plan_ == kept.plan_
    assert loaded.panel_ == kept.panel_
    assert loaded.history_ == kept.history_
    assert loaded.settings_ == kept.settings_
    assert {**loaded.get_params(), "levels": (80, 95), "dilations": (1, 2)} == kept.get_params()


@pytest.mark.long
def test_a_fresh_process_forecasts_the_same(saved, tmp_path):
    program = f"""
from pipelines import Forecaster
Forecaster.load({str(saved)!r}).predict().to_parquet({str(tmp_path / "forecast.parquet")!r})
"""
    subprocess.run(
        [sys.executable, "-W", "error", "-c", program], check=True, capture_output=True, cwd=tmp_path
    )
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "forecast.parquet"), fitted().predict(), check_exact=True
    )


def test_a_bundle_saved_again_is_the_same_forecaster(saved, tmp_path):
    Forecaster.load(saved).save(tmp_path / "again", onnx=False)
    for name in ("config.json", "history.parquet"):
        assert (tmp_path / "again" / name).read_bytes() == (saved / name).read_bytes()
    assert Forecaster.load(tmp_path / "again").predict().equals(fitted().predict())


@pytest.mark.parametrize("kind", ["integers", "zone", "periods", "dates as ids", "columns", "never negative"])
def test_data_of_every_kind_come_back(kind, tmp_path):
    stamps = pd.date_range("2024-03-29", periods=40, freq="h")
    frame = pd.DataFrame({"unique_id": "a", "ds": stamps, "y": weekly(40)})
    arguments = dict(UNTRAINED)
    if kind == "integers":
        frame = frame.assign(ds=np.arange(40) * 3, unique_id=7)
    elif kind == "zone":
        frame["ds"] = stamps.tz_localize("UTC").tz_convert("Europe/Berlin")
    elif kind == "periods":
        frame["ds"] = pd.period_range("2020-01", periods=40, freq="M")
    elif kind == "dates as ids":
        frame["unique_id"] = pd.Timestamp("2024-01-01").date()
    elif kind == "columns":
        frame.columns = ["store", "hour", "sold"]
        arguments |= {
            "id_col": "store",
            "time_col": "hour",
            "target_col": "sold",
            "alias": "Net",
            "levels": [50],
        }
    forecaster = Forecaster(**arguments).fit(frame)
    forecaster.save(tmp_path / "bundle", onnx=False)
    loaded = Forecaster.load(tmp_path / "bundle")
    assert loaded.panel_ == forecaster.panel_
    assert loaded.panel_.ids.dtype == forecaster.panel_.ids.dtype
    assert loaded._fitted.nonnegative is forecaster._fitted.nonnegative is True
    for a, b in zip(loaded.network_.get_weights(), forecaster.network_.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert list(loaded.predict().columns) == list(forecaster.predict().columns)


def test_settings_changed_after_the_fit_are_not_those_of_the_bundle(tmp_path):
    forecaster = Forecaster(**UNTRAINED).fit(frame_of({"a": weekly(40)}))
    forecaster.set_params(horizon=9, alias="Other")
    forecaster.save(tmp_path / "bundle", onnx=False)
    loaded = Forecaster.load(tmp_path / "bundle")
    assert (loaded.horizon, loaded.alias) == (4, "TCN")


@pytest.mark.parametrize(("names", "kinds"), [(["a", 1], "int, str"), ([(1, 2), (3, 4)], "tuple")])
def test_ids_that_no_file_gives_back_are_refused(names, kinds, tmp_path):
    frame = pd.concat([frame_of({0: weekly(20)}).assign(unique_id=[name] * 20) for name in names])
    forecaster = Forecaster(**UNTRAINED).fit(frame)
    with pytest.raises(
        BundleError, match=f"all numbers, all text or all dates. Received: {kinds}; turn them"
    ):
        forecaster.save(tmp_path / "bundle", onnx=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("version", [1, 2])
def test_bundles_that_were_saved_before_still_forecast(version):
    loaded = Forecaster.load(FIXTURES / f"bundle-format-{version}")
    expected = pd.read_csv(FIXTURES / "bundle-format-1-forecast.csv", parse_dates=["ds"])
    pd.testing.assert_frame_equal(loaded.predict(), expected, check_dtype=False, rtol=1e-5)


def test_an_unknown_format_is_refused_by_name(bundle):
    (bundle / MANIFEST).write_text(json.dumps({"format": 3, "files": {}}))
    with pytest.raises(BundleError, match=r"format 1 or 2\. Received: format 3 in .*manifest\.json"):
        Forecaster.load(bundle)


# What a bundle is


def test_a_bundle_holds_plain_files_and_no_pickle(saved):
    assert sorted(entry.name for entry in saved.iterdir()) == FILES
    for name in ("config.json", MANIFEST):
        json.loads((saved / name).read_text())
    contents = {name: (saved / name).read_bytes() for name in FILES}
    with zipfile.ZipFile(saved / "model.keras") as archive:
        assert sorted(archive.namelist()) == ["config.json", "metadata.json", "model.weights.h5"]
        config = archive.read("config.json").decode()
        contents |= {name: archive.read(name) for name in archive.namelist()}
    assert contents["model.weights.h5"].startswith(b"\x89HDF")
    assert contents["history.parquet"].startswith(b"PAR1")
    assert contents["golden.parquet"].startswith(b"PAR1")
    for word in ("Lambda", "lambda", "marshal", "pickle"):
        assert word not in config
    # No pickle of protocol 2 or later: a PROTO opcode first and a STOP last.
    assert not [name for name, raw in contents.items() if raw[:1] == b"\x80" and raw[-1:] == b"."]


def test_every_file_has_its_checksum(saved):
    manifest = json.loads((saved / MANIFEST).read_text())
    assert manifest["format"] == 2
    assert sorted([*manifest["files"], MANIFEST]) == FILES
    assert {name: path.name for name, path in read_bundle(saved).items()} == {n: n for n in manifest["files"]}


# Damage


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "longer", "directory"])
def test_a_damaged_file_is_named(bundle, name, damage):
    file = bundle / name
    content = file.read_bytes()
    file.unlink()
    if damage == "empty":
        file.write_bytes(b"")
    elif damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "longer":
        file.write_bytes(content + b"0")
    elif damage == "directory":
        file.mkdir()
    with pytest.raises(BundleError, match=name.replace(".", r"\.")):
        Forecaster.load(bundle)


@given(st.sampled_from(FILES), st.floats(0, 1, exclude_max=True), st.integers(1, 255))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_byte_is_noticed(bundle, name, place, flip):
    file = bundle / name
    content = bytearray(file.read_bytes())
    original = bytes(content)
    content[int(place * len(content))] ^= flip
    file.write_bytes(content)
    try:
        if name != MANIFEST or _meaning(bytes(content)) != _meaning(original):
            with pytest.raises(BundleError):
                read_bundle(bundle)
    finally:
        file.write_bytes(original)


def _meaning(raw):
    """What a manifest says; white space may change."""
    try:
        return json.loads(raw)
    except ValueError:
        return None


@pytest.mark.parametrize(
    "manifest",
    [
        [],
        {},
        {"format": 1},
        {"format": 1, "sha256": []},
        {"format": 1, "sha256": [["a", "b"]]},
        {"format": 2, "sha256": {}},
        {"format": 1, "files": {}},
        {"format": 2, "files": {}},
        {"format": 2, "files": []},
        {"format": 2, "files": {"config.json": "0"}},
        {"format": 2, "files": {"../config.json": {"sha256": "0"}}},
        {"format": 3, "files": {}},
        {"format": [1], "sha256": {}},
        {"format": 1, "sha256": {}},
        {"format": 1, "sha256": {"../config.json": "0"}},
        {"format": 1, "sha256": {"/etc/passwd": "0"}},
        {"format": 1, "sha256": {"..": "0"}},
        {"format": 1, "sha256": {"": "0"}},
    ],
)
def test_a_foreign_manifest_is_refused(bundle, manifest):
    (bundle / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError):
        Forecaster.load(bundle)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", b"[1, 2]"),
        ("config.json", b"{"),
        ("config.json", b'{"params": {"horizon": 4}}'),
        ("config.json", b'{"params": {"horizon": 4, "new_setting": 1}, "plan": {}}'),
        ("config.json", b'{"params": {"horizon": -4}, "plan": {}}'),
        ("history.parquet", b"PAR1 and nothing else"),
        ("model.keras", b"no archive"),
    ],
)
def test_sealed_content_of_another_kind_is_refused(bundle, name, content):
    (bundle / name).write_bytes(content)
    reseal(bundle)
    with pytest.raises(BundleError, match=r"from a version like this one\. Received: .*fit and save again"):
        Forecaster.load(bundle)


def test_another_model_is_refused(bundle):
    inputs = keras.Input((3,))
    save_network(keras.Model(inputs, keras.layers.Dense(2)(inputs)), bundle / "model.keras")
    reseal(bundle)
    with pytest.raises(BundleError, match=r"must hold a ForkingTCN\. Received: a Functional"):
        Forecaster.load(bundle)


@pytest.mark.parametrize("manifest", [{"sales": "of a folder of results"}, None])
def test_the_bundle_in_a_folder_of_results_is_pointed_to(bundle, manifest):
    if manifest:
        (bundle.parent / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=re.escape(f"; name {bundle}.")):
        read_bundle(bundle.parent)


def test_code_in_a_model_is_not_run(bundle, tmp_path):
    inputs = keras.Input((3,))
    mark = str(tmp_path / "was here")
    marking = keras.layers.Lambda(lambda x: (Path(mark).touch(), x)[1])
    save_network(keras.Model(inputs, marking(inputs)), bundle / "model.keras")
    Path(mark).unlink()  # it ran when the model was made
    reseal(bundle)
    with pytest.raises(BundleError, match=r"(?i)lambda"):
        Forecaster.load(bundle)
    assert not Path(mark).exists()


def test_data_of_another_shape_are_refused(bundle):
    pd.DataFrame({"x": [1, 2]}).to_parquet(bundle / "history.parquet")
    reseal(bundle)
    with pytest.raises(BundleError, match="'unique_id'"):
        Forecaster.load(bundle)


@pytest.mark.parametrize("kind", ["nothing", "file", "empty directory"])
def test_what_is_no_bundle_is_refused(tmp_path, kind):
    path = tmp_path / "bundle"
    if kind == "file":
        path.write_text("x")
    elif kind == "empty directory":
        path.mkdir()
    with pytest.raises(BundleError, match=MANIFEST.replace(".", r"\.")) as raised:
        Forecaster.load(path)
    assert str(path) in str(raised.value)


# Saving


def snapshot(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("kind", ["file", "directory", "bundle with a note", "other manifest"])
def test_what_is_not_a_bundle_is_not_replaced(tmp_path, bundle, kind):
    path = bundle
    if kind == "file":
        path = tmp_path / "report.txt"
        path.write_text("mine")
    elif kind == "directory":
        path = tmp_path / "data"
        path.mkdir()
        (path / "rows.csv").write_text("mine")
    elif kind == "bundle with a note":
        (path / "note.txt").write_text("mine")
    else:
        path = tmp_path / "site"
        path.mkdir()
        (path / MANIFEST).write_text('{"name": "a web page"}')
    before = snapshot(tmp_path)
    with pytest.raises(BundleError):
        untrained_once().save(path, onnx=False)
    assert snapshot(tmp_path) == before
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".")]


@pytest.mark.parametrize("kind", ["bundle", "empty directory", "link"])
def test_a_bundle_or_an_empty_directory_is_replaced(tmp_path, bundle, kind):
    path = bundle
    if kind == "empty directory":
        path = tmp_path / "empty"
        path.mkdir()
    elif kind == "link":
        path = tmp_path / "link"
        path.symlink_to(bundle)
    untrained_once().save(path, onnx=False)
    assert path.is_symlink() == (kind == "link")
    assert Forecaster.load(path).max_steps == 0
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".")]
    assert path.resolve().stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("moment", ["writing", "first rename", "second rename"])
def test_an_interrupted_save_leaves_the_old_bundle(tmp_path, monkeypatch, bundle, error, moment):
    before = snapshot(tmp_path)
    path_class = type(bundle)
    rename, renames = path_class.rename, []

    def interrupted(*_):
        raise error

    def interrupted_rename(self, target):
        renames.append(target)
        if len(renames) == {"first rename": 1, "second rename": 2}[moment]:
            raise error
        return rename(self, target)

    if moment == "writing":
        writers = {"a": lambda file: file.write_text("half"), "b": interrupted}
    else:
        writers = {"a": lambda file: file.write_text("whole")}
        monkeypatch.setattr(path_class, "rename", interrupted_rename)
    with pytest.raises(type(error)):
        write_bundle(bundle, {"config.json": {}}, writers)
    assert snapshot(tmp_path) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["bundle"]


def test_parents_are_made_and_nothing_else(tmp_path):
    write_bundle(tmp_path / "a" / "b", {"x.json": [1]}, {})
    assert sorted(snapshot(tmp_path)) == [f"a/b/{MANIFEST}", "a/b/x.json"]
    assert read_bundle(tmp_path / "a" / "b") == {"x.json": tmp_path / "a" / "b" / "x.json"}
