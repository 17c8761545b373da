"""Sources and sinks in databases: SQLite, and a real PostgreSQL whose connections are cut."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from job_places import MANIFEST, NIGHT, ODD_IDS, forecast_of, job_of, rows_of
from postgres_server import execute, postgres_server
from sqlalchemy.pool import NullPool

import pipelines
from pipelines.errors import BusyError, ConfigError, PanelError
from pipelines.nightly import JobSettings, sql_sink
from pipelines.nightly.sinks import open_sink
from pipelines.nightly.snapshot import read_snapshot, settle

LATER = {**MANIFEST, "night": "20240104T000000", "cutoff": "2024-01-04", "key": "l"}
NEXT = NIGHT + pd.Timedelta(days=1)
FUTURE: dict[str, Any] = {"covariates": {"future": ["price"], "past": ["load"]}}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres_server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of its own for each test."""
    if request.param == "sqlite":
        (tmp_path / "rows.db").touch()
        yield f"sqlite:///{tmp_path}/rows.db"
        return
    server = request.getfixturevalue("server")
    yield f"{server}/postgres"
    execute(server, "DROP SCHEMA public CASCADE")
    execute(server, "CREATE SCHEMA public")


def engine_of(url: str) -> sa.Engine:
    return sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)


def fill(url: str, frame: pd.DataFrame, table: str = "sales", **types: Any) -> None:
    engine = engine_of(url)
    frame.to_sql(table, engine, index=False, if_exists="replace", dtype=types or None)


def table_of(url: str, name: str = "forecasts") -> pd.DataFrame:
    with engine_of(url).connect() as connection:
        return pd.read_sql(sa.text(f"SELECT * FROM {name} ORDER BY 1, 2, 3, 4"), connection)


def sales(url: str, **more: Any) -> dict[str, Any]:
    return {"url": url, "table": "sales", **more}


def sink_at(url: str, **changes: Any) -> Any:
    return open_sink(job_of(sink={"url": url, "table": "forecasts"}, **changes))


@pytest.mark.parametrize("model", [{}, FUTURE])
def test_a_table_gives_the_snapshot_of_a_frame(url: str, model: dict[str, Any]) -> None:
    rows = rows_of(*ODD_IDS)
    fill(url, rows.sample(frac=1, random_state=0))
    job = job_of(sales(url), model=model)
    found = read_snapshot(job, NIGHT)
    wanted = ["unique_id", "ds", "y", *(["load", "price"] if model else [])]
    same = settle(rows[wanted], None, job, NIGHT)
    pd.testing.assert_frame_equal(found.history, same.history, check_like=True)
    assert (found.future is None) == (same.future is None) == (not model)
    if found.future is not None and same.future is not None:
        pd.testing.assert_frame_equal(found.future, same.future)
        assert len(found.future) == 2 * len(ODD_IDS)


TYPES = {
    "date": (sa.Date(), lambda ds: ds.dt.date),
    "time": (sa.DateTime(), lambda ds: ds),
    "with zone": (sa.DateTime(timezone=True), lambda ds: ds.dt.tz_localize("UTC")),
    "text": (sa.Text(), lambda ds: ds.dt.strftime("%Y-%m-%dT%H:%M:%S")),
    "day as text": (sa.Text(), lambda ds: ds.dt.strftime("%Y-%m-%d")),
}


@pytest.mark.parametrize("kind", TYPES)
def test_stamps_of_every_type_are_cut_at_the_cutoff(url: str, kind: str) -> None:
    declared, convert = TYPES[kind]
    rows = rows_of("a", "b")
    fill(url, rows.assign(ds=convert(rows["ds"])), ds=declared)
    snapshot = read_snapshot(job_of(sales(url), model=FUTURE), NIGHT)
    assert snapshot.history["ds"].dt.tz_localize(None).max() == NIGHT
    assert len(snapshot.history) == 6
    assert snapshot.future is not None
    assert len(snapshot.future) == 4


@pytest.mark.parametrize(
    "stamp", ["2024-01-03T00:00:00", "2024-01-03 00:00", "2024-01-03", "2024-01-03T00:00:00.000"]
)
def test_sqlite_spells_times_in_many_ways(tmp_path: Path, stamp: str) -> None:
    url = f"sqlite:///{tmp_path}/rows.db"
    with engine_of(url).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE sales (unique_id TEXT, ds TIMESTAMP, y REAL)")
        for value in ("2024-01-02", stamp, "2024-01-04"):
            connection.exec_driver_sql("INSERT INTO sales VALUES ('a', ?, 1)", (value,))
    assert read_snapshot(job_of(sales(url)), NIGHT).history["ds"].tolist() == [
        NIGHT - pd.Timedelta(days=1),
        NIGHT,
    ]


def test_integer_steps_decimals_and_revisions(url: str) -> None:
    rows = pd.DataFrame(
        {
            "unique_id": 7,
            "ds": [1, 2, 2, 2, 3, 4, 5],
            "y": [1, 2, 3, 4, 5, 6, 7],
            "known": [1, 2, 3, 9, 3, 4, 5],
        }
    ).assign(price=lambda f: f["y"])
    fill(url, rows, y=sa.Numeric(10, 2))
    job = job_of(sales(url, known_at="known"), model={"covariates": {"future": ["price"]}})
    snapshot = read_snapshot(job, 3)
    assert snapshot.history[["ds", "y"]].to_numpy().tolist() == [[1, 1.0], [2, 3.0], [3, 5.0]]
    assert snapshot.future is None
    assert snapshot.history["unique_id"].tolist() == [7, 7, 7]
    again = read_snapshot(job_of(sales(url), model={"covariates": {"future": ["price"]}}), 3)
    assert (again.duplicates, again.history["y"].tolist()) == (2, [1.0, 4.0, 5.0])
    assert again.future is not None
    assert again.future["ds"].tolist() == [4, 5]


def test_only_what_is_needed_is_asked_for(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(url, rows_of("a", days=60))
    asked = []
    with_listener = sa.event.listens_for(sa.engine.Engine, "before_cursor_execute")

    def listen(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        asked.append((statement, values))

    with_listener(listen)
    try:
        history = read_snapshot(job_of(sales(url)), NIGHT).history
    finally:
        sa.event.remove(sa.engine.Engine, "before_cursor_execute", listen)
    (statement, values), *others = [each for each in asked if "FROM sales" in each[0]]
    assert not others
    assert "WHERE" in statement
    assert values
    assert "price" not in statement
    assert "2024" not in statement  # bound
    assert len(history) == 3


def test_what_is_wrong_with_a_table_is_named(url: str, tmp_path: Path) -> None:
    fill(url, rows_of("a"))
    with pytest.raises(ConfigError, match=r"which has sales; did you mean 'sales'\?"):
        read_snapshot(job_of({"url": url, "table": "slaes"}), NIGHT)
    with pytest.raises(PanelError, match=r"'Y' \(model.target_col\).*did you mean 'y'"):
        read_snapshot(job_of(sales(url), model={"target_col": "Y"}), NIGHT)
    with pytest.raises(PanelError, match="rows up to the cutoff"):
        read_snapshot(job_of(sales(url)), pd.Timestamp("2020-01-01"))
    with pytest.raises(ConfigError, match="no such file"):
        read_snapshot(job_of(sales(f"sqlite:///{tmp_path}/other.db")), NIGHT)
    assert not (tmp_path / "other.db").exists()
    with pytest.raises(ConfigError, match="driver is installed"):
        read_snapshot(job_of(sales("hogwash://host/db")), NIGHT)
    with pytest.raises(ConfigError, match="as SQLAlchemy writes it"):
        read_snapshot(job_of(sales("no address")), NIGHT)


def test_forecasts_of_a_night_are_replaced_as_a_whole(url: str) -> None:
    sink, frame = sink_at(url), forecast_of(*ODD_IDS)
    assert sink.current() is None
    sink.publish(frame, MANIFEST)
    first, runs = table_of(url), table_of(url, "forecasts_runs")
    sink.publish(forecast_of("other", cutoff=NEXT), LATER)
    sink.publish(forecast_of("less", shift=3), MANIFEST)
    assert sorted({*table_of(url)["unique_id"]}) == ["less", "other"]
    assert sink.current()["night"] == LATER["night"]
    sink.publish(frame, MANIFEST)
    both = table_of(url)
    mine = both[pd.to_datetime(both["cutoff"]) == NIGHT].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, first)
    pd.testing.assert_frame_equal(table_of(url, "forecasts_runs").iloc[:1], runs)
    stored = mine.set_index(["unique_id", "ds"]).loc[:, ["TCN", "TCN-lo-80", "TCN-hi-80", "model"]]
    stored.index = stored.index.set_levels(pd.to_datetime(stored.index.levels[1]), level=1)
    wanted = frame.set_index(["unique_id", "ds"])[stored.columns]
    pd.testing.assert_frame_equal(
        stored.sort_index(), wanted.sort_index(), check_exact=True, check_index_type=False
    )


def test_two_jobs_share_a_table_and_integers_have_one_of_their_own(url: str) -> None:
    settings = {
        "sink": {"url": url, "table": "forecasts"},
        "source": {"path": "a.csv"},
        "model": {"horizon": 2},
    }
    for name in ("one", "two"):
        open_sink(JobSettings(name=name, **settings)).publish(forecast_of("a"), {**MANIFEST, "job": name})
    assert table_of(url)["job"].tolist() == ["one", "one", "two", "two"]
    steps = open_sink(job_of(sink={"url": url, "table": "steps"}))
    steps.publish(forecast_of("a", cutoff=17), {**MANIFEST, "night": "000000000017"})
    assert table_of(url, "steps")["ds"].tolist() == [18, 19]
    assert steps.current()["rows"] == 2


def test_rows_that_were_lost_are_noticed(url: str) -> None:
    sink = sink_at(url)
    sink.publish(forecast_of("a"), MANIFEST)
    with engine_of(url).begin() as connection:
        connection.exec_driver_sql('DELETE FROM forecasts WHERE "TCN" = 1')
    assert sink.current() is None
    sink.publish(forecast_of("a"), MANIFEST)
    assert sink.current() is not None


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("CREATE TABLE forecasts (x TEXT)", "no column 'job'"),
        ("ALTER TABLE forecasts RENAME COLUMN \"TCN-lo-80\" TO low", "no column 'TCN-lo-80'"),
        ("CREATE TABLE forecasts AS SELECT * FROM good", r"primary key \(none\)|'cutoff' of numbers"),
        ("CREATE TABLE forecasts (job TEXT, cutoff TEXT)", "column 'cutoff' of text, not times"),
    ],
)  # fmt: skip
def test_a_table_of_another_kind_is_refused(url: str, statement: str, problem: str) -> None:
    open_sink(job_of(sink={"url": url, "table": "good"})).publish(forecast_of("a"), MANIFEST)
    if statement.startswith("ALTER"):
        sink_at(url).publish(forecast_of("a"), MANIFEST)
    with engine_of(url).begin() as connection:
        connection.exec_driver_sql(statement)
    with pytest.raises(ConfigError, match=problem):
        sink_at(url).publish(forecast_of("a"), MANIFEST)
    with pytest.raises(ConfigError, match="a column 'job' of its own"):
        sink_at(url).publish(forecast_of("a").rename(columns={"unique_id": "job"}), MANIFEST)


def test_a_failure_in_the_middle_leaves_the_former(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = sink_at(url)
    sink.publish(forecast_of("a"), MANIFEST)
    before = table_of(url)
    insert = sql_sink.insert

    def half(connection: sa.Connection, table: sa.Table, frame: pd.DataFrame) -> None:
        insert(connection, table, frame.iloc[:1])
        raise KeyboardInterrupt

    monkeypatch.setattr(sql_sink, "insert", half)
    with pytest.raises(KeyboardInterrupt):
        sink.publish(forecast_of("b", "c"), MANIFEST)
    pd.testing.assert_frame_equal(table_of(url), before)
    assert sink.current() is not None


def test_times_with_a_zone_are_kept_as_moments(url: str) -> None:
    hours = pd.date_range("2024-10-26 22:00", periods=6, freq="h", tz="UTC").tz_convert("Europe/Oslo")
    frame = pd.DataFrame({"unique_id": "a", "ds": hours, "cutoff": hours[0], "TCN": 1.0})  # 02:00 comes twice
    for _ in range(2):
        sink_at(url).publish(frame, MANIFEST)
    assert pd.to_datetime(table_of(url)["ds"], utc=True).tolist() == [*hours]
    assert sink_at(url).current() is not None


HOSTILE = '"; DROP TABLE sales; --'


NAMES = (HOSTILE, "a%b", "%(x)s", "a:b c", "søppel", "select", "x'y", "[a].b", "%s", "{0}", "-- x")


def test_names_of_columns_are_only_names(url: str) -> None:
    job = job_of(sales(url), model={"covariates": {"past": NAMES[1:], "future": NAMES[:1]}})
    fill(url, rows_of("a"))
    with pytest.raises(PanelError, match="must have a column"):
        read_snapshot(job, NIGHT)
    rows = rows_of("a").assign(**{name: float(i) for i, name in enumerate(NAMES)})
    open_sink(job_of(sink={"url": url, "table": "made"})).publish(rows.assign(cutoff=NIGHT), MANIFEST)
    job = job_of(
        {"url": url, "table": "made"}, model={"covariates": {"past": NAMES[1:], "future": NAMES[:1]}}
    )
    snapshot = read_snapshot(job, NIGHT)
    assert snapshot.history[[*NAMES]].drop_duplicates().to_numpy().tolist() == [[*range(len(NAMES))]]
    assert snapshot.future is not None
    assert snapshot.future[HOSTILE].tolist() == [0.0, 0.0]
    assert len(table_of(url, "sales")) == 6


def test_tables_are_plain_names() -> None:
    for table in (HOSTILE, "a b", "a.b", "", "1a"):
        with pytest.raises(ValueError, match="should match pattern"):
            job_of({"url": "sqlite:///a.db", "table": table})


def test_jobs_that_begin_at_once_make_one_table(server: str) -> None:
    execute(server, "CREATE DATABASE fresh")
    place = {"sink": {"url": f"{server}/fresh", "table": "forecasts"}, "source": {"path": "a.csv"}}
    jobs = [JobSettings(name=f"job{i}", model={"horizon": 2}, **place) for i in range(6)]
    with ThreadPoolExecutor(len(jobs)) as pool:
        made = [pool.submit(open_sink(job).publish, forecast_of("a"), MANIFEST) for job in jobs]
    assert [each.exception() for each in made] == [None] * len(jobs)
    assert len(table_of(f"{server}/fresh")) == 2 * len(jobs)


KILLED = """
import os, signal, sys
from job_places import MANIFEST, forecast_of, job_of
from pipelines.nightly import JobSettings, sql_sink
from pipelines.nightly.sinks import open_sink

def killed(connection, table, frame, insert=sql_sink.insert):
    insert(connection, table, frame)
    os.kill(os.getpid(), signal.SIGKILL)

sql_sink.insert = killed
open_sink(job_of(sink={"url": sys.argv[1], "table": "forecasts"})).publish(forecast_of("b", "c"), MANIFEST)
"""


def test_a_killed_writer_leaves_the_former(url: str) -> None:
    sink = sink_at(url)
    sink.publish(forecast_of("a"), MANIFEST)
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(pipelines.__file__).parent.parent)])
    child = subprocess.run([sys.executable, "-c", KILLED, url], env={**os.environ, "PYTHONPATH": path})
    assert child.returncode == -signal.SIGKILL
    assert table_of(url)["unique_id"].tolist() == ["a", "a"]
    sink.publish(forecast_of("b", "c"), MANIFEST)
    assert table_of(url)["unique_id"].tolist() == ["b", "b", "c", "c"]


def test_a_locked_database_is_waited_for(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/rows.db?timeout=0.01"
    sink = sink_at(url, limits={"attempts": 2})
    sink.publish(forecast_of("a"), MANIFEST)
    with closing(engine_of(url).raw_connection()) as other:
        other.cursor().execute("BEGIN EXCLUSIVE")
        with pytest.raises(BusyError, match=r"OperationalError: database is locked.*2 times"):
            sink.publish(forecast_of("a"), MANIFEST)
        other.rollback()
    sink.publish(forecast_of("a"), MANIFEST)


def test_a_server_that_is_down_is_tried_again_and_a_wrong_name_is_not(server: str) -> None:
    begin = time.monotonic()
    job = job_of(sales("postgresql://ann:hunter2@127.0.0.1:9/rows"), limits={"first_wait": 0.2})
    with pytest.raises(BusyError, match="3 times") as caught:
        read_snapshot(job, NIGHT)
    assert time.monotonic() - begin > 0.6  # 0.2 + 0.4
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigError, match="does not exist"):
        read_snapshot(job_of(sales(f"{server}/nowhere")), NIGHT)
    with pytest.raises(ConfigError, match="role"):
        read_snapshot(job_of(sales(f"{server.replace('ann', 'eve')}/postgres")), NIGHT)


# SQLAlchemy leaves the cursor of a connection that has died to itself.
@pytest.mark.filterwarnings("ignore:.*ServerCursor object:ResourceWarning")
def test_a_connection_that_is_cut_is_made_again(server: str) -> None:
    execute(server, "CREATE DATABASE cut")
    url, rows = f"{server}/cut", 60_000
    frame = pd.DataFrame({"unique_id": "a", "ds": np.arange(rows), "y": 1.0})
    with engine_of(url).begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE sales AS SELECT 'a' AS unique_id, ds, 1.0::float8 AS y "
            f"FROM generate_series(0, {rows - 1}) ds"
        )
    cuts = Cuts(server)
    job = job_of(sales(url), sink={"url": url, "table": "forecasts"}, limits={"attempts": 5})
    with cuts:
        snapshot = read_snapshot(job, rows)
    assert cuts.made
    assert len(snapshot.history) == rows
    forecast = frame.rename(columns={"y": "TCN"}).assign(cutoff=rows)
    cuts = Cuts(server)
    with cuts:
        open_sink(job).publish(forecast, {**MANIFEST, "night": "1"})
    assert cuts.made
    pd.testing.assert_series_equal(table_of(url)["ds"], frame["ds"])
    gc.collect()


class Cuts:
    """Cuts the first connection to the database that is at work, once."""

    def __init__(self, server: str) -> None:
        self._engine = engine_of(f"{server}/postgres")
        self._thread = threading.Thread(target=self._run)
        self._ended = threading.Event()
        self.made = 0

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        at_work = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'cut' "
            "AND state <> 'idle' AND (query LIKE 'COPY%' OR query LIKE '%FETCH%' OR query LIKE 'DECLARE%')"
        )
        with self._engine.connect() as connection:
            while not self.made and not self._ended.is_set():
                self.made = len(connection.exec_driver_sql(at_work.replace("%", "%%")).all())
                connection.rollback()
