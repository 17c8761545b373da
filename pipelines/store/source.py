"""A data set of many Parquet files, read batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipelines.errors import PanelError
from pipelines.frequency import Ints
from pipelines.panel import Columns, read_ids, take_columns

# Rows that are decoded at a time, and rows that are sorted into parts at a time.
_BATCH: Final = 2**17
_TABLE: Final = 2**20
_MANY_IDS: Final = 2**21


@dataclass(frozen=True)
class Source:
    """The three columns of a panel in a data set of Arrow.

    Attributes:
        name: What messages call it.
        pieces: Name, scannable and its schema: of each file, or of a data set that was given.
        types: Arrow type of each column, one that holds the values of all files.
        columns: Names of its columns.
    """

    name: str
    pieces: tuple[tuple[str, Any, Any], ...]
    types: dict[str, Any]
    columns: Columns

    @classmethod
    def of(cls, source: Any, columns: Columns) -> Source:
        """Find the files of a data set, and see that they have the columns.

        Args:
            source: Folder of Parquet files, in folders such as ``day=2024-01-01`` or not; a single file; or
                a ``pyarrow.dataset.Dataset``.
            columns: Names of the columns.

        Returns:
            The source.

        Raises:
            PanelError: If there are no such files, one cannot be read, or a column is not there.
            ConfigError: If two of the names are equal.
        """
        import pyarrow as pa
        import pyarrow.dataset as ds

        if isinstance(source, ds.Dataset):
            name, pieces = "the data set", [("the data set", source, source.schema)]
        else:
            name = str(Path(source))
            if not Path(source).exists():
                raise PanelError(f"The data must exist. Received: {name!r}, no such file or folder.")
            pieces = [*_files(name)]
        with _explained(name):
            plain = [pa.schema([(f.name, _value_type(f.type)) for f in schema]) for *_, schema in pieces]
            schema = pa.unify_schemas(plain, promote_options="permissive") if plain else pa.schema([])
        if not schema.names:
            raise PanelError(f"The data must be Parquet files. Received: {name}, without any.")
        take_columns(pa.table({f.name: pa.nulls(1, f.type) for f in schema}), columns._asdict())
        return cls(name, tuple(pieces), {each: schema.field(each).type for each in columns}, columns)

    def count(self) -> tuple[Any, npt.NDArray[Any], Ints]:
        """Read the ids of all rows.

        Returns:
            The distinct ids as an Arrow array, the same as a panel holds them, both sorted, and
            ``(series,)`` the number of rows of each.

        Raises:
            PanelError: If an id is missing, or a file cannot be read.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        tables: list[Any] = []
        for batch in self._batches([self.columns.id_col]):
            found = pc.value_counts(batch.column(0))
            tables.append(pa.table({"id": found.field("values"), "rows": found.field("counts")}))
            if sum(map(len, tables)) > _MANY_IDS:
                tables = [_summed(tables)]
        if not tables:
            raise PanelError(
                f"A panel must have at least one row. Received: none in {self.name}; check how it was made."
            )
        table = _summed(tables)
        if table["id"].null_count:
            missing = table["rows"].filter(pc.is_null(table["id"]))[0].as_py()
            raise PanelError(
                f"Column {self.columns.id_col!r} must have no missing values. Received: {missing:,} missing "
                f"in {self.name}; fill them or drop their rows."
            )
        ids, place = read_ids(table.select(["id"]).to_pandas(date_as_object=False)["id"])
        order = np.argsort(place)
        sorted_ids = table["id"].combine_chunks().take(order)
        return sorted_ids, ids, table["rows"].to_numpy()[order].astype(np.int64)

    def tables(self) -> Iterator[Any]:
        """Read all rows.

        Yields:
            Tables of Arrow with the three columns, of about a million rows each.

        Raises:
            PanelError: If a file cannot be read.
        """
        import pyarrow as pa

        batches: list[Any] = []
        for batch in self._batches([*self.columns]):
            batches.append(batch)
            if sum(map(len, batches)) >= _TABLE:
                yield pa.Table.from_batches(batches).combine_chunks()
                batches = []
        if batches:
            yield pa.Table.from_batches(batches).combine_chunks()

    def _batches(self, columns: Sequence[str]) -> Iterator[Any]:
        """Read some columns, none of them with a dictionary."""
        import pyarrow as pa

        names = [*columns]
        for name, piece, schema in self.pieces:
            with _explained(name):
                for batch in _scanned(piece, schema, names):
                    if len(batch):
                        plain = [_plain(batch[each]).cast(self.types[each]) for each in names]
                        yield pa.record_batch(plain, names=names)


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn what Arrow raises into an error that names the data."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise PanelError(
            "All files of the data must be Parquet files, and a column must have one type in all of them. "
            f"Received: {name} ({str(error).splitlines()[0]}); correct that file, or move it away."
        ) from error


def _scanned(piece: Any, schema: Any, names: list[str]) -> Iterator[Any]:
    """Read columns of a file, one group of its rows after the other, or of a data set."""
    import pyarrow.dataset as ds

    options = {"columns": names, "batch_size": _BATCH, "batch_readahead": 1}
    if isinstance(piece, ds.Dataset):
        yield from piece.scanner(**options, fragment_readahead=1).to_batches()
        return
    for group in piece.split_by_row_group():
        yield from group.scanner(schema=schema, **options).to_batches()


def _files(name: str) -> Iterator[tuple[str, Any, Any]]:
    """Path, fragment and schema of each Parquet file; the names of its folders may hold columns."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    with _explained(name):
        dataset = ds.dataset(name, format="parquet", partitioning="hive")
    known = {*()} if dataset.partitioning is None else {*dataset.partitioning.schema.names}
    for fragment in dataset.get_fragments():
        with _explained(fragment.path):
            fields = [*fragment.physical_schema]
        named = {field.name for field in fields}
        fields += [field for field in dataset.schema if field.name in known - named]
        yield fragment.path, fragment, pa.schema(fields)


def _value_type(kind: Any) -> Any:
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _plain(column: Any) -> Any:
    import pyarrow as pa

    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _summed(tables: Sequence[Any]) -> Any:
    """Add up the rows of equal ids."""
    import pyarrow as pa

    summed = pa.concat_tables(tables).group_by("id").aggregate([("rows", "sum")])
    return pa.table({"id": summed["id"], "rows": summed["rows_sum"]})
