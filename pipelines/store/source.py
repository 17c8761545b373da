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
        dataset: A ``pyarrow.dataset.Dataset``.
        columns: Names of its columns.
    """

    name: str
    dataset: Any
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
        import pyarrow.dataset as ds

        if isinstance(source, ds.Dataset):
            found = cls("the data set", source, columns)
        else:
            path = Path(source)
            if not path.exists():
                raise PanelError(f"The data must exist. Received: {str(path)!r}, no such file or folder.")
            with _explained(str(path)):
                found = cls(str(path), ds.dataset(path, format="parquet", partitioning="hive"), columns)
        with _explained(found.name):
            found = cls(found.name, _of_one_schema(found.dataset), columns)
            if not found.dataset.schema.names:
                raise PanelError(f"The data must be Parquet files. Received: {found.name}, without any.")
            take_columns(found.dataset.head(1), columns._asdict())
        return found

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

        with _explained(self.name):
            scanner = self.dataset.scanner(
                columns=list(columns), batch_size=_BATCH, batch_readahead=2, fragment_readahead=1
            )
            for batch in scanner.to_batches():
                if len(batch):
                    yield pa.record_batch([_plain(column) for column in batch.columns], names=list(columns))


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


def _of_one_schema(dataset: Any) -> Any:
    """Let a column have the type that holds the values of all files."""
    import pyarrow as pa

    schemas = [fragment.physical_schema for fragment in dataset.get_fragments()]
    if not schemas:
        return dataset
    named = {*(name for schema in schemas for name in schema.names)}
    beside = pa.schema([field for field in dataset.schema if field.name not in named])
    plain = [
        pa.schema([pa.field(field.name, _value_type(field.type)) for field in schema]) for schema in schemas
    ]
    return dataset.replace_schema(pa.unify_schemas([*plain, beside], promote_options="permissive"))


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
