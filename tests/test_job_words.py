"""What a job says of files that it cannot use, and to servers that ask who it is."""

import base64
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pandas as pd
import pytest

from pipelines.errors import ConfigError, StateError
from pipelines.nightly import JobSettings
from pipelines.nightly.loading import load_job
from pipelines.nightly.notify import notify
from pipelines.nightly.sealed import read_sealed, write_sealed
from pipelines.nightly.sinks import open_sink
from pipelines.nightly.template import write_job

FRAME = pd.DataFrame({"unique_id": ["a"], "ds": [1], "TCN": [0.5]})


def job_of(**tables):
    made = {"source": {"path": "a.csv"}, "sink": {"path": "f.csv"}, "model": {"horizon": 1}, **tables}
    return JobSettings(name="sales", limits={"attempts": 1}, **made)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"{}", b'{"sha256": "", "content": NaN}'])
def test_a_record_that_is_none_is_told_in_words(content, tmp_path):
    path = tmp_path / "record.json"
    write_sealed(path, {"version": 3})
    path.write_bytes(content)
    with pytest.raises(StateError, match=r"which is (cut short or no JSON|no record with)") as error:
        read_sealed(path)
    assert "Error(" not in str(error.value)


@pytest.mark.parametrize("published", [False, True])
def test_a_folder_is_no_place_for_a_forecast(published, tmp_path):
    path = tmp_path / "f.csv"
    sink = open_sink(job_of(sink={"path": str(path)}))
    if published:
        sink.publish(FRAME, {"night": "0"})
        path.unlink()
    path.mkdir()
    for use in (sink.current, lambda: sink.publish(FRAME, {"night": "1"})):
        with pytest.raises(
            ConfigError, match=r"must name a file\. .*f\.csv, which is a folder; name a file in"
        ):
            use()
    assert [*path.iterdir()] == []


def test_a_webhook_that_asks_for_a_login_gets_it():
    heard = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.headers["Host"], self.headers["Authorization"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request).start()
        host = f"127.0.0.1:{server.server_address[1]}"
        webhook = f"http://ann:canary%40pw@{host}/hook"
        assert notify(job_of(notify={"webhook": webhook}), {"failure": ["x"]}, {}) == []
    assert heard == [(host, "Basic " + base64.b64encode(b"ann:canary@pw").decode())]


def test_no_word_of_a_webhook_holds_its_password():
    asked = job_of(notify={"webhook": "http://ann:canary-pw@127.0.0.1/hook", "command": ["/canary-pw"]})
    texts = notify(asked, {"failure": ["x"]}, {})
    assert len(texts) == 2
    assert "canary" not in "".join(texts)


@pytest.mark.parametrize("data", ["~/sales.csv", "~sales of none.csv"])
def test_a_new_job_finds_data_whose_path_begins_with_a_tilde(data, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "ann"))
    monkeypatch.chdir(tmp_path)
    write_job(Path("job.toml"), data, 7, "sales")
    assert load_job(Path("job.toml")).source.path == str(tmp_path / data.replace("~/", "ann/"))
