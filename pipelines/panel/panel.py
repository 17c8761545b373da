"""Many series in one array, sorted, unique, regular and typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.covariates import Covariates
from pipelines.errors import ConfigError, PanelError
from pipelines.frequency import Freq, FreqLike, Ints, season_length_of
from pipelines.panel.covariate_columns import CovariateColumn
from pipelines.panel.frame_columns import Columns, read_ids, read_values, take_columns
from pipelines.panel.gridding import lay_on_grid
from pipelines.panel.notes import PanelNotes
from pipelines.panel.silence import silent_stretches
from pipelines.panel.static_columns import constant_in_series, read_static
from pipelines.panel.time_column import localize, read_stamps

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Panel:
    """Series of a common frequency, each without gaps: what was not observed is NaN.

    Series i is ``values[indptr[i]:indptr[i + 1]]``. All arrays are read-only. Panels are equal if
    everything but their notes is.

    Attributes:
        ids: ``(series,)`` sorted ids as given: integers, or objects such as strings.
        values: ``(rows,)`` float64, NaN where nothing was observed.
        indptr: ``(series + 1,)`` int64 row pointers.
        starts: ``(series,)`` stamp of each first row: int64 at an integer frequency, else
            datetime64[ns] without time zone (see ``tz``).
        freq: Step from one row to the next.
        columns: Names of the columns that the panel was read from.
        tz: Time zone of the frame, or None. Stamps of the panel are then UTC if the frequency is
            shorter than a day, and local time otherwise; ``key_frame`` brings them back.
        notes: What was seen and done when the frame was read.
        covariates: Columns of ``(rows,)`` values that were asked for, missing where there was none.
        static: Columns of ``(series,)`` values that were asked for.

    Example:
        >>> days = ["2024-01-01", "2024-01-04", "2024-01-02"]
        >>> panel = Panel.from_frame(pd.DataFrame({"unique_id": "A", "ds": days, "y": [1, 4, 2]}))
        >>> panel.freq.text, panel.values, panel.notes.gaps
        ('D', array([ 1.,  2., nan,  4.]), 1)
    """

    ids: npt.NDArray[Any]
    values: Floats
    indptr: Ints
    starts: npt.NDArray[Any]
    freq: Freq
    columns: Columns
    tz: str | None
    notes: PanelNotes
    covariates: tuple[CovariateColumn, ...] = ()
    static: tuple[CovariateColumn, ...] = ()

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        for array in (self.ids, self.values, self.indptr, self.starts):
            array.setflags(write=False)

    @classmethod
    def from_frame(
        cls,
        df: Any,
        freq: FreqLike | None = None,
        id_col: str = "unique_id",
        time_col: str = "ds",
        target_col: str = "y",
        covariates: Covariates | None = None,
        static: Any = None,
    ) -> Panel:
        """Read a long frame, one row per series and stamp, in any order; it is not changed.

        Args:
            df: A pandas frame, polars DataFrame or LazyFrame, or pyarrow Table. Columns that are not asked
                for are ignored.
            freq: Step between stamps, in any spelling that ``Freq.parse`` reads; None to infer it.
            id_col: Column of the ids.
            time_col: Column of the stamps: timestamps with or without time zone, dates, periods,
                ISO 8601 strings, or integers.
            target_col: Column of the values: numbers, or text that is all numbers.
            covariates: Which columns to keep beside the values: numbers, text, categories or booleans.
            static: Frame of the static ones, a row per series; those that it lacks are taken from ``df``,
                if they are constant in each series there.

        Returns:
            The panel; stamps that a series skips become rows with the value NaN.

        Raises:
            PanelError: If the frame cannot be read as a panel; the message names the place and the cure.
            ConfigError: If ``freq`` is not a frequency, or two column names are equal.

        Example:
            >>> frame = pd.DataFrame({"store": [7, 7], "week": [1, 2], "sold": ["3", "4.5"]})
            >>> Panel.from_frame(frame, id_col="store", time_col="week", target_col="sold").values
            array([3. , 4.5])
        """
        columns = Columns(id_col, time_col, target_col)
        given = None if freq is None else Freq.parse(freq)
        covariates = covariates or Covariates()
        taken = take_columns(df, columns._asdict(), covariates.rows, covariates.static)
        ids, codes = read_ids(taken[id_col])
        stamps = read_stamps(taken[time_col], period_ends=given is not None and given.mark.endswith("end"))
        values = read_values(taken[target_col], ids, codes)
        grid = lay_on_grid(ids, codes, stamps, given, columns)
        placed = grid.place(values)
        notes = PanelNotes.of(ids, placed, grid.indptr, grid.inserted, grid.freq)
        beside = {
            name: CovariateColumn.read(taken[name], ids, codes).place(len(placed), grid.target, grid.order)
            for name in (*covariates.rows, *covariates.static)
            if name in taken
        }
        panel = cls(
            ids, placed, grid.indptr, grid.starts, grid.freq, columns, stamps.tz, notes,
            covariates=tuple(beside[name] for name in covariates.rows),
            static=tuple(
                constant_in_series(beside[name], ids, grid.indptr)
                for name in covariates.static
                if name in beside
            ),
        )  # fmt: skip
        notes = replace(notes, silent=silent_stretches(panel, season_length_of(panel.freq)))
        panel = replace(panel, notes=notes)
        return panel if static is None else panel.with_static(static, covariates)

    def with_static(self, frame: Any, covariates: Covariates) -> Panel:
        """Return the panel with static columns of a frame, in the place of those of the same name.

        Args:
            frame: A row per series: the id column, and some of the static columns. Rows of other series are
                ignored.
            covariates: Which columns are static.

        Returns:
            The panel with static covariates.

        Raises:
            PanelError: If the frame lacks a series, has one twice, or holds none of the columns.
        """
        columns = {column.name: column for column in self.static}
        for column in read_static(frame, self.columns.id_col, covariates.static, self.ids):
            columns[column.name] = column
        return replace(self, static=tuple(columns[name] for name in covariates.static if name in columns))

    def __eq__(self, other: object) -> bool:
        """Return whether all but the notes are equal, NaN being equal to NaN."""
        if not isinstance(other, Panel):
            return NotImplemented
        return (
            (self.freq, self.columns, self.tz) == (other.freq, other.columns, other.tz)
            and np.array_equal(self.ids, other.ids)
            and np.array_equal(self.starts, other.starts)
            and np.array_equal(self.indptr, other.indptr)
            and np.array_equal(self.values, other.values, equal_nan=True)
            and all(
                len(own) == len(others) and all(a.equals(b) for a, b in zip(own, others, strict=True))
                for own, others in ((self.covariates, other.covariates), (self.static, other.static))
            )
        )

    __hash__ = None  # type: ignore[assignment]  # equal panels may hold arrays that no hash covers cheaply

    def __repr__(self) -> str:
        """Return the size of the panel in a line."""
        return f"Panel({self.n_series:,} series, {self.n_rows:,} rows, freq={self.freq.text!r})"

    @property
    def n_series(self) -> int:
        """Number of series."""
        return len(self.ids)

    @property
    def n_rows(self) -> int:
        """Number of rows of all series, those without a value included."""
        return len(self.values)

    @property
    def lengths(self) -> Ints:
        """``(series,)`` rows of each series."""
        return np.diff(self.indptr)

    @property
    def series_of_rows(self) -> Ints:
        """``(rows,)`` position of the series that each row belongs to."""
        return np.repeat(np.arange(self.n_series), self.lengths)

    @property
    def last_stamps(self) -> npt.NDArray[Any]:
        """``(series,)`` stamp of each last row."""
        return self.freq.advance(self.starts, self.lengths - 1)

    def series(self, i: int) -> Floats:
        """Return the values of series ``i``, a read-only view.

        Args:
            i: Position of the series, from 0.

        Returns:
            ``(rows,)`` float64, NaN where nothing was observed.

        Raises:
            IndexError: If there is no such series.
        """
        if not 0 <= i < self.n_series:
            raise IndexError(f"i must be from 0 to {self.n_series - 1}. Received: {i}.")
        return self.values[self.indptr[i] : self.indptr[i + 1]]

    def stamps(self, i: int) -> npt.NDArray[Any]:
        """Return the stamps of series ``i``.

        Args:
            i: Position of the series, from 0.

        Returns:
            ``(rows,)`` as ``starts``.
        """
        return self.freq.advance(self.starts[i], np.arange(len(self.series(i))))

    def all_stamps(self) -> npt.NDArray[Any]:
        """Return the stamps of all rows, ``(rows,)``."""
        row = np.arange(self.n_rows) - np.repeat(self.indptr[:-1], self.lengths)
        return self.freq.advance(np.repeat(self.starts, self.lengths), row)

    def future_stamps(self, horizon: int) -> npt.NDArray[Any]:
        """Return the stamps that follow each series' last row.

        Args:
            horizon: Number of steps, at least 1.

        Returns:
            ``(series, horizon)`` stamps.

        Raises:
            ConfigError: If ``horizon`` is not positive.

        Example:
            >>> frame = pd.DataFrame({"unique_id": "A", "ds": ["2024-01-30", "2024-01-31"], "y": [1, 2]})
            >>> Panel.from_frame(frame, freq="B").future_stamps(3).astype("M8[D]")
            array([['2024-02-01', '2024-02-02', '2024-02-05']], dtype='datetime64[D]')
        """
        _check_positive("horizon", horizon)
        return self.freq.advance(self.last_stamps[:, None], np.arange(1, horizon + 1))

    def key_frame(self, series: Ints, stamps: npt.NDArray[Any]) -> pd.DataFrame:
        """Return the id and time columns of any rows, in the names, types and time zone that were given.

        Args:
            series: ``(rows,)`` positions of series.
            stamps: ``(rows,)`` stamps as this panel gives them.

        Returns:
            A new frame of the two columns.

        Example:
            >>> frame = pd.DataFrame({"unique_id": "A", "ds": [1, 2], "y": [1, 2]})
            >>> panel = Panel.from_frame(frame)
            >>> panel.key_frame(np.array([0, 0]), panel.future_stamps(2).ravel()).to_dict("list")
            {'unique_id': ['A', 'A'], 'ds': [3, 4]}
        """
        ids = pd.Series(self.ids).take(series).reset_index(drop=True)
        return pd.DataFrame({self.columns.id_col: ids, self.columns.time_col: self.frame_time(stamps)})

    def frame_time(self, stamps: npt.NDArray[Any]) -> pd.Index[Any]:
        """Return stamps of this panel as a frame holds them, in the time zone that was given.

        Args:
            stamps: ``(rows,)`` stamps as this panel gives them.

        Returns:
            Integers, or timestamps with the panel's time zone.
        """
        if self.tz is None:
            return pd.Index(stamps)
        return localize(stamps.view(np.int64), self.tz, is_utc=self.freq.is_clock)

    def to_frame(self) -> pd.DataFrame:
        """Return all rows as a long frame with the given column names, sorted by id and stamp.

        Covariates of the rows come after the target, categories as pandas' categorical type.

        Example:
            >>> frame = pd.DataFrame({"unique_id": ["B", "A"], "ds": [1, 1], "y": [1, 2]})
            >>> Panel.from_frame(frame, freq=1).to_frame().values.tolist()
            [['A', 1, 2.0], ['B', 1, 1.0]]
        """
        frame = self.key_frame(self.series_of_rows, self.all_stamps())
        frame[self.columns.target_col] = self.values.copy()
        for column in self.covariates:
            frame[column.name] = column.to_pandas()
        return frame

    def static_frame(self) -> pd.DataFrame:
        """Return the ids and the static columns, a row per series."""
        frame = pd.DataFrame({self.columns.id_col: pd.Series(self.ids)})
        for column in self.static:
            frame[column.name] = column.to_pandas()
        return frame

    def before(self, n_last: int) -> Panel:
        """Return the panel without the last rows of each series, and without series left empty.

        Args:
            n_last: Rows to leave out, at least 0.

        Returns:
            A panel of the other rows.

        Raises:
            PanelError: If no series has more rows than that.
            ConfigError: If ``n_last`` is not such a number.
        """
        if isinstance(n_last, bool) or not isinstance(n_last, (int, np.integer)) or n_last < 0:
            raise ConfigError(
                f"n_last must be a whole number of rows, at least 0. Received: {n_last!r}; for the rows up "
                "to a time, call until(stamp)."
            )
        return self._cut(np.zeros_like(self.lengths), self.lengths - n_last)

    def rows_until(self, stamp: Any) -> Ints:
        """Count the steps from the start of each series up to a stamp.

        Args:
            stamp: A stamp on the grid, as this panel gives them.

        Returns:
            ``(series,)`` rows up to and including the stamp, as if the series went on for ever: negative
            where one begins later by more than a step, more than its rows where it ends before.

        Example:
            >>> frame = pd.DataFrame({"unique_id": ["A", "A", "B"], "ds": [3, 4, 9], "y": 1})
            >>> panel = Panel.from_frame(frame)
            >>> panel.rows_until(8)
            array([6, 0])
        """
        position, phase = self.freq.locate(np.asarray(stamp))
        first, own = self.freq.locate(self.starts)
        rows: Ints = position - first + (own <= phase)
        return rows

    def until(self, stamp: Any) -> Panel:
        """Return the rows of each series up to a stamp, without series that begin later.

        Args:
            stamp: A stamp on the grid, as this panel gives them.

        Returns:
            A panel of these rows.

        Raises:
            PanelError: If every series begins later.
        """
        return self._cut(np.zeros_like(self.lengths), np.clip(self.rows_until(stamp), 0, self.lengths))

    def extended(self, lengths: Ints) -> Panel:
        """Return the panel with shorter series made longer, by rows without a value at their ends.

        Args:
            lengths: ``(series,)`` rows that each series shall have; longer ones stay as they are.

        Returns:
            A panel with rows without a value at the ends.

        Example:
            >>> frame = pd.DataFrame({"unique_id": ["A", "A", "B"], "ds": [1, 2, 2], "y": [5, 6, 7]})
            >>> Panel.from_frame(frame).extended(np.array([3, 1])).values
            array([ 5.,  6., nan,  7.])
        """
        lengths = np.maximum(lengths, self.lengths)
        indptr = np.concatenate(([0], np.cumsum(lengths)))
        rows = np.arange(self.n_rows) + np.repeat(indptr[:-1] - self.indptr[:-1], self.lengths)
        values = np.full(indptr[-1], np.nan)
        values[rows] = self.values
        placed = tuple(column.place(len(values), rows) for column in self.covariates)
        return replace(self, values=values, indptr=indptr, covariates=placed)

    def tail(self, n: int) -> Panel:
        """Return the last ``n`` rows of each series, or all of a shorter one.

        Args:
            n: Rows to keep, at least 1.

        Returns:
            A panel of these rows.

        Raises:
            ConfigError: If ``n`` is not positive.
        """
        _check_positive("n", n)
        kept = np.minimum(self.lengths, n)
        return self._cut(self.lengths - kept, kept)

    def select(self, which: npt.NDArray[Any] | Sequence[int]) -> Panel:
        """Return some of the series, in the order of this panel.

        Args:
            which: A mask ``(series,)``, or positions from 0 to ``n_series - 1``.

        Returns:
            A panel of these series.

        Raises:
            PanelError: If no series is left.
            IndexError: If a position or the length of the mask does not fit.
        """
        chosen = np.zeros(self.n_series, bool)
        chosen[np.asarray(which, dtype=None if len(which) else np.int64)] = True
        return self._cut(np.zeros_like(self.lengths), np.where(chosen, self.lengths, 0))

    def _cut(self, skip: Ints, lengths: Ints) -> Panel:
        """Return the given number of rows of each series after the first ``skip``; none drops the series."""
        kept = np.flatnonzero(lengths > 0)
        if not len(kept):
            raise PanelError(
                f"A panel must have at least one row. Received: none left of {self!r}; keep more."
            )
        skip, lengths = skip[kept], lengths[kept]
        indptr = np.concatenate(([0], np.cumsum(lengths)))
        rows = np.arange(indptr[-1]) + np.repeat(self.indptr[kept] + skip - indptr[:-1], lengths)
        starts = self.freq.advance(self.starts[kept], skip)
        return replace(
            self,
            ids=self.ids[kept],
            values=self.values[rows],
            indptr=indptr,
            starts=starts,
            covariates=tuple(column.take(rows) for column in self.covariates),
            static=tuple(column.take(kept) for column in self.static),
        )


def _check_positive(name: str, value: int) -> None:
    if value < 1:
        raise ConfigError(f"{name} must be a positive integer. Received: {value}.")
