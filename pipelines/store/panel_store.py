"""A panel on disk, in parts that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipelines.errors import ConfigError, PanelError
from pipelines.frequency import Freq, FreqLike, Ints, season_length_of
from pipelines.panel import Columns, Panel, PanelNotes, read_ids, silent_stretches
from pipelines.store.files import (
    SERIES,
    damaged,
    read_manifest,
    read_series,
    read_values,
    values_name,
    write_manifest,
    write_series,
    write_values,
)
from pipelines.store.folder import check_free, fresh_folder
from pipelines.store.parts import Sorter, ends_of_parts
from pipelines.store.source import Source

_PART_ROWS: Final = 2**20


@dataclass(frozen=True, eq=False)
class PanelStore:
    """A panel of any size: what is known of each series in memory, values on disk.

    Series are sorted by their ids, and lie in parts of neighboring ones. ``Forecaster.fit`` and
    ``Forecaster.predict_parts`` read one part after the other.

    Attributes:
        path: Its folder.
        freq: Step from one row to the next.
        columns: Names of the columns that it was read from.
        tz: Time zone of the stamps, or None; see ``Panel``.
        ids: ``(series,)`` sorted ids.
        indptr: ``(series + 1,)`` row pointers.
        starts: ``(series,)`` stamp of each first row.
        given: ``(series,)`` rows that the source had of each; the others were skipped stamps.
        ends: ``(parts,)`` position one past the last series of each part.
        sums: ``(parts,)`` SHA-256 of the values of each.

    Example:
        >>> import pandas as pd
        >>> from tempfile import TemporaryDirectory
        >>> frame = pd.DataFrame({"unique_id": ["B", "A", "A"], "ds": [1, 2, 1], "y": [1.0, 3.0, 2.0]})
        >>> with TemporaryDirectory() as folder:
        ...     frame.to_parquet(f"{folder}/sales.parquet", partition_cols=["ds"])
        ...     store = PanelStore.create(f"{folder}/sales.parquet", f"{folder}/store", freq=1)
        ...     print(store, store.part(0).values)
        PanelStore(2 series, 3 rows, 1 part, freq='1') [2. 3. 1.]
    """

    path: Path
    freq: Freq
    columns: Columns
    tz: str | None
    ids: npt.NDArray[Any]
    indptr: Ints
    starts: npt.NDArray[Any]
    given: Ints
    ends: Ints
    sums: tuple[str, ...]

    @classmethod
    def create(
        cls,
        source: Any,
        path: str | Path,
        freq: FreqLike | None = None,
        id_col: str = "unique_id",
        time_col: str = "ds",
        target_col: str = "y",
        part_rows: int = _PART_ROWS,
    ) -> PanelStore:
        """Read a data set of any size, its rows in any order and any files, in bounded memory.

        The source is read twice: for the ids, and to sort its rows into parts, each of which is then checked
        and made regular as ``Panel.from_frame`` does it.

        Args:
            source: Folder of Parquet files, in folders such as ``day=2024-01-01`` or not; a single file; or a
                ``pyarrow.dataset.Dataset``.
            path: Folder to make; it is there once all has been read, and not before.
            freq: Step between stamps; None for that of the first part.
            id_col: Column of the ids.
            time_col: Column of the stamps.
            target_col: Column of the values.
            part_rows: Rows of a part; a longer series is a part of its own.

        Returns:
            The store.

        Raises:
            PanelError: If the source cannot be read as a panel.
            ConfigError: If an argument is not allowed, or the folder is there already or cannot be written.
        """
        if not isinstance(part_rows, (int, np.integer)) or part_rows < 1:
            raise ConfigError(f"part_rows must be a positive integer. Received: {part_rows!r}.")
        path = Path(path)
        check_free(path)
        found = Source.of(source, Columns(id_col, time_col, target_col))
        arrow_ids, ids, given = found.count()
        ends = ends_of_parts(given, int(part_rows))
        with fresh_folder(path) as folder:
            sorter = Sorter(found, arrow_ids, ids, ends, folder)
            sorter.sort()
            starts, lengths, sums, step, tz = [], [], {}, None, None
            for part, panel in enumerate(sorter.panels(freq)):
                starts.append(panel.starts)
                lengths.append(panel.lengths)
                sums[values_name(part)] = write_values(folder / values_name(part), panel.values)
                step, tz = panel.freq, panel.tz
            series = {"start": np.concatenate(starts), "length": np.concatenate(lengths), "given": given}
            sums[SERIES] = write_series(folder / SERIES, {"id": arrow_ids, **series})
            content = {
                "freq": str(step),
                "columns": [*found.columns],
                "tz": tz,
                "series": len(ids),
                "rows": int(series["length"].sum()),
                "ends": ends.tolist(),
            }
            write_manifest(folder, content, sums)
        return cls.open(path)

    @classmethod
    def open(cls, path: str | Path) -> PanelStore:
        """Open a store that ``create`` made.

        Args:
            path: Its folder.

        Returns:
            The store.

        Raises:
            PanelError: If it is none, of another format, or damaged.
        """
        path = Path(path)
        manifest = read_manifest(path)
        try:
            sums = {name: entry["sha256"] for name, entry in manifest["files"].items()}
            frame = read_series(path / SERIES, sums[SERIES])
            ends = np.array(manifest["ends"], np.int64)
            freq = Freq.parse(manifest["freq"])
            return cls(
                path=path,
                freq=freq,
                columns=Columns(*manifest["columns"]),
                tz=manifest["tz"],
                ids=read_ids(frame["id"])[0],
                indptr=np.concatenate([[0], np.cumsum(frame["length"].to_numpy(np.int64))]),
                starts=frame["start"].to_numpy(np.int64 if freq.is_integer else "M8[ns]"),
                given=frame["given"].to_numpy(np.int64),
                ends=ends,
                sums=tuple(sums[values_name(part)] for part in range(len(ends))),
            )
        except PanelError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise damaged(path, f"a manifest that does not fit ({error})") from error

    @property
    def n_series(self) -> int:
        """Number of series."""
        return len(self.ids)

    @property
    def n_rows(self) -> int:
        """Number of rows of all series, those without a value included."""
        return int(self.indptr[-1])

    @property
    def n_parts(self) -> int:
        """Number of parts."""
        return len(self.ends)

    @property
    def lengths(self) -> Ints:
        """``(series,)`` rows of each series."""
        return np.diff(self.indptr)

    @property
    def last_stamps(self) -> npt.NDArray[Any]:
        """``(series,)`` stamp of each last row."""
        return self.freq.advance(self.starts, self.lengths - 1)

    def part(self, i: int) -> Panel:
        """Read a part.

        Args:
            i: Its number, from 0 to ``n_parts - 1``.

        Returns:
            Its series as a panel.

        Raises:
            PanelError: If its file is missing or differs from its checksum.
        """
        if not 0 <= i < self.n_parts:
            raise IndexError(f"i must be from 0 to {self.n_parts - 1}. Received: {i}.")
        file, series = self.path / values_name(i), self._series_of(i)
        values = read_values(file, self.sums[i])
        if len(values) != (rows := int(self.lengths[series].sum())):
            raise damaged(file, f"{len(values):,} rows instead of {rows:,}")
        return self._panel(series, values)

    def parts(self) -> Iterator[Panel]:
        """Read one part after the other.

        Yields:
            All series, as panels.

        Raises:
            PanelError: If a file is missing or differs from its checksum.
        """
        for i in range(self.n_parts):
            yield self.part(i)

    def select(self, which: Ints) -> Panel:
        """Read some series into memory.

        Args:
            which: Positions from 0 to ``n_series - 1``.

        Returns:
            A panel of them, in the order of this store.

        Raises:
            PanelError: If a file is missing or differs from its checksum.
        """
        which = np.unique(which)
        home = np.searchsorted(self.ends, which, side="right")
        parts = [
            self.part(i).select(which[home == i] - self._series_of(i)[0]).values
            for i in np.unique(home).tolist()
        ]
        return self._panel(which, np.concatenate(parts))

    def _series_of(self, i: int) -> Ints:
        """Positions of the series of a part."""
        return np.arange(0 if i == 0 else self.ends[i - 1], self.ends[i])

    def _panel(self, which: Ints, values: npt.NDArray[np.float64]) -> Panel:
        """Some series as a panel."""
        ids, starts, lengths = self.ids[which], self.starts[which], self.lengths[which]
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        notes = PanelNotes.of(ids, values, indptr, lengths - self.given[which], self.freq)
        panel = Panel(ids, values, indptr, starts, self.freq, self.columns, self.tz, notes)
        silent = silent_stretches(panel, season_length_of(self.freq))
        return replace(panel, notes=replace(notes, silent=silent))

    def __repr__(self) -> str:
        """Return the size of the store in a line."""
        parts = f"{self.n_parts:,} part{'s' * (self.n_parts != 1)}"
        return f"PanelStore({self.n_series:,} series, {self.n_rows:,} rows, {parts}, freq={self.freq.text!r})"
