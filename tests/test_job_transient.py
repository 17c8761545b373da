"""What is tried again, and what is not."""

from __future__ import annotations

import errno
import sqlite3
from typing import Any

import psycopg
import pytest
from job_places import job_of
from sqlalchemy.exc import DBAPIError

from pipelines.errors import BusyError, ConfigError, PanelError
from pipelines.nightly.transient import attempt, passes


def wrapped(driver: Exception, cut: bool = False) -> DBAPIError:
    return DBAPIError("SELECT 1", None, driver, connection_invalidated=cut)


def of_sqlite(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("words")
    error.sqlite_errorname = name
    return error


def caused(error: Exception, cause: Exception | None) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        TimeoutError(),
        OSError(errno.ESTALE, "stale"),
        wrapped(psycopg.errors.SerializationFailure()),
        wrapped(psycopg.errors.DeadlockDetected()),
        wrapped(psycopg.errors.AdminShutdown()),
        wrapped(psycopg.errors.TooManyConnections()),
        wrapped(psycopg.OperationalError("connection refused")),
        wrapped(psycopg.OperationalError("the database system is starting up")),
        wrapped(ValueError(), cut=True),
        wrapped(of_sqlite("SQLITE_BUSY_SNAPSHOT")),
        caused(PanelError("cannot be read"), OSError(errno.EIO, "input/output")),
    ],
    ids=repr,
)
def test_what_passes(error: Exception) -> None:
    assert passes(error)


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "none"),
        OSError(errno.ENOSPC, "no space"),
        OSError("Couldn't deserialize thrift"),  # what Arrow says of a damaged file
        ValueError(),
        KeyboardInterrupt(),
        wrapped(psycopg.errors.UndefinedTable()),
        wrapped(psycopg.errors.InvalidPassword()),
        wrapped(psycopg.errors.UniqueViolation()),
        wrapped(psycopg.OperationalError('password authentication failed for user "ann"')),
        wrapped(psycopg.OperationalError('database "x" does not exist')),
        wrapped(of_sqlite("SQLITE_CORRUPT")),
        wrapped(of_sqlite("SQLITE_ERROR")),
        PanelError("no column"),
        caused(PanelError("cannot be read"), ValueError()),
    ],
    ids=repr,
)
def test_what_does_not(error: BaseException) -> None:
    assert not passes(error)


def failing(*errors: BaseException) -> Any:
    """A call that raises these, one after the other, and then gives its number of calls."""
    left = list(errors)

    def call() -> int:
        if left:
            raise left.pop(0)
        return len(errors) + 1

    return call


def test_tries_are_counted_and_pauses_double(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", pauses.append)
    job = job_of(limits={"attempts": 4, "first_wait": 0.5})
    assert attempt(failing(*[TimeoutError()] * 3), job, "the source") == 4
    assert pauses == [0.5, 1.0, 2.0]
    with pytest.raises(BusyError, match=r"TimeoutError: late from the source, 4 times") as caught:
        attempt(failing(*[TimeoutError("late")] * 4), job, "the source")
    assert caught.value.exit_code == 75
    pauses.clear()
    with pytest.raises(ConfigError):
        attempt(failing(TimeoutError(), ConfigError("wrong"), TimeoutError()), job, "the source")
    assert pauses == [0.5]
    attempt(failing(*[TimeoutError()] * 11), job_of(limits={"attempts": 12, "first_wait": 0.5}), "the source")
    assert max(pauses) == 60.0
