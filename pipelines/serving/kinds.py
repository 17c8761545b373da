"""What clients send, as what a forecaster learned: kinds of ids, stamps and categories; no unknown column."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from pipelines.errors import PanelError
from pipelines.fitted import Fitted
from pipelines.panel import show
from pipelines.serving.problems import WrongColumn

_OFFSET = re.compile(r"(:\d\d(?:\.\d+)?)(?:Z|[+-]\d\d(?::?\d\d)?)$")


@dataclass(frozen=True)
class Kinds:
    """Columns of a forecaster and the kinds of values that it learned them with.

    JSON has neither times nor integers apart from other numbers, and a frame that was written to CSV has text
    in the place of both. What means the same is taken for the same; what does not is an error.

    Args:
        id_col: Column of the ids.
        time_col: Column of the stamps.
        target_col: Column of the values.
        past: Columns known up to the origin.
        future: Columns known ahead.
        static: Columns with one value per series.
        id_type: Python type of the ids.
        is_integer: Whether stamps are integers.
        tz: Time zone of the stamps; None for none.
        categorical: Columns of text.

    Example:
        >>> kinds = Kinds("unique_id", "ds", "y", (), (), (), str, False, None, frozenset())
        >>> kinds.rows(pd.DataFrame({"unique_id": [7], "ds": ["2024-01-01T00:00:00Z"], "y": [1]}))
          unique_id                   ds  y
        0         7  2024-01-01T00:00:00  1
    """

    id_col: str
    time_col: str
    target_col: str
    past: tuple[str, ...]
    future: tuple[str, ...]
    static: tuple[str, ...]
    id_type: type
    is_integer: bool
    tz: str | None
    categorical: frozenset[str]

    @classmethod
    def of(cls, fitted: Fitted) -> Kinds:
        """Take the kinds of a fit.

        Args:
            fitted: What was learned.

        Returns:
            The kinds.
        """
        settings, panel = fitted.settings, fitted.panel
        asked = settings.covariates
        return cls(
            settings.id_col,
            settings.time_col,
            settings.target_col,
            asked.past if asked else (),
            asked.future if asked else (),
            asked.static if asked else (),
            type(panel.ids[:1].tolist()[0]),
            panel.freq.is_integer,
            panel.tz,
            frozenset(c.name for c in (*panel.covariates, *panel.static) if c.categories is not None),
        )

    @property
    def row_columns(self) -> tuple[str, ...]:
        """All columns whose values change from row to row."""
        return (self.id_col, self.time_col, self.target_col, *self.past, *self.future)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that a frame of rows may have."""
        return (*self.row_columns, *self.static)

    @property
    def ahead_columns(self) -> tuple[str, ...]:
        """All columns that a frame of the steps ahead may have."""
        return (self.id_col, self.time_col, *self.future)

    @property
    def constant_columns(self) -> tuple[str, ...]:
        """All columns that a frame of static values may have."""
        return (self.id_col, *self.static)

    def rows(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Bring a frame of rows to what was learned.

        Args:
            frame: Ids, stamps, values, and covariates.

        Returns:
            A new frame.

        Raises:
            PanelError: If it has a column that was not learned, or ids or stamps that are of another kind.
        """
        return self._read(frame, self.columns, "rows")

    def ahead(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Bring a frame of the steps ahead to what was learned; see ``rows``."""
        return self._read(frame, self.ahead_columns, "future")

    def constant(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Bring a frame of static values to what was learned; see ``rows``."""
        return self._read(frame, self.constant_columns, "static")

    def identity(self, text: Any) -> Any:
        """Bring one id to what was learned.

        Args:
            text: The id, as a part of an address has it.

        Returns:
            The id.

        Raises:
            PanelError: If it is of another kind.
        """
        return self._ids(pd.Series([text], name=self.id_col, dtype=object)).iloc[0]

    def _read(self, frame: pd.DataFrame, known: Sequence[str], what: str) -> pd.DataFrame:
        check_names(list(frame.columns), known, f"Columns of {what}")
        read: dict[str, pd.Series[Any]] = {str(name): frame[name] for name in frame.columns}
        if self.id_col in read:
            read[self.id_col] = self._ids(read[self.id_col])
        if self.time_col in read:
            read[self.time_col] = self._stamps(read[self.time_col])
        for name in self.categorical.intersection(read):
            read[name] = _as_text(read[name])
        found = pd.DataFrame(read)
        if self.target_col in read:
            self._check_numbers(found)
        return found

    def _check_numbers(self, frame: pd.DataFrame) -> None:
        """Refuse values that are text or truths, also such as pandas would take for a number."""
        column = frame[self.target_col]
        if pd.api.types.is_numeric_dtype(column) and column.dtype.kind != "b":
            return
        odd = np.flatnonzero([isinstance(value, (str, bool, np.bool_)) for value in column])
        if len(odd):
            row = int(odd[0])
            value = _short(column.iloc[row])
            series = f"series {show(frame[self.id_col].iloc[row])}, " if self.id_col in frame else ""
            raise PanelError(
                f"Column {self.target_col!r} must hold finite numbers. Received: {value} in {series}"
                f"row {row} (counted from 0); send numbers, and null where nothing was observed."
            )

    def _ids(self, column: pd.Series[Any]) -> pd.Series[Any]:
        kind = f"{self.id_type.__name__}s, as the forecaster learned them"
        return _converted(column, lambda value: _id(value, self.id_type), kind)

    def _stamps(self, column: pd.Series[Any]) -> pd.Series[Any]:
        if self.is_integer:
            return _converted(column, _integer, "integers, as the forecaster learned them")
        if column.dtype.kind in "iufb":
            return column  # Panel says what is wrong with it
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            zoned = column if self.tz is None else column.dt.tz_convert(self.tz)
            return zoned.dt.tz_localize(None) if self.tz is None else zoned
        texts = _texts(column)
        if texts is None:
            return column if self.tz is None or column.dtype.kind != "M" else self._in_zone(column)
        if self.tz is None:
            zoned = any(text[-1:] == "Z" or "+" in text or text.count("-") > 2 for text in texts)
            return texts.map(lambda text: _OFFSET.sub(r"\1", text)) if zoned else texts
        has_offset = texts.map(lambda text: _OFFSET.search(text) is not None)
        if has_offset.any() and not has_offset.all():
            return column  # likewise
        try:
            times = pd.to_datetime(texts, format="ISO8601", utc=bool(has_offset.all()))
        except ValueError:
            return column  # likewise
        return times.dt.tz_convert(self.tz) if times.dt.tz is not None else self._in_zone(times)

    def _in_zone(self, times: pd.Series[Any]) -> pd.Series[Any]:
        """Times of the clock on a wall in the time zone."""
        try:
            return times.dt.tz_localize(self.tz)
        except ValueError as error:
            raise PanelError(
                f"Stamps without offset in {self.time_col!r} must be beyond doubt in {self.tz}. Received: "
                f"one that is not ({error}); send them with their offset from UTC."
            ) from None


def check_names(found: Sequence[Any], known: Collection[str], what: str) -> None:
    """Refuse names that are not known, or there twice.

    Args:
        found: Names.
        known: Those that are allowed.
        what: What they are names of, as a message begins.

    Raises:
        WrongColumn: If one is not allowed; it names the column where they are names of columns.

    Example:
        >>> check_names(["horizn"], ["horizon", "levels"], "Params")
        Traceback (most recent call last):
        pipelines.serving.problems.WrongColumn: Params must be among 'horizon', 'levels'. Received: ...
    """
    is_column = what.startswith("Columns")
    for name in found:
        if name not in known:
            close = get_close_matches(str(name)[:80], known, n=1)
            cure = f"did you mean {close[0]!r}?" if close else "leave it out."
            listed = ", ".join(map(repr, known))
            raise WrongColumn(
                f"{what} must be among {listed}. Received: {_short(name)}; {cure}",
                str(name) if is_column else None,
            )
    if len({*found}) < len(found):
        twice = next(name for name in found if list(found).count(name) > 1)
        raise WrongColumn(
            f"{what} must be unique. Received: {twice!r} twice; rename or drop one.",
            str(twice) if is_column else None,
        )


def _converted(column: pd.Series[Any], convert: Callable[[Any], Any], kind: str) -> pd.Series[Any]:
    """Convert each distinct value of a column; missing ones stay, for Panel to name."""
    try:
        codes, unique = pd.factorize(column)
    except TypeError:
        return column  # likewise
    values = []
    for value in unique.tolist():
        found = convert(value)
        if found is None:
            raise PanelError(
                f"Column {column.name!r} must hold {kind}. Received: {_short(value)}; send it as one."
            )
        values.append(found)
    if codes.size and codes.min() < 0:
        return column
    made = pd.Series(values, dtype=np.int64 if kind.startswith("int") else object)
    return made.take(codes).set_axis(column.index).rename(column.name)


def _id(value: Any, wanted: type) -> Any:
    """An id of a type; None if it means none of that type."""
    if issubclass(wanted, str):
        whole = _integer(value) if not isinstance(value, str) else None
        return value if isinstance(value, str) else None if whole is None else str(whole)
    if issubclass(wanted, int):
        return _integer(value)
    if issubclass(wanted, date) and isinstance(value, str):
        try:
            stamp = pd.Timestamp(value)
        except ValueError:
            return None
        return stamp if issubclass(wanted, datetime) else stamp.date()
    return value


def _integer(value: Any) -> int | None:
    """A whole number of 64 bits, also one that is written with a point or as text; None for all else."""
    whole: int | None = None
    if isinstance(value, str):
        whole = int(value) if re.fullmatch(r"-?\d{1,19}", value, re.ASCII) else None
    elif isinstance(value, (float, np.floating)):
        number = float(value)
        whole = int(number) if number.is_integer() and abs(number) < 2**53 else None
    elif isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        whole = int(value)
    return whole if whole is not None and -(2**63) <= whole < 2**63 else None


def _texts(column: pd.Series[Any]) -> pd.Series[Any] | None:
    """A column of text alone; None for any other."""
    is_text = column.map(lambda value: isinstance(value, str)).astype(bool)
    return column.astype(object) if is_text.all() else None


def _as_text(column: pd.Series[Any]) -> pd.Series[Any]:
    """Categories as text, missing ones as they are."""
    texts = column.astype(object).map(
        lambda value: str(value) if isinstance(value, (bool, int, np.bool_, np.integer)) else value
    )
    return texts


def _short(value: Any) -> str:
    """A value as messages show it, however long it is."""
    text = show(value)
    return text if len(text) <= 80 else text[:79] + "\N{HORIZONTAL ELLIPSIS}"
