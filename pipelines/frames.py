"""Frames go out as the kind that came in: pandas, polars or pyarrow."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class FrameKind:
    """Library of a frame, and the types of its keys, so that what is computed joins what was given.

    Attributes:
        library: "pandas", "polars" or "pyarrow".
        types: Arrow types of the columns that key a row; none for pandas, which joins them all.

    Example:
        >>> import pandas as pd
        >>> import pyarrow as pa
        >>> given = pa.table({"unique_id": ["A"], "ds": pa.array([1], pa.int32()), "y": [0.5]})
        >>> forecast = pd.DataFrame({"unique_id": ["A"], "ds": [2], "TCN": [0.75]})
        >>> table = FrameKind.of(given, "unique_id", "ds").give(forecast)
        >>> [str(name) for name in table.schema.types], table["TCN"].to_pylist()
        (['string', 'int32', 'double'], [0.75])
    """

    library: str = "pandas"
    types: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, frame: Any, id_col: str, time_col: str) -> FrameKind:
        """Recognize the kind of a frame.

        Args:
            frame: What a panel was read from.
            id_col: Column of the ids.
            time_col: Column of the stamps; cutoffs get its type.

        Returns:
            The kind. Panels, and frames of libraries beside the three, count as pandas.
        """
        library = type(frame).__module__.partition(".")[0]
        if library not in ("polars", "pyarrow"):
            return cls()
        schema = frame.schema if library == "pyarrow" else frame.lazy().head(0).collect().to_arrow().schema
        time = schema.field(time_col).type
        return cls(library, {id_col: schema.field(id_col).type, time_col: time, "cutoff": time})

    def give(self, frame: pd.DataFrame) -> Any:
        """Return a frame of pandas as one of this kind; what is missing is null there.

        Args:
            frame: Any columns.

        Returns:
            The frame itself for pandas, else a polars DataFrame or a pyarrow Table.
        """
        if self.library == "pandas":
            return frame
        import narwhals as nw
        import pyarrow as pa

        with warnings.catch_warnings():
            # How Arrow reads time zones is something that pandas will do in another way.
            warnings.filterwarnings("ignore", "Series.values returning", DeprecationWarning)
            table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()
        for name in {*self.types} & {*table.column_names}:
            place = table.column_names.index(name)
            table = table.set_column(place, name, _as_type(table[name], self.types[name]))
        backend: Any = self.library
        return nw.from_arrow(table, backend=backend).to_native()


PANDAS: Final = FrameKind()
"""Kind of the frames of pandas."""


def _as_type(column: Any, wanted: Any) -> Any:
    """Return a column in another type, or as it is where that would lose something or make text of times."""
    import pyarrow as pa

    if pa.types.is_temporal(column.type) and not pa.types.is_temporal(wanted):
        return column
    try:
        cast = column.cast(wanted)
        return cast if cast.cast(column.type).equals(column) else column
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return column
