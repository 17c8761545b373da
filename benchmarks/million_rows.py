"""A million rows from PostgreSQL and back, while connections are cut and writers killed.

A server is started on this machine. The source is read as it is, then once more while the connection is cut
amid the rows: both must give the same rows. A forecast as large is published, published again while the
connection is cut, and by processes that are killed amid their rows; meanwhile somebody else reads, and must
see one of the two forecasts as a whole, each time. Parquet files of the same rows are there to compare with.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from _timing import row, timed, wants_small
from sqlalchemy.pool import NullPool

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from postgres_server import execute, postgres_server

from pipelines.nightly import JobSettings
from pipelines.nightly.sinks import open_sink
from pipelines.nightly.snapshot import read_snapshot

_DAYS = 400
_START = "2023-01-01"
_CUTOFF = pd.Timestamp("2024-06-01")
_AT_WORK = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'nights' AND state <> 'idle' "
    "AND (query LIKE 'COPY%%' OR query LIKE 'FETCH%%')"
)


def main(small: bool) -> None:
    """Read, publish, cut and kill."""
    rows = 20_000 if small else 1_000_000
    with postgres_server() as server, TemporaryDirectory() as folder:
        execute(server, "CREATE DATABASE nights")
        url = f"{server}/nights"
        fill(url, rows)
        job = job_of(url)
        print(f"{rows:,} rows")
        reading(job, server, rows, Path(folder))
        publishing(job, server, rows, 1 if small else 10, Path(folder))


def reading(job: JobSettings, server: str, rows: int, folder: Path) -> None:
    """Time what reads, and cut it."""
    found: list[pd.DataFrame] = []
    seconds = timed(lambda: found.append(read_snapshot(job, _CUTOFF).history))
    found[0].to_parquet(folder / "rows.parquet")
    file = job.model_copy(update={"source": job.source.model_copy(update=in_file(folder / "rows.parquet"))})
    to_compare = timed(lambda: read_snapshot(file, _CUTOFF))
    row("read a table of PostgreSQL", f"{seconds:.2f} s", seconds / to_compare, "a Parquet file")
    with Cuts(server, amid=0.02 if rows < 10**6 else 0.5) as cuts:
        found.append(read_snapshot(job, _CUTOFF).history)
    assert len(found[1]) == rows
    pd.testing.assert_frame_equal(found[0], found[1])
    row("the same rows, the connection cut amid them", f"{cuts.made} cut")


def publishing(job: JobSettings, server: str, rows: int, kills: int, folder: Path) -> None:
    """Time what publishes, cut it and kill it, while somebody reads."""
    frames, sink = [forecast_of(rows, shift) for shift in (0.0, 1.0)], open_sink(job)
    seconds = timed(lambda: sink.publish(frames[0], manifest_of(0)))
    file = job.model_copy(update={"sink": job.sink.model_copy(update=in_file(folder / "f.parquet"))})
    to_compare = timed(lambda: open_sink(file).publish(frames[0], manifest_of(0)))
    row("publish to a table of PostgreSQL", f"{seconds:.2f} s", seconds / to_compare, "a Parquet file")
    whole = {(rows, round(float(frame["TCN"].sum()))) for frame in frames}
    with Reader(server, whole) as reader:
        with Cuts(server, amid=0.01 if rows < 10**6 else 0.5) as cuts:
            sink.publish(frames[1], manifest_of(1))
        row("published, the connection cut amid the rows", f"{cuts.made} cut")
        killed = sum(killed_amid(job, server, rows, i) for i in range(kills))
        row("writers killed amid the rows", f"{killed} of {kills}")
        left = reader.last()
        sink.publish(frames[0], manifest_of(0))
    assert left == (rows, round(float(frames[1]["TCN"].sum()))), left
    assert (sink.current() or {})["rows"] == rows
    row("readers meanwhile saw a whole forecast", f"{reader.times} of {reader.times}")


def killed_amid(job: JobSettings, server: str, rows: int, number: int) -> bool:
    """Publish from a process of its own, and kill that while its rows are on their way."""
    assert job.sink.url is not None
    command = [sys.executable, __file__, "--publish", job.sink.url.get_secret_value(), str(rows)]
    writer = subprocess.Popen(command, env={"PYTHONPATH": ":".join(sys.path)})
    with engine_of(f"{server}/postgres").connect() as connection:
        query = _AT_WORK.replace("pg_terminate_backend(pid)", "pid").replace("FETCH", "COPY")
        while writer.poll() is None and not connection.exec_driver_sql(query).all():
            connection.rollback()
    time.sleep(0.1 * number if rows >= 10**6 else 0)
    writer.send_signal(signal.SIGKILL)
    return writer.wait() == -signal.SIGKILL


class Cuts:
    """Cuts a connection amid its rows, once.

    Args:
        server: Address of the server.
        amid: Seconds to wait first.
    """

    def __init__(self, server: str, amid: float) -> None:
        self._engine, self._amid = engine_of(f"{server}/postgres"), amid
        self._thread, self._ended = threading.Thread(target=self._run), threading.Event()
        self.made = 0

    def __enter__(self) -> Cuts:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        assert self.made, "nothing was at work to be cut"

    def _run(self) -> None:
        with self._engine.connect() as connection:
            look = _AT_WORK.replace("pg_terminate_backend(pid)", "pid")
            while not self._ended.is_set() and not connection.exec_driver_sql(look).all():
                connection.rollback()
            time.sleep(self._amid)
            while not self.made and not self._ended.is_set():
                self.made = len(connection.exec_driver_sql(_AT_WORK).all())
                connection.rollback()


class Reader:
    """Reads what is published again and again; every time it must be one of the whole forecasts.

    Args:
        server: Address of the server.
        whole: Rows and sum of each forecast.
    """

    def __init__(self, server: str, whole: set[tuple[int, int]]) -> None:
        self._engine, self._whole = engine_of(f"{server}/nights"), whole
        self._thread, self._ended = threading.Thread(target=self._run), threading.Event()
        self.times, self.wrong = 0, set[Any]()

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        assert not self.wrong, self.wrong
        assert self.times

    def last(self) -> tuple[int, int]:
        """Rows and sum of what is published."""
        query = 'SELECT count(*), round(sum("TCN")) FROM forecasts JOIN forecasts_runs USING (job, cutoff)'
        with self._engine.connect() as connection:
            count, total = connection.exec_driver_sql(query).one()
        return int(count), int(total)

    def _run(self) -> None:
        while not self._ended.is_set():
            found = self.last()
            self.times += 1
            if found not in self._whole:
                self.wrong.add(found)
            time.sleep(0.05)


def engine_of(url: str) -> sa.Engine:
    """Open a database without keeping connections."""
    return sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)


def in_file(path: Path) -> dict[str, Any]:
    """Settings of a place that is a file."""
    return {"path": str(path), "url": None, "table": None}


def job_of(url: str) -> JobSettings:
    """A job from a table to a table."""
    return JobSettings(
        name="nights",
        source={"url": url, "table": "sales"},
        sink={"url": url, "table": "forecasts"},
        model={"horizon": _DAYS, "freq": "D"},
        limits={"attempts": 5, "first_wait": 0.1},
    )


def fill(url: str, rows: int) -> None:
    """Make the table of the source, with columns that nobody asks for."""
    with engine_of(url).begin() as connection:
        connection.exec_driver_sql(
            f"CREATE TABLE sales AS SELECT 'series ' || i / {_DAYS} AS unique_id, "
            f"timestamp '{_START}' + i %% {_DAYS} * interval '1 day' AS ds, sin(i)::float8 AS y, "
            f"repeat('x', 40) AS remark FROM generate_series(0, {rows} - 1) i"
        )


def forecast_of(rows: int, shift: float) -> pd.DataFrame:
    """A forecast of so many rows."""
    number = np.arange(rows)
    frame = pd.DataFrame(
        {
            "unique_id": [f"series {i}" for i in range(rows // _DAYS) for _ in range(_DAYS)],
            "ds": _CUTOFF + pd.to_timedelta(number % _DAYS + 1, unit="D"),
            "cutoff": _CUTOFF,
        }
    )
    values = np.sin(number) + shift
    for name, width in (("TCN", 0), ("TCN-lo-80", -1), ("TCN-hi-80", 1), ("TCN-lo-95", -2), ("TCN-hi-95", 2)):
        frame[name] = values + width
    return frame.assign(model="TCN v1")


def manifest_of(number: int) -> dict[str, Any]:
    """What there is to know of the forecast of a night."""
    night = f"{_CUTOFF:%Y%m%dT%H%M%S}"
    return {"job": "nights", "night": night, "cutoff": str(_CUTOFF), "fingerprint": str(number), "key": night}


if __name__ == "__main__":
    if "--publish" in sys.argv:
        open_sink(job_of(sys.argv[2])).publish(forecast_of(int(sys.argv[3]), 2.0), manifest_of(2))
    else:
        main(wants_small(__doc__))
