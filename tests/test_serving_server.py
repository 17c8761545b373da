"""The server as a process of its own: what it loads, how it starts and stops, many clients at once."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from served_bundles import has_onnx, rows_of, served_bundle, served_forecaster
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.errors import BusyError
from pipelines.serving import register
from pipelines.serving.server import load_app, served

PROGRAM = """
import sys
from pipelines.cli import app
try:
    app(sys.argv[1:])
finally:
    print(*sorted({"tensorflow", "keras", "mlflow"} & {*sys.modules}), file=sys.stderr)
"""


SLOW = """
import time
from pipelines.serving.forecasts import Forecasts
Forecasts.predict = lambda *arguments: time.sleep(90)
"""


@contextmanager
def server(*arguments, model=None, before=""):
    """A server on a free port, its process and its address."""
    command = [
        sys.executable,
        "-W",
        "error",
        "-c",
        before + PROGRAM,
        "serve",
        str(model or served_bundle()),
        *arguments,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def ask(address, path, body=None):
    """Status and answer of a page."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, content, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.fixture(scope="module")
def running():
    with server("--port", "0") as (process, address):
        assert address.startswith("http://127.0.0.1:")
        yield process, address


def test_forecasts_over_a_socket_equal_those_of_python(running):
    forecaster = served_forecaster()
    rows = rows_of(forecaster)
    body = {"rows": json.loads(rows.assign(ds=rows["ds"].astype(str)).to_json(orient="records"))}
    status, found = ask(running[1], "/forecast", body)
    assert status == 200
    frame = pd.DataFrame(found["forecast"]).assign(ds=lambda frame: pd.to_datetime(frame["ds"]))
    pd.testing.assert_frame_equal(frame, forecaster.predict(rows), rtol=1e-6, check_dtype=False)


def test_sixteen_clients_at_once_get_the_answers_of_one(running):
    names = served_forecaster().panel_.ids.tolist()
    alone = {name: ask(running[1], f"/forecast/{name}")[1] for name in names}

    def client(number):
        name = names[number % len(names)]
        mine = [ask(running[1], f"/forecast/{name}") for _ in range(5)]
        wrong = ask(running[1], "/forecast", {"horizon": 99})
        return all(each == (200, alone[name]) for each in mine) and wrong[0] == 422

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(client, range(16)))


def test_what_is_no_http_does_not_end_it(running):
    port = int(running[1].rsplit(":")[-1])
    for sent in (b"\x00\xff\r\n\r\n", b"POST /forecast HTTP/1.1\r\nContent-Length: ten\r\n\r\n", b""):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            assert not connection.recv(1000).startswith(b"HTTP/1.1 5")
    assert ask(running[1], "/health") == (200, {"status": "ok"})
    with urllib.request.urlopen(urllib.request.Request(f"{running[1]}/health", method="HEAD")) as answer:
        assert (answer.status, answer.read()) == (200, b"")


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs the sockets of Linux")
def test_only_this_machine_is_answered(running):
    port = running[1].rsplit(":")[-1]
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    places = {line.split()[1] for line in lines if line.split()[1].endswith(f":{int(port):04X}")}
    assert {place.split(":")[0] for place in places} == {"0100007F"}


def test_a_port_in_use_ends_the_command_with_75(running):
    port = running[1].rsplit(":")[-1]
    done = CliRunner().invoke(app, ["serve", str(served_bundle()), "--port", port])
    assert done.exit_code == 75
    assert f"Received: {port}, which another program uses" in done.stderr


def test_a_block_is_served_as_long_as_it_lasts(running):
    loaded = load_app(str(served_bundle()), "")
    with served(loaded):
        pass  # it ends before it has begun to listen
    with served(loaded) as address:
        assert ask(address, "/forecast", {}) == ask(running[1], "/forecast", {})
        with (
            pytest.raises(BusyError, match="another program uses"),
            served(loaded, int(address.rsplit(":")[-1])),
        ):
            pass
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address)
    assert not [thread for thread in threading.enumerate() if thread.name == "tcn-serve"]


def test_a_damaged_bundle_is_not_served(tmp_path):
    (tmp_path / "manifest.json").write_text("{}")
    done = CliRunner().invoke(app, ["serve", str(tmp_path), "--port", "0"])
    assert done.exit_code == 65
    assert "readable manifest.json" in done.stderr


def test_it_ends_in_order_and_writes_plain_lines():
    with server("--port", "0") as (process, address):
        assert ask(address, "/health")[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
        errors = process.stderr.read()
    [line] = [line for line in errors.splitlines() if "/health" in line]
    assert line.endswith('"GET /health HTTP/1.1" 200')
    assert "\x1b" not in errors
    assert "Traceback" not in errors
    if has_onnx:
        assert errors.splitlines()[-1].strip() == ""  # nothing heavy was imported
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address)


def test_a_request_that_outlasts_the_time_to_stop_is_told_so():
    """With the address and errors alone, as it is asked to be quiet."""
    stop = ("--stop-seconds", "0", "--quiet")
    with server("--port", "0", *stop, before=SLOW) as (process, address), ThreadPoolExecutor(1) as pool:
        assert address.startswith("http://127.0.0.1:")
        asked = pool.submit(ask, address, "/forecast", {})
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        status, found = asked.result()
        assert process.wait(30) == 143
        errors, answers = process.stderr.read(), process.stdout.read()
    assert status == 503
    assert found["error"].endswith(found["cure"])
    assert "Traceback" not in errors
    assert "SystemExit" not in errors
    assert answers == ""


def request_of(body, connection="keep-alive"):
    """A request as it is sent."""
    head = f"POST /forecast HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n"
    kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + kind).encode() + body


def all_received(connection):
    """All that a connection gives until it is closed."""
    return b"".join(iter(lambda: connection.recv(10_000), b""))


def test_a_client_that_only_listens_is_answered(running):
    port = int(running[1].rsplit(":")[-1])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request_of(b"{}"))
        connection.shutdown(socket.SHUT_WR)
        head, _, body = all_received(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert json.loads(body) == ask(running[1], "/forecast", {})[1]
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(2 * b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        assert all_received(connection).count(b'{"status": "ok"}') == 2
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request_of(b"{}")[:-1])
        connection.shutdown(socket.SHUT_WR)
        assert all_received(connection) == b""


def test_headers_that_do_not_arrive_close_the_connection(monkeypatch):
    monkeypatch.setattr("pipelines.serving.connections._HEADER_SECONDS", 0.3)
    whole = request_of(b"{}")
    with served(load_app(str(served_bundle()), "")) as address, ExitStack() as stack:
        port = int(address.rsplit(":")[-1])
        part, nothing = (
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20)) for _ in range(2)
        )
        part.sendall(whole[:20])
        assert all_received(part).startswith(b"HTTP/1.1 408")
        assert all_received(nothing) == b""
        kept = stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)))
        for _ in range(2):  # between requests there are no headers to wait for
            kept.request("GET", "/health")
            assert kept.getresponse().read()
            time.sleep(0.5)
        kept.sock.sendall(whole[:20])
        assert all_received(kept.sock).startswith(b"HTTP/1.1 408")


@pytest.mark.long
def test_a_registered_model_is_served(tmp_path):
    register(served_bundle(), "sales", tmp_path, "champion")
    model = "models:/sales@champion"
    with server("--port", "0", "--json", "--tracking", str(tmp_path), model=model) as (process, line):
        told = json.loads(line)
        assert told["model"] == model
        info = ask(told["address"], "/info")[1]
        assert (info["model"], info["version"]) == ("models:/sales", "1")
        found = ask(told["address"], "/forecast", {})[1]["forecast"]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    np.testing.assert_allclose([row["TCN"] for row in found], served_forecaster().predict()["TCN"], rtol=1e-6)
