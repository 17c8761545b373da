"""Rows of a job's source in a table of a database: the needed columns, up to the cutoff, in chunks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import PanelError
from pipelines.nightly.database import columns_of, in_reach, open_engine, shown
from pipelines.nightly.reach import beginning, known_until, roughly
from pipelines.nightly.source_columns import columns_to_read

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from sqlalchemy import ColumnElement, Connection, Select

    from pipelines.nightly.records import Cutoff
    from pipelines.nightly.settings import JobSettings

_CHUNK: Final = 50_000  # rows that are in memory as Python's objects


def read_table_of(job: JobSettings, cutoff: Cutoff) -> pd.DataFrame:
    """Read the columns that a job needs from the table of its source, all as of one moment.

    Names of columns are those that the database reports, quoted by SQLAlchemy; values are bound. Time stamps
    that the table holds as text have no order that a database knows, so all of them are read.

    Args:
        job: Settings.
        cutoff: Last time stamp to know.

    Returns:
        The rows up to the cutoff at least, and if there are future covariates those of the steps after it.

    Raises:
        PanelError: If a column is missing, or holds values of several types.
        ConfigError: If there is no such table, or it may not be read.
        BusyError: If the database is out of reach for the moment.
    """
    engine = open_engine(job.source, job, "source")

    def read() -> pd.DataFrame:
        found = columns_of(engine, job.source, job, "source")
        types = {column["name"]: column["type"] for column in found}
        names = columns_to_read(job, list(types), shown(job.source, job))
        with engine.connect() as connection:
            _as_of_one_moment(connection)
            queries = _queries(job, {name: types[name] for name in names}, cutoff, engine.dialect.name)
            tables = [table for query in queries for table in _chunks(connection, query, job)]
        return _joined(tables, job)

    return in_reach(read, job.source, job, "source")


def _as_of_one_moment(connection: Connection) -> None:
    """Let all queries see the same rows, and times with a zone come in UTC wherever this runs."""
    if connection.dialect.name == "postgresql":
        connection.execution_options(isolation_level="REPEATABLE READ")
        connection.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
    elif connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")


def _queries(job: JobSettings, types: dict[str, Any], cutoff: Cutoff, dialect: str) -> list[Select[Any]]:
    """What to ask for: rows up to the cutoff, as far back as counts, then covariates of the steps after."""
    import sqlalchemy as sa

    model, known_at = job.model, job.source.known_at
    columns: dict[str, ColumnElement[Any]] = {name: sa.column(name, kind) for name, kind in types.items()}
    table = sa.table(job.source.table, *columns.values(), schema=job.source.db_schema)  # type: ignore[arg-type]
    plain = {name: _plain(column, dialect).label(name) for name, column in columns.items()}
    query = sa.select(*plain.values()).select_from(table)
    if known_at is not None:
        known = _until(columns[known_at], known_until(job, cutoff), dialect)
        if known is not None:
            query = query.where(known | columns[known_at].is_(None))  # rows without it are counted
    past = _until(columns[model.time_col], cutoff, dialect)
    if past is None:
        return [query]
    if (begin := beginning(job, cutoff)) is not None:
        query = query.where(_since(columns[model.time_col], roughly(begin), dialect))
    asked = () if model.covariates is None else model.covariates.future
    if not asked:
        return [query.where(past)]
    step = sa.func.dense_rank().over(
        partition_by=columns[model.id_col], order_by=columns[model.time_col]
    )  # not row_number: a step may have several rows
    ahead = query.where(sa.not_(past)).add_columns(step.label(_free_name(types))).subquery()
    taken = [ahead.c[name] for name in types if name in (model.id_col, model.time_col, known_at, *asked)]
    return [query.where(past), sa.select(*taken).where(ahead.c[_free_name(types)] <= model.horizon)]


def _free_name(types: dict[str, Any]) -> str:
    name = "step"
    while name in types:
        name += "_"
    return name


def _plain(column: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    """A column as values that Arrow knows and that come quickly."""
    import sqlalchemy as sa

    if isinstance(column.type, sa.Uuid):
        return sa.cast(column, sa.String)
    if isinstance(column.type, sa.Numeric):
        return sa.type_coerce(column, sa.Float)
    if dialect == "sqlite" and isinstance(column.type, (sa.Date, sa.DateTime)):
        return sa.type_coerce(column, sa.String)  # it holds text, in whichever of the spellings of ISO 8601
    return column


def _until(column: ColumnElement[Any], cutoff: Cutoff, dialect: str) -> ColumnElement[bool] | None:
    """The condition that a column is at most the cutoff; None where only reading tells."""
    import sqlalchemy as sa

    if isinstance(cutoff, int):
        return column <= cutoff if isinstance(column.type, (sa.Integer, sa.Numeric, sa.Float)) else None
    if not isinstance(column.type, (sa.Date, sa.DateTime)):
        return None
    if dialect == "sqlite":
        # Text: a bound that no spelling and no time zone of the cutoff falls short of.
        return sa.type_coerce(column, sa.String) < str(cutoff.date() + timedelta(days=2))
    moment = cutoff.floor("us").to_pydatetime(warn=False)
    if isinstance(column.type, sa.Date):
        moment = moment.date()
    elif not column.type.timezone:
        moment = moment.replace(tzinfo=None)
    until: ColumnElement[bool] = column <= moment
    return until


def _since(column: ColumnElement[Any], begin: Cutoff, dialect: str) -> ColumnElement[bool]:
    """The condition that a column, of a type that ``_until`` knows, is not before a time stamp."""
    import sqlalchemy as sa

    if dialect == "sqlite" and not isinstance(begin, int):
        return sa.type_coerce(column, sa.String) >= str(begin.date())
    until = _until(column, begin, dialect)
    return sa.true() if until is None else sa.not_(until)


def _chunks(connection: Connection, query: Select[Any], job: JobSettings) -> list[pa.Table]:
    import pyarrow as pa

    tables, streaming = [], {"stream_results": True, "max_row_buffer": _CHUNK}
    with connection.execute(query, execution_options=streaming) as result:
        names = list(result.keys())
        for rows in result.partitions(_CHUNK):
            columns = zip(*rows, strict=True)
            arrays = [_array(job, name, values) for name, values in zip(names, columns, strict=True)]
            tables.append(pa.table(arrays, names=names))
    return tables


def _array(job: JobSettings, name: str, values: tuple[Any, ...]) -> pa.Array:
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise _mixed(job, name, error) from error


def _joined(tables: list[pa.Table], job: JobSettings) -> pd.DataFrame:
    """One frame, whose rows do not depend on the order in which the database gave them."""
    import pandas as pd
    import pyarrow as pa

    if not tables:
        raise PanelError(
            f"A source must have rows up to the cutoff. Received: none from {shown(job.source, job)}; see "
            "whether it was filled, or give a later cutoff."
        )
    try:
        table = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise _mixed(job, "", error) from error
    frame: pd.DataFrame = table.to_pandas(date_as_object=False)
    keys = [name for name in (job.model.id_col, job.model.time_col, job.source.known_at) if name is not None]
    again = frame.duplicated(keys, keep=False)
    if not again.any():
        return frame
    rest = [name for name in frame.columns if name not in keys]
    last = frame[again].sort_values(rest, key=lambda column: column.astype(str), kind="stable")
    return pd.concat([frame[~again], last], ignore_index=True)


def _mixed(job: JobSettings, name: str, error: Exception) -> PanelError:
    column = f"Column {name!r}" if name else "Each column"
    return PanelError(
        f"{column} of {shown(job.source, job)} must hold values of one plain type. Received: "
        f"{str(error).partition(chr(10))[0].rstrip('.')}; convert them, or read from a view that does."
    )
