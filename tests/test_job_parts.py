"""What stands around a night: its time limit, its log, its messages, its cutoff, the file it begins with."""

import json
import socket
import subprocess
import sys
import threading
import time
import tomllib
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import datasets
from pipelines.errors import BusyError, ConfigError
from pipelines.frequency import Freq
from pipelines.nightly.cutoffs import last_whole_step, parse_cutoff
from pipelines.nightly.limits import LateError, time_limit
from pipelines.nightly.loading import load_job
from pipelines.nightly.logs import JsonLines, run_key
from pipelines.nightly.notify import notify
from pipelines.nightly.settings import JobSettings
from pipelines.nightly.template import write_job

NOW = datetime(2026, 11, 23, 3, 20, tzinfo=UTC)


def job(**more):
    places = {"source": {"path": "bike_sharing"}, "sink": {"path": "f.csv"}}
    limits = {"attempts": 3, "first_wait": 0.01}
    return JobSettings(**{"name": "rentals", "model": {"horizon": 3}, "limits": limits, **places, **more})


# The time limit


def test_what_takes_too_long_ends_in_order_through_handlers_of_errors():
    done = []

    def stubborn():
        try:
            while True:
                try:
                    time.sleep(1)
                except Exception:
                    done.append("swallowed")
        finally:
            done.append("cleaned up")

    with pytest.raises(LateError, match=r"limits\.minutes"), time_limit(0.2 / 60):
        stubborn()
    assert done == ["cleaned up"]
    assert issubclass(LateError, BusyError)


def test_what_ends_in_time_is_left_alone():
    with time_limit(0.05 / 60):
        pass
    with time_limit(None):
        time.sleep(0.1)


def test_what_does_not_listen_is_ended_where_it_stands():
    # A library in native code hears no signal until it returns.
    code = """if True:
        import signal, time
        from pipelines.nightly.limits import time_limit
        with time_limit(0.1 / 60, grace=0.1):
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
            time.sleep(20)
    """
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 75
    assert "raise limits.minutes" in done.stderr
    assert time.monotonic() - start < 10


# Cutoffs


@given(
    st.sampled_from(["15min", "h", "6h", "D", "B", "MS", "QS", "YS", "ME", "QE", "W-MON", "W"]),
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)),
)
def test_the_last_whole_step_is_over_and_the_one_after_it_is_not(freq, moment):
    parsed = Freq.parse(freq)
    cutoff = last_whole_step(parsed, moment.replace(tzinfo=UTC))
    after = cutoff + parsed.offset
    now = pd.Timestamp(moment)
    if freq in ("ME", "QE", "W-MON", "W"):  # stamped with their last day
        assert cutoff + timedelta(days=1) <= now < after + timedelta(days=1)
    else:
        assert after <= now < after + parsed.offset


def test_the_moment_counts_in_utc():
    east = NOW.astimezone(datetime.strptime("+1100", "%z").tzinfo)
    assert last_whole_step(Freq.parse("D"), east) == last_whole_step(Freq.parse("D"), NOW)


def test_numbers_do_not_go_with_the_clock():
    with pytest.raises(ConfigError, match="--cutoff"):
        last_whole_step(Freq.parse(1), NOW)


@pytest.mark.parametrize("text", ["now", "tomorrow", "2024-13-01", "1.5", "", "2024-01-01; DROP TABLE x"])
def test_what_is_no_time_is_no_cutoff(text):
    with pytest.raises(ConfigError, match="A cutoff must be"):
        parse_cutoff(text)


@pytest.mark.parametrize("text", ["1500-01-01", "3000-01-01T00:00Z"])
def test_a_cutoff_is_a_time_that_stamps_can_hold(text):
    with pytest.raises(ConfigError, match="1678 and 2261"):
        parse_cutoff(text)


@given(st.one_of(st.integers(), st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))))
def test_cutoffs_are_read_as_they_are_written(cutoff):
    assert parse_cutoff(cutoff.isoformat() if isinstance(cutoff, datetime) else str(cutoff)) == cutoff


# The log


def test_the_log_is_an_object_a_line_with_stages_and_the_run(monkeypatch):
    monkeypatch.setenv("TCN_JOB_SOURCE__URL", "postgresql://ann:canary-pw@host/db")
    lines = []
    log = JsonLines(lines.append, lambda: NOW, "0f3a", job(source={"table": "t"}))
    with log.stage("read the data"):
        log.note('postgresql://ann:canary-pw@host/db?password="x" \\ is slow: canary-pw')
    with pytest.raises(BusyError), log.stage("publish"):
        raise BusyError
    with log.loading("tensorflow"):
        log.epoch({"step": 1, "loss": 0.5})
    records = [json.loads(line) for line in lines]
    assert all("\n" not in line and "canary" not in line for line in lines)
    assert {(record["run_id"], record["time"]) for record in records} == {("0f3a", NOW.isoformat())}
    assert [(r["level"], r["stage"], r["message"]) for r in records if "***" not in r["message"]] == [
        ("info", "read the data", "done"),
        ("error", "publish", "failed"),
        ("info", "load tensorflow", "done"),
    ]
    assert all(record["seconds"] >= 0 for record in records if record["message"] in ("done", "failed"))


def test_the_id_of_a_run_is_that_of_job_cutoff_and_settings():
    one, cutoff = job(), pd.Timestamp("2024-01-31")
    assert run_key(one, cutoff) == run_key(job(limits={"attempts": 9}), cutoff)
    others = {
        run_key(one, pd.Timestamp("2024-02-01")),
        run_key(job(name="other"), cutoff),
        run_key(job(model={"horizon": 4}), cutoff),
    }
    assert len({run_key(one, cutoff), *others}) == 4


# Messages


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.server.answers.pop(0) if self.server.answers else 200
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def hook():
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        server.bodies, server.answers = [], []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def address(server):
    return f"http://127.0.0.1:{server.server_address[1]}/hook"


def test_a_webhook_gets_one_message_without_secrets(hook, monkeypatch):
    monkeypatch.setenv("TCN_JOB_SINK__URL", "postgresql://ann:canary-pw@host/db")
    asked = job(notify={"webhook": address(hook)}, sink={"table": "t"})
    events = {"failure": ['no route to "canary-pw"'], "promotion": ["version 2"], "alarm": ["drift"]}
    assert notify(asked, events, {"cutoff": "2024-01-31", "run_id": "0f3a", "exit_code": 65}) == []
    (body,) = hook.bodies
    assert json.loads(body) == {
        "job": "rentals", "cutoff": "2024-01-31", "run_id": "0f3a", "exit_code": 65,
        "events": ["alarm", "failure"], "messages": ['no route to "***"', "drift"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "posts", "failed"),
    [
        ([500, 503], 3, []),
        ([429], 2, []),
        ([500] * 9, 3, ["notify.webhook answered with status 500."]),
        ([404], 1, ["notify.webhook answered with status 404."]),
        ([302], 1, ["notify.webhook answered with status 302."]),
    ],
)
def test_only_what_may_pass_is_tried_again(hook, answers, posts, failed):
    hook.answers = answers
    assert notify(job(notify={"webhook": address(hook)}), {"failure": ["x"]}, {}) == failed
    assert len(hook.bodies) == posts


def test_a_webhook_out_of_reach_is_told_and_stops_nothing():
    (text,) = notify(job(notify={"webhook": "http://127.0.0.1:9/x?token=canary"}), {"failure": ["x"]}, {})
    assert text.startswith("notify.webhook could not be reached: ")
    assert "canary" not in text


@pytest.mark.parametrize("url", ["http://no host/canary", "http://h\u00f6st/canary\u00e9"])
def test_a_webhook_that_is_no_address_is_told_and_stops_nothing(url):
    (text,) = notify(job(notify={"webhook": url}), {"failure": ["x"]}, {})
    assert text.startswith("notify.webhook could not be reached: ")
    assert "canary" not in text


def test_a_webhook_whose_answer_is_no_http_is_told_and_stops_nothing():
    def answer():
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"220 mail ready\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/hook"
        (text,) = notify(job(notify={"webhook": url}), {"failure": ["x"]}, {})
        thread.join()
    assert text.startswith("notify.webhook could not be reached: ")


def test_a_command_gets_the_message_on_standard_input(tmp_path):
    code = f"import sys; open({str(tmp_path / 'got')!r}, 'wb').write(sys.stdin.buffer.read())"
    asked = job(notify={"command": [sys.executable, "-c", code], "on": ["promotion"]})
    assert notify(asked, {"failure": ["x"]}, {}) == []
    assert not (tmp_path / "got").exists()
    assert notify(asked, {"promotion": ["ü; $(touch canary)"]}, {"cutoff": "17"}) == []
    got = json.loads((tmp_path / "got").read_bytes())
    assert (got["messages"], got["cutoff"]) == (["ü; $(touch canary)"], "17")


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ([sys.executable, "-c", "raise SystemExit('no mail')"], "notify.command ended with 1: no mail."),
        (["mail", "\0"], "notify.command could not be run: embedded null byte."),
        (["/nowhere/mail"], "notify.command could not be run: No such file or directory."),
        (["sh", "-c", "sleep 9 & sleep 9"], "notify.command took longer than 0.3 s and was stopped."),
        (["true"], None),
    ],
)
def test_a_command_that_fails_is_told_and_stops_nothing(command, text, monkeypatch):
    monkeypatch.setattr("pipelines.nightly.notify._COMMAND_SECONDS", 0.3 if text and "longer" in text else 9)
    start = time.monotonic()
    big = {"failure": ["x" * 1_000_000]}  # more than a pipe holds
    assert notify(job(notify={"command": command}), big, {}) == ([text] if text else [])
    assert time.monotonic() - start < 5


# The file of a job


@pytest.mark.parametrize(
    ("data", "horizon", "name"),
    [(each, None, None) for each in datasets.names()] + [("data/my $name.csv", 28, "x")],
)
def test_a_new_file_is_one_that_a_job_accepts(data, horizon, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("jobs").mkdir()
    made = write_job(Path("jobs/job.toml"), data, horizon, name)
    read = load_job(Path("jobs/job.toml"))
    assert read.name == made == (name or data.replace("_", "-"))
    assert read.source.path == (data if horizon is None else str(tmp_path / data))
    assert read.model.horizon == (horizon or datasets.describe(data).horizon)
    assert read.model.freq == (None if horizon else datasets.describe(data).freq)
    assert read.sink.path == str(tmp_path / "jobs" / f"{made}-forecasts.parquet")


def test_every_setting_that_is_commented_out_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_job(Path("job.toml"), "sales.csv", 7, None)
    lines = Path("job.toml").read_text().splitlines()
    text = "\n".join(line.removeprefix("# ") if " = " in line and line[0] == "#" else line for line in lines)
    assert text != "\n".join(lines)
    text = text.replace('table = "sales"\n', "").replace("target_col", 'id_col = "shop"\ntarget_col')
    Path("all.toml").write_text(text)
    read = load_job(Path("all.toml"))
    assert read.checks.deadline_hours == 30
    assert read.model.covariates.future == ("price",)
    assert read.model.freq == "D"


def test_what_the_file_says_of_defaults_is_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_job(Path("job.toml"), "bike_sharing", None, None)
    table = tomllib.loads(Path("job.toml").read_text())
    plain = load_job(Path("job.toml")).model_dump()
    least = job().model_dump()
    for name in ("checks", "watch"):
        assert {key: plain[name][key] for key in table[name]} == {
            key: least[name][key] for key in table[name]
        }


def test_a_file_is_never_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("job.toml").write_text("mine")
    with pytest.raises(ConfigError, match="never replaced"):
        write_job(Path("job.toml"), "bike_sharing", None, None)
    assert Path("job.toml").read_text() == "mine"
    with pytest.raises(ConfigError, match="must be writable"):
        write_job(Path("job.toml/x.toml"), "bike_sharing", None, None)
    with pytest.raises(ConfigError, match="--horizon"):
        write_job(Path("other.toml"), "sales.csv", None, None)
    with pytest.raises(ConfigError, match="TCN_JOB_SOURCE__PATH"):
        write_job(Path("other.toml"), "ftp://ann:canary@host/sales.csv", 7, None)
    with pytest.raises(ConfigError, match="job's name"):
        write_job(Path("other.toml"), "sales.csv", 7, "säles")
    for data in ("", "caf\udce9.csv"):
        with pytest.raises(ConfigError, match="text in UTF-8"):
            write_job(Path("other.toml"), data, 7, None)
    assert not Path("other.toml").exists()
