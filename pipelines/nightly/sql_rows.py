"""Rows of a frame into a table of a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Connection, Table

_CHUNK: Final = 20_000  # rows of an insertion


def insert(connection: Connection, table: Table, frame: pd.DataFrame) -> None:
    """Insert all rows of a frame.

    Args:
        connection: The database, in a transaction.
        table: The table.
        frame: Rows, whose columns are those of the table.
    """
    import sqlalchemy as sa

    if connection.dialect.driver == "psycopg":
        _copy(connection, table, frame)
        return
    for begin in range(0, len(frame), _CHUNK):
        part = frame.iloc[begin : begin + _CHUNK]
        columns = [plain_values(part[name]) for name in frame.columns]
        rows = [dict(zip(frame.columns, row, strict=True)) for row in zip(*columns, strict=True)]
        connection.execute(sa.insert(table), rows)


def _copy(connection: Connection, table: Table, frame: pd.DataFrame) -> None:
    """Insert by PostgreSQL's COPY, many times as fast as statements."""
    import io

    import pyarrow as pa
    import pyarrow.csv as pacsv
    from psycopg import sql

    place = sql.Identifier(*(name for name in (table.schema, table.name) if name))
    names = sql.SQL(", ").join(map(sql.Identifier, frame.columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(place, names)
    # Moments are written as UTC, without saying so.
    connection.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
    moments = {name: frame[name].dt.tz_convert(None) for name in frame.select_dtypes("datetimetz")}
    frame = frame.assign(**moments)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for begin in range(0, len(frame), _CHUNK):
            buffer = io.BytesIO()
            part = pa.Table.from_pandas(frame.iloc[begin : begin + _CHUNK], preserve_index=False)
            pacsv.write_csv(part, buffer, pacsv.WriteOptions(include_header=False))
            copy.write(buffer.getvalue())


def plain_values(column: pd.Series[Any]) -> list[Any]:
    """Return values as Python's own, None where missing.

    Args:
        column: Of any type.

    Returns:
        What drivers of databases take.

    Example:
        >>> import pandas as pd
        >>> plain_values(pd.Series([0.5, None]))
        [0.5, None]
    """
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return [value.to_pydatetime(warn=False) for value in column]
    return [None if pd.isna(value) else value for value in column.tolist()]
