"""Forecasts in a table of a database: all rows of a night are replaced in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import ConfigError
from pipelines.jobs.files import one_type_each
from pipelines.nightly.contents import content_of, read_manifest, sealed_manifest
from pipelines.nightly.database import in_reach, open_engine, shown
from pipelines.nightly.sql_rows import insert, plain_values

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Connection, Table

    from pipelines.nightly.settings import JobSettings

RUNS: Final = "_runs"
"""What the name of the table of nights ends with."""
_JOB: Final = "job"
_CUTOFF: Final = "cutoff"
_MAKING: Final = 0x7463_6E5F_6D61_6B65  # any number that nobody else takes: "tcn_make"


class TableSink:
    """A table with the forecasts of all nights, and beside it one with a row per night, ``TABLE_runs``.

    Both are made if they are missing. The keys are job, cutoff, id and time stamp, so jobs can share a table.

    Args:
        job: Settings.

    Raises:
        ConfigError: If the address is none, or a package is missing.
    """

    holds_one_night = False

    def __init__(self, job: JobSettings) -> None:
        self.job = job
        self._engine = open_engine(job.sink, job, "sink")

    def current(self) -> dict[str, Any] | None:
        """Tell what is published; see ``Sink``. Of the data beside it, the rows are counted."""
        return in_reach(self._current, self.job.sink, self.job, "sink")

    def publish(self, frame: pd.DataFrame, manifest: Mapping[str, Any]) -> None:
        """Publish a forecast; see ``Sink``."""
        if _JOB in frame.columns:
            raise ConfigError(
                f"A table of forecasts has a column {_JOB!r} of its own. Received: model.id_col, time_col or "
                f"alias {_JOB!r}; name that otherwise."
            )
        zoned = {name: frame[name].dt.tz_convert("UTC") for name in frame.select_dtypes("datetimetz")}
        frame = one_type_each(frame).assign(**zoned)  # a database may not keep the zone
        record = sealed_manifest(manifest, content_of(frame, "parquet"), len(frame))
        in_reach(lambda: self._replace(frame, record), self.job.sink, self.job, "sink")

    def _current(self) -> dict[str, Any] | None:
        import sqlalchemy as sa

        place = self.job.sink
        with self._engine.connect() as connection:
            inspector = sa.inspect(connection)
            names = (f"{place.table}{RUNS}", str(place.table))
            if not all(inspector.has_table(name, place.db_schema) for name in names):
                return None
            runs, rows = (
                sa.table(
                    name,
                    *(sa.column(each) for each in (_JOB, _CUTOFF, "night", "manifest")),
                    schema=place.db_schema,
                )
                for name in names
            )
            last = sa.select(sa.func.max(runs.c.night)).where(runs.c.job == self.job.name).scalar_subquery()
            mine = sa.and_(runs.c.job == self.job.name, runs.c.night == last)
            count = (
                sa.select(sa.func.count())
                .select_from(rows)
                .where(rows.c.job == runs.c.job, rows.c.cutoff == runs.c.cutoff)
                .scalar_subquery()
            )
            found = connection.execute(sa.select(runs.c.manifest, count).where(mine)).first()
        manifest = None if found is None else read_manifest(found[0])
        return manifest if found is not None and manifest and manifest["rows"] == found[1] else None

    def _replace(self, frame: pd.DataFrame, text: str) -> None:
        import sqlalchemy as sa

        record = read_manifest(text) or {}
        keys = (_JOB, _CUTOFF, self.job.model.id_col, self.job.model.time_col)
        meta, place = sa.MetaData(), self.job.sink
        types = {_JOB: sa.Text(), **{name: _type_of(frame[name]) for name in frame.columns}}
        rows = sa.Table(str(place.table), meta, *_columns(types, keys), schema=place.db_schema)
        types = dict.fromkeys(("job", "night", "fingerprint", "sha256", "manifest"), sa.Text())
        types |= {_CUTOFF: rows.c[_CUTOFF].type, "rows": sa.BigInteger()}
        runs = sa.Table(
            f"{place.table}{RUNS}", meta, *_columns(types, (_JOB, "night")), schema=place.db_schema
        )
        cutoff = plain_values(frame[_CUTOFF].iloc[:1])[0]
        with self._engine.begin() as connection:
            for table in (rows, runs):
                _make(connection, table, self.job)
            for table in (rows, runs):
                connection.execute(
                    sa.delete(table).where(table.c.job == self.job.name, table.c.cutoff == cutoff)
                )
            insert(connection, rows, frame.assign(**{_JOB: self.job.name}))
            connection.execute(
                sa.insert(runs),
                {
                    "job": self.job.name,
                    "night": record["night"],
                    "cutoff": cutoff,
                    "fingerprint": record["fingerprint"],
                    "rows": record["rows"],
                    "sha256": record["sha256"],
                    "manifest": text,
                },
            )


def _columns(types: Mapping[str, Any], keys: tuple[str, ...]) -> list[Any]:
    import sqlalchemy as sa

    order = [*keys, *(name for name in types if name not in keys)]
    return [
        sa.Column(name, types[name], primary_key=name in keys, autoincrement=False, nullable=name not in keys)
        for name in order
    ]


def _type_of(column: pd.Series[Any]) -> Any:
    import pandas as pd
    import sqlalchemy as sa

    if pd.api.types.is_integer_dtype(column.dtype):
        return sa.BigInteger()
    if pd.api.types.is_float_dtype(column.dtype):
        return sa.Double()
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return sa.DateTime(timezone=getattr(column.dtype, "tz", None) is not None)
    return sa.Text()


def _kind_of(kind: Any) -> str:
    import sqlalchemy as sa

    kinds: dict[str, tuple[type, ...]] = {
        "integers": (sa.Integer,),
        "numbers": (sa.Numeric, sa.Float),
        "times": (sa.DateTime, sa.Date),
        "text": (sa.String, sa.Uuid),
    }
    return next((name for name, types in kinds.items() if isinstance(kind, types)), str(kind))


def _make(connection: Connection, table: Table, job: JobSettings) -> None:
    """Make a table if it is missing; else check that it is one that forecasts fit into."""
    import sqlalchemy as sa

    if not sa.inspect(connection).has_table(table.name, table.schema):
        if connection.dialect.name == "postgresql":  # jobs of one hour make it at once
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MAKING)))
        table.create(connection, checkfirst=True)
    inspector = sa.inspect(connection)
    found = {
        column["name"]: _kind_of(column["type"]) for column in inspector.get_columns(table.name, table.schema)
    }
    keys = set(inspector.get_pk_constraint(table.name, table.schema)["constrained_columns"])
    wanted = {column.name for column in table.primary_key}
    problem = None
    for column in table.columns:
        kind = _kind_of(column.type)
        if column.name not in found:
            problem = f"no column {column.name!r}"
        elif found[column.name] != kind:
            problem = f"column {column.name!r} of {found[column.name]}, not {kind}"
        if problem:
            break
    if problem is None and keys != wanted:
        problem = f"the primary key ({', '.join(sorted(keys)) or 'none'}), not ({', '.join(sorted(wanted))})"
    if problem is not None:
        raise ConfigError(
            "The table of sink.table must have the columns of the forecasts. Received: "
            f"{table.fullname} with {problem}, in {shown(job.sink, job)}; name another table, which the job "
            "makes, or change this one."
        )
