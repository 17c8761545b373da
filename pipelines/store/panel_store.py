"""A panel on disk, in parts that fit into memory."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.errors import ConfigError, PanelError
from pipelines.frequency import Freq, FreqLike, Ints, season_length_of
from pipelines.panel import Columns, Panel, PanelNotes, read_ids, silent_stretches
from pipelines.store.folder import check_free, fresh_folder
from pipelines.store.parts import Sorter, ends_of_parts
from pipelines.store.source import Source

_FORMAT: Final = 1
_KIND: Final = "panel store"
_MANIFEST: Final = "manifest.json"
_SERIES: Final = "series.parquet"
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
            starts, lengths, sums, step, tz = [], [], [], None, None
            for part, panel in enumerate(sorter.panels(freq)):
                starts.append(panel.starts)
                lengths.append(panel.lengths)
                sums.append(_write(folder / _name(part), panel.values))
                step, tz = panel.freq, panel.tz
            _write_series(folder / _SERIES, arrow_ids, np.concatenate(starts), np.concatenate(lengths), given)
            manifest = {
                "kind": _KIND,
                "format": _FORMAT,
                "freq": str(step),
                "columns": [*found.columns],
                "tz": tz,
                "series": len(ids),
                "rows": int(sum(map(sum, lengths))),
                "ends": ends.tolist(),
                "files": {
                    _SERIES: {"sha256": _sum((folder / _SERIES).read_bytes())},
                    **{_name(part): {"sha256": value} for part, value in enumerate(sums)},
                },
            }
            (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
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
        manifest = _read_manifest(path)
        try:
            sums = {name: entry["sha256"] for name, entry in manifest["files"].items()}
            frame = _read_series(_checked(path / _SERIES, sums[_SERIES]))
            ends = np.array(manifest["ends"], np.int64)
            integer = (freq := Freq.parse(manifest["freq"])).is_integer
            return cls(
                path=path,
                freq=freq,
                columns=Columns(*manifest["columns"]),
                tz=manifest["tz"],
                ids=read_ids(frame["id"])[0],
                indptr=np.concatenate([[0], np.cumsum(frame["length"].to_numpy(np.int64))]),
                starts=frame["start"].to_numpy(np.int64 if integer else "M8[ns]"),
                given=frame["given"].to_numpy(np.int64),
                ends=ends,
                sums=tuple(sums[_name(part)] for part in range(len(ends))),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, PanelError):
                raise
            raise _damaged(path / _MANIFEST, repr(error)) from error

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
        file = self.path / _name(i)
        values = np.load(io.BytesIO(_checked(file, self.sums[i])), allow_pickle=False)
        begin, end = (0 if i == 0 else int(self.ends[i - 1])), int(self.ends[i])
        indptr = self.indptr[begin : end + 1] - self.indptr[begin]
        if len(values) != indptr[-1]:
            raise _damaged(file, f"{len(values):,} rows instead of {indptr[-1]:,}")
        ids, inserted = self.ids[begin:end].copy(), (self.lengths - self.given)[begin:end]
        notes = PanelNotes.of(ids, values, indptr, inserted, self.freq)
        starts = self.starts[begin:end].copy()
        panel = Panel(ids, values, indptr, starts, self.freq, self.columns, self.tz, notes)
        silent = silent_stretches(panel, season_length_of(self.freq))
        return replace(panel, notes=replace(notes, silent=silent))

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
        begin = np.concatenate([[0], self.ends])
        parts = [self.part(i).select(which[home == i] - begin[i]) for i in np.unique(home).tolist()]
        lengths = np.concatenate([part.lengths for part in parts])
        return replace(
            parts[0],
            ids=np.concatenate([part.ids for part in parts]),
            values=np.concatenate([part.values for part in parts]),
            indptr=np.concatenate([[0], np.cumsum(lengths)]),
            starts=np.concatenate([part.starts for part in parts]),
        )

    def __repr__(self) -> str:
        """Return the size of the store in a line."""
        parts = f"{self.n_parts:,} part{'s' * (self.n_parts != 1)}"
        return f"PanelStore({self.n_series:,} series, {self.n_rows:,} rows, {parts}, freq={self.freq.text!r})"


def is_store(path: str | Path) -> bool:
    """Whether a folder is a store, of whatever format.

    Args:
        path: Any path.

    Returns:
        Whether its manifest says so.
    """
    try:
        manifest = json.loads((Path(path) / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.get("kind") == _KIND


def _name(part: int) -> str:
    return f"values-{part:05d}.npy"


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(file: Path, values: npt.NDArray[np.float64]) -> str:
    """Write values; return the checksum of the file."""
    content = io.BytesIO()
    np.save(content, values, allow_pickle=False)
    file.write_bytes(content.getbuffer())
    return _sum(content.getvalue())


def _write_series(file: Path, ids: Any, starts: npt.NDArray[Any], lengths: Ints, given: Ints) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"id": ids, "start": starts, "length": lengths, "given": given}), file)


def _read_series(content: bytes) -> pd.DataFrame:
    import pyarrow.parquet as pq

    frame: pd.DataFrame = pq.read_table(io.BytesIO(content)).to_pandas(date_as_object=False)
    return frame


def _checked(file: Path, expected: str) -> bytes:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise _damaged(file, error.strerror or str(error)) from None
    if _sum(content) != expected:
        raise _damaged(file, "content that differs from its checksum")
    return content


def _read_manifest(path: Path) -> dict[str, Any]:
    if not is_store(path):
        raise PanelError(
            f"A store must be a folder that PanelStore.create made. Received: {str(path)!r}, which has no "
            f"{_MANIFEST} of one; create it first."
        )
    manifest: dict[str, Any] = json.loads((path / _MANIFEST).read_text(encoding="utf-8"))
    if manifest.get("format") != _FORMAT:
        raise PanelError(
            f"A store must have format {_FORMAT}. Received: format {manifest.get('format')!r} in {path}; "
            "create it again with this version."
        )
    return manifest


def _damaged(file: Path, why: str) -> PanelError:
    return PanelError(f"A store must be as it was made. Received: {file} with {why}; create it again.")
