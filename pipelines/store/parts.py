"""Rows of a data set sorted into parts: neighboring series, few enough that their rows fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.errors import PanelError
from pipelines.frequency import Freq, FreqLike, Ints
from pipelines.panel import Panel, show
from pipelines.store.source import Source


def ends_of_parts(rows: Ints, part_rows: int) -> Ints:
    """Cut series into parts.

    Args:
        rows: ``(series,)`` rows of each.
        part_rows: Rows that a part may have; a longer series is a part of its own.

    Returns:
        ``(parts,)`` position one past the last series of each.

    Example:
        >>> ends_of_parts(np.array([3, 3, 3, 9, 1]), part_rows=7)
        array([2, 3, 4, 5])
    """
    total, ends, begin = np.concatenate([[0], np.cumsum(rows)]), [], 0
    while begin < len(rows):
        end = int(np.searchsorted(total, total[begin] + part_rows, side="right")) - 1
        begin = max(end, begin + 1)
        ends.append(begin)
    return np.array(ends)


@dataclass(frozen=True)
class Sorter:
    """Sorts the rows of a source into a file for each part, and reads these as panels.

    Attributes:
        source: The data.
        arrow_ids: ``(series,)`` sorted ids as Arrow has them.
        ids: The same as a panel has them.
        ends: ``(parts,)`` position one past the last series of each part.
        folder: Where to write.
    """

    source: Source
    arrow_ids: Any
    ids: npt.NDArray[Any]
    ends: Ints
    folder: Path

    def sort(self) -> None:
        """Read the source once and append each row to the file of its part.

        Raises:
            PanelError: If the source cannot be read, or is not what it was when its ids were.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        id_col, *others = self.source.columns
        part_of_series = np.repeat(np.arange(len(self.ends)), np.diff(self.ends, prepend=0))
        for table in self.source.tables():
            codes = pc.index_in(table[id_col], value_set=self.arrow_ids)
            if codes.null_count:
                raise PanelError(
                    f"The data must stay as they are while they are read. Received: {self.source.name}, to "
                    "which rows were added meanwhile; try again."
                )
            series = codes.to_numpy().astype(np.int32)
            parts = part_of_series[series]
            order = np.argsort(parts, kind="stable")
            rows = table.select(others).append_column(id_col, pa.array(series)).take(order)
            first = np.searchsorted(parts[order], np.arange(len(self.ends) + 1))
            for part in np.flatnonzero(np.diff(first)).tolist():
                some = rows.slice(first[part], first[part + 1] - first[part])
                with self._file(part).open("ab") as file, pa.ipc.new_stream(file, rows.schema) as stream:
                    stream.write_table(some)

    def panels(self, freq: FreqLike | None) -> Iterator[Panel]:
        """Read part after part, and remove its file.

        Args:
            freq: Step between stamps; None for that of the first part.

        Yields:
            The panels, all of one frequency and time zone.

        Raises:
            PanelError: If rows cannot be read as a panel.
        """
        columns, begin = self.source.columns._asdict(), 0
        step = None if freq is None else Freq.parse(freq)
        tz: list[str | None] = []
        for part, end in enumerate(self.ends.tolist()):
            frame = self._frame(part, begin, end)
            try:
                panel = Panel.from_frame(frame, step, **columns)
            except PanelError as error:
                raise PanelError(
                    f"{error} (Rows are counted among those of series {show(self.ids[begin])} to "
                    f"{show(self.ids[end - 1])} in {self.source.name}.)"
                ) from error
            tz.append(panel.tz)
            if panel.tz != tz[0]:
                raise PanelError(
                    f"Stamps must have one time zone. Received: {tz[0]} in the first series and {panel.tz} "
                    f"in series {show(panel.ids[0])}; convert them to UTC."
                )
            step, begin = panel.freq, end
            self._file(part).unlink()
            yield panel

    def _file(self, part: int) -> Path:
        return self.folder / f"rows-{part:05d}.arrow"

    def _frame(self, part: int, begin: int, end: int) -> pd.DataFrame:
        """Rows of a part as they were given."""
        import pyarrow as pa

        tables, path = [], self._file(part)
        with path.open("rb") as file:
            while file.tell() < path.stat().st_size:
                tables.append(pa.ipc.open_stream(file).read_all())
        id_col = self.source.columns.id_col
        frame: pd.DataFrame = pa.concat_tables(tables).to_pandas(date_as_object=False)
        codes = frame[id_col].to_numpy() - begin
        frame[id_col] = pd.Categorical.from_codes(codes, pd.Index(self.ids[begin:end]))
        return frame
