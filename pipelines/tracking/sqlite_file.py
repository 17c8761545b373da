"""The SQLite file of a local store: can it be written to, and has it been moved since?

MLflow keeps the absolute addresses of artifacts. In a directory that was moved or copied they lead to the old
place: old runs lose their artifacts, and new runs would write theirs there.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pipelines.errors import BusyError, ConfigError, ForecastingError

_BUSY_SECONDS = 20.0
# What a store of this package records: its own directory, or one of an experiment in it.
_OWN_ROOT: Final = re.compile(r"(?P<root>file://.*/artifacts)(/\d+)?")
# Where MLflow keeps addresses of artifacts: of runs, of models, and of their versions in the registry.
_ADDRESSES: Final = (
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("model_versions", "source"),
)


def check_writable(database: Path) -> None:
    """See that a database can be written to, by a change that is taken back.

    Args:
        database: An MLflow database.

    Raises:
        ConfigError: It cannot be written to.
        BusyError: Another process keeps it locked.
    """
    with _connection(database) as connection:
        connection.execute("BEGIN IMMEDIATE")
        # The lock alone is to be had without the journal that any change needs beside the database.
        connection.execute("UPDATE alembic_version SET version_num = version_num")
        connection.rollback()


def follow_move(database: Path, artifact_root: str) -> None:
    """Let experiments, runs and models of a store that was moved or copied find their artifacts beside it.

    Experiments are pointed to the new place, so nothing new is ever written to the old one. A run or model
    is, if its artifacts are in the new place, or are no longer in the old one. Artifacts that were never
    beside the database stay where they are.

    Args:
        database: An MLflow database.
        artifact_root: Address of the artifacts beside it.

    Raises:
        ConfigError: The database cannot be written to.
        BusyError: Another process keeps it locked.
    """
    with _connection(database) as connection:
        rows = connection.execute("SELECT artifact_location FROM experiments").fetchall()
        found = {match["root"] for (text,) in rows if (match := _OWN_ROOT.fullmatch(text or ""))}
        old = sorted(root for root in found if _path(root).resolve() != _path(artifact_root))
        if old:
            connection.execute("BEGIN IMMEDIATE")
            for root in old:
                _point(connection, root, artifact_root)
            connection.commit()


def _point(connection: sqlite3.Connection, old: str, new: str) -> None:
    def moved(text: str) -> str:
        return new + text.removeprefix(old)

    for key, location in connection.execute(
        "SELECT experiment_id, artifact_location FROM experiments"
    ).fetchall():
        if location == old or (location or "").startswith(f"{old}/"):
            connection.execute(
                "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", (moved(location), key)
            )
    for table, column in _ADDRESSES:
        rows = connection.execute(f"SELECT rowid, {column} FROM {table}").fetchall()
        for key, address in rows:
            if not (address or "").startswith(f"{old}/"):
                continue
            if _path(moved(address)).exists() or not _path(address).exists():
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (moved(address), key))


def _path(address: str) -> Path:
    return Path(url2pathname(urlsplit(address).path))


@contextmanager
def _connection(database: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(database, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
            yield connection
    except sqlite3.DatabaseError as error:
        if "no such table" not in str(error):  # a database of something else: MLflow says what it lacks
            raise store_error(database, error) from error


def store_error(database: Path, error: Exception) -> ForecastingError:
    """Say in our words why SQLite refused.

    Args:
        database: The database.
        error: Error of SQLite, or one that holds its words.

    Returns:
        The error to raise.

    Example:
        >>> store_error(Path("mlflow.db"), sqlite3.OperationalError("database is locked")).exit_code
        75
    """
    words = str(error)
    if "is locked" in words:
        return BusyError(
            f"A tracking store must be free within {_BUSY_SECONDS:.0f} s. Another process keeps {database} "
            "locked; try again when it has ended."
        )
    if "malformed" in words or "not a database" in words:
        return ConfigError(
            f"The database of a tracking store must be whole. Received: {database} ({words}); put it back "
            "from a backup, or move it away: the next run makes one."
        )
    return ConfigError(
        "The database of a tracking store and its directory must be writable, on a disk with space. "
        f"Received: {database} ({words.splitlines()[0]}); give yourself permission to write, or name "
        "another directory."
    )
