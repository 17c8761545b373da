"""``tcn serve``: how long a forecast takes, and until an observation shows in it, and 16 clients at once.

A network of the default size is trained for a few steps on daily series, and its bundle served by the
command, on ONNX Runtime. Each request is a round trip over HTTP on one connection, JSON written and read
included. The same forecast by ``Forecaster.predict`` on Keras, in Python, stands beside it. Then 16 clients
ask for a minute; each has a series of its own, to which it adds an observation now and then. No answer may be
an error, and the forecasts that are served at the end must be those of Python for the longer history. At last
the bundle is registered, and `mlflow models serve` asked for the same.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _timing import row, timed, wants_small

CLIENTS = 16
TOLERANCE = 1e-4


class Client:
    """A connection to the server."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, path: str, body: Any = None) -> Any:
        """Ask for a page; an error ends the benchmark."""
        content = None if body is None else json.dumps(body)
        method = "GET" if body is None else "POST"
        self.connection.request(method, path, content, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise SystemExit(f"Every answer must have status 200. Received: {answer.status}, {text!r}.")
        return json.loads(text)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


@contextmanager
def server(bundle: Path) -> Iterator[int]:
    """Serve a bundle on a free port."""
    program = "from pipelines.cli import main; main()"
    command = [sys.executable, "-c", program, "serve", str(bundle), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(json.loads(process.stdout.readline())["address"].rsplit(":")[-1])
        finally:
            process.send_signal(signal.SIGTERM)


@contextmanager
def mlflow_server(bundle: Path) -> Iterator[tuple[int, float]]:
    """Register a bundle, and let MLflow serve it; give the port, and the seconds until it answers."""
    from pipelines.serving import register
    from pipelines.tracking.ui import child_environment, free_port

    store, port = bundle.parent / "store", free_port(0)
    register(bundle, "sales", store, "champion")
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", "models:/sales@champion"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    # It starts its server by the name of the program.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    own = {"MLFLOW_TRACKING_URI": f"sqlite:///{store}/mlflow.db", "PATH": path}
    own["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    began = time.monotonic()
    with (bundle.parent / "log").open("w+") as log:
        process = subprocess.Popen(
            command, env=child_environment(os.environ) | own, stdout=log, stderr=log, start_new_session=True
        )
        try:
            while not _answers(port):
                if process.poll() is not None:
                    raise SystemExit((bundle.parent / "log").read_text())
                time.sleep(0.1)
            yield port, time.monotonic() - began
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with closing(connection):
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except OSError:
            return False


def main(small: bool) -> None:
    """Save a bundle, serve it, and ask."""
    import numpy as np
    import pandas as pd

    from pipelines import Forecaster

    series, rows, rounds, seconds = (CLIENTS, 60, 5, 1.0) if small else (100, 400, 300, 60.0)
    days = pd.date_range("2024-01-01", periods=2 * rows)
    noise = np.random.default_rng(0).normal(size=(series, 2 * rows))
    values = 100.0 + 10.0 * np.sin(np.arange(2 * rows) * 2 * np.pi / 7) + noise
    ids = [f"series {number:03}" for number in range(series)]
    names = np.repeat(ids, 2 * rows)
    frame = pd.DataFrame({"unique_id": names, "ds": np.tile(days, series), "y": values.ravel()})
    stamps = days.strftime("%Y-%m-%d").tolist()
    sizes: dict[str, Any] = {"filters": 8, "dilations": (1,), "ensemble": 1} if small else {}
    forecaster = Forecaster(14, "D", max_steps=4, **sizes).fit(frame[frame["ds"] < days[rows]])
    ends = dict.fromkeys(ids, rows)  # rows of each series that the server has been sent

    def record(name: str, place: int) -> dict[str, Any]:
        return {"unique_id": name, "ds": stamps[place], "y": values[ids.index(name), place]}

    def observe(client: Client, name: str) -> None:
        client.ask("/observations", {"rows": [record(name, ends[name])]})
        ends[name] += 1

    history = [record(ids[0], place) for place in range(rows)]
    sent = {"rows": history}
    own = frame[(frame["unique_id"] == ids[0]) & (frame["ds"] < days[rows])]
    with TemporaryDirectory() as folder:
        bundle = _saved(forecaster, Path(folder))
        with server(bundle) as port, closing(Client(port)) as client:

            def update() -> None:
                observe(client, ids[0])
                client.ask(f"/forecast/{ids[0].replace(' ', '%20')}")

            ways: dict[str, Callable[[], Any]] = {
                f"POST /forecast, {rows} rows of one series": lambda: client.ask("/forecast", sent),
                "GET /forecast/ID": lambda: client.ask(f"/forecast/{ids[1].replace(' ', '%20')}"),
                "POST /observations, then GET /forecast/ID": update,
                "Forecaster.predict of one series, Keras": lambda: forecaster.predict(own),
            }
            print(f"{series} series of {rows} days, look-back {forecaster.plan_.lookback}")
            taken = {name: _times(work, min(rounds, rows // 2)) for name, work in ways.items()}
            served = np.median(next(iter(taken.values())))
            for name, times in taken.items():
                p50, p99 = 1000 * np.quantile(times, [0.5, 0.99])
                row(name, f"{p50:.1f} / {p99:.1f} ms", np.median(times) / served, "POST /forecast")
            answers, slow = _together(port, seconds, ids, observe, history)
            p50, p99 = 1000 * np.quantile(slow, [0.5, 0.99])
            row(f"{CLIENTS} clients for {seconds:g} s, {answers:,} answers", f"{p50:.1f} / {p99:.1f} ms")

            place = frame.groupby("unique_id").cumcount()
            longer = frame[place < frame["unique_id"].map(ends)]
            with closing(Client(port)) as last:  # the server has closed the other one, which was idle
                found = pd.DataFrame(last.ask("/forecast", {})["forecast"])
        _compare(found, forecaster.predict(longer))
        with mlflow_server(bundle) as (port, waited), closing(Client(port)) as client:
            body = {"dataframe_records": history}
            times = _times(lambda: client.ask("/invocations", body), min(rounds, rows // 2))
            p50, p99 = 1000 * np.quantile(times, [0.5, 0.99])
            name = f"mlflow models serve, ready after {waited:.0f} s"
            row(name, f"{p50:.1f} / {p99:.1f} ms", np.median(times) / served, "POST /forecast")
            found = pd.DataFrame(client.ask("/invocations", body)["predictions"])
        _compare(found, forecaster.predict(own))


def _compare(found: Any, expected: Any) -> None:
    """See that what was served are the forecasts of Python."""
    import numpy as np

    names = [name for name in found if name not in ("unique_id", "ds")]
    ours, theirs = found[names].to_numpy(), expected[names].to_numpy()
    gap = float((np.abs(ours - theirs) / np.abs(theirs)).max())
    row("largest relative difference to Keras", f"{gap:.1e}")
    if gap > TOLERANCE:
        raise SystemExit(f"Both must agree to {TOLERANCE}. Received: {gap:.1e}.")


def _saved(forecaster: Any, folder: Path) -> Path:
    forecaster.save(folder / "bundle", onnx=True)
    return folder / "bundle"


def _times(work: Callable[[], Any], rounds: int) -> list[float]:
    for _ in range(3):
        work()
    return [timed(work) for _ in range(rounds)]


def _together(
    port: int,
    seconds: float,
    ids: list[str],
    observe: Callable[[Client, str], None],
    history: list[dict[str, Any]],
) -> tuple[int, list[float]]:
    """Let all clients ask at once; give the number of answers, and the seconds that each took."""
    end = time.monotonic() + seconds

    def ask(number: int) -> list[float]:
        with closing(Client(port)) as client:
            return asked(client, ids[-1 - number])

    def asked(client: Client, name: str) -> list[float]:
        pages: list[Callable[[], Any]] = [
            lambda: client.ask(f"/forecast/{name.replace(' ', '%20')}"),
            lambda: client.ask("/forecast", {"rows": history}),
            lambda: client.ask("/forecast", {"rows": history, "levels": [50], "horizon": 7}),
        ]
        taken: list[float] = []
        while time.monotonic() < end:
            if len(taken) % 30 == 0 and len(taken) < 30 * len(history) // 2:
                taken.append(timed(lambda: observe(client, name)))
            else:
                taken.append(timed(pages[len(taken) % len(pages)]))
        return taken

    with ThreadPoolExecutor(CLIENTS) as pool:
        taken = [each for times in pool.map(ask, range(CLIENTS)) for each in times]
    return len(taken), taken


if __name__ == "__main__":
    main(wants_small(__doc__))
