"""Registered forecasters: found by alias, loaded without pickle, strict about what they are asked."""

import json
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from asgi_client import Client
from served_bundles import rows_of, served_bundle, served_forecaster
from typer.testing import CliRunner

from pipelines import BundleError, ConfigError
from pipelines.bundle import checksum
from pipelines.cli import app
from pipelines.errors import BusyError
from pipelines.serving import Reference, Registry, load_registered, register, register_next, registry
from pipelines.tracking import Tracker

KEYS = ["unique_id", "ds"]
# What MLflow 3.17 itself warns of while it is imported.
OF_MLFLOW = ["ignore::UserWarning:mlflow.types.type_hints", "ignore:The ``noload`` loader strategy"]


@pytest.fixture(scope="module")
def bundle():
    return served_bundle()


@pytest.fixture(scope="module")
def forecaster():
    return served_forecaster()


@pytest.fixture(scope="module")
def store(bundle, tmp_path_factory):
    """A store with the bundle as the champion."""
    path = tmp_path_factory.mktemp("registry")
    with Tracker(path).start_run("fit") as run:
        made = register(bundle, "sales", path, "champion", run.run_id)
    assert (made.name, made.version, made.aliases, made.run_id) == ("sales", "1", ("champion",), run.run_id)
    return path


@pytest.fixture
def own(store, bundle, request):
    """Name of another model of the store, which a test may change."""
    name = "".join(letter for letter in request.node.name if letter.isalnum())
    return register(bundle, name, store, "champion").name


def files_of(store, name="sales"):
    uri = Registry(store).client.get_model_version_download_uri(name, "1")
    return Path(uri.removeprefix("file://"))


# Fresh processes


@pytest.mark.long
def test_a_fresh_process_forecasts_the_same_without_pickle(store, forecaster, tmp_path):
    program = f"""
import mlflow
import pandas as pd
mlflow.set_tracking_uri("sqlite:///{store}/mlflow.db")
model = mlflow.pyfunc.load_model("models:/sales@champion")
model.predict(pd.DataFrame()).to_parquet("forecast.parquet")
model.predict(pd.read_parquet("rows.parquet"), params={{"horizon": 2}}).to_parquet("short.parquet")
"""
    rows = rows_of(forecaster)
    rows.to_parquet(tmp_path / "rows.parquet")
    warnings = [part for each in ["error", *OF_MLFLOW] for part in ("-W", each)]
    done = subprocess.run(
        [sys.executable, *warnings, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = forecaster.predict()
    found = pd.read_parquet(tmp_path / "forecast.parquet")
    pd.testing.assert_frame_equal(found, expected, rtol=1e-6, check_dtype=False)
    short = pd.read_parquet(tmp_path / "short.parquet")
    pd.testing.assert_frame_equal(
        short, expected.groupby("unique_id").head(2).reset_index(drop=True), rtol=1e-6, check_dtype=False
    )
    # Nothing beside what was asked for.
    assert {path.name for path in tmp_path.iterdir()} == {"forecast.parquet", "rows.parquet", "short.parquet"}


def test_a_registered_model_holds_no_code_but_the_shim_and_no_pickle(store):
    names = {path.relative_to(files_of(store)).as_posix() for path in files_of(store).rglob("*.*")}
    assert {Path(name).suffix for name in names} <= {
        ".py",
        ".json",
        ".parquet",
        ".yaml",
        ".txt",
        ".keras",
        ".onnx",
    }
    assert [name for name in names if name.endswith(".py")] == ["pyfunc_shim.py"]
    assert len((files_of(store) / "pyfunc_shim.py").read_text().splitlines()) <= 10


def test_models_of_a_copied_store_are_those_of_the_copy(store, forecaster, tmp_path):
    copied = tmp_path / "copied"
    shutil.copytree(store, copied)
    found = load_registered("sales@champion", copied).predict()
    pd.testing.assert_frame_equal(found, forecaster.predict(), rtol=1e-4)
    assert files_of(copied).is_relative_to(copied)
    assert files_of(store).is_relative_to(store)


# Aliases


def test_it_is_loaded_by_alias_and_by_version(store, forecaster):
    for reference in ("sales@champion", "models:/sales@champion", "sales/1"):
        loaded = load_registered(reference, store)
        pd.testing.assert_frame_equal(loaded.predict(), forecaster.predict(), check_exact=True)
        assert type(loaded.network_) is type(forecaster.network_)


def test_what_may_not_rule_is_a_challenger_even_of_nobody(store, own, bundle):
    made = register_next(bundle, f"{own}-other", store, may_rule=False)
    assert (made.version, made.aliases) == ("1", ("challenger",))


def resaved(bundle, folder):
    """A copy whose weights were written at another time."""
    path = Path(shutil.copytree(bundle, folder))
    weights, manifest = path / "model.keras", path / "manifest.json"
    weights.write_bytes(weights.read_bytes() + b"later")
    content = json.loads(manifest.read_text())
    content["files"][weights.name]["sha256"] = checksum(weights)
    manifest.write_text(json.dumps(content))
    return path


def test_a_bundle_is_one_version_however_often_it_comes(store, bundle, tmp_path):
    name, other = "often", resaved(bundle, tmp_path / "other")
    versions = [register_next(path, name, store).version for path in (bundle, other, bundle)]
    assert versions == ["1", "2", "1"]
    Registry(store).client.delete_registered_model_alias(name, "challenger")
    again = register_next(other, name, store)
    assert (again.version, again.aliases) == ("2", ("challenger",))


def test_what_a_run_trains_again_is_the_version_that_it_was(store, bundle, tmp_path):
    other, runs = resaved(bundle, tmp_path / "other"), []
    for _ in range(2):
        with Tracker(store).start_run("tune") as run:
            runs.append(run.run_id)
    versions = [
        register_next(path, "again", store, run_id).version
        for path, run_id in ((bundle, runs[0]), (other, runs[0]), (other, runs[1]))
    ]
    assert versions == ["1", "1", "2"]


def promoted(bundle, own, store, *versions):
    """A registry with three versions, some of which were champions, one after the other."""
    registry = Registry(store)
    for _ in range(3):
        register(bundle, own, store)
    for version in versions:
        registry.promote(Reference(own, version=version))
    return registry


def test_a_rollback_undoes_what_somebody_has_moved_elsewhere(store, own, bundle):
    registry = promoted(bundle, own, store, "2", "1")
    registry.client.set_registered_model_alias(own, "champion", "3")
    assert registry.rollback(own).version == "1"
    assert registry.rollback(own).version == "3"


def test_a_rollback_goes_round_versions_that_were_removed(store, own, bundle):
    registry = promoted(bundle, own, store, "2", "3")
    registry.client.delete_model_version(own, "3")
    assert registry.rollback(own).version == "2"
    registry.client.delete_model_version(own, "2")
    with pytest.raises(ConfigError, match=r"whose former version \w+ is no longer there; name a version"):
        registry.rollback(own)


def test_a_rollback_is_one_move_and_back(store, own, bundle):
    registry = Registry(store)
    register(bundle, own, store)
    versions = {alias: registry.find(Reference(own, alias)).version for alias in ("champion", "challenger")}
    assert versions == {"champion": "1", "challenger": "2"}
    assert registry.promote(Reference(own, "challenger")).aliases == ("challenger", "champion")
    assert registry.rollback(own).version == "1"
    assert registry.rollback(own).version == "2"
    assert [(each.version, each.aliases) for each in registry.list() if each.name == own] == [
        ("2", ("challenger", "champion")),
        ("1", ()),
    ]
    with pytest.raises(ConfigError, match=r"'challenger' of .*, which has never been moved"):
        registry.rollback(own, "challenger")


def test_of_versions_that_come_at_once_one_is_the_champion(store, bundle):
    versions = [register(bundle, "at once", store, None).version for _ in range(6)]

    def promote(version):
        return Registry(store).promote_next(Reference("at once", version=version)).aliases

    with ThreadPoolExecutor(len(versions)) as pool:
        aliases = [alias for found in pool.map(promote, versions) for alias in found]
    assert sorted(aliases) == ["challenger"] * 5 + ["champion"]
    # An alias that none of them has had yet is written by all of them alike.
    with ThreadPoolExecutor(len(versions)) as pool:
        again = pool.map(
            lambda version: Registry(store).promote(Reference("at once", version=version), "tested"), versions
        )
        assert {found.version for found in again} == {*versions}


def test_a_bundle_that_is_replaced_meanwhile_is_registered_whole(store, bundle, tmp_path, monkeypatch):
    """Its files are those of one bundle, or none is registered."""
    place = tmp_path / "bundle"
    shutil.copytree(bundle, place)
    pack = registry.pack

    def replaced(path, fitted, folder, model):
        manifest = path / "manifest.json"
        pack(path, fitted, folder, model)
        manifest.write_text(manifest.read_text() + " ")  # another one by now

    monkeypatch.setattr(registry, "pack", replaced)
    register(place, "replaced", store, "champion")
    load_registered("replaced@champion", store)

    def torn(path, fitted, folder, model):
        (path / "config.json").write_text("{}")
        pack(path, fitted, folder, model)

    monkeypatch.setattr(registry, "pack", torn)
    with pytest.raises(BundleError, match="differs from its checksum"):
        register(place, "replaced", store, "challenger")
    assert [made.version for made in Registry(store).list() if made.name == "replaced"] == ["1"]


@pytest.mark.parametrize("reference", ["sales@nobody", "sales/7", "nothing@champion"])
def test_what_is_not_registered_is_named(store, reference):
    with pytest.raises(BundleError, match=f"models:/{reference}.*not found; see what there is"):
        load_registered(reference, store)


@pytest.mark.parametrize(
    ("name", "alias", "message"),
    [
        ("sa/les", "champion", "sa/les"),
        ("sales", "v3", "An alias must be"),
        ("sales", "a b", "Received: 'a b'"),
    ],
)
def test_names_that_are_not_allowed_leave_nothing_behind(store, bundle, name, alias, message):
    before = Registry(store).list(), [*store.glob("artifacts/models/*")]
    with pytest.raises(ConfigError, match=message):
        register(bundle, name, store, alias)
    assert (Registry(store).list(), [*store.glob("artifacts/models/*")]) == before


def test_the_commands_move_aliases(store, own, bundle):
    def tcn(*command):
        return CliRunner().invoke(app, [*command, "--tracking", str(store), "--json"])

    def names(*command):
        found = json.loads(tcn("models", *command).stdout)["versions"]
        return [each["aliases"] for each in found if each["name"] == own]

    assert json.loads(tcn("register", str(bundle), "--name", own).stdout)["version"] == "2"
    assert names() == [["challenger"], ["champion"]]
    assert names("--promote", f"{own}@challenger") == [["challenger", "champion"], []]
    assert names("--rollback", own) == [["challenger"], ["champion"]]
    assert tcn("models", "--promote", own).exit_code == 78
    assert tcn("models", "--promote", f"{own}@nobody").exit_code == 65
    assert tcn("models", "--promote", f"{own}/1", "--rollback", own).exit_code == 64


@pytest.mark.parametrize(
    ("name", "how"), [("sales.v2", {}), ("sales%", {}), ("sa/les", {}), ("halfway", {"run_id": "0" * 32})]
)
def test_what_is_refused_leaves_no_model_without_versions(store, bundle, name, how):
    with pytest.raises(ConfigError, match=r"Received: .*; (try|see)"):
        register(bundle, name, store, **how)
    assert name not in [each.name for each in Registry(store).client.search_registered_models()]


def test_names_are_checked_before_a_bundle_is_read(store, tmp_path):
    with pytest.raises(ConfigError, match="An alias must be"):
        register(tmp_path, "sales", store, "v2")


def test_a_store_without_models_says_so(tmp_path):
    Registry(tmp_path / "empty")
    result = CliRunner().invoke(app, ["models", "--tracking", str(tmp_path / "empty")])
    assert result.exit_code == 0
    assert f"No model is registered in {tmp_path / 'empty'}" in result.stderr


@pytest.mark.parametrize("command", [["models"], ["serve", "models:/sales@champion"]])
def test_a_store_that_is_not_there_is_not_made_to_be_read(command, tmp_path):
    result = CliRunner().invoke(app, [*command, "--tracking", str(tmp_path / "typo")])
    assert result.exit_code == 78
    assert "which does not exist" in result.stderr
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize("command", [["register", "--name", "x"], ["serve"]])
def test_a_library_that_writes_to_the_terminal_is_not_heard(command, monkeypatch, capfd):
    def chatter(*arguments):
        os.write(2, b"I0000 00:00:1 port.cc:153] oneDNN custom operations are on.\nan error of a library\n")
        raise BundleError("no bundle")

    monkeypatch.setattr("pipelines.serving.register", chatter)
    monkeypatch.setattr("pipelines.serving.server.load_app", chatter)
    assert CliRunner().invoke(app, [*command, "model"]).exit_code == 65
    assert capfd.readouterr().err == "an error of a library\n"


# Damage


@pytest.mark.parametrize("reseal", [False, True])
def test_files_that_were_changed_are_refused(store, own, reseal):
    folder = files_of(store, own) / "artifacts" / "bundle"
    config = folder / "config.json"
    config.write_text(config.read_text().replace("80", "81"))
    if reseal:
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["files"]["config.json"]["sha256"] = checksum(config)
        (folder / "manifest.json").write_text(json.dumps(manifest))
    message = f"changed since version 1 of '{own}'" if reseal else r"config\.json differs from its checksum"
    with pytest.raises(BundleError, match=message):
        load_registered(f"{own}@champion", store)


def test_files_that_are_gone_are_missed(store, own):
    shutil.rmtree(files_of(store, own))
    with pytest.raises(BundleError, match="No such artifact"):
        load_registered(f"{own}@champion", store)


def test_a_damaged_bundle_is_not_registered(bundle, tmp_path):
    shutil.copytree(bundle, tmp_path / "bundle")
    (tmp_path / "bundle" / "config.json").write_text("{}")
    with pytest.raises(BundleError, match="differs from its checksum"):
        register(tmp_path / "bundle", "sales", tmp_path / "store")
    assert not (tmp_path / "store").exists()


# What clients send


@pytest.fixture(scope="module")
def model(store):
    import mlflow

    return mlflow.pyfunc.load_model(str(files_of(store)))


def test_kinds_that_clients_send_mean_the_same(model, forecaster):
    rows = rows_of(forecaster)
    times = rows["ds"]
    expected = forecaster.predict(rows)
    for sent in (
        times.dt.strftime("%Y-%m-%d"),
        times.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        times.dt.strftime("%Y-%m-%dT%H:%M:%S+05:30"),
        times.dt.tz_localize("UTC"),
    ):
        pd.testing.assert_frame_equal(model.predict(rows.assign(ds=sent)), expected)
    whole = rows.assign(y=rows["y"].round())
    for sent in (whole["y"].astype("Int64"), whole["y"].astype(object).where(whole["y"].notna(), None)):
        pd.testing.assert_frame_equal(model.predict(whole.assign(y=sent)), forecaster.predict(whole))
    numbered = rows.assign(unique_id=rows["unique_id"].factorize()[0])
    texts = numbered.assign(unique_id=numbered["unique_id"].astype(str))
    pd.testing.assert_frame_equal(model.predict(numbered), forecaster.predict(texts))


@pytest.mark.parametrize(
    ("change", "params", "message"),
    [
        ({"temperature": 1}, None, "Columns of rows must be among .*Received: 'temperature'"),
        (
            {},
            {"horizn": 3},
            "Params must be among .*Received: 'horizn'; did you mean 'horizon'",
        ),
        (
            {},
            {"horizon": 99},
            "horizon must be an integer from 1 to 3, the horizon of the fit. Received: 99",
        ),
        ({}, {"levels": [120.0]}, r"levels must be numbers between 0 and 100.*Received: \[120.0\]"),
        ({"y": "many"}, None, "Column 'y' must hold finite numbers. Received: 'many' in series '"),
        ({"y": np.inf}, None, "Column 'y' must hold finite numbers. Received: inf in series '"),
    ],
)
def test_what_it_does_not_know_is_an_error_that_names_it(model, forecaster, change, params, message):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match=message) as caught:
        model.predict(rows_of(forecaster).assign(**change), params=params)
    assert caught.value.get_http_status_code() == 400


def test_mlflow_s_own_server_gives_the_forecasts_of_python_and_refuses_what_they_do(model, forecaster):
    """The application that ``mlflow models serve`` runs, in this process."""
    from mlflow.pyfunc.scoring_server import init

    client = Client(init(model))
    rows = rows_of(forecaster)
    expected = forecaster.predict(rows, levels=[60])
    plain = rows.assign(ds=rows["ds"].astype(str))
    records = json.loads(plain.to_json(orient="records"))
    split = json.loads(plain.to_json(orient="split", index=False))
    columns = {name: [record[name] for record in records] for name in rows}
    for key, table in (
        ("dataframe_records", records),
        ("dataframe_split", split),
        ("inputs", columns),
        ("inputs", records),
        ("instances", records),
    ):
        answer = client.post("/invocations", {key: table, "params": {"levels": [60]}})
        found = pd.DataFrame(answer.json()["predictions"]).astype({"ds": expected["ds"].dtype})
        pd.testing.assert_frame_equal(found, expected, rtol=1e-6)
    more = [{**record, "more": 1} for record in records]
    for body, told in (
        ({"dataframe_records": more}, "Received: 'more'"),
        ({"inputs": more}, "Received: 'more'"),
        ({"inputs": {**columns, "more": columns["y"]}}, "Received: 'more'"),
        ({"inputs": 3}, "Received: int; send dataframe_records"),
        ({"instances": [1, 2]}, "Received: list; send dataframe_records"),
        ({"dataframe_records": records, "params": {"horizn": 1}}, "did you mean 'horizon'"),
        ({"dataframe_records": [{**record, "y": "x"} for record in records]}, "must hold finite numbers"),
        ({}, "input"),
        ([], "input"),
    ):
        refused = client.post("/invocations", body)
        assert (refused.status, told in refused.json()["message"]) == (400, True), refused.body[-300:]


def test_the_example_is_a_request_that_is_answered(store, model):
    sent = json.loads(
        (files_of(store) / "serving_input_example.json").read_text(), parse_constant=pytest.fail
    )
    frame = pd.DataFrame(**sent["dataframe_split"])
    answer = model.predict(frame, params=sent["params"])
    assert np.isfinite(answer.drop(columns=KEYS).to_numpy()).all()
    assert len(answer) == sent["params"]["horizon"]


def test_the_signature_names_columns_and_params(model, forecaster):
    assert model.metadata.signature.inputs.input_names() == ["unique_id", "ds", "y", "load", "kind"]
    assert model.metadata.signature.outputs.input_names() == list(forecaster.predict())
    assert [each.name for each in model.metadata.signature.params] == ["horizon", "levels"]


# A server that fails


class _Failing(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *arguments):
        pass


@pytest.fixture
def failing(monkeypatch):
    """Address of a server that answers, and fails at whatever it is asked."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with ThreadingHTTPServer(("127.0.0.1", 0), _Failing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://ann:secret@127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_registry_that_fails_is_a_matter_of_trying_later_and_shows_no_password(failing):
    registry = Registry(failing)
    for ask in (registry.list, lambda: registry.find(Reference("sales", "champion"))):
        with pytest.raises(BusyError, match=r"http://\*\*\*@127.*; try again later") as caught:
            ask()
        assert "secret" not in str(caught.value)


def test_what_is_named_as_a_cure_is_a_command(store):
    with pytest.raises(BundleError, match="see what there is with tcn models") as caught:
        Registry(store).find(Reference("nothing", "champion"))
    command = str(caught.value).rpartition("with tcn ")[2].rstrip(".").split()
    assert CliRunner().invoke(app, [*command, "--tracking", str(store)]).exit_code == 0
