"""A PostgreSQL database as a store: its address, and its tables, which one process at a time makes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from pipelines.errors import BusyError, ConfigError, ForecastingError

if TYPE_CHECKING:
    from sqlalchemy import Connection

SCHEMES: Final = ("postgresql://", "postgres://", "postgresql+psycopg://")
_DRIVER: Final = "postgresql+psycopg"
_CONNECT_SECONDS: Final = 10
_LOCK_SECONDS: Final = 120
_LOCK: Final = 0x7463_6E5F_6D6C_666C  # any number that nobody else takes: "tcn_mlfl"
# libpq gives a failed connection no code, only words.
_WRONG: Final = (
    "authentication failed",
    "no password supplied",
    "does not exist",
    "pg_hba.conf",
    "permission",
)


def sqlalchemy_uri(text: str) -> str:
    """Write the address of a database as SQLAlchemy takes it.

    Args:
        text: ``postgresql://USER@HOST:PORT/DATABASE``. What is left out, the password too, comes from the
            environment (``PGHOST``, ``PGPASSWORD``, ...) or from ``~/.pgpass``, as with psql.

    Returns:
        The address with the driver psycopg; connecting ends after 10 s where it does not say otherwise.

    Example:
        >>> sqlalchemy_uri("postgresql://ann@db/mlflow")
        'postgresql+psycopg://ann@db/mlflow?connect_timeout=10'
    """
    parts = urlsplit(text)
    options = {"connect_timeout": str(_CONNECT_SECONDS)} | dict(parse_qsl(parts.query))
    host = parts.netloc or ""
    return f"{_DRIVER}://{host}{parts.path or '/'}?{urlencode(options)}"


@contextmanager
def creation_lock(uri: str, shown: str) -> Iterator[None]:
    """Keep other processes from making the tables of a database inside the block.

    MLflow migrates an empty database without a lock that reaches other machines. This one is in the database
    itself, which lets go of it when the connection ends, however that happens.

    Args:
        uri: Address as SQLAlchemy takes it.
        shown: The address as messages may show it.

    Yields:
        Nothing, with the lock held.

    Raises:
        ConfigError: There is no such database or user, or the driver is missing.
        BusyError: The server does not answer, or another process holds the lock for too long.
    """
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import NullPool

    try:
        engine = create_engine(uri, poolclass=NullPool)
    except ImportError as error:
        raise ConfigError(
            f"A store in PostgreSQL needs the driver psycopg. Received: {shown} ({error}); "
            "pip install 'tcn-forecasting[postgres]'."
        ) from error
    try:
        connection = engine.connect()
        _wait_for_lock(connection)
    except DBAPIError as error:
        raise _refused(shown, error) from error
    try:
        yield
    finally:
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
        connection.close()


def _wait_for_lock(connection: Connection) -> None:
    from sqlalchemy import text

    connection.execution_options(isolation_level="AUTOCOMMIT")
    connection.execute(text(f"SET lock_timeout = '{_LOCK_SECONDS}s'"))
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})


def _refused(shown: str, error: Exception) -> ForecastingError:
    words = str(getattr(error, "orig", error)).strip()
    if "lock timeout" in words:
        return BusyError(
            f"The tracking store must be free within {_LOCK_SECONDS} s. Another process still makes the "
            f"tables of {shown}; try again when it has ended."
        )
    if any(sign in words for sign in _WRONG):
        return ConfigError(
            "The database of a tracking store must exist and let this user in. Received: "
            f"{shown} ({words}); create it, or set PGUSER and PGPASSWORD."
        )
    return BusyError(
        f"The PostgreSQL server must answer within {_CONNECT_SECONDS} s. {shown} does not ({words}); start "
        "it, or name a directory as tracking store."
    )
