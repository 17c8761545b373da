"""A table whose rows lie in a file: only those that a block of training needs are read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipelines.windows.row_file import RowFile
from pipelines.windows.table import SeriesTable

Rows = dict[str, npt.NDArray[Any]]
Ints = npt.NDArray[np.int64]

# A row of the file; named as the fields of the table.
_ROW: Final = np.dtype(
    [("values", "f4"), ("change", "f4"), ("phase", "i2"), ("era", "u1"), ("observed", "?"), ("silent", "?")]
)
_OF_SERIES: Final = ("seen", "moved", "negative", "base", "unit", "weight", "first_origin")
_ROWS_OF_SERIES: Final = ("seen", "moved", "negative")


@dataclass(frozen=True, kw_only=True)
class StoredTable(SeriesTable):
    """A table with what is known of each series in memory and its rows in a file.

    The arrays of rows are empty; ``around`` reads some of their rows.

    Attributes:
        file: Holds the rows.
        targets: ``(256,)`` see ``targets_of_eras``.
        any_gaps: See ``has_gaps``.
    """

    file: RowFile
    targets: Ints
    any_gaps: bool

    @classmethod
    def write(cls, tables: Iterable[SeriesTable], folder: Path) -> StoredTable:
        """Write the rows of a table that is given in parts.

        Args:
            tables: Parts of the table, neighboring series in each, with the eras of the whole.
            folder: Where to make the file.

        Returns:
            The table.
        """
        file = RowFile(folder, _ROW)
        of_series: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in _OF_SERIES}
        pointers, targets, phases = [np.zeros(1, np.int64)], np.zeros(256, np.int64), 1
        any_gaps = any_silent = False
        for table in tables:
            shift = pointers[-1][-1]
            for name in _OF_SERIES:
                own = getattr(table, name)
                of_series[name].append(own + shift if name in _ROWS_OF_SERIES else own)
            pointers.append(table.indptr[1:] + shift)
            targets, phases = targets + table.targets_of_eras(), table.phases
            any_gaps |= table.has_gaps
            any_silent |= table.silent is not None
            file.append(_records(table))
        arrays: dict[str, Any] = {name: np.empty(0, _ROW[name]) for name in _ROW.names or ()}
        arrays |= {name: np.concatenate(parts) for name, parts in of_series.items()}
        if not any_silent:
            arrays["silent"] = None
        return cls(
            **arrays,
            phases=phases,
            indptr=np.concatenate(pointers),
            file=file,
            targets=targets,
            any_gaps=any_gaps,
        )

    @property
    def has_gaps(self) -> bool:
        """Whether a value is missing after the first one of its series."""
        return self.any_gaps

    def targets_of_eras(self) -> Ints:
        """``(256,)`` observed values of each era that follow a first origin."""
        return self.targets

    def around(self, first: Ints, count: int) -> Rows:
        """Read neighboring rows.

        Args:
            first: ``(runs,)`` first row of each run.
            count: Rows of a run; in the place of rows outside the table stand those of its ends.

        Returns:
            Field to ``(runs * count,)`` rows, ``"silent"`` only if some are.
        """
        found = np.empty((len(first), count), _ROW)
        end = int(self.indptr[-1])
        for run, row in zip(found, first.tolist(), strict=True):
            inside = slice(min(max(-row, 0), count), max(min(end - row, count), 0))
            self.file.read(max(row, 0), run[inside])
            run[: inside.start], run[inside.stop :] = run[inside.start], run[inside.stop - 1]
        names = [name for name in _ROW.names or () if name != "silent" or self.silent is not None]
        return {name: np.ascontiguousarray(found[name]).reshape(-1) for name in names}


def _records(table: SeriesTable) -> npt.NDArray[Any]:
    """Rows of a table as the file has them."""
    records = np.zeros(int(table.indptr[-1]), _ROW)
    for field in fields(table):
        values = getattr(table, field.name)
        if field.name in (_ROW.names or ()) and values is not None:
            records[field.name] = values
    return records
