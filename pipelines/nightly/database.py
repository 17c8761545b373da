"""Databases of a job: how they are reached, and what is told when they are not."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from pipelines.errors import ConfigError
from pipelines.nightly.secrets import hide
from pipelines.nightly.transient import attempt, short

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.engine.interfaces import ReflectedColumn

    from pipelines.nightly.settings import JobSettings, Place

T = TypeVar("T")

_CONNECT_SECONDS: Final = 10


def open_engine(place: Place, job: JobSettings, setting: str) -> Engine:
    """Prepare to reach a database; nothing is connected yet, and no connection is kept.

    Args:
        place: The job's source or sink.
        job: Settings.
        setting: "source" or "sink".

    Returns:
        The engine.

    Raises:
        ConfigError: If the address is none, or a package is missing.
    """
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    from sqlalchemy.pool import NullPool

    address = place.url.get_secret_value() if place.url else ""
    try:
        url = make_url(address)
        if url.drivername in ("postgresql", "postgres"):
            url = url.set(drivername="postgresql+psycopg")
        if url.drivername == "postgresql+psycopg" and "connect_timeout" not in url.query:
            url = url.update_query_dict({"connect_timeout": str(_CONNECT_SECONDS)})
        return create_engine(url, poolclass=NullPool, hide_parameters=True)
    except (ImportError, NoSuchModuleError) as error:
        raise ConfigError(
            f"{setting}.url must be of a database whose driver is installed. Received: {hide(address, job)} "
            f"({short(error, job)}); for PostgreSQL pip install 'tcn-forecasting[postgres]'."
        ) from error
    except (ArgumentError, ValueError) as error:
        raise ConfigError(
            f"{setting}.url must be an address as SQLAlchemy writes it, such as sqlite:///data.db or "
            f"postgresql://USER@HOST/DATABASE. Received: {short(error, job)}; correct it."
        ) from error


def in_reach(call: Callable[[], T], place: Place, job: JobSettings, setting: str) -> T:
    """Make a call to a database, again where it fails of something that passes.

    Args:
        call: What to do; it opens and ends its own connection.
        place: The job's source or sink.
        job: Settings.
        setting: "source" or "sink".

    Returns:
        What the call returns.

    Raises:
        BusyError: If the database is out of reach for the moment.
        ConfigError: If it refuses.
    """
    from sqlalchemy.exc import SQLAlchemyError

    where = shown(place, job)
    try:
        return attempt(call, job, where)
    except SQLAlchemyError as error:
        raise ConfigError(
            f"The database of {setting}.url must exist and let the job do its work. Received: "
            f"{short(error, job)} from {where}; correct it there, or the settings of {setting}."
        ) from error


def shown(place: Place, job: JobSettings) -> str:
    """Return a table as messages show it.

    Args:
        place: The job's source or sink.
        job: Whose passwords must not be shown.

    Returns:
        Its name and the address of its database.
    """
    name = ".".join(part for part in (place.db_schema, place.table) if part)
    return f"table {name} of {hide(place.url.get_secret_value() if place.url else '', job)}"


def columns_of(engine: Engine, place: Place, job: JobSettings, setting: str) -> list[ReflectedColumn]:
    """List the columns of a table, as the database knows them.

    Args:
        engine: The database.
        place: Where the table lies.
        job: Settings.
        setting: "source" or "sink".

    Returns:
        Names and types.

    Raises:
        ConfigError: If there is no such table.
    """
    from sqlalchemy import inspect
    from sqlalchemy.exc import NoSuchTableError

    file = engine.url.database if engine.dialect.name == "sqlite" else None
    if file and not file.startswith(("file:", ":memory:")) and not Path(file).is_file():
        raise ConfigError(
            f"The database of {setting}.url must exist. Received: {file!r}, no such file; correct the path."
        )
    inspector = inspect(engine)
    try:
        return inspector.get_columns(place.table or "", schema=place.db_schema)
    except NoSuchTableError:
        names = [*inspector.get_table_names(place.db_schema), *inspector.get_view_names(place.db_schema)]
        close = get_close_matches(place.table or "", names, n=1)
        raise ConfigError(
            f"{setting}.table must be a table of the database. Received: {shown(place, job)}, which has "
            f"{', '.join(sorted(names)[:20]) or 'none'}; "
            + (f"did you mean {close[0]!r}?" if close else "correct the name, or set db_schema.")
        ) from None
