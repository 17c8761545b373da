"""``tcn job`` on the command line: settings in, answers and exit codes out, secrets nowhere."""

import hashlib
import json
import os
import subprocess
import sys
import time
import types
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import pipelines
from pipelines.cli import app
from pipelines.errors import BusyError, ConfigError, PanelError
from pipelines.nightly import JobSettings, operating
from pipelines.nightly.limits import LateError
from pipelines.nightly.loading import load_job
from pipelines.nightly.logs import run_key
from pipelines.nightly.records import Finding, Night
from pipelines.nightly.state import JobFolder

ROOT = Path(pipelines.__file__).resolve().parent.parent
CANARY = "canary-pw"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("TCN_JOB_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def nights(monkeypatch):
    """Stands in for nights: keeps what it was asked for, and does as it is told."""
    asked = types.SimpleNamespace(calls=[], raises=None, findings=[], again=False)

    def run_night(job, cutoff, *, now, dry_run=False, skip_done=False, progress=None):
        asked.calls.append((job, cutoff, now, dry_run))
        with progress.stage("read the data"):
            progress.note("a note")
            if asked.raises is not None:
                raise asked.raises
        night = Night(cutoff, job.fingerprint, 9, 3, {"TCN v1": 2, "SeasonalNaive": 1}, {"champion": 1})
        return types.SimpleNamespace(
            night=night, published=not dry_run, again=asked.again, skipped=skip_done, retrained=None,
            findings=asked.findings, run_id="m1", seconds={"read the data": 0.1},
        )  # fmt: skip

    module = types.SimpleNamespace(run_night=run_night)
    monkeypatch.setitem(sys.modules, "pipelines.nightly.running", module)
    return asked


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Has the job write its messages to a file; returns how to read them."""
    code = f"import sys; open({str(tmp_path / 'told')!r}, 'a').write(sys.stdin.read() + chr(10))"
    monkeypatch.setenv("TCN_JOB_NOTIFY__COMMAND", json.dumps([sys.executable, "-c", code]))
    path = tmp_path / "told"
    return lambda: [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def tcn(*arguments):
    return CliRunner().invoke(app, ["job", *map(str, arguments)])


def made(*arguments):
    done = tcn("init", *arguments)
    assert done.exit_code == 0, done.stderr
    return done


def test_a_new_job_is_in_order_and_says_what_comes_next():
    assert made().stdout == "job.toml\nNext: tcn job run job.toml --cutoff 2012-12-31T23:00:00\n"
    before = Path("job.toml").read_bytes()
    assert tcn("init").exit_code == 78
    assert Path("job.toml").read_bytes() == before
    done = tcn("validate", "--json")
    assert done.exit_code == 0
    record = json.loads(done.stdout)
    assert record["settings"]["name"] == "bike-sharing"
    assert record["fingerprint"] == load_job(Path("job.toml")).fingerprint
    assert tcn("validate", "--quiet").output == ""
    assert sorted(os.listdir()) == ["job.toml"]


def test_all_mistakes_are_one_error_for_people_and_for_machines():
    made()
    done = tcn("validate", "--set", "retrain.evry=7", "--set", "model.horizon=0", "--json")
    assert done.exit_code == 78
    error = json.loads(done.stdout)["error"]
    assert (error["type"], error["exit_code"]) == ("ConfigError", 78)
    assert error["message"] in done.stderr
    assert "did you mean 'every'?" in error["message"]
    assert "--set model.horizon: 'model.horizon' must be greater" in error["message"]


def test_validate_looks_at_this_machine_and_other_commands_do_not():
    made("--data", "sales.csv", "--horizon", 7)
    done = tcn("validate", "--set", "model.freq=Q!")
    assert done.exit_code == 78
    assert "'model.freq' must be a pandas frequency" in done.stderr
    assert "job.toml, line 8: 'source.path' must name a file or folder that the job can read." in done.stderr
    assert tcn("status").exit_code == 0
    Path("sales.csv").write_text("unique_id,ds,y\n")
    assert tcn("validate").exit_code == 0


@pytest.mark.parametrize("arguments", [["--set", "retrain"], ["--set", "=7"], ["--now", "later"]])
def test_flags_that_cannot_be_read_are_wrong_usage(nights, arguments):
    made()
    assert tcn("run", *arguments).exit_code == 64
    assert not nights.calls


def test_the_schema_knows_every_table_of_a_job():
    shown = tcn("schema")
    record = json.loads(tcn("schema", "--json").stdout)
    assert json.loads(shown.stdout) == record == JobSettings.model_json_schema()
    assert set(record["properties"]) == set(JobSettings.model_fields)
    assert record["additionalProperties"] is False


def test_a_run_gets_its_cutoff_and_the_present_time_from_the_command_line(nights):
    made()
    done = tcn(
        "run", "--cutoff", "2012-12-30", "--now", "2013-01-01T03:00", "--dry-run", "--set", "watch.nights=3"
    )
    assert done.exit_code == 0, done.stderr
    ((job, cutoff, now, dry_run),) = nights.calls
    assert job.watch.nights == 3
    assert (cutoff, dry_run) == (pd.Timestamp("2012-12-30"), True)
    assert now == datetime(2013, 1, 1, 3, tzinfo=UTC)
    assert "TCN v1 (2 series), SeasonalNaive (1 series); not published." in done.stdout


def test_the_cutoff_is_the_last_whole_step_unless_it_is_named(nights):
    made()
    tcn("run", "--now", "2013-01-01T03:20+01:00")
    assert nights.calls[0][1] == pd.Timestamp("2013-01-01 01:00")
    made("own.toml", "--data", "sales.csv", "--horizon", 3)
    Path("own.toml").write_text(Path("own.toml").read_text() + "\n")
    done = tcn("run", "own.toml", "--set", "model.freq=D", "--now", "2013-01-01T03:20")
    assert done.exit_code == 0, done.stderr
    assert nights.calls[1][1] == pd.Timestamp("2012-12-31")


def test_the_answer_for_machines_names_the_run(nights):
    made()
    nights.findings = [Finding("gates", "warn", "odd", 0.5)]
    done = tcn("run", "--cutoff", "2012-12-30", "--json", "--quiet")
    assert done.stdout.count("\n") == 1
    record = json.loads(done.stdout)
    job = load_job(Path("job.toml"))
    assert record["run_id"] == run_key(job, pd.Timestamp("2012-12-30"))
    assert (record["mlflow_run_id"], record["published"], record["champion"]) == ("m1", True, 1)
    assert record["findings"] == [
        {"check": "gates", "severity": "warn", "message": "odd", "value": 0.5, "limit": None}
    ]


def test_the_log_is_json_to_the_last_line_also_after_an_error(nights):
    made()
    nights.findings = [Finding("shift", "warn", "drift", 0.3)]
    lines = tcn("run", "--cutoff", "2012-12-30", "--log-format", "json").stderr.splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["message"] for record in records] == ["a note", "done", "drift"]
    assert [record["level"] for record in records] == ["info", "info", "warning"]
    assert len({record["run_id"] for record in records}) == 1
    nights.raises = PanelError("The data must be there.")
    done = tcn("run", "--cutoff", "2012-12-30", "--log-format", "json", "--json")
    assert done.exit_code == 65
    again = [json.loads(line) for line in done.stderr.splitlines()]
    assert (
        again[-1].items() >= {"level": "error", "message": "The data must be there.", "exit_code": 65}.items()
    )
    assert again[-1]["run_id"] == records[0]["run_id"]
    assert json.loads(done.stdout)["error"]["message"] == "The data must be there."
    lost = tcn("run", "nowhere.toml", "--log-format", "json")
    assert (lost.exit_code, json.loads(lost.stderr)["run_id"]) == (78, None)


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code", "heard"),
    [
        (PanelError("bad"), 65, True),
        (ConfigError("bad"), 78, True),
        (BusyError("another run"), 75, False),
        (caused(BusyError("no server"), OSError()), 75, True),
        (LateError("too long"), 75, True),
        (ZeroDivisionError("by zero"), 70, True),
    ],
)
def test_failures_have_their_exit_code_and_are_told_but_for_what_passes(nights, told, error, code, heard):
    made()
    nights.raises = error
    done = tcn("run", "--cutoff", "2012-12-30")
    assert done.exit_code == code
    assert str(error) in done.stderr
    assert bool(told()) is heard
    if heard:
        (message,) = told()
        assert message["events"] == ["failure"]
        assert (message["exit_code"], message["error"]) == (code, type(error).__name__)
        assert message["cutoff"] == "2012-12-30 00:00:00"


@pytest.mark.parametrize("command", ["status", "rollback"])
def test_files_that_cannot_be_read_are_named(command, monkeypatch):
    def refuse(folder, *arguments):
        raise PermissionError(13, "Permission denied", "versions")

    made()
    monkeypatch.setattr("pipelines.nightly.state.JobFolder.versions", refuse)
    done = tcn(command)
    assert done.exit_code == 78
    assert "read and write its files. Received: Permission denied for 'versions'; change" in done.stderr


def test_what_somebody_does_by_hand_is_told_to_nobody_else(told):
    made()
    assert tcn("score", "--cutoff", "never").exit_code == 78
    assert told() == []


@pytest.mark.parametrize("log", ["text", "json"])
def test_ctrl_c_ends_with_130(nights, log):
    made()
    nights.raises = KeyboardInterrupt()
    done = tcn("run", "--cutoff", "2012-12-30", "--log-format", log)
    assert done.exit_code == 130
    last = done.stderr.splitlines()[-1]
    assert (json.loads(last)["message"] if log == "json" else last) == "Interrupted."


def test_fallbacks_and_alarms_are_told_once(nights, told):
    made()
    nights.findings = [Finding("gates", "warn", "odd"), Finding("shift", "warn", "drift")]
    tcn("run", "--cutoff", "2012-12-30", "--dry-run")
    assert told() == []
    tcn("run", "--cutoff", "2012-12-30")
    nights.again = True
    tcn("run", "--cutoff", "2012-12-30")
    (message,) = told()
    assert (message["events"], message["messages"]) == (["alarm", "fallback"], ["odd", "drift"])


def test_a_message_that_cannot_be_sent_leaves_the_exit_code_alone(nights, monkeypatch):
    made()
    monkeypatch.setenv("TCN_JOB_NOTIFY__COMMAND", '["/nowhere/mail"]')
    nights.findings = [Finding("gates", "warn", "odd")]
    done = tcn("run", "--cutoff", "2012-12-30")
    assert done.exit_code == 0
    assert "note: notify.command could not be run" in done.stderr


@pytest.mark.parametrize("log", ["text", "json"])
@pytest.mark.parametrize("kind", [PanelError, RuntimeError])
def test_no_message_holds_a_password(nights, told, monkeypatch, log, kind):
    made()
    url = f"postgresql://ann:{CANARY}@host/db"
    monkeypatch.setenv("TCN_JOB_SOURCE__URL", url)
    text = Path("job.toml").read_text().replace('path = "bike_sharing"', 'table = "t"')
    Path("job.toml").write_text(text)
    nights.raises = kind(f"no route to {url}, nor with {CANARY}")
    done = tcn("run", "--cutoff", "2012-12-30", "--json", "--log-format", log)
    shown = done.stdout + done.stderr + json.dumps(told()) + tcn("validate", "--json").output
    assert done.exit_code == (65 if kind is PanelError else 70)
    assert "no route to postgresql://***@host/db, nor with ***" in done.stderr
    assert told()
    assert CANARY not in shown


def test_a_time_limit_ends_a_run_with_75(nights, monkeypatch):
    made()
    module = sys.modules["pipelines.nightly.running"]

    def forever(*arguments, **options):
        while True:
            pass

    monkeypatch.setattr(module, "run_night", forever)
    done = tcn("run", "--cutoff", "2012-12-30", "--set", "limits.minutes=0.002")
    assert done.exit_code == 75
    assert "raise limits.minutes" in done.stderr


def test_each_night_of_a_backfill_has_the_time_limit_to_itself(monkeypatch):
    def run_night(job, cutoff, *, now, progress=None):
        time.sleep(0.2 if cutoff.day < 4 else 5)
        return types.SimpleNamespace(
            night=Night(cutoff, job.fingerprint, 9, 3, {"TCN v1": 3}, {"champion": 1}), published=True,
            again=False, skipped=False, findings=[], retrained=None, run_id=None, seconds={},
        )  # fmt: skip

    monkeypatch.setattr(operating, "run_night", run_night)
    made()
    limit = ["--set", "limits.minutes=0.005", "--set", "model.freq=D"]  # 0.3 s
    done = tcn("backfill", *limit, "--from", "2012-12-01", "--to", "2012-12-03", "--json", "--quiet")
    assert done.exit_code == 0, done.stderr
    assert len(json.loads(done.stdout)["nights"]) == 3
    late = tcn("backfill", *limit, "--from", "2012-12-03", "--to", "2012-12-05")
    assert late.exit_code == 75
    assert "raise limits.minutes" in late.stderr


def test_the_stages_of_a_backfill_are_told_apart_by_night(monkeypatch):
    def run_night(job, cutoff, *, now, progress=None):
        with progress.stage("publish"):
            if cutoff.day == 2:
                raise PanelError("no rows")
        return types.SimpleNamespace()

    monkeypatch.setattr(operating, "run_night", run_night)
    made()
    span = ["--set", "model.freq=D", "--from", "2012-12-01", "--to", "2012-12-03"]
    lines = tcn("backfill", *span).stderr.splitlines()
    first, second = "note: cutoff 2012-12-01 00:00:00", "note: cutoff 2012-12-02 00:00:00"
    assert [lines[0], lines[2]] == [first, second]
    assert lines[1].startswith("publish: ")
    records = [
        json.loads(line) for line in tcn("backfill", *span, "--log-format", "json").stderr.splitlines()
    ]
    job = load_job(Path("job.toml"), {"model.freq": "D"})
    days = [pd.Timestamp(f"2012-12-0{day}") for day in (1, 1, 2, 2, 2)]
    known = [(record["cutoff"], record["run_id"]) for record in records]
    assert known == [(str(day), run_key(job, day)) for day in days]


def test_checking_a_job_loads_nothing_heavy():
    made()
    code = """if True:
        import sys
        from pipelines.cli import app
        try:
            app(["job", "validate"])
        except SystemExit as end:
            heavy = {"tensorflow", "keras", "mlflow", "keras_tuner", "scipy", "plotly", "sqlalchemy"}
            raise SystemExit(f"{end.code} {sorted(heavy & {*sys.modules})}")
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == "0 []\n"


# Real nights, of a job for which seasonal naive was chosen: they need no training.


@pytest.fixture
def sales(tmp_path):
    """A job on three shops, whose nights are a matter of milliseconds; its arguments for any night."""
    days = pd.date_range("2024-01-01", periods=90)
    rows = [(f"shop {n}", day, 10.0 * n + day.day_of_week) for n in (1, 2, 3) for day in days]
    pd.DataFrame(rows, columns=["unique_id", "ds", "y"]).to_parquet("sales.parquet")
    made("--data", "sales.parquet", "--horizon", 7)
    for folder in ("sales", "elsewhere"):
        JobFolder(tmp_path / folder).promote(None, "for a test", "")
    return ["--set", "tracking.enabled=false", "--set", "model.freq=D"]


def test_nights_are_run_shown_and_scored(sales):
    done = tcn("backfill", *sales, "--from", "2024-03-01", "--to", "2024-03-10", "--json", "--quiet")
    assert done.exit_code == 0, done.stderr
    nights = json.loads(done.stdout)["nights"]
    assert [night["cutoff"][:10] for night in nights] == [f"2024-03-{day:02}" for day in range(1, 11)]
    assert all(night["models"] == {"SeasonalNaive": 3} and night["published"] for night in nights)
    shown = tcn("status", *sales)
    assert shown.stdout.startswith("sales: SeasonalNaive forecasts.")
    record = json.loads(tcn("status", *sales, "--json").stdout)
    assert (len(record["nights"]), record["failure"], record["damaged"]) == (10, None, [])
    scored = json.loads(tcn("score", *sales, "--cutoff", "2024-03-20", "--json", "--quiet").stdout)
    assert scored["figures"]["nights"] == 10
    assert scored["figures"]["mae"] == 0  # a week that repeats itself
    assert "nights" in tcn("score", *sales, "--cutoff", "2024-03-20").stdout


def test_a_night_that_is_done_can_be_skipped(sales):
    night = ["run", *sales, "--cutoff", "2024-03-10", "--skip-done"]
    assert tcn(*night).exit_code == 0
    output = Path("sales-forecasts.parquet")
    before = output.stat()
    done = tcn(*night, "--json", "--quiet")
    assert done.exit_code == 99
    record = json.loads(done.stdout)
    assert (record["skipped"], record["again"], record["published"]) == (True, True, True)
    assert output.stat() == before
    assert tcn("run", *sales, "--cutoff", "2024-03-10").exit_code == 0  # unless it is asked for, 0
    assert "as before, and left as it is." in tcn(*night).stdout
    # What readers cannot read, or what was not finished, is nothing to skip.
    output.write_bytes(b"damaged")
    assert tcn(*night).exit_code == 0
    assert (
        hashlib.sha256(output.read_bytes()).hexdigest()
        == json.loads(Path("sales-forecasts.parquet.manifest.json").read_text())["sha256"]
    )
    (done_file,) = Path("sales").glob("nights/*/done.json")
    done_file.unlink()
    assert tcn(*night).exit_code == 0
    assert tcn("run", *sales, "--cutoff", "2024-03-11", "--skip-done").exit_code == 0
    later = tcn(*night, "--json", "--quiet")  # readers see the one after it
    assert later.exit_code == 99
    assert json.loads(later.stdout)["published"] is False


def test_a_night_before_its_data_fails_and_is_remembered(sales):
    assert tcn("run", *sales, "--cutoff", "2024-03-30").exit_code == 0
    before = Path("sales.parquet").read_bytes(), Path("sales-forecasts.parquet").exists()
    done = tcn("run", *sales, "--now", "2024-05-01T03:00")
    assert done.exit_code == 65
    assert "2024-04-30" in done.stderr
    assert (Path("sales.parquet").read_bytes(), Path("sales-forecasts.parquet").exists()) == before
    assert "The last run failed: " in tcn("status", *sales).stdout
    waiting = ["--set", "checks.deadline_hours=30"]
    assert tcn("run", *sales, *waiting, "--now", "2024-05-01T03:00").exit_code == 75
    assert tcn("run", *sales, *waiting, "--now", "2024-05-01T07:00").exit_code == 65


def test_the_same_night_is_the_same_bytes_in_another_place_and_time_zone(sales, tmp_path):
    digests = set()
    places = [("sales", "UTC", "C", tmp_path), ("elsewhere", "Pacific/Auckland", "tr_TR.UTF-8", Path("/"))]
    for folder, zone, language, where in places:
        output = f"{folder}.forecasts.parquet"
        command = [
            sys.executable, "-m", "pipelines.cli", "job", "run", str(tmp_path / "job.toml"), *sales,
            "--cutoff", "2024-03-20", "--set", f"folder={folder}", "--set", f"sink.path={output}",
        ]  # fmt: skip
        env = os.environ | {"TZ": zone, "LC_ALL": language, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=where, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        digests.add(hashlib.sha256((tmp_path / output).read_bytes()).hexdigest())
    assert len(digests) == 1
