import errno
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import jobs_stand_in
import pandas as pd
import pytest
import typer
from jobs_stand_in import StandIn, make_frame
from typer.testing import CliRunner

import pipelines
from pipelines.cli import app
from pipelines.cli.checkup import Check
from pipelines.jobs.results_folder import results_folder

ROOT = Path(pipelines.__file__).resolve().parent.parent


def commands_of(group, above=""):
    """Each command by its words: "forecast", "job run"."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands_of(command, f"{above}{name} ")
        else:
            yield above + name, command


COMMANDS = dict(commands_of(typer.main.get_command(app)))


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch, tmp_path):
    jobs_stand_in.install(monkeypatch.setattr)
    monkeypatch.chdir(tmp_path)
    make_frame().to_csv("sales.csv", index=False)


def tcn(*arguments):
    return CliRunner().invoke(app, [str(part) for part in arguments])


def forecast(*arguments):
    return tcn("forecast", "sales.csv", "--horizon", 6, "--season-length", 6, "--no-track", *arguments)


def python(code, *arguments):
    """Run code in a fresh interpreter that finds the packages and the stand-in."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_has_help_with_an_example_of_its_own_options(name):
    shown = tcn(*name.split(), "--help")
    assert shown.exit_code == 0
    example = COMMANDS[name].epilog.removeprefix("Example: ")
    assert example.startswith(f"tcn {name}")
    arguments = shlex.split(example)
    known = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert {part for part in arguments if part.startswith("-")} <= known
    assert example.split()[1] in shown.output


def test_the_commands_of_the_readme_exist_with_their_options():
    lines = [line.partition("#")[0] for line in (ROOT / "README.md").read_text().splitlines()]
    shown = [shlex.split(line) for line in lines if line.startswith("tcn ")]
    assert {line[1] for line in shown} >= {"forecast", "plan", "ui", "doctor"}
    for _, command, *arguments in shown:
        command = f"{command} {arguments.pop(0)}" if command == "job" else command
        known = {option for parameter in COMMANDS[command].params for option in parameter.opts}
        assert {part for part in arguments if part.startswith("-")} <= known


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_is_explained(name):
    for parameter in COMMANDS[name].params:
        assert parameter.help, parameter.name


def test_the_version_is_that_of_the_package():
    assert tcn("--version").stdout == f"tcn-forecasting {pipelines.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["forcast"],
        ["forecast"],
        ["forecast", "sales.csv", "--horizn", "3"],
        ["forecast", "sales.csv", "--horizon", "0"],
        ["forecast", "sales.csv", "--horizon", "three"],
        ["forecast", "sales.csv", "--levels", "80;95"],
        ["forecast", "sales.csv", "--preset", "slow"],
        ["predict", "--output", "x.csv"],
        ["ui", "--port", "70000"],
    ],
)
def test_wrong_usage_ends_with_64(arguments):
    result = tcn(*arguments)
    assert result.exit_code == 64
    assert result.stdout == ""
    assert "Usage" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["forecast", "sale.csv"], 65, "Did you mean 'sales.csv'?"),
        (["plan", "bike_sharin"], 65, "Did you mean 'bike_sharing'?"),
        (["forecast", "sales.csv", "--target-col", "sold"], 65, "must have a column 'sold' (target_col)"),
        (["forecast", "sales.csv", "--freq", "fortnight"], 78, "Received: 'fortnight'"),
        (["forecast", "sales.csv", "--levels", "80,120"], 78, "levels"),
        (["forecast", "sales.csv", "--output", "sales.csv/below"], 78, "name another one with --output"),
        (["forecast", "sales.csv", "--no-track", "--horizon", "6", "--n-windows", "99"], 78, "ask for fewer"),
        (["backtest", "sales.csv", "--horizon", "40"], 65, "Choose a smaller horizon"),
        (["backtest", "sales.csv", "--output", "past.xlsx"], 78, "must be a .csv or .parquet file"),
        (["predict", "--bundle", "nothing", "--output", "x.csv"], 65, "nothing"),
        (["ui", "nothing"], 78, "make a forecast first"),
        (["forecast", "sales.csv", "--levels", "80,80"], 78, "must differ from one another"),
        (
            ["predict", "--bundle", "b", "-o", "x.csv", "--levels", "80,80"],
            78,
            "must differ from one another",
        ),
        (["backtest", "sales.csv", "--bundle", "b", "--levels", "0"], 78, "'levels': "),
        (["plan", "sales.csv", "--season-length", "99999999999"], 78, "choose a smaller one"),
        (["forecast", "sales.csv", "--horizon", "99999999"], 78, "choose a shorter horizon"),
    ],
)
def test_each_error_is_one_message_with_its_own_code(arguments, code, text):
    result = tcn(*arguments)
    assert result.exit_code == code
    assert text in result.stderr
    assert result.stderr.count("Error: ") == 1
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert sorted(os.listdir()) == ["sales.csv"]


def test_a_folder_in_use_is_a_reason_to_try_later():
    with results_folder("output"):
        result = forecast()
    assert result.exit_code == 75
    assert "try again when it has ended" in result.stderr


@pytest.mark.parametrize("debug", [False, True])
def test_an_unexpected_error_is_70_and_shows_where_on_request(monkeypatch, debug):
    def fail(self, df, **how):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(StandIn, "fit", fail)
    result = forecast(*["--debug"] * debug)
    assert result.exit_code == 70
    assert "ZeroDivisionError: by zero" in result.stderr
    assert ("Traceback" in result.stderr) is debug


@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_credentials_in_the_errors_of_libraries_are_not_shown(monkeypatch, debug):
    def fail(self, df, **how):
        raise RuntimeError("no answer of http://ann:secret@host")

    monkeypatch.setattr(StandIn, "fit", fail)
    outcome = forecast("--json", *debug)
    assert outcome.exit_code == 70
    assert "http://***@host" in outcome.stderr
    assert "secret" not in outcome.stdout + outcome.stderr


def test_a_full_disk_is_a_reason_to_try_later(monkeypatch):
    def fail(self, df, **how):
        raise OSError(errno.ENOSPC, "No space left on device", "forecasts.csv")

    monkeypatch.setattr(StandIn, "fit", fail)
    outcome = forecast("--json")
    assert outcome.exit_code == json.loads(outcome.stdout)["error"]["exit_code"] == 75
    assert "must have room" in outcome.stderr
    assert "'forecasts.csv'; free some" in outcome.stderr


def test_a_known_error_has_a_traceback_on_request():
    result = tcn("plan", "missing.csv", "--debug")
    assert result.exit_code == 65
    assert "Traceback" in result.stderr


def test_a_forecast_shows_scores_verdict_and_places():
    result = forecast("--name", "Sales of [three] shops")
    assert result.exit_code == 0, result.stderr
    for text in ("Sales of [three] shops", "SeasonalNaive", "MASE", "Coverage 80", "output/report.html"):
        assert text in result.stdout
    assert "output/forecasts.csv, output/forecasts.parquet" in result.stdout
    assert "MLflow" not in result.stdout
    assert "fit: " in result.stderr
    assert "note: 180 rows read" in result.stderr


@pytest.mark.parametrize("words", [["--output", ""], ["-o", ""], ["--tracking-uri", ""], ["--output="]])
def test_a_place_without_a_name_is_not_the_current_folder(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["forecast", "us_unemployment", *words])
    assert result.exit_code == 64
    assert f"{words[0].rstrip('=')} must have a value" in result.output
    assert not [*tmp_path.glob("*.html"), *tmp_path.glob("bundle")]


@pytest.mark.parametrize("source", ["us_unemployment", "sales.csv"])
def test_a_name_that_no_disk_takes_is_a_wrong_setting(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_frame().to_csv("sales.csv", index=False)
    result = CliRunner().invoke(app, ["forecast", source, "--no-track", "--output", "a" * 300])
    assert result.exit_code == 78
    assert "File name too long" in result.output


def test_data_without_a_value_are_refused(tmp_path):
    file = tmp_path / "empty.csv"
    file.write_text("unique_id,ds,y,sold\na,2024-01-01,,1\na,2024-01-02,,2\n")
    result = CliRunner().invoke(app, ["plan", str(file)])
    assert result.exit_code == 65
    assert "none in column 'y'" in result.output


def test_cures_speak_of_options(tmp_path):
    file = tmp_path / "one.csv"
    file.write_text("unique_id,ds,y\na,2024-01-01,1\n")
    said = CliRunner().invoke(app, ["plan", str(file)]).output
    assert "pass --freq, e.g. --freq 'D'." in said
    file.write_text("store,ds,y\na,2024-01-01,1\n")
    said = CliRunner().invoke(app, ["plan", str(file)]).output
    assert "must have a column 'unique_id' (id_col)" in said
    assert "or pass --id-col <its name>; for" in said


def test_a_tracked_forecast_says_how_to_look_at_it():
    result = tcn("forecast", "sales.csv", "--horizon", 6, "--season-length", 6, "-o", "out")
    assert result.exit_code == 0, result.stderr
    assert str(Path("out/mlflow.db").absolute()) in result.stdout.replace("\n", "")
    assert "tcn ui out" in result.stdout
    assert Path("out/mlflow.db").exists()


def test_series_too_short_to_test_are_forecast_with_a_word_of_warning():
    result = forecast("--horizon", 40)
    assert result.exit_code == 0
    assert "Nothing was held out for a backtest" in " ".join(result.stdout.split())
    assert "SeasonalNaive" not in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["forecast", "sales.csv", "--no-track", "--horizon", "6"],
        ["forecast", "sales.csv", "--no-track", "--horizon", "50"],
        ["backtest", "sales.csv", "--horizon", "6"],
        ["fit", "sales.csv", "--bundle", "model"],
        ["plan", "sales.csv"],
        ["datasets"],
    ],
)
def test_json_is_one_object_and_nothing_else(arguments):
    result = tcn(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.count("\n") == 1
    record = json.loads(result.stdout, parse_constant=pytest.fail)
    assert record.get("command", "datasets") == arguments[0]


def test_the_record_names_files_that_exist_and_the_scores():
    record = json.loads(forecast("--json").stdout)
    assert all(Path(path).exists() for path in record["files"].values())
    backtest = pd.read_parquet(record["files"]["backtest.parquet"])
    mae = (backtest["y"] - backtest["TCN"]).abs().mean()
    assert record["scores"]["overall"]["TCN"]["mae"] == pytest.approx(mae)
    assert record["tracking"] is None


def test_an_error_is_a_record_for_machines_too():
    result = tcn("plan", "missing.csv", "--json")
    assert result.exit_code == 65
    error = json.loads(result.stdout)["error"]
    assert (error["type"], error["exit_code"]) == ("PanelError", 65)
    assert error["message"] in result.stderr


@pytest.mark.parametrize("command", ["forecast", "backtest", "fit", "predict"])
def test_wrong_usage_is_a_record_for_machines_too(command):
    own = {"fit": ["--bundle", "b"], "predict": ["--bundle", "b", "--output", "x.csv"]}.get(command, [])
    source = [] if command == "predict" else ["sales.csv"]
    result = tcn(command, *source, *own, "--levels", "abc", "--json")
    assert result.exit_code == 64
    error = json.loads(result.stdout)["error"]
    assert (error["type"], error["exit_code"]) == ("BadParameter", 64)
    assert "Received: 'abc'" in error["message"]
    assert "Usage" in result.stderr


@pytest.mark.parametrize("arguments", [["plan", "sales.csv"], ["datasets"]])
def test_answers_can_be_left_out(arguments):
    done = tcn(*arguments, "--quiet")
    assert (done.exit_code, done.output) == (0, "")


@pytest.mark.parametrize("seen", [True, False])
def test_a_network_that_knows_what_it_is_tested_on_gets_no_verdict(seen):
    if seen:
        assert (
            tcn("fit", "sales.csv", "--horizon", 6, "--season-length", 6, "--bundle", "model").exit_code == 0
        )
    else:
        assert forecast("--output", ".", "--quiet").exit_code == 0
    bundle = "model" if seen else "bundle"
    record = json.loads(tcn("backtest", "sales.csv", "--bundle", bundle, "--json").stdout)
    assert (record["seen_in_training"] > 0) is seen
    skill = record["scores"]["skill"].values()
    assert all(model["p_value"] is None and model["significant"] is None for model in skill) is seen
    result = tcn("backtest", "sales.csv", "--bundle", bundle)
    assert result.exit_code == 0
    assert "SeasonalNaive" in result.stdout
    assert ("No verdict: the network was trained on" in result.stdout) is seen
    words = result.stdout.replace("SeasonalNaive", "").replace("No verdict", "")
    assert any(word in words for word in ("seasonal naive", "significant", " p ")) is not seen


def test_one_window_is_counted_as_one():
    shown = tcn("backtest", "sales.csv", "--horizon", 6, "--season-length", 6, "--n-windows", 1).stdout
    assert "1 window of the past" in shown


def test_quiet_says_nothing_but_errors():
    done = forecast("--quiet")
    assert (done.exit_code, done.output) == (0, "")
    failed = tcn("forecast", "missing.csv", "--quiet")
    assert failed.stderr.startswith("Error: ")


@pytest.mark.parametrize(("name", "kept"), [("csv", ["csv"]), ("both", ["csv", "parquet"])])
def test_the_format_is_the_one_asked_for(name, kept):
    assert forecast("--format", name, "--quiet").exit_code == 0
    assert sorted(path.suffix[1:] for path in Path("output").glob("forecasts.*")) == kept


def test_levels_reach_the_forecast():
    assert forecast("--levels", "97.5, 50", "--quiet").exit_code == 0
    columns = pd.read_csv("output/forecasts.csv").columns
    assert {"TCN-lo-50", "TCN-hi-97.5"} <= set(columns)
    assert "TCN-lo-80" not in columns


def test_plan_names_the_held_out_rows_and_the_network():
    result = tcn("plan", "sales.csv", "--horizon", 3, "--season-length", 6)
    assert "lookback" in result.stdout
    assert "on 3 series" in result.stdout


def test_datasets_lists_all_of_them():
    shown = tcn("datasets").stdout
    assert all(name in shown for name in pipelines.datasets.names())


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 78)])
def test_doctor_ends_with_an_error_if_anything_is_missing(monkeypatch, ok, code):
    checks = [Check("Python", True, "3.11"), Check("TensorFlow", ok, "[what was found]")]
    monkeypatch.setattr("pipelines.cli.checkup.examine", lambda: iter(checks))
    result = tcn("doctor")
    assert result.exit_code == code
    assert "[what was found]" in result.stdout
    assert json.loads(tcn("doctor", "--json").stdout)["ok"] is ok
    quiet = tcn("doctor", "--quiet")
    assert (quiet.exit_code, quiet.stdout) == (code, "")
    assert quiet.stderr == ("" if ok else "Error: TensorFlow: [what was found]\n")


def test_ui_opens_the_store_and_shows_its_address(monkeypatch):
    opened = []

    def open_ui(store, port, on_ready):
        opened.append((store, port))
        on_ready("http://127.0.0.1:5000/#/experiments")
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.tracking.open_ui", open_ui)
    Path("runs").mkdir()
    Path("runs/mlflow.db").touch()
    result = tcn("ui", "runs", "--port", 0)
    assert opened == [("runs", 0)]
    assert "http://127.0.0.1:5000/#/experiments" in result.stdout
    assert result.exit_code == 130


def test_ui_opens_a_database_of_any_name(monkeypatch, tmp_path):
    opened = []
    monkeypatch.setattr("pipelines.tracking.open_ui", lambda store, *others: opened.append(store))
    store = f"sqlite:///{tmp_path}/all-runs.db"
    assert tcn("ui", store).exit_code == 78
    (tmp_path / "all-runs.db").touch()
    assert tcn("ui", store).exit_code == 0
    assert opened == [store]


def test_the_interface_of_a_server_is_its_own():
    result = tcn("ui", "http://ann:secret@127.0.0.1:9")
    assert result.exit_code == 78
    assert "http://***@127.0.0.1:9 is a server: open it in a browser" in result.stderr


def test_a_folder_that_is_not_there_has_no_runs_to_send(tmp_path):
    result = tcn("sync", tmp_path / "ouptut")
    assert result.exit_code == 78
    assert "no such folder; name the --output" in result.stderr
    assert tcn("sync", tmp_path, "--json").stdout == '{"command": "sync", "sent": 0}\n'


def test_help_and_the_import_of_the_commands_load_nothing_heavy():
    code = "import json, sys, pipelines.cli; print(json.dumps(sorted(sys.modules)))"
    roots = {name.partition(".")[0] for name in json.loads(python(code).stdout)}
    assert "typer" in roots
    assert not roots & {
        "tensorflow",
        "keras",
        "mlflow",
        "pandas",
        "numpy",
        "plotly",
        "pyarrow",
        "pydantic",
        "rich",
    }


def test_planning_and_listing_need_no_tensorflow():
    code = (
        "import sys; from typer.testing import CliRunner; from pipelines.cli import app\n"
        "for line in ('plan us_unemployment', 'datasets', 'predict --bundle x --output y.xlsx'):\n"
        "    CliRunner().invoke(app, line.split())\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'tensorflow', 'keras', 'mlflow'}))"
    )
    assert python(code).stdout.strip() == "[]"
